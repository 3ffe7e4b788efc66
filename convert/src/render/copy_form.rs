//! Rows of INSERT statements, written as COPY's text form. So a value has one meaning, whichever form the dump has. What
//! has no such form goes as the SQL that it is.

use std::ops::Range;

use dump::insert::{Found, OnConflict, Shape, Unescape, Value, Visit, row, unescape};

use super::fault::FaultReason;
use super::lines::{REFUSED, push};
use super::literals::{Becomes, Takes};
use super::members::Rendered;
use super::table_plan::TablePlan;

/// Where a row ends in the slab.
#[derive(Debug)]
struct End {
    offset: usize,
    lines: u32,
}

/// What became of the rows of a slab on the way to COPY's form.
#[derive(Debug)]
pub struct Copied {
    /// Where each ends.
    ends: Vec<End>,
    /// Those at fault, with the column.
    faults: Vec<(u32, (Option<usize>, FaultReason))>,
    /// Those that have no such form and go as SQL text.
    pub(super) sql: Vec<u32>,
    /// Those of statements that say ON CONFLICT DO NOTHING.
    pub(super) ignoring: Vec<Range<u32>>,
}

/// Writes the rows of a slab of INSERT statements in COPY's text form into `copy`. What has none is a line that cannot be
/// read: a fault where its values are `transformed`, else to be SQL text.
pub fn write(slab: &[u8], shape: &Shape, plan: &TablePlan, transformed: bool, copy: &mut Vec<u8>) -> Copied {
    copy.clear();
    let mut writer = Writer {
        plan,
        transformed,
        out: copy,
        column: 0,
        written: 0,
        fault: None,
        sql: false,
        ignores: false,
        utf8: plan.encoding.is_utf8_compatible(),
    };
    let mut copied = Copied { ends: Vec::new(), faults: Vec::new(), sql: Vec::new(), ignoring: Vec::new() };
    let (mut at, mut lines, mut statement) = (0, 0, 0);
    while at < slab.len() {
        // The scanner has read these very rows.
        let Found::Yes(end) = writer.row(slab, at, shape) else { break };
        let row = copied.ends.len() as u32;
        if let Some(fault) = writer.fault.take() {
            copied.faults.push((row, fault));
        } else if writer.sql {
            copied.sql.push(row);
        }
        lines += lines_in(&slab[at..end]);
        copied.ends.push(End { offset: end, lines });
        at = end;
        if slab[end - 1] == b';' {
            copied.ignore(statement..row + 1, writer.ignores);
            statement = row + 1;
        }
    }
    let open = match shape.open {
        OnConflict::Error => false,
        OnConflict::Nothing => true,
        OnConflict::Unknown => plan.unique,
    };
    copied.ignore(statement..copied.ends.len() as u32, open);
    copied
}

impl Copied {
    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The rows at fault.
    pub(super) fn faulty(&self) -> Vec<u32> {
        self.faults.iter().map(|(row, _)| *row).collect()
    }

    /// Puts what became of the copied rows at its place in the slab, with the faults that they had before. What has its place
    /// keeps it.
    pub(super) fn place(&self, slab: &[u8], plan: &TablePlan, out: &mut Rendered) {
        let Self { ends, faults, .. } = self;
        for member in &mut out.members {
            let end = (member.rows() as usize).checked_sub(1).map(|row| &ends[row]);
            (member.row_end, member.lines) = end.map_or((0, 0), |end| (end.offset as u32, end.lines));
        }
        for fault in &mut out.faults {
            let before = (fault.row as usize).checked_sub(1).map(|row| &ends[row]);
            let start = before.map_or(0, |end| end.offset);
            fault.end = ends[fault.row as usize].offset;
            // A row begins behind what separates its statement from the one before.
            let blank = slab[start..fault.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            fault.start = start + blank;
            fault.lines = before.map_or(0, |end| end.lines) + lines_in(&slab[start..fault.start]);
            if let Ok(at) = faults.binary_search_by_key(&fault.row, |(row, _)| *row) {
                let (column, reason) = faults[at].1.clone();
                (fault.column, fault.reason) = (column.and_then(|at| plan.columns.get(at).cloned()), reason);
            } else if let FaultReason::Undecodable { offset, .. } = &mut fault.reason
                && let Err(error) = plan.encoding.to_utf8(&slab[fault.start..fault.end])
            {
                *offset = error.offset;
            }
        }
    }

    fn ignore(&mut self, rows: Range<u32>, ignores: bool) {
        if !ignores || rows.is_empty() {
            return;
        }
        match self.ignoring.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.ignoring.push(rows),
        }
    }
}

