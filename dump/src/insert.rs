//! INSERT: the statement's head, where its rows end, and the values of a row.
//!
//! What is read here is the shape that pg_dump writes: a list of rows that hold nothing but literals. An INSERT of
//! any other shape is a statement like others.
//!
//! A row is the bytes up to its closing parenthesis, with what is before it since the last row: the statement's head,
//! or the comma between two rows. The last row of a statement reaches to the semicolon. So the byte after a row tells
//! whether the statement goes on, and a row can be gone on at without knowing more than the head.

use std::sync::Arc;

use memchr::{memchr, memchr2};

use crate::copy::{CopyColumns, CopyHeader, columns};
use crate::error::{Place, ScanError};
use crate::name::{Cursor, QualifiedName};
use crate::token::{TokenKind, is_space, token};

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

/// What the statements of one block have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The bytes up to the word VALUES, with it: in the dump's encoding.
    pub head: Arc<[u8]>,
    /// The head is `INSERT INTO t DEFAULT VALUES`, each statement a row without columns.
    pub zero: bool,
    /// `standard_conforming_strings`.
    pub standard: bool,
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
    /// A number, with its sign.
    Number(&'a [u8]),
    /// `'…'`: what is between the quotes, in which `''` is a quote.
    Text(&'a [u8]),
    /// The same with escapes by backslashes: `E'…'`, or any while `standard_conforming_strings` is off.
    Escaped(&'a [u8]),
    /// `B'…'`.
    Bits(&'a [u8]),
    /// `X'…'`: four bits a digit.
    HexBits(&'a [u8]),
}

/// Takes the values of a row one after the other.
pub trait Visit {
    /// The next value of the row.
    fn value(&mut self, value: Value<'_>);
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
        self.at = found!(skip_space(self.bytes, self.at));
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

/// The head `text` of a statement that begins at `place`, as the head of a block of rows.
pub(crate) fn header(text: &str, place: Place, standard: bool) -> Result<CopyHeader, ScanError> {
    let error = |what: &str| ScanError::Insert { at: place, what: what.to_owned() };
    let mut c = Cursor::new(text, standard);
    c.words(&["INSERT", "INTO"]);
    let table = c.parts().and_then(QualifiedName::from_parts).ok_or_else(|| error("it names no table"))?;
    let columns = if c.symbol(b'(') {
        CopyColumns::Listed(columns(&mut c).ok_or_else(|| error("its list of columns does not end"))?)
    } else if c.word("DEFAULT") {
        CopyColumns::DefaultValues
    } else {
        CopyColumns::InOrder
    };
    Ok(CopyHeader { table, columns, place })
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
            at = found!(skip_space(bytes, at));
            let rest = &bytes[at..];
            if !rest.starts_with(&shape.head) {
                return if shape.head.starts_with(rest) { Found::NotYet } else { Found::No };
            }
            at += shape.head.len();
        }
    }
    if shape.zero {
        return tail(bytes, at);
    }
    at = found!(skip_space(bytes, at));
    if bytes[at] != b'(' {
        return Found::No;
    }
    at += 1;
    loop {
        at = found!(skip_space(bytes, at));
        let (value, end) = found!(value(bytes, at, shape.standard));
        visit.value(value);
        at = found!(skip_space(bytes, end));
        match bytes[at] {
            b',' => at += 1,
            b')' => break,
            _ => return Found::No,
        }
    }
    at += 1;
    match bytes.get(at) {
        Some(b',') => Found::Yes(at),
        Some(_) => tail(bytes, at),
        None if whole => Found::Yes(at),
        None => Found::NotYet,
    }
}

/// After the last row: maybe `ON CONFLICT DO NOTHING`, and the semicolon.
fn tail(bytes: &[u8], at: usize) -> Found<usize> {
    const CONFLICT: &[u8] = b"ON CONFLICT DO NOTHING";
    let mut at = found!(skip_space(bytes, at));
    let rest = &bytes[at..];
    if rest.starts_with(CONFLICT) {
        at = found!(skip_space(bytes, at + CONFLICT.len()));
    } else if CONFLICT.starts_with(rest) {
        return Found::NotYet;
    }
    if bytes[at] == b';' { Found::Yes(at + 1) } else { Found::No }
}

/// The index of the first byte from `at` on that is no blank.
#[inline]
fn skip_space(bytes: &[u8], mut at: usize) -> Found<usize> {
    loop {
        match bytes.get(at) {
            None => return Found::NotYet,
            Some(&byte) if is_space(byte) => at += 1,
            Some(_) => return Found::Yes(at),
        }
    }
}

#[inline]
fn value(bytes: &[u8], at: usize, standard: bool) -> Found<(Value<'_>, usize)> {
    let quoted = |open: usize, escapes: bool| -> Found<(&[u8], usize)> {
        let close = found!(closing_quote(bytes, open + 1, escapes));
        Found::Yes((&bytes[open + 1..close], close + 1))
    };
    match bytes[at] {
        b'0'..=b'9' | b'-' | b'.' => {
            let end = found!(number(bytes, at));
            Found::Yes((Value::Number(&bytes[at..end]), end))
        }
        b'\'' => {
            let (body, end) = found!(quoted(at, !standard));
            Found::Yes((if standard { Value::Text(body) } else { Value::Escaped(body) }, end))
        }
        prefix @ (b'E' | b'e' | b'B' | b'X') => match bytes.get(at + 1) {
            None => Found::NotYet,
            Some(b'\'') => {
                let (body, end) = found!(quoted(at + 1, prefix.eq_ignore_ascii_case(&b'e')));
                let all = |digit: fn(&u8) -> bool| body.iter().all(digit);
                match prefix {
                    b'B' if all(|b| matches!(b, b'0' | b'1')) => Found::Yes((Value::Bits(body), end)),
                    b'X' if all(u8::is_ascii_hexdigit) => Found::Yes((Value::HexBits(body), end)),
                    b'E' | b'e' => Found::Yes((Value::Escaped(body), end)),
                    _ => Found::No,
                }
            }
            Some(_) => Found::No,
        },
        _ => word(bytes, at),
    }
}

fn word(bytes: &[u8], at: usize) -> Found<(Value<'_>, usize)> {
    for (word, value) in [
        ("NULL", Value::Null),
        ("true", Value::Boolean(true)),
        ("false", Value::Boolean(false)),
        ("DEFAULT", Value::Default),
    ] {
        let rest = &bytes[at..];
        match rest.get(..word.len()) {
            // What follows must end the value, or it is a longer word.
            Some(start) if start.eq_ignore_ascii_case(word.as_bytes()) => {
                return Found::Yes((value, at + word.len()));
            }
            None if word.as_bytes()[..rest.len()].eq_ignore_ascii_case(rest) => return Found::NotYet,
            _ => {}
        }
    }
    Found::No
}

/// The index after a number: nothing that could be an expression.
#[inline]
fn number(bytes: &[u8], at: usize) -> Found<usize> {
    let digits = |from: usize| -> usize {
        from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let begin = at + usize::from(bytes[at] == b'-');
    let mut end = digits(begin);
    let mut any = end - begin;
    if bytes.get(end) == Some(&b'.') {
        let decimals = end + 1;
        end = digits(decimals);
        any += end - decimals;
    }
    if any > 0 && matches!(bytes.get(end), Some(b'e' | b'E')) {
        let power = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if power >= bytes.len() {
            return Found::NotYet;
        }
        end = digits(power);
        any = end - power;
    }
    match bytes.get(end) {
        None => Found::NotYet,
        Some(_) if any == 0 => Found::No,
        Some(_) => Found::Yes(end),
    }
}

/// The index of the quote that closes a string whose content begins at `from`.
#[inline]
fn closing_quote(bytes: &[u8], from: usize, escapes: bool) -> Found<usize> {
    let mut at = from;
    loop {
        let Some(tail) = bytes.get(at..) else { return Found::NotYet };
        let next = if escapes { memchr2(b'\'', b'\\', tail) } else { memchr(b'\'', tail) };
        let Some(next) = next else { return Found::NotYet };
        at += next;
        match (bytes[at], bytes.get(at + 1)) {
            (b'\\', _) | (_, Some(b'\'')) => at += 2,
            (_, Some(_)) => return Found::Yes(at),
            (_, None) => return Found::NotYet,
        }
    }
}

/// Undoes the escapes of [`Value::Escaped`], appending its bytes to `out`; `utf8` says that the dump's encoding is
/// UTF-8, so that `\u` has a meaning. False where PostgreSQL would refuse it.
pub fn unescape(body: &[u8], utf8: bool, out: &mut Vec<u8>) -> bool {
    let mut rest = body;
    while let Some(at) = memchr2(b'\\', b'\'', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some(&letter) = rest.get(at + 1) else { return false };
        let tail = &rest[at + 2..];
        let used = match (rest[at], letter) {
            (b'\'', _) => push(out, b'\''),
            (_, b'b') => push(out, 0x08),
            (_, b'f') => push(out, 0x0c),
            (_, b'n') => push(out, b'\n'),
            (_, b'r') => push(out, b'\r'),
            (_, b't') => push(out, b'\t'),
            (_, b'0'..=b'7') => {
                let (value, used) = digits(&rest[at + 1..], 8, 3);
                push(out, (value & 0xff) as u8);
                used - 1
            }
            (_, b'x') => match digits(tail, 16, 2) {
                (_, 0) => push(out, b'x'),
                (value, used) => {
                    push(out, value as u8);
                    used
                }
            },
            (_, b'u' | b'U') => {
                let length = if letter == b'u' { 4 } else { 8 };
                let (value, used) = digits(tail, 16, length);
                let Some(character) = char::from_u32(value).filter(|_| used == length && utf8) else {
                    return false;
                };
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                used
            }
            (_, other) => push(out, other),
        };
        rest = &tail[used..];
    }
    out.extend_from_slice(rest);
    true
}

fn push(out: &mut Vec<u8>, byte: u8) -> usize {
    out.push(byte);
    0
}

fn digits(text: &[u8], radix: u32, most: usize) -> (u32, usize) {
    let values = text.iter().take(most).map_while(|&byte| char::from(byte).to_digit(radix));
    values.fold((0, 0), |(value, count), digit| (value.wrapping_mul(radix).wrapping_add(digit), count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Visit for Seen {
        fn value(&mut self, value: Value<'_>) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.0.push(match value {
                Value::Null => "null".to_owned(),
                Value::Default => "default".to_owned(),
                Value::Boolean(value) => value.to_string(),
                Value::Number(digits) => format!("number {}", text(digits)),
                Value::Text(body) => format!("text {}", text(body)),
                Value::Escaped(body) => format!("escaped {}", text(body)),
                Value::Bits(digits) => format!("bits {}", text(digits)),
                Value::HexBits(digits) => format!("hex {}", text(digits)),
            });
        }
    }

    fn shape(text: &str, standard: bool) -> Option<Shape> {
        match head(text.as_bytes(), standard) {
            Found::Yes((length, zero)) => {
                Some(Shape { head: text.as_bytes()[..length].into(), zero, standard })
            }
            _ => None,
        }
    }

    /// The values of the first row, and the length of the row.
    fn first(text: &str) -> Option<(Vec<String>, usize)> {
        let mut seen = Seen::default();
        match row(text.as_bytes(), 0, &shape(text, true)?, false, &mut seen) {
            Found::Yes(end) => Some((seen.0, end)),
            _ => None,
        }
    }

    #[test]
    fn heads() {
        for (text, zero) in [
            ("INSERT INTO public.t VALUES", false),
            ("INSERT INTO \"S\".\"values\" (a, \"b,)\", \"values\") VALUES", false),
            ("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES", false),
            ("INSERT INTO public.t DEFAULT VALUES", true),
        ] {
            assert_eq!(
                head(format!("{text} (1);").as_bytes(), true),
                Found::Yes((text.len(), zero)),
                "{text}"
            );
            for end in 0..text.len() {
                assert_eq!(head(&text.as_bytes()[..end], true), Found::NotYet, "{}", &text[..end]);
            }
        }
        for text in [
            "INSERT INTO t SELECT 1;",
            "INSERT INTO t AS x VALUES (1);",
            "INSERT INTO t (a[1]) VALUES (1);",
            "INSERT INTO t OVERRIDING USER VALUE VALUES (1);",
            "INSERT /* a */ INTO t VALUES (1);",
        ] {
            assert_eq!(head(text.as_bytes(), true), Found::No, "{text}");
        }
    }

    #[test]
    fn values_of_every_kind() {
        let text = "INSERT INTO t VALUES (1, -2.5e-07, 'a''b); --', E'\\\\''', B'01', X'1f', NULL, true, false, DEFAULT, '');";
        let (values, end) = first(text).unwrap();
        assert_eq!(end, text.len());
        assert_eq!(
            values,
            [
                "number 1",
                "number -2.5e-07",
                "text a''b); --",
                "escaped \\\\''",
                "bits 01",
                "hex 1f",
                "null",
                "true",
                "false",
                "default",
                "text "
            ]
        );
    }

    #[test]
    fn where_rows_end() {
        let text =
            "INSERT INTO t VALUES\n\t(1),\n\t('),')\n ON CONFLICT DO NOTHING;\nINSERT INTO t VALUES (3);";
        let shape = shape(text, true).unwrap();
        let mut ends = vec![0];
        while let Found::Yes(end) = row(text.as_bytes(), *ends.last().unwrap(), &shape, false, &mut ()) {
            ends.push(end);
        }
        let rows: Vec<_> = ends.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        assert_eq!(
            rows,
            [
                "INSERT INTO t VALUES\n\t(1)",
                ",\n\t('),')\n ON CONFLICT DO NOTHING;",
                "\nINSERT INTO t VALUES (3);"
            ]
        );
    }

    #[test]
    fn what_is_no_row_of_literals() {
        for value in [
            "f()",
            "1 + 1",
            "1-1",
            "'a'::text",
            "'a' || 'b'",
            "(SELECT 1)",
            "B'2'",
            "nullif(1, 2)",
            "'a'\n'b'",
            "-",
            "1.e",
            "--1\n2",
        ] {
            let text = format!("INSERT INTO t VALUES ({value});");
            let shape = shape(&text, true).unwrap();
            assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::No, "{text}");
        }
        for tail in ["RETURNING a;", "ON CONFLICT (a) DO NOTHING;"] {
            let text = format!("INSERT INTO t VALUES (1) {tail}");
            let shape = shape(&text, true).unwrap();
            assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::No, "{text}");
        }
    }

    #[test]
    fn prefixes_are_undecided() {
        let text =
            "INSERT INTO t VALUES (1, -2.5e-07, 'a''b', E'\\'', B'01', NULL, true) ON CONFLICT DO NOTHING;";
        let shape = shape(text, true).unwrap();
        for end in 0..text.len() {
            assert_eq!(
                row(&text.as_bytes()[..end], 0, &shape, false, &mut ()),
                Found::NotYet,
                "{}",
                &text[..end]
            );
        }
        assert_eq!(row(text.as_bytes(), 0, &shape, false, &mut ()), Found::Yes(text.len()));
    }

    #[test]
    fn escapes() {
        let read = |body: &str| {
            let mut out = Vec::new();
            unescape(body.as_bytes(), true, &mut out).then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(read(r"a\\b''c\'\n\101\x41\u00e9\U0001F600\q").unwrap(), "a\\b'c'\nAA\u{e9}\u{1f600}q");
        assert_eq!(read(r"\u12"), None);
        assert_eq!(read("\\"), None);
    }
}
