//! Restores a plain dump by psql: the reference for the contents of a replica.

use std::path::Path;
use std::process::Stdio;

use super::{Database, PostgresServer};

/// What psql said.
#[derive(Debug, Clone, Default)]
pub struct Restore {
    /// One entry for each error, in order.
    pub errors: Vec<RestoreError>,
    /// The whole text on its standard error.
    pub stderr: String,
}

/// One error of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreError {
    /// The line of the file at which psql sent the statement (its last line).
    pub line: u64,
    /// `ERROR` or `FATAL`, or `psql` for a message of psql's own.
    pub severity: String,
    /// The primary message.
    pub message: String,
}

impl Restore {
    /// Panics with psql's words if anything failed.
    pub fn expect_clean(&self) -> &Self {
        assert!(self.errors.is_empty(), "psql reports errors:\n{}", self.stderr);
        self
    }
}

impl PostgresServer {
    /// Runs `psql -f FILE` without `ON_ERROR_STOP`: a failed statement is noted and the next one runs, as in the
    /// consumer.
    pub fn psql(&self, database: &Database, file: &Path) -> Restore {
        let mut command = self.program("psql");
        command.args(["--no-psqlrc", "--quiet", "--dbname", &database.name, "--file"]).arg(file);
        command.env("PGOPTIONS", "-c synchronous_commit=off");
        let out = command.stdout(Stdio::null()).output().expect("run psql");
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "psql could not run: {}\n{stderr}", out.status);
        Restore { errors: errors(&stderr, file), stderr }
    }

    /// Runs statements (in UTF-8, whatever the database has) through psql; an error is a panic.
    pub fn run_sql(&self, database: &Database, sql: &str) {
        let file = tempfile::NamedTempFile::new().expect("make a file");
        std::fs::write(file.path(), format!("SET client_encoding = 'UTF8';\n{sql}"))
            .expect("write the statements");
        self.psql(database, file.path()).expect_clean();
    }
}

/// `psql:FILE:LINE: ERROR:  message`; the lines after it (DETAIL, HINT, LINE) belong to it.
fn errors(stderr: &str, file: &Path) -> Vec<RestoreError> {
    let prefix = format!("psql:{}:", file.display());
    let mut found = Vec::new();
    for line in stderr.lines() {
        let Some((number, rest)) = line.strip_prefix(&prefix).and_then(|rest| rest.split_once(": ")) else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        let (severity, message) = rest.split_once(":  ").unwrap_or(("psql", rest));
        match severity {
            "WARNING" | "NOTICE" | "INFO" | "LOG" | "DEBUG" => {}
            "ERROR" | "FATAL" | "PANIC" => {
                found.push(RestoreError { line: number, severity: severity.into(), message: message.into() });
            }
            _ => found.push(RestoreError { line: number, severity: "psql".into(), message: rest.into() }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_from_warnings_and_details() {
        let text = "psql:/x/d.sql:7: ERROR:  role \"a\" does not exist\n\
                    psql:/x/d.sql:9: WARNING:  wal_level is insufficient\nHINT:  more\n\
                    psql:/x/d.sql:12: ERROR:  syntax error\nLINE 1: x\n        ^\n\
                    psql:/x/d.sql:13: invalid command \\N\n";
        let found = errors(text, Path::new("/x/d.sql"));
        let seen: Vec<_> = found.iter().map(|e| (e.line, e.severity.as_str(), e.message.as_str())).collect();
        assert_eq!(
            seen,
            [
                (7, "ERROR", "role \"a\" does not exist"),
                (12, "ERROR", "syntax error"),
                (13, "psql", "invalid command \\N")
            ]
        );
    }
}
