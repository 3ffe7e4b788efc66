//! Where a value of a row ends, and what it is.

use memchr::{memchr, memchr2};

use super::{Found, Value};
use crate::token::{TokenKind, is_space, token};

/// The index of the first byte from `at` on that is no blank.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> Found<usize> {
    loop {
        match bytes.get(at) {
            None => return Found::NotYet,
            Some(&byte) if is_space(byte) => at += 1,
            Some(_) => return Found::Yes(at),
        }
    }
}

/// The value that begins at `at`, perhaps after blanks, and the index of what ends it: a comma or the row's parenthesis.
#[inline]
pub(super) fn next(bytes: &[u8], at: usize, standard: bool) -> Found<(Value<'_>, usize)> {
    let at = found!(skip_space(bytes, at));
    match literal(bytes, at, standard) {
        Found::Yes((value, end)) => {
            let end = found!(skip_space(bytes, end));
            if matches!(bytes[end], b',' | b')') {
                return Found::Yes((value, end));
            }
        }
        Found::NotYet => return Found::NotYet,
        Found::No => {}
    }
    expression(bytes, at, standard)
}

/// The same for what is no literal alone.
///
/// psql's own words are no values: a backslash that begins a command, and the colon of a variable. The statement that holds
/// them is for whoever knows what they mean.
#[cold]
fn expression(bytes: &[u8], begin: usize, standard: bool) -> Found<(Value<'_>, usize)> {
    let mut at = begin;
    let mut open = Vec::new();
    // It holds more than comments.
    let mut any = false;
    loop {
        if at >= bytes.len() {
            return Found::NotYet;
        }
        let Some(token) = token(bytes, at, false, standard) else { return Found::NotYet };
        let start = at;
        at = token.end;
        match (token.kind, bytes[start]) {
            (TokenKind::Space | TokenKind::Comment, _) => continue,
            (TokenKind::Symbol, b',' | b')') if open.is_empty() => {
                let value = Value::Sql(bytes[begin..start].trim_ascii_end());
                return if any { Found::Yes((value, start)) } else { Found::No };
            }
            // They ask for what the session of an earlier statement had.
            (TokenKind::Word, b'c' | b'C' | b'l' | b'L')
                if [&b"currval"[..], b"lastval"]
                    .iter()
                    .any(|name| token.bytes(bytes).eq_ignore_ascii_case(name)) =>
            {
                return Found::No;
            }
            (TokenKind::Symbol, byte @ (b'(' | b'[')) => open.push(byte),
            (TokenKind::Symbol, b')') if open.pop() != Some(b'(') => return Found::No,
            (TokenKind::Symbol, b']') if open.pop() != Some(b'[') => return Found::No,
            (TokenKind::Symbol, b';' | b'\\') => return Found::No,
            (TokenKind::Symbol, b':') => match bytes.get(at) {
                None => return Found::NotYet,
                Some(b':' | b'=') => at += 1,
                Some(&byte) if is_variable(byte) => return Found::No,
                Some(_) => {}
            },
            _ => {}
        }
        any = true;
    }
}

/// Whether a colon before this byte makes one of psql's variables of what follows.
fn is_variable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'\'' | b'"' | b'{')
}

/// A literal of one of the kinds that have a meaning here, and the index after it.
#[inline]
fn literal(bytes: &[u8], at: usize, standard: bool) -> Found<(Value<'_>, usize)> {
    let quoted = |open: usize, escapes: bool| -> Found<(&[u8], usize)> {
        let close = found!(closing_quote(bytes, open + 1, escapes));
        Found::Yes((&bytes[open + 1..close], close + 1))
    };
    match bytes[at] {
        b'0'..=b'9' | b'-' | b'.' => {
            let (end, integer) = found!(number(bytes, at));
            let number = &bytes[at..end];
            Found::Yes((if integer { Value::Integer(number) } else { Value::Decimal(number) }, end))
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

/// The index after a number, and whether that is only digits.
#[inline]
fn number(bytes: &[u8], at: usize) -> Found<(usize, bool)> {
    let digits = |from: usize| -> usize {
        from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let begin = at + usize::from(bytes[at] == b'-');
    let mut end = digits(begin);
    let mut any = end - begin;
    let integer = end;
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
        Some(_) => Found::Yes((end, end == integer)),
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
