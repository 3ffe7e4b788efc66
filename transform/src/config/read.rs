//! Reads rules: each type with its options.

use super::mapping;
use super::options::Options;
use super::rule::{ErrorPolicy, PasswordHash, PathRule, Rule, SaltSource, Spread, Transform, Unique};
use crate::error::{Fault, Place};
use crate::fake;
use crate::json::Path;
use crate::locale::Locale;
use crate::near;
use crate::pattern::Pattern;
use crate::template::Template;
use crate::yaml::{Node, Value};

/// The types beside the fakes.
const TYPES: [&str; 24] = [
    "keep",
    "Bool",
    "Regex",
    "Template",
    "PasswordBcrypt",
    "PasswordScrypt",
    "PasswordPBKDF2",
    "PasswordArgon2id",
    "Null",
    "Constant",
    "Hash",
    "Redact",
    "Mask",
    "Noise",
    "DateShift",
    "FormatPreserving",
    "Uuid",
    "Email",
    "IpAddress",
    "Iban",
    "CardNumber",
    "Json",
    "Array",
    "Truncate",
];

/// Reads a rule: the name of a type, or a mapping with `type` and options. `at` is the place of the column's name.
pub(super) fn read(node: &Node, at: Option<Place>) -> Result<Rule, Vec<Fault>> {
    let mut faults = Vec::new();
    // YAML reads the name of this type as a null. A missing rule is also a null, but is written differently.
    if node.value == Value::Plain("Null".to_owned()) {
        return build("Null", node.place, Options::new(node.place, "Null", Vec::new()));
    }
    if node.is_null() {
        let fault = Fault::new(at.unwrap_or(node.place), "a transform is missing");
        return Err(vec![fault.help("write its type, or `keep`")]);
    }
    if let Some(name) = node.text() {
        return build(name, node.place, Options::new(node.place, name, Vec::new()));
    }
    if matches!(node.value, Value::List(_)) {
        return Err(vec![Fault::new(node.place, "a transform must be a type or a mapping with `type`")]);
    }
    let Some(pairs) = mapping(node, "a transform", &mut faults) else { return Err(faults) };
    match typed(node, pairs) {
        Ok(rule) if faults.is_empty() => Ok(rule),
        Ok(_) => Err(faults),
        Err(more) => Err([faults, more].concat()),
    }
}

/// Reads a mapping with `type` and options.
fn typed<'a>(node: &'a Node, pairs: Vec<(&'a Node, &'a str, &'a Node)>) -> Result<Rule, Vec<Fault>> {
    let Some((_, _, type_node)) = pairs.iter().find(|(_, name, _)| *name == "type") else {
        let fault = Fault::new(node.place, "`type` is missing");
        let names = pairs.iter().map(|(_, name, _)| *name).find(|name| is_type(name));
        return Err(vec![fault.hint(names.map(|name| format!("did you mean `type: {name}`?")))]);
    };
    // YAML reads the name of this type as a null.
    let (Value::Plain(name) | Value::Quoted(name)) = &type_node.value else {
        return Err(vec![Fault::new(type_node.place, "`type` must be a name")]);
    };
    build(name, type_node.place, Options::new(node.place, name, pairs))
}

/// The names of all types.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.into_iter().chain(fake::FakeKind::ALL.iter().map(|(name, _)| *name))
}

fn is_type(name: &str) -> bool {
    types().any(|known| known == name)
}

fn build(name: &str, place: Place, options: Options<'_>) -> Result<Rule, Vec<Fault>> {
    let Some(transform) = transform(name, &options) else {
        let near = near::nearest(name, types()).map(|near| format!("did you mean {near}?"));
        let help = near.unwrap_or_else(|| "docs/transforms.md lists the types".to_owned());
        return Err(vec![Fault::new(place, format!("unknown transform type `{name}`")).help(help)]);
    };
    let mut rule = Rule::new(place, transform);
    common(&mut rule, &options);
    options.finish()?;
    Ok(rule)
}

/// The options that all transforms have.
fn common(rule: &mut Rule, options: &Options<'_>) {
    // By the name: a rule with a fault may stand here as `keep`, and have all options yet.
    if options.type_name == "keep" {
        return;
    }
    if rule.transform.is_keyed() {
        // A Bool that keeps the value does not need a salt.
        if !matches!(rule.transform, Transform::Bool) {
            rule.salt = options.text("salt");
        }
        rule.consistent = options.boolean("consistent").unwrap_or(true);
    }
    if rule.transform.has_locale() {
        rule.locale = match options.choice("locale", &["en", "de", "fr"]) {
            Some("de") => Locale::De,
            Some("fr") => Locale::Fr,
            _ => Locale::En,
        };
    }
    rule.unique = match options.choice("unique", &["true", "false", "assumed"]) {
        Some("true") => Unique::Yes,
        Some("assumed") => Unique::Assumed,
        _ => Unique::No,
    };
    if rule.unique == Unique::Yes && !rule.consistent {
        options.fail(Fault::new(options.place, "`unique: true` and `consistent: false` exclude each other"));
    }
    if !matches!(rule.transform, Transform::Null) {
        rule.nulls = options.choice("nulls", &["keep", "transform"]) == Some("transform");
    }
    rule.value_type = options.text("value_type");
    rule.on_error = match options.choice("on_error", &["fail", "skip", "null", "constant"]) {
        Some("fail") => ErrorPolicy::Fail,
        Some("skip") => ErrorPolicy::Skip,
        Some("null") => ErrorPolicy::Null,
        Some(_) => ErrorPolicy::Constant(options.required("error_value")),
        None => ErrorPolicy::Default,
    };
}

