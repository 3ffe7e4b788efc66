//! What is larger than a change may be: SQL text in pieces, which the replica puts together and runs.
//!
//! ```text
//! 7  CREATE SCHEMA IF NOT EXISTS kasho_bootstrap_7; CREATE TABLE IF NOT EXISTS kasho_bootstrap_7.pieces …;
//!    INSERT INTO kasho_bootstrap_7.pieces VALUES (1, 'INSERT INTO public.t (a) … VALUES (''…') …;
//! 8  INSERT INTO kasho_bootstrap_7.pieces VALUES (2, '…''); ') …;
//! 9  DO $pieces$ … the text by its digest? … DROP SCHEMA …; EXECUTE … $pieces$;
//! ```
//!
//! A row is the INSERT that it would be in a pack of its own, so that each value is a literal, which PostgreSQL reads as COPY
//! does. Everything that such a change needs travels with it: a name that no other one has (its first number), and no
//! setting beside it. The digest is looked at before anything is run: should the consumer have lost a piece, or should an
//! earlier load have left one, the replica says so, and keeps the schema.
//!
//! How many numbers an item takes is known from its bytes in the dump. A row whose values are transformed has as many,
//! whatever its text has become: where it is shorter, the last pieces are empty, and it may not be longer.

use kvbuffer::{MAX_WIRE_SIZE, Sequence};
use memchr::memchr;
use sha2::{Digest as _, Sha256};

use super::fault::{Fault, FaultReason, RowFault};
use super::lines::{Lines, Numbers};
use super::members::{Give, Member, Rendered};
use super::packed;
use super::table_plan::TablePlan;
use super::values::{Reader, Values};

/// Bytes of text in a piece, as SQL spells it. The change stream holds a thousand changes at once, so that larger ones would
/// cost its memory.
const PIECE: usize = 1 << 20;
/// A row of no more bytes in the dump is certainly no larger than a change may be: a byte becomes four at most, and the
/// names of the columns are shorter than the rest.
pub(super) const SURE: usize = 1_000_000;
/// A row of more bytes is certainly larger, whatever its escapes stand for (four bytes at most).
pub(super) const HOPELESS: usize = 4 * MAX_WIRE_SIZE;
/// Once so many bytes of pieces are there, they may be taken.
const PART: usize = 4 << 20;
/// What the schemas are called that hold pieces, with the number of the first one behind it.
const SCHEMA: &str = "kasho_bootstrap_";

/// How many numbers a row takes that goes in pieces; nothing for one that cannot be read.
pub(super) fn numbers_of_row(line: Lines<'_>, plan: &TablePlan) -> Option<u64> {
    Some(measured(line, plan).ok()?.pieces + 1)
}

/// What a row becomes, but for its digest.
fn measured(line: Lines<'_>, plan: &TablePlan) -> Result<Text, Fault> {
    let mut cutter = Cutter { hash: None, ..Cutter::new(|_: &[u8]| {}) };
    insert(line, plan, &mut cutter)?;
    Ok(cutter.finish())
}

/// How many numbers a statement takes that goes in pieces.
pub(super) fn numbers_of_text(text: &str) -> u64 {
    let mut cutter = Cutter { hash: None, ..Cutter::new(|_: &[u8]| {}) };
    cutter.push(text.as_bytes());
    cutter.finish().pieces + 1
}

/// Where the last row begins.
pub(super) fn start_of_last(bytes: &[u8]) -> usize {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    memchr::memrchr(b'\n', body).map_or(0, |at| at + 1)
}

/// The rows before the last one, which goes in pieces, and that one.
pub(super) fn split(lines: Lines<'_>) -> (Lines<'_>, Lines<'_>) {
    let (front, last) = lines.bytes.split_at(start_of_last(lines.bytes));
    let (rows, numbers) = (lines.rows.saturating_sub(1), lines.numbers);
    let before = Numbers::plain(numbers.all - numbers.last);
    let (first_row, ignoring) = (lines.first_row + rows, lines.ignoring_alone(rows as u32));
    let of_last = Numbers { all: numbers.last, ..numbers };
    (
        Lines { bytes: front, rows, numbers: before, ..lines },
        Lines { bytes: last, rows: 1, numbers: of_last, first_row, ignoring, ..lines },
    )
}

/// Where a row is in its slab.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its index.
    pub(super) row: u32,
    /// Where it begins.
    pub(super) start: usize,
    /// The numbers before it.
    pub(super) numbers: u64,
}

