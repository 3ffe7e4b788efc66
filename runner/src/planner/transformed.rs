//! What a dump may not hold where rows are transformed.

use dump::{Kind, Statement, Subject};

use super::Planner;
use crate::error::Error;
use crate::transforms;

/// Statements other than INSERT and COPY FROM stdin that write rows, or may.
const OTHER_ROWS: [&str; 11] =
    ["WITH", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "EXPLAIN", "CALL", "EXECUTE", "PREPARE", "DECLARE"];

impl Planner {
    /// Whether the transforms know the constraints that the dump has. Of a pipe that is known at its end.
    pub(super) fn same_schema(&self) -> Result<(), Error> {
        let Some(transforms) = self.shape.transforms.as_ref().filter(|_| !self.resumed) else {
            return Ok(());
        };
        let here = transform::schema_hash(&transforms::keys(&self.schema));
        if transforms.resolved().is_none_or(|resolved| resolved == here) {
            return Ok(());
        }
        Err(Error::Usage(
            "the dump's constraints are not those that the transform configuration was resolved with, so unique columns and foreign keys may not hold: run `pg-bootstrap-sync transform check` with this dump, and load it again with --restart".to_owned(),
        ))
    }

    /// A row that is passed on as the statement that it is cannot be transformed.
    pub(super) fn refuse_untransformed(&self, statement: &Statement, standard: bool) -> Result<(), Error> {
        let Some(transforms) = &self.shape.transforms else { return Ok(()) };
        let subject = dump::subject(&statement.kind, &statement.text, standard);
        let kept = match subject {
            Subject::Relation(name) => !transforms.touches(&self.schema.qualify(&name).to_string()),
            _ => false,
        };
        if kept {
            return Ok(());
        }
        Err(self.unsupported(
            "an INSERT that is no list of literals, into a table with transforms,",
            statement.place,
            "its values cannot be transformed: dump the table anew, or write `keep` for it",
        ))
    }

    /// What brings or changes rows by other means brings originals past the transforms.
    pub(super) fn refuse_other_rows(&self, statement: &Statement) -> Result<(), Error> {
        if self.shape.transforms.is_none() || statement.kind != Kind::Other {
            return Ok(());
        }
        let verb = dump::verb(&statement.text);
        let word = verb.split(' ').next().unwrap_or_default();
        if !OTHER_ROWS.contains(&word) {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("{word}, which may bring values that are not transformed,"),
            statement.place,
            "pg_dump writes no such statement: take it out, and let pg_dump write its rows",
        ))
    }
}
