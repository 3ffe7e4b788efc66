//! What PostgreSQL prints of a row value: `(5,"a ""b""",)`. Pure.

/// The fields; `None` is NULL. What is no row value, or is cut off, gives what can be read of it.
pub(crate) fn fields(text: &str) -> Vec<Option<String>> {
    let Some(inside) = text.strip_prefix('(') else { return Vec::new() };
    if inside == ")" {
        // One NULL and no field look the same, and whoever asks has a field.
        return vec![None];
    }
    let (mut fields, mut field, mut any, mut quotes) = (Vec::new(), String::new(), false, false);
    let mut characters = inside.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quotes && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => (quotes, any) = (!quotes, true),
            '\\' => field.extend(characters.next()),
            ',' | ')' if !quotes => {
                fields.push((any || !field.is_empty()).then(|| std::mem::take(&mut field)));
                any = false;
                if character == ')' {
                    return fields;
                }
            }
            _ => field.push(character),
        }
    }
    fields.push(Some(field));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_they_were() {
        let of = |text: &str| -> Vec<Option<String>> { fields(text) };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(of(r#"(5,"a ""b"" \\, c",,"")"#), [text("5"), text("a \"b\" \\, c"), None, text("")]);
        assert_eq!(of("(x)"), [text("x")]);
        assert_eq!(of("()"), [None]);
        assert_eq!(of("(5,\"cut of"), [text("5"), text("cut of")]);
        assert!(of("5").is_empty());
    }
}
