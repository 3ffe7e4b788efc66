//! Collects the warnings and errors of the programs from their source, and compares them with docs/messages.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{read, root};

/// The crates that are in the programs.
const CRATES: [&str; 10] = [
    "convert",
    "crds",
    "dump",
    "kvbuffer",
    "monitoring",
    "operator",
    "replica",
    "runner",
    "source",
    "transform",
];

/// Errors that have no words of their own, but the text that they are made with. Wrong options are left out: what they
/// say names the option, and what to write instead.
const ERRORS: [&str; 9] = [
    "Busy",
    "ChangeStreamState",
    "Checkpoint",
    "Collector",
    "Lost",
    "NothingChosen",
    "OtherDump",
    "Verification",
    "cannot_hold",
];

/// What logs its first argument as a warning.
const WARNINGS: [&str; 3] = ["waiting", "is_away", "warn"];

/// Kinds whose `Display` is written by hand.
const DISPLAYED: [(&str, Level); 3] =
    [("ErrorKind", Level::Error), ("Fault", Level::Error), ("Warning", Level::Warning)];

/// What is written where a message has a value.
const HOLE: char = '…';

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Warning,
    Error,
}

/// What is needed of Rust's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// The tokens without comments. What is not a word or a string comes as single marks.
fn tokens(mut rest: &str) -> Vec<Token> {
    let mut out = Vec::new();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let quoted = rest[word..].trim_start_matches('#').starts_with('"');
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else if ["r", "br", "cr"].contains(&&rest[..word]) && quoted {
            let (_, opened) = rest.split_once('"').unwrap();
            let close = format!("\"{}", "#".repeat(rest.len() - word - opened.len() - 1));
            let (text, left) = opened.split_once(&close).unwrap();
            out.push(Token::Text(text.to_owned()));
            rest = left;
        } else if ["", "b", "c"].contains(&&rest[..word]) && rest[word..].starts_with('"') {
            let (text, left) = string(&rest[word + 1..]);
            out.push(Token::Text(text));
            rest = left;
        } else if word > 0 {
            out.push(Token::Word(rest[..word].to_owned()));
            rest = &rest[word..];
        } else if first == '\'' {
            rest = after_quote(&rest[1..]);
        } else {
            if !first.is_whitespace() {
                out.push(Token::Mark(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// A string behind its opening quote, without its escapes, and what follows it.
fn string(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = source.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some('\n') => letters = letters.as_str().trim_start().chars(),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    (text, letters.as_str())
}

/// What follows a character, or the quote of a lifetime.
fn after_quote(rest: &str) -> &str {
    let mut letters = rest.chars();
    match (letters.next(), letters.next()) {
        (Some('\\'), Some(_)) => letters.as_str().split_once('\'').map_or("", |(_, rest)| rest),
        (Some(_), Some('\'')) => letters.as_str(),
        _ => rest,
    }
}

/// Whether the tokens begin with these words and marks.
fn begins(tokens: &[Token], with: &[&str]) -> bool {
    with.len() <= tokens.len()
        && with.iter().zip(tokens).all(|(with, token)| match token {
            Token::Word(word) => word == with,
            Token::Mark(mark) => with.chars().eq([*mark]),
            Token::Text(_) => false,
        })
}

/// How many tokens it takes to close what the first one opens, with that.
fn closed(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The tokens of what is compiled into the programs.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !begins(&tokens[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += 7;
        while at < tokens.len() {
            let length = closed(&tokens[at..]);
            let ends = matches!(tokens[at], Token::Mark('{' | ';'));
            at += length;
            if ends {
                break;
            }
        }
    }
    out
}

/// The first argument of a macro that is nothing but a string: fields with names come before it. `tokens` begin with
/// the parenthesis.
fn text_of_macro(tokens: &[Token]) -> Option<&str> {
    let inner = &tokens[1..closed(tokens) - 1];
    let mut begin = true;
    let mut at = 0;
    while at < inner.len() {
        match &inner[at..] {
            [Token::Text(text), ..] if begin => return Some(text),
            rest => {
                begin = rest[0] == Token::Mark(',');
                at += closed(rest);
            }
        }
    }
    None
}

/// The string that is the first argument of a call, or that its `format!` has. `tokens` begin with the parenthesis.
fn text_of_call(tokens: &[Token]) -> Option<&str> {
    match &tokens[1..] {
        [Token::Text(text), ..] => Some(text),
        rest if begins(rest, &["format", "!", "("]) => text_of_macro(&rest[2..]),
        _ => None,
    }
}

/// A message as the page writes it: a hole for each value.
fn pattern(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '{' | '}' if letters.next_if_eq(&letter).is_some() => out.push(letter),
            '{' => {
                letters.by_ref().find(|letter| *letter == '}');
                if !out.ends_with(HOLE) {
                    out.push(HOLE);
                }
            }
            other => out.push(other),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The messages in a file of source.
fn messages(source: &str, out: &mut BTreeMap<String, Level>) {
    let tokens = without_tests(&tokens(source));
    let mut add = |text: &str, level: Level| {
        let message = pattern(text);
        // What has no words is said elsewhere.
        if message.contains(char::is_alphabetic) {
            out.insert(message, level);
        }
    };
    for at in 0..tokens.len() {
        let rest = &tokens[at..];
        if let Some((text, level)) = said(rest) {
            add(text, level);
        }
        for (kind, level) in DISPLAYED {
            if begins(rest, &["Display", "for", kind, "{"]) {
                for token in &rest[3..3 + closed(&rest[3..])] {
                    if let Token::Text(text) = token {
                        add(text, level);
                    }
                }
            }
        }
    }
}

/// The message that these tokens begin, if they begin one.
fn said(tokens: &[Token]) -> Option<(&str, Level)> {
    match tokens {
        _ if begins(tokens, &["warn", "!", "("]) => Some((text_of_macro(&tokens[2..])?, Level::Warning)),
        _ if begins(tokens, &["error", "!", "("]) => Some((text_of_macro(&tokens[2..])?, Level::Error)),
        _ if begins(tokens, &["#", "[", "error", "("]) => Some((text_of_call(&tokens[3..])?, Level::Error)),
        [Token::Word(name), call @ ..] if call.first() == Some(&Token::Mark('(')) => {
            let is_one_of = |names: &[&str]| names.contains(&name.as_str());
            let errors = is_one_of(&ERRORS).then_some(Level::Error);
            let level = errors.or(is_one_of(&WARNINGS).then_some(Level::Warning))?;
            Some((text_of_call(call)?, level))
        }
        _ => None,
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            out.push(path);
        }
    }
}

/// The bold messages with which an entry begins, and the rest of it.
fn entry(paragraph: &str) -> (Vec<String>, &str) {
    let (mut names, mut rest) = (Vec::new(), paragraph);
    while let Some(bold) = rest.strip_prefix("**`") {
        let ticks = 1 + bold.chars().take_while(|&c| c == '`').count();
        let end = format!("{}**", "`".repeat(ticks));
        let (name, left) =
            bold[ticks - 1..].split_once(&end).unwrap_or_else(|| panic!("no end: {paragraph}"));
        names.push(name.split_whitespace().collect::<Vec<_>>().join(" "));
        rest = left.trim_start_matches([',', '\n', ' ']);
    }
    (names, rest)
}

/// Whether an entry is of this message. Advice behind a semicolon or colon may be left out.
fn is_of(entry: &str, message: &str) -> bool {
    message.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with([';', ':']))
}

/// What a page lacks of the messages, and what it has beyond them.
fn differences(page: &str, messages: &BTreeMap<String, Level>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut described = BTreeSet::new();
    for paragraph in page.split("\n\n").map(str::trim) {
        let (names, rest) = entry(paragraph);
        for name in &names {
            let whole = messages.get_key_value(name).map(|found| vec![found]);
            let of = whole.unwrap_or_else(|| messages.iter().filter(|(of, _)| is_of(name, of)).collect());
            if of.is_empty() {
                faults.push(format!("no message is: {name}"));
            }
            for (message, level) in of {
                if !described.insert(message) {
                    faults.push(format!("described twice: {message}"));
                }
                if rest.starts_with("(a warning)") != (*level == Level::Warning) {
                    faults.push(format!("is {level:?}: {message}"));
                }
            }
        }
        if !names.is_empty() && rest.split(' ').count() < 5 {
            faults.push(format!("says nothing: {paragraph}"));
        }
    }
    let missing = messages.keys().filter(|message| !described.contains(message));
    faults.extend(missing.map(|message| format!("not described: {message}")));
    faults
}

#[test]
fn every_message_is_described() {
    let mut files = Vec::new();
    for name in CRATES {
        sources(&root().join(name).join("src"), &mut files);
    }
    let mut all = BTreeMap::new();
    for file in files {
        messages(&std::fs::read_to_string(file).unwrap(), &mut all);
    }
    assert!(all.len() > 100, "only {} messages were found", all.len());
    let faults = differences(&read("docs/messages.md"), &all);
    assert!(faults.is_empty(), "docs/messages.md:\n{}", faults.join("\n"));
}

#[test]
fn messages_are_found_in_source() {
    let source = r##"
        // warn!("in a comment")
        fn f<'a>(quote: &'a char) {
            let marks = ['"', '\'', '{'];
            tracing::warn!(table = %table, first = "a field", "setting {rows} \"aside\", \
                as said: {{}}{}{}", x(), y);
            error!(%error, r#"a "raw" one"#);
            return Err(Error::Checkpoint(format!("{whence} is damaged; restore it")));
            progress.waiting(why);
            Self::Checkpoint(_) => "not this",
        }
        #[error("{0}")] A, #[error(transparent)] B,
        impl fmt::Display for Warning { fn fmt() { write!(f, "{user} may do much") } }
        #[cfg(test)]
        mod tests { fn t() { warn!("in a test"); } }
        fn g() { warn!("last") }
    "##;
    let mut found = BTreeMap::new();
    messages(source, &mut found);
    let expected = [
        ("setting … \"aside\", as said: {}…", Level::Warning),
        ("a \"raw\" one", Level::Error),
        ("… is damaged; restore it", Level::Error),
        ("… may do much", Level::Warning),
        ("last", Level::Warning),
    ];
    assert_eq!(found, expected.map(|(message, level)| (message.to_owned(), level)).into());
}

#[test]
fn a_page_that_differs_is_seen() {
    let levels = [("it is damaged; restore it", Level::Error), ("it waits", Level::Warning)];
    let messages = levels.map(|(message, level)| (message.to_owned(), level)).into();
    let good = "# Head\n\n**`it is\ndamaged`** (5). Restore it from a copy.\n\n**``it waits``** (a warning). It goes on by itself.";
    assert_eq!(differences(good, &messages), Vec::<String>::new());
    for (from, to, fault) in [
        ("it waits", "it stays", "no message is: it stays"),
        ("**``it waits``**", "it waits", "not described: it waits"),
        ("(a warning)", "(5)", "is Warning: it waits"),
        ("(5)", "(a warning)", "is Error: it is damaged; restore it"),
        (" It goes on by itself.", "", "says nothing: **``it waits``** (a warning)."),
        ("# Head", "**`it waits`** (a warning). It is here once more.", "described twice: it waits"),
    ] {
        let faults = differences(&good.replace(from, to), &messages);
        assert!(faults.iter().any(|found| found == fault), "{fault}: {faults:?}");
    }
}
