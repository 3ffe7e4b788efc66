//! The change of one value: a rule, compiled for a column.

use std::borrow::Cow;

use crate::check_digits;
use crate::config::{PathRule, Rule, Spread, Transform, Unique};
use crate::error::Reason;
use crate::fake::{self, Fake, Suffix};
use crate::json::{Change, Path, Scalar, rewrite};
use crate::keyed::{Draw, Key, Source};
use crate::mask;
use crate::number;
use crate::pattern::Pattern;
use crate::permute::Permutation;
use crate::sql::{SqlKind, SqlType, array};
use crate::uuid;

/// Characters of the suffix that makes a value unique. There are 36^13 suffixes, so the probability that two of n
/// values are the same is at most n²/2 in 1.7 × 10^20.
pub(crate) const SUFFIX: usize = 13;

/// Digits of a hash, if the column has room for them.
pub(crate) const HASH: usize = 32;

/// The input for one value.
pub(crate) struct Cell<'a> {
    /// The value, as in the dump.
    pub(crate) text: &'a str,
    /// The number of the row, for transforms that are not consistent.
    pub(crate) row: u64,
    /// The value of another column, which decides instead.
    pub(crate) by: Option<&'a str>,
}

/// A compiled rule for values of one type. It has no mutable state, so threads can share it.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    kind: ActionKind,
    source: Source,
    consistent: bool,
    /// The type that the results range over: the column's own, or that of the column which a foreign key references.
    domain: SqlType,
    suffix: Option<Suffix>,
    /// The most characters of a value.
    limit: Option<usize>,
    /// The column pads its values with blanks, which have no meaning.
    padded: bool,
}

#[derive(Debug, Clone)]
enum ActionKind {
    Fake(Fake),
    Bool,
    Regex(Pattern),
    Null,
    Constant(String),
    /// A hash with this many digits.
    Hash(usize),
    HashInteger(Permutation, (i64, i64)),
    HashBytes(usize),
    Redact(char),
    Mask {
        first: usize,
        last: usize,
        with: char,
    },
    Noise(Spread),
    DateShift(i64),
    Digits(Permutation, (i64, i64)),
    Number(Permutation),
    Pattern {
        permutation: Permutation,
        first: usize,
        last: usize,
    },
    Uuid(Permutation),
    Email,
    IpAddress {
        permutation: Permutation,
        keep: u32,
    },
    Iban(Permutation),
    CardNumber {
        permutation: Permutation,
        first: usize,
    },
    Json(Vec<(Path, Action)>),
    Array(Box<Action>),
    Truncate(usize),
}

impl Action {
    /// `None` for transforms that need more than the value: templates, passwords, `keep`. `place` distinguishes
    /// columns in which equal values must not become equal.
    pub(crate) fn new(rule: &Rule, domain: &SqlType, key: &Key, place: &str) -> Option<Self> {
        let salt = rule.salt.as_deref().unwrap_or_default();
        let purpose = rule.transform.name();
        let source = if rule.consistent {
            key.source(purpose, salt)
        } else {
            key.source(&format!("{purpose} of each row"), &format!("{salt}\0{place}"))
        };
        let kind = kind(rule, domain, &source, key, place)?;
        let suffix = match &rule.transform {
            _ if rule.unique != Unique::Yes => None,
            Transform::Fake { kind, .. } => kind.suffix(),
            Transform::Email => Some(Suffix { separator: '.', before: Some('@') }),
            _ => None,
        };
        Some(Self {
            kind,
            source,
            consistent: rule.consistent,
            domain: domain.clone(),
            suffix,
            limit: domain.most(),
            padded: false,
        })
    }

    /// The same for a column of this type, which may differ from the type that the results range over.
    pub(crate) fn in_column(mut self, own: &SqlType) -> Self {
        self.padded = own.kind == SqlKind::Char;
        self
    }

