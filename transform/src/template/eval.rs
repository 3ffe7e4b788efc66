//! What a template makes of a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Command, Node, Operand, Pipe, Template, format};
use crate::error::Reason;

/// A value inside a template. NULL is the empty text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    Bool(bool),
}

/// The row that a template sees.
pub(crate) trait Row {
    /// The value of the column at this place.
    fn value(&self, at: usize) -> Val<'_>;
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
                format::push_float(*value, out);
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

    /// Numbers by their value, also where one of them is text that reads as a number; all else as text.
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
    /// Its text, borrowed where it is one.
    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            _ => Cow::Owned(self.text_of()),
        }
    }
}

impl Template {
    /// Appends what the template makes of the row.
    pub(crate) fn render(&self, row: &dyn Row, out: &mut String) -> Result<(), Reason> {
        nodes(&self.nodes, row, None, out)
    }
}

fn nodes(nodes_: &[Node], row: &dyn Row, dot: Option<&Val<'_>>, out: &mut String) -> Result<(), Reason> {
    for node in nodes_ {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Action(action) => pipe(action, row, dot)?.push(out),
            Node::If { pipe: condition, then, otherwise } => {
                let branch = if pipe(condition, row, dot)?.is_true() { then } else { otherwise };
                nodes(branch, row, dot, out)?;
            }
            Node::With { pipe: condition, then, otherwise } => {
                let value = pipe(condition, row, dot)?;
                if value.is_true() {
                    nodes(then, row, Some(&value), out)?;
                } else {
                    nodes(otherwise, row, dot, out)?;
                }
            }
        }
    }
    Ok(())
}

fn pipe<'a>(Pipe(commands): &'a Pipe, row: &'a dyn Row, dot: Option<&Val<'a>>) -> Result<Val<'a>, Reason> {
    let mut last = None;
    for command in commands {
        last = Some(match command {
            Command::Value(value) => operand(value, row, dot)?,
            Command::Call { function, arguments } => function.call(values(arguments, last, row, dot)?)?,
            Command::Printf { format, arguments } => {
                Val::text(format.print(&values(arguments, last, row, dot)?)?)
            }
        });
    }
    last.ok_or(Reason::Template("an empty pipe"))
}

/// The arguments, and last what was piped in.
fn values<'a>(
    arguments: &'a [Operand],
    piped: Option<Val<'a>>,
    row: &'a dyn Row,
    dot: Option<&Val<'a>>,
) -> Result<Vec<Val<'a>>, Reason> {
    let mut values = Vec::with_capacity(arguments.len() + 1);
    for argument in arguments {
        values.push(operand(argument, row, dot)?);
    }
    values.extend(piped);
    Ok(values)
}

fn operand<'a>(value: &'a Operand, row: &'a dyn Row, dot: Option<&Val<'a>>) -> Result<Val<'a>, Reason> {
    Ok(match value {
        Operand::Field { at, .. } => row.value(*at),
        Operand::Dot => dot.cloned().unwrap_or(Val::Text("".into())),
        Operand::Text(text) => Val::Text(text.into()),
        Operand::Int(value) => Val::Int(*value),
        Operand::Float(value) => Val::Float(*value),
        Operand::Bool(value) => Val::Bool(*value),
        Operand::Pipe(inner) => pipe(inner, row, dot)?,
    })
}
