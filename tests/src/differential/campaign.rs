//! Runs many scripts in several threads, makes failing scripts smaller, and counts everything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::grammar;
use super::lab::{Lab, server};
use super::script::Script;
use super::shrink::shrink;
use super::verdict::{Grade, Verdict};

/// Scripts that one finding may take to become small.
const SHRINKING: usize = 400;

/// What is asked of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Is the replica what psql makes of it?
    Equal,
    /// Do originals of masked columns show?
    Hidden,
}

/// How many scripts, from where.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// What is asked.
    pub question: Question,
    /// The seed of the first script; the next ones follow it.
    pub seed: u64,
    /// How many.
    pub scripts: u64,
    /// Findings after which it ends.
    pub findings: usize,
    /// Show what differs after an error of psql too.
    pub after_errors: bool,
    /// Threads, each with its own databases.
    pub threads: usize,
    /// A folder that keeps the findings, too.
    pub folder: Option<PathBuf>,
}

impl Campaign {
    /// By the environment, else these.
    pub fn from_env(question: Question, scripts: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self {
            question,
            seed: number("PGBOOTSTRAP_SEED").unwrap_or(20_261_129),
            scripts: number("PGBOOTSTRAP_SCRIPTS").unwrap_or(scripts),
            findings: number("PGBOOTSTRAP_FINDINGS").and_then(|n| usize::try_from(n).ok()).unwrap_or(5),
            after_errors: std::env::var_os("PGBOOTSTRAP_AFTER_ERRORS").is_some(),
            threads: 2,
            folder: std::env::var_os("PGBOOTSTRAP_FINDINGS_DIR").map(PathBuf::from),
        }
    }

    /// Tries them all, or until enough is found.
    pub fn run(&self) -> Tally {
        let server = server();
        let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    let mut lab = Lab::new(&server);
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= self.scripts
                            || tally.lock().expect("no thread panics").findings.len() >= self.findings
                        {
                            return;
                        }
                        self.one(&mut lab, self.seed.wrapping_add(at), &tally);
                    }
                });
            }
        });
        tally.into_inner().expect("no thread panics")
    }

    fn one(&self, lab: &mut Lab<'_>, seed: u64, tally: &Mutex<Tally>) {
        let (script, config) = match self.question {
            Question::Equal => (grammar::script(seed), String::new()),
            Question::Hidden => grammar::masked_script(seed),
        };
        let mut judge = |script: &Script| match self.question {
            Question::Equal => lab.judge(script, seed),
            Question::Hidden => lab.judge_masked(script, &config),
        };
        let verdict = judge(&script);
        let grade = verdict.grade();
        let found = grade == Grade::Bad || grade == Grade::AfterError && self.after_errors;
        let finding = found.then(|| {
            let small = shrink(&script, SHRINKING, |script| judge(script).grade() == grade);
            let verdict = judge(&small);
            Finding { seed, grade, script: small, config: config.clone(), verdict }
        });
        if let (Some(finding), Some(folder)) = (&finding, &self.folder) {
            let file = folder.join(format!("{seed}.sql"));
            let said = finding.to_string().replace('\n', "\n-- ");
            let bytes = [format!("-- {said}\n").into_bytes(), finding.script.bytes()].concat();
            std::fs::write(file, bytes).expect("keep a finding");
        }
        let mut tally = tally.lock().expect("no thread panics");
        tally.count(&verdict);
        tally.findings.extend(finding);
    }
}

/// A small script that the loader gets wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Of the script as it was.
    pub seed: u64,
    /// How bad it is.
    pub grade: Grade,
    /// As small as it got.
    pub script: Script,
    /// The configuration of transforms, if it has one.
    pub config: String,
    /// What came of it.
    pub verdict: Verdict,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Script { lines, latin1, .. } = &self.script;
        writeln!(f, "seed {}, {:?}, lines {lines:?}, LATIN1 {latin1}", self.seed, self.grade)?;
        write!(f, "{}{}\n{}", self.config, self.script.text(), self.verdict)
    }
}

/// What came of all.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Scripts tried.
    pub scripts: u64,
    /// Both forms equal, without an error of psql.
    pub equal: u64,
    /// Equal, although psql reported errors.
    pub equal_after_errors: u64,
    /// Refused in a form at least.
    pub refused: u64,
    /// Those where psql reported an error.
    pub psql_errors: u64,
    /// Different after an error that psql reported.
    pub different_after_errors: u64,
    /// Refusals by message, without what differs each time.
    pub refusals: BTreeMap<String, u64>,
    /// psql's errors, likewise.
    pub errors: BTreeMap<String, u64>,
    /// What must not be.
    pub findings: Vec<Finding>,
}

impl Tally {
    fn count(&mut self, verdict: &Verdict) {
        self.scripts += 1;
        let errors = !verdict.psql.is_empty();
        self.psql_errors += u64::from(errors);
        if let Some(error) = verdict.psql.first() {
            *self.errors.entry(shape(error)).or_default() += 1;
        }
        if let Some(message) = verdict.refusal() {
            self.refused += 1;
            if !errors {
                *self.refusals.entry(shape(message)).or_default() += 1;
            }
        }
        match (verdict.is_equal(), errors) {
            (true, false) => self.equal += 1,
            (true, true) => self.equal_after_errors += 1,
            _ => {}
        }
        self.different_after_errors += u64::from(verdict.grade() == Grade::AfterError);
    }
}

/// A message without names, numbers and places.
fn shape(message: &str) -> String {
    let message = message.split_once("script.sql").map_or(message, |(_, rest)| rest);
    let words = message.split_whitespace().filter(|word| {
        !word.contains(['"', '#', ':'])
            && !word.contains(|c: char| c.is_ascii_digit())
            && !word.trim_end_matches([',', '.', ';']).contains('.')
    });
    words.take(18).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} scripts: {} equal, {} refused; psql reported errors in {}, of these {} equal and {} different",
            self.scripts,
            self.equal,
            self.refused,
            self.psql_errors,
            self.equal_after_errors,
            self.different_after_errors
        )?;
        for (title, counts) in [("refused", &self.refusals), ("psql", &self.errors)] {
            let mut lines: Vec<_> = counts.iter().collect();
            lines.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (message, count) in lines.into_iter().take(40) {
                writeln!(f, "  {title} {count:>5}  {message}")?;
            }
        }
        for finding in &self.findings {
            writeln!(f, "\nFINDING {finding}")?;
        }
        Ok(())
    }
}
