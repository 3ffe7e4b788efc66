//! The reference consumer: it treats the sorted set as Kasho's `pg-change-stream` and `translicator` do.
//!
//! It reads every entry in order, decodes it by the real consumer's rules, renders SQL text as it does, and executes
//! each change alone on a real PostgreSQL: one simple query, no retry, no state between two changes, connections
//! replaced at unpredictable times. A change that fails is noted and skipped. A change that breaks the real stream
//! ends the run, because there everything after it is lost.
//!
//! Guarantees:
//! - A change arrives here if and only if it would arrive there, with the same value.
//! - The [`Report`] counts every entry exactly once: applied, lost (unreadable), failed (PostgreSQL refused it),
//!   or not delivered (behind a break).
//! - Faults that the real one would not report, but that a writer must not make, are an [`Anomaly`]: a setting left
//!   behind in a session, bytes that are not canonical, a score that does not match the position.
//!
//! Left out on purpose: the subscription after the last page, the real consumer's transforms, updates and deletes. A
//! bootstrap has none of them.

mod apply;
mod canonical;
mod decode;
mod entries;
mod gotime;
mod json;
mod pool;
mod position;
mod report;
mod sequences;
mod size;
#[cfg(test)]
mod tests;
mod value;

pub use decode::{Change, Ddl, Decoded, Dml, decode};
pub use entries::{Entry, RedisEntries};
pub use gotime::{Timestamp, read_rfc3339};
pub use position::{ReadAs, read_position};
pub use report::{Anomaly, Failure, Fatal, Kind, Lost, Report};
pub use size::encoded_len;
pub use value::{Value, read_value};

use std::io;

use crate::pgwire::{Connection, Target};
use crate::servers::{Database, PostgresServer};

/// Above this many bytes as protobuf a change breaks the stream.
pub const MAX_MESSAGE: usize = 4_194_304;

/// How the replica's sessions get `session_replication_role = replica`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaRole {
    /// As a parameter of the URL: every session has it. What users are told to do.
    UrlParameter,
    /// By one `SET` on the first session only, as without the parameter: later sessions do not have it.
    FirstSession,
}

/// When the owned sequences are set to `max(column)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceSync {
    /// Never: for a strict comparison with a restored dump.
    Never,
    /// Once after the last change, if there were dml changes: the burst is over.
    AtEnd,
    /// After each of this many dml changes (a pause in the middle of the load), and at the end.
    EveryChanges(u64),
}

/// How a run is to go.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides when connections are replaced.
    pub seed: u64,
    /// A connection is replaced, or another one is used, once in this many changes on average; 0: never.
    pub replace_every: u64,
    /// Where the role comes from.
    pub role: ReplicaRole,
    /// When sequences are set.
    pub sync: SequenceSync,
    /// Stop after this many entries. (The real one stops by itself only at the end of the set.)
    pub limit: Option<u64>,
    /// Each commit waits for the disk, as by default. Else `synchronous_commit=off`: sooner, and the same rows.
    pub durable: bool,
    /// Take the whole set although the replica has tables. The real one never does.
    pub even_with_tables: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            replace_every: 1500,
            role: ReplicaRole::UrlParameter,
            sync: SequenceSync::AtEnd,
            limit: None,
            durable: false,
            even_with_tables: false,
        }
    }
}

/// A consumer for one replica.
#[derive(Debug)]
pub struct Consumer {
    target: Target,
    options: Options,
}

impl Consumer {
    /// A consumer that writes into `replica`.
    pub fn new(server: &PostgresServer, replica: &Database, options: Options) -> Self {
        let mut target = server.target(replica);
        // What its driver asks for at the start of each session; and what users are told to add, for speed.
        let synchronous = if options.durable { "on" } else { "off" };
        for (name, value) in
            [("datestyle", "ISO, MDY"), ("extra_float_digits", "2"), ("synchronous_commit", synchronous)]
        {
            target.parameters.push((name.into(), value.into()));
        }
        if options.role == ReplicaRole::UrlParameter {
            target.parameters.push(("session_replication_role".into(), "replica".into()));
        }
        Self { target, options }
    }

    /// Applies all entries. If the replica has tables, it asks for "now" as the real one does, which gives nothing
    /// of the set.
    pub fn run(&self, entries: impl Iterator<Item = io::Result<Entry>>) -> io::Result<Report> {
        if !self.options.even_with_tables && has_tables(&mut Connection::open(&self.target)?)? {
            return Ok(Report { asked_for_now: true, ..Report::default() });
        }
        apply::run(&self.target, &self.options, entries)
    }

    /// Sets every owned sequence to `max(column)`, or to 1 if there is no row; returns the errors.
    pub fn sync_sequences(&self) -> io::Result<Vec<String>> {
        sequences::sync(&mut Connection::open(&self.target)?)
    }
}

/// Whether any non-system schema has a base table: then the replica counts as bootstrapped.
fn has_tables(connection: &mut Connection) -> io::Result<bool> {
    let sql = "SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' \
               AND table_schema NOT IN ('pg_catalog', 'information_schema')";
    Ok(connection.value(sql)?.as_deref() != Some("0"))
}
