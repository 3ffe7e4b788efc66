//! Evaluates a template for a row.

use super::value::Val;
use super::{Command, Node, Operand, Pipe, Template};
use crate::error::Reason;

/// The row, for a template.
pub(crate) trait Row {
    /// The value of the column at this index.
    fn value(&self, at: usize) -> Val<'_>;
}

impl Template {
    /// Appends the template's result for the row.
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

/// The arguments, with the piped value last.
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
