//! Parameters of the session that a script sets.

use crate::name::{Cursor, quote_name};

/// How long a setting lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `SET`, `RESET`: until it is set anew, unless its transaction is rolled back.
    Session,
    /// `SET LOCAL`, or `set_config` with a true third argument: to the end of the transaction; without one, not at all.
    Local,
}

/// `SET`, `RESET` or `set_config` of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The parameter, in lower case; `SET SESSION AUTHORIZATION` is `session_authorization`, `SET ROLE` is `role`.
    pub name: String,
    /// Its value, or `None` where it goes back to its default.
    pub value: Option<Value>,
    /// How long it lasts.
    pub scope: Scope,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    /// As SQL takes it after `SET name =`.
    pub sql: String,
    /// Without quotes.
    pub plain: String,
}

impl Value {
    /// The names of a list of names (`search_path`): folded where SQL folds them, without those that are empty.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut c = Cursor::new(&self.sql, true);
        let mut names = Vec::new();
        while c.peek().is_some() {
            // A literal is one name, as it is.
            match c.literal().or_else(|| c.part()) {
                Some(name) => names.push(name),
                None => drop(c.next()),
            }
        }
        names.retain(|name| !name.is_empty());
        names
    }
}

/// What a statement does to the session's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parsed {
    One(Setting),
    /// `RESET ALL`, or `DISCARD ALL`, which gives up the role too.
    All {
        discard: bool,
    },
    /// It calls `set_config` in a way that leaves the value to the server.
    Computed,
}

impl Setting {
    /// The value without quotes, or nothing.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.value.as_ref().map_or("", |value| &value.plain)
    }
}

/// The values that PostgreSQL takes for true, for a parameter that is on or off.
#[must_use]
pub fn is_on(plain: &str) -> bool {
    ["on", "true", "yes", "1", "t", "y"].iter().any(|on| plain.eq_ignore_ascii_case(on))
}

pub(crate) fn parse(mut c: Cursor<'_>) -> Option<Parsed> {
    if c.word("SET") {
        return set(&mut c).map(Parsed::One);
    }
    if c.words(&["DISCARD", "ALL"]) {
        return Some(Parsed::All { discard: true });
    }
    if c.word("RESET") {
        return reset(&mut c);
    }
    c.word("SELECT").then(|| set_config(&mut c)).flatten()
}

/// What `ALTER DATABASE` says of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSetting {
    /// The database.
    pub database: String,
    /// The setting; none where all go back to their defaults.
    pub setting: Option<Setting>,
}

/// Reads `ALTER DATABASE name SET …` or `RESET …`; none for any other statement.
#[must_use]
pub fn setting_of_database(text: &str, standard: bool) -> Option<DatabaseSetting> {
    let c = &mut Cursor::new(text, standard);
    if !c.words(&["ALTER", "DATABASE"]) {
        return None;
    }
    let database = c.part()?;
    if c.clone().words(&["SET", "TABLESPACE"]) {
        return None;
    }
    match parse(c.clone())? {
        Parsed::One(setting) => Some(DatabaseSetting { database, setting: Some(setting) }),
        Parsed::All { .. } => Some(DatabaseSetting { database, setting: None }),
        Parsed::Computed => None,
    }
}

fn reset(c: &mut Cursor<'_>) -> Option<Parsed> {
    let name = if c.words(&["SESSION", "AUTHORIZATION"]) {
        "session_authorization".to_owned()
    } else if c.words(&["TIME", "ZONE"]) {
        "timezone".to_owned()
    } else {
        // Names of parameters have no case, in quotes neither.
        c.parts()?.join(".").to_ascii_lowercase()
    };
    if name == "all" {
        return Some(Parsed::All { discard: false });
    }
    Some(Parsed::One(Setting { name, value: None, scope: Scope::Session }))
}

fn set(c: &mut Cursor<'_>) -> Option<Setting> {
    let mut scope = Scope::Session;
    if !c.clone().words(&["SESSION", "AUTHORIZATION"]) {
        if c.word("LOCAL") {
            scope = Scope::Local;
        } else {
            c.word("SESSION");
        }
    }
    let name = if c.words(&["SESSION", "AUTHORIZATION"]) {
        "session_authorization".to_owned()
    } else if c.words(&["TIME", "ZONE"]) {
        return Some(Setting { name: "timezone".to_owned(), value: time_zone(c), scope });
    } else if c.words(&["XML", "OPTION"]) {
        "xmloption".to_owned()
    } else if c.word("NAMES") {
        "client_encoding".to_owned()
    } else if c.word("SCHEMA") {
        "search_path".to_owned()
    } else {
        let name = c.parts()?.join(".").to_ascii_lowercase();
        if !c.symbol(b'=') {
            c.word("TO");
        }
        name
    };
    let value = value(c).filter(|value| name != "role" || value.plain != "none");
    Some(Setting { name, value, scope })
}

