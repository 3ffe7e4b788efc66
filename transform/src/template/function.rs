//! The functions that a template may call.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::value::Val;
use crate::error::Reason;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Lower,
    Upper,
    Slugify,
    Before,
    After,
    Print,
    Println,
    Len,
    Slice,
    Html,
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "slugify" => Self::Slugify,
            "before" => Self::Before,
            "after" => Self::After,
            "print" => Self::Print,
            "println" => Self::Println,
            "len" => Self::Len,
            "slice" => Self::Slice,
            "html" => Self::Html,
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            _ => return None,
        })
    }

    /// The fewest and the most arguments.
    pub(super) fn arity(self) -> (usize, usize) {
        match self {
            Self::Lower | Self::Upper | Self::Slugify | Self::Len | Self::Html | Self::Not => (1, 1),
            Self::Before | Self::After | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => (2, 2),
            Self::Slice => (1, 3),
            Self::And | Self::Or => (1, usize::MAX),
            Self::Eq => (2, usize::MAX),
            Self::Print | Self::Println => (0, usize::MAX),
        }
    }

    pub(super) fn call<'a>(self, mut arguments: Vec<Val<'a>>) -> Result<Val<'a>, Reason> {
        let compare = |a: &[Val<'_>]| a[0].compare(&a[1]);
        Ok(match self {
            Self::Lower => Val::text(lower(&arguments[0].as_text())),
            Self::Upper => Val::text(upper(&arguments[0].as_text())),
            Self::Slugify => Val::text(slugify(&arguments[0].as_text())),
            Self::Before => before(&arguments.swap_remove(1), &arguments[0].as_text()),
            Self::After => after(&arguments.swap_remove(1), &arguments[0].as_text()),
            Self::Print => Val::text(print(&arguments)),
            Self::Println => {
                let words: Vec<_> = arguments.iter().map(Val::text_of).collect();
                Val::text(words.join(" ") + "\n")
            }
            Self::Len => match &arguments[0] {
                Val::Text(text) => Val::Int(text.len() as i64),
                _ => return Err(Reason::Template("`len` takes text")),
            },
            Self::Slice => slice(&arguments)?,
            Self::Html => Val::text(html(&arguments[0].as_text())),
            // The first value that decides, or else the last.
            Self::And | Self::Or => {
                let decides = |value: &Val<'_>| value.is_true() == (self == Self::Or);
                let at = arguments.iter().position(decides).unwrap_or(arguments.len() - 1);
                arguments.swap_remove(at)
            }
            Self::Not => Val::Bool(!arguments[0].is_true()),
            Self::Eq => {
                let (first, rest) = arguments.split_first().unwrap_or((&Val::Bool(false), &[]));
                Val::Bool(rest.iter().any(|other| first.compare(other) == Ordering::Equal))
            }
            Self::Ne => Val::Bool(compare(&arguments) != Ordering::Equal),
            Self::Lt => Val::Bool(compare(&arguments) == Ordering::Less),
            Self::Le => Val::Bool(compare(&arguments) != Ordering::Greater),
            Self::Gt => Val::Bool(compare(&arguments) == Ordering::Greater),
            Self::Ge => Val::Bool(compare(&arguments) != Ordering::Less),
        })
    }
}

/// Go maps each character to one character.
fn simple(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

pub(super) fn lower(text: &str) -> String {
    text.chars().map(|c| if c == '\u{130}' { 'i' } else { simple(c, c.to_lowercase()) }).collect()
}

fn upper(text: &str) -> String {
    text.chars().map(|c| simple(c, c.to_uppercase())).collect()
}

fn slugify(text: &str) -> String {
    let lower = lower(text);
    let words = lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn before<'a>(text: &Val<'a>, separator: &str) -> Val<'a> {
    let text = text.as_text();
    let end = text.find(separator).unwrap_or(text.len());
    Val::text(text[..end].to_owned())
}

fn after<'a>(text: &Val<'a>, separator: &str) -> Val<'a> {
    let text = text.as_text();
    let start = text.find(separator).map_or(text.len(), |at| at + separator.len());
    Val::text(text[start..].to_owned())
}

/// A space is printed between two values if neither is text.
fn print(values: &[Val<'_>]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        let is_text = |value: &Val<'_>| matches!(value, Val::Text(_));
        if i > 0 && !is_text(value) && !is_text(&values[i - 1]) {
            out.push(' ');
        }
        value.push(&mut out);
    }
    out
}

fn slice<'a>(arguments: &[Val<'a>]) -> Result<Val<'a>, Reason> {
    let Val::Text(text) = &arguments[0] else { return Err(Reason::Template("`slice` takes text")) };
    let bound = |at: usize, usual: usize| match arguments.get(at) {
        None => Ok(usual),
        Some(Val::Int(n)) => usize::try_from(*n).map_err(|_| Reason::Template("`slice` is out of range")),
        Some(_) => Err(Reason::Template("the bounds of `slice` are integers")),
    };
    let (start, end) = (bound(1, 0)?, bound(2, text.len())?);
    match text.get(start..end) {
        Some(part) => Ok(Val::Text(Cow::Owned(part.to_owned()))),
        None => Err(Reason::Template("`slice` is out of range, or cuts a character")),
    }
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            _ => out.push(c),
        }
    }
    out
}
