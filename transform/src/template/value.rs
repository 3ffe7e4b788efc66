//! Values inside a template.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A value inside a template. NULL is the empty text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'a> Val<'a> {
    pub(super) fn text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// Its text, as Go prints it.
    pub(super) fn text_of(&self) -> String {
        let mut out = String::new();
        self.push(&mut out);
        out
    }

    pub(super) fn push(&self, out: &mut String) {
        use std::fmt::Write;
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Text(text) => {
                out.push_str(text);
                Ok(())
            }
            Self::Int(value) => write!(out, "{value}"),
            Self::Float(value) => {
                push_float(*value, out);
                Ok(())
            }
            Self::Bool(value) => write!(out, "{value}"),
        };
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Bool(value) => *value,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) => None,
        }
    }

    /// Compares numbers by their value, even if one of them is text that reads as a number; everything else as text.
    pub(super) fn compare(&self, other: &Val<'_>) -> Ordering {
        match (self, other) {
            (Self::Int(a), Val::Int(b)) => a.cmp(b),
            (Self::Text(a), Val::Text(b)) => a.as_ref().cmp(b.as_ref()),
            (Self::Bool(a), Val::Bool(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                _ => self.text_of().cmp(&other.text_of()),
            },
        }
    }
}

impl Val<'_> {
    /// Its text, borrowed if it is a text.
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            _ => Cow::Owned(self.text_of()),
        }
    }
}

/// As Go prints a float64: the fewest digits that are read back to the same number, with an exponent below 1e-4 and
/// from 1e21.
pub(super) fn push_float(value: f64, out: &mut String) {
    if !value.is_finite() {
        out.push_str(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        });
        return;
    }
    let scientific = format!("{value:e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    if (-4..21).contains(&exponent) {
        out.push_str(&value.to_string());
    } else {
        push_exponent(&scientific, out);
    }
}

/// Rust's `1e-7` in Go's form: `1e-07`.
pub(super) fn push_exponent(scientific: &str, out: &mut String) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    out.push_str(mantissa);
    out.push('e');
    out.push(sign);
    if digits.len() < 2 {
        out.push('0');
    }
    out.push_str(digits);
}
