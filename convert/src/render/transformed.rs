//! Rows with their transforms: written anew in COPY's text form, and then rendered as that. So what a value becomes has one
//! meaning, whichever form the dump and the changes have.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dump::Encoding;
use dump::copy::{self, NULL};
use transform::{Plan, RowError, Scratch};

use super::fault::{Fault, FaultReason, field_count, undecodable};
use super::lines::{Lines, REFUSED, push};
use super::members::Rendered;
use super::table_plan::TablePlan;
use crate::definitions::Definitions;
use crate::form::RowForm;

/// What becomes of the rows of a block.
#[derive(Debug)]
pub struct Transformed {
    plan: Plan,
    /// The block as it is rendered then: in UTF-8.
    pub(super) written: TablePlan,
    /// Values that the plan takes: the block's, and those that PostgreSQL computes.
    width: usize,
    /// How many password hashes each column took so far.
    hashed: Vec<AtomicU64>,
    /// What values are looked for in, where this is only a look.
    definitions: Option<Arc<Definitions>>,
}

thread_local! {
    /// Password hashes that were computed are remembered here, and with them the room for results.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Transformed {
    /// Of a compiled plan of a table whose columns are first those of `block`.
    #[must_use]
    pub fn new(
        plan: Plan,
        block: &TablePlan,
        table: &transform::Table,
        definitions: Option<Arc<Definitions>>,
    ) -> Self {
        let written = TablePlan { encoding: Encoding::Utf8, ..block.clone() };
        let width = table.columns.len();
        let hashed = (0..width).map(|_| AtomicU64::new(0)).collect();
        Self { plan, written, width, hashed, definitions }
    }

    /// The same for rows in another form. Its hashes are counted anew.
    pub(super) fn in_form(&self, form: RowForm) -> Self {
        Self {
            plan: self.plan.clone(),
            written: TablePlan { form, ..self.written.clone() },
            width: self.width,
            hashed: (0..self.width).map(|_| AtomicU64::new(0)).collect(),
            definitions: None,
        }
    }

    /// The columns with password hashes: their places, their names, and how many hashes were computed so far or would have been.
    pub fn hashed(&self) -> impl Iterator<Item = (usize, &str, u64)> {
        self.plan.passwords().map(|(at, name)| (at, name, self.hashed[at].load(Ordering::Relaxed)))
    }

    /// Computes a password hash as the column at this place has them. Parameters that the function refuses are faults of all
    /// rows, and met there.
    pub fn hash_once(&self, at: usize) {
        let _ = self.plan.hash_once(at);
    }

    /// Transforms the values of one row of the block: the results are in `scratch`.
    ///
    /// # Errors
    /// As [`Plan::apply`].
    pub fn row(&self, row: &[Option<&str>], number: u64, scratch: &mut Scratch) -> Result<(), RowError> {
        let mut row = row.to_vec();
        row.resize(self.width, None);
        self.plan.apply(&row, number, scratch)
    }

    /// The transformed columns, in quotes where SQL needs them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plan.columns().filter_map(|at| self.written.columns.get(at)).map(String::as_str)
    }

    /// How many columns are transformed.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.plan.columns().count()
    }
}

/// The rows of a slab after their transforms, in COPY's text form.
#[derive(Debug)]
pub(super) struct Written {
    /// The rows, in UTF-8; a line that cannot be read in the place of one at fault.
    pub(super) bytes: Vec<u8>,
    /// Where each ended before.
    ends: Vec<usize>,
    faults: Vec<(u32, Fault)>,
}

/// Transforms the rows of a slab.
pub(super) fn write(lines: Lines<'_>, plan: &TablePlan, by: &Transformed) -> Written {
    let mut ends = Vec::with_capacity(lines.rows as usize);
    let mut faults = Vec::new();
    let mut copied = Vec::with_capacity(lines.bytes.len() + lines.bytes.len() / 4);
    SCRATCH.with_borrow_mut(|scratch| {
        let (values, fields) = (String::new(), Vec::new());
        let mut writer = Writer { plan, by, crlf: lines.crlf, values, ends: fields, scratch };
        let mut start = 0;
        while start < lines.bytes.len() {
            let end =
                memchr::memchr(b'\n', &lines.bytes[start..]).map_or(lines.bytes.len(), |at| start + at + 1);
            let from = copied.len();
            let row = ends.len() as u64;
            if let Err(fault) = writer.row(&lines.bytes[start..end], lines.first_row + row, &mut copied) {
                copied.truncate(from);
                copied.extend_from_slice(REFUSED);
                faults.push((row as u32, fault));
            }
            copied.push(b'\n');
            ends.push(end);
            start = end;
        }
    });
    Written { bytes: copied, ends, faults }
}

