//! What PostgreSQL refuses is left out, listed and counted, whatever disturbs the load.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::{self, RowOrder};
use pg_bootstrap_tests::fidelity::{Reference, Source};
use pg_bootstrap_tests::loads::{LIMIT, seeded, times};
use pg_bootstrap_tests::servers::{Database, PostgresServer};

use super::{at, runner};
use crate::harness::{CELL, Input, dump_of, expect, expect_discreet};

fn skipping(server: &PostgresServer, database: &Database, dump: &Path, rejects: &Path) -> Runner {
    runner(server, database, dump).args(["--on-error", "skip"]).arg("--reject-file").arg(rejects)
}

fn lines(rejects: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(rejects).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Statements and rows of each kind that PostgreSQL refuses, in a dump that is large enough for several transactions. The
/// second number is how many of its rows are refused.
fn faulty(rows: u64) -> (Vec<u8>, u64) {
    let mut middle = String::from(
        "CREATE TABLE public.keyed (id integer PRIMARY KEY, n smallint, t text CHECK (t <> 'bad'));\n\
         CREATE TABLE public.lost (a no_such_type);\n\
         COMMENT ON TABLE public.lost IS 'x';\n",
    );
    let mut bad = 0;
    middle.push_str("COPY public.keyed (id, n, t) FROM stdin;\n");
    for row in 0..rows {
        let refused = row % 1000 == 7;
        bad += u64::from(refused);
        let _ = match (refused, row / 1000 % 4) {
            (true, 0) => writeln!(middle, "{row}\t{CELL}\tx"),
            (true, 1) => writeln!(middle, "{row}\t1\tbad"),
            (true, 2) => writeln!(middle, "5\t1\t{CELL}"),
            (true, _) => writeln!(middle, "{row}\t99999\t{CELL}"),
            (false, _) => writeln!(middle, "{row}\t{}\t{CELL} {row} {}", row % 100, "x".repeat(150)),
        };
    }
    middle.push_str("\\.\n\nCOPY public.lost (a) FROM stdin;\n");
    for row in 0..rows {
        let _ = writeln!(middle, "{row} {}", "y".repeat(100));
    }
    middle.push_str(
        "\\.\n\nCOPY public.items (id, name) FROM stdin;\n1\ta\n2\tb\n\\.\n\n\
         CREATE INDEX lost_i ON public.lost (a);\n\
         CREATE UNIQUE INDEX keyed_n ON public.keyed (n);\n\
         CREATE INDEX keyed_t ON public.keyed (n);\n\
         ALTER TABLE ONLY public.lost ADD CONSTRAINT lost_pkey PRIMARY KEY (a);\n",
    );
    (dump_of(middle.as_bytes()), bad)
}

/// The database is what psql makes of the dump, which goes on after errors as well, but for the rows of a block in which one
/// is refused.
#[track_caller]
fn expect_faulty_loaded(server: &PostgresServer, database: &Database, rows: u64, bad: u64) {
    let mut session = server.connect(database);
    let mut value = |query: &str| session.value(query).unwrap().unwrap();
    assert_eq!(value("SELECT count(*) FROM keyed"), (rows - bad).to_string());
    assert_eq!(value("SELECT count(DISTINCT id) FROM keyed"), (rows - bad).to_string());
    assert_eq!(value("SELECT count(*) FROM items"), "2");
    let made = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
        WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(value(made), "items items_pkey keyed keyed_pkey keyed_t");
    let list = "SELECT string_agg(what || ': ' || rows, ', ' ORDER BY at, part) FROM kasho_bootstrap.skipped";
    assert_eq!(
        value(list),
        format!(
            "CREATE TABLE public.lost: 0, COMMENT public.lost: 0, rows of public.keyed: {bad}, \
             rows of public.lost: {rows}, CREATE INDEX lost_i of public.lost: 0, \
             CREATE INDEX keyed_n of public.keyed: 0, ALTER TABLE lost_pkey of public.lost: 0"
        )
    );
}

#[track_caller]
fn expect_rejects(dump: &[u8], rejects: &Path, bad: u64) {
    let lines = lines(rejects);
    assert_eq!(lines.len() as u64, bad);
    for (index, line) in lines.iter().enumerate() {
        let row = index as u64 * 1000 + 7;
        assert_eq!((line["table"].as_str(), line["row"].as_u64()), (Some("public.keyed"), Some(row + 1)));
        let kept = base64::engine::general_purpose::STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
        let offset = line["offset"].as_u64().unwrap() as usize;
        assert_eq!(kept, dump[offset..][..kept.len()]);
        let before = dump[..offset].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(line["line"].as_u64(), Some(before + 1));
        let reason = line["reason"].as_str().unwrap();
        let code = ["22P02", "23514", "23505", "22003"][index % 4];
        assert!(reason.contains(code) && !reason.contains(CELL), "{reason}");
    }
}

#[test]
fn rows_and_statements_are_left_out_and_listed() {
    let server = PostgresServer::shared();
    for jobs in ["1", "3"] {
        let database = server.fresh_database();
        let (dump, bad) = faulty(50_000);
        let input = Input::of(&dump);
        let rejects = input.path("rejects");
        let run = || skipping(server, &database, &input.file, &rejects).args(["--jobs", jobs]).run(LIMIT);
        let says = [
            "done, but not with all of the dump",
            "CREATE TABLE public.lost: type \"no_such_type\" does not exist (SQLSTATE 42704); missing: the table, all its rows",
            "rows of public.lost (50000 rows): relation \"public.lost\" does not exist (SQLSTATE 42P01)",
            "rows of public.keyed (50 rows)",
            "CREATE INDEX lost_i of public.lost",
            "missing: speed",
            "missing: the guarantee",
            "50 rows are in the reject file",
        ];
        let done = expect(run(), 16, &says);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(said.starts_with("done: ") && said.contains("rejected    50 rows"), "{said}");
        expect_faulty_loaded(server, &database, 50_000, bad);
        expect_rejects(&dump, &rejects, bad);
        // The next call has nothing to do, and says the same.
        let again = expect(run(), 16, &says);
        assert!(again.stdout.starts_with(b"done already"));
        expect_faulty_loaded(server, &database, 50_000, bad);
        expect_rejects(&dump, &rejects, bad);
        let forget = skipping(server, &database, &input.file, &rejects).arg("--forget").run(LIMIT);
        expect(forget, 16, &says);
        let left = "SELECT to_regnamespace('kasho_bootstrap') IS NULL";
        assert_eq!(server.connect(&database).value(left).unwrap().as_deref(), Some("t"));
        server.drop_database(&database);
    }
}

#[test]
fn too_many_errors_end_it_and_a_higher_limit_goes_on() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let (dump, bad) = faulty(20_000);
    let input = Input::of(&dump);
    let rejects = input.path("rejects");
    let run = |most: &str| {
        skipping(server, &database, &input.file, &rejects).args(["--max-errors", most]).run(LIMIT)
    };
    // Without it the first error ends it, and that is no other configuration.
    expect(runner(server, &database, &input.file).run(LIMIT), 3, &["42704"]);
    expect(run("1"), 6, &["error 2", "--max-errors allows 1", "public.lost"]);
    expect(run("5"), 6, &["--max-errors allows 5", "copy rows of public.keyed", "SQLSTATE"]);
    assert_eq!(lines(&rejects).len(), 0);
    // Three statements and a table make six with the two from before.
    expect(run(&(bad + 5).to_string()), 6, &["lost_pkey"]);
    expect(run(&(bad + 6).to_string()), 16, &["done, but not with all"]);
    expect_faulty_loaded(server, &database, 20_000, bad);
    expect_rejects(&dump, &rejects, bad);
}

