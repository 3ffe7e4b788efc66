//! Literals that PostgreSQL accepts for a column of each class, with its default settings.

use super::super::script::{Piece, Script};
use super::types::{Class, one};
use crate::rng::Rng;

impl Class {
    /// A value as programs write it.
    pub(super) fn plain_literal(self, rng: &mut Rng) -> &'static str {
        one(plain(self), rng)
    }

    /// A value in one of the other ways that SQL has.
    pub(super) fn odd_literal(self, rng: &mut Rng) -> &'static str {
        one(odd(self), rng)
    }

    /// A value as COPY spells it.
    pub(super) fn copy_value(self, rng: &mut Rng) -> &'static str {
        one(copy(self), rng)
    }
}

/// As programs that write dumps spell them.
fn plain(class: Class) -> &'static [&'static str] {
    match class {
        Class::Int2 | Class::Int4 | Class::Int8 => &["0", "7", "-12", "1234", "42", "'5'"],
        Class::Numeric | Class::Numeric2 => &["0", "1.50", "-3.25", "100", "12345.67", "'1.5'"],
        Class::Real | Class::Float8 => &["0", "1.5", "-2.25", "'NaN'", "'Infinity'", "0.1"],
        Class::Bool => &["true", "false", "'t'", "'f'", "TRUE"],
        Class::Text | Class::Varchar | Class::Name => &[
            "'x'",
            "''",
            "'007'",
            "'1.50'",
            "'true'",
            "'o''neil'",
            "'a\\b'",
            "'Zoë'",
            "'NULL'",
            "'2024-01-02'",
        ],
        Class::Char => &["'abc'", "'a'", "''", "'007'"],
        Class::QChar => &["'c'", "'r'"],
        Class::Bytea => &["'\\x00ff'", "'\\xDEAD'", "'abc'", "''"],
        Class::Date => &["'2024-01-02'", "'1999-12-31'", "'infinity'"],
        Class::Time => &["'03:04:05'", "'23:59:59.5'"],
        Class::Timetz => &["'03:04:05+02'", "'23:59:59-05'"],
        Class::Timestamp => &["'2024-01-02 03:04:05'", "'2024-01-02T03:04:05'", "'1999-12-31 23:59:59.678'"],
        Class::Timestamptz => {
            &["'2024-01-02 03:04:05+00'", "'2024-01-02 03:04:05.123+02'", "'2024-01-02T03:04:05Z'"]
        }
        Class::Interval => &["'1 day'", "'01:02:03'", "'1 year 2 mons'"],
        Class::Uuid => &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        Class::Json => &["'{\"a\": 1}'", "'[1, 2]'", "'\"x\"'", "'{\"b\":  2,\"b\":3}'"],
        Class::Jsonb => &["'{\"a\": 1}'", "'[1, 2]'", "'{\"b\":  2,\"b\":3}'"],
        Class::Inet => &["'10.0.0.1'", "'10.1.2.3/16'", "'::1'"],
        Class::Cidr => &["'10.0.0.0/8'", "'192.168.1'"],
        Class::Macaddr => &["'08:00:2b:01:02:03'", "'08002b:010203'"],
        Class::Bit => &["'1010'", "B'0101'"],
        Class::Varbit => &["'101'", "B'01'"],
        Class::Money => &["'12.34'", "'$1,000.00'"],
        Class::Point => &["'(1,2)'", "'(1.5,-2)'"],
        Class::Range => &["'[1,5)'", "'empty'", "'(,3]'"],
        Class::Ints => &["'{1,2}'", "'{}'", "'{NULL,3}'", "'{{1,2},{3,4}}'"],
        Class::Texts => &["'{a,b}'", "'{\"x y\",NULL,\"NULL\"}'", "'{}'", "'{007}'"],
        Class::Enum => &["'lo'", "'mid'", "'hi'"],
        Class::Composite => &["'(1,x)'", "'(,\"a b\")'"],
    }
}

