//! Decodes bytes to changes, by the consumer's own reading rules.
//!
//! An entry that the consumer would drop or crash on is an error here. Everything else is read as the consumer does:
//!
//! - a value is tried as null, int64, float64, bool, timestamp, string, in this order;
//! - the timestamp test sees the raw bytes between the quotes, so an escape anywhere hides a timestamp;
//! - a lone surrogate and bytes that are not UTF-8 become U+FFFD.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::change::{Change, ChangeData, Ddl, Dml, OldKeys, Operation, Value};
use crate::position::{ParsePositionError, Position};
use crate::timestamp::Timestamp;

/// Reads one entry.
///
/// # Errors
///
/// If the consumer could not read the entry, or would read another position than the entry states (see
/// [`DecodeError`]).
pub fn decode(bytes: &[u8]) -> Result<Change, DecodeError> {
    let text = String::from_utf8_lossy(bytes);
    let raw: RawChange<'_> = serde_json::from_str(&text)?;
    let position = string(raw.position, "position")?.parse::<Position>()?;
    let data = match string(raw.r#type, "type")?.as_str() {
        "ddl" => ChangeData::Ddl(ddl(serde_json::from_str(raw.data.get())?)?),
        "dml" => ChangeData::Dml(dml(serde_json::from_str(raw.data.get())?)?),
        _ => return Err(DecodeError::Field { field: "type", expected: "ddl or dml" }),
    };
    Ok(Change { position, data })
}

/// Why an entry cannot be read. No message shows a value of the entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not JSON, or not a JSON object of a change.
    #[error("the entry is not a change in JSON")]
    Json(#[from] serde_json::Error),
    /// The position has a form that we do not write and that Kasho may misread.
    #[error("the entry's position cannot be trusted")]
    Position(#[from] ParsePositionError),
    /// A field has a value that its readers refuse.
    #[error("the field {field} is not {expected}")]
    Field {
        /// The field's name in the JSON.
        field: &'static str,
        /// The expected form.
        expected: &'static str,
    },
    /// A column's value is an array, an object or a number beyond float64. The consumer drops the whole entry.
    #[error("value {index} of {field} is not one that the consumer can read")]
    Value {
        /// The list that contains it.
        field: &'static str,
        /// Its index in the list, from 0.
        index: usize,
    },
    /// The numbers of names and values differ: fewer values than names crash the consumer.
    #[error("{values} {field} for {names} names")]
    Length {
        /// The list of values.
        field: &'static str,
        /// How many names there are.
        names: usize,
        /// How many values there are.
        values: usize,
    },
}

#[derive(Deserialize)]
struct RawChange<'a> {
    #[serde(borrow)]
    r#type: &'a RawValue,
    #[serde(borrow)]
    position: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct RawDdl<'a> {
    id: i64,
    #[serde(borrow)]
    time: &'a RawValue,
    #[serde(borrow)]
    username: &'a RawValue,
    #[serde(borrow)]
    database: &'a RawValue,
    #[serde(borrow)]
    ddl: &'a RawValue,
}

#[derive(Deserialize)]
struct RawDml<'a> {
    #[serde(borrow)]
    table: &'a RawValue,
    #[serde(borrow)]
    columnnames: Vec<&'a RawValue>,
    #[serde(borrow)]
    columnvalues: Vec<&'a RawValue>,
    #[serde(borrow)]
    kind: &'a RawValue,
    #[serde(borrow)]
    oldkeys: Option<RawOldKeys<'a>>,
}

#[derive(Deserialize)]
struct RawOldKeys<'a> {
    #[serde(borrow)]
    keynames: Vec<&'a RawValue>,
    #[serde(borrow)]
    keyvalues: Vec<&'a RawValue>,
}

fn ddl(raw: RawDdl<'_>) -> Result<Ddl, DecodeError> {
    let time = string(raw.time, "time")?;
    if Timestamp::parse(&time).is_none() {
        return Err(DecodeError::Field { field: "time", expected: "RFC 3339" });
    }
    Ok(Ddl {
        id: raw.id,
        time,
        username: string(raw.username, "username")?,
        database: string(raw.database, "database")?,
        ddl: string(raw.ddl, "ddl")?,
    })
}

