//! A load that fills a PostgreSQL database: what it holds then, whatever disturbs the load, and what is refused.

mod apply;
mod fidelity;
mod hand_over;
mod once;
mod pairs;
mod refused;
mod skip;
mod tutorial;
mod verify;

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::{self, RowOrder};
use pg_bootstrap_tests::fidelity::{Reference, Source};
use pg_bootstrap_tests::servers::{Database, PostgresServer};

/// A load of a dump into a database.
fn runner(server: &PostgresServer, database: &Database, dump: &Path) -> Runner {
    at(&server.url(database), dump)
}

fn at(url: &str, dump: &Path) -> Runner {
    Runner::new().arg("--dump-file").arg(dump).args(["--replica-url", url])
}

/// Fails unless the replica is what psql's restore of the source is, but for our record.
#[track_caller]
fn expect_restored(server: &PostgresServer, source: &Source, replica: &Database, order: RowOrder) {
    let reference = Reference::restore(server, source);
    assert!(reference.restore.errors.is_empty(), "{}: {:?}", source.name, reference.restore.errors);
    let args = ["--exclude-schema=kasho_bootstrap"];
    let (reference, replica) = ((server, &reference.database), (server, replica));
    dumpdiff::compare(reference, replica, &args, order, &[]).expect_same();
    server.drop_database(reference.1);
}
