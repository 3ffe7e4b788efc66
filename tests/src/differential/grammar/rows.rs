//! Rows, by COPY and by INSERT.

use super::model::{Column, Kind, Table};
use super::types::{Class, one};
use super::{Gen, Piece, Subject};

pub(super) fn copy(g: &mut Gen) {
    let Some(table) = g.some_table(|_| true) else { return };
    let columns: Vec<&Column> = chosen(g, &table, false);
    let name = g.table_name(&table);
    let list = if g.rng.one_in(4) && columns.len() == copied(&table).count() {
        String::new()
    } else {
        format!(" ({})", spelled(g, &columns))
    };
    let columns = if list.is_empty() { copied(&table).collect() } else { columns };
    let odd = g.about(Subject::Literals) || g.about(Subject::Bytes);
    let options = if g.rng.one_in(if odd { 4 } else { 40 }) {
        one(
            &[
                "; -- rows follow",
                " WITH (FORMAT text);",
                " (DELIMITER E'\\t');",
                " WITH NULL '\\N';",
                " (NULL '\\N', HEADER false);",
                " WITH DELIMITER E'\\t' ;",
            ],
            &mut g.rng,
        )
    } else {
        ";"
    };
    let words = one(&["COPY", "COPY", "COPY", "copy"], &mut g.rng);
    let count = g.rng.below(4) + u64::from(!g.rng.one_in(10));
    let rows = (0..count).map(|_| copy_row(g, &columns)).collect();
    g.pieces.push(Piece::rows(
        format!("{words} {name}{list} FROM stdin{options}\n"),
        rows,
        "",
        "\\.\n".into(),
    ));
}

fn copied(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| !column.generated)
}

fn copy_row(g: &mut Gen, columns: &[&Column]) -> String {
    let values: Vec<String> = columns
        .iter()
        .map(|column| match () {
            () if column.masked => format!("{} {}", g.canary(), g.rng.below(9)),
            () if column.key => key_value(g).to_string(),
            () if column.fixed => (1 + g.rng.below(9)).to_string(),
            () if !column.not_null && g.rng.one_in(8) => "\\N".into(),
            () => column.class.copy_value(&mut g.rng).into(),
        })
        .collect();
    format!("{}\n", values.join("\t"))
}

/// Above what sequences give.
fn key_value(g: &mut Gen) -> u64 {
    100 + g.next()
}

/// The columns of a statement: those that may not be left out, most others, in any order.
fn chosen<'t>(g: &mut Gen, table: &'t Table, with_generated: bool) -> Vec<&'t Column> {
    let may = table.columns.iter().filter(|column| with_generated || !column.generated);
    let must = |column: &Column| column.not_null && !column.optional;
    let mut columns: Vec<&Column> = may
        .filter(|column| must(column) || column.fixed || !g.rng.one_in(if column.masked { 20 } else { 6 }))
        .collect();
    if columns.is_empty() {
        columns = copied(table).take(1).collect();
    }
    if columns.len() > 1 && g.rng.one_in(5) {
        let last = columns.len() - 1;
        columns.swap(0, last);
    }
    columns
}

fn spelled(g: &mut Gen, columns: &[&Column]) -> String {
    columns.iter().map(|column| g.name(&column.name)).collect::<Vec<_>>().join(", ")
}

pub(super) fn insert(g: &mut Gen) {
    let Some(table) = g.some_table(|_| true) else { return };
    let (head, columns) = insert_head(g, &table);
    let overriding = overriding(g, &columns);
    if columns.is_empty() {
        return g.statement(format!("{head} DEFAULT VALUES"));
    }
    let count = if g.rng.one_in(3) { 1 + g.rng.below(4) } else { 1 };
    let rows = (0..count).map(|_| format!("({})", values(g, &columns, overriding.is_some()))).collect();
    let tail = tail(g, &table);
    let end = g.end();
    let overriding = overriding.unwrap_or_default();
    let between = one(&[", ", ",\n    ", ","], &mut g.rng);
    g.pieces.push(Piece::rows(format!("{head}{overriding} VALUES "), rows, between, format!("{tail}{end}")));
}

