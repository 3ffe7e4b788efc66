use super::*;

fn problems(text: &str) -> String {
    Config::parse("transforms.yml", text).expect_err(text).to_string()
}

fn parse(text: &str) -> Config {
    Config::parse("transforms.yml", text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// Every type in its long form, with each of its options.
const EVERYTHING: &str = r#"
major_version: 0
lists: 1
tables:
  public.users:
    a: FakeName
    b: {type: FakeEmail, salt: s, consistent: false, unique: assumed}
    c: {type: FakeCity, locale: de, on_error: constant, error_value: x}
    d: {type: FakeDigits, length: 4}
    e: {type: FakeWords, count: 2}
    f: {type: FakeDateOfBirth, from: 1950, to: 1960}
    g: {type: Bool, consistent: false}
    h: {type: Regex, pattern: '(\d{3})-\d{4}', replacement: '$1-XXXX'}
    i: {type: Template, template: '{{.name | slugify}}@example.com', nulls: transform}
    j: {type: PasswordBcrypt, cleartext: x, cost: 12}
    k: {type: PasswordScrypt, cleartext: x, n: 1024.0, r: 4, p: 2, use_salt: false}
    l: {type: PasswordPBKDF2, cleartext: x, iterations: 1000, use_salt: keyed, hash: SHA256}
    m: {type: PasswordArgon2id, cleartext: 'staging-{{.id}}', time: 3, memory: 65536, threads: 4, use_salt: true}
    n: {type: null}
    o: {type: Constant, value: '1'}
    p: {type: Hash, length: 20, unique: true}
    q: {type: Redact, with: x}
    r: {type: Mask, keep_first: 1, keep_last: 4, with: '#'}
    s: {type: Noise, ratio: 0.25}
    t: {type: Noise, amount: 10}
    u: {type: DateShift, days: 30, by: id}
    v: {type: FormatPreserving, keep_first: 3, keep_last: 1, value_type: bigint}
    w: Uuid
    x: {type: Email, on_error: skip}
    y: {type: IpAddress, keep_bits: 16, on_error: null}
    z: {type: Json, paths: {$.a: FakeName, '$.b[*]': {type: Mask, keep_last: 2}}}
    aa: {type: Array, element: {type: FakeEmail, salt: z}}
    ab: {type: Truncate, length: 3, on_error: fail}
    ac: keep
    ad: Null
    ae: {type: Iban, salt: s}
    af: {type: CardNumber, keep_first: 6}
  public."Order": keep
  public.nothing:
"#;

#[test]
fn everything_is_read_and_written_back() {
    let config = parse(EVERYTHING);
    let again = parse(&config.to_yaml());
    assert_eq!(config.hash(), again.hash());
    assert_eq!(config.to_yaml(), again.to_yaml());
    assert_eq!(config.tables().collect::<Vec<_>>(), ["public.\"Order\"", "public.nothing", "public.users"]);
    assert!(config.decides("public.users", "ac") && config.decides("public.\"Order\"", "anything"));
    assert!(!config.decides("public.nothing", "a") && config.names_table("public.nothing"));
    assert!(config.transforms("public.users") && !config.transforms("public.\"Order\""));
}

#[test]
fn every_fake_has_a_short_form() {
    for (name, _) in fake_names() {
        parse(&format!("tables: {{public.t: {{c: {name}}}}}"));
    }
}

fn fake_names() -> impl Iterator<Item = &'static (&'static str, crate::fake::FakeKind)> {
    crate::fake::FakeKind::ALL.iter()
}

#[test]
fn versions() {
    for head in ["major_version: 0", "major_version: 0.0", "version: v1", ""] {
        parse(&format!("{head}\ntables: {{}}\n"));
    }
    assert!(problems("major_version: 1\ntables: {}").contains("transforms.yml:1:16: `1` is not supported"));
    assert!(problems("version: v2\ntables: {}").contains("v1"));
    assert!(problems("lists: 2\ntables: {}").contains("lists of version 1"));
    assert!(problems("").contains("empty"));
    assert!(problems("major_version: 0").contains("`tables:` is missing"));
    assert!(problems("[1]").contains("must be a mapping, not a list"));
}

#[test]
fn what_is_wrong_has_a_place_and_a_remedy() {
    for (rules, message) in [
        ("c: FakeNmae", "t.yml:3:8: unknown transform type `FakeNmae`; did you mean FakeName?"),
        (
            "c: {type: Shuffle}",
            "t.yml:3:15: unknown transform type `Shuffle`; docs/transforms.md lists the types",
        ),
        ("c:", "t.yml:3:5: a transform is missing; write its type, or `keep`"),
        ("c: {salt: x}", "t.yml:3:8: `type` is missing"),
        ("c: {Regex: x}", "t.yml:3:8: `type` is missing; did you mean `type: Regex`?"),
        ("c: [Regex]", "t.yml:3:8: a transform must be a type or a mapping with `type`"),
        ("c: Template", "t.yml:3:8: Template needs `template`"),
        ("c: {type: PasswordBcrypt, cost: 4}", "t.yml:3:8: PasswordBcrypt needs `cleartext`"),
        (
            "c: {type: Mask, keep_frist: 1}",
            "t.yml:3:21: Mask has no option `keep_frist`; did you mean keep_first?",
        ),
        ("c: {type: Template, template: x, salt: y}", "t.yml:3:38: Template has no option `salt`"),
        ("c: {type: FakePhone, locale: de}", "t.yml:3:26: FakePhone has no option `locale`"),
        ("c: {type: FakeCity, locale: it}", "t.yml:3:33: `locale` must be one of en, de, fr"),
        (
            "c: {type: PasswordBcrypt, cleartext: x, cost: 99}",
            "t.yml:3:51: `cost` must be an integer from 4 to 31",
        ),
        ("c: {type: PasswordScrypt, cleartext: x, n: 1000}", "`n` must be a power of two"),
        ("c: {type: PasswordPBKDF2, cleartext: x, hash: SHA512}", "`hash` must be one of SHA256"),
        ("c: {type: Mask, keep_first: '1'}", "t.yml:3:33: `keep_first` must be an integer"),
        ("c: {type: Noise, ratio: 2}", "`ratio` must be a number from 0 to 1"),
        ("c: {type: Noise, ratio: 0.1, amount: 1}", "exclude each other"),
        ("c: {type: Redact, with: ab}", "`with` must be one character"),
        ("c: {type: Regex, pattern: '(', replacement: x}", "t.yml:3:31: the pattern: unclosed group"),
        ("c: {type: Regex, pattern: 'a(?=b)', replacement: x}", "look-ahead is not supported"),
        (
            "c: {type: Template, template: '{{.n | nosuch}}'}",
            "t.yml:3:35: the template: `nosuch` is no function",
        ),
        ("c: {type: FakeYear, from: 2000, to: 1999}", "`from` 2000 is after `to` 1999"),
        ("c: {type: Uuid, unique: true, consistent: false}", "exclude each other"),
        ("c: {type: Uuid, on_error: constant}", "Uuid needs `error_value`"),
        ("c: {type: Uuid, on_error: nul}", "did you mean null?"),
        ("c: {type: Json}", "Json needs `paths`"),
        ("c: {type: Json, paths: {a: FakeName}}", "path `a`: a path begins with `$`"),
        ("c: {type: Json, paths: {$.a: {type: Template, template: x}}}", "Template needs the row"),
        ("c: {type: Array}", "Array needs `element`"),
        ("c: {type: Array, element: {type: Array, element: Uuid}}", "cannot be inside another"),
        ("c: {type: Array, element: {type: FakeName, nulls: transform}}", "belongs to the column's own"),
        ("c: Uuid\n    c: Uuid", "t.yml:4:5: `c` is given twice"),
    ] {
        let text = format!("tables:\n  public.t:\n    {rules}\n");
        let problems = Config::parse("t.yml", &text).expect_err(rules).to_string();
        assert!(problems.contains(message), "{rules}: {problems}");
    }
    assert!(problems("tables: {users: keep}").contains("public.users"));
    assert!(problems("tabels: {}").contains("did you mean tables?"));
}

#[test]
fn all_problems_at_once_in_the_order_of_the_file() {
    let text = "tables:\n  public.a:\n    x: Nope\n  public.b:\n    y: {type: Regex}\n";
    let Problems(found) = Config::parse("t.yml", text).unwrap_err();
    let lines: Vec<_> = found.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [3, 5, 5]);
}

