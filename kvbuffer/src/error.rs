//! Errors of the buffer, and what to do about them.

use std::fmt;
use std::sync::Arc;

use crate::holder::Holder;
use crate::position::Sequence;

/// A failed operation: what failed, at which address (without its password), why, and what to do.
///
/// The cause, if Redis or the network reported one, is the [`source`](std::error::Error::source). The message does
/// not repeat it.
#[derive(Debug, thiserror::Error)]
#[error("{action} at {address}: {kind}")]
pub struct Error {
    kind: ErrorKind,
    action: &'static str,
    address: Arc<str>,
    source: Option<Cause>,
}

/// The cause of an [`Error`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    /// The error of the Redis client. The chain ends here, because its own cause repeats its text.
    #[error("{0}")]
    Redis(redis::RedisError),
    /// A file that could not be read.
    #[error("read {path}")]
    File { path: String, source: std::io::Error },
    /// A registry entry that could not be read.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// An answer of the server that the client took for a result.
    #[error("{0}")]
    Reply(String),
}

impl From<redis::RedisError> for Cause {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, action: &'static str, address: &Arc<str>) -> Self {
        Self { kind, action, address: Arc::clone(address), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Cause>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the same call may succeed later, on this connection or (if it is lost) on a new one.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// Whether the connection is no longer usable: call [`crate::Buffer::reconnect`] before a retry.
    pub fn needs_reconnect(&self) -> bool {
        // After a failover the old master answers READONLY on this connection for ever, and a slot that has moved
        // does not come back.
        matches!(
            self.kind,
            ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::ReadOnly | ErrorKind::TryAgain
        )
    }
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection, or the connection was lost.
    Unreachable,
    /// No answer in time. Whether the operation took place is unknown.
    Timeout,
    /// The server is loading its data from disk.
    Loading,
    /// The server is a replica, perhaps since a failover.
    ReadOnly,
    /// The cluster does not serve this part of its keys.
    ClusterDown,
    /// The server cannot do it right now: a slot is being moved, a script is running, or replicas or its disk are
    /// missing.
    TryAgain,
    /// The server's memory limit is reached.
    OutOfMemory,
    /// Fewer replicas than were asked for have acknowledged what was written.
    TooFewReplicas {
        /// Those that have.
        found: u32,
        /// Those that were asked for.
        wanted: u32,
    },
    /// User or password are wrong or missing.
    Auth,
    /// The user may not do this.
    Permission,
    /// A key of ours has another type.
    WrongType,
    /// The server's certificate is not trusted, ours is not, or the server does not use TLS.
    Tls,
    /// The server's configuration endangers the data.
    Policy,
    /// The server, or this library, does not support this.
    Unsupported,
    /// An unexpected answer.
    Protocol,
    /// Another process is writing to this buffer.
    LeaseHeld {
        /// The process.
        holder: Box<Holder>,
    },
    /// Our lease was taken over, released or flushed. The process must stop writing.
    LeaseLost,
    /// The run's checkpoint is not where our last acknowledged batch left it.
    CheckpointConflict {
        /// The next sequence as this process knows it.
        expected: u64,
        /// The next sequence in Redis; `None` if the run is gone (flushed or expired).
        found: Option<u64>,
    },
    /// The range of a batch contains more or fewer entries than were written.
    ForeignEntry {
        /// The batch's first sequence.
        first: Sequence,
        /// The batch's last sequence.
        last: Sequence,
        /// Its members.
        expected: u64,
        /// The entries in its range.
        found: u64,
    },
    /// An address that is not valid.
    InvalidUrl {
        /// The fault in it.
        reason: &'static str,
    },
    /// A run id that cannot be used.
    InvalidRun,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::Timeout
                | Self::Loading
                | Self::ReadOnly
                | Self::ClusterDown
                | Self::TryAgain
                | Self::OutOfMemory
                | Self::TooFewReplicas { .. }
        )
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "Redis cannot be reached; check host, port and network",
            Self::Timeout => "Redis did not answer in time; check its load or allow more time",
            Self::Loading => "Redis is loading its data; wait until it is done",
            Self::ReadOnly => "this server is a replica; connect to the master",
            Self::ClusterDown => "the cluster does not serve these keys; check its nodes",
            Self::TryAgain => "Redis cannot do this right now; try again",
            Self::OutOfMemory => "Redis is at its memory limit; raise maxmemory or free memory",
            Self::TooFewReplicas { found, wanted } => {
                return write!(
                    f,
                    "{found} of {wanted} replicas have acknowledged what was written; check replication"
                );
            }
            Self::Auth => "Redis refused the login; check user and password",
            Self::Permission => "the user lacks a permission; check its ACL",
            Self::WrongType => "a key holds another type; use another key or remove it",
            Self::Tls => "no trusted TLS connection; check CA, certificates and host name",
            Self::Policy => "the server's configuration endangers the data; change it",
            Self::Unsupported => "this is not supported; check the server's version and mode",
            Self::Protocol => "the answer is not one that is expected; check what else uses these keys",
            Self::LeaseHeld { holder } => return write!(f, "{holder}"),
            Self::LeaseLost => "another process has taken over this run; stop writing",
            Self::InvalidRun => "a run id has 1 to 200 visible characters and does not begin with #",
            Self::InvalidUrl { reason } => return write!(f, "the address cannot be used: {reason}"),
            Self::CheckpointConflict { expected, found: Some(found) } => {
                return write!(f, "the run's next sequence is {found}, not {expected}; load its checkpoint again");
            }
            Self::CheckpointConflict { expected, found: None } => {
                return write!(
                    f,
                    "the run is gone (flushed or expired?), its next sequence was {expected}; register it again"
                );
            }
            Self::ForeignEntry { first, last, expected, found } => {
                return write!(
                    f,
                    "sequences {first} to {last} hold {found} entries, but {expected} were written; \
                     something else writes there, or an earlier run left entries"
                );
            }
        })
    }
}
