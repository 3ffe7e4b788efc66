//! Finds columns that look as if they contain personal data, by their names, their types and a sample of their
//! values.

use crate::sql::{SqlKind, SqlType};
use crate::table::{Table, unquoted};

mod content;
mod name;

use content::Counts;

/// How many values of a column are examined; more would not tell more.
const SAMPLE: u32 = 10_000;

/// The kind of data that a column seems to contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Sort {
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// Given names.
    FirstName,
    /// Family names.
    LastName,
    /// Whole names.
    FullName,
    /// Login names.
    Username,
    /// Passwords, their hashes, tokens and keys.
    Secret,
    /// Numbers of payment cards.
    CardNumber,
    /// Bank accounts.
    Iban,
    /// Network addresses.
    IpAddress,
    /// Dates of birth.
    BirthDate,
    /// American social security numbers.
    SocialSecurity,
    /// Other numbers that a state or an insurance assigns to a person.
    NationalId,
    /// Streets and whole addresses.
    Address,
    /// Postal codes.
    PostalCode,
    /// Latitudes.
    Latitude,
    /// Longitudes.
    Longitude,
    /// Genders.
    Gender,
    /// Texts or documents, some of which contain personal data.
    FreeText,
}

impl Sort {
    /// The kind in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Email => "e-mail addresses",
            Self::Phone => "telephone numbers",
            Self::FirstName => "given names",
            Self::LastName => "family names",
            Self::FullName => "names of persons",
            Self::Username => "user names",
            Self::Secret => "passwords, tokens or keys",
            Self::CardNumber => "card numbers",
            Self::Iban => "bank accounts",
            Self::IpAddress => "IP addresses",
            Self::BirthDate => "dates of birth",
            Self::SocialSecurity => "social security numbers",
            Self::NationalId => "national ids",
            Self::Address => "postal addresses",
            Self::PostalCode => "postal codes",
            Self::Latitude => "latitudes",
            Self::Longitude => "longitudes",
            Self::Gender => "genders",
            Self::FreeText => "texts with personal data in them",
        }
    }

    /// Whether a column of this type can contain it at all.
    fn suits(self, sql: &SqlType) -> bool {
        let element = match &sql.kind {
            SqlKind::Array(element) => element,
            _ => sql,
        };
        let text = element.is_text() || matches!(element.kind, SqlKind::Other);
        let number = matches!(element.kind, SqlKind::Int(_) | SqlKind::Numeric { .. });
        match self {
            Self::Phone
            | Self::CardNumber
            | Self::SocialSecurity
            | Self::NationalId
            | Self::PostalCode
            | Self::Iban => text || number,
            Self::IpAddress => text || matches!(element.kind, SqlKind::Inet | SqlKind::Cidr),
            Self::BirthDate => text || matches!(element.kind, SqlKind::Date | SqlKind::Timestamp { .. }),
            Self::Secret => text || matches!(element.kind, SqlKind::Bytea | SqlKind::Uuid),
            Self::Latitude | Self::Longitude => {
                text || matches!(element.kind, SqlKind::Float(_) | SqlKind::Numeric { .. })
            }
            Self::Gender => text || matches!(element.kind, SqlKind::Enum(_)),
            Self::FreeText | Self::Address => text || element.kind == SqlKind::Json,
            _ => text,
        }
    }
}

/// A column that looks personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The table, spelled as SQL needs it.
    pub table: String,
    /// The column.
    pub column: String,
    /// The kind of data that it seems to contain.
    pub sort: Sort,
    /// The reason. It contains no value.
    pub reason: String,
    /// Sampled values that are nothing of this sort, where check digits tell that: of IBANs and card numbers.
    pub exceptions: u32,
}

/// Examines the rows of one table. Its size does not grow with their number.
#[derive(Debug, Clone)]
pub struct Inspector {
    table: Table,
    types: Vec<SqlType>,
    counts: Vec<Counts>,
}

impl Inspector {
    /// For a table's definition.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let types =
            table.columns.iter().map(|column| SqlType::of(column.type_name.as_deref(), &column.labels));
        Self {
            types: types.collect(),
            counts: vec![Counts::default(); table.columns.len()],
            table: table.clone(),
        }
    }

    /// Examines a row: the values of the table's columns in their order, `None` for NULL. Rows beyond the sample cost
    /// nothing.
    pub fn observe(&mut self, row: &[Option<&str>]) {
        for ((value, counts), sql) in row.iter().zip(&mut self.counts).zip(&self.types) {
            if let Some(value) = value.filter(|value| !value.is_empty() && counts.seen() < SAMPLE) {
                counts.observe(value, sql);
            }
        }
    }

    /// The columns that look personal, in the table's order.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let columns = self.table.columns.iter().zip(&self.types).zip(&self.counts);
        columns
            .filter_map(|((column, sql), counts)| self.finding(&column.name, column.generated, sql, counts))
            .collect()
    }

    fn finding(&self, column: &str, generated: bool, sql: &SqlType, counts: &Counts) -> Option<Finding> {
        if generated {
            return None;
        }
        let by_name = name::sort(&unquoted(table_name(&self.table.name)), &unquoted(column))
            .filter(|sort| sort.suits(sql));
        let by_content = counts.verdict().filter(|(sort, _)| sort.suits(sql));
        let (sort, reason) = match (by_name, by_content) {
            (Some(name), Some((content, seen))) if name == content || content != Sort::FreeText => {
                let says = if name == content {
                    "so does its name".to_owned()
                } else {
                    format!("its name suggests {}", name.words())
                };
                (content, format!("{seen}; {says}"))
            }
            (Some(name), _) => (name, format!("its name suggests {}", name.words())),
            (None, Some((content, seen))) => (content, seen),
            (None, None) => return None,
        };
        let table = self.table.name.clone();
        let exceptions = counts.exceptions(sort);
        Some(Finding { table, column: column.to_owned(), sort, reason, exceptions })
    }
}

/// The name without its schema.
fn table_name(name: &str) -> &str {
    let mut quoted = false;
    let dot = name.bytes().position(|b| {
        quoted ^= b == b'"';
        b == b'.' && !quoted
    });
    dot.map_or(name, |at| &name[at + 1..])
}

#[cfg(test)]
mod tests;
