//! Changes values inside a JSON text and leaves every other byte unchanged.
//!
//! A scanner of our own: a library's document, written anew, has other white space, other spellings of
//! numbers and strings, and no key twice.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::error::Reason;

/// Deeper values are an error of the row. PostgreSQL itself refuses some thousand levels.
const DEEPEST: usize = 500;

/// A path inside a JSON value: `$.customer.emails[*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    source: String,
    steps: Vec<PathStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathStep {
    Key(String),
    AnyKey,
    Index(usize),
    AnyIndex,
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

impl Path {
    /// Parses `$`, then any of `.key`, `.*`, `["key"]`, `[3]`, `[*]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix('$').ok_or("a path begins with `$`, as in `$.customer.email`")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = if let Some(rest) = rest.strip_prefix('.') {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let key = &rest[..end];
                match key {
                    "" => return Err("a key is missing after `.`".to_owned()),
                    "*" => (PathStep::AnyKey, &rest[end..]),
                    _ => (PathStep::Key(key.to_owned()), &rest[end..]),
                }
            } else if let Some(rest) = rest.strip_prefix("[\"") {
                let (key, after) = rest.split_once("\"]").ok_or("`[\"` without `\"]`")?;
                (PathStep::Key(key.to_owned()), after)
            } else if let Some(rest) = rest.strip_prefix('[') {
                let (index, after) = rest.split_once(']').ok_or("`[` without `]`")?;
                let step = match index {
                    "*" => PathStep::AnyIndex,
                    _ => PathStep::Index(index.parse().map_err(|_| format!("`[{index}]` is not an index"))?),
                };
                (step, after)
            } else {
                return Err("after `$` comes `.key` or `[index]`".to_owned());
            };
            steps.push(step);
            rest = after;
        }
        Ok(Self { source: text.to_owned(), steps })
    }

    /// The original spelling.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

/// A scalar to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(&'a str),
    Bool(bool),
    /// An array or an object, for a change that does not read the old value.
    Whole,
}

/// Makes the new values.
pub(crate) trait Change {
    /// The new text of a scalar at the path with this number; `None` is null.
    fn change(&mut self, path: usize, scalar: Scalar<'_>) -> Result<Option<String>, Reason>;

    /// Whether it replaces arrays and objects as a whole instead of each scalar inside.
    fn replaces_whole(&self, path: usize) -> bool;
}

/// Appends the text with every value changed that is at one of the paths. If several paths match, the first counts.
/// In an array or object every scalar is changed. Nulls stay.
pub(crate) fn rewrite(
    text: &str,
    paths: &[&Path],
    change: &mut dyn Change,
    out: &mut String,
) -> Result<(), Reason> {
    let mut walker = Walker { text, at: 0, paths, change, out, depth: 0 };
    let open: Vec<Active> = (0..paths.len()).map(|path| Active { path, step: 0 }).collect();
    walker.space();
    walker.value(&open, None)?;
    walker.space();
    if walker.at == text.len() { Ok(()) } else { Err(BROKEN) }
}

const BROKEN: Reason = Reason::Input("JSON");

/// A path, and how many of its steps match the current place.
#[derive(Clone, Copy)]
struct Active {
    path: usize,
    step: usize,
}

struct Walker<'a, 'b> {
    text: &'a str,
    at: usize,
    paths: &'b [&'b Path],
    change: &'b mut dyn Change,
    out: &'b mut String,
    depth: usize,
}

