//! What a change is: one statement or one row, and where it stands.
//!
//! These types are the meaning of an entry, for readers and for everything that is not in a hurry. Whoever
//! writes millions of rows uses [`crate::RowHead`] and never builds a [`Change`].

use crate::position::Position;
use crate::timestamp::Timestamp;

/// One entry of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands.
    pub position: Position,
    /// What it does.
    pub data: ChangeData,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeData {
    /// SQL text that is run as it stands.
    Ddl(Ddl),
    /// One row of one table.
    Dml(Dml),
}

/// The two kinds of entries, as the field `type` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// `ddl`
    Ddl,
    /// `dml`
    Dml,
}

impl ChangeType {
    /// As it stands in the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ddl => "ddl",
            Self::Dml => "dml",
        }
    }
}

/// SQL text that is run as it stands, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddl {
    /// A number for logs. Readers take int64 from the JSON and keep 32 bits.
    pub id: i64,
    /// RFC 3339; anything else loses the entry.
    pub time: String,
    /// Who ran it; `bootstrap` for ours.
    pub username: String,
    /// The dump's own name for the database, or empty.
    pub database: String,
    /// The statement or statements.
    pub ddl: String,
}

/// One row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dml {
    /// Schema-qualified and quoted as SQL needs it: readers paste it as it stands.
    pub table: String,
    /// Quoted as SQL needs them; never empty.
    pub column_names: Vec<String>,
    /// As many as there are names: fewer crash the consumer.
    pub column_values: Vec<Value>,
    /// What happens to the row.
    pub kind: Kind,
    /// Which row, for updates and deletes.
    pub old_keys: Option<OldKeys>,
}

/// What happens to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A new row: the only kind that a bootstrap writes.
    Insert,
    /// A changed row.
    Update,
    /// A row that is gone.
    Delete,
}

impl Kind {
    /// As it stands in the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// The key of the row that an update or delete means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldKeys {
    /// The key's columns.
    pub key_names: Vec<String>,
    /// Their values, as many as names.
    pub key_values: Vec<Value>,
}

/// One column's value, sorted the way the consumer sorts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The digits of a JSON number. The consumer takes int64, else float64 shown with six decimals.
    Number(String),
    /// Text, arriving as it is. [`crate::encode`] keeps one that looks like a timestamp from being read as one.
    String(String),
    /// A text that the consumer reads as a timestamp and cuts to whole seconds, dropping its zone. A bootstrap
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

    /// Where it stands. (The name is the wire's history: the field was called `lsn` before it was `position`.)
    pub const fn lsn(&self) -> Position {
        self.position
    }
}

impl Value {
    /// The SQL literal that the consumer makes of this value.
    ///
    /// Floats get exactly six decimals, whatever that loses; strings double their quotes and nothing else.
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
