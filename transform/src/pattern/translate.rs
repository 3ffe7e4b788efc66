//! Translates RE2's syntax to that of the `regex` crate, where they differ: the classes `\d`, `\s`, `\w` and `\b` are
//! ASCII, octal escapes and `\Q…\E` exist, a `{` that begins no repetition is a character, and there are no nested
//! sets.

use std::iter::Peekable;
use std::str::Chars;

/// RE2 refuses more.
const MOST_REPETITIONS: u32 = 1000;

pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator =
        Translator { rest: pattern.chars().peekable(), out: String::new(), repeatable: Repeatable::No };
    translator.run()?;
    Ok(translator.out)
}

/// Whether a repetition may follow the last item.
#[derive(PartialEq, Eq)]
enum Repeatable {
    No,
    Yes,
    /// It is a repetition itself: RE2 does not accept a second one.
    Repeated,
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    repeatable: Repeatable,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => {
                    self.class()?;
                    self.repeatable = Repeatable::Yes;
                }
                '(' => self.group()?,
                '*' | '+' | '?' => self.repetition(&c.to_string())?,
                '{' => self.brace()?,
                '|' => {
                    self.out.push(c);
                    self.repeatable = Repeatable::No;
                }
                '}' | ']' => self.atom(&['\\', c]),
                _ => self.atom(&[c]),
            }
        }
        Ok(())
    }

    fn atom(&mut self, text: &[char]) {
        self.out.extend(text);
        self.repeatable = Repeatable::Yes;
    }

    fn repetition(&mut self, text: &str) -> Result<(), String> {
        match self.repeatable {
            Repeatable::No => return Err(format!("`{text}` has nothing to repeat")),
            Repeatable::Repeated => return Err(format!("`{text}` repeats a repetition: use a group")),
            Repeatable::Yes => {}
        }
        self.out.push_str(text);
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        self.repeatable = Repeatable::Repeated;
        Ok(())
    }

    /// `{n}`, `{n,}` and `{n,m}` repeat; any other `{` is a character.
    fn brace(&mut self) -> Result<(), String> {
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').take(16).collect();
        let closed = self.rest.clone().nth(ahead.chars().count()) == Some('}');
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let bounds: Vec<&str> = ahead.split(',').collect();
        let repeats = closed
            && match bounds.as_slice() {
                [n] => number(n),
                [n, m] => number(n) && (m.is_empty() || number(m)),
                _ => false,
            };
        if !repeats {
            self.atom(&['\\', '{']);
            return Ok(());
        }
        if bounds.iter().any(|n| !n.is_empty() && n.parse::<u32>().map_or(true, |n| n > MOST_REPETITIONS)) {
            return Err(format!("{{{ahead}}} repeats more than {MOST_REPETITIONS} times"));
        }
        self.rest.nth(ahead.len());
        self.repetition(&format!("{{{ahead}}}"))
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        self.repeatable = Repeatable::No;
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if let Some(c) = self.rest.next_if(|c| matches!(c, 'P' | '<')) {
            self.out.push(c);
            let ahead = self.rest.peek().copied();
            if c == '<' && matches!(ahead, Some('=' | '!')) {
                return Err("look-behind is not supported".to_owned());
            }
            return Ok(());
        }
        for c in self.rest.by_ref() {
            match c {
                'i' | 'm' | 's' | 'U' | '-' => self.out.push(c),
                ':' | ')' => {
                    self.out.push(c);
                    return Ok(());
                }
                '=' | '!' => return Err("look-ahead is not supported".to_owned()),
                _ => return Err(format!("(?{c} is not a group that RE2 knows")),
            }
        }
        Err("missing closing )".to_owned())
    }

    fn escape(&mut self) -> Result<(), String> {
        let c = self.rest.next().ok_or("a backslash at the end")?;
        match c {
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'A' | 'z' => self.out.extend(['\\', c]),
            'Q' => return self.quoted(),
            'C' => return Err(r"\C, a single byte, is not supported".to_owned()),
            _ => self.class_escape(c)?,
        }
        self.repeatable = Repeatable::Yes;
        Ok(())
    }

    /// `\Q…\E`: everything between them is literal.
    fn quoted(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            self.literal(c);
            self.repeatable = Repeatable::Yes;
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    /// The meaning of a backslash inside and outside a class.
    fn class_escape(&mut self, c: char) -> Result<(), String> {
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            's' => self.out.push_str(r"[\t\n\f\r ]"),
            'S' => self.out.push_str(r"[^\t\n\f\r ]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            'a' | 'f' | 'n' | 'r' | 't' | 'v' => self.out.extend(['\\', c]),
            'x' => {
                self.out.push_str(r"\x");
                if self.rest.peek() != Some(&'{') {
                    for _ in 0..2 {
                        let digit = self.rest.next().filter(char::is_ascii_hexdigit);
                        self.out.push(digit.ok_or(r"\x needs two hexadecimal digits")?);
                    }
                    return Ok(());
                }
                self.braces();
            }
            'p' | 'P' => {
                self.out.extend(['\\', c]);
                match self.rest.peek() {
                    Some('{') => self.braces(),
                    _ => self.out.extend(self.rest.next()),
                }
            }
            '0'..='7' => self.octal(c)?,
            _ if c.is_ascii_punctuation() => self.literal(c),
            _ => return Err(format!(r"\{c} is not an escape that RE2 knows")),
        }
        Ok(())
    }

    fn braces(&mut self) {
        for c in self.rest.by_ref() {
            self.out.push(c);
            if c == '}' {
                break;
            }
        }
    }

    /// `\0`, `\012`, `\123`. A single digit other than 0 would be a back reference, which RE2 does not have.
    fn octal(&mut self, first: char) -> Result<(), String> {
        let is_octal = |c: &char| ('0'..='7').contains(c);
        if first != '0' && !self.rest.peek().is_some_and(is_octal) {
            return Err(format!(r"\{first}, a back reference, is not supported"));
        }
        let mut code = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.rest.next_if(is_octal) else { break };
            code = code * 8 + digit.to_digit(8).unwrap_or(0);
        }
        self.out.push_str(&format!(r"\x{{{code:x}}}"));
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        while let Some(c) = self.rest.next() {
            match c {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' if self.rest.peek() == Some(&':') => self.posix_class(),
                '\\' => {
                    let escaped = self.rest.next().ok_or("a backslash at the end")?;
                    self.class_escape(escaped)?;
                }
                // These characters have a special meaning in the other syntax.
                '[' | ']' | '&' | '~' | '^' => self.out.extend(['\\', c]),
                // A hyphen at the beginning or end of the class is a character; two would be read as a difference.
                '-' if first || self.rest.peek() == Some(&']') => self.out.push_str(r"\-"),
                '-' if self.rest.next_if_eq(&'-').is_some() => self.out.push_str(r"-\-"),
                _ => self.out.push(c),
            }
            first = false;
        }
        Err("missing closing ]".to_owned())
    }

    fn posix_class(&mut self) {
        self.out.push('[');
        let mut last = '[';
        for c in self.rest.by_ref() {
            self.out.push(c);
            if c == ']' && last == ':' {
                return;
            }
            last = c;
        }
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let translated = translate(pattern).unwrap();
        Regex::new(&translated).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    #[test]
    fn classes_are_ascii() {
        for (pattern, yes, no) in [
            (r"^\d$", "3", "٣"),
            (r"^\D$", "٣", "3"),
            (r"^\w$", "e", "é"),
            (r"^\s$", "\t", "\u{a0}"),
            (r"^[\d-]$", "-", "x"),
            (r"^[^\W]$", "x", "é"),
            (r"\bfoo\b", "éfooé", "afoo"),
            (r"a\Bb", "ab", "a b"),
            (r"^[]a]$", "]", "b"),
            (r"^[a&&b]$", "&", "c"),
            (r"^[+--]$", ",", "."),
            (r"^[[]$", "[", "]"),
            (r"^[[:alpha:]_]$", "_", "1"),
            (r"^[^]]$", "a", "]"),
        ] {
            assert!(matches(pattern, yes), "{pattern} matches {yes}");
            assert!(!matches(pattern, no), "{pattern} does not match {no}");
        }
    }

    #[test]
    fn what_only_re2_has() {
        for (pattern, yes) in [
            (r"^\Qa.b*\E+$", "a.b**"),
            (r"^\101\x42\x{43}$", "ABC"),
            (r"^\0$", "\0"),
            (r"^a{,5}$", "a{,5}"),
            (r"^a{2,3}?$", "aaa"),
            (r"^{x}$", "{x}"),
            (r"^\_\<$", "_<"),
            (r"^\pL\p{Greek}$", "xα"),
            (r"(?U)a+", "a"),
            (r"^(?i:Ä)$", "ä"),
            (r"a]", "a]"),
        ] {
            assert!(matches(pattern, yes), "{pattern} matches {yes}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in r"([a\[\](){}*+?|\\^$.,&~:dwbQE0-9é-]|\?P<|\[:alpha:\]|\\x){0,12}") {
            let _ = crate::pattern::Pattern::new(&pattern, "$1${a}$").map(|found| found.replace("ab-é9", &mut String::new()));
        }
    }

    #[test]
    fn what_re2_refuses() {
        for pattern in [
            r"\1", r"(a)\1", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?x)a", "(?u)a", "a**", "*a",
            "a{2}{3}", r"\C", r"\h", "a{1001}", "[a", r"a\", "(?", "|+",
        ] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
        assert!(translate("(").is_ok_and(|out| Regex::new(&out).is_err()));
        assert!(translate(r"\Z").is_err());
    }
}