    /// Appends the new value; `false` means NULL.
    pub(crate) fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<bool, Reason> {
        let text = if self.padded { cell.text.trim_end_matches(' ') } else { cell.text };
        let text = self.domain.canonical(text);
        let text = text.as_ref();
        match &self.kind {
            ActionKind::Null => return Ok(false),
            ActionKind::Fake(fake) => fake.push(&mut self.draw(text, cell.row), out),
            ActionKind::Bool if self.consistent => out.push_str(cell.text),
            ActionKind::Bool => out.push_str(["f", "t"][self.draw(text, cell.row).below(2) as usize]),
            ActionKind::Regex(pattern) => pattern.replace(cell.text, out),
            ActionKind::Constant(value) => out.push_str(value),
            ActionKind::Hash(digits) => {
                out.push_str(&crate::text::hex(&self.seed(text, cell.row))[..*digits])
            }
            ActionKind::HashBytes(bytes) => {
                out.push_str("\\x");
                out.push_str(&crate::text::hex(&self.seed(text, cell.row)[..*bytes]));
            }
            ActionKind::HashInteger(permutation, range) => {
                push_integer(permutation.same_sign(integer(text, *range)?, *range), out);
            }
            ActionKind::Digits(permutation, range) => {
                push_integer(permutation.same_digits(integer(text, *range)?, *range), out);
            }
            ActionKind::Number(permutation) => whole_number(*permutation, text, out)?,
            ActionKind::Pattern { permutation, first, last } => permutation.pattern(text, *first, *last, out),
            ActionKind::Redact(with) => mask::redact(cell.text, *with, out),
            ActionKind::Mask { first, last, with } => mask::mask(cell.text, *first, *last, *with, out),
            ActionKind::Noise(spread) => {
                number::noise(cell.text, *spread, &self.domain, &mut self.draw(text, cell.row), out)?;
            }
            ActionKind::DateShift(days) => {
                let mut draw = self.draw(cell.by.unwrap_or(text), cell.row);
                number::shift(cell.text, *days, &self.domain, &mut draw, out)?;
            }
            ActionKind::Uuid(permutation) => self.uuid(*permutation, text, cell.row, out),
            ActionKind::Email => self.email(text, cell.row, out),
            ActionKind::IpAddress { permutation, keep } => {
                address(*permutation, *keep, text, &self.domain, out)?
            }
            ActionKind::Iban(permutation) => {
                check_digits::iban(self.permutation(*permutation, cell.row), cell.text, out)?;
            }
            ActionKind::CardNumber { permutation, first } => {
                check_digits::card_number(self.permutation(*permutation, cell.row), *first, cell.text, out)?;
            }
            ActionKind::Json(steps) => {
                let paths: Vec<&Path> = steps.iter().map(|(path, _)| path).collect();
                rewrite(cell.text, &paths, &mut Steps { steps, row: cell.row }, out)?;
            }
            ActionKind::Array(element) => array::map(cell.text, out, |text| {
                let mut changed = String::new();
                let cell = Cell { text, row: cell.row, by: None };
                Ok(element.apply(&cell, &mut changed)?.then_some(changed))
            })?,
            ActionKind::Truncate(length) => {
                let from = out.len();
                out.push_str(cell.text);
                crate::text::cut(out, from, *length);
            }
        }
        if let Some(suffix) = self.suffix {
            self.make_unique(suffix, text, out);
        }
        Ok(true)
    }

    fn seed(&self, text: &str, row: u64) -> [u8; 32] {
        if self.consistent { self.source.seed(text) } else { self.source.seed(&row.to_string()) }
    }

    /// The column's own permutation, or one of each row.
    fn permutation(&self, of_column: Permutation, row: u64) -> Permutation {
        if self.consistent { of_column } else { Permutation::new(self.source.sip_of(&row.to_string())) }
    }

    fn draw(&self, text: &str, row: u64) -> Draw {
        Draw::new(self.seed(text, row))
    }

