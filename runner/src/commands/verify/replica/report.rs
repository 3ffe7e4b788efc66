//! The result of a comparison with a database: as data, which is its JSON; as [text](text), as a [page](html).
//!
//! It has names, counts and primary keys that are numbers or UUIDs. Values are in it only where `--show-values` asks for them, and
//! never in the page.

use serde::Serialize;

use super::entries::ObjectFault;
use crate::base::error::Error;

mod html;
mod text;

/// So many sequences, views and large objects that differ are named.
pub(super) const NAMED: usize = 20;

/// What is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The replica holds what the dump and the configuration say.
    Equal,
    /// It does not.
    Different,
    /// Nothing differs, and not everything could be compared.
    #[default]
    Unknown,
}

/// How rows were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By sums over the text of both.
    Sums,
    /// By the server, beside each other.
    Server,
}

/// One of the rows that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowReport {
    /// `missing`, `extra` or `different`.
    pub fault: &'static str,
    /// The primary key, a column and its value each; without the value, if it may tell something.
    pub key: Vec<(String, Option<String>)>,
    /// The columns that differ.
    pub columns: Vec<ColumnReport>,
    /// The row, of one without a primary key, if values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
}

/// A column that differs in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// The values of the dump and of the replica, if they were asked for; the inner `None` is NULL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<(Option<String>, Option<String>)>,
}

impl From<::replica::DifferentRow> for RowReport {
    fn from(row: ::replica::DifferentRow) -> Self {
        let column = |(name, values): (String, Option<::replica::Values>)| ColumnReport {
            name,
            values: values.map(|values| (values.expected, values.found)),
        };
        Self {
            fault: match row.fault {
                ::replica::RowFault::Missing => "missing",
                ::replica::RowFault::Extra => "extra",
                ::replica::RowFault::Different => "different",
            },
            key: row.key,
            columns: row.columns.into_iter().map(column).collect(),
            row: row.row,
        }
    }
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableReport {
    /// Its name, as SQL has it.
    pub name: String,
    /// What is known of its rows.
    pub verdict: Verdict,
    /// How it is known.
    pub how: Option<How>,
    /// Rows of the dump.
    pub rows: u64,
    /// Rows of the replica, where they were counted.
    pub found: Option<u64>,
    /// Bytes of the dump's rows, as COPY writes them.
    pub bytes: u64,
    /// Seconds that the comparison took, without the reading of the dump.
    pub seconds: f64,
    /// Rows that are not there.
    pub missing: u64,
    /// Rows that should not be there.
    pub extra: u64,
    /// Rows that have other values.
    pub different: u64,
    /// The columns in which these differ, and in how many rows.
    pub columns: Vec<(String, u64)>,
    /// The first of all these rows.
    pub differences: Vec<RowReport>,
    /// The columns that the configuration masks.
    pub masked: Vec<String>,
    /// What else is to be known.
    pub note: Option<String>,
}

impl TableReport {
    pub(super) fn named(name: String) -> Self {
        Self { name, ..Self::default() }
    }
}

/// Sequences, materialized views or large objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ObjectsReport {
    /// How many were compared.
    pub compared: u64,
    /// How many differ.
    pub differ: u64,
    /// What is wrong with the first of them.
    pub differences: Vec<String>,
    /// Why some could not be compared.
    pub not_compared: Option<String>,
}

impl ObjectsReport {
    /// One of them differs.
    pub(super) fn differs(&mut self, what: String) {
        self.differ += 1;
        if self.differences.len() < NAMED && !what.is_empty() {
            self.differences.push(what);
        }
    }
}

/// Definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DefinitionsReport {
    /// How many objects the dump defines.
    pub compared: u64,
    /// How many differ.
    pub differ: u64,
    /// The first of them.
    pub differences: Vec<(String, ObjectFault)>,
    /// What limits the comparison.
    pub how: Option<String>,
    /// The dump has none.
    pub none: bool,
    /// Nobody wants to know.
    pub left_out: bool,
    /// Why they could not be compared.
    pub not_compared: Option<String>,
}

