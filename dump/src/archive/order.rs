//! Which entries are restored, with what of them, and in which order: that of pg_restore without options.

use super::contents::Entry;

/// What pg_dump writes in place of a definition for rows that go to another table.
const PARTITION_ROOT: &[u8] = b"-- load via partition root ";

/// What of an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Parts {
    /// The statements that define it.
    pub(super) definition: bool,
    /// Its data.
    pub(super) data: bool,
}

/// Main entries; then privileges, which later statements must not be subject to; then what reads tables or reacts to
/// statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Main,
    Privileges,
    Last,
}

/// The entries that are written, each by its place in the table of contents, in the order of pg_restore: `listed` has
/// the places in the order that was asked for.
pub(super) fn order(entries: &[Entry], listed: &[usize]) -> Vec<(usize, Parts)> {
    let mut order = Vec::with_capacity(listed.len());
    for pass in [Pass::Main, Pass::Privileges, Pass::Last] {
        let in_pass = listed.iter().filter(|&&place| pass_of(&entries[place]) == pass);
        let written = in_pass.map(|&place| (place, parts(&entries[place])));
        order.extend(written.filter(|(_, parts)| *parts != Parts::default()));
    }
    order
}

/// Whether anything is written of an entry.
pub(super) fn is_written(entry: &Entry) -> bool {
    parts(entry) != Parts::default()
}

/// Whether the rows of a partition are written as rows of another table.
pub(super) fn is_rooted(entry: &Entry) -> bool {
    entry.definition.starts_with(PARTITION_ROOT)
}

fn pass_of(entry: &Entry) -> Pass {
    match entry.kind.as_str() {
        "ACL" | "ACL LANGUAGE" | "DEFAULT ACL" => Pass::Privileges,
        "EVENT TRIGGER" | "MATERIALIZED VIEW DATA" => Pass::Last,
        "COMMENT" if entry.tag.starts_with(b"EVENT TRIGGER ") => Pass::Last,
        "STATISTICS DATA" if entry.post_data => Pass::Last,
        _ => Pass::Main,
    }
}

fn parts(entry: &Entry) -> Parts {
    if is_left_out(entry) {
        return Parts::default();
    }
    let defined = !entry.definition.is_empty() && !is_rooted(entry);
    Parts { definition: defined || (!entry.has_data && is_data(entry)), data: entry.has_data }
}

/// What is written at the head, what belongs to the database itself, and what no longer has a meaning.
fn is_left_out(entry: &Entry) -> bool {
    match entry.kind.as_str() {
        "ENCODING" | "STDSTRINGS" | "SEARCHPATH" | "DATABASE" | "DATABASE PROPERTIES" => true,
        "ACL" | "COMMENT" | "SECURITY LABEL" => entry.tag.starts_with(b"DATABASE "),
        "<Init>" => *entry.tag == *b"Max OID",
        _ => false,
    }
}

/// Whether its statement counts as data.
fn is_data(entry: &Entry) -> bool {
    match entry.kind.as_str() {
        "SEQUENCE SET" | "BLOB" | "BLOB METADATA" => true,
        "ACL" | "COMMENT" | "SECURITY LABEL" => entry.tag.starts_with(b"LARGE OBJECT"),
        _ => false,
    }
}