/// Whatever is killed, each refused row is in the file once, and each entry in the list.
#[test]
fn a_load_that_skips_is_killed() {
    let server = PostgresServer::shared();
    let (dump, bad) = faulty(60_000);
    let input = Input::of(&dump);
    let mut rng = seeded("kills while skipping");
    let mut kills = 0;
    for round in 0..times(4, 40) {
        let database = server.fresh_database();
        let rejects = input.path(&format!("rejects{round}"));
        let jobs = if round % 2 == 0 { "1" } else { "4" };
        let start = || skipping(server, &database, &input.file, &rejects).args(["--jobs", jobs]);
        for _ in 0..4 {
            let mut running = start().spawn();
            std::thread::sleep(Duration::from_millis(100 + rng.below(1500)));
            kills += u64::from(running.is_running());
            running.kill();
            running.wait(LIMIT);
        }
        expect(start().run(LIMIT), 16, &["rows of public.lost (60000 rows)"]);
        expect_faulty_loaded(server, &database, 60_000, bad);
        expect_rejects(&dump, &rejects, bad);
        server.drop_database(&database);
    }
    println!("{kills} kills of loads that skip");
    assert!(kills > 0);
}

/// Rows that are found to be bad before they are sent go to the same file, each with its place.
#[test]
fn rows_that_are_bad_before_they_are_sent_are_in_the_same_file() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let rows = "COPY public.items (id, name) FROM stdin;\n1\ta\nx\tb\n2\tc\\\n3\td\ny\te\n4\tf\n\\.\n";
    let dump = dump_of(rows.as_bytes());
    let input = Input::of(&dump);
    let rejects = input.path("rejects");
    expect(
        skipping(server, &database, &input.file, &rejects).run(LIMIT),
        16,
        &["rows of public.items (2 rows)"],
    );
    let mut found: Vec<_> = lines(&rejects)
        .iter()
        .map(|line| {
            let kept =
                base64::engine::general_purpose::STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let offset = line["offset"].as_u64().unwrap() as usize;
            assert_eq!(kept, dump[offset..][..kept.len()]);
            (line["row"].as_u64().unwrap(), String::from_utf8(kept).unwrap())
        })
        .collect();
    found.sort();
    let found: Vec<_> = found.iter().map(|(row, text)| (*row, text.as_str())).collect();
    assert_eq!(found, [(2, "x\tb\n"), (3, "2\tc\\\n"), (5, "y\te\n")]);
    let ids = "SELECT string_agg(id::text, ' ' ORDER BY id) FROM items";
    assert_eq!(server.connect(&database).value(ids).unwrap().as_deref(), Some("1 3 4"));
}

