use proptest::prelude::*;

use super::*;

fn key() -> Key {
    Key::new(b"a key for the tests, not a secret").unwrap()
}

fn table(columns: &[(&str, &str)]) -> Table {
    let columns = columns.iter().map(|(name, type_name)| Column::new(name, type_name)).collect();
    Table { name: "public.t".to_owned(), columns }
}

fn compile(table: &Table, rules: &str) -> Result<Plan, Problems> {
    let config = Config::parse("t.yml", &format!("tables: {{public.t: {{{rules}}}}}")).map_err(|problems| {
        panic!("{rules}: {problems}");
    });
    Plan::compile(&config?, table, &key())
}

/// The rows that come of the rows, with what was not transformed.
fn apply(plan: &Plan, row: &[Option<&str>], number: u64) -> Result<Vec<Option<String>>, RowError> {
    let mut scratch = Scratch::default();
    plan.apply(row, number, &mut scratch)?;
    let mut out: Vec<Option<String>> = row.iter().map(|value| value.map(str::to_owned)).collect();
    for (at, value) in scratch.values() {
        out[at] = value.map(str::to_owned);
    }
    Ok(out)
}

/// What a rule makes of one value of a type.
fn one(type_name: &str, rule: &str, value: Option<&str>) -> Result<Option<String>, String> {
    let plan = compile(&table(&[("c", type_name)]), &format!("c: {rule}"))
        .map_err(|problems| problems.to_string())?;
    apply(&plan, &[value], 1).map(|mut row| row.remove(0)).map_err(|error| error.to_string())
}

fn value(type_name: &str, rule: &str, value: &str) -> String {
    one(type_name, rule, Some(value)).unwrap_or_else(|error| panic!("{rule}: {error}")).unwrap()
}

#[test]
fn the_second_pass_sees_the_first_and_what_came_before() {
    let table =
        table(&[("email", "text"), ("nick", "text"), ("name", "text"), ("id", "integer"), ("n", "text")]);
    let rules = "name: FakeName, email: {type: Template, template: '{{.name | slugify}}@x.org'}, \
                 nick: {type: Template, template: '{{.email}}/{{.id}}/{{.n}}'}";
    let plan = compile(&table, rules).unwrap();
    assert_eq!(plan.columns().collect::<Vec<_>>(), [0, 1, 2]);
    assert!((0..5).all(|at| plan.reads(at)));
    let row = apply(&plan, &[Some("a@b"), Some("old"), Some("Jane"), Some("7"), None], 1).unwrap();
    let name = row[2].clone().unwrap().to_lowercase().replace(' ', "-");
    assert_eq!(row[0].as_deref(), Some(format!("{name}@x.org").as_str()));
    assert_eq!(row[1].as_deref(), Some(format!("{name}@x.org/7/").as_str()));
    assert_eq!((row[3].as_deref(), row[4].as_deref()), (Some("7"), None));
    assert!(plan.warnings().is_empty());
}

#[test]
fn who_sees_an_original_is_warned_of() {
    let table = table(&[("a", "text"), ("b", "text")]);
    let plan =
        compile(&table, "a: {type: Template, template: '{{.b}}{{.a}}'}, b: {type: Template, template: x}")
            .unwrap();
    let warnings: Vec<String> = plan.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("column a gets the original of b"), "{warnings:?}");
    let row = apply(&plan, &[Some("1"), Some("2")], 1).unwrap();
    assert_eq!(row, [Some("21".to_owned()), Some("x".to_owned())]);
    let plan = compile(&table, r"a: {type: Regex, pattern: '(x)', replacement: '$1y'}").unwrap();
    assert!(plan.warnings()[0].to_string().contains("no group `1y`"));
}

