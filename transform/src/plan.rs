//! The transforms for the rows of one table.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::action::Cell;
use crate::config::{Config, ErrorPolicy, PasswordHash, Rule, SaltSource, Transform};
use crate::error::{Fault, Problem, Problems, Reason, RowError, RowPolicy};
use crate::keyed::{Key, Source};
use crate::password;
use crate::sql::{SqlKind, SqlType};
use crate::table::{Column, Table};
use crate::template::{Row, Template, Val};
use column::{PlannedColumn, Step, planned};

mod column;

/// How many password hashes are cached, for values that repeat.
const REMEMBERED: usize = 4096;

/// The compiled transforms of a table. Threads share it; each has its own [`Scratch`].
#[derive(Debug, Clone)]
pub struct Plan {
    table: Arc<str>,
    classes: Vec<Class>,
    /// In the order of the table.
    columns: Vec<PlannedColumn>,
    /// Indexes into `columns`: first the columns that depend only on their own value.
    order: Vec<usize>,
    /// For each column of the row, its index in `columns`.
    planned: Vec<Option<usize>>,
    reads: Vec<bool>,
    warnings: Vec<Problem>,
    /// Whether password hashes are computed; otherwise they are only counted.
    hashes: bool,
}

/// How a template treats a column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Integer,
    Float,
    Bool,
    Text,
}

/// What a row became, and room to make it in. It is used again for the next row.
#[derive(Debug, Default)]
pub struct Scratch {
    results: Vec<Outcome>,
    passwords: HashMap<Hashed, String>,
    cleartext: String,
    /// The columns for which a hash had to be computed.
    hashed: Vec<usize>,
}

#[derive(Debug, Default)]
struct Outcome {
    at: usize,
    text: String,
    null: bool,
    /// Whether it is done for the current row.
    done: bool,
}

impl Scratch {
    /// The columns that the last row's transforms wrote: each with its index in the row and its new value.
    pub fn values(&self) -> impl Iterator<Item = (usize, Option<&str>)> {
        self.results.iter().map(|outcome| (outcome.at, outcome.value()))
    }

    /// The new value of the plan's n-th column, in the order of [`Plan::columns`].
    #[must_use]
    pub fn value(&self, n: usize) -> Option<&str> {
        self.results.get(n).and_then(Outcome::value)
    }

    /// The indexes of the columns for which a password hash had to be computed in the last row.
    pub fn hashed(&self) -> impl Iterator<Item = usize> {
        self.hashed.iter().copied()
    }
}

impl Outcome {
    fn value(&self) -> Option<&str> {
        if self.null { None } else { Some(&self.text) }
    }
}

impl Plan {
    /// Compiles a table's plan. A table that the configuration does not name has an empty plan.
    ///
    /// # Errors
    ///
    /// Every rule that does not suit its column: the column does not exist or is generated, the transform's results
    /// are not values of its type, or a template names a column that does not exist.
    pub fn compile(config: &Config, table: &Table, key: &Key) -> Result<Self, Problems> {
        let (plan, mut faults) = Self::make(config, table, key);
        faults.extend(
            config.tables.get(&table.name).map(|rules| rules.unknown_columns(table)).unwrap_or_default(),
        );
        config.problems(faults)?;
        Ok(plan)
    }

    /// A plan of the rules that suit their columns, and what is wrong with the others.
    pub(crate) fn make(config: &Config, table: &Table, key: &Key) -> (Self, Vec<Fault>) {
        let mut plan = Self {
            table: table.name.as_str().into(),
            classes: table.columns.iter().map(class).collect(),
            columns: Vec::new(),
            order: Vec::new(),
            planned: vec![None; table.columns.len()],
            reads: vec![false; table.columns.len()],
            warnings: Vec::new(),
            hashes: true,
        };
        let mut faults = Vec::new();
        let Some(rules) = config.tables.get(&table.name) else { return (plan, faults) };
        for (at, column) in table.columns.iter().enumerate() {
            let Some((_, _, rule)) = rules.columns.iter().find(|(name, ..)| *name == column.name) else {
                continue;
            };
            if rule.is_keep() || column.absent {
                continue;
            }
            match planned(rule, table, at, key) {
                Ok(column) => plan.add(column),
                Err(more) => faults.extend(more),
            }
        }
        let second = |n: &usize| !matches!(plan.columns[*n].step, Step::Action(_));
        let (last, mut order): (Vec<usize>, Vec<usize>) = (0..plan.columns.len()).partition(second);
        order.extend(last);
        plan.order = order;
        let warnings = plan.warn(|column| {
            rules.columns.iter().find(|(name, ..)| **name == *column).map(|(_, _, rule)| rule)
        });
        plan.warnings = warnings.into_iter().map(|fault| config.problem(fault)).collect();
        (plan, faults)
    }

