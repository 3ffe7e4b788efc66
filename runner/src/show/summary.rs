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

/// A warning about packed rows for users who rely on the consumer's transforms.
pub const PACKED: &str = "rows are packed: the translicator's own transforms do not apply to them, so they reach the replica unchanged";

/// How many tables the summary lists; the others share one line.
const TABLES: usize = 40;

/// The summary as text, several lines.
#[must_use]
pub fn text(progress: &Progress, first: Option<u64>, ending: Ending, form: RowForm) -> String {
    let details = progress.details();
    let mut out = String::new();
    let seconds = progress.elapsed().as_secs_f64();
    let head = match ending {
        Ending::Done => "done",
        Ending::AlreadyDone => "done already: nothing was left to load",
        Ending::Stopped => "not done",
    };
    if form == RowForm::Copy {
        let counters = details.checkpoint.as_ref().map(|checkpoint| checkpoint.plan.counters().statements);
        let _ = writeln!(out, "{head}: {} statements, {} rows", counters.unwrap_or(0), details.rows);
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
    let rows = details.rows.saturating_sub(details.resumed_rows);
    let bytes = details.bytes.saturating_sub(details.resumed_bytes);
    let rate = rows as f64 / seconds.max(0.001);
    let speed = bytes as f64 / seconds.max(0.001) / (1 << 20) as f64;
    let _ = writeln!(out, "  time        {seconds:.1} s, {rate:.0} rows/s, {speed:.1} MiB/s");
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

fn skipped(out: &mut String, details: &Details) {
    if details.skipped.is_empty() {
        return;
    }
    let kinds: Vec<_> = details.skipped.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let _ = writeln!(out, "  left out    {}", kinds.join(", "));
}

fn tables(out: &mut String, details: &Details) {
    if details.tables.is_empty() {
        return;
    }
    let since = if details.resumed_changes > 0 { " since the checkpoint" } else { "" };
    let _ = writeln!(out, "  rows by table{since}:");
    let mut tables: Vec<_> = details.tables.iter().collect();
    tables.sort_by_key(|(name, rows)| (std::cmp::Reverse(**rows), *name));
    for (name, rows) in tables.iter().take(TABLES) {
        let _ = writeln!(out, "    {rows:>12}  {name}");
    }
    if tables.len() > TABLES {
        let rest: u64 = tables[TABLES..].iter().map(|(_, rows)| **rows).sum();
        let _ = writeln!(out, "    {rest:>12}  in {} more tables", tables.len() - TABLES);
    }
}
