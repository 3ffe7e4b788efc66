//! psql's own commands in a script: lines that begin with a backslash.

use crate::name::Cursor;

/// A command to psql.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meta {
    /// `\connect`: what follows belongs to this database.
    Connect {
        /// Its name, where the command gives one.
        database: Option<String>,
    },
    /// `\encoding`: the rest of the script is in this encoding.
    Encoding(String),
    /// `\restrict`, `\unrestrict` and any other: the command's name.
    Other(String),
}

impl Meta {
    /// Reads a line that begins with a backslash.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let line = line.trim_start_matches('\\').trim_end();
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match name {
            "c" | "connect" => Self::Connect { database: database(arguments.trim()) },
            "encoding" => Self::Encoding(arguments.trim().trim_matches('\'').to_owned()),
            name => Self::Other(name.to_owned()),
        }
    }
}

/// The database that the arguments of `\connect` name: plain, in quotes, or as `dbname='…'`.
fn database(arguments: &str) -> Option<String> {
    let mut rest = arguments;
    while let Some(option) = rest.strip_prefix("-reuse-previous=") {
        rest = option.split_once(char::is_whitespace)?.1.trim_start();
    }
    let name = if rest.starts_with('"') || rest.starts_with('\'') {
        Cursor::new(rest, true).literal().or_else(|| Cursor::new(rest, true).part())?
    } else {
        rest.split_whitespace().next()?.to_owned()
    };
    match name.strip_prefix("dbname=") {
        Some(value) if value.starts_with('\'') => {
            Some(value.trim_matches('\'').replace("\\'", "'").replace("\\\\", "\\"))
        }
        Some(value) => Some(value.to_owned()),
        None => Some(name),
    }
    .filter(|name| name != "-" && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let to = |name: &str| Meta::Connect { database: Some(name.to_owned()) };
        assert_eq!(Meta::parse("\\connect shop\n"), to("shop"));
        assert_eq!(Meta::parse("\\connect \"my shop\""), to("my shop"));
        assert_eq!(Meta::parse("\\connect -reuse-previous=on \"dbname='it''s'\""), to("it''s"));
        assert_eq!(Meta::parse("\\c - other"), Meta::Connect { database: None });
        assert_eq!(Meta::parse("\\encoding LATIN1\r\n"), Meta::Encoding("LATIN1".to_owned()));
        assert_eq!(Meta::parse("\\restrict abc"), Meta::Other("restrict".to_owned()));
    }
}
