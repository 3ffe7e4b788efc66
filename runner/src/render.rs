//! Rows of a dump to members of the set.
//!
//! What a value means is decided here and nowhere else. There are two forms: [`rows`], a change for each row, and
//! [`packed`], a statement for many; what is too large for either goes in [`pieces`]. Rows of INSERT statements are brought into the form of COPY's first, by
//! [`inserts`].

pub mod inserts;
pub mod packed;
pub mod pieces;
pub mod rows;
pub mod transformed;

use std::sync::Arc;

use dump::{CopyHeader, Encoding, Schema, TypeClass, quote_name};
use kvbuffer::Sequence;

use crate::cli::Rows;
use pieces::Numbers;
use rows::Rendered;
use transformed::Transformed;

/// What the rows of one block become: the same for every slab of it.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// The table as the changes name it: schema-qualified, in quotes where SQL needs them.
    pub table: String,
    /// The columns in the order of the fields, in quotes where SQL needs them.
    pub columns: Vec<String>,
    /// What each field is, in the same order.
    pub classes: Vec<TypeClass>,
    /// The form of the rows.
    pub form: Rows,
    /// The types of the fields, in the same order, where all can be elements of arrays; else empty.
    pub elements: Vec<&'static str>,
    /// Packed, but each row by itself: they are values without names for columns that may come in another order, so the
    /// replica may take one row and refuse the next.
    pub alone: bool,
    /// Indexes, among the values of an INSERT, of columns that PostgreSQL computes: they are no fields.
    pub generated: Vec<usize>,
    /// The encoding of the fields.
    pub encoding: Encoding,
    /// `time` of a change that is SQL text (a row without columns is one).
    pub ddl_time: Arc<str>,
    /// `database` of such a change.
    pub database: Arc<str>,
    /// What becomes of the values first.
    pub transformed: Option<Arc<Transformed>>,
}

impl TablePlan {
    /// Plans the block `header` by what `schema` knows of its table.
    ///
    /// Returns `None` when the block names no columns and the table's definition was not seen.
    #[must_use]
    pub fn new(
        header: &CopyHeader,
        schema: &Schema,
        encoding: Encoding,
        form: Rows,
        ddl_time: Arc<str>,
        database: Arc<str>,
    ) -> Option<Self> {
        let known = schema.table(&header.table);
        let names: Vec<String> = match (&header.columns, known) {
            (dump::CopyColumns::Listed(names), _) => names.clone(),
            (dump::CopyColumns::DefaultValues, _) => Vec::new(),
            (dump::CopyColumns::InOrder, Some(table)) => {
                table.columns.iter().map(|column| column.name.clone()).collect()
            }
            (_, Some(table)) => table
                .columns
                .iter()
                .filter(|column| !column.generated)
                .map(|column| column.name.clone())
                .collect(),
            (dump::CopyColumns::Zero, None) => Vec::new(),
            (dump::CopyColumns::All | dump::CopyColumns::InOrder, None) => return None,
        };
        let computed = |name: &String| {
            header.columns == dump::CopyColumns::InOrder
                && known.and_then(|table| table.column(name)).is_some_and(|column| column.generated)
        };
        let generated =
            names.iter().enumerate().filter(|(_, name)| computed(name)).map(|(index, _)| index).collect();
        let names: Vec<String> = names.into_iter().filter(|name| !computed(name)).collect();
        let class = |name: &String| {
            known.and_then(|table| table.column(name)).map_or(TypeClass::Text, |column| column.class)
        };
        let element = |name: &String| known.and_then(|table| table.column(name))?.element;
        let order_may_differ = known.is_some_and(|table| table.order_may_differ);
        Some(Self {
            form,
            alone: form == Rows::Packed && header.columns == dump::CopyColumns::InOrder && order_may_differ,
            elements: names.iter().map(element).collect::<Option<_>>().unwrap_or_default(),
            table: schema.qualify(&header.table).to_string(),
            classes: names.iter().map(class).collect(),
            columns: names.iter().map(|name| quote_name(name)).collect(),
            generated,
            encoding,
            ddl_time,
            database,
            transformed: None,
        })
    }

    /// About how many bytes the changes of `rows` rows take that are `bytes` long in the dump: never much less
    /// than they really take.
    #[must_use]
    pub fn estimate(&self, rows: u64, bytes: usize) -> usize {
        let bytes = match &self.transformed {
            // The rows once more, and values that are longer than they were.
            Some(by) => bytes * 2 + rows as usize * 40 * by.columns(),
            None => bytes,
        };
        let names: usize = self.columns.iter().map(|column| column.len() + 8).sum();
        if self.form == Rows::Packed {
            let each = 4 + 3 * self.columns.len();
            let alone = 300 + self.table.len() + names + 30 * self.columns.len();
            return 2 * bytes + rows as usize * if self.alone { alone } else { each };
        }
        let each = 120 + self.table.len() + names;
        rows as usize * each + bytes + bytes / 4
    }
}

/// Rows in COPY's text form, as a slab or as what INSERT statements were brought into.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// Whole rows with their line ends.
    pub bytes: &'a [u8],
    /// These are `\r\n`.
    pub crlf: bool,
    /// How many rows there are.
    pub rows: u64,
    /// How many numbers they have.
    pub numbers: Numbers,
    /// The first one's number in its table, from 0.
    pub first_row: u64,
}

/// Turns rows into the changes of the plan's form, numbered from `first`, appending to `out`.
pub fn render(lines: Lines<'_>, plan: &TablePlan, first: Sequence, out: &mut Rendered) {
    if let Some(by) = &plan.transformed {
        return transformed::apply(lines, plan, by, first, out);
    }
    if lines.numbers.last == 1 {
        return whole(lines, plan, first, out);
    }
    let (front, last) = pieces::split(lines);
    if front.rows > 0 {
        whole(front, plan, first, out);
    }
    if let Some(sequence) = first.checked_add(front.numbers.all) {
        pieces::row(last, (front.rows as u32, front.bytes.len()), front.numbers.all, plan, sequence, out);
    }
}

/// Each row, or each pack, as one change.
fn whole(lines: Lines<'_>, plan: &TablePlan, first: Sequence, out: &mut Rendered) {
    match plan.form {
        Rows::Single => rows::render(lines.bytes, lines.crlf, plan, first, out),
        Rows::Packed => packed::render(lines, plan, first, out),
    }
}
