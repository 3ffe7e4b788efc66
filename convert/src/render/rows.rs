//! One change for each row: the fields of COPY's text form to JSON values, by the types of their columns.

use dump::TypeClass;
use dump::copy::{self, FieldError};
use kvbuffer::{
    MAX_WIRE_SIZE, ROW_TAIL, RowHead, Sequence, looks_like_timestamp, push_string, wire_size_bound,
};

use super::fault::{Fault, FaultReason, RowFault, field_count, undecodable};
use super::members::Rendered;
use super::table_plan::TablePlan;
use scan::find_special;

mod scan;

/// Turns the rows of `slab` into changes numbered from `first`, one number a row, appending to `out`.
///
/// A row at fault leaves a hole in the numbers. `slab` holds whole rows with their line ends; `crlf` says that
/// these are `\r\n`.
pub fn render(slab: &[u8], crlf: bool, plan: &TablePlan, first: Sequence, out: &mut Rendered) {
    let columns: Vec<&str> = plan.columns.iter().map(String::as_str).collect();
    let mut writer = Writer {
        plan,
        crlf,
        head: RowHead::new(&plan.table, &columns, first),
        first,
        // One look at the whole slab; only where it fails is each row looked at by itself.
        trusted: plan.encoding.is_utf8_compatible() && (slab.is_ascii() || std::str::from_utf8(slab).is_ok()),
        scratch: Vec::new(),
    };
    let mut start = 0;
    let mut row = 0;
    while start < slab.len() {
        match writer.row(&slab[start..], row, out) {
            Ok(length) => {
                start += length;
                out.ends_member(row, start as u32);
            }
            Err(fault) => {
                let keep = out.members.last().map_or(0, |member| member.end as usize);
                out.bytes.truncate(keep);
                let end = memchr::memchr(b'\n', &slab[start..]).map_or(slab.len(), |at| start + at + 1);
                out.faults.push(RowFault {
                    row,
                    start,
                    end,
                    lines: row,
                    column: fault.column,
                    reason: fault.reason,
                });
                start = end;
                writer.skip(row);
            }
        }
        row += 1;
    }
}

struct Writer<'a> {
    plan: &'a TablePlan,
    crlf: bool,
    head: RowHead,
    first: Sequence,
    trusted: bool,
    scratch: Vec<u8>,
}

