//! Schemas, types, tables.

use super::model::{Column, Kind, OwnType, TEMP, Table};
use super::types::{Class, one};
use super::{Gen, MASKED, Piece, Subject, names};

pub(super) fn schema(g: &mut Gen) {
    let name = one(&names::SCHEMAS, &mut g.rng);
    if g.model.schema_named(name).is_some() {
        return;
    }
    let spelled = g.name(name);
    let words = one(&["CREATE SCHEMA", "CREATE SCHEMA IF NOT EXISTS", "create schema"], &mut g.rng);
    let id = g.model.add_schema(name);
    if g.rng.one_in(12) {
        // The table is one of the schema, whatever the search path.
        let mut columns = columns(g, 1);
        let definitions = definitions(g, &mut columns);
        let table = one(&names::TABLES, &mut g.rng);
        let in_it = g.name(table);
        add(g, id, table, Kind::Plain, columns);
        return g.statement(format!("CREATE SCHEMA {spelled} CREATE TABLE {in_it} ({definitions})"));
    }
    g.utility(format!("{words} {spelled}"));
}

pub(super) fn own_type(g: &mut Gen) {
    let (schema, prefix) = g.place();
    let name = one(&["mood", "code", "pair", "kind"], &mut g.rng);
    if g.model.taken(schema, name) {
        return;
    }
    let (class, definition) = match g.rng.below(5) {
        0 => (Class::Enum, "AS ENUM ('lo', 'mid', 'hi')"),
        1 => (Class::Composite, "AS (n integer, t text)"),
        2 => (Class::Text, "AS text"),
        3 => (Class::Int4, "AS integer"),
        _ => (Class::Numeric2, "AS numeric(10,2)"),
    };
    let word = if matches!(class, Class::Enum | Class::Composite) { "TYPE" } else { "DOMAIN" };
    let spelled = g.name(name);
    let id = g.model.id();
    g.model.types.push(OwnType { id, schema, name: name.into(), class });
    g.utility(format!("CREATE {word} {prefix}{spelled} {definition}"));
}

pub(super) fn table(g: &mut Gen) {
    let (schema, prefix) = g.place();
    let name = g.free_table_name(schema);
    let most = if g.rng.one_in(4) { 6 } else { 3 };
    let count = 1 + g.rng.below(most);
    let mut columns = columns(g, count);
    let definitions = definitions(g, &mut columns);
    let spelled = g.name(&name);
    let words = match g.rng.below(10) {
        0 => "CREATE UNLOGGED TABLE",
        1 => "CREATE TABLE IF NOT EXISTS",
        2 => "create table",
        _ => "CREATE TABLE",
    };
    add(g, schema, &name, Kind::Plain, columns);
    g.utility(format!("{words} {prefix}{spelled} ({definitions})"));
}

/// The tables that the configuration of transforms names.
pub(super) fn masked(g: &mut Gen) {
    for (schema, table) in g.masks.clone() {
        let id = g.model.schema_named(&schema).unwrap_or_else(|| {
            g.pieces.push(Piece::text(format!("CREATE SCHEMA {};\n", names::quote(&schema))));
            g.model.add_schema(&schema)
        });
        let mut columns = columns(g, 2);
        for name in MASKED.iter().rev() {
            columns.retain(|column| column.name != *name);
            let column =
                Column { name: (*name).into(), class: Class::Text, own_type: None, ..column(g, &columns) };
            columns.insert(0, column);
        }
        let definitions = definitions(g, &mut columns);
        let (schema, spelled) = (names::quote(&schema), names::quote(&table));
        add(g, id, &table, Kind::Plain, columns);
        g.pieces.push(Piece::text(format!("CREATE TABLE {schema}.{spelled} ({definitions});\n")));
    }
}

pub(super) fn temporary(g: &mut Gen) {
    let name = one(&names::TABLES, &mut g.rng);
    if g.model.taken(TEMP, name) {
        return;
    }
    let mut columns = columns(g, 2);
    let definitions = definitions(g, &mut columns);
    let spelled = g.name(name);
    let word = one(&["TEMP", "TEMPORARY", "LOCAL TEMP"], &mut g.rng);
    let prefix = if word == "TEMP" && g.rng.one_in(5) { "pg_temp." } else { "" };
    add(g, TEMP, name, Kind::Temporary, columns);
    g.statement(format!("CREATE {word} TABLE {prefix}{spelled} ({definitions})"));
}

