//! docs/transforms.md says what the code does.

use std::collections::BTreeSet;

use transform::{Column, Config, Draft, Key, Keys, Table};

fn document() -> String {
    std::fs::read_to_string(format!("{}/../docs/transforms.md", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The names in backticks of the first cells of the rows under a heading.
fn first_cells(section: &str) -> Vec<String> {
    let text = document();
    let start = text.find(&format!("\n### {section}\n")).unwrap_or_else(|| panic!("{section}")) + 1;
    let body = text[start..].lines().skip(1).take_while(|line| !line.starts_with('#'));
    let cells =
        body.filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap().to_owned());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_type_is_there() {
    let documented: BTreeSet<String> = ["Fakes", "Kasho's other types", "Types that Kasho does not have"]
        .into_iter()
        .flat_map(first_cells)
        .collect();
    let known: BTreeSet<String> = Config::types().map(str::to_owned).collect();
    assert_eq!(documented, known);
}

/// The options that the tables name are the options that the types have.
#[test]
fn every_option_is_there() {
    let text = document();
    for name in Config::types() {
        let Some(row) = text.lines().find(|line| {
            line.starts_with("| `")
                && line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{name}`")))
        }) else {
            panic!("{name}");
        };
        let cell = row.trim_end().trim_end_matches('|').rsplit(" | ").next().unwrap();
        let yaml = format!("tables: {{s.t: {{c: {{type: {name}, nosuch: 1}}}}}}");
        let problems = Config::parse("t", &yaml).unwrap_err().to_string();
        let known = problems
            .split("no option `nosuch`; it has: ")
            .nth(1)
            .map_or("", |rest| rest.lines().next().unwrap());
        let common =
            ["salt", "consistent", "locale", "unique", "nulls", "value_type", "on_error", "error_value"];
        for option in known.split(", ").filter(|option| !option.is_empty() && !common.contains(option)) {
            assert!(cell.contains(&format!("`{option}`")), "{name}: `{option}` is not in {cell}");
        }
    }
}

#[test]
fn every_example_is_read() {
    let text = document();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        Config::parse("docs/transforms.md", block).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

/// The messages that the document shows are the ones that there are, and come at once.
#[test]
fn messages_are_as_shown() {
    let table = Table {
        name: "public.users".to_owned(),
        columns: vec![Column::new("email", "text"), Column::new("age", "integer")],
    };
    let yaml = "major_version: 0\ntables:\n  public.users:\n    # personal\n    emial: FakeEmail\n    # in years\n    age:   FakeName\n";
    let draft = Draft::read("transforms.yml", yaml).unwrap();
    let checked = draft.check(&[table], &Keys::default(), &Key::insecure_unkeyed());
    let problems = checked.complete().unwrap_err().to_string();
    assert!(document().contains(&format!("\n{problems}\n")), "{problems}");
}
