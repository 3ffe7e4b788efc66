//! The result of one script.

use std::fmt;

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A change for each row.
    Single,
    /// Many rows in one.
    Packed,
}

impl Form {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Single, Self::Packed];

    /// For `--rows`.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Packed => "packed",
        }
    }
}

/// How the loader ended, and what the consumer made of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The replica is what psql made.
    Equal,
    /// A documented exit code, and a message.
    Refused(String),
    /// An exit code that no input may lead to, or no message.
    Broken(String),
    /// The replica is something else: lines of psql's (`-`) and of the replica (`+`), and what the consumer said.
    Differs(Vec<String>),
    /// The same in the end, but the consumer did not take all of it.
    Stumbled(String),
    /// An original of a masked column, and where it shows. `true`: psql writes it to that column.
    Leaks(String, bool),
}

/// One script: psql's errors, and the outcome of each form.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What psql reported.
    pub psql: Vec<String>,
    /// By form.
    pub outcomes: Vec<(Form, Outcome)>,
}

/// How bad a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Equal, or refused.
    Good,
    /// Worth a look: different without a word after an error that psql reported, or an original of which it is not
    /// certain that it belongs to a masked column.
    AfterError,
    /// What must not be.
    Bad,
}

impl Verdict {
    /// How bad it is.
    pub fn grade(&self) -> Grade {
        let worst = |outcome: &Outcome| match outcome {
            Outcome::Equal | Outcome::Refused(_) => Grade::Good,
            Outcome::Broken(_) | Outcome::Leaks(_, true) => Grade::Bad,
            Outcome::Leaks(_, false) => Grade::AfterError,
            Outcome::Differs(_) if self.psql.is_empty() => Grade::Bad,
            Outcome::Differs(_) => Grade::AfterError,
            Outcome::Stumbled(_) if self.psql.is_empty() => Grade::Bad,
            Outcome::Stumbled(_) => Grade::Good,
        };
        self.outcomes.iter().map(|(_, outcome)| worst(outcome)).max().unwrap_or(Grade::Good)
    }

    /// Whether both forms were taken and are equal.
    pub fn is_equal(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Equal))
    }

    /// The first refusal's message.
    pub fn refusal(&self) -> Option<&str> {
        self.outcomes.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Refused(message) => Some(message.as_str()),
            _ => None,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.psql {
            writeln!(f, "  psql: {error}")?;
        }
        for (form, outcome) in &self.outcomes {
            let form = form.argument();
            match outcome {
                Outcome::Equal => writeln!(f, "  {form}: equal")?,
                Outcome::Refused(message) => writeln!(f, "  {form}: refused: {message}")?,
                Outcome::Broken(message) => writeln!(f, "  {form}: broken: {message}")?,
                Outcome::Leaks(place, _) => writeln!(f, "  {form}: an original shows: {place}")?,
                Outcome::Stumbled(message) => writeln!(f, "  {form}: equal, but: {message}")?,
                Outcome::Differs(lines) => {
                    writeln!(f, "  {form}: differs (- psql, + replica)")?;
                    for line in lines.iter().take(12) {
                        writeln!(f, "    {}", line.replace('\n', "\n      "))?;
                    }
                }
            }
        }
        Ok(())
    }
}
