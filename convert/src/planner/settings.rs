//! Settings of the script's session that bear on statements and rows.
//!
//! The consumer runs each change alone, on a connection that no earlier change has prepared. So a setting never
//! becomes a change of its own; those that matter travel in front of what they bear on.

use std::collections::BTreeMap;

use dump::{Setting, Value, is_on, quote_name};
use serde::{Deserialize, Serialize};

/// Values of settings that are not PostgreSQL's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(BTreeMap<String, Value>);

impl Settings {
    pub(super) fn put(&mut self, name: &str, value: Option<Value>) {
        match value {
            Some(value) => drop(self.0.insert(name.to_owned(), value)),
            None => drop(self.0.remove(name)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// How a setting is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// In force for some statements.
    Travels,
    /// In force for all statements, and for how the values of rows are read.
    Rows,
    /// Where names lead.
    Path,
    /// Needed to read the dump.
    Reading,
    /// It changes nothing that arrives.
    Passing,
    /// PostgreSQL has others that change nothing that arrives, and refuses what it does not know.
    Unknown,
}

/// Settings that bear on what a literal means, on what an expression gives, or on whether triggers fire.
const ROWS: [&str; 15] = [
    "array_nulls",
    "bytea_output",
    "datestyle",
    "default_text_search_config",
    "extra_float_digits",
    "intervalstyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "session_replication_role",
    "timezone",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
];

pub(super) fn role(name: &str) -> Role {
    match name {
        "check_function_bodies"
        | "default_tablespace"
        | "default_table_access_method"
        | "session_authorization"
        | "role" => Role::Travels,
        "search_path" => Role::Path,
        "client_encoding" | "standard_conforming_strings" => Role::Reading,
        "statement_timeout"
        | "lock_timeout"
        | "idle_in_transaction_session_timeout"
        | "transaction_timeout"
        | "client_min_messages"
        | "row_security"
        | "default_with_oids"
        | "escape_string_warning" => Role::Passing,
        // One of an extension or of the user, which a function may look at.
        name if ROWS.binary_search(&name).is_ok() || name.contains('.') => Role::Rows,
        _ => Role::Unknown,
    }
}

/// The value, unless it is what PostgreSQL has by default.
pub(super) fn unless_default(setting: &Setting) -> Option<Value> {
    let plain = setting.plain();
    let is_default = match setting.name.as_str() {
        "check_function_bodies" => is_on(plain),
        "default_tablespace" | "session_authorization" => plain.is_empty(),
        "default_table_access_method" => plain.eq_ignore_ascii_case("heap"),
        "xmloption" => plain.eq_ignore_ascii_case("content"),
        "role" => plain.eq_ignore_ascii_case("none"),
        "session_replication_role" => plain.eq_ignore_ascii_case("origin"),
        _ => false,
    };
    setting.value.clone().filter(|_| !is_default)
}

/// DateStyle has two halves, and a value that names one leaves the other as it was.
pub(super) fn date_style(value: &Value, before: Option<&Value>) -> Value {
    let (Some(new), Some(old)) = (halves(&value.plain), before.and_then(|before| halves(&before.plain)))
    else {
        return value.clone();
    };
    let style = new.0.or(old.0);
    let plain = [style, new.1.or(old.1)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Value { sql: format!("'{plain}'"), plain }
}

/// The form of dates and the order of their parts; nothing for words that are not known.
fn halves(plain: &str) -> Option<(Option<&'static str>, Option<&'static str>)> {
    let (mut style, mut order) = (None, None);
    for word in plain.split(',').map(|word| word.trim().to_ascii_lowercase()) {
        match word.as_str() {
            "iso" => style = Some("ISO"),
            "sql" => style = Some("SQL"),
            "german" => style = Some("German"),
            word if word.starts_with("postgres") => style = Some("Postgres"),
            "ymd" => order = Some("YMD"),
            "dmy" => order = Some("DMY"),
            "mdy" | "us" => order = Some("MDY"),
            word if word.starts_with("euro") => order = Some("DMY"),
            word if word.starts_with("noneuro") => order = Some("MDY"),
            _ => return None,
        }
    }
    // It brings its order along.
    if style == Some("German") {
        order = order.or(Some("DMY"));
    }
    Some((style, order))
}

/// How the setting is spelled between `SET LOCAL` and its value.
fn spelled(name: &str) -> String {
    match name {
        "session_authorization" => "SESSION AUTHORIZATION ".to_owned(),
        "role" => "ROLE ".to_owned(),
        "timezone" => "TIME ZONE ".to_owned(),
        name => format!("{} = ", name.split('.').map(quote_name).collect::<Vec<_>>().join(".")),
    }
}

/// A change runs as the consumer's user: the schema of that name is not meant.
pub(super) fn path_sql(value: &Value) -> Option<String> {
    let names = value.names();
    if !names.iter().any(|name| name == "$user") {
        return (!names.is_empty()).then(|| value.sql.clone());
    }
    let others: Vec<_> = names.iter().filter(|name| *name != "$user").map(|name| quote_name(name)).collect();
    (!others.is_empty()).then(|| others.join(", "))
}

pub(super) fn line(name: &str, sql: &str) -> String {
    format!("SET LOCAL {}{sql};\n", spelled(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_sorted() {
        assert!(ROWS.is_sorted());
    }
}
