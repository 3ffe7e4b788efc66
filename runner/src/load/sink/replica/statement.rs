//! What a statement for the database is: what it is called, what is missing without it, and whether it can run beside
//! others. Pure.

use dump::token::TokenKind;
use dump::{Kind, Subject, classify, has_word, has_words, subject, verb};

/// SQLSTATEs that say that there is no such object.
const UNDEFINED: [&str; 6] = ["42P01", "42704", "42883", "42703", "3F000", "42P02"];

/// Whether it says that a table takes no rows at all: it is not there, or not for us.
pub(super) fn takes_none(code: &str) -> bool {
    ["42P01", "3F000", "42501"].contains(&code)
}

/// The statement itself, without the settings in front of it.
fn bare(mut text: &str) -> &str {
    while let Some((_, rest)) = text.strip_prefix("SET LOCAL ").and_then(|rest| rest.split_once(";\n")) {
        text = rest;
    }
    text
}

/// What it is called: its verb, and the object that it is about. No value that it holds.
pub(super) fn name(text: &str) -> String {
    let verb = verb(text);
    let text = bare(text);
    let about = match subject(&classify(text, true), text, true) {
        Subject::Schema(name) => dump::quote_name(&name),
        Subject::Relation(name) | Subject::NewSequence(name) | Subject::Named(name) => name.to_string(),
        Subject::Identity { table, .. } => table.to_string(),
        Subject::Owned { sequence, .. } => sequence.to_string(),
        Subject::Part { name, of } => format!("{} of {of}", dump::quote_name(&name.name)),
        Subject::Both(one, other) => format!("{one} {other}"),
        Subject::Member(Some(schema)) => format!("in {}", dump::quote_name(&schema)),
        Subject::Member(None) | Subject::Elsewhere => return verb,
    };
    format!("{verb} {about}")
}

/// What is missing without it, if PostgreSQL refuses it with this SQLSTATE.
pub(super) fn cost(text: &str, code: &str) -> &'static str {
    let verb = verb(text);
    let text = bare(text);
    match (classify(text, true), verb.split_once(' ').map_or((verb.as_str(), ""), |parts| parts)) {
        (Kind::Index, _) if has_words(text, &["CREATE", "UNIQUE"]) => {
            "the guarantee that the index gives, and speed"
        }
        (Kind::Index, _) => "speed: queries run without the index",
        (Kind::Owner, _) => "the owner: the object belongs to the role that loads",
        (Kind::Privileges, _) => "a right that somebody may need",
        (Kind::SequenceValue, _) => "the sequence's value: its next numbers may be taken already",
        (Kind::LargeObject(_), _) => "a large object, or a part of it",
        (Kind::Insert | Kind::CopyFromStdin, _) => "the rows of this statement",
        (Kind::Change, _) => "what it would have changed in rows",
        (_, ("DROP", _)) if UNDEFINED.contains(&code) => "nothing: there was nothing to drop",
        (_, ("DROP", _)) => "what it would have dropped is still there",
        (_, ("CREATE", "TABLE" | "FOREIGN TABLE")) => "the table, all its rows, and what needs it",
        (_, ("CREATE", "POLICY")) => "a restriction: rows can be seen that it would have hidden",
        (_, ("CREATE", "TRIGGER" | "EVENT TRIGGER" | "RULE")) => "what it does at later changes",
        (_, ("CREATE", "STATISTICS")) => "speed: some queries are planned worse",
        (_, ("CREATE", _)) => "the object, and what needs it",
        (_, ("ALTER", _)) if UNDEFINED.contains(&code) && has_words(text, &["DROP"]) => {
            "nothing: there was nothing to drop"
        }
        (_, ("ALTER", _)) if has_words(text, &["ADD", "CONSTRAINT"]) => {
            "the guarantee that the constraint gives"
        }
        (_, ("ALTER", _)) => "this property of the object",
        (_, ("COMMENT" | "SECURITY", _)) => "the comment or label alone",
        (_, ("REFRESH", _)) => "the rows of the materialized view",
        (_, ("IMPORT", _)) => "the objects, and what needs them",
        _ => "what it would have done",
    }
}

/// What can run beside others of its kind that are about other tables.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// An index, primary key or unique constraint of this table.
    Index(String),
    /// A foreign key of the first table, which references the second. Their order makes no difference.
    ForeignKey([String; 2]),
}

impl Beside {
    /// The tables that it is about.
    pub(super) fn tables(self) -> Vec<String> {
        match self {
            Self::Index(table) => vec![table],
            Self::ForeignKey(tables) => tables.to_vec(),
        }
    }
}

/// Whether the statement can run beside others of its kind.
pub(super) fn beside(text: &str) -> Option<Beside> {
    let text = bare(text);
    if let Some((table, referenced)) = dump::foreign_key(text, true) {
        return Some(Beside::ForeignKey([table.to_string(), referenced.to_string()]));
    }
    let kind = classify(text, true);
    let key = || {
        let words = |words: &[&str]| has_words(text, words);
        words(&["ADD", "CONSTRAINT"])
            && (words(&["PRIMARY", "KEY"]) || has_word(text, "UNIQUE"))
            && !["CHECK", "FOREIGN", "EXCLUDE", "INHERIT"].iter().any(|word| has_word(text, word))
    };
    if kind != Kind::Index && !(kind == Kind::Definition && text.starts_with("ALTER TABLE ONLY ") && key()) {
        return None;
    }
    match subject(&kind, text, true) {
        Subject::Part { of, .. } => Some(Beside::Index(of.to_string())),
        _ => None,
    }
}

