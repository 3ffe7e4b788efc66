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

    /// As typed, but with each blank in quotes: so patterns can stand in one text with blanks between them.
    pub(super) fn word(&self) -> String {
        let characters = characters(&self.text).unwrap_or_default();
        if !characters.contains(&(' ', false)) {
            return self.text.clone();
        }
        let (mut word, mut open) = (String::new(), false);
        for (character, quoted) in characters {
            let quoted = quoted || character == ' ';
            if quoted != open {
                word.push('"');
                open = quoted;
            }
            if character == '"' {
                word.push('"');
            }
            word.push(character);
        }
        if open {
            word.push('"');
        }
        word
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
    let (mut parts, mut part) = (Vec::new(), String::new());
    for (character, quoted) in characters(text)? {
        match character {
            _ if quoted => part.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
            '.' => parts.push(std::mem::take(&mut part)),
            '*' => part.push_str(".*"),
            '?' => part.push('.'),
            '$' => part.push_str("\\$"),
            _ => part.push(character.to_ascii_lowercase()),
        }
    }
    parts.push(part);
    Ok(parts)
}

/// Each character, and whether it is in quotes; without the quotes.
fn characters(text: &str) -> Result<Vec<(char, bool)>, String> {
    let (mut found, mut quoted) = (Vec::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => found.push(('"', true)),
            '"' => quoted = !quoted,
            _ => found.push((character, quoted)),
        }
    }
    if quoted { Err("a double quote does not end".to_owned()) } else { Ok(found) }
}
