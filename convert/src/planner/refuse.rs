//! What cannot be loaded as psql would run it, and is refused before a difference can arise.

use dump::{CopyColumns, CopyHeader, Kind, Place, QualifiedName, Session as Needs, Statement, Subject};

use super::Planner;
use super::session::Refused;
use crate::error::{DumpError, Error};
use crate::render::Block;

/// With transforms: something gets another name, and rows were loaded before.
#[must_use]
pub fn renamed_after_rows(at: Place) -> DumpError {
    DumpError::Unsupported {
        what: "with transforms, a table, column or schema that gets another name after rows were loaded"
            .to_owned(),
        at,
        advice: "by which name its rows are to be transformed is not certain: rename before the rows, as pg_dump's order has it",
    }
}

/// With transforms: a statement of which nobody knows what it does.
#[must_use]
pub fn changed_by_code(verb: &str, at: Place) -> DumpError {
    DumpError::Unsupported {
        what: format!("{verb}, which may bring or rename what is to be transformed,"),
        at,
        advice: "what it does is not known before it runs: take it out, or load without --transform-config",
    }
}

impl Planner {
    pub(super) fn refused(&self, why: Refused, place: Place) -> Error {
        let (what, advice) = match why {
            Refused::TakenBack => (
                "a ROLLBACK, which would take back what is loaded",
                "remove it together with what it takes back",
            ),
            Refused::Prepared => (
                "a transaction in two phases (PREPARE TRANSACTION)",
                "what is prepared belongs to no session, and nobody knows how it ends: write COMMIT",
            ),
            Refused::ReadOnly => (
                "a transaction that is READ ONLY",
                "PostgreSQL refuses what it would change: leave READ ONLY out",
            ),
            Refused::TemporaryPath => (
                "a search_path with pg_temp in front of others",
                "what is made under it is temporary: put pg_temp last, or leave it out",
            ),
            Refused::ReadingInTransaction => (
                "SET LOCAL of client_encoding or standard_conforming_strings",
                "how the script is read would change within it: set it without LOCAL",
            ),
        };
        self.unsupported(what, place, advice)
    }

    pub(super) fn refuse_session(&self, needs: Needs, place: Place) -> Error {
        let (what, advice) = match needs {
            Needs::Temporary => (
                "a temporary table, view or sequence",
                "it lives in psql's session only, and each change runs in a session of its own: make it a table, and drop it at the end",
            ),
            Needs::ComputedSetting => (
                "a set_config whose value is no literal",
                "what follows depends on it: write SET with the value itself",
            ),
            Needs::Prepared => (
                "PREPARE or EXECUTE",
                "each change runs in a session of its own: write out the statement that is executed",
            ),
            Needs::Cursor => (
                "a cursor (DECLARE, FETCH or MOVE)",
                "each change runs in a session of its own: take it out, if nothing depends on it",
            ),
            Needs::SequenceOfSession => (
                "currval or lastval, which ask for what the session had of a sequence,",
                "each change runs in a session of its own: write the value itself, as pg_dump does",
            ),
            Needs::OpenLargeObject => (
                "loread, lo_lseek, lo_truncate or another function of an open large object",
                "each change runs in a session of its own: write the bytes by lowrite, as pg_dump does, or by lo_put",
            ),
            Needs::ExplainAnalyze => {
                ("EXPLAIN ANALYZE, which runs what it explains,", "write the statement without it")
            }
        };
        self.unsupported(what, place, advice)
    }

    /// psql rolls back what was not committed when its session ends.
    pub(super) fn refuse_unfinished(&self, how: &str) -> Result<(), Error> {
        let Some(began) = self.point.session.unfinished() else { return Ok(()) };
        Err(self.unsupported(
            &format!("a transaction that is open where the script {how}"),
            began,
            "psql rolls it back, and it is loaded here: write COMMIT, or remove it",
        ))
    }

    /// Rows of a block that psql would send elsewhere, or would do more with.
    pub(super) fn refuse_rows(&self, header: &CopyHeader) -> Result<(), Error> {
        if header.table.schema.as_deref() == Some("pg_temp") {
            return Err(self.refuse_session(Needs::Temporary, header.place));
        }
        if self.schema.user_decides(&header.table, false) {
            return Err(self.refuse_user(&header.table.to_string(), header.place));
        }
        self.refuse_firing(&self.schema.qualify(&header.table), header.place)?;
        self.refuse_uncertain(header)
    }

    /// A name that leads elsewhere for another user.
    pub(super) fn refuse_by_user(&self, statement: &Statement, standard: bool) -> Result<(), Error> {
        if !self.schema.follows_user() {
            return Ok(());
        }
        let new = dump::verb(&statement.text).starts_with("CREATE");
        let name = match dump::subject(&statement.kind, &statement.text, standard) {
            Subject::Relation(name) | Subject::NewSequence(name) => name,
            Subject::Member(None) => QualifiedName { schema: None, name: "a new object".to_owned() },
            _ => return Ok(()),
        };
        if !self.schema.user_decides(&name, new) {
            return Ok(());
        }
        Err(self.refuse_user(&name.name, statement.place))
    }

