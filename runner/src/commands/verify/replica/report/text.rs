//! The report for a terminal.

use std::fmt::Write as _;

use super::{DefinitionsReport, Report, RowReport, TableReport, Verdict, many};

/// How many equal tables are listed, the largest ones; the others share a line.
const TABLES: usize = 40;

impl Report {
    /// The report as text, several lines.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let head = match self.verdict {
            Verdict::Equal => "equal",
            Verdict::Different => "different",
            Verdict::Unknown => "not compared in full",
        };
        let tables = many(self.tables.len() as u64, "table");
        let _ = write!(out, "{head}: {tables}, {}", many(self.rows(), "row"));
        for (what, one) in self.objects().into_iter().filter(|(_, one)| one.compared > 0) {
            let _ = write!(out, ", {}", many(one.compared, what));
        }
        let _ = writeln!(out, "; {}", definitions(&self.definitions));
        self.tables
            .iter()
            .filter(|table| table.verdict != Verdict::Equal)
            .for_each(|table| table.text(&mut out));
        self.equal_tables(&mut out);
        for (what, one) in self.objects() {
            for difference in &one.differences {
                let _ = writeln!(out, "  {what} {difference}");
            }
            more(&mut out, one.differ, one.differences.len(), &format!("{what}s"));
        }
        for (name, fault) in &self.definitions.differences {
            let _ = writeln!(out, "  definition {}: {name}", fault.word());
        }
        more(&mut out, self.definitions.differ, self.definitions.differences.len(), "definitions");
        for open in self.open() {
            let _ = writeln!(out, "  not compared: {open}");
        }
        if let Some(how) = &self.definitions.how {
            let _ = writeln!(out, "  definitions were compared {how}");
        }
        let masked = self.masked();
        if !masked.is_empty() {
            let _ = writeln!(out, "  masked      {}", masked.join(", "));
        }
        let _ = writeln!(out, "  time        {:.1} s", self.seconds);
        out
    }

    fn equal_tables(&self, out: &mut String) {
        let mut equal: Vec<_> =
            self.tables.iter().filter(|table| table.verdict == Verdict::Equal && table.rows > 0).collect();
        equal.sort_by_key(|table| std::cmp::Reverse(table.rows));
        for table in equal.iter().take(TABLES) {
            let note = table.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            let _ = writeln!(out, "  equal       {} {}{note}", table.name, many(table.rows, "row"));
        }
        if equal.len() > TABLES {
            let _ = writeln!(out, "  equal       and {} more tables", equal.len() - TABLES);
        }
    }
}

fn more(out: &mut String, all: u64, named: usize, what: &str) {
    let left = all.saturating_sub(named as u64);
    if left > 0 {
        let _ = writeln!(out, "  and {left} more {what}");
    }
}

fn definitions(of: &DefinitionsReport) -> String {
    match of {
        DefinitionsReport { none: true, .. } => "the dump has no definitions".to_owned(),
        DefinitionsReport { left_out: true, .. } => "definitions were left out".to_owned(),
        DefinitionsReport { not_compared: Some(_), .. } => "definitions were not compared".to_owned(),
        _ => many(of.compared, "definition"),
    }
}

impl TableReport {
    /// What is wrong with it, on one line.
    pub(super) fn wrong(&self) -> String {
        let counts = [(self.missing, "missing"), (self.extra, "extra"), (self.different, "different")];
        let counts: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let mut line = match (self.verdict, counts.as_slice()) {
            (Verdict::Unknown, _) => "not compared".to_owned(),
            (_, []) => String::new(),
            (_, counts) => format!("{} of {}", counts.join(", "), many(self.rows, "row")),
        };
        if !self.columns.is_empty() {
            let columns: Vec<_> =
                self.columns.iter().map(|(name, rows)| format!("{name} in {rows}")).collect();
            let _ = write!(line, "; columns: {}", columns.join(", "));
        }
        if let Some(note) = &self.note {
            let _ = write!(line, "{}{note}", if line.is_empty() { "" } else { "; " });
        }
        line
    }

    fn text(&self, out: &mut String) {
        let _ = writeln!(out, "  table {}: {}", self.name, self.wrong());
        for row in &self.differences {
            let _ = writeln!(out, "    {}", row.line());
        }
        let named = self.differences.len();
        if named > 0 {
            let left = (self.missing + self.extra + self.different).saturating_sub(named as u64);
            if left > 0 {
                let _ = writeln!(out, "    and {left} more rows");
            }
        }
    }
}

impl RowReport {
    fn line(&self) -> String {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        let key: Vec<_> = self
            .key
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("(not shown)")))
            .collect();
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| match &column.values {
                None => column.name.clone(),
                Some((expected, found)) => {
                    format!(
                        "{}: {} in the dump, {} in the replica",
                        column.name,
                        value(expected),
                        value(found)
                    )
                }
            })
            .collect();
        let mut line = format!("{:<10}", self.fault);
        let what = if key.is_empty() { "a row without a primary key".to_owned() } else { key.join(", ") };
        line.push_str(&what);
        if !columns.is_empty() {
            let _ = write!(line, ": {}", columns.join("; "));
        }
        if let Some(row) = &self.row {
            let _ = write!(line, ": {row}");
        }
        line
    }
}
