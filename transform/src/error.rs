//! Errors in a configuration, and errors for a row.

use std::fmt;
use std::sync::Arc;

/// A place in the configuration file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// An error in the configuration, or a warning about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the file, as given to [`Config::parse`](crate::Config::parse).
    pub file: Arc<str>,
    /// The place in the file.
    pub place: Place,
    /// The fault.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.place.line, self.place.column, self.what)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// All errors in a configuration: at least one, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// An error before its file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn hint(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(crate) fn in_file(self, file: &Arc<str>) -> Problem {
        Problem { file: Arc::clone(file), place: self.place, what: self.what, help: self.help }
    }
}

/// Why a value could not be transformed. It never contains the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The result is not a value of the column's type.
    #[error("the result is not a valid {0}")]
    ResultType(&'static str),
    /// The result is longer than the column allows.
    #[error("the result has {length} characters, but the column allows {limit}")]
    ResultLength {
        /// Characters in the result.
        length: usize,
        /// Characters that the column allows.
        limit: usize,
    },
    /// The original does not have the form that the transform needs.
    #[error("the value is not a valid {0}")]
    Input(&'static str),
    /// A template met a value that one of its operations does not accept.
    #[error("the template: {0}")]
    Template(&'static str),
    /// The row does not have as many values as the table has columns.
    #[error("the row has {found} values, but the table has {expected} columns")]
    RowLength {
        /// Columns of the table.
        expected: usize,
        /// Values of the row.
        found: usize,
    },
    /// A password hash could not be computed.
    #[error("the password hash: {0}")]
    Password(&'static str),
}

/// A row that could not be transformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("table {table}, column {column}: {reason}")]
pub struct RowError {
    /// The table, spelled as in the configuration.
    pub table: Arc<str>,
    /// The column.
    pub column: Arc<str>,
    /// The reason.
    pub reason: Reason,
    /// What the configuration says about such a row.
    pub policy: RowPolicy,
}

/// What the configuration says about a row that cannot be transformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPolicy {
    /// Nothing: the caller decides.
    Caller,
    /// `on_error: skip`: the row is left out, and the run continues.
    Skip,
    /// `on_error: fail`: the run ends.
    Fail,
}
