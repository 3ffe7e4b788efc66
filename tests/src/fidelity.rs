//! The proof of a bootstrap: the replica is equal to a database into which psql restored the same dump.
//!
//! ```text
//! source dump ─┬─ psql ────────────────────────────────▶ reference ─┐
//!              └─ pg-bootstrap-sync ─▶ Redis ─▶ consumer ─▶ replica ─┴─▶ pg_dump of both, line by line
//! ```
//!
//! The reference is a restored dump and not the source database, because a database can differ from its own restore
//! (in the order of columns under inheritance).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use tempfile::TempDir;

use crate::binary::Runner;
use crate::consumer::{Consumer, Kind, Options, RedisEntries, Report, SequenceSync};
use crate::dumpdiff::{self, Allowance, Comparison, RowOrder};
use crate::fixtures::{self, Packing};
use crate::servers::{Database, PostgresServer, RedisServer, Restore};

/// An LSN above every position that a test's dump can take.
pub const SNAPSHOT_LSN: &str = "16/B374D848";

/// Drops what by the contract never reaches a replica, dependents first.
const LEFT_OUT: &str = r"
    SELECT format('DROP PUBLICATION %I', pubname) FROM pg_catalog.pg_publication
    UNION ALL SELECT format('DROP EVENT TRIGGER %I', evtname) FROM pg_catalog.pg_event_trigger WHERE evtname LIKE 'kasho\_%'
    UNION ALL SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_catalog.pg_trigger
              WHERE NOT tgisinternal AND tgparentid = 0 AND tgname LIKE 'kasho\_%'
    UNION ALL SELECT format('DROP TABLE %s CASCADE', oid::regclass) FROM pg_catalog.pg_class
              WHERE relkind IN ('r', 'p') AND relname LIKE 'kasho\_%'
    UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %s CASCADE', oid::regclass) FROM pg_catalog.pg_class
              WHERE relkind = 'S' AND relname LIKE 'kasho\_%'
    UNION ALL SELECT format('DROP ROUTINE %s CASCADE', oid::regprocedure) FROM pg_catalog.pg_proc
              WHERE proname LIKE 'kasho\_%'";

/// A plain dump to be tried.
#[derive(Debug)]
pub struct Source {
    /// For messages.
    pub name: String,
    /// The dump, unpacked, in a separate folder.
    pub plain: PathBuf,
    folder: TempDir,
}

impl Source {
    /// A dump that exists already.
    pub fn of_bytes(name: &str, dump: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let plain = folder.path().join("dump.sql");
        std::fs::write(&plain, dump).expect("write the dump");
        Self { name: name.into(), plain, folder }
    }

    /// A dump among the fixtures, packed by zstd.
    pub fn of_fixture(name: &str) -> Self {
        let source = Self::of_bytes(name, &[]);
        fixtures::unpack(name, &source.plain);
        source
    }

    /// Loads the `.sql` files of a fixture folder, but those named in `without`, into a new database of the cluster
    /// and dumps that. `None` when the folder is not there.
    pub fn of_database(
        server: &PostgresServer,
        folder: &str,
        without: &[&str],
        pg_dump_args: &[&str],
    ) -> Option<Self> {
        let files = fixtures::sql_files(folder, server.major_version())?;
        let database = server.fresh_database();
        for file in files {
            if !without.iter().any(|name| file.ends_with(name)) {
                server.psql(&database, &file).expect_clean();
            }
        }
        let dump = server.pg_dump(&database, pg_dump_args);
        server.drop_database(&database);
        Some(Self::of_bytes(&format!("{folder} {pg_dump_args:?}"), &dump))
    }

    /// The dump in another packing, beside the plain one.
    pub fn packed(&self, packing: Packing) -> PathBuf {
        if packing == Packing::Plain {
            return self.plain.clone();
        }
        let dump = std::fs::read(&self.plain).expect("read the dump");
        let file = self.folder.path().join(format!("{packing:?}"));
        std::fs::write(&file, packing.pack(&dump).expect("pack the dump")).expect("write the packed dump");
        file
    }
}

