//! Commands to psql: which database what follows belongs to, and what is refused.

use std::sync::Arc;

use dump::{Meta, Place};

use super::Planner;
use super::settings::Settings;
use crate::error::Error;

impl Planner {
    /// Counts a command to psql, or follows it.
    pub(super) fn meta(&mut self, meta: Meta, place: Place) -> Result<(), Error> {
        match meta {
            Meta::Connect { database } => {
                self.skip("psql_connect");
                // A new session begins with PostgreSQL's defaults.
                self.point.settings = Settings::default();
                self.schema.set_search_path(self.point.settings.search_path());
                let Some(database) = database else { return Ok(()) };
                self.connect(database, place)?;
            }
            _ if !self.in_database() => self.skip("other_database"),
            Meta::Encoding(_) => self.skip("psql_encoding"),
            Meta::Other(name) if brings_more(&name) => {
                return Err(self.unsupported(
                    &format!("psql's \\{name}"),
                    place,
                    "it brings what is not in this file: dump with pg_dump, into one file",
                ));
            }
            Meta::Other(name) => self.skip(&format!("psql_{name}")),
        }
        Ok(())
    }

    /// What follows belongs to this database.
    fn connect(&mut self, database: String, place: Place) -> Result<(), Error> {
        let counters = &self.point.counters;
        let begun = counters.statements + counters.rows > 0;
        let before = self.point.database.replace(database.clone());
        if self.shape.selection.database().is_some() {
            if !self.databases.contains(&database) {
                self.databases.push(database);
            }
            return Ok(());
        }
        if begun && before.as_ref() != Some(&database) {
            let first = before.map_or_else(|| "one without a name".to_owned(), |name| quoted_list(&[name]));
            let what = format!(
                "a second database, {}, after {first} (pg_dumpall, or several dumps in one file)",
                quoted_list(&[database])
            );
            return Err(self.unsupported(&what, place, "choose with --database"));
        }
        self.database = Arc::from(database.as_str());
        Ok(())
    }
}

/// Commands of psql that read rows or statements from elsewhere, and the end of rows where none were begun: to pass
/// over them would lose what they bring.
fn brings_more(command: &str) -> bool {
    matches!(command, "i" | "ir" | "include" | "include_relative" | "copy" | ".")
}

/// Names for a message.
pub(super) fn quoted_list(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
