//! Rows of INSERT statements as the SQL that they are: `now()`, `DEFAULT`, `decode('00', 'hex')`, `7.0` for an integer column.
//!
//! ```text
//! INSERT INTO public.t (a, b) VALUES (1, now());
//! ```
//!
//! PostgreSQL reads each row of an INSERT by itself, so one may leave its statement. The head is the dump's but for the table,
//! which the change names with its schema. Packed, a pack with one such row holds all its rows so, in statements as the dump has
//! them. How many numbers the rows have does not depend on it.

use std::borrow::Cow;
use std::ops::Range;

use dump::insert::{Found, Shape, Visit, behind_table, row};
use kvbuffer::Sequence;

use super::fault::{FaultReason, RowFault};
use super::lines::{Lines, Numbers};
use super::members::{Give, Rendered};
use super::packed::HEAD;
use super::table_plan::TablePlan;
use super::{changes, expressions, pieces};
use crate::form::RowForm;

/// Behind the rows of a statement.
const ENDS: &str = ";\n";
const ENDS_IGNORING: &str = " ON CONFLICT DO NOTHING;\n";

/// The rows of a slab of which some go as SQL text.
pub(super) struct Statements<'a> {
    slab: &'a [u8],
    standard: bool,
    plan: &'a TablePlan,
    /// Those that do, and those at fault, by their index.
    sql: Vec<u32>,
    faulty: Vec<u32>,
    /// The rows; none where they have no columns.
    rows: Vec<Row>,
    /// What the statements begin with.
    head: String,
}

struct Row {
    /// It begins a statement.
    first: bool,
    /// Its parentheses and what is between them.
    tuple: Range<usize>,
}

struct Tuple(Option<Range<usize>>);

impl Visit for Tuple {
    fn value(&mut self, _: dump::insert::Value<'_>) {}

    fn tuple(&mut self, at: Range<usize>) {
        self.0 = Some(at);
    }
}

impl<'a> Statements<'a> {
    /// Of a slab with these rows as SQL text and these at fault.
    pub(super) fn new(
        slab: &'a [u8],
        shape: &Shape,
        plan: &'a TablePlan,
        (sql, faulty): (Vec<u32>, Vec<u32>),
    ) -> Self {
        let (mut rows, mut at) = (Vec::new(), 0);
        while at < slab.len() {
            let mut tuple = Tuple(None);
            let Found::Yes(end) = row(slab, at, shape, true, &mut tuple) else { break };
            rows.extend(tuple.0.map(|tuple| Row { first: slab[at] != b',', tuple }));
            at = end;
        }
        // The scanner has read it.
        let head = plan.encoding.to_utf8(&shape.head).unwrap_or_default();
        let head = format!("INSERT INTO {}{}", plan.table, behind_table(&head, shape.standard));
        Self { slab, standard: shape.standard, plan, sql, faulty, rows, head }
    }

    /// Turns all rows of the slab into changes numbered from `first`. `lines` are those that have COPY's form, and something in
    /// the place of each other one. `give` may take what a row in pieces is so far.
    pub(super) fn render(&self, lines: Lines<'_>, first: Sequence, out: &mut Rendered, give: &mut Give<'_>) {
        let starts: Vec<_> =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', lines.bytes).map(|at| at + 1)).collect();
        let units = units(&lines, self.plan);
        let mut unit = 0;
        while unit < units.len() {
            let from = unit;
            unit += 1;
            if self.holds(&self.sql, &units[from]) {
                let numbers = if unit == units.len() { lines.numbers.last } else { 1 };
                self.unit((from as u64, numbers), units[from].clone(), lines, first, out);
                continue;
            }
            while units.get(unit).is_some_and(|next| !self.holds(&self.sql, next)) {
                unit += 1;
            }
            let mut numbers = Numbers::plain((unit - from) as u64);
            if unit == units.len() {
                numbers.all += lines.numbers.last - 1;
                numbers.last = lines.numbers.last;
            }
            let rows = units[from].start..units[unit - 1].end;
            let bytes = &lines.bytes[starts[rows.start as usize]..starts[rows.end as usize]];
            self.literals((from, numbers), rows, Lines { bytes, ..lines }, first, out, give);
        }
    }

    fn holds(&self, these: &[u32], rows: &Range<u32>) -> bool {
        let at = these.partition_point(|row| *row < rows.start);
        these.get(at).is_some_and(|row| *row < rows.end)
    }

