//! One column's rule: its transform and the options of every transform.

use serde::Serialize;

use super::mapping;
use super::options::Options;
use crate::error::{Fault, Place};
use crate::fake;
use crate::json::Path;
use crate::locale::Locale;
use crate::near;
use crate::pattern::Pattern;
use crate::template::Template;
use crate::yaml::{Node, Value};

/// The types beside the fakes.
const TYPES: [&str; 22] = [
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
    "Json",
    "Array",
    "Truncate",
];

/// What becomes of a column.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rule {
    #[serde(skip)]
    pub(crate) place: Place,
    pub(crate) transform: Transform,
    /// Makes equal values of columns with different salts differ.
    pub(crate) salt: Option<String>,
    /// Equal values become equal.
    pub(crate) consistent: bool,
    pub(crate) locale: Locale,
    pub(crate) unique: Unique,
    pub(crate) on_error: ErrorPolicy,
    /// A NULL is transformed as if it were the empty string.
    pub(crate) nulls: bool,
    /// The type whose values the result ranges over, where it is not the column's own: that of the column that a
    /// foreign key refers to.
    pub(crate) value_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unique {
    No,
    /// Different values must become different.
    Yes,
    /// Who wrote the configuration knows that they do.
    Assumed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum ErrorPolicy {
    /// As the run's own `--on-error` says.
    Default,
    Fail,
    Skip,
    Null,
    Constant(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum SaltSource {
    /// Sixteen zero bytes.
    None,
    /// The first bytes of the original's SHA-256, as Kasho has it.
    Original,
    /// The first bytes of a keyed hash of the original.
    Keyed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub(crate) enum PasswordHash {
    Bcrypt { cost: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
    Pbkdf2 { iterations: u32 },
    Argon2id { time: u32, memory: u32, threads: u32 },
}

/// What Noise changes a number by, at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) enum Spread {
    Ratio(f64),
    Amount(f64),
}

#[derive(Debug, Clone, Serialize)]
pub(crate) enum Transform {
    Keep,
    Fake { kind: fake::Kind, length: Option<usize>, years: Option<(i64, i64)> },
    Bool,
    Regex(Pattern),
    Template(Template),
    Password { hash: PasswordHash, cleartext: Template, salt: SaltSource },
    Null,
    Constant(String),
    Hash { length: Option<usize> },
    Redact { with: char },
    Mask { first: usize, last: usize, with: char },
    Noise(Spread),
    DateShift { days: i64, by: Option<String> },
    FormatPreserving { first: usize, last: usize },
    Uuid,
    Email,
    IpAddress { keep: u8 },
    Json(Vec<Step>),
    Array(Box<Rule>),
    Truncate { length: usize },
}

/// A rule for what lies at a path of a JSON value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) path: Path,
    pub(crate) rule: Rule,
}

impl Rule {
    pub(crate) fn new(place: Place, transform: Transform) -> Self {
        Self {
            place,
            transform,
            salt: None,
            consistent: true,
            locale: Locale::En,
            unique: Unique::No,
            on_error: ErrorPolicy::Default,
            nulls: false,
            value_type: None,
        }
    }

    pub(crate) fn is_keep(&self) -> bool {
        matches!(self.transform, Transform::Keep)
    }
}

impl Transform {
    /// As the configuration names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Fake { kind, .. } => kind.name(),
            Self::Bool => "Bool",
            Self::Regex(_) => "Regex",
            Self::Template(_) => "Template",
            Self::Password { hash, .. } => match hash {
                PasswordHash::Bcrypt { .. } => "PasswordBcrypt",
                PasswordHash::Scrypt { .. } => "PasswordScrypt",
                PasswordHash::Pbkdf2 { .. } => "PasswordPBKDF2",
                PasswordHash::Argon2id { .. } => "PasswordArgon2id",
            },
            Self::Null => "Null",
            Self::Constant(_) => "Constant",
            Self::Hash { .. } => "Hash",
            Self::Redact { .. } => "Redact",
            Self::Mask { .. } => "Mask",
            Self::Noise(_) => "Noise",
            Self::DateShift { .. } => "DateShift",
            Self::FormatPreserving { .. } => "FormatPreserving",
            Self::Uuid => "Uuid",
            Self::Email => "Email",
            Self::IpAddress { .. } => "IpAddress",
            Self::Json(_) => "Json",
            Self::Array(_) => "Array",
            Self::Truncate { .. } => "Truncate",
        }
    }

    /// Its result is drawn by the key.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(
            self,
            Self::Fake { .. }
                | Self::Bool
                | Self::Hash { .. }
                | Self::Noise(_)
                | Self::DateShift { .. }
                | Self::FormatPreserving { .. }
                | Self::Uuid
                | Self::Email
                | Self::IpAddress { .. }
        )
    }

    fn has_locale(&self) -> bool {
        use fake::Kind::{
            City, FirstName, LastName, Month, Name, State, StateAbbr, Street, StreetAddress, Title, WeekDay,
            Zip,
        };
        let local = [
            Name,
            FirstName,
            LastName,
            City,
            State,
            StateAbbr,
            Street,
            StreetAddress,
            Title,
            Month,
            WeekDay,
            Zip,
        ];
        matches!(self, Self::Fake { kind, .. } if local.contains(kind))
    }
}

