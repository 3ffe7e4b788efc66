//! psql's own commands in a script: what begins with a backslash.
//!
//! Those that pg_dump and pg_dumpall write are followed, and a few that change nothing of a database are passed over.
//! Any other is refused: it may bring statements and rows from elsewhere, choose among those that are here, or run
//! them another way.

use argument::{Argument, arguments};

use crate::variable::{Variables, changes_the_run, is_name};

mod argument;
mod conninfo;

/// A command to psql.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meta {
    /// `\connect`: what follows belongs to this database, and begins with the settings of a new session.
    Connect {
        /// Its name, where the command gives one.
        database: Option<String>,
    },
    /// `\encoding`: the rest of the script is in this encoding.
    Encoding(String),
    /// `\set`: the variable's name.
    Set(String),
    /// A command that changes nothing of what is loaded: its name.
    Other(String),
}

/// A command that is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its name with the backslash, for a message.
    pub command: String,
    /// What psql would do, and what to do instead.
    pub why: String,
}

impl Meta {
    /// Reads a line that begins with a backslash, where no statement is begun.
    pub(crate) fn parse(line: &str, variables: &Variables) -> Result<Self, Refused> {
        let (name, rest) = split(line);
        let refuse = |why: &str| Refused { command: shown(name), why: why.to_owned() };
        if !is_followed(name) {
            return Err(refuse(why(name, rest, false)));
        }
        let arguments = arguments(rest, variables).map_err(refuse)?;
        match name {
            "c" | "connect" => {
                database(&arguments).map(|database| Self::Connect { database }).map_err(refuse)
            }
            "encoding" => Ok(match arguments.into_iter().next() {
                Some(encoding) => Self::Encoding(encoding.text),
                None => Self::Other(name.to_owned()),
            }),
            "set" | "unset" => set(name, &arguments).map_err(refuse),
            name => Ok(Self::Other(name.to_owned())),
        }
    }

    /// The refusal of the command that `line` begins with, which stands within a statement.
    pub(crate) fn within_a_statement(line: &str) -> Refused {
        let (name, rest) = match line.as_bytes() {
            [b'\\', b';' | b':', ..] => (&line[1..2], ""),
            _ => split(line),
        };
        Refused { command: shown(name), why: why(name, rest, true).to_owned() }
    }
}

impl Refused {
    /// The refusal of the command that `line` begins with, for this reason.
    pub(crate) fn because(line: &str, why: &str) -> Self {
        Self { command: shown(split(line).0), why: why.to_owned() }
    }
}

/// The command's name, up to a blank or another backslash, and what follows.
fn split(line: &str) -> (&str, &str) {
    let line = line.strip_prefix('\\').unwrap_or(line);
    let end = line.find(|c: char| c.is_ascii_whitespace() || c == '\\').unwrap_or(line.len());
    line.split_at(end)
}

/// psql's commands, but for those that describe: they begin with a `d`.
const COMMANDS: &str = "a bind bind_named C c cd close_prepared conninfo connect copy copyright crosstabview e echo edit ef \
    elif else encoding endif errverbose ev f g gdesc getenv gexec gset gx h H help html i if include include_relative ir l \
    list lo_export lo_import lo_list lo_unlink o out p parse password print prompt pset q qecho quit r reset restrict s \
    sendpipeline set setenv sf sv startpipeline t T timing unrestrict unset w warn watch write x z ! ? ; : .";

/// A command's name for a message. What is no command may be a value of a row.
fn shown(name: &str) -> String {
    let plain = name.trim_end_matches([';', '+', 'S', 'x']);
    let describes =
        plain.len() <= 4 && plain.starts_with('d') && plain.bytes().all(|b| b.is_ascii_alphabetic());
    match name {
        "" => "backslash".to_owned(),
        name if describes || COMMANDS.split(' ').any(|known| known == name || known == plain) => {
            format!("\\{name}")
        }
        _ => "backslash command".to_owned(),
    }
}

fn is_followed(name: &str) -> bool {
    let described = |name: &str| name.len() <= 8 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '+');
    match name {
        "c" | "connect" | "encoding" | "restrict" | "unrestrict" | "set" | "unset" => true,
        // They print, or change how results are printed.
        "echo" | "qecho" | "warn" | "timing" | "pset" | "x" | "a" | "t" | "conninfo" | "l" | "l+"
        | "list" => true,
        // There is no statement that they could take back.
        "r" | "reset" => true,
        name => name.starts_with('d') && described(name),
    }
}

