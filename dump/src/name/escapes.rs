//! Escapes within literals and names.

use std::iter::Peekable;
use std::str::Chars;

/// Undoes the escapes of `E'…'`, the doubled quotes among them. `None` where PostgreSQL refuses one.
pub(super) fn undo(body: &str) -> Option<String> {
    let mut out = Vec::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\'' => chars.next()?,
            '\\' => match chars.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                first @ '0'..='7' => {
                    out.push((digits(&mut chars, 8, 2, first.to_digit(8)?).0 & 0xff) as u8);
                    continue;
                }
                'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => {
                    out.push(digits(&mut chars, 16, 2, 0).0 as u8);
                    continue;
                }
                letter @ ('u' | 'U') => {
                    let length = if letter == 'u' { 4 } else { 8 };
                    let first = exactly(&mut chars, length)?;
                    let second = is_high(first).then(|| {
                        (chars.next()? == '\\').then_some(())?;
                        let length = match chars.next()? {
                            'u' => 4,
                            'U' => 8,
                            _ => return None,
                        };
                        exactly(&mut chars, length)
                    });
                    character(first, second)?
                }
                other => other,
            },
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

/// Undoes the escapes of `U&'…'` and `U&"…"`: four digits behind the escape character, or six behind it and a plus.
pub(super) fn unicode(body: &str, escape: char) -> Option<String> {
    let mut out = String::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        if c != escape {
            out.push(c);
        } else if chars.next_if_eq(&escape).is_some() {
            out.push(escape);
        } else {
            let first = code(&mut chars)?;
            let second = is_high(first).then(|| chars.next_if_eq(&escape).and_then(|_| code(&mut chars)));
            out.push(character(first, second)?);
        }
    }
    Some(out)
}

fn code(chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
    let length = if chars.next_if_eq(&'+').is_some() { 6 } else { 4 };
    exactly(chars, length)
}

/// A character of one code, or of two where the first is the first half of a pair. None has the code 0.
fn character(first: u32, second: Option<Option<u32>>) -> Option<char> {
    let code = match second {
        None => first,
        Some(second) => {
            let low = second.filter(|low| (0xdc00..0xe000).contains(low))?;
            0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00)
        }
    };
    char::from_u32(code).filter(|&c| c != '\0')
}

fn is_high(code: u32) -> bool {
    (0xd800..0xdc00).contains(&code)
}

fn exactly(chars: &mut Peekable<Chars<'_>>, length: usize) -> Option<u32> {
    let (value, count) = digits(chars, 16, length, 0);
    (count == length).then_some(value)
}

/// Takes up to so many digits, behind those that `start` stands for.
fn digits(chars: &mut Peekable<Chars<'_>>, radix: u32, most: usize, start: u32) -> (u32, usize) {
    let (mut value, mut count) = (start, 0);
    while count < most
        && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
    {
        value = value.wrapping_mul(radix).wrapping_add(digit);
        count += 1;
        chars.next();
    }
    (value, count)
}