    /// Adds a suffix at the end or before a character, and makes room for it. `text` contains only the result.
    fn make_unique(&self, suffix: Suffix, original: &str, out: &mut String) {
        let tail_at = suffix.before.and_then(|before| out.find(before)).unwrap_or(out.len());
        let tail = out.split_off(tail_at);
        if let Some(limit) = self.limit {
            let room = limit.saturating_sub(SUFFIX + 1 + tail.chars().count());
            crate::text::cut(out, 0, room);
        }
        let kept = out.trim_end_matches([' ', '.', '-']).len();
        out.truncate(kept);
        if kept > 0 {
            out.push(suffix.separator);
        }
        // A second hash of the original: the fake's own hash reveals nothing about it.
        let seed = self.source.seed(&format!("{original}\0unique"));
        let mut number = seed[..16].iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        for _ in 0..SUFFIX {
            out.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]));
            number /= 36;
        }
        out.push_str(&tail);
    }

    /// A UUID is permuted, so that no two become the same. Any other text gets a UUID by its hash.
    fn uuid(&self, permutation: Permutation, text: &str, row: u64, out: &mut String) {
        // In a text column, another spelling is another value.
        let as_printed = |value: &u128| self.domain.kind == SqlKind::Uuid || uuid::prints_as(*value, text);
        let new = match uuid::parse(text).filter(as_printed) {
            Some(value) if self.consistent => {
                // Each version and variant is permuted separately.
                let kind = (value >> 64) as u64 & 0xf000 | (value >> 62) as u64 & 3;
                uuid::with_free_bits(value, permutation.apply(uuid::free_bits(value), 1 << 122, kind))
            }
            _ => {
                let seed = self.seed(text, row);
                let number = seed[..16].iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
                uuid::version_4(number >> 6)
            }
        };
        uuid::push(new, out);
    }

    fn email(&self, text: &str, row: u64, out: &mut String) {
        // A text that is not a host name may be anything.
        let host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let domain = match text.rsplit_once('@') {
            Some((_, domain)) if domain.bytes().all(host) => &text[text.len() - domain.len() - 1..],
            Some(_) => "@example.com",
            None => "",
        };
        let from = out.len();
        fake::push_local_part(&mut self.draw(text, row), out);
        if let Some(limit) = self.limit {
            crate::text::cut(out, from, limit.saturating_sub(domain.chars().count()).max(1));
            let kept = out.trim_end_matches('.').len();
            out.truncate(kept);
        }
        out.push_str(domain);
    }
}

fn kind(rule: &Rule, domain: &SqlType, source: &Source, key: &Key, place: &str) -> Option<ActionKind> {
    let permutation = Permutation::new(source.sip());
    Some(match &rule.transform {
        Transform::Keep | Transform::Template(_) | Transform::Password { .. } => return None,
        Transform::Fake { kind, length, years } => ActionKind::Fake(Fake {
            kind: *kind,
            locale: rule.locale,
            length: *length,
            years: years.unwrap_or((1940, 2005)),
            limit: domain.most(),
        }),
        Transform::Bool => ActionKind::Bool,
        Transform::Regex(pattern) => ActionKind::Regex(pattern.clone()),
        Transform::Null => ActionKind::Null,
        Transform::Constant(value) => ActionKind::Constant(value.clone()),
        Transform::Hash { length } => match &domain.kind {
            SqlKind::Int(width) => ActionKind::HashInteger(permutation, width.range()),
            SqlKind::Uuid => ActionKind::Uuid(permutation),
            SqlKind::Bytea => ActionKind::HashBytes(length.unwrap_or(HASH) / 2),
            _ => {
                let length = length.unwrap_or(HASH);
                ActionKind::Hash(domain.most().map_or(length, |limit| limit.min(length)))
            }
        },
        Transform::Redact { with } => ActionKind::Redact(*with),
        Transform::Mask { first, last, with } => ActionKind::Mask { first: *first, last: *last, with: *with },
        Transform::Noise(spread) => ActionKind::Noise(*spread),
        Transform::DateShift { days, .. } => ActionKind::DateShift(*days),
        Transform::FormatPreserving { first, last } => match &domain.kind {
            SqlKind::Int(width) => ActionKind::Digits(permutation, width.range()),
            SqlKind::Numeric { .. } => ActionKind::Number(permutation),
            _ => ActionKind::Pattern { permutation, first: *first, last: *last },
        },
        Transform::Uuid => ActionKind::Uuid(permutation),
        Transform::Email => ActionKind::Email,
        Transform::IpAddress { keep } => ActionKind::IpAddress { permutation, keep: u32::from(*keep) },
        Transform::Iban => ActionKind::Iban(permutation),
        Transform::CardNumber { first } => ActionKind::CardNumber { permutation, first: *first },
        Transform::Json(steps) => {
            let text = SqlType::text();
            let action = |rule: &Rule| Action::new(rule, &text, key, place);
            let step = |one: &PathRule| Some((one.path.clone(), action(&one.rule)?));
            ActionKind::Json(steps.iter().filter_map(step).collect())
        }
        Transform::Array(element) => {
            let SqlKind::Array(of) = &domain.kind else { return None };
            ActionKind::Array(Box::new(Action::new(element, of, key, place)?))
        }
        Transform::Truncate { length } => ActionKind::Truncate(*length),
    })
}

