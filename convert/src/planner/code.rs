//! Statements that run code: what it may do that psql's session would keep, and this load would not.

use dump::object::{self, Bookkeeping};
use dump::{CopyHeader, Effect, Effects, Kind, LargeObject, Statement, Table};

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
        fills(kind, text) && self.schema.code().effects_of_filling(text).has(Effect::Rows)
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
            let mut effects = self.schema.effects(&statement.kind, text);
            if statement.kind == Kind::Insert && self.schema.code().has_late_cache() {
                // It may leave columns to their defaults.
                effects.add(Effect::CachedSequence);
            }
            self.refuse_always(effects, statement)?;
            self.refuse_in_values(effects, statement, made)?;
            self.refuse_nonstandard(effects, statement, standard)?;
        }
        self.refuse_called(statement, standard)?;
        self.refuse_filling(statement)?;
        // Rows in a statement are checked as rows are, unless something fires that is to see them.
        let checked = || match statement.kind {
            Kind::Change | Kind::Query | Kind::Code => true,
            Kind::Insert => {
                !self.shape.silent_triggers && (self.schema.has_firing() || self.updates(statement))
            }
            _ => false,
        };
        if self.is_deferred() && checked() {
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

    /// Whether an INSERT changes rows that are there already, or others, where something may fire for that.
    fn updates(&self, statement: &Statement) -> bool {
        let updates = dump::has_words(&statement.text, &["DO", "UPDATE"])
            || self.schema.effects(&statement.kind, &statement.text).has(Effect::Rows);
        updates && self.schema.may_follow_changes()
    }

    /// Code that a materialized view is filled by is to do no more than give values and write rows.
    fn refuse_filling(&self, statement: &Statement) -> Result<(), Error> {
        if !fills(&statement.kind, &statement.text) {
            return Ok(());
        }
        let effects = self.schema.code().effects_of_filling(&statement.text);
        self.refuse_always(effects, statement)?;
        // What is put together when it runs is known to nobody, and pg_dump's scripts may hold that: see the page's gaps.
        let more =
            effects.has_any(&NOT_IN_VALUES) || self.shape.transforms.is_some() && effects.has(Effect::Rows);
        if !more || effects.has(Effect::Executes) {
            return Ok(());
        }
        Err(self.unsupported(
            &format!("{} with code that changes more", dump::verb(&statement.text)),
            statement.place,
            "call it by SELECT in a statement of its own",
        ))
    }

    /// Code that a statement runs which is to change nothing but a value or a definition.
    fn refuse_called(&self, statement: &Statement, standard: bool) -> Result<(), Error> {
        let runs = match &statement.kind {
            Kind::SequenceValue | Kind::LargeObject(LargeObject::Whole) | Kind::Index => true,
            // Others call nothing, and a default runs for rows that come.
            Kind::Definition | Kind::Other => {
                ["ALTER TABLE", "ALTER DOMAIN"].contains(&dump::verb(&statement.text).as_str())
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
        let bears = session.bears_on_defaults(self.shape.no_owner);
        if bears {
            let computing = self.schema.code().effects_of_computing();
            plan.sql_only |= computing.has(Effect::Reads);
            plan.sql_only |= computing.has(Effect::Calls) && session.has_path_of_its_own();
        }
        if complete {
            return Ok(());
        }
        if self.schema.code().has_late_cache() {
            plan.defaults.add(Effect::CachedSequence);
        }
        if let Some(what) = refused_of_defaults(plan.defaults) {
            let what = format!("rows of {} that leave columns to defaults: {what},", plan.table);
            return Err(self.unsupported(&what, header.place, "name all columns, as pg_dump does"));
        }
        plan.sql_only |= bears && plan.defaults.has_any(&[Effect::Reads, Effect::Calls]);
        Ok(())
    }
}

/// Whether the statement fills a materialized view.
fn fills(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::MaterializedView => !dump::has_words(text, &["WITH", "NO", "DATA"]),
        _ => dump::verb(text) == "REFRESH",
    }
}

/// Whether values of the table are names, which the search path decides.
fn has_names(table: &Table) -> bool {
    let is = |name: &str| name.trim_start_matches("pg_catalog.").starts_with("reg");
    table.columns.iter().any(|column| column.type_name.as_deref().is_some_and(is))
}
