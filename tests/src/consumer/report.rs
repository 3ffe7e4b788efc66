//! The result of every entry.

use std::collections::BTreeMap;
use std::fmt;

use crate::pgwire::ServerError;

/// How many failures, losses and anomalies are kept in full; all are counted.
const KEPT: usize = 100_000;

/// The type of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SQL text.
    Ddl,
    /// A row.
    Dml,
}

/// A change that PostgreSQL refused: logged there without its position, and skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its position.
    pub position: String,
    /// Its type.
    pub kind: Kind,
    /// The error.
    pub error: ServerError,
    /// The beginning of the statement.
    pub statement: String,
}

/// An entry that the consumer cannot read, and therefore skips.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// Its score.
    pub score: f64,
    /// Why.
    pub reason: String,
    /// The beginning of the member.
    pub member: String,
}

/// Something that the consumer does not notice, and that no writer may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// At which position, or "at the end".
    pub position: String,
    /// What.
    pub what: String,
}

/// A break: everything after it is lost for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fatal {
    /// The change that broke the stream.
    pub position: String,
    /// How.
    pub reason: String,
}

/// The account of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Entries read from the set.
    pub entries: u64,
    /// Ddl changes that PostgreSQL took.
    pub applied_ddl: u64,
    /// Dml changes that PostgreSQL took.
    pub applied_dml: u64,
    /// Number of refused changes.
    pub failed: u64,
    /// Number of unreadable entries.
    pub lost: u64,
    /// Entries at and after a break.
    pub not_delivered: u64,
    /// The refused changes (the first hundred thousand).
    pub failures: Vec<Failure>,
    /// The unreadable entries, likewise.
    pub losses: Vec<Lost>,
    /// What a writer must not do, likewise.
    pub anomalies: Vec<Anomaly>,
    /// The break, if there was one.
    pub fatal: Option<Fatal>,
    /// The replica had tables, so the whole set was passed over.
    pub asked_for_now: bool,
    /// How often the sequences were set.
    pub sequence_syncs: u64,
    /// Errors while setting them.
    pub sequence_errors: Vec<String>,
    /// How many sessions were opened.
    pub sessions: u64,
}

impl Report {
    /// Panics unless every entry was applied and nothing is odd.
    #[track_caller]
    pub fn expect_clean(&self) -> &Self {
        let clean = self.failed == 0
            && self.lost == 0
            && self.anomalies.is_empty()
            && self.fatal.is_none()
            && !self.asked_for_now
            && self.applied_ddl + self.applied_dml == self.entries;
        assert!(clean, "the consumer did not take everything:\n{self}");
        self
    }

    /// The messages of all failures of a type and how often each came.
    pub fn messages(&self, kind: Kind) -> BTreeMap<&str, u64> {
        let mut messages = BTreeMap::new();
        for failure in self.failures.iter().filter(|f| f.kind == kind) {
            *messages.entry(failure.error.message.as_str()).or_default() += 1;
        }
        messages
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        keep(&mut self.failures, failure);
    }

    pub(super) fn lose(&mut self, lost: Lost) {
        self.lost += 1;
        keep(&mut self.losses, lost);
    }

    pub(super) fn note(&mut self, position: &str, what: String) {
        keep(&mut self.anomalies, Anomaly { position: position.to_owned(), what });
    }
}

fn keep<T>(list: &mut Vec<T>, item: T) {
    if list.len() < KEPT {
        list.push(item);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} entries: {} ddl and {} dml applied, {} failed, {} lost, {} not delivered; {} sessions",
            self.entries,
            self.applied_ddl,
            self.applied_dml,
            self.failed,
            self.lost,
            self.not_delivered,
            self.sessions
        )?;
        if self.asked_for_now {
            writeln!(f, "  the replica has tables: nothing of the set was asked for")?;
        }
        if let Some(fatal) = &self.fatal {
            writeln!(f, "  broken at {}: {}", fatal.position, fatal.reason)?;
        }
        for failure in self.failures.iter().take(20) {
            writeln!(
                f,
                "  failed {} {:?}: {} in {}",
                failure.position, failure.kind, failure.error, failure.statement
            )?;
        }
        for lost in self.losses.iter().take(20) {
            writeln!(f, "  lost at {}: {} in {}", lost.score, lost.reason, lost.member)?;
        }
        for anomaly in self.anomalies.iter().take(20) {
            writeln!(f, "  odd at {}: {}", anomaly.position, anomaly.what)?;
        }
        Ok(())
    }
}