#[test]
fn misspelt_tables_and_columns() {
    let tables = [Table {
        name: "public.users".to_owned(),
        columns: vec![crate::Column::new("email", "text"), crate::Column::new("\"Id\"", "integer")],
    }];
    let config = parse("tables:\n  public.user: {email: FakeEmail}\n");
    let problems = config.problems(config.unknown(&tables)).unwrap_err().to_string();
    assert_eq!(
        problems,
        "transforms.yml:2:3: there is no table public.user in the dump; did you mean public.users?"
    );
    let config = parse("tables:\n  public.users:\n    emial: FakeEmail\n    Id: Hash\n");
    let problems = config.problems(config.unknown(&tables)).unwrap_err().to_string();
    assert_eq!(
        problems,
        "transforms.yml:3:5: table public.users has no column emial; did you mean email?\n\
         transforms.yml:4:5: table public.users has no column Id; did you mean \"Id\"?"
    );
    assert!(parse("tables: {public.users: {email: FakeEmail}}").unknown(&tables).is_empty());
}

#[test]
fn the_hash_is_of_the_meaning() {
    let hash = |text: &str| parse(text).hash();
    let one = hash("tables: {public.t: {a: FakeName, b: {type: Hash}}, public.u: keep}");
    assert_eq!(
        one,
        hash("version: v1\ntables:\n  public.u: keep # kept\n  public.t: {b: Hash, a: {type: FakeName}}\n")
    );
    for other in [
        "tables: {public.t: {a: FakeName, b: Hash}, public.u: keep, public.v: {c: Uuid}}",
        "tables: {public.t: {a: FakeName, b: {type: Hash, salt: x}}, public.u: keep}",
        "tables: {public.t: {a: FakeFirstName, b: Hash}, public.u: keep}",
    ] {
        assert_ne!(one, hash(other));
    }
    assert_eq!(parse(EVERYTHING).hash(), "1da878bd11af308449ffd98f7f43b1c508af356ac89fb837812efcdd9ec69cb4");
    // Types that came later change nothing of what was there before them.
    let before = EVERYTHING.split("    ae:").next().unwrap().to_owned()
        + "  public.\"Order\": keep\n  public.nothing:\n";
    assert_eq!(parse(&before).hash(), "7479e3c31294e354d5ff9d91020d5ede14a63256da24863db2ebfa36fa7f1db9");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(tables:|public\\.t:|c:|type:|Fake|Json|Mask|paths|\\n|  |[{}\\[\\],'\"&*!<é#-]| ){0,20}") {
        let _ = Config::parse("t", &text);
    }
}
