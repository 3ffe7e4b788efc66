//! The summary of a run, at its end.

use std::fmt::Write;

use crate::load::progress::{Details, Progress};
use convert::form::RowForm;

/// How a run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything is loaded.
    Done,
    /// Everything was loaded by an earlier call.
    AlreadyDone,
    /// Not everything.
    Stopped,
}

impl Ending {
    /// The first words of the summary.
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyDone => "done already",
            Self::Stopped => "not done",
        }
    }
}

/// A warning about packed rows for users who rely on the consumer's transforms.
pub const PACKED: &str = "rows are packed: the translicator's own transforms do not apply to them, so they reach the replica unchanged";

/// How many tables the summary lists; the others share one line.
const TABLES: usize = 40;

/// The summary as the last event of a log for machines. Of the tables it has those that the text has, since a line of a log
/// must not grow with their number.
pub fn log(progress: &Progress, first: Option<u64>, ending: Ending, form: RowForm) {
    let details = progress.details();
    // A map of texts and numbers cannot fail to serialise.
    let counts = |counts: &serde_json::Map<String, serde_json::Value>| {
        serde_json::to_string(counts).unwrap_or_default()
    };
    let tables = largest(&details).into_iter().take(TABLES);
    let into_redis = form != RowForm::Copy;
    let first = first.filter(|_| into_redis).map(|first| format!("0/BOOTSTRAP{first:08}"));
    tracing::info!(
        ending = ending.name(),
        form = form.name(),
        statements = statements(&details),
        changes = into_redis.then_some(details.changes),
        rows = details.rows,
        first_position = first,
        last_position = details.lsn.as_deref().filter(|_| into_redis),
        resumed_changes = into_redis.then_some(details.resumed_changes),
        resumed_rows = details.resumed_rows,
        seconds = progress.elapsed().as_secs_f64(),
        bytes = details.bytes.saturating_sub(details.resumed_bytes),
        redis_longest_call_seconds = progress.redis_longest().map(|longest| longest.as_secs_f64()),
        retries = progress.retries(),
        rejected = details.rejected,
        not_parsed = details.not_understood,
        left_out =
            counts(&details.skipped.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect()),
        rows_by_table = counts(&tables.map(|(name, rows)| (name.to_owned(), rows.into())).collect()),
        "summary"
    );
}

fn statements(details: &Details) -> Option<u64> {
    details.checkpoint.as_ref().map(|checkpoint| checkpoint.plan.counters().statements)
}

/// The summary as text, several lines; nothing where nothing was done.
#[must_use]
pub fn text(progress: &Progress, first: Option<u64>, ending: Ending, form: RowForm) -> String {
    let details = progress.details();
    let mut out = String::new();
    let seconds = progress.elapsed().as_secs_f64();
    if ending == Ending::Stopped && details.changes == 0 && details.rows == 0 && details.rejected == 0 {
        return out;
    }
    let head = match ending {
        Ending::AlreadyDone => "done already: nothing was left to load",
        _ => ending.name(),
    };
    if form == RowForm::Copy {
        let statements = statements(&details).unwrap_or(0);
        let _ = writeln!(out, "{head}: {statements} statements, {} rows", details.rows);
    } else {
        let _ = writeln!(out, "{head}: {} changes, {} rows", details.changes, details.rows);
    }
    if let (Some(first), Some(lsn), true) = (first, &details.lsn, form != RowForm::Copy) {
        let _ = writeln!(out, "  positions   0/BOOTSTRAP{first:08} to {lsn}");
    }
    if form == RowForm::Packed {
        let _ = writeln!(out, "  note        {PACKED}");
    }
    if form == RowForm::Copy && details.resumed_changes > 0 {
        let _ = writeln!(out, "  resumed     {} rows were already there", details.resumed_rows);
    } else if details.resumed_changes > 0 {
        let _ = writeln!(out, "  resumed     {} changes were already there", details.resumed_changes);
    }
    time(&mut out, &details, seconds);
    if let Some(longest) = progress.redis_longest() {
        let _ = writeln!(out, "  Redis       the longest call took {:.3} s", longest.as_secs_f64());
    }
    if progress.retries() > 0 {
        let _ = writeln!(out, "  retries     {}", progress.retries());
    }
    if details.rejected > 0 {
        let _ = writeln!(out, "  rejected    {} rows, set aside in the reject file", details.rejected);
    }
    if details.not_understood > 0 {
        let _ = writeln!(out, "  not parsed  {} definitions, sent unchanged", details.not_understood);
    }
    skipped(&mut out, &details);
    tables(&mut out, &details);
    out
}

/// A rate only of what was counted: without rows, most of the dump was passed over.
fn time(out: &mut String, details: &Details, seconds: f64) {
    let rows = details.rows.saturating_sub(details.resumed_rows);
    let bytes = details.bytes.saturating_sub(details.resumed_bytes);
    let _ = write!(out, "  time        {seconds:.1} s");
    if rows > 0 {
        let rate = rows as f64 / seconds.max(0.001);
        let speed = bytes as f64 / seconds.max(0.001) / (1 << 20) as f64;
        let _ = write!(out, ", {rate:.0} rows/s, {speed:.1} MiB/s");
    }
    out.push('\n');
}

fn skipped(out: &mut String, details: &Details) {
    if details.skipped.is_empty() {
        return;
    }
    let kinds: Vec<_> = details.skipped.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let _ = writeln!(out, "  left out    {}", kinds.join(", "));
}

/// The tables with their rows, the largest first.
fn largest(details: &Details) -> Vec<(&str, u64)> {
    let mut tables: Vec<_> = details.tables.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
    tables.sort_by_key(|(name, rows)| (std::cmp::Reverse(*rows), *name));
    tables
}

fn tables(out: &mut String, details: &Details) {
    if details.tables.is_empty() {
        return;
    }
    let since = if details.resumed_changes > 0 { " since the checkpoint" } else { "" };
    let _ = writeln!(out, "  rows by table{since}:");
    let tables = largest(details);
    for (name, rows) in tables.iter().take(TABLES) {
        let _ = writeln!(out, "    {rows:>12}  {name}");
    }
    if tables.len() > TABLES {
        let rest: u64 = tables[TABLES..].iter().map(|(_, rows)| *rows).sum();
        let _ = writeln!(out, "    {rest:>12}  in {} more tables", tables.len() - TABLES);
    }
}
