//! What can go wrong, what of it may pass, and the exit code that tells.

use std::fmt;
use std::path::PathBuf;

use dump::{Place, ScanError};

use crate::convert::render::rows::FaultReason;

/// Why a run ended without being done.
///
/// Messages name the place (file, offset, table, row, column) and what to do; they never hold values of cells
/// or secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Options that are wrong, or do not fit together.
    #[error("{0}")]
    Usage(String),
    /// A choice of tables, schemas, sections or a database takes nothing of the dump.
    #[error("{0}")]
    NothingChosen(String),
    /// The dump is not, or not wholly, what it should be.
    #[error("{source_name}: {error}")]
    Dump {
        /// The dump.
        source_name: String,
        /// What about it.
        #[source]
        error: DumpError,
    },
    /// The bootstrap positions do not fit below what limits them.
    #[error("{0}")]
    Range(RangeError),
    /// The checkpoint is of another dump or configuration, or cannot be read.
    #[error("{0}")]
    Checkpoint(String),
    /// More rows were rejected than allowed.
    #[error(
        "{rejected} rows were rejected, more than --max-errors {allowed}; see the reject file for each of them"
    )]
    TooManyRejected {
        /// Rows rejected.
        rejected: u64,
        /// Rows allowed.
        allowed: u64,
    },
    /// Redis, for good or for longer than was to be waited.
    #[error("{context}")]
    Redis {
        /// What was done.
        context: String,
        /// What Redis, or the way to it, says.
        #[source]
        error: Box<kvbuffer::Error>,
    },
    /// Redis is there, and not fit for the buffer.
    #[error("Redis at {address} cannot hold the buffer: {what}")]
    Refused {
        /// Its address, without secrets.
        address: String,
        /// Why not, and what to do.
        what: String,
    },
    /// Another bootstrap writes into the buffer.
    #[error("another bootstrap is writing into this buffer: {0}; wait for its end, or stop it")]
    Busy(String),
    /// Redis lost what it had acknowledged, and the dump cannot be read again from here.
    #[error("Redis lost data that it had acknowledged: {0}")]
    Lost(String),
    /// Redis had no room for too long.
    #[error(
        "Redis has had no room for {waited} s; nothing frees the set before the consumer may stream: give Redis more memory, then start again"
    )]
    Full {
        /// Seconds.
        waited: u64,
    },
    /// What lies in Redis at the end is not what was sent.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The dump could not be read on.
    #[error("{action} {name}")]
    Source {
        /// What was tried.
        action: &'static str,
        /// The dump.
        name: String,
        /// Why it failed.
        #[source]
        error: std::io::Error,
    },
    /// The change stream is in a state in which this bootstrap can neither begin nor end.
    #[error("{0}")]
    ChangeStreamState(String),
    /// The change stream did not answer for too long.
    #[error("cannot {action}: the change stream at {address} is away, tried for {waited} s: {why}")]
    ChangeStreamAway {
        /// What was to be done.
        action: &'static str,
        /// Its address.
        address: String,
        /// Seconds.
        waited: u64,
        /// The last failure.
        why: String,
    },
    /// A file of this machine cannot be written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        error: std::io::Error,
    },
    /// Nobody reads standard output any more, where the changes go.
    #[error("nobody reads standard output any more")]
    ReaderGone,
    /// Stopped by a signal; everything durable is in the checkpoint.
    #[error("stopped by {0}; called again, without --restart, the command goes on from the checkpoint")]
    Stopped(Signal),
    /// A thread of ours panicked.
    #[error("internal error: {0}")]
    Panic(String),
}

/// A signal that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        })
    }
}

/// What is wrong with a dump.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// It cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// Its compression cannot be undone.
    #[error(
        "the {format} stream is cut off or damaged at byte {offset} of the decompressed dump: {reason}; copy it again"
    )]
    Compression {
        /// The compression.
        format: &'static str,
        /// Bytes that were decompressed before.
        offset: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// A compression that is not supported.
    #[error(
        "it is compressed by {0}, which cannot be read: decompress it into a pipe (`… | pg-bootstrap-sync --dump-file -`)"
    )]
    UnknownCompression(&'static str),
    /// Something that is recognised and not supported yet.
    #[error("{what} at {at} cannot be loaded: {advice}")]
    Unsupported {
        /// What it is.
        what: String,
        /// Where it is.
        at: Place,
        /// What to do.
        advice: &'static str,
    },
    /// Databases of which none was chosen, where the dump says so before anything is loaded.
    #[error(
        "it is a dump of several databases, and which of them to load was not said: choose with --database{}; nothing was loaded", seen(.names)
    )]
    Databases {
        /// Those that were seen.
        names: Vec<String>,
    },
    /// A dump of what belongs to no database.
    #[error(
        "it holds roles and tablespaces alone, and no database (pg_dumpall --globals-only): there is nothing to load; run it by psql at the replica's server, and load a dump of the database, by pg_dump"
    )]
    GlobalsOnly,
    /// The same, where a second one begins.
    #[error(
        "a second database, {second:?}, after {} (pg_dumpall, or several dumps in one file) begins at {at}, and which of them to load was not said: choose with --database{}", first.as_ref().map_or_else(|| "one without a name".to_owned(), |name| format!("{name:?}")), what_was_loaded(*.loaded)
    )]
    SecondDatabase {
        /// The one before, where it has a name.
        first: Option<String>,
        /// The one that begins.
        second: String,
        /// Where it begins.
        at: Place,
        /// Statements and rows of the first one that were loaded; `None`: the dump was only looked at.
        loaded: Option<(u64, u64)>,
    },
    /// The definition of a sequence, which waits for its table, that is larger than a change may be.
    #[error(
        "the sequence's definition at {at} is too large: it has {size} bytes, the change stream carries {limit}"
    )]
    StatementTooLarge {
        /// Where it begins.
        at: Place,
        /// Its size.
        size: usize,
        /// The largest size.
        limit: usize,
    },
    /// A block of rows whose columns are not known.
    #[error(
        "the rows of {table} at {at} name no columns, and no definition of the table was seen before; dump the table's definition too, or name the columns"
    )]
    NoColumns {
        /// The table.
        table: String,
        /// Where its COPY statement begins.
        at: Place,
    },
    /// A row that cannot become a change.
    #[error("row {row} of {table}{}, at {at}: {reason}; --on-error skip with --reject-file sets such rows aside", column_suffix(.column.as_deref()))]
    Row {
        /// The table.
        table: String,
        /// Its number within its block, 1-based.
        row: u64,
        /// The column, where one is at fault.
        column: Option<String>,
        /// Where the row begins.
        at: Place,
        /// What is wrong.
        reason: FaultReason,
    },
}

