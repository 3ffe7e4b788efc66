//! Where a statement ends.

use crate::token::{TokenKind, escapes_go_on, token};
use crate::variable::{Colon, Variables, colon};

/// What a search for a statement's end stops at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The statement is so long, its `;` included.
    End(usize),
    /// A backslash stands here, which begins a command to psql.
    Command(usize),
    /// A reference to one of psql's variables stands here.
    Variable {
        /// Index of its colon.
        start: usize,
        /// Index after its last byte.
        end: usize,
    },
    /// An escape string that psql and the server read differently begins here.
    Literal(usize),
    /// A line of pg_dump's that begins or ends a dump stands here, as a comment.
    Mark(usize),
}

/// Finds the `;` that ends a statement, over any number of calls with a growing text.
///
/// The rule is `psql`'s: a semicolon ends the statement outside of strings, comments and parentheses, and
/// outside of the `BEGIN ATOMIC … END` body of a function, which is recognised by counting `BEGIN`, `CASE`
/// and `END` in statements that start with `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`.
#[derive(Debug, Clone)]
pub struct Boundary {
    /// Everything before this index was understood; a token that is not certain yet begins here.
    at: usize,
    /// The text must be at least this long before another try is worth it: a long literal is looked through
    /// again each time its text has grown by a quarter, so the work stays linear.
    worth: usize,
    parentheses: u32,
    blocks: u32,
    words: u8,
    head: [u8; 4],
}

impl Default for Boundary {
    fn default() -> Self {
        Self { at: 0, worth: 1, parentheses: 0, blocks: 0, words: 0, head: [0; 4] }
    }
}

impl Boundary {
    /// Where the statement that begins at the start of `text` ends, or what stands before that and is no SQL, or `None`
    /// when `text` holds neither. `whole` says that nothing follows `text`.
    pub fn find(&mut self, text: &[u8], whole: bool, standard: bool, variables: &Variables) -> Option<Stop> {
        if text.len() < self.worth && !whole {
            return None;
        }
        while self.at < text.len() {
            let Some(token) = token(text, self.at, whole, standard) else { return self.wait(text) };
            match token.kind {
                TokenKind::Word => self.word(token.bytes(text)),
                TokenKind::Symbol => match text[token.start] {
                    b'(' => self.parentheses += 1,
                    b')' => self.parentheses = self.parentheses.saturating_sub(1),
                    b';' if self.parentheses == 0 && self.blocks == 0 => return Some(Stop::End(token.end)),
                    b'\\' => return Some(Stop::Command(token.start)),
                    b':' => match colon(&text[token.start..], whole, variables) {
                        Some(Colon::Sql(length)) => {
                            self.at += length;
                            continue;
                        }
                        Some(Colon::Reference(length)) => {
                            let start = token.start;
                            return Some(Stop::Variable { start, end: start + length });
                        }
                        None => return self.wait(text),
                    },
                    _ => {}
                },
                TokenKind::EscapeStr if standard && escapes_go_on(token.bytes(text)) => {
                    return Some(Stop::Literal(token.start));
                }
                TokenKind::Comment if Mark::of(token.bytes(text)).is_some() => {
                    return Some(Stop::Mark(token.start));
                }
                _ => {}
            }
            self.at = token.end;
        }
        self.worth = text.len() + 1;
        None
    }

    fn wait(&mut self, text: &[u8]) -> Option<Stop> {
        self.worth = text.len() + (text.len() - self.at) / 4 + 1;
        None
    }

