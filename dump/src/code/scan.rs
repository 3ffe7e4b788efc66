//! The words of code and what they say that it may do.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::effects::{Effect, Effects};
use crate::name::{Cursor, literal_value};
use crate::token::TokenKind;

/// A word, by its hash. The lowest bit says that a parenthesis follows it, as it follows the name of a routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(u64);

impl Word {
    pub(super) fn name(word: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        Self(hasher.finish() & !1)
    }

    pub(super) fn called(word: &str) -> Self {
        Self::name(word).as_called()
    }

    pub(super) fn as_called(self) -> Self {
        Self(self.0 | 1)
    }

    pub(super) fn is_called(self) -> bool {
        self.0 & 1 == 1
    }

    pub(super) fn as_name(self) -> Self {
        Self(self.0 & !1)
    }
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// A statement that defines something or writes rows: of its literals, only names of sequences count.
    Statement,
    /// A statement whose literals are code: `DO`, the definition of a routine.
    Bodies,
    /// A statement that calls something, which may execute its literals.
    Calls,
    /// Code. It may execute its literals.
    Code,
}

/// Texts within texts are read down to this depth: a body, what it executes, what that executes.
const DEPTH: usize = 4;

/// Words after which a statement begins, within code.
const BEFORE_STATEMENTS: [&str; 7] = ["begin", "then", "else", "loop", "atomic", "declare", "exception"];
/// Words before TRIGGER or RULE where one is made or switched.
const BEFORE_TRIGGERS: [&str; 9] =
    ["create", "replace", "constraint", "event", "enable", "disable", "always", "replica", "drop"];
/// Words before the text of a message.
const BEFORE_MESSAGES: [&str; 7] = ["notice", "warning", "info", "log", "debug", "raise", "exception"];
/// Functions that reach for the server's files.
const FILES: [&str; 9] = [
    "lo_export",
    "lo_import",
    "pg_ls_dir",
    "pg_ls_logdir",
    "pg_ls_waldir",
    "pg_read_binary_file",
    "pg_read_file",
    "pg_stat_file",
    "pg_file_write",
];
/// Functions that run their first argument begin so.
const QUERY: &str = "query_to_xml";
/// Words that ask who runs the code, and how the session is set.
const READS: [&str; 7] = [
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "session_user",
    "user",
];

/// What is known of a text, a routine or a relation: what it does itself, and what it names.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) effects: Effects,
    pub(super) words: Vec<Word>,
    /// The same of the literals in it, which are code only where something executes texts.
    pub(super) texts: Effects,
    pub(super) text_words: Vec<Word>,
}

/// What stands before a token.
#[derive(Default)]
struct Around {
    /// The word before, in lower case, or the symbol.
    before: String,
    /// The last function that was called.
    called: String,
    /// The statement executes a text.
    executes: bool,
    /// Variables are declared: what begins there is no statement.
    declares: bool,
    /// The word UPDATE was there.
    updates: bool,
}

/// Where a word stands.
struct At<'a> {
    /// The word before, in lower case, or the symbol.
    before: &'a str,
    /// A statement may begin here.
    begins: bool,
    /// A parenthesis follows.
    called: bool,
}

impl Known {
    pub(super) fn of(text: &str, what: Text) -> Self {
        let mut known = Self::default();
        known.text(text, what, 0);
        for words in [&mut known.words, &mut known.text_words] {
            words.sort_unstable();
            words.dedup();
        }
        known
    }

    pub(super) fn is_empty(&self) -> bool {
        self.effects.is_empty() && self.words.is_empty()
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.effects.extend(more.effects);
        self.words.extend(more.words);
        self.texts.extend(more.texts);
        self.text_words.extend(more.text_words);
    }

    fn text(&mut self, text: &str, what: Text, depth: usize) {
        let mut c = Cursor::new(text, true);
        let mut around = Around::default();
        // The body of a routine may stand there without quotes.
        let mut code = what == Text::Code;
        while let Some(token) = c.peek() {
            match token.kind {
                TokenKind::Word | TokenKind::QuotedName => {
                    let Some(word) = c.part() else {
                        c.next();
                        continue;
                    };
                    let called = c.clone().symbol(b'(');
                    let before = around.before.clone();
                    let plain = token.kind == TokenKind::Word;
                    around.declares = plain && word == "declare" || around.declares && word != "begin";
                    let begins = !around.declares
                        && (before.is_empty()
                            || before == ";"
                            || BEFORE_STATEMENTS.contains(&before.as_str())
                            || before == ">");
                    let at = At { before: &before, begins, called };
                    if plain || called {
                        self.anywhere(&word, &at, &c);
                    }
                    if plain && code {
                        self.in_code(&word, &at, &c);
                        around.executes |= executes(&at, &word, &c);
                    }
                    code |= plain && word == "atomic" && before == "begin";
                    around.updates |= word == "update";
                    if around.updates && word == "pg_settings" {
                        self.effects.add(Effect::Settings);
                    }
                    self.words.push(Word::name(&word));
                    // `row.f` calls f, too.
                    if called || before == "." {
                        self.words.push(Word::called(&word));
                    }
                    if called {
                        around.called.clone_from(&word);
                    }
                    around.before = word;
                }
                TokenKind::Str | TokenKind::EscapeStr | TokenKind::DollarStr => {
                    self.literal(c.text(token), token.kind, &around, what, depth);
                    c.next();
                    "'".clone_into(&mut around.before);
                }
                _ => {
                    let symbol = c.text(token);
                    around.executes &= symbol != ";";
                    symbol.clone_into(&mut around.before);
                    c.next();
                }
            }
        }
    }

