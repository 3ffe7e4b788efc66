//! Changes of existing objects: renames, other schemas, other columns, drops.

use super::model::{Id, Kind, TEMP, Table};
use super::types::{Class, one};
use super::{Gen, create, names};

pub(super) fn any(g: &mut Gen) {
    let change = one(
        &[
            rename_table,
            rename_table,
            swap_table,
            set_schema,
            set_schema,
            rename_column,
            add_column,
            add_column,
            drop_column,
            alter_type,
            alter_type,
            drop_table,
            drop_schema,
            rename_schema,
            own_type,
            key,
            default,
        ],
        &mut g.rng,
    );
    change(g);
}

/// `ALTER TABLE name`, in one of its spellings.
fn alter_table(g: &mut Gen, table: &Table) -> String {
    let name = g.table_name(table);
    let words = one(&["ALTER TABLE", "ALTER TABLE", "alter table", "ALTER TABLE IF EXISTS"], &mut g.rng);
    format!("{words} {name}")
}

fn rename_table(g: &mut Gen) {
    let Some(table) = g.some_table(|_| true) else { return };
    let new = g.free_table_name(table.schema);
    let head = alter_table(g, &table);
    let spelled = g.name(&new);
    g.model.table(table.id).name = new;
    g.utility(format!("{head} RENAME TO {spelled}"));
}

/// A new table takes the place of an old one.
fn swap_table(g: &mut Gen) {
    let Some(old) = g.some_table(|t| t.kind == Kind::Plain && t.schema != TEMP) else { return };
    let Some(new) = g.some_table(|t| t.kind == Kind::Plain && t.schema == old.schema && t.id != old.id)
    else {
        return;
    };
    let dropped = g.table_name(&old);
    let head = alter_table(g, &new);
    g.model.drop_table(old.id);
    g.utility(format!("DROP TABLE {dropped} CASCADE"));
    if g.model.tables.iter().any(|t| t.id == new.id) {
        let spelled = g.name(&old.name);
        g.model.table(new.id).name = old.name;
        g.utility(format!("{head} RENAME TO {spelled}"));
    }
}

fn set_schema(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.schema != TEMP) else { return };
    let schemas: Vec<Id> =
        g.model.schemas.iter().map(|s| s.id).filter(|id| !g.model.taken(*id, &table.name)).collect();
    if schemas.is_empty() {
        return;
    }
    let schema = one(&schemas, &mut g.rng);
    let head = alter_table(g, &table);
    let name = g.model.schema_name(schema).to_owned();
    let spelled = g.name(&name);
    g.model.table(table.id).schema = schema;
    g.utility(format!("{head} SET SCHEMA {spelled}"));
}

/// A table with a column that may change, and that column's name.
fn free_column(g: &mut Gen) -> Option<(Table, String)> {
    let table = g.some_table(|t| {
        t.parent.is_none() && !t.watched && !t.typed && t.columns.iter().any(|c| !c.fixed && !c.key)
    })?;
    let free: Vec<&str> =
        table.columns.iter().filter(|c| !c.fixed && !c.key).map(|c| c.name.as_str()).collect();
    let name = one(&free, &mut g.rng).to_owned();
    Some((table, name))
}

fn rename_column(g: &mut Gen) {
    let Some((table, old)) = free_column(g) else { return };
    let new = create::column(g, &table.columns).name;
    let family = g.model.family(table.id);
    let taken =
        |id: &Id| g.model.tables.iter().any(|t| t.id == *id && t.columns.iter().any(|c| c.name == new));
    if family.iter().any(taken) {
        return;
    }
    let head = alter_table(g, &table);
    let (from, to) = (g.name(&old), g.name(&new));
    for id in family {
        g.model.table(id).columns.iter_mut().filter(|c| c.name == old).for_each(|c| c.name.clone_from(&new));
    }
    let word = one(&["RENAME COLUMN", "RENAME"], &mut g.rng);
    g.utility(format!("{head} {word} {from} TO {to}"));
}

fn add_column(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.parent.is_none() && !t.typed) else { return };
    let family = g.model.family(table.id);
    let all: Vec<_> =
        g.model.tables.iter().filter(|t| family.contains(&t.id)).flat_map(|t| t.columns.clone()).collect();
    let mut column = create::column(g, &all);
    let head = alter_table(g, &table);
    if g.rng.one_in(4)
        && let Some(there) = table.columns.last()
    {
        // It is there already, perhaps with another type.
        let (name, kind) = (g.name(&there.name), create::type_name(g, &column));
        return g.utility(format!("{head} ADD COLUMN IF NOT EXISTS {name} {kind}"));
    }
    let (name, kind) = (g.name(&column.name), create::type_name(g, &column));
    let word = one(&["ADD COLUMN", "ADD", "ADD COLUMN IF NOT EXISTS"], &mut g.rng);
    let default = if g.rng.one_in(4) {
        column.optional = true;
        format!(" DEFAULT {}", column.class.plain_literal(&mut g.rng))
    } else {
        String::new()
    };
    family.into_iter().for_each(|id| g.model.table(id).columns.push(column.clone()));
    g.utility(format!("{head} {word} {name} {kind}{default}"));
}

fn drop_column(g: &mut Gen) {
    let Some((table, name)) = free_column(g).filter(|(table, _)| table.columns.len() > 1) else { return };
    let head = alter_table(g, &table);
    let spelled = g.name(&name);
    for id in g.model.family(table.id) {
        g.model.table(id).columns.retain(|column| column.name != name);
    }
    let word = one(&["DROP COLUMN", "DROP", "DROP COLUMN IF EXISTS"], &mut g.rng);
    g.utility(format!("{head} {word} {spelled} CASCADE"));
}