/// Appends the pieces of a row, numbered from `first`. `give` may take them, as soon as it is certain that the row has no fault.
pub(super) fn row(
    line: Lines<'_>,
    place: Place,
    plan: &TablePlan,
    first: Sequence,
    out: &mut Rendered,
    give: &mut Give<'_>,
) {
    let written = check(line, plan).and_then(|()| write(line, place, plan, first, out, give));
    if let Err(Fault { column, reason }) = written {
        let Place { row, start, .. } = place;
        let end = start + line.bytes.len();
        out.faults.push(RowFault { row, start, end, lines: row, column, reason });
    }
}

/// Whether a row can be sent in the pieces that it has numbers for.
fn check(line: Lines<'_>, plan: &TablePlan) -> Result<(), Fault> {
    let pieces = line.numbers.last - 1;
    let Text { pieces: needed, length, .. } = measured(line, plan)?;
    if needed > pieces {
        return Err(FaultReason::Outgrown { size: length, pieces }.into());
    }
    Ok(())
}

/// Writes the changes of a row.
fn write(
    line: Lines<'_>,
    place: Place,
    plan: &TablePlan,
    first: Sequence,
    out: &mut Rendered,
    give: &mut Give<'_>,
) -> Result<(), Fault> {
    let pieces = line.numbers.last - 1;
    let end = place.start + line.bytes.len();
    let mut count = 0;
    let mut change = |sql: String| {
        let Some(sequence) = first.checked_add(count) else { return };
        kvbuffer::encode_ddl(&mut out.bytes, sequence, &plan.ddl_time, &plan.database, &sql);
        let (number, member_end) = ((place.numbers + count) as u32, out.bytes.len() as u32);
        let (row_end, lines, written) = match count == pieces {
            true => (end, place.row + 1, 0),
            false => (place.start, place.row, count as u32 + 1),
        };
        out.members.push(Member {
            number,
            row: place.row,
            end: member_end,
            row_end: row_end as u32,
            lines,
            pieces: written,
        });
        count += 1;
        // The last one stays: what follows looks at it for where the row ends.
        if out.bytes.len() >= PART && written > 0 {
            give(out);
        }
    };
    let mut number = 0;
    let mut put = |literal: &[u8]| {
        number += 1;
        change(piece(first, number, literal));
    };
    let mut cutter = Cutter::new(&mut put);
    insert(line, plan, &mut cutter)?;
    let Text { pieces: needed, digest, .. } = cutter.finish();
    for _ in needed..pieces {
        put(b"");
    }
    change(last(first, &digest));
    Ok(())
}

/// The INSERT that a row of COPY's text is.
fn insert<F: FnMut(&[u8])>(line: Lines<'_>, plan: &TablePlan, cutter: &mut Cutter<F>) -> Result<(), Fault> {
    cutter.push(packed::head(plan).as_bytes());
    cutter.push(b"VALUES\n(");
    Reader::new(plan, line.crlf, line.bytes).row(line.bytes, cutter)?;
    cutter.push(b")");
    if line.ignores(&(0..1)) {
        cutter.push(packed::CONFLICTS.as_bytes());
    }
    cutter.push(b";");
    Ok(())
}

/// Appends the pieces of a row that goes as this statement, numbered from `first`. `row` is its index in the slab, `before` the
/// numbers of the slab before it.
pub(super) fn text(
    text: &str,
    (row, before): (u32, u64),
    plan: &TablePlan,
    first: Sequence,
    out: &mut Rendered,
) {
    let texts = statement(text, first);
    for (index, piece) in texts.iter().enumerate() {
        let Some(sequence) = first.checked_add(index as u64) else { return };
        kvbuffer::encode_ddl(&mut out.bytes, sequence, &plan.ddl_time, &plan.database, piece);
        let pieces = if index + 1 == texts.len() { 0 } else { index as u32 + 1 };
        let (number, end) = ((before + index as u64) as u32, out.bytes.len() as u32);
        out.members.push(Member { number, row, end, row_end: 0, lines: 0, pieces });
    }
}

impl<F: FnMut(&[u8])> Values for Cutter<F> {
    fn value(&mut self, column: usize, _plan: &TablePlan, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.begins(column);
            self.part(value);
            self.ends();
        } else {
            self.push(if column > 0 { b",NULL" } else { b"NULL" });
        }
    }

    fn begins(&mut self, column: usize) -> bool {
        self.push(if column > 0 { b",'" } else { b"'" });
        true
    }

    fn part(&mut self, mut rest: &[u8]) {
        while let Some(at) = memchr(b'\'', rest) {
            self.push(&rest[..at]);
            self.push(b"''");
            rest = &rest[at + 1..];
        }
        self.push(rest);
    }

    fn ends(&mut self) {
        self.push(b"'");
    }
}

