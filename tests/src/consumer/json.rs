//! JSON as Go's `encoding/json` reads it: the grammar is strict, the text of strings is not.
//!
//! Broken UTF-8 and lone surrogates become U+FFFD, without an error. A value is kept as its raw bytes until its type
//! is needed, because the consumer also looks at raw bytes.
//!
//! A reader of our own, because what judges the encoder must not share a library with it, and because
//! serde_json refuses what Go's forgives.

const MAX_DEPTH: usize = 10_000;

/// A member of an object: its name and the raw bytes of its value.
pub(super) type Field<'a> = (String, &'a [u8]);

/// Checks that `text` is one JSON value and nothing else; gives its bytes without the white space around.
pub(super) fn check(text: &[u8]) -> Result<&[u8], String> {
    let mut scanner = Scanner { text, at: 0 };
    let value = scanner.value(0)?;
    scanner.space();
    if scanner.at != text.len() {
        return Err(format!("text after the value, at byte {}", scanner.at));
    }
    Ok(value)
}

/// The fields of a checked object, in order; an error for any other value.
pub(super) fn object(raw: &[u8]) -> Result<Vec<Field<'_>>, String> {
    let mut scanner = Scanner { text: raw, at: 0 };
    let mut fields = Vec::new();
    if scanner.peek() != Some(b'{') {
        return Err("not an object".into());
    }
    scanner.at += 1;
    scanner.space();
    while scanner.peek() != Some(b'}') {
        let name = string(scanner.value(0)?).ok_or("a name that is no string")?;
        scanner.space();
        scanner.at += 1;
        fields.push((name, scanner.value(0)?));
        scanner.comma();
    }
    Ok(fields)
}

/// The raw elements of a checked array; an error for any other value.
pub(super) fn array(raw: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut scanner = Scanner { text: raw, at: 0 };
    let mut items = Vec::new();
    if scanner.peek() != Some(b'[') {
        return Err("not an array".into());
    }
    scanner.at += 1;
    scanner.space();
    while scanner.peek() != Some(b']') {
        items.push(scanner.value(0)?);
        scanner.comma();
    }
    Ok(items)
}

/// The text of a checked string; `None` for any other value.
pub(super) fn string(raw: &[u8]) -> Option<String> {
    let body = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.iter().position(|b| *b == b'\\') {
        text.push_str(&String::from_utf8_lossy(&rest[..at]));
        rest = &rest[at + 1..];
        let escape = rest[0];
        rest = &rest[1..];
        match escape {
            b'b' => text.push('\u{8}'),
            b'f' => text.push('\u{c}'),
            b'n' => text.push('\n'),
            b'r' => text.push('\r'),
            b't' => text.push('\t'),
            b'u' => {
                let first = hex4(rest)?;
                rest = &rest[4..];
                let low =
                    rest.strip_prefix(b"\\u").and_then(hex4).filter(|low| (0xDC00..0xE000).contains(low));
                match (first, low) {
                    (0xD800..0xDC00, Some(low)) => {
                        rest = &rest[6..];
                        text.extend(char::from_u32(0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00)));
                    }
                    _ => text.push(char::from_u32(first).unwrap_or('\u{FFFD}')),
                }
            }
            plain => text.push(char::from(plain)),
        }
    }
    text.push_str(&String::from_utf8_lossy(rest));
    Some(text)
}

fn hex4(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// In a checked text: over the comma, to the next value or the closing bracket.
    fn comma(&mut self) {
        self.space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.space();
        }
    }

    fn unexpected<T>(&self) -> Result<T, String> {
        match self.peek() {
            Some(byte) => Err(format!("invalid character {:?} at byte {}", char::from(byte), self.at)),
            None => Err("unexpected end".into()),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() != Some(byte) {
            return self.unexpected();
        }
        self.at += 1;
        Ok(())
    }

    /// Over one value, with any white space before it; gives its bytes.
    fn value(&mut self, depth: usize) -> Result<&'a [u8], String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".into());
        }
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.members(b'}', depth, true)?,
            Some(b'[') => self.members(b']', depth, false)?,
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return self.unexpected(),
        }
        Ok(&self.text[start..self.at])
    }

    fn members(&mut self, end: u8, depth: usize, named: bool) -> Result<(), String> {
        self.at += 1;
        self.space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if named {
                self.space();
                if self.peek() != Some(b'"') {
                    return self.unexpected();
                }
                self.string()?;
                self.space();
                self.expect(b':')?;
            }
            self.value(depth + 1)?;
            self.space();
            if self.peek() == Some(end) {
                self.at += 1;
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                                    return self.unexpected();
                                }
                                self.at += 1;
                            }
                        }
                        _ => return self.unexpected(),
                    }
                }
                Some(0x20..) => self.at += 1,
                _ => return self.unexpected(),
            }
        }
    }

    fn digits(&mut self) -> Result<(), String> {
        if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
            return self.unexpected();
        }
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), String> {
        for byte in word {
            self.expect(*byte)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_is_strict() {
        for good in ["null", " [1, -0.5e+3 ,\"a\\u0041\"] ", "{}", "[]", "{\"a\":{\"b\":[]}}", "\"\u{7f}é\""]
        {
            assert!(check(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "NaN",
            "01",
            "1.",
            ".5",
            "+1",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "1 2",
            "nul",
        ] {
            assert!(check(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_decode_as_in_go() {
        for (raw, text) in [
            (&br#""a\"\\\/\b\f\n\r\t""#[..], "a\"\\/\u{8}\u{c}\n\r\t"),
            (br#""\ud83d\ude00""#, "😀"),
            (br#""\ud83d""#, "\u{FFFD}"),
            (br#""\ud83d\u0041""#, "\u{FFFD}A"),
            (br#""\ude00x""#, "\u{FFFD}x"),
            (b"\"\xff\"", "\u{FFFD}"),
            (br#""\u0000""#, "\0"),
        ] {
            assert_eq!(string(raw).as_deref(), Some(text));
        }
    }

    #[test]
    fn parts_keep_their_raw_bytes() {
        let fields = object(br#"{"a": 1.0 , "b":[ "x" ,{}]}"#).unwrap();
        assert_eq!(fields, [("a".to_owned(), &b"1.0"[..]), ("b".to_owned(), br#"[ "x" ,{}]"#)]);
        assert_eq!(array(fields[1].1).unwrap(), [&b"\"x\""[..], b"{}"]);
        assert!(array(b"[]").unwrap().is_empty());
    }
}
