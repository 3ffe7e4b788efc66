//! Names of tables, types and columns.

use std::fmt;

use crate::token::{Token, TokenKind, Tokens};

mod escapes;

/// A name that a schema may qualify.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct QualifiedName {
    /// The schema, where the dump names one.
    pub schema: Option<String>,
    /// The name itself, without quotes.
    pub name: String,
}

impl QualifiedName {
    /// A name with its schema.
    #[must_use]
    pub fn new(schema: &str, name: &str) -> Self {
        Self { schema: Some(schema.to_owned()), name: name.to_owned() }
    }

    /// From a name as SQL spells it.
    #[must_use]
    pub fn spelled(text: &str) -> Option<Self> {
        Self::from_parts(Cursor::new(text, true).parts()?)
    }

    /// From the parts between the dots; a database's name in front of three is dropped.
    #[must_use]
    pub fn from_parts(mut parts: Vec<String>) -> Option<Self> {
        let name = parts.pop()?;
        Some(Self { schema: parts.pop(), name })
    }
}

/// As SQL needs it: `public."Order"`.
impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quote_name(schema))?;
        }
        f.write_str(&quote_name(&self.name))
    }
}

/// The name as SQL needs it: in quotes exactly where PostgreSQL's `quote_ident` puts them.
#[must_use]
pub fn quote_name(name: &str) -> String {
    let plain = !name.is_empty()
        && name
            .bytes()
            .enumerate()
            .all(|(i, b)| b.is_ascii_lowercase() || b == b'_' || (i > 0 && b.is_ascii_digit()))
        && !is_reserved(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn is_reserved(name: &str) -> bool {
    QUOTED_KEYWORDS.binary_search(&name).is_ok()
}

/// The key words that `quote_ident` quotes: all of `pg_get_keywords()` whose class is not U, over PostgreSQL
/// 13 to 18. A word that only some of these versions reserve is quoted too: quotes change nothing.
const QUOTED_KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Walks over the words of one statement.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    ahead: Option<Token>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str, standard: bool) -> Self {
        let mut tokens = Tokens::new(text.as_bytes(), standard);
        let ahead = tokens.next();
        Self { text, tokens, ahead }
    }

    pub(crate) fn peek(&self) -> Option<Token> {
        self.ahead
    }

    pub(crate) fn next(&mut self) -> Option<Token> {
        std::mem::replace(&mut self.ahead, self.tokens.next())
    }

    pub(crate) fn text(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    /// The text from the start of one token to the end of another.
    pub(crate) fn between(&self, first: Token, last: Token) -> &'a str {
        &self.text[first.start..last.end]
    }

    /// Whether the next token is this key word; if so it is taken.
    pub(crate) fn word(&mut self, key: &str) -> bool {
        let is = self.at_word(key);
        if is {
            self.next();
        }
        is
    }

    pub(crate) fn at_word(&self, key: &str) -> bool {
        self.ahead.is_some_and(|t| t.kind == TokenKind::Word && self.text(t).eq_ignore_ascii_case(key))
    }

    /// Takes the words one after the other, all or none.
    pub(crate) fn words(&mut self, keys: &[&str]) -> bool {
        let mut ahead = self.clone();
        let all = keys.iter().all(|key| ahead.word(key));
        if all {
            *self = ahead;
        }
        all
    }

    pub(crate) fn any_word(&mut self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.word(key))
    }

    pub(crate) fn symbol(&mut self, symbol: u8) -> bool {
        let is = self
            .ahead
            .is_some_and(|t| t.kind == TokenKind::Symbol && self.text.as_bytes()[t.start] == symbol);
        if is {
            self.next();
        }
        is
    }

    /// A name of one part: folded to lower case where it has no quotes, and no longer than PostgreSQL keeps it.
    pub(crate) fn part(&mut self) -> Option<String> {
        let token = self.ahead?;
        let raw = self.text(token);
        let mut part = match token.kind {
            TokenKind::Word => fold(raw),
            TokenKind::QuotedName => match unicode(raw) {
                Some(quoted) => {
                    let body = quoted.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\"");
                    return self.unicode_escaped(&body).map(truncated);
                }
                None => raw.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""),
            },
            _ => return None,
        };
        self.next();
        if part.len() > NAME_BYTES {
            part = truncated(part);
        }
        Some(part)
    }

    /// The text of the `U&…` token ahead, whose body is `body`, with the escape character that may follow it.
    fn unicode_escaped(&mut self, body: &str) -> Option<String> {
        let mut after = self.clone();
        after.next();
        let escape = match after.word("UESCAPE") {
            true => {
                let mut chars = after.plain_literal()?.chars().collect::<Vec<_>>();
                chars.pop().filter(|_| chars.is_empty())?
            }
            false => '\\',
        };
        let text = escapes::unicode(body, escape)?;
        *self = after;
        Some(text)
    }

    /// The parts of a name with dots between them.
    pub(crate) fn parts(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.part()?];
        while self.symbol(b'.') {
            parts.push(self.part()?);
        }
        Some(parts)
    }

    /// The value of a string literal, or `None` when the next token is none.
    pub(crate) fn literal(&mut self) -> Option<String> {
        match unicode(self.text(self.ahead?)) {
            Some(quoted) => {
                let body = quoted.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
                self.unicode_escaped(&body)
            }
            None => self.plain_literal(),
        }
    }

    /// The same for a literal without an escape character of its own.
    fn plain_literal(&mut self) -> Option<String> {
        let value = literal_value(self.text(self.ahead?), self.ahead?.kind)?;
        self.next();
        Some(value)
    }

    /// Whether `is` holds at this token or a later one.
    pub(crate) fn any(mut self, is: impl Fn(&mut Self) -> bool) -> bool {
        while self.ahead.is_some() {
            if is(&mut self.clone()) {
                return true;
            }
            self.next();
        }
        false
    }

    /// Skips tokens until the key word was taken; false at the end.
    pub(crate) fn skip_past(&mut self, key: &str) -> bool {
        while self.ahead.is_some() {
            if self.word(key) {
                return true;
            }
            self.next();
        }
        false
    }
}