impl<'a> Walker<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Copies the text between two places.
    fn copy(&mut self, from: usize) {
        self.out.push_str(&self.text[from..self.at]);
    }

    fn space(&mut self) {
        let from = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.copy(from);
    }

    fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.peek() != Some(byte) {
            return Err(BROKEN);
        }
        self.at += 1;
        self.out.push(char::from(byte));
        Ok(())
    }

    /// `inside` is the path of an array or object in which all scalars must be changed.
    fn value(&mut self, active: &[Active], inside: Option<usize>) -> Result<(), Reason> {
        let ends = |active: &&Active| self.paths[active.path].steps.len() == active.step;
        let target = inside.or_else(|| active.iter().find(ends).map(|active| active.path));
        match self.peek().ok_or(BROKEN)? {
            b'{' | b'[' => self.container(active, target),
            _ => self.scalar(target),
        }
    }

    fn container(&mut self, active: &[Active], target: Option<usize>) -> Result<(), Reason> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Reason::Input("JSON of fewer than 500 levels"));
        }
        let before = self.out.len();
        let is_object = self.peek() == Some(b'{');
        let close = if is_object { b'}' } else { b']' };
        self.expect(if is_object { b'{' } else { b'[' })?;
        self.space();
        let mut index = 0;
        while self.peek() != Some(close) {
            if index > 0 {
                self.expect(b',')?;
                self.space();
            }
            let key = if is_object { Some(self.key()?) } else { None };
            let next = self.advance(active, key.as_deref(), index);
            self.value(&next, target)?;
            self.space();
            index += 1;
        }
        self.expect(close)?;
        self.depth -= 1;
        if let Some(path) = target
            && self.change.replaces_whole(path)
        {
            self.out.truncate(before);
            let new = self.change.change(path, Scalar::Whole)?;
            push_text(new.as_deref(), self.out);
        }
        Ok(())
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Reason> {
        let from = self.at;
        let key = self.string()?;
        self.copy(from);
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(key)
    }

    /// The paths that continue with this key or index.
    fn advance(&self, active: &[Active], key: Option<&str>, index: usize) -> Vec<Active> {
        let goes_on = |active: &&Active| match (self.paths[active.path].steps.get(active.step), key) {
            (Some(PathStep::Key(wanted)), Some(key)) => wanted == key,
            (Some(PathStep::AnyKey), Some(_)) | (Some(PathStep::AnyIndex), None) => true,
            (Some(PathStep::Index(wanted)), None) => *wanted == index,
            _ => false,
        };
        let next = active.iter().filter(goes_on);
        next.map(|active| Active { path: active.path, step: active.step + 1 }).collect()
    }

    fn scalar(&mut self, target: Option<usize>) -> Result<(), Reason> {
        let from = self.at;
        let scalar = match self.peek() {
            Some(b'"') => Scalar::Text(self.string()?),
            _ => {
                let rest = &self.text[from..];
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
                let word = &rest[..end.unwrap_or(rest.len())];
                self.at += word.len();
                match word {
                    "true" | "false" => Scalar::Bool(word == "true"),
                    "null" => {
                        self.copy(from);
                        return Ok(());
                    }
                    _ if is_number(word) => Scalar::Number(word),
                    _ => return Err(BROKEN),
                }
            }
        };
        let Some(path) = target else {
            self.copy(from);
            return Ok(());
        };
        let was_text = matches!(scalar, Scalar::Text(_));
        match self.change.change(path, scalar)? {
            // A value that was not a text stays one, if the result can be read as such.
            Some(new) if !was_text && (is_number(&new) || matches!(&*new, "true" | "false")) => {
                self.out.push_str(&new);
            }
            new => push_text(new.as_deref(), self.out),
        }
        Ok(())
    }

    /// The string at this place, without its escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, Reason> {
        let from = self.at;
        if self.peek() != Some(b'"') {
            return Err(BROKEN);
        }
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.peek().ok_or(BROKEN)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                0..0x20 => return Err(BROKEN),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let raw = self.text.get(from..self.at).ok_or(BROKEN)?;
        if escaped {
            serde_json::from_str(raw).map(Cow::Owned).map_err(|_| BROKEN)
        } else {
            Ok(Cow::Borrowed(&raw[1..raw.len() - 1]))
        }
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn push_text(text: Option<&str>, out: &mut String) {
    match text {
        None => out.push_str("null"),
        Some(text) => out.push_str(&serde_json::to_string(text).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Marks;

    impl Change for Marks {
        fn change(&mut self, path: usize, scalar: Scalar<'_>) -> Result<Option<String>, Reason> {
            Ok(match scalar {
                Scalar::Text(text) => Some(format!("{path}<{text}>")),
                Scalar::Number(text) => Some(format!("{text}0")),
                Scalar::Bool(_) => None,
                Scalar::Whole => Some("whole".to_owned()),
            })
        }

        fn replaces_whole(&self, path: usize) -> bool {
            path == 1
        }
    }

    fn run(paths: &[&str], text: &str) -> Result<String, Reason> {
        let paths: Vec<Path> = paths.iter().map(|path| Path::parse(path).unwrap()).collect();
        let mut out = String::new();
        rewrite(text, &paths.iter().collect::<Vec<_>>(), &mut Marks, &mut out)?;
        Ok(out)
    }

    #[test]
    fn only_what_lies_at_a_path() {
        let text = r#" { "a" : "x", "b": [ {"a": "y\n", "n": 1.50}, {"a": null} ], "t": true, "b": 12345678901234567890 } "#;
        assert_eq!(run(&["$.nothing"], text).unwrap(), text);
        assert_eq!(
            run(&["$.b[*].a", "$.unused", "$.a"], text).unwrap(),
            text.replace(r#""y\n""#, r#""0<y\n>""#).replace(r#""x""#, r#""2<x>""#)
        );
        assert_eq!(run(&["$.b[0].n"], text).unwrap(), text.replace("1.50", "1.500"));
        assert_eq!(run(&["$.t"], text).unwrap(), text.replace("true", "null"));
        assert_eq!(run(&["$.b"], r#"{"b":[{"c":"x"},2]}"#).unwrap(), r#"{"b":[{"c":"0<x>"},20]}"#);
        assert_eq!(run(&["$.x", "$.b"], r#"{"b":[{"c":"x"},2]}"#).unwrap(), r#"{"b":"whole"}"#);
        assert_eq!(run(&["$.*"], r#"{"a":"x","b":{"c":"y"}}"#).unwrap(), r#"{"a":"0<x>","b":{"c":"0<y>"}}"#);
        assert_eq!(run(&["$"], "\"x\"").unwrap(), "\"0<x>\"");
        assert_eq!(run(&[r#"$["a.b"]"#], r#"{"a.b":"x"}"#).unwrap(), r#"{"a.b":"0<x>"}"#);
        assert_eq!(run(&["$.é"], r#"{"\u00e9":"x"}"#).unwrap(), r#"{"\u00e9":"0<x>"}"#);
    }

    proptest::proptest! {
        #[test]
        fn what_is_json_is_what_serde_says(text in r#"([\[\]{},:]|"[ab\\nué]{0,3}"|true|null|-?[0-9]{1,2}|1e5|[.x]| ){0,10}"#) {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            let kept = run(&["$.none.at.all"], &text);
            proptest::prop_assert_eq!(kept.is_ok(), is_json);
            if is_json {
                proptest::prop_assert_eq!(kept.unwrap(), text.clone());
                let changed = run(&["$"], &text).unwrap();
                proptest::prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&changed).is_ok());
            }
        }
    }

    #[test]
    fn what_is_no_json() {
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "nope",
            "[1] 2",
            "\"a",
            "\"\\",
            "01",
            "{1:2}",
            "\"\\x\"",
        ] {
            assert!(run(&["$.a"], bad).is_err(), "{bad}");
        }
        assert!(run(&["$.a"], &"[".repeat(10_000)).is_err());
    }

    #[test]
    fn what_is_no_path() {
        for bad in ["", "a", "$a", "$.", "$.a..b", "$[", "$[x]", "$[\"a"] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
