//! PostgreSQL's lexical rules, as far as the ends of tokens depend on them.
//!
//! The rules are those of PostgreSQL's manual, "Lexical Structure", and of `psql`, which decides where a
//! statement of a script ends. One function, [`token`], serves both uses: finding the end of a statement
//! while bytes still arrive, and reading the words of a whole one.

use memchr::{memchr, memchr2, memmem};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Blanks and line ends.
    Space,
    /// `-- …` up to the line end, be it a line feed or a carriage return, or `/* … */`, nested.
    Comment,
    /// A key word or a name without quotes.
    Word,
    /// `"…"`.
    QuotedName,
    /// `'…'` in which a backslash is an ordinary character.
    Str,
    /// `E'…'`, or any `'…'` while `standard_conforming_strings` is off: a backslash escapes.
    EscapeStr,
    /// `$tag$…$tag$`.
    DollarStr,
    /// One byte of anything else.
    Symbol,
}

/// A token of a text: its kind and the bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Index of its first byte.
    pub start: usize,
    /// Index after its last byte.
    pub end: usize,
}

impl Token {
    /// The token's bytes in `text`, the text that it was read from.
    #[must_use]
    pub fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start..self.end]
    }
}

pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_name_byte(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// Reads the token that begins at `at`, or `None` if `text` ends before it is certain where the token ends.
///
/// `whole` says that no byte follows `text`; then a token that is still open takes the rest.
/// `standard` is `standard_conforming_strings`. `at` must be less than the length of `text`.
#[must_use]
pub fn token(text: &[u8], at: usize, whole: bool, standard: bool) -> Option<Token> {
    let rest = &text[at..];
    let (kind, length) = match rest[0] {
        byte if is_space(byte) => {
            (TokenKind::Space, Some(rest.iter().position(|&b| !is_space(b)).unwrap_or(rest.len())))
        }
        b'\'' => quoted(rest, 0, !standard, whole),
        b'"' => (TokenKind::QuotedName, quoted_name(rest, whole)),
        b'$' => dollar(rest, whole),
        b'-' => match rest.get(1) {
            Some(b'-') => (TokenKind::Comment, memchr2(b'\n', b'\r', rest)),
            Some(_) => (TokenKind::Symbol, Some(1)),
            None => (TokenKind::Symbol, whole.then_some(1)),
        },
        b'/' => match rest.get(1) {
            Some(b'*') => (TokenKind::Comment, block_comment(rest)),
            Some(_) => (TokenKind::Symbol, Some(1)),
            None => (TokenKind::Symbol, whole.then_some(1)),
        },
        byte if is_name_start(byte) => word(rest, standard, whole),
        byte if byte.is_ascii_digit() => {
            (TokenKind::Symbol, Some(rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len())))
        }
        _ => (TokenKind::Symbol, Some(1)),
    };
    let length = match length {
        Some(length) => length,
        None if whole => rest.len(),
        None => return None,
    };
    Some(Token { kind, start: at, end: at + length })
}

fn word(rest: &[u8], standard: bool, whole: bool) -> (TokenKind, Option<usize>) {
    let Some(end) = rest.iter().position(|&b| !is_name_byte(b)) else {
        return (TokenKind::Word, whole.then_some(rest.len()));
    };
    match (&rest[..end], rest[end]) {
        (b"e" | b"E", b'\'') => quoted(rest, end, true, whole),
        (b"b" | b"B" | b"x" | b"X", b'\'') => quoted(rest, end, false, whole),
        (b"n" | b"N", b'\'') => quoted(rest, end, !standard, whole),
        (b"u" | b"U", b'&') => match rest.get(end + 1) {
            Some(b'\'') => quoted(rest, end + 1, false, whole),
            Some(b'"') => {
                (TokenKind::QuotedName, quoted_name(&rest[end + 1..], whole).map(|length| end + 1 + length))
            }
            Some(_) => (TokenKind::Word, Some(end)),
            None => (TokenKind::Word, whole.then_some(end)),
        },
        _ => (TokenKind::Word, Some(end)),
    }
}

