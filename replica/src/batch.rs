//! What one transaction does.

use std::sync::Arc;

use bytes::Bytes;

/// The table that rows go to, in SQL: names are quoted where SQL needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyInto {
    /// The table, with its schema.
    pub table: String,
    /// The columns, in the order of the fields; none: all that the table has.
    pub columns: Vec<String>,
    /// The encoding of the rows, by PostgreSQL's name; `None`: UTF-8.
    pub encoding: Option<String>,
}

impl CopyInto {
    /// `COPY … FROM STDIN`.
    pub(crate) fn sql(&self) -> String {
        let columns = match self.columns.is_empty() {
            true => String::new(),
            false => format!(" ({})", self.columns.join(", ")),
        };
        let encoding = self.encoding.as_deref().unwrap_or("UTF8").replace('\'', "''");
        format!("COPY {}{columns} FROM STDIN WITH (ENCODING '{encoding}')", self.table)
    }
}

/// Consecutive rows of one table.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) into: Arc<CopyInto>,
    pub(crate) slabs: Vec<Bytes>,
    pub(crate) rows: u64,
}

/// What one transaction does: a statement, or rows.
///
/// A batch stays with its caller, who may need it again after [`recover`](crate::Run::recover).
#[derive(Debug, Clone)]
pub struct Batch(pub(crate) Work);

#[derive(Debug, Clone)]
pub(crate) enum Work {
    Statement(String),
    Rows(Rows),
}

impl Batch {
    /// A statement, or several that belong together, as they stand. `SET LOCAL` in front of it ends with the batch.
    ///
    /// The text must not end the transaction that it runs in.
    #[must_use]
    pub fn statement(text: impl Into<String>) -> Self {
        Self(Work::Statement(text.into()))
    }

    /// Its rows, if it has no statement instead.
    #[must_use]
    pub fn rows(&self) -> Option<&Rows> {
        match &self.0 {
            Work::Rows(rows) => Some(rows),
            Work::Statement(_) => None,
        }
    }

    /// Whether it begins with settings of its own.
    pub(crate) fn has_settings(&self) -> bool {
        match &self.0 {
            Work::Statement(text) => text.starts_with("SET LOCAL"),
            Work::Rows(rows) => !rows.settings.is_empty(),
        }
    }
}

/// Rows of one table or of several, in COPY's text format.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub(crate) settings: Arc<str>,
    pub(crate) copies: Vec<Copy>,
    bytes: usize,
}

impl Rows {
    /// No rows yet. `settings` is SQL that goes in front of them: `SET LOCAL …;` for what bears on how values are read.
    #[must_use]
    pub fn with_settings(settings: Arc<str>) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Adds whole lines, which are so many rows. Rows of the same table that follow each other are one COPY.
    pub fn push(&mut self, into: &Arc<CopyInto>, slab: Bytes, rows: u64) {
        self.bytes += slab.len();
        match self.copies.last_mut() {
            Some(copy) if Arc::ptr_eq(&copy.into, into) => {
                copy.rows += rows;
                copy.slabs.push(slab);
            }
            _ => self.copies.push(Copy { into: Arc::clone(into), slabs: vec![slab], rows }),
        }
    }

    /// How many bytes the rows have.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// The settings in front of the rows.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.settings
    }
}

impl From<Rows> for Batch {
    fn from(rows: Rows) -> Self {
        Self(Work::Rows(rows))
    }
}
