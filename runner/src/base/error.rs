//! Errors: which of them are worth a retry, and the exit code of each.

use std::fmt;
use std::path::PathBuf;

pub use source::error::chain;

/// Why a run ended without being done.
///
/// Messages name the place (file, offset, table, row, column) and what to do; they never hold values of cells
/// or secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is wrong, or options contradict each other.
    #[error("{0}")]
    Usage(String),
    /// The dump cannot be converted to changes.
    #[error(transparent)]
    Convert(#[from] convert::error::Error),
    /// The dump cannot be opened or read.
    #[error(transparent)]
    Source(#[from] source::error::Error),
    /// The checkpoint is of another dump or configuration, or cannot be read.
    #[error("{0}")]
    Checkpoint(String),
    /// More rows were rejected than allowed.
    #[error("{rejected} rows were rejected, more than --max-errors {allowed}; the reject file lists them")]
    TooManyRejected {
        /// Rows rejected.
        rejected: u64,
        /// Rows allowed.
        allowed: u64,
    },
    /// The database refused more than may be skipped.
    #[error(
        "{place}: this would be error {skipped}, and --max-errors allows {allowed}; the log and the reject file have the others. PostgreSQL says: {said}"
    )]
    TooManySkipped {
        /// What was refused last.
        place: String,
        /// What PostgreSQL says of it.
        said: String,
        /// Rows and statements that were refused.
        skipped: u64,
        /// How many may be.
        allowed: u64,
    },
    /// Redis failed, for good or for longer than the options allow.
    #[error("{context}")]
    Redis {
        /// The action that failed.
        context: String,
        /// The error of Redis, or of the connection to it.
        #[source]
        error: Box<kvbuffer::Error>,
    },
    /// Redis can be reached, but cannot hold the buffer.
    #[error("Redis at {address} cannot hold the buffer: {what}")]
    Refused {
        /// Its address, without secrets.
        address: String,
        /// The reason, and what to do.
        what: String,
    },
    /// The replica failed, for good or for longer than the options allow.
    #[error("{context}")]
    Replica {
        /// The action that failed, and where in the dump.
        context: String,
        /// The error of PostgreSQL, or of the connection to it.
        #[source]
        error: Box<replica::Error>,
    },
    /// PostgreSQL can be reached, but the database cannot be filled.
    #[error("the database {address} cannot be filled:{what}")]
    Unfit {
        /// Its address, without secrets.
        address: String,
        /// The reasons, and what to do, a line each.
        what: String,
    },
    /// Everything is loaded but what was skipped, as the options say.
    #[error("done, but not with all of the dump: what PostgreSQL refused was left out{0}")]
    Skipped(String),
    /// Another bootstrap is writing into the buffer.
    #[error("another bootstrap is writing into this buffer: {0}; wait until it ends, or stop it")]
    Busy(String),
    /// Redis lost data that it had acknowledged, and the dump cannot be read again from there.
    #[error("Redis lost data that it had acknowledged: {0}")]
    Lost(String),
    /// Redis was full for too long.
    #[error(
        "Redis has been full for {waited} s, and nothing frees the set before the consumer starts to stream: give Redis more memory, then run the command again"
    )]
    Full {
        /// Seconds.
        waited: u64,
    },
    /// The contents of Redis at the end are not what was written.
    #[error("verification failed: {0}")]
    Verification(String),
    /// The change stream is in a state in which this bootstrap can neither start nor complete.
    #[error("{0}")]
    ChangeStreamState(String),
    /// The change stream did not answer for too long.
    #[error("cannot {action}: the change stream at {address} could not be reached for {waited} s: {why}")]
    ChangeStreamAway {
        /// The action that failed.
        action: &'static str,
        /// Its address.
        address: String,
        /// Seconds.
        waited: u64,
        /// The last failure.
        why: String,
    },
    /// No translicator waits at the replica.
    #[error(
        "for {waited} s no translicator has waited at the replica {address}: start Kasho's translicator, then run the command again"
    )]
    TranslicatorAway {
        /// The replica's address, without secrets.
        address: String,
        /// Seconds.
        waited: u64,
    },
    /// The replica does not show whether a translicator waits.
    #[error(
        "it cannot be known whether a translicator waits at the replica {address}: {sessions} sessions do not show what they have asked; grant pg_read_all_stats to the role of --replica-url and see that track_activities is on, or look yourself and give --translicator unknown-is-fine"
    )]
    TranslicatorUnseen {
        /// The replica's address, without secrets.
        address: String,
        /// How many sessions there are.
        sessions: usize,
    },
    /// A local file cannot be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// The action that failed.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// Standard output, to which the changes are written, was closed by its reader.
    #[error("the reader of standard output is gone")]
    ReaderGone,
    /// Stopped by a signal; everything durable is in the checkpoint.
    #[error("stopped by {0}; run the command again, without --restart, to continue from the checkpoint")]
    Stopped(Signal),
    /// An error in this program, such as a thread that panicked.
    #[error("internal error: {0}")]
    Internal(String),
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

