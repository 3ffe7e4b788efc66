//! What the rows of one block become.

use std::collections::HashSet;
use std::sync::Arc;

use dump::{Code, CopyColumns, CopyHeader, Effects, Encoding, Schema, TypeClass, quote_name};
use kvbuffer::{MAX_WIRE_SIZE, Sequence};

use super::literals::{Takes, Trust};
use crate::form::RowForm;

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
    pub form: RowForm,
    /// The types of the fields, in the same order, where all can be elements of arrays; else empty.
    pub elements: Vec<&'static str>,
    /// Packed, but each row by itself: they are values without names for columns that may come in another order, so the
    /// replica may take one row and refuse the next.
    pub alone: bool,
    /// Indexes, among the values of an INSERT, of columns that PostgreSQL computes: they are no fields.
    pub generated: Vec<usize>,
    /// What each field takes of the literals of an INSERT that have a type of their own, in the same order.
    pub takes: Vec<Takes>,
    /// Rows may be refused because others are there: a constraint demands it, or nobody knows.
    pub unique: bool,
    /// Settings that go in front of a row that is SQL text, each as `SET LOCAL …;` with its line end.
    pub settings: Arc<str>,
    /// Every row is SQL text, whatever it holds.
    pub sql_only: bool,
    /// The encoding of the fields.
    pub encoding: Encoding,
    /// `time` of a change that is SQL text (a row without columns is one).
    pub ddl_time: Arc<str>,
    /// `database` of such a change.
    pub database: Arc<str>,
    /// The code of the script that expressions may call.
    pub code: Arc<Code>,
    /// What the table's defaults may do.
    pub defaults: Effects,
    /// Tables with transforms, without their schemas: no expression of a row may read them.
    pub masked: Arc<HashSet<String>>,
}

impl TablePlan {
    /// A plan for a table without columns: each row by itself, in UTF-8.
    #[must_use]
    pub fn bare(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            columns: Vec::new(),
            classes: Vec::new(),
            form: RowForm::Single,
            elements: Vec::new(),
            alone: false,
            generated: Vec::new(),
            takes: Vec::new(),
            unique: false,
            settings: Arc::from(""),
            sql_only: false,
            encoding: Encoding::Utf8,
            ddl_time: Arc::from("2000-01-01T00:00:00Z"),
            database: Arc::from(""),
            code: Arc::default(),
            defaults: Effects::default(),
            masked: Arc::default(),
        }
    }

    /// Plans the block `header` by what `schema` knows of its table. `dumped` says that the script has pg_dump's head.
    ///
    /// Returns `None` when a block of COPY names no columns and the table's definition was not seen. Rows of such an INSERT are
    /// SQL text.
    #[must_use]
    pub fn new(
        header: &CopyHeader,
        schema: &Schema,
        dumped: bool,
        encoding: Encoding,
        form: RowForm,
        ddl_time: Arc<str>,
        database: Arc<str>,
    ) -> Option<Self> {
        let known = schema.table(&header.table);
        let all = |table: &dump::Table| -> Vec<String> {
            table.columns.iter().map(|column| column.name.clone()).collect()
        };
        let find = |name: &String| known.and_then(|table| table.column(name));
        let computed = |name: &String| find(name).is_some_and(|column| column.generated);
        let mut sql_only = false;
        let mut names = match (&header.columns, known) {
            (CopyColumns::Listed(names), _) => names.clone(),
            (CopyColumns::InOrder(width), Some(table)) => {
                let mut names = all(table);
                // The others take their defaults.
                names.truncate(if *width == 0 { usize::MAX } else { *width });
                names
            }
            (CopyColumns::InOrder(_), None) => {
                sql_only = true;
                Vec::new()
            }
            (CopyColumns::All | CopyColumns::Zero, Some(table)) => {
                all(table).into_iter().filter(|name| !computed(name)).collect()
            }
            (CopyColumns::All, None) => return None,
            (CopyColumns::Zero, None) | (CopyColumns::DefaultValues, _) => Vec::new(),
        };
        let mut generated = Vec::new();
        if header.insert {
            generated = (0..names.len()).filter(|index| computed(&names[*index])).collect();
            names.retain(|name| !computed(name));
        }
        let in_order = matches!(header.columns, CopyColumns::InOrder(_));
        let trust = match (dumped, schema.is_empty()) {
            (false, _) => Trust::Nobody,
            (true, false) => Trust::Dump,
            (true, true) => Trust::Data,
        };
        // An assignment may use a cast of the script's own. What pg_dump writes without quotes needs none.
        let cast = |name: &String| match trust {
            Trust::Nobody => schema.has_casts(),
            Trust::Dump | Trust::Data => find(name).is_some_and(|column| schema.casts_to(column)),
        };
        let takes = |name: &String| if cast(name) { Takes::Unknown } else { Takes::of(find(name), trust) };
        let table = schema.qualify(&header.table);
        let unique = known.is_none() || schema.keys().has_unique(&table);
        let order_differs = in_order && known.is_some_and(|table| table.order_may_differ);
        // The server finds the columns, as with psql.
        sql_only |= form == RowForm::Copy && header.insert && order_differs;
        Some(Self {
            form,
            alone: form == RowForm::Packed && order_differs,
            elements: names.iter().map(|name| find(name)?.element).collect::<Option<_>>().unwrap_or_default(),
            table: table.to_string(),
            classes: names.iter().map(|name| find(name).map_or(TypeClass::Text, |c| c.class)).collect(),
            columns: names.iter().map(|name| quote_name(name)).collect(),
            generated,
            takes: names.iter().map(takes).collect(),
            unique,
            settings: Arc::from(""),
            sql_only,
            encoding,
            ddl_time,
            database,
            code: schema.shared_code(),
            defaults: schema.code().effects_of_rows(&table.name),
            masked: Arc::default(),
        })
    }

    /// About how many bytes the changes of `rows` rows take that are `bytes` long in the dump: never much less
    /// than they really take.
    #[must_use]
    pub fn estimate(&self, rows: u64, bytes: usize) -> usize {
        let names: usize = self.columns.iter().map(|column| column.len() + 8).sum();
        if self.form == RowForm::Copy {
            return bytes + bytes / 4 + names + self.settings.len() + 1000;
        }
        if self.form == RowForm::Packed {
            let each = 4 + 3 * self.columns.len();
            let alone = 300 + self.table.len() + names + 30 * self.columns.len();
            return 2 * bytes + rows as usize * if self.alone { alone } else { each };
        }
        let each = 120 + self.table.len() + names + if self.sql_only { self.settings.len() } else { 0 };
        rows as usize * each + bytes + bytes / 4
    }

    /// Whether a change can hold this statement.
    pub(super) fn fits(&self, text: &str) -> bool {
        self.form == RowForm::Copy
            || text.len() + self.database.len() + self.ddl_time.len() + 100 <= MAX_WIRE_SIZE
    }

    /// Appends SQL text in the form of the plan.
    pub(super) fn put_sql(&self, out: &mut Vec<u8>, sequence: Sequence, text: &str) {
        match self.form {
            RowForm::Copy => out.extend_from_slice(text.as_bytes()),
            RowForm::Single | RowForm::Packed => {
                kvbuffer::encode_ddl(out, sequence, &self.ddl_time, &self.database, text);
            }
        }
    }
}
