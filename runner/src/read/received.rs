//! Changes that lie in Redis, as items: rows that follow each other in slabs for COPY, statements one by one.
//!
//! ```text
//! pages of the set ─▶ convert::received ─┬─▶ rows ─▶ a slab, until it is large, or the table is another ─┐
//!                                        └─▶ statements ────────────────────────────────────────────────┴─▶ items
//! ```
//!
//! # Guarantees
//!
//! - Where slabs end depends on the changes from the first one on alone, not on pages: what was done of them is recognised by
//!   their numbers.
//! - A row of a slab of single rows has the slab's first number plus its own in the slab: a hole ends the slab.

use std::sync::Arc;

use convert::planner::PlanPoint;
use convert::received::{Fault, Reader, Received};
use convert::render::Block;
use convert::render::members::{Member, Rendered};
use dump::insert::OnConflict;
use dump::{BlockPoint, InsertPoint, ScanPoint};
use kvbuffer::{Entry, Position, Sequence};
use source::Identity;
use tokio::sync::mpsc;

use super::item::{Converted, Item, Mark, Measured};
use super::pipeline::{Giving, Pipeline, Unwanted};
use crate::base::error::Error;

/// A slab ends with the row that makes it so large.
pub const SLAB: usize = 256 << 10;

/// Entries of the set in their order, and the end of them, or why they cannot be read.
pub type Page = Result<Vec<Entry>, Error>;

/// Where a reading begins.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The first change of the run.
    pub first: Sequence,
    /// The change after its last one.
    pub end: Sequence,
    /// The change to begin with.
    pub next: Sequence,
    /// Rows before it.
    pub rows: u64,
    /// The block of rows that it may go on with, and its table.
    pub block: Option<(BlockPoint, String)>,
    /// What was counted before it.
    pub plan: PlanPoint,
    /// The dump that the changes are of.
    pub identity: Identity,
    /// How many numbers from `next` on have no change.
    pub holes: u64,
    /// How many bytes it has: what is told of progress is a part of them.
    pub bytes: u64,
}

/// Starts a thread that makes items of the pages. The pages end where their sender does.
///
/// # Errors
/// [`Error::Internal`] if the system cannot start it.
pub fn start(begin: Begin, mut pages: mpsc::Receiver<Page>) -> Result<Pipeline, Error> {
    Pipeline::of("received", move |giving| {
        let mut slabs = Slabs::new(begin, giving);
        // Whoever waits for the items is gone, or learns of the failure from the last of them.
        let _ = slabs.all(&mut pages);
    })
}

/// The slab that is being filled.
struct Slab {
    block: Arc<Block>,
    bytes: Vec<u8>,
    rows: u64,
    first: Sequence,
    /// It is a pack, whose rows have one number.
    packed: bool,
}

/// Why no more items are made.
enum Ended {
    Unwanted,
    Failed(Box<Error>),
}

