//! What the three formats have in common: where the data of entries come from.

use std::io;

use super::contents::Entry;

/// The data of the entries. They are asked for in the order of the table of contents unless a list asks for another
/// one, each to its end.
pub(super) trait Store: Send {
    /// Goes to the data of an entry: to those of a table, or before the first large object.
    fn open(&mut self, entry: &Entry) -> io::Result<()>;

    /// The data of this entry are not wanted now.
    fn pass(&mut self, entry: &Entry) -> io::Result<()>;

    /// Goes to the next large object of the entry, and returns its OID; `None` behind the last one.
    fn next_object(&mut self) -> io::Result<Option<u32>>;

    /// Reads on in the data of the table or of the large object; 0 at their end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Checks what follows the data of the last entry.
    fn finish(&mut self) -> io::Result<()>;
}

/// Whether the entry is one of large objects.
pub(super) fn has_objects(entry: &Entry) -> bool {
    entry.kind == "BLOBS"
}

/// Data were asked for in a way that the formats do not allow: an error of this program.
pub(super) fn out_of_turn() -> io::Error {
    io::Error::other("the data of an archive were read out of turn, or after an error")
}