/// Some INSERT statements, one behind the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inserts<'a> {
    /// The settings in front of them.
    pub(super) settings: &'a str,
    /// Each with the number of its rows.
    pub(super) each: Vec<(&'a str, u64)>,
}

/// Takes rows that are SQL apart, into the statements that the dump has.
pub(super) fn inserts(text: &str) -> Inserts<'_> {
    let start = text.len() - bare(text).len();
    let mut inserts = Inserts { settings: &text[..start], each: Vec::new() };
    let (mut from, mut depth, mut rows, mut values) = (start, 0_u32, 0, false);
    for token in dump::token::Tokens::new(text.as_bytes(), true).filter(|token| token.start >= start) {
        match (token.kind, &text.as_bytes()[token.start..token.end]) {
            (TokenKind::Word, word) if depth == 0 && word.eq_ignore_ascii_case(b"VALUES") => values = true,
            (TokenKind::Symbol, b"(") => {
                rows += u64::from(depth == 0 && values);
                depth += 1;
            }
            (TokenKind::Symbol, b")") => depth = depth.saturating_sub(1),
            (TokenKind::Symbol, b";") if depth == 0 => {
                inserts.each.push((text[from..token.end].trim_start(), rows.max(1)));
                (from, rows, values) = (token.end, 0, false);
            }
            _ => {}
        }
    }
    if !text[from..].trim().is_empty() {
        inserts.each.push((text[from..].trim_start(), rows.max(1)));
    }
    inserts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_are_taken_apart() {
        let settings = "SET LOCAL session_replication_role = replica;\nSET LOCAL TIME ZONE 'a;\n';\n";
        let first = "INSERT INTO public.t (a, \"values\") VALUES (1, ';('),\n(2, f(3, (4)));";
        let second = "INSERT INTO public.t DEFAULT VALUES;";
        let text = format!("{}{first}\n{second}", &settings[..46]);
        let found = inserts(&text);
        assert_eq!(found, Inserts { settings: &settings[..46], each: vec![(first, 2), (second, 1)] });
    }

    #[test]
    fn names_say_what_it_is_about() {
        for (text, called) in [
            (
                "SET LOCAL default_tablespace = 'a';\nCREATE INDEX i ON public.t USING btree (a);",
                "CREATE INDEX i of public.t",
            ),
            ("CREATE TABLE public.\"T\" (a int DEFAULT 5);", "CREATE TABLE public.\"T\""),
            (
                "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (a);",
                "ALTER TABLE t_pkey of public.t",
            ),
            (
                "CREATE FUNCTION public.f() RETURNS int AS 'SELECT 5' LANGUAGE sql;",
                "CREATE FUNCTION in public",
            ),
            ("INSERT INTO public.t VALUES ('secret');", "INSERT public.t"),
            ("DROP SCHEMA s;", "DROP SCHEMA s"),
            ("DO $$BEGIN PERFORM 'secret'; END$$;", "DO"),
        ] {
            assert_eq!(name(text), called);
        }
    }

    #[test]
    fn costs_differ() {
        for (text, code, says) in [
            ("CREATE INDEX i ON t (a);", "42P01", "speed"),
            ("CREATE UNIQUE INDEX i ON t (a);", "23505", "guarantee"),
            ("ALTER TABLE ONLY t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u(a);", "23503", "guarantee"),
            ("CREATE TABLE t (a nonsense);", "42704", "all its rows"),
            ("DROP TABLE t;", "42P01", "nothing"),
            ("DROP TABLE t;", "2BP01", "still there"),
            ("ALTER TABLE ONLY t DROP CONSTRAINT c;", "42704", "nothing"),
            ("ALTER TABLE t OWNER TO x;", "42704", "owner"),
            ("GRANT SELECT ON TABLE t TO x;", "42704", "right"),
            ("COMMENT ON TABLE t IS 'x';", "42P01", "comment"),
            ("CREATE POLICY p ON t;", "42P01", "restriction"),
            ("SELECT pg_catalog.setval('s', 1, true);", "42P01", "sequence"),
        ] {
            let cost = cost(text, code);
            assert!(cost.contains(says), "{text}: {cost}");
        }
    }

    #[test]
    fn indexes_and_keys_run_beside_others() {
        for (text, tables) in [
            ("CREATE INDEX i ON public.t USING btree (a);", Some("public.t")),
            ("SET LOCAL search_path = a;\nCREATE UNIQUE INDEX i ON ONLY public.t (a);", Some("public.t")),
            ("ALTER TABLE ONLY public.t ADD CONSTRAINT c PRIMARY KEY (a);", Some("public.t")),
            ("ALTER TABLE ONLY public.t ADD CONSTRAINT c UNIQUE (a);", Some("public.t")),
            (
                "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES public.\"U\"(a) NOT VALID;",
                Some("public.t public.\"U\""),
            ),
            ("ALTER TABLE public.t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES public.u(a);", None),
            ("ALTER TABLE public.t ADD CONSTRAINT c CHECK ((a IS JSON WITH UNIQUE KEYS));", None),
            ("ALTER TABLE public.t ADD CONSTRAINT c PRIMARY KEY (a);", None),
            ("ALTER INDEX public.i ATTACH PARTITION public.j;", None),
            ("CREATE TABLE public.t (a int UNIQUE);", None),
            ("COMMENT ON INDEX public.i IS 'x';", None),
        ] {
            let found = beside(text).map(|beside| beside.tables().join(" "));
            assert_eq!(found.as_deref(), tables, "{text}");
        }
    }
}