struct Writer<'a> {
    plan: &'a TablePlan,
    transformed: bool,
    out: &'a mut Vec<u8>,
    /// The value in hand, among those of the statement.
    column: usize,
    /// Fields of the row so far.
    written: usize,
    fault: Option<(Option<usize>, FaultReason)>,
    /// The row has no form in COPY's text.
    sql: bool,
    /// Its statement ends with ON CONFLICT DO NOTHING.
    ignores: bool,
    utf8: bool,
}

impl Writer<'_> {
    fn row(&mut self, slab: &[u8], at: usize, shape: &Shape) -> Found<usize> {
        let plan = self.plan;
        let from = self.out.len();
        (self.column, self.written, self.ignores) = (0, 0, false);
        self.sql = plan.sql_only && !self.transformed;
        let end = row(slab, at, shape, true, self);
        let expected = plan.columns.len() + plan.generated.len();
        let any_count = plan.sql_only && expected == 0;
        if self.fault.is_none() && self.column != expected && !any_count {
            self.fault = Some((None, FaultReason::FieldCount { expected, found: self.column }));
        }
        if self.fault.is_some() || self.sql {
            self.out.truncate(from);
            self.out.extend_from_slice(REFUSED);
        }
        self.out.push(b'\n');
        end
    }

    fn text(&mut self, body: &[u8]) {
        let mut rest = body;
        while let Some(at) = rest.iter().position(|&byte| is_special(byte)) {
            self.out.extend_from_slice(&rest[..at]);
            // Quotes come in twos.
            let used = if rest[at] == b'\'' { 2 } else { 1 };
            push(self.out, rest[at]);
            rest = rest.get(at + used..).unwrap_or_default();
        }
        self.out.extend_from_slice(rest);
    }

    fn escaped(&mut self, body: &[u8]) {
        if !unescape(body, self) {
            self.refuse(FaultReason::Escape);
        }
    }

    fn typed(&mut self, value: &Value<'_>, becomes: Becomes<'_>) {
        match becomes {
            Becomes::Text(text) => self.out.extend_from_slice(text),
            Becomes::Sql => self.sql(),
            Becomes::Refused => self.refuse(FaultReason::Literal { kind: Takes::kind(value) }),
        }
    }

    /// The row goes as the SQL that it is, where nothing has to be done to its values.
    #[cold]
    fn sql(&mut self) {
        self.sql = true;
        if self.transformed {
            self.refuse(FaultReason::Expression);
        }
    }

    #[cold]
    fn refuse(&mut self, reason: FaultReason) {
        self.fault.get_or_insert((Some(self.written - 1), reason));
    }
}

impl Visit for Writer<'_> {
    #[inline]
    fn value(&mut self, value: Value<'_>) {
        let generated = self.plan.generated.contains(&self.column);
        self.column += 1;
        if generated {
            if value != Value::Default {
                self.fault.get_or_insert((None, FaultReason::Generated));
            }
            return;
        }
        if self.written > 0 {
            self.out.push(b'\t');
        }
        let takes = self.plan.takes.get(self.written).copied().unwrap_or(Takes::Unknown);
        self.written += 1;
        match value {
            Value::Null => self.out.extend_from_slice(b"\\N"),
            Value::Text(body) => self.text(body),
            Value::Integer(digits) => self.typed(&value, takes.integer(digits)),
            Value::Decimal(number) => self.typed(&value, takes.decimal(number)),
            Value::Boolean(truth) => self.typed(&value, takes.boolean(truth)),
            Value::Escaped(body) => self.escaped(body),
            Value::Bits(digits) if takes.takes_bits() => self.out.extend_from_slice(digits),
            Value::HexBits(digits) if takes.takes_bits() => {
                digits.iter().for_each(|&digit| hex_digit(self.out, digit));
            }
            Value::Default | Value::Bits(_) | Value::HexBits(_) | Value::Sql(_) => self.sql(),
        }
    }

    fn ignores_conflicts(&mut self) {
        self.ignores = true;
    }
}

impl Unescape for Writer<'_> {
    fn plain(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| push(self.out, byte));
    }

    /// COPY's text is decoded before its escapes are undone, as a statement is.
    fn escaped(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte < 0x80 || self.utf8 {
                push(self.out, byte);
            } else {
                self.out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
        }
    }
}

fn lines_in(bytes: &[u8]) -> u32 {
    memchr::memchr_iter(b'\n', bytes).count() as u32
}

#[inline]
fn is_special(byte: u8) -> bool {
    matches!(byte, b'\'' | b'\\' | b'\t' | b'\n' | b'\r')
}

fn hex_digit(out: &mut Vec<u8>, digit: u8) {
    let value = char::from(digit).to_digit(16).unwrap_or_default();
    (0..4).rev().for_each(|bit| out.push(b'0' + ((value >> bit) & 1) as u8));
}

#[cfg(test)]
mod tests;
