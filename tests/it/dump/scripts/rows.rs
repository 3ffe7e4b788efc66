//! Rows in scripts by people and other tools, in both forms of rows: the replica is equal to a database that psql
//! filled from the same script, or the run ends with a message that gives the reason.

use pg_bootstrap_tests::consumer::{Kind, Options};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{Reference, Source, compare, load, replicate, strict_options};
use pg_bootstrap_tests::fixtures;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::{LIMIT, expect, runner};

const FORMS: [&[&str]; 2] = [&[], &["--rows", "packed"]];

fn script(name: &str) -> Vec<u8> {
    std::fs::read(fixtures::path(&format!("scripts/{name}.sql"))).unwrap()
}

/// What psql takes without an error; so many rows that are there already are the consumer's to leave out.
#[track_caller]
fn same_but_for(name: &str, bytes: &[u8], conflicts: u64) {
    let server = PostgresServer::shared();
    let source = Source::of_bytes(name, bytes);
    let reference = Reference::restore(server, &source);
    assert_eq!(reference.restore.errors, [], "{name}");
    for rows in FORMS {
        let redis = RedisServer::start();
        load(&redis, &source.plain, rows);
        let options = Options { replace_every: 0, ..strict_options(23) };
        let (replica, report) = replicate(server, &redis, options);
        let mut failed = report.messages(Kind::Ddl);
        failed.append(&mut report.messages(Kind::Dml));
        let left_out: u64 = failed.values().sum();
        assert_eq!(left_out, if rows.is_empty() { conflicts } else { 0 }, "{name} {rows:?}: {failed:?}");
        compare(server, &reference, &replica, RowOrder::Exact).expect_same();
        server.drop_database(&replica);
    }
    server.drop_database(&reference.database);
}

#[track_caller]
fn same(name: &str) {
    same_but_for(name, &script(name), 0);
}

/// What is refused, in both forms, with this code and message.
#[track_caller]
fn refused(bytes: &[u8], said: &[&str]) {
    let input = crate::harness::Input::of(bytes);
    for rows in FORMS {
        let redis = RedisServer::start();
        expect(runner(&redis, &input.file).args(rows).run(LIMIT), 3, said);
    }
}

#[test]
fn truth_values_in_text() {
    same("insert_bool_text");
}

#[test]
fn numbers_that_integers_round() {
    same("insert_num_int");
}

#[test]
fn numbers_without_quotes_in_booleans() {
    let said = ["row 1 of public.t, column ok, at byte 48, line 2: the value is a number without quotes"];
    refused(&script("insert_int_bool"), &said);
}

#[test]
fn literals_of_every_kind_in_columns_of_every_class() {
    same("literals");
}

#[test]
fn rows_that_are_there_already() {
    same_but_for("insert_onconflict_packed", &script("insert_onconflict_packed"), 1);
}

#[test]
fn fewer_values_than_columns() {
    same("insert_fewer");
}

#[test]
fn more_values_than_columns() {
    let dump = b"CREATE TABLE public.t (id integer);\nINSERT INTO public.t VALUES (1, 2);\n";
    refused(dump, &["row 1 of public.t, at byte 36, line 2: the row has 2 fields, the table has 1 columns"]);
}

#[test]
fn defaults_among_the_values() {
    same("insert_default");
}

#[test]
fn expressions_among_the_rows() {
    same("dbeaver");
    same("insert_mixed_row");
    same("expressions");
}

#[test]
fn escapes_of_characters() {
    same("e_surrogates");
    same("e_unicode_latin1");
}

#[test]
fn what_stands_behind_the_rows() {
    same("tails");
}

/// Statements that do not fit into what is looked at before their rows are given out.
#[test]
fn long_statements() {
    let table = "CREATE TABLE public.t (id integer PRIMARY KEY, a text, b timestamp);\n";
    let rows = |count: u32| -> String {
        let rows: Vec<_> = (0..count)
            .map(|row| {
                format!(
                    "({row}, '{}', {})",
                    "x".repeat(500),
                    if row % 3000 == 7 { "timestamp '2024-01-02'" } else { "NULL" }
                )
            })
            .collect();
        format!("INSERT INTO public.t VALUES\n\t{}", rows.join(",\n\t"))
    };
    // Twice the first rows: what is there already stays. Of the hundred one goes as SQL, with what its statement says.
    let twice = format!("{table}{};\n{}\n ON CONFLICT DO NOTHING;\n", rows(100), rows(2_000));
    same_but_for("statements of a mebibyte", twice.as_bytes(), 99);
    let other =
        format!("{table}{};\n{}\n ON CONFLICT (id) DO UPDATE SET a = 'again';\n", rows(100), rows(2_000));
    same_but_for("a statement that does something else", other.as_bytes(), 0);
    let longer = format!("{table}{} RETURNING id;\n", rows(20_000));
    refused(longer.as_bytes(), &["the INSERT statement's row at byte", "write the statement in several"]);
}

/// A row of which the SQL is larger than a change may be.
#[test]
fn a_large_row_as_sql() {
    let dump = format!(
        "CREATE TABLE public.t (id integer, a text);\nINSERT INTO public.t VALUES (1, 'a'), (2, lower('{}it''s')), (3, 'c');\n",
        "X\u{e9}".repeat(1_700_000)
    );
    same_but_for("a large row", dump.as_bytes(), 0);
}

/// A table that only the server knows.
#[test]
fn rows_of_a_table_that_nothing_defines() {
    let dump = "CREATE TABLE public.other (a integer);\nDO $do$ BEGIN EXECUTE 'CREATE TABLE public.t (id integer, ok boolean, a text)'; END $do$;\n\
        INSERT INTO public.t VALUES (1.0, true, true), (2, '1', 007);\nINSERT INTO public.t (a, ok) VALUES (1e2, NULL);\n";
    same_but_for("made by DO", dump.as_bytes(), 0);
}

/// An original in an expression reaches nobody.
#[test]
fn expressions_in_a_table_with_transforms() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let config = folder.path().join("t.yml");
    std::fs::write(&config, "tables: {public.people: {email: FakeEmail}}\n").unwrap();
    let dump = "CREATE TABLE public.people (id integer, email text);\nINSERT INTO public.people VALUES (1, 'secret@one.example');\n\
        INSERT INTO public.people VALUES (2.0, 'secret@two.example'), (3, lower('SECRET@three.example'));\n";
    let input = crate::harness::Input::of(dump.as_bytes());
    for rows in FORMS {
        let args = ["--transform-config", config.to_str().unwrap(), "--insecure-unkeyed"];
        let finished = runner(&redis, &input.file).args(args).args(rows).args(["--restart"]).run(LIMIT);
        expect(
            finished,
            3,
            &["of public.people, column id, at byte 113, line 3", "no literal that can be transformed"],
        );
        assert!(!redis.cli(&["ZRANGE", pg_bootstrap_tests::zset::KEY, "0", "-1"]).contains("secret"));
    }
}
