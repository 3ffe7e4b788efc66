//! One script through psql, and through the loader and the reference consumer.
//!
//! ```text
//! script ─┬─ psql ─────────────────────────────────────────────▶ database A ─┐
//!         └─ pg-bootstrap-sync --output - ─▶ reference consumer ─▶ database B ─┴─▶ their states, line by line
//! ```
//!
//! The loader writes to its standard output what it would write to Redis. Databases are emptied after each script,
//! because creating new ones takes longer than everything else.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::grammar::CANARY;
use super::script::Script;
use super::state::{Observer, State};
use super::verdict::{Form, Outcome, Verdict};
use crate::binary::{Finished, Runner};
use crate::consumer::{Consumer, Entry, Failure, Kind, Options, SequenceSync, read_position};
use crate::servers::{Database, PostgresServer};

/// No script takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// Exit codes that input may lead to: usage, the dump, rejected rows.
const REFUSALS: [i32; 3] = [2, 3, 6];

const UNIQUE_VIOLATION: &str = "23505";

/// Roles that scripts may name.
pub const ROLES: [&str; 2] = ["app_owner", "app_reader"];

/// A server for the scripts of this process, with the roles that they name.
pub fn server() -> PostgresServer {
    let server = PostgresServer::start();
    let database = Database { name: "postgres".into() };
    server.run_sql(&database, "CREATE ROLE app_owner SUPERUSER LOGIN; CREATE ROLE app_reader;");
    server
}

/// Two databases, and a file for the script.
#[derive(Debug)]
pub struct Lab<'a> {
    server: &'a PostgresServer,
    reference: Database,
    replica: Database,
    of_reference: Observer,
    of_replica: Observer,
    folder: TempDir,
}

impl<'a> Lab<'a> {
    /// Makes the databases.
    pub fn new(server: &'a PostgresServer) -> Self {
        let (reference, replica) = (server.fresh_database(), server.fresh_database());
        let [of_reference, of_replica] = [&reference, &replica].map(|d| Observer::new(&server.target(d)));
        let folder = tempfile::tempdir().expect("make a folder");
        Self { server, reference, replica, of_reference, of_replica, folder }
    }

    /// Runs a script both ways; `seed` decides when the consumer takes another session.
    pub fn judge(&mut self, script: &Script, seed: u64) -> Verdict {
        let file = self.file();
        std::fs::write(&file, script.bytes()).expect("write the script");
        let psql = self.psql();
        let expected = self.of_reference.state();
        self.of_reference.reset();
        let outcomes = Form::BOTH.map(|form| (form, self.outcome(form, seed, &expected, psql.is_empty())));
        Verdict { psql, outcomes: outcomes.to_vec() }
    }

    /// Runs a script by psql only, and gives what it reports as an error.
    pub fn run_psql(&mut self, script: &Script) -> Vec<String> {
        std::fs::write(self.file(), script.bytes()).expect("write the script");
        let errors = self.psql();
        self.of_reference.reset();
        errors
    }

    /// Runs the loader over a script with originals in it, and looks for them in all that it writes.
    pub fn judge_masked(&mut self, script: &Script, config: &str) -> Verdict {
        let [config_file, key] = ["transforms.yml", "key"].map(|name| self.folder.path().join(name));
        std::fs::write(self.file(), script.bytes()).expect("write the script");
        std::fs::write(&config_file, config).expect("write the configuration");
        std::fs::write(&key, "a key of sixteen bytes or more").expect("write the key");
        let more: [PathBuf; 4] =
            ["--transform-config".into(), config_file, "--transform-key-file".into(), key];
        let found = Form::BOTH.map(|form| {
            let finished = self.load(form, &more);
            let output =
                [String::from_utf8_lossy(&finished.stdout).into_owned(), finished.stderr.clone()].concat();
            let original =
                output.find(CANARY).map(|at| output[at..].chars().take(CANARY.len() + 6).collect::<String>());
            (form, finished, original, output)
        });
        let shows = found.iter().any(|(.., original, _)| original.is_some());
        // What psql makes of it is of interest only then.
        let psql = if shows { self.psql() } else { Vec::new() };
        let state = self.of_reference.state();
        if shows {
            self.of_reference.reset();
        }
        let masked: Vec<String> = tables(config).map(|table| format!("row of {table}: ")).collect();
        let belongs = |original: &str| {
            let rows = state.lines().filter(|line| masked.iter().any(|table| line.starts_with(table)));
            rows.into_iter().any(|row| row.contains(original))
        };
        let outcomes = found.into_iter().map(|(form, finished, original, output)| {
            let outcome = match original {
                Some(original) => {
                    let number = original.trim_end_matches(|c: char| !c.is_ascii_digit());
                    let line = output.lines().find(|line| line.contains(CANARY)).unwrap_or_default();
                    Outcome::Leaks(line.into(), psql.is_empty() && belongs(number))
                }
                None if finished.code() == Some(0) => Outcome::Equal,
                None => refused(&finished),
            };
            (form, outcome)
        });
        let outcomes = outcomes.collect();
        Verdict { psql, outcomes }
    }