fn transform(name: &str, options: &Options<'_>) -> Option<Transform> {
    if let Some((_, kind)) = fake::FakeKind::ALL.iter().find(|(fake, _)| *fake == name) {
        return Some(fake(*kind, options));
    }
    let count = |name, most: i64| options.integer(name, 0, most).and_then(|n| usize::try_from(n).ok());
    Some(match name {
        "keep" => Transform::Keep,
        "Bool" => Transform::Bool,
        "Regex" => regex(options),
        "Template" => Transform::Template(template("template", options)),
        "Null" | "null" => Transform::Null,
        "Constant" => Transform::Constant(options.required("value")),
        "Hash" => {
            Transform::Hash { length: options.integer("length", 8, 64).and_then(|n| usize::try_from(n).ok()) }
        }
        "Redact" => Transform::Redact { with: options.character("with").unwrap_or('*') },
        "Mask" => Transform::Mask {
            first: count("keep_first", 1 << 20).unwrap_or(0),
            last: count("keep_last", 1 << 20).unwrap_or(0),
            with: options.character("with").unwrap_or('*'),
        },
        "Noise" => noise(options),
        "DateShift" => Transform::DateShift {
            days: options.integer("days", 1, 36_525).unwrap_or(90),
            by: options.text("by"),
        },
        "FormatPreserving" => Transform::FormatPreserving {
            first: count("keep_first", 1 << 20).unwrap_or(0),
            last: count("keep_last", 1 << 20).unwrap_or(0),
        },
        "Uuid" => Transform::Uuid,
        "Email" => Transform::Email,
        "IpAddress" => Transform::IpAddress {
            keep: options.integer("keep_bits", 0, 120).and_then(|n| u8::try_from(n).ok()).unwrap_or(0),
        },
        "Iban" => Transform::Iban,
        "CardNumber" => Transform::CardNumber {
            first: options.integer("keep_first", 1, 8).and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
        },
        "Json" => Transform::Json(json(options)),
        "Array" => element(options),
        "Truncate" => {
            options.required("length");
            Transform::Truncate { length: count("length", 1 << 30).unwrap_or(0) }
        }
        _ => return password(name, options),
    })
}

fn fake(kind: fake::FakeKind, options: &Options<'_>) -> Transform {
    use fake::FakeKind::{Characters, DateOfBirth, Digits, Password, Words, Year};
    let length = match kind {
        Characters | Digits | Password => options.integer("length", 1, 1000),
        Words => options.integer("count", 1, 1000),
        _ => None,
    };
    let years = if matches!(kind, DateOfBirth | Year) {
        let from = options.integer("from", 1, 9999);
        let to = options.integer("to", 1, 9999);
        let (from, to) = (from.unwrap_or(1940), to.unwrap_or(2005));
        if from > to {
            options.fail(Fault::new(options.place, format!("`from` {from} is after `to` {to}")));
        }
        Some((from, to.max(from)))
    } else {
        None
    };
    Transform::Fake { kind, length: length.and_then(|n| usize::try_from(n).ok()), years }
}

fn regex(options: &Options<'_>) -> Transform {
    let (pattern, replacement) = (options.required("pattern"), options.required("replacement"));
    match Pattern::new(&pattern, &replacement) {
        Ok(pattern) => Transform::Regex(pattern),
        Err(what) => {
            let place = options.get("pattern").map_or(options.place, |node| node.place);
            options.fail(Fault::new(place, format!("the pattern: {what}")));
            Transform::Keep
        }
    }
}

fn template(name: &'static str, options: &Options<'_>) -> Template {
    let text = options.required(name);
    match Template::parse(&text) {
        Ok(template) => template,
        Err(what) => {
            let place = options.get(name).map_or(options.place, |node| node.place);
            options.fail(Fault::new(place, format!("the template: {what}")));
            Template::default()
        }
    }
}

