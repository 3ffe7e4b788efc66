//! Dumps of other versions of PostgreSQL. The rest of the tests use the version of the machine.
//!
//! `scripts/postgres-versions` puts them into `.cache/postgres`.

use pg_bootstrap_tests::consumer::{Consumer, Options};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, compare_after_sync, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::loads::long;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::server_of;

const SINGLE: &[&str] = &[];
const PACKED: &[&str] = &["--rows", "packed"];
/// Rows whose columns come in another order than those of the restored table: they need names.
const WITHOUT_NAMES: &[&str] = &["27-column-order.sql"];
/// What a newer pg_dump says to a server that does not know it.
const UNKNOWN: &[(&str, &str)] = &[("transaction_timeout", "a setting, which is no change")];

/// The project's own fixture with what the version has, through the whole chain.
fn try_out(server: &PostgresServer, without: &[&str], pg_dump_args: &[&str], rows: &[&str]) {
    let source =
        Source::of_database(server, "database", without, pg_dump_args).expect("the fixture database");
    // PostgreSQL 13 refuses DEFAULT for a generated column in a list of rows, so psql cannot restore what pg_dump wrote.
    let refused = server.major_version() == 13 && pg_dump_args == ["--rows-per-insert=100"];
    let others =
        refused.then(|| Source::of_database(server, "database", without, &["--inserts"]).expect("the same"));
    let reference = Reference::restore(server, others.as_ref().unwrap_or(&source));
    let redis = RedisServer::start();
    load(&redis, &source.plain, rows);
    let options = strict_options(5);
    let (replica, report) = replicate(server, &redis, options.clone());
    expect_same_errors(&reference, &report, UNKNOWN);
    compare(server, &reference, &replica, RowOrder::Exact).expect_same();
    let errors =
        Consumer::new(server, &replica, Options { replace_every: 0, ..options }).sync_sequences().unwrap();
    assert_eq!(errors, [""; 0], "{}", source.name);
    compare_after_sync(server, &reference, &replica, RowOrder::Exact).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

fn every_form(server: &PostgresServer) {
    try_out(server, &[], &[], SINGLE);
    try_out(server, &[], &["--column-inserts", "--rows-per-insert=100"], PACKED);
    if long() {
        try_out(server, &[], &[], PACKED);
        for rows in [SINGLE, PACKED] {
            try_out(server, WITHOUT_NAMES, &["--inserts"], rows);
            try_out(server, WITHOUT_NAMES, &["--rows-per-insert=100"], rows);
            try_out(server, &[], &["--column-inserts"], rows);
        }
    }
}

#[test]
fn server_13_by_the_machines_pg_dump() {
    every_form(&server_of(13, None));
}

#[test]
fn server_13_by_pg_dump_18() {
    every_form(&server_of(13, Some(18)));
}

#[test]
fn server_14_by_pg_dump_16() {
    every_form(&server_of(14, Some(16)));
}

#[test]
fn server_16_by_its_own_pg_dump() {
    every_form(&server_of(16, Some(16)));
}

#[test]
fn server_17_by_its_own_pg_dump() {
    every_form(&server_of(17, Some(17)));
}

#[test]
fn server_17_by_pg_dump_18() {
    every_form(&server_of(17, Some(18)));
}

#[test]
fn server_18_by_its_own_pg_dump() {
    every_form(&server_of(18, Some(18)));
}
