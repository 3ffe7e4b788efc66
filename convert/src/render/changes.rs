//! Rows in COPY's text form to the changes of their plan's form.

use kvbuffer::Sequence;

use super::lines::Lines;
use super::members::{Give, Rendered};
use super::pieces::Place;
use super::table_plan::TablePlan;
use super::{packed, pieces, rows, verbatim};
use crate::form::RowForm;

/// Turns rows into the changes of the plan's form, numbered from `first`, appending to `out`. `give` may take that of a row in
/// pieces on the way.
pub fn render(lines: Lines<'_>, plan: &TablePlan, first: Sequence, out: &mut Rendered, give: &mut Give<'_>) {
    if lines.numbers.last == 1 {
        return whole(lines, plan, first, out);
    }
    let (front, last) = pieces::split(lines);
    if front.rows > 0 {
        whole(front, plan, first, out);
    }
    if let Some(sequence) = first.checked_add(front.numbers.all) {
        let place = Place { row: front.rows as u32, start: front.bytes.len(), numbers: front.numbers.all };
        pieces::row(last, place, plan, sequence, out, give);
    }
}

/// Each row, or each pack, as one change.
fn whole(lines: Lines<'_>, plan: &TablePlan, first: Sequence, out: &mut Rendered) {
    match plan.form {
        RowForm::Single if plan.sql_only => packed::render(lines, plan, first, out),
        RowForm::Single => rows::render(lines.bytes, lines.crlf, plan, first, out),
        RowForm::Packed => packed::render(lines, plan, first, out),
        // COPY knows no conflicts, and of rows without values only INSERT says that they have defaults.
        RowForm::Copy if plan.columns.is_empty() || !lines.ignoring.is_empty() => {
            packed::render(lines, plan, first, out);
        }
        RowForm::Copy => verbatim::render(lines, out),
    }
}
