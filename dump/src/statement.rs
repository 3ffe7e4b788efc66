//! Where a statement ends.

use crate::token::{Token, TokenKind, token};

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
    /// The length of the statement that begins at the start of `text`, its `;` included, or `None` when
    /// `text` does not hold its end. `whole` says that nothing follows `text`.
    pub fn find(&mut self, text: &[u8], whole: bool, standard: bool) -> Option<usize> {
        if text.len() < self.worth && !whole {
            return None;
        }
        while self.at < text.len() {
            let Some(token) = token(text, self.at, whole, standard) else {
                self.worth = text.len() + (text.len() - self.at) / 4 + 1;
                return None;
            };
            self.at = token.end;
            if self.ends_with(token, text) {
                return Some(token.end);
            }
        }
        self.worth = text.len() + 1;
        None
    }

    fn ends_with(&mut self, token: Token, text: &[u8]) -> bool {
        match (token.kind, text[token.start]) {
            (TokenKind::Symbol, b'(') => self.parentheses += 1,
            (TokenKind::Symbol, b')') => self.parentheses = self.parentheses.saturating_sub(1),
            (TokenKind::Symbol, b';') => return self.parentheses == 0 && self.blocks == 0,
            (TokenKind::Word, _) => self.word(token.bytes(text)),
            _ => {}
        }
        false
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(text: &str) -> Option<&str> {
        Boundary::default().find(text.as_bytes(), true, true).map(|end| &text[..end])
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

    proptest! {
        #[test]
        fn chunking_does_not_matter(pieces in prop::collection::vec(prop::sample::select(vec![
            "'", "''", "\\", "E'", "$$", "$a$", "\"", "--", "\n", "/*", "*/", "(", ")", ";", "begin ", "end ",
            "case ", "create function ", " ", "a", "$", "1", "-", "/", "u&'", "é",
        ]), 0..40), step in 1usize..7) {
            let text: Vec<u8> = pieces.concat().into_bytes();
            let whole = Boundary::default().find(&text, true, true);
            let mut boundary = Boundary::default();
            let mut found = None;
            let mut end = 0;
            while end < text.len() && found.is_none() {
                end = (end + step).min(text.len());
                found = boundary.find(&text[..end], end == text.len(), true);
            }
            prop_assert_eq!(found, whole);
        }
    }
}
