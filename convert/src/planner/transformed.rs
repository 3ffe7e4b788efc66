//! What a dump may not hold where rows are transformed.

use dump::{Certainty, Kind, Statement, Subject};

use super::Planner;
use crate::error::Error;
use crate::tables;
use crate::transforms::Transforms;

/// Statements other than INSERT and COPY FROM stdin that write rows, or may.
const OTHER_ROWS: [&str; 7] = ["WITH", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "CALL"];

impl Planner {
    /// Whether the transforms know the constraints that the dump has. Of a pipe that is known at its end.
    pub(super) fn same_schema(&self) -> Result<(), Error> {
        let Some(transforms) = self.shape.transforms.as_ref().filter(|_| !self.resumed) else {
            return Ok(());
        };
        let here = transform::schema_hash(&tables::keys(&self.schema));
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
            Subject::Relation(name) => {
                self.refuse_routed(&name, statement.place)?;
                let resolved = self.schema.resolve(&name);
                let certainty = self.schema.certainty(&resolved.name);
                resolved.certain
                    && !dump::writes_within(&statement.text, standard)
                    && !dump::mentions(&statement.text, &transforms.table_names(), standard)
                    && !transforms.touches(&resolved.name.to_string())
                    && !matches!(certainty, Certainty::NoTable | Certainty::Hazy)
            }
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
        let Some(transforms) = &self.shape.transforms else { return Ok(()) };
        if let Some(table) = dump::made_by_query(&statement.kind, &statement.text)
            && transforms.touches(&self.schema.qualify(&table).to_string())
        {
            return Err(self.unsupported(
                &format!("{table}, a table with transforms that is made by a query,"),
                statement.place,
                "its values cannot be transformed: let pg_dump write its rows",
            ));
        }
        let verb = dump::verb(&statement.text);
        let word = verb.split(' ').next().unwrap_or_default();
        let other = matches!(statement.kind, Kind::Other | Kind::Query | Kind::Code | Kind::Change);
        if !other || !OTHER_ROWS.contains(&word) {
            return self.refuse_reading(statement, transforms);
        }
        Err(self.unsupported(
            &format!("{word}, which may bring values that are not transformed,"),
            statement.place,
            "pg_dump writes no such statement: take it out, and let pg_dump write its rows",
        ))
    }

    /// What reads rows with transforms holds originals, or gives something else on the replica.
    fn refuse_reading(&self, statement: &Statement, transforms: &Transforms) -> Result<(), Error> {
        let reads = matches!(statement.kind, Kind::Query | Kind::SequenceValue)
            || dump::made_by_query(&statement.kind, &statement.text).is_some();
        if reads && dump::mentions(&statement.text, &transforms.table_names(), true) {
            return Err(self.unsupported(
                &format!("{} that reads a table with transforms", dump::verb(&statement.text)),
                statement.place,
                "its rows on the replica are others: take the statement out, or write the value itself",
            ));
        }
        Ok(())
    }
}
