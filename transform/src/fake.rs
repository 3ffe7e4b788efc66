//! The fakes: values that are drawn from our own lists by the keyed hash of the original.
//!
//! Lists and draws of our own: what a value becomes is a contract, from release to release, and a
//! version of a library of fakes may change its lists and the order of its draws.

use crate::check_digits;
use crate::keyed::Draw;
use crate::lists;
use crate::locale::Locale;
use crate::sql::date;

/// Declares the kinds; each name is written once.
macro_rules! kinds {
    ($($kind:ident)*) => {
        #[expect(clippy::upper_case_acronyms, reason = "the configuration spells it so")]
        /// The kinds of fakes. Their names are those of the configuration without `Fake`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
        pub(crate) enum FakeKind { $($kind),* }

        impl FakeKind {
            pub(crate) const ALL: &'static [(&'static str, FakeKind)] = &[$((concat!("Fake", stringify!($kind)), FakeKind::$kind)),*];
        }
    };
}

kinds! {
    Name FirstName LastName Email SSN DateOfBirth Phone Gender Title JobTitle Industry DomainName Username Password
    StreetAddress Street City State StateAbbr Zip Country Company Product ProductName ProductDescription Paragraph
    Sentence Word Words Characters Character Digits Month MonthNum WeekDay Year Latitude Longitude CreditCardType
    CreditCardNum Currency
}

impl FakeKind {
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// The options of a fake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fake {
    pub(crate) kind: FakeKind,
    pub(crate) locale: Locale,
    /// How many characters or words, if the kind has a length option.
    pub(crate) length: Option<usize>,
    /// The first and the last year.
    pub(crate) years: (i64, i64),
    /// The most characters that the column allows.
    pub(crate) limit: Option<usize>,
}

/// How often another fake is drawn before one is cut to the column's length.
const TRIES: usize = 8;

impl Fake {
    /// Appends a fake that fits the column.
    pub(crate) fn push(&self, draw: &mut Draw, out: &mut String) {
        let from = out.len();
        let Some(limit) = self.limit else { return self.draw(draw, out) };
        for _ in 0..TRIES {
            out.truncate(from);
            self.draw(draw, out);
            if out.len() - from <= limit || out[from..].chars().count() <= limit {
                return;
            }
        }
        let tail = match self.kind {
            FakeKind::Email => "@example.org",
            FakeKind::DomainName => ".example",
            _ => "",
        };
        if tail.is_empty() {
            crate::text::cut(out, from, limit);
            let kept = out[from..].trim_end().len();
            out.truncate(from + kept);
        } else {
            out.truncate(from);
            (0..limit.saturating_sub(tail.len()).clamp(1, 12)).for_each(|_| out.push(letter(draw)));
            out.push_str(tail);
        }
    }

    fn draw(&self, draw: &mut Draw, out: &mut String) {
        let local = lists::local(self.locale);
        match self.kind {
            FakeKind::FirstName => out.push_str(draw.pick(&local.first_names)),
            FakeKind::LastName => out.push_str(draw.pick(&local.last_names)),
            FakeKind::Name => two(out, draw.pick(&local.first_names), " ", draw.pick(&local.last_names)),
            FakeKind::Title => out.push_str(draw.pick(&local.titles)),
            FakeKind::Month => out.push_str(draw.pick(&local.months)),
            FakeKind::WeekDay => out.push_str(draw.pick(&local.weekdays)),
            FakeKind::Email | FakeKind::Username | FakeKind::DomainName | FakeKind::Password => {
                self.internet(draw, out)
            }
            FakeKind::StreetAddress
            | FakeKind::Street
            | FakeKind::City
            | FakeKind::State
            | FakeKind::StateAbbr
            | FakeKind::Zip
            | FakeKind::Country => self.place(draw, out),
            FakeKind::Company
            | FakeKind::Product
            | FakeKind::ProductName
            | FakeKind::JobTitle
            | FakeKind::Industry => {
                self.business(draw, out);
            }
            FakeKind::ProductDescription
            | FakeKind::Paragraph
            | FakeKind::Sentence
            | FakeKind::Word
            | FakeKind::Words
            | FakeKind::Characters
            | FakeKind::Character
            | FakeKind::Digits => self.text(draw, out),
            FakeKind::Gender => out.push_str(draw.pick(&lists::GENDERS)),
            FakeKind::CreditCardType => out.push_str(draw.pick(&lists::CARD_TYPES)),
            FakeKind::Currency => out.push_str(draw.pick(&lists::CURRENCIES)),
            FakeKind::CreditCardNum => card(draw, out),
            FakeKind::SSN | FakeKind::Phone => number(self.kind, draw, out),
            FakeKind::DateOfBirth
            | FakeKind::MonthNum
            | FakeKind::Year
            | FakeKind::Latitude
            | FakeKind::Longitude => {
                self.measure(draw, out);
            }
        }
    }

