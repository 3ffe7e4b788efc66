//! Settings: where a name is looked up, how a literal is read, who the user is.

use super::model::default_path;
use super::names::quote;
use super::types::one;
use super::{Gen, Piece, names};

/// The ways to set the search path, and when each ends.
pub(super) fn search_path(g: &mut Gen) {
    let open = !g.open.is_empty();
    match g.rng.below(12) {
        0 => reset(g, "RESET search_path"),
        1 => {
            let text =
                one_of(g, &["RESET ALL", "SET search_path TO DEFAULT", "SET SESSION search_path = DEFAULT"]);
            reset(g, text);
        }
        2 if !open => {
            g.model.tables.retain(|table| table.schema != super::TEMP);
            g.model.user = "postgres".into();
            let text = one_of(g, &["DISCARD ALL", "discard all"]);
            reset(g, text);
        }
        3 | 4 => local(g, open),
        5 | 6 => set_config(g, open),
        7 => {
            let name = some_schema(g);
            g.model.path = vec![name.clone()];
            g.model.local_path = None;
            g.statement(format!("SET SCHEMA '{name}'"));
        }
        _ => {
            let (path, text) = path(g);
            let words = one_of(
                g,
                &[
                    "SET search_path = ",
                    "SET search_path TO ",
                    "SET SESSION search_path = ",
                    "set SEARCH_PATH to ",
                ],
            );
            g.model.path = path;
            g.model.local_path = None;
            g.statement(format!("{words}{text}"));
        }
    }
}

fn one_of(g: &mut Gen, all: &[&'static str]) -> &'static str {
    one(all, &mut g.rng)
}

fn reset(g: &mut Gen, text: &str) {
    g.model.path = default_path();
    g.model.local_path = None;
    g.statement(text);
}

fn local(g: &mut Gen, open: bool) {
    let (path, text) = path(g);
    if open {
        g.model.local_path = Some(path);
    }
    g.statement(format!("SET LOCAL search_path = {text}"));
}

fn set_config(g: &mut Gen, open: bool) {
    let (path, text) = path(g);
    let local = g.rng.one_in(2);
    match (local, open) {
        (true, true) => g.model.local_path = Some(path),
        (true, false) => {}
        (false, _) => {
            g.model.path = path;
            g.model.local_path = None;
        }
    }
    let function = one_of(g, &["pg_catalog.set_config", "set_config"]);
    let text = text.replace('\'', "");
    g.statement(format!("SELECT {function}('search_path', '{text}', {local})"));
}

fn some_schema(g: &mut Gen) -> String {
    let all: Vec<String> = g.model.schemas.iter().map(|schema| schema.name.clone()).collect();
    let at = usize::try_from(g.rng.below(all.len() as u64)).unwrap_or(0);
    all[at].clone()
}

/// A path, and how it is spelled: of schemas that are there, or not (yet).
fn path(g: &mut Gen) -> (Vec<String>, String) {
    let mut path = Vec::new();
    for _ in 0..1 + g.rng.below(2) {
        let name = match g.rng.below(8) {
            0 => "$user".into(),
            1 => one(&names::SCHEMAS, &mut g.rng).into(),
            _ => some_schema(g),
        };
        if !path.contains(&name) {
            path.push(name);
        }
    }
    if g.rng.one_in(3) && !path.iter().any(|name| name == "public") {
        path.push("public".into());
    }
    let spelled: Vec<String> = path
        .iter()
        .map(|name| match name.as_str() {
            "$user" => "\"$user\"".into(),
            plain => quote(plain),
        })
        .collect();
    (path, spelled.join(", "))
}

/// Settings that affect the meaning of a literal or of a definition.
const READING: [(&str, &[&str]); 16] = [
    ("DateStyle", &["'ISO, DMY'", "'SQL, DMY'", "'German'", "'Postgres, MDY'", "iso, ymd"]),
    ("datestyle", &["'ISO, MDY'", "dmy"]),
    ("IntervalStyle", &["sql_standard", "'iso_8601'", "postgres", "postgres_verbose"]),
    ("TimeZone", &["'America/New_York'", "'UTC'", "'Asia/Tokyo'", "'+03'"]),
    ("timezone", &["'Europe/Berlin'", "'Etc/UTC'"]),
    ("array_nulls", &["off", "on"]),
    ("bytea_output", &["escape", "'hex'"]),
    ("extra_float_digits", &["0", "3"]),
    ("lc_monetary", &["'C'"]),
    ("standard_conforming_strings", &["off", "on"]),
    ("backslash_quote", &["on", "safe_encoding"]),
    ("xmloption", &["document", "content"]),
    ("default_tablespace", &["''", "pg_default"]),
    ("transform_null_equals", &["on"]),
    ("quote_all_identifiers", &["on"]),
    ("statement_timeout", &["0"]),
];

pub(super) fn reading(g: &mut Gen) {
    let (name, values) = one(&READING, &mut g.rng);
    let value = one(values, &mut g.rng);
    let text = match g.rng.below(12) {
        0 => format!("RESET {name}"),
        1 => "RESET ALL".into(),
        2 => format!("SET LOCAL {name} = {value}"),
        3 => format!("SELECT set_config('{name}', '{}', {})", value.replace('\'', ""), g.rng.one_in(2)),
        4 => format!("SET SESSION {name} TO {value}"),
        5 => one(
            &[
                "SET TIME ZONE 'America/New_York'",
                "SET TIME ZONE -5",
                "SET TIME ZONE LOCAL",
                "SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE",
            ],
            &mut g.rng,
        )
        .into(),
        6 => format!("SET {name} TO DEFAULT"),
        _ => format!("SET {name} = {value}"),
    };
    if text == "RESET ALL" {
        return reset(g, &text);
    }
    g.statement(text);
}

/// Who makes things, and may use them.
pub(super) fn role(g: &mut Gen) {
    let text = match g.rng.below(8) {
        0 | 1 => {
            g.model.user = "app_owner".into();
            one_of(g, &["SET ROLE app_owner", "SET ROLE 'app_owner'", "SET SESSION ROLE app_owner"])
        }
        2 => {
            g.model.user = "app_owner".into();
            one_of(g, &["SET SESSION AUTHORIZATION app_owner", "SET SESSION AUTHORIZATION 'app_owner'"])
        }
        3 | 4 => {
            g.model.user = "postgres".into();
            g.pieces.push(Piece::text("RESET SESSION AUTHORIZATION;\n"));
            one_of(g, &["RESET ROLE", "SET ROLE NONE", "SET SESSION AUTHORIZATION DEFAULT"])
        }
        _ => return grant(g),
    };
    g.statement(text);
}

fn grant(g: &mut Gen) {
    let Some(table) = g.some_table(|t| t.schema != super::TEMP) else { return };
    let name = g.table_name(&table);
    let schema = quote(g.model.schema_name(table.schema));
    let text = match g.rng.below(5) {
        0 => format!("ALTER TABLE {name} OWNER TO app_owner"),
        1 => format!("GRANT SELECT, INSERT ON {name} TO app_reader"),
        2 => format!("GRANT USAGE ON SCHEMA {schema} TO app_reader"),
        3 => format!("REVOKE ALL ON TABLE {name} FROM PUBLIC"),
        _ => format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO app_reader"),
    };
    g.utility(text);
}