/// What people and other tools write.
fn odd(class: Class) -> &'static [&'static str] {
    match class {
        Class::Int2 => INTEGERS,
        Class::Int4 => INTEGERS,
        Class::Int8 => &[
            "9007199254740993",
            "7.0",
            "1e2",
            "2.5",
            "-0.0",
            "'42'::bigint",
            "bigint '9'",
            "'1'::text::int8",
            "+3",
            "007",
        ],
        Class::Numeric => NUMERICS,
        Class::Numeric2 => {
            &["1e2", ".555", "5.", "007.125", "-0.0", "1.005", "'1e1'", "1::numeric(3,1)", "true::int", "-0"]
        }
        Class::Real => FLOATS,
        Class::Float8 => FLOATS,
        Class::Bool => &[
            "'yes'",
            "'on'",
            "'1'",
            "'TRUE'",
            "' true '",
            "1::boolean",
            "NOT true",
            "1 = 1",
            "True",
            "'t'::bool",
            "bool 'f'",
            "'x' LIKE 'x'",
        ],
        Class::Text => TEXTS,
        Class::Varchar => &[
            "true",
            "1e3",
            "01234",
            "7.0",
            "-0.0",
            "'x'::text",
            "E'a\\nb'",
            "$$dollar$$",
            "'x' || 'y'",
            "date '2024-01-02'",
            "12",
            "FALSE",
            "varchar 'v'",
            "CAST(5 AS varchar)",
        ],
        Class::Name => &["'x'::name", "E'\\x41'", "'n'::text", "name 'nn'", "1::text", "concat('a', 'b')"],
        Class::Char => {
            &["true", "12", "1.50", "'ab'::text", "E'\\t'", "'abcdef  '", "char 'z'", "-0.0", "'x'::char"]
        }
        Class::QChar => &["'c'::\"char\"", "'abc'", "'\\101'", "65::\"char\"", "''"],
        Class::Bytea => &[
            "E'\\\\xDEAD'",
            "'\\001\\\\a'",
            "decode('DEADBEEF', 'hex')",
            "'abc'::bytea",
            "E'a\\\\000b'",
            "'\\x de ad'",
            "bytea '\\x01'",
            "convert_to('é', 'UTF8')",
        ],
        Class::Date => &[
            "'epoch'",
            "date '2024-01-02'",
            "'2024-01-02'::date",
            "'January 8, 1999'",
            "'20240102'",
            "'03/04/2024'",
            "'2024-01-02 03:04:05'",
            "'01-02-03'",
            "make_date(2024, 2, 29)",
            "'2024-01-01'::date + 5",
            "timestamp '2024-01-02 03:04:05'",
            "'0044-03-15 BC'",
        ],
        Class::Time => &[
            "'allballs'",
            "time '04:05'",
            "'3:04 PM'",
            "'040506'",
            "'04:05:06.789'::time",
            "timestamp '2024-01-02 03:04:05'",
            "interval '1 hour'",
        ],
        Class::Timetz => &["'04:05 UTC'", "'allballs'", "timetz '04:05+03'", "'04:05'"],
        Class::Timestamp => &[
            "'epoch'",
            "timestamp '2024-01-02 03:04:05'",
            "'2024-01-02 03:04:05+05'",
            "'03/04/2024 01:02'",
            "'infinity'",
            "date '2024-01-02'",
            "'2024-01-02T03:04:05Z'",
            "to_timestamp('2024', 'YYYY')",
            "'2024-01-01'::timestamp + interval '1 day'",
            "'Mon Jan 2 15:04:05 2006'",
        ],
        Class::Timestamptz => &[
            "'2024-01-02 03:04:05'",
            "'2024-07-02 03:04:05'",
            "'epoch'",
            "timestamptz '2024-01-02 03:04:05'",
            "'03/04/2024 01:02'",
            "date '2024-01-02'",
            "'2024-01-02 03:04:05 America/New_York'",
            "'2024-01-02 03:04:05 EST'",
            "timestamp '2024-01-02 00:00:00'",
            "'2024-01-02'",
            "'2024-01-02 03:04'::timestamptz AT TIME ZONE 'UTC'",
        ],
        Class::Interval => &[
            "'1-2'",
            "interval '1 day'",
            "'P1Y2M3DT4H'",
            "'1 2:03:04'",
            "interval '1' year",
            "'3'",
            "'-1 days +02:03'",
            "INTERVAL '1-2' YEAR TO MONTH",
            "'1.5 days'",
            "'-1-2 +3 -4:05:06'",
        ],
        Class::Uuid => &[
            "'{a0eebc999c0b4ef8bb6d6bb9bd380a11}'",
            "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
            "uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "md5('x')::uuid",
        ],
        Class::Json => &[
            "'null'",
            "to_json(1)",
            "'1e3'",
            "json '{\"k\":0.10}'",
            "'  {\"a\" : \"\\u00e9\"}'",
            "json_build_object('a', 1)",
            "'7.0'",
            "row_to_json(ROW(1, 'x'))",
        ],
        Class::Jsonb => &[
            "'null'",
            "to_jsonb(1.50)",
            "'1e3'",
            "jsonb '{\"k\":0.10}'",
            "'  {\"a\" : \"\\u00e9\"}'",
            "jsonb_build_array(1, 'x')",
            "'{\"a\":1}'::json::jsonb",
        ],
        Class::Inet => &["inet '10.0.0.1'", "'10.0.0.0/8'::cidr", "'::ffff:1.2.3.4'", "'10.0.0.1/32'"],
        Class::Cidr => &["cidr '10/8'", "'10.1.2.0/24'::inet", "'2001:db8::/32'"],
        Class::Macaddr => &["'0800.2b01.0203'", "macaddr '08-00-2b-01-02-03'", "'08002b010203'"],
        Class::Bit => &["X'A'", "'xF'", "5::bit(4)", "B'1111'::bit(4)", "b'0011'", "B'10' || B'01'"],
        Class::Varbit => &["X'1F'", "'xF'", "B''", "B'1' || B'0'", "5::bit(4)"],
        Class::Money => {
            &["12", "12.345", "'12'", "'-$1.50'", "'(3.00)'", "1::bigint", "'12,34'", "7.0", "money '5'"]
        }
        Class::Point => &["point(1, 2)", "'1,2'", "point '(3,4)'", "' ( 1e1 , .5 ) '"],
        Class::Range => &["int4range(1, 5)", "'[1,5]'", "int4range '(1,2]'", "'[1,1]'"],
        Class::Ints => &[
            "ARRAY[1, 2]",
            "ARRAY[]::int[]",
            "'[0:1]={7,8}'",
            "'{ 1 , 2 }'::int[]",
            "ARRAY[[1],[2]]",
            "string_to_array('1,2', ',')::int[]",
            "ARRAY[1.0, 2.5]",
            "'{null}'",
            "'{NULL}'",
        ],
        Class::Texts => &[
            "ARRAY['a', 'b']",
            "ARRAY[1, 2]::text[]",
            "'{null,\"null\"}'",
            "'{ a , b }'",
            "ARRAY['x', NULL]",
            "'{NULL}'",
            "string_to_array('a b', ' ')",
            "'{{a,b},{c,d}}'",
            "ARRAY['{', '\"', E'\\\\']",
        ],
        Class::Enum => &["'lo'", "E'h\\x69'", "$$mid$$", "U&'l\\006f'"],
        Class::Composite => &["ROW(1, 'x')", "(2, 'y')", "ROW(NULL, '')", "'( 3 ,\"q\"\"r\")'", "(1, true)"],
    }
}