/// The result.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// What is known of everything together.
    pub verdict: Verdict,
    /// The dump.
    pub dump: String,
    /// The replica, without secrets.
    pub replica: String,
    /// What is known by its hash: the transform configuration with the fingerprint of its key.
    pub transforms: Option<String>,
    /// When it was begun, in seconds since 1970.
    pub begun: u64,
    /// How long it took.
    pub seconds: f64,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// Values of sequences.
    pub sequences: ObjectsReport,
    /// Whether materialized views are populated.
    pub materialized_views: ObjectsReport,
    /// Large objects, with their bytes.
    pub large_objects: ObjectsReport,
    /// Definitions.
    pub definitions: DefinitionsReport,
}

impl Report {
    /// Decides what is known of everything together.
    pub(super) fn judge(&mut self) {
        let tables = |verdict| self.tables.iter().any(|table| table.verdict == verdict);
        let objects = self.objects();
        let differ = objects.iter().any(|(_, one)| one.differ > 0) || self.definitions.differ > 0;
        let open = objects.iter().any(|(_, one)| one.not_compared.is_some())
            || self.definitions.not_compared.is_some();
        self.verdict = match () {
            () if tables(Verdict::Different) || differ => Verdict::Different,
            () if tables(Verdict::Unknown) || open => Verdict::Unknown,
            () => Verdict::Equal,
        };
    }

    fn objects(&self) -> [(&'static str, &ObjectsReport); 3] {
        [
            ("sequence", &self.sequences),
            ("materialized view", &self.materialized_views),
            ("large object", &self.large_objects),
        ]
    }

    fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }

    /// The masked columns, each with its table.
    fn masked(&self) -> Vec<String> {
        let of = |table: &TableReport| {
            let name = table.name.clone();
            table.masked.iter().map(move |column| format!("{name}.{column}")).collect::<Vec<_>>()
        };
        self.tables.iter().flat_map(of).collect()
    }

    /// What could not be compared, and why.
    fn open(&self) -> Vec<String> {
        let tables = self.tables.iter().filter(|table| table.verdict == Verdict::Unknown);
        let tables = tables
            .map(|table| format!("{}: {}", table.name, table.note.as_deref().unwrap_or("not compared")));
        let objects = self
            .objects()
            .into_iter()
            .filter_map(|(what, one)| Some(format!("{what}s: {}", one.not_compared.as_deref()?)));
        let definitions = self.definitions.not_compared.iter().map(|why| format!("definitions: {why}"));
        tables.chain(objects).chain(definitions).collect()
    }

    /// How much differs.
    fn counts(&self) -> String {
        let tables = self.tables.iter().filter(|table| table.verdict == Verdict::Different).count() as u64;
        let objects = self.objects().map(|(what, one)| (one.differ, what));
        let parts =
            [(tables, "table")].into_iter().chain(objects).chain([(self.definitions.differ, "definition")]);
        let parts: Vec<_> =
            parts.filter(|(count, _)| *count > 0).map(|(count, what)| many(count, what)).collect();
        parts.join(", ")
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // A structure of strings and numbers cannot fail to serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Nothing if everything is equal.
    ///
    /// # Errors
    /// [`Error::Verification`], with how much differs, or what could not be compared.
    pub fn verdict(&self) -> Result<(), Error> {
        match self.verdict {
            Verdict::Equal => Ok(()),
            Verdict::Different => Err(Error::Verification(format!(
                "the replica differs from this dump and configuration: {}; the report names them",
                self.counts()
            ))),
            Verdict::Unknown => Err(Error::Verification(format!(
                "nothing differs, but not everything could be compared: {}",
                self.open().join("; ")
            ))),
        }
    }
}

/// So many of something.
fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
