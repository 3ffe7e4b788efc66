//! Tokens to a tree.

use super::lex::{Token, lex};
use super::{Command, Format, Function, Node, Operand, Pipe, Refused};

/// Deeper nesting is refused.
const DEEPEST: usize = 50;

pub(super) fn parse(source: &str) -> Result<Vec<Node>, Refused> {
    let tokens = lex(source)?;
    let mut parser = Parser { tokens, at: 0, end: source.len(), depth: 0, inside_with: false };
    let (nodes, stop) = parser.nodes()?;
    match stop {
        None => Ok(nodes),
        Some(word) => parser.refuse(format!("`{word}` without `if` or `with`")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
    /// `.` is a value, not the row.
    inside_with: bool,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn refuse<T>(&self, what: impl Into<String>) -> Result<T, Refused> {
        let offset = self.tokens.get(self.at).map_or(self.end, |(offset, _)| *offset);
        Err(Refused { offset, what: what.into() })
    }

    fn close(&mut self) -> Result<(), Refused> {
        match self.peek() {
            Some(Token::Close) => {
                self.at += 1;
                Ok(())
            }
            _ => self.refuse("`}}` is missing"),
        }
    }

    /// Nodes up to the end, or to an `else` or `end`, which is consumed.
    fn nodes(&mut self) -> Result<(Vec<Node>, Option<String>), Refused> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse("nested too deep");
        }
        let mut nodes = Vec::new();
        let stop = loop {
            match self.take() {
                None => break None,
                Some(Token::Text(text)) => nodes.push(Node::Text(text)),
                _ => {
                    // Text is outside the braces, so this is an opening brace.
                    let word = match self.peek() {
                        Some(Token::Word(word)) => word.clone(),
                        _ => String::new(),
                    };
                    match word.as_str() {
                        "if" | "with" => {
                            self.at += 1;
                            nodes.push(self.branch(word == "with")?);
                        }
                        "else" | "end" => {
                            self.at += 1;
                            break Some(word);
                        }
                        _ => {
                            let pipe = self.pipe()?;
                            self.close()?;
                            nodes.push(Node::Action(pipe));
                        }
                    }
                }
            }
        };
        self.depth -= 1;
        Ok((nodes, stop))
    }

    /// From after `if` or `with` to after its `end`.
    fn branch(&mut self, with: bool) -> Result<Node, Refused> {
        let pipe = self.pipe()?;
        self.close()?;
        let outside = self.inside_with;
        self.inside_with |= with;
        let (then, stop) = self.nodes()?;
        self.inside_with = outside;
        let otherwise = match stop.as_deref() {
            Some("end") => {
                self.close()?;
                Vec::new()
            }
            Some(_) => self.otherwise()?,
            None => return self.refuse("`end` is missing"),
        };
        Ok(if with { Node::With { pipe, then, otherwise } } else { Node::If { pipe, then, otherwise } })
    }

    /// From after `else` to after `end`.
    fn otherwise(&mut self) -> Result<Vec<Node>, Refused> {
        if let Some(Token::Word(word)) = self.peek().cloned()
            && matches!(word.as_str(), "if" | "with")
        {
            self.at += 1;
            // The inner `end` is also the end of the whole.
            return Ok(vec![self.branch(word == "with")?]);
        }
        self.close()?;
        match self.nodes()? {
            (nodes, Some(word)) if word == "end" => {
                self.close()?;
                Ok(nodes)
            }
            (_, Some(_)) => self.refuse("a second `else`"),
            (_, None) => self.refuse("`end` is missing"),
        }
    }

    fn pipe(&mut self) -> Result<Pipe, Refused> {
        let mut commands = vec![self.command(false)?];
        while self.peek() == Some(&Token::Pipe) {
            self.at += 1;
            commands.push(self.command(true)?);
        }
        Ok(Pipe(commands))
    }

    fn command(&mut self, piped: bool) -> Result<Command, Refused> {
        let word = match self.peek() {
            Some(Token::Word(word)) if word != "true" && word != "false" => word.clone(),
            _ if piped => return self.refuse("after `|` comes a function"),
            _ => {
                let operand = self.operand()?;
                if !matches!(self.peek(), Some(Token::Pipe | Token::Close | Token::RightParen)) {
                    return self.refuse("a value takes no arguments");
                }
                return Ok(Command::Value(operand));
            }
        };
        match word.as_str() {
            "printf" => self.printf(piped),
            "index" => self.index(piped),
            _ => self.call(&word, piped),
        }
    }

    fn call(&mut self, word: &str, piped: bool) -> Result<Command, Refused> {
        let Some(function) = Function::named(word) else {
            let known = [
                "range", "template", "define", "block", "break", "continue", "nil", "js", "urlquery", "call",
            ];
            let what = if known.contains(&word) { "is not supported" } else { "is no function" };
            return self.refuse(format!("`{word}` {what}"));
        };
        self.at += 1;
        let arguments = self.arguments()?;
        let (least, most) = function.arity();
        let count = arguments.len() + usize::from(piped);
        if !(least..=most).contains(&count) {
            return self.refuse(format!("`{word}` takes {least} arguments, not {count}"));
        }
        Ok(Command::Call { function, arguments })
    }

    /// The format is parsed now, so that a wrong one is refused now.
    fn printf(&mut self, piped: bool) -> Result<Command, Refused> {
        self.at += 1;
        let Some(Token::Str(format)) = self.peek().cloned() else {
            return self.refuse("the first argument of `printf` must be text in quotes");
        };
        let format = match Format::parse(&format) {
            Ok(format) => format,
            Err(what) => return self.refuse(format!("printf: {what}")),
        };
        self.at += 1;
        let arguments = self.arguments()?;
        let count = arguments.len() + usize::from(piped);
        if count != format.verbs() {
            return self.refuse(format!("`printf` has {} verbs and {count} values", format.verbs()));
        }
        Ok(Command::Printf { format, arguments })
    }

    /// `index . "column"` is the field of that name, whatever its characters.
    fn index(&mut self, piped: bool) -> Result<Command, Refused> {
        self.at += 1;
        let row = match self.take() {
            Some(Token::Root) => true,
            Some(Token::Dot) => !self.inside_with,
            _ => false,
        };
        match (row, self.take(), piped) {
            (true, Some(Token::Str(name)), false) => Ok(Command::Value(Operand::Field { name, at: 0 })),
            _ => {
                self.at -= 1;
                self.refuse("`index` takes the row and a column: index . \"name\"")
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Operand>, Refused> {
        let mut arguments = Vec::new();
        while !matches!(self.peek(), None | Some(Token::Pipe | Token::Close | Token::RightParen)) {
            arguments.push(self.operand()?);
        }
        Ok(arguments)
    }

    fn operand(&mut self) -> Result<Operand, Refused> {
        let operand = match self.peek() {
            Some(Token::Field(name)) if !self.inside_with => Operand::Field { name: name.clone(), at: 0 },
            Some(Token::Field(name)) => {
                let what = format!("inside `with` write `$.{name}`");
                return self.refuse(what);
            }
            Some(Token::RootField(name)) => Operand::Field { name: name.clone(), at: 0 },
            Some(Token::Dot) if self.inside_with => Operand::Dot,
            Some(Token::Dot | Token::Root) => return self.refuse("the whole row is no value: name a column"),
            Some(Token::Str(text)) => Operand::Text(text.clone()),
            Some(Token::Int(value)) => Operand::Int(*value),
            Some(Token::Float(value)) => Operand::Float(*value),
            Some(Token::Word(word)) if word == "true" => Operand::Bool(true),
            Some(Token::Word(word)) if word == "false" => Operand::Bool(false),
            Some(Token::Word(word)) => {
                let what = format!("`{word}` is no value here: put a call in parentheses");
                return self.refuse(what);
            }
            Some(Token::LeftParen) => return self.parenthesis(),
            _ => return self.refuse("a value is missing"),
        };
        self.at += 1;
        Ok(operand)
    }

    fn parenthesis(&mut self) -> Result<Operand, Refused> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.refuse("nested too deep");
        }
        let pipe = self.pipe()?;
        if self.peek() != Some(&Token::RightParen) {
            return self.refuse("`)` is missing");
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Operand::Pipe(pipe))
    }
}
