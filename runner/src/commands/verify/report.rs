//! The result of a comparison, for people.

use std::fmt::Write;

use kvbuffer::{Position, Score, Sequence};

use super::compare::Comparison;
use super::difference::{Difference, What};
use crate::base::error::Error;

/// How many differences the report lists.
const NAMED: usize = 20;

/// The result of the comparison.
#[derive(Debug)]
pub struct Report {
    first: Sequence,
    /// Rows that were not loaded, because of `--on-error skip`.
    pub rejected: u64,
    /// Changes that are in Redis, byte for byte.
    pub equal: u64,
    /// Changes that are missing.
    pub missing: u64,
    /// Changes that have other entries in their place.
    pub altered: u64,
    /// Entries that should not be there.
    pub foreign: u64,
    /// The first differences, in order.
    pub differences: Vec<Difference>,
}

impl Report {
    pub(super) fn new(first: Sequence) -> Self {
        let (equal, missing, altered, foreign) = (0, 0, 0, 0);
        Self { first, rejected: 0, equal, missing, altered, foreign, differences: Vec::new() }
    }

    /// How many more differences to list.
    pub(super) fn room(&self) -> usize {
        NAMED - self.differences.len()
    }

    /// Adds the result of the next page.
    pub(super) fn add(&mut self, part: Comparison) {
        self.equal += part.equal;
        self.missing += part.missing;
        self.altered += part.altered;
        self.foreign += part.foreign;
        let named = part.differences.into_iter().map(|(_, difference)| difference);
        self.differences.extend(named.take(self.room()));
    }

    /// The number of changes that the dump makes.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.equal + self.missing + self.altered
    }

    fn differ(&self) -> u64 {
        self.missing + self.altered + self.foreign
    }

    /// The report as text, several lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let from = Position::Bootstrap(self.first);
        if self.differ() == 0 {
            let _ = writeln!(out, "equal: {} changes from {from} on", self.changes());
        } else {
            let _ = writeln!(out, "different: {} changes from {from} on, {}", self.changes(), self.counts());
        }
        if self.rejected > 0 {
            let _ = writeln!(out, "  rejected    {} rows of the dump were not loaded", self.rejected);
        }
        for difference in &self.differences {
            let _ = writeln!(out, "  {}", line(difference));
        }
        let named = self.differences.len() as u64;
        if self.differ() > named {
            let _ = writeln!(out, "  and {} more", self.differ() - named);
        }
        out
    }

    fn counts(&self) -> String {
        format!("{} missing, {} altered, {} foreign", self.missing, self.altered, self.foreign)
    }

    /// Nothing if everything is equal.
    ///
    /// # Errors
    /// [`Error::Verification`], which names the first difference.
    pub fn verdict(&self) -> Result<(), Error> {
        if self.differ() == 0 {
            return Ok(());
        }
        let first = self.differences.first().map(line).unwrap_or_default();
        Err(Error::Verification(format!(
            "the contents of Redis differ from this dump and configuration: {}; the first: {first}; find out what wrote there, empty the replica if the consumer has read the set, then load with --restart",
            self.counts()
        )))
    }
}

fn line(difference: &Difference) -> String {
    let Difference { what, position, table, detail } = difference;
    let mut line = match what {
        What::Missing { .. } => format!("missing  {position}  {table}"),
        What::Altered => format!("altered  {position}  {table}"),
        What::Foreign => format!("foreign  {position}  {table}"),
    };
    if let What::Missing { moved: Some(score) } = what {
        let _ = match Score::from_f64(*score).and_then(Score::sequence) {
            Some(sequence) => write!(line, ": it has the score of {}", Position::Bootstrap(sequence)),
            None => write!(line, ": it has the score {score}"),
        };
    }
    if !detail.is_empty() {
        let _ = write!(line, ": {detail}");
    }
    line
}