/// For each class a type, and a statement for each literal.
pub(super) fn scripts() -> Vec<Script> {
    let own = [
        (Class::Enum, "mood", "CREATE TYPE mood AS ENUM ('lo', 'mid', 'hi');\n"),
        (Class::Composite, "pair", "CREATE TYPE pair AS (n integer, t text);\n"),
    ];
    let built_in = Class::BUILT_IN.map(|class| (class, class.first_spelling(), ""));
    let mut scripts: Vec<Script> = Vec::new();
    for (class, kind, before) in built_in.into_iter().chain(own) {
        let mut pieces = vec![Piece::text(format!("{before}CREATE TABLE public.t (v {kind});\n"))];
        let inserted = plain(class).iter().chain(odd(class));
        pieces.extend(
            inserted.map(|literal| Piece::text(format!("INSERT INTO public.t (v) VALUES ({literal});\n"))),
        );
        let rows = copy(class).iter().map(|value| format!("{value}\n")).collect();
        pieces.push(Piece::rows("COPY public.t (v) FROM stdin;\n".into(), rows, "", "\\.\n".into()));
        let script = Script { pieces, ..Script::default() };
        if !scripts.contains(&script) {
            scripts.push(script);
        }
    }
    scripts
}

const INTEGERS: &[&str] = &[
    "7.0",
    "1e2",
    "2.5",
    "3.5",
    "-0.0",
    "+9",
    "007",
    "'08'",
    "' 12 '",
    "'8'::int",
    "int '9'",
    "1 + 1",
    "X'1F'::int",
    "true::int",
    "length('abc')",
    "CAST('6' AS smallint)",
    ".5",
    "5.",
    "-0",
    "(4)",
    "- 3",
    "'3'::text::int",
    "abs(-2)",
    "(SELECT 1)",
    "1e0",
];