/// Reads a rule: the name of a type, or a mapping with `type` and options. `at` is where a column's name stands.
pub(super) fn read(node: &Node, at: Option<Place>) -> Result<Rule, Vec<Fault>> {
    let mut faults = Vec::new();
    // YAML reads this type's name as a null, which somebody who left it out has written too, but not so.
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
    if !faults.is_empty() {
        return Err(faults);
    }
    let Some((_, _, type_node)) = pairs.iter().find(|(_, name, _)| *name == "type") else {
        let fault = Fault::new(node.place, "`type` is missing");
        let names = pairs.iter().map(|(_, name, _)| *name).find(|name| is_type(name));
        return Err(vec![fault.hint(names.map(|name| format!("did you mean `type: {name}`?")))]);
    };
    // YAML's null is a type here.
    let (Value::Plain(name) | Value::Quoted(name)) = &type_node.value else {
        return Err(vec![Fault::new(type_node.place, "`type` must be a name")]);
    };
    build(name, type_node.place, Options::new(node.place, name, pairs))
}

/// The names of all types.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.into_iter().chain(fake::Kind::ALL.iter().map(|(name, _)| *name))
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

/// The options that are not one transform's alone.
fn common(rule: &mut Rule, options: &Options<'_>) {
    if rule.is_keep() {
        return;
    }
    if rule.transform.is_keyed() {
        // What Bool keeps has no use for a salt.
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
    if let Some((_, kind)) = fake::Kind::ALL.iter().find(|(fake, _)| *fake == name) {
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
        "Json" => Transform::Json(json(options)),
        "Array" => element(options),
        "Truncate" => {
            options.required("length");
            Transform::Truncate { length: count("length", 1 << 30).unwrap_or(0) }
        }
        _ => return password(name, options),
    })
}

fn fake(kind: fake::Kind, options: &Options<'_>) -> Transform {
    use fake::Kind::{Characters, DateOfBirth, Digits, Password, Words, Year};
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
            // Less than eight blocks a lane is as much as eight.
            let memory = number("memory", 1, 4 << 20, 65_536).max(8 * threads);
            PasswordHash::Argon2id { time: number("time", 1, 1000, 3), memory, threads }
        }
        _ => return None,
    };
    let salt = match hash {
        // Kasho's bcrypt has a random salt; ours comes from the key, so that a run can be repeated.
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

fn json(options: &Options<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let Some(node) = options.get("paths") else {
        options.fail(Fault::new(options.place, "Json needs `paths`"));
        return steps;
    };
    let mut faults = Vec::new();
    for (key, text, value) in mapping(node, "`paths`", &mut faults).unwrap_or_default() {
        match (Path::parse(text), read(value, Some(key.place)).and_then(nested)) {
            (Ok(path), Ok(rule)) => steps.push(Step { path, rule }),
            (Err(what), _) => options.fail(Fault::new(key.place, format!("path `{text}`: {what}"))),
            (_, Err(found)) => found.into_iter().for_each(|fault| options.fail(fault)),
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

/// A rule inside another sees one value, not the row.
fn nested(rule: Rule) -> Result<Rule, Vec<Fault>> {
    let fault = |what: String| Err(vec![Fault::new(rule.place, what)]);
    let name = rule.transform.name();
    match &rule.transform {
        Transform::Template(_) | Transform::Password { .. } => {
            fault(format!("{name} needs the row: it cannot be inside another transform"))
        }
        Transform::Json(_) | Transform::Array(_) => {
            fault(format!("{name} cannot be inside another transform"))
        }
        Transform::DateShift { by: Some(_), .. } => {
            fault("`by` needs the row: not inside another transform".into())
        }
        _ if rule.on_error != ErrorPolicy::Default => {
            fault("`on_error` belongs to the column's own transform".into())
        }
        _ if rule.unique != Unique::No => fault("`unique` belongs to the column's own transform".into()),
        _ if rule.nulls => fault("`nulls` belongs to the column's own transform".into()),
        _ if rule.value_type.is_some() => fault("`value_type` belongs to the column's own transform".into()),
        _ => Ok(rule),
    }
}
