//! What of a session travels in front of statements and rows.

use dump::{Kind, Table, Value};

use super::session::Session;
use super::settings::{Role, line, path_sql, role};

impl Session {
    /// What goes in front of a statement of this kind. `fires` says that triggers fire in it.
    pub(super) fn prefix(&self, kind: &Kind, text: &str, fires: bool, no_owner: bool) -> String {
        let creates_table = *kind == Kind::Definition && starts_with(text, "CREATE");
        // Code may do whatever statements do.
        let code = matches!(kind, Kind::Code | Kind::Query | Kind::Change);
        let stores = creates_table || code || *kind == Kind::MaterializedView;
        // ALTER TABLE too: its constraints make indexes.
        let placed = stores || matches!(kind, Kind::Index | Kind::Definition);
        // Before any role: it may be one that has no right to this.
        let mut prefix = match self.get("session_replication_role") {
            Some(value) => line("session_replication_role", &value.sql),
            // Triggers and foreign keys' actions, which the consumer's session keeps from firing.
            None if fires => "SET LOCAL session_replication_role = origin;\n".to_owned(),
            None => String::new(),
        };
        // Code that runs finds nothing by a name without a schema, as in psql.
        let runs = code || *kind == Kind::Insert || starts_with(text, "REFRESH");
        match self.has_empty_path() {
            true if runs => prefix.push_str(&line("search_path", "''")),
            _ => prefix.push_str(&self.search_path_line()),
        }
        let mut put = |name: &str, bears: bool| {
            if let Some(value) = self.get(name).filter(|_| bears) {
                prefix.push_str(&line(name, &value.sql));
            }
        };
        put("session_authorization", !no_owner);
        put("role", !no_owner);
        put("check_function_bodies", code || *kind == Kind::Routine);
        put("default_tablespace", placed);
        put("default_table_access_method", stores);
        prefix.push_str(&self.reading(|name| name != "session_replication_role"));
        prefix
    }

    /// What goes in front of rows that go as SQL.
    pub(super) fn prefix_of_rows(&self, no_owner: bool) -> String {
        let who = ["session_authorization", "role"].into_iter().filter(|_| !no_owner);
        let who: String = who.filter_map(|name| self.get(name).map(|value| line(name, &value.sql))).collect();
        // Any role last: it may be one that has no right to the others.
        format!("{}{}{who}", self.search_path_line(), self.reading(|_| true))
    }

    /// Whether defaults that ask for them would find other settings than in the consumer's session.
    pub(super) fn bears_on_defaults(&self, no_owner: bool) -> bool {
        let who = ["session_authorization", "role"].iter().any(|name| self.get(name).is_some());
        who && !no_owner || !self.reading(|_| true).is_empty() || self.has_path_of_its_own()
    }

    /// Whether names lead elsewhere than in the consumer's session, whose path is PostgreSQL's default.
    pub(super) fn has_path_of_its_own(&self) -> bool {
        let Some(names) = self.path_names() else { return false };
        names.iter().any(|name| !matches!(name.as_str(), "$user" | "public" | "pg_catalog"))
    }

    /// Whether no name without a schema is found, but PostgreSQL's own.
    fn has_empty_path(&self) -> bool {
        self.path_names().is_some_and(|names| names.is_empty())
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
        "datestyle" => &["date", "timestamp", "tsrange", "tsmultirange", "tstz"],
        "intervalstyle" => &["interval"],
        "timezone" | "timezone_abbreviations" => &["with time zone", "tstz"],
        "lc_monetary" => &["money"],
        "array_nulls" => &["[]"],
        "xmloption" => &["xml"],
        "default_text_search_config" => &["tsvector", "tsquery"],
        // Only code asks for them. Of a table that nobody knows, it may be anywhere.
        name if name.contains('.') => return table.is_none(),
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
