use super::*;

struct Values(Vec<(&'static str, Val<'static>)>);

impl Row for Values {
    fn value(&self, at: usize) -> Val<'_> {
        self.0[at].1.clone()
    }
}

fn row() -> Values {
    let text = |text: &'static str| Val::Text(text.into());
    Values(vec![
        ("id", Val::Int(7)),
        ("name", text("Jane Q. Doe")),
        ("email", text("jane@example.com")),
        ("price", Val::Float(1.5)),
        ("ok", Val::Bool(true)),
        ("missing", text("")),
        ("Upper", text("x")),
    ])
}

fn render(source: &str) -> String {
    let row = row();
    let mut template = Template::parse(source).unwrap_or_else(|refused| panic!("{source}: {refused}"));
    template.bind(|name| row.0.iter().position(|(column, _)| *column == name)).unwrap();
    let mut out = String::new();
    template.render(&row, &mut out).unwrap_or_else(|reason| panic!("{source}: {reason}"));
    out
}

#[test]
fn what_go_makes_of_it() {
    for (source, out) in [
        ("plain { } text", "plain { } text"),
        ("{{.id}}-{{.name}}", "7-Jane Q. Doe"),
        ("a {{- .id -}} b", "a7b"),
        ("a {{- /* nothing */ -}} b", "ab"),
        ("{{if eq .id 7}}x{{else}}y{{end}}", "x"),
        ("{{if .missing}}x{{else if gt .id 9}}y{{else}}z{{end}}", "z"),
        ("{{with .email}}{{.}}/{{$.id}}{{else}}none{{end}}", "jane@example.com/7"),
        ("{{with .missing}}x{{else with .id}}{{.}}{{end}}", "7"),
        ("{{if and .ok (not .missing)}}{{or .missing .name}}{{end}}", "Jane Q. Doe"),
        ("{{if eq .id 1 2 7}}in{{end}}", "in"),
        (
            "{{printf \"%05d|%-4s|%6.2f|%+d|%x|%X|%t|%v%%\" .id \"ab\" .price .id .name 255 .ok .price}}",
            "00007|ab  |  1.50|+7|4a616e6520512e20446f65|FF|true|1.5%",
        ),
        ("{{.id | printf \"%03d-%s\" 5}}", "005-7"),
        ("{{printf \"%5d|\" .missing}}", "     |"),
        ("{{`raw \"x\"`}}{{\"a\\tb\\\"\"}}", "raw \"x\"a\tb\""),
        ("{{(.email | before \"@\") | upper}}", "JANE"),
        ("{{index . \"Upper\"}}{{$.Upper}}{{.Upper}}", "xxx"),
        ("{{slice .name 5}}{{slice .name 0 4}}", "Q. DoeJane"),
        ("{{println .id .name}}", "7 Jane Q. Doe\n"),
        ("{{print .id .id}}", "7 7"),
        ("{{lt .price 2}}{{ge .id 7}}{{ne .name \"x\"}}{{lt \"10\" 9}}", "truetruetruefalse"),
        ("{{1e-7}} {{1e21}} {{-5}} {{.5}} {{true}}", "1e-07 1e+21 -5 0.5 true"),
    ] {
        assert_eq!(render(source), out, "{source}");
    }
}

#[test]
fn what_is_refused_at_start() {
    for (source, what) in [
        ("{{", "without }}"),
        ("{{}}", "missing"),
        ("{{.n | nosuch}}", "no function"),
        ("{{range .n}}x{{end}}", "`range` is not supported"),
        ("{{$x := .n}}", "variables"),
        ("{{template \"x\"}}", "not supported"),
        ("{{define \"x\"}}{{end}}", "not supported"),
        ("{{if .n}}", "`end` is missing"),
        ("{{end}}", "without `if`"),
        ("{{else}}", "without `if`"),
        ("{{if .n}}{{else}}{{else}}{{end}}", "second `else`"),
        ("{{.}}", "whole row"),
        ("{{.n.m}}", "no fields"),
        ("{{.n .m}}", "no arguments"),
        ("{{lower}}", "takes 1"),
        ("{{before \"x\"}}", "takes 2"),
        ("{{.n | \"x\"}}", "function"),
        ("{{printf .n}}", "text in quotes"),
        ("{{printf \"%d\"}}", "1 verbs and 0"),
        ("{{printf \"%q\" .n}}", "%q is not supported"),
        ("{{printf \"%*d\" 1 2}}", "not supported"),
        ("{{printf \"%99999d\" 2}}", "width"),
        ("{{'x'}}", "character"),
        ("{{nil}}", "not supported"),
        ("{{with .n}}{{.m}}{{end}}", "$.m"),
        ("{{index .n \"a\"}}", "`index`"),
        ("{{\"a}}", "quote"),
        ("{{(.n}}", "`)`"),
        ("{{/* x}}", "comment"),
        ("{{eq lower .n}}", "parentheses"),
    ] {
        let refused = Template::parse(source).expect_err(source);
        assert!(refused.what.contains(what), "{source}: {refused}");
    }
    assert!(Template::parse(&("{{if .n}}".repeat(60) + &"{{end}}".repeat(60))).is_err());
    assert!(Template::parse(&format!("{{{{{}.n{}}}}}", "(".repeat(60), ")".repeat(60))).is_err());
    assert_eq!(
        Template::parse("{{.b}}{{if .a}}{{.b}}{{end}}").unwrap().bind(|_| None),
        Err(vec!["b".to_owned(), "a".to_owned()])
    );
}

#[test]
fn errors_of_a_row() {
    for source in ["{{slice .name 5 99}}", "{{len .id}}", "{{printf \"%d\" .name}}", "{{slice \"é\" 1}}"] {
        let mut template = Template::parse(source).unwrap();
        let row = row();
        template.bind(|name| row.0.iter().position(|(column, _)| *column == name)).unwrap();
        assert!(template.render(&row, &mut String::new()).is_err(), "{source}");
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_read_or_refused(source in r#"(\{\{|\}\}|\{\{-|-\}\}|if|else|end|with|\.|\.n|\$|\||"[a%d]*"|`|printf|index|lower|eq|\(|\)| |[0-9é.+-]{1,3}|/\*|\*/){0,16}"#) {
            if let Ok(mut template) = Template::parse(&source) {
                let row = row();
                template.bind(|_| Some(1)).unwrap();
                let _ = template.render(&row, &mut String::new());
            }
        }
    }
}
