//! `printf`: the verbs that make sense for a column's value.

use super::value::{Val, push_exponent, push_float};
use crate::error::Reason;

/// Wider fields are refused.
const WIDEST: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Verb(Verb),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Verb {
    letter: char,
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    width: usize,
    precision: Option<usize>,
}

impl Format {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                pieces.push(Piece::Text("%".to_owned()));
                rest = after;
                continue;
            }
            let (verb, after) = verb(rest)?;
            pieces.push(Piece::Verb(verb));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub(super) fn verbs(&self) -> usize {
        self.0.iter().filter(|piece| matches!(piece, Piece::Verb(_))).count()
    }

    pub(super) fn print(&self, values: &[Val<'_>]) -> Result<String, Reason> {
        let mut out = String::new();
        let mut values = values.iter();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Verb(verb) => {
                    if let Some(value) = values.next() {
                        verb.print(value, &mut out)?;
                    }
                }
            }
        }
        Ok(out)
    }
}

fn verb(text: &str) -> Result<(Verb, &str), String> {
    let mut verb = Verb::default();
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|c| "-+0 ".contains(*c)) {
        match flag {
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            '0' => verb.zero = true,
            _ => verb.space = true,
        }
        rest = &rest[1..];
    }
    let number = |text: &str| -> Result<(usize, usize), String> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let value: usize = if end == 0 { 0 } else { text[..end].parse().unwrap_or(usize::MAX) };
        if value > WIDEST { Err(format!("a width of more than {WIDEST}")) } else { Ok((value, end)) }
    };
    let (width, length) = number(rest)?;
    verb.width = width;
    rest = &rest[length..];
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, length) = number(after)?;
        verb.precision = Some(precision);
        rest = &after[length..];
    }
    verb.letter = rest.chars().next().ok_or("a % at the end")?;
    if !"vsdftxXeg".contains(verb.letter) {
        return Err(format!("%{} is not supported; %v %s %d %f %e %g %x %X %t are", verb.letter));
    }
    Ok((verb, &rest[1..]))
}

impl Verb {
    fn print(&self, value: &Val<'_>, out: &mut String) -> Result<(), Reason> {
        let mut text = match self.letter {
            // A NULL has no digits to print.
            _ if matches!(value, Val::Text(text) if text.is_empty()) => {
                self.pad("", false, out);
                return Ok(());
            }
            'd' => format!("{}", integer(value)?),
            'x' | 'X' => hexadecimal(value),
            'f' | 'e' | 'g' => self.float(value.number().ok_or(Reason::Template("printf needs a number"))?),
            't' => match value {
                Val::Bool(truth) => truth.to_string(),
                _ => return Err(Reason::Template("printf %t needs a boolean")),
            },
            _ => {
                let text = value.text_of();
                match (self.precision, value) {
                    (Some(precision), Val::Text(_)) => text.chars().take(precision).collect(),
                    _ => text,
                }
            }
        };
        if self.letter == 'X' {
            text.make_ascii_uppercase();
        }
        let numeric = match self.letter {
            'v' => matches!(value, Val::Int(_) | Val::Float(_)),
            letter => "dfeg".contains(letter),
        };
        if numeric && !text.starts_with('-') {
            if self.plus {
                text.insert(0, '+');
            } else if self.space {
                text.insert(0, ' ');
            }
        }
        let is_text = matches!(value, Val::Text(_));
        self.pad(&text, !is_text, out);
        Ok(())
    }

    fn float(&self, value: f64) -> String {
        let mut out = String::new();
        match (self.letter, self.precision) {
            ('f', precision) => out = format!("{value:.*}", precision.unwrap_or(6)),
            ('e', precision) => push_exponent(&format!("{value:.*e}", precision.unwrap_or(6)), &mut out),
            _ => push_float(value, &mut out),
        }
        out
    }

    /// Zeros go between the sign of a number and its digits.
    fn pad(&self, text: &str, signed: bool, out: &mut String) {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else if self.zero && !text.is_empty() {
            let sign = usize::from(signed && text.starts_with(['-', '+', ' ']));
            out.push_str(&text[..sign]);
            out.extend(std::iter::repeat_n('0', missing));
            out.push_str(&text[sign..]);
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(text);
        }
    }
}

fn integer(value: &Val<'_>) -> Result<i64, Reason> {
    let none = Reason::Template("printf %d needs an integer");
    match value {
        Val::Int(value) => Ok(*value),
        Val::Text(text) => text.parse().map_err(|_| none),
        _ => Err(none),
    }
}

fn hexadecimal(value: &Val<'_>) -> String {
    match value {
        Val::Int(value) if *value < 0 => format!("-{:x}", value.unsigned_abs()),
        Val::Int(value) => format!("{value:x}"),
        _ => crate::text::hex(value.as_text().as_bytes()),
    }
}
