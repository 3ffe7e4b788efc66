//! A slab of a block's rows on its way: COPY's form, transforms, changes.

use std::sync::Arc;

use dump::insert::Shape;
use dump::{Slab, SlabSize};
use kvbuffer::Sequence;

use super::fault::FaultReason;
use super::lines::{ALL, Lines, Numbers};
use super::members::{Give, Rendered};
use super::statements::Statements;
use super::table_plan::TablePlan;
use super::transformed::{self, Transformed};
use super::{changes, copy_form, packed, pieces, verbatim};
use crate::form::RowForm;

/// What the rows of a block become, and what transforms them first.
#[derive(Debug, Clone)]
pub struct Block {
    /// What they become.
    pub plan: TablePlan,
    /// What becomes of their values before.
    pub transformed: Option<Arc<Transformed>>,
}

/// So few rows make a slab, and so a pack, if each of them takes long, as the hash of a password does: then they are spread
/// over all workers, and a run that is interrupted again and again still comes further each time.
const SLOW_ROWS: u64 = 8;

/// How large slabs are to be.
#[must_use]
pub fn slabs(form: RowForm, transformed: bool) -> SlabSize {
    match form {
        RowForm::Single => SlabSize::default(),
        RowForm::Packed if transformed => packed::SLABS_OF_TRANSFORMED,
        RowForm::Packed => packed::SLABS,
        RowForm::Copy => verbatim::SLABS,
    }
}

/// The last row of a large slab.
enum Last {
    /// It goes as this statement.
    Sql(String),
    /// It is the last line in COPY's form; whether its statement says ON CONFLICT DO NOTHING.
    Copy(bool),
}

impl Block {
    /// Without transforms.
    #[must_use]
    pub fn plain(plan: TablePlan) -> Self {
        Self { plan, transformed: None }
    }

    /// The same rows in another form, to learn how large they would be.
    #[must_use]
    pub fn in_form(&self, form: RowForm) -> Self {
        let transformed = self.transformed.as_deref().map(|by| Arc::new(by.in_form(form)));
        Self { plan: TablePlan { form, ..self.plan.clone() }, transformed }
    }

    /// What its rows are after their transforms.
    #[must_use]
    pub fn written(&self) -> &TablePlan {
        self.transformed.as_deref().map_or(&self.plan, |by| &by.written)
    }

    /// How large its slabs are to be, where those of other tables are as large as `usual`.
    #[must_use]
    pub fn slabs(&self, usual: SlabSize) -> SlabSize {
        match &self.transformed {
            Some(by) if by.hashed().next().is_some() => SlabSize { rows: usual.rows.min(SLOW_ROWS), ..usual },
            _ => usual,
        }
    }

    /// About how many bytes the changes of `rows` rows take that are `bytes` long in the dump: never much less
    /// than they really take.
    #[must_use]
    pub fn estimate(&self, rows: u64, bytes: usize) -> usize {
        self.plan.estimate(
            rows,
            match &self.transformed {
                // The rows once more, and values that are longer than they were.
                Some(by) => bytes * 2 + rows as usize * 40 * by.columns(),
                None => bytes,
            },
        )
    }

    /// How many numbers a slab takes.
    #[must_use]
    pub fn numbers(&self, slab: &Slab) -> Numbers {
        let all = match self.plan.form {
            // Nothing limits its size.
            RowForm::Copy => return Numbers::plain(1),
            RowForm::Single => slab.rows,
            RowForm::Packed => packed::packs(slab, &self.plan),
        };
        // A row that is long goes over the end of its slab, so it is the last one there.
        let last = if slab.bytes().len() > pieces::SURE { self.numbers_of_last(slab) } else { 1 };
        Numbers { all: all + last - 1, last }
    }

