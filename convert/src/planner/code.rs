//! Statements that run code: what it may do that psql's session would keep, and this load would not.

use dump::object::{self, Bookkeeping};
use dump::{CopyHeader, Effect, Effects, Kind, LargeObject, Statement, Subject, Table};

use super::Planner;
use super::refuse::changed_by_code;
use crate::error::Error;
use crate::render::TablePlan;
use crate::render::expressions::refused_of_defaults;

/// What no code may do, whatever runs it: what it is, and what to do about it.
const NEVER: [(Effect, &str, &str); 6] = [
    (
        Effect::Settings,
        "changes settings of the session",
        "what follows may depend on them, and which they are is not known before it runs: write them as SET statements of the script",
    ),
    (
        Effect::Temporary,
        "makes or uses temporary objects",
        "they live in psql's session only, and each change runs in a session of its own: use tables, and drop them at the end",
    ),
    (
        Effect::SessionSequence,
        "asks by currval or lastval what the session had of a sequence",
        "each change runs in a session of its own: take the value from INSERT … RETURNING, or write it",
    ),
    (
        Effect::CachedSequence,
        "takes numbers of a sequence with CACHE",
        "each session has numbers of its own, and how many sessions there are is not known: write the values",
    ),
    (
        Effect::Transaction,
        "ends transactions",
        "each change is a transaction of its own, in which that fails: write the statements themselves",
    ),
    (
        Effect::Files,
        "reads or writes files of the server",
        "a replica's server has no such file: write the contents into the script",
    ),
];

/// What a value or a table's query may not do either.
const NOT_IN_VALUES: [Effect; 2] = [Effect::Definitions, Effect::Firing];

/// What an event trigger may do that shows afterwards.
const BEYOND: [Effect; 3] = [Effect::Definitions, Effect::Firing, Effect::Rows];

/// What makes a value depend on the session.
const ASKS: [Effect; 2] = [Effect::Reads, Effect::Calls];

impl Planner {
    /// Whether the statement is about Kasho's own bookkeeping, which is left out.
    pub(super) fn is_bookkeeping(&self, statement: &Statement, standard: bool) -> Result<bool, Error> {
        if self.shape.keep_kasho {
            return Ok(false);
        }
        match object::bookkeeping(&statement.text, standard) {
            Bookkeeping::No => Ok(false),
            Bookkeeping::Yes => Ok(true),
            Bookkeeping::Mixed => Err(self.unsupported(
                "a statement about objects named kasho_…, which are left out, and about others",
                statement.place,
                "write two statements, or load Kasho's own objects, too, with --keep-kasho-objects",
            )),
        }
    }

    /// Whether triggers fire in the statement, as they do in psql's session; in the consumer's they do not.
    pub(super) fn fires_as_in_psql(&self, kind: &Kind, text: &str) -> bool {
        match kind {
            Kind::Change | Kind::Query | Kind::Code => true,
            // A constraint that is checked at the end of psql's transaction is not checked at the end of this statement.
            Kind::Insert => !self.shape.silent_triggers && !self.is_deferred(),
            // What does nothing need not fire.
            _ => {
                let code = self.schema.code();
                let events = code.has_events()
                    && dump::fires_event_triggers(kind, text)
                    && code.effects_of_events().has_any(&BEYOND);
                events || self.fills_by_code(kind, text)
            }
        }
    }

    /// Whether a materialized view is filled by code that writes rows elsewhere.
    fn fills_by_code(&self, kind: &Kind, text: &str) -> bool {
        if *kind != Kind::MaterializedView && dump::verb(text) != "REFRESH" {
            return false;
        }
        let Subject::Relation(view) = dump::subject(kind, text, true) else { return false };
        self.schema.code().effects_of_refresh(&view.name).has(Effect::Rows)
    }

    fn is_deferred(&self) -> bool {
        self.point.session.in_transaction() && self.schema.code().is_deferrable()
    }

    /// Code that does more than what a change of its own, in a session of its own, can do.
    pub(super) fn refuse_effects(&mut self, statement: &Statement, standard: bool) -> Result<(), Error> {
        let made = dump::made_by_query(&statement.kind, &statement.text).is_some();
        let runs = matches!(statement.kind, Kind::Insert | Kind::Change | Kind::Query | Kind::Code);
        if runs || made {
            // What came after the first rows and bears on these: a resume has to read it again.
            self.point.late_definitions |= self.point.post_data;
            let text = if standard { None } else { Some(dump::standard_strings(&statement.text)) };
            let text = text.as_deref().unwrap_or(&statement.text);
            let effects = self.schema.effects(&statement.kind, text);
            self.refuse_always(effects, statement)?;
            self.refuse_in_values(effects, statement, made)?;
            self.refuse_nonstandard(effects, statement, standard)?;
        }
        self.refuse_called(statement, standard)?;
        // Rows in a statement are checked as rows are, unless something fires that is to see them.
        let checked = match statement.kind {
            Kind::Change | Kind::Query | Kind::Code => true,
            Kind::Insert => self.schema.has_firing() && !self.shape.silent_triggers,
            _ => false,
        };
        if checked && self.is_deferred() {
            return Err(self.unsupported(
                &format!(
                    "{} in a transaction, where constraints are deferrable,",
                    dump::verb(&statement.text)
                ),
                statement.place,
                "psql may check them at the end of the transaction, and each change is a transaction of its own: take out BEGIN and COMMIT",
            ));
        }
        self.refuse_events(statement)
    }

