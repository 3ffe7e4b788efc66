//! Parameters of the session that a dump sets.

use crate::name::{Cursor, quote_name};

/// `SET`, `RESET` or `set_config` of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The parameter, in lower case; `SET SESSION AUTHORIZATION` is `session_authorization`.
    pub name: String,
    /// Its value, or `None` where it goes back to its default.
    pub value: Option<Value>,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    /// As SQL takes it after `SET name =`.
    pub sql: String,
    /// Without quotes.
    pub plain: String,
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

pub(crate) fn parse(mut c: Cursor<'_>) -> Option<Setting> {
    if c.word("SET") {
        return set(&mut c);
    }
    if c.word("RESET") {
        let name = if c.words(&["SESSION", "AUTHORIZATION"]) {
            "session_authorization".to_owned()
        } else {
            c.parts()?.join(".")
        };
        return Some(Setting { name, value: None });
    }
    c.word("SELECT").then(|| set_config(&mut c)).flatten()
}

fn set(c: &mut Cursor<'_>) -> Option<Setting> {
    if c.words(&["SESSION", "AUTHORIZATION"]) {
        return Some(Setting { name: "session_authorization".to_owned(), value: value(c) });
    }
    c.any_word(&["SESSION", "LOCAL"]);
    if c.words(&["TIME", "ZONE"]) {
        return Some(Setting { name: "timezone".to_owned(), value: value(c) });
    }
    if c.word("NAMES") {
        return Some(Setting { name: "client_encoding".to_owned(), value: value(c) });
    }
    let name = c.parts()?.join(".");
    if !c.symbol(b'=') {
        c.word("TO");
    }
    Some(Setting { name, value: value(c) })
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

fn set_config(c: &mut Cursor<'_>) -> Option<Setting> {
    let parts = c.parts()?;
    let function = match parts.as_slice() {
        [function] => function,
        [schema, function] if schema == "pg_catalog" => function,
        _ => return None,
    };
    if function != "set_config" || !c.symbol(b'(') {
        return None;
    }
    let name = c.literal()?.to_ascii_lowercase();
    if !c.symbol(b',') {
        return None;
    }
    let token = c.peek()?;
    let plain = c.literal()?;
    // The one list among the parameters of a dump: a literal with all of it is one name to SET.
    let is_list = name == "search_path" && !plain.trim().is_empty();
    let sql = if is_list { name_list(&plain) } else { c.text(token).to_owned() };
    Some(Setting { name, value: Some(Value { sql, plain }) })
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
        let setting = parse(Cursor::new(text, true))?;
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
}