    fn internet(&self, draw: &mut Draw, out: &mut String) {
        let local = lists::local(Locale::En);
        match self.kind {
            // Mail to these domains is never delivered.
            FakeKind::Email => {
                push_local_part(draw, out);
                two(out, "@example.", "", draw.pick(&["com", "net", "org"]));
            }
            FakeKind::Username => {
                out.push_str(&draw.pick(&local.last_names).to_lowercase());
                digits(4, draw, out);
            }
            FakeKind::DomainName => {
                two(out, draw.pick(&lists::WORDS), "-", draw.pick(&lists::WORDS));
                out.push_str(".example");
            }
            _ => {
                const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#%+-=?@";
                for _ in 0..self.length.unwrap_or(12) {
                    out.push(char::from(LETTERS[draw.below(LETTERS.len() as u64) as usize]));
                }
            }
        }
    }

    fn place(&self, draw: &mut Draw, out: &mut String) {
        let local = lists::local(self.locale);
        match self.kind {
            FakeKind::City => out.push_str(draw.pick(&local.cities)),
            FakeKind::State => out.push_str(state(draw, local).1),
            FakeKind::StateAbbr => out.push_str(state(draw, local).0),
            FakeKind::Zip => digits(5, draw, out),
            FakeKind::Country => out.push_str(draw.pick(&lists::COUNTRIES)),
            _ => {
                let number = draw.between(1, 199).to_string();
                let street = draw.pick(&local.streets);
                // The house number comes first, except in German.
                if self.locale == Locale::De {
                    two(out, street, " ", &number)
                } else {
                    two(out, &number, " ", street)
                }
                if self.kind == FakeKind::StreetAddress {
                    self.town(draw, local, out);
                }
            }
        }
    }

    fn town(&self, draw: &mut Draw, local: &lists::Local, out: &mut String) {
        out.push_str(", ");
        let city = draw.pick(&local.cities);
        if self.locale == Locale::En {
            two(out, city, ", ", state(draw, local).1);
            out.push(' ');
            digits(5, draw, out);
        } else {
            digits(5, draw, out);
            two(out, " ", "", city);
        }
    }

    fn business(&self, draw: &mut Draw, out: &mut String) {
        let names = &lists::local(Locale::En).last_names;
        match self.kind {
            FakeKind::Company => two(out, draw.pick(names), " ", draw.pick(&lists::COMPANY_SUFFIXES)),
            FakeKind::JobTitle => out.push_str(draw.pick(&lists::JOB_TITLES)),
            FakeKind::Industry => out.push_str(draw.pick(&lists::INDUSTRIES)),
            _ => {
                two(out, draw.pick(&lists::PRODUCT_ADJECTIVES), " ", draw.pick(&lists::PRODUCT_MATERIALS));
                two(out, " ", "", draw.pick(&lists::PRODUCT_NOUNS));
            }
        }
    }

    fn text(&self, draw: &mut Draw, out: &mut String) {
        match self.kind {
            FakeKind::Word => out.push_str(draw.pick(&lists::WORDS)),
            FakeKind::Words => words(self.length.unwrap_or(3), draw, out),
            FakeKind::Character => out.push(letter(draw)),
            FakeKind::Characters => (0..self.length.unwrap_or(8)).for_each(|_| out.push(letter(draw))),
            FakeKind::Digits => digits(self.length.unwrap_or(8), draw, out),
            FakeKind::Sentence => sentence(draw, out),
            FakeKind::ProductDescription => {
                sentence(draw, out);
                out.push(' ');
                sentence(draw, out);
            }
            _ => {
                for i in 0..3 {
                    if i > 0 {
                        out.push(' ');
                    }
                    sentence(draw, out);
                }
            }
        }
    }

