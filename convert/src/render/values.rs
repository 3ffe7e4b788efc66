//! Lines in COPY's text form to the values of their columns.

use std::borrow::Cow;

use dump::copy::{self, FieldError, NULL};

use super::fault::{Fault, FaultReason, field_count, undecodable};
use super::table_plan::TablePlan;

/// More bytes of a field with escapes are not read at once where they need not be.
const PART: usize = 1 << 20;

/// Takes the values of rows.
pub(super) trait Values {
    /// The next value, of this column; none is NULL.
    fn value(&mut self, column: usize, plan: &TablePlan, value: Option<&[u8]>);

    /// Begins a value of this column that comes in parts, if it is taken so.
    fn begins(&mut self, _column: usize) -> bool {
        false
    }

    /// Whole characters of the value that was begun.
    fn part(&mut self, _part: &[u8]) {}

    /// Ends the value that was begun.
    fn ends(&mut self) {}
}

/// Lines to values.
pub(super) struct Reader<'a> {
    plan: &'a TablePlan,
    crlf: bool,
    /// Everything is UTF-8, without a NUL or a carriage return.
    trusted: bool,
    scratch: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// Of lines of `bytes`.
    pub(super) fn new(plan: &'a TablePlan, crlf: bool, bytes: &[u8]) -> Self {
        let plain = plan.encoding.is_utf8_compatible() && memchr::memchr2(0, b'\r', bytes).is_none();
        Self {
            plan,
            crlf,
            trusted: plain && !crlf && std::str::from_utf8(bytes).is_ok(),
            scratch: Vec::new(),
        }
    }

    /// Gives the values of a row, which may have a fault behind some of them.
    pub(super) fn row(&mut self, line: &[u8], into: &mut impl Values) -> Result<(), Fault> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = if self.crlf { line.strip_suffix(b"\r").ok_or(FaultReason::LineEnd)? } else { line };
        let text = if self.trusted { Cow::Borrowed(line) } else { self.decode(line)? };
        self.values(&text, into)
    }

    #[cold]
    fn decode<'line>(&self, line: &'line [u8]) -> Result<Cow<'line, [u8]>, Fault> {
        match self.plan.encoding.to_utf8(line) {
            Ok(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.as_bytes())),
            Ok(Cow::Owned(text)) => Ok(Cow::Owned(text.into_bytes())),
            Err(error) => Err(undecodable(self.plan, line, error.offset)),
        }
    }

    fn values(&mut self, line: &[u8], into: &mut impl Values) -> Result<(), Fault> {
        let plan = self.plan;
        let columns = plan.columns.len();
        if columns == 0 {
            return if line.is_empty() { Ok(()) } else { Err(field_count(plan, line)) };
        }
        let mut rest = Some(line);
        for column in 0..columns {
            let Some(from) = rest else { return Err(field_count(plan, line)) };
            let (field, behind) = match memchr::memchr(b'\t', from) {
                Some(tab) => (&from[..tab], Some(&from[tab + 1..])),
                None => (from, None),
            };
            rest = behind;
            self.field(field, column, into)
                .map_err(|reason| Fault { column: Some(plan.columns[column].clone()), reason })?;
        }
        if rest.is_some() { Err(field_count(plan, line)) } else { Ok(()) }
    }

    fn field(&mut self, field: &[u8], column: usize, into: &mut impl Values) -> Result<(), FaultReason> {
        let plan = self.plan;
        if field == NULL {
            into.value(column, plan, None);
            return Ok(());
        }
        if !self.trusted {
            match memchr::memchr2(0, b'\r', field).map(|at| field[at]) {
                Some(0) => return Err(FaultReason::Nul),
                Some(_) => return Err(FaultReason::Field(FieldError::CarriageReturn)),
                None => {}
            }
        }
        if memchr::memchr(b'\\', field).is_none() {
            into.value(column, plan, Some(field));
            return Ok(());
        }
        self.scratch.clear();
        if field.len() > PART && into.begins(column) {
            self.parts(field, into)?;
            into.ends();
            return Ok(());
        }
        copy::unescape(field, &mut self.scratch).map_err(FaultReason::Field)?;
        if memchr::memchr(0, &self.scratch).is_some() {
            return Err(FaultReason::Nul);
        }
        if let Err(error) = std::str::from_utf8(&self.scratch) {
            return Err(no_text(error.valid_up_to()));
        }
        into.value(column, plan, Some(&self.scratch));
        Ok(())
    }

    /// A long field, so that it is not in memory twice.
    fn parts(&mut self, field: &[u8], into: &mut impl Values) -> Result<(), FaultReason> {
        let (mut rest, mut given) = (field, 0);
        while !rest.is_empty() {
            let used = copy::unescape_part(rest, &mut self.scratch, PART).map_err(FaultReason::Field)?;
            rest = &rest[used..];
            if memchr::memchr(0, &self.scratch).is_some() {
                return Err(FaultReason::Nul);
            }
            let whole = match std::str::from_utf8(&self.scratch) {
                Ok(text) => text.len(),
                // The next part has the rest of the character.
                Err(error) if error.error_len().is_none() && !rest.is_empty() => error.valid_up_to(),
                Err(error) => return Err(no_text(given + error.valid_up_to())),
            };
            into.part(&self.scratch[..whole]);
            self.scratch.drain(..whole);
            given += whole;
        }
        Ok(())
    }
}

fn no_text(offset: usize) -> FaultReason {
    FaultReason::Undecodable { offset, encoding: "UTF8" }
}
