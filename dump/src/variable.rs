//! psql's variables: which are set, and what in a text refers to one.
//!
//! psql replaces `:name`, `:'name'` and `:"name"` outside of quotes and comments where the variable is set, and leaves
//! them where it is not: `a[1:n]` and `1::int` are SQL. `:{?name}` it always replaces. What a variable holds is not
//! followed here: a reference is found, so that it can be refused.

use std::collections::BTreeSet;

/// Variables that psql sets itself, of version 13 to 18: at its start, after each statement, or for some builds only.
const PRESET: &[&str] = &[
    "AUTOCOMMIT",
    "COMP_KEYWORD_CASE",
    "DBNAME",
    "ECHO",
    "ECHO_HIDDEN",
    "ENCODING",
    "ERROR",
    "FETCH_COUNT",
    "HIDE_TABLEAM",
    "HIDE_TOAST_COMPRESSION",
    "HISTCONTROL",
    "HISTSIZE",
    "HOST",
    "IGNOREEOF",
    "LAST_ERROR_MESSAGE",
    "LAST_ERROR_SQLSTATE",
    "ON_ERROR_ROLLBACK",
    "ON_ERROR_STOP",
    "PIPELINE_COMMAND_COUNT",
    "PIPELINE_RESULT_COUNT",
    "PIPELINE_SYNC_COUNT",
    "PORT",
    "PROMPT1",
    "PROMPT2",
    "PROMPT3",
    "QUIET",
    "ROW_COUNT",
    "SERVER_VERSION_NAME",
    "SERVER_VERSION_NUM",
    "SERVICE",
    "SERVICEFILE",
    "SHELL_ERROR",
    "SHELL_EXIT_CODE",
    "SHOW_ALL_RESULTS",
    "SHOW_CONTEXT",
    "SINGLELINE",
    "SINGLESTEP",
    "SQLSTATE",
    "USER",
    "VERBOSITY",
    "VERSION",
    "VERSION_NAME",
    "VERSION_NUM",
    "WATCH_INTERVAL",
];

/// The variables that a script has set so far. One that it takes back stays among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Variables(BTreeSet<String>);

impl Variables {
    /// Whether none was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn set(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }

    /// Whether psql has a value for this name. Of one beyond ASCII the encoding is not known here, so any is.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        if !name.is_ascii() {
            return self.0.iter().any(|known| !known.is_ascii());
        }
        let is = |known: &str| known.as_bytes() == name;
        PRESET.iter().any(|preset| is(preset)) || self.0.iter().any(|known| is(known))
    }
}

/// What begins with a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colon {
    /// So many bytes of SQL.
    Sql(usize),
    /// A reference to a variable that psql replaces, of so many bytes.
    Reference(usize),
}

/// What begins with the colon at the start of `rest`, or `None` when more bytes are needed to tell.
pub(crate) fn colon(rest: &[u8], whole: bool, variables: &Variables) -> Option<Colon> {
    let undecided = whole.then_some(Colon::Sql(1));
    let Some(&next) = rest.get(1) else { return undecided };
    let (from, close) = match next {
        b':' | b'=' => return Some(Colon::Sql(2)),
        b'\'' | b'"' => (2, Some(next)),
        b'{' => match rest.get(2) {
            Some(b'?') => (3, Some(b'}')),
            Some(_) => return Some(Colon::Sql(1)),
            None => return undecided,
        },
        byte if is_name_byte(byte) => (1, None),
        _ => return Some(Colon::Sql(1)),
    };
    let name = &rest[from..];
    let length = match name.iter().position(|&byte| !is_name_byte(byte)) {
        Some(length) => length,
        None if whole => name.len(),
        None => return None,
    };
    let end = from + length;
    let refers = match close {
        Some(close) if rest.get(end) != Some(&close) || length == 0 => return Some(Colon::Sql(1)),
        Some(b'}') => true,
        _ => variables.has(&name[..length]),
    };
    let end = end + usize::from(close.is_some());
    Some(if refers { Colon::Reference(end) } else { Colon::Sql(end) })
}

/// Whether a variable may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether `\set name value`, or `\unset name` without a value, may change what of a script psql runs, or how.
pub(crate) fn changes_the_run(name: &str, value: Option<&str>) -> bool {
    let value = value.unwrap_or("off");
    let any = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    const ON: &[&str] = &["", "on", "true", "yes", "1"];
    const OFF: &[&str] = &["off", "false", "no", "0"];
    match name {
        "AUTOCOMMIT" => !any(ON),
        "SINGLELINE" | "SINGLESTEP" => !any(OFF),
        // SELECT goes by a cursor then, which SELECT … INTO cannot.
        "FETCH_COUNT" => !any(OFF),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Colon> {
        let mut variables = Variables::default();
        variables.set("set");
        variables.set("2");
        let read = colon(text.as_bytes(), true, &variables);
        for end in 1..text.len() {
            let early = colon(&text.as_bytes()[..end], false, &variables);
            assert!(early.is_none() || early == read, "{text:?} cut at {end}: {early:?}");
        }
        read
    }

    #[test]
    fn references() {
        for text in [":set", ":'set'", ":\"set\"", ":{?set}", ":{?unset}", ":2", ":USER", ":'DBNAME'"] {
            assert_eq!(read(&format!("{text} ")), Some(Colon::Reference(text.len())), "{text}");
            assert_eq!(read(text), Some(Colon::Reference(text.len())), "{text}");
        }
        for (text, length) in [
            (":", 1),
            ("::set", 2),
            (":=set", 2),
            (": set", 1),
            (":unset", 6),
            (":sett", 5),
            (":Set", 4),
            (":'unset'", 8),
            (":'set", 1),
            (":'a b'", 1),
            (":''", 1),
            (":\"set'", 1),
            (":{set}", 1),
            (":{?}", 1),
            (":{?set", 1),
            (":é", 3),
        ] {
            assert_eq!(read(text), Some(Colon::Sql(length)), "{text}");
        }
    }

    #[test]
    fn settings_of_psql() {
        for (name, value) in [
            ("AUTOCOMMIT", Some("off")),
            ("AUTOCOMMIT", None),
            ("SINGLELINE", Some("")),
            ("SINGLESTEP", Some("on")),
            ("FETCH_COUNT", Some("10")),
        ] {
            assert!(changes_the_run(name, value), "{name}");
        }
        for (name, value) in [
            ("AUTOCOMMIT", Some("")),
            ("AUTOCOMMIT", Some("ON")),
            ("SINGLELINE", None),
            ("ON_ERROR_STOP", Some("1")),
            ("ON_ERROR_ROLLBACK", Some("on")),
            ("x", Some("off")),
        ] {
            assert!(!changes_the_run(name, value), "{name}");
        }
    }
}
