//! Statements that mean something only within the session of those before them, and those that change nothing.

use crate::name::Cursor;

/// Why a statement cannot run alone, in a session that no earlier statement has prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// It makes a temporary table, view or sequence, or names the schema of such.
    Temporary,
    /// `set_config` of a value that the server computes.
    ComputedSetting,
    /// `PREPARE`, `EXECUTE`.
    Prepared,
    /// `DECLARE`, `FETCH`, `MOVE`.
    Cursor,
    /// `currval`, `lastval`: what the session had of a sequence.
    SequenceOfSession,
    /// `EXPLAIN ANALYZE`, which runs what it explains.
    ExplainAnalyze,
    /// `loread`, `lo_lseek`, `lo_truncate` and their like: they need a large object that is open.
    OpenLargeObject,
}

/// What a statement needs of its session, told by its words.
pub(crate) fn parse(mut c: Cursor<'_>) -> Option<Session> {
    if c.any_word(&["PREPARE", "EXECUTE"]) {
        return Some(Session::Prepared);
    }
    if c.any_word(&["DECLARE", "FETCH", "MOVE"]) {
        return Some(Session::Cursor);
    }
    if c.word("EXPLAIN") {
        return analyzes(c).then_some(Session::ExplainAnalyze);
    }
    if c.word("CREATE") {
        return is_temporary(&mut c).then_some(Session::Temporary);
    }
    if c.any_word(&["SELECT", "WITH"]) {
        return c.any(into_temporary).then_some(Session::Temporary);
    }
    if c.any_word(&["INSERT", "COPY"]) {
        c.word("INTO");
        return is_temporary_name(&mut c).then_some(Session::Temporary);
    }
    None
}

fn analyzes(mut c: Cursor<'_>) -> bool {
    let is = |name: &str| matches!(name, "analyze" | "analyse");
    if !c.symbol(b'(') {
        return c.any_word(&["ANALYZE", "ANALYSE"]);
    }
    // Options: a name, in quotes or without, and perhaps a value.
    while let Some(name) = c.part() {
        let off = c.any_word(&["FALSE", "OFF"]) || c.peek().is_some_and(|token| c.text(token) == "0");
        if is(&name) && !off {
            return true;
        }
        while c.peek().is_some() && !c.symbol(b',') {
            c.next();
        }
    }
    false
}

/// After `CREATE`.
fn is_temporary(c: &mut Cursor<'_>) -> bool {
    c.words(&["OR", "REPLACE"]);
    c.any_word(&["GLOBAL", "LOCAL"]);
    if c.any_word(&["TEMPORARY", "TEMP"]) {
        return true;
    }
    c.word("UNLOGGED");
    let relation = c.any_word(&["TABLE", "VIEW", "SEQUENCE"]);
    c.words(&["IF", "NOT", "EXISTS"]);
    relation && is_temporary_name(c)
}

fn is_temporary_name(c: &mut Cursor<'_>) -> bool {
    c.parts().is_some_and(|parts| parts.len() > 1 && parts[0] == "pg_temp")
}

fn into_temporary(c: &mut Cursor<'_>) -> bool {
    if !c.word("INTO") {
        return false;
    }
    c.any_word(&["GLOBAL", "LOCAL"]);
    c.any_word(&["TEMPORARY", "TEMP"]) || is_temporary_name(c)
}

/// Whether the statement asks for what its session had of a sequence.
pub(crate) fn uses_sequence_of_session(c: Cursor<'_>) -> bool {
    c.any(|c| c.any_word(&["CURRVAL", "LASTVAL"]) && c.symbol(b'('))
}

/// Whether the statement changes nothing that a dump of the database would show.
pub(crate) fn is_maintenance(mut c: Cursor<'_>) -> bool {
    let words = [
        "VACUUM",
        "ANALYZE",
        "ANALYSE",
        "REINDEX",
        "CHECKPOINT",
        "LISTEN",
        "UNLISTEN",
        "NOTIFY",
        "LOAD",
        "LOCK",
        "SHOW",
        "EXPLAIN",
        "DEALLOCATE",
        "CLOSE",
        "DISCARD",
    ];
    if c.any_word(&words) || c.words(&["ALTER", "SYSTEM"]) {
        return true;
    }
    // With a table it says by which index the table is to be in order, and a dump shows that.
    c.word("CLUSTER") && {
        c.word("VERBOSE");
        c.peek().is_none_or(|token| c.text(token) == ";")
    }
}

/// The text without the word CONCURRENTLY, which needs a session without a transaction and gives the same result.
#[must_use]
pub fn without_concurrently(text: &str, standard: bool) -> Option<String> {
    let mut c = Cursor::new(text, standard);
    let index = c.clone().words(&["CREATE", "INDEX"]) || c.clone().words(&["CREATE", "UNIQUE", "INDEX"]);
    let other = c.clone().words(&["DROP", "INDEX"])
        || c.clone().words(&["REFRESH", "MATERIALIZED", "VIEW"])
        || c.clone().words(&["ALTER", "TABLE"]);
    if !index && !other {
        return None;
    }
    while let Some(token) = c.peek() {
        // Behind the first name of an index and within an expression it would be a name.
        if c.at_word("CONCURRENTLY") {
            return Some(format!("{}{}", &text[..token.start], text[token.end..].trim_start()));
        }
        if index && c.any_word(&["ON", "IF"]) {
            return None;
        }
        c.next();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrently_is_left_out() {
        let left = |text: &str| without_concurrently(text, true);
        for (text, expected) in [
            ("CREATE INDEX CONCURRENTLY i ON t (a);", Some("CREATE INDEX i ON t (a);")),
            (
                "CREATE UNIQUE INDEX concurrently IF NOT EXISTS i ON t (a);",
                Some("CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a);"),
            ),
            ("DROP INDEX CONCURRENTLY i;", Some("DROP INDEX i;")),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY v;", Some("REFRESH MATERIALIZED VIEW v;")),
            ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;", Some("ALTER TABLE t DETACH PARTITION p ;")),
            ("CREATE INDEX i ON t (\"concurrently\");", None),
            ("CREATE INDEX i ON t (a);", None),
            ("CREATE TABLE t (a int);", None),
        ] {
            assert_eq!(left(text).as_deref(), expected, "{text}");
        }
    }
}
