//! Why a dump cannot be opened or read.

use std::io;

use dump::archive::ArchiveError;

/// Why a dump cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option is wrong, or a file does not exist.
    #[error("{0}")]
    Usage(String),
    /// The dump cannot be decompressed.
    #[error(
        "{name}: the {format} stream is cut off or damaged at byte {offset} of the decompressed dump: {reason}; copy it again"
    )]
    Compression {
        /// The dump.
        name: String,
        /// The compression.
        format: &'static str,
        /// How many bytes were decompressed before the failure.
        offset: u64,
        /// The message of the decompressor.
        reason: String,
    },
    /// The dump is an archive that cannot be read.
    #[error("{name}: {error}")]
    Archive {
        /// The dump.
        name: String,
        /// What about it.
        #[source]
        error: ArchiveError,
    },
    /// A compression that is not supported.
    #[error(
        "{name}: it is compressed by {format}, which cannot be read: decompress it into a pipe (`… | pg-bootstrap-sync --dump-file -`)"
    )]
    UnknownCompression {
        /// The dump.
        name: String,
        /// The compression.
        format: &'static str,
    },
    /// The dump is not the one of the checkpoint, or it changed while it was read.
    #[error("{0}")]
    OtherDump(String),
    /// Reading failed.
    #[error("{action} {name}")]
    Read {
        /// The action that failed.
        action: &'static str,
        /// The dump.
        name: String,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// An error in this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// An error and all its causes, on one line.
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
