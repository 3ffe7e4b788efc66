//! Rows of INSERT statements: written as COPY's text form, and then rendered as that. So a value has one meaning,
//! whichever form the dump has.

use dump::TypeClass;
use dump::insert::{Found, Shape, Value, Visit, row, unescape};
use kvbuffer::Sequence;

use super::pieces::Numbers;
use super::rows::{self, FaultReason, Rendered};
use super::transformed::REFUSED;
use super::{Lines, TablePlan};

/// Where a row ends in the slab.
struct End {
    offset: usize,
    lines: u32,
}

/// Turns the rows of a slab of INSERT statements, which has so many numbers and whose first row has this number, into changes as
/// [`super::render`] does for COPY's. `copy` is a buffer that is used on the way; `out` must be empty.
pub fn render(
    slab: (&[u8], Numbers, u64),
    shape: &Shape,
    plan: &TablePlan,
    first: Sequence,
    copy: &mut Vec<u8>,
    out: &mut Rendered,
) {
    let (slab, numbers, first_row) = slab;
    let Copied { ends, faults } = copy_form(slab, shape, plan, copy);
    let lines = Lines { bytes: copy, crlf: false, rows: ends.len() as u64, numbers, first_row };
    super::render(lines, plan, first, out);
    for member in &mut out.members {
        let end = (member.rows() as usize).checked_sub(1).map(|row| &ends[row]);
        (member.row_end, member.lines) = end.map_or((0, 0), |end| (end.offset as u32, end.lines));
    }
    let mut known = faults.into_iter().peekable();
    for fault in &mut out.faults {
        let before = (fault.row as usize).checked_sub(1).map(|row| &ends[row]);
        fault.start = before.map_or(0, |end| end.offset);
        fault.lines = before.map_or(0, |end| end.lines);
        fault.end = ends[fault.row as usize].offset;
        if let Some((_, (column, reason))) = known.next_if(|(row, _)| *row == fault.row) {
            (fault.column, fault.reason) = (column.and_then(|at| plan.columns.get(at).cloned()), reason);
        } else if let FaultReason::Undecodable { offset, .. } = &mut fault.reason
            && let Err(error) = plan.encoding.to_utf8(&slab[fault.start..fault.end])
        {
            *offset = error.offset;
        }
    }
}

/// What became of the rows of a slab on the way to COPY's form: where each ends, and those at fault with the column.
struct Copied {
    ends: Vec<End>,
    faults: Vec<(u32, (Option<usize>, FaultReason))>,
}

/// Writes the rows in COPY's text form.
pub fn as_copy(slab: &[u8], shape: &Shape, plan: &TablePlan, copy: &mut Vec<u8>) {
    copy_form(slab, shape, plan, copy);
}

fn copy_form(slab: &[u8], shape: &Shape, plan: &TablePlan, copy: &mut Vec<u8>) -> Copied {
    copy.clear();
    let mut writer = Writer {
        plan,
        out: copy,
        column: 0,
        written: 0,
        fault: None,
        utf8: plan.encoding.is_utf8_compatible(),
    };
    let mut ends = Vec::new();
    let mut faults = Vec::new();
    let (mut at, mut lines) = (0, 0);
    while at < slab.len() {
        // The scanner has read these very rows.
        let Found::Yes(end) = writer.row(slab, at, shape) else { break };
        if let Some(fault) = writer.fault.take() {
            faults.push((ends.len() as u32, fault));
        }
        lines += memchr::memchr_iter(b'\n', &slab[at..end]).count() as u32;
        ends.push(End { offset: end, lines });
        at = end;
    }
    Copied { ends, faults }
}

struct Writer<'a> {
    plan: &'a TablePlan,
    out: &'a mut Vec<u8>,
    /// The value in hand, among those of the statement.
    column: usize,
    /// Fields of the row so far.
    written: usize,
    fault: Option<(Option<usize>, FaultReason)>,
    utf8: bool,
}

impl Writer<'_> {
    fn row(&mut self, slab: &[u8], at: usize, shape: &Shape) -> Found<usize> {
        let from = self.out.len();
        (self.column, self.written) = (0, 0);
        let end = row(slab, at, shape, true, self);
        let expected = self.plan.columns.len() + self.plan.generated.len();
        if self.fault.is_none() && self.column != expected {
            self.fault = Some((None, FaultReason::FieldCount { expected, found: self.column }));
        }
        if self.fault.is_some() {
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
        let mut plain = Vec::with_capacity(body.len());
        if !unescape(body, self.utf8, &mut plain) {
            self.fault.get_or_insert((Some(self.written - 1), FaultReason::Escape));
        }
        for byte in plain {
            push(self.out, byte);
        }
    }

    /// In SQL, unlike in COPY's text, -0 is a sum of integers: there is no such zero.
    fn number(&mut self, digits: &[u8]) {
        let float = self.plan.classes.get(self.written - 1) == Some(&TypeClass::Float);
        if float && digits[0] == b'-' && rows::is_negative_zero(digits) {
            self.out.push(b'0');
        } else {
            self.out.extend_from_slice(digits);
        }
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
        self.written += 1;
        match value {
            Value::Null => self.out.extend_from_slice(b"\\N"),
            Value::Boolean(value) => self.out.push(if value { b't' } else { b'f' }),
            Value::Number(digits) => self.number(digits),
            Value::Text(body) => self.text(body),
            Value::Escaped(body) => self.escaped(body),
            Value::Bits(digits) => self.out.extend_from_slice(digits),
            Value::HexBits(digits) => digits.iter().for_each(|&digit| hex_digit(self.out, digit)),
            Value::Default => {
                self.fault.get_or_insert((Some(self.written - 1), FaultReason::Default));
            }
        }
    }
}

#[inline]
fn is_special(byte: u8) -> bool {
    matches!(byte, b'\'' | b'\\' | b'\t' | b'\n' | b'\r')
}

fn hex_digit(out: &mut Vec<u8>, digit: u8) {
    let value = char::from(digit).to_digit(16).unwrap_or_default();
    (0..4).rev().for_each(|bit| out.push(b'0' + ((value >> bit) & 1) as u8));
}

/// One byte of a value, as COPY's text has it.
#[inline]
pub(super) fn push(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests;
