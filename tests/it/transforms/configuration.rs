//! Configurations: what they refuse, what `suggest` proposes, and what `inspect` says about them.

use std::collections::BTreeSet;
use std::path::Path;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::{Input, LIMIT, expect, runner};

use super::{CANARY, Case, all_of, expect_no_original, expect_silent};

/// A part of a configuration may read as a whole one, whose last tables are then loaded as they are.
#[test]
fn a_configuration_is_read_whole_or_not_at_all() {
    let input = Input::of(b"CREATE TABLE public.t (a text);\nCOPY public.t (a) FROM stdin;\nx\n\\.\n");
    let write = |padding: usize| {
        let text = format!(
            "tables:\n  public.s: {{a: Redact}}\n{}  public.t: {{a: Redact}}\n",
            "#\n".repeat(padding)
        );
        std::fs::write(input.path("t.yml"), text).unwrap();
    };
    let run = || {
        let run =
            Runner::new().arg("--dump-file").arg(&input.file).args(["--output", "-", "--insecure-unkeyed"]);
        run.arg("--transform-config").arg(input.path("t.yml")).run(LIMIT)
    };
    write(8 << 20);
    expect(run(), 2, &["t.yml is larger than 16 MiB"]);
    let resolved = "resolved: 0123456789abcdef\ntables:\n  public.t: {a: Redact}\n";
    std::fs::write(input.path("t.yml"), resolved).unwrap();
    expect(run(), 2, &["resolved by an earlier version", "transform check"]);
}