impl Writer<'_> {
    /// Writes the row at the start of `rest` and returns its length with the line end.
    #[inline]
    fn row(&mut self, rest: &[u8], row: u32, out: &mut Rendered) -> Result<usize, Fault> {
        if !self.trusted || self.crlf || self.plan.columns.is_empty() {
            return self.careful(rest, row, out);
        }
        let from = out.bytes.len();
        let length = self.values(rest, &mut out.bytes)?;
        self.check_size(&out.bytes[from..], length)?;
        Ok(length)
    }

    /// Leaves out the number of a row, whatever the head has counted so far.
    fn skip(&mut self, row: u32) {
        if let Some(next) = self.first.checked_add(u64::from(row) + 1) {
            self.head.set(next);
        }
    }

    /// The same for rows that are not known to be UTF-8, that end in `\r\n`, or that have no columns.
    #[cold]
    fn careful(&mut self, rest: &[u8], row: u32, out: &mut Rendered) -> Result<usize, Fault> {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line = rest[..length].strip_suffix(b"\n").unwrap_or(&rest[..length]);
        let line = if self.crlf { line.strip_suffix(b"\r").ok_or(FaultReason::LineEnd)? } else { line };
        let encoding = &self.plan.encoding;
        let text = match encoding.to_utf8(line) {
            Ok(text) => text.into_owned() + "\n",
            Err(error) => return Err(undecodable(self.plan, line, error.offset)),
        };
        let from = out.bytes.len();
        if self.plan.columns.is_empty() {
            self.row_without_columns(&text, row, &mut out.bytes)?;
        } else {
            self.values(text.as_bytes(), &mut out.bytes)?;
        }
        self.check_size(&out.bytes[from..], length)?;
        Ok(length)
    }

    /// A row of a table without columns is an empty line, and an INSERT that SQL has a form of its own for.
    fn row_without_columns(&self, text: &str, row: u32, out: &mut Vec<u8>) -> Result<(), Fault> {
        if text != "\n" {
            let found = text.split('\t').count();
            return Err(FaultReason::FieldCount { expected: 0, found }.into());
        }
        let sql = format!("INSERT INTO {} DEFAULT VALUES;", self.plan.table);
        if let Some(sequence) = self.first.checked_add(u64::from(row)) {
            kvbuffer::encode_ddl(out, sequence, &self.plan.ddl_time, &self.plan.database, &sql);
        }
        Ok(())
    }

    #[inline]
    fn values(&mut self, rest: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        self.head.push(out);
        let plan = self.plan;
        let last = plan.classes.len() - 1;
        let mut at = 0;
        for (column, class) in plan.classes.iter().enumerate() {
            if column > 0 {
                out.push(b',');
            }
            at += match self.value(*class, &rest[at..], out) {
                Ok(length) => length,
                Err(reason) => return Err(Fault { column: Some(plan.columns[column].clone()), reason }),
            };
            // A line feed is certain to come: the slab holds whole rows.
            let end_of_row = rest[at] == b'\n';
            if end_of_row != (column == last) {
                return Err(field_count(self.plan, rest));
            }
            at += 1;
        }
        out.extend_from_slice(ROW_TAIL);
        Ok(at)
    }

    /// Writes the field at the start of `rest` and returns its length, without the tab or line feed after it.
    #[inline]
    fn value(&mut self, class: TypeClass, rest: &[u8], out: &mut Vec<u8>) -> Result<usize, FaultReason> {
        if rest[0] == b'\\' && rest[1] == b'N' && matches!(rest[2], b'\t' | b'\n') {
            out.extend_from_slice(b"null");
            return Ok(2);
        }
        if class == TypeClass::Integer
            && let Some(length) = integer(rest)
        {
            push_field(out, rest, length);
            return Ok(length);
        }
        let end = find_special(rest);
        // Where anything needs a closer look, so does the value: numbers have no escapes.
        if !matches!(rest[end], b'\t' | b'\n') {
            return self.escaped(rest, end, out);
        }
        let field = &rest[..end];
        match (class, field) {
            (TypeClass::Boolean, b"t") => out.extend_from_slice(b"true"),
            (TypeClass::Boolean, b"f") => out.extend_from_slice(b"false"),
            (TypeClass::Float, _) if is_exact_float(field) => push_field(out, rest, end),
            _ if looks_like_timestamp(field) => push_string(out, field),
            _ => {
                out.push(b'"');
                push_field(out, rest, end);
                out.push(b'"');
            }
        }
        Ok(end)
    }

    /// A field with characters that COPY or JSON escapes; the first of them is at `special`.
    fn escaped(&mut self, rest: &[u8], special: usize, out: &mut Vec<u8>) -> Result<usize, FaultReason> {
        let open = out.len();
        out.push(b'"');
        let mut at = 0;
        let mut end = special;
        loop {
            out.extend_from_slice(&rest[at..end]);
            at = end;
            match rest[at] {
                b'\t' | b'\n' => break,
                b'\\' => match escape(rest[at + 1]) {
                    Some(replacement) => {
                        out.extend_from_slice(replacement);
                        at += 2;
                    }
                    None => {
                        out.truncate(open);
                        return self.unusual(rest, out);
                    }
                },
                0 => return Err(FaultReason::Nul),
                b'\r' => return Err(FaultReason::Field(FieldError::CarriageReturn)),
                byte => {
                    push_escape(out, byte);
                    at += 1;
                }
            }
            end = at + find_special(&rest[at..]);
        }
        hide_timestamp(out, open);
        out.push(b'"');
        Ok(at)
    }

    /// A field with escapes that pg_dump does not write: octal, hexadecimal, or of any other character.
    #[cold]
    fn unusual(&mut self, rest: &[u8], out: &mut Vec<u8>) -> Result<usize, FaultReason> {
        let end = memchr::memchr2(b'\t', b'\n', rest).unwrap_or(rest.len());
        self.scratch.clear();
        copy::unescape(&rest[..end], &mut self.scratch).map_err(FaultReason::Field)?;
        if self.scratch.contains(&0) {
            return Err(FaultReason::Nul);
        }
        if let Err(error) = std::str::from_utf8(&self.scratch) {
            return Err(FaultReason::Undecodable { offset: error.valid_up_to(), encoding: "UTF8" });
        }
        push_string(out, &self.scratch);
        Ok(end)
    }

    /// The exact size is worth its cost only where the bound does not do.
    #[inline]
    fn check_size(&self, member: &[u8], row: usize) -> Result<(), Fault> {
        if wire_size_bound(member.len(), self.plan.columns.len()) <= MAX_WIRE_SIZE {
            return Ok(());
        }
        self.exact_size(member, row)
    }

    #[cold]
    fn exact_size(&self, member: &[u8], row: usize) -> Result<(), Fault> {
        let size = kvbuffer::decode(member).map_or(row, |change| change.wire_size());
        if size > MAX_WIRE_SIZE { Err(FaultReason::TooLarge { size }.into()) } else { Ok(()) }
    }
}

