//! The size of a change as protobuf, to which the limit of the stream applies.

use super::decode::{Change, Decoded};
use super::value::Value;

/// The encoded length of the message `Change` in bytes. All field numbers are below 16, so a tag is one byte.
pub fn encoded_len(change: &Change) -> usize {
    let (kind, data) = match &change.data {
        Decoded::Dml(dml) => {
            let names: usize = dml.names.iter().map(|name| message(name.len())).sum();
            let values: usize = dml.values.iter().map(|value| message(value_len(value))).sum();
            ("dml", text(&dml.table) + names + values + text("insert"))
        }
        Decoded::Ddl(ddl) => {
            // An int32 field takes the low half; a zero is not written.
            let id = match i64::from(ddl.id as i32) {
                0 => 0,
                id => 1 + varint(id as u64),
            };
            ("ddl", id + text(&ddl.time) + text(&ddl.username) + text(&ddl.database) + text(&ddl.ddl))
        }
    };
    text(&change.position) + text(kind) + message(data)
}

/// The parts of a oneof are written even when they are zero or empty.
fn value_len(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Int(n) => 1 + varint(*n as u64),
        Value::Float(_) => 9,
        Value::Bool(_) => 2,
        // The longest spelling with an offset.
        Value::Timestamp(_) => message("2006-01-02T15:04:05+07:00".len()),
        Value::String(text) => message(text.len()),
    }
}

/// A string field of proto3: nothing when empty.
fn text(text: &str) -> usize {
    if text.is_empty() { 0 } else { message(text.len()) }
}

/// Tag, length, bytes.
fn message(length: usize) -> usize {
    1 + varint(length as u64) + length
}

fn varint(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn lengths_are_protobufs() {
        assert_eq!((varint(0), varint(127), varint(128), varint(16_383), varint(16_384)), (1, 1, 2, 2, 3));
        assert_eq!(varint(u64::MAX), 10);
        // Counted by hand: position 2+10, type 2+3, dml tag and length 2, table 2+3, names (2+1)*5,
        // values (2+n): 0, 2, 9, 2, 2+2; kind 2+6.
        let member = br#"{"type":"dml","position":"0/BOOTSTR1","data":{"table":"p.t",
            "columnnames":["a","b","c","d","e"],"columnvalues":[null,1,1.5,true,"xy"],"kind":"insert"}}"#;
        let values = 5 * 2 + 2 + 9 + 2 + 4;
        assert_eq!(encoded_len(&decode(member).unwrap()), 12 + 5 + 2 + 5 + 15 + values + 8);
    }
}
