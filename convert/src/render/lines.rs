//! Rows in COPY's text form: what every form of a dump is brought into first.

use std::ops::Range;

/// How many numbers a slab takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// All of them.
    pub all: u64,
    /// Those of its last row, or of the pack that ends with it: more than one where it goes in pieces.
    pub last: u64,
}

impl Numbers {
    /// Each row, or each pack, is one change.
    #[must_use]
    pub fn plain(all: u64) -> Self {
        Self { all, last: 1 }
    }
}

/// Rows in COPY's text form, as a slab or as what INSERT statements were brought into.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// Whole rows with their line ends.
    pub bytes: &'a [u8],
    /// These are `\r\n`.
    pub crlf: bool,
    /// How many rows there are.
    pub rows: u64,
    /// How many numbers they have.
    pub numbers: Numbers,
    /// The first one's number in its table, from 0.
    pub first_row: u64,
    /// Those of them, by their index, whose statement says ON CONFLICT DO NOTHING; in order.
    pub ignoring: &'a [Range<u32>],
}

/// [`Lines::ignoring`] for all rows that there can be.
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges, of which there is one")]
pub(super) const ALL: &[Range<u32>] = &[0..u32::MAX];

impl<'a> Lines<'a> {
    /// Whether one of these rows is of a statement that says ON CONFLICT DO NOTHING.
    pub(super) fn ignores(&self, rows: &Range<u32>) -> bool {
        self.ignoring.iter().any(|these| these.start < rows.end && rows.start < these.end)
    }

    /// [`Lines::ignoring`] of a row by itself.
    pub(super) fn ignoring_alone(&self, row: u32) -> &'a [Range<u32>] {
        if self.ignores(&(row..row + 1)) { ALL } else { &[] }
    }
}

/// A line that COPY's rules refuse whatever the columns are: the place of a row that has a fault already.
pub(super) const REFUSED: &[u8] = b"\\";

/// One byte of a value, as COPY's text has it.
#[inline]
pub(super) fn push(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => out.push(byte),
    }
}
