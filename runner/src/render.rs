//! Rows of a dump to members of the set.
//!
//! What a value means is decided here and nowhere else. There is one form so far, [`rows`]: a change for each
//! row. Rows of INSERT statements are brought into the form of COPY's first, by [`inserts`].

pub mod inserts;
pub mod rows;

use std::sync::Arc;

use dump::{CopyHeader, Encoding, Schema, TypeClass, quote_name};

/// What the rows of one block become: the same for every slab of it.
#[derive(Debug)]
pub struct TablePlan {
    /// The table as the changes name it: schema-qualified, in quotes where SQL needs them.
    pub table: String,
    /// The columns in the order of the fields, in quotes where SQL needs them.
    pub columns: Vec<String>,
    /// What each field is, in the same order.
    pub classes: Vec<TypeClass>,
    /// Indexes, among the values of an INSERT, of columns that PostgreSQL computes: they are no fields.
    pub generated: Vec<usize>,
    /// The encoding of the fields.
    pub encoding: Encoding,
    /// `time` of a change that is SQL text (a row without columns is one).
    pub ddl_time: Arc<str>,
    /// `database` of such a change.
    pub database: Arc<str>,
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
        Some(Self {
            table: schema.qualify(&header.table).to_string(),
            classes: names.iter().map(class).collect(),
            columns: names.iter().map(|name| quote_name(name)).collect(),
            generated,
            encoding,
            ddl_time,
            database,
        })
    }

    /// About how many bytes the changes of `rows` rows take that are `bytes` long in the dump: never much less
    /// than they really take.
    #[must_use]
    pub fn estimate(&self, rows: u64, bytes: usize) -> usize {
        let names: usize = self.columns.iter().map(|column| column.len() + 8).sum();
        let each = 120 + self.table.len() + names;
        rows as usize * each + bytes + bytes / 4
    }
}
