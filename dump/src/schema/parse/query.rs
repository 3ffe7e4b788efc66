//! Queries: tables that they make, and functions that they call.

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateTableAsStmt, ObjectType, SelectStmt};
use serde_json::Value;

use super::super::learn::Definition;
use super::relation;

/// `CREATE TABLE … AS`, `CREATE MATERIALIZED VIEW`.
pub(super) fn table(create: &CreateTableAsStmt) -> Option<Definition> {
    let name = relation(create.into.as_ref()?.rel.as_ref()?);
    let other = ObjectType::try_from(create.objtype).ok()? == ObjectType::ObjectMatview;
    Some(if other { Definition::Other(name) } else { Definition::Unknown(name) })
}

/// `SELECT`, with `INTO` or without, `VALUES`, `TABLE`.
pub(super) fn of(select: &SelectStmt) -> Option<Definition> {
    let node = NodeEnum::SelectStmt(Box::new(select.clone()));
    if calls(&node) {
        return Some(Definition::Everything);
    }
    let into = select.into_clause.as_ref()?;
    Some(Definition::Unknown(relation(into.rel.as_ref()?)))
}

/// Whether a function is called that may not be one of PostgreSQL's own.
pub(super) fn calls(node: &NodeEnum) -> bool {
    // The parser's own walk leaves expressions out; the tree as JSON has everything.
    serde_json::to_value(node).map_or(true, |tree| calls_in(&tree))
}

fn calls_in(tree: &Value) -> bool {
    match tree {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| (name == "FuncCall" && !is_own(&value["funcname"])) || calls_in(value)),
        Value::Array(items) => items.iter().any(calls_in),
        _ => false,
    }
}

/// Functions of PostgreSQL that scripts call, where the name has no schema; those of its catalogue begin with `pg_`.
const OWN: [&str; 60] = [
    "abs",
    "age",
    "array_agg",
    "array_length",
    "array_to_string",
    "btrim",
    "ceil",
    "char_length",
    "clock_timestamp",
    "concat",
    "concat_ws",
    "convert_from",
    "convert_to",
    "count",
    "current_database",
    "current_setting",
    "date_part",
    "date_trunc",
    "decode",
    "encode",
    "exp",
    "floor",
    "format",
    "gen_random_uuid",
    "generate_series",
    "generate_subscripts",
    "initcap",
    "json_agg",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_object",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "make_timestamp",
    "max",
    "md5",
    "min",
    "mod",
    "nextval",
    "now",
    "quote_ident",
    "quote_literal",
    "random",
    "repeat",
    "replace",
    "round",
    "row_number",
    "setval",
    "string_agg",
    "substr",
    "sum",
    "to_char",
    "unnest",
    "upper",
    "version",
];

fn is_own(name: &Value) -> bool {
    let parts: Vec<_> = name
        .as_array()
        .into_iter()
        .flatten()
        .map(|part| part["node"]["String"]["sval"].as_str().unwrap_or_default())
        .collect();
    match parts.as_slice() {
        ["pg_catalog", _] => true,
        [name] => name.starts_with("pg_") || OWN.binary_search(name).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_functions_are_sorted() {
        assert!(OWN.is_sorted());
    }
}