const NUMERICS: &[&str] = &[
    "1e3",
    "01234",
    ".5",
    "5.",
    "-0.0",
    "1e-7",
    "123456789012345678901234567890.123456789",
    "'NaN'",
    "'1e2'",
    "+5",
    "1.10",
    "0.0",
    "1E+2",
    "'1.0'::float8",
    "2::smallint",
    "'Infinity'",
    "1.5::numeric(4,3)",
    "numeric '7.00'",
    "1/3.0",
    "-0",
    "' 1.0 '",
];

const FLOATS: &[&str] = &[
    "1e3",
    "-0.0",
    "1e-7",
    ".5",
    "5.",
    "1e15",
    "123456789",
    "'-0'",
    "'-Infinity'",
    "1.10",
    "0.1234567",
    "1e-5",
    "'1e-7'",
    "3",
    "-0",
    "'nan'",
    "+1.0",
    "1.5::real",
    "float8 '2.5'",
    "'1'::numeric",
    "pi()::real",
    "'  7 '",
    "007.5",
    "1e0",
];

const TEXTS: &[&str] = &[
    "true",
    "FALSE",
    "1e3",
    "01234",
    "7.0",
    "-0.0",
    ".5",
    "5.",
    "+5",
    "1E-3",
    "12345678901234567890",
    "'x'::varchar",
    "text 'y'",
    "E'a\\tb\\\\c'",
    "E'\\x41\\102'",
    "E'\\u00e9'",
    "E'\\uD83D\\uDE00'",
    "E'\\U0001F600'",
    "U&'\\0061\\+01F600'",
    "U&'d!0061t' UESCAPE '!'",
    "$$it's$$",
    "$tag$a$$b$tag$",
    "X'1F'",
    "B'101'",
    "date '2024-01-02'",
    "interval '1 day'",
    "upper('x')",
    "1 + 1",
    "'a' || 'b'",
    "ARRAY[1, 2]",
    "ROW(1, 'x')",
    "NULL::text",
    "CASE WHEN true THEN 'c' END",
    "(SELECT 'sub')",
    "N'nat'",
    "'a'\n'b'",
    "CAST(1.50 AS text)",
    "'x' COLLATE \"C\"",
    "1::boolean",
    "'1'::int",
    "('p')",
    "current_setting('DateStyle')",
    "E'it\\'s'",
    "'tab\there'",
    "-5",
    "- 5",
    "--c\n'after a comment'",
    "/* c */ 'z'",
    "E''",
    "1.50::numeric(5,3)",
    "'2024-01-02T03:04:05Z'",
    "'{\"a\":1}'::jsonb",
    "'12'::money",
    "repeat('x', 3)",
    "true::text",
    "timestamp '2024-01-02 03:04:05'",
    "'f'::bool",
    "current_schema()",
    "'\\x41'::bytea",
    "1.0::float8",
    "1e20::float8",
    "chr(65)",
    "format('%s', 1)",
    "GREATEST('a', 'b')",
];