impl From<Unwanted> for Ended {
    fn from(Unwanted: Unwanted) -> Self {
        Self::Unwanted
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

struct Slabs {
    begin: Begin,
    giving: Giving,
    reader: Reader,
    /// What the entry in hand has of rows.
    lines: Vec<u8>,
    slab: Option<Slab>,
    /// The rows of a table that follow each other, with its name.
    block: Option<(BlockPoint, String)>,
    next: Sequence,
    rows: u64,
    plan: Arc<PlanPoint>,
}

impl Slabs {
    fn new(begin: Begin, giving: Giving) -> Self {
        Self {
            giving,
            reader: Reader::new(begin.next == begin.first),
            lines: Vec::new(),
            slab: None,
            block: begin.block.clone(),
            next: begin.next,
            rows: begin.rows,
            plan: Arc::new(begin.plan.clone()),
            begin,
        }
    }

    fn all(&mut self, pages: &mut mpsc::Receiver<Page>) -> Result<(), Unwanted> {
        while let Some(page) = pages.blocking_recv() {
            let entries = page.map_err(Ended::from);
            let read = entries.and_then(|entries| entries.iter().try_for_each(|entry| self.entry(entry)));
            match read {
                Ok(()) => {}
                Err(Ended::Unwanted) => return Err(Unwanted),
                // A slab that is not full is given up: where it ends must not depend on where pages do.
                Err(Ended::Failed(error)) => return self.giving.item(Item::Failed(error)),
            }
        }
        self.end_table()?;
        self.next = self.begin.end;
        let after = Box::new(self.mark());
        self.giving.item(Item::End { after })
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Ended> {
        let sequence = entry.score.sequence().filter(|sequence| *sequence >= self.next);
        let sequence = sequence.ok_or_else(|| foreign(entry, Fault::Position))?;
        self.left_out(sequence)?;
        self.lines.clear();
        let read = self.reader.read(sequence, &entry.member, &mut self.lines);
        match read.map_err(|fault| foreign(entry, fault))? {
            Received::Row => self.row(sequence)?,
            Received::Pack(rows) => self.pack(sequence, rows)?,
            Received::Statement(text) => self.statement(sequence, text)?,
        }
        Ok(())
    }

    /// Numbers without a change are those that the load has left, and no more: nothing behind a gap may be written.
    fn left_out(&mut self, sequence: Sequence) -> Result<(), Error> {
        let gap = sequence.get() - self.next.get();
        let Some(left) = self.begin.holes.checked_sub(gap) else {
            let at = Position::Bootstrap(self.next);
            return Err(Error::Verification(format!(
                "the change at position {at} is not in Redis any more: load the dump into Redis again, with --restart"
            )));
        };
        self.begin.holes = left;
        Ok(())
    }

    fn row(&mut self, sequence: Sequence) -> Result<(), Unwanted> {
        let Some(block) = self.reader.block() else { return Ok(()) };
        let goes_on =
            |slab: &Slab| Arc::ptr_eq(&slab.block, block) && self.next == sequence && slab.bytes.len() < SLAB;
        if !self.slab.as_ref().is_some_and(goes_on) {
            let (block, bytes) = (Arc::clone(block), self.giving.buffer());
            let slab = Slab { block, bytes, rows: 0, first: sequence, packed: false };
            self.end_slab()?;
            self.slab = Some(slab);
        }
        if let Some(slab) = &mut self.slab {
            slab.bytes.extend_from_slice(&self.lines);
            slab.rows += 1;
        }
        self.next = after(sequence);
        Ok(())
    }

    fn pack(&mut self, sequence: Sequence, rows: u64) -> Result<(), Unwanted> {
        let Some(block) = self.reader.block().cloned() else { return Ok(()) };
        self.end_slab()?;
        let bytes = std::mem::replace(&mut self.lines, self.giving.buffer());
        self.slab = Some(Slab { block, bytes, rows, first: sequence, packed: true });
        self.next = after(sequence);
        self.end_slab()
    }

    fn statement(&mut self, sequence: Sequence, text: String) -> Result<(), Unwanted> {
        self.end_table()?;
        self.next = after(sequence);
        Arc::make_mut(&mut self.plan).counters.statements += 1;
        let mut members = Rendered { bytes: text.into_bytes(), ..Rendered::default() };
        members.ends_member(0, 0);
        let after = Box::new(self.mark());
        self.giving.item(Item::Sql { members, first: sequence, after })
    }

    fn end_slab(&mut self) -> Result<(), Unwanted> {
        let Some(Slab { block, bytes, rows, first, packed }) = self.slab.take() else { return Ok(()) };
        let name = &block.plan.table;
        if self.block.as_ref().is_none_or(|(_, table)| table != name) {
            self.leave_block(first)?;
            self.block = Some((block_at(first), name.clone()));
        }
        let numbers = self.next.get() - first.get();
        if let Some((point, _)) = &mut self.block {
            point.insert = packed.then_some(InsertPoint { width: 0, open: OnConflict::Error });
        }
        let before = Box::new(self.mark_at(first));
        if let Some((point, _)) = &mut self.block {
            point.rows += rows;
        }
        self.rows += rows;
        let share = self.giving.room(bytes.capacity())?;
        let member = Member {
            number: 0,
            row: (rows as u32).saturating_sub(1),
            end: bytes.len() as u32,
            row_end: numbers as u32,
            lines: numbers as u32,
            pieces: 0,
        };
        let rendered = Rendered { bytes, members: vec![member], ..Rendered::default() };
        let converted =
            Converted { rendered, rejects: Vec::new(), last: true, measured: Measured::default() };
        let (give, parts) = mpsc::channel(1);
        // The channel has room for it.
        let _ = give.try_send(converted);
        let table = Arc::from(block.plan.table.as_str());
        self.giving.item(Item::Rows { rows: parts, count: rows, numbers, first, table, block, before, share })
    }

    /// The rows of a table have ended.
    fn end_table(&mut self) -> Result<(), Unwanted> {
        self.end_slab()?;
        self.leave_block(self.next)
    }

    fn leave_block(&mut self, next: Sequence) -> Result<(), Unwanted> {
        if self.block.take().is_none() {
            return Ok(());
        }
        let after = Box::new(self.mark_at(next));
        self.giving.item(Item::TableEnd { after })
    }

    fn mark(&self) -> Mark {
        self.mark_at(self.next)
    }

    /// The point before a change: what stands for the place in a dump is its number.
    fn mark_at(&self, next: Sequence) -> Mark {
        let block = self.block.as_ref().map(|(point, _)| point.clone());
        let Begin { first, end, bytes, identity, .. } = &self.begin;
        let [done, all] = [next, *end].map(|until| u128::from(until.get() - first.get()));
        let part = u128::from(*bytes) * done / all.max(1);
        Mark {
            scan: ScanPoint { offset: next.get(), line: next.get(), block, ..ScanPoint::default() },
            plan: Arc::clone(&self.plan),
            rows: self.rows,
            next,
            pieces: 0,
            identity: identity.clone(),
            entry: None,
            raw: Some(u64::try_from(part).unwrap_or(*bytes)),
        }
    }
}

fn block_at(first: Sequence) -> BlockPoint {
    BlockPoint {
        statement: Arc::from(""),
        offset: first.get(),
        line: first.get(),
        data: first.get(),
        rows: 0,
        crlf: false,
        raw: None,
        insert: None,
    }
}

fn after(sequence: Sequence) -> Sequence {
    sequence.checked_add(1).unwrap_or(sequence)
}

fn foreign(entry: &Entry, fault: Fault) -> Error {
    let at = entry.score.sequence().map(Position::Bootstrap);
    let at = at.map_or_else(|| format!("score {}", entry.score), |position| format!("position {position}"));
    Error::Verification(format!(
        "the set has an entry at {at} that the run did not write: {fault}; load the dump into Redis again, with --restart"
    ))
}

#[cfg(test)]
mod tests;
