//! Regular expressions with the meaning that they have in RE2 (and so in Go and Kasho).

use std::sync::Arc;

use regex::Regex;
use serde::{Serialize, Serializer};

mod translate;

/// A pattern, and the replacement of each match.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    pieces: Arc<[Piece]>,
    source: [String; 2],
}

/// A part of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
    /// A name without a group in the pattern: it is replaced by nothing.
    Nothing(String),
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl Pattern {
    pub(crate) fn new(pattern: &str, replacement: &str) -> Result<Self, String> {
        let regex = Regex::new(&translate::translate(pattern)?).map_err(|error| reason(&error))?;
        let pieces = pieces(replacement, &regex).into();
        Ok(Self { regex, pieces, source: [pattern.to_owned(), replacement.to_owned()] })
    }

    /// The pattern and the replacement, as in the configuration.
    pub(crate) fn source(&self) -> &[String; 2] {
        &self.source
    }

    /// Names in the replacement that are not groups; often `$1x` was written instead of `${1}x`.
    pub(crate) fn unknown_groups(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Nothing(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Appends the text, with every match replaced.
    pub(crate) fn replace(&self, text: &str, out: &mut String) {
        let mut from = 0;
        for groups in self.regex.captures_iter(text) {
            let Some(whole) = groups.get(0) else { continue };
            out.push_str(&text[from..whole.start()]);
            for piece in self.pieces.iter() {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Group(group) => {
                        out.push_str(groups.get(*group).map_or("", |found| found.as_str()))
                    }
                    Piece::Nothing(_) => {}
                }
            }
            from = whole.end();
        }
        out.push_str(&text[from..]);
    }
}

/// The last line of the library's message contains the error; the lines before it show its place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Parses a replacement as Go's `Regexp.Expand` does: `$name`, `${name}`, `$$`; any other `$` stays.
fn pieces(replacement: &str, regex: &Regex) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            text.push('$');
            rest = after;
        } else if let Some((name, after)) = name(rest) {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(group(name, regex).map_or_else(|| Piece::Nothing(name.to_owned()), Piece::Group));
            rest = after;
        } else {
            text.push('$');
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// The name after a `$`, in braces or as long as it can be.
fn name(text: &str) -> Option<(&str, &str)> {
    let (braced, inside) = match text.strip_prefix('{') {
        Some(inside) => (true, inside),
        None => (false, text),
    };
    let end = inside.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { rest.strip_prefix('}').map(|rest| (name, rest)) } else { Some((name, rest)) }
}

fn group(name: &str, regex: &Regex) -> Option<usize> {
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return name.parse().ok().filter(|n| *n < regex.captures_len());
    }
    regex.capture_names().position(|found| found == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(pattern: &str, replacement: &str, text: &str) -> String {
        let mut out = String::new();
        Pattern::new(pattern, replacement).unwrap().replace(text, &mut out);
        out
    }

    #[test]
    fn replacements() {
        assert_eq!(replace("(a)(b)?", "[$1|$2]", "abа a"), "[a|b]а [a|]");
        assert_eq!(replace("x", "$", "x"), "$");
        assert_eq!(replace("x", "${", "x"), "${");
        assert_eq!(replace("(x)", "${1", "x"), "${1");
        assert_eq!(replace("(x)", "$ 1", "x"), "$ 1");
        assert_eq!(replace("(?P<n>x)", "<$n>", "x"), "<x>");
        assert_eq!(replace("(x)", "$1_", "x"), "");
        assert_eq!(Pattern::new("(x)", "$1y$1").unwrap().unknown_groups().collect::<Vec<_>>(), ["1y"]);
    }

    #[test]
    fn empty_matches() {
        assert_eq!(replace("a*", "-", "baac"), "-b-c-");
        assert_eq!(replace("", "-", "é"), "-é-");
        assert_eq!(replace("^", ">", "a\nb"), ">a\nb");
        assert_eq!(replace("(?m)^", ">", "a\nb"), ">a\n>b");
    }
}
