//! One change of SQL text for many rows: an INSERT that is ours from its first byte to its last.
//!
//! ```text
//! SET LOCAL session_replication_role = replica;
//! INSERT INTO t (a, b, c) OVERRIDING SYSTEM VALUE SELECT pg_catalog.unnest('{1,2}'::pg_catalog.int4[]), pg_catalog.unnest('{"x",NULL}'::pg_catalog.text[]), 'y'::pg_catalog.text;
//! INSERT INTO t (a, c) OVERRIDING SYSTEM VALUE VALUES ('1', '{x}'), ('2', NULL);
//! ```
//!
//! Arrays are read by the server faster than anything but COPY, a row from each in turn, and a column that is the same in all
//! rows is written once; but the types must be known, and an assignment from the bare type must be what the column's input
//! function is. Else each value is a literal of no type, which PostgreSQL reads
//! by the type of the column, as COPY does. So it is in packs of long texts with many quotes, of documents above all: an
//! array has a backslash before each quote, and JSON one before each of these.
//!
//! A pack is a slab, but for two cases. Where PostgreSQL may take one row and refuse the next, each row is a pack
//! ([`TablePlan::alone`]). Else only a row that is longer than half a slab, which is the last of its slab, is a pack of its own. So
//! how many numbers a slab takes is known from its bytes in the dump, and no pack of several rows comes near the largest
//! change: a byte of the dump becomes four at most.

use dump::{Slab, SlabSize, TypeClass};
use kvbuffer::{MAX_WIRE_SIZE, Sequence};

use super::fault::{Fault, FaultReason, RowFault};
use super::lines::Lines;
use super::members::Rendered;
use super::table_plan::TablePlan;
use super::values::{Reader, Values};
use crate::form::RowForm;

/// The slabs of packs: with rows of a hundred bytes, as many as make a replica ready soonest. The change stream holds a
/// thousand entries at once, so larger ones would cost its memory.
pub const SLABS: SlabSize = SlabSize { bytes: 512 * 1024, rows: 5000, border: u64::MAX };
/// The same where values are transformed, which can make a row a few thousand bytes longer.
pub const SLABS_OF_TRANSFORMED: SlabSize = SlabSize { bytes: 128 * 1024, rows: 500, border: u64::MAX };
/// In a slab larger than this the last row has a pack of its own.
const ALONE: usize = SLABS.bytes / 2 * 3;
/// A row of so many bytes or more is long: in a pack of such rows the server hardly feels whether they are an array.
const LONG_ROW: u64 = 512;
/// Triggers and rules stay silent, and foreign keys are not checked, whatever session the consumer uses.
pub(crate) const HEAD: &str = "SET LOCAL session_replication_role = replica;\n";
const INSERT: &str = "INSERT INTO ";
/// Behind the rows of statements that said so.
pub(crate) const CONFLICTS: &str = " ON CONFLICT DO NOTHING";

/// How many packs, and so numbers, a slab takes.
#[must_use]
pub fn packs(slab: &Slab, plan: &TablePlan) -> u64 {
    if plan.alone {
        return slab.rows;
    }
    if slab.rows > 1 && slab.bytes().len() > ALONE { 2 } else { 1 }
}

/// The table whose rows this SQL text packs, if it is a pack.
#[must_use]
pub fn table(sql: &str) -> Option<&str> {
    let mut rest = sql.strip_prefix(HEAD)?;
    while rest.starts_with("SET LOCAL ") {
        rest = rest.split_once(";\n")?.1;
    }
    let rest = rest.strip_prefix(INSERT)?;
    let mut quoted = false;
    let end = rest.find(|character| {
        quoted ^= character == '"';
        character == ' ' && !quoted
    })?;
    Some(&rest[..end])
}

/// What the statement of a row by itself begins with. Triggers are left to the session where other rows leave them to it.
pub(super) fn head(plan: &TablePlan) -> String {
    let (table, columns) = (&plan.table, plan.columns.join(", "));
    format!("{}{INSERT}{table} ({columns}) OVERRIDING SYSTEM VALUE ", settings(plan))
}

fn settings(plan: &TablePlan) -> String {
    let silent = if plan.form == RowForm::Single { "" } else { HEAD };
    let needed = plan.sql_only || plan.form == RowForm::Copy;
    format!("{silent}{}", if needed { &plan.settings } else { "" })
}