/// A string whose opening quote is at `open`. One that a line end separates from the next, comments aside, goes on in
/// it, by the same rule for backslashes (SQL's rule for adjacent literals).
fn quoted(rest: &[u8], open: usize, escapes: bool, whole: bool) -> (TokenKind, Option<usize>) {
    let kind = if escapes { TokenKind::EscapeStr } else { TokenKind::Str };
    let mut open = open;
    loop {
        let Some(close) = closing_quote(rest, open + 1, escapes, whole) else { return (kind, None) };
        if !escapes {
            return (kind, Some(close));
        }
        match continuation(&rest[close..], whole) {
            Continuation::At(next) => open = close + next,
            Continuation::None => return (kind, Some(close)),
            Continuation::Unknown => return (kind, None),
        }
    }
}

/// The index after the quote that closes a string whose content begins at `from`.
fn closing_quote(rest: &[u8], from: usize, escapes: bool, whole: bool) -> Option<usize> {
    let mut at = from;
    loop {
        let tail = rest.get(at..)?;
        at += if escapes { memchr2(b'\'', b'\\', tail)? } else { memchr(b'\'', tail)? };
        match (rest[at], rest.get(at + 1)) {
            (b'\\', _) | (_, Some(b'\'')) => at += 2,
            (_, Some(_)) => return Some(at + 1),
            (_, None) => return whole.then_some(at + 1),
        }
    }
}

/// Whether the escape string `bytes` goes on behind a line end with backslashes in it. The server reads those as escapes,
/// psql, which reads a line at a time, as characters: where the literal ends, only they know.
pub(crate) fn escapes_go_on(bytes: &[u8]) -> bool {
    let open = memchr(b'\'', bytes).unwrap_or(bytes.len());
    closing_quote(bytes, open + 1, true, true).is_some_and(|close| memchr(b'\\', &bytes[close..]).is_some())
}

enum Continuation {
    At(usize),
    None,
    Unknown,
}

fn continuation(after: &[u8], whole: bool) -> Continuation {
    let undecided = if whole { Continuation::None } else { Continuation::Unknown };
    let (mut at, mut line_end) = (0, false);
    loop {
        match after.get(at..) {
            None | Some([]) => return undecided,
            Some([b'\'', ..]) if line_end => return Continuation::At(at),
            Some([b'-']) => return undecided,
            Some([b'-', b'-', rest @ ..]) => match memchr2(b'\n', b'\r', rest) {
                Some(length) => at += 2 + length,
                None => return undecided,
            },
            Some([byte, ..]) if is_space(*byte) => {
                line_end |= matches!(byte, b'\n' | b'\r');
                at += 1;
            }
            Some(_) => return Continuation::None,
        }
    }
}

fn quoted_name(rest: &[u8], whole: bool) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', rest.get(at..)?)?;
        match rest.get(at + 1) {
            Some(b'"') => at += 2,
            Some(_) => return Some(at + 1),
            None => return whole.then_some(at + 1),
        }
    }
}

fn dollar(rest: &[u8], whole: bool) -> (TokenKind, Option<usize>) {
    let tag_bytes = rest[1..].iter().position(|&b| !is_name_byte(b) || b == b'$').map(|n| n + 1);
    let Some(tag_end) = tag_bytes else {
        return (TokenKind::Symbol, whole.then_some(1));
    };
    let opens = rest[tag_end] == b'$' && (tag_end == 1 || is_name_start(rest[1]));
    if !opens {
        return (TokenKind::Symbol, Some(1));
    }
    let delimiter = &rest[..=tag_end];
    let body = &rest[tag_end + 1..];
    (TokenKind::DollarStr, memmem::find(body, delimiter).map(|at| 2 * delimiter.len() + at))
}

