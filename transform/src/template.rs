//! The part of Go's template language that configurations use: fields, pipes, `if`, `with`, comparisons, `printf` and
//! Kasho's own functions. Everything else is refused when the configuration is read.
//!
//! A parser and an evaluator of our own: libraries for such templates look a field up by its name in
//! whatever they are given, for each row, and find out then that it is missing. Here fields are bound
//! to columns once, and what cannot work is refused before the first row.

use std::fmt;

use serde::{Serialize, Serializer};

mod eval;
mod format;
mod function;
mod lex;
mod parse;
mod value;

pub(crate) use eval::Row;
use format::Format;
use function::Function;
pub(crate) use value::Val;

/// A template: its text, and its parsed form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    source: String,
    nodes: Vec<Node>,
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(serializer)
    }
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Action(Pipe),
    If { pipe: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
    With { pipe: Pipe, then: Vec<Node>, otherwise: Vec<Node> },
}

/// Commands. Each gets the result of the previous one as its last argument.
#[derive(Debug, Clone)]
struct Pipe(Vec<Command>);

#[derive(Debug, Clone)]
enum Command {
    Value(Operand),
    Call { function: Function, arguments: Vec<Operand> },
    Printf { format: Format, arguments: Vec<Operand> },
}

#[derive(Debug, Clone)]
enum Operand {
    /// A column, and its index in the row once the table is known.
    Field {
        name: String,
        at: usize,
    },
    /// `.` inside `with`.
    Dot,
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Pipe(Pipe),
}

/// Why a template is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The offset, in bytes, of the fault.
    pub(crate) offset: usize,
    pub(crate) what: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (after {} characters)", self.what, self.offset)
    }
}

impl Template {
    pub(crate) fn parse(source: &str) -> Result<Self, Refused> {
        Ok(Self { source: source.to_owned(), nodes: parse::parse(source)? })
    }

    /// Its text.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The indexes of the columns that it reads, once it is bound.
    pub(crate) fn reads(&self) -> Vec<usize> {
        let mut places = Vec::new();
        visit(&self.nodes, &mut |operand| {
            if let Operand::Field { at, .. } = operand {
                places.push(*at);
            }
        });
        places
    }

    /// Binds each field to its index in the row.
    ///
    /// # Errors
    ///
    /// The names that `place` does not know, each once.
    pub(crate) fn bind(&mut self, place: impl Fn(&str) -> Option<usize>) -> Result<(), Vec<String>> {
        let mut unknown = Vec::new();
        visit_mut(&mut self.nodes, &mut |operand| {
            if let Operand::Field { name, at } = operand {
                match place(name) {
                    Some(found) => *at = found,
                    None if !unknown.contains(name) => unknown.push(name.clone()),
                    None => {}
                }
            }
        });
        if unknown.is_empty() { Ok(()) } else { Err(unknown) }
    }
}

/// Passes each operand to a function, in any order.
fn visit<'a>(nodes: &'a [Node], see: &mut dyn FnMut(&'a Operand)) {
    fn pipe<'a>(pipe_: &'a Pipe, see: &mut dyn FnMut(&'a Operand)) {
        for command in &pipe_.0 {
            let operands = match command {
                Command::Value(operand) => std::slice::from_ref(operand),
                Command::Call { arguments, .. } | Command::Printf { arguments, .. } => arguments,
            };
            for operand in operands {
                see(operand);
                if let Operand::Pipe(inner) = operand {
                    pipe(inner, see);
                }
            }
        }
    }
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Action(inner) => pipe(inner, see),
            Node::If { pipe: inner, then, otherwise } | Node::With { pipe: inner, then, otherwise } => {
                pipe(inner, see);
                visit(then, see);
                visit(otherwise, see);
            }
        }
    }
}

/// The same, for changing them.
fn visit_mut(nodes: &mut [Node], change: &mut dyn FnMut(&mut Operand)) {
    fn pipe(pipe_: &mut Pipe, change: &mut dyn FnMut(&mut Operand)) {
        for command in &mut pipe_.0 {
            let operands = match command {
                Command::Value(operand) => std::slice::from_mut(operand),
                Command::Call { arguments, .. } | Command::Printf { arguments, .. } => arguments,
            };
            for operand in operands {
                change(operand);
                if let Operand::Pipe(inner) = operand {
                    pipe(inner, change);
                }
            }
        }
    }
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Action(inner) => pipe(inner, change),
            Node::If { pipe: inner, then, otherwise } | Node::With { pipe: inner, then, otherwise } => {
                pipe(inner, change);
                visit_mut(then, change);
                visit_mut(otherwise, change);
            }
        }
    }
}

#[cfg(test)]
mod tests;
