//! Why a row cannot become a change.

use dump::copy::FieldError;
use kvbuffer::MAX_WIRE_SIZE;

use super::table_plan::TablePlan;

/// A row that cannot become a change: which, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// The row's index in the slab.
    pub row: u32,
    /// Index in the slab of its first byte.
    pub start: usize,
    /// Index in the slab after its line end.
    pub end: usize,
    /// Line ends in the slab before it.
    pub lines: u32,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: FaultReason,
}

/// Why a row cannot become a change. Says nothing of the values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultReason {
    /// Another number of fields than columns.
    #[error("the row has {found} fields, the table has {expected} columns")]
    FieldCount {
        /// Columns of the block.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// Bytes that are not text in the dump's encoding.
    #[error(
        "the bytes at offset {offset} of the row are not {encoding}; dump with `pg_dump --encoding=UTF8`"
    )]
    Undecodable {
        /// Offset in the row.
        offset: usize,
        /// `client_encoding`.
        encoding: &'static str,
    },
    /// A field that PostgreSQL would not read either.
    #[error("the field cannot be read: {0}")]
    Field(FieldError),
    /// A field with a NUL character, which no PostgreSQL text can hold.
    #[error("the field holds a NUL character")]
    Nul,
    /// An escape in `E'…'` that PostgreSQL would not read either.
    #[error("the value has an escape that cannot be read")]
    Escape,
    /// An expression, or a literal that the column's type makes something else of, in a table with transforms.
    #[error(
        "the value is no literal that can be transformed: write it in quotes, as the column has it, or give the table no transforms"
    )]
    Expression,
    /// An expression, or a default in its place, that does more than give a value.
    #[error(
        "the row has expressions or defaults that do more than give values: {what}; write the values themselves"
    )]
    Code {
        /// What they do.
        what: &'static str,
    },
    /// A literal that the column's type does not take.
    #[error(
        "the value is {kind} without quotes, which PostgreSQL refuses for a column of this type: correct it, or write it in quotes"
    )]
    Literal {
        /// What it is.
        kind: &'static str,
    },
    /// A value for a column that PostgreSQL computes.
    #[error("the row has a value other than DEFAULT for a generated column")]
    Generated,
    /// The line does not end as the others of the block.
    #[error("the row ends in another way than the head of its block")]
    LineEnd,
    /// A value that its transform does not take, or whose result the column does not.
    #[error("the value cannot be transformed: {reason}")]
    Transform {
        /// Why.
        reason: transform::Reason,
        /// What the configuration says about such a row.
        policy: transform::RowPolicy,
    },
    /// More than the change stream carries.
    #[error(
        "the row is too large: as a change it has {size} bytes, the change stream carries {MAX_WIRE_SIZE}"
    )]
    TooLarge {
        /// Bytes of the change.
        size: usize,
    },
    /// In pieces, with values that became longer than those in the dump.
    #[error(
        "the row has become too long by its transforms: its statement has {size} bytes, the {pieces} pieces that it has numbers for hold fewer"
    )]
    Outgrown {
        /// Bytes of the statement.
        size: usize,
        /// Pieces.
        pieces: u64,
    },
}

/// What is wrong with the row in hand.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) column: Option<String>,
    pub(super) reason: FaultReason,
}

impl From<FaultReason> for Fault {
    fn from(reason: FaultReason) -> Self {
        Self { column: None, reason }
    }
}

/// The row at the start of `rest` has another number of fields than the plan has columns.
#[cold]
pub(super) fn field_count(plan: &TablePlan, rest: &[u8]) -> Fault {
    let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
    let found = memchr::memchr_iter(b'\t', line).count() + 1;
    FaultReason::FieldCount { expected: plan.columns.len(), found }.into()
}

/// The byte at `offset` of a line is no text in the plan's encoding.
pub(super) fn undecodable(plan: &TablePlan, line: &[u8], offset: usize) -> Fault {
    let column = memchr::memchr_iter(b'\t', &line[..offset.min(line.len())]).count();
    let reason = match line.get(offset) {
        Some(0) => FaultReason::Nul,
        _ => FaultReason::Undecodable { offset, encoding: plan.encoding.name() },
    };
    Fault { column: plan.columns.get(column).cloned(), reason }
}
