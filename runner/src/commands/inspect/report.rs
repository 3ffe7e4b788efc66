//! The report about a dump, as text or JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use convert::definitions::Telltale;
use convert::form::RowForm;
use convert::render::packed::SLABS;
use kvbuffer::footprint;

use crate::read::item::Measured;

mod advice;
mod needs;

pub use needs::Needed;

/// The name of changes that are not statements of the dump but pieces of them.
pub(super) const PIECE: &str = "PIECE";
/// Changes per second that the consumer applies to a replica with default durability, as measured.
const CONSUMER: Rates = Rates { fast: 3000, slow: 700 };
/// The same for packed rows.
const CONSUMER_PACKED: Rates = Rates { fast: 190_000, slow: 50_000 };
/// How many tables the text lists; JSON lists all.
const TABLES: usize = 40;

/// What the file says about itself. A pipe says nothing in advance, because it is read only once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Format {
    /// `plain` for a script; `custom`, `tar` or `directory` for an archive.
    pub kind: String,
    /// Bytes of the file or object.
    pub size: Option<u64>,
    /// `none`, or the compression format.
    pub compression: String,
    /// The version of the server that was dumped.
    pub server: Option<String>,
    /// The version of pg_dump.
    pub pg_dump: Option<String>,
}

/// A table that has rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name, as SQL has it.
    pub name: String,
    /// The columns for which the rows have values, as SQL has them; empty if no row becomes a change.
    pub columns: Vec<String>,
    /// Rows that become changes.
    pub rows: u64,
    /// Rows that cannot be loaded.
    pub rejected: u64,
    /// Bytes of its rows in the dump.
    pub bytes: u64,
    /// Rows that are larger than a change may be, and are sent in pieces.
    pub in_pieces: u64,
    /// Rows, or packs, that are sent as SQL because only the server can read their values.
    pub as_sql: u64,
}

impl Table {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            columns: Vec::new(),
            rows: 0,
            rejected: 0,
            bytes: 0,
            in_pieces: 0,
            as_sql: 0,
        }
    }
}

/// A row that cannot be loaded. It contains no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its table.
    pub table: String,
    /// Its number in the table, from 1.
    pub row: u64,
    /// The column, if one is the cause.
    pub column: Option<String>,
    /// The reason.
    pub reason: String,
}

/// Changes or rows per second of the consumer, at its fastest and at its slowest.
struct Rates {
    fast: u64,
    slow: u64,
}

/// Seconds that the consumer needs, at its fastest and at its slowest; in JSON a list of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(into = "[u64; 2]")]
pub struct Seconds {
    /// At its fastest.
    pub least: u64,
    /// At its slowest.
    pub most: u64,
}

impl From<Seconds> for [u64; 2] {
    fn from(seconds: Seconds) -> Self {
        [seconds.least, seconds.most]
    }
}

/// The changes in one form of rows, about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// `single` or `packed`.
    pub rows: &'static str,
    /// Changes that a load makes.
    pub changes: u64,
    /// Bytes that they take in Redis.
    pub redis_bytes: u64,
    /// Seconds that the consumer needs for them, at its fastest and at its slowest.
    pub consumer_seconds: Seconds,
}

/// The password hashes of a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hashing {
    /// Its table, as SQL has it.
    pub table: String,
    /// Its name, as SQL has it.
    pub column: String,
    /// How many hashes are computed. Repeated values are cached for a while.
    pub hashes: u64,
    /// Seconds for one hash on this machine.
    pub seconds_each: f64,
}

/// What to know about the transforms in advance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transforms {
    /// Threads that transform.
    pub workers: usize,
    /// The hashes, which are slow by design.
    pub hashing: Vec<Hashing>,
    /// Statements that contain values of transformed columns. They are sent unchanged.
    pub definitions: Vec<Telltale>,
    /// Whether all statements were searched for such values.
    pub definitions_read: bool,
}

impl Transforms {
    /// Seconds for the password hashes with all threads.
    #[must_use]
    pub fn hashing_seconds(&self) -> u64 {
        let all: f64 = self.hashing.iter().map(|column| column.hashes as f64 * column.seconds_each).sum();
        (all / self.workers.max(1) as f64).ceil() as u64
    }

