//! Transforms that hide characters and need no key.

/// Replaces every character. White space and the length stay.
pub(crate) fn redact(text: &str, with: char, out: &mut String) {
    out.extend(text.chars().map(|c| if c.is_whitespace() { c } else { with }));
}

/// Replaces all but the first and last characters. A text that is not longer than the characters to keep is replaced
/// as a whole.
pub(crate) fn mask(text: &str, first: usize, last: usize, with: char, out: &mut String) {
    let length = text.chars().count();
    let keeps = first.saturating_add(last) < length;
    for (i, c) in text.chars().enumerate() {
        let stays = keeps && (i < first || i >= length - last);
        out.push(if stays { c } else { with });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays() {
        let mask = |text: &str, first, last| {
            let mut out = String::new();
            mask(text, first, last, '*', &mut out);
            out
        };
        assert_eq!(mask("4111111111111111", 0, 4), "************1111");
        assert_eq!(mask("äöüß", 1, 1), "ä**ß");
        assert_eq!(mask("abcd", 2, 2), "****");
        assert_eq!(mask("ab", 0, 4), "**");
        assert_eq!(mask("", 1, 1), "");
        let mut out = String::new();
        redact("Jane Q. Döe\n", 'x', &mut out);
        assert_eq!(out, "xxxx xx xxx\n");
    }
}
