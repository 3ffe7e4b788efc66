//! Options that take one word of a few.

use clap::ValueEnum;
use convert::form::RowForm;

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// A change for each row.
    Single,
    /// A change of SQL text for some thousand rows: the translicator's own transforms do not see them.
    Packed,
}

impl From<Rows> for RowForm {
    fn from(rows: Rows) -> Self {
        match rows {
            Rows::Single => Self::Single,
            Rows::Packed => Self::Packed,
        }
    }
}

/// A section of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Definitions that come before the rows.
    PreData,
    /// Rows, large objects, values of sequences.
    Data,
    /// Indexes, constraints, triggers and what else follows the rows.
    PostData,
}

/// When to publish changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Publish {
    /// Never: the consumer reads the set.
    Never,
    /// Each one, as it is added.
    Always,
}

/// What to do with a row that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// End the run.
    Stop,
    /// Set it aside in the reject file and go on.
    Skip,
}