/// A look at a dump does not compute what it tells the cost of.
#[test]
fn inspect_tells_what_password_hashes_take() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let config = |options: &str| {
        let text = format!("tables: {{public.kept: {{words: {{type: PasswordBcrypt, {options}}}}}}}");
        std::fs::write(&case.config, text).unwrap();
        let inspect = Runner::new().arg("inspect").arg("--dump-file").arg(&case.source.plain);
        let finished = case.with(inspect).args(["--format", "json", "--workers", "3"]).run(LIMIT);
        let report: serde_json::Value = serde_json::from_slice(&expect(finished, 0, &[]).stdout).unwrap();
        report["transforms"].clone()
    };
    // So many of these would take minutes.
    let found = config("cost: 14, cleartext: 'staging-{{.n}}'");
    assert_eq!(found["workers"], 3);
    let hashing = &found["hashing"][0];
    assert_eq!((&hashing["table"], &hashing["column"]), (&"public.kept".into(), &"words".into()));
    assert_eq!(hashing["hashes"], 200);
    assert!(hashing["seconds_each"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let redis = RedisServer::start();
    let refused = |config: &str, said: &[&str], more: &[&str]| {
        std::fs::write(&case.config, config).unwrap();
        expect_silent(&expect(case.runner(&redis).args(more).run(LIMIT), 2, said));
        assert_eq!(redis.cli(&["DBSIZE"]).trim(), "0", "{config}");
    };
    refused(
        "tables: {public.customer: {name: FakeName}}",
        &["transforms.yml:1:10", "did you mean public.customers"],
        &[],
    );
    refused("tables: {public.customers: {nme: FakeName}}", &["no column nme", "did you mean name"], &[]);
    refused("tables: {public.customers: {email: FakePhone}}", &["makes different values equal"], &[]);
    refused("tables: {public.customers: {code: Hash}}", &["a generated column depends on it"], &[]);
    refused("tables: {public.visits: {day: DateShift}}", &["a partition bound depends on it"], &[]);
    refused("tables: {public.orders: {customer: FormatPreserving}}", &["is not transformed"], &[]);
    refused("tables: {public.customers: {born: FakeName}}", &["the column is date"], &[]);
    refused(
        "tables: {public.customers: {phone: Redact}}",
        &["--require-decision", "public.customers.email"],
        &["--require-decision"],
    );
    let unkeyed = runner(&redis, &case.source.plain).arg("--transform-config").arg(&case.config).run(LIMIT);
    expect(unkeyed, 2, &["--transform-key-file", "dictionary"]);
}

const FAULTY: &str = "\
tables:
  public.users:
    id: Hash
    emial: FakeEmail
    email: {type: FakePhone, nulls: transform}
    name: {type: FakeName, locale: it}
    age: FakeName
    note: {type: Template, template: '{{.nmae}}{{.agge}}'}
    card: CardNumbr
  public.order: {user_id: Hash}
  public.orders:
    user_id: FormatPreserving
    day: {type: DateShift, by: usr}
";

const ALL_FAULTS: &str = "\
4:5: table public.users has no column emial; did you mean email?
5:19: column email of public.users: FakePhone makes different values equal, and the column is unique; use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different
5:19: column email of public.users: with `nulls: transform` several NULLs become one value, and the column is unique
6:36: `locale` must be one of en, de, fr
7:10: column age: FakeName is for text; the column is integer; FormatPreserving, Hash, Noise, Null and Constant suit numbers
8:18: the template: table public.users has no column agge; did you mean age?
8:18: the template: table public.users has no column nmae; did you mean name?
9:11: unknown transform type `CardNumbr`; did you mean CardNumber?
10:3: there is no table public.order in the dump; did you mean public.orders?
12:14: column user_id of public.orders refers to id of public.users, and their transforms differ; leave it out here: this column gets the same transform by itself
13:17: column day: `by`: there is no column usr; columns: id, user_id, day
";

/// One call says all that is wrong, with the file and between it and the dump.
#[test]
fn check_names_all_faults_at_once() {
    let input = Input::of(
        b"CREATE TABLE public.users (id integer, email text, name text, age integer, note text, card text, phone text);\n\
          CREATE TABLE public.orders (id integer, user_id integer, day date);\n\
          COPY public.users (id, email, name, age, note, card, phone) FROM stdin;\n\
          1\ta@b.test\tJane\t7\tx\t4111111111111111\t+1 555 010 4477\n\\.\n\
          ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);\n\
          ALTER TABLE ONLY public.users ADD CONSTRAINT users_email_key UNIQUE (email);\n\
          ALTER TABLE ONLY public.orders ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);\n",
    );
    let config = input.path("t.yml");
    std::fs::write(&config, FAULTY).unwrap();
    let check = |dump: &Path, more: &[&str]| {
        let check = Runner::new().args(["transform", "check", "--insecure-unkeyed", "--dump-file"]).arg(dump);
        check.arg("--transform-config").arg(&config).args(more).run(LIMIT)
    };
    let said = |finished: &Finished| {
        let place = format!("{}:", config.display());
        let lines = finished.stderr.lines().filter_map(|line| line.split_once(&place));
        // The last line of the message has the fields of the log behind it.
        let faults = lines.map(|(_, fault)| fault.split(" exit_code=").next().unwrap_or_default());
        faults.map(|fault| format!("{fault}\n")).collect::<String>()
    };
    let finished = expect(check(&input.file, &[]), 2, &[]);
    assert_eq!(said(&finished), ALL_FAULTS, "{}", finished.stderr);
    assert!(finished.stdout.is_empty());
    // A column with a fault is decided, others are not.
    let finished = expect(
        check(&input.file, &["--require-decision"]),
        2,
        &["1 columns look personal", "public.users.phone:"],
    );
    assert_eq!(said(&finished), ALL_FAULTS, "{}", finished.stderr);
    // Without a dump, and before a load, at least what is wrong with the file.
    let in_file = "6:36: `locale` must be one of en, de, fr\n9:11: unknown transform type `CardNumbr`; did you mean CardNumber?\n";
    let finished = expect(check(&input.path("nothing.sql"), &[]), 2, &[]);
    assert_eq!(said(&finished), in_file, "{}", finished.stderr);
    let load = Runner::new().args(["--dry-run", "--insecure-unkeyed", "--dump-file"]).arg(&input.file);
    let finished = expect(load.arg("--transform-config").arg(&config).run(LIMIT), 2, &[]);
    assert_eq!(said(&finished), in_file, "{}", finished.stderr);
}

/// pg_dump writes none of these, and none is a row that could be transformed.
#[test]
fn other_statements_that_write_rows_are_refused() {
    let input = Input::of(b"");
    std::fs::write(input.path("t.yml"), "tables: {public.t: {a: FakeName}}").unwrap();
    for statement in [
        "WITH q AS (SELECT 1) INSERT INTO public.t SELECT 'CANARY' FROM q",
        "UPDATE public.t SET a = 'CANARY'",
        "MERGE INTO public.t USING public.t u ON true WHEN MATCHED THEN UPDATE SET a = 'CANARY'",
        "DO $$BEGIN INSERT INTO public.t VALUES ('CANARY'); END$$",
        "INSERT INTO public.t SELECT 'CANARY'",
    ] {
        let dump = format!("CREATE TABLE public.t (a text);\n{};\n", statement.replace("CANARY", CANARY));
        std::fs::write(input.path("dump.sql"), dump).unwrap();
        let redis = RedisServer::start();
        let load = || runner(&redis, &input.path("dump.sql"));
        let transformed = load().arg("--transform-config").arg(input.path("t.yml")).arg("--insecure-unkeyed");
        let finished = expect(transformed.run(LIMIT), 3, &["line 2", "transformed"]);
        expect_silent(&finished);
        expect_no_original("Redis", &all_of(&redis));
        expect(load().arg("--restart").run(LIMIT), 0, &[]);
    }
}

/// What is personal in these dumps was written down by hand. What only a person would know (free text, salaries, an
/// application's own numbers) counts as well.
#[test]
fn suggestions_are_measured_against_a_list_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(folder.join("fixtures/personal/columns.txt")).unwrap();
    let personal: BTreeSet<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let made = Source::of_database(PostgresServer::shared(), "personal", &[], &[]).unwrap();
    let mut suggested = BTreeSet::new();
    for dump in [folder.join("../examples/shop.sql"), made.plain.clone()] {
        let args = ["transform", "suggest", "--dump-file", dump.to_str().unwrap()];
        let said = String::from_utf8(Runner::new().args(args).run(LIMIT).expect_code(0).stdout).unwrap();
        let mut table = "";
        for line in said.lines() {
            let name = |line: &str| line.split(": ").next().unwrap_or_default().replace(['"', '\\'], "");
            if let Some(column) = line.strip_prefix("    ") {
                suggested.insert(format!("{table}.{}", name(column)));
            } else if let Some(line) = line.strip_prefix("  ") {
                table = line.trim_end_matches(':');
            }
        }
    }
    let right = suggested.iter().filter(|column| personal.contains(column.as_str())).count();
    let wrong: Vec<_> = suggested.iter().filter(|column| !personal.contains(column.as_str())).collect();
    let missed: Vec<_> = personal.iter().filter(|column| !suggested.contains(**column)).collect();
    let precision = right as f64 / suggested.len() as f64;
    let recall = right as f64 / personal.len() as f64;
    println!("suggest: precision {precision:.2}, recall {recall:.2}; wrong {wrong:?}; missed {missed:?}");
    assert!(precision >= 0.9, "precision {precision:.2}: {wrong:?}");
    assert!(recall >= 0.7, "recall {recall:.2}: {missed:?}");
}