    /// How many numbers the last row of a large slab takes.
    #[cold]
    fn numbers_of_last(&self, slab: &Slab) -> u64 {
        let mut copy = Vec::new();
        let (bytes, crlf, ignoring) = match &slab.insert {
            None => (slab.bytes(), slab.crlf, false),
            Some(shape) => match self.last(slab.bytes(), shape, &mut copy) {
                Last::Copy(ignoring) => (copy.as_slice(), false, ignoring),
                Last::Sql(text) if self.plan.fits(&text) => return 1,
                Last::Sql(text) => return pieces::numbers_of_text(&text),
            },
        };
        let line = &bytes[pieces::start_of_last(bytes)..];
        let ignoring = if ignoring { ALL } else { &[] };
        let line = Lines { bytes: line, crlf, rows: 1, numbers: Numbers::plain(1), first_row: 0, ignoring };
        let length = line.bytes.len();
        if length <= pieces::SURE || (length <= pieces::HOPELESS && self.is_one_change(line)) {
            return 1;
        }
        // What cannot be read is no change, whatever its size.
        pieces::numbers_of_row(line, &self.plan).unwrap_or(1)
    }

    fn is_one_change(&self, line: Lines<'_>) -> bool {
        let mut out = Rendered::default();
        changes::render(line, &self.plan, Sequence::FIRST, &mut out, &mut |_| {});
        !out.faults.iter().any(|fault| matches!(fault.reason, FaultReason::TooLarge { .. }))
    }

    fn last(&self, slab: &[u8], shape: &Shape, copy: &mut Vec<u8>) -> Last {
        let copied = copy_form::write(slab, shape, &self.plan, self.transformed.is_some(), copy);
        let Some(last) = copied.rows().checked_sub(1).map(|last| last as u32) else {
            return Last::Copy(false);
        };
        let ignores = copied.ignoring.last().is_some_and(|rows| rows.contains(&last));
        if copied.sql.last() != Some(&last) {
            return Last::Copy(ignores);
        }
        let faulty = copied.faulty();
        let statements = Statements::new(slab, shape, &self.plan, (copied.sql, faulty));
        match statements.text(last..last + 1, &copied.ignoring, &mut Vec::new()) {
            Some(text) => Last::Sql(text),
            None => Last::Copy(ignores),
        }
    }

    /// Turns the rows of a slab, which take these numbers, into changes numbered from `first`. `copy` is a buffer that is used
    /// on the way; `out` must be empty. `give` may take what a row in pieces is so far.
    pub fn render(
        &self,
        slab: &Slab,
        numbers: Numbers,
        first: Sequence,
        copy: &mut Vec<u8>,
        out: &mut Rendered,
        give: &mut Give<'_>,
    ) {
        let (bytes, first_row) = (slab.bytes(), slab.first_row);
        let Some(shape) = &slab.insert else {
            let lines = Lines { bytes, crlf: slab.crlf, rows: slab.rows, numbers, first_row, ignoring: &[] };
            return self.lines(lines, first, out, give);
        };
        let mut copied = copy_form::write(bytes, shape, &self.plan, self.transformed.is_some(), copy);
        let (rows, ignoring) = (copied.rows(), std::mem::take(&mut copied.ignoring));
        let lines = Lines { bytes: copy, crlf: false, rows, numbers, first_row, ignoring: &ignoring };
        let sql = (std::mem::take(&mut copied.sql), copied.faulty());
        let mut give = |out: &mut Rendered| {
            copied.place(bytes, &self.plan, out);
            give(out);
        };
        if sql.0.is_empty() {
            self.lines(lines, first, out, &mut give);
        } else {
            Statements::new(bytes, shape, &self.plan, sql).render(lines, first, out, &mut give);
        }
        copied.place(bytes, &self.plan, out);
    }

    /// The same for rows in COPY's form.
    pub fn lines(&self, lines: Lines<'_>, first: Sequence, out: &mut Rendered, give: &mut Give<'_>) {
        let Some(by) = &self.transformed else { return changes::render(lines, &self.plan, first, out, give) };
        let written = transformed::write(lines, &self.plan, by);
        let after = Lines { bytes: &written.bytes, crlf: false, rows: written.rows(), ..lines };
        changes::render(after, &by.written, first, out, &mut |out| {
            written.place(out);
            give(out);
        });
        written.place(out);
    }
}