/// Values that transforms have replaced are not in the file either.
#[test]
fn transformed_rows_are_rejected_without_their_values() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let rows = format!("COPY public.items (id, name) FROM stdin;\n1\t{CELL}\nx\t{CELL}\n2\t{CELL}\n\\.\n");
    let input = Input::of(&dump_of(rows.as_bytes()));
    let (rejects, config, key) = (input.path("rejects"), input.path("transforms.yml"), input.path("key"));
    std::fs::write(&config, "major_version: 0\ntables:\n  public.items:\n    name: FakeName\n").unwrap();
    std::fs::write(&key, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n").unwrap();
    let run = skipping(server, &database, &input.file, &rejects);
    let run = run.arg("--transform-config").arg(&config).arg("--transform-key-file").arg(&key);
    expect_discreet(&run.run(LIMIT).expect_code(16));
    let line = &lines(&rejects)[0];
    assert_eq!((line["row"].as_u64(), line["line"].as_u64()), (Some(2), Some(17)));
    assert!(line.get("bytes").is_none() && !line.to_string().contains(CELL), "{line}");
    let left = "SELECT count(*) FROM items WHERE name LIKE 'Cell%'";
    assert_eq!(server.connect(&database).value(left).unwrap().as_deref(), Some("0"));
}

/// Statements with rows that only SQL can say are tried one by one, and what COPY can say row by row.
#[test]
fn rows_of_inserts_are_found_too() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let script = "CREATE TABLE public.n (a int CHECK (a > 0), t timestamptz);\n\
        CREATE TABLE public.lost (a no_such_type);\n\
        INSERT INTO public.n VALUES (1, now());\nINSERT INTO public.n VALUES (-1, now());\n\
        INSERT INTO public.n VALUES (2, now()),\n(-2, now());\nINSERT INTO public.n VALUES (3, now());\n\
        INSERT INTO public.lost VALUES (now());\nINSERT INTO public.lost VALUES (now());\n\
        INSERT INTO public.items VALUES (1, 'a'), (2, 'b');\nINSERT INTO public.items VALUES ('x', 'c');\n";
    let input = Input::of(&dump_of(script.as_bytes()));
    let rejects = input.path("rejects");
    let says = [
        "rows of public.n (3 rows)",
        "rows of public.lost (2 rows)",
        "rows of public.items (1 rows)",
        "4 rows are in",
    ];
    expect(skipping(server, &database, &input.file, &rejects).run(LIMIT), 16, &says);
    let found: Vec<_> = lines(&rejects)
        .iter()
        .map(|line| {
            let bytes = line["bytes"].as_str().unwrap();
            let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
            (line["row"].as_u64().unwrap(), String::from_utf8(bytes).unwrap())
        })
        .collect();
    let found: Vec<_> = found.iter().map(|(row, text)| (*row, text.as_str())).collect();
    let wanted = [
        (2, "INSERT INTO public.n VALUES (-1, now());"),
        (3, "INSERT INTO public.n VALUES (2, now()),\n(-2, now());"),
        (3, "x\tc\n"),
    ];
    assert_eq!(found, wanted);
    let taken =
        "SELECT (SELECT string_agg(a::text, ' ' ORDER BY a) FROM n) || ', ' || (SELECT count(*) FROM items)";
    assert_eq!(server.connect(&database).value(taken).unwrap().as_deref(), Some("1 3, 2"));
}