    /// Code that a statement runs which is to change nothing but a value or a definition.
    fn refuse_called(&self, statement: &Statement, standard: bool) -> Result<(), Error> {
        let runs = match &statement.kind {
            Kind::SequenceValue | Kind::LargeObject(LargeObject::Whole) | Kind::Index => true,
            // A default runs for rows that come.
            Kind::Definition | Kind::Other => {
                dump::verb(&statement.text).starts_with("ALTER")
                    && !dump::has_words(&statement.text, &["SET", "DEFAULT"])
            }
            _ => false,
        };
        if !runs {
            return Ok(());
        }
        let text = if standard { None } else { Some(dump::standard_strings(&statement.text)) };
        let effects = self.schema.code().effects_of_calls(text.as_deref().unwrap_or(&statement.text));
        self.refuse_always(effects, statement)?;
        if !effects.has_any(&BEYOND) {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("{} that calls code which changes more", dump::verb(&statement.text)),
            statement.place,
            "call it by SELECT in a statement of its own",
        ))
    }

    /// Event triggers fire in a definition as they do in psql's session, and what they do may be too much.
    fn refuse_events(&self, statement: &Statement) -> Result<(), Error> {
        let code = self.schema.code();
        if !code.has_events() || !dump::fires_event_triggers(&statement.kind, &statement.text) {
            return Ok(());
        }
        let effects = code.effects_of_events();
        self.refuse_always(effects, statement)?;
        // It makes nothing that rows could depend on.
        if dump::verb(&statement.text) == "REFRESH" || !effects.has_any(&NOT_IN_VALUES) {
            return Ok(());
        }
        Err(self.unsupported(
            "a definition after an event trigger that makes or changes others",
            statement.place,
            "make event triggers at the end, as pg_dump does",
        ))
    }

    fn refuse_always(&self, effects: Effects, statement: &Statement) -> Result<(), Error> {
        let verb = dump::verb(&statement.text);
        for (effect, does, advice) in NEVER {
            if effects.has(effect) {
                let what = format!("{verb} with code that {does}");
                return Err(self.unsupported(&what, statement.place, advice));
            }
        }
        if effects.has(Effect::LocalSettings) && self.point.session.in_transaction() {
            let (_, does, advice) = NEVER[0];
            let what = format!("{verb} in a transaction, with code that {does},");
            return Err(self.unsupported(&what, statement.place, advice));
        }
        Ok(())
    }

    /// The values of an INSERT, and the query of a table: they are no places for code that does more. With transforms nothing is.
    fn refuse_in_values(&self, effects: Effects, statement: &Statement, made: bool) -> Result<(), Error> {
        let rows = effects.has(Effect::Rows);
        let more = effects.has_any(&NOT_IN_VALUES);
        if self.shape.transforms.is_some() && (rows || more) {
            return Err(self.dump_error(changed_by_code(&dump::verb(&statement.text), statement.place)));
        }
        let in_values = made || statement.kind == Kind::Insert;
        if !in_values || !(more || made && rows) {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("{} that calls code which changes more", dump::verb(&statement.text)),
            statement.place,
            "call it by SELECT in a statement of its own, or write the values themselves",
        ))
    }

    /// Code is read anew when it runs, by settings that cannot travel with it.
    fn refuse_nonstandard(
        &self,
        effects: Effects,
        statement: &Statement,
        standard: bool,
    ) -> Result<(), Error> {
        let runs = statement.kind == Kind::Code || effects.has(Effect::Calls);
        if standard || !runs {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("{} with code while standard_conforming_strings is off", dump::verb(&statement.text)),
            statement.place,
            "how its strings are read depends on that: write them as E'…', and set standard_conforming_strings on",
        ))
    }

    /// What the defaults and constraints of a table ask of the session goes in front of its rows, as SQL.
    pub(super) fn follow_code(&self, header: &CopyHeader, plan: &mut TablePlan) -> Result<(), Error> {
        let table = self.schema.table(&header.table);
        let session = &self.point.session;
        let by_path = plan.defaults.has(Effect::Calls) || table.is_some_and(has_names);
        plan.sql_only |= by_path && session.has_path_of_its_own();
        let complete = table.is_some_and(|table| {
            plan.columns.len() >= table.columns.iter().filter(|column| !column.generated).count()
        });
        if complete {
            let checks = self.schema.code().effects_of_checks(&self.schema.resolve(&header.table).name.name);
            plan.sql_only |= checks.has_any(&ASKS) && session.bears_on_defaults(self.shape.no_owner);
            return Ok(());
        }
        if table.is_some_and(|table| self.takes_cached(header, table)) {
            plan.defaults.add(Effect::CachedSequence);
        }
        if let Some(what) = refused_of_defaults(plan.defaults) {
            let what = format!("rows of {} that leave columns to defaults: {what},", plan.table);
            return Err(self.unsupported(&what, header.place, "name all columns, as pg_dump does"));
        }
        plan.sql_only |= plan.defaults.has_any(&ASKS) && session.bears_on_defaults(self.shape.no_owner);
        Ok(())
    }
}

impl Planner {
    /// Whether a column's own sequence, by the name that PostgreSQL gives it, got a cache.
    fn takes_cached(&self, header: &CopyHeader, table: &Table) -> bool {
        let name = &header.table.name;
        let code = self.schema.code();
        table.columns.iter().any(|column| code.is_cached(&format!("{name}_{}_seq", column.name)))
    }
}

/// Whether values of the table are names, which the search path decides.
fn has_names(table: &Table) -> bool {
    let is = |name: &str| name.trim_start_matches("pg_catalog.").starts_with("reg");
    table.columns.iter().any(|column| column.type_name.as_deref().is_some_and(is))
}
