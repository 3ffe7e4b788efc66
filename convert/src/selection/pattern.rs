//! Patterns of names, as psql and pg_dump have them.

use regex::Regex;

/// A pattern: of a schema, or of a relation with or without its schema.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    schema: Option<Regex>,
    name: Regex,
}

impl Pattern {
    /// Reads a pattern of at most so many parts between dots. Letters are folded to lower case, `*` is any string,
    /// `?` any character, other characters mean what they mean in a regular expression; in double quotes nothing
    /// has a meaning but a doubled quote.
    pub(super) fn new(text: &str, parts: usize) -> Result<Self, String> {
        let mut read = split(text)?;
        if read.len() > parts {
            return Err(format!(
                "too many dots: {}",
                if parts == 1 { "a schema's name" } else { "schema.table" }
            ));
        }
        let name = read.pop().filter(|name| !name.is_empty()).ok_or("it is empty")?;
        Ok(Self {
            text: text.to_owned(),
            schema: read.pop().map(|schema| whole(&schema)).transpose()?,
            name: whole(&name)?,
        })
    }

    /// As typed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_relation(&self, schema: &str, name: &str) -> bool {
        self.name.is_match(name) && self.schema.as_ref().is_none_or(|pattern| pattern.is_match(schema))
    }

    pub(super) fn is_schema(&self, schema: &str) -> bool {
        self.name.is_match(schema)
    }
}

fn whole(pattern: &str) -> Result<Regex, String> {
    let error = |_| "it is not a pattern, like public.order* or \"Order\"".to_owned();
    Regex::new(&format!("^(?s:{pattern})$")).map_err(error)
}

/// The parts between dots, each as a regular expression.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let part = match parts.last_mut() {
            Some(part) => part,
            None => return Ok(parts),
        };
        match character {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            _ if quoted => part.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
            '.' => parts.push(String::new()),
            '*' => part.push_str(".*"),
            '?' => part.push('.'),
            '$' => part.push_str("\\$"),
            _ => part.push(character.to_ascii_lowercase()),
        }
    }
    if quoted { Err("a double quote does not end".to_owned()) } else { Ok(parts) }
}
