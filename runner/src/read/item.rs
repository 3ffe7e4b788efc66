//! What a reading gives: changes, each with the point before or after it.

use std::sync::Arc;

use dump::ScanPoint;
use kvbuffer::Sequence;
use tokio::sync::oneshot;

use crate::base::budget::Share;
use crate::base::error::Error;
use convert::planner::PlanPoint;
use convert::render::Block;
use convert::render::fault::FaultReason;
use convert::render::members::Rendered;
use source::Identity;

/// A point between two changes: everything before it is written, nothing after it.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Where the scanner stands.
    pub scan: ScanPoint,
    /// What the planner knows there, but for the rows of the block in hand.
    pub plan: Arc<PlanPoint>,
    /// Rows up to here.
    pub rows: u64,
    /// The next number.
    pub next: Sequence,
    /// So many pieces of the next row are written, and counted in `next`.
    pub pieces: u64,
    /// Which dump it is.
    pub identity: Identity,
    /// Bytes of the file or pipe that were read, where it is compressed; elsewhere the scanner's place is the file's.
    pub raw: Option<u64>,
}

/// What arrives at the writer.
#[derive(Debug)]
pub enum Item {
    /// Changes of SQL text, which belong together.
    Sql {
        /// The members, one after the other, and where each ends.
        members: Rendered,
        /// The number of the first.
        first: Sequence,
        /// The point after them.
        after: Box<Mark>,
    },
    /// Rows.
    Rows {
        /// Their changes, once a worker has made them.
        rows: oneshot::Receiver<Converted>,
        /// How many there are.
        count: u64,
        /// How many numbers they have.
        numbers: u64,
        /// The number of the first.
        first: Sequence,
        /// Their table.
        table: Arc<str>,
        /// What they become.
        block: Arc<Block>,
        /// The point before them.
        before: Box<Mark>,
        /// Their share of the budget.
        share: Share,
    },
    /// Nothing to write; the point moves on.
    Passed {
        /// The point.
        after: Box<Mark>,
        /// A table's rows have ended.
        table_end: bool,
    },
    /// The dump is complete.
    End {
        /// The point at its end.
        after: Box<Mark>,
    },
    /// It cannot go on.
    Failed(Box<Error>),
}

/// A slab after conversion.
#[derive(Debug)]
pub struct Converted {
    /// Its changes.
    pub rendered: Rendered,
    /// The rows that became none.
    pub rejects: Vec<Reject>,
}

/// A row that cannot be loaded: where, why, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its index in the slab.
    pub row: u32,
    /// Offset of its first byte from the slab's.
    pub start: u64,
    /// Line ends in the slab before it.
    pub lines: u64,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// Why.
    pub reason: FaultReason,
    /// The row as the dump has it, with its line end.
    pub bytes: Vec<u8>,
}
