//! The types of PostgreSQL's columns: which values they accept.

use std::sync::Arc;

pub(crate) mod array;
mod check;
pub(crate) mod date;
mod parse;

/// A column's type, as far as it matters for a transform's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlType {
    pub(crate) kind: SqlKind,
    /// The most characters, for `varchar(n)` and `char(n)`.
    pub(crate) limit: Option<usize>,
    /// As spelled in the definition, for messages.
    pub(crate) text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlKind {
    /// `text`, `varchar`.
    Text,
    /// `char(n)`: blanks at the end have no meaning.
    Char,
    /// `citext`: upper and lower case are equal.
    Citext,
    /// `name`: at most 63 bytes.
    Name,
    Int(Width),
    Float(FloatWidth),
    Numeric {
        precision: Option<u32>,
        scale: i32,
    },
    Money,
    Bool,
    Date,
    Timestamp {
        zone: bool,
    },
    Time {
        zone: bool,
    },
    Interval,
    Uuid,
    Inet,
    Cidr,
    Macaddr,
    Json,
    Bytea,
    Xml,
    Enum(Arc<[String]>),
    Array(Box<SqlType>),
    /// A type that this crate does not know: only the original value is certain to be valid.
    Other,
    /// There was no definition.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatWidth {
    Four,
    Eight,
}

/// The integers of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Two,
    Four,
    Eight,
    /// `oid`: an unsigned number of four bytes.
    Oid,
}

impl Width {
    pub(crate) fn range(self) -> (i64, i64) {
        match self {
            Self::Two => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Self::Four => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Eight => (i64::MIN, i64::MAX),
            Self::Oid => (0, i64::from(u32::MAX)),
        }
    }
}

impl SqlType {
    /// The type of a column.
    pub(crate) fn of(type_name: Option<&str>, labels: &[String]) -> Self {
        match type_name {
            Some(text) => parse::parse(text, labels),
            None => Self::new(SqlKind::Unknown, "unknown"),
        }
    }

    pub(crate) fn new(kind: SqlKind, text: &str) -> Self {
        Self { kind, limit: None, text: text.into() }
    }

    pub(crate) fn text() -> Self {
        Self::new(SqlKind::Text, "text")
    }

    /// Any text is a value of it, up to its length.
    pub(crate) fn is_text(&self) -> bool {
        matches!(
            self.kind,
            SqlKind::Text | SqlKind::Char | SqlKind::Citext | SqlKind::Name | SqlKind::Unknown
        )
    }

    /// The most characters of a value. `name` counts bytes, so only a quarter of them is certain to fit.
    pub(crate) fn most(&self) -> Option<usize> {
        match self.kind {
            SqlKind::Name => Some(63),
            _ => self.limit,
        }
    }

    /// The normal form of a value: the same for all spellings that are equal for PostgreSQL, so that equal values get
    /// equal fakes.
    pub(crate) fn canonical<'a>(&self, value: &'a str) -> std::borrow::Cow<'a, str> {
        match self.kind {
            SqlKind::Char => value.trim_end_matches(' ').into(),
            SqlKind::Citext if value.chars().any(char::is_uppercase) => value.to_lowercase().into(),
            SqlKind::Uuid if value.bytes().any(|b| b.is_ascii_uppercase()) => {
                value.to_ascii_lowercase().into()
            }
            _ => value.into(),
        }
    }
}
