//! Classes of columns, and the spellings of each type.

use crate::rng::Rng;

/// A type as far as literals are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Int2,
    Int4,
    Int8,
    Numeric,
    Numeric2,
    Real,
    Float8,
    Bool,
    Text,
    Varchar,
    Char,
    QChar,
    Name,
    Bytea,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Inet,
    Cidr,
    Macaddr,
    Bit,
    Varbit,
    Money,
    Point,
    Range,
    Ints,
    Texts,
    Enum,
    Composite,
}

impl Class {
    /// Those that need no type of the script's own, common ones more than once.
    pub(super) const BUILT_IN: [Self; 44] = [
        Self::Int4,
        Self::Int4,
        Self::Int4,
        Self::Text,
        Self::Text,
        Self::Text,
        Self::Text,
        Self::Bool,
        Self::Bool,
        Self::Numeric,
        Self::Numeric,
        Self::Int2,
        Self::Int8,
        Self::Numeric2,
        Self::Real,
        Self::Float8,
        Self::Float8,
        Self::Varchar,
        Self::Varchar,
        Self::Char,
        Self::QChar,
        Self::Name,
        Self::Bytea,
        Self::Date,
        Self::Date,
        Self::Time,
        Self::Timetz,
        Self::Timestamp,
        Self::Timestamptz,
        Self::Timestamptz,
        Self::Interval,
        Self::Uuid,
        Self::Json,
        Self::Jsonb,
        Self::Inet,
        Self::Cidr,
        Self::Macaddr,
        Self::Bit,
        Self::Varbit,
        Self::Money,
        Self::Point,
        Self::Range,
        Self::Ints,
        Self::Texts,
    ];

    /// A spelling of the type.
    pub(super) fn spelling(self, rng: &mut Rng) -> &'static str {
        one(self.spellings(), rng)
    }

    /// How pg_dump spells it.
    pub(super) fn first_spelling(self) -> &'static str {
        self.spellings()[0]
    }

    fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Int2 => &["smallint", "int2", "pg_catalog.int2"],
            Self::Int4 => &["integer", "int", "int4", "INTEGER", "pg_catalog.int4"],
            Self::Int8 => &["bigint", "int8"],
            Self::Numeric => &["numeric", "decimal", "dec"],
            Self::Numeric2 => &["numeric(10,2)", "decimal(10, 2)"],
            Self::Real => &["real", "float4", "float(24)"],
            Self::Float8 => &["double precision", "float8", "float", "float(53)"],
            Self::Bool => &["boolean", "bool"],
            Self::Text => &["text", "TEXT", "\"text\"", "pg_catalog.text"],
            Self::Varchar => &["character varying(20)", "varchar(20)", "varchar"],
            Self::Char => &["character(6)", "char(6)", "bpchar(6)"],
            Self::QChar => &["\"char\""],
            Self::Name => &["name"],
            Self::Bytea => &["bytea"],
            Self::Date => &["date"],
            Self::Time => &["time without time zone", "time", "time(3)"],
            Self::Timetz => &["time with time zone", "timetz"],
            Self::Timestamp => &["timestamp without time zone", "timestamp", "timestamp(3)"],
            Self::Timestamptz => &["timestamp with time zone", "timestamptz", "timestamptz(0)"],
            Self::Interval => &["interval", "interval(3)"],
            Self::Uuid => &["uuid"],
            Self::Json => &["json"],
            Self::Jsonb => &["jsonb"],
            Self::Inet => &["inet"],
            Self::Cidr => &["cidr"],
            Self::Macaddr => &["macaddr"],
            Self::Bit => &["bit(4)"],
            Self::Varbit => &["bit varying(8)", "varbit"],
            Self::Money => &["money"],
            Self::Point => &["point"],
            Self::Range => &["int4range"],
            Self::Ints => &["integer[]", "int4[]", "int ARRAY", "_int4"],
            Self::Texts => &["text[]", "_text", "text[][]"],
            // Only as a type of the script's own.
            Self::Enum | Self::Composite => &["text"],
        }
    }
}

pub(super) fn one<T: Copy>(all: &[T], rng: &mut Rng) -> T {
    all[usize::try_from(rng.below(all.len() as u64)).unwrap_or(0)]
}
