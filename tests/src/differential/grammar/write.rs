//! Statements that write rows which the script does not contain.

use super::model::{Column, Kind, TEMP, Table};
use super::types::one;
use super::{Gen, names, rows};

pub(super) fn any(g: &mut Gen) {
    let way = one(
        &[update, update, delete, truncate, select, select, with, merge, prepared, explained],
        &mut g.rng,
    );
    way(g);
}

fn writable(g: &mut Gen) -> Option<Table> {
    g.some_table(|t| t.kind != Kind::Partition && !t.columns.is_empty())
}

fn update(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let Some(column) =
        table.columns.iter().find(|c| !c.key && !c.generated && !c.fixed && !c.always).cloned()
    else {
        return;
    };
    let name = g.table_name(&table);
    let (spelled, value) = (g.name(&column.name), plain_value(g, &column));
    let only = one(&["", "", "ONLY "], &mut g.rng);
    g.statement(format!("UPDATE {only}{name} SET {spelled} = {value}"));
}

/// A literal for a column.
pub(super) fn plain_value(g: &mut Gen, column: &Column) -> String {
    if column.masked { rows::masked_value(g) } else { column.class.plain_literal(&mut g.rng).into() }
}

fn delete(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let name = g.table_name(&table);
    let first = names::quote(&table.columns[0].name);
    let condition = one(&["", " WHERE true"], &mut g.rng);
    let text = if g.rng.one_in(2) { format!(" WHERE {first} IS NULL") } else { condition.into() };
    g.statement(format!("DELETE FROM {name}{text}"));
}

fn truncate(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let name = g.table_name(&table);
    let text = one(&["", " CASCADE", " RESTART IDENTITY", " CONTINUE IDENTITY RESTRICT"], &mut g.rng);
    let word = one(&["TRUNCATE", "TRUNCATE TABLE", "TRUNCATE ONLY"], &mut g.rng);
    if table.kind == Kind::Partitioned && word == "TRUNCATE ONLY" {
        return;
    }
    g.statement(format!("{word} {name}{text}"));
}

/// Rows of a table with the same columns, or of nothing.
fn select(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let (head, columns) = rows::insert_head(g, &table);
    if columns.is_empty() || columns.iter().any(|c| c.generated || c.always) {
        return;
    }
    let values = rows::values(g, &columns, true);
    if values.contains("DEFAULT") {
        return;
    }
    g.statement(format!("{head} SELECT {values}"));
}

fn with(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let (head, columns) = rows::insert_head(g, &table);
    if columns.is_empty() || columns.iter().any(|c| c.generated || c.always) {
        return;
    }
    let values = rows::values(g, &columns, true);
    let recursive = one(&["", "RECURSIVE "], &mut g.rng);
    g.statement(format!("WITH {recursive}one AS (SELECT 1) {head} VALUES ({values})"));
}

fn merge(g: &mut Gen) {
    let Some(table) = g.some_table(|t| {
        t.kind == Kind::Plain && t.schema != TEMP && t.columns.first().is_some_and(|c| c.key && !c.always)
    }) else {
        return;
    };
    let name = g.table_name(&table);
    let key = names::quote(&table.columns[0].name);
    g.statement(format!(
        "MERGE INTO {name} AS target USING (SELECT 1 AS n) AS source ON target.{key} = source.n WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN DO NOTHING"
    ));
}

fn prepared(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let (head, columns) = rows::insert_head(g, &table);
    if columns.is_empty() {
        return;
    }
    let values = rows::values(g, &columns, false);
    let n = g.next();
    g.statement(format!("PREPARE p{n} AS {head} VALUES ({values})"));
    g.statement(format!("EXECUTE p{n}"));
}

fn explained(g: &mut Gen) {
    let Some(table) = writable(g) else { return };
    let (head, columns) = rows::insert_head(g, &table);
    if columns.is_empty() {
        return;
    }
    let values = rows::values(g, &columns, false);
    let text = format!("{head} VALUES ({values})");
    let text = match g.rng.below(4) {
        0 => format!("EXPLAIN ANALYZE {text}"),
        1 => format!("EXPLAIN (ANALYZE, COSTS off) {text}"),
        2 => format!("COPY ({text} RETURNING 1) TO STDOUT"),
        _ => format!("EXPLAIN {text}"),
    };
    g.statement(text);
}

/// What temporary tables are mostly for.
pub(super) fn from_temporary(g: &mut Gen) {
    let Some(source) = g.some_table(|t| t.kind == Kind::Temporary) else { return };
    let from = g.table_name(&source);
    let n = g.next();
    let text = match g.rng.below(3) {
        0 => format!("CREATE TABLE public.of_temp{n} AS SELECT * FROM {from}"),
        1 => format!("CREATE TABLE public.of_temp{n} (LIKE {from})"),
        _ => {
            let Some(table) =
                g.some_table(|t| t.schema != TEMP && t.kind == Kind::Plain && !t.columns.is_empty())
            else {
                return;
            };
            let Some(column) = table.columns.iter().find(|c| c.key && !c.always) else { return };
            if table.columns.iter().any(|c| !c.key && c.not_null && !c.optional) {
                return;
            }
            let name = g.table_name(&table);
            format!(
                "INSERT INTO {name} ({}) SELECT 5000 + {n} + count(*)::int FROM {from}",
                names::quote(&column.name)
            )
        }
    };
    g.statement(text);
}