/// The text that JSON has for an escape of COPY that pg_dump writes; its two bytes become these.
#[inline]
fn escape(letter: u8) -> Option<&'static [u8]> {
    Some(match letter {
        b'\\' => b"\\\\",
        b'n' => b"\\n",
        b't' => b"\\t",
        b'r' => b"\\r",
        b'b' => b"\\b",
        b'f' => b"\\f",
        b'v' => b"\\u000b",
        _ => return None,
    })
}

/// A quote, or a control character that COPY leaves as it is.
fn push_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Gives the string that begins at `open` an escape for its first character, if it would be read as a
/// timestamp. The pattern holds no character that has an escape, so the written form tells.
fn hide_timestamp(out: &mut Vec<u8>, open: usize) {
    if looks_like_timestamp(&out[open + 1..]) {
        out.splice(open + 1..open + 1, *b"\\u003");
    }
}

/// Appends the first `length` bytes of `rest`. Short ones travel as one block of fixed size, which costs less than
/// a call.
#[inline]
fn push_field(out: &mut Vec<u8>, rest: &[u8], length: usize) {
    match rest.first_chunk::<16>() {
        Some(block) if length <= 16 => {
            let end = out.len() + length;
            out.extend_from_slice(block);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&rest[..length]),
    }
}

/// The length of the field at the start of `rest` if it is a JSON number that fits 64 bits: then the consumer
/// prints the same digits.
#[inline]
fn integer(rest: &[u8]) -> Option<usize> {
    let sign = usize::from(rest[0] == b'-');
    let digits = rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    let end = sign + digits;
    let leading_zero = rest[sign] == b'0' && end > 1;
    let ends = matches!(rest.get(end), Some(b'\t' | b'\n'));
    if digits == 0 || leading_zero || !ends {
        return None;
    }
    let fits = digits < 19 || std::str::from_utf8(&rest[..end]).is_ok_and(|text| text.parse::<i64>().is_ok());
    fits.then_some(end)
}

/// Whether the consumer, which prints six decimals, arrives at the same number.
fn is_exact_float(field: &[u8]) -> bool {
    let Some(shape) = decimal_shape(field) else { return false };
    match shape {
        // At most 15 significant digits with the six decimals: they are printed back as they are.
        Shape::Plain { integer, decimals } if integer <= 9 && decimals <= 6 => !is_negative_zero(field),
        _ => prints_back(field),
    }
}

enum Shape {
    Plain { integer: usize, decimals: usize },
    Exponent,
}

/// The shape of a JSON number, or `None` for anything else.
fn decimal_shape(field: &[u8]) -> Option<Shape> {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let unsigned = field.strip_prefix(b"-").unwrap_or(field);
    let integer = digits(unsigned);
    if integer == 0 || (integer > 1 && unsigned[0] == b'0') {
        return None;
    }
    let mut rest = &unsigned[integer..];
    let mut decimals = 0;
    if let [b'.', fraction @ ..] = rest {
        decimals = digits(fraction);
        rest = &fraction[decimals..];
        if decimals == 0 {
            return None;
        }
    }
    match rest {
        [] => Some(Shape::Plain { integer, decimals }),
        [b'e' | b'E', exponent @ ..] => {
            let power = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
            (!power.is_empty() && digits(power) == power.len()).then_some(Shape::Exponent)
        }
        _ => None,
    }
}

pub(super) fn is_negative_zero(field: &[u8]) -> bool {
    field.starts_with(b"-") && !field.iter().any(|b| (b'1'..=b'9').contains(b))
}

fn prints_back(field: &[u8]) -> bool {
    let Some(value) = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f64>().ok()) else {
        return false;
    };
    let negative_zero = value == 0.0 && value.is_sign_negative();
    value.is_finite()
        && !negative_zero
        && format!("{value:.6}").parse::<f64>().is_ok_and(|back| back == value)
}

#[cfg(test)]
mod tests;
