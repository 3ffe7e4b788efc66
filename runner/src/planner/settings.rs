//! Settings of the dump's session that bear on statements.
//!
//! The consumer runs each change alone, on a connection that no earlier change has prepared. So a setting never
//! becomes a change of its own; those that matter travel in front of the statements they bear on.

use std::collections::BTreeMap;

use dump::{Kind, Setting, Value, is_on};
use serde::{Deserialize, Serialize};

/// The settings in force that are not PostgreSQL's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(BTreeMap<String, Value>);

/// How a setting is dealt with.
enum Role {
    /// In force for some statements, with the value that is the default.
    Travels(&'static str),
    /// Needed to read the dump.
    Reading,
    /// It changes nothing that arrives.
    Passing,
    /// Not one that pg_dump sets.
    Unknown,
}

fn role(name: &str) -> Role {
    match name {
        "check_function_bodies" => Role::Travels("on"),
        "default_tablespace" => Role::Travels(""),
        "default_table_access_method" => Role::Travels("heap"),
        "xmloption" => Role::Travels("content"),
        "session_authorization" => Role::Travels(""),
        "search_path" | "client_encoding" | "standard_conforming_strings" => Role::Reading,
        "statement_timeout"
        | "lock_timeout"
        | "idle_in_transaction_session_timeout"
        | "transaction_timeout"
        | "client_min_messages"
        | "row_security"
        | "default_with_oids"
        | "escape_string_warning" => Role::Passing,
        _ => Role::Unknown,
    }
}

impl Settings {
    /// Takes over a setting. Returns the kind under which it counts as left out: all but those that travel.
    pub(super) fn apply(&mut self, setting: &Setting) -> Option<String> {
        let name = setting.name.as_str();
        let default = match role(name) {
            Role::Travels(default) => default,
            Role::Reading => {
                if name == "search_path" {
                    self.put(setting);
                }
                return Some("setting".to_owned());
            }
            Role::Passing => return Some("setting".to_owned()),
            Role::Unknown => return Some(format!("setting_{name}")),
        };
        let is_default = match default {
            "on" => is_on(setting.plain()),
            default => setting.plain().eq_ignore_ascii_case(default),
        };
        if is_default || setting.value.is_none() {
            self.0.remove(name);
        } else {
            self.put(setting);
        }
        None
    }

    fn put(&mut self, setting: &Setting) {
        match &setting.value {
            Some(value) => self.0.insert(setting.name.clone(), value.clone()),
            None => self.0.remove(&setting.name),
        };
    }

    pub(super) fn search_path(&self) -> &str {
        self.0.get("search_path").map_or("public", |value| &value.plain)
    }

    /// What goes in front of a statement of this kind.
    pub(super) fn prefix(&self, kind: &Kind, text: &str, no_owner: bool) -> String {
        let mut prefix = String::new();
        let creates_table = *kind == Kind::Definition && starts_with(text, "CREATE");
        let stores = creates_table || matches!(kind, Kind::MaterializedView);
        if let Some(path) = self.0.get("search_path").filter(|path| !path.plain.trim().is_empty()) {
            // A list in one literal is one name to SET, and a list to set_config.
            prefix = if path.sql.starts_with('\'') && path.plain.contains(',') {
                format!("SELECT pg_catalog.set_config('search_path', {}, true);\n", path.sql)
            } else {
                format!("SET LOCAL search_path = {};\n", path.sql)
            };
        }
        let mut put = |name: &str, spelled: &str, bears: bool| {
            if let Some(value) = self.0.get(name).filter(|_| bears) {
                prefix.push_str(&format!("SET LOCAL {spelled}{};\n", value.sql));
            }
        };
        put("session_authorization", "SESSION AUTHORIZATION ", !no_owner);
        put("check_function_bodies", "check_function_bodies = ", *kind == Kind::Routine);
        // ALTER TABLE too: its constraints make indexes.
        let placed = stores || matches!(kind, Kind::Index | Kind::Definition);
        put("default_tablespace", "default_tablespace = ", placed);
        put("default_table_access_method", "default_table_access_method = ", stores);
        put("xmloption", "xmloption = ", true);
        prefix
    }
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
