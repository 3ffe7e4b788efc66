//! Why an archive cannot be read.

use std::fmt;
use std::io;

/// What was being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// The header.
    Header,
    /// The entry of the table of contents at this place, counted from 1, and the name if it is known.
    Contents(usize, Option<String>),
    /// The data of an entry.
    Data(String),
    /// What follows the data of the last entry.
    End,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("its header"),
            Self::Contents(number, None) => write!(f, "entry number {number} of its table of contents"),
            Self::Contents(number, Some(name)) => {
                write!(f, "entry number {number} of its table of contents ({name})")
            }
            Self::Data(name) => write!(f, "the data of {name}"),
            Self::End => f.write_str("what follows its last entry"),
        }
    }
}

/// Why an archive cannot be read. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A version that is not known.
    #[error(
        "the archive has version {major}.{minor}, and versions 1.12 to 1.16 can be read: convert it with the pg_restore of the same version (`pg_restore --file=- ARCHIVE`)"
    )]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The header is one that pg_dump does not write, or only for another kind of archive.
    #[error("the archive's header cannot be read: {what}")]
    Header {
        /// What was found, and what to do.
        what: String,
    },
    /// The bytes end too early.
    #[error("the archive is cut off at byte {offset}, in {within}; make the dump again, or copy it again")]
    CutOff {
        /// Offset from the start of the archive, or of the file of a directory.
        offset: u64,
        /// What was being read.
        within: Within,
    },
    /// The bytes are not what they should be.
    #[error(
        "the archive is damaged at byte {offset}, in {within}: {what}; make the dump again, or copy it again"
    )]
    Damaged {
        /// Offset from the start of the archive, or of the file of a directory.
        offset: u64,
        /// What was being read.
        within: Within,
        /// What was found.
        what: String,
    },
    /// An entry of the table of contents makes no sense.
    #[error("the archive's table of contents cannot be read: {what}; make the dump again, or copy it again")]
    Contents {
        /// The entry, and what about it.
        what: String,
    },
    /// A list of entries names one that is not there.
    #[error(
        "the list of entries names entry {id}, which the archive does not have: make the list from this archive"
    )]
    NotListed {
        /// Its number.
        id: i32,
    },
    /// A list asks for data in an order in which they cannot be read.
    #[error(
        "the list asks for the data of {entry} in another order than that of the archive, and only a directory, or a custom archive that has offsets and is a file or an object, can be read so: leave the entries in their order"
    )]
    OutOfOrder {
        /// The entry.
        entry: String,
    },
    /// A link, a folder or a device in place of a file of a directory.
    #[error(
        "the archive's {name} is no file, and pg_dump writes nothing else into a directory: copy the archive again, with the files that links lead to"
    )]
    NotAFile {
        /// Its name in the directory.
        name: String,
    },
    /// The data of an entry are not there.
    #[error("the archive has no data of {entry}: {what}; make the dump again, or copy it again")]
    NoData {
        /// The entry.
        entry: String,
        /// What is missing.
        what: String,
    },
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
