//! Rows that are SQL text: which table they go into instead, and whether what they give can be foretold. Pure.

use dump::token::{Token, TokenKind, Tokens};

/// The statement behind the settings that travel in front of it.
pub(super) fn main(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with("SET LOCAL ")
        && let Some((_, behind)) = rest.split_once(";\n")
    {
        rest = behind;
    }
    rest
}

/// The statements with another table in the place of `table`.
pub(super) fn into_table(text: &str, table: &str, other: &str) -> String {
    let head = format!("INSERT INTO {table}");
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for start in starts(text) {
        if text[start..].starts_with(&head) {
            out.push_str(&text[copied..start]);
            out.push_str("INSERT INTO ");
            out.push_str(other);
            copied = start + head.len();
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// Where the statements begin.
fn starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at_start = true;
    for token in Tokens::new(text.as_bytes(), true) {
        match token.kind {
            TokenKind::Space | TokenKind::Comment => {}
            TokenKind::Symbol if token.bytes(text.as_bytes()) == b";" => at_start = true,
            _ if at_start => {
                starts.push(token.start);
                at_start = false;
            }
            _ => {}
        }
    }
    starts
}

/// What the values of rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Foretold {
    /// Literals.
    Yes,
    /// `DEFAULT` is among them.
    WithDefaults,
    /// Expressions, which may give anything.
    No,
}

/// Words that may stand among literals.
const PLAIN: [&str; 11] =
    ["null", "true", "false", "on", "conflict", "do", "nothing", "values", "insert", "into", "array"];

/// What the values of these INSERT statements are.
pub(super) fn foretold(text: &str) -> Foretold {
    let bytes = text.as_bytes();
    let tokens: Vec<Token> = Tokens::new(bytes, true)
        .filter(|token| !matches!(token.kind, TokenKind::Space | TokenKind::Comment))
        .collect();
    let mut found = Foretold::Yes;
    let (mut values, mut cast) = (false, false);
    for (index, token) in tokens.iter().enumerate() {
        let is = |symbol: &[u8]| token.kind == TokenKind::Symbol && token.bytes(bytes) == symbol;
        match token.kind {
            _ if is(b";") => (values, cast) = (false, false),
            TokenKind::Word if token.bytes(bytes).eq_ignore_ascii_case(b"default") => {
                found = found.max(Foretold::WithDefaults);
                values = true;
            }
            TokenKind::Word if token.bytes(bytes).eq_ignore_ascii_case(b"values") => values = true,
            // `::timestamp with time zone`
            TokenKind::Word | TokenKind::QuotedName if cast => {}
            TokenKind::Word | TokenKind::QuotedName if values => {
                let word = String::from_utf8_lossy(token.bytes(bytes)).to_lowercase();
                let typed = tokens
                    .get(index + 1)
                    .is_some_and(|next| matches!(next.kind, TokenKind::Str | TokenKind::EscapeStr));
                // `1e-07`
                let digits = token.start > 0 && matches!(bytes[token.start - 1], b'0'..=b'9' | b'.');
                let number = digits && is_exponent(&word);
                if !PLAIN.contains(&word.as_str()) && !typed && !number {
                    return Foretold::No;
                }
            }
            _ if is(b":") => cast = true,
            TokenKind::Symbol if is(b".") && cast => {}
            _ => cast = false,
        }
    }
    found
}

/// Whether it is what follows the digits of a number: `e`, `e7`.
fn is_exponent(word: &str) -> bool {
    word.strip_prefix('e').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_table() {
        let text = "SET LOCAL x = 'a';\nINSERT INTO public.t (a) VALUES ('; INSERT INTO public.t');\nINSERT INTO public.t (a) VALUES (2);";
        assert_eq!(
            into_table(text, "public.t", "pg_temp.e"),
            "SET LOCAL x = 'a';\nINSERT INTO pg_temp.e (a) VALUES ('; INSERT INTO public.t');\nINSERT INTO pg_temp.e (a) VALUES (2);"
        );
        assert_eq!(main(text).split(' ').next(), Some("INSERT"));
    }

    #[test]
    fn what_can_be_foretold() {
        let of = |values: &str| foretold(&format!("SET LOCAL x TO a;\nINSERT INTO t (now) VALUES {values};"));
        for literals in [
            "(1, -2.5, -1e-07, 2.5E7, NULL, true, 'now()', B'1', E'a\\'b')",
            "('1'::integer, 'x'::timestamp with time zone)",
        ] {
            assert_eq!(of(literals), Foretold::Yes, "{literals}");
        }
        assert_eq!(of("(1) ON CONFLICT DO NOTHING"), Foretold::Yes);
        assert_eq!(of("(1, date '2020-01-01')"), Foretold::Yes);
        assert_eq!(of("(1, DEFAULT)"), Foretold::WithDefaults);
        assert_eq!(foretold("INSERT INTO t DEFAULT VALUES"), Foretold::WithDefaults);
        for expression in ["(now())", "(1, DEFAULT, random())", "(current_user)", "(e1)", "('a' || \"f\"())"]
        {
            assert_eq!(of(expression), Foretold::No, "{expression}");
        }
    }
}
