//! Texts of `timestamptz` in UTC. Pure.
//!
//! `2024-01-01 12:00:00.5+01` is what the server prints in its own time zone, and `2024-01-01 11:00:00.5+00` the same in UTC. The
//! calendar is the Gregorian one at all times, as PostgreSQL has it.

/// Appends the instant in UTC. Returns false, and appends nothing, if the text is none in ISO's form.
pub(super) fn to_utc(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(instant) = Instant::read(text) else { return false };
    instant.write(out);
    true
}

/// Seconds since 1970 as a date and a time.
pub(super) fn text(seconds: i64) -> String {
    let mut out = Vec::new();
    Instant { seconds, fraction: b"" }.write(&mut out);
    String::from_utf8_lossy(&out).replace("+00", " UTC")
}

/// An instant: seconds since 1970 in UTC, and the fraction of a second as its text.
struct Instant<'a> {
    seconds: i64,
    fraction: &'a [u8],
}

const DAY: i64 = 86_400;

impl<'a> Instant<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (text, before_christ) = match text.strip_suffix(b" BC") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut rest = text;
        let year = digits(&mut rest, 4..=6)?;
        let month = part(&mut rest, b'-').filter(|month| (1..=12).contains(month))?;
        let day = part(&mut rest, b'-').filter(|day| (1..=31).contains(day))?;
        let mut seconds = part(&mut rest, b' ')? * 3600;
        seconds += part(&mut rest, b':')? * 60;
        seconds += part(&mut rest, b':')?;
        let fraction = rest;
        if rest.first() == Some(&b'.') {
            rest = &rest[1..];
            digits(&mut rest, 1..=6)?;
        }
        let fraction = &fraction[..fraction.len() - rest.len()];
        let sign = match rest.split_first()? {
            (b'+', _) => 1,
            (b'-', _) => -1,
            _ => return None,
        };
        rest = &rest[1..];
        let mut offset = digits(&mut rest, 2..=2)? * 3600;
        for unit in [60, 1] {
            if !rest.is_empty() {
                offset += part(&mut rest, b':')? * unit;
            }
        }
        if !rest.is_empty() {
            return None;
        }
        let year = if before_christ { 1 - year } else { year };
        let seconds = days(year, month, day) * DAY + seconds - sign * offset;
        Some(Self { seconds, fraction })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (day, second) = (self.seconds.div_euclid(DAY), self.seconds.rem_euclid(DAY));
        let (year, month, day) = date(day);
        let (shown, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let date = format!("{shown:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
        out.extend_from_slice(date.as_bytes());
        out.extend_from_slice(self.fraction);
        out.extend_from_slice(b"+00");
        out.extend_from_slice(era.as_bytes());
    }
}

/// Two digits after a mark.
fn part(rest: &mut &[u8], mark: u8) -> Option<i64> {
    *rest = rest.strip_prefix(&[mark])?;
    digits(rest, 2..=2)
}

fn digits(rest: &mut &[u8], length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !length.contains(&count) {
        return None;
    }
    let (digits, behind) = rest.split_at(count);
    *rest = behind;
    Some(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// Days from 1970-01-01 to a date; the year before 1 is 0. Years begin in March, so that a leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<String> {
        let mut out = Vec::new();
        to_utc(text.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn as_postgresql_prints_them_in_utc() {
        for (text, expected) in [
            ("2024-01-01 12:00:00+01", "2024-01-01 11:00:00+00"),
            ("2024-01-01 00:00:00.123456+05:30", "2023-12-31 18:30:00.123456+00"),
            ("2024-02-28 23:30:00-01", "2024-02-29 00:30:00+00"),
            ("1900-02-28 23:30:00-01", "1900-03-01 00:30:00+00"),
            ("2000-02-28 23:30:00-01", "2000-02-29 00:30:00+00"),
            ("1890-01-01 00:00:00+00:53:28", "1889-12-31 23:06:32+00"),
            ("0001-01-01 00:30:00+01", "0001-12-31 23:30:00+00 BC"),
            ("0001-12-31 23:30:00-01 BC", "0001-01-01 00:30:00+00"),
            ("4713-11-24 00:00:00+00 BC", "4713-11-24 00:00:00+00 BC"),
            ("294276-12-31 23:59:59.999999+00", "294276-12-31 23:59:59.999999+00"),
            ("12024-01-01 00:00:00-00:44:30", "12024-01-01 00:44:30+00"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "infinity",
            "-infinity",
            "\\N",
            "",
            "2024-01-01",
            "2024-01-01 12:00:00",
            "01.01.2024 12:00:00 CET",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (-800_000..800_000).step_by(17) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
