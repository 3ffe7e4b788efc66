//! Writes a configuration as YAML, which [`Config::parse`](super::Config::parse) reads back to the same
//! configuration.

use std::fmt::Write;

use crate::locale::Locale;

use super::{Config, ErrorPolicy, PasswordHash, Rule, SaltSource, Transform, Unique};
use crate::config::rule::Spread;
use crate::fake;

impl Config {
    /// The configuration in its long form, with tables in alphabetical order. Comments are lost.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = format!("major_version: 0\nlists: {}\n", self.lists);
        if let Some(schema) = &self.resolved {
            let _ = writeln!(out, "resolved: {}", scalar(schema));
        }
        out.push_str(if self.tables.is_empty() { "tables: {}\n" } else { "tables:\n" });
        for (table, rules) in &self.tables {
            if rules.keep {
                line(&mut out, 1, table, "keep");
                continue;
            }
            let empty = if rules.columns.is_empty() { "{}" } else { "" };
            line(&mut out, 1, table, empty);
            for (column, _, rule) in &rules.columns {
                write_rule(&mut out, 2, column, rule);
            }
        }
        out
    }
}

fn line(out: &mut String, depth: usize, key: &str, value: &str) {
    let blank = if value.is_empty() { "" } else { " " };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:width$}{}:{blank}{value}", "", scalar(key), width = depth * 2);
}

/// Without quotes if the text cannot be misread, otherwise in quotes.
pub(crate) fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { serde_json::to_string(text).unwrap_or_default() }
}

fn write_rule(out: &mut String, depth: usize, name: &str, rule: &Rule) {
    let mut options = options(rule);
    common(rule, &mut options);
    let nested = matches!(rule.transform, Transform::Json(_) | Transform::Array(_));
    let type_name = scalar(rule.transform.name());
    if options.is_empty() && !nested {
        return line(out, depth, name, &type_name);
    }
    line(out, depth, name, "");
    line(out, depth + 1, "type", &type_name);
    for (option, value) in options {
        line(out, depth + 1, option, &value);
    }
    match &rule.transform {
        Transform::Json(steps) => {
            line(out, depth + 1, "paths", if steps.is_empty() { "{}" } else { "" });
            steps.iter().for_each(|step| write_rule(out, depth + 2, step.path.source(), &step.rule));
        }
        Transform::Array(element) => write_rule(out, depth + 1, "element", element),
        _ => {}
    }
}

fn text(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn options(rule: &Rule) -> Vec<(&'static str, String)> {
    let number = |n: &usize| n.to_string();
    match &rule.transform {
        Transform::Fake { kind, length, years } => {
            let name = if *kind == fake::FakeKind::Words { "count" } else { "length" };
            let mut options: Vec<_> = length.iter().map(|length| (name, number(length))).collect();
            if let Some((from, to)) = years {
                options.extend([("from", from.to_string()), ("to", to.to_string())]);
            }
            options
        }
        Transform::Regex(pattern) => {
            let [pattern, replacement] = pattern.source();
            vec![("pattern", text(pattern)), ("replacement", text(replacement))]
        }
        Transform::Template(template) => vec![("template", text(template.source()))],
        Transform::Password { hash, cleartext, salt } => {
            let mut options = vec![("cleartext", text(cleartext.source()))];
            options.extend(password(*hash));
            match (hash, salt) {
                (PasswordHash::Bcrypt { .. }, _) | (_, SaltSource::Original) => {}
                (_, SaltSource::None) => options.push(("use_salt", "false".to_owned())),
                (_, SaltSource::Keyed) => options.push(("use_salt", "keyed".to_owned())),
            }
            options
        }
        Transform::Constant(value) => vec![("value", text(value))],
        Transform::Hash { length } => length.iter().map(|length| ("length", number(length))).collect(),
        Transform::Redact { with } => vec![("with", text(&with.to_string()))],
        Transform::Mask { first, last, with } => {
            vec![
                ("keep_first", number(first)),
                ("keep_last", number(last)),
                ("with", text(&with.to_string())),
            ]
        }
        Transform::Noise(Spread::Ratio(ratio)) => vec![("ratio", ratio.to_string())],
        Transform::Noise(Spread::Amount(amount)) => vec![("amount", amount.to_string())],
        Transform::DateShift { days, by } => {
            let mut options = vec![("days", days.to_string())];
            options.extend(by.iter().map(|by| ("by", text(by))));
            options
        }
        Transform::FormatPreserving { first, last } => {
            vec![("keep_first", number(first)), ("keep_last", number(last))]
        }
        Transform::CardNumber { first } => vec![("keep_first", number(first))],
        Transform::IpAddress { keep } => vec![("keep_bits", keep.to_string())],
        Transform::Truncate { length } => vec![("length", number(length))],
        Transform::Keep
        | Transform::Bool
        | Transform::Null
        | Transform::Uuid
        | Transform::Email
        | Transform::Iban
        | Transform::Json(_)
        | Transform::Array(_) => Vec::new(),
    }
}

fn password(hash: PasswordHash) -> Vec<(&'static str, String)> {
    let option = |name, value: u32| (name, value.to_string());
    match hash {
        PasswordHash::Bcrypt { cost } => vec![option("cost", cost)],
        PasswordHash::Scrypt { log_n, r, p } => vec![option("n", 1 << log_n), option("r", r), option("p", p)],
        PasswordHash::Pbkdf2 { iterations } => vec![option("iterations", iterations)],
        PasswordHash::Argon2id { time, memory, threads } => {
            vec![option("time", time), option("memory", memory), option("threads", threads)]
        }
    }
}

fn common(rule: &Rule, options: &mut Vec<(&'static str, String)>) {
    options.extend(rule.salt.iter().map(|salt| ("salt", text(salt))));
    if !rule.consistent {
        options.push(("consistent", "false".to_owned()));
    }
    match rule.locale {
        Locale::En => {}
        Locale::De => options.push(("locale", "de".to_owned())),
        Locale::Fr => options.push(("locale", "fr".to_owned())),
    }
    match rule.unique {
        Unique::No => {}
        Unique::Yes => options.push(("unique", "true".to_owned())),
        Unique::Assumed => options.push(("unique", "assumed".to_owned())),
    }
    if rule.nulls {
        options.push(("nulls", "transform".to_owned()));
    }
    options.extend(rule.value_type.iter().map(|name| ("value_type", text(name))));
    let policy = match &rule.on_error {
        ErrorPolicy::Default => return,
        ErrorPolicy::Fail => "fail",
        ErrorPolicy::Skip => "skip",
        ErrorPolicy::Null => "null",
        ErrorPolicy::Constant(value) => {
            options.push(("error_value", text(value)));
            "constant"
        }
    };
    options.push(("on_error", text(policy)));
}