/// The steps through a JSON value.
struct Steps<'a> {
    steps: &'a [(Path, Action)],
    row: u64,
}

impl Change for Steps<'_> {
    fn change(&mut self, path: usize, scalar: Scalar<'_>) -> Result<Option<String>, Reason> {
        let text: Cow<'_, str> = match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(text) => text.into(),
            Scalar::Bool(truth) => if truth { "true" } else { "false" }.into(),
            Scalar::Whole => "".into(),
        };
        let mut changed = String::new();
        let cell = Cell { text: &text, row: self.row, by: None };
        Ok(self.steps[path].1.apply(&cell, &mut changed)?.then_some(changed))
    }

    fn replaces_whole(&self, path: usize) -> bool {
        matches!(self.steps[path].1.kind, ActionKind::Null | ActionKind::Constant(_))
    }
}

fn integer(text: &str, (low, high): (i64, i64)) -> Result<i64, Reason> {
    text.parse().ok().filter(|value| (low..=high).contains(value)).ok_or(Reason::Input("integer"))
}

fn push_integer(value: i64, out: &mut String) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

/// Permutes the whole numbers with the same sign and the same number of digits.
fn whole_number(permutation: Permutation, text: &str, out: &mut String) -> Result<(), Reason> {
    use std::fmt::Write;
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let value: Option<u128> = digits.parse().ok().filter(|_| digits.len() <= 37 && !digits.starts_with('+'));
    let value = value.ok_or(Reason::Input("whole number of at most 37 digits"))?;
    let first = match digits.len() {
        1 => u128::from(!sign.is_empty()),
        length => 10_u128.pow(length as u32 - 1),
    };
    let next = 10_u128.pow(digits.len() as u32);
    if value < first {
        return Err(Reason::Input("whole number without leading zeros"));
    }
    let moved = first + permutation.apply(value - first, next - first, u64::from(!sign.is_empty()));
    // Writing to a string cannot fail.
    let _ = write!(out, "{sign}{moved}");
    Ok(())
}

/// Permutes the bits of an address from the fixed ones to the end, or to the network's end in a `cidr`.
fn address(
    permutation: Permutation,
    keep: u32,
    text: &str,
    sql: &SqlType,
    out: &mut String,
) -> Result<(), Reason> {
    use std::fmt::Write;
    let broken = Reason::Input("address");
    let (host, mask) = match text.split_once('/') {
        Some((host, mask)) => (host, Some(mask)),
        None => (text, None),
    };
    let host: std::net::IpAddr = host.parse().map_err(|_| broken)?;
    let (value, bits) = match host {
        std::net::IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        std::net::IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let length = match mask {
        Some(mask) => mask.parse().ok().filter(|length: &u32| *length <= bits).ok_or(broken)?,
        None => bits,
    };
    // The host bits of a network are zero and stay zero.
    let fixed_tail = if sql.kind == SqlKind::Cidr { bits - length } else { 0 };
    // A permutation takes at most 127 bits.
    let keep = keep.max(bits.saturating_sub(127));
    let free = bits.saturating_sub(keep + fixed_tail);
    let mut moved = value;
    if free > 0 {
        let prefix = value.checked_shr(free + fixed_tail).unwrap_or(0);
        let tweak =
            (prefix as u64) ^ ((prefix >> 64) as u64).rotate_left(1) ^ u64::from(bits + fixed_tail) << 48;
        let tail = value >> fixed_tail & ((1 << free) - 1);
        let changed = permutation.apply(tail, 1 << free, tweak);
        moved = value & !(((1 << free) - 1) << fixed_tail) | changed << fixed_tail;
    }
    // Writing to a string cannot fail.
    let _ = match host {
        std::net::IpAddr::V4(_) => write!(out, "{}", std::net::Ipv4Addr::from_bits(moved as u32)),
        std::net::IpAddr::V6(_) => write!(out, "{}", std::net::Ipv6Addr::from_bits(moved)),
    };
    if let Some(mask) = mask {
        out.push('/');
        out.push_str(mask);
    }
    Ok(())
}
