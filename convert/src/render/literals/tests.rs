use dump::{QualifiedName, Schema};

use super::*;

#[test]
fn by_the_types_of_columns() {
    let mut schema = Schema::new();
    let columns = [
        ("smallint", Takes::Integer),
        ("bigserial", Takes::Integer),
        ("oid", Takes::Oid),
        ("real", Takes::Float),
        ("float(3)", Takes::Float),
        ("numeric(10,2)", Takes::Numeric),
        ("bool", Takes::Boolean),
        ("varchar(3)", Takes::Text),
        ("char", Takes::Text),
        ("public.name", Takes::Text),
        ("\"char\"", Takes::Unknown),
        ("name", Takes::Unknown),
        ("money", Takes::Unknown),
        ("bytea", Takes::Unknown),
        ("public.mood", Takes::Unknown),
        ("public.timestamp", Takes::Unknown),
        ("regclass", Takes::Unknown),
        ("bit(3)", Takes::Bits),
        ("bit varying", Takes::Bits),
        ("timestamp(3) with time zone", Takes::Nothing),
        ("timestamp", Takes::Nothing),
        ("time(3)", Takes::Nothing),
        ("interval", Takes::Nothing),
        ("date", Takes::Nothing),
        ("int[]", Takes::Nothing),
        ("public.mood[]", Takes::Unknown),
    ];
    schema.observe("CREATE DOMAIN public.name AS varchar(9);");
    schema.observe("CREATE TYPE public.mood AS ENUM ('a');");
    for (index, (name, takes)) in columns.into_iter().enumerate() {
        schema.observe(&format!("CREATE TABLE public.t{index} (a {name});"));
        let table = schema.table(&QualifiedName::new("public", &format!("t{index}"))).unwrap();
        assert_eq!(Takes::of(Some(&table.columns[0]), Trust::Nobody), takes, "{name}");
    }
    let of_none = [Trust::Data, Trust::Dump, Trust::Nobody].map(|trust| Takes::of(None, trust));
    assert_eq!(of_none, [Takes::Anything, Takes::UnknownOfDump, Takes::Unknown]);
    let integer = |digits: &'static str| Takes::UnknownOfDump.integer(digits.as_bytes());
    assert_eq!([integer("17"), integer("-3")], [Becomes::Text(b"17"), Becomes::Text(b"-3")]);
    assert_eq!([integer("017"), integer("-03")], [Becomes::Sql, Becomes::Sql]);
}

#[test]
fn numbers_of_an_oid() {
    assert_eq!(Takes::Oid.integer(b"123456789"), Becomes::Text(b"123456789"));
    assert_eq!([Takes::Oid.integer(b"-1"), Takes::Oid.integer(b"4294967296")], [Becomes::Sql; 2]);
}
