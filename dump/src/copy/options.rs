//! What may follow `COPY … FROM stdin`: options that leave the rows in the form that they have without any.

use crate::encoding::Encoding;
use crate::name::Cursor;

pub(super) const BINARY: &str = "its rows are in the binary format: write them in the text format";

/// Reads the options up to the semicolon. In both spellings: `WITH (FORMAT text, …)`, and the older one without
/// parentheses.
pub(super) fn check(c: &mut Cursor<'_>, encoding: Encoding) -> Result<(), String> {
    let mut seen = Vec::new();
    let read = |c: &mut Cursor<'_>, seen: &mut Vec<String>| option(c, seen, encoding);
    if c.word("USING") || c.at_word("DELIMITERS") {
        read(c, &mut seen)?;
    }
    c.word("WITH");
    if c.symbol(b'(') {
        loop {
            read(c, &mut seen)?;
            if c.symbol(b')') {
                break;
            }
            if !c.symbol(b',') {
                return Err(unreadable());
            }
        }
    }
    while !c.symbol(b';') {
        read(c, &mut seen)?;
    }
    Ok(())
}

fn unreadable() -> String {
    "its options cannot be read: write COPY … FROM stdin without options".to_owned()
}

/// Reads one option. One that changes the form of the rows is refused by its name.
fn option(c: &mut Cursor<'_>, seen: &mut Vec<String>, encoding: Encoding) -> Result<(), String> {
    let mut name = c.part().ok_or_else(unreadable)?;
    if name == "delimiters" {
        name = "delimiter".to_owned();
    }
    if seen.contains(&name) {
        return Err(format!("it says {} twice, which PostgreSQL refuses", name.to_uppercase()));
    }
    seen.push(name.clone());
    c.word("AS");
    let ends = c.peek().is_none_or(|token| matches!(c.text(token), "," | ")" | ";"));
    let value = if ends { None } else { c.clone().literal().or_else(|| c.clone().part()) };
    let value = value.as_deref();
    let is_default = match (name.as_str(), value) {
        ("format", Some(value)) => value == "text",
        ("delimiter", Some(value)) => value == "\t",
        ("null", Some(value)) => value == "\\N",
        ("encoding", Some(value)) => Encoding::from_name(value) == Ok(encoding),
        ("header" | "freeze", Some(value)) => {
            ["false", "off"].iter().any(|off| value.eq_ignore_ascii_case(off))
        }
        ("binary", _) => return Err(BINARY.to_owned()),
        _ => false,
    };
    if !is_default {
        let name = name.to_uppercase();
        return Err(match name.as_str() {
            "WHERE" => "its WHERE leaves some of the rows out: leave it out together with them".to_owned(),
            "FREEZE" => {
                "FREEZE, which PostgreSQL takes only for a table of the same transaction: leave it out"
                    .to_owned()
            }
            _ => format!(
                "its option {name} may change the form of the rows: write them in the text format without options"
            ),
        });
    }
    c.next();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &str) -> Result<(), String> {
        check(&mut Cursor::new(options, true), Encoding::Utf8)
    }

    #[test]
    fn options_that_change_nothing() {
        for options in [
            ";",
            "WITH (FORMAT text);",
            "(FORMAT 'text', DELIMITER E'\\t', NULL '\\N', ENCODING 'utf-8', HEADER false, freeze off);",
            "WITH DELIMITER AS E'\\t' NULL '\\N' ENCODING 'UTF8';",
            "WITH DELIMITER '\t' NULL AS E'\\\\N';",
            "USING DELIMITERS E'\\t';",
            "DELIMITERS E'\\t' WITH NULL AS '\\N';",
            "NULL AS '\\N';",
        ] {
            assert_eq!(read(options), Ok(()), "{options}");
        }
    }

    #[test]
    fn options_that_are_refused() {
        for (options, said) in [
            ("WITH (FORMAT csv);", "FORMAT"),
            ("WITH (FORMAT 'TEXT');", "FORMAT"),
            ("WITH CSV;", "CSV"),
            ("CSV HEADER;", "CSV"),
            ("WITH (DELIMITER ',');", "DELIMITER"),
            ("DELIMITER '|';", "DELIMITER"),
            ("NULL AS '';", "NULL"),
            ("(HEADER);", "HEADER"),
            ("(HEADER match);", "HEADER"),
            ("(FREEZE);", "FREEZE"),
            ("FREEZE;", "FREEZE"),
            ("(ENCODING 'LATIN1');", "ENCODING"),
            ("(FORCE_NULL (a));", "FORCE_NULL"),
            ("(ON_ERROR ignore);", "ON_ERROR"),
            ("WITH BINARY;", "binary format"),
            ("(FORMAT text, FORMAT text);", "twice"),
            ("WHERE a > 1;", "WHERE"),
            ("WITH (FORMAT text) WHERE a > 1;", "WHERE"),
            ("();", "cannot be read"),
            ("(FORMAT text;", "cannot be read"),
            ("(FORMAT", "FORMAT"),
        ] {
            let refused = read(options).unwrap_err();
            assert!(refused.contains(said), "{options}: {refused}");
        }
    }
}
