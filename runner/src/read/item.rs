//! The output of a reading: changes, each with the point before or after it.

use std::sync::Arc;

use dump::ScanPoint;
use kvbuffer::{Sequence, footprint};
use tokio::sync::mpsc;

use crate::base::budget::Share;
use crate::base::error::Error;
use crate::base::stop::Stop;
use convert::planner::PlanPoint;
use convert::render::Block;
use convert::render::fault::FaultReason;
use convert::render::members::Rendered;
use source::{EntryStart, Identity};

/// A point between two changes: everything before it is written, and nothing after it.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The position of the scanner.
    pub scan: ScanPoint,
    /// The state of the planner there, except for the rows of the current block.
    pub plan: Arc<PlanPoint>,
    /// The number of rows up to here.
    pub rows: u64,
    /// The next number.
    pub next: Sequence,
    /// How many pieces of the next row are written. They are counted in `next`.
    pub pieces: u64,
    /// The identity of the dump.
    pub identity: Identity,
    /// Where the entry of an archive begins in which the point lies.
    pub entry: Option<EntryStart>,
    /// Bytes of the file or pipe that were read, if it is compressed. Otherwise the scanner's position is that of the
    /// file.
    pub raw: Option<u64>,
}

/// An item for the writer.
#[derive(Debug)]
pub enum Item {
    /// Changes of SQL text that belong together.
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
        /// Their changes, once a worker has made them, in parts up to the last one.
        rows: mpsc::Receiver<Converted>,
        /// How many there are.
        count: u64,
        /// How many numbers they use.
        numbers: u64,
        /// The number of the first.
        first: Sequence,
        /// Their table.
        table: Arc<str>,
        /// How they are converted.
        block: Arc<Block>,
        /// The point before them.
        before: Box<Mark>,
        /// The part of the budget that they use.
        share: Share,
    },
    /// Rows that are left out: nothing is written, but the point moves on.
    LeftOut {
        /// The point after them.
        after: Box<Mark>,
    },
    /// A table's rows have ended.
    TableEnd {
        /// The point after them.
        after: Box<Mark>,
    },
    /// The dump is complete.
    End {
        /// The point at its end.
        after: Box<Mark>,
    },
    /// The reading has failed.
    Failed(Box<Error>),
}

/// A slab after conversion, or a part of it.
#[derive(Debug)]
pub struct Converted {
    /// Its changes.
    pub rendered: Rendered,
    /// The rows that could not be converted.
    pub rejects: Vec<Reject>,
    /// Whether nothing follows. Else it ends within a row.
    pub last: bool,
    /// What it would be in the form that was to be measured, at the end.
    pub measured: Measured,
}

/// Changes that are not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// How many there are.
    pub changes: u64,
    /// Bytes that their members take in Redis.
    pub held: u64,
}

impl Measured {
    /// Adds these changes.
    pub fn add(&mut self, rendered: &Rendered) {
        for index in 0..rendered.members.len() {
            self.changes += 1;
            self.held += footprint::of_member(rendered.member(index).len() as u64);
        }
    }
}

/// Waits for a slab's rows, or for a part of them, which may take long, but no longer than for a signal.
///
/// # Errors
/// [`Error::Stopped`]; [`Error::Internal`] if the worker is gone.
pub async fn converted(rows: &mut mpsc::Receiver<Converted>, stop: &Stop) -> Result<Converted, Error> {
    tokio::select! {
        biased;
        rows = rows.recv() => rows.ok_or_else(|| Error::Internal("a converting thread ended".to_owned())),
        signal = stop.wait() => Err(Error::Stopped(signal)),
    }
}

/// A row that cannot be loaded: its place, the reason, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its index in the slab.
    pub row: u32,
    /// Offset of its first byte in the slab.
    pub start: u64,
    /// Line ends in the slab before it.
    pub lines: u64,
    /// The column, if one is the cause.
    pub column: Option<String>,
    /// The reason.
    pub reason: FaultReason,
    /// The row as the dump has it, with its line end.
    pub bytes: Vec<u8>,
}
