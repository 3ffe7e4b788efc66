//! One column's rule: its transform and the options of every transform.

use serde::Serialize;

use crate::error::Place;
use crate::fake;
use crate::json::Path;
use crate::locale::Locale;
use crate::pattern::Pattern;
use crate::template::Template;

/// The rule of a column.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rule {
    #[serde(skip)]
    pub(crate) place: Place,
    pub(crate) transform: Transform,
    /// Columns with different salts get different results for equal values.
    pub(crate) salt: Option<String>,
    /// Equal values get equal results.
    pub(crate) consistent: bool,
    pub(crate) locale: Locale,
    pub(crate) unique: Unique,
    pub(crate) on_error: ErrorPolicy,
    /// A NULL is transformed as if it were the empty string.
    pub(crate) nulls: bool,
    /// The type that the results range over, if it is not the column's own: the type of the column that a foreign key
    /// references.
    pub(crate) value_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unique {
    No,
    /// Different values must get different results.
    Yes,
    /// The author of the configuration states that they do.
    Assumed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum ErrorPolicy {
    /// As `--on-error` of the run.
    Default,
    Fail,
    Skip,
    Null,
    Constant(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum SaltSource {
    /// Sixteen zero bytes.
    None,
    /// The first bytes of the original's SHA-256, as in Kasho.
    Original,
    /// The first bytes of a keyed hash of the original.
    Keyed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum PasswordHash {
    Bcrypt { cost: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2 { iterations: u32 },
    Argon2id { time: u32, memory: u32, threads: u32 },
}

/// The most by which Noise changes a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) enum Spread {
    Ratio(f64),
    Amount(f64),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) enum Transform {
    Keep,
    Fake { kind: fake::FakeKind, length: Option<usize>, years: Option<(i64, i64)> },
    Bool,
    Regex(Pattern),
    Template(Template),
    Password { hash: PasswordHash, cleartext: Template, salt: SaltSource },
    Null,
    Constant(String),
    Hash { length: Option<usize> },
    Redact { with: char },
    Mask { first: usize, last: usize, with: char },
    Noise(Spread),
    DateShift { days: i64, by: Option<String> },
    FormatPreserving { first: usize, last: usize },
    Uuid,
    Email,
    IpAddress { keep: u8 },
    Json(Vec<PathRule>),
    Array(Box<Rule>),
    Truncate { length: usize },
    Iban,
    CardNumber { first: usize },
}

/// A rule for the values at a path of a JSON value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PathRule {
    pub(crate) path: Path,
    pub(crate) rule: Rule,
}

impl Rule {
    pub(crate) fn new(place: Place, transform: Transform) -> Self {
        Self {
            place,
            transform,
            salt: None,
            consistent: true,
            locale: Locale::En,
            unique: Unique::No,
            on_error: ErrorPolicy::Default,
            nulls: false,
            value_type: None,
        }
    }

    pub(crate) fn is_keep(&self) -> bool {
        matches!(self.transform, Transform::Keep)
    }
}

impl Transform {
    /// The name in the configuration.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Fake { kind, .. } => kind.name(),
            Self::Bool => "Bool",
            Self::Regex(_) => "Regex",
            Self::Template(_) => "Template",
            Self::Password { hash, .. } => match hash {
                PasswordHash::Bcrypt { .. } => "PasswordBcrypt",
                PasswordHash::Scrypt { .. } => "PasswordScrypt",
                PasswordHash::Pbkdf2 { .. } => "PasswordPBKDF2",
                PasswordHash::Argon2id { .. } => "PasswordArgon2id",
            },
            Self::Null => "Null",
            Self::Constant(_) => "Constant",
            Self::Hash { .. } => "Hash",
            Self::Redact { .. } => "Redact",
            Self::Mask { .. } => "Mask",
            Self::Noise(_) => "Noise",
            Self::DateShift { .. } => "DateShift",
            Self::FormatPreserving { .. } => "FormatPreserving",
            Self::Uuid => "Uuid",
            Self::Email => "Email",
            Self::IpAddress { .. } => "IpAddress",
            Self::Json(_) => "Json",
            Self::Array(_) => "Array",
            Self::Truncate { .. } => "Truncate",
            Self::Iban => "Iban",
            Self::CardNumber { .. } => "CardNumber",
        }
    }

    /// The key decides its result.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(
            self,
            Self::Fake { .. }
                | Self::Bool
                | Self::Hash { .. }
                | Self::Noise(_)
                | Self::DateShift { .. }
                | Self::FormatPreserving { .. }
                | Self::Uuid
                | Self::Email
                | Self::IpAddress { .. }
                | Self::Iban
                | Self::CardNumber { .. }
        )
    }

    pub(super) fn has_locale(&self) -> bool {
        use fake::FakeKind::{
            City, FirstName, LastName, Month, Name, State, StateAbbr, Street, StreetAddress, Title, WeekDay,
            Zip,
        };
        let local = [
            Name,
            FirstName,
            LastName,
            City,
            State,
            StateAbbr,
            Street,
            StreetAddress,
            Title,
            Month,
            WeekDay,
            Zip,
        ];
        matches!(self, Self::Fake { kind, .. } if local.contains(kind))
    }
}
