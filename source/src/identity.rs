//! Which dump it is.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What to do where it is another one.
pub const START_OVER: &str = "use --restart to delete what was loaded and start over";

/// Which dump it is. Compared on resume: another one is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// A file: two files are the same dump if all of this is the same. Its path does not matter.
    File {
        /// Bytes.
        size: u64,
        /// Modification time, nanoseconds since 1970.
        mtime: u64,
        /// XXH3 of the first [`HEAD`] bytes, in hexadecimal.
        head: String,
    },
    /// An object: its version is what counts, and that lies in one place.
    Object {
        /// Where it lies: `s3://bucket/key`.
        uri: String,
        /// Bytes.
        size: u64,
        /// What the service says of its content.
        etag: String,
    },
    /// A pipe: its bytes up to an offset of the decompressed dump are known.
    Pipe {
        /// How many bytes the hash is of.
        hashed: u64,
        /// XXH3 of them, in hexadecimal.
        hash: String,
    },
}

impl Identity {
    /// How many bytes there are, compressed as they are; a pipe does not tell.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File { size, .. } | Self::Object { size, .. } => Some(*size),
            Self::Pipe { .. } => None,
        }
    }
}

/// So many bytes of a file are part of its identity.
pub const HEAD: usize = 64 * 1024;

/// Checks the dump of a checkpoint, `ours`, against the one that is there now.
///
/// # Errors
/// [`Error::OtherDump`] that names what differs.
pub fn check_source(ours: &Identity, name: &str, now: Option<&Identity>) -> Result<(), Error> {
    difference(ours, now).map_or(Ok(()), |differs| {
        Err(Error::OtherDump(format!("the checkpoint is of another dump, {name}: {differs}; {START_OVER}")))
    })
}

/// What differs, for a message.
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
