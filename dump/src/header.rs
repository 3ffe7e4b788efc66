//! The head of a block of rows, whichever statement brings them.

use crate::error::Place;
use crate::name::{Cursor, QualifiedName};

/// The head of a block of rows: `COPY table (columns) FROM stdin;`, or what INSERT statements begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyHeader {
    /// The table as the statement names it.
    pub table: QualifiedName,
    /// The columns, in the order of the fields.
    pub columns: CopyColumns,
    /// Where the statement begins.
    pub place: Place,
    /// It is an INSERT.
    pub insert: bool,
}

/// The columns that a COPY or INSERT statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyColumns {
    /// These, in this order.
    Listed(Vec<String>),
    /// None, spelled as pg_dump does for a table without columns (`COPY t  FROM stdin`, two blanks).
    Zero,
    /// No list: all columns of the table that take values, in its order.
    All,
    /// No list in an INSERT: so many of the first columns of the table, generated ones included (they get DEFAULT); all of them
    /// where it is 0.
    InOrder(usize),
    /// `INSERT … DEFAULT VALUES`: rows without columns.
    DefaultValues,
}

/// The names up to a closing parenthesis.
pub(crate) fn columns(c: &mut Cursor<'_>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    loop {
        if c.symbol(b')') {
            return Some(names);
        }
        names.push(c.part()?);
        c.symbol(b',');
    }
}