fn block_comment(rest: &[u8]) -> Option<usize> {
    let mut at = 2;
    let mut depth = 1u32;
    loop {
        at += memchr2(b'*', b'/', rest.get(at..)?)?;
        match (rest[at], rest.get(at + 1)?) {
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// The tokens of a whole text that say something: spaces and comments are left out.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    standard: bool,
}

impl<'a> Tokens<'a> {
    /// Reads `text`, a whole statement, with `standard_conforming_strings` as `standard` says.
    #[must_use]
    pub fn new(text: &'a [u8], standard: bool) -> Self {
        Self { text, at: 0, standard }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        while self.at < self.text.len() {
            let token = token(self.text, self.at, true, self.standard)?;
            self.at = token.end;
            if !matches!(token.kind, TokenKind::Space | TokenKind::Comment) {
                return Some(token);
            }
        }
        None
    }
}

/// Rewrites a statement that was written with `standard_conforming_strings` off so that it means the same with
/// it on: `'…'` becomes `E'…'`. Nothing else changes, bodies in dollar quotes included.
#[must_use]
pub fn standard_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 16);
    let mut copied = 0;
    for token in Tokens::new(bytes, false) {
        let prefix = match (token.kind, bytes[token.start]) {
            (TokenKind::EscapeStr, b'\'') => 0,
            (TokenKind::EscapeStr, b'n' | b'N') => 1,
            _ => continue,
        };
        out.push_str(&text[copied..token.start]);
        // What touches the word or number before it would become part of it.
        let touches =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || *byte >= 0x80;
        if bytes[..token.start].last().is_some_and(touches) {
            out.push(' ');
        }
        // A national character string is one of this type.
        out.push_str(if prefix == 1 { "pg_catalog.bpchar E" } else { "E" });
        copied = token.start + prefix;
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, String)> {
        Tokens::new(text.as_bytes(), true)
            .map(|t| (t.kind, String::from_utf8_lossy(t.bytes(text.as_bytes())).into_owned()))
            .collect()
    }

    #[test]
    fn strings_of_every_kind() {
        for (text, kind) in [
            ("'a''b\\'", TokenKind::Str),
            ("E'a\\'b''c'", TokenKind::EscapeStr),
            ("E'a'\n  'b\\''", TokenKind::EscapeStr),
            ("E'a' -- '\r--\n'b\\''", TokenKind::EscapeStr),
            ("X'1F'", TokenKind::Str),
            ("U&'\\0061'", TokenKind::Str),
            ("n'x'", TokenKind::Str),
            ("$$a$b$$", TokenKind::DollarStr),
            ("$t_1$ $$ ' $t_1$", TokenKind::DollarStr),
            ("\"a\"\"b\"", TokenKind::QuotedName),
            ("U&\"a\"\"b\"", TokenKind::QuotedName),
            ("naïve$1", TokenKind::Word),
        ] {
            assert_eq!(kinds(text), [(kind, text.to_owned())], "{text}");
        }
    }

    #[test]
    fn parameters_and_operators_are_symbols() {
        assert_eq!(kinds("$1").len(), 2);
        assert_eq!(kinds("a-b").len(), 3);
        assert_eq!(kinds("a--b"), [(TokenKind::Word, "a".to_owned())]);
        assert_eq!(kinds("--a\rb"), [(TokenKind::Word, "b".to_owned())]);
        assert_eq!(kinds("/* a /* ; */ ' */ b"), [(TokenKind::Word, "b".to_owned())]);
    }

    #[test]
    fn backslash_escapes_when_strings_are_not_standard() {
        let text = br"'a\'b'";
        assert_eq!(token(text, 0, true, false).map(|t| t.end), Some(6));
        assert_eq!(token(text, 0, false, true).map(|t| t.end), Some(4));
    }

    #[test]
    fn strings_in_the_form_that_needs_no_setting() {
        let text = r"COMMENT ON TABLE t IS 'a\'b' E'c' n'd' $$'e'$$ x'1f'; -- 'f'";
        assert_eq!(
            standard_strings("SELECT date'2000-01-01', é'a', a_'b', 1'c'"),
            "SELECT date E'2000-01-01', é E'a', a_ E'b', 1 E'c'"
        );
        assert_eq!(
            standard_strings(text),
            r"COMMENT ON TABLE t IS E'a\'b' E'c' pg_catalog.bpchar E'd' $$'e'$$ x'1f'; -- 'f'"
        );
    }

    /// A prefix never gives another end than the whole text does: it gives the same one, or none.
    #[test]
    fn prefixes_are_undecided_or_right() {
        let text = b"SELECT E'a\\'' \n 'b', \"x\"\"y\", $a$ ' $b$ $a$, -- c\n /* d /* e */ */ U&'f' , U & 1 - 2 / 3 $1 $x; ";
        let mut at = 0;
        while at < text.len() {
            let whole = token(text, at, true, true).unwrap();
            if whole.kind != TokenKind::Space {
                for end in at + 1..text.len() {
                    if let Some(early) = token(&text[..end], at, false, true) {
                        let digits = text[at].is_ascii_digit();
                        assert!(early == whole || digits, "at {at}, cut at {end}: {early:?} {whole:?}");
                    }
                }
            }
            at = whole.end;
        }
    }
}