    fn text(&self, out: &mut String) {
        let hashes: u64 = self.hashing.iter().map(|column| column.hashes).sum();
        if hashes > 0 {
            let (all, workers) = (time(self.hashing_seconds()), self.workers);
            let _ = writeln!(out, "  transforms  {all} for {hashes} password hashes by {workers} workers");
        }
        for Hashing { table, column, hashes, seconds_each } in &self.hashing {
            let _ = writeln!(out, "    {hashes:>12} of {:.4} s  {table}.{column}", seconds_each);
        }
        for Telltale { line, statement, columns } in self.definitions.iter().take(TABLES) {
            let columns = columns.join(", ");
            let _ = writeln!(out, "    line {line} has values of {columns}: {statement}");
        }
        if let Some(more) = self.definitions.len().checked_sub(TABLES).filter(|more| *more > 0) {
            let _ = writeln!(out, "    and {more} more definitions; --format json lists them");
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the file says about itself.
    pub format: Format,
    /// Bytes of the dump, decompressed.
    pub bytes: u64,
    /// Changes that a load makes.
    pub changes: u64,
    /// Rows among them.
    pub rows: u64,
    /// Rows that cannot be loaded.
    pub rejected: u64,
    /// Bytes of the changes.
    pub member_bytes: u64,
    /// Bytes of memory that they need in Redis.
    pub redis_bytes: u64,
    /// Seconds that the consumer needs for them: at 3,000 and at 700 changes per second, and at 190,000 and at 50,000
    /// packed rows per second.
    pub consumer_seconds: Seconds,
    /// An estimate for the other form of rows.
    pub other_form: Form,
    /// Tables with rows, by name.
    pub tables: Vec<Table>,
    /// Changes of SQL text, by the first words of the statement.
    pub statements: BTreeMap<String, u64>,
    /// What is left out, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Definitions that could not be parsed and are sent unchanged.
    pub not_understood: u64,
    /// What the replica's server must have before.
    pub needs: Needed,
    /// The first rows that cannot be loaded.
    pub faults: Vec<Fault>,
    /// How rows are sent.
    #[serde(skip)]
    pub form: RowForm,
    /// Bytes that Redis holds for the members.
    #[serde(skip)]
    pub held: u64,
    /// The same for those that are not rows.
    #[serde(skip)]
    pub held_by_statements: u64,
    /// The rows in the other form.
    #[serde(skip)]
    pub other_rows: Measured,
    /// Why the dump cannot be loaded to its end. Everything that is counted comes before that place.
    pub error: Option<String>,
    /// About the transforms, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transforms: Option<Transforms>,
    /// Advice.
    pub advice: Vec<String>,
}

impl Report {
    /// How many rows the report lists.
    pub const FAULTS: usize = 20;

    pub(super) fn new(format: Format, form: RowForm) -> Self {
        Self {
            form,
            held: 0,
            held_by_statements: 0,
            other_rows: Measured::default(),
            other_form: Form { rows: "", changes: 0, redis_bytes: 0, consumer_seconds: Seconds::default() },
            format,
            bytes: 0,
            changes: 0,
            rows: 0,
            rejected: 0,
            member_bytes: 0,
            redis_bytes: 0,
            consumer_seconds: Seconds::default(),
            tables: Vec::new(),
            statements: BTreeMap::new(),
            skipped: BTreeMap::new(),
            not_understood: 0,
            needs: Needed::default(),
            faults: Vec::new(),
            error: None,
            transforms: None,
            advice: Vec::new(),
        }
    }

    /// Derives the sizes, times and advice from the counts.
    pub(super) fn conclude(&mut self) {
        self.rows = self.tables.iter().map(|table| table.rows).sum();
        self.rejected = self.tables.iter().map(|table| table.rejected).sum();
        self.redis_bytes = self.held + footprint::of_entries(self.changes);
        self.consumer_seconds = self.seconds(self.form);
        self.other_form = self.in_other_form();
        self.advice = self.advices();
    }

    /// The form of rows that is only measured.
    pub(super) fn other(&self) -> RowForm {
        match self.form {
            RowForm::Single => RowForm::Packed,
            RowForm::Packed | RowForm::Copy => RowForm::Single,
        }
    }

    fn seconds(&self, form: RowForm) -> Seconds {
        let statements: u64 = self.statements.values().sum();
        let at = |single: u64, packed: u64| match form {
            RowForm::Single => (statements + self.rows).div_ceil(single),
            RowForm::Packed | RowForm::Copy => {
                (statements as f64 / single as f64 + self.rows as f64 / packed as f64).ceil() as u64
            }
        };
        Seconds {
            least: at(CONSUMER.fast, CONSUMER_PACKED.fast),
            most: at(CONSUMER.slow, CONSUMER_PACKED.slow),
        }
    }

    fn in_other_form(&self) -> Form {
        let statements = self.statements.values().sum::<u64>();
        let (rows, count) = match self.other() {
            RowForm::Single => ("single", self.other_rows.changes),
            RowForm::Packed | RowForm::Copy => ("packed", self.packs()),
        };
        let changes = statements + count;
        Form {
            rows,
            changes,
            redis_bytes: self.held_by_statements + self.other_rows.held + footprint::of_entries(changes),
            consumer_seconds: self.seconds(self.other()),
        }
    }

    /// About how many packs the rows would be: those that were measured are of smaller slabs.
    fn packs(&self) -> u64 {
        let of = |table: &Table| {
            let packs = table.rows.div_ceil(SLABS.rows).max(table.bytes.div_ceil(SLABS.bytes as u64));
            packs.min(table.rows)
        };
        self.tables.iter().map(of).sum()
    }

    fn count(&self, words: &[&str]) -> u64 {
        let of = |verb: &str| words.iter().any(|word| verb.starts_with(word));
        self.statements.iter().filter(|(verb, _)| of(verb)).map(|(_, count)| count).sum()
    }

    /// The report as JSON, one line.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The report as text, several lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let format = &self.format;
        let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let _ = writeln!(out, "{} of {} ({})", self.what(), size(self.bytes), self.compression());
        let _ = writeln!(out, "  server      {}", unknown(&format.server));
        let _ = writeln!(out, "  pg_dump     {}", unknown(&format.pg_dump));
        let statements: u64 = self.statements.values().sum();
        let (changes, rows) = (self.changes, self.rows);
        let _ = match self.form {
            RowForm::Single => writeln!(out, "  changes     {changes}: {rows} rows, {statements} statements"),
            RowForm::Packed | RowForm::Copy => {
                let packs = changes - statements;
                let pieces = self.tables.iter().any(|table| table.in_pieces > 0);
                let what = if pieces { "packs and pieces" } else { "packs" };
                writeln!(
                    out,
                    "  changes     {changes}: {rows} rows in {packs} {what}, {statements} statements"
                )
            }
        };
        let _ = writeln!(out, "  in Redis    {}", size(self.redis_bytes));
        let Seconds { least, most } = self.consumer_seconds;
        let _ = writeln!(out, "  consumer    {} to {}", time(least), time(most));
        let Form { rows, changes, redis_bytes, consumer_seconds } = &self.other_form;
        let _ = writeln!(
            out,
            "  --rows {rows}: about {changes} changes, {} in Redis, {} to {} for the consumer",
            size(*redis_bytes),
            time(consumer_seconds.least),
            time(consumer_seconds.most)
        );
        if self.rejected > 0 {
            let _ = writeln!(out, "  rejected    {} rows cannot be loaded", self.rejected);
        }
        self.lists(&mut out);
        if let Some(transforms) = &self.transforms {
            transforms.text(&mut out);
        }
        if let Some(error) = &self.error {
            let _ = writeln!(out, "  it cannot be loaded any further: {error}");
        }
        for advice in &self.advice {
            let _ = writeln!(out, "  - {advice}");
        }
        if !self.needs.sql.is_empty() {
            let _ =
                writeln!(out, "  the replica's server must have more than the dump makes; psql there tells:");
            for sql in &self.needs.sql {
                let _ = writeln!(out, "    {sql}");
            }
        }
        out
    }

    fn what(&self) -> String {
        match self.format.kind.as_str() {
            "" => "dump".to_owned(),
            "plain" => "plain dump".to_owned(),
            kind => format!("{kind} archive"),
        }
    }

    fn compression(&self) -> String {
        match (self.format.compression.as_str(), self.format.size) {
            ("", _) => "from a pipe".to_owned(),
            (compression, Some(bytes)) => format!("{compression}, {} as stored", size(bytes)),
            (compression, None) => compression.to_owned(),
        }
    }

    fn lists(&self, out: &mut String) {
        let counted = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
        };
        if !self.statements.is_empty() {
            let _ = writeln!(out, "  statements  {}", counted(&self.statements));
        }
        if !self.skipped.is_empty() {
            let _ = writeln!(out, "  left out    {}", counted(&self.skipped));
        }
        for fault in &self.faults {
            let column =
                fault.column.as_ref().map_or_else(String::new, |column| format!(", column {column}"));
            let _ = writeln!(out, "    {} row {}{column}: {}", fault.table, fault.row, fault.reason);
        }
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_by_key(|table| (std::cmp::Reverse(table.rows), &table.name));
        if !tables.is_empty() {
            let _ = writeln!(out, "  rows, bytes and columns by table:");
        }
        for table in tables.iter().take(TABLES) {
            let Table { name, rows, bytes, columns, .. } = table;
            let _ = writeln!(out, "    {rows:>12} {:>10} {:>4}  {name}", size(*bytes), columns.len());
        }
        if let Some(rest) = tables.get(TABLES..).filter(|rest| !rest.is_empty()) {
            let rows: u64 = rest.iter().map(|table| table.rows).sum();
            let _ = writeln!(out, "    {rows:>12} in {} more tables", rest.len());
        }
    }
}