fn time_zone(c: &mut Cursor<'_>) -> Option<Value> {
    if c.at_word("LOCAL") { None } else { value(c) }
}

fn value(c: &mut Cursor<'_>) -> Option<Value> {
    if c.at_word("DEFAULT") {
        return None;
    }
    let first = c.peek()?;
    let mut end = first;
    let mut plain = Vec::new();
    while c.peek().is_some_and(|token| c.text(token) != ";") {
        end = c.peek()?;
        plain.push(
            c.literal()
                .or_else(|| c.part())
                .unwrap_or_else(|| c.next().map_or_else(String::new, |token| c.text(token).to_owned())),
        );
    }
    Some(Value { sql: c.between(first, end).to_owned(), plain: plain.concat() })
}

/// `SELECT set_config('name', 'value', false);`, and nothing beside it.
fn set_config(c: &mut Cursor<'_>) -> Option<Parsed> {
    if !is_set_config(&mut c.clone()) {
        return c.clone().any(is_set_config).then_some(Parsed::Computed);
    }
    Some(literal_set_config(c).map_or(Parsed::Computed, Parsed::One))
}

fn is_set_config(c: &mut Cursor<'_>) -> bool {
    let Some(parts) = c.parts() else { return false };
    let named = match parts.as_slice() {
        [function] => function == "set_config",
        [schema, function] => schema == "pg_catalog" && function == "set_config",
        _ => false,
    };
    named && c.symbol(b'(')
}

fn literal_set_config(c: &mut Cursor<'_>) -> Option<Setting> {
    c.parts()?;
    c.symbol(b'(');
    let name = c.literal()?.to_ascii_lowercase();
    if !c.symbol(b',') {
        return None;
    }
    let value = config_value(c, &name)?;
    if !c.symbol(b',') {
        return None;
    }
    let local = boolean(c)?;
    if !c.symbol(b')') {
        return None;
    }
    if c.word("AS") || c.peek().is_some_and(|token| c.text(token) != ";") {
        c.part()?;
    }
    c.symbol(b';');
    let scope = if local { Scope::Local } else { Scope::Session };
    c.peek().is_none().then_some(Setting { name, value, scope })
}

fn config_value(c: &mut Cursor<'_>, name: &str) -> Option<Option<Value>> {
    if c.word("NULL") {
        return Some(None);
    }
    let token = c.peek()?;
    let plain = c.literal()?;
    // The one list among the parameters of a dump: a literal with all of it is one name to SET.
    let is_list = name == "search_path" && !plain.trim().is_empty();
    let sql = if is_list { name_list(&plain) } else { c.text(token).to_owned() };
    Some(Some(Value { sql, plain }))
}

fn boolean(c: &mut Cursor<'_>) -> Option<bool> {
    if let Some(text) = c.literal() {
        return Some(is_on(&text));
    }
    if c.word("TRUE") { Some(true) } else { c.word("FALSE").then_some(false) }
}

