//! Which archive it is, by its first bytes.

use super::contents::{CONTENTS, MAGIC};

/// So many bytes are enough for [`Format::detect`].
pub const ENOUGH: usize = 512;

/// An archive that is one stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `pg_dump --format=custom`.
    Custom,
    /// `pg_dump --format=tar`.
    Tar,
}

impl Format {
    /// The format that bytes beginning so have; `None` if they are no archive.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        let first_member =
            |name: &str| bytes.starts_with(name.as_bytes()) && bytes.get(name.len()) == Some(&0);
        if bytes.starts_with(MAGIC) {
            Some(Self::Custom)
        } else if first_member(CONTENTS) && bytes.get(257..262) == Some(b"ustar") {
            Some(Self::Tar)
        } else {
            None
        }
    }

    /// Whether bytes that begin so, at least five, can be an archive.
    #[must_use]
    pub fn may_be(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC) || bytes.starts_with(&CONTENTS.as_bytes()[..5])
    }

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Tar => "tar",
        }
    }
}