    fn literal(&mut self, raw: &str, kind: TokenKind, around: &Around, what: Text, depth: usize) {
        let (before, called) = (around.before.as_str(), around.called.as_str());
        let sequence = before == "(" && matches!(called, "nextval" | "setval" | "currval");
        if depth >= DEPTH || BEFORE_MESSAGES.contains(&before) && !around.executes {
            return;
        }
        let Some(inner) = literal_value(raw, kind) else { return };
        if sequence {
            return self.text(&inner, Text::Statement, depth + 1);
        }
        if around.executes || what == Text::Bodies || (before == "(" && called.starts_with(QUERY)) {
            return self.text(&inner, Text::Code, depth + 1);
        }
        // One word is no statement.
        if what == Text::Statement || !inner.trim().contains(char::is_whitespace) {
            return;
        }
        let mut text = Self::default();
        text.text(&inner, Text::Code, depth + 1);
        self.texts.extend(text.effects.and(text.texts));
        self.text_words.extend(text.words.into_iter().chain(text.text_words));
    }

    /// Words that say something wherever they stand.
    fn anywhere(&mut self, word: &str, at: &At<'_>, rest: &Cursor<'_>) {
        if word == "set_config" && at.called {
            let local = ends_with_true(rest.clone());
            self.effects.add(if local { Effect::LocalSettings } else { Effect::Settings });
        }
        if word.starts_with(QUERY) && at.called && !begins_with_words(after_parenthesis(rest)) {
            self.effects.add(Effect::Executes);
            self.effects.add(Effect::Definitions);
            self.effects.add(Effect::Rows);
        }
        if FILES.contains(&word) && at.called {
            self.effects.add(Effect::Files);
        }
        if READS.contains(&word) && !matches!(at.before, "." | "role" | "owner" | "to" | "for") {
            self.effects.add(Effect::Reads);
        }
        if word == "cache" && rest.clone().next().is_some_and(|token| more_than_one(rest.text(token))) {
            self.effects.add(Effect::CachedSequence);
        }
        if matches!(word, "currval" | "lastval") && at.called {
            self.effects.add(Effect::SessionSequence);
        }
        // In a path it stands at the end, as the manual has it.
        if word.starts_with("pg_temp") && rest.clone().symbol(b'.') {
            self.effects.add(Effect::Temporary);
        }
    }

    /// Words that say something in code.
    fn in_code(&mut self, word: &str, at: &At<'_>, rest: &Cursor<'_>) {
        let next = |word: &str| rest.at_word(word);
        match word {
            "set" if at.begins && (next("CONSTRAINTS") || next("TRANSACTION")) => {}
            "set" if at.begins && next("LOCAL") => self.effects.add(Effect::LocalSettings),
            "set" | "reset" | "discard" if at.begins && !is_variable(rest) => {
                self.effects.add(Effect::Settings);
            }
            "commit" | "rollback" if at.begins => self.effects.add(Effect::Transaction),
            "temp" | "temporary"
                if matches!(at.before, "create" | "local" | "global" | "replace")
                    || at.before == "into" && !is_variable(rest) && !next("FROM") =>
            {
                self.effects.add(Effect::Temporary);
            }
            "trigger" | "rule" if BEFORE_TRIGGERS.contains(&at.before) => self.effects.add(Effect::Firing),
            "create" | "alter" | "drop" => self.effects.add(Effect::Definitions),
            "deferrable" | "deferred" if at.before != "not" => self.effects.add(Effect::Deferrable),
            "schema" if matches!(at.before, "create" | "foreign") => self.effects.add(Effect::Schemas),
            "execute" if executes(at, word, rest) && !begins_with_words(rest.clone()) => {
                self.effects.add(Effect::Executes);
                self.effects.add(Effect::Definitions);
                self.effects.add(Effect::Schemas);
                self.effects.add(Effect::Rows);
            }
            "insert" | "update" | "delete" | "merge" | "truncate" | "copy"
                if !matches!(at.before, "on" | "or" | "before" | "after" | "of" | "for" | "key" | ".") =>
            {
                self.effects.add(Effect::Rows);
            }
            _ => {}
        }
    }
}

/// Whether the word executes a text.
fn executes(at: &At<'_>, word: &str, rest: &Cursor<'_>) -> bool {
    word == "execute" && at.before != "grant" && !rest.at_word("FUNCTION") && !rest.at_word("PROCEDURE")
}

/// Whether the word before is a variable: a symbol stands behind it that stands behind no key word.
fn is_variable(rest: &Cursor<'_>) -> bool {
    let mut rest = rest.clone();
    [b';', b',', b':', b'=', b'.'].iter().any(|symbol| rest.symbol(*symbol))
}

/// Whether the text to execute is a literal, or a format of one, that says what it does: it is read like any other.
fn begins_with_words(mut c: Cursor<'_>) -> bool {
    if c.word("FORMAT") {
        c.symbol(b'(');
    }
    c.literal().is_some_and(|text| !text.trim_start().starts_with('%') && !text.trim().is_empty())
}

fn after_parenthesis<'a>(c: &Cursor<'a>) -> Cursor<'a> {
    let mut c = c.clone();
    c.symbol(b'(');
    c
}

fn more_than_one(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit()) && number.parse() != Ok(1_u8)
}

/// Whether the last argument of the call whose parenthesis is ahead is `true`.
fn ends_with_true(mut c: Cursor<'_>) -> bool {
    let (mut depth, mut last, mut not) = (0_u32, false, false);
    while c.peek().is_some() {
        if c.symbol(b'(') {
            depth += 1;
        } else if c.symbol(b')') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return last;
            }
        } else {
            last = c.at_word("TRUE") && !not;
            not = c.at_word("NOT");
            c.next();
        }
    }
    false
}
