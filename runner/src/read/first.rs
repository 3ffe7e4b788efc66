//! Whether a file is a PostgreSQL script at all, by its first statement. Any text up to a semicolon could be parsed
//! as one.

use dump::ScanError;

/// The first words of PostgreSQL's commands.
const COMMANDS: [&str; 53] = [
    "abort",
    "alter",
    "analyse",
    "analyze",
    "begin",
    "call",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "discard",
    "do",
    "drop",
    "end",
    "execute",
    "explain",
    "fetch",
    "grant",
    "import",
    "insert",
    "listen",
    "load",
    "lock",
    "merge",
    "move",
    "notify",
    "prepare",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "select",
    "set",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
    "values",
    "with",
];

/// Checks that the first statement of a dump can be a PostgreSQL statement.
///
/// # Errors
/// [`ScanError::NotADump`], which says what the file is instead, if that is known.
pub(super) fn recognise(statement: &str) -> Result<(), ScanError> {
    let word: String = statement.chars().take_while(char::is_ascii_alphabetic).collect();
    let refused = |what: &str| Err(ScanError::NotADump { what: what.to_owned() });
    if word.eq_ignore_ascii_case("pragma") {
        return refused("it is a dump of SQLite");
    }
    let is_command = COMMANDS.iter().any(|command| word.eq_ignore_ascii_case(command));
    if !is_command && !statement.starts_with(['(', ';']) {
        return refused("its first statement does not begin with a word of PostgreSQL's SQL");
    }
    let unquoted = statement.split(['\'', '"', '$']).next().unwrap_or_default();
    if unquoted.contains('`') {
        return refused("its first statement has names in backticks, like a dump of MySQL or MariaDB");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sql_of_postgresql_is_refused() {
        for good in
            ["SET a = 1;", "create table t ();", "(SELECT 1);", "INSERT INTO t VALUES ('`');", "DO $$`$$;"]
        {
            assert_eq!(recognise(good), Ok(()), "{good}");
        }
        let said = |text: &str| recognise(text).unwrap_err().to_string();
        assert!(said("PRAGMA foreign_keys=OFF;").contains("SQLite"));
        assert!(said("DROP TABLE IF EXISTS `users`;").contains("MySQL"));
        for text in ["Dear reader;", "<html>&nbsp;", "{\"a\": \";", "SELECTED;", "1;"] {
            assert!(said(text).contains("not begin with a word of PostgreSQL's SQL"), "{text}");
        }
    }
}
