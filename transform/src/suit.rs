//! Whether a transform's results are values of a column's type, and whether they can be unique.

use crate::action::SUFFIX;
use crate::check_digits::{SHORTEST_CARD, SHORTEST_IBAN};
use crate::config::{ErrorPolicy, PasswordHash, Rule, Transform, Unique};
use crate::fake;
use crate::sql::{SqlKind, SqlType};

/// The fault, and what to do.
pub(crate) type Unsuited = (String, Option<String>);

/// Why the rule does not suit a column of this type; nothing if it does.
pub(crate) fn check(rule: &Rule, sql: &SqlType, not_null: bool) -> Vec<Unsuited> {
    let type_fault = fits_type(rule, sql, not_null).err();
    let unique_faults = (rule.unique == Unique::Yes).then(|| can_be_unique(rule, sql));
    type_fault.into_iter().chain(unique_faults.into_iter().flatten()).collect()
}

fn no<T>(what: impl Into<String>) -> Result<T, Unsuited> {
    Err((what.into(), None))
}

fn help<T>(what: impl Into<String>, help: &str) -> Result<T, Unsuited> {
    Err((what.into(), Some(help.to_owned())))
}

fn fits_type(rule: &Rule, sql: &SqlType, not_null: bool) -> Result<(), Unsuited> {
    let name = rule.transform.name();
    let takes = |fits: bool, types: &str| if fits { Ok(()) } else { refuse(name, types, sql) };
    match &rule.transform {
        Transform::Keep => Ok(()),
        Transform::Null if not_null => no("the column is NOT NULL"),
        Transform::Null => Ok(()),
        Transform::Constant(value) => match sql.fit(&mut value.clone()) {
            Ok(()) => Ok(()),
            Err(reason) => no(format!("the column is {}: {reason}", sql.text)),
        },
        // Their results are checked row by row.
        Transform::Template(_) => Ok(()),
        Transform::Regex(_) => {
            takes(!matches!(sql.kind, SqlKind::Int(_) | SqlKind::Float(_) | SqlKind::Bool), "text")
        }
        Transform::Password { hash, .. } => {
            takes(sql.is_text(), "text")?;
            let length = if matches!(hash, PasswordHash::Bcrypt { .. }) { 60 } else { 97 };
            room(sql, length)
        }
        Transform::Fake { kind, .. } => fake(rule, *kind, sql),
        Transform::Bool => takes(matches!(sql.kind, SqlKind::Bool | SqlKind::Unknown), "boolean"),
        Transform::Hash { .. } => {
            let other = matches!(sql.kind, SqlKind::Int(_) | SqlKind::Uuid | SqlKind::Bytea);
            takes(sql.is_text() || other, "text, integers, uuid and bytea")?;
            room(sql, 8)
        }
        Transform::Redact { .. } | Transform::Mask { .. } | Transform::Truncate { .. } => {
            takes(sql.is_text(), "text")
        }
        Transform::Noise(_) => takes(is_number(sql) || sql.kind == SqlKind::Unknown, "numbers"),
        Transform::DateShift { .. } => {
            let dates = matches!(sql.kind, SqlKind::Date | SqlKind::Timestamp { .. });
            takes(dates || sql.is_text(), "dates, timestamps and text that holds them")
        }
        Transform::FormatPreserving { .. } => {
            takes(sql.is_text() || is_whole_number(sql), "text, integers and numerics without decimals")
        }
        Transform::Uuid => {
            takes(sql.is_text() || sql.kind == SqlKind::Uuid, "uuid and text")?;
            room(sql, 36)
        }
        Transform::Email => takes(sql.is_text(), "text"),
        Transform::IpAddress { .. } => {
            takes(sql.is_text() || matches!(sql.kind, SqlKind::Inet | SqlKind::Cidr), "inet, cidr and text")?;
            if sql.is_text() { room(sql, 43) } else { Ok(()) }
        }
        Transform::Iban => {
            takes(sql.is_text(), "text")?;
            room(sql, SHORTEST_IBAN)
        }
        Transform::CardNumber { .. } => {
            takes(sql.is_text() || holds_card_numbers(sql), "text, bigint and numerics of as many digits")?;
            room(sql, SHORTEST_CARD)
        }
        Transform::Json(_) => {
            takes(sql.kind == SqlKind::Json || sql.is_text(), "json, jsonb and text that holds it")
        }
        Transform::Array(element) => match &sql.kind {
            SqlKind::Array(_) if element.is_keep() => no("`element: keep` changes nothing"),
            SqlKind::Array(of) => fits_type(element, of, false),
            _ => refuse(name, "arrays", sql),
        },
    }
}