/// Whether the key word stands in the text, whose strings are standard, as a word of its own.
#[must_use]
pub fn has_word(text: &str, key: &str) -> bool {
    Cursor::new(text, true).skip_past(key)
}

/// The last part of a name as SQL spells it.
#[must_use]
pub fn last_part(name: &str) -> Option<String> {
    Cursor::new(name, true).parts()?.pop()
}

/// Whether these key words stand in the text one behind the other.
#[must_use]
pub fn has_words(text: &str, keys: &[&str]) -> bool {
    Cursor::new(text, true).any(|c| c.words(keys))
}

/// Folds as PostgreSQL does in a UTF8 database: ASCII letters only.
fn fold(word: &str) -> String {
    word.to_ascii_lowercase()
}

/// PostgreSQL keeps so many bytes of a name.
const NAME_BYTES: usize = 63;

/// A name as PostgreSQL keeps it: its first bytes, whole characters of them.
fn truncated(mut name: String) -> String {
    let end = (0..=NAME_BYTES.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    name.truncate(end);
    name
}

/// What follows the `U&` that a token begins with.
fn unicode(raw: &str) -> Option<&str> {
    raw.strip_prefix("U&").or_else(|| raw.strip_prefix("u&"))
}

/// The value of a literal as the dump spells it.
pub(crate) fn literal_value(raw: &str, kind: TokenKind) -> Option<String> {
    match kind {
        // A dump that was cut off may end within a string.
        TokenKind::Str => Some(raw.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'")),
        TokenKind::EscapeStr => {
            let open = raw.find('\'')?;
            escapes::undo(raw.get(open + 1..raw.len().checked_sub(1)?)?)
        }
        TokenKind::DollarStr => {
            let tag = raw[1..].find('$')? + 2;
            raw.get(tag..raw.len().checked_sub(tag)?).map(str::to_owned)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted() {
        assert!(QUOTED_KEYWORDS.is_sorted());
    }

    #[test]
    fn quotes_where_needed() {
        for (name, quoted) in [
            ("users", "users"),
            ("_a1", "_a1"),
            ("1a", "\"1a\""),
            ("Order", "\"Order\""),
            ("user", "\"user\""),
            ("na\"me", "\"na\"\"me\""),
            ("ä", "\"ä\""),
            ("a$b", "\"a$b\""),
            ("", "\"\""),
            ("name", "name"),
        ] {
            assert_eq!(quote_name(name), quoted);
        }
    }

    #[test]
    fn literals() {
        let read = |text: &str, standard: bool| Cursor::new(text, standard).literal();
        assert_eq!(read("'a''b\\'", true).as_deref(), Some("a'b\\"));
        assert_eq!(read("'a\\\\b'", false).as_deref(), Some("a\\b"));
        assert_eq!(read("E'a\\'b\\n'", true).as_deref(), Some("a'b\n"));
        assert_eq!(
            read("E'\\101\\x41\\303\\xa9\\u00e9\\uD83D\\uDE00\\U0001F600'", true).as_deref(),
            Some("AAéé😀😀")
        );
        for wrong in ["E'\\351'", "E'\\uD83D'", "E'\\uDE00'", "E'\\u12'", "E'\\x00'"] {
            assert_eq!(read(wrong, true), None, "{wrong}");
        }
        assert_eq!(read("U&'a''\\0062'", true).as_deref(), Some("a'b"));
        assert_eq!(read("U&'a!0062' UESCAPE '!'", true).as_deref(), Some("ab"));
        assert_eq!(read("$x$a'b$x$", true).as_deref(), Some("a'b"));
        assert_eq!(read("B'01'", true), None);
        for cut in ["'", "'a", "'é", "E'", "E'é", "$x$", "$x$é", "$é"] {
            assert_eq!(read(cut, true), None, "{cut}");
        }
    }

    #[test]
    fn names() {
        let read = |text: &str| Cursor::new(text, true).part();
        let long = "n".repeat(62);
        assert_eq!(read(&format!("{}xyz", long.to_uppercase())), Some(format!("{long}x")));
        assert_eq!(read(&format!("\"{long}éx\"")), Some(long.clone()));
        assert_eq!(read(&format!("U&\"{long}\\00e9\"")), Some(long));
        assert_eq!(read("U&\"d\\0061t\\+000061\"\"\\\\\"").as_deref(), Some("data\"\\"));
        let mut cursor = Cursor::new("u&\"d!0061t\\a\" UESCAPE '!'.b", true);
        assert_eq!(cursor.parts(), Some(vec!["dat\\a".to_owned(), "b".to_owned()]));
        for wrong in ["U&\"\\006\"", "U&\"\\d83d\"", "U&\"\\0000\"", "U&\"a\" UESCAPE 'xy'"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_that_are_cut_off() {
        for cut in ["\"", "\"a", "\"é", "U&\"é", "U&\"\\", "U&\"a\" UESCAPE 'é"] {
            assert_eq!(Cursor::new(cut, true).part(), None, "{cut}");
        }
    }
}
