//! The arguments of a command to psql, by psql's quoting rules.

use std::iter::Peekable;
use std::str::Chars;

use crate::variable::{Colon, Variables, colon};

/// One argument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Argument {
    /// Its text: single quotes are undone, double quotes are not.
    pub(super) text: String,
    /// Any of it stands in quotes.
    quoted: bool,
    /// So many bytes at its end stand in none.
    bare: usize,
}

impl Argument {
    /// The argument as one of `\connect`: semicolons at its end are left out, double quotes undone. `None` where it
    /// stands for what is the same as before.
    pub(super) fn name(&self) -> Option<String> {
        let (fixed, bare) = self.text.split_at(self.text.len() - self.bare);
        let text = format!("{fixed}{}", bare.trim_end_matches(';'));
        let mut name = String::with_capacity(text.len());
        let (mut chars, mut inside) = (text.chars().peekable(), false);
        while let Some(c) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if inside && chars.next_if_eq(&'"').is_some() {
                name.push('"');
            } else {
                inside = !inside;
            }
        }
        (self.quoted || !matches!(name.as_str(), "" | "-")).then_some(name)
    }
}

/// Reads all arguments, or says why they cannot be followed.
pub(super) fn arguments(rest: &str, variables: &Variables) -> Result<Vec<Argument>, &'static str> {
    let (mut rest, mut all) = (rest, Vec::new());
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if rest.is_empty() {
            return Ok(all);
        }
        let mut argument = Argument::default();
        rest = read(rest, &mut argument, variables)?;
        all.push(argument);
    }
}

/// Reads one argument and returns what follows it.
fn read<'a>(rest: &'a str, argument: &mut Argument, variables: &Variables) -> Result<&'a str, &'static str> {
    let mut rest = rest;
    while let Some(first) = rest.chars().next() {
        let used = match first {
            c if c.is_ascii_whitespace() => break,
            '\\' => {
                return Err(
                    "something follows on the same line behind a backslash: put it on a line of its own",
                );
            }
            '`' => return Err("psql would run a program: leave it out"),
            '\'' => argument.single(rest)?,
            '"' => {
                let end = rest[1..].find('"').ok_or(UNCLOSED)? + 2;
                argument.fixed(&rest[..end]);
                end
            }
            ':' => match colon(rest.as_bytes(), true, variables) {
                Some(Colon::Reference(_)) => {
                    return Err("it refers to a variable: write its value itself");
                }
                Some(Colon::Sql(length)) => argument.bare(&rest[..length]),
                None => argument.bare(":"),
            },
            c => argument.bare(&rest[..c.len_utf8()]),
        };
        rest = &rest[used..];
    }
    Ok(rest)
}

const UNCLOSED: &str = "a quote is not closed on its line";

impl Argument {
    fn bare(&mut self, text: &str) -> usize {
        self.text.push_str(text);
        self.bare += text.len();
        text.len()
    }

    fn fixed(&mut self, text: &str) {
        self.text.push_str(text);
        self.bare = 0;
        self.quoted = true;
    }

    /// Takes `'…'` at the start of `rest` in, its escapes undone, and returns its length.
    fn single(&mut self, rest: &str) -> Result<usize, &'static str> {
        let mut value = String::new();
        let mut chars = rest.chars().peekable();
        chars.next();
        loop {
            match chars.next().ok_or(UNCLOSED)? {
                '\'' if chars.next_if_eq(&'\'').is_some() => value.push('\''),
                '\'' => break,
                '\\' => value.push(escape(&mut chars).ok_or(UNCLOSED)?),
                c => value.push(c),
            }
        }
        self.fixed(&value);
        let left: usize = chars.map(char::len_utf8).sum();
        Ok(rest.len() - left)
    }
}

fn escape(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    let first = chars.next()?;
    let mut code = |radix: u32, most: usize, start: Option<u32>| {
        let mut value = start;
        for _ in 0..most {
            let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
            value = Some(value.unwrap_or(0) * radix + digit);
            chars.next();
        }
        value
    };
    Some(match first {
        'n' => '\n',
        't' => '\t',
        'b' => '\u{8}',
        'r' => '\r',
        'f' => '\u{c}',
        '0'..='7' => char::from((code(8, 2, first.to_digit(8))? & 0xff) as u8),
        'x' => code(16, 2, None).map_or('x', |value| char::from(value as u8)),
        other => other,
    })
}
