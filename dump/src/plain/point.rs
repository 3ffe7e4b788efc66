//! Where a scanner stands, and how large its slabs are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::copy::{SLAB_BYTES, SLAB_ROWS};
use crate::insert::OnConflict;
use crate::variable::Variables;

/// No more of a statement is looked at before its first rows are given out.
const MOST_AHEAD: usize = 4 << 20;

/// How large slabs are: a property of what reads the dump, the same from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlabSize {
    /// A slab ends at the first row end at or after each multiple of this many bytes from the start of its block.
    pub bytes: usize,
    /// A slab has at most this many rows.
    pub rows: u64,
    /// A slab also ends behind so many rows of its block.
    pub border: u64,
}

impl Default for SlabSize {
    fn default() -> Self {
        Self { bytes: SLAB_BYTES, rows: SLAB_ROWS, border: u64::MAX }
    }
}

impl SlabSize {
    /// So many bytes of a statement are looked at before rows of it are given out.
    pub(super) fn look_ahead(self) -> usize {
        (32 * self.bytes).min(MOST_AHEAD)
    }

    /// How many rows a slab may have that begins behind so many of its block.
    pub(super) fn most(self, before: u64) -> u64 {
        match self.border.checked_sub(before) {
            None | Some(0) => self.rows,
            Some(left) => self.rows.min(left),
        }
    }

    /// Bytes from `offset`, which begins a row, to the next multiple of [`SlabSize::bytes`] from the block's start.
    pub(super) fn target(self, block: &BlockPoint, offset: u64) -> usize {
        let into = (offset - block.data) % self.bytes as u64;
        self.bytes - into as usize
    }
}

/// Where a scanner stands and what it must know to go on from there: all of it, in a form that can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPoint {
    /// Offset of the next byte in the decompressed dump.
    pub offset: u64,
    /// Its line, 1-based.
    pub line: u64,
    /// `standard_conforming_strings`.
    pub standard: bool,
    /// `client_encoding`, by PostgreSQL's name.
    pub encoding: String,
    /// pg_dump's head was seen, so its closing line must come.
    pub head: bool,
    /// pg_dump's closing line was seen.
    pub complete: bool,
    /// pg_dumpall's head was seen, and not yet its closing line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cluster: bool,
    /// `\restrict` was seen, and not yet `\unrestrict`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
    /// psql's variables that were set.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The block of rows in which the point lies.
    pub block: Option<BlockPoint>,
}

/// A point inside a block of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPoint {
    /// The COPY statement, or what the INSERT statements begin with, up to VALUES.
    pub statement: Arc<str>,
    /// Where it begins.
    pub offset: u64,
    /// Its line.
    pub line: u64,
    /// Where the first row begins.
    pub data: u64,
    /// Rows before the point.
    pub rows: u64,
    /// Lines end in `\r\n`.
    pub crlf: bool,
    /// The bytes of the statement, where these are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Vec<u8>>,
    /// Of a block of INSERT statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insert: Option<InsertPoint>,
}

/// What is known of a block of INSERT statements at a point in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsertPoint {
    /// How many values each row has.
    pub width: usize,
    /// What the statement that the point lies in says behind its rows.
    pub open: OnConflict,
}

impl Default for ScanPoint {
    fn default() -> Self {
        Self {
            offset: 0,
            line: 1,
            standard: true,
            encoding: "UTF8".to_owned(),
            head: false,
            complete: false,
            cluster: false,
            restricted: false,
            variables: Variables::default(),
            block: None,
        }
    }
}

impl ScanPoint {
    /// The point `rows` rows, which take `bytes` bytes and hold `lines` line ends, further on in the same block.
    #[must_use]
    pub fn after_rows(&self, rows: u64, bytes: u64, lines: u64) -> Self {
        let mut point = self.clone();
        point.offset += bytes;
        point.line += lines;
        if let Some(block) = &mut point.block {
            block.rows += rows;
        }
        point
    }
}