/// Turns rows into packs, one for each number from `first`, appending to `out`.
///
/// A row at fault is left out of its pack; a pack without rows leaves a hole in the numbers.
pub fn render(lines: Lines<'_>, plan: &TablePlan, first: Sequence, out: &mut Rendered) {
    let bytes = lines.bytes;
    let numbers = lines.numbers.all;
    let mut reader = Reader::new(plan, lines.crlf, bytes);
    let (mut start, mut row) = (0, 0);
    for number in 0..numbers {
        let until = match number + 1 < numbers {
            _ if plan.alone || plan.form == RowForm::Single => number + 1,
            last_is_alone => lines.rows - u64::from(last_is_alone),
        };
        let (from, faults) = ((start, row), out.faults.len());
        let [rows, remaining] = [until, lines.rows].map(|end| end.saturating_sub(row.into()));
        let mut pack = Pack::new(plan, rows_of_pack(&bytes[start..], rows, remaining), rows);
        while u64::from(row) < until && start < bytes.len() {
            let end = line_end(bytes, start);
            if let Err(fault) = pack.row(&mut reader, &bytes[start..end]) {
                out.faults.push(fault_at(row, start..end, fault));
            }
            (start, row) = (end, row + 1);
        }
        if pack.rows == 0 {
            continue;
        }
        let Some(sequence) = first.checked_add(number) else { continue };
        match pack.sql(plan, lines.ignores(&(from.1..row))) {
            Ok(sql) => {
                plan.put_sql(&mut out.bytes, sequence, &sql);
                out.as_sql += u64::from(plan.sql_only || plan.form == RowForm::Copy);
                out.ends_pack(number as u32, row - 1, start as u32);
            }
            Err(reason) => {
                out.faults.truncate(faults);
                all_at_fault(bytes, from, row, &reason, out);
            }
        }
    }
}

/// The lines of a pack of so many of the remaining rows: it is one row, or all of them, or all but the last.
fn rows_of_pack(lines: &[u8], rows: u64, remaining: u64) -> &[u8] {
    let whole = lines.strip_suffix(b"\n").unwrap_or(lines);
    let end = match rows {
        _ if rows >= remaining => lines.len(),
        1 => line_end(lines, 0),
        _ => memchr::memrchr(b'\n', whole).map_or(lines.len(), |at| at + 1),
    };
    &lines[..end]
}

/// No row of the pack can be loaded: with one row, it is too large.
fn all_at_fault(
    bytes: &[u8],
    (mut start, from): (usize, u32),
    to: u32,
    reason: &FaultReason,
    out: &mut Rendered,
) {
    for row in from..to {
        let end = line_end(bytes, start);
        out.faults.push(fault_at(row, start..end, reason.clone().into()));
        start = end;
    }
}

fn fault_at(row: u32, place: std::ops::Range<usize>, fault: Fault) -> RowFault {
    let Fault { column, reason } = fault;
    RowFault { row, start: place.start, end: place.end, lines: row, column, reason }
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1)
}

/// The values of a pack: row by row in one buffer, or a buffer for each column.
struct Pack {
    arrays: bool,
    buffers: Vec<Vec<u8>>,
    /// The length of the first element of each buffer while the others are the same.
    same: Vec<Option<usize>>,
    /// Where each buffer ended before the row in hand.
    before: Vec<usize>,
    rows: u64,
}

impl Pack {
    /// For so many rows, which are these lines.
    fn new(plan: &TablePlan, lines: &[u8], rows: u64) -> Self {
        let arrays = !plan.elements.is_empty()
            && !plan.sql_only
            && !is_shorter_as_literals(lines, rows, plan.elements.len());
        let columns = if arrays { plan.elements.len() } else { 0 };
        let buffers = vec![Vec::new(); columns.max(1)];
        Self { arrays, same: vec![None; columns], before: vec![0; buffers.len()], buffers, rows: 0 }
    }

    /// Adds a row, or nothing of it.
    fn row(&mut self, reader: &mut Reader<'_>, line: &[u8]) -> Result<(), Fault> {
        self.begin();
        let read = reader.row(line, self);
        match read {
            Ok(()) => self.end(),
            Err(_) => self.take_back(),
        }
        read
    }

    fn begin(&mut self) {
        for (before, buffer) in self.before.iter_mut().zip(&self.buffers) {
            *before = buffer.len();
        }
    }

    fn take_back(&mut self) {
        for (before, buffer) in self.before.iter().zip(&mut self.buffers) {
            buffer.truncate(*before);
        }
    }

    fn end(&mut self) {
        if !self.arrays {
            self.buffers[0].push(b')');
        }
        for ((same, buffer), before) in self.same.iter_mut().zip(&self.buffers).zip(&self.before) {
            *same = match *same {
                _ if self.rows == 0 => Some(buffer.len()),
                // Behind a comma.
                Some(length) if buffer[before + 1..] == buffer[..length] => Some(length),
                _ => None,
            };
        }
        self.rows += 1;
    }

