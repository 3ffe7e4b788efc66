//! Tables that take their columns from other tables or queries.

use super::model::{Column, Kind, TEMP, Table};
use super::types::{Class, one};
use super::{Gen, create, names};

pub(super) fn any(g: &mut Gen) {
    let way = one(
        &[
            like,
            like,
            inherits,
            inherits,
            partitions,
            partitions,
            attach,
            of_type,
            as_query,
            if_not_exists,
            if_not_exists,
        ],
        &mut g.rng,
    );
    way(g);
}

fn plain_source(g: &mut Gen) -> Option<Table> {
    g.some_table(|t| t.kind == Kind::Plain && t.schema != TEMP && !t.columns.is_empty())
}

/// The columns of another table, without what does not come along.
fn bare(columns: &[Column]) -> Vec<Column> {
    let bare =
        |c: &Column| Column { optional: false, generated: false, always: false, unique: false, ..c.clone() };
    columns.iter().map(bare).collect()
}

fn like(g: &mut Gen) {
    let Some(source) = plain_source(g) else { return };
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let from = g.table_name(&source);
    let options = one(
        &[
            "",
            " INCLUDING ALL",
            " INCLUDING DEFAULTS",
            " INCLUDING ALL EXCLUDING DEFAULTS",
            " INCLUDING INDEXES",
        ],
        &mut g.rng,
    );
    let mut columns =
        if options == " INCLUDING ALL" { source.columns.clone() } else { bare(&source.columns) };
    if options == " INCLUDING DEFAULTS" {
        columns
            .iter_mut()
            .zip(&source.columns)
            .for_each(|(new, old)| new.optional = old.optional && !old.always);
    }
    let own = create::column(g, &columns);
    let more = g.rng.one_in(3).then(|| format!("{} {}", g.name(&own.name), create::type_name(g, &own)));
    let text = match more {
        None => format!("LIKE {from}{options}"),
        Some(more) if g.rng.one_in(2) => {
            columns.push(own);
            format!("LIKE {from}{options}, {more}")
        }
        Some(more) => {
            columns.insert(0, own);
            format!("{more}, LIKE {from}{options}")
        }
    };
    let spelled = g.name(&name);
    create::add(g, schema, &name, Kind::Plain, columns);
    g.utility(format!("CREATE TABLE {prefix}{spelled} ({text})"));
}

fn inherits(g: &mut Gen) {
    let Some(parent) = plain_source(g) else { return };
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let from = g.table_name(&parent);
    let mut columns: Vec<Column> = parent.columns.clone();
    // Neither identity nor uniqueness is inherited.
    columns
        .iter_mut()
        .filter(|c| c.always || c.key)
        .for_each(|c| (c.always, c.optional, c.unique) = (false, false, false));
    let own = create::column(g, &columns);
    let text = if g.rng.one_in(2) {
        let text = format!("{} {}", g.name(&own.name), create::type_name(g, &own));
        columns.push(own);
        text
    } else {
        String::new()
    };
    let spelled = g.name(&name);
    let id = create::add(g, schema, &name, Kind::Plain, columns);
    g.model.table(id).parent = Some(parent.id);
    g.utility(format!("CREATE TABLE {prefix}{spelled} ({text}) INHERITS ({from})"));
}

/// The column that partitions are told by: 1 to 9.
fn partition_key() -> Column {
    Column {
        name: "k".into(),
        class: Class::Int4,
        own_type: None,
        key: false,
        unique: false,
        masked: false,
        optional: false,
        not_null: true,
        generated: false,
        always: false,
        fixed: true,
    }
}

