//! Connection strings, as libpq reads them.

/// Whether it is a URI.
pub(super) fn is_uri(text: &str) -> bool {
    text.starts_with("postgresql://") || text.starts_with("postgres://")
}

/// The parts of `key=value key='value'`, or `None` where libpq refuses it.
pub(super) fn parse(text: &str) -> Option<Vec<(String, String)>> {
    let (mut parts, mut rest) = (Vec::new(), text.trim_ascii_start());
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_ascii_end();
        if key.is_empty() || key.contains(|c: char| c.is_ascii_whitespace()) {
            return None;
        }
        let (value, after) = value(after.trim_ascii_start())?;
        parts.push((key.to_owned(), value));
        rest = after.trim_ascii_start();
    }
    Some(parts)
}

fn value(text: &str) -> Option<(String, &str)> {
    let (text, quoted) = match text.strip_prefix('\'') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            c if !quoted && c.is_ascii_whitespace() => return Some((value, &text[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let read = |text: &str| {
            let parts = parse(text)?;
            Some(parts.iter().map(|(key, value)| format!("{key}<{value}>")).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read("dbname = 'a\\'b c' host=x\\ y").as_deref(), Some("dbname<a'b c> host<x y>"));
        assert_eq!(read("dbname=''").as_deref(), Some("dbname<>"));
        for wrong in ["dbname='a", "dbname='it''s'", "a b=c", "=x", "x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
