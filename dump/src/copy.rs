//! COPY: the statement's head, slabs of rows, and the text form of values.
//!
//! The text form is PostgreSQL's: a row ends at a line feed, its fields are separated by tabs, a field that is
//! exactly `\N` is NULL, and only then are backslash escapes undone.
//!
//! Rows are scanned by hand: a library for CSV or TSV knows neither `\N` nor PostgreSQL's escapes, and
//! every byte of a dump passes here.

use std::sync::Arc;

use crate::encoding::Encoding;
use crate::error::{Place, ScanError};
use crate::header::{CopyColumns, CopyHeader, columns};
use crate::insert::Shape;
use crate::name::{Cursor, QualifiedName};

mod options;

impl CopyHeader {
    /// Reads the statement `text`, which began at `place`.
    ///
    /// # Errors
    /// [`ScanError::Copy`] for options that change the form of the rows (`WITH (FORMAT csv)` and the like),
    /// which pg_dump never writes. `encoding` is the one that the rows have if no option says another.
    pub fn parse(text: &str, place: Place, standard: bool, encoding: Encoding) -> Result<Self, ScanError> {
        let error = |what: &str| ScanError::Copy { at: place, what: what.to_owned() };
        let mut c = Cursor::new(text, standard);
        c.word("COPY");
        if c.word("BINARY") {
            return Err(error(options::BINARY));
        }
        let table =
            c.parts().and_then(QualifiedName::from_parts).ok_or_else(|| error("it names no table"))?;
        let listed = if c.symbol(b'(') {
            Some(columns(&mut c).ok_or_else(|| error("its list of columns does not end"))?)
        } else {
            None
        };
        let columns = match listed {
            Some(names) => CopyColumns::Listed(names),
            None if text.contains("  FROM stdin") => CopyColumns::Zero,
            None => CopyColumns::All,
        };
        if !c.words(&["FROM", "STDIN"]) {
            return Err(error("only COPY … FROM stdin is understood"));
        }
        options::check(&mut c, encoding).map_err(|what| error(&what))?;
        Ok(Self { table, columns, place, insert: false })
    }
}

/// A slab ends at the first row end at or after each multiple of this many bytes from the start of its block.
pub const SLAB_BYTES: usize = 128 * 1024;
/// A slab has at most this many rows, so that short rows, which grow most when they become changes, stay
/// bounded too.
pub const SLAB_ROWS: u64 = 4096;
/// Whole rows of one block, as they stand in the dump.
///
/// Where a slab ends is a function of the dump alone, never of how its bytes arrived.
#[derive(Debug)]
pub struct Slab {
    pub(crate) buffer: Vec<u8>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the first row begins.
    pub place: Place,
    /// The number of the first row within its block, from 0.
    pub first_row: u64,
    /// How many rows there are.
    pub rows: u64,
    /// Lines end in `\r\n` (a dump whose line ends were converted): the `\r` is not part of the row.
    pub crlf: bool,
    /// The rows are those of INSERT statements, with this head; else they are COPY's.
    pub insert: Option<Arc<Shape>>,
}

impl Slab {
    /// The rows, each with its line end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The offset in the dump after the last row.
    #[must_use]
    pub fn end_offset(&self) -> u64 {
        self.place.offset + (self.end - self.start) as u64
    }

    /// Gives the buffer back, for [`Scanner::recycle`](crate::Scanner::recycle).
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// The field that means NULL.
pub const NULL: &[u8] = b"\\N";

/// Why a field cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A backslash with nothing after it.
    #[error("it ends in a single backslash")]
    DanglingBackslash,
    /// `\.`, at which PostgreSQL takes the data for ended, or refuses it.
    #[error("it holds \\., which ends the rows for PostgreSQL")]
    EndMarker,
    /// A carriage return in the middle, which PostgreSQL refuses too.
    #[error("it holds a carriage return that is not written as \\r")]
    CarriageReturn,
}

/// Undoes the escapes of a field that is not NULL, appending its bytes to `out`.
///
/// # Errors
/// [`FieldError`] where PostgreSQL refuses the field as well.
pub fn unescape(field: &[u8], out: &mut Vec<u8>) -> Result<(), FieldError> {
    unescape_part(field, out, usize::MAX).map(|_| ())
}