    fn refuse_user(&self, name: &str, place: Place) -> Error {
        self.unsupported(
            &format!(
                "{name}, a name that leads into a schema of the user who runs the script, if it is theirs,"
            ),
            place,
            "who that is, is not known: write its schema, or set search_path without \"$user\"",
        )
    }

    fn refuse_firing(&self, table: &QualifiedName, place: Place) -> Result<(), Error> {
        if self.shape.silent_triggers || self.point.session.is_silent() {
            return Ok(());
        }
        let advice = "psql would fire it, and where changes are applied it stays silent: make triggers and rules after the rows, as pg_dump does, or say with --silent-triggers that it is meant";
        if let Some(fires) = self.schema.fires(table) {
            return Err(self.unsupported(
                &format!("rows of {table}, for which {fires} fires,"),
                place,
                advice,
            ));
        }
        if self.resumed && self.point.post_data && !self.point.late_definitions {
            let what = format!(
                "rows of {table} after triggers, rules or constraints of the dump, in a run that was resumed after them,"
            );
            return Err(self.unsupported(
                &what,
                place,
                "start over with --restart, so that they are read again",
            ));
        }
        Ok(())
    }

    /// With transforms: what may change anything may bring rows, too.
    pub(super) fn refuse_code(&self, statement: &Statement) -> Result<(), Error> {
        if self.shape.transforms.is_none() {
            return Ok(());
        }
        Err(self.dump_error(changed_by_code(&dump::verb(&statement.text), statement.place)))
    }

    /// With transforms: rows that are loaded under one name are not to be found under another.
    pub(super) fn refuse_renamed(&mut self, statement: &Statement, standard: bool) -> Result<(), Error> {
        let may = matches!(statement.kind, Kind::Definition | Kind::Other);
        if !may || !self.point.data_seen || !dump::renames(&statement.text, standard) {
            return Ok(());
        }
        self.renamed.get_or_insert(statement.place);
        if self.shape.transforms.is_none() {
            return Ok(());
        }
        Err(self.dump_error(renamed_after_rows(statement.place)))
    }

    /// With transforms: values that are read by settings of the script cannot be read here.
    pub(super) fn refuse_untransformable(&self, header: &CopyHeader, block: &Block) -> Result<(), Error> {
        let plan = &block.plan;
        if block.transformed.is_none() || !plan.sql_only {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("rows of {}, a table with transforms, that only the server can read,", plan.table),
            header.place,
            "name the columns, and leave out settings such as DateStyle and TimeZone: pg_dump writes values that need none",
        ))
    }

    /// With transforms: PostgreSQL has no such column, so nobody said what becomes of its values.
    pub(super) fn refuse_unknown_column(&self, header: &CopyHeader) -> Result<(), Error> {
        let (Some(table), CopyColumns::Listed(names)) = (self.schema.table(&header.table), &header.columns)
        else {
            return Ok(());
        };
        let Some(name) = names.iter().find(|name| table.column(name).is_none()) else { return Ok(()) };
        Err(self.unsupported(
            &format!(
                "rows of {} with a column {}, which the table does not have,",
                header.table,
                dump::quote_name(name)
            ),
            header.place,
            "PostgreSQL refuses them, and with transforms so does this: correct the list of columns",
        ))
    }

    /// With transforms: rows of a partitioned table go to its partitions, which may be transformed in more columns. Rows of
    /// a table that others inherit from stay in it.
    pub(super) fn refuse_routed(&self, name: &QualifiedName, place: Place) -> Result<(), Error> {
        let Some(transforms) = &self.shape.transforms else { return Ok(()) };
        let name = self.schema.resolve(name).name;
        let table = name.to_string();
        let beyond =
            |child: &QualifiedName| transforms.config().transforms_beyond(&child.to_string(), &table);
        let Some(child) = self.schema.routes(&name).into_iter().find(beyond) else { return Ok(()) };
        Err(self.unsupported(
            &format!("rows of {table}, which may go to {child}, where more is transformed,"),
            place,
            "give the table itself these transforms, too",
        ))
    }

    /// With transforms: which table rows go to, and what it is, must be certain.
    fn refuse_uncertain(&self, header: &CopyHeader) -> Result<(), Error> {
        let Some(transforms) = &self.shape.transforms else { return Ok(()) };
        let resolved = self.schema.resolve(&header.table);
        let touched = transforms.touches(&resolved.name.to_string());
        let certainty = self.schema.certainty(&resolved.name);
        let why = match certainty {
            _ if !resolved.certain => "which table they go to",
            dump::Certainty::Table => return Ok(()),
            dump::Certainty::NotSeen | dump::Certainty::Unknown if !touched => return Ok(()),
            dump::Certainty::NotSeen if touched => return Ok(()),
            dump::Certainty::NoTable => "what becomes of rows of a view",
            _ => "what the table is",
        };
        let since = match &self.changer {
            Some((verb, place)) => format!(" since the {verb} at line {}", place.line),
            None => String::new(),
        };
        Err(self.unsupported(
            &format!("rows of {}, with transforms: {why} is not certain{since},", header.table),
            header.place,
            "name tables with their schema, and define them as pg_dump does",
        ))
    }
}
