//! The advice in a report: what follows from its counts.

use convert::form::RowForm;

use super::{Report, Transforms, size};

/// Advice about something that was counted, if there is any.
fn given(count: u64, advice: impl FnOnce(u64) -> String) -> Option<String> {
    (count > 0).then(|| advice(count))
}

impl Report {
    pub(super) fn advices(&self) -> Vec<String> {
        let mut all = self.of_the_whole();
        all.extend(self.of_values());
        if let Some(transforms) = &self.transforms {
            all.extend(transforms.advices());
            all.extend(given(self.count(&["LARGE OBJECT"]), |large| {
                format!("{large} statements write large objects, which are not transformed")
            }));
        }
        all.extend(self.of_the_replica());
        all
    }

    /// Advice about Redis, and about rows that cannot be loaded.
    fn of_the_whole(&self) -> Vec<String> {
        let room = given(self.changes, |_| {
            format!(
                "Redis must hold all of it until the bootstrap is complete: leave {} free below maxmemory, and set maxmemory-policy noeviction",
                size(self.redis_bytes)
            )
        });
        let rejected = given(self.rejected, |rows| {
            format!(
                "{rows} rows cannot be loaded: repair the dump, or set them aside with --on-error skip --reject-file FILE"
            )
        });
        let roles = given(self.count(&["OWNER", "GRANT", "REVOKE", "ALTER DEFAULT PRIVILEGES"]), |roles| {
            format!(
                "{roles} statements name roles, which must exist on the replica: create them as below, or use --no-owner and --no-privileges"
            )
        });
        [room, rejected, roles].into_iter().flatten().collect()
    }

    /// Advice about values that the consumer treats in its own way.
    fn of_values(&self) -> Vec<String> {
        if self.form == RowForm::Packed {
            let packed = "the translicator's own transforms do not apply to packed rows: these reach the replica unchanged";
            return given(self.rows, |_| packed.to_owned()).into_iter().collect();
        }
        let values = given(self.count(&["SETVAL"]), |values| {
            format!(
                "{values} sequences get a value, but the consumer sets owned sequences to the highest value of their column"
            )
        });
        let in_pieces = given(self.tables.iter().map(|table| table.in_pieces).sum(), |rows| {
            format!(
                "{rows} rows are larger than a change may be and are sent in pieces: the translicator's own transforms do not apply to them"
            )
        });
        let as_sql = given(self.tables.iter().map(|table| table.as_sql).sum(), |rows| {
            format!(
                "{rows} rows are sent as SQL, because only the server can read their values: the translicator's own transforms do not apply to them"
            )
        });
        [values, in_pieces, as_sql].into_iter().flatten().collect()
    }

    /// Advice about the replica, and about definitions and settings that do not reach it as they are.
    fn of_the_replica(&self) -> Vec<String> {
        let extensions = given(self.count(&["CREATE EXTENSION"]), |extensions| {
            format!("{extensions} extensions must be installed on the replica's server")
        });
        let no_table = (self.rows > 0 && self.count(&["CREATE TABLE"]) == 0).then(|| {
            "the dump defines no table: the consumer fills only a replica without tables, so this load is for other readers of the set".to_owned()
        });
        let not_parsed = given(self.not_understood, |definitions| {
            format!(
                "{definitions} definitions were not parsed: the values of their tables are sent as strings, which PostgreSQL converts to the column's type"
            )
        });
        let settings: Vec<_> = self.skipped.keys().filter_map(|kind| kind.strip_prefix("setting_")).collect();
        let left_out = (!settings.is_empty()).then(|| {
            format!(
                "settings that pg_dump does not write are left out ({}): check whether you need them",
                settings.join(", ")
            )
        });
        [extensions, no_table, not_parsed, left_out].into_iter().flatten().collect()
    }
}

impl Transforms {
    fn advices(&self) -> Vec<String> {
        let definitions = given(self.definitions.len() as u64, |count| {
            format!(
                "{count} statements contain values of columns that are transformed, and definitions are not transformed: change them at the source, or leave them out"
            )
        });
        let not_searched = (!self.definitions_read).then(|| {
            "not all definitions were searched for values of columns that are transformed: a pipe is read only once, and literals beyond 8 MiB are not searched".to_owned()
        });
        definitions.into_iter().chain(not_searched).collect()
    }
}
