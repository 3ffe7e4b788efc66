//! What becomes of rows and statements that PostgreSQL refuses: lines for the reject file, and entries of the list. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use replica::{Refused, ServerError, Skipped};

use super::job::Statement;
use super::ledger::Tally;
use super::place::SlabPlace;
use super::statement;
use crate::load::reject::Rejected;

/// Of the entries at the same place in the dump: the rows that were refused, the rows without a table, and from here on the
/// statements.
const ROWS: i32 = 0;
const TABLE: i32 = 1;
const STATEMENTS: i32 = 2;

/// What is noted of rows that were refused.
pub(super) struct Noted<'a> {
    /// For the reject file.
    pub(super) lines: Vec<Rejected<'a>>,
    /// For the list.
    pub(super) entries: Vec<Skipped>,
    /// With them.
    pub(super) tally: Tally,
}

/// Rows that were refused together.
pub(super) struct Fault {
    /// The slab, by its number in the batch, and the first of the rows, by its number in the slab as it was sent.
    slab: usize,
    row: u64,
    rows: u64,
    /// Where they begin in what was sent, and what was sent; none where the table takes no rows.
    sent: Option<(usize, Bytes)>,
    pub(super) error: Box<ServerError>,
}

impl Fault {
    /// Of rows that went by COPY.
    pub(super) fn of_copy(refused: Refused) -> Self {
        match refused {
            Refused::Row { slab, row, start, bytes, error } => {
                Self { slab, row, rows: 1, sent: Some((start, bytes)), error }
            }
            Refused::Table { slab, rows, error } => Self { slab, ..Self::of_table(rows, error) },
        }
    }

    /// Of a table that takes no rows.
    pub(super) fn of_table(rows: u64, error: Box<ServerError>) -> Self {
        Self { slab: 0, row: 0, rows, sent: None, error }
    }

    /// Of an INSERT with so many rows.
    pub(super) fn of_insert(text: &str, row: u64, rows: u64, error: Box<ServerError>) -> Self {
        Self { slab: 0, row, rows, sent: Some((0, Bytes::copy_from_slice(text.as_bytes()))), error }
    }
}

/// Notes what was refused of a batch with these slabs.
pub(super) fn rows<'a>(faults: &'a [Fault], slabs: &[SlabPlace], before: &Tally) -> Noted<'a> {
    let mut noted = Noted { lines: Vec::new(), entries: Vec::new(), tally: before.clone() };
    let mut entries = BTreeMap::new();
    for fault in faults {
        let Some(slab) = slabs.get(fault.slab) else { continue };
        let tally = &mut noted.tally;
        let part = match &fault.sent {
            Some((start, bytes)) => {
                noted.lines.push(slab.reject(fault.row, *start, bytes, &fault.error));
                tally.rows += fault.rows;
                ROWS
            }
            // The other batches of the same rows are the same error.
            None if tally.block == Some(slab.block_at.0) => TABLE,
            None => {
                tally.block = Some(slab.block_at.0);
                tally.entries += 1;
                TABLE
            }
        };
        let new = || of_rows(slab, part, (&fault.error.code, fault.error.said()));
        let entry = entries.entry((slab.block_at.0, part)).or_insert_with(new);
        entry.rows = entry.rows.saturating_add(i64::try_from(fault.rows).unwrap_or(i64::MAX));
    }
    noted.entries = entries.into_values().collect();
    noted
}

fn of_rows(slab: &SlabPlace, part: i32, (code, said): (&str, String)) -> Skipped {
    Skipped {
        at: i64::try_from(slab.block_at.0).unwrap_or(i64::MAX),
        part,
        place: slab.places.rows(slab.block_at.1),
        what: format!("rows of {}", slab.block.plan.table),
        rows: 0,
        code: code.to_owned(),
        message: said,
        cost: match part {
            ROWS => "these rows, which are in the reject file",
            _ => "all rows of the table here, which only the dump has",
        }
        .to_owned(),
    }
}

/// The entry for these rows, if the rows before them in their block were skipped as a whole: they need not be sent.
pub(super) fn more(slabs: &[SlabPlace], tally: &Tally) -> Option<Skipped> {
    let first = slabs.first()?;
    let all = slabs.iter().all(|slab| tally.block == Some(slab.block_at.0));
    let rows: u64 = slabs.iter().map(|slab| slab.rows).sum();
    let said = ("", "as of the rows before".to_owned());
    all.then(|| Skipped { rows: i64::try_from(rows).unwrap_or(i64::MAX), ..of_rows(first, TABLE, said) })
}

/// The entry of a statement.
pub(super) fn statement(skipped: &Statement, error: &ServerError) -> Skipped {
    Skipped {
        at: i64::try_from(skipped.end.0).unwrap_or(i64::MAX),
        part: i32::try_from(skipped.index).unwrap_or(i32::MAX).saturating_add(STATEMENTS),
        place: skipped.places.statement(skipped.end.1),
        what: statement::name(&skipped.text),
        rows: 0,
        code: error.code.clone(),
        message: error.said(),
        cost: statement::cost(&skipped.text, &error.code).to_owned(),
    }
}