impl Error {
    /// Whether the same command may succeed later. For every other error, somebody has to change something first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        // 15 is reserved for a primary that cannot be reached.
        matches!(self.exit_code(), 10..=15)
    }

    /// The exit code, as docs/exit-codes.md lists them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Convert(error) => match error {
                convert::error::Error::Usage(_) | convert::error::Error::NothingChosen(_) => 2,
                convert::error::Error::Dump { .. } => 3,
                convert::error::Error::Range(_) => 4,
            },
            Self::Source(error) => match error {
                source::error::Error::Usage(_) => 2,
                source::error::Error::Archive { .. }
                | source::error::Error::Compression { .. }
                | source::error::Error::UnknownCompression { .. } => 3,
                source::error::Error::OtherDump(_) => 5,
                source::error::Error::Read { .. } => 10,
                source::error::Error::Internal(_) => 101,
            },
            Self::ChangeStreamState(_) => 4,
            Self::Checkpoint(_) => 5,
            Self::TooManyRejected { .. } | Self::TooManySkipped { .. } => 6,
            Self::Redis { error, .. } => match error.kind() {
                kvbuffer::ErrorKind::InvalidUrl { .. } | kvbuffer::ErrorKind::InvalidRun => 2,
                kvbuffer::ErrorKind::OutOfMemory => 12,
                kvbuffer::ErrorKind::LeaseLost => 11,
                kind if kind.is_retryable() => 11,
                _ => 7,
            },
            Self::Replica { error, .. } => of_replica(error),
            Self::Refused { .. } | Self::Unfit { .. } | Self::TranslicatorUnseen { .. } => 7,
            Self::Verification(_) => 8,
            Self::File { .. } => 9,
            Self::Busy(_) | Self::Lost(_) => 11,
            Self::Skipped(_) => 16,
            Self::Full { .. } => 12,
            Self::ChangeStreamAway { .. } | Self::TranslicatorAway { .. } => 13,
            Self::Internal(_) => 101,
            // The code that a shell reports for a program that SIGPIPE has ended.
            Self::ReaderGone => 141,
            Self::Stopped(Signal::Interrupt) => 130,
            Self::Stopped(Signal::Terminate) => 143,
        }
    }
}

/// The exit code of what the database said, or of the way there.
fn of_replica(error: &replica::Error) -> u8 {
    use replica::ErrorKind::{Address, File, InvalidRun, OtherRun, RowCount, Server};
    match error.kind() {
        _ if error.is_retryable() => 14,
        Address(_) | File { .. } | InvalidRun => 2,
        OtherRun { .. } => 5,
        RowCount { .. } => 3,
        // A statement or a row that PostgreSQL does not take: its syntax, its names, its values, its constraints.
        Server(error)
            if ["0A", "21", "22", "23", "2B", "2F", "3F", "42", "44", "54", "55", "P0", "XX"]
                .iter()
                .any(|class| error.code.starts_with(class))
                && error.code != "42501" =>
        {
            3
        }
        _ => 7,
    }
}
