//! Go's reader of RFC 3339, which accepts more than the RFC: an hour of one digit, a comma before the fraction,
//! offsets up to +24:60.

/// What is left of a timestamp: the consumer drops zone and fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

/// Reads the bytes between the quotes of a JSON string, escapes and all, as `time.Parse(time.RFC3339, …)` does.
pub fn read_rfc3339(raw: &[u8]) -> Option<Timestamp> {
    let mut text = raw;
    let year = take_digits(&mut text, 4)?;
    take(&mut text, b"-")?;
    let month = in_range(take_digits(&mut text, 2)?, 1, 12)?;
    take(&mut text, b"-")?;
    let day = take_digits(&mut text, 2)?;
    take(&mut text, b"T")?;
    let hour = in_range(take_digits(&mut text, 2).or_else(|| take_digits(&mut text, 1))?, 0, 23)?;
    take(&mut text, b":")?;
    let minute = in_range(take_digits(&mut text, 2)?, 0, 59)?;
    take(&mut text, b":")?;
    let second = in_range(take_digits(&mut text, 2)?, 0, 59)?;
    if matches!(text, [b'.' | b',', b'0'..=b'9', ..]) {
        let digits = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        text = &text[1 + digits..];
    }
    zone(&mut text)?;
    in_range(day, 1, days_in(month, year))?;
    text.is_empty().then_some(Timestamp {
        year,
        month: small(month),
        day: small(day),
        hour: small(hour),
        minute: small(minute),
        second: small(second),
    })
}

fn zone(text: &mut &[u8]) -> Option<()> {
    if take(text, b"Z").is_some() {
        return Some(());
    }
    take(text, b"+").or_else(|| take(text, b"-"))?;
    in_range(take_digits(text, 2)?, 0, 24)?;
    take(text, b":")?;
    in_range(take_digits(text, 2)?, 0, 60)?;
    Some(())
}

fn take(text: &mut &[u8], expected: &[u8]) -> Option<()> {
    *text = text.strip_prefix(expected)?;
    Some(())
}

fn take_digits(text: &mut &[u8], count: usize) -> Option<u16> {
    let (digits, rest) = text.split_at_checked(count)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    *text = rest;
    Some(digits.iter().fold(0, |n, digit| n * 10 + u16::from(digit - b'0')))
}

fn in_range(n: u16, min: u16, max: u16) -> Option<u16> {
    (min..=max).contains(&n).then_some(n)
}

fn days_in(month: u16, year: u16) -> u16 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn small(n: u16) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_go_takes() {
        for text in [
            "2024-01-15T10:30:00Z",
            "2024-01-15T1:30:00Z",
            "2024-01-15T10:30:00,5Z",
            "2024-01-15T10:30:00.123456789012+24:00",
            "2024-01-15T10:30:00-00:60",
            "0000-02-29T00:00:00Z",
        ] {
            assert!(read_rfc3339(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "2024-01-15 10:30:00Z",
            "2024-01-15T10:30:00",
            "2024-01-15T24:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-15T10:30:60Z",
            "2024-01-15T10:30:00.Z",
            "2024-01-15T10:30:00+25:00",
            "2024-01-15T10:30:00+2:00",
            "2024-1-15T10:30:00Z",
            "2024-01-15T10:3:00Z",
            "2024-01-15T10:30:00Zx",
            "2024-00-15T10:30:00Z",
            "2024-01-00T10:30:00Z",
            "",
        ] {
            assert_eq!(read_rfc3339(text.as_bytes()), None, "{text}");
        }
    }
}