impl Written {
    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Puts what became of the written rows at its place in the slab, with the faults that they had before. What has its place
    /// keeps it.
    pub(super) fn place(&self, out: &mut Rendered) {
        let Self { ends, faults, .. } = self;
        for member in &mut out.members {
            member.row_end = (member.rows() as usize).checked_sub(1).map_or(0, |row| ends[row]) as u32;
        }
        for fault in &mut out.faults {
            let row = fault.row as usize;
            fault.start = row.checked_sub(1).map_or(0, |before| ends[before]);
            fault.end = ends[row];
            if let Ok(at) = faults.binary_search_by_key(&fault.row, |(row, _)| *row) {
                let own = faults[at].1.clone();
                (fault.column, fault.reason) = (own.column, own.reason);
            }
        }
    }
}

struct Writer<'a> {
    plan: &'a TablePlan,
    by: &'a Transformed,
    crlf: bool,
    values: String,
    /// Where the fields of the row in hand end.
    ends: Vec<usize>,
    scratch: &'a mut Scratch,
}

impl Writer<'_> {
    fn row(&mut self, line: &[u8], number: u64, out: &mut Vec<u8>) -> Result<(), Fault> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = if self.crlf { line.strip_suffix(b"\r").ok_or(FaultReason::LineEnd)? } else { line };
        let text = match self.plan.encoding.to_utf8(line) {
            Ok(text) => text,
            Err(error) => return Err(undecodable(self.plan, line, error.offset)),
        };
        self.transform(&text, number)?;
        self.write(&text, out);
        Ok(())
    }

    /// Reads the values that the plan looks at, and has them transformed.
    fn transform(&mut self, text: &str, number: u64) -> Result<(), Fault> {
        self.values.clear();
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(b'\t', text.as_bytes()));
        self.ends.push(text.len());
        let columns = self.plan.columns.len();
        let mut places = Vec::with_capacity(self.by.width);
        let mut start = 0;
        for (at, end) in self.ends.iter().enumerate() {
            let field = &text[start..*end];
            start = end + 1;
            if at < columns {
                let read = self.by.plan.reads(at) && field.as_bytes() != NULL;
                let place = if read { Some(value(field, &mut self.values)) } else { None };
                let place = place.transpose();
                let fault = |reason| Fault { column: Some(self.plan.columns[at].clone()), reason };
                places.push(place.map_err(fault)?);
            }
        }
        if self.ends.len() != columns {
            return Err(field_count(self.plan, text.as_bytes()));
        }
        places.resize(self.by.width, None);
        let row: Vec<Option<&str>> = places.into_iter().map(|place| self.values.get(place?)).collect();
        if let Some(definitions) = &self.by.definitions {
            let transformed = self.by.plan.columns().filter(|at| *at < columns);
            for (at, value) in transformed.filter_map(|at| row[at].map(|value| (at, value))) {
                definitions.look(value, &self.plan.table, &self.plan.columns[at]);
            }
        }
        self.by.plan.apply(&row, number, self.scratch).map_err(|error| Fault {
            column: Some(error.column.to_string()),
            reason: FaultReason::Transform { reason: error.reason, policy: error.policy },
        })?;
        for at in self.scratch.hashed() {
            self.by.hashed[at].fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The row with the new values in their places.
    fn write(&self, text: &str, out: &mut Vec<u8>) {
        let mut copied = 0;
        for (at, new) in self.scratch.values() {
            // Everything between two new values is taken over at once.
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
            out.extend_from_slice(&text.as_bytes()[copied..start]);
            match new {
                Some(value) if value.bytes().all(|byte| byte >= b' ' && byte != b'\\') => {
                    out.extend_from_slice(value.as_bytes());
                }
                Some(value) => value.bytes().for_each(|byte| push(out, byte)),
                None => out.extend_from_slice(NULL),
            }
            copied = self.ends[at];
        }
        out.extend_from_slice(&text.as_bytes()[copied..]);
    }
}

/// Appends a field's value, and says where it stands.
fn value(field: &str, values: &mut String) -> Result<std::ops::Range<usize>, FaultReason> {
    let start = values.len();
    values.push_str(&unescaped(field)?);
    Ok(start..values.len())
}

/// The value that a field of COPY's text stands for, which is not NULL.
///
/// # Errors
/// What no PostgreSQL would read either.
pub fn unescaped(field: &str) -> Result<Cow<'_, str>, FaultReason> {
    if memchr::memchr3(b'\\', b'\r', 0, field.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(field));
    }
    let mut bytes = Vec::with_capacity(field.len());
    copy::unescape(field.as_bytes(), &mut bytes).map_err(FaultReason::Field)?;
    if bytes.contains(&0) {
        return Err(FaultReason::Nul);
    }
    let invalid = |error: std::string::FromUtf8Error| FaultReason::Undecodable {
        offset: error.utf8_error().valid_up_to(),
        encoding: "UTF8",
    };
    String::from_utf8(bytes).map(Cow::Owned).map_err(invalid)
}

#[cfg(test)]
mod tests;