/// Names of databases for a message that may say none.
fn seen(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => {
            let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
            format!(" (seen so far: {})", names.join(", "))
        }
    }
}

fn what_was_loaded(before: Option<(u64, u64)>) -> String {
    let Some((statements, rows)) = before else { return "; nothing was loaded".to_owned() };
    format!(
        ", and --restart, which deletes what was loaded: the {statements} statements and {rows} rows before it, and nothing behind it; another one goes into a buffer of its own (--kv-key)"
    )
}

fn column_suffix(column: Option<&str>) -> String {
    column.map_or_else(String::new, |column| format!(", column {column}"))
}

/// Why a range of positions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The changes reach the snapshot LSN.
    #[error(
        "the dump does not fit below the snapshot LSN: {what}sequence {sequence} has score {score}, the snapshot LSN {lsn} has score {limit}, and every bootstrap change must lie strictly below; take the dump at a later LSN, or start lower with --first-sequence"
    )]
    SnapshotLsn {
        /// What reaches it.
        what: String,
        /// The first sequence that does not fit.
        sequence: u64,
        /// Its score.
        score: i64,
        /// The snapshot LSN.
        lsn: String,
        /// Its score.
        limit: i64,
    },
    /// The changes reach something else that lies in the set.
    #[error("the range from sequence {first} on is not free: {other}, at score {limit}; {advice}")]
    Occupied {
        /// Our first sequence.
        first: u64,
        /// What is there.
        other: String,
        /// Where it is.
        limit: i64,
        /// What to do.
        advice: &'static str,
    },
    /// Other runs lie in the set.
    #[error(
        "run {run:?} cannot begin beside {others}, in the same set: the replica applies all of them, so rows that are in several dumps arrive there several times; delete the other run (`ranges purge --run-id NAME`), give this one a set of its own (--kv-key), or say --beside-other-runs if it is meant"
    )]
    Beside {
        /// The run.
        run: String,
        /// The others: names, states and ranges.
        others: String,
    },
    /// Live changes lie in the set, and nothing tells on which side of the dump.
    #[error(
        "the set holds live changes (the last at {last}), and --snapshot-lsn is missing: a change that the dump holds already would be applied to it again; give the LSN at which the dump was taken, empty the set, or say --allow-live-entries if it is meant"
    )]
    LiveEntries {
        /// The last one's position.
        last: String,
    },
    /// The highest position was reached.
    #[error("sequence numbers end at {0}")]
    Exhausted(u64),
}

impl Error {
    /// Whether the same command may succeed later. Everything else needs somebody to change something.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.exit_code(), 10..=13)
    }

    /// The exit code, as docs/exit-codes.md lists them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::NothingChosen(_) => 2,
            Self::Dump { .. } => 3,
            Self::Range(_) | Self::ChangeStreamState(_) => 4,
            Self::Checkpoint(_) => 5,
            Self::TooManyRejected { .. } => 6,
            Self::Redis { error, .. } => match error.kind() {
                kvbuffer::ErrorKind::InvalidUrl { .. } | kvbuffer::ErrorKind::InvalidRun => 2,
                kvbuffer::ErrorKind::OutOfMemory => 12,
                kvbuffer::ErrorKind::LeaseLost => 11,
                kind if kind.is_retryable() => 11,
                _ => 7,
            },
            Self::Refused { .. } => 7,
            Self::Verification(_) => 8,
            Self::File { .. } => 9,
            Self::Source { .. } => 10,
            Self::Busy(_) | Self::Lost(_) => 11,
            Self::Full { .. } => 12,
            Self::ChangeStreamAway { .. } => 13,
            Self::Panic(_) => 101,
            // What a shell says of a program that SIGPIPE has ended.
            Self::ReaderGone => 141,
            Self::Stopped(Signal::Interrupt) => 130,
            Self::Stopped(Signal::Terminate) => 143,
        }
    }
}

/// An error and everything behind it, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
