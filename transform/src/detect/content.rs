//! Recognises kinds of data by the values.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::Sort;
use crate::check_digits::{is_card_number, is_iban};
use crate::lists;
use crate::locale::Locale;
use crate::sql::{SqlKind, SqlType};

/// How many of a column's values look like each kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    seen: u32,
    email: u32,
    phone: u32,
    first_name: u32,
    last_name: u32,
    full_name: u32,
    card: u32,
    iban: u32,
    ip: u32,
    social_security: u32,
    /// The value was found inside a longer text.
    inside: u32,
}

/// Fewer matching values may match by chance.
const FEWEST: u32 = 3;

impl Counts {
    pub(super) fn seen(&self) -> u32 {
        self.seen
    }

    pub(super) fn observe(&mut self, value: &str, sql: &SqlType) {
        self.seen += 1;
        match &sql.kind {
            SqlKind::Inet | SqlKind::Cidr => self.ip += 1,
            SqlKind::Int(_) | SqlKind::Numeric { .. } => self.card += u32::from(is_card(value)),
            SqlKind::Json | SqlKind::Xml | SqlKind::Array(_) => self.inside += u32::from(holds_email(value)),
            _ if sql.is_text() || sql.kind == SqlKind::Other => self.text(value.trim()),
            _ => {}
        }
    }

    fn text(&mut self, value: &str) {
        let count = |counter: &mut u32, found: bool| *counter += u32::from(found);
        // Longer values are texts.
        if value.len() > 120 {
            count(&mut self.inside, holds_email(value) || holds_iban(value));
        } else if is_email(value) {
            self.email += 1;
        } else if value.contains('@') {
            count(&mut self.inside, holds_email(value));
        } else if value.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '(' || c == ':') {
            if is_social_security(value) {
                self.social_security += 1;
            } else if is_card(value) {
                self.card += 1;
            } else if is_ip(value) {
                self.ip += 1;
            } else if is_phone(value) {
                self.phone += 1;
            }
        } else if is_iban(value) {
            self.iban += 1;
        } else if value.contains(' ') && holds_iban(value) {
            self.inside += 1;
        } else {
            self.name(value);
        }
    }

    fn name(&mut self, value: &str) {
        let mut words = value.split(' ').filter(|word| !word.is_empty());
        let (Some(first), second, third) = (words.next(), words.next(), words.next()) else { return };
        match (second, third) {
            (None, _) => {
                self.first_name += u32::from(FIRST_NAMES.contains(first));
                self.last_name += u32::from(LAST_NAMES.contains(first));
            }
            (Some(second), None) => {
                let known = FIRST_NAMES.contains(first) || LAST_NAMES.contains(second);
                let named = |word: &str| {
                    word.starts_with(char::is_uppercase)
                        && word.chars().all(|c| c.is_alphabetic() || "-.'".contains(c))
                };
                self.full_name += u32::from(known && named(first) && named(second));
            }
            (Some(_), Some(_)) => {}
        }
    }

    /// How many values are nothing of this sort, where that is certain.
    pub(super) fn exceptions(&self, sort: Sort) -> u32 {
        match sort {
            Sort::Iban => self.seen - self.iban,
            Sort::CardNumber => self.seen - self.card,
            _ => 0,
        }
    }

    /// What most values look like, and in words how many.
    pub(super) fn verdict(&self) -> Option<(Sort, String)> {
        let say = |count: u32, sort: Sort| {
            (sort, format!("{count} of {} sampled values look like {}", self.seen, sort.words()))
        };
        let most = |count: u32, percent: u32| count >= FEWEST && count * 100 >= self.seen * percent;
        let whole = [
            (self.email, 60, Sort::Email),
            (self.iban, 60, Sort::Iban),
            (self.card, 60, Sort::CardNumber),
            (self.social_security, 60, Sort::SocialSecurity),
            (self.ip, 80, Sort::IpAddress),
            (self.phone, 80, Sort::Phone),
            (self.full_name, 40, Sort::FullName),
        ];
        if let Some((count, _, sort)) = whole.into_iter().find(|(count, percent, _)| most(*count, *percent)) {
            return Some(say(count, sort));
        }
        // Many words are also names, so most of the values must be names.
        let (count, sort) = (self.first_name, Sort::FirstName).max((self.last_name, Sort::LastName));
        if most(count, 50) {
            return Some(say(count, sort));
        }
        // One is enough: it belongs to somebody.
        let inside = self.inside + if self.email < FEWEST || !most(self.email, 60) { self.email } else { 0 };
        let text =
            format!("{inside} of {} sampled values contain an e-mail address or a bank account", self.seen);
        (inside > 0).then_some((Sort::FreeText, text))
    }
}

