//! The rows in a statement that packs them, as lines of COPY's text form.

use crate::render::packed::{CONFLICTS, HEAD, table};

/// Where the rows of a pack go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pack {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

const OVERRIDING: &str = ") OVERRIDING SYSTEM VALUE ";

/// Appends the lines of a pack, and says how many they are. Of any other statement, and of a pack that says more than which
/// rows there are, nothing.
pub(super) fn lines(sql: &str, out: &mut Vec<u8>) -> Option<(Pack, u64)> {
    // Settings of its own bear on how its values are read.
    if !sql.starts_with(HEAD) || sql[HEAD.len()..].starts_with("SET LOCAL") {
        return None;
    }
    let table = table(sql)?;
    let rest = &sql[HEAD.len()..];
    let rest = rest.strip_prefix("INSERT INTO ")?.strip_prefix(table)?.strip_prefix(" (")?;
    let (columns, rest) = names(rest)?;
    let rest = rest.strip_prefix(OVERRIDING)?.strip_suffix(';')?;
    if rest.ends_with(CONFLICTS) {
        return None;
    }
    let from = out.len();
    let rows = match rest.strip_prefix("SELECT\n") {
        Some(arrays) => of_arrays(arrays.as_bytes(), columns.len(), out),
        None => of_literals(rest.strip_prefix("VALUES\n")?.as_bytes(), columns.len(), out),
    };
    if rows.is_none() {
        out.truncate(from);
    }
    Some((Pack { table: table.to_owned(), columns }, rows?))
}

/// Names up to the closing bracket, which stays.
fn names(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut names, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' | b')' if !quoted => {
                names.push(text.get(start..at)?.to_owned());
                if byte == b')' {
                    return Some((names, &text[at..]));
                }
                // As we write them: other lists are those of the dump's own statements.
                text[at..].starts_with(", ").then_some(())?;
                start = at + 2;
            }
            _ => {}
        }
    }
    None
}

/// A column of a pack of arrays.
enum Column<'a> {
    /// What is left of the array.
    Array(&'a [u8]),
    /// The field that all rows have.
    Same(Vec<u8>),
}

fn of_arrays(mut rest: &[u8], columns: usize, out: &mut Vec<u8>) -> Option<u64> {
    let mut sources = Vec::with_capacity(columns);
    for column in 0..columns {
        if column > 0 {
            rest = rest.strip_prefix(b",\n")?;
        }
        let (source, behind) = source(rest)?;
        sources.push(source);
        rest = behind;
    }
    if !rest.is_empty() || !sources.iter().any(|source| matches!(source, Column::Array(_))) {
        return None;
    }
    let mut rows = 0;
    loop {
        let mut ended = 0;
        for (column, source) in sources.iter_mut().enumerate() {
            if column > 0 {
                out.push(b'\t');
            }
            match source {
                Column::Same(field) => out.extend_from_slice(field),
                Column::Array(array) => {
                    *array = element(array, out)?;
                    match array.split_first() {
                        None => ended += 1,
                        Some((b',', behind)) => *array = behind,
                        Some(_) => return None,
                    }
                }
            }
        }
        out.push(b'\n');
        rows += 1;
        let arrays = sources.iter().filter(|source| matches!(source, Column::Array(_))).count();
        match ended {
            0 => {}
            all if all == arrays => return Some(rows),
            _ => return None,
        }
    }
}

/// One column's expression, and what is behind it.
fn source(text: &[u8]) -> Option<(Column<'_>, &[u8])> {
    let Some(array) = text.strip_prefix(b"pg_catalog.unnest('{") else {
        let mut field = Vec::new();
        let rest = typed(literal(text, &mut field)?)?;
        return Some((Column::Same(field), rest));
    };
    let end = end_of_literal(array)?;
    let rest = array[end + 1..].strip_prefix(b"::pg_catalog.")?;
    let rest = rest[type_name(rest)..].strip_prefix(b"[])")?;
    let rest = if rest.starts_with(b"::") { typed(rest)? } else { rest };
    Some((Column::Array(array[..end].strip_suffix(b"}")?), rest))
}

/// Behind a cast to a type of PostgreSQL's own.
fn typed(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"::pg_catalog.")?;
    let rest = &rest[type_name(rest)..];
    Some(rest.strip_prefix(b"[]").unwrap_or(rest))
}

fn type_name(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

/// The place of the quote that ends a literal.
fn end_of_literal(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(b'\'', &text[at..])?;
        if text.get(at + 1) != Some(&b'\'') {
            return Some(at);
        }
        at += 2;
    }
}

/// The first element of an array within a literal, as a field. Returns what is behind it.
fn element<'a>(array: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let Some(mut rest) = array.strip_prefix(b"\"") else {
        let (value, rest) = array.split_at(memchr::memchr(b',', array).unwrap_or(array.len()));
        match value {
            b"NULL" => out.extend_from_slice(b"\\N"),
            b"" => return None,
            _ => clean(value, out),
        }
        return Some(rest);
    };
    loop {
        let at = memchr::memchr3(b'"', b'\\', b'\'', rest)?;
        clean(&rest[..at], out);
        let next = rest.get(at + 1);
        match (rest[at], next) {
            (b'"', _) => return Some(&rest[at + 1..]),
            (b'\\', Some(b'\\')) => out.extend_from_slice(b"\\\\"),
            (b'\\', Some(b'"')) => out.push(b'"'),
            (b'\'', Some(b'\'')) => out.push(b'\''),
            _ => return None,
        }
        rest = &rest[at + 2..];
    }
}

fn of_literals(mut rest: &[u8], columns: usize, out: &mut Vec<u8>) -> Option<u64> {
    let mut rows = 0;
    loop {
        rest = rest.strip_prefix(b"(")?;
        for column in 0..columns {
            if column > 0 {
                rest = rest.strip_prefix(b",")?;
                out.push(b'\t');
            }
            rest = literal(rest, out)?;
        }
        rest = rest.strip_prefix(b")")?;
        out.push(b'\n');
        rows += 1;
        if rest.is_empty() {
            return Some(rows);
        }
        rest = rest.strip_prefix(b",\n")?;
    }
}

/// A literal, or NULL, as a field. Returns what is behind it.
fn literal<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    if let Some(rest) = text.strip_prefix(b"NULL") {
        out.extend_from_slice(b"\\N");
        return Some(rest);
    }
    let mut rest = text.strip_prefix(b"'")?;
    loop {
        let at = memchr::memchr2(b'\'', b'\\', rest)?;
        clean(&rest[..at], out);
        match (rest[at], rest.get(at + 1)) {
            (b'\\', _) => {
                out.extend_from_slice(b"\\\\");
                rest = &rest[at + 1..];
            }
            (_, Some(b'\'')) => {
                out.push(b'\'');
                rest = &rest[at + 2..];
            }
            _ => return Some(&rest[at + 1..]),
        }
    }
}

/// Text without backslashes: what separates fields and lines gets one.
fn clean(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr3(b'\n', b'\t', b'\r', text) {
        out.extend_from_slice(&text[..at]);
        out.extend_from_slice(match text[at] {
            b'\n' => b"\\n",
            b'\t' => b"\\t",
            _ => b"\\r",
        });
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}
