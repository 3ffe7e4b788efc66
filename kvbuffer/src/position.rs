//! The position of a change in the stream: sequence, log position, and the score that orders both.
//!
//! A sorted set orders its members by a float64, so every position maps to one integer score that a
//! float64 holds exactly:
//!
//! ```text
//! Sequence n  ─▶ 0/BOOTSTRAP<n, at least 8 digits>  ─▶ score n − 1,000,000
//! Lsn X/Y     ─▶ X/Y in hex                         ─▶ score (X << 32) + Y
//! ```
//!
//! The first million sequences sort before every log position; **later ones may not**. The caller has to check, by
//! comparing scores, that a whole bootstrap stays below a snapshot's position.
//!
//! Kasho itself accepts more spellings than this module (a sign, trailing text, lower-case `bootstrap` as hex digits,
//! MySQL positions), and misreads some of them. This module accepts only spellings that have one meaning, so a
//! position that it accepts has the same score in Kasho.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text before a sequence in a bootstrap position.
pub(crate) const BOOTSTRAP_PREFIX: &str = "0/BOOTSTRAP";

/// Sequence 1,000,000 has score 0.
const SCORE_OFFSET: i64 = 1_000_000;

/// The first integer that a float64 cannot distinguish from its neighbour.
const EXACT_LIMIT: i64 = 1 << 53;

/// The number of a bootstrap change, counted from 1 in dump order.
///
/// Limited by [`Sequence::MAX`], so that its score is exact in a float64 and the number has no more than the 16
/// digits that Kasho reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Sequence(u64);

impl From<Sequence> for u64 {
    fn from(sequence: Sequence) -> Self {
        sequence.0
    }
}

impl TryFrom<u64> for Sequence {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("not a sequence number: it must be between 1 and 16 digits")
    }
}

impl Sequence {
    /// The first sequence.
    pub const FIRST: Self = Self(1);

    /// The last sequence: its score is 2^53 − 1.
    pub const MAX: Self = Self((EXACT_LIMIT + SCORE_OFFSET - 1) as u64);

    /// `None` for zero and for anything past [`Sequence::MAX`].
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 || number > Self::MAX.0 { None } else { Some(Self(number)) }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sequence `count` places later; `None` beyond [`Sequence::MAX`].
    pub const fn checked_add(self, count: u64) -> Option<Self> {
        match self.0.checked_add(count) {
            Some(sum) => Self::new(sum),
            None => None,
        }
    }

    /// The sequence `count` places earlier; `None` before [`Sequence::FIRST`].
    pub const fn checked_sub(self, count: u64) -> Option<Self> {
        match self.0.checked_sub(count) {
            Some(difference) => Self::new(difference),
            None => None,
        }
    }

    /// Its score in the sorted set.
    pub const fn score(self) -> Score {
        Score(self.0 as i64 - SCORE_OFFSET)
    }
}

/// The plain number, as in messages, checkpoints and registry entries.
impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A score in the sorted set: an integer that a float64 represents exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(i64);

impl Score {
    /// A score below every sequence's.
    pub const MIN: Self = Self(-EXACT_LIMIT + 1);

    /// The highest score.
    pub const MAX: Self = Self(EXACT_LIMIT - 1);

    /// `None` if a float64 cannot represent the integer exactly.
    pub const fn new(score: i64) -> Option<Self> {
        if score < Self::MIN.0 || score > Self::MAX.0 { None } else { Some(Self(score)) }
    }

    /// A score as Redis returns it; `None` for fractions, infinities and inexact integers.
    pub fn from_f64(score: f64) -> Option<Self> {
        // The conversion saturates, so an out-of-range float is outside of MIN..=MAX.
        if score.fract() == 0.0 { Self::new(score as i64) } else { None }
    }

    /// The integer.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sequence with this score, if there is one.
    pub const fn sequence(self) -> Option<Sequence> {
        match self.0.checked_add(SCORE_OFFSET) {
            Some(number) if number > 0 => Sequence::new(number as u64),
            _ => None,
        }
    }
}

/// The integer, in the form that Redis commands take.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in PostgreSQL's write-ahead log.
///
/// Every 64-bit value is a position; only those below 2^53 have a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// A log position by its byte offset.
    pub const fn new(offset: u64) -> Self {
        Self(offset)
    }

    /// The byte offset.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Its score in the sorted set; `None` from `200000/0` on, where a float64 is no longer exact.
    pub const fn score(self) -> Option<Score> {
        if self.0 < EXACT_LIMIT as u64 { Score::new(self.0 as i64) } else { None }
    }
}

/// `X/Y` in upper-case hex without leading zeros, as PostgreSQL prints it.
impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('/').and_then(|(high, low)| Some((half(high)?, half(low)?)));
        let (high, low) = parsed.ok_or_else(|| ParsePositionError::new(text, "expected X/Y in hex"))?;
        Ok(Self((high << 32) | low))
    }
}

/// One half of a log position: 1 to 8 hex digits.
fn half(text: &str) -> Option<u64> {
    let valid = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if valid { u64::from_str_radix(text, 16).ok() } else { None }
}

/// The position of a change: in a bootstrap, or in the write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// A change of a bootstrap.
    Bootstrap(Sequence),
    /// A live change of the primary.
    Wal(Lsn),
}

impl Position {
    /// Its score in the sorted set; `None` only for a log position without one (see [`Lsn::score`]).
    pub const fn score(self) -> Option<Score> {
        match self {
            Self::Bootstrap(sequence) => Some(sequence.score()),
            Self::Wal(lsn) => lsn.score(),
        }
    }

    /// The sequence of a bootstrap position.
    pub const fn sequence(self) -> Option<Sequence> {
        match self {
            Self::Bootstrap(sequence) => Some(sequence),
            Self::Wal(_) => None,
        }
    }
}

/// `0/BOOTSTRAP` and at least 8 digits, or the log position.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap(sequence) => write!(f, "{BOOTSTRAP_PREFIX}{:08}", sequence.get()),
            Self::Wal(lsn) => lsn.fmt(f),
        }
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(digits) = text.strip_prefix(BOOTSTRAP_PREFIX) {
            return sequence(digits)
                .map(Self::Bootstrap)
                .ok_or_else(|| ParsePositionError::new(text, "expected a sequence of 1 to 16 digits"));
        }
        let lsn = text.parse::<Lsn>()?;
        if lsn.score().is_none() {
            return Err(ParsePositionError::new(text, "log positions from 200000/0 on have no exact score"));
        }
        Ok(Self::Wal(lsn))
    }
}

/// A sequence in a position. Kasho reads at most 16 digits and silently drops the rest.
fn sequence(digits: &str) -> Option<Sequence> {
    let valid = (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if valid { digits.parse().ok().and_then(Sequence::new) } else { None }
}

impl From<Sequence> for Position {
    fn from(sequence: Sequence) -> Self {
        Self::Bootstrap(sequence)
    }
}

impl From<Lsn> for Position {
    fn from(lsn: Lsn) -> Self {
        Self::Wal(lsn)
    }
}

/// A text that is not a position, and the expected form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid position {text:?}: {expected}")]
pub struct ParsePositionError {
    text: String,
    expected: &'static str,
}

impl ParsePositionError {
    fn new(text: &str, expected: &'static str) -> Self {
        // A position is short. A longer text is that of another field, and must not appear in a message.
        Self { text: text.chars().take(64).collect(), expected }
    }
}
