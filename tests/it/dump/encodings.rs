//! Dumps in other encodings, and bytes without an encoding.

use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{self, Reference, Source};
use pg_bootstrap_tests::fixtures;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::{Input, LIMIT, expect, runner, snapshot};

/// The same characters arrive as PostgreSQL makes them of the dump, in a replica in UTF-8.
fn encoded(folder: &str, encoding: &str, without: &[&str]) -> Vec<u8> {
    let server = PostgresServer::shared();
    let database = server.fresh_database_in(encoding);
    for file in fixtures::sql_files(folder, server.major_version()).unwrap() {
        if !without.iter().any(|name| file.ends_with(name)) {
            server.psql(&database, &file).expect_clean();
        }
    }
    let dump = server.pg_dump(&database, &[]);
    server.drop_database(&database);
    dump
}

fn same_as_psql(name: &str, dump: &[u8]) {
    let server = PostgresServer::shared();
    let source = Source::of_bytes(name, dump);
    let reference = Reference::restore(server, &source);
    let redis = RedisServer::start();
    fidelity::load(&redis, &source.plain, &[]);
    let (replica, report) = fidelity::replicate(server, &redis, fidelity::strict_options(5));
    fidelity::expect_same_errors(&reference, &report, &[]);
    fidelity::compare(server, &reference, &replica, RowOrder::Exact).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

#[test]
fn latin1_arrives_as_the_same_characters() {
    let dump = encoded("database-latin1", "LATIN1", &[]);
    assert!(std::str::from_utf8(&dump).is_err(), "a dump in LATIN1");
    same_as_psql("latin1", &dump);
}

#[test]
fn bytes_without_encoding() {
    let good = encoded("database-sqlascii", "SQL_ASCII", &["20-invalid-bytes.sql"]);
    // psql restores it into UTF-8 only where it is told what the bytes are.
    let named = String::from_utf8(good.clone())
        .unwrap()
        .replace("client_encoding = 'SQL_ASCII'", "client_encoding = 'UTF8'");
    same_as_psql("SQL_ASCII", named.as_bytes());
    let load = |bytes: &[u8]| {
        let (redis, input) = (RedisServer::start(), Input::of(bytes));
        runner(&redis, &input.file).run(LIMIT).expect_code(0);
        snapshot(&redis)
    };
    assert_eq!(load(&good), load(named.as_bytes()));

    let bad = encoded("database-sqlascii", "SQL_ASCII", &["10-valid-utf8.sql"]);
    let (redis, input) = (RedisServer::start(), Input::of(&bad));
    expect(
        runner(&redis, &input.file).run(LIMIT),
        3,
        &["row 2 of public.invalid, column bad", "not SQL_ASCII"],
    );
    let rejects = input.path("rejects");
    let skip =
        runner(&redis, &input.file).args(["--restart", "--on-error", "skip", "--reject-file"]).arg(&rejects);
    expect(skip.run(LIMIT), 0, &["public.invalid"]);
    let columns: Vec<_> = std::fs::read_to_string(&rejects)
        .unwrap()
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["row"].as_u64().unwrap(), line["column"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected =
        [(2, "bad"), (3, "ok"), (4, "bad"), (5, "bad"), (6, "bad"), (7, "bad"), (8, "bad"), (9, "bad")];
    assert_eq!(columns, expected.map(|(row, column)| (row, column.to_owned())));
}
