//! Options whose value is one of a few words.

use clap::ValueEnum;
use convert::form::RowForm;

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// One change for each row.
    Single,
    /// One change of SQL text for some thousand rows. The translicator's own transforms do not apply to them.
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

/// Where it cannot be known whether a translicator waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Translicator {
    /// The command ends.
    MustWait,
    /// It goes on.
    UnknownIsFine,
}

/// A section of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Definitions that come before the rows.
    PreData,
    /// Rows, large objects and values of sequences.
    Data,
    /// Indexes, constraints, triggers and everything else after the rows.
    PostData,
}

/// When to publish changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Publish {
    /// Never. The consumer reads the set.
    Never,
    /// Each change, as it is added.
    Always,
}

/// What to do with a row that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Stop the run with an error.
    Stop,
    /// Set a row aside in the reject file, list a statement, and continue.
    Skip,
}
