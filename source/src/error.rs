//! Why a dump cannot be opened or read.

use std::io;

/// Why a dump cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option that is wrong, or a file that is not there.
    #[error("{0}")]
    Usage(String),
    /// Its compression cannot be undone.
    #[error(
        "{name}: the {format} stream is cut off or damaged at byte {offset} of the decompressed dump: {reason}; copy it again"
    )]
    Compression {
        /// The dump.
        name: String,
        /// The compression.
        format: &'static str,
        /// Bytes that were decompressed before.
        offset: u64,
        /// What the decompressor says.
        reason: String,
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
    /// It is not the dump that a checkpoint knows, or not the one any more whose reading began.
    #[error("{0}")]
    OtherDump(String),
    /// It could not be read on.
    #[error("{action} {name}")]
    Read {
        /// What was tried.
        action: &'static str,
        /// The dump.
        name: String,
        /// Why it failed.
        #[source]
        error: io::Error,
    },
    /// Something of this process.
    #[error("internal error: {0}")]
    Internal(String),
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