fn refuse(name: &str, types: &str, sql: &SqlType) -> Result<(), Unsuited> {
    let what = format!("{name} is for {types}; the column is {}", sql.text);
    match sql.kind {
        SqlKind::Json => help(what, "use Json with the paths to change"),
        SqlKind::Array(_) => help(what, "use Array with an `element`"),
        SqlKind::Date | SqlKind::Timestamp { .. } => {
            help(what, "DateShift, FakeDateOfBirth, Null and Constant suit it")
        }
        SqlKind::Int(_) | SqlKind::Numeric { .. } => {
            help(what, "FormatPreserving, Hash, Noise, Null and Constant suit numbers")
        }
        SqlKind::Uuid => help(what, "Uuid suits it"),
        SqlKind::Inet | SqlKind::Cidr => help(what, "IpAddress suits it"),
        SqlKind::Enum(_) => help(what, "Constant with one of the labels, Template and Regex suit it"),
        SqlKind::Other => help(what, "only Null, Constant, Template and Regex suit a type that is not known"),
        _ => no(what),
    }
}

/// The column must have room for results that cannot be cut.
fn room(sql: &SqlType, needed: usize) -> Result<(), Unsuited> {
    match sql.most() {
        Some(limit) if limit < needed => no(format!("needs {needed} characters; the column is {}", sql.text)),
        _ => Ok(()),
    }
}

fn is_number(sql: &SqlType) -> bool {
    matches!(sql.kind, SqlKind::Int(_) | SqlKind::Float(_) | SqlKind::Numeric { .. })
}

fn is_whole_number(sql: &SqlType) -> bool {
    match sql.kind {
        SqlKind::Int(_) => true,
        SqlKind::Numeric { precision, scale } => {
            scale == 0 && precision.is_none_or(|precision| precision <= 37)
        }
        _ => false,
    }
}

/// Whether any card number is a value of the type of numbers.
fn holds_card_numbers(sql: &SqlType) -> bool {
    let digits = match sql.kind {
        SqlKind::Int(width) => width.range().1.ilog10() as usize,
        SqlKind::Numeric { precision: Some(precision), .. } => precision as usize,
        _ => SHORTEST_CARD,
    };
    is_whole_number(sql) && digits >= SHORTEST_CARD
}

fn fake(rule: &Rule, kind: fake::FakeKind, sql: &SqlType) -> Result<(), Unsuited> {
    use fake::FakeKind::{DateOfBirth, Latitude, Longitude, MonthNum, Year};
    if sql.is_text() {
        return room(sql, kind.shortest());
    }
    let suits = match kind {
        MonthNum | Year => match sql.kind {
            SqlKind::Numeric { precision, scale } => {
                precision.is_none_or(|p| i64::from(p) - i64::from(scale) >= 4)
            }
            _ => is_number(sql),
        },
        Latitude | Longitude => match sql.kind {
            SqlKind::Numeric { precision, scale } => {
                precision.is_none_or(|p| i64::from(p) - i64::from(scale) >= 3)
            }
            _ => matches!(sql.kind, SqlKind::Float(_)),
        },
        DateOfBirth => matches!(sql.kind, SqlKind::Date | SqlKind::Timestamp { .. }),
        _ => match (&sql.kind, kind.values(rule.locale)) {
            (SqlKind::Enum(labels), Some(values)) => {
                values.iter().all(|value| labels.iter().any(|label| label == value))
            }
            _ => false,
        },
    };
    let types = match kind {
        MonthNum | Year => "text and numbers",
        Latitude | Longitude => "text, floating-point numbers and numerics",
        DateOfBirth => "text, dates and timestamps",
        _ => "text",
    };
    if suits { Ok(()) } else { refuse(kind.name(), types, sql) }
}

