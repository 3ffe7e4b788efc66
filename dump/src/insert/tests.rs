use super::*;

#[derive(Default)]
struct Seen(Vec<String>);

impl Visit for Seen {
    fn value(&mut self, value: Value<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(match value {
            Value::Null => "null".to_owned(),
            Value::Default => "default".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(digits) => format!("integer {}", text(digits)),
            Value::Decimal(digits) => format!("decimal {}", text(digits)),
            Value::Sql(text_of) => format!("sql {}", text(text_of)),
            Value::Text(body) => format!("text {}", text(body)),
            Value::Escaped(body) => format!("escaped {}", text(body)),
            Value::Bits(digits) => format!("bits {}", text(digits)),
            Value::HexBits(digits) => format!("hex {}", text(digits)),
        });
    }
}

fn shape(text: &str, standard: bool) -> Option<Shape> {
    match head(text.as_bytes(), standard) {
        Found::Yes((length, zero)) => {
            let head = text.as_bytes()[..length].into();
            Some(Shape { head, zero, standard, width: 0, open: OnConflict::Error })
        }
        _ => None,
    }
}

/// The values of the first row, and the length of the row.
fn first(text: &str) -> Option<(Vec<String>, usize)> {
    let mut seen = Seen::default();
    match row(text.as_bytes(), 0, &shape(text, true)?, false, &mut seen) {
        Found::Yes(end) => Some((seen.0, end)),
        _ => None,
    }
}

#[test]
fn heads() {
    for (text, zero) in [
        ("INSERT INTO public.t VALUES", false),
        ("INSERT INTO \"S\".\"values\" (a, \"b,)\", \"values\") VALUES", false),
        ("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES", false),
        ("INSERT INTO public.t DEFAULT VALUES", true),
    ] {
        assert_eq!(head(format!("{text} (1);").as_bytes(), true), Found::Yes((text.len(), zero)), "{text}");
        for end in 0..text.len() {
            assert_eq!(head(&text.as_bytes()[..end], true), Found::NotYet, "{}", &text[..end]);
        }
    }
    for text in [
        "INSERT INTO t SELECT 1;",
        "INSERT INTO t AS x VALUES (1);",
        "INSERT INTO t (a[1]) VALUES (1);",
        "INSERT INTO t OVERRIDING USER VALUE VALUES (1);",
        "INSERT /* a */ INTO t VALUES (1);",
    ] {
        assert_eq!(head(text.as_bytes(), true), Found::No, "{text}");
    }
}

#[test]
fn values_of_every_kind() {
    let text = "INSERT INTO t VALUES (1, -2.5e-07, 'a''b); --', E'\\\\''', B'01', X'1f', NULL, true, false, DEFAULT, '');";
    let (values, end) = first(text).unwrap();
    assert_eq!(end, text.len());
    assert_eq!(
        values,
        [
            "integer 1",
            "decimal -2.5e-07",
            "text a''b); --",
            "escaped \\\\''",
            "bits 01",
            "hex 1f",
            "null",
            "true",
            "false",
            "default",
            "text "
        ]
    );
}

#[test]
fn where_rows_end() {
    let text = "INSERT INTO t VALUES\n\t(1),\n\t('),')\n ON CONFLICT DO NOTHING;\nINSERT INTO t VALUES (3);";
    let shape = shape(text, true).unwrap();
    let mut ends = vec![0];
    while let Found::Yes(end) = row(text.as_bytes(), *ends.last().unwrap(), &shape, false, &mut ()) {
        ends.push(end);
    }
    let rows: Vec<_> = ends.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
    assert_eq!(
        rows,
        [
            "INSERT INTO t VALUES\n\t(1)",
            ",\n\t('),')\n ON CONFLICT DO NOTHING;",
            "\nINSERT INTO t VALUES (3);"
        ]
    );
}

#[test]
fn expressions() {
    for value in [
        "f()",
        "1 + 1",
        "1-1",
        "'a'::text",
        "'a' || 'b'",
        "(SELECT a, ')' FROM t WHERE b[1] = 2)",
        "B'2'",
        "nullif(1, 2)",
        "'a'\n'b'",
        "1.e",
        "--1\n2",
        "/* a, b) */ 'c'",
        "ARRAY[1, 2]",
        "a[1 : 2]",
        "$t$),$t$",
        "U&'\\0061' UESCAPE '!'",
        "timestamp '2024-01-01 00:00:00'",
        "f(a := 1)",
        "-(-1)",
        "+5",
        "1_000",
        "0x1F",
        "nulls",
    ] {
        let text = format!("INSERT INTO t VALUES (1, {value} , NULL);");
        let values = [String::from("integer 1"), format!("sql {value}"), String::from("null")];
        assert_eq!(first(&text), Some((values.to_vec(), text.len())), "{text}");
    }
}

