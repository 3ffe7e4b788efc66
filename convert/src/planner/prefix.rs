//! What of a session travels in front of statements and rows.

use dump::{Kind, Table, Value};

use super::session::Session;
use super::settings::{Role, line, path_sql, role};

impl Session {
    /// What goes in front of a statement of this kind.
    pub(super) fn prefix(&self, kind: &Kind, text: &str, no_owner: bool) -> String {
        let creates_table = *kind == Kind::Definition && starts_with(text, "CREATE");
        let stores = creates_table || matches!(kind, Kind::MaterializedView | Kind::Query);
        // ALTER TABLE too: its constraints make indexes.
        let placed = stores || matches!(kind, Kind::Index | Kind::Definition);
        // Before any role: it may be one that has no right to this.
        let mut prefix = match self.get("session_replication_role") {
            Some(value) => line("session_replication_role", &value.sql),
            // Code and changes of rows fire triggers and foreign keys' actions, which the consumer's session keeps from
            // firing.
            None if matches!(kind, Kind::Change | Kind::Query | Kind::Code) => {
                "SET LOCAL session_replication_role = origin;\n".to_owned()
            }
            None => String::new(),
        };
        prefix.push_str(&self.search_path_line());
        let mut put = |name: &str, bears: bool| {
            if let Some(value) = self.get(name).filter(|_| bears) {
                prefix.push_str(&line(name, &value.sql));
            }
        };
        put("session_authorization", !no_owner);
        put("role", !no_owner);
        put("check_function_bodies", *kind == Kind::Routine);
        put("default_tablespace", placed);
        put("default_table_access_method", stores);
        prefix.push_str(&self.reading(|name| name != "session_replication_role"));
        prefix
    }

    /// What goes in front of rows that go as SQL.
    pub(super) fn prefix_of_rows(&self) -> String {
        format!("{}{}", self.search_path_line(), self.reading(|_| true))
    }

    fn search_path_line(&self) -> String {
        let path = self.get("search_path").and_then(path_sql);
        path.map_or_else(String::new, |path| line("search_path", &path))
    }

    fn reading(&self, wanted: impl Fn(&str) -> bool) -> String {
        let all = self.in_force().into_iter();
        let all = all.filter(|(name, _)| role(name) == Role::Rows && wanted(name));
        all.map(|(name, value)| line(name, &value.sql)).collect()
    }

    /// Whether settings in force change how values of the table's columns are read. Nothing is known of no table.
    pub(super) fn bears_on_rows(&self, table: Option<&Table>) -> bool {
        let all = self.in_force();
        let mut rows = all.keys().filter(|name| role(name) == Role::Rows);
        rows.any(|name| bears_on(name, table))
    }

    /// The names of the search path in force; none is the default.
    pub(super) fn path_names(&self) -> Option<Vec<String>> {
        self.get("search_path").map(Value::names)
    }
}

/// Whether the setting changes how values of the table's columns are read.
fn bears_on(name: &str, table: Option<&Table>) -> bool {
    let types: &[&str] = match name {
        "datestyle" => &["date", "timestamp"],
        "intervalstyle" => &["interval"],
        "timezone" | "timezone_abbreviations" => &["with time zone"],
        "lc_monetary" => &["money"],
        "array_nulls" => &["[]"],
        "xmloption" => &["xml"],
        "default_text_search_config" => &["tsvector", "tsquery"],
        name if name.contains('.') => return true,
        // They bear on what expressions give, which are no literals.
        _ => return false,
    };
    let Some(table) = table else { return true };
    table.columns.iter().any(|column| match (&column.type_name, column.element) {
        (Some(name), Some(_)) => types.iter().any(|part| name.contains(part)),
        // A type of which not all is known.
        _ => true,
    })
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
