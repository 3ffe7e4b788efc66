//! The identity of a dump.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What to do if it is another dump.
pub const START_OVER: &str = "use --restart to delete what was loaded and start over";

/// The identity of a dump. It is compared when a run is resumed; another dump is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// A file. Two files are the same dump if all of these values are equal. The path does not matter.
    File {
        /// Its size in bytes.
        size: u64,
        /// Modification time, nanoseconds since 1970.
        mtime: u64,
        /// XXH3 of the first [`HEAD`] bytes, in hexadecimal.
        head: String,
    },
    /// An object: its version identifies it, in one bucket.
    Object {
        /// Its address: `s3://bucket/key`, or a URL without its query.
        uri: String,
        /// Its size in bytes.
        size: u64,
        /// The ETag that the service gives for its content.
        etag: String,
    },
    /// A pipe: the hash of its bytes up to an offset of the decompressed dump.
    Pipe {
        /// How many bytes are hashed.
        hashed: u64,
        /// XXH3 of these bytes, in hexadecimal.
        hash: String,
    },
}

impl Identity {
    /// The size as stored, which may be compressed; unknown for a pipe.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File { size, .. } | Self::Object { size, .. } => Some(*size),
            Self::Pipe { .. } => None,
        }
    }
}

/// For people, and to compare two of them: the size, and what tells the dump apart from another one of that size.
impl std::fmt::Display for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { size, mtime, head } => {
                write!(out, "file of {size} bytes, mtime {}, XXH3 of its head {head}", mtime / 1_000_000_000)
            }
            Self::Object { uri, size, etag } => write!(out, "{uri} of {size} bytes, ETag {etag}"),
            Self::Pipe { hashed, hash } => write!(out, "pipe, XXH3 of its first {hashed} bytes {hash}"),
        }
    }
}

/// How many bytes of a file are part of its identity.
pub const HEAD: usize = 64 * 1024;

/// Checks that the dump of a checkpoint, `ours`, is the one that is there now.
///
/// # Errors
/// [`Error::OtherDump`], which names the differences.
pub fn check_source(ours: &Identity, name: &str, now: Option<&Identity>) -> Result<(), Error> {
    difference(ours, now).map_or(Ok(()), |differs| {
        Err(Error::OtherDump(format!("the checkpoint is of another dump, {name}: {differs}; {START_OVER}")))
    })
}

/// The differences, for a message.
#[must_use]
pub fn difference(ours: &Identity, now: Option<&Identity>) -> Option<String> {
    Some(match (ours, now) {
        (Identity::Pipe { .. }, None) => return None,
        (ours, Some(now)) if ours == now => return None,
        (
            Identity::File { size, mtime, .. },
            Some(Identity::File { size: size_now, mtime: mtime_now, .. }),
        ) => {
            if size != size_now {
                format!("it had {size} bytes, now it has {size_now}")
            } else if mtime != mtime_now {
                "its modification time has changed".to_owned()
            } else {
                "its first bytes have changed".to_owned()
            }
        }
        (Identity::Object { uri, size, .. }, Some(Identity::Object { uri: uri_now, size: size_now, .. })) => {
            if uri != uri_now {
                format!("now it is {uri_now}")
            } else if size != size_now {
                format!("it had {size} bytes, now it has {size_now}")
            } else {
                "its ETag has changed".to_owned()
            }
        }
        (ours, now) => {
            let now = match now {
                None | Some(Identity::Pipe { .. }) => "now it comes from a pipe",
                Some(Identity::File { .. }) => "now it is a file",
                Some(Identity::Object { .. }) => "now it is an object",
            };
            let then = match ours {
                Identity::Pipe { .. } => "it came from a pipe",
                Identity::File { .. } => "it was a file",
                Identity::Object { .. } => "it was an object",
            };
            format!("{then}, {now}")
        }
    })
}

/// A hash as text.
pub(crate) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