    /// Rows that are as COPY's. The first of their numbers is the one at `from`, counted from the slab's first.
    fn literals(
        &self,
        (from, numbers): (usize, Numbers),
        rows: Range<u32>,
        lines: Lines<'_>,
        first: Sequence,
        out: &mut Rendered,
        give: &mut Give<'_>,
    ) {
        let Some(first) = first.checked_add(from as u64) else { return };
        let (start, count) = (rows.start, u64::from(rows.end - rows.start));
        let ignoring: Vec<_> = lines
            .ignoring
            .iter()
            .map(|these| these.start.max(start)..these.end.min(rows.end))
            .filter(|these| !these.is_empty())
            .map(|these| these.start - start..these.end - start)
            .collect();
        let first_row = lines.first_row + u64::from(start);
        let lines = Lines { rows: count, numbers, first_row, ignoring: &ignoring, ..lines };
        let (mut members, mut faults) = (out.members.len(), out.faults.len());
        let mut move_on = |out: &mut Rendered, give: &mut Give<'_>| {
            for member in &mut out.members[members..] {
                member.number += from as u32;
                member.row += start;
            }
            out.faults[faults..].iter_mut().for_each(|fault| fault.row += start);
            give(out);
            (members, faults) = (out.members.len(), out.faults.len());
        };
        changes::render(lines, self.plan, first, out, &mut |out| move_on(out, give));
        move_on(out, &mut |_| {});
    }

    /// The rows of one change, which is SQL text, or of so many pieces of it.
    fn unit(
        &self,
        (number, numbers): (u64, u64),
        rows: Range<u32>,
        lines: Lines<'_>,
        first: Sequence,
        out: &mut Rendered,
    ) {
        let Some(first) = first.checked_add(number) else { return };
        let plan = self.plan;
        let Some(text) = self.text(rows.clone(), lines.ignoring, &mut out.faults) else { return };
        if numbers > 1 {
            return pieces::text(&text, (rows.start, number), plan, first, out);
        }
        if !plan.fits(&text) {
            let reason = FaultReason::TooLarge { size: text.len() };
            out.faults.extend(rows.map(|row| fault(row, reason.clone())));
            return;
        }
        plan.put_sql(&mut out.bytes, first, &text);
        out.as_sql += 1;
        out.ends_pack(number as u32, rows.end - 1, 0);
    }

    /// The statements of some of the rows, without those at fault, which are told. None where no row is left.
    pub(super) fn text(
        &self,
        rows: Range<u32>,
        ignoring: &[Range<u32>],
        faults: &mut Vec<RowFault>,
    ) -> Option<String> {
        let mut text = match self.plan.form {
            RowForm::Single => self.plan.settings.to_string(),
            RowForm::Packed | RowForm::Copy => format!("{HEAD}{}", self.plan.settings),
        };
        // What ends the statement that is being written.
        let mut end = None;
        for row in rows {
            if self.faulty.binary_search(&row).is_ok() {
                // Which fault it is is known elsewhere.
                faults.push(fault(row, FaultReason::Expression));
                continue;
            }
            let (first, tuple) = match self.rows.get(row as usize) {
                None => (true, Cow::Borrowed("")),
                Some(Row { first, tuple }) => match self.tuple(tuple.clone()) {
                    Ok(tuple) => (*first, tuple),
                    Err(reason) => {
                        faults.push(fault(row, reason));
                        continue;
                    }
                },
            };
            text.push_str(match end {
                Some(end) if first => end,
                Some(_) => ",\n",
                None => "",
            });
            if end.is_none() || first {
                text.push_str(&self.head);
                text.push_str(if tuple.is_empty() { "" } else { " " });
            }
            text.push_str(&tuple);
            let ignores = ignoring.iter().any(|rows| rows.contains(&row));
            end = Some(if ignores { ENDS_IGNORING } else { ENDS });
        }
        text.push_str(end?.trim_end());
        Some(text)
    }

    /// A row as it is, in UTF-8, in a form that needs no setting of strings.
    fn tuple(&self, at: Range<usize>) -> Result<Cow<'_, str>, FaultReason> {
        let undecodable = |error: dump::encoding::DecodeError| FaultReason::Undecodable {
            offset: error.offset,
            encoding: self.plan.encoding.name(),
        };
        let text = self.plan.encoding.to_utf8(&self.slab[at]).map_err(undecodable)?;
        let text = if self.standard { text } else { Cow::Owned(dump::standard_strings(&text)) };
        match expressions::refused(&text, self.plan) {
            Some(reason) => Err(reason),
            None => Ok(text),
        }
    }
}

fn fault(row: u32, reason: FaultReason) -> RowFault {
    RowFault { row, start: 0, end: 0, lines: 0, column: None, reason }
}

/// The rows of each change. The last one may be several.
fn units(lines: &Lines<'_>, plan: &TablePlan) -> Vec<Range<u32>> {
    let rows = lines.rows as u32;
    if plan.form == RowForm::Single || plan.alone {
        return (0..rows).map(|row| row..row + 1).collect();
    }
    match lines.numbers.all + 1 - lines.numbers.last {
        1 => std::iter::once(0..rows).collect(),
        _ => vec![0..rows - 1, rows - 1..rows],
    }
}
