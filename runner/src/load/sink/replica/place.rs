//! Where rows come from: their places in the dump, by their places in what is sent. Pure.

use std::sync::Arc;

use convert::render::Block;
use dump::Place;
use replica::ServerError;

use crate::load::reject::Rejected;
use crate::load::sink::places::Places;
use crate::read::item::Reject;

/// Where the rows of a slab are in the dump.
#[derive(Debug, Clone)]
pub struct SlabPlace {
    /// What they are rows of.
    pub block: Arc<Block>,
    /// Where the block begins in the dump, and its line.
    pub block_at: (u64, u64),
    /// Where the slab begins.
    pub place: Place,
    /// The first row's number in its block, from 0.
    pub first_row: u64,
    /// How many are sent.
    pub rows: u64,
    /// The rows that are left out already, by their numbers in the slab, and how long they are.
    pub rejected: Vec<(u64, u64)>,
    /// Each row is a line of the dump.
    pub lines: bool,
    /// How it is told.
    pub places: Places,
}

impl SlabPlace {
    /// The place of a slab of so many rows, with these left out, which begins at `before`.
    #[must_use]
    pub fn new(
        block: &Arc<Block>,
        before: &dump::ScanPoint,
        rows: u64,
        rejects: &[Reject],
        places: Places,
    ) -> Self {
        let at = before.block.as_ref();
        Self {
            block: Arc::clone(block),
            block_at: at.map_or((before.offset, before.line), |at| (at.offset, at.line)),
            place: Place { offset: before.offset, line: before.line },
            first_row: at.map_or(0, |at| at.rows),
            rows: rows.saturating_sub(rejects.len() as u64),
            rejected: rejects.iter().map(|one| (u64::from(one.row), one.bytes.len() as u64)).collect(),
            lines: at.is_some_and(|at| at.insert.is_none()),
            places,
        }
    }

    /// The number in the slab as it is in the dump, of a row as it was sent, and how many bytes were left out before.
    fn original(&self, row: u64) -> (u64, u64) {
        let (mut original, mut left_out) = (row, 0);
        for (rejected, length) in &self.rejected {
            if *rejected <= original {
                original += 1;
                left_out += length;
            }
        }
        (original, left_out)
    }

    /// The line of the reject file for a row that begins at `start` of what was sent. Only of lines that are sent as they
    /// are is it known where exactly they begin.
    pub(super) fn reject<'a>(
        &self,
        row: u64,
        start: usize,
        bytes: &'a [u8],
        error: &ServerError,
    ) -> Rejected<'a> {
        let (original, left_out) = self.original(row);
        let exact = self.lines && self.block.transformed.is_none();
        let line = self.place.line + if self.lines { original } else { 0 };
        let column = error.place.as_ref().and_then(|place| place.column.clone()).or(error.column.clone());
        Rejected {
            table: self.block.plan.table.clone(),
            row: self.first_row + original + 1,
            place: Place {
                offset: match self.places {
                    Places::Changes => line,
                    Places::Lines => self.place.offset + if exact { start as u64 + left_out } else { 0 },
                },
                line,
            },
            column,
            reason: error.said(),
            bytes,
        }
    }
}
