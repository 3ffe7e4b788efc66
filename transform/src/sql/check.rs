//! Whether a text is a value of a type.

use std::net::IpAddr;

use super::{FloatWidth, SqlKind, SqlType, array, date};
use crate::error::Reason;

impl SqlType {
    /// Brings a result into the form in which the dump would hold it, or says why it is no value of this type.
    pub(crate) fn fit(&self, value: &mut String) -> Result<(), Reason> {
        if let Some(limit) = self.limit {
            check_length(value, limit, self.kind == SqlKind::Char)?;
        }
        let valid = match &self.kind {
            SqlKind::Text
            | SqlKind::Char
            | SqlKind::Citext
            | SqlKind::Unknown
            | SqlKind::Other
            | SqlKind::Xml => true,
            SqlKind::Name => {
                if value.len() > 63 {
                    return Err(Reason::ResultLength { length: value.len(), limit: 63 });
                }
                true
            }
            SqlKind::Int(width) => return integer(value, width.range()),
            SqlKind::Bool => return boolean(value),
            SqlKind::Array(element) => return array::fit(element, value),
            SqlKind::Float(width) => is_float(value, *width),
            SqlKind::Numeric { precision, scale } => is_numeric(value, *precision, *scale),
            SqlKind::Money => is_money(value),
            SqlKind::Date => {
                is_infinite(value)
                    || date::parse(value).is_some_and(|stamp| {
                        stamp.time.is_empty() && within(date::to_days(stamp.day), date::DATES)
                    })
            }
            SqlKind::Timestamp { zone } => is_infinite(value) || is_timestamp(value, *zone),
            SqlKind::Time { zone } => date::is_time(value, *zone),
            SqlKind::Interval => !value.is_empty(),
            SqlKind::Uuid => is_uuid(value),
            SqlKind::Inet => is_network(value, false),
            SqlKind::Cidr => is_network(value, true),
            SqlKind::Macaddr => is_mac(value),
            SqlKind::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(),
            SqlKind::Bytea => is_bytea(value),
            SqlKind::Enum(labels) => labels.iter().any(|label| label == value),
        };
        let no_nul = !value.contains('\0');
        if valid && no_nul { Ok(()) } else { Err(Reason::ResultType(self.name())) }
    }

    /// The kind of value, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match &self.kind {
            SqlKind::Text
            | SqlKind::Char
            | SqlKind::Citext
            | SqlKind::Name
            | SqlKind::Unknown
            | SqlKind::Other => "text",
            SqlKind::Int(_) => "integer of the column's width",
            SqlKind::Float(_) => "floating-point number",
            SqlKind::Numeric { .. } => "number of the column's precision",
            SqlKind::Money => "amount of money",
            SqlKind::Bool => "boolean",
            SqlKind::Date => "date",
            SqlKind::Timestamp { .. } => "timestamp",
            SqlKind::Time { .. } => "time",
            SqlKind::Interval => "interval",
            SqlKind::Uuid => "UUID",
            SqlKind::Inet => "inet address",
            SqlKind::Cidr => "cidr network",
            SqlKind::Macaddr => "MAC address",
            SqlKind::Json => "JSON",
            SqlKind::Bytea => "bytea",
            SqlKind::Xml => "XML",
            SqlKind::Enum(_) => "label of the column's enum",
            SqlKind::Array(_) => "array",
        }
    }
}

fn check_length(value: &str, limit: usize, blanks_are_nothing: bool) -> Result<(), Reason> {
    if value.len() <= limit {
        return Ok(());
    }
    let counted = if blanks_are_nothing { value.trim_end_matches(' ') } else { value };
    let length = counted.chars().count();
    if length <= limit { Ok(()) } else { Err(Reason::ResultLength { length, limit }) }
}

fn within(value: i64, (low, high): (i64, i64)) -> bool {
    (low..=high).contains(&value)
}

fn integer(value: &mut String, range: (i64, i64)) -> Result<(), Reason> {
    let number: i64 = value.trim().parse().map_err(|_| Reason::ResultType("integer"))?;
    if !within(number, range) {
        return Err(Reason::ResultType("integer of the column's width"));
    }
    // The dump has no leading zeros, signs of plus or blanks.
    value.clear();
    use std::fmt::Write;
    let _ = write!(value, "{number}");
    Ok(())
}

fn boolean(value: &mut String) -> Result<(), Reason> {
    let truth = match value.trim().to_ascii_lowercase().as_str() {
        "t" | "true" | "yes" | "y" | "on" | "1" => "t",
        "f" | "false" | "no" | "n" | "off" | "0" => "f",
        _ => return Err(Reason::ResultType("boolean")),
    };
    value.clear();
    value.push_str(truth);
    Ok(())
}

fn is_infinite(value: &str) -> bool {
    matches!(value, "infinity" | "-infinity")
}

fn is_float(value: &str, width: FloatWidth) -> bool {
    if matches!(value, "NaN" | "Infinity" | "-Infinity") {
        return true;
    }
    let has_digits = value.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let finite = match width {
        FloatWidth::Four => value.parse::<f32>().is_ok_and(f32::is_finite),
        FloatWidth::Eight => value.parse::<f64>().is_ok_and(f64::is_finite),
    };
    has_digits && finite
}

/// PostgreSQL rounds to the scale, so only the digits before it can be too many.
fn is_numeric(value: &str, precision: Option<u32>, scale: i32) -> bool {
    if value == "NaN" || (precision.is_none() && matches!(value, "Infinity" | "-Infinity")) {
        return true;
    }
    let Some((whole, fraction)) = decimal(value) else { return false };
    let Some(precision) = precision else { return whole.len() <= 131_072 && fraction.len() <= 16_383 };
    let whole = whole.trim_start_matches('0');
    let most = i64::from(precision) - i64::from(scale);
    // Rounding may carry into one digit more.
    let kept = usize::try_from(scale).unwrap_or(0).min(fraction.len());
    let (kept, dropped) = fraction.split_at(kept);
    let carries = dropped.starts_with(|c| c >= '5') && whole.bytes().chain(kept.bytes()).all(|b| b == b'9');
    i64::try_from(whole.len()).is_ok_and(|n| n + i64::from(carries) <= most.max(0))
}

