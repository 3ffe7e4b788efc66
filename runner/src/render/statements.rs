//! Rows of INSERT statements as the SQL that they are: `now()`, `DEFAULT`, `decode('00', 'hex')`, `7.0` for an integer column.
//!
//! ```text
//! INSERT INTO public.t (a, b) VALUES (1, now());
//! ```
//!
//! PostgreSQL reads each row of an INSERT by itself, so one may leave its statement. The head is the dump's but for the table,
//! which the change names with its schema. Packed, a pack with one such row is such a statement of all its rows.
//! How many numbers the rows have does not depend on it.

use std::ops::Range;

use dump::insert::{Found, Shape, Visit, behind_table, row};
use kvbuffer::Sequence;

use super::packed::{CONFLICTS, HEAD};
use super::pieces::{self, Numbers};
use super::rows::{FaultReason, Rendered, RowFault};
use super::{Lines, TablePlan, is_one_change};
use crate::cli::Rows;

/// The rows of a slab of which some go as SQL text.
pub(super) struct Statements<'a> {
    slab: &'a [u8],
    standard: bool,
    plan: &'a TablePlan,
    /// Those that do, and those at fault, by their index.
    sql: Vec<u32>,
    faulty: Vec<u32>,
    /// What each row says in its parentheses; none where rows have no columns.
    tuples: Vec<Range<usize>>,
    /// What the statements begin with.
    head: String,
}

struct Tuples(Vec<Range<usize>>);

impl Visit for Tuples {
    fn value(&mut self, _: dump::insert::Value<'_>) {}

    fn tuple(&mut self, at: Range<usize>) {
        self.0.push(at);
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
        let mut tuples = Tuples(Vec::new());
        let mut at = 0;
        while at < slab.len() {
            let Found::Yes(end) = row(slab, at, shape, true, &mut tuples) else { break };
            at = end;
        }
        // The scanner has read it.
        let head = plan.encoding.to_utf8(&shape.head).unwrap_or_default();
        let head = format!("INSERT INTO {}{}", plan.table, behind_table(&head, shape.standard));
        Self { slab, standard: shape.standard, plan, sql, faulty, tuples: tuples.0, head }
    }

    /// Turns all rows of the slab into changes numbered from `first`. `lines` are those that have COPY's form, and something in
    /// the place of each other one.
    pub(super) fn render(&self, lines: Lines<'_>, first: Sequence, out: &mut Rendered) {
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
            self.literals((from, numbers), rows, Lines { bytes, ..lines }, first, out);
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
        let (members, faults) = (out.members.len(), out.faults.len());
        super::render(lines, self.plan, first, out);
        for member in &mut out.members[members..] {
            member.number += from as u32;
            member.row += start;
        }
        out.faults[faults..].iter_mut().for_each(|fault| fault.row += start);
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
        let Some(text) = self.text(rows.clone(), lines.ignores(&rows), &mut out.faults) else { return };
        if numbers > 1 {
            return pieces::text(&text, (rows.start, number), plan, first, out);
        }
        if !is_one_change(&text, plan) {
            let reason = FaultReason::TooLarge { size: text.len() };
            out.faults.extend(rows.map(|row| fault(row, reason.clone())));
            return;
        }
        kvbuffer::encode_ddl(&mut out.bytes, first, &plan.ddl_time, &plan.database, &text);
        out.ends_pack(number as u32, rows.end - 1, 0);
    }

    /// The statement of some of the rows, without those at fault, which are told. None where no row is left.
    pub(super) fn text(
        &self,
        rows: Range<u32>,
        ignoring: bool,
        faults: &mut Vec<RowFault>,
    ) -> Option<String> {
        let mut text = match self.plan.form {
            Rows::Single => self.plan.settings.to_string(),
            Rows::Packed => format!("{HEAD}{}", self.plan.settings),
        };
        let end = if ignoring { CONFLICTS } else { "" };
        let one = rows.len() == 1;
        let mut any = false;
        for row in rows {
            if self.faulty.binary_search(&row).is_ok() {
                // Which one it is is known elsewhere.
                faults.push(fault(row, FaultReason::Expression));
                continue;
            }
            let Some(tuple) = self.tuples.get(row as usize) else {
                text.push_str(&format!("{}{}{end};", if any { "\n" } else { "" }, self.head));
                any = true;
                continue;
            };
            match self.plan.encoding.to_utf8(&self.slab[tuple.clone()]) {
                Ok(tuple) => {
                    match (any, one) {
                        (false, true) => text.push_str(&format!("{} ", self.head)),
                        (false, false) => text.push_str(&format!("{}\n", self.head)),
                        (true, _) => text.push_str(",\n"),
                    }
                    match self.standard {
                        true => text.push_str(&tuple),
                        false => text.push_str(&dump::standard_strings(&tuple)),
                    }
                    any = true;
                }
                Err(error) => {
                    let encoding = self.plan.encoding.name();
                    faults.push(fault(row, FaultReason::Undecodable { offset: error.offset, encoding }));
                }
            }
        }
        if any && !self.tuples.is_empty() {
            text.push_str(&format!("{end};"));
        }
        any.then_some(text)
    }
}

fn fault(row: u32, reason: FaultReason) -> RowFault {
    RowFault { row, start: 0, end: 0, lines: 0, column: None, reason }
}

/// The rows of each change. The last one may be several.
fn units(lines: &Lines<'_>, plan: &TablePlan) -> Vec<Range<u32>> {
    let rows = lines.rows as u32;
    if plan.form == Rows::Single || plan.alone {
        return (0..rows).map(|row| row..row + 1).collect();
    }
    match lines.numbers.all + 1 - lines.numbers.last {
        1 => std::iter::once(0..rows).collect(),
        _ => vec![0..rows - 1, rows - 1..rows],
    }
}