/// `INSERT INTO t (a, b)`, or without names, and the columns that the values are for.
pub(super) fn insert_head<'t>(g: &mut Gen, table: &'t Table) -> (String, Vec<&'t Column>) {
    let name = g.table_name(table);
    let words =
        one(&["INSERT INTO", "INSERT INTO", "INSERT INTO", "insert into", "INSERT  INTO"], &mut g.rng);
    let only_defaults = table.columns.iter().all(|column| column.optional || !column.not_null);
    if table.columns.is_empty() || only_defaults && table.kind == Kind::Plain && g.rng.one_in(30) {
        return (format!("{words} {name}"), Vec::new());
    }
    if g.rng.one_in(2) {
        let mut columns: Vec<&Column> = table.columns.iter().collect();
        // Fewer values than columns: the rest has its defaults.
        if g.rng.one_in(5) {
            while columns.len() > 1
                && columns.last().is_some_and(|c| !c.not_null || c.optional || c.generated)
            {
                columns.pop();
            }
        }
        return (format!("{words} {name}"), columns);
    }
    let generated = g.rng.one_in(3);
    let columns = chosen(g, table, generated);
    (format!("{words} {name} ({})", spelled(g, &columns)), columns)
}

/// A column that is always generated takes no value of a row without it.
fn overriding(g: &mut Gen, columns: &[&Column]) -> Option<&'static str> {
    let always = columns.iter().any(|column| column.always);
    let asked = g.about(Subject::Conflict) && g.rng.one_in(5);
    let system = always && g.rng.one_in(2);
    (system || asked && always).then_some(" OVERRIDING SYSTEM VALUE")
}

pub(super) fn values(g: &mut Gen, columns: &[&Column], system: bool) -> String {
    columns.iter().map(|column| value(g, column, system)).collect::<Vec<_>>().join(", ")
}

/// A value that must not be seen.
pub(super) fn masked_value(g: &mut Gen) -> String {
    let canary = g.canary();
    match g.rng.below(60) {
        0 => format!("E'{canary}'"),
        1 => format!("$${canary}$$"),
        2 => format!("'{canary}'::text"),
        3 => format!("'{canary}' || 'x'"),
        4 => format!("N'{canary}'"),
        5 => format!("text '{canary}'"),
        6 => format!("upper('x') || '{canary}'"),
        _ => format!("'{canary}'"),
    }
}

fn value(g: &mut Gen, column: &Column, system: bool) -> String {
    if column.masked && !column.generated {
        return masked_value(g);
    }
    if column.generated || column.always && !system {
        return "DEFAULT".into();
    }
    if column.key {
        if column.optional && g.rng.one_in(4) {
            return "DEFAULT".into();
        }
        return key_value(g).to_string();
    }
    if column.fixed {
        return (1 + g.rng.below(9)).to_string();
    }
    if !column.not_null && g.rng.one_in(16) {
        return one(&["NULL", "null"], &mut g.rng).into();
    }
    let often = if g.about(Subject::Conflict) { 12 } else { 80 };
    if (!column.not_null || column.optional) && g.rng.one_in(often) {
        return "DEFAULT".into();
    }
    let odd = if g.about(Subject::Literals) { 2 } else { 20 };
    if g.rng.one_in(odd) {
        column.class.odd_literal(&mut g.rng).into()
    } else {
        column.class.plain_literal(&mut g.rng).into()
    }
}

/// `ON CONFLICT …`, `RETURNING …`.
fn tail(g: &mut Gen, table: &Table) -> String {
    if !g.about(Subject::Conflict) {
        return String::new();
    }
    let key = table.columns.iter().find(|column| column.unique && column.class == Class::Int4);
    match g.rng.below(7) {
        0..=2 => " ON CONFLICT DO NOTHING".into(),
        3 => " RETURNING *".into(),
        4 => match (key, table.columns.last()) {
            (Some(key), Some(last)) if !last.generated && !last.always && last.name != key.name => {
                let (key, last) = (g.name(&key.name), g.name(&last.name));
                format!(" ON CONFLICT ({key}) DO UPDATE SET {last} = EXCLUDED.{last}")
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Rows that are there already, again: what ON CONFLICT is for.
pub(super) fn again(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.columns.first().is_some_and(|c| c.unique && !c.always)) else {
        return;
    };
    let name = g.table_name(&table);
    let columns: Vec<&Column> = table.columns.iter().filter(|column| !column.generated).collect();
    let names = spelled(g, &columns);
    let id = key_value(g);
    let ends = [" ON CONFLICT DO NOTHING", " on conflict do nothing", " ON CONFLICT DO NOTHING RETURNING 1"];
    let tail = one(&ends, &mut g.rng);
    for _ in 0..2 {
        let rows = (0..1 + g.rng.below(2))
            .map(|_| {
                let rest = values(g, &columns[1..], false);
                if rest.is_empty() { format!("({id})") } else { format!("({id}, {rest})") }
            })
            .collect();
        g.pieces.push(Piece::rows(
            format!("INSERT INTO {name} ({names}) VALUES "),
            rows,
            ", ",
            format!("{tail};\n"),
        ));
    }
}