    /// The pack's text, if it is one that a change can hold.
    fn sql(&self, plan: &TablePlan, ignoring: bool) -> Result<String, FaultReason> {
        let (table, end) = (&plan.table, if ignoring { CONFLICTS } else { "" });
        let length: usize = self.buffers.iter().map(|buffer| buffer.len() + 80).sum();
        let mut sql = Vec::with_capacity(length + 200);
        if plan.columns.is_empty() {
            sql.extend_from_slice(settings(plan).as_bytes());
            for _ in 0..self.rows {
                sql.extend_from_slice(format!("{INSERT}{table} DEFAULT VALUES{end};\n").as_bytes());
            }
            sql.pop();
        } else {
            sql.extend_from_slice(head(plan).as_bytes());
            self.source(plan, &mut sql);
            sql.extend_from_slice(end.as_bytes());
            sql.push(b';');
        }
        let size = sql.len() + plan.database.len() + plan.ddl_time.len() + 100;
        if size > MAX_WIRE_SIZE && plan.form != RowForm::Copy {
            return Err(FaultReason::TooLarge { size });
        }
        String::from_utf8(sql).map_err(|error| FaultReason::Undecodable {
            offset: error.utf8_error().valid_up_to(),
            encoding: "UTF8",
        })
    }

    /// What the rows are inserted from.
    fn source(&self, plan: &TablePlan, sql: &mut Vec<u8>) {
        if !self.arrays {
            sql.extend_from_slice(b"VALUES\n");
            sql.extend_from_slice(&self.buffers[0]);
            return;
        }
        sql.extend_from_slice(b"SELECT");
        // One array must say how many rows there are.
        let counting = self.same.iter().position(Option::is_none).unwrap_or(0);
        for (column, (buffer, element)) in self.buffers.iter().zip(&plan.elements).enumerate() {
            sql.extend_from_slice(if column > 0 { b",\n" } else { b"\n" });
            if let Some(length) = self.same[column].filter(|_| column != counting) {
                scalar(sql, &buffer[..length]);
                sql.extend_from_slice(format!("::pg_catalog.{element}").as_bytes());
                continue;
            }
            sql.extend_from_slice(b"pg_catalog.unnest('{");
            sql.extend_from_slice(buffer);
            // The elements of arrays of arrays would come one by one.
            let end = match element.strip_suffix("[]") {
                Some(_) => format!("}}'::pg_catalog.text[])::pg_catalog.{element}"),
                None => format!("}}'::pg_catalog.{element}[])"),
            };
            sql.extend_from_slice(end.as_bytes());
        }
    }
}

/// Whether long rows are shorter as literals: these have two quotes and a comma for each value, and arrays two bytes more of
/// the change for each quote or backslash in it. By the lines alone, so that the same rows are always the same bytes.
fn is_shorter_as_literals(lines: &[u8], rows: u64, columns: usize) -> bool {
    let long = lines.len() as u64 >= rows.saturating_mul(LONG_ROW);
    long && {
        let escaped = memchr::memchr2_iter(b'"', b'\\', lines).count() as u64;
        escaped * 2 > rows * columns as u64 * 3
    }
}

impl Values for Pack {
    fn value(&mut self, column: usize, plan: &TablePlan, value: Option<&[u8]>) {
        if self.arrays {
            let out = &mut self.buffers[column];
            if self.rows > 0 {
                out.push(b',');
            }
            element(out, plan.classes[column], value);
            return;
        }
        let out = &mut self.buffers[0];
        out.extend_from_slice(match (column, self.rows) {
            (0, 0) => b"(".as_slice(),
            (0, _) => b",\n(",
            _ => b",",
        });
        match value {
            None => out.extend_from_slice(b"NULL"),
            Some(value) => {
                out.push(b'\'');
                doubled(out, value);
                out.push(b'\'');
            }
        }
    }
}

/// An element of an array, within a literal.
fn element(out: &mut Vec<u8>, class: TypeClass, value: Option<&[u8]>) {
    let Some(value) = value else {
        out.extend_from_slice(b"NULL");
        return;
    };
    if class != TypeClass::Text && is_bare(value) {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr3(b'"', b'\\', b'\'', rest) {
        out.extend_from_slice(&rest[..at]);
        // A quote of SQL is doubled; what arrays quote has a backslash.
        out.push(if rest[at] == b'\'' { b'\'' } else { b'\\' });
        out.push(rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// An element of an array as a literal by itself.
fn scalar(sql: &mut Vec<u8>, element: &[u8]) {
    if element == b"NULL" {
        sql.extend_from_slice(element);
        return;
    }
    sql.push(b'\'');
    match element.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) {
        None => sql.extend_from_slice(element),
        Some(mut rest) => {
            while let Some(at) = memchr::memchr(b'\\', rest) {
                sql.extend_from_slice(&rest[..at]);
                sql.extend(rest.get(at + 1));
                rest = rest.get(at + 2..).unwrap_or_default();
            }
            sql.extend_from_slice(rest);
        }
    }
    sql.push(b'\'');
}

/// A number or a truth value, which needs no quotes.
fn is_bare(value: &[u8]) -> bool {
    let bare = value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'));
    bare && !value.is_empty() && !value.eq_ignore_ascii_case(b"null")
}

fn doubled(out: &mut Vec<u8>, value: &[u8]) {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\'', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'\'');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests;
