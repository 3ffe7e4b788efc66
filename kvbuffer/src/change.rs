//! A change: one statement or one row, and its position.
//!
//! These types are for readers, and for code that is not performance-critical. Code that writes millions of rows uses
//! [`crate::RowHead`] and never builds a [`Change`].

use crate::position::Position;
use crate::timestamp::Timestamp;

/// One entry of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its position.
    pub position: Position,
    /// Its content.
    pub data: ChangeData,
}

/// The content of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeData {
    /// SQL text that is executed unchanged.
    Ddl(Ddl),
    /// One row of one table.
    Dml(Dml),
}

/// The two kinds of changes, as in the field `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// `ddl`
    Ddl,
    /// `dml`
    Dml,
}

impl ChangeType {
    /// As written in the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ddl => "ddl",
            Self::Dml => "dml",
        }
    }
}

/// SQL text that is executed unchanged, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddl {
    /// A number for logs. Readers parse an int64 from the JSON and keep 32 bits.
    pub id: i64,
    /// RFC 3339. The consumer drops an entry with any other form.
    pub time: String,
    /// The user who executed it; `bootstrap` for our changes.
    pub username: String,
    /// The database name in the dump, or empty.
    pub database: String,
    /// The statement or statements.
    pub ddl: String,
}

/// One row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dml {
    /// Schema-qualified and quoted as SQL requires: readers insert it into SQL unchanged.
    pub table: String,
    /// Quoted as SQL requires; never empty.
    pub column_names: Vec<String>,
    /// Must have as many values as there are names: fewer crash the consumer.
    pub column_values: Vec<Value>,
    /// The operation on the row.
    pub kind: Operation,
    /// The key of the row, for updates and deletes.
    pub old_keys: Option<OldKeys>,
}

/// An operation on a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A new row: the only kind in a bootstrap.
    Insert,
    /// A changed row.
    Update,
    /// A deleted row.
    Delete,
}

impl Operation {
    /// As written in the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The key of the row that is updated or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldKeys {
    /// The key's columns.
    pub key_names: Vec<String>,
    /// Their values; as many as there are names.
    pub key_values: Vec<Value>,
}

/// One column's value, by the consumer's classification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The digits of a JSON number. The consumer reads an int64, otherwise a float64 that it prints with six
    /// decimals.
    Number(String),
    /// Text that arrives unchanged. [`crate::encode`] prevents text that looks like a timestamp from being read as
    /// one.
    String(String),
    /// A text that the consumer reads as a timestamp: it cuts it to whole seconds and drops its zone. A bootstrap
    /// never writes one.
    Timestamp(Timestamp),
}

impl Change {
    /// `ddl` or `dml`.
    pub const fn r#type(&self) -> ChangeType {
        match self.data {
            ChangeData::Ddl(_) => ChangeType::Ddl,
            ChangeData::Dml(_) => ChangeType::Dml,
        }
    }

    /// Its position. (The JSON field was called `lsn` before it was called `position`.)
    pub const fn lsn(&self) -> Position {
        self.position
    }
}

impl Value {
    /// The SQL literal that the consumer makes of this value.
    ///
    /// Floats are printed with exactly six decimals, whatever that loses. In strings, only quotes are doubled.
    pub fn literal(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(digits) => number_literal(digits),
            Self::String(text) => format!("'{}'", text.replace('\'', "''")),
            Self::Timestamp(timestamp) => format!("'{}'", timestamp.seconds()),
        }
    }
}

fn number_literal(digits: &str) -> String {
    if let Ok(integer) = digits.parse::<i64>() {
        return integer.to_string();
    }
    digits.parse::<f64>().map_or_else(|_| digits.to_owned(), |float| format!("{float:.6}"))
}
