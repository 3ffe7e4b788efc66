//! What is done, and what is not yet: batches in the dump's order, which may be done in any. Pure.
//!
//! ```text
//! done done | open done open done        all before the bar is done: the checkpoint there is the point's
//!           ▲       ▲         ▲
//!           low     └── ahead ┘          these are done too: the point has their numbers
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::load::checkpoint::Checkpoint;

/// Numbers from the first to one before the second, and a hash of what was sent for them: a pipe may bring another dump the
/// next time.
pub(super) type Span = (u64, u64, u64);

/// How much of a span was passed, with its hash; none where the way began in the midst of it.
#[derive(Debug, Default)]
pub(super) struct PassedSpan(Option<u64>);

impl PassedSpan {
    /// Passes what has this number in a span. Whether its end, if it is that, has the hash that is kept.
    pub(super) fn agrees(
        &mut self,
        (first, end, kept): Span,
        number: u64,
        hash: impl FnOnce(u64) -> u64,
    ) -> bool {
        let before = if number == first { Some(0) } else { self.0 };
        self.0 = before.map(hash);
        let ended = number + 1 == end;
        let agrees = self.0.is_none_or(|hashed| !ended || hashed == kept);
        if ended {
            self.0 = None;
        }
        agrees
    }
}

/// What the record in the database says of the way so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Everything before it is done.
    pub checkpoint: Option<Checkpoint>,
    /// So many of the statements that come next, all of which one statement of the dump became, are done too.
    pub statements: usize,
    /// What is done beyond: slabs and statements by their numbers, from the first to one before the second, and a hash of
    /// what was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<(u64, u64, u64)>,
    /// How many statements, and tables with all their rows, were skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// The block of rows, by its offset in the dump, that was skipped last as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_block: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Point {
    /// Reads what a run's record has; the point of a run that has done nothing is empty.
    ///
    /// # Errors
    /// [`Error::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let point: Self = serde_json::from_str(text).map_err(|error| {
            Error::Checkpoint(format!(
                "the record in kasho_bootstrap.runs is of another version of this program ({error}): continue with the program that began, or begin with an empty database"
            ))
        })?;
        if let Some(checkpoint) = &point.checkpoint {
            Checkpoint::parse(&checkpoint.to_bytes(), "the record in kasho_bootstrap.runs")?;
        }
        Ok(point)
    }

    /// As it is stored.
    #[must_use]
    pub fn text(&self) -> String {
        // A structure of strings, numbers and maps with text keys cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What this process has skipped. Checkpoints of the loader do not know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Rows that PostgreSQL refused.
    pub(super) rows: u64,
    /// The length of the reject file after the last of them.
    pub(super) reject_bytes: u64,
    /// Statements, and tables with all their rows; those of earlier calls too.
    pub(super) entries: u64,
    /// The block of rows that was skipped last as a whole.
    pub(super) block: Option<u64>,
}

impl Tally {
    /// How many errors these are.
    pub(super) fn errors(&self) -> u64 {
        self.rows + self.entries
    }
}

struct Entry {
    id: u64,
    span: Option<Span>,
    checkpoint: Checkpoint,
    done: bool,
}

/// Where a point is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// After the entry of this id, and whatever is done besides.
    Entry(u64),
    /// After so many of the statements that come next.
    Statements(usize),
}

/// What is on its way and what is done.
pub(super) struct Ledger {
    /// Everything before it is done.
    low: Option<Checkpoint>,
    entries: VecDeque<Entry>,
    next: u64,
    /// What earlier calls have done beyond the point where this one begins.
    earlier: Vec<Span>,
    pub(super) tally: Tally,
    durable: VecDeque<Checkpoint>,
}

impl Ledger {
    pub(super) fn new(point: &Point) -> Self {
        let tally = Tally { entries: point.skipped, block: point.skipped_block, ..Tally::default() };
        Self {
            low: point.checkpoint.clone(),
            entries: VecDeque::new(),
            next: 0,
            earlier: point.ahead.clone(),
            tally,
            durable: VecDeque::new(),
        }
    }

    /// What an earlier call has done with this number in it.
    pub(super) fn earlier(&self, number: u64) -> Option<Span> {
        self.earlier.iter().copied().find(|&(first, end, _)| (first..end).contains(&number))
    }

    /// Takes something up that is to be done, the next in the dump's order.
    pub(super) fn add(&mut self, span: Option<Span>, checkpoint: Checkpoint) -> u64 {
        self.next += 1;
        self.entries.push_back(Entry { id: self.next, span, checkpoint, done: false });
        self.next
    }

    /// There is nothing to do up to here.
    pub(super) fn pass(&mut self, checkpoint: Checkpoint) {
        match self.entries.back_mut().filter(|entry| entry.done && entry.span.is_none()) {
            Some(entry) => entry.checkpoint = checkpoint,
            None => {
                let id = self.add(None, checkpoint);
                self.done(After::Entry(id));
            }
        }
    }

    /// The point when that is done, with what has been skipped by then.
    pub(super) fn point(&self, after: After, tally: &Tally) -> Point {
        let id = match after {
            After::Entry(id) => Some(id),
            After::Statements(_) => None,
        };
        let is_done = |entry: &Entry| entry.done || Some(entry.id) == id;
        let before = self.entries.iter().take_while(|entry| is_done(entry)).count();
        let low =
            before.checked_sub(1).map_or(self.low.as_ref(), |last| Some(&self.entries[last].checkpoint));
        let beyond = low.map_or(0, |low| low.next.get());
        let later = self.entries.iter().skip(before).filter(|entry| is_done(entry));
        let mut ahead = self.earlier.clone();
        ahead.extend(later.filter_map(|entry| entry.span));
        ahead.retain(|&(_, end, _)| end > beyond);
        ahead.sort_unstable();
        Point {
            checkpoint: low.map(|low| with_tally(low.clone(), tally)),
            statements: if let After::Statements(count) = after { count } else { 0 },
            ahead,
            skipped: tally.entries,
            skipped_block: tally.block,
        }
    }

    /// That is done, and in the database.
    pub(super) fn done(&mut self, after: After) {
        let After::Entry(id) = after else { return };
        for entry in self.entries.iter_mut().filter(|entry| entry.id == id) {
            entry.done = true;
        }
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.done) {
            self.low = Some(entry.checkpoint.clone());
            self.durable.push_back(with_tally(entry.checkpoint, &self.tally));
        }
        let beyond = self.low.as_ref().map_or(0, |low| low.next.get());
        self.earlier.retain(|&(_, end, _)| end > beyond);
    }

    /// The next checkpoint before which everything is done.
    pub(super) fn durable(&mut self) -> Option<Checkpoint> {
        self.durable.pop_front()
    }

    /// Whether nothing is on its way, and nothing is to be told.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.durable.is_empty()
    }

    /// How many errors were skipped up to there, those of the loader too.
    pub(super) fn errors(&self, after: After) -> u64 {
        let entry = self.entries.iter().find(|entry| after == After::Entry(entry.id));
        let checkpoint = entry.map(|entry| &entry.checkpoint).or(self.low.as_ref());
        checkpoint.map_or(0, |checkpoint| checkpoint.rejected) + self.tally.errors()
    }
}

fn with_tally(mut checkpoint: Checkpoint, tally: &Tally) -> Checkpoint {
    checkpoint.rejected += tally.rows;
    checkpoint.reject_bytes = checkpoint.reject_bytes.max(tally.reject_bytes);
    checkpoint
}

#[cfg(test)]
mod tests;
