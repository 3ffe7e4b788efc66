//! psql's own commands, and its variables.

use super::types::one;
use super::{Gen, Piece, rows};

/// A statement that psql puts together.
pub(super) fn wrapped(g: &mut Gen, sql: &str) -> Option<String> {
    if sql.contains('\\') {
        return None;
    }
    let quoted = sql.replace('\'', "''");
    let n = g.next();
    Some(match g.rng.below(5) {
        0 => format!("SELECT '{quoted}' \\gexec\n"),
        1 => format!("SELECT '{quoted}'\n\\gexec\n"),
        2 => format!("\\set stmt{n} '{quoted}'\n:stmt{n};\n"),
        3 => format!("\\if true\n{sql};\n\\else\nSELECT 1;\n\\endif\n"),
        _ => format!("\\if false\n{sql};\n\\else\n{sql};\n\\endif\n"),
    })
}

pub(super) fn any(g: &mut Gen) {
    match g.rng.below(10) {
        0..=2 => variable(g),
        3 => gset(g),
        4 => skipped(g),
        5 => two_at_once(g),
        6 => buffer(g),
        7 => quiet(g),
        8 => comments(g),
        _ => connect(g),
    }
}

/// Commands that change nothing.
fn quiet(g: &mut Gen) {
    let all = [
        "\\echo 'loading'\n",
        "\\timing off\n",
        "\\pset pager off\n",
        "\\set ON_ERROR_STOP off\n",
        "\\unset nothing\n",
        "\\set QUIET on\n",
        "\\o /dev/null\n",
        "\\o\n",
        "\\qecho x\n",
        "\\warn w\n",
        "\\x off\n",
        "\\encoding UTF8\n",
        "\\set AUTOCOMMIT on\n",
        "\\p\n",
        "\\t\n",
        "\\a\n",
    ];
    let text = one(&all, &mut g.rng);
    g.pieces.push(Piece::text(text));
}

fn comments(g: &mut Gen) {
    let all = [
        "-- \\set x y\n",
        "/* \\q ; */\n",
        "-- it's; a comment\n",
        "/* nested /* comment; */ ' */\n",
        "\n\n",
        "--\n",
        "SELECT 1 /* \\g */;\n",
        "SELECT ':no_variable', '\\gexec';\n",
        "SELECT 'a:b'::text, '{1}'::int[];\n",
        "SELECT $$ \\q ; $$;\n",
        "SELECT 1::int AS \":x\";\n",
    ];
    let text = one(&all, &mut g.rng);
    g.pieces.push(Piece::text(text));
}

/// A row whose value is a variable's.
fn variable(g: &mut Gen) {
    let Some(table) =
        g.some_table(|t| t.columns.len() == 1 || t.columns.iter().all(|c| !c.not_null || c.optional))
    else {
        return;
    };
    let Some(column) =
        table.columns.iter().find(|c| !c.generated && !c.always && !c.key && !c.fixed).cloned()
    else {
        return;
    };
    let name = g.table_name(&table);
    let n = g.next();
    let spelled = g.name(&column.name);
    let value = if column.masked {
        format!("'{}'", g.canary())
    } else {
        column.class.plain_literal(&mut g.rng).into()
    };
    let inside = value.trim_matches('\'');
    if inside.contains('\'') || inside.contains('\\') {
        return;
    }
    let text = match g.rng.below(4) {
        0 => format!("\\set v{n} {inside:?}\nINSERT INTO {name} ({spelled}) VALUES (:'v{n}');\n"),
        1 => format!("\\set v{n} '{inside}'\nINSERT INTO {name} ({spelled}) VALUES (:'v{n}');\n"),
        2 => format!(
            "\\set v{n} '{}'\nINSERT INTO {name} ({spelled}) VALUES (:v{n});\n",
            value.replace('\'', "''")
        ),
        _ => format!("\\set v{n} '{}'\nINSERT INTO {name} (:\"v{n}\") VALUES ({value});\n", column.name),
    };
    g.pieces.push(Piece::text(text));
}

fn gset(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.columns.first().is_some_and(|c| c.key && !c.always)) else { return };
    if table.columns[1..].iter().any(|c| c.not_null && !c.optional) {
        return;
    }
    let name = g.table_name(&table);
    let n = g.next();
    let key = super::quote(&table.columns[0].name);
    g.pieces.push(Piece::text(format!(
        "SELECT {} AS answer{n} \\gset\nINSERT INTO {name} ({key}) VALUES (:answer{n});\n",
        3000 + n
    )));
}

/// A branch that psql does not take.
fn skipped(g: &mut Gen) {
    let at = g.pieces.len();
    let before = g.model.clone();
    rows::insert(g);
    let inside = g.pieces.split_off(at);
    g.model.restore(before);
    if inside.is_empty() {
        return;
    }
    let text = one(
        &["\\if false\n", "\\if 0\n", "\\if true\nSELECT 1;\n\\else\n", "\\if :{?nothing}\n"],
        &mut g.rng,
    );
    g.pieces.push(Piece::text(text));
    g.pieces.extend(inside);
    g.pieces.push(Piece::text("\\endif\n"));
}

/// Two statements that psql sends in one message.
fn two_at_once(g: &mut Gen) {
    g.pieces.push(Piece::text("SELECT 1 \\; "));
    rows::insert(g);
}

/// Text that psql throws away.
fn buffer(g: &mut Gen) {
    let Some(table) = g.some_table(|_| true) else { return };
    let name = g.table_name(&table);
    let reset = one(&["\\r\n", "\n\\r\n", "\\reset\n"], &mut g.rng);
    g.pieces.push(Piece::text(format!("DROP TABLE {name} {reset}")));
}

fn connect(g: &mut Gen) {
    if !g.open.is_empty() {
        return;
    }
    let text = one(&["\\c\n", "\\connect -\n", "\\c - postgres\n", "\\c -;\n"], &mut g.rng);
    g.model.tables.retain(|table| table.schema != super::TEMP);
    g.model.path = super::model::default_path();
    g.model.user = "postgres".into();
    g.pieces.push(Piece::text(text));
}
