//! Commands to psql: which database what follows belongs to.

use std::sync::Arc;

use dump::{Event, Meta, Place, Scanner, Statement};

use super::Planner;
use super::session::Session;
use super::settings::{self, Role};
use crate::error::{DumpError, Error};

/// So many bytes at the start of a dump of several databases are looked at for their names.
pub const LOOKED_AT: u64 = 8 << 20;

impl Planner {
    /// Counts a command to psql, or follows it.
    pub(super) fn meta(&mut self, meta: Meta, place: Place) -> Result<(), Error> {
        match meta {
            Meta::Connect { database } => {
                self.skip("psql_connect");
                // A new session begins with the defaults of its database, and else with PostgreSQL's.
                let name = database.as_ref().or(self.point.database.as_ref());
                let defaults = name.and_then(|name| self.point.databases.get(name)).cloned();
                self.point.session = Session::connected(defaults.unwrap_or_default());
                self.follow_session();
                let Some(database) = database else { return Ok(()) };
                self.connect(database, place)?;
            }
            _ if !self.in_database() => self.skip("other_database"),
            Meta::Encoding(_) => {
                // A ROLLBACK would change how the rest is read.
                self.point.session.touch();
                self.skip("psql_encoding");
            }
            Meta::Set(_) => self.skip("psql_set"),
            Meta::Other(name) => self.skip(&format!("psql_{name}")),
        }
        Ok(())
    }

    /// `ALTER DATABASE … SET`: it is in force once a session connects. `dumped` says that pg_dump wrote it: then few of them
    /// bear on what follows, since pg_dump sets others anew, and writes values that are read alike by any.
    pub(super) fn database_setting(&mut self, statement: &Statement, standard: bool, dumped: bool) {
        let Some(of) = dump::setting_of_database(&statement.text, standard) else { return };
        let settings = self.point.databases.entry(of.database).or_default();
        let Some(setting) = of.setting else { return settings.clear() };
        let name = setting.name.as_str();
        let follows = match settings::role(name) {
            Role::Reading | Role::Passing | Role::Unknown => false,
            Role::Travels | Role::Rows | Role::Path => {
                !dumped || matches!(name, "array_nulls" | "lc_monetary" | "role" | "session_replication_role")
            }
        };
        if follows {
            settings.put(name, settings::unless_default(&setting));
        }
    }

    /// What follows belongs to this database.
    fn connect(&mut self, database: String, place: Place) -> Result<(), Error> {
        let counters = &self.point.counters;
        let (statements, rows) = (counters.statements, counters.rows);
        let begun = statements + rows > 0;
        let before = self.point.database.replace(database.clone());
        self.saw_database(&database);
        if self.shape.selection.database().is_some() {
            return Ok(());
        }
        if begun && before.as_ref() != Some(&database) {
            return Err(self.dump_error(DumpError::SecondDatabase {
                first: before,
                second: database,
                at: place,
                loaded: Some((statements, rows)),
            }));
        }
        self.database = Arc::from(database.as_str());
        Ok(())
    }

    fn saw_database(&mut self, name: &str) {
        if !self.databases.iter().any(|known| known == name) {
            self.databases.push(name.to_owned());
        }
    }

    /// The dump of a cluster of which no database was chosen: none of it is planned, and read on is only for the names.
    pub(super) fn no_choice(&mut self, event: &Event, scanner: &Scanner) -> Result<(), Error> {
        if let Event::Meta(Meta::Connect { database: Some(name) }, _) = event {
            self.saw_database(name);
        }
        if !matches!(event, Event::End) && scanner.point().offset < LOOKED_AT {
            return Ok(());
        }
        if matches!(event, Event::End) && self.databases.is_empty() {
            return Err(self.dump_error(DumpError::GlobalsOnly));
        }
        Err(self.dump_error(DumpError::Databases { names: self.databases.clone() }))
    }
}

/// Names for a message.
pub(super) fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