/// The digits before and after the point of a number without exponent.
fn decimal(value: &str) -> Option<(&str, &str)> {
    let unsigned = value.strip_prefix(['-', '+']).unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty()))
        .then_some((whole, fraction))
}

/// `lc_monetary` decides how money is printed; a plain number is read by all.
fn is_money(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit()) && value.len() <= 64
}

fn is_timestamp(value: &str, zone: bool) -> bool {
    date::parse(value).is_some_and(|stamp| {
        let time = stamp.time.strip_prefix([' ', 'T']);
        time.is_none_or(|time| date::is_time(time, zone))
            && within(date::to_days(stamp.day), date::TIMESTAMPS)
    })
}

/// With or without hyphens, as PostgreSQL prints it: 8-4-4-4-12.
fn is_uuid(value: &str) -> bool {
    crate::uuid::parse(value).is_some()
}

fn is_network(value: &str, strict: bool) -> bool {
    let (address, bits) = match value.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (value, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(text) => match text.parse::<u8>() {
            Ok(bits) if bits <= most => bits,
            _ => return false,
        },
        None => most,
    };
    !strict || host_bits_are_zero(address, bits)
}

fn host_bits_are_zero(address: IpAddr, bits: u8) -> bool {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
        IpAddr::V6(v6) => v6.to_bits().checked_shl(u32::from(bits)).unwrap_or(0) == 0,
    }
}

fn is_mac(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 12 && value.bytes().all(|b| b.is_ascii_hexdigit() || b":-.".contains(&b))
}

fn is_bytea(value: &str) -> bool {
    match value.strip_prefix("\\x") {
        Some(hex) => hex.len().is_multiple_of(2) && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !value.contains('\\'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(type_name: &str, value: &str) -> Result<String, Reason> {
        let labels = if type_name == "mood" { vec!["sad".to_owned(), "ok".to_owned()] } else { Vec::new() };
        let mut value = value.to_owned();
        SqlType::of(Some(type_name), &labels).fit(&mut value).map(|()| value)
    }

    #[test]
    fn what_each_type_takes() {
        for (type_name, good, bad) in [
            ("smallint", &["0", "-32768", "32767", "+7", "007"][..], &["32768", "", "x", "1.5", "1e3"][..]),
            ("integer", &["2147483647"], &["2147483648", "-2147483649"]),
            ("bigint", &["9223372036854775807"], &["9223372036854775808"]),
            ("oid", &["4294967295"], &["-1", "4294967296"]),
            ("real", &["1.5", "-1e10", "NaN", "Infinity"], &["1e40", "inf", "x", ""]),
            ("double precision", &["1e300", ".5"], &["1e999", "nan", "0x1"]),
            (
                "numeric(5,2)",
                &["999.99", "-1", ".5", "000123.4", "12.3456", "999.994"],
                &["1000", "999.995", "-999.999", "1e2", "", "."],
            ),
            ("numeric(3,0)", &["999", "99.4"], &["1000", "999.5"]),
            ("numeric", &["123456789012345678901234567890.5"], &["abc", "1.2.3"]),
            ("boolean", &["t", "false", "YES", "0"], &["maybe", ""]),
            (
                "date",
                &["2024-02-29", "infinity", "0044-03-15 BC"],
                &["2024-02-30", "2024-01-01 10:00", "today"],
            ),
            (
                "timestamp",
                &["2024-02-29 23:59:59.5", "2024-02-29"],
                &["2024-02-29 25:00", "2024-02-29 10:00:00+02"],
            ),
            ("timestamptz", &["2024-02-29 23:59:59+02"], &["2024-02-29 23:59:59 CET"]),
            ("time", &["10:30:00"], &["10:30:00+02", "25:00"]),
            (
                "uuid",
                &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
                &["a0eebc99", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
            ),
            ("inet", &["10.0.0.1", "10.0.0.1/8", "::1/64"], &["10.0.0", "10.0.0.1/33", "x"]),
            ("cidr", &["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"], &["10.0.0.1/8"]),
            ("macaddr", &["08:00:2b:01:02:03"], &["08:00:2b:01:02"]),
            ("jsonb", &["{\"a\":[1]}", "null"], &["{a:1}", ""]),
            ("bytea", &["\\x00ff", "abc"], &["\\x0", "\\xzz", "a\\b"]),
            ("mood", &["sad", "ok"], &["SAD", ""]),
            ("varchar(3)", &["äöü", ""], &["abcd", "abc "]),
            ("char(3)", &["abc   "], &["abcd"]),
            ("text", &["anything"], &["a\0b"]),
            ("integer[]", &["{1,NULL,2}", "{}", "{{1},{2}}"], &["{x}", "1", "{1"]),
        ] {
            for value in good {
                assert!(fit(type_name, value).is_ok(), "{type_name} takes {value:?}");
            }
            for value in bad {
                assert!(fit(type_name, value).is_err(), "{type_name} does not take {value:?}");
            }
        }
    }

    #[test]
    fn forms_of_the_dump() {
        assert_eq!(fit("integer", "+007").unwrap(), "7");
        assert_eq!(fit("boolean", "TRUE").unwrap(), "t");
        assert_eq!(fit("integer[]", "{ +007 , null }").unwrap(), "{7,NULL}");
    }
}