static FIRST_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| names(|local| &local.first_names));
static LAST_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| names(|local| &local.last_names));

fn names(list: impl Fn(&'static lists::Local) -> &'static lists::List) -> HashSet<&'static str> {
    [Locale::En, Locale::De, Locale::Fr]
        .into_iter()
        .flat_map(|locale| list(lists::local(locale)).iter().copied())
        .collect()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_is_valid =
        !local.is_empty() && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    let mut labels = domain.split('.');
    let label_is_valid =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let ends_in_letters = domain
        .rsplit('.')
        .next()
        .is_some_and(|last| last.len() >= 2 && last.starts_with(char::is_alphabetic));
    local_is_valid && domain.contains('.') && labels.all(label_is_valid) && ends_in_letters
}

/// Any word of the text is an address.
fn holds_email(text: &str) -> bool {
    text.contains('@')
        && text
            .split(|c: char| c.is_whitespace() || "\"'<>()[]{},;:|\\".contains(c))
            .any(|word| is_email(word.trim_matches(|c: char| ".!?*=".contains(c))))
}

/// Seven to fifteen digits with the usual separators. Digits alone could be anything.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let others = text.bytes().all(|b| b.is_ascii_digit() || b" +-()./".contains(&b));
    let written = text.starts_with('+')
        || text.starts_with("00")
        || text.starts_with('(')
        || text.contains([' ', '-', '/']);
    others && written && (7..=15).contains(&digits) && !looks_like_date(text)
}

fn looks_like_date(text: &str) -> bool {
    let lengths: Vec<usize> = text.split(|c: char| !c.is_ascii_digit()).map(str::len).collect();
    matches!(lengths.as_slice(), [4, 2, 2, ..] | [2, 2, 4, ..] | [1 | 2, 1 | 2, 4, ..])
}

/// Thirteen to nineteen digits, grouped or not, that begin like a card number and pass Luhn's test.
fn is_card(text: &str) -> bool {
    text.starts_with(|c: char| ('2'..='6').contains(&c))
        && text.bytes().filter(u8::is_ascii_digit).count() >= 13
        && is_card_number(text)
}

fn holds_iban(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.len() >= 15 && is_iban(word))
}

fn is_ip(text: &str) -> bool {
    text.split('/').next().is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// The American form: 123-45-6789.
fn is_social_security(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), [a, b, c] if (a.len(), b.len(), c.len()) == (3, 2, 4))
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_values() {
        for good in ["jane@shop.test", "a.b+c@mail.example.co.uk", "ü@bücher.de"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["jane", "@shop.test", "jane@", "jane@shop", "a b@c.de", "x@1.2", "a@b@c.de"] {
            assert!(!is_email(bad), "{bad}");
        }
        for good in ["+1 555 010 4477", "(030) 901820", "030/901820-3", "+49301234567"] {
            assert!(is_phone(good), "{good}");
        }
        for bad in ["5550104477", "2024-01-31", "31.01.2024", "1.2.3", "12-34", "+1", "2024-01-31 10:00"] {
            assert!(!is_phone(bad), "{bad}");
        }
        for good in ["4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004"] {
            assert!(is_card(good), "{good}");
        }
        for bad in ["4111111111111112", "1234567890123", "411111111111", "9999999999999995"] {
            assert!(!is_card(bad), "{bad}");
        }
        for good in ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"] {
            assert!(is_iban(good), "{good}");
        }
        for bad in ["DE89370400440532013001", "DE89", "XX", "not an iban at all"] {
            assert!(!is_iban(bad), "{bad}");
        }
        assert!(is_ip("10.0.0.1") && is_ip("::1") && !is_ip("1.2.3") && !is_ip("1.2.3.4.5"));
        assert!(is_social_security("123-45-6789") && !is_social_security("12-345-6789"));
        assert!(holds_email("write to <jane@shop.test>, please.") && !holds_email("@home at 5"));
        assert!(holds_iban("pay to DE89370400440532013000."));
    }
}