/// What psql makes of a source.
#[derive(Debug)]
pub struct Reference {
    /// The database.
    pub database: Database,
    /// What psql said.
    pub restore: Restore,
}

impl Reference {
    /// Restores the source, then takes out what by the contract never reaches a replica: publications, and
    /// Kasho's own tables (`kasho_…`) where the dump has them.
    pub fn restore(server: &PostgresServer, source: &Source) -> Self {
        let database = server.fresh_database();
        let restore = server.psql(&database, &source.plain);
        Self { database, restore }.without_what_is_left_out(server)
    }

    /// Takes out what by the contract never reaches a replica.
    #[must_use]
    pub fn without_what_is_left_out(self, server: &PostgresServer) -> Self {
        let mut session = server.connect(&self.database);
        for drop in session.query(LEFT_OUT).expect("list what is left out").into_iter().flatten().flatten() {
            session.query(&drop).expect("drop what is left out");
        }
        self
    }
}

/// Runs pg-bootstrap-sync over one file into the buffer, with more arguments where given; it must end with 0.
#[track_caller]
pub fn load(redis: &RedisServer, dump: &Path, more: &[&str]) {
    Runner::new()
        .arg("--dump-file")
        .arg(dump)
        .args(["--snapshot-lsn", SNAPSHOT_LSN, "--kv-url", &redis.url()])
        .args(more)
        .run(Duration::from_secs(300))
        .expect_code(0);
}

/// Lets the reference consumer apply the buffer's contents to a new database.
pub fn replicate(server: &PostgresServer, redis: &RedisServer, options: Options) -> (Database, Report) {
    let replica = server.fresh_database();
    let entries = RedisEntries::all(redis.client()).in_large_pages();
    let report = Consumer::new(server, &replica, options).run(entries).expect("run the consumer");
    (replica, report)
}

/// Options for a strict comparison: everything as the real one, but sequences stay as the dump sets them.
pub fn strict_options(seed: u64) -> Options {
    Options { seed, sync: SequenceSync::Never, ..Options::default() }
}

/// Compares schema and data; see [`dumpdiff`].
pub fn compare(
    server: &PostgresServer,
    reference: &Reference,
    replica: &Database,
    order: RowOrder,
) -> Comparison {
    dumpdiff::compare((server, &reference.database), (server, replica), &[], order, &[])
}

/// The same after the consumer has set the owned sequences: only their values may differ then.
pub fn compare_after_sync(
    server: &PostgresServer,
    reference: &Reference,
    replica: &Database,
    order: RowOrder,
) -> Comparison {
    let allowances = [Allowance::new(
        "Type: SEQUENCE SET; .*: SELECT pg_catalog.setval",
        "the consumer sets every owned sequence to max(column) or 1, whatever the dump says",
    )];
    dumpdiff::compare((server, &reference.database), (server, replica), &[], order, &allowances)
}

/// Panics unless the consumer failed exactly where psql failed: the same messages, each as often, whether a
/// statement travelled as SQL text or as a row. (A COPY that fails as a whole is one error of psql and many of the
/// consumer: such a dump needs a test of its own.) Nothing may be lost, broken or odd. An error of psql that no
/// replica can have is named in `only_psql`, with its reason.
#[track_caller]
pub fn expect_same_errors(reference: &Reference, report: &Report, only_psql: &[(&str, &'static str)]) {
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    let patterns: Vec<Regex> =
        only_psql.iter().map(|(pattern, _)| Regex::new(pattern).expect("a pattern")).collect();
    for error in &reference.restore.errors {
        if !patterns.iter().any(|pattern| pattern.is_match(&error.message)) {
            *expected.entry(&error.message).or_default() += 1;
        }
    }
    let mut failed = report.messages(Kind::Ddl);
    for (message, count) in report.messages(Kind::Dml) {
        *failed.entry(message).or_default() += count;
    }
    assert_eq!(failed, expected, "psql and the consumer fail differently:\n{report}");
    let whole =
        report.lost == 0 && report.fatal.is_none() && report.anomalies.is_empty() && !report.asked_for_now;
    assert!(whole, "{report}");
}
