//! Parses the names of types, in the spelling of `format_type` and in other common spellings.

use super::{FloatWidth, SqlKind, SqlType, Width};

pub(super) fn parse(text: &str, labels: &[String]) -> SqlType {
    let trimmed = text.trim();
    if let Some(element) = trimmed.strip_suffix(']').and_then(|rest| rest.rfind('[').map(|at| &rest[..at])) {
        let element = parse(element, labels);
        return SqlType::new(SqlKind::Array(Box::new(element)), trimmed);
    }
    if !labels.is_empty() {
        return SqlType::new(SqlKind::Enum(labels.into()), trimmed);
    }
    let lower = trimmed.to_lowercase();
    let (name, arguments) = split(&lower);
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    let first = arguments.first().copied();
    let (kind, limit) = match (name, kind(name, &arguments)) {
        ("character" | "char" | "bpchar", Some(kind)) => (kind, first.or((name != "bpchar").then_some(1))),
        ("character varying" | "varchar", Some(kind)) => (kind, first),
        (_, Some(kind)) => (kind, None),
        (_, None) => (SqlKind::Other, None),
    };
    let limit = limit.and_then(|n| usize::try_from(n).ok());
    SqlType { kind, limit, text: trimmed.into() }
}

/// The name without its arguments, which may be in its middle: `timestamp(3) with time zone`.
fn split(text: &str) -> (String, Vec<i64>) {
    let Some((before, rest)) = text.split_once('(') else { return (words(text), Vec::new()) };
    let Some((inside, after)) = rest.split_once(')') else { return (words(text), Vec::new()) };
    let arguments = inside.split(',').filter_map(|argument| argument.trim().parse().ok()).collect();
    (words(&format!("{before} {after}")), arguments)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn kind(name: &str, arguments: &[i64]) -> Option<SqlKind> {
    let numeric = || SqlKind::Numeric {
        precision: arguments.first().and_then(|n| u32::try_from(*n).ok()),
        scale: arguments.get(1).and_then(|n| i32::try_from(*n).ok()).unwrap_or(0),
    };
    Some(match name {
        "text" | "character varying" | "varchar" => SqlKind::Text,
        "character" | "char" | "bpchar" => SqlKind::Char,
        "name" => SqlKind::Name,
        "smallint" | "int2" | "smallserial" | "serial2" => SqlKind::Int(Width::Two),
        "integer" | "int" | "int4" | "serial" | "serial4" => SqlKind::Int(Width::Four),
        "bigint" | "int8" | "bigserial" | "serial8" => SqlKind::Int(Width::Eight),
        "oid" => SqlKind::Int(Width::Oid),
        "real" | "float4" => SqlKind::Float(FloatWidth::Four),
        "float" if arguments.first().is_some_and(|n| *n <= 24) => SqlKind::Float(FloatWidth::Four),
        "double precision" | "float8" | "float" => SqlKind::Float(FloatWidth::Eight),
        "numeric" | "decimal" | "dec" => numeric(),
        "money" => SqlKind::Money,
        "boolean" | "bool" => SqlKind::Bool,
        "date" => SqlKind::Date,
        "timestamp" | "timestamp without time zone" => SqlKind::Timestamp { zone: false },
        "timestamptz" | "timestamp with time zone" => SqlKind::Timestamp { zone: true },
        "time" | "time without time zone" => SqlKind::Time { zone: false },
        "timetz" | "time with time zone" => SqlKind::Time { zone: true },
        "uuid" => SqlKind::Uuid,
        "inet" => SqlKind::Inet,
        "cidr" => SqlKind::Cidr,
        "macaddr" => SqlKind::Macaddr,
        "json" | "jsonb" => SqlKind::Json,
        "bytea" => SqlKind::Bytea,
        "xml" => SqlKind::Xml,
        _ if name == "interval" || name.starts_with("interval ") => SqlKind::Interval,
        // An extension may be in any schema.
        _ if name.rsplit('.').next() == Some("citext") => SqlKind::Citext,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (SqlKind, Option<usize>) {
        let parsed = parse(text, &[]);
        (parsed.kind, parsed.limit)
    }

    #[test]
    fn names_of_types() {
        assert_eq!(of("character varying(20)"), (SqlKind::Text, Some(20)));
        assert_eq!(of("VARCHAR ( 20 )"), (SqlKind::Text, Some(20)));
        assert_eq!(of("text"), (SqlKind::Text, None));
        assert_eq!(of("character"), (SqlKind::Char, Some(1)));
        assert_eq!(of("char(3)"), (SqlKind::Char, Some(3)));
        assert_eq!(of("bpchar"), (SqlKind::Char, None));
        assert_eq!(of("\"char\""), (SqlKind::Other, None));
        assert_eq!(of("timestamp(3) with time zone"), (SqlKind::Timestamp { zone: true }, None));
        assert_eq!(of("time without time zone"), (SqlKind::Time { zone: false }, None));
        assert_eq!(of("numeric(10,2)"), (SqlKind::Numeric { precision: Some(10), scale: 2 }, None));
        assert_eq!(of("numeric"), (SqlKind::Numeric { precision: None, scale: 0 }, None));
        assert_eq!(of("pg_catalog.int4"), (SqlKind::Int(Width::Four), None));
        assert_eq!(of("float(3)"), (SqlKind::Float(FloatWidth::Four), None));
        assert_eq!(of("interval day to second(3)"), (SqlKind::Interval, None));
        assert_eq!(of("extensions.citext"), (SqlKind::Citext, None));
        assert_eq!(of("public.mood"), (SqlKind::Other, None));
        assert_eq!(of("point"), (SqlKind::Other, None));
        let SqlKind::Array(element) = of("character varying(5)[]").0 else { panic!() };
        assert_eq!((element.kind, element.limit), (SqlKind::Text, Some(5)));
    }

    #[test]
    fn labels_make_an_enum() {
        let labels = ["a".to_owned(), "b".to_owned()];
        assert_eq!(parse("public.mood", &labels).kind, SqlKind::Enum(labels.clone().into()));
        let SqlKind::Array(element) = parse("public.mood[]", &labels).kind else { panic!() };
        assert_eq!(element.kind, SqlKind::Enum(labels.into()));
    }
}
