//! What an INSERT's literals that have a type of their own become in a column: numbers, truth values, bits.
//!
//! `'…'` and NULL have no type: the column's type reads them, as it reads COPY's text. `7.0` is a numeric, `1` an integer, `true` a
//! boolean, and what the column gets is what PostgreSQL's assignment cast makes of them: 7 in an integer column, `true` and not `t`
//! in a text. Where the result is certain, it is written here; where PostgreSQL certainly refuses it, the row is at fault; and
//! everything else is left to the server, by the row's own SQL.

use dump::Column;
use dump::insert::Value;

/// What a column takes of such literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// `smallint`, `integer`, `bigint`.
    Integer,
    /// `oid`.
    Oid,
    /// `real`, `double precision`.
    Float,
    /// `numeric`.
    Numeric,
    /// `boolean`.
    Boolean,
    /// `text`, `varchar`, `char`.
    Text,
    /// `bit`, `bit varying`.
    Bits,
    /// None of them.
    Nothing,
    /// No table is defined: what is read is the data of tables that are there already, whose columns suit it.
    Anything,
    /// Only the server knows.
    Unknown,
    /// Only the server knows; but pg_dump writes an integer without quotes where its digits are the value's own text.
    UnknownOfDump,
}

/// How far a script's own spelling of literals is to be trusted where the column's type is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Anybody may have written it.
    Nobody,
    /// It has pg_dump's head.
    Dump,
    /// It has pg_dump's head and defines nothing: the data of tables that are there already, whose columns suit it.
    Data,
}

/// What becomes of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes<'a> {
    /// This text, as COPY has it.
    Text(&'a [u8]),
    /// What the server makes of it.
    Sql,
    /// An error, whatever the server.
    Refused,
}

/// Types that no number and no truth value is cast to by an assignment.
const NEITHER: [&str; 14] = [
    "date",
    "uuid",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "point",
    "tsvector",
    "tsquery",
    "interval",
    "timestamp",
    "time",
];

impl Takes {
    /// What a column of this definition takes. `trust` says how far the script's own spelling is to be trusted.
    #[must_use]
    pub fn of(column: Option<&Column>, trust: Trust) -> Self {
        let takes = column.map_or(Self::Unknown, Self::of_column);
        match (takes, trust) {
            (Self::Unknown, Trust::Data) if column.is_none() => Self::Anything,
            (Self::Unknown, Trust::Data | Trust::Dump) => Self::UnknownOfDump,
            (takes, _) => takes,
        }
    }

    fn of_column(column: &Column) -> Self {
        let Some(name) = column.type_name.as_deref() else { return Self::Unknown };
        if name.ends_with("[]") {
            return if column.element.is_some() { Self::Nothing } else { Self::Unknown };
        }
        let (base, modified) = name.split_once('(').unwrap_or((name, ""));
        match base {
            "smallint" | "integer" | "bigint" | "smallserial" | "serial" | "bigserial" | "serial2"
            | "serial4" | "serial8" => Self::Integer,
            "oid" => Self::Oid,
            "real" | "double precision" => Self::Float,
            "numeric" => Self::Numeric,
            "boolean" => Self::Boolean,
            "text" | "character varying" | "character" | "bpchar" => Self::Text,
            "bit" | "bit varying" => Self::Bits,
            _ => {
                // `timestamp(3) with time zone`, and without a modifier.
                let word = base.split(' ').next().unwrap_or(base);
                let zone = base == word || base.contains(" time zone") || modified.contains(" time zone");
                if zone && NEITHER.contains(&word) { Self::Nothing } else { Self::Unknown }
            }
        }
    }

    /// What such a column makes of digits.
    #[inline]
    #[must_use]
    pub fn integer(self, digits: &[u8]) -> Becomes<'_> {
        match self {
            Self::Integer | Self::Numeric | Self::Anything => Becomes::Text(digits),
            Self::Float => Becomes::Text(float(digits)),
            Self::Text => without_zeros(digits).map_or(Becomes::Sql, Becomes::Text),
            Self::Oid if digits[0] != b'-' && digits.len() < 10 => Becomes::Text(digits),
            Self::UnknownOfDump if without_zeros(digits) == Some(digits) => Becomes::Text(digits),
            Self::Oid | Self::Unknown | Self::UnknownOfDump => Becomes::Sql,
            Self::Boolean | Self::Bits | Self::Nothing => Becomes::Refused,
        }
    }

    /// What it makes of a number with a point or an exponent.
    #[inline]
    #[must_use]
    pub fn decimal(self, number: &[u8]) -> Becomes<'_> {
        match self {
            Self::Numeric | Self::Anything => Becomes::Text(number),
            Self::Float => Becomes::Text(float(number)),
            Self::Integer | Self::Oid | Self::Text | Self::Unknown | Self::UnknownOfDump => Becomes::Sql,
            Self::Boolean | Self::Bits | Self::Nothing => Becomes::Refused,
        }
    }

    /// What it makes of a truth value.
    #[must_use]
    pub fn boolean(self, value: bool) -> Becomes<'static> {
        match self {
            Self::Boolean | Self::Anything => Becomes::Text(if value { b"t" } else { b"f" }),
            Self::Text => Becomes::Text(if value { b"true" } else { b"false" }),
            Self::Unknown | Self::UnknownOfDump => Becomes::Sql,
            _ => Becomes::Refused,
        }
    }

    /// Whether it takes the digits of bits as they are.
    #[must_use]
    pub fn takes_bits(self) -> bool {
        matches!(self, Self::Bits | Self::Text | Self::Anything)
    }

    /// What kind of literal it refuses this one as.
    #[must_use]
    pub fn kind(value: &Value<'_>) -> &'static str {
        match value {
            Value::Boolean(_) => "a truth value",
            _ => "a number",
        }
    }
}

/// In SQL, unlike in COPY's text, -0 is a sum: there is no such zero.
#[inline]
fn float(number: &[u8]) -> &[u8] {
    let mantissa = || number[1..].iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let negative_zero = number[0] == b'-' && mantissa().all(|byte| !(b'1'..=b'9').contains(byte));
    if negative_zero { b"0" } else { number }
}

/// An integer as text: without leading zeros, which are no part of the value. None where it is so long that it may be none.
fn without_zeros(digits: &[u8]) -> Option<&[u8]> {
    if digits.len() > 100 {
        return None;
    }
    let (negative, unsigned) = match digits.strip_prefix(b"-") {
        Some(unsigned) => (true, unsigned),
        None => (false, digits),
    };
    match unsigned.iter().position(|&digit| digit != b'0') {
        None => Some(b"0"),
        Some(0) => Some(digits),
        Some(zeros) if !negative => Some(&unsigned[zeros..]),
        // The sign would have to move.
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