/// What psql would do at a command that is not followed, and what to do instead.
fn why(name: &str, rest: &str, within: bool) -> &'static str {
    match name {
        "i" | "ir" | "include" | "include_relative" => {
            "psql would read another file here: put that file's content in its place"
        }
        "copy" if reads_script(rest) => {
            "psql would read the rows that follow it: write it as `COPY … FROM stdin;`, without the backslash"
        }
        "copy" => {
            "psql would read or write a file: put the rows behind `COPY … FROM stdin;`, or dump with pg_dump, into one file"
        }
        "." => "it ends rows of COPY, and none were begun: is the COPY statement missing?",
        "if" | "elif" | "else" | "endif" => {
            "psql would run only some of what is here: leave the command out, with what is not to be run"
        }
        "q" | "quit" => "psql would end here: leave the command out, with what follows it",
        "g" | "gx" | "bind" | "bind_named" | "parse" | "sendpipeline" => {
            "psql would run the statement before it, or the last one again: end each statement with `;` instead"
        }
        "gset" | "prompt" | "getenv" => {
            "psql would set variables: write their values where they are used, and end statements with `;`"
        }
        "gexec" => "psql would run what a query gives: write those statements themselves",
        "gdesc" | "crosstabview" | "watch" => {
            "psql would run or describe the query before it for its result alone: leave both out"
        }
        ";" => "psql would send several statements at once: end each of them with `;`",
        ":" => "psql would put a colon here: write it without the backslash",
        "!" | "o" | "out" | "w" | "write" | "s" => "psql would run a program or write a file: leave it out",
        "e" | "edit" | "ef" | "ev" | "password" => "psql would ask a user: leave it out",
        "r" | "reset" => "psql would drop the statement before it: leave both out",
        "set" | "unset" | "c" | "connect" | "encoding" if within => {
            "it stands within a statement: end that with `;` before it"
        }
        _ if within => {
            "a backslash within a statement begins a command to psql: end the statement with `;` before it, or leave it out"
        }
        _ => {
            "what psql would do is not known here: leave it out, or run the script by psql and load a dump of the database, by pg_dump"
        }
    }
}

/// Whether the arguments of `\copy` say that the rows follow in the script.
fn reads_script(arguments: &str) -> bool {
    let mut words = arguments.split_ascii_whitespace();
    words.any(|word| word.eq_ignore_ascii_case("from"))
        && words.next().is_some_and(|word| {
            let word = word.trim_end_matches(';');
            word.eq_ignore_ascii_case("stdin") || word.eq_ignore_ascii_case("pstdin")
        })
}

fn set(command: &str, arguments: &[Argument]) -> Result<Meta, &'static str> {
    let Some((name, value)) = arguments.split_first() else { return Ok(Meta::Other(command.to_owned())) };
    if !is_name(&name.text) {
        return Err("psql has no variable of such a name: leave it out");
    }
    let value = (command == "set").then(|| value.iter().map(|part| part.text.as_str()).collect::<String>());
    if changes_the_run(&name.text, value.as_deref()) {
        return Err("psql would run what follows another way: leave it out");
    }
    Ok(if command == "set" { Meta::Set(name.text.clone()) } else { Meta::Other(command.to_owned()) })
}

/// The database that the arguments of `\connect` name: plain, in quotes, or as `dbname='…'`.
fn database(arguments: &[Argument]) -> Result<Option<String>, &'static str> {
    let (mut reuse, mut rest) = (None, arguments);
    if let [first, more @ ..] = arguments
        && let Some(value) = first.text.strip_prefix("-reuse-previous=")
    {
        (reuse, rest) = (Some(value), more);
    }
    if reuse.is_some_and(|reuse| !["on", "true", "yes", "1"].contains(&reuse)) {
        return Err(ELSEWHERE);
    }
    if rest.iter().skip(1).take(3).any(|argument| argument.name().is_some()) {
        return Err(ELSEWHERE);
    }
    let Some(name) = rest.first().and_then(Argument::name) else { return Ok(None) };
    // An empty name is the user's.
    if name.is_empty() || conninfo::is_uri(&name) {
        return Err(ELSEWHERE);
    }
    if !name.contains('=') {
        return Ok(Some(name));
    }
    let parts = conninfo::parse(&name).ok_or("psql cannot read its connection string")?;
    match parts.as_slice() {
        [(key, database)] if key == "dbname" && reuse.is_some() => Ok(Some(database.clone())),
        _ => Err(ELSEWHERE),
    }
}