    /// The file of the script.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("script.sql")
    }

    /// Runs the loader over the script; `more` are further arguments.
    pub fn load(&self, form: Form, more: &[PathBuf]) -> Finished {
        let runner = Runner::new().arg("--dump-file").arg(self.file());
        runner.args(["--output", "-", "--progress", "never", "--rows", form.argument()]).args(more).run(LIMIT)
    }

    /// What psql reports as an error.
    fn psql(&self) -> Vec<String> {
        let mut command: Command = self.server.program("psql");
        command.args(["--no-psqlrc", "--quiet", "--dbname", &self.reference.name, "--file"]).arg(self.file());
        command.env("PGOPTIONS", "-c synchronous_commit=off").current_dir(self.folder.path());
        let out = command.stdout(Stdio::null()).output().expect("run psql");
        let stderr = String::from_utf8_lossy(&out.stderr);
        let prefix = format!("psql:{}:", self.file().display());
        let mut errors: Vec<String> = stderr
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix).or_else(|| line.strip_prefix("psql: ")))
            .filter(|line| !["WARNING:", "NOTICE:", "INFO:"].iter().any(|mild| line.contains(mild)))
            .map(String::from)
            .collect();
        if errors.is_empty() && !out.status.success() {
            errors.push(format!("{}: {stderr}", out.status));
        }
        errors
    }

    fn outcome(&mut self, form: Form, seed: u64, expected: &State, clean: bool) -> Outcome {
        let finished = self.load(form, &[]);
        match finished.code() {
            Some(0) => self.applied(&finished.stdout, seed, expected, clean),
            _ => refused(&finished),
        }
    }

    fn applied(&mut self, output: &[u8], seed: u64, expected: &State, clean: bool) -> Outcome {
        let options = Options { seed, replace_every: 20, sync: SequenceSync::Never, ..Options::default() };
        let consumer = Consumer::new(self.server, &self.replica, options);
        let report = consumer.run(entries(output).into_iter().map(Ok)).expect("run the consumer");
        let found = self.of_replica.state();
        self.of_replica.reset();
        let mut difference = expected.difference(&found);
        // A row that is there already is refused: the consumer's way to do nothing on a conflict.
        let twice = |failure: &Failure| failure.kind == Kind::Dml && failure.error.code == UNIQUE_VIOLATION;
        let whole = report.failures.iter().all(twice)
            && report.lost == 0
            && report.anomalies.is_empty()
            && report.fatal.is_none();
        if !difference.is_empty() {
            if !whole {
                difference.push(report.to_string());
            }
            return Outcome::Differs(difference);
        }
        if whole || !clean { Outcome::Equal } else { Outcome::Stumbled(report.to_string()) }
    }
}

/// The tables that a configuration of transforms names.
fn tables(config: &str) -> impl Iterator<Item = &str> {
    config
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.strip_suffix(':'))
}

/// A refusal is an exit code of the documented ones and a message.
fn refused(finished: &Finished) -> Outcome {
    let message = finished.stderr.lines().find(|line| line.contains("ERROR")).unwrap_or_default();
    let known = finished.code().is_some_and(|code| REFUSALS.contains(&code));
    if !known || message.is_empty() || finished.stderr.contains("panicked") {
        return Outcome::Broken(format!("{}: {}", finished.status, finished.stderr));
    }
    Outcome::Refused(message.to_owned())
}

/// The lines of an output as the set has them: in the order of their positions.
fn entries(output: &[u8]) -> Vec<Entry> {
    let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut entries: Vec<Entry> = lines
        .map(|line| {
            let text = String::from_utf8_lossy(line);
            let position = text.split("\"position\":\"").nth(1).and_then(|rest| rest.split('"').next());
            let score = position.and_then(|position| read_position(position).ok()).map(|(score, _)| score);
            Entry { score: score.expect("a line of the output has a position"), member: line.to_vec() }
        })
        .collect();
    entries.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| a.member.cmp(&b.member)));
    entries
}
