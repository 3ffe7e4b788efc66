//! What values become, for ever: a change here changes every user's data between two releases. Where one is
//! meant, the lists or the revision get a new number and the old results stay.

use std::fmt::Write;

use transform::{Column, Config, Key, Plan, Scratch, Table};

const ORIGINALS: [&str; 4] = ["Jane Doe", "jane@shop.test", "+1 555 010 4477", ""];

fn key() -> Key {
    Key::new(b"the key of the golden files").unwrap()
}

/// A line for each rule of a type and each original.
fn results(type_name: &str, rules: &[&str], originals: &[&str], out: &mut String) {
    for rule in rules {
        let yaml = format!("tables: {{public.t: {{c: {rule}}}}}");
        let config = Config::parse("golden.yml", &yaml).unwrap();
        let table = Table { name: "public.t".to_owned(), columns: vec![Column::new("c", type_name)] };
        let plan = Plan::compile(&config, &table, &key()).unwrap();
        let mut scratch = Scratch::default();
        for original in originals {
            plan.apply(&[Some(original)], 3, &mut scratch).unwrap();
            writeln!(out, "{type_name}\t{rule}\t{original:?}\t{:?}", scratch.value(0)).unwrap();
        }
    }
}

fn everything() -> String {
    let mut out = String::new();
    let fakes = [
        "FakeName",
        "FakeFirstName",
        "FakeLastName",
        "FakeEmail",
        "FakeSSN",
        "FakeDateOfBirth",
        "FakePhone",
        "FakeGender",
        "FakeTitle",
        "FakeJobTitle",
        "FakeIndustry",
        "FakeDomainName",
        "FakeUsername",
        "FakePassword",
        "FakeStreetAddress",
        "FakeStreet",
        "FakeCity",
        "FakeState",
        "FakeStateAbbr",
        "FakeZip",
        "FakeCountry",
        "FakeCompany",
        "FakeProduct",
        "FakeProductName",
        "FakeProductDescription",
        "FakeParagraph",
        "FakeSentence",
        "FakeWord",
        "FakeWords",
        "FakeCharacters",
        "FakeCharacter",
        "FakeDigits",
        "FakeMonth",
        "FakeMonthNum",
        "FakeWeekDay",
        "FakeYear",
        "FakeLatitude",
        "FakeLongitude",
        "FakeCreditCardType",
        "FakeCreditCardNum",
        "FakeCurrency",
    ];
    results("text", &fakes, &ORIGINALS, &mut out);
    results("varchar(12)", &["FakeName", "FakeStreetAddress"], &ORIGINALS, &mut out);
    let others = [
        "{type: FakeName, locale: de}",
        "{type: FakeStreetAddress, locale: fr}",
        "{type: FakeName, salt: s}",
        "{type: FakeName, consistent: false}",
        "{type: FakeName, unique: true}",
        "{type: FakeEmail, unique: true}",
        "Hash",
        "{type: Hash, salt: s}",
        "FormatPreserving",
        "{type: FormatPreserving, keep_last: 4}",
        "Uuid",
        "Email",
        "{type: Mask, keep_last: 4}",
        "Redact",
        "{type: PasswordBcrypt, cleartext: x, cost: 4}",
        "{type: PasswordPBKDF2, cleartext: x, iterations: 1, use_salt: keyed}",
    ];
    results("text", &others, &ORIGINALS, &mut out);
    let integers = ["Hash", "FormatPreserving", "Noise", "{type: Noise, amount: 10}", "FakeYear"];
    results("integer", &integers, &["0", "7", "1234567", "-2147483648"], &mut out);
    results("bigint", &integers[..2], &["0", "7", "1234567", "-9223372036854775808"], &mut out);
    results("numeric(12,2)", &["Noise"], &["0.00", "1234.50", "-9999999999.99"], &mut out);
    results("numeric(30,0)", &["FormatPreserving"], &["7", "123456789012345678901234567890"], &mut out);
    results("double precision", &["Noise", "FakeLatitude"], &["1.5", "-1e+100"], &mut out);
    results("date", &["DateShift", "FakeDateOfBirth"], &["2024-02-29", "0044-03-15 BC"], &mut out);
    results("timestamptz", &["{type: DateShift, days: 3}"], &["2024-02-29 10:30:00.5+02"], &mut out);
    results("uuid", &["Uuid", "Hash"], &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], &mut out);
    results(
        "inet",
        &["IpAddress", "{type: IpAddress, keep_bits: 16}"],
        &["10.1.2.3/24", "2001:db8::1"],
        &mut out,
    );
    results("cidr", &["IpAddress"], &["10.0.0.0/8", "2001:db8::/32"], &mut out);
    results("jsonb", &["{type: Json, paths: {$.a: FakeName}}"], &[r#"{"a": "Jane", "b": 1.0}"#], &mut out);
    results("text[]", &["{type: Array, element: FakeFirstName}"], &["{a,\"b c\",NULL}"], &mut out);
    results("boolean", &["{type: Bool, consistent: false}"], &["t"], &mut out);
    let ibans =
        ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "fr14 2004 1010 0505 0001 3m02 606"];
    results("text", &["Iban", "{type: Iban, salt: s}", "{type: Iban, consistent: false}"], &ibans, &mut out);
    let cards = ["4111111111111111", "5555-5555-5555-4444"];
    results("text", &["CardNumber", "{type: CardNumber, keep_first: 6}"], &cards, &mut out);
    results("bigint", &["CardNumber"], &cards[..1], &mut out);
    out
}

#[test]
fn results_never_change() {
    let path = format!("{}/tests/golden/results.tsv", env!("CARGO_MANIFEST_DIR"));
    let got = everything();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, (got, golden)) in got.lines().zip(golden.lines()).enumerate() {
        assert_eq!(got, golden, "line {}", line + 1);
    }
    assert_eq!(got.len(), golden.len());
}

/// The same whatever the order and the number of threads.
#[test]
fn threads_agree() {
    let config = Config::parse(
        "t",
        "tables: {public.t: {c: FakeName, d: {type: Hash}, e: {type: FakeEmail, unique: true}}}",
    )
    .unwrap();
    let columns = ["c", "d", "e"].map(|name| Column::new(name, "text")).to_vec();
    let plan = Plan::compile(&config, &Table { name: "public.t".to_owned(), columns }, &key()).unwrap();
    let of = |plan: &Plan, numbers: Vec<u64>| {
        let mut scratch = Scratch::default();
        let mut rows: Vec<(u64, Vec<String>)> = numbers
            .into_iter()
            .map(|n| {
                let value = n.to_string();
                plan.apply(&[Some(&value), Some(&value), Some(&value)], n, &mut scratch).unwrap();
                (n, scratch.values().map(|(_, value)| value.unwrap().to_owned()).collect())
            })
            .collect();
        rows.sort();
        rows
    };
    let alone = of(&plan, (0..200).collect());
    std::thread::scope(|scope| {
        let plan = &plan;
        let backwards = scope.spawn(move || of(plan, (0..200).rev().collect()));
        let again = scope.spawn(move || of(plan, (0..200).collect()));
        assert_eq!(backwards.join().unwrap(), alone);
        assert_eq!(again.join().unwrap(), alone);
    });
}
