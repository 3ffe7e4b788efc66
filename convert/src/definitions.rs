//! What definitions say in literals, and which values of transformed columns are among that.
//!
//! Transforms are for rows: a default, a comment, a partition's bound or the text of a view or a function is passed on as it
//! is. Who looks at a dump beforehand is told where such a text holds what the rows are made free of.
//!
//! # Guarantees
//!
//! - A value counts where a literal, a number or a comment in SQL holds it as whole words. Shorter values than
//!   [`SHORTEST`] are not looked for: they stand everywhere.
//! - Memory is bounded by [`MOST`]. Nothing that is told holds a value.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use dump::token::{TokenKind, Tokens};
use serde::Serialize;

/// Bytes of a value that is looked for, at least.
pub const SHORTEST: usize = 6;
/// Bytes of literals that are looked through, at most.
pub const MOST: usize = 8 << 20;
/// Characters of a statement that are told, at most.
const TOLD: usize = 80;

/// The literals of a dump's statements.
#[derive(Debug, Default)]
pub struct Definitions {
    literals: Vec<Literal>,
    /// Where words begin, by their first bytes; sorted once all are there.
    words: Vec<([u8; SHORTEST], u32, u32)>,
    bytes: usize,
    cut: bool,
}

#[derive(Debug)]
struct Literal {
    statement: String,
    line: u64,
    text: String,
    /// The columns that have it among their values.
    columns: Mutex<BTreeSet<String>>,
}

/// A statement that holds values of columns that are transformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telltale {
    /// The line of the dump that it begins on.
    pub line: u64,
    /// What it begins with, up to its first literal.
    pub statement: String,
    /// The columns whose values it holds.
    pub columns: Vec<String>,
}

impl Definitions {
    /// Takes over the literals of a statement.
    pub fn learn(&mut self, text: &str, line: u64, standard: bool) {
        let mut told: Option<String> = None;
        let mut behind = 0;
        for token in Tokens::new(text.as_bytes(), standard) {
            // Between tokens are blanks and comments.
            let (comment, bytes) = (&text[behind..token.start], &text[token.start..token.end]);
            let literal = match token.kind {
                TokenKind::Str | TokenKind::EscapeStr | TokenKind::DollarStr => true,
                TokenKind::Symbol => bytes.len() >= SHORTEST,
                _ => false,
            };
            for said in [comment, if literal { bytes } else { "" }] {
                if !said.trim().is_empty() {
                    let statement = told.get_or_insert_with(|| beginning(&text[..behind])).clone();
                    self.add(statement, line, said.replace("''", "'"));
                }
            }
            behind = token.end;
        }
    }

    fn add(&mut self, statement: String, line: u64, text: String) {
        if self.bytes + text.len() > MOST {
            self.cut = true;
            return;
        }
        self.bytes += text.len();
        let index = self.literals.len() as u32;
        let mut before = false;
        for (at, character) in text.char_indices() {
            let word = character.is_alphanumeric();
            if word
                && !before
                && let Some(begins) = text.as_bytes()[at..].first_chunk()
            {
                self.words.push((*begins, index, at as u32));
            }
            before = word;
        }
        self.literals.push(Literal { statement, line, text, columns: Mutex::default() });
    }

    /// Everything was learned: now values can be looked for.
    #[must_use]
    pub fn complete(mut self) -> Self {
        self.words.sort_unstable();
        self
    }

    /// Looks for a value of this column, and for the texts within it where it is JSON or an array.
    pub fn look(&self, value: &str, table: &str, column: &str) {
        if value.starts_with(['{', '[']) {
            value.split(['"', ',', '{', '}']).for_each(|part| self.look_for(part, table, column));
        } else {
            self.look_for(value, table, column);
        }
    }