/// The same for the beginning of a field, until `most` bytes were appended or the field has ended. Says how many bytes of the
/// field that were; the rest is a field by itself.
///
/// # Errors
/// As [`unescape`].
pub fn unescape_part(field: &[u8], out: &mut Vec<u8>, most: usize) -> Result<usize, FieldError> {
    let (mut rest, enough) = (field, out.len().saturating_add(most));
    while !rest.is_empty() && out.len() < enough {
        let room = rest.len().min(enough - out.len());
        let Some(at) = memchr::memchr2(b'\\', b'\r', &rest[..room]) else {
            out.extend_from_slice(&rest[..room]);
            rest = &rest[room..];
            continue;
        };
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'\r' {
            return Err(FieldError::CarriageReturn);
        }
        if rest.get(at + 1) == Some(&b'.') {
            return Err(FieldError::EndMarker);
        }
        let (byte, used) = escape(&rest[at + 1..]).ok_or(FieldError::DanglingBackslash)?;
        out.push(byte);
        rest = &rest[at + 1 + used..];
    }
    Ok(field.len() - rest.len())
}

/// The byte that the escape after a backslash stands for, and how many bytes it takes.
fn escape(rest: &[u8]) -> Option<(u8, usize)> {
    let digits = |radix: u32, most: usize, from: usize| {
        rest[from..]
            .iter()
            .take(most)
            .map_while(|&b| (b as char).to_digit(radix))
            .fold((0u32, 0), |(v, n), d| (v * radix + d, n + 1))
    };
    Some(match *rest.first()? {
        b'b' => (0x08, 1),
        b'f' => (0x0c, 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b't' => (b'\t', 1),
        b'v' => (0x0b, 1),
        b'0'..=b'7' => {
            let (value, length) = digits(8, 3, 0);
            ((value & 0xff) as u8, length)
        }
        b'x' => match digits(16, 2, 1) {
            (_, 0) => (b'x', 1),
            (value, length) => (value as u8, 1 + length),
        },
        other => (other, 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<(String, CopyColumns), ScanError> {
        CopyHeader::parse(text, Place::default(), true, Encoding::Utf8)
            .map(|h| (h.table.to_string(), h.columns))
    }

    #[test]
    fn heads() {
        let listed = |names: &[&str]| CopyColumns::Listed(names.iter().map(|&n| n.to_owned()).collect());
        assert_eq!(
            header("COPY public.t (a, \"b,)\") FROM stdin;"),
            Ok(("public.t".to_owned(), listed(&["a", "b,)"])))
        );
        assert_eq!(
            header("COPY \"S\".\"user\"  FROM stdin;"),
            Ok(("\"S\".\"user\"".to_owned(), CopyColumns::Zero))
        );
        assert_eq!(header("COPY t FROM STDIN;"), Ok(("t".to_owned(), CopyColumns::All)));
        assert!(header("COPY BINARY t FROM stdin;").unwrap_err().to_string().contains("binary format"));
    }

    #[test]
    fn escapes() {
        let read = |field: &str| {
            let mut out = Vec::new();
            unescape(field.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(read(r"a\tb\\t\n\r\b\f\v\q"), Ok("a\tb\\t\n\r\u{8}\u{c}\u{b}q".to_owned()));
        assert_eq!(read(r"a\\.b"), Ok("a\\.b".to_owned()));
        assert_eq!(read(r"a\.b"), Err(FieldError::EndMarker));
        assert_eq!(read(r"\101\1018\7\x41\x4G\xZ"), Ok("AA8\u{7}A\u{4}GxZ".to_owned()));
        assert_eq!(read("a\\"), Err(FieldError::DanglingBackslash));
        assert_eq!(read("a\rb"), Err(FieldError::CarriageReturn));
    }

    #[test]
    fn the_parts_of_a_field_are_the_field() {
        let field = br"ab\\cd\tef\101\x41\7gh\\";
        let mut whole = Vec::new();
        unescape(field, &mut whole).unwrap();
        for most in 1..=whole.len() {
            let (mut rest, mut parts) = (field.as_slice(), Vec::new());
            while !rest.is_empty() {
                let before = parts.len();
                let used = unescape_part(rest, &mut parts, most).unwrap();
                assert!(parts.len() - before <= most);
                rest = &rest[used..];
            }
            assert_eq!(parts, whole, "in parts of {most}");
        }
    }
}
