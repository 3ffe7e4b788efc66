//! PostgreSQL's own types: what a column of one takes, and how they are spelled.

use super::{TypeClass, TypeName};

/// The classes of PostgreSQL's own types, by the names that the grammar and the catalogue have for them.
pub(super) fn builtin(name: &str) -> Option<TypeClass> {
    Some(match name {
        "int2" | "int4" | "int8" | "oid" | "smallint" | "integer" | "int" | "bigint" | "serial"
        | "serial2" | "serial4" | "serial8" | "smallserial" | "bigserial" => TypeClass::Integer,
        "float4" | "float8" | "real" | "float" => TypeClass::Float,
        "bool" | "boolean" => TypeClass::Boolean,
        _ => return None,
    })
}

/// One of PostgreSQL's own types as `format_type` prints it.
pub(super) fn printed(type_name: &TypeName) -> Option<String> {
    let modified = |name: &str| match type_name.modifiers.as_slice() {
        [] => name.to_owned(),
        modifiers => {
            let modifiers: Vec<_> = modifiers.iter().map(ToString::to_string).collect();
            format!("{name}({})", modifiers.join(","))
        }
    };
    Some(match type_name.name.name.as_str() {
        "int2" => "smallint".to_owned(),
        "int4" => "integer".to_owned(),
        "int8" => "bigint".to_owned(),
        "float4" => "real".to_owned(),
        "float8" => "double precision".to_owned(),
        "bool" => "boolean".to_owned(),
        "varchar" => modified("character varying"),
        "bpchar" if type_name.modifiers.is_empty() => "bpchar".to_owned(),
        "bpchar" => modified("character"),
        "timestamp" => modified("timestamp") + " without time zone",
        "timestamptz" => modified("timestamp") + " with time zone",
        "time" => modified("time") + " without time zone",
        "timetz" => modified("time") + " with time zone",
        // Its modifiers are no numbers that are written.
        "interval" => "interval".to_owned(),
        "char" => "\"char\"".to_owned(),
        "bit" => modified("bit"),
        "varbit" => modified("bit varying"),
        name @ ("numeric" | "text" | "name" | "oid" | "money" | "date" | "uuid" | "inet" | "cidr"
        | "macaddr" | "macaddr8" | "json" | "jsonb" | "bytea" | "xml" | "tsvector" | "tsquery"
        | "point" | "smallserial" | "serial" | "bigserial" | "serial2" | "serial4" | "serial8") => {
            modified(name)
        }
        _ => return None,
    })
}

/// The type without its modifiers, which an assignment applies as the input function does; an array of it likewise.
/// Missing are types whose modifiers say more (`interval`, `bit`), whose reading depends on a setting (`xml`, `money`) or
/// whose arrays have another delimiter (`box`), and all that a dump can define.
pub(super) fn element(type_name: &TypeName) -> Option<&'static str> {
    if !matches!(type_name.name.schema.as_deref(), None | Some("pg_catalog")) {
        return None;
    }
    let pair = |name: &str| ELEMENTS.iter().find(|(names, _)| names.split(' ').any(|one| one == name));
    let (_, array) = pair(&type_name.name.name)?;
    if type_name.array { Some(array) } else { array.strip_suffix("[]") }
}

/// The names that the grammar and the catalogue have for a type, and an array of it.
const ELEMENTS: &[(&str, &str)] = &[
    ("int2 smallint serial2 smallserial", "int2[]"),
    ("int4 integer int serial serial4", "int4[]"),
    ("int8 bigint serial8 bigserial", "int8[]"),
    ("float4 real", "float4[]"),
    ("float8 float", "float8[]"),
    ("bool boolean", "bool[]"),
    ("numeric", "numeric[]"),
    ("text", "text[]"),
    ("varchar", "varchar[]"),
    ("bpchar", "bpchar[]"),
    ("name", "name[]"),
    ("date", "date[]"),
    ("timestamp", "timestamp[]"),
    ("timestamptz", "timestamptz[]"),
    ("time", "time[]"),
    ("timetz", "timetz[]"),
    ("uuid", "uuid[]"),
    ("json", "json[]"),
    ("jsonb", "jsonb[]"),
    ("bytea", "bytea[]"),
    ("oid", "oid[]"),
    ("inet", "inet[]"),
    ("cidr", "cidr[]"),
    ("macaddr", "macaddr[]"),
    ("point", "point[]"),
    ("tsvector", "tsvector[]"),
    ("int4range", "int4range[]"),
    ("int8range", "int8range[]"),
    ("numrange", "numrange[]"),
    ("daterange", "daterange[]"),
    ("tsrange", "tsrange[]"),
    ("tstzrange", "tstzrange[]"),
];
