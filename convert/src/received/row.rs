//! The values of a row, in JSON, to a line of COPY's text form.
//!
//! Both have the same escapes but for a few: so a text is copied in whole runs, and an escape nearly always as it is.

use super::Fault;

/// Appends the line of these values, or nothing.
pub(super) fn line(values: &[u8], columns: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let from = out.len();
    let written = fields(values, columns, out);
    if written.is_none() {
        out.truncate(from);
    }
    written.ok_or(Fault::Form)
}

#[inline]
fn fields(values: &[u8], columns: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = values;
    for column in 0..columns {
        if column > 0 {
            rest = rest.strip_prefix(b",")?;
            out.push(b'\t');
        }
        rest = match rest.first()? {
            b'"' => text(&rest[1..], out)?,
            _ => bare(rest, out)?,
        };
    }
    out.push(b'\n');
    rest.is_empty().then_some(())
}

/// A number, a truth value or null. Returns what is behind it.
fn bare<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
    let (value, rest) = rest.split_at(end);
    match value {
        b"null" => out.extend_from_slice(b"\\N"),
        b"true" => out.push(b't'),
        b"false" => out.push(b'f'),
        _ => {
            let number =
                |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
            (!value.is_empty() && value.iter().all(number)).then(|| out.extend_from_slice(value))?;
        }
    }
    Some(rest)
}

/// A text behind its first quote. Returns what is behind its last one.
#[inline]
fn text<'a>(mut rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            return Some(&rest[at + 1..]);
        }
        rest = escape(&rest[at + 1..], out)?;
    }
}

/// An escape behind its backslash.
fn escape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (letter, behind) = rest.split_first()?;
    match letter {
        b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => out.extend_from_slice(&[b'\\', *letter]),
        b'"' | b'/' => out.push(*letter),
        b'u' => {
            let (digits, behind) = behind.split_at_checked(4)?;
            let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            // Only control characters, and the first digit of what looks like a time, are spelled so.
            let plain = u8::try_from(code).ok().filter(|byte| byte.is_ascii() && *byte != 0)?;
            match plain {
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\\' => out.extend_from_slice(b"\\\\"),
                _ => out.push(plain),
            }
            return Some(behind);
        }
        _ => return None,
    }
    Some(behind)
}