    fn measure(&self, draw: &mut Draw, out: &mut String) {
        use std::fmt::Write;
        let (from, to) = self.years;
        // Writing to a string cannot fail.
        let _ = match self.kind {
            FakeKind::DateOfBirth => {
                let first = date::to_days(date::Day { year: from, month: 1, day: 1 });
                let last = date::to_days(date::Day { year: to, month: 12, day: 31 });
                date::push(date::from_days(draw.between(first, last)), "", out);
                Ok(())
            }
            FakeKind::MonthNum => write!(out, "{}", draw.between(1, 12)),
            FakeKind::Year => write!(out, "{}", draw.between(from, to)),
            kind => {
                let most = if kind == FakeKind::Latitude { 90_000_000 } else { 180_000_000 };
                let value = draw.between(-most, most);
                let sign = if value < 0 { "-" } else { "" };
                write!(out, "{sign}{}.{:06}", value.abs() / 1_000_000, value.abs() % 1_000_000)
            }
        };
    }
}

impl FakeKind {
    /// The kind needs at least this many characters.
    pub(crate) fn shortest(self) -> usize {
        match self {
            Self::Email => 14,
            Self::DomainName => 10,
            Self::SSN => 11,
            Self::DateOfBirth | Self::Phone => 10,
            Self::CreditCardNum => 16,
            Self::Latitude => 10,
            Self::Longitude => 11,
            Self::Zip => 5,
            Self::Year => 4,
            Self::Currency => 3,
            Self::StateAbbr | Self::MonthNum => 2,
            _ => 1,
        }
    }

    /// All values that it can produce, if that is a short list.
    pub(crate) fn values(self, locale: Locale) -> Option<&'static lists::List> {
        let local = lists::local(locale);
        Some(match self {
            Self::Gender => &lists::GENDERS,
            Self::CreditCardType => &lists::CARD_TYPES,
            Self::Currency => &lists::CURRENCIES,
            Self::Title => &local.titles,
            Self::Month => &local.months,
            Self::WeekDay => &local.weekdays,
            _ => return None,
        })
    }

    /// Where a suffix that makes the fake unique can be added: at the end, or before this character; and the
    /// separator. `None` if a suffix would make it invalid.
    pub(crate) fn suffix(self) -> Option<Suffix> {
        let suffix = |separator, before| Some(Suffix { separator, before });
        match self {
            Self::Email => suffix('.', Some('@')),
            Self::DomainName => suffix('-', Some('.')),
            Self::Name
            | Self::FirstName
            | Self::LastName
            | Self::JobTitle
            | Self::Industry
            | Self::StreetAddress
            | Self::Street
            | Self::City
            | Self::State
            | Self::Country
            | Self::Company
            | Self::Product
            | Self::ProductName
            | Self::ProductDescription
            | Self::Paragraph
            | Self::Sentence
            | Self::Words => suffix(' ', None),
            Self::Username | Self::Password | Self::Word | Self::Characters => suffix('-', None),
            _ => None,
        }
    }
}

/// How a suffix is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Suffix {
    pub(crate) separator: char,
    pub(crate) before: Option<char>,
}

fn two(out: &mut String, first: &str, between: &str, second: &str) {
    out.push_str(first);
    out.push_str(between);
    out.push_str(second);
}

fn letter(draw: &mut Draw) -> char {
    char::from(b'a' + draw.below(26) as u8)
}

fn digits(count: usize, draw: &mut Draw, out: &mut String) {
    (0..count).for_each(|_| out.push(draw.digit()));
}

/// The part before the `@`: `jane.roe`.
pub(crate) fn push_local_part(draw: &mut Draw, out: &mut String) {
    let local = lists::local(Locale::En);
    out.push_str(&draw.pick(&local.first_names).to_lowercase());
    out.push('.');
    out.push_str(&draw.pick(&local.last_names).to_lowercase());
}

fn state(draw: &mut Draw, local: &lists::Local) -> (&'static str, &'static str) {
    let entry: &'static str = draw.pick(&local.states);
    entry.split_once(' ').unwrap_or((entry, entry))
}

fn words(count: usize, draw: &mut Draw, out: &mut String) {
    for i in 0..count {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(draw.pick(&lists::WORDS));
    }
}

