use super::*;
use crate::keyed::Key;
use crate::plan::{Plan, Scratch};
use crate::resolve::{Keys, UniqueKey};
use crate::suggest::{suggest, undecided};
use crate::{Column, Config, Draft};

/// A column: its name, its type, and what a person says that it holds.
type Judged = (&'static str, &'static str, Option<Sort>);
/// A table and its columns.
type JudgedTable = (&'static str, &'static [Judged]);

/// Tables as people make them, and what a person says is personal in them.
const SCHEMAS: &[JudgedTable] = &[
    (
        "public.users",
        &[
            ("id", "integer", None),
            ("name", "text", Some(Sort::FullName)),
            ("email", "character varying(255)", Some(Sort::Email)),
            ("email_verified", "boolean", None),
            ("email_verified_at", "timestamp with time zone", None),
            ("encrypted_password", "text", Some(Sort::Secret)),
            ("reset_password_token", "text", Some(Sort::Secret)),
            ("reset_password_sent_at", "timestamp", None),
            ("sign_in_count", "integer", None),
            ("last_sign_in_ip", "inet", Some(Sort::IpAddress)),
            ("date_of_birth", "date", Some(Sort::BirthDate)),
            ("phone2", "varchar(20)", Some(Sort::Phone)),
            ("locale", "text", None),
            ("created_at", "timestamp", None),
            ("gender", "public.sex", Some(Sort::Gender)),
        ],
    ),
    (
        "public.orders",
        &[
            ("id", "bigint", None),
            ("user_id", "bigint", None),
            ("status", "text", None),
            ("shipping_address_line1", "text", Some(Sort::Address)),
            ("shipping_zip_code", "text", Some(Sort::PostalCode)),
            ("ship_lat", "double precision", Some(Sort::Latitude)),
            ("ship_lng", "numeric(9,6)", Some(Sort::Longitude)),
            ("name", "text", None),
            ("total", "numeric(10,2)", None),
            ("card_number", "text", Some(Sort::CardNumber)),
            ("card_type", "text", None),
            ("email_template", "text", None),
            ("token_count", "integer", None),
            ("address_id", "integer", None),
            ("ipAddress", "text", Some(Sort::IpAddress)),
            ("mail_queue", "text", None),
            ("company_name", "text", None),
            ("host_name", "text", None),
            ("shipment", "text", None),
            ("last_email_at", "timestamp", None),
            ("long_description", "text", None),
        ],
    ),
    (
        "hr.\"Employee\"",
        &[
            ("\"firstName\"", "text", Some(Sort::FirstName)),
            ("\"LastName\"", "text", Some(Sort::LastName)),
            ("\"SSN\"", "char(11)", Some(Sort::SocialSecurity)),
            ("\"bankIBAN\"", "text", Some(Sort::Iban)),
            ("\"homePhone\"", "bigint", Some(Sort::Phone)),
            ("\"departmentName\"", "text", None),
            ("\"shipping\"", "text", None),
            ("\"hiredOn\"", "date", None),
            ("passport_no", "text", Some(Sort::NationalId)),
            ("emails", "text[]", Some(Sort::Email)),
            ("login", "text", Some(Sort::Username)),
            ("vorname", "text", Some(Sort::FirstName)),
            ("manager", "text", Some(Sort::FullName)),
            ("spouse", "text", Some(Sort::FullName)),
            ("\"apiToken\"", "uuid", Some(Sort::Secret)),
            ("machine_token", "text", None),
        ],
    ),
];

fn tables() -> Vec<Table> {
    let table = |(name, columns): &JudgedTable| Table {
        name: (*name).to_owned(),
        columns: columns
            .iter()
            .map(|(name, type_name, _)| {
                let labels = if *type_name == "public.sex" {
                    vec!["f".to_owned(), "m".to_owned()]
                } else {
                    Vec::new()
                };
                Column { labels, ..Column::new(name, type_name) }
            })
            .collect(),
    };
    SCHEMAS.iter().map(table).collect()
}

