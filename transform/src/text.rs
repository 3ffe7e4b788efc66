//! Small functions for texts.

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Cuts the text after `from` to this many characters.
pub(crate) fn cut(text: &mut String, from: usize, limit: usize) {
    if let Some((end, _)) = text[from..].char_indices().nth(limit) {
        text.truncate(from + end);
    }
}
