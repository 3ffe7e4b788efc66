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
        pub(crate) enum Kind { $($kind),* }

        impl Kind {
            pub(crate) const ALL: &'static [(&'static str, Kind)] = &[$((concat!("Fake", stringify!($kind)), Kind::$kind)),*];
        }
    };
}

kinds! {
    Name FirstName LastName Email SSN DateOfBirth Phone Gender Title JobTitle Industry DomainName Username Password
    StreetAddress Street City State StateAbbr Zip Country Company Product ProductName ProductDescription Paragraph
    Sentence Word Words Characters Character Digits Month MonthNum WeekDay Year Latitude Longitude CreditCardType
    CreditCardNum Currency
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// The options of a fake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
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

impl Shape {
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
            Kind::Email => "@example.org",
            Kind::DomainName => ".example",
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
            Kind::FirstName => out.push_str(draw.pick(&local.first_names)),
            Kind::LastName => out.push_str(draw.pick(&local.last_names)),
            Kind::Name => two(out, draw.pick(&local.first_names), " ", draw.pick(&local.last_names)),
            Kind::Title => out.push_str(draw.pick(&local.titles)),
            Kind::Month => out.push_str(draw.pick(&local.months)),
            Kind::WeekDay => out.push_str(draw.pick(&local.weekdays)),
            Kind::Email | Kind::Username | Kind::DomainName | Kind::Password => self.internet(draw, out),
            Kind::StreetAddress
            | Kind::Street
            | Kind::City
            | Kind::State
            | Kind::StateAbbr
            | Kind::Zip
            | Kind::Country => self.place(draw, out),
            Kind::Company | Kind::Product | Kind::ProductName | Kind::JobTitle | Kind::Industry => {
                self.business(draw, out);
            }
            Kind::ProductDescription
            | Kind::Paragraph
            | Kind::Sentence
            | Kind::Word
            | Kind::Words
            | Kind::Characters
            | Kind::Character
            | Kind::Digits => self.text(draw, out),
            Kind::Gender => out.push_str(draw.pick(&lists::GENDERS)),
            Kind::CreditCardType => out.push_str(draw.pick(&lists::CARD_TYPES)),
            Kind::Currency => out.push_str(draw.pick(&lists::CURRENCIES)),
            Kind::CreditCardNum => card(draw, out),
            Kind::SSN | Kind::Phone => number(self.kind, draw, out),
            Kind::DateOfBirth | Kind::MonthNum | Kind::Year | Kind::Latitude | Kind::Longitude => {
                self.measure(draw, out);
            }
        }
    }

    fn internet(&self, draw: &mut Draw, out: &mut String) {
        let local = lists::local(Locale::En);
        match self.kind {
            // Mail to these domains is never delivered.
            Kind::Email => {
                push_local_part(draw, out);
                two(out, "@example.", "", draw.pick(&["com", "net", "org"]));
            }
            Kind::Username => {
                out.push_str(&draw.pick(&local.last_names).to_lowercase());
                digits(4, draw, out);
            }
            Kind::DomainName => {
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
            Kind::City => out.push_str(draw.pick(&local.cities)),
            Kind::State => out.push_str(state(draw, local).1),
            Kind::StateAbbr => out.push_str(state(draw, local).0),
            Kind::Zip => digits(5, draw, out),
            Kind::Country => out.push_str(draw.pick(&lists::COUNTRIES)),
            _ => {
                let number = draw.between(1, 199).to_string();
                let street = draw.pick(&local.streets);
                // The house number comes first, except in German.
                if self.locale == Locale::De {
                    two(out, street, " ", &number)
                } else {
                    two(out, &number, " ", street)
                }
                if self.kind == Kind::StreetAddress {
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
            Kind::Company => two(out, draw.pick(names), " ", draw.pick(&lists::COMPANY_SUFFIXES)),
            Kind::JobTitle => out.push_str(draw.pick(&lists::JOB_TITLES)),
            Kind::Industry => out.push_str(draw.pick(&lists::INDUSTRIES)),
            _ => {
                two(out, draw.pick(&lists::PRODUCT_ADJECTIVES), " ", draw.pick(&lists::PRODUCT_MATERIALS));
                two(out, " ", "", draw.pick(&lists::PRODUCT_NOUNS));
            }
        }
    }

    fn text(&self, draw: &mut Draw, out: &mut String) {
        match self.kind {
            Kind::Word => out.push_str(draw.pick(&lists::WORDS)),
            Kind::Words => words(self.length.unwrap_or(3), draw, out),
            Kind::Character => out.push(letter(draw)),
            Kind::Characters => (0..self.length.unwrap_or(8)).for_each(|_| out.push(letter(draw))),
            Kind::Digits => digits(self.length.unwrap_or(8), draw, out),
            Kind::Sentence => sentence(draw, out),
            Kind::ProductDescription => {
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
            Kind::DateOfBirth => {
                let first = date::to_days(date::Day { year: from, month: 1, day: 1 });
                let last = date::to_days(date::Day { year: to, month: 12, day: 31 });
                date::push(date::from_days(draw.between(first, last)), "", out);
                Ok(())
            }
            Kind::MonthNum => write!(out, "{}", draw.between(1, 12)),
            Kind::Year => write!(out, "{}", draw.between(from, to)),
            kind => {
                let most = if kind == Kind::Latitude { 90_000_000 } else { 180_000_000 };
                let value = draw.between(-most, most);
                let sign = if value < 0 { "-" } else { "" };
                write!(out, "{sign}{}.{:06}", value.abs() / 1_000_000, value.abs() % 1_000_000)
            }
        };
    }
}

impl Kind {
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
fn number(kind: Kind, draw: &mut Draw, out: &mut String) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = if kind == Kind::SSN {
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

    fn fakes(kind: Kind, limit: Option<usize>) -> Vec<String> {
        let source = Key::insecure_unkeyed().source(kind.name(), "");
        let one = |n: usize| {
            let mut out = "x".to_owned();
            let shape = Shape {
                kind,
                locale: [Locale::En, Locale::De, Locale::Fr][n % 3],
                length: None,
                years: (1940, 2005),
                limit,
            };
            shape.push(&mut source.draw(&n.to_string()), &mut out);
            out.split_off(1)
        };
        (0..60).map(one).collect()
    }

    #[test]
    fn every_kind_varies_and_fits() {
        for (name, kind) in Kind::ALL {
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
            (Kind::Email, r"^[a-z]+\.[a-z]+@example\.(com|net|org)$"),
            (Kind::SSN, r"^9\d\d-[0-4]\d-\d{4}$"),
            (Kind::DateOfBirth, r"^(19[4-9]\d|200[0-5])-\d\d-\d\d$"),
            (Kind::Phone, r"^[2-9]\d\d555\d{4}$"),
            (Kind::Zip, r"^\d{5}$"),
            (Kind::CreditCardNum, r"^\d{16}$"),
            (Kind::Latitude, r"^-?\d{1,2}\.\d{6}$"),
            (Kind::Longitude, r"^-?\d{1,3}\.\d{6}$"),
            (Kind::MonthNum, r"^([1-9]|1[0-2])$"),
            (Kind::DomainName, r"^[a-z]+-[a-z]+\.example$"),
            (Kind::Username, r"^[a-z]+\d{4}$"),
            (Kind::Sentence, r"^[A-Z][a-z]*( [a-z]+){4,9}\.$"),
            (Kind::StateAbbr, r"^[A-Z]{2}$"),
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
        assert!(fakes(Kind::Email, Some(14)).iter().all(|fake| regex.is_match(fake)));
        assert!(fakes(Kind::DomainName, Some(10)).iter().all(|fake| fake.ends_with(".example")));
    }
}