/// The names of a list as `set_config` takes it, as SQL spells them: lower case where they are not quoted.
fn name_list(list: &str) -> String {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    for c in list.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            c if !quoted && c.is_ascii_whitespace() => continue,
            c if quoted => name.push(c),
            c => name.push(c.to_ascii_lowercase()),
        }
    }
    names.push(name);
    names.iter().map(|name| quote_name(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<(String, String)>)> {
        let Parsed::One(setting) = parse(Cursor::new(text, true))? else { return None };
        Some((setting.name, setting.value.map(|v| (v.sql, v.plain))))
    }

    #[test]
    fn every_form() {
        let some = |name: &str, sql: &str, plain: &str| {
            Some((name.to_owned(), Some((sql.to_owned(), plain.to_owned()))))
        };
        assert_eq!(read("SET client_encoding = 'LATIN1';"), some("client_encoding", "'LATIN1'", "LATIN1"));
        assert_eq!(read("set NAMES 'UTF8';"), some("client_encoding", "'UTF8'", "UTF8"));
        assert_eq!(read("SET xmloption TO content;"), some("xmloption", "content", "content"));
        assert_eq!(
            read("SET search_path = public, pg_catalog;"),
            some("search_path", "public, pg_catalog", "public,pg_catalog")
        );
        assert_eq!(
            read("SELECT set_config('search_path', '\"$user\", S3,\"My, own\",my-own', false);")
                .unwrap()
                .1
                .unwrap()
                .0,
            "\"$user\", s3, \"My, own\", \"my-own\""
        );
        assert_eq!(
            read("SELECT pg_catalog.set_config('search_path', '', false);"),
            some("search_path", "''", "")
        );
        assert_eq!(read("SET SESSION AUTHORIZATION 'me';"), some("session_authorization", "'me'", "me"));
        assert_eq!(
            read("SET SESSION AUTHORIZATION DEFAULT;"),
            Some(("session_authorization".to_owned(), None))
        );
        assert_eq!(read("RESET SESSION AUTHORIZATION;"), Some(("session_authorization".to_owned(), None)));
        assert_eq!(read("SET default_tablespace = '';"), some("default_tablespace", "''", ""));
        assert_eq!(read("SELECT 1;"), None);
        assert_eq!(read("SET CONSTRAINTS ALL DEFERRED;").map(|s| s.0), Some("constraints".to_owned()));
    }

    #[test]
    fn how_long_they_last_and_what_is_computed() {
        for (text, name, scope, plain) in [
            ("SET LOCAL search_path = a;", "search_path", Scope::Local, "a"),
            ("SET SESSION datestyle TO 'SQL, DMY';", "datestyle", Scope::Session, "SQL, DMY"),
            ("SET LOCAL SESSION AUTHORIZATION me;", "session_authorization", Scope::Local, "me"),
            ("SET SESSION SESSION AUTHORIZATION me;", "session_authorization", Scope::Session, "me"),
            ("SET LOCAL ROLE me;", "role", Scope::Local, "me"),
            ("SET ROLE NONE;", "role", Scope::Session, ""),
            ("SET SCHEMA 'App';", "search_path", Scope::Session, "App"),
            ("SET XML OPTION DOCUMENT;", "xmloption", Scope::Session, "document"),
            ("SET TIME ZONE 'UTC';", "timezone", Scope::Session, "UTC"),
            ("SET \"Search_Path\" = app;", "search_path", Scope::Session, "app"),
            ("RESET \"TimeZone\";", "timezone", Scope::Session, ""),
            ("SET TIME ZONE LOCAL;", "timezone", Scope::Session, ""),
            ("RESET TIME ZONE;", "timezone", Scope::Session, ""),
            ("SELECT set_config('x.y', 'v', true) AS z;", "x.y", Scope::Local, "v"),
            ("SELECT set_config('x', NULL, 'f');", "x", Scope::Session, ""),
        ] {
            let Some(Parsed::One(setting)) = parse(Cursor::new(text, true)) else { panic!("{text}") };
            assert_eq!(
                (setting.name.as_str(), setting.scope, setting.plain()),
                (name, scope, plain),
                "{text}"
            );
        }
        for text in [
            "SELECT set_config('search_path', current_setting('x'), false);",
            "SELECT set_config('a', 'b', false), set_config('c', 'd', false);",
            "SELECT 1, pg_catalog.set_config('a', 'b', false);",
            "SELECT set_config('a', 'b', false) FROM t;",
        ] {
            assert_eq!(parse(Cursor::new(text, true)), Some(Parsed::Computed), "{text}");
        }
        assert_eq!(parse(Cursor::new("RESET ALL;", true)), Some(Parsed::All { discard: false }));
        assert_eq!(parse(Cursor::new("DISCARD ALL;", true)), Some(Parsed::All { discard: true }));
        assert_eq!(parse(Cursor::new("DISCARD PLANS;", true)), None);
    }

    #[test]
    fn names_of_a_path() {
        let names = |text: &str| match parse(Cursor::new(text, true)) {
            Some(Parsed::One(setting)) => setting.value.unwrap().names(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            names("SET search_path = \"$user\", Public, \"My, own\", 'As It';"),
            ["$user", "public", "My, own", "As It"]
        );
        assert_eq!(names("SELECT set_config('search_path', 'App, \"B\"', false);"), ["app", "B"]);
        assert_eq!(names("SELECT set_config('search_path', '', false);"), Vec::<String>::new());
        assert_eq!(names("SET search_path = '';"), Vec::<String>::new());
    }
}
