//! `verify --replica-url`: what a replica differs in is found and named, and equal contents are equal.

mod differences;
mod equal;
mod refused;

use std::path::Path;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::servers::{Database, PostgresServer};

/// A comparison of a database with a dump.
pub(super) fn verify(server: &PostgresServer, database: &Database, dump: &Path) -> Runner {
    let client = server.program("pg_dump").get_program().to_owned();
    let url = server.url(database);
    Runner::new()
        .arg("verify")
        .arg("--dump-file")
        .arg(dump)
        .args(["--replica-url", &url])
        .arg("--pg-dump")
        .arg(client)
}

/// The same, of what is no definition.
pub(super) fn verify_rows(server: &PostgresServer, database: &Database, dump: &Path) -> Runner {
    let url = server.url(database);
    Runner::new().arg("verify").arg("--dump-file").arg(dump).args(["--replica-url", &url, "--no-definitions"])
}

pub(super) fn text(finished: &Finished) -> String {
    String::from_utf8(finished.stdout.clone()).unwrap()
}

/// Nothing that the comparison has made is left.
#[track_caller]
pub(super) fn expect_clean(server: &PostgresServer, database: &Database) {
    let left = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'pgbootstrap_verify_%' \
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = pg_database.datname)";
    assert_eq!(server.connect(database).value(left).unwrap(), None);
}
