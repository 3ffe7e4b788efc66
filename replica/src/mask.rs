//! PostgreSQL's messages without the values that they quote. Pure.

/// Everything between the first and the last double quote is replaced: a value may have quotes itself.
pub(crate) fn quoted(text: &str) -> String {
    // Bytes that are no text of the encoding: "invalid byte sequence for encoding "UTF8": 0xff".
    let text = text.split_once(": 0x").map_or(text, |(before, _)| before);
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &text[..=first], &text[last..]),
        _ => text.to_owned(),
    }
}

/// `Key (id)=(5) already exists.` keeps the columns, and not the values.
pub(crate) fn parentheses(text: &str) -> String {
    let marks = ["=(", "= (", "contains ("];
    let start = marks.iter().filter_map(|mark| text.find(mark).map(|at| at + mark.len())).min();
    match (start, text.rfind(')')) {
        (Some(start), Some(end)) if start <= end => format!("{}…{}", &text[..start], &text[end..]),
        (Some(start), _) => format!("{}…", &text[..start]),
        _ => text.to_owned(),
    }
}

/// Where in the rows of a COPY an error is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The row, counted from 1 in what this transaction sends of the table.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
}

/// The place in `COPY t, line 5, column c: "value"`, without the value.
pub(crate) fn place(context: &str) -> Option<Place> {
    let line = context.lines().find_map(|line| line.strip_prefix("COPY "))?;
    let (_, rest) = line.split_once(", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let line = rest[..digits].parse().ok()?;
    let column = rest[digits..].strip_prefix(", column ");
    Some(Place { line, column: column.map(|column| column.split(": ").next().unwrap_or(column).to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_quotes_go() {
        assert_eq!(
            quoted(r#"invalid input syntax for type integer: "a" b "c""#),
            r#"invalid input syntax for type integer: "…""#
        );
        assert_eq!(
            quoted(r#"value "9" is out of range for type integer"#),
            r#"value "…" is out of range for type integer"#
        );
        assert_eq!(
            quoted(r#"invalid byte sequence for encoding "UTF8": 0xff"#),
            r#"invalid byte sequence for encoding "…""#
        );
        assert_eq!(
            quoted("value too long for type character varying(5)"),
            "value too long for type character varying(5)"
        );
    }

    #[test]
    fn keys_keep_their_columns() {
        assert_eq!(parentheses("Key (a, b)=(1, x)y) already exists."), "Key (a, b)=(…) already exists.");
        assert_eq!(parentheses("Failing row contains (1, x, null)."), "Failing row contains (…).");
        assert_eq!(
            parentheses("Partition key of the failing row contains (d) = (2020-01-01)."),
            "Partition key of the failing row contains (…)."
        );
        assert_eq!(parentheses("Failing row contains (1, x"), "Failing row contains (…");
        assert_eq!(parentheses("There is 1 other session."), "There is 1 other session.");
    }

    #[test]
    fn a_place_is_a_row_and_a_column() {
        let column = Place { line: 12, column: Some("amount".into()) };
        assert_eq!(place("COPY orders, line 12, column amount: \"x: , line 3\""), Some(column));
        assert_eq!(place("JSON data, line 1: x\nCOPY t, line 3"), Some(Place { line: 3, column: None }));
        assert_eq!(place("COPY t, line 7: \"1\""), Some(Place { line: 7, column: None }));
        assert_eq!(place("PL/pgSQL function f() line 3"), None);
    }
}
