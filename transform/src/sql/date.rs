//! Dates and times in the ISO form that pg_dump writes.
//!
//! Arithmetic of our own: PostgreSQL's years reach from 4713 BC to 5874897, while chrono ends at
//! 262142, time and jiff at 9999.

/// A day of the proleptic Gregorian calendar; year 0 is 1 BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) year: i64,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

/// The first and last days of PostgreSQL's `date`, as days since 1970-01-01.
pub(crate) const DATES: (i64, i64) = (-2_440_588, 2_145_042_905);
/// The first and last days that are completely within the range of `timestamp`.
pub(crate) const TIMESTAMPS: (i64, i64) = (-2_440_588, 106_762_939);

/// A date, or the date before a time: the rest of the text, and whether it is BC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp<'a> {
    pub(crate) day: Day,
    /// The text between the date and ` BC`: empty, or `␠10:30:00.5+02`.
    pub(crate) time: &'a str,
}

/// Parses `2024-01-31` and `2024-01-31 10:30:00.5+02`, each optionally with ` BC` at the end.
pub(crate) fn parse(text: &str) -> Option<Stamp<'_>> {
    let (text, before_christ) = match text.strip_suffix(" BC") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut parts = text.splitn(3, '-');
    let (year, month, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let day = rest.get(..2)?;
    let time = &rest[2..];
    if !(4..=7).contains(&year.len())
        || month.len() != 2
        || !(time.is_empty() || time.starts_with([' ', 'T']))
    {
        return None;
    }
    let year = i64::from(digits(year)?);
    let year = if before_christ { 1 - year } else { year };
    let day = Day { year, month: digits(month)?, day: digits(day)? };
    let valid = (year > 0 || before_christ)
        && (1..=12).contains(&day.month)
        && (1..=days_in(day.year, day.month)).contains(&day.day);
    valid.then_some(Stamp { day, time })
}

/// Whether the text is `10:30`, `10:30:00` or `10:30:00.123456`, with a zone where one is allowed.
pub(crate) fn is_time(text: &str, zone: bool) -> bool {
    let (clock, offset) = match text.find(['+', '-', 'Z']) {
        Some(at) => (&text[..at], &text[at..]),
        None => (text, ""),
    };
    let offset_is_valid = offset.is_empty() || (zone && is_offset(offset));
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, f)| (whole, Some(f)));
    let parts: Vec<&str> = whole.split(':').collect();
    let fraction_is_valid =
        fraction.is_none_or(|f| parts.len() == 3 && (1..=6).contains(&f.len()) && digits(f).is_some());
    let numbers: Option<Vec<u32>> =
        parts.iter().map(|part| if part.len() == 2 { digits(part) } else { None }).collect();
    let clock_is_valid = match numbers.as_deref() {
        Some([24, 0]) | Some([24, 0, 0]) => fraction.is_none_or(|f| f.bytes().all(|b| b == b'0')),
        Some([hour, minute]) => *hour < 24 && *minute < 60,
        Some([hour, minute, second]) => *hour < 24 && *minute < 60 && *second < 60,
        _ => false,
    };
    offset_is_valid && fraction_is_valid && clock_is_valid
}

/// `Z`, `+02`, `-03:30`, `+01:28:14`: the forms that PostgreSQL prints and accepts.
fn is_offset(text: &str) -> bool {
    if text == "Z" {
        return true;
    }
    let parts: Vec<Option<u32>> =
        text[1..].split(':').map(|part| if part.len() == 2 { digits(part) } else { None }).collect();
    let below = |value: Option<u32>, limit| value.is_some_and(|v| v < limit);
    match parts.as_slice() {
        [hours, rest @ ..] if rest.len() <= 2 => {
            below(*hours, 16) && rest.iter().all(|part| below(*part, 60))
        }
        _ => false,
    }
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

pub(crate) fn days_in(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day comes last.
pub(crate) fn to_days(day: Day) -> i64 {
    let year = day.year - i64::from(day.month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = i64::from((153 * ((day.month + 9) % 12) + 2) / 5 + day.day - 1);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day this many days after 1970-01-01.
pub(crate) fn from_days(days: i64) -> Day {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Day { year: year + era * 400 + i64::from(month <= 2), month: month as u32, day: day as u32 }
}

/// Appends the day and the rest of the text, as PostgreSQL prints them.
pub(crate) fn push(day: Day, time: &str, out: &mut String) {
    use std::fmt::Write;
    let year = if day.year > 0 { day.year } else { 1 - day.year };
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{:02}-{:02}{time}", day.month, day.day);
    if day.year <= 0 {
        out.push_str(" BC");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_back() {
        assert_eq!(to_days(Day { year: 1970, month: 1, day: 1 }), 0);
        assert_eq!(to_days(Day { year: 2000, month: 3, day: 1 }), 11_017);
        // The limits of PostgreSQL: 4714-11-24 BC, 5874897-12-31, 294276-12-31.
        assert_eq!(to_days(Day { year: -4713, month: 11, day: 24 }), DATES.0);
        assert_eq!(to_days(Day { year: 5_874_897, month: 12, day: 31 }), DATES.1);
        assert_eq!(to_days(Day { year: 294_276, month: 12, day: 31 }), TIMESTAMPS.1);
        for days in (-3_000_000..3_000_000).step_by(97) {
            let day = from_days(days);
            assert_eq!(to_days(day), days);
            let mut text = String::new();
            push(day, "", &mut text);
            assert_eq!(parse(&text).map(|stamp| stamp.day), Some(day), "{text}");
        }
    }

    #[test]
    fn what_is_a_date() {
        for good in ["2024-02-29", "0001-01-01", "12024-12-31", "0044-03-15 BC", "2024-01-01 10:30:00+02"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "2023-02-29",
            "2024-13-01",
            "2024-1-01",
            "24-01-01",
            "2024-01-32",
            "0000-01-01",
            "infinity",
            "",
            "é",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_a_time() {
        for good in ["10:30", "23:59:59.999999", "24:00:00", "00:00:00"] {
            assert!(is_time(good, false), "{good}");
        }
        for good in ["10:30:00+02", "10:30:00.5-03:30", "10:30:00Z", "10:30:00+00:53:28"] {
            assert!(is_time(good, true), "{good}");
            assert!(!is_time(good, false), "{good}");
        }
        for bad in
            ["24:00:01", "10", "10:60", "1:30", "10:30.5", "10:30:00.", "10:30:00+2", "10:30:00+99", "x"]
        {
            assert!(!is_time(bad, true), "{bad}");
        }
    }
}
