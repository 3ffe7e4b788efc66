//! One column value: the type that the consumer takes it for, and the SQL text that it makes of it.

use super::gotime::{Timestamp, read_rfc3339};
use super::json;

/// What a raw JSON value was taken for.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// A number that is an int64 in its spelling.
    Int(i64),
    /// Any other number that a float64 can hold.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A string whose raw bytes read as RFC 3339.
    Timestamp(Timestamp),
    /// Any other string.
    String(String),
}

/// Tries, in this order: null, int64, float64, bool, timestamp, string. `raw` is one checked JSON value; an
/// array, an object or a number beyond float64 loses the whole entry.
pub fn read_value(raw: &[u8]) -> Result<Value, String> {
    let unreadable = || Err(format!("failed to unmarshal column value: {}", String::from_utf8_lossy(raw)));
    match raw.first() {
        Some(b'n') => Ok(Value::Null),
        Some(b't') => Ok(Value::Bool(true)),
        Some(b'f') => Ok(Value::Bool(false)),
        Some(b'-' | b'0'..=b'9') => {
            let text = String::from_utf8_lossy(raw);
            if let Ok(int) = text.parse() {
                return Ok(Value::Int(int));
            }
            match text.parse() {
                Ok(float) if f64::is_finite(float) => Ok(Value::Float(float)),
                _ => unreadable(),
            }
        }
        Some(b'"') => {
            let inside = raw.get(1..raw.len() - 1).unwrap_or_default();
            match read_rfc3339(inside) {
                Some(timestamp) => Ok(Value::Timestamp(timestamp)),
                None => json::string(raw).map_or_else(unreadable, |text| Ok(Value::String(text))),
            }
        }
        _ => unreadable(),
    }
}

impl Value {
    /// Appends the literal that the consumer writes into its statement.
    pub fn write_sql(&self, sql: &mut String) {
        use std::fmt::Write;
        // Writing into a String cannot fail.
        let _ = match self {
            Self::Null => write!(sql, "NULL"),
            Self::Int(n) => write!(sql, "{n}"),
            Self::Float(x) => write!(sql, "{x:.6}"),
            Self::Bool(b) => write!(sql, "{b}"),
            Self::Timestamp(t) => write!(
                sql,
                "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}'",
                t.year, t.month, t.day, t.hour, t.minute, t.second
            ),
            Self::String(text) => {
                sql.push('\'');
                let mut parts = text.split('\'');
                sql.push_str(parts.next().unwrap_or_default());
                for part in parts {
                    sql.push_str("''");
                    sql.push_str(part);
                }
                sql.push('\'');
                Ok(())
            }
        };
    }
}
