//! Which of a dump's tables, schemas, sections and databases are loaded.
//!
//! The rules are pg_dump's, applied to a dump that has more: what a choice leaves out would not be in a dump that
//! pg_dump had made by the same choice.

use std::collections::BTreeMap;
use std::sync::Arc;

use dump::archive::{Choice, Data};
use dump::{QualifiedName, Section};

use crate::error::Error;
use pattern::Pattern;

mod entries;
mod follow;
mod pattern;
mod unmatched;

pub(crate) use follow::{Answer, Follow};
pub(crate) use unmatched::Unmatched;

/// The option, and its part of what shapes the changes.
const USE_LIST: &str = "--use-list";
/// The same of how many rows of a table are loaded.
pub(crate) const MAX_ROWS: &str = "--max-rows-per-table";

/// A choice. The empty one is everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    tables: Vec<Pattern>,
    exclude_tables: Vec<Pattern>,
    schemas: Vec<Pattern>,
    exclude_schemas: Vec<Pattern>,
    sections: Option<Sections>,
    database: Option<String>,
    max_rows: Option<u64>,
    /// Entries of an archive by their numbers, in the order in which they are read.
    entries: Option<Arc<[i32]>>,
}

/// A choice as typed.
#[derive(Debug, Clone, Default)]
pub struct Words<'a> {
    /// `--table`.
    pub tables: &'a [String],
    /// `--exclude-table`.
    pub exclude_tables: &'a [String],
    /// `--schema`.
    pub schemas: &'a [String],
    /// `--exclude-schema`.
    pub exclude_schemas: &'a [String],
    /// `--schema-only`, `--data-only` or `--section`.
    pub sections: Option<Sections>,
    /// `--database`.
    pub database: Option<&'a str>,
    /// `--max-rows-per-table`.
    pub max_rows: Option<u64>,
    /// What is in the file of `--use-list`.
    pub entries: Option<Arc<[i32]>>,
}

/// Sections of a dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sections {
    /// What comes before the rows.
    pub pre_data: bool,
    /// Rows, large objects, values of sequences.
    pub data: bool,
    /// What follows the rows.
    pub post_data: bool,
    /// Materialized views stay empty, though what follows the rows is loaded.
    pub no_refresh: bool,
}

impl Sections {
    /// All of them, which is no choice.
    pub const ALL: Self = Self { pre_data: true, data: true, post_data: true, no_refresh: false };
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Selection {}

impl Selection {
    /// Reads the patterns.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the option and the pattern that cannot be read.
    pub fn new(words: &Words<'_>) -> Result<Self, Error> {
        let read = |option: &str, texts: &[String], parts: usize| -> Result<Vec<Pattern>, Error> {
            let one = |text: &String| {
                Pattern::new(text, parts).map_err(|what| Error::Usage(format!("{option} {text}: {what}")))
            };
            texts.iter().map(one).collect()
        };
        Ok(Self {
            tables: read("--table", words.tables, 2)?,
            exclude_tables: read("--exclude-table", words.exclude_tables, 2)?,
            schemas: read("--schema", words.schemas, 1)?,
            exclude_schemas: read("--exclude-schema", words.exclude_schemas, 1)?,
            sections: words.sections,
            database: words.database.map(str::to_owned),
            max_rows: words.max_rows,
            entries: words.entries.clone(),
        })
    }