fn sentence(draw: &mut Draw, out: &mut String) {
    let first = draw.pick(&lists::WORDS);
    out.push_str(&first[..1].to_ascii_uppercase());
    two(out, &first[1..], " ", "");
    words(draw.between(4, 9) as usize, draw, out);
    out.push('.');
}

/// Telephone numbers that are not assigned to anybody.
fn number(kind: FakeKind, draw: &mut Draw, out: &mut String) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = if kind == FakeKind::SSN {
        // Numbers with the area 9xx and a group below 50 are never assigned.
        let (area, group) = (draw.between(900, 999), draw.between(1, 49));
        write!(out, "{area}-{group:02}-{:04}", draw.between(1, 9999))
    } else {
        write!(out, "{}{:02}555{:04}", draw.between(2, 9), draw.between(0, 99), draw.between(0, 9999))
    };
}

/// Sixteen digits that begin like a card number and have a valid check digit.
fn card(draw: &mut Draw, out: &mut String) {
    let from = out.len();
    out.push_str(draw.pick(&["4", "51", "52", "53", "54", "55", "6011", "35"]));
    let missing = 15 - (out.len() - from);
    digits(missing, draw, out);
    let check = check_digits::luhn_check_digit(&out.as_bytes()[from..]);
    out.push(char::from(b'0' + check));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::Key;

    fn fakes(kind: FakeKind, limit: Option<usize>) -> Vec<String> {
        let source = Key::insecure_unkeyed().source(kind.name(), "");
        let one = |n: usize| {
            let mut out = "x".to_owned();
            let fake = Fake {
                kind,
                locale: [Locale::En, Locale::De, Locale::Fr][n % 3],
                length: None,
                years: (1940, 2005),
                limit,
            };
            fake.push(&mut source.draw(&n.to_string()), &mut out);
            out.split_off(1)
        };
        (0..60).map(one).collect()
    }

    #[test]
    fn every_kind_varies_and_fits() {
        for (name, kind) in FakeKind::ALL {
            let distinct: std::collections::HashSet<String> = fakes(*kind, None).into_iter().collect();
            assert!(distinct.len() > 1, "{name}");
            for limit in kind.shortest()..40 {
                for fake in fakes(*kind, Some(limit)) {
                    assert!(!fake.is_empty() && fake.chars().count() <= limit, "{name} in {limit}: {fake}");
                }
            }
        }
    }

    #[test]
    fn shapes() {
        for (kind, pattern) in [
            (FakeKind::Email, r"^[a-z]+\.[a-z]+@example\.(com|net|org)$"),
            (FakeKind::SSN, r"^9\d\d-[0-4]\d-\d{4}$"),
            (FakeKind::DateOfBirth, r"^(19[4-9]\d|200[0-5])-\d\d-\d\d$"),
            (FakeKind::Phone, r"^[2-9]\d\d555\d{4}$"),
            (FakeKind::Zip, r"^\d{5}$"),
            (FakeKind::CreditCardNum, r"^\d{16}$"),
            (FakeKind::Latitude, r"^-?\d{1,2}\.\d{6}$"),
            (FakeKind::Longitude, r"^-?\d{1,3}\.\d{6}$"),
            (FakeKind::MonthNum, r"^([1-9]|1[0-2])$"),
            (FakeKind::DomainName, r"^[a-z]+-[a-z]+\.example$"),
            (FakeKind::Username, r"^[a-z]+\d{4}$"),
            (FakeKind::Sentence, r"^[A-Z][a-z]*( [a-z]+){4,9}\.$"),
            (FakeKind::StateAbbr, r"^[A-Z]{2}$"),
        ] {
            let regex = regex::Regex::new(pattern).unwrap();
            for fake in fakes(kind, None) {
                assert!(regex.is_match(&fake), "{fake}");
            }
        }
    }

    #[test]
    fn cut_fakes_keep_their_shape() {
        let regex = regex::Regex::new(r"^[a-z.]+@example\.(com|net|org)$").unwrap();
        assert!(fakes(FakeKind::Email, Some(14)).iter().all(|fake| regex.is_match(fake)));
        assert!(fakes(FakeKind::DomainName, Some(10)).iter().all(|fake| fake.ends_with(".example")));
    }
}
