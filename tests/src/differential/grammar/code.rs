//! Objects that execute other statements: functions, DO, triggers, rules, views.

use super::model::{Kind, TEMP};
use super::types::{Class, one};
use super::{Gen, Piece, names, write};

/// A statement that code runs; `None` where that cannot be.
pub(super) fn wrapped(g: &mut Gen, sql: &str) -> Option<String> {
    if sql.contains("$run$") || sql.contains('\\') {
        return None;
    }
    let quoted = sql.replace('\'', "''");
    let n = g.next();
    Some(match g.rng.below(6) {
        0 => format!("DO $run$ BEGIN {sql}; END $run$;\n"),
        1 => format!("DO LANGUAGE plpgsql $run$ BEGIN EXECUTE '{quoted}'; END $run$;\n"),
        2 => format!(
            "CREATE FUNCTION public.run{n}() RETURNS void LANGUAGE plpgsql AS $run$ BEGIN EXECUTE '{quoted}'; END $run$;\nSELECT public.run{n}();\n"
        ),
        3 => format!(
            "CREATE PROCEDURE public.run{n}() LANGUAGE plpgsql AS $run$ BEGIN {sql}; END $run$;\nCALL public.run{n}();\n"
        ),
        4 => format!(
            "CREATE FUNCTION public.run{n}(text) RETURNS int LANGUAGE plpgsql AS $run$ BEGIN EXECUTE $1; RETURN 1; END $run$;\nSELECT count(*) FROM (VALUES (public.run{n}('{quoted}'))) v;\n"
        ),
        _ => format!("SELECT query_to_xml('SELECT 1', true, true, '');\nDO $run$ BEGIN {sql}; END $run$;\n"),
    })
}

pub(super) fn any(g: &mut Gen) {
    let Some(table) =
        g.some_table(|t| t.schema != TEMP && t.kind != Kind::Partition && !t.columns.is_empty())
    else {
        return;
    };
    let name = g.table_name(&table);
    let n = g.next();
    let first = names::quote(&table.columns[0].name);
    let text_column = table
        .columns
        .iter()
        .find(|c| c.class == Class::Text && c.own_type.is_none() && !c.generated)
        .map(|c| c.name.clone());
    match (g.rng.below(9), text_column) {
        (0 | 1, Some(column)) => {
            let column = names::quote(&column);
            g.pieces.push(Piece::text(format!(
                "CREATE FUNCTION public.on{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN NEW.{column} := 'by trigger'; RETURN NEW; END $f$;\n"
            )));
            g.statement(format!("CREATE TRIGGER tr{n} BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION public.on{n}()"));
            g.model.table(table.id).watched = true;
        }
        (2, _) => {
            g.pieces.push(Piece::text(format!("CREATE TABLE IF NOT EXISTS public.log{n} (n integer);\n")));
            g.pieces.push(Piece::text(format!(
                "CREATE FUNCTION public.on{n}() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO public.log{n} VALUES (1); RETURN NULL; END $f$;\n"
            )));
            let each = one(&["FOR EACH STATEMENT", "FOR EACH ROW"], &mut g.rng);
            let what = one(&["INSERT", "INSERT OR UPDATE", "DELETE"], &mut g.rng);
            g.statement(format!("CREATE TRIGGER tr{n} AFTER {what} ON {name} {each} EXECUTE FUNCTION public.on{n}()"));
            g.model.table(table.id).watched = true;
            if g.rng.one_in(2) {
                let state = one(&["DISABLE TRIGGER ALL", "DISABLE TRIGGER USER", "ENABLE ALWAYS TRIGGER"], &mut g.rng);
                let which = if state.ends_with("TRIGGER") { format!(" tr{n}") } else { String::new() };
                g.statement(format!("ALTER TABLE {name} {state}{which}"));
            }
        }
        (3, _) if table.kind == Kind::Plain => {
            g.pieces.push(Piece::text(format!("CREATE TABLE public.log{n} (n integer);\n")));
            let how = one(&["ALSO INSERT INTO", "INSTEAD INSERT INTO"], &mut g.rng);
            g.statement(format!("CREATE RULE r{n} AS ON INSERT TO {name} DO {how} public.log{n} VALUES (1)"));
            g.model.table(table.id).watched = true;
        }
        (4 | 5, _) => {
            g.model.table(table.id).watched = true;
            g.statement(format!("CREATE VIEW public.v{n} AS SELECT {first} FROM {name}"));
            let column = &table.columns[0];
            let alone = table.columns.len() == 1 || table.columns[1..].iter().all(|c| !c.not_null || c.optional);
            if alone && !column.generated && !column.always && !column.fixed {
                let value = if column.key { (1000 + n).to_string() } else { write::plain_value(g, column) };
                g.statement(format!("INSERT INTO public.v{n} ({first}) VALUES ({value})"));
            }
        }
        (6, _) => {
            let role = one(&["SET session_replication_role = replica", "SET session_replication_role = 'replica'", "RESET session_replication_role", "SET session_replication_role = DEFAULT", "SET LOCAL session_replication_role = replica"], &mut g.rng);
            g.statement(role);
        }
        (7, _) => g.statement(format!(
            "CREATE FUNCTION public.sum{n}() RETURNS bigint LANGUAGE sql AS $f$ SELECT count(*) FROM pg_catalog.pg_class $f$"
        )),
        _ => g.statement(format!("CREATE MATERIALIZED VIEW public.m{n} AS SELECT {first} FROM {name}")),
    }
}
