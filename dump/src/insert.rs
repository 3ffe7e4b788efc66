//! INSERT: the statement's head, where its rows end, and the values of a row.
//!
//! What is read here is `INSERT INTO t [(columns)] [OVERRIDING SYSTEM VALUE] VALUES` and rows of any values: literals, as pg_dump
//! writes them, and expressions, of which only the end is looked for. Behind the last row there may be `ON CONFLICT DO NOTHING`
//! and nothing else. An INSERT of any other shape is a statement like others.
//!
//! A row is the bytes up to its closing parenthesis, with what is before it since the last row: the statement's head,
//! or the comma between two rows. Blanks and comments before that comma belong to the row as well. The last row of a statement
//! reaches to the semicolon. So the byte after a row tells whether the statement goes on, and a row can be gone on at without
//! knowing more than the head.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Place, ScanError};
use crate::header::{CopyColumns, CopyHeader, columns};
use crate::name::{Cursor, QualifiedName};
use crate::token::{TokenKind, Tokens, token};
pub use escape::{Unescape, unescape};

/// What is known of bytes of which more may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Yes(T),
    /// More bytes are needed to tell.
    NotYet,
    /// It is something else.
    No,
}

/// Takes the value out of a [`Found`], or returns what else it is.
macro_rules! found {
    ($found:expr) => {
        match $found {
            Found::Yes(value) => value,
            Found::NotYet => return Found::NotYet,
            Found::No => return Found::No,
        }
    };
}

mod escape;
mod value;

/// What the statements of one block have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The bytes up to the word VALUES, with it: in the dump's encoding.
    pub head: Arc<[u8]>,
    /// The head is `INSERT INTO t DEFAULT VALUES`, each statement a row without columns.
    pub zero: bool,
    /// `standard_conforming_strings`.
    pub standard: bool,
    /// How many values each row has; 0 where that is not known. PostgreSQL takes no statement whose rows differ in it.
    pub width: usize,
    /// Of a slab that ends within a statement: what that says behind its last row.
    pub open: OnConflict,
}

/// What a statement does with rows that break a unique constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnConflict {
    /// Nothing is said: it fails.
    #[default]
    Error,
    /// `ON CONFLICT DO NOTHING`: they are left out.
    Nothing,
    /// What is said was not seen.
    Unknown,
}