    fn look_for(&self, value: &str, table: &str, column: &str) {
        let value = value.trim_matches(|character: char| !character.is_alphanumeric());
        let Some(begins) = value.as_bytes().first_chunk::<SHORTEST>() else { return };
        let from = self.words.partition_point(|(word, ..)| word < begins);
        for (_, index, at) in self.words[from..].iter().take_while(|(word, ..)| word == begins) {
            let Some(literal) = self.literals.get(*index as usize) else { continue };
            let rest = literal.text.get(*at as usize..).and_then(|text| text.strip_prefix(value));
            if rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)) {
                let mut columns = literal.columns.lock().unwrap_or_else(PoisonError::into_inner);
                columns.insert(format!("{table}.{column}"));
            }
        }
    }

    /// The statements that hold values that were looked for, in the dump's order.
    #[must_use]
    pub fn telltales(&self) -> Vec<Telltale> {
        let mut found: Vec<Telltale> = Vec::new();
        for literal in &self.literals {
            let columns = literal.columns.lock().unwrap_or_else(PoisonError::into_inner);
            if columns.is_empty() {
                continue;
            }
            match found
                .last_mut()
                .filter(|last| last.line == literal.line && last.statement == literal.statement)
            {
                Some(same) => {
                    let all: BTreeSet<_> = same.columns.drain(..).chain(columns.iter().cloned()).collect();
                    same.columns = all.into_iter().collect();
                }
                None => found.push(Telltale {
                    line: literal.line,
                    statement: literal.statement.clone(),
                    columns: columns.iter().cloned().collect(),
                }),
            }
        }
        found
    }

    /// There were more literals than are looked through.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// The words of a text, up to some characters.
fn beginning(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telltales(statement: &str, value: &str) -> Vec<Telltale> {
        let mut definitions = Definitions::default();
        definitions.learn("CREATE TABLE public.a (b int);", 1, true);
        definitions.learn(statement, 7, true);
        let definitions = definitions.complete();
        definitions.look(value, "public.t", "c");
        definitions.telltales()
    }

    #[test]
    fn values_in_definitions() {
        for (statement, value, told) in [
            (
                "COMMENT ON TABLE public.t IS 'ask Jane Doe, please';",
                "Jane Doe",
                "COMMENT ON TABLE public.t IS",
            ),
            (
                "ALTER TABLE t ALTER c SET DEFAULT 'O''Neil Ltd';",
                "O'Neil Ltd",
                "ALTER TABLE t ALTER c SET DEFAULT",
            ),
            ("CREATE TABLE t (a int DEFAULT 4930123456);", "+4930123456", "CREATE TABLE t (a int DEFAULT"),
            (
                "CREATE FUNCTION f() AS $$ SELECT 'jane@doe.test' $$;",
                "jane@doe.test",
                "CREATE FUNCTION f() AS",
            ),
            ("CREATE VIEW v AS SELECT 1 /* for jdoe77 */;", "jdoe77", "CREATE VIEW v AS SELECT 1"),
            ("CREATE VIEW v AS SELECT 'Zoë Größe';", "{\"who\": \"Zoë Größe\"}", "CREATE VIEW v AS SELECT"),
            ("CREATE VIEW v AS SELECT E'a\\n' || 'Jane Doe';", "Jane Doe", "CREATE VIEW v AS SELECT"),
        ] {
            let wanted =
                Telltale { line: 7, statement: told.to_owned(), columns: vec!["public.t.c".to_owned()] };
            assert_eq!(telltales(statement, value), [wanted], "{statement}");
        }
    }

    #[test]
    fn what_is_no_value() {
        for (statement, value) in [
            ("COMMENT ON TABLE public.t IS 'Jane Doerr, Xjane Doe';", "Jane Doe"),
            ("COMMENT ON TABLE public.t IS 'short';", "short"),
            ("CREATE TABLE public.customers (b int);", "customers"),
            ("COMMENT ON TABLE public.t IS 'Jane Doe';", "-- "),
        ] {
            assert_eq!(telltales(statement, value), [], "{statement}");
        }
    }

    #[test]
    fn a_statement_is_told_once_and_not_whole() {
        let mut definitions = Definitions::default();
        let long = format!("CREATE VIEW v AS SELECT {} 'Jane Doe', 'secret';", "x, ".repeat(100));
        definitions.learn(&long, 1, true);
        definitions.learn(&format!("COMMENT ON VIEW v IS '{}';", "y".repeat(MOST)), 2, true);
        let definitions = definitions.complete();
        definitions.look("Jane Doe", "t", "a");
        definitions.look("secret", "t", "b");
        definitions.look("Jane Doe", "t", "a");
        let found = definitions.telltales();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].columns, ["t.a", "t.b"]);
        assert_eq!(found[0].statement.chars().count(), TOLD + 1);
        assert!(definitions.is_cut());
    }
}