fn size(bytes: u64) -> String {
    let scaled = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    match scaled.into_iter().find(|(bits, _)| bytes >= 1 << bits) {
        Some((bits, unit)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << bits) as f64),
        None => format!("{bytes} B"),
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_follows_from_the_counts() {
        let mut report = Report::new(Format::default(), RowForm::Single);
        report.changes = 7001;
        report.held = 2_000_000;
        report.statements =
            [("GRANT", 1), ("OWNER", 2), ("SETVAL", 1)].map(|(verb, count)| (verb.to_owned(), count)).into();
        report.skipped = [("setting_geqo".to_owned(), 1)].into();
        report.tables = vec![Table { rows: 6997, rejected: 2, ..Table::new("public.t") }];
        report.conclude();
        assert_eq!((report.rows, report.rejected), (6997, 2));
        assert_eq!(report.redis_bytes, 2_000_000 + footprint::of_entries(7001));
        assert_eq!(report.consumer_seconds, Seconds { least: 3, most: 11 });
        let said = report.text();
        for part in [
            "3 statements name roles",
            "2 rows cannot",
            "1 sequences",
            "the dump defines no table",
            "(geqo)",
            "in Redis    2.5 MiB",
            "--rows packed: about 6 changes",
        ] {
            assert!(said.contains(part), "no {part:?} in:\n{said}");
        }
    }

    #[test]
    fn packed_rows_take_other_times() {
        let mut report = Report::new(Format::default(), RowForm::Packed);
        report.changes = 702;
        report.statements = [("CREATE TABLE".to_owned(), 700)].into();
        report.tables = vec![Table { rows: 1_000_000, bytes: 100 << 20, ..Table::new("public.t") }];
        report.other_rows.changes = 1_000_000;
        report.conclude();
        assert_eq!(report.consumer_seconds, Seconds { least: 6, most: 21 });
        assert_eq!((report.other_form.rows, report.other_form.changes), ("single", 1_000_700));
        assert_eq!(report.other_form.consumer_seconds, Seconds { least: 334, most: 1430 });
        let said = report.text();
        assert!(said.contains("702: 1000000 rows in 2 packs, 700 statements"), "{said}");
    }
}
