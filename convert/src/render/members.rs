//! What a slab becomes: members of the set, one after the other, and the rows that became none.

use super::fault::RowFault;

/// May take what was made of a slab so far, all of it: what is much comes in parts, so that nobody has to hold it whole.
pub type Give<'a> = dyn FnMut(&mut Rendered) + 'a;

/// The changes of a slab, or of a part of it.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The members, one after the other.
    pub bytes: Vec<u8>,
    /// Where each member ends, and which row it is.
    pub members: Vec<Member>,
    /// Rows that became no change.
    pub faults: Vec<RowFault>,
    /// Rows, or packs, that are SQL text because no other form holds them.
    pub as_sql: u64,
}

impl Rendered {
    /// Says that what was appended last is the member of row `row`, which ends at `row_end` of the slab.
    pub fn ends_member(&mut self, row: u32, row_end: u32) {
        self.ends_pack(row, row, row_end);
    }

    /// Says that what was appended last has the number at `number`, counted from the slab's first, and is made of the
    /// rows up to `row`, which ends at `row_end` of the slab.
    pub fn ends_pack(&mut self, number: u32, row: u32, row_end: u32) {
        let end = self.bytes.len() as u32;
        self.members.push(Member { number, row, end, row_end, lines: row + 1, pieces: 0 });
    }

    /// The member at `index`.
    #[must_use]
    pub fn member(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.members[before].end as usize);
        &self.bytes[start..self.members[index].end as usize]
    }
}

/// One member of a [`Rendered`] slab. Offsets are 32 bits: the scanner refuses a row or a statement that is
/// larger, and what a row in pieces becomes comes in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its number, counted from the slab's first.
    pub number: u32,
    /// The index in the slab of the last row in it.
    pub row: u32,
    /// Index in [`Rendered::bytes`] after the member.
    pub end: u32,
    /// Index in the slab after that row and its line end.
    pub row_end: u32,
    /// Line ends in the slab up to there.
    pub lines: u32,
    /// So many pieces of the row have come with this one, where it is not the last change of its row: then the row before is
    /// the last that is whole, and [`Member::row_end`] and [`Member::lines`] are its.
    pub pieces: u32,
}

impl Member {
    /// How many rows of the slab are whole after it.
    #[must_use]
    pub fn rows(&self) -> u64 {
        u64::from(self.row) + u64::from(self.pieces == 0)
    }
}