    /// Each part that is given, by its option: patterns in the order of the alphabet, since theirs does not matter.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let list = |patterns: &[Pattern]| {
            let mut texts: Vec<_> = patterns.iter().map(Pattern::word).collect();
            texts.sort_unstable();
            texts.dedup();
            texts.join(" ")
        };
        let sections =
            self.sections.map_or_else(String::new, |Sections { pre_data, data, post_data, no_refresh }| {
                let names = [
                    ("pre-data", pre_data),
                    ("data", data),
                    ("post-data", post_data),
                    ("no-refresh", no_refresh),
                ];
                names
                    .iter()
                    .filter(|(_, chosen)| *chosen)
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
        [
            ("--table", list(&self.tables)),
            ("--exclude-table", list(&self.exclude_tables)),
            ("--schema", list(&self.schemas)),
            ("--exclude-schema", list(&self.exclude_schemas)),
            ("--section", sections),
            ("--database", self.database.clone().unwrap_or_default()),
            (MAX_ROWS, self.max_rows.map_or_else(String::new, |rows| rows.to_string())),
            (USE_LIST, self.entries.as_deref().map_or_else(String::new, entries::text)),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// The choice that [`Selection::parts`] was of.
    ///
    /// # Errors
    /// As [`Selection::new`].
    pub fn of_parts(parts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let list = |name: &str| parts.get(name).map_or_else(Vec::new, |text| split(text));
        let (tables, exclude_tables) = (list("--table"), list("--exclude-table"));
        let (schemas, exclude_schemas) = (list("--schema"), list("--exclude-schema"));
        let sections = parts.get("--section").map(|text| {
            let has = |word: &str| text.split(' ').any(|chosen| chosen == word);
            Sections {
                pre_data: has("pre-data"),
                data: has("data"),
                post_data: has("post-data"),
                no_refresh: has("no-refresh"),
            }
        });
        Self::new(&Words {
            tables: &tables,
            exclude_tables: &exclude_tables,
            schemas: &schemas,
            exclude_schemas: &exclude_schemas,
            sections,
            database: parts.get("--database").map(String::as_str),
            max_rows: parts.get(MAX_ROWS).and_then(|text| text.parse().ok()),
            entries: parts.get(USE_LIST).and_then(|text| entries::parse(text)),
        })
    }

    /// What it takes of an archive: whatever else is in its text is left out of the text already, as far as it is data.
    /// With `whole`, all data are in the text, as they were before data could be left out of it.
    #[must_use]
    pub fn of_archive(&self, whole: bool) -> Choice {
        let choice = Choice::default();
        let choice = match &self.entries {
            Some(entries) => choice.with_list(Arc::clone(entries)),
            None => choice,
        };
        if whole || !(self.by_name() || self.sections.is_some()) {
            return choice;
        }
        let selection = self.clone();
        choice.with_data(move |data| selection.has_data(data))
    }

    /// Rows of a block behind so many are left out, and a slab is to end there.
    #[must_use]
    pub fn border(&self) -> u64 {
        self.max_rows.unwrap_or(u64::MAX)
    }

    /// Whether it goes by the entries of an archive.
    #[must_use]
    pub fn by_entries(&self) -> bool {
        self.entries.is_some()
    }

    fn has_data(&self, data: &Data) -> bool {
        let chosen = match data {
            Data::Rows(table) => self.has_relation(table),
            Data::Objects => !self.includes(),
        };
        chosen && self.has_section(Section::Data)
    }

    /// The patterns that nothing has matched yet: all that have a meaning.
    pub(crate) fn unmatched(&self) -> Unmatched {
        let by_schema = self.tables.is_empty();
        let schemas = |patterns: &[Pattern]| if by_schema { patterns.to_vec() } else { Vec::new() };
        Unmatched::new(
            vec![("--table", self.tables.clone()), ("--exclude-table", self.exclude_tables.clone())],
            vec![("--schema", schemas(&self.schemas)), ("--exclude-schema", schemas(&self.exclude_schemas))],
        )
    }

    /// Whether the choice goes by names of tables or schemas.
    #[must_use]
    pub fn by_name(&self) -> bool {
        self.includes() || !(self.exclude_tables.is_empty() && self.exclude_schemas.is_empty())
    }

    /// Whether anything was asked for by its name: then nothing else is loaded.
    fn includes(&self) -> bool {
        !(self.tables.is_empty() && self.schemas.is_empty())
    }

    /// Whether tables are chosen by their schemas, if at all.
    fn names_no_table(&self) -> bool {
        self.tables.is_empty() && self.exclude_tables.is_empty()
    }

    /// Whether a section is loaded.
    #[must_use]
    pub fn has_section(&self, section: Section) -> bool {
        let chosen = |sections: &Sections| match section {
            Section::PreData => sections.pre_data,
            Section::Data => sections.data,
            Section::PostData => sections.post_data,
        };
        self.sections.as_ref().is_none_or(chosen)
    }

    /// Whether materialized views are filled.
    #[must_use]
    pub fn refreshes(&self) -> bool {
        !self.sections.is_some_and(|sections| sections.no_refresh)
    }

    /// Whether what belongs to the database of this name is loaded; `None` is what lies before the first
    /// `\connect`.
    #[must_use]
    pub fn has_database(&self, database: Option<&str>) -> bool {
        self.database.as_deref().is_none_or(|chosen| database == Some(chosen))
    }

    /// The database that was asked for.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Whether a table, view or sequence is loaded. Its name must have a schema.
    #[must_use]
    pub fn has_relation(&self, name: &QualifiedName) -> bool {
        let schema = name.schema.as_deref().unwrap_or("public");
        let among =
            |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_relation(schema, &name.name));
        let chosen = if self.tables.is_empty() { self.has_schema(schema) } else { among(&self.tables) };
        chosen && !among(&self.exclude_tables)
    }

    fn has_schema(&self, schema: &str) -> bool {
        let among = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_schema(schema));
        (self.schemas.is_empty() || among(&self.schemas)) && !among(&self.exclude_schemas)
    }

    /// Whether a schema, or what lies in it and is no relation, is loaded: never when tables were asked for.
    fn has_member(&self, schema: &str) -> bool {
        self.tables.is_empty() && self.has_schema(schema)
    }
}

/// Patterns with blanks between them; blanks in quotes are part of a pattern.
fn split(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|character| {
        quoted ^= character == '"';
        character == ' ' && !quoted
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
