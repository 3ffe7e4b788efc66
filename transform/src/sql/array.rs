//! The text form of PostgreSQL's arrays: `{a,"b c",{…},NULL}`.

use super::SqlType;
use crate::error::Reason;

/// The parts of an array's text, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// `[1:2]=`, which comes first if the bounds are not the default.
    Bounds(&'a str),
    Open,
    Close,
    /// Between elements.
    Comma,
    Null,
    Element(std::borrow::Cow<'a, str>),
}

/// PostgreSQL does not accept deeper arrays.
const MOST_DIMENSIONS: usize = 6;

/// Splits an array's text and passes each part to `visit`.
pub(crate) fn parts<'a>(
    text: &'a str,
    mut visit: impl FnMut(Part<'a>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    let broken = Reason::Input("array");
    let mut rest = text;
    if rest.starts_with('[') {
        let end = rest.find('=').ok_or(broken)?;
        visit(Part::Bounds(&rest[..=end]))?;
        rest = &rest[end + 1..];
    }
    let mut depth = 0;
    let mut wants_element = true;
    let mut after_comma = false;
    loop {
        rest = rest.trim_start_matches(is_space);
        match rest.chars().next().ok_or(broken)? {
            '{' if wants_element && depth < MOST_DIMENSIONS => {
                depth += 1;
                visit(Part::Open)?;
                rest = &rest[1..];
                after_comma = false;
            }
            '}' if depth > 0 && !after_comma => {
                depth -= 1;
                visit(Part::Close)?;
                rest = &rest[1..];
                wants_element = false;
                if depth == 0 {
                    return if rest.trim_matches(is_space).is_empty() { Ok(()) } else { Err(broken) };
                }
            }
            ',' if !wants_element => {
                visit(Part::Comma)?;
                rest = &rest[1..];
                wants_element = true;
                after_comma = true;
            }
            _ if wants_element && depth > 0 => {
                let (part, length) = element(rest).ok_or(broken)?;
                visit(part)?;
                rest = &rest[length..];
                wants_element = false;
                after_comma = false;
            }
            _ => return Err(broken),
        }
    }
}

/// The white space that PostgreSQL skips between elements.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// The element at the start of the text, and its length there.
fn element(text: &str) -> Option<(Part<'_>, usize)> {
    if let Some(inside) = text.strip_prefix('"') {
        let mut end = inside.find(['"', '\\'])?;
        if inside.as_bytes()[end] == b'"' {
            return Some((Part::Element(inside[..end].into()), end + 2));
        }
        let mut value = String::new();
        let mut from = 0;
        loop {
            value.push_str(&inside[from..end]);
            if inside.as_bytes()[end] == b'"' {
                return Some((Part::Element(value.into()), end + 2));
            }
            let escaped = inside[end + 1..].chars().next()?;
            value.push(escaped);
            from = end + 1 + escaped.len_utf8();
            end = from + inside[from..].find(['"', '\\'])?;
        }
    }
    let end = text.find([',', '}', '{', '"', '\\'])?;
    let value = text[..end].trim_end_matches(is_space);
    // PostgreSQL itself quotes every element that would need an escape.
    if value.is_empty() || !matches!(text.as_bytes()[end], b',' | b'}') {
        return None;
    }
    let part = if value.eq_ignore_ascii_case("null") { Part::Null } else { Part::Element(value.into()) };
    Some((part, end))
}

/// Appends an element, in quotes if `array_out` would use them.
pub(crate) fn push_element(value: &str, out: &mut String) {
    let special = |b: u8| matches!(b, b'{' | b'}' | b',' | b'"' | b'\\' | b' ' | 9..=13);
    let bare = !value.is_empty() && !value.eq_ignore_ascii_case("null") && !value.bytes().any(special);
    if bare {
        out.push_str(value);
        return;
    }
    out.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Writes an array again, with each element changed by `change`; `None` makes it NULL.
pub(crate) fn map(
    text: &str,
    out: &mut String,
    mut change: impl FnMut(&str) -> Result<Option<String>, Reason>,
) -> Result<(), Reason> {
    parts(text, |part| {
        match part {
            Part::Bounds(bounds) => out.push_str(bounds),
            Part::Open => out.push('{'),
            Part::Close => out.push('}'),
            Part::Comma => out.push(','),
            Part::Null => out.push_str("NULL"),
            Part::Element(value) => match change(&value)? {
                Some(value) => push_element(&value, out),
                None => out.push_str("NULL"),
            },
        }
        Ok(())
    })
}

/// Checks each element by its type.
pub(super) fn fit(element: &SqlType, value: &mut String) -> Result<(), Reason> {
    let mut out = String::with_capacity(value.len());
    let fitted = map(value, &mut out, |text| {
        let mut text = text.to_owned();
        element.fit(&mut text)?;
        Ok(Some(text))
    });
    match fitted {
        Ok(()) => {
            *value = out;
            Ok(())
        }
        Err(Reason::Input(what)) => Err(Reason::ResultType(what)),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn upper(text: &str) -> Result<String, Reason> {
        let mut out = String::new();
        map(text, &mut out, |value| Ok(Some(value.to_uppercase())))?;
        Ok(out)
    }

    #[test]
    fn elements_and_their_quotes() {
        for (from, to) in [
            ("{}", "{}"),
            ("{a,b}", "{A,B}"),
            (r#"{"a b",NULL,"NULL","",x}"#, r#"{"A B",NULL,"NULL","",X}"#),
            (r#"{"a\"b","c\\d","e,f"}"#, r#"{"A\"B","C\\D","E,F"}"#),
            ("{{a,b},{c,d}}", "{{A,B},{C,D}}"),
            ("[0:1]={a,b}", "[0:1]={A,B}"),
            ("{é}", "{É}"),
            ("{ a\t,\u{85}b }", "{A,\u{85}B}"),
        ] {
            assert_eq!(upper(from).unwrap(), to);
        }
        for bad in ["", "a", "{", "{a", "{a,}", "{,a}", "{a}b", "{\"a}", "}", "{a b\\}", "{{{{{{{a}}}}}}}"] {
            assert!(upper(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_element_survives(values in prop::collection::vec(".*", 1..5)) {
            let mut text = "{".to_owned();
            for (i, value) in values.iter().enumerate() {
                if i > 0 { text.push(','); }
                push_element(value, &mut text);
            }
            text.push('}');
            let mut back = Vec::new();
            parts(&text, |part| {
                if let Part::Element(value) = part { back.push(value.into_owned()); }
                Ok(())
            }).unwrap();
            prop_assert_eq!(values, back);
        }
    }
}
