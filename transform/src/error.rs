//! What can be wrong with a configuration, and with a row.

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

/// Something wrong with the configuration, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named to [`Config::parse`](crate::Config::parse).
    pub file: Arc<str>,
    /// Where in the file.
    pub place: Place,
    /// What is wrong.
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

/// All that is wrong with a configuration: at least one problem, in the order of the file.
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

/// A problem before its file is known.
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

/// Why a value could not be transformed. It never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The result is no value of the column's type.
    #[error("the result is no valid {0}")]
    ResultType(&'static str),
    /// The result is longer than the column allows.
    #[error("the result has {length} characters, the column takes {limit}")]
    ResultLength {
        /// Characters of the result.
        length: usize,
        /// What the column takes.
        limit: usize,
    },
    /// The original is not what the transform works on.
    #[error("the value is no valid {0}")]
    Input(&'static str),
    /// A template met a value that an operation in it does not take.
    #[error("the template: {0}")]
    Template(&'static str),
    /// The row has another number of values than the table has columns.
    #[error("the row has {found} values, the table {expected} columns")]
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
    /// Why.
    pub reason: Reason,
    /// The row is to be left out, as the column's `on_error: skip` says, and the run to go on. Otherwise what to
    /// do is the caller's decision, unless `fatal`.
    pub skip: bool,
    /// The column's `on_error: fail` says that the run must not go on.
    pub fatal: bool,
}