/// Every rule that suits a type, with originals of it.
fn suited() -> Vec<(&'static str, Vec<String>, Vec<&'static str>)> {
    let texts =
        || vec!["Jane Doe", "", "jane@shop.test", "+1 (555) 010-4477", "漢字 😀", "a\nb\tc", "2024-01-31"];
    let mut text_rules: Vec<String> =
        crate::fake::FakeKind::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    for rule in [
        "Hash",
        "Redact",
        "{type: Mask, keep_last: 2}",
        "FormatPreserving",
        "Uuid",
        "Email",
        "{type: Truncate, length: 3}",
        "{type: Constant, value: x}",
        "Null",
        "{type: FakeName, locale: de}",
        "{type: FakeStreetAddress, locale: fr}",
        "{type: FakeEmail, consistent: false}",
        "{type: FakeEmail, unique: true}",
        "{type: FakeName, unique: true}",
        "{type: Email, unique: true}",
        "{type: FakeDomainName, unique: true}",
    ] {
        text_rules.push(rule.to_owned());
    }
    let owned = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>();
    let narrow = owned(&[
        "FakeName",
        "FakeFirstName",
        "FakeCity",
        "Redact",
        "FormatPreserving",
        "FakeWord",
        "Null",
        "FakeCurrency",
        "FakeZip",
        "Hash",
        "{type: FakeStreetAddress, locale: de}",
        "FakeParagraph",
    ]);
    let integers = owned(&[
        "FakeMonthNum",
        "FakeYear",
        "Hash",
        "FormatPreserving",
        "Noise",
        "{type: Noise, amount: 99999}",
        "Null",
    ]);
    vec![
        ("text", text_rules.clone(), texts()),
        ("character varying(64)", text_rules, texts()),
        ("varchar(8)", narrow.clone(), vec!["Jane Doe", "", "éééééééé"]),
        ("char(8)", narrow, vec!["Jane    ", "        "]),
        ("citext", owned(&["FakeEmail", "Hash", "FormatPreserving"]), texts()),
        ("smallint", integers.clone(), vec!["0", "1", "-32768", "32767", "-5"]),
        ("integer", integers.clone(), vec!["0", "2147483647", "-2147483648"]),
        ("bigint", integers, vec!["0", "9223372036854775807", "-9223372036854775808"]),
        (
            "numeric(8,2)",
            owned(&["Noise", "FakeLatitude", "FakeYear", "Null"]),
            vec!["0.00", "999999.99", "-1.50"],
        ),
        ("numeric(20,0)", owned(&["FormatPreserving", "Noise"]), vec!["0", "99999999999999999999", "-7"]),
        (
            "double precision",
            owned(&["FakeLatitude", "FakeLongitude", "Noise"]),
            vec!["1.5", "-1e300", "NaN", "Infinity"],
        ),
        ("real", owned(&["FakeLatitude", "Noise"]), vec!["1.5", "3e+38"]),
        (
            "boolean",
            owned(&["Bool", "{type: Bool, consistent: false}", "{type: Constant, value: true}"]),
            vec!["t", "f"],
        ),
        (
            "date",
            owned(&["FakeDateOfBirth", "DateShift", "{type: Constant, value: '2000-01-01'}"]),
            vec!["2024-02-29", "infinity", "0044-03-15 BC", "5874897-12-31"],
        ),
        (
            "timestamp with time zone",
            owned(&["FakeDateOfBirth", "DateShift"]),
            vec!["2024-02-29 10:00:00.5+02", "-infinity"],
        ),
        (
            "uuid",
            owned(&["Uuid", "Hash", "{type: Uuid, consistent: false}"]),
            vec!["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        ),
        (
            "inet",
            owned(&["IpAddress", "{type: IpAddress, keep_bits: 8}"]),
            vec!["10.1.2.3", "10.1.2.3/8", "2001:db8::1", "::/0"],
        ),
        ("cidr", owned(&["IpAddress"]), vec!["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "1.2.3.4/32"]),
        (
            "jsonb",
            owned(&["{type: Json, paths: {$.a: FakeName, $.b: Null}}"]),
            vec![r#"{"a": "x", "b": [1, {"c": 2}], "d": 1.0}"#, "[]"],
        ),
        ("bytea", owned(&["Hash"]), vec!["\\x00ff"]),
        (
            "varchar(20)[]",
            owned(&["{type: Array, element: FakeName}"]),
            vec!["{a,NULL,\"b c\"}", "{}", "{{a},{b}}"],
        ),
        ("integer[]", owned(&["{type: Array, element: FormatPreserving}"]), vec!["{1,22,333}"]),
    ]
}

#[test]
fn results_are_valid_and_the_same_again_and_null_stays_null() {
    for (type_name, rules, originals) in suited() {
        for rule in &rules {
            let plan = compile(&table(&[("c", type_name)]), &format!("c: {rule}"))
                .unwrap_or_else(|problems| panic!("{type_name} {rule}: {problems}"));
            assert_eq!(apply(&plan, &[None], 1).unwrap(), [None], "{type_name} {rule}");
            for original in &originals {
                let row = apply(&plan, &[Some(original)], 7);
                let Ok(row) = row else {
                    // Only what the original is not can be an error.
                    assert!(
                        matches!(row, Err(RowError { reason: Reason::Input(_), .. })),
                        "{type_name} {rule} {original}: {row:?}"
                    );
                    continue;
                };
                assert_eq!(apply(&plan.clone(), &[Some(original)], 7).unwrap(), row);
                if let Some(result) = &row[0] {
                    let mut fitted = result.clone();
                    let fits = SqlType::of(Some(type_name), &[]).fit(&mut fitted);
                    assert!(fits.is_ok() && fitted == *result, "{type_name} {rule} {original}: {result}");
                }
            }
        }
    }
}

#[test]
fn every_suited_rule_refuses_some_type() {
    for (type_name, rule, message) in [
        ("integer", "FakeName", "FakeName is for text; the column is integer; FormatPreserving"),
        ("varchar(5)", "FakeEmail", "needs 14 characters; the column is varchar(5)"),
        ("varchar(20)", "{type: PasswordBcrypt, cleartext: x}", "needs 60 characters"),
        ("varchar(20)", "{type: FakeEmail, unique: true}", "a unique FakeEmail needs 27 characters"),
        ("text", "{type: FakePhone, unique: true}", "the column is unique"),
        ("text", "Noise", "Noise is for numbers"),
        ("jsonb", "FakeName", "use Json"),
        ("text[]", "FakeName", "use Array"),
        ("integer[]", "{type: Array, element: FakeName}", "the column is integer"),
        ("text", "{type: Array, element: FakeName}", "Array is for arrays"),
        ("date", "FakeName", "DateShift"),
        ("smallint", "{type: Constant, value: 99999}", "integer of the column's width"),
        ("public.geo", "FakeName", "a type that is not known"),
        ("integer", "{type: Regex, pattern: a, replacement: b}", "Regex is for text"),
        ("numeric(3,2)", "FakeYear", "FakeYear is for"),
        ("numeric(8,2)", "FormatPreserving", "without decimals"),
        ("varchar(14)", "Iban", "needs 15 characters; the column is varchar(14)"),
        ("bigint", "Iban", "Iban is for text"),
        ("varchar(11)", "CardNumber", "needs 12 characters"),
        (
            "integer",
            "CardNumber",
            "CardNumber is for text, bigint and numerics of as many digits; the column is integer",
        ),
        ("numeric(11,0)", "CardNumber", "CardNumber is for text"),
        ("numeric(20,2)", "CardNumber", "CardNumber is for text"),
        ("text", "{type: Uuid, on_error: constant, error_value: \"a\\0b\"}", "`error_value`"),
        ("text", "{type: DateShift, by: nosuch}", "there is no column nosuch"),
        ("text", "{type: Template, template: '{{.nosuch}}'}", "has no column nosuch"),
    ] {
        let error = one(type_name, rule, None).expect_err(rule);
        assert!(error.starts_with("t.yml:1:") && error.contains(message), "{rule}: {error}");
    }
    let mut table = table(&[("c", "text")]);
    table.columns[0].generated = true;
    assert!(compile(&table, "c: FakeName").unwrap_err().to_string().contains("generated"));
    table.columns[0] = Column { not_null: true, ..Column::new("c", "text") };
    assert!(compile(&table, "c: Null").unwrap_err().to_string().contains("NOT NULL"));
    assert!(
        compile(&table, "c: {type: FakeName, on_error: null}").unwrap_err().to_string().contains("NOT NULL")
    );
    assert!(compile(&table, "d: FakeName").unwrap_err().to_string().contains("has no column d"));
}

#[test]
fn enums() {
    let mut table = table(&[("c", "public.sex")]);
    table.columns[0].labels = ["female", "male", "other"].map(str::to_owned).to_vec();
    let of = |rule: &str| {
        let plan = compile(&table, &format!("c: {rule}")).map_err(|problems| problems.to_string())?;
        apply(&plan, &[Some("other")], 1)
            .map(|row| row[0].clone().unwrap())
            .map_err(|error| error.to_string())
    };
    assert!(["female", "male"].contains(&of("FakeGender").unwrap().as_str()));
    assert!(of("FakeTitle").unwrap_err().contains("labels"));
    assert_eq!(of("{type: Constant, value: male}").unwrap(), "male");
    assert!(of("{type: Constant, value: Male}").is_err());
    assert_eq!(of("{type: Template, template: '{{if .c}}male{{end}}'}").unwrap(), "male");
    assert_eq!(
        of("{type: Template, template: nope}").unwrap_err(),
        "table public.t, column c: the result is not a valid label of the column's enum"
    );
}

#[test]
fn errors_of_a_row() {
    let table = table(&[("c", "uuid"), ("d", "integer")]);
    let row = [Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), Some("1")];
    let of = |options: &str| {
        let plan =
            compile(&table, &format!("c: {{type: Template, template: '{{{{.d}}}}'{options}}}")).unwrap();
        apply(&plan, &row, 1)
    };
    let error = of("").unwrap_err();
    assert_eq!(error.policy, RowPolicy::Caller);
    assert_eq!(error.to_string(), "table public.t, column c: the result is not a valid UUID");
    assert_eq!(of(", on_error: skip").unwrap_err().policy, RowPolicy::Skip);
    assert_eq!(of(", on_error: fail").unwrap_err().policy, RowPolicy::Fail);
    assert_eq!(of(", on_error: null").unwrap()[0], None);
    let constant = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        of(&format!(", on_error: constant, error_value: '{constant}'")).unwrap()[0].as_deref(),
        Some(constant)
    );
    let plan = compile(&table, "c: Uuid").unwrap();
    assert_eq!(apply(&plan, &[None], 1).unwrap_err().reason, Reason::RowLength { expected: 2, found: 1 });
}

#[test]
fn a_scratch_is_used_again() {
    let table = table(&[("a", "text"), ("b", "text")]);
    let plan = compile(&table, "a: FakeName, b: {type: Template, template: '{{.a}}'}").unwrap();
    let mut scratch = Scratch::default();
    for n in 0..100 {
        let original = n.to_string();
        let row = [(n % 3 != 0).then_some(original.as_str()), Some("x")];
        plan.apply(&row, n, &mut scratch).unwrap();
        let fresh = apply(&plan, &row, n).unwrap();
        assert_eq!(scratch.value(0), fresh[0].as_deref());
        assert_eq!(scratch.value(1), fresh[1].as_deref());
        assert_eq!(scratch.value(1), Some(scratch.value(0).unwrap_or_default()));
    }
}

#[test]
fn equal_values_become_equal_unless_told_otherwise() {
    let table =
        table(&[("a", "text"), ("b", "varchar(200)"), ("c", "text"), ("d", "text"), ("e", "char(10)")]);
    let rules = "a: FakeEmail, b: FakeEmail, c: {type: FakeEmail, salt: x}, d: {type: FakeEmail, consistent: false}, e: FakeFirstName";
    let plan = compile(&table, rules).unwrap();
    let row = |number| {
        let value = Some("jane@shop.test");
        apply(&plan, &[value, value, value, value, Some("Jane      ")], number).unwrap()
    };
    let (first, second) = (row(1), row(2));
    assert_eq!(first[0], first[1]);
    assert_ne!(first[0], first[2]);
    assert_eq!(first[..3], second[..3]);
    assert_ne!(first[3], second[3]);
    assert_eq!(first[3], row(1)[3]);
    // Blanks at the end of a char(n) mean nothing.
    assert_eq!(first[4].as_deref(), Some(value("text", "FakeFirstName", "Jane").as_str()));
}

#[test]
fn nulls_can_be_transformed() {
    assert_eq!(one("text", "{type: Constant, value: x}", None).unwrap(), None);
    assert_eq!(
        one("text", "{type: Constant, value: x, nulls: transform}", None).unwrap().as_deref(),
        Some("x")
    );
    assert_eq!(
        one("text", "{type: Template, template: 'a{{.c}}', nulls: transform}", None).unwrap().as_deref(),
        Some("a")
    );
}

#[test]
fn dates_shift_together() {
    let table = table(&[("id", "integer"), ("a", "date"), ("b", "timestamp")]);
    let plan = compile(&table, "a: {type: DateShift, by: id}, b: {type: DateShift, by: id}").unwrap();
    let days = |text: &str| crate::sql::date::to_days(crate::sql::date::parse(text).unwrap().day);
    let mut shifts = std::collections::HashSet::new();
    for id in 0..20 {
        let row = apply(&plan, &[Some(&id.to_string()), Some("2024-01-10"), Some("2024-02-10 10:00:00")], 1)
            .unwrap();
        let (a, b) = (row[1].clone().unwrap(), row[2].clone().unwrap());
        assert_eq!(days(&b) - days(&a), 31);
        shifts.insert(a);
    }
    assert!(shifts.len() > 10);
}

#[test]
fn unique_columns_stay_unique() {
    for (type_name, rule) in [
        ("text", "{type: FakeFirstName, unique: true}"),
        ("varchar(30)", "{type: FakeEmail, unique: true}"),
        ("varchar(15)", "{type: FakeWord, unique: true}"),
        ("varchar(40)", "{type: Email, unique: true}"),
        ("integer", "{type: Hash, unique: true}"),
        ("text", "{type: FormatPreserving, unique: true}"),
    ] {
        let plan = compile(&table(&[("c", type_name)]), &format!("c: {rule}")).unwrap();
        let results: std::collections::HashSet<_> =
            (0..3000).map(|n: u32| apply(&plan, &[Some(&n.to_string())], 1).unwrap()).collect();
        assert_eq!(results.len(), 3000, "{rule}");
    }
    assert!(value("varchar(27)", "{type: FakeEmail, unique: true}", "x").contains('@'));
}

/// A value without right check digits is a fault of the row, as any other that a transform does not take.
#[test]
fn check_digits_stay_right() {
    let number = "4111 1111 1111 1111";
    for (type_name, rule, original) in [
        ("text", "Iban", "de89 3704 0044 0532 0130 00"),
        ("varchar(22)", "{type: Iban, unique: true}", "DE89370400440532013000"),
        ("char(30)", "Iban", "DE89 3704 0044 0532 0130 00   "),
        ("citext", "Iban", "Gb82West12345698765432"),
        ("text", "{type: CardNumber, keep_first: 6}", number),
        ("bigint", "{type: CardNumber, unique: true}", "4111111111111111"),
        ("numeric(16,0)", "CardNumber", "5555555555554444"),
    ] {
        let new = value(type_name, rule, original);
        let is_valid =
            |text: &str| crate::check_digits::is_iban(text) || crate::check_digits::is_card_number(text);
        assert!(
            is_valid(&new) && new != original && new.len() == original.len(),
            "{type_name} {rule}: {new}"
        );
        assert_eq!(new, value(type_name, rule, original));
    }
    // By the number, not by its spelling or its type.
    assert_eq!(
        value("text", "CardNumber", number).replace(' ', ""),
        value("bigint", "CardNumber", "4111111111111111")
    );
    assert_eq!(
        value("text", "Iban", "DE89-3704-0044-0532-0130-00"),
        value("text", "Iban", "DE89 3704 0044 0532 0130 00").replace(' ', "-")
    );
    assert_ne!(value("text", "CardNumber", number), value("text", "{type: CardNumber, salt: s}", number));
    for (type_name, rule, original) in [
        ("text", "Iban", "DE88 3704 0044 0532 0130 00"),
        ("text", "Iban", ""),
        ("bigint", "CardNumber", "4111111111111112"),
    ] {
        let error = one(type_name, rule, Some(original)).unwrap_err();
        assert!(
            error.contains("the value is not a valid ") && !error.contains("3704") && !error.contains("4111"),
            "{error}"
        );
        let with =
            |policy: &str| one(type_name, &format!("{{type: {rule}, on_error: {policy}}}"), Some(original));
        assert_eq!(with("null"), Ok(None));
        assert_eq!(with("constant, error_value: '0'"), Ok(Some("0".to_owned())));
    }
    let json = value(
        "jsonb",
        "{type: Json, paths: {$.iban: Iban, $.card: CardNumber}}",
        r#"{"iban": "NO93 8601 1117 947", "card": "4111111111111111"}"#,
    );
    assert!(
        json.contains(r#""iban": "NO"#)
            && json.contains(r#""card": "4"#)
            && !json.contains("4111111111111111"),
        "{json}"
    );
}

#[test]
fn numbers_of_rows_may_differ() {
    let plan = compile(
        &table(&[("c", "text"), ("d", "text")]),
        "c: {type: Iban, consistent: false}, d: {type: CardNumber, consistent: false}",
    )
    .unwrap();
    let row = |number| apply(&plan, &[Some("NO93 8601 1117 947"), Some("4111111111111111")], number).unwrap();
    let (first, second) = (row(1), row(2));
    assert!(first[0] != second[0] && first[1] != second[1] && first == row(1), "{first:?} {second:?}");
}

#[test]
fn transforms_one_by_one() {
    assert_eq!(value("boolean", "Bool", "t"), "t");
    assert_eq!(value("text", "{type: Truncate, length: 2}", "éab"), "éa");
    assert!(value("text", "Email", "jane.doe@shop.test").ends_with("@shop.test"));
    assert!(!value("text", "Email", "no address").contains('@'));
    assert_eq!(value("varchar(10)", "Email", "j@shop.tst").chars().count(), 10);
    assert!(value("inet", "{type: IpAddress, keep_bits: 16}", "10.1.2.3/24").starts_with("10.1."));
    let moved = value("cidr", "{type: IpAddress, keep_bits: 8}", "10.32.0.0/11");
    assert!(moved.starts_with("10.") && moved.ends_with(".0.0/11"), "{moved}");
    assert_eq!(value("bytea", "{type: Hash, length: 8}", "\\x00").len(), 10);
    let json = value(
        "jsonb",
        "{type: Json, paths: {$.a: Redact, $.n: {type: Constant, value: '7'}}}",
        r#"{"a": "x y", "n": 1, "k": 1.0}"#,
    );
    assert_eq!(json, r#"{"a": "* *", "n": 7, "k": 1.0}"#);
    assert_eq!(value("text[]", "{type: Array, element: Redact}", r#"{ab,"c d",NULL}"#), r#"{**,"* *",NULL}"#);
    assert_eq!(value("uuid", "Uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").as_bytes()[14], b'4');
    let one = value("uuid", "Uuid", "a0eebc99-9c0b-1ef8-bb6d-6bb9bd380a11");
    assert_eq!(one.as_bytes()[14], b'1');
}

#[test]
fn values_that_postgresql_takes_for_equal() {
    // A reference from char(n) to varchar holds although one has blanks behind it.
    let rule = "{type: FakeEmail, unique: true, value_type: character varying(40)}";
    assert_eq!(value("character(40)", rule, "jane@x.y    "), value("varchar(40)", rule, "jane@x.y"));
    // A text is another value in another spelling, a UUID is not.
    let spellings = [
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
    ];
    let of = |kind: &str| spellings.map(|text| value(kind, "Uuid", text));
    let texts = of("text");
    assert!(texts[0] != texts[1] && texts[0] != texts[2] && texts[1] != texts[2], "{texts:?}");
    assert_eq!(value("uuid", "Uuid", spellings[0]), value("uuid", "Uuid", spellings[1]));
    assert_eq!(value("uuid", "Uuid", spellings[0]), texts[0]);
}

#[test]
fn of_an_address_only_the_host_is_kept() {
    assert!(value("text", "Email", "jane@mail.shop-1.test").ends_with("@mail.shop-1.test"));
    for odd in ["jane@x.y, phone 555-1234", "a@b c", "jane@x.y <jane>"] {
        let new = value("text", "Email", odd);
        assert!(new.ends_with("@example.com") && !new.contains("555"), "{new}");
    }
}

#[test]
fn passwords_are_remembered_but_right() {
    let table = table(&[("id", "integer"), ("c", "text")]);
    let plan = compile(&table, "c: {type: PasswordPBKDF2, cleartext: 's-{{.id}}', iterations: 10}").unwrap();
    let mut scratch = Scratch::default();
    let mut seen = HashMap::new();
    for n in 0..10_000_u32 {
        let (id, original) = ((n % 3).to_string(), (n % 5).to_string());
        plan.apply(&[Some(&id), Some(&original)], 1, &mut scratch).unwrap();
        let hash = scratch.value(0).unwrap().to_owned();
        assert_eq!(seen.entry((id, original)).or_insert_with(|| hash.clone()), &hash);
    }
    assert_eq!(seen.values().collect::<std::collections::HashSet<_>>().len(), 15);
}

/// A thread has the rows of several tables.
#[test]
fn a_hash_that_is_remembered_is_of_its_own_kind() {
    let table = table(&[("c", "text")]);
    let hash = |rule: &str, scratch: &mut Scratch| {
        let plan = compile(&table, &format!("c: {rule}")).unwrap();
        plan.apply(&[Some("x")], 1, scratch).unwrap();
        scratch.value(0).unwrap().to_owned()
    };
    let mut scratch = Scratch::default();
    for iterations in [1, 2] {
        let pbkdf2 =
            format!("{{type: PasswordPBKDF2, cleartext: s, use_salt: false, iterations: {iterations}}}");
        let scrypt = "{type: PasswordScrypt, cleartext: s, use_salt: false, n: 16}";
        for rule in [&pbkdf2, scrypt] {
            assert_eq!(hash(rule, &mut scratch), hash(rule, &mut Scratch::default()), "{rule}");
        }
    }
}

#[test]
fn placeholders_are_as_long_as_hashes_and_count_them() {
    let table = table(&[("id", "integer"), ("c", "text"), ("d", "text")]);
    for (kind, options) in [
        ("PasswordBcrypt", "cost: 4"),
        ("PasswordScrypt", "use_salt: false, n: 16"),
        ("PasswordPBKDF2", "use_salt: false, iterations: 1"),
        ("PasswordArgon2id", "use_salt: false, memory: 32, threads: 1"),
    ] {
        let rules = format!("c: {{type: {kind}, cleartext: '{{{{.id}}}}', {options}}}, d: FakeName");
        let plan = compile(&table, &rules).unwrap();
        let (mut real, mut without) = (Scratch::default(), Scratch::default());
        let estimate = plan.clone().without_hashing();
        for (id, first) in [("1", 1), ("1", 0), ("2", 1)] {
            plan.apply(&[Some(id), Some("x"), Some("y")], 1, &mut real).unwrap();
            estimate.apply(&[Some(id), Some("x"), Some("y")], 1, &mut without).unwrap();
            assert_eq!(real.value(0).map(str::len), without.value(0).map(str::len), "{kind}");
            assert_ne!(real.value(0), without.value(0));
            assert_eq!(real.value(1), without.value(1));
            assert_eq!(without.hashed().collect::<Vec<_>>(), vec![1; first], "{kind}");
        }
        assert_eq!(plan.passwords().collect::<Vec<_>>(), [(1, "c")]);
        plan.hash_once(1).unwrap();
    }
}

#[test]
fn salts_of_passwords() {
    let hash = |options: &str, original: &str| {
        value("text", &format!("{{type: PasswordPBKDF2, cleartext: x, iterations: 1{options}}}"), original)
    };
    assert!(hash("", "hunter2").starts_with("f52fbd32b2b3b86ff88ef6c490628285$"));
    assert!(hash(", use_salt: false", "hunter2").starts_with(&("0".repeat(32) + "$")));
    let keyed = hash(", use_salt: keyed", "hunter2");
    assert!(!keyed.starts_with("f52f") && keyed != hash(", use_salt: keyed", "hunter3"));
    let bcrypt = |original: &str| value("text", "{type: PasswordBcrypt, cleartext: x, cost: 4}", original);
    assert_eq!(bcrypt("a"), bcrypt("a"));
    assert_ne!(bcrypt("a"), bcrypt("b"));
}

#[test]
fn errors_never_hold_a_value() {
    for (type_name, rule) in [
        ("text", "DateShift"),
        ("text", "{type: Json, paths: {$.a: Redact}}"),
        ("numeric", "FormatPreserving"),
    ] {
        let error = one(type_name, rule, Some("canary-4711")).unwrap_err();
        assert!(!error.contains("canary") && !error.contains("4711"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_text_becomes_valid_text(original in "\\PC{0,40}", limit in 14_usize..80) {
        let type_name = format!("varchar({limit})");
        for rule in ["FakeName", "FakeEmail", "FakeStreetAddress", "Hash", "FakePhone", "FakeParagraph", "{type: FakeCompany, locale: de}"] {
            let rule = if rule.starts_with('{') { "FakeCompany" } else { rule };
            let result = value(&type_name, rule, &original);
            prop_assert!(!result.is_empty() && result.chars().count() <= limit);
            prop_assert_eq!(&result, &value(&type_name, rule, &original));
        }
        let cut: String = original.chars().take(limit).collect();
        for rule in ["Redact", "FormatPreserving", "{type: Mask, keep_first: 2}"] {
            prop_assert_eq!(value(&type_name, rule, &cut).chars().count(), cut.chars().count());
        }
    }
}
