//! The replica is equal to a database into which psql restored the same dump.

use pg_bootstrap_tests::consumer::{Consumer, Options};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, compare_after_sync, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::long;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

const REGRESSION: &str = "corpora/regression-15.sql.zst";
const REGRESSION_INSERTS: &str = "corpora/regression-15-inserts.sql.zst";
/// Rows whose columns come in another order than those of the restored table: they need names.
const WITHOUT_NAMES: &[&str] = &["27-column-order.sql"];

/// With one session for the whole load the rows lie in the heap exactly as psql puts them.
const SESSIONS_MOVE_ROWS: RowOrder = RowOrder::AnyWithinTable(
    "a new session asks the free space map where to go on, so the order in the heap depends on when the consumer's \
     pool replaces its sessions",
);

/// One dump through the whole chain.
fn try_out(source: &Source, packing: Packing, options: &Options) {
    try_out_with(source, packing, options, &[]);
}

fn try_out_with(source: &Source, packing: Packing, options: &Options, more: &[&str]) {
    let server = PostgresServer::shared();
    let reference = Reference::restore(server, source);
    let redis = RedisServer::start();
    load(&redis, &source.packed(packing), more);
    let (replica, report) = replicate(server, &redis, options.clone());
    drop(redis);

    let order = if options.replace_every == 0 { RowOrder::Exact } else { SESSIONS_MOVE_ROWS };
    expect_same_errors(&reference, &report, &[]);
    compare(server, &reference, &replica, order).expect_same();

    // What the consumer does next changes the sequences, and nothing else.
    let errors = Consumer::new(server, &replica, options.clone()).sync_sequences().unwrap();
    assert_eq!(errors, [""; 0], "{}", source.name);
    compare_after_sync(server, &reference, &replica, order).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

#[test]
fn regression_database_over_changing_sessions() {
    let source = Source::of_fixture(REGRESSION);
    try_out(&source, Packing::Zstd, &strict_options(7));
}

#[test]
fn regression_database_as_inserts() {
    let source = Source::of_fixture(REGRESSION_INSERTS);
    try_out(&source, Packing::Zstd, &strict_options(11));
}

/// A row of 50 MB among others that are larger than a change, statements of 5 MB, a large object of 50 MB.
fn large_database(pg_dump_args: &[&str], more: &[&str]) {
    let source = Source::of_database(PostgresServer::shared(), "database-large", &[], pg_dump_args)
        .expect("the fixture database");
    try_out_with(&source, Packing::Plain, &Options { replace_every: 3, ..strict_options(7) }, more);
}

#[test]
fn large_rows_as_copy() {
    large_database(&[], &[]);
}

#[test]
fn large_rows_packed_from_inserts() {
    large_database(&["--inserts"], PACKED);
}

#[test]
fn large_rows_in_every_other_form() {
    if !long() {
        return;
    }
    large_database(&[], PACKED);
    for form in ["--inserts", "--column-inserts", "--rows-per-insert=3"] {
        large_database(&[form], &[]);
    }
    for form in ["--column-inserts", "--rows-per-insert=3"] {
        large_database(&[form], PACKED);
    }
}

/// The project's own fixture, in each form and packing that a plain dump comes in.
fn our_database(without: &[&str], pg_dump_args: &[&str], packing: Packing) {
    let source = Source::of_database(PostgresServer::shared(), "database", without, pg_dump_args)
        .expect("the fixture database");
    // Sessions change all the time: nothing may depend on which one a statement gets.
    try_out(&source, packing, &Options { replace_every: 25, ..strict_options(3) });
}

#[test]
fn our_database_as_copy() {
    our_database(&[], &[], Packing::Plain);
}

#[test]
fn our_database_as_gzip_members() {
    our_database(&[], &[], Packing::GzipMembers);
}

#[test]
fn our_database_as_lz4_without_owners() {
    our_database(&[], &["--no-owner", "--no-privileges"], Packing::Lz4);
}

#[test]
fn our_database_with_clean() {
    our_database(&[], &["--clean", "--if-exists"], Packing::Zstd);
}

#[test]
fn our_database_by_partition_roots() {
    our_database(&[], &["--load-via-partition-root"], Packing::Plain);
}

#[test]
fn our_database_as_inserts() {
    our_database(WITHOUT_NAMES, &["--inserts"], Packing::Plain);
}

#[test]
fn our_database_as_inserts_with_names() {
    our_database(&[], &["--column-inserts"], Packing::Plain);
}

#[test]
fn our_database_as_inserts_of_many_rows() {
    our_database(WITHOUT_NAMES, &["--rows-per-insert=100"], Packing::Plain);
}

#[test]
fn our_database_as_inserts_that_ignore_conflicts() {
    our_database(
        &[],
        &["--column-inserts", "--rows-per-insert=7", "--on-conflict-do-nothing"],
        Packing::Gzip,
    );
}

const PACKED: &[&str] = &["--rows", "packed"];

/// Packs of many rows need no order of the session either. What the consumer does to sequences comes after rows of their
/// own only; here there are none.
fn our_database_packed(without: &[&str], pg_dump_args: &[&str]) {
    let source = Source::of_database(PostgresServer::shared(), "database", without, pg_dump_args)
        .expect("the fixture database");
    try_out_with(&source, Packing::Plain, &Options { replace_every: 25, ..strict_options(5) }, PACKED);
}

#[test]
fn our_database_packed_from_copy() {
    our_database_packed(&[], &[]);
}

#[test]
fn our_database_packed_from_inserts() {
    our_database_packed(WITHOUT_NAMES, &["--inserts"]);
}

#[test]
fn our_database_packed_from_inserts_with_names() {
    our_database_packed(&[], &["--column-inserts", "--rows-per-insert=100"]);
}

#[test]
fn regression_database_packed_from_copy() {
    try_out_with(&Source::of_fixture(REGRESSION), Packing::Zstd, &strict_options(13), PACKED);
}

#[test]
fn regression_database_packed_from_inserts() {
    try_out_with(&Source::of_fixture(REGRESSION_INSERTS), Packing::Zstd, &strict_options(17), PACKED);
}
