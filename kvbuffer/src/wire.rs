//! The size of a change as a message of the change stream.
//!
//! The stream sends protobuf and breaks for good at a message of more than 4 MiB: nothing after it ever arrives. So
//! the size of every change must be known before it is written. The message is:
//!
//! ```text
//! Change  { 1 position, 2 type, oneof { 3 Dml, 4 Ddl } }
//! Dml     { 1 table, 2 repeated names, 3 repeated Value, 4 kind, 5 OldKeys { 1 repeated names, 2 repeated Value } }
//! Ddl     { 1 id int32, 2 time, 3 username, 4 database, 5 ddl }
//! Value   oneof { 1 string, 2 int64, 3 double, 4 bool, 5 timestamp string }; none set is NULL
//! ```

use crate::change::{Change, ChangeData, Ddl, Dml, OldKeys, Value};

/// The largest change that may be written, in bytes of protobuf.
///
/// The stream breaks above 4,194,304; the difference is reserved for framing.
pub const MAX_WIRE_SIZE: usize = 4_190_000;

/// How many bytes a column may need in protobuf in addition to its JSON: two tags and two lengths against two quotes
/// and a comma, or ten bytes of a negative varint against its digits.
const COLUMN_OVERHEAD: usize = 12;

impl Change {
    /// The exact size of this change as a message of the change stream, in bytes.
    pub fn wire_size(&self) -> usize {
        let data = match &self.data {
            ChangeData::Dml(dml) => dml_size(dml),
            ChangeData::Ddl(ddl) => ddl_size(ddl),
        };
        // Members of a oneof are sent even if they are empty, so the data always counts.
        text(self.position.to_string().len()) + text(self.r#type().as_str().len()) + delimited(data)
    }
}

/// An upper bound of [`Change::wire_size`] from values that a writer has anyway: the length of the JSON and the
/// number of columns (0 for SQL text).
///
/// Cheap enough for every row. Only a row whose bound is above [`MAX_WIRE_SIZE`] needs the exact size.
pub const fn wire_size_bound(json_len: usize, columns: usize) -> usize {
    json_len + COLUMN_OVERHEAD * columns
}

fn dml_size(dml: &Dml) -> usize {
    let old_keys = dml.old_keys.as_ref().map_or(0, |keys| delimited(old_keys_size(keys)));
    text(dml.table.len())
        + names_size(&dml.column_names)
        + values_size(&dml.column_values)
        + text(dml.kind.as_str().len())
        + old_keys
}

fn old_keys_size(keys: &OldKeys) -> usize {
    names_size(&keys.key_names) + values_size(&keys.key_values)
}

fn ddl_size(ddl: &Ddl) -> usize {
    let id = match ddl.id as i32 {
        0 => 0,
        // A negative int32 is sign-extended to 64 bits.
        id => 1 + varint(i64::from(id) as u64),
    };
    id + text(ddl.time.len()) + text(ddl.username.len()) + text(ddl.database.len()) + text(ddl.ddl.len())
}

fn names_size(names: &[String]) -> usize {
    names.iter().map(|name| delimited(name.len())).sum()
}

fn values_size(values: &[Value]) -> usize {
    values.iter().map(|value| delimited(value_size(value))).sum()
}

fn value_size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 2,
        Value::Number(digits) => digits.parse::<i64>().map_or(9, |integer| 1 + varint(integer as u64)),
        Value::String(text) => delimited(text.len()),
        Value::Timestamp(timestamp) => delimited(timestamp.wire_len()),
    }
}

/// A string field outside of a oneof: left out if it is empty.
fn text(len: usize) -> usize {
    if len == 0 { 0 } else { delimited(len) }
}

/// Tag, length and content. All field numbers are below 16, so a tag is one byte.
fn delimited(len: usize) -> usize {
    1 + varint(len as u64) + len
}

fn varint(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}
