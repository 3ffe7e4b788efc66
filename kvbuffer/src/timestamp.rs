//! Texts that the consumer reads as timestamps.
//!
//! The consumer passes every string value to Go's RFC 3339 reader first, which accepts more than the RFC: an hour of
//! one digit, a comma before the fraction, an offset of 24 hours or 60 minutes. A text that this reader accepts is a
//! timestamp (cut to seconds, zone dropped); any other text is a string. [`looks_like`] is the coarse test for
//! writers, [`Timestamp::parse`] the exact one for readers.

use std::fmt;

/// Whether a text begins like a timestamp: `^\d{4}-\d\d-\d\dT\d`.
///
/// Everything that [`Timestamp::parse`] accepts begins like this, so a writer that escapes these texts escapes them
/// all.
#[inline]
pub fn looks_like(text: &[u8]) -> bool {
    // The letter differs most often, so it is compared first.
    text.len() > 11
        && text[10] == b'T'
        && text[4] == b'-'
        && text[7] == b'-'
        && [0, 1, 2, 3, 5, 6, 8, 9, 11].iter().all(|&at: &usize| text[at].is_ascii_digit())
}

/// A text that the consumer reads as a timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    raw: String,
    fields: Fields,
    has_offset: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Timestamp {
    /// Parses the text as Go's `time.Parse(time.RFC3339, …)` does; `None` if that fails.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text.as_bytes());
        let year = rest.digits(4)?;
        rest.expect(b"-")?;
        let month = rest.digits(2)?;
        rest.expect(b"-")?;
        let day = rest.digits(2)?;
        rest.expect(b"T")?;
        let hour = rest.one_or_two_digits()?;
        rest.expect(b":")?;
        let minute = rest.digits(2)?;
        rest.expect(b":")?;
        let second = rest.digits(2)?;
        rest.fraction();
        let has_offset = rest.offset()?;
        let fields = Fields { year, month, day, hour, minute, second };
        fields.valid().then(|| Self { raw: text.to_owned(), fields, has_offset })
    }

    /// The text as it was written.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// `YYYY-MM-DD HH:MM:SS`: the form in which it arrives at the replica.
    pub fn seconds(&self) -> impl fmt::Display {
        self.fields
    }

    /// How many bytes the text has in the change stream: RFC 3339 in whole seconds, with its offset.
    pub(crate) fn wire_len(&self) -> usize {
        if self.has_offset { "2006-01-02T15:04:05+07:00".len() } else { "2006-01-02T15:04:05Z".len() }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl Fields {
    fn valid(self) -> bool {
        let leap =
            self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&self.day) && self.hour < 24 && self.minute < 60 && self.second < 60
    }
}

/// The rest of the text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn expect(&mut self, byte: &[u8; 1]) -> Option<()> {
        self.0 = self.0.strip_prefix(byte)?;
        Some(())
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (head, tail) = self.0.split_at_checked(count)?;
        if !head.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.0 = tail;
        Some(head.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        self.digits(2).or_else(|| self.digits(1))
    }

    /// A separator with at least one digit after it. Anything else is left, and then refused as an offset.
    fn fraction(&mut self) {
        if let [b'.' | b',', digits @ ..] = self.0 {
            let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if count > 0 {
                self.0 = &digits[count..];
            }
        }
    }

    /// `Z` or `±hh:mm` to the end; returns whether there was an offset other than zero.
    fn offset(&mut self) -> Option<bool> {
        match self.0 {
            b"Z" => return Some(false),
            [b'+' | b'-', rest @ ..] => self.0 = rest,
            _ => return None,
        }
        let hours = self.digits(2)?;
        self.expect(b":")?;
        let minutes = self.digits(2)?;
        // Go's own bounds; its source says that some people write 24 hours and 60 minutes.
        (hours <= 24 && minutes <= 60 && self.0.is_empty()).then_some(hours + minutes > 0)
    }
}