    fn add(&mut self, column: PlannedColumn) {
        self.planned[column.at] = Some(self.columns.len());
        self.reads[column.at] = true;
        let template = match &column.step {
            Step::Action(_) => None,
            Step::Template(template) => Some(template),
            Step::Password { cleartext, .. } => Some(cleartext),
        };
        let others = template.map(Template::reads).unwrap_or_default();
        others.into_iter().chain(column.by).for_each(|at| self.reads[at] = true);
        self.columns.push(column);
    }

    /// Allowed, but usually a mistake.
    fn warn<'a>(&self, rule: impl Fn(&str) -> Option<&'a Rule>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for column in &self.columns {
            let Some(rule) = rule(&column.name) else { continue };
            let mut warn = |what: String, help: &str| faults.push(Fault::new(rule.place, what).help(help));
            match &rule.transform {
                Transform::Regex(pattern) => {
                    for group in pattern.unknown_groups() {
                        warn(
                            format!("the pattern has no group `{group}`"),
                            "write ${1} where a letter follows",
                        );
                    }
                }
                Transform::Bool if rule.consistent => {
                    warn("Bool keeps the value, as in Kasho".to_owned(), "`consistent: false` draws one");
                }
                _ => {}
            }
            match &column.step {
                Step::Template(template) | Step::Password { cleartext: template, .. } => {
                    for at in template.reads() {
                        if let Some(original) = self.sees_original(column, at) {
                            warn(
                                format!("column {} gets the original of {original}", column.name),
                                "name a column that is transformed before it",
                            );
                        }
                    }
                }
                Step::Action(_) => {}
            }
            if matches!(column.sql.kind, SqlKind::Other | SqlKind::Unknown) {
                warn(
                    format!("the type of {} is {}: results are not checked", column.name, column.sql.text),
                    "PostgreSQL checks them when the change is applied",
                );
            }
        }
        faults
    }

    /// The name of a second-pass column that the template reads before it is transformed.
    fn sees_original(&self, reader: &PlannedColumn, at: usize) -> Option<&str> {
        let read = &self.columns[self.planned[at]?];
        (!matches!(read.step, Step::Action(_)) && read.at >= reader.at).then_some(&*read.name)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The indexes of the columns that it transforms, ascending.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.at)
    }

    /// Whether the value of this column is used. Others may be passed as `None`.
    #[must_use]
    pub fn reads(&self, at: usize) -> bool {
        self.reads.get(at).copied().unwrap_or(false)
    }

    /// The same plan with a text of the same length in place of each password hash, which would take long: to find
    /// out in advance what a run will do.
    #[must_use]
    pub fn without_hashing(mut self) -> Self {
        self.hashes = false;
        self
    }

    /// The columns with password hashes: their indexes in the row, and their names.
    pub fn passwords(&self) -> impl Iterator<Item = (usize, &str)> {
        let password = |column: &&PlannedColumn| matches!(column.step, Step::Password { .. });
        self.columns.iter().filter(password).map(|column| (column.at, &*column.name))
    }

    /// Computes a password hash with the parameters of this column, to measure how long that takes.
    ///
    /// # Errors
    ///
    /// If the function does not accept these parameters. For a column without a password hash, nothing is computed.
    pub fn hash_once(&self, at: usize) -> Result<(), Reason> {
        let column = self.planned.get(at).copied().flatten().map(|n| &self.columns[n]);
        match column.map(|column| &column.step) {
            Some(Step::Password { hash, .. }) => {
                password::push(*hash, b"a password", [0; 16], &mut String::new())
            }
            _ => Ok(()),
        }
    }

    /// Allowed, but usually a mistake.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Transforms a row: the values of the table's columns in their order, `None` for NULL, as in the dump but
    /// without COPY's escapes. `number` is the number of the row in its table, which is the same in every run; only
    /// transforms with `consistent: false` depend on it. The results are then in the scratch.
    ///
    /// # Errors
    ///
    /// If a value cannot be transformed and its column's `on_error` does not name a replacement.
    pub fn apply(&self, row: &[Option<&str>], number: u64, scratch: &mut Scratch) -> Result<(), RowError> {
        if row.len() != self.classes.len() {
            let reason = Reason::RowLength { expected: self.classes.len(), found: row.len() };
            let column = self.columns.first().map_or_else(|| "".into(), |column| Arc::clone(&column.name));
            return Err(RowError { table: Arc::clone(&self.table), column, reason, policy: RowPolicy::Fail });
        }
        scratch.hashed.clear();
        scratch.results.resize_with(self.columns.len(), Outcome::default);
        for (outcome, column) in scratch.results.iter_mut().zip(&self.columns) {
            outcome.at = column.at;
            outcome.done = false;
        }
        for n in &self.order {
            let column = &self.columns[*n];
            let mut outcome = std::mem::take(&mut scratch.results[*n]);
            outcome.text.clear();
            outcome.null = false;
            match self.one(column, row, number, scratch, &mut outcome.text) {
                Ok(not_null) => outcome.null = !not_null,
                Err(reason) => match &column.on_error {
                    ErrorPolicy::Null => outcome.null = true,
                    ErrorPolicy::Constant(value) => value.clone_into(&mut outcome.text),
                    ErrorPolicy::Default => return Err(self.error(column, reason, RowPolicy::Caller)),
                    ErrorPolicy::Skip => return Err(self.error(column, reason, RowPolicy::Skip)),
                    ErrorPolicy::Fail => return Err(self.error(column, reason, RowPolicy::Fail)),
                },
            }
            outcome.at = column.at;
            outcome.done = true;
            scratch.results[*n] = outcome;
        }
        Ok(())
    }

    fn error(&self, column: &PlannedColumn, reason: Reason, policy: RowPolicy) -> RowError {
        RowError { table: Arc::clone(&self.table), column: Arc::clone(&column.name), reason, policy }
    }

    /// Appends the hash of a password. It is computed once; its column is then in `scratch.hashed`.
    fn password(
        &self,
        at: usize,
        known: Hashed,
        scratch: &mut Scratch,
        out: &mut String,
    ) -> Result<(), Reason> {
        if let Some(hash) = scratch.passwords.get(&known) {
            out.push_str(hash);
            return Ok(());
        }
        scratch.hashed.push(at);
        let (hash, salt, clear) = &known;
        if self.hashes {
            password::push(*hash, clear.as_bytes(), *salt, out)?;
        } else {
            password::stand_in(*hash, clear.as_bytes(), out)?;
        }
        if scratch.passwords.len() >= REMEMBERED {
            scratch.passwords.clear();
        }
        scratch.passwords.insert(known, out.clone());
        Ok(())
    }

    /// Appends a column's new value; `false` means NULL.
    fn one(
        &self,
        column: &PlannedColumn,
        row: &[Option<&str>],
        number: u64,
        scratch: &mut Scratch,
        out: &mut String,
    ) -> Result<bool, Reason> {
        let text = match row[column.at] {
            None if !column.nulls => return Ok(false),
            value => value.unwrap_or_default(),
        };
        let not_null = match &column.step {
            Step::Action(action) => {
                let by = column.by.and_then(|at| row[at]);
                action.apply(&Cell { text, row: number, by }, out)?
            }
            Step::Template(template) => {
                template.render(&View { plan: self, row, results: &scratch.results }, out)?;
                true
            }
            Step::Password { hash, cleartext, salt, source } => {
                let mut clear = std::mem::take(&mut scratch.cleartext);
                clear.clear();
                cleartext.render(&View { plan: self, row, results: &scratch.results }, &mut clear)?;
                self.password(column.at, (*hash, salt_of(*salt, source, text), clear), scratch, out)?;
                true
            }
        };
        if not_null {
            column.sql.fit(out)?;
        }
        Ok(not_null)
    }
}