/// A value as the statement spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// `NULL`.
    Null,
    /// `DEFAULT`, which pg_dump writes for generated columns.
    Default,
    /// `true` or `false`.
    Boolean(bool),
    /// Digits, with a sign perhaps.
    Integer(&'a [u8]),
    /// A number with a point or an exponent.
    Decimal(&'a [u8]),
    /// `'…'`: what is between the quotes, in which `''` is a quote.
    Text(&'a [u8]),
    /// The same with escapes by backslashes: `E'…'`, or any while `standard_conforming_strings` is off.
    Escaped(&'a [u8]),
    /// `B'…'`.
    Bits(&'a [u8]),
    /// `X'…'`: four bits a digit.
    HexBits(&'a [u8]),
    /// Anything else that may be a value.
    Sql(&'a [u8]),
}

/// Takes what a row is made of, one after the other.
pub trait Visit {
    /// The next value of the row.
    fn value(&mut self, value: Value<'_>);
    /// The row with its parentheses, as a range of the bytes that are read.
    #[inline]
    fn tuple(&mut self, _at: Range<usize>) {}
    /// The row is the last of a statement that says ON CONFLICT DO NOTHING.
    #[inline]
    fn ignores_conflicts(&mut self) {}
}

/// Only the end of the row matters.
impl Visit for () {
    #[inline]
    fn value(&mut self, _: Value<'_>) {}
}

/// The length of the head at the start of `bytes`, and whether it is that of a row without columns.
pub(crate) fn head(bytes: &[u8], standard: bool) -> Found<(usize, bool)> {
    let mut words = Words { bytes, at: 0, standard };
    found!(words.expect("INSERT"));
    found!(words.expect("INTO"));
    loop {
        if !matches!(found!(words.next()), (TokenKind::Word | TokenKind::QuotedName, _)) {
            return Found::No;
        }
        if found!(words.peek()).1 != b"." {
            break;
        }
        found!(words.next());
    }
    if found!(words.peek()).1 == b"(" {
        loop {
            match found!(words.next()) {
                (_, b")") => break,
                (TokenKind::Word | TokenKind::QuotedName, _) | (_, b"(" | b",") => {}
                _ => return Found::No,
            }
        }
    }
    let (_, word) = found!(words.next());
    let is = |key: &str| word.eq_ignore_ascii_case(key.as_bytes());
    if is("VALUES") {
        return Found::Yes((words.at, false));
    }
    if is("OVERRIDING") {
        found!(words.expect("SYSTEM"));
        found!(words.expect("VALUE"));
        found!(words.expect("VALUES"));
        return Found::Yes((words.at, false));
    }
    if is("DEFAULT") {
        found!(words.expect("VALUES"));
        return Found::Yes((words.at, true));
    }
    Found::No
}

struct Words<'a> {
    bytes: &'a [u8],
    at: usize,
    standard: bool,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Found<(TokenKind, &'a [u8])> {
        self.at = found!(value::skip_space(self.bytes, self.at));
        let Some(token) = token(self.bytes, self.at, false, self.standard) else { return Found::NotYet };
        self.at = token.end;
        if token.kind == TokenKind::Comment {
            return Found::No;
        }
        Found::Yes((token.kind, token.bytes(self.bytes)))
    }

    fn peek(&mut self) -> Found<(TokenKind, &'a [u8])> {
        let at = self.at;
        let next = self.next();
        self.at = at;
        next
    }

    fn expect(&mut self, key: &str) -> Found<()> {
        match found!(self.next()) {
            (TokenKind::Word, word) if word.eq_ignore_ascii_case(key.as_bytes()) => Found::Yes(()),
            _ => Found::No,
        }
    }
}

/// The head `text` of a statement that begins at `place`, as the head of a block of rows of so many values.
pub(crate) fn header(
    text: &str,
    place: Place,
    standard: bool,
    width: usize,
) -> Result<CopyHeader, ScanError> {
    let error = |what: &str| ScanError::Insert { at: place, what: what.to_owned() };
    let mut c = Cursor::new(text, standard);
    c.words(&["INSERT", "INTO"]);
    let table = c.parts().and_then(QualifiedName::from_parts).ok_or_else(|| error("it names no table"))?;
    let columns = if c.symbol(b'(') {
        CopyColumns::Listed(columns(&mut c).ok_or_else(|| error("its list of columns does not end"))?)
    } else if c.word("DEFAULT") {
        CopyColumns::DefaultValues
    } else {
        CopyColumns::InOrder(width)
    };
    Ok(CopyHeader { table, columns, place, insert: true })
}

/// What follows the table's name in the head of a block: its list of columns, and the words up to VALUES.
#[must_use]
pub fn behind_table(head: &str, standard: bool) -> &str {
    let mut tokens = Tokens::new(head.as_bytes(), standard).skip(2).peekable();
    let mut end = head.len();
    while let Some(part) = tokens.next() {
        end = part.end;
        if tokens.next_if(|next| next.bytes(head.as_bytes()) == b".").is_none() {
            break;
        }
    }
    head.get(end..).unwrap_or_default()
}

/// Reads the row that begins at `at` and returns the index after it. `whole` says that `bytes` are whole rows, as a
/// slab's are: then the last one may end at its parenthesis, with the statement going on behind it.
///
/// # Errors
/// None: [`Found::No`] says that it is no row of this block, [`Found::NotYet`] that its end is not in `bytes`.
#[inline]
pub fn row<V: Visit>(bytes: &[u8], at: usize, shape: &Shape, whole: bool, visit: &mut V) -> Found<usize> {
    let mut at = at;
    match bytes.get(at) {
        None => return Found::NotYet,
        Some(b',') if !shape.zero => at += 1,
        Some(_) => {
            at = found!(value::skip_space(bytes, at));
            let rest = &bytes[at..];
            if !rest.starts_with(&shape.head) {
                return if shape.head.starts_with(rest) { Found::NotYet } else { Found::No };
            }
            at += shape.head.len();
        }
    }
    if shape.zero {
        return tail(bytes, at, shape.standard, visit);
    }
    at = found!(skip_blank(bytes, at, shape.standard));
    if bytes[at] != b'(' {
        return Found::No;
    }
    let open = at;
    let mut width = 0;
    loop {
        let (value, end) = found!(value::next(bytes, at + 1, shape.standard));
        visit.value(value);
        width += 1;
        at = end;
        if bytes[end] == b')' {
            break;
        }
    }
    if width != shape.width && shape.width != 0 {
        return Found::No;
    }
    at += 1;
    visit.tuple(open..at);
    match bytes.get(at) {
        Some(b',') => Found::Yes(at),
        Some(_) => behind(bytes, at, shape.standard, whole, visit),
        None if whole => Found::Yes(at),
        None => Found::NotYet,
    }
}

/// After a row's parenthesis, where no comma follows at once.
fn behind<V: Visit>(bytes: &[u8], at: usize, standard: bool, whole: bool, visit: &mut V) -> Found<usize> {
    match skip_blank(bytes, at, standard) {
        Found::Yes(at) if bytes[at] == b',' => Found::Yes(at),
        Found::Yes(at) => tail(bytes, at, standard, visit),
        Found::NotYet if whole => Found::Yes(bytes.len()),
        Found::NotYet => Found::NotYet,
        Found::No => Found::No,
    }
}

/// After the last row: maybe `ON CONFLICT DO NOTHING`, and the semicolon.
fn tail<V: Visit>(bytes: &[u8], at: usize, standard: bool, visit: &mut V) -> Found<usize> {
    let mut at = found!(skip_blank(bytes, at, standard));
    if bytes[at] == b';' {
        return Found::Yes(at + 1);
    }
    for key in ["ON", "CONFLICT", "DO", "NOTHING"] {
        at = found!(skip_blank(bytes, at, standard));
        let Some(token) = token(bytes, at, false, standard) else { return Found::NotYet };
        if token.kind != TokenKind::Word || !token.bytes(bytes).eq_ignore_ascii_case(key.as_bytes()) {
            return Found::No;
        }
        at = token.end;
    }
    at = found!(skip_blank(bytes, at, standard));
    if bytes[at] != b';' {
        return Found::No;
    }
    visit.ignores_conflicts();
    Found::Yes(at + 1)
}

/// The index of the first byte from `at` on that is in no blank and no comment.
#[inline]
fn skip_blank(bytes: &[u8], at: usize, standard: bool) -> Found<usize> {
    let at = found!(value::skip_space(bytes, at));
    if !matches!(bytes[at], b'-' | b'/') {
        return Found::Yes(at);
    }
    match token(bytes, at, false, standard) {
        None => Found::NotYet,
        Some(token) if token.kind == TokenKind::Comment => skip_blank(bytes, token.end, standard),
        Some(_) => Found::Yes(at),
    }
}

#[cfg(test)]
mod tests;