fn noise(options: &Options<'_>) -> Transform {
    let ratio = options.number("ratio", 0.0, 1.0);
    let amount = options.number("amount", 0.0, 1e15);
    Transform::Noise(match (ratio, amount) {
        (Some(_), Some(_)) => {
            options.fail(Fault::new(options.place, "`ratio` and `amount` exclude each other"));
            Spread::Ratio(0.0)
        }
        (_, Some(amount)) => Spread::Amount(amount),
        (ratio, None) => Spread::Ratio(ratio.unwrap_or(0.1)),
    })
}

fn password(name: &str, options: &Options<'_>) -> Option<Transform> {
    let number = |name, low: i64, high: i64, usual: u32| {
        options.integer(name, low, high).and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    let hash = match name {
        "PasswordBcrypt" => PasswordHash::Bcrypt { cost: number("cost", 4, 31, 10) },
        "PasswordScrypt" => {
            let n = number("n", 2, 1 << 24, 131_072);
            if !n.is_power_of_two() {
                options.fail(Fault::new(options.place, "`n` must be a power of two"));
            }
            let log_n = n.trailing_zeros() as u8;
            PasswordHash::Scrypt { log_n, r: number("r", 1, 64, 8), p: number("p", 1, 64, 1) }
        }
        "PasswordPBKDF2" => {
            options.choice("hash", &["SHA256"]);
            PasswordHash::Pbkdf2 { iterations: number("iterations", 1, 100_000_000, 600_000) }
        }
        "PasswordArgon2id" => {
            let threads = number("threads", 1, 255, 4);
            // With fewer than eight blocks per lane, the result is as with eight.
            let memory = number("memory", 1, 4 << 20, 65_536).max(8 * threads);
            PasswordHash::Argon2id { time: number("time", 1, 1000, 3), memory, threads }
        }
        _ => return None,
    };
    let salt = match hash {
        // Kasho's bcrypt has a random salt. Ours comes from the key, so that a run can be repeated.
        PasswordHash::Bcrypt { .. } => {
            options.choice("use_salt", &["true"]);
            SaltSource::Keyed
        }
        _ => match options.choice("use_salt", &["true", "false", "keyed"]) {
            Some("false") => SaltSource::None,
            Some("keyed") => SaltSource::Keyed,
            _ => SaltSource::Original,
        },
    };
    Some(Transform::Password { hash, cleartext: template("cleartext", options), salt })
}

fn json(options: &Options<'_>) -> Vec<PathRule> {
    let mut steps = Vec::new();
    let Some(node) = options.get("paths") else {
        options.fail(Fault::new(options.place, "Json needs `paths`"));
        return steps;
    };
    let mut faults = Vec::new();
    for (key, text, value) in mapping(node, "`paths`", &mut faults).unwrap_or_default() {
        let path = Path::parse(text)
            .map_err(|what| options.fail(Fault::new(key.place, format!("path `{text}`: {what}"))));
        let rule = read(value, Some(key.place)).and_then(nested);
        match (path, rule) {
            (Ok(path), Ok(rule)) => steps.push(PathRule { path, rule }),
            (_, Err(found)) => found.into_iter().for_each(|fault| options.fail(fault)),
            (Err(()), Ok(_)) => {}
        }
    }
    faults.into_iter().for_each(|fault| options.fail(fault));
    steps
}

fn element(options: &Options<'_>) -> Transform {
    let Some(node) = options.get("element") else {
        options.fail(Fault::new(options.place, "Array needs `element`, the transform of each element"));
        return Transform::Keep;
    };
    match read(node, None).and_then(nested) {
        Ok(rule) => Transform::Array(Box::new(rule)),
        Err(faults) => {
            faults.into_iter().for_each(|fault| options.fail(fault));
            Transform::Keep
        }
    }
}

/// A rule inside another rule sees one value, not the row.
fn nested(rule: Rule) -> Result<Rule, Vec<Fault>> {
    let name = rule.transform.name();
    let needs_row = matches!(rule.transform, Transform::Template(_) | Transform::Password { .. });
    let nests = matches!(rule.transform, Transform::Json(_) | Transform::Array(_));
    let sees_row = matches!(rule.transform, Transform::DateShift { by: Some(_), .. });
    let own = |option: &str| format!("`{option}` belongs to the column's own transform");
    let faults = [
        (needs_row, format!("{name} needs the row: it cannot be inside another transform")),
        (nests, format!("{name} cannot be inside another transform")),
        (sees_row, "`by` needs the row: not inside another transform".to_owned()),
        (rule.on_error != ErrorPolicy::Default, own("on_error")),
        (rule.unique != Unique::No, own("unique")),
        (rule.nulls, own("nulls")),
        (rule.value_type.is_some(), own("value_type")),
    ];
    let faults: Vec<_> = faults
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, what)| Fault::new(rule.place, what))
        .collect();
    if faults.is_empty() { Ok(rule) } else { Err(faults) }
}