    fn word(&mut self, word: &[u8]) {
        let is = |key: &str| word.eq_ignore_ascii_case(key.as_bytes());
        if usize::from(self.words) < self.head.len() {
            let known = ["create", "function", "procedure", "or", "replace"].iter().any(|key| is(key));
            self.head[usize::from(self.words)] = if known { word[0].to_ascii_lowercase() } else { b'-' };
            self.words += 1;
        }
        let routine = matches!(self.head, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
        if !routine || self.parentheses > 0 {
            return;
        }
        if is("begin") || (is("case") && self.blocks > 0) {
            self.blocks += 1;
        } else if is("end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}

/// A comment by which pg_dump and pg_dumpall say where a dump begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A database's dump begins.
    Head,
    /// It is complete.
    Complete,
    /// The dump of a whole cluster begins.
    ClusterHead,
    /// It is complete.
    ClusterComplete,
}

impl Mark {
    /// What the comment `bytes` is, blanks at its end aside.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"-- PostgreSQL database ")?;
        match rest.trim_ascii_end() {
            b"dump" => Some(Self::Head),
            b"dump complete" => Some(Self::Complete),
            b"cluster dump" => Some(Self::ClusterHead),
            b"cluster dump complete" => Some(Self::ClusterComplete),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stop(text: &str) -> Option<Stop> {
        let mut variables = Variables::default();
        variables.set("v");
        Boundary::default().find(text.as_bytes(), true, true, &variables)
    }

    fn first(text: &str) -> Option<&str> {
        match stop(text) {
            Some(Stop::End(end)) => Some(&text[..end]),
            _ => None,
        }
    }

    #[test]
    fn semicolons_that_end_nothing() {
        for statement in [
            "SELECT ';', \"a;b\", $$;$$, E'\\';' /* ; */ -- ;\n;",
            "CREATE RULE r AS ON INSERT TO t DO (INSERT INTO a VALUES (1); DELETE FROM b);",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;",
            "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC\n INSERT INTO t VALUES (1);\nEND;",
            "CREATE FUNCTION \"begin\"(\"case\" int) RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2';",
        ] {
            let text = format!("{statement}\nSELECT 1;");
            assert_eq!(first(&text), Some(statement));
        }
    }

    #[test]
    fn begin_outside_a_routine_is_a_statement() {
        assert_eq!(first("BEGIN;\nSELECT 1;"), Some("BEGIN;"));
        assert_eq!(first("CREATE TABLE begin (a int);x"), Some("CREATE TABLE begin (a int);"));
    }

    #[test]
    fn what_is_psqls() {
        for (text, at) in
            [("SELECT 1\\g", 8), ("SELECT (1 \\; 2)", 10), ("SELECT '\\' \\gset", 11), ("a\\", 1)]
        {
            assert_eq!(stop(text), Some(Stop::Command(at)), "{text}");
        }
        for text in ["SELECT :v;", "SELECT (:'v');", "SELECT 1:::v;", "SELECT 1::int, :v::int;"] {
            let start = text.rfind(":v").or(text.find(":'")).unwrap();
            let start = if text.contains("::int") { text.find(":v").unwrap() } else { start };
            assert!(matches!(stop(text), Some(Stop::Variable { start: at, .. }) if at == start), "{text}");
        }
        for statement in [
            "SELECT '\\', ':v', \":v\", $$:v \\g$$, E'\\\\:v' /* :v \\g */ -- :v \\g\n;",
            "SELECT a[1:2], a[b:c], 1::v, x :=v, :w, :'w';",
            // A name that is no variable's hides no quote: psql reads both together.
            "SELECT a[1:e'\\', ';'];",
            "COMMENT ON TABLE t IS 'it''s \\'; -- '",
        ] {
            let end = if statement.ends_with('\'') { statement.len() - 5 } else { statement.len() };
            assert_eq!(first(statement), Some(&statement[..end]));
        }
    }

    #[test]
    fn literals_that_go_on() {
        assert_eq!(stop("SELECT E'a\\''\n 'b\\'';"), Some(Stop::Literal(7)));
        for text in ["SELECT E'a\\''\n 'b';", "SELECT 'a'\n 'b\\';", "SELECT E'a', 'b\\';"] {
            assert_eq!(first(text), Some(text));
        }
    }

    #[test]
    fn marks_of_pg_dump_within_a_statement() {
        let text = "Password: \n--\n-- PostgreSQL database dump\r\n--\nSET a = 1;";
        assert_eq!(stop(text), Some(Stop::Mark(14)));
        for text in ["SELECT 1 -- PostgreSQL database dumps\n;", "SELECT '\n-- PostgreSQL database dump\n';"]
        {
            assert_eq!(first(text), Some(text));
        }
    }

    proptest! {
        #[test]
        fn chunking_does_not_matter(pieces in prop::collection::vec(prop::sample::select(vec![
            "'", "''", "\\", "E'", "$$", "$a$", "\"", "--", "\n", "/*", "*/", "(", ")", ";", "begin ", "end ",
            "case ", "create function ", " ", "a", "$", "1", "-", "/", "u&'", "é", ":", ":v", "::", "{?", "}", "\r",
            "-- PostgreSQL database dump",
        ]), 0..40), step in 1usize..7) {
            let text: Vec<u8> = pieces.concat().into_bytes();
            let mut variables = Variables::default();
            variables.set("v");
            let whole = Boundary::default().find(&text, true, true, &variables);
            let mut boundary = Boundary::default();
            let mut found = None;
            let mut end = 0;
            while end < text.len() && found.is_none() {
                end = (end + step).min(text.len());
                found = boundary.find(&text[..end], end == text.len(), true, &variables);
            }
            prop_assert_eq!(found, whole);
        }
    }
}