/// psql goes on after errors as well: what it makes of a dump is what the load makes.
#[track_caller]
fn as_psql(server: &PostgresServer, source: &Source, args: &[&str]) {
    let reference = Reference::restore(server, source);
    assert!(!reference.restore.errors.is_empty(), "{}", source.name);
    let replica = server.fresh_database();
    let folder = tempfile::tempdir().unwrap();
    let rejects = folder.path().join("rejects");
    let run = skipping(server, &replica, &source.plain, &rejects).args(["--max-errors", "10000"]).args(args);
    let ended = run.run(LIMIT).expect_code(16);
    assert!(ended.stderr.contains("missing: "), "{}", ended.stderr);
    let sides = ((server, &reference.database), (server, &replica));
    let order = RowOrder::AnyWithinTable("several sessions");
    dumpdiff::compare(sides.0, sides.1, &["--exclude-schema=kasho_bootstrap"], order, &[]).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

#[test]
fn a_dump_with_clean_goes_on_as_psql_does() {
    let server = PostgresServer::shared();
    for (args, jobs) in [(&["--clean", "--if-exists"][..], "1"), (&["--clean"], "4")] {
        let source = Source::of_database(server, "database", &[], args).expect("the database");
        as_psql(server, &source, &["--jobs", jobs]);
    }
}

#[test]
fn the_regression_database_goes_on_as_psql_does() {
    let source = Source::of_fixture("corpora/regression-15-inserts.sql.zst");
    as_psql(PostgresServer::shared(), &source, &[]);
}

#[test]
fn a_server_that_is_away_is_not_skipped() {
    let input = Input::of(&dump_of(b""));
    let run = at("postgres://nobody@127.0.0.1:1/x", &input.file).args(["--retry-timeout", "1s"]);
    let run = run.args(["--on-error", "skip"]).arg("--reject-file").arg(input.path("rejects"));
    expect(run.run(LIMIT), 14, &["tried for"]);
}