#[test]
fn names_say_much() {
    let (mut right, mut found, mut personal) = (0, 0, 0);
    for (table, (_, columns)) in tables().iter().zip(SCHEMAS) {
        let findings = Inspector::new(table).findings();
        for (name, _, expected) in *columns {
            let got = findings.iter().find(|finding| finding.column == *name).map(|finding| finding.sort);
            found += usize::from(got.is_some());
            personal += usize::from(expected.is_some());
            right += usize::from(got.is_some() && got == *expected);
            if got != *expected {
                println!("{}.{name}: {got:?}, a person says {expected:?}", table.name);
            }
        }
    }
    println!("precision {right}/{found}, recall {right}/{personal}");
    assert_eq!((right, found, personal), (24, 25, 26));
}

/// What a column of this name and type is found to hold with these values.
fn found(name: &str, type_name: &str, values: &[&str]) -> Option<(Sort, String)> {
    let table = Table { name: "public.things".to_owned(), columns: vec![Column::new(name, type_name)] };
    let mut inspector = Inspector::new(&table);
    for value in values {
        inspector.observe(&[Some(value)]);
    }
    inspector.observe(&[None]);
    inspector.findings().pop().map(|finding| (finding.sort, finding.reason))
}

#[test]
fn values_say_more() {
    for (type_name, values, sort) in [
        ("text", &["a@b.test", "c@d.test", "", "e@f.test", "x"][..], Some(Sort::Email)),
        ("text", &["+1 555 010 4477", "(030) 901820", "030/901820-3"], Some(Sort::Phone)),
        (
            "bigint",
            &["4111111111111111", "5500000000000004", "340000000000009", "6011000000000004"],
            Some(Sort::CardNumber),
        ),
        (
            "text",
            &["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606"],
            Some(Sort::Iban),
        ),
        ("text", &["10.0.0.1", "192.168.1.2", "::1"], Some(Sort::IpAddress)),
        ("inet", &["10.0.0.1", "192.168.1.2", "::1"], Some(Sort::IpAddress)),
        ("text", &["123-45-6789", "987-65-4321", "111-22-3333"], Some(Sort::SocialSecurity)),
        ("text", &["Jane Roberts", "Hans Müller", "Zoé Dupont", "Wei Zhang"], Some(Sort::FullName)),
        ("text", &["Jane", "Hans", "Zoé", "Wei"], Some(Sort::FirstName)),
        ("text", &["nothing here", "ask jane@shop.test about it", "nothing", "x"], Some(Sort::FreeText)),
        ("jsonb", &[r#"{"a": 1}"#, r#"{"contact": "jane@shop.test"}"#], Some(Sort::FreeText)),
        ("text", &["red", "green", "blue", "two words", "May"], None),
        ("text", &["1.2.3", "10.20.30", "2024-01-31", "2024-02-01"], None),
        ("text", &["5550104477", "5550104478", "5550104479"], None),
        ("integer", &["1", "2", "3"], None),
        ("text", &[], None),
    ] {
        assert_eq!(found("c", type_name, values).map(|(sort, _)| sort), sort, "{values:?}");
    }
}

#[test]
fn reasons_name_no_value() {
    let (_, reason) = found("email", "text", &["jane@shop.test", "joe@shop.test", "jim@shop.test"]).unwrap();
    assert_eq!(reason, "3 of 3 sampled values look like e-mail addresses; so does its name");
    let (sort, reason) = found("email", "text", &["Jane Roberts", "Hans Müller", "Zoé Dupont"]).unwrap();
    assert_eq!(sort, Sort::FullName);
    assert_eq!(
        reason,
        "3 of 3 sampled values look like names of persons; its name suggests e-mail addresses"
    );
    let (_, reason) = found("email", "text", &[]).unwrap();
    assert_eq!(reason, "its name suggests e-mail addresses");
}

#[test]
fn a_suggestion_suits_the_tables() {
    let tables = tables();
    let findings: Vec<Finding> = tables.iter().flat_map(|table| Inspector::new(table).findings()).collect();
    let unique =
        |table: &str, column: &str| UniqueKey { table: table.to_owned(), columns: vec![column.to_owned()] };
    let keys = Keys {
        unique: vec![unique("public.users", "email"), unique("hr.\"Employee\"", "\"SSN\"")],
        ..Keys::default()
    };
    let text = suggest(&tables, &findings, &keys);
    let config =
        Config::parse("suggested.yml", &text).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    assert!(
        undecided(&config, &findings).iter().all(|finding| text.contains(&format!("# {}", finding.column)))
    );
    let checked = Draft::from(config).check(&tables, &keys, &Key::insecure_unkeyed());
    let (config, _) = checked.complete().unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    for table in &tables {
        let plan = Plan::compile(&config, table, &Key::insecure_unkeyed()).unwrap();
        let row = vec![None; table.columns.len()];
        plan.apply(&row, 1, &mut Scratch::default()).unwrap();
    }
    assert!(text.contains("    email: FakeEmail # its name suggests e-mail addresses\n"), "{text}");
    assert!(text.contains("\"\\\"SSN\\\"\": FormatPreserving"), "{text}");
    let free = suggest(&tables, &findings, &Keys::default());
    assert!(free.contains("\"\\\"SSN\\\"\": FakeSSN"), "{free}");
    assert!(text.contains("emails: {type: Array, element: FakeEmail}"), "{text}");
    assert!(Config::parse("", &suggest(&tables, &[], &keys)).is_ok());
}

/// Check digits are kept right only where all are: what has none would be refused, row by row.
#[test]
fn check_digits_are_kept_right_where_all_are() {
    let suggested = |name: &str, type_name: &str, values: &[&str]| {
        let table = Table { name: "public.t".to_owned(), columns: vec![Column::new(name, type_name)] };
        let mut inspector = Inspector::new(&table);
        values.iter().for_each(|value| inspector.observe(&[Some(value)]));
        let text = suggest(std::slice::from_ref(&table), &inspector.findings(), &Keys::default());
        let line = text.lines().find_map(|line| line.strip_prefix("    ")).unwrap_or_default().to_owned();
        line.split(" # ").next().unwrap_or_default().to_owned()
    };
    let ibans = ["DE89 3704 0044 0532 0130 00", "gb82west12345698765432", "NL91ABNA0417164300"];
    let cards = ["4111111111111111", "5555555555554444", "378282246310005"];
    for (name, type_name, values, rule) in [
        ("iban", "text", &[][..], "iban: Iban"),
        ("a", "varchar(34)", &ibans[..], "a: Iban"),
        ("iban", "text", &ibans, "iban: Iban"),
        (
            "iban",
            "text",
            &["DE89 3704 0044 0532 0130 00", "unknown"],
            "iban: {type: FormatPreserving, keep_first: 2}",
        ),
        ("kontonummer", "bigint", &["532013000"], "kontonummer: {type: FormatPreserving, keep_first: 2}"),
        ("iban", "varchar(10)", &[], "iban: {type: FormatPreserving, keep_first: 2}"),
        ("card_number", "text", &[], "card_number: CardNumber"),
        ("a", "bigint", &cards, "a: CardNumber"),
        ("a", "numeric(19,0)", &cards, "a: CardNumber"),
        ("card_number", "text", &["4111111111111111", "************1111"], "card_number: FakeCreditCardNum"),
        ("card_number", "integer", &[], "card_number: FormatPreserving"),
        ("iban", "text[]", &[], "iban: {type: Array, element: Iban}"),
        ("iban", "text[]", &["{x}"], "iban: {type: Array, element: {type: FormatPreserving, keep_first: 2}}"),
    ] {
        assert_eq!(suggested(name, type_name, values), rule, "{name} {type_name} {values:?}");
    }
}

#[test]
fn what_is_decided() {
    let finding = |table: &str, column: &str| Finding {
        table: table.to_owned(),
        column: column.to_owned(),
        sort: Sort::Email,
        reason: String::new(),
        exceptions: 0,
    };
    let findings = [
        finding("public.a", "x"),
        finding("public.a", "y"),
        finding("public.b", "x"),
        finding("public.c", "x"),
    ];
    let config = Config::parse("", "tables: {public.a: {x: FakeEmail, z: keep}, public.b: keep}").unwrap();
    let left: Vec<_> =
        undecided(&config, &findings).iter().map(|f| (f.table.as_str(), f.column.as_str())).collect();
    assert_eq!(left, [("public.a", "y"), ("public.c", "x")]);
}
