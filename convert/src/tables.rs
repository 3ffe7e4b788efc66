//! What a dump says of its tables, as transforms see it.

use dump::{Schema, quote_name};

use super::render::TablePlan;

/// What a dump says of its tables.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Tables in alphabetical order: those that are defined, and those that only have rows.
    pub tables: Vec<transform::Table>,
    /// What is demanded of their columns.
    pub keys: transform::Keys,
    /// Columns that look personal, where rows were looked at.
    pub findings: Vec<transform::Finding>,
    /// Where something gets another name after rows that were loaded under the old one.
    pub renamed: Option<dump::Place>,
    /// The last statement that may have changed anything: its first words, and where it is.
    pub changed: Option<(String, dump::Place)>,
}

impl Found {
    /// From all definitions of a dump, and the blocks of tables that none of them defines.
    #[must_use]
    pub fn new(schema: &Schema, undefined: Vec<transform::Table>) -> Self {
        let defined = schema.tables().map(|(name, table)| transform::Table {
            name: name.to_string(),
            columns: table.columns.iter().map(column).collect(),
        });
        let mut tables: Vec<_> = defined.chain(undefined).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables.dedup_by(|a, b| a.name == b.name);
        Self { tables, keys: keys(schema), findings: Vec::new(), renamed: None, changed: None }
    }
}

/// What the schema demands, with names as SQL spells them.
#[must_use]
pub fn keys(schema: &Schema) -> transform::Keys {
    let known = schema.keys();
    let quoted = |names: &[String]| names.iter().map(|name| quote_name(name)).collect();
    transform::Keys {
        unique: known
            .unique
            .iter()
            .map(|key| transform::UniqueKey { table: key.table.to_string(), columns: quoted(&key.columns) })
            .collect(),
        foreign: known
            .foreign
            .iter()
            .map(|key| transform::ForeignKey {
                table: key.table.to_string(),
                columns: quoted(&key.columns),
                to_table: key.to_table.to_string(),
                to_columns: quoted(known.targets(key)),
            })
            .collect(),
        children: known
            .parents
            .iter()
            .map(|(table, parent)| transform::ChildTable {
                table: table.to_string(),
                parent: parent.to_string(),
            })
            .collect(),
        expressions: known
            .expressions
            .iter()
            .map(|key| transform::KeyExpression {
                table: key.table.to_string(),
                column: quote_name(&key.column),
                folds_case: key.folds_case,
            })
            .collect(),
        fixed: known
            .fixed
            .iter()
            .map(|fixed| transform::FixedColumn {
                table: fixed.table.to_string(),
                column: quote_name(&fixed.column),
                why: fixed.why.to_owned(),
            })
            .collect(),
    }
}

fn column(column: &dump::Column) -> transform::Column {
    transform::Column {
        name: quote_name(&column.name),
        type_name: column.type_name.clone(),
        labels: column.labels.clone(),
        generated: column.generated,
        not_null: column.not_null,
        absent: false,
    }
}

/// The table as a block of its rows has it: the block's columns in the block's order, then those for which a
/// row has no value: PostgreSQL computes them, or the block does not name them.
#[must_use]
pub fn table_of_block(plan: &TablePlan, known: Option<&dump::Table>) -> transform::Table {
    let of = |name: &String| {
        let found = known.and_then(|table| table.columns.iter().find(|c| quote_name(&c.name) == *name));
        found.map_or_else(|| transform::Column { name: name.clone(), ..Default::default() }, column)
    };
    let mut columns: Vec<_> = plan.columns.iter().map(of).collect();
    let named: Vec<_> = plan.columns.iter().collect();
    let others = known.iter().flat_map(|table| &table.columns).map(column);
    let others = others.filter(|column| column.generated || !named.contains(&&column.name));
    columns.extend(others.map(|column| transform::Column { absent: !column.generated, ..column }));
    transform::Table { name: plan.table.clone(), columns }
}