#[test]
fn what_is_no_row() {
    for value in
        ["", "-- a\n", "1;", "a)]", "(1]", "1 \\g", "1, \\;", ":a", ":'a'", "f(:\"a\")", "1, ", ":{?a}"]
    {
        let text = format!("INSERT INTO t VALUES ({value});");
        let shape = shape(&text, true).unwrap();
        assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::No, "{text}");
    }
    for tail in
        ["RETURNING a;", "ON CONFLICT (a) DO NOTHING;", "ON CONFLICT DO UPDATE SET a = 1;", "\\g", "AS x;"]
    {
        let text = format!("INSERT INTO t VALUES (1) {tail}");
        let shape = shape(&text, true).unwrap();
        assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::No, "{text}");
    }
}

#[test]
fn rows_of_another_width() {
    let text = "INSERT INTO t VALUES (1, 2), (3);";
    let shape = Shape { width: 2, ..shape(text, true).unwrap() };
    let Found::Yes(end) = row(text.as_bytes(), 0, &shape, false, &mut ()) else { panic!("no row") };
    assert_eq!(row(text.as_bytes(), end, &shape, false, &mut ()), Found::No);
}

#[test]
fn what_stands_between_rows_belongs_to_them() {
    #[derive(Default)]
    struct Tails(Vec<Range<usize>>, usize);
    impl Visit for Tails {
        fn value(&mut self, _: Value<'_>) {}
        fn tuple(&mut self, at: Range<usize>) {
            self.0.push(at);
        }
        fn ignores_conflicts(&mut self) {
            self.1 += 1;
        }
    }
    let text = "INSERT INTO t VALUES -- one\n (1) /* ; */ , -- two;\n\t(2) -- three;\n  on Conflict\tdo /* x */ nothing ;\nINSERT INTO t VALUES (3)";
    let shape = shape(text, true).unwrap();
    let (mut ends, mut seen) = (vec![0], Tails::default());
    while let Found::Yes(end) = row(text.as_bytes(), *ends.last().unwrap(), &shape, false, &mut seen) {
        ends.push(end);
    }
    let rows: Vec<_> = ends.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
    assert_eq!(
        rows,
        [
            "INSERT INTO t VALUES -- one\n (1) /* ; */ ",
            ", -- two;\n\t(2) -- three;\n  on Conflict\tdo /* x */ nothing ;"
        ]
    );
    let tuples: Vec<_> = seen.0.iter().map(|at| &text[at.clone()]).collect();
    assert_eq!((tuples.as_slice(), seen.1), (["(1)", "(2)", "(3)"].as_slice(), 1));
    for end in ends.into_iter().skip(1) {
        assert_eq!(row(&text.as_bytes()[..end], 0, &shape, true, &mut ()), Found::Yes(end.min(41)));
    }
}

#[test]
fn what_is_behind_the_table() {
    for (table, rest) in [
        ("public.\"a (b\"", " (a, b) OVERRIDING SYSTEM VALUE VALUES"),
        ("t", " VALUES"),
        ("db . s.t", "(a) VALUES"),
        ("\"values\"", " DEFAULT VALUES"),
    ] {
        assert_eq!(behind_table(&format!("insert  INTO {table}{rest}"), true), rest);
    }
}

#[test]
fn prefixes_are_undecided() {
    let text = "INSERT INTO t VALUES (1, -2.5e-07, 'a''b', E'\\'', B'01', NULL, true, f('a', $$)$$)::x /* , */ , a[1:=2] -- )\n) ON CONFLICT /* ; */ DO NOTHING;";
    let shape = shape(text, true).unwrap();
    for end in 0..text.len() {
        assert_eq!(
            row(&text.as_bytes()[..end], 0, &shape, false, &mut ()),
            Found::NotYet,
            "{}",
            &text[..end]
        );
    }
    assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::Yes(text.len()));
}

#[test]
fn escapes() {
    let read = |body: &str| {
        let mut out = Vec::new();
        unescape(body.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
    };
    assert_eq!(read(r"a\\b''c\'\n\101\x41\u00e9\U0001F600\q").unwrap(), "a\\b'c'\nAA\u{e9}\u{1f600}q");
    assert_eq!(read(r"\uD83D\uDE00 \U0000D83D\uDE00").unwrap(), "\u{1f600} \u{1f600}");
    for refused in [r"\u12", r"\uD83D", r"\uD83Dx", r"\uD83D\u0061", r"\uDE00", r"\U00110000"] {
        assert_eq!(read(refused), None, "{refused}");
    }
    assert_eq!(read("\\"), None);
}