fn dml(raw: RawDml<'_>) -> Result<Dml, DecodeError> {
    let kind = match string(raw.kind, "kind")?.as_str() {
        "insert" => Operation::Insert,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => return Err(DecodeError::Field { field: "kind", expected: "insert, update or delete" }),
    };
    let (column_names, column_values) =
        columns(&raw.columnnames, "columnnames", &raw.columnvalues, "columnvalues")?;
    let old_keys = raw.oldkeys.map(old_keys).transpose()?;
    Ok(Dml { table: string(raw.table, "table")?, column_names, column_values, kind, old_keys })
}

fn old_keys(raw: RawOldKeys<'_>) -> Result<OldKeys, DecodeError> {
    let (key_names, key_values) = columns(&raw.keynames, "keynames", &raw.keyvalues, "keyvalues")?;
    Ok(OldKeys { key_names, key_values })
}

fn columns(
    names: &[&RawValue],
    names_field: &'static str,
    values: &[&RawValue],
    field: &'static str,
) -> Result<(Vec<String>, Vec<Value>), DecodeError> {
    if names.len() != values.len() {
        return Err(DecodeError::Length { field, names: names.len(), values: values.len() });
    }
    let names = names.iter().map(|name| string(name, names_field)).collect::<Result<_, _>>()?;
    let values = values
        .iter()
        .enumerate()
        .map(|(index, raw)| decode_value(raw.get()).ok_or(DecodeError::Value { field, index }))
        .collect::<Result<_, _>>()?;
    Ok((names, values))
}

/// Reads one column value, given as JSON text without white space around it, as the consumer does.
///
/// `None` if the consumer drops the entry: for arrays, objects, numbers beyond float64, and text that is not JSON.
pub fn decode_value(raw: &str) -> Option<Value> {
    match raw.as_bytes() {
        b"null" => Some(Value::Null),
        b"true" => Some(Value::Bool(true)),
        b"false" => Some(Value::Bool(false)),
        [b'"', ..] => string_value(raw),
        [b'-' | b'0'..=b'9', ..] => number_value(raw),
        _ => None,
    }
}

fn number_value(raw: &str) -> Option<Value> {
    // Rust reads 1e400 as infinity; Go refuses it.
    let readable = raw.parse::<i64>().is_ok() || raw.parse::<f64>().is_ok_and(f64::is_finite);
    readable.then(|| Value::Number(raw.to_owned()))
}

fn string_value(raw: &str) -> Option<Value> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    match Timestamp::parse(inner) {
        Some(timestamp) => Some(Value::Timestamp(timestamp)),
        None => unescape(inner).map(Value::String),
    }
}

fn string(raw: &RawValue, field: &'static str) -> Result<String, DecodeError> {
    let inner = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.and_then(unescape).ok_or(DecodeError::Field { field, expected: "a string" })
}

/// Decodes a JSON string, given without its quotes. The JSON reader has checked its form.
fn unescape(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((clean, escaped)) = rest.split_once('\\') {
        text.push_str(clean);
        let (character, tail) = escape(escaped)?;
        text.push(character);
        rest = tail;
    }
    text.push_str(rest);
    Some(text)
}

/// Decodes one escape after its backslash, and returns the rest.
fn escape(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let character = match chars.next()? {
        plain @ ('"' | '\\' | '/') => plain,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode_escape(chars.as_str()),
        _ => return None,
    };
    Some((character, chars.as_str()))
}

/// `\uXXXX`, or two of them if the first is a high and the second a low surrogate.
fn unicode_escape(text: &str) -> Option<(char, &str)> {
    let (unit, rest) = code_unit(text)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, rest));
    }
    let pair = rest.strip_prefix("\\u").and_then(code_unit);
    match pair {
        Some((low @ 0xDC00..=0xDFFF, tail)) if unit < 0xDC00 => {
            let scalar = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            Some((char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), tail))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, rest)),
    }
}

fn code_unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let valid = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { u32::from_str_radix(digits, 16).ok().map(|unit| (unit, rest)) } else { None }
}