/// As COPY writes them, its escapes included.
fn copy(class: Class) -> &'static [&'static str] {
    match class {
        Class::Int2 | Class::Int4 | Class::Int8 => &["0", "7", "-12", "007", "+8", " 9", "1234"],
        Class::Numeric => {
            &["1.50", "007", "+8", "1e3", "-0.0", "NaN", ".5", "123456789012345678901234567890.5"]
        }
        Class::Numeric2 => &["1.50", "007", "1e2", "-0.00", ".555"],
        Class::Real | Class::Float8 => &["1.5", "-0", "1e-07", "NaN", "-Infinity", "1e+20", "007.50", "0.1"],
        Class::Bool => &["t", "f", "true", "no", "1", "on", "FALSE"],
        Class::Text | Class::Varchar | Class::Name => &[
            "x",
            "",
            "007",
            "1.50",
            "yes",
            "true",
            "a\\\\b",
            "a\\tb",
            "Zoë",
            "NULL",
            "\\\\N",
            "2024-01-02T03:04:05Z",
            "it's",
            "\\303\\251",
            "\\x41",
            "\\q",
            " sp ",
        ],
        Class::Char => &["abc", "a", "007", "ab  ", ""],
        Class::QChar => &["c", "r", ""],
        Class::Bytea => &["\\\\x00ff", "\\\\xDEAD", "abc", "", "\\\\001x"],
        Class::Date => &["2024-01-02", "1999-12-31", "infinity", "03/04/2024", "01-02-03", "January 8, 1999"],
        Class::Time => &["03:04:05", "23:59:59.5", "3:04 PM"],
        Class::Timetz => &["03:04:05+02", "04:05"],
        Class::Timestamp => {
            &["2024-01-02 03:04:05", "2024-01-02T03:04:05", "1999-12-31 23:59:59.678", "03/04/2024 01:02"]
        }
        Class::Timestamptz => &[
            "2024-01-02 03:04:05+00",
            "2024-01-02 03:04:05",
            "2024-07-02 03:04:05.5",
            "03/04/2024 01:02",
            "2024-01-02T03:04:05Z",
        ],
        Class::Interval => &["1 day", "01:02:03", "1-2", "P1Y2M", "-1 days +02:03", "3", "-1-2 +3 -4:05:06"],
        Class::Uuid => &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}"],
        Class::Json => &["{\"a\": 1}", "[1,  2]", "{\"b\":\"x\\\\ty\"}", "1e3"],
        Class::Jsonb => &["{\"a\": 1}", "[1,  2]", "{\"b\":\"x\\\\ty\"}", "1e3"],
        Class::Inet => &["10.0.0.1", "10.1.2.3/16", "::1"],
        Class::Cidr => &["10.0.0.0/8", "192.168.1"],
        Class::Macaddr => &["08:00:2b:01:02:03", "08002b:010203"],
        Class::Bit => &["1010", "xF"],
        Class::Varbit => &["101", "", "x1F"],
        Class::Money => &["12.34", "$1,000.00", "12", "-1.5"],
        Class::Point => &["(1,2)", "1.5,-2"],
        Class::Range => &["[1,5)", "empty", "[1,1]"],
        Class::Ints => &["{1,2}", "{}", "{NULL,3}", "{null}", "[0:1]={7,8}", "{{1},{2}}"],
        Class::Texts => &["{a,b}", "{\"x y\",NULL,\"NULL\"}", "{null}", "{007,1.50}", "{\"a\\\\\\\\b\"}"],
        Class::Enum => &["lo", "mid", "hi"],
        Class::Composite => &["(1,x)", "(,\"a b\")", "(2,\"q\\\\\"r\")"],
    }
}
