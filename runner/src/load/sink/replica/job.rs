//! Work for the database: a batch, and what must be known of it.

use replica::{Batch, Rows};

use super::place::SlabPlace;
use crate::load::sink::places::Places;

/// A batch with its place.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) what: What,
    /// What it is, for messages.
    pub(super) place: String,
    /// Nothing else is done to these tables meanwhile.
    pub(super) tables: Vec<String>,
    /// Others of these may be done first, though they were given later.
    pub(super) in_any_order: bool,
}

/// What a batch has.
pub(super) enum What {
    /// Rows, with the place of each slab.
    Rows(Vec<SlabPlace>),
    /// A statement.
    Statement(Statement),
}

/// A statement, one of several that one of the dump's became.
pub(super) struct Statement {
    pub(super) text: String,
    /// Its number among them, from 0.
    pub(super) index: usize,
    /// Where the dump's statement ends: the offset, and the line.
    pub(super) end: (u64, u64),
    /// The rows of the dump that became it, if any did.
    pub(super) rows: Option<SlabPlace>,
    /// How its place is told.
    pub(super) places: Places,
}

impl Job {
    /// Rows, of at least one slab.
    pub(super) fn rows(rows: Rows, slabs: Vec<SlabPlace>, tables: Vec<String>) -> Self {
        let of = slabs.first().map_or(("", 0), |slab| (slab.block.plan.table.as_str(), slab.first_row));
        Self {
            batch: rows.into(),
            place: format!("copy rows of {}, of which row {} is the first that is sent", of.0, of.1 + 1),
            what: What::Rows(slabs),
            tables,
            in_any_order: false,
        }
    }

    pub(super) fn statement(statement: Statement, tables: Vec<String>) -> Self {
        Self {
            batch: Batch::statement(statement.text.clone()),
            place: format!("run the statement {}", statement.places.statement(statement.end.1)),
            what: What::Statement(statement),
            tables,
            in_any_order: false,
        }
    }

    pub(super) fn is_statement(&self) -> bool {
        matches!(self.what, What::Statement(_))
    }
}
