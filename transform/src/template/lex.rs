//! Splits a template into tokens: the text outside the braces, and the words inside.

use super::Refused;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside the braces.
    Text(String),
    /// `{{` and `}}`.
    Open,
    Close,
    /// `.name`
    Field(String),
    Dot,
    /// `$.name`
    RootField(String),
    Root,
    Word(String),
    Str(String),
    Int(i64),
    Float(f64),
    Pipe,
    LeftParen,
    RightParen,
}

/// The tokens with their offsets.
pub(super) fn lex(source: &str) -> Result<Vec<(usize, Token)>, Refused> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<(usize, Token)>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn refuse<T>(&self, what: impl Into<String>) -> Result<T, Refused> {
        Err(Refused { offset: self.at, what: what.into() })
    }

    fn run(&mut self) -> Result<(), Refused> {
        let mut trim = false;
        loop {
            let rest = self.rest();
            let end = rest.find("{{").unwrap_or(rest.len());
            let mut text = &rest[..end];
            if trim {
                text = text.trim_start_matches(is_space);
            }
            let open = self.at + end;
            let trims_left = self.source.get(open + 2..).is_some_and(trims_left);
            if trims_left {
                text = text.trim_end_matches(is_space);
            }
            if !text.is_empty() {
                self.tokens.push((self.at, Token::Text(text.to_owned())));
            }
            self.at = open;
            if self.rest().is_empty() {
                return Ok(());
            }
            self.at += if trims_left { 3 } else { 2 };
            trim = self.action(open)?;
        }
    }

    /// From after `{{` to after `}}`; returns whether white space after it must be removed.
    fn action(&mut self, open: usize) -> Result<bool, Refused> {
        if let Some(comment) = self.rest().trim_start_matches(is_space).strip_prefix("/*") {
            let Some((_, after)) = comment.split_once("*/") else {
                return self.refuse("a comment without end");
            };
            self.at = self.source.len() - after.len();
            return match self.close() {
                Some(trim) => Ok(trim),
                None => self.refuse("a comment must be alone in its braces"),
            };
        }
        self.tokens.push((open, Token::Open));
        loop {
            if let Some(trim) = self.close() {
                self.tokens.push((self.at, Token::Close));
                return Ok(trim);
            }
            let blanks = self.rest().len() - self.rest().trim_start_matches(is_space).len();
            if blanks > 0 {
                self.at += blanks;
                continue;
            }
            if self.rest().is_empty() {
                self.at = open;
                return self.refuse("{{ without }}");
            }
            let at = self.at;
            let token = self.token()?;
            self.tokens.push((at, token));
        }
    }

    fn close(&mut self) -> Option<bool> {
        let trims = self.rest().starts_with([' ', '\t', '\r', '\n'])
            && self.rest().trim_start_matches(is_space).starts_with("-}}");
        let rest = if trims { self.rest().trim_start_matches(is_space) } else { self.rest() };
        let after = rest.strip_prefix(if trims { "-}}" } else { "}}" })?;
        self.at = self.source.len() - after.len();
        Some(trims)
    }

    fn token(&mut self) -> Result<Token, Refused> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        match first {
            '|' => self.single(Token::Pipe),
            '(' => self.single(Token::LeftParen),
            ')' => self.single(Token::RightParen),
            '"' => self.string(),
            '`' => {
                let Some((text, _)) = rest[1..].split_once('`') else {
                    return self.refuse("a ` without end");
                };
                self.at += text.len() + 2;
                Ok(Token::Str(text.to_owned()))
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.at += 1;
                let name = self.word();
                self.no_chain()?;
                Ok(if name.is_empty() { Token::Dot } else { Token::Field(name) })
            }
            '$' => self.dollar(),
            '0'..='9' | '+' | '-' | '.' => self.number(),
            c if c.is_alphabetic() || c == '_' => Ok(Token::Word(self.word())),
            '\'' => self.refuse("character constants are not supported"),
            '=' | ':' => self.refuse("variables are not supported"),
            other => self.refuse(format!("`{other}` is not supported")),
        }
    }

    fn single(&mut self, token: Token) -> Result<Token, Refused> {
        self.at += 1;
        Ok(token)
    }

    fn word(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn no_chain(&self) -> Result<(), Refused> {
        if self.rest().starts_with('.') {
            return self.refuse("a column has no fields of its own");
        }
        Ok(())
    }

    fn dollar(&mut self) -> Result<Token, Refused> {
        self.at += 1;
        if self.rest().starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return self.refuse("variables are not supported");
        }
        if !self.rest().starts_with('.') {
            return Ok(Token::Root);
        }
        self.at += 1;
        let name = self.word();
        self.no_chain()?;
        if name.is_empty() { self.refuse("a name must follow `$.`") } else { Ok(Token::RootField(name)) }
    }

    fn number(&mut self) -> Result<Token, Refused> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "+-._".contains(c))).unwrap_or(rest.len());
        let text = &rest[..end];
        let token = if let Ok(value) = text.parse::<i64>() {
            Token::Int(value)
        } else if let Ok(value) = text.parse::<f64>()
            && value.is_finite()
            && text.bytes().any(|b| b.is_ascii_digit())
        {
            Token::Float(value)
        } else {
            return self.refuse(format!("`{text}` is no decimal number"));
        };
        self.at += end;
        Ok(token)
    }

    fn string(&mut self) -> Result<Token, Refused> {
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 2;
                    return Ok(Token::Str(text));
                }
                '\n' => break,
                '\\' => {
                    let escaped = chars.next().map(|(_, c)| c).unwrap_or_default();
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        '\\' | '"' | '\'' => escaped,
                        _ => return self.refuse("in text, only \\n, \\t, \\r, \\\\ and \\\" are supported"),
                    });
                }
                _ => text.push(c),
            }
        }
        self.refuse("a quote without end")
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Whether `{{` continues as `{{- `.
fn trims_left(after: &str) -> bool {
    after.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}