const ELSEWHERE: &str = "psql would go on as another user or at another server: name the database alone (`\\connect NAME`), and use SET SESSION AUTHORIZATION for another user";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Meta, String> {
        let mut variables = Variables::default();
        variables.set("v");
        Meta::parse(line, &variables).map_err(|refused| format!("{}: {}", refused.command, refused.why))
    }

    #[test]
    fn databases() {
        for (line, name) in [
            ("\\connect shop\n", Some("shop")),
            ("\\c shop;", Some("shop")),
            ("\\c shop;; \r\n", Some("shop")),
            ("\\c shop ;", Some("shop")),
            ("\\c 'shop';", Some("shop")),
            ("\\c 'sh;'", Some("sh;")),
            ("\\c sh'o'p", Some("shop")),
            ("\\c Shop", Some("Shop")),
            ("\\connect \"my shop\"", Some("my shop")),
            ("\\connect \"my \"\"shop\"", Some("my \"shop")),
            ("\\connect 'it''s\\n\\x41\\101\\q'", Some("it's\nAAq")),
            ("\\connect \"-\"", Some("-")),
            ("\\connect shop - - -", Some("shop")),
            ("\\connect -reuse-previous=on shop", Some("shop")),
            ("\\connect -reuse-previous=on \"dbname='it\\'s \\\\ \"\"a\"\"'\"", Some("it's \\ \"a\"")),
            ("\\connect -reuse-previous=on dbname=shop", Some("shop")),
            ("\\c -", None),
            ("\\c", None),
            ("\\c ;", None),
            ("\\c sh:op", Some("sh:op")),
        ] {
            assert_eq!(read(line), Ok(Meta::Connect { database: name.map(str::to_owned) }), "{line}");
        }
        for line in [
            "\\c - other",
            "\\c shop other",
            "\\c shop - host",
            "\\c shop - - 5432",
            "\\c ''",
            "\\c shop ''",
            "\\c dbname=shop",
            "\\c -reuse-previous=off shop",
            "\\c -reuse-previous=on \"dbname=shop host=h\"",
            "\\c postgresql:///shop",
        ] {
            assert!(read(line).unwrap_err().contains("as another user"), "{line}");
        }
        assert!(read("\\c -reuse-previous=on \"dbname='it''s'\"").unwrap_err().contains("connection string"));
    }

    #[test]
    fn what_is_followed() {
        let other = |name: &str| Ok(Meta::Other(name.to_owned()));
        assert_eq!(read("\\encoding LATIN1\r\n"), Ok(Meta::Encoding("LATIN1".to_owned())));
        assert_eq!(read("\\encoding 'LATIN1' x"), Ok(Meta::Encoding("LATIN1".to_owned())));
        assert_eq!(read("\\encoding"), other("encoding"));
        assert_eq!(read("\\restrict abc"), other("restrict"));
        assert_eq!(read("\\unrestrict abc"), other("unrestrict"));
        assert_eq!(read("\\echo 'a;' \"b\" c"), other("echo"));
        assert_eq!(read("\\dt+ public.*"), other("dt+"));
        assert_eq!(read("\\r"), other("r"));
        assert_eq!(read("\\set a 'b' c"), Ok(Meta::Set("a".to_owned())));
        assert_eq!(read("\\set"), other("set"));
        assert_eq!(read("\\set AUTOCOMMIT on"), Ok(Meta::Set("AUTOCOMMIT".to_owned())));
        assert_eq!(read("\\unset v"), other("unset"));
    }

    #[test]
    fn what_is_refused() {
        for (line, said) in [
            ("\\i x.sql", "\\i: psql would read another file"),
            ("\\ir x.sql", "\\ir: "),
            ("\\copy t from stdin", "`COPY … FROM stdin;`"),
            ("\\copy t from 'x.csv'", "a file"),
            ("\\copy t to stdout", "a file"),
            ("\\.", "none were begun"),
            ("\\q", "psql would end here"),
            ("\\if true", "only some"),
            ("\\gexec", "what a query gives"),
            ("\\! rm x", "\\!: psql would run a program"),
            ("\\;", "\\;: psql would send"),
            ("\\connect;", "\\connect;: what psql would do"),
            ("\\", "backslash: "),
            ("\\\\x00ff", "backslash: "),
            ("\\secret@example.org", "backslash command: "),
            ("\\echo `date`", "program"),
            ("\\echo a \\\\ DROP TABLE t;", "on the same line"),
            ("\\echo a\\i x", "on the same line"),
            ("\\echo 'a", "quote"),
            ("\\echo \"a", "quote"),
            ("\\echo :v", "variable"),
            ("\\c :'v'", "variable"),
            ("\\echo :USER", "variable"),
            ("\\set AUTOCOMMIT off", "another way"),
            ("\\unset AUTOCOMMIT", "another way"),
            ("\\set SINGLELINE on", "another way"),
            ("\\set a-b 1", "no variable"),
        ] {
            let refused = read(line).unwrap_err();
            assert!(refused.contains(said), "{line}: {refused}");
        }
        for (line, said) in [
            ("\\gset", "\\gset"),
            ("\\gx file", "\\gx"),
            ("\\;\n", "\\;"),
            ("\\: x", "\\:"),
            ("\\connect x", "end that with `;`"),
            ("\\N\tsecret", "within a statement"),
            ("\\r", "drop the statement"),
        ] {
            let refused = Meta::within_a_statement(line);
            let refused = format!("{}: {}", refused.command, refused.why);
            assert!(refused.contains(said), "{line}: {refused}");
        }
    }
}