/// The table in the model.
pub(super) fn add(g: &mut Gen, schema: usize, name: &str, kind: Kind, mut columns: Vec<Column>) -> usize {
    // It may have them from a table that is masked, and is not.
    columns.iter_mut().for_each(|column| column.masked = false);
    let id = g.model.id();
    let table =
        Table { id, schema, name: name.into(), kind, columns, parent: None, watched: false, typed: false };
    g.model.tables.push(table);
    id
}

/// Columns without their definitions.
pub(super) fn columns(g: &mut Gen, count: u64) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for at in 0..count {
        let key = at == 0 && g.rng.one_in(2);
        let mut column = column(g, &columns);
        if key && !g.is_mask(&column.name) {
            (column.class, column.own_type, column.key) = (Class::Int4, None, true);
        }
        columns.push(column);
    }
    columns
}

/// A column whose name none of the others has.
pub(super) fn column(g: &mut Gen, others: &[Column]) -> Column {
    let mut name = String::new();
    for _ in 0..20 {
        let odd = g.about(Subject::Names) && g.rng.one_in(3);
        name =
            if odd { one(&names::ODD_COLUMNS, &mut g.rng) } else { one(&names::COLUMNS, &mut g.rng) }.into();
        if others.iter().all(|other| other.name != name) {
            break;
        }
        name = format!("c{}", g.next());
    }
    let own = if g.rng.one_in(4) && !g.model.types.is_empty() {
        let at = usize::try_from(g.rng.below(g.model.types.len() as u64)).unwrap_or(0);
        Some((g.model.types[at].id, g.model.types[at].class))
    } else {
        None
    };
    let own = own.filter(|_| !g.is_mask(&name));
    let class = own.map_or_else(|| one(&Class::BUILT_IN, &mut g.rng), |(_, class)| class);
    let class = if g.is_mask(&name) { Class::Text } else { class };
    Column {
        name,
        class,
        own_type: own.map(|(id, _)| id),
        key: false,
        unique: false,
        masked: false,
        optional: false,
        not_null: false,
        generated: false,
        always: false,
        fixed: false,
    }
}

/// The definitions of columns, with constraints and defaults by chance; what a row must then respect goes into the
/// columns.
pub(super) fn definitions(g: &mut Gen, columns: &mut [Column]) -> String {
    let mut texts = Vec::new();
    for at in 0..columns.len() {
        let name = g.name(&columns[at].name);
        let source =
            columns[..at].iter().find(|c| c.class == Class::Int4 && !c.generated && c.own_type.is_none());
        let source = source.map(|c| names::quote(&c.name));
        let column = &mut columns[at];
        let rest = if column.key { key(g, column) } else { other(g, column, source) };
        texts.push(format!("{name} {rest}"));
    }
    texts.join(", ")
}

fn key(g: &mut Gen, column: &mut Column) -> String {
    let (text, always, optional) = match g.rng.below(8) {
        0 | 1 => ("integer PRIMARY KEY", false, false),
        2 => ("integer UNIQUE", false, false),
        3 => ("serial PRIMARY KEY", false, true),
        4 => ("integer GENERATED ALWAYS AS IDENTITY", true, true),
        5 => ("integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", false, true),
        6 => ("int4 NOT NULL", false, false),
        _ => ("integer CHECK (true)", false, false),
    };
    (column.not_null, column.always, column.optional) = (true, always, optional);
    column.unique = text.contains("PRIMARY KEY") || text.contains("UNIQUE");
    text.into()
}

/// `source`: an integer column before this one.
fn other(g: &mut Gen, column: &mut Column, source: Option<String>) -> String {
    let kind = type_name(g, column);
    match g.rng.below(24) {
        0 => {
            column.not_null = true;
            format!("{kind} NOT NULL")
        }
        1..=3 => {
            column.optional = true;
            format!("{kind} DEFAULT {}", column.class.plain_literal(&mut g.rng))
        }
        4 if !g.is_mask(&column.name) => match source {
            Some(source) => {
                (column.class, column.own_type, column.generated) = (Class::Int4, None, true);
                format!("integer GENERATED ALWAYS AS ({source} * 2) STORED")
            }
            None => kind,
        },
        5 => format!("{kind} NULL"),
        _ => kind,
    }
}

/// The name of a column's type.
pub(super) fn type_name(g: &mut Gen, column: &Column) -> String {
    let Some(own) = column.own_type.and_then(|id| g.model.types.iter().find(|t| t.id == id).cloned()) else {
        return column.class.spelling(&mut g.rng).into();
    };
    let name = g.name(&own.name);
    if g.model.visible_type(&own.name) == Some(own.id) && g.rng.one_in(2) {
        return name;
    }
    format!("{}{name}", g.schema_prefix(own.schema))
}