/// The changes that a statement is which is too large to be one. `first` is the number of the first one.
#[must_use]
pub fn statement(text: &str, first: Sequence) -> Vec<String> {
    let mut texts = Vec::new();
    let mut cutter = Cutter::new(|literal: &[u8]| {
        texts.push(piece(first, texts.len() as u64 + 1, literal));
    });
    cutter.push(text.as_bytes());
    let Text { digest, .. } = cutter.finish();
    texts.push(last(first, &digest));
    texts
}

/// Whether this SQL text is a piece, or what puts pieces together.
#[must_use]
pub fn is_piece(sql: &str) -> bool {
    ["CREATE SCHEMA IF NOT EXISTS ", "INSERT INTO ", "DO $pieces$\n-- "]
        .iter()
        .any(|start| sql.strip_prefix(start).is_some_and(|rest| rest.starts_with(SCHEMA)))
}

fn piece(first: Sequence, number: u64, literal: &[u8]) -> String {
    let schema = format!("{SCHEMA}{first}");
    // Cut between characters of what was UTF-8.
    let literal = String::from_utf8_lossy(literal);
    let made = match number {
        1 => format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};\nCREATE TABLE IF NOT EXISTS {schema}.pieces (n integer PRIMARY KEY, piece text NOT NULL);\n"
        ),
        _ => String::new(),
    };
    format!(
        "{made}INSERT INTO {schema}.pieces VALUES ({number}, '{literal}') ON CONFLICT (n) DO UPDATE SET piece = excluded.piece;"
    )
}

fn last(first: Sequence, digest: &str) -> String {
    let schema = format!("{SCHEMA}{first}");
    format!(
        "DO $pieces$
-- {schema}
DECLARE
  whole text;
BEGIN
  SELECT pg_catalog.string_agg(piece, '' ORDER BY n) INTO whole FROM {schema}.pieces;
  IF pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(whole, 'UTF8')), 'hex') IS DISTINCT FROM '{digest}' THEN
    RAISE EXCEPTION 'pg-bootstrap: the pieces in {schema} are not what was sent';
  END IF;
  DROP TABLE {schema}.pieces;
  DROP SCHEMA {schema};
  EXECUTE whole;
END
$pieces$;"
    )
}

/// What was cut.
struct Text {
    pieces: u64,
    /// Bytes of the text.
    length: usize,
    /// SHA-256 in hex.
    digest: String,
}

/// Cuts text, between characters, into literals of [`PIECE`] bytes at most, without their quotes.
struct Cutter<F> {
    literal: Vec<u8>,
    pieces: u64,
    length: usize,
    /// None where nobody asks for the digest.
    hash: Option<Sha256>,
    give: F,
}

impl<F: FnMut(&[u8])> Cutter<F> {
    fn new(give: F) -> Self {
        Self { literal: Vec::new(), pieces: 0, length: 0, hash: Some(Sha256::new()), give }
    }

    /// Takes whole characters.
    fn push(&mut self, mut text: &[u8]) {
        self.length += text.len();
        if let Some(hash) = &mut self.hash {
            hash.update(text);
        }
        while !text.is_empty() {
            if self.literal.len() + 4 > PIECE {
                self.cut();
            }
            // No further than this piece goes: the rest is looked at when its turn comes.
            let room = text.len().min(PIECE - self.literal.len());
            let mut take = memchr(b'\'', &text[..room]).unwrap_or(room);
            if take == 0 {
                self.literal.extend_from_slice(b"''");
                text = &text[1..];
                continue;
            }
            while text.get(take).is_some_and(|byte| byte & 0xc0 == 0x80) {
                take -= 1;
            }
            self.literal.extend_from_slice(&text[..take]);
            text = &text[take..];
        }
    }

    fn cut(&mut self) {
        (self.give)(&self.literal);
        self.literal.clear();
        self.pieces += 1;
    }

    fn finish(mut self) -> Text {
        if !self.literal.is_empty() {
            self.cut();
        }
        let digest = self.hash.map(Sha256::finalize).unwrap_or_default();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Text { pieces: self.pieces, length: self.length, digest }
    }
}

#[cfg(test)]
pub(super) mod tests;