fn partitions(g: &mut Gen) {
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let mut columns = create::columns(g, 2);
    columns.iter_mut().for_each(|c| c.key = false);
    let definitions: Vec<String> = columns
        .iter()
        .map(|c| (c.name.clone(), c.clone()))
        .map(|(n, c)| format!("{} {}", names::quote(&n), create::type_name(g, &c)))
        .collect();
    columns.insert(0, partition_key());
    let spelled = g.name(&name);
    let by = one(&["LIST (k)", "RANGE (k)", "HASH (k)"], &mut g.rng);
    let bounds: &[&str] = match by {
        "LIST (k)" => &["FOR VALUES IN (1, 2, 3, 4)", "DEFAULT"],
        "RANGE (k)" => &["FOR VALUES FROM (MINVALUE) TO (5)", "FOR VALUES FROM (5) TO (MAXVALUE)"],
        _ => &["FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"],
    };
    let id = create::add(g, schema, &name, Kind::Partitioned, columns.clone());
    g.utility(format!(
        "CREATE TABLE {prefix}{spelled} (k integer NOT NULL, {}) PARTITION BY {by}",
        definitions.join(", ")
    ));
    for bound in bounds {
        let (schema, prefix) = g.place();
        let name = format!("part{}", g.next());
        let parent = g.model.table(id).clone();
        let from = g.table_name(&parent);
        let child = create::add(g, schema, &name, Kind::Partition, columns.clone());
        g.model.table(child).parent = Some(id);
        // A row that is inserted into a partition directly must belong to it: rows go through the parent.
        g.model.table(child).columns.clear();
        g.utility(format!("CREATE TABLE {prefix}{name} PARTITION OF {from} {bound}"));
    }
}

/// A partition that was a separate table, with its columns in another order.
fn attach(g: &mut Gen) {
    let Some(plain) = plain_source(g)
        .filter(|t| t.parent.is_none() && !t.typed && t.columns.iter().all(|c| !c.generated && !c.always))
    else {
        return;
    };
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let from = g.table_name(&plain);
    let n = g.next();
    let columns = bare(&plain.columns);
    let spelled = g.name(&name);
    let key = names::quote(&plain.columns[0].name);
    create::add(g, schema, &name, Kind::Plain, columns);
    g.utility(format!("CREATE TABLE {prefix}{spelled} (LIKE {from})"));
    if g.rng.one_in(2) {
        g.utility(format!("CREATE TABLE {prefix}above{n} (LIKE {from}) PARTITION BY HASH ({key})"));
        return;
    }
    g.utility(format!("ALTER TABLE {prefix}{spelled} INHERIT {from}"));
    let child = g.model.tables.last().map(|t| t.id);
    if let Some(child) = child {
        g.model.table(child).parent = Some(plain.id);
    }
}

fn of_type(g: &mut Gen) {
    let Some(own) = g.model.types.iter().find(|t| t.class == Class::Composite).cloned() else {
        return create::own_type(g);
    };
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let (of, spelled) =
        (format!("{}{}", g.schema_prefix(own.schema), names::quote(&own.name)), g.name(&name));
    let column = |name: &str, class| Column {
        name: name.into(),
        class,
        key: false,
        fixed: false,
        not_null: false,
        ..partition_key()
    };
    let columns = vec![column("n", Class::Int4), column("t", Class::Text)];
    let id = create::add(g, schema, &name, Kind::Plain, columns);
    g.model.table(id).typed = true;
    g.utility(format!("CREATE TABLE {prefix}{spelled} OF {of}"));
}

fn as_query(g: &mut Gen) {
    let Some(source) = plain_source(g) else { return };
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let (from, spelled) = (g.table_name(&source), g.name(&name));
    let mut columns = bare(&source.columns);
    columns.iter_mut().for_each(|c| c.not_null = false);
    create::add(g, schema, &name, Kind::Plain, columns);
    let text = match g.rng.below(5) {
        0 => format!("SELECT * INTO {prefix}{spelled} FROM {from}"),
        1 => format!("CREATE TABLE {prefix}{spelled} AS TABLE {from} WITH NO DATA"),
        2 => format!("CREATE TABLE IF NOT EXISTS {prefix}{spelled} AS SELECT * FROM {from}"),
        _ => format!("CREATE TABLE {prefix}{spelled} AS SELECT * FROM {from}"),
    };
    g.statement(text);
}

/// A second definition of an existing object, with other contents.
fn if_not_exists(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.schema != TEMP) else { return };
    let name = g.table_name(&table);
    let mut columns: Vec<Column> = create::columns(g, 2);
    columns.iter_mut().zip(&table.columns).for_each(|(new, old)| new.name.clone_from(&old.name));
    if columns.len() == 2 && columns[0].name == columns[1].name {
        columns.pop();
    }
    columns.iter_mut().for_each(|c| c.key = false);
    let definitions = create::definitions(g, &mut columns);
    g.utility(format!("CREATE TABLE IF NOT EXISTS {name} ({definitions})"));
}