/// What a password hash is made of: the function, the salt, and the password.
type Hashed = (PasswordHash, [u8; 16], String);

fn salt_of(salt: SaltSource, source: &Source, original: &str) -> [u8; 16] {
    let hash: [u8; 32] = match salt {
        SaltSource::None => [0; 32],
        SaltSource::Original => Sha256::digest(original).into(),
        SaltSource::Keyed => source.seed(original),
    };
    let mut salt = [0; 16];
    salt.copy_from_slice(&hash[..16]);
    salt
}

/// The row as a template sees it: values that are already transformed replace the originals.
struct View<'a> {
    plan: &'a Plan,
    row: &'a [Option<&'a str>],
    results: &'a [Outcome],
}

impl Row for View<'_> {
    fn value(&self, at: usize) -> Val<'_> {
        let outcome = self.plan.planned[at].map(|n| &self.results[n]).filter(|outcome| outcome.done);
        let value = match outcome {
            Some(outcome) => outcome.value(),
            None => self.row[at],
        };
        // A NULL is the empty text.
        let text = value.unwrap_or_default();
        match self.plan.classes[at] {
            Class::Integer => text.parse().map_or(Val::Text(text.into()), Val::Int),
            Class::Float => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Val::Float(value),
                _ => Val::Text(text.into()),
            },
            Class::Bool if matches!(text, "t" | "f") => Val::Bool(text == "t"),
            _ => Val::Text(text.into()),
        }
    }
}

fn class(column: &Column) -> Class {
    match SqlType::of(column.type_name.as_deref(), &column.labels).kind {
        SqlKind::Int(_) => Class::Integer,
        SqlKind::Float(_) => Class::Float,
        SqlKind::Bool => Class::Bool,
        _ => Class::Text,
    }
}

#[cfg(test)]
mod tests;
