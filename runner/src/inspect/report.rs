//! What was found in a dump, as text or JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

/// What Redis takes for an entry beside the member, in bytes.
const PER_ENTRY: u64 = 180;
/// Changes a second that the consumer applies to a replica with default durability, as measured: slow and fast.
const CONSUMER: (u64, u64) = (700, 3000);
/// Tables that the text names one by one; JSON has them all.
const TABLES: usize = 40;

/// What the file says of itself; a pipe is read once, and says nothing beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Format {
    /// Bytes of the file or object.
    pub size: Option<u64>,
    /// `none`, or how it is compressed.
    pub compression: String,
    /// The version of the server that was dumped.
    pub server: Option<String>,
    /// The version of pg_dump.
    pub pg_dump: Option<String>,
}

/// A table with rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name, as SQL has it.
    pub name: String,
    /// The columns that the rows have values for, as SQL has them; none where no row becomes a change.
    pub columns: Vec<String>,
    /// Rows that become changes.
    pub rows: u64,
    /// Rows that do not.
    pub rejected: u64,
    /// Bytes of its rows in the dump.
    pub bytes: u64,
}

impl Table {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), columns: Vec::new(), rows: 0, rejected: 0, bytes: 0 }
    }
}

/// A row that cannot be loaded. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Its table.
    pub table: String,
    /// Its number in the table, from 1.
    pub row: u64,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the file says of itself.
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
    /// Bytes that they take in Redis, at most.
    pub redis_bytes: u64,
    /// Seconds that the consumer needs for them at 3,000 and at 700 changes a second.
    pub consumer_seconds: (u64, u64),
    /// Tables with rows, by name.
    pub tables: Vec<Table>,
    /// Changes of SQL text, by the words they begin with.
    pub statements: BTreeMap<String, u64>,
    /// What is left out, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Definitions that no parser understood: passed on as they are.
    pub not_understood: u64,
    /// The first rows that cannot be loaded.
    pub faults: Vec<Fault>,
    /// Why the dump cannot be loaded to its end; what is counted lies before.
    pub error: Option<String>,
    /// What to do about all that.
    pub advice: Vec<String>,
}

impl Report {
    /// Rows that are named one by one.
    pub const FAULTS: usize = 20;

    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            bytes: 0,
            changes: 0,
            rows: 0,
            rejected: 0,
            member_bytes: 0,
            redis_bytes: 0,
            consumer_seconds: (0, 0),
            tables: Vec::new(),
            statements: BTreeMap::new(),
            skipped: BTreeMap::new(),
            not_understood: 0,
            faults: Vec::new(),
            error: None,
            advice: Vec::new(),
        }
    }

    /// What follows from the counts.
    pub(super) fn conclude(&mut self) {
        self.rows = self.tables.iter().map(|table| table.rows).sum();
        self.rejected = self.tables.iter().map(|table| table.rejected).sum();
        self.redis_bytes = self.member_bytes + self.changes * PER_ENTRY;
        let (slow, fast) = CONSUMER;
        self.consumer_seconds = (self.changes.div_ceil(fast), self.changes.div_ceil(slow));
        self.advice = self.advices();
    }

    fn count(&self, words: &[&str]) -> u64 {
        let of = |verb: &str| words.iter().any(|word| verb.starts_with(word));
        self.statements.iter().filter(|(verb, _)| of(verb)).map(|(_, count)| count).sum()
    }

    fn advices(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |applies: bool, text: String| {
            if applies {
                all.push(text);
            }
        };
        say(
            self.changes > 0,
            format!(
                "Redis must hold all of it until the bootstrap is complete: leave {} free below maxmemory, and set maxmemory-policy noeviction",
                size(self.redis_bytes)
            ),
        );
        say(
            self.rejected > 0,
            format!(
                "{} rows cannot be loaded: mend the dump, or set them aside with --on-error skip --reject-file FILE",
                self.rejected
            ),
        );
        let roles = self.count(&["OWNER", "GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES"]);
        say(
            roles > 0,
            format!(
                "{roles} statements name roles, which must exist on the replica: create them, or use --no-owner and --no-privileges"
            ),
        );
        let values = self.count(&["SETVAL"]);
        say(
            values > 0,
            format!(
                "{values} sequences get a value, but the consumer sets owned sequences to the highest value of their column"
            ),
        );
        let extensions = self.count(&["CREATE EXTENSION"]);
        say(extensions > 0, format!("{extensions} extensions must be installed on the replica's server"));
        say(
            self.rows > 0 && self.count(&["CREATE TABLE"]) == 0,
            "no table is defined here: the consumer streams the set only into a replica without tables, so this is for other readers of it".to_owned(),
        );
        say(
            self.not_understood > 0,
            format!(
                "{} definitions were not parsed: values of their tables travel as strings, which PostgreSQL reads by the column's type",
                self.not_understood
            ),
        );
        let settings: Vec<_> = self.skipped.keys().filter_map(|kind| kind.strip_prefix("setting_")).collect();
        say(
            !settings.is_empty(),
            format!(
                "settings that pg_dump does not make are left out ({}): look whether you need them",
                settings.join(", ")
            ),
        );
        all
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
        let _ = writeln!(out, "plain dump of {} ({})", size(self.bytes), self.compression());
        let _ = writeln!(out, "  server      {}", unknown(&format.server));
        let _ = writeln!(out, "  pg_dump     {}", unknown(&format.pg_dump));
        let _ = writeln!(
            out,
            "  changes     {}: {} rows, {} statements",
            self.changes,
            self.rows,
            self.changes - self.rows
        );
        let _ = writeln!(out, "  in Redis    {} at most", size(self.redis_bytes));
        let (fast, slow) = self.consumer_seconds;
        let _ = writeln!(out, "  consumer    {} to {}", time(fast), time(slow));
        if self.rejected > 0 {
            let _ = writeln!(out, "  rejected    {} rows cannot be loaded", self.rejected);
        }
        self.lists(&mut out);
        if let Some(error) = &self.error {
            let _ = writeln!(out, "  it cannot be loaded beyond this: {error}");
        }
        for advice in &self.advice {
            let _ = writeln!(out, "  - {advice}");
        }
        out
    }

    fn compression(&self) -> String {
        match (self.format.compression.as_str(), self.format.size) {
            ("", _) => "from a pipe".to_owned(),
            (compression, Some(bytes)) => format!("{compression}, {} as it lies there", size(bytes)),
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
        let mut report = Report::new(Format::default());
        report.changes = 7001;
        report.member_bytes = 1000;
        report.statements =
            [("GRANT", 1), ("OWNER", 2), ("SETVAL", 1)].map(|(verb, count)| (verb.to_owned(), count)).into();
        report.skipped = [("setting_geqo".to_owned(), 1)].into();
        report.tables = vec![Table { rows: 6997, rejected: 2, ..Table::new("public.t") }];
        report.conclude();
        assert_eq!((report.rows, report.rejected), (6997, 2));
        assert_eq!(report.redis_bytes, 1000 + 7001 * 180);
        assert_eq!(report.consumer_seconds, (3, 11));
        let said = report.text();
        for part in [
            "3 statements name roles",
            "2 rows cannot",
            "1 sequences",
            "no table is defined",
            "(geqo)",
            "1.2 MiB",
        ] {
            assert!(said.contains(part), "no {part:?} in:\n{said}");
        }
    }
}