fn alter_type(g: &mut Gen) {
    let Some((table, name)) = free_column(g) else { return };
    let class = if g.is_mask(&name) {
        Class::Text
    } else {
        one(&[Class::Text, Class::Text, Class::Varchar, Class::Json], &mut g.rng)
    };
    let is_generated = table.columns.iter().any(|c| c.name == name && (c.generated || c.optional));
    if is_generated {
        return;
    }
    let head = alter_table(g, &table);
    let (spelled, kind) = (g.name(&name), class.spelling(&mut g.rng));
    let using = if class == Class::Json { " USING NULL" } else { " USING NULL::text" };
    for id in g.model.family(table.id) {
        let columns = g.model.table(id).columns.iter_mut();
        columns.filter(|c| c.name == name).for_each(|c| {
            (c.class, c.own_type) = (class, None);
        });
    }
    if table.columns.iter().any(|c| c.name == name && c.not_null) {
        g.utility(format!("{head} ALTER COLUMN {spelled} DROP NOT NULL"));
    }
    let word = one(&["ALTER COLUMN", "ALTER"], &mut g.rng);
    let set = one(&["TYPE", "SET DATA TYPE"], &mut g.rng);
    g.utility(format!("{head} {word} {spelled} {set} {kind}{using}"));
}

fn drop_table(g: &mut Gen) {
    let Some(table) = g.some_table(|_| true) else { return };
    if g.model.tables.len() < 2 {
        return;
    }
    let name = g.table_name(&table);
    let words = one(&["DROP TABLE", "DROP TABLE IF EXISTS"], &mut g.rng);
    g.model.drop_table(table.id);
    g.utility(format!("{words} {name} CASCADE"));
}

fn drop_schema(g: &mut Gen) {
    // One is left, or new objects would have no place: "public" may have another name by now.
    let droppable = g.model.schemas.get(1..).and_then(|others| others.last()).cloned();
    let Some(schema) = droppable.filter(|schema| schema.name != "public") else {
        return;
    };
    let name = g.name(&schema.name);
    g.model.drop_schema(schema.id);
    g.utility(format!("DROP SCHEMA {name} CASCADE"));
}

fn rename_schema(g: &mut Gen) {
    let Some(schema) = g.model.schemas.last().cloned() else { return };
    let new = one(&names::SCHEMAS, &mut g.rng);
    if g.model.schema_named(new).is_some() {
        return;
    }
    let (from, to) = (g.name(&schema.name), g.name(new));
    g.model.schemas.iter_mut().filter(|s| s.id == schema.id).for_each(|s| s.name = new.into());
    g.utility(format!("ALTER SCHEMA {from} RENAME TO {to}"));
}

fn own_type(g: &mut Gen) {
    let Some(own) = g.model.types.last().cloned() else { return create::own_type(g) };
    let (schema, name) = (g.schema_prefix(own.schema), g.name(&own.name));
    let word = if matches!(own.class, Class::Enum | Class::Composite) { "TYPE" } else { "DOMAIN" };
    match g.rng.below(4) {
        0 => {
            let new = format!("kind{}", g.next());
            g.model.types.iter_mut().filter(|t| t.id == own.id).for_each(|t| t.name.clone_from(&new));
            g.utility(format!("ALTER {word} {schema}{name} RENAME TO {new}"));
        }
        1 if own.class == Class::Enum => {
            let value = g.next();
            g.statement(format!("ALTER TYPE {schema}{name} ADD VALUE 'more{value}' BEFORE 'hi'"));
        }
        2 => {
            let schemas: Vec<Id> =
                g.model.schemas.iter().map(|s| s.id).filter(|id| !g.model.taken(*id, &own.name)).collect();
            if schemas.is_empty() {
                return;
            }
            let to = one(&schemas, &mut g.rng);
            let spelled = names::quote(g.model.schema_name(to));
            g.model.types.iter_mut().filter(|t| t.id == own.id).for_each(|t| t.schema = to);
            g.utility(format!("ALTER {word} {schema}{name} SET SCHEMA {spelled}"));
        }
        _ => {
            g.model.drop_type(own.id);
            g.utility(format!("DROP {word} {schema}{name} CASCADE"));
        }
    }
}

/// Uniqueness that comes later.
fn key(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.kind == Kind::Plain && t.columns.first().is_some_and(|c| c.key))
    else {
        return;
    };
    let head = alter_table(g, &table);
    let column = g.name(&table.columns[0].name);
    let constraint = one(&["UNIQUE", "UNIQUE"], &mut g.rng);
    let n = g.next();
    g.utility(format!("{head} ADD CONSTRAINT key{n} {constraint} ({column})"));
}

fn default(g: &mut Gen) {
    let Some(table) =
        g.some_table(|t| t.parent.is_none() && t.columns.iter().any(|c| !c.key && !c.generated && !c.fixed))
    else {
        return;
    };
    let Some(at) = table.columns.iter().position(|c| !c.key && !c.generated && !c.fixed) else { return };
    let head = alter_table(g, &table);
    let column = &table.columns[at];
    let name = g.name(&column.name);
    let value = column.class.plain_literal(&mut g.rng);
    let own = g.model.table(table.id);
    own.columns[at].optional = true;
    g.utility(format!("{head} ALTER COLUMN {name} SET DEFAULT {value}"));
}