/// Whether different results stay different in the expressions of unique indexes that contain the column.
/// `fold_case` tells of each expression whether it only folds the case.
pub(crate) fn unique_under(rule: &Rule, fold_case: &[bool]) -> Result<(), Unsuited> {
    let assumed = "use `unique: assumed` if you know that they stay different";
    match &rule.transform {
        _ if fold_case.is_empty() => Ok(()),
        Transform::Keep | Transform::Null => Ok(()),
        _ if fold_case.contains(&false) => help(
            "a unique index contains it in an expression, in which different values may become equal",
            assumed,
        ),
        Transform::FormatPreserving { .. } => {
            help("a unique index ignores the case of letters, but FormatPreserving does not", assumed)
        }
        _ => Ok(()),
    }
}

/// Why different values of the column may not become different ones; nothing if they do.
pub(crate) fn can_be_unique(rule: &Rule, sql: &SqlType) -> Vec<Unsuited> {
    if matches!(rule.transform, Transform::Keep | Transform::Null) {
        return Vec::new();
    }
    let name = rule.transform.name();
    let has_constant = matches!(rule.on_error, ErrorPolicy::Constant(_));
    let options = [
        (!rule.consistent, format!("{name} with `consistent: false` is not unique")),
        (
            rule.nulls,
            "with `nulls: transform` several NULLs become one value, and the column is unique".to_owned(),
        ),
        (
            has_constant,
            "with `on_error: constant` several rows get one value, and the column is unique".to_owned(),
        ),
    ];
    let mut faults: Vec<Unsuited> =
        options.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| (what, None)).collect();
    faults.extend(is_one_to_one(rule, sql).err());
    faults
}

fn is_one_to_one(rule: &Rule, sql: &SqlType) -> Result<(), Unsuited> {
    let name = rule.transform.name();
    let suffix = |shortest: usize| match sql.most() {
        Some(limit) if limit < shortest => help(
            format!("a unique {name} needs {shortest} characters; the column is {}", sql.text),
            "Hash, Uuid or FormatPreserving may suit it",
        ),
        _ => Ok(()),
    };
    match &rule.transform {
        Transform::IpAddress { .. } if sql.is_text() => help(
            "several spellings of an address in a text become one, and the column is unique",
            "use FormatPreserving or Hash",
        ),
        Transform::Uuid
        | Transform::FormatPreserving { .. }
        | Transform::IpAddress { .. }
        | Transform::Iban
        | Transform::CardNumber { .. }
        | Transform::Bool => Ok(()),
        Transform::Hash { length } => match sql.kind {
            SqlKind::Int(_) | SqlKind::Uuid => Ok(()),
            _ if length.unwrap_or(crate::action::HASH).min(sql.most().unwrap_or(usize::MAX)) < 20 => {
                no("a unique Hash needs 20 digits".to_owned())
            }
            _ => Ok(()),
        },
        Transform::Fake { kind, .. } if kind.suffix().is_some() => match kind {
            fake::FakeKind::Email => suffix(SUFFIX + 14),
            fake::FakeKind::DomainName => suffix(SUFFIX + 10),
            _ => suffix(SUFFIX + 2),
        },
        Transform::Email => suffix(SUFFIX + 8),
        _ => help(
            format!("{name} makes different values equal, and the column is unique"),
            "use FormatPreserving, Hash, Uuid, Email or FakeEmail, or `unique: assumed` if you know that they stay different",
        ),
    }
}
