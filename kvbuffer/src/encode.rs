//! Encodes changes to bytes: the canonical form, and a fast way to write it.
//!
//! The same change must always be the same bytes, because the bytes of a member identify it in a sorted set: if it is
//! written twice in the same form it is one entry, in different forms it is two. So there is no white space, the
//! fields have one order, strings have one spelling, and numbers keep their digits. Any change to the output of this
//! module raises [`ENCODER_REVISION`].
//!
//! A row of a bootstrap is written in three parts, none of which allocates:
//!
//! ```text
//! RowHead::push   {"type":"dml","position":"0/BOOTSTRAP00000002","data":{"table":"public.users",
//!                  "columnnames":["id","name"],"columnvalues":[
//! the caller      1,"Ann"                                  itoa, push_string, b"null", commas between
//! ROW_TAIL        ],"kind":"insert"}}
//! ```
//!
//! Written by hand: every row passes here, what is clean is copied in whole runs, and a text that
//! begins like a timestamp is spelled so that Go's reader takes it for a text. A serializer does neither.

use crate::change::{Change, ChangeData, ChangeType, Ddl, Dml, OldKeys, Value};
use crate::position::{BOOTSTRAP_PREFIX, Position, Sequence};
use crate::timestamp;

/// Changes whenever the bytes of any change would change.
///
/// It is part of the configuration that a writer registers, so that a run is never continued with other bytes.
pub const ENCODER_REVISION: u32 = 3;

/// The end of a row, after the last value.
pub const ROW_TAIL: &[u8] = br#"],"kind":"insert"}}"#;

/// The user name in every statement of a bootstrap.
pub const BOOTSTRAP_USER: &str = "bootstrap";

/// The canonical bytes of a change.
///
/// [`crate::decode`] reads them back to the same change.
pub fn encode(change: &Change) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    open(&mut out, change.r#type(), change.position);
    match &change.data {
        ChangeData::Ddl(ddl) => push_ddl(&mut out, ddl),
        ChangeData::Dml(dml) => push_dml(&mut out, dml),
    }
    out.push(b'}');
    out
}

/// Appends the ddl change of a bootstrap: id = the sequence modulo 2^31, user `bootstrap`.
///
/// `time` must be RFC 3339; this is not checked.
pub fn encode_ddl(out: &mut Vec<u8>, sequence: Sequence, time: &str, database: &str, ddl: &str) {
    open(out, ChangeType::Ddl, Position::Bootstrap(sequence));
    let id = (sequence.get() % (1 << 31)) as i64;
    push_ddl_fields(out, id, [time, BOOTSTRAP_USER, database, ddl]);
    out.push(b'}');
}

/// Appends `text` as a value: a canonical JSON string that the consumer reads as exactly this text.
///
/// `text` must be UTF-8 (not checked). If a text begins like a timestamp, its first character is escaped: the
/// consumer tests the raw bytes, so it does not take the text for a timestamp.
#[inline]
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    if timestamp::looks_like(text) {
        out.extend_from_slice(b"\"\\u003");
        push_escaped(out, text);
        out.push(b'"');
    } else {
        push_text(out, text);
    }
}

/// Appends `text` as a canonical JSON string, also if it looks like a timestamp: for names and SQL text.
///
/// `text` must be UTF-8 (not checked).
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Runs of clean bytes are copied as a whole; only bytes that need an escape are treated one by one.
#[inline]
fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = find_escape(rest) {
        out.extend_from_slice(&rest[..at]);
        push_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cold]
fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Finds the first byte that needs an escape, eight bytes at a time.
#[inline]
fn find_escape(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = escape_bits(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let at = tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')?;
    Some(words.len() * 8 + at)
}

/// The high bit of each byte that is below 0x20, a quote or a backslash.
///
/// Subtraction borrows into the next byte, so bits above the lowest one found may be wrong; the lowest is right,
/// and none is set where there is nothing to find. Bytes from 0x80 on are masked out: they are parts of
/// multi-byte characters.
#[inline]
const fn escape_bits(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGHS: u64 = ONES << 7;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_space = word.wrapping_sub(ONES * 0x20);
    (below_space | quote.wrapping_sub(ONES) | backslash.wrapping_sub(ONES)) & !word & HIGHS
}

/// Everything before a row's values, for one table and column list, ready to be copied.
///
/// Invariant: `bytes[digits]` is `sequence` in ASCII decimal, padded to at least 8 digits.
#[derive(Clone, Debug)]
pub struct RowHead {
    bytes: Vec<u8>,
    digits: std::ops::Range<usize>,
    sequence: u64,
}

impl RowHead {
    /// A head for rows of `table`, numbered from `first`.
    ///
    /// `table` and `columns` are quoted as SQL requires. The caller ensures that there is at least one column.
    pub fn new(table: &str, columns: &[&str], first: Sequence) -> Self {
        let mut bytes = Vec::with_capacity(128);
        open(&mut bytes, ChangeType::Dml, Position::Bootstrap(first));
        let start = br#"{"type":"dml","position":""#.len() + BOOTSTRAP_PREFIX.len();
        let end = bytes.len() - br#"","data":"#.len();
        bytes.extend_from_slice(br#"{"table":"#);
        push_text(&mut bytes, table.as_bytes());
        bytes.extend_from_slice(br#","columnnames":"#);
        push_list(&mut bytes, columns, |out, name| push_text(out, name.as_bytes()));
        bytes.extend_from_slice(br#","columnvalues":["#);
        Self { bytes, digits: start..end, sequence: first.get() }
    }

    /// Appends everything before the values of the current row, and moves on to the next sequence.
    ///
    /// [`Sequence::MAX`] is not checked here: the code that assigns the numbers has checked the last one.
    #[inline]
    pub fn push(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        self.advance();
    }

    /// Continues with another sequence, after rows that were left out.
    pub fn set(&mut self, next: Sequence) {
        self.sequence = next.get();
        self.write_digits();
    }

    /// The sequence that the next [`RowHead::push`] writes; `None` past [`Sequence::MAX`].
    pub fn next(&self) -> Option<Sequence> {
        Sequence::new(self.sequence)
    }

    /// Increments the ASCII number, from the last digit. If all digits are nines, it gets one digit more.
    #[inline]
    fn advance(&mut self) {
        self.sequence += 1;
        for digit in self.bytes[self.digits.clone()].iter_mut().rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.write_digits();
    }

    #[cold]
    fn write_digits(&mut self) {
        let digits = format!("{:08}", self.sequence);
        let end = self.digits.start + digits.len();
        self.bytes.splice(self.digits.clone(), digits.into_bytes());
        self.digits.end = end;
    }
}

/// `{"type":…,"position":…,"data":`
fn open(out: &mut Vec<u8>, r#type: ChangeType, position: Position) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(r#type.as_str().as_bytes());
    out.extend_from_slice(br#"","position":""#);
    out.extend_from_slice(position.to_string().as_bytes());
    out.extend_from_slice(br#"","data":"#);
}

fn push_ddl(out: &mut Vec<u8>, ddl: &Ddl) {
    push_ddl_fields(out, ddl.id, [&ddl.time, &ddl.username, &ddl.database, &ddl.ddl]);
}

fn push_ddl_fields(out: &mut Vec<u8>, id: i64, fields: [&str; 4]) {
    const NAMES: [&str; 4] = [r#","time":"#, r#","username":"#, r#","database":"#, r#","ddl":"#];
    out.extend_from_slice(br#"{"id":"#);
    out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    for (name, field) in NAMES.iter().zip(fields) {
        out.extend_from_slice(name.as_bytes());
        push_text(out, field.as_bytes());
    }
    out.push(b'}');
}

fn push_dml(out: &mut Vec<u8>, dml: &Dml) {
    out.extend_from_slice(br#"{"table":"#);
    push_text(out, dml.table.as_bytes());
    out.extend_from_slice(br#","columnnames":"#);
    push_list(out, &dml.column_names, |out, name| push_text(out, name.as_bytes()));
    out.extend_from_slice(br#","columnvalues":"#);
    push_list(out, &dml.column_values, push_value);
    out.extend_from_slice(br#","kind":""#);
    out.extend_from_slice(dml.kind.as_str().as_bytes());
    out.push(b'"');
    if let Some(keys) = &dml.old_keys {
        push_old_keys(out, keys);
    }
    out.push(b'}');
}

fn push_old_keys(out: &mut Vec<u8>, keys: &OldKeys) {
    out.extend_from_slice(br#","oldkeys":{"keynames":"#);
    push_list(out, &keys.key_names, |out, name| push_text(out, name.as_bytes()));
    out.extend_from_slice(br#","keyvalues":"#);
    push_list(out, &keys.key_values, push_value);
    out.push(b'}');
}

fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::String(text) => push_string(out, text.as_bytes()),
        Value::Timestamp(timestamp) => push_text(out, timestamp.raw().as_bytes()),
    }
}

fn push_list<T>(out: &mut Vec<u8>, items: &[T], mut push: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}
