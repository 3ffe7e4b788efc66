//! A first configuration for the columns that look personal.

use std::collections::HashMap;

use crate::config::write::scalar;
use crate::config::{Config, Rule, Transform, Unique};
use crate::detect::{Finding, Sort};
use crate::resolve::{ByTable, Keys, of};
use crate::sql::{SqlKind, SqlType};
use crate::suit;
use crate::table::{Column, Table};

const HEAD: &str = "\
# What looks like personal data, by names and a sample of values. What nothing gave away is not here: read it,
# add what is missing, and write `keep` where nothing is personal.
major_version: 0
tables:
";

/// The findings about columns that have no entry in the configuration, not even `keep`.
#[must_use]
pub fn undecided<'a>(config: &Config, findings: &'a [Finding]) -> Vec<&'a Finding> {
    findings.iter().filter(|finding| !config.decides(&finding.table, &finding.column)).collect()
}

/// A configuration that suits the tables, with the reason beside each line. Columns of unique keys get transforms
/// that keep them unique; those of foreign keys are left to [`Draft::check`](crate::Draft::check).
#[must_use]
pub fn suggest(tables: &[Table], findings: &[Finding], keys: &Keys) -> String {
    let mut out = HEAD.to_owned();
    let mut any = false;
    let (findings, keys) = (by_table(findings), ByTable::new(keys));
    for table in tables {
        let Some(of_table) = findings.get(table.name.as_str()) else { continue };
        let lines: Vec<String> = of_table.iter().filter_map(|finding| line(table, finding, &keys)).collect();
        // A table that has only comments would be a null in YAML.
        let empty = if lines.iter().all(|line| line.trim_start().starts_with('#')) { " {}" } else { "" };
        out.push_str(&format!("  {}:{empty}\n", scalar(&table.name)));
        lines.iter().for_each(|line| out.push_str(line));
        any = true;
    }
    if !any {
        out = out.replace("tables:\n", "tables: {}\n");
    }
    out
}

fn by_table(findings: &[Finding]) -> HashMap<&str, Vec<&Finding>> {
    let mut map: HashMap<&str, Vec<&Finding>> = HashMap::new();
    findings.iter().for_each(|finding| map.entry(&finding.table).or_default().push(finding));
    map
}

fn line(table: &Table, finding: &Finding, keys: &ByTable<'_>) -> Option<String> {
    let column = &table.columns[table.position(&finding.column)?];
    let has = |columns: &[String]| columns.contains(&column.name);
    let name = scalar(&column.name);
    if of(&keys.foreign, &table.name).iter().any(|key| has(&key.columns)) {
        return Some(format!(
            "    # {name}: gets the transform of the column that its foreign key references; {}\n",
            finding.reason
        ));
    }
    if let Some(fixed) = of(&keys.fixed, &table.name).iter().find(|fixed| fixed.column == column.name) {
        let why = &fixed.why;
        return Some(format!("    # {name}: cannot be transformed, {why}; {}\n", finding.reason));
    }
    let unique = of(&keys.unique, &table.name).iter().any(|key| has(&key.columns));
    Some(match rule(finding, column, unique) {
        Some(rule) => format!("    {name}: {rule} # {}\n", finding.reason),
        None => format!("    # {name}: no transform suits {}; {}\n", type_of(column), finding.reason),
    })
}

fn type_of(column: &Column) -> &str {
    column.type_name.as_deref().unwrap_or("its type, which is not known")
}

/// What refuses a value without right check digits: only for columns in which no other value was seen.
const STRICT: [&str; 2] = ["Iban", "CardNumber"];

/// The first of the candidates that suits the column, as it is written.
fn rule(finding: &Finding, column: &Column, unique: bool) -> Option<String> {
    let takes_all = |text: &&&str| finding.exceptions == 0 || !STRICT.contains(*text);
    let mut candidates = candidates(finding.sort).iter().filter(takes_all);
    let sql = SqlType::of(column.type_name.as_deref(), &column.labels);
    if let SqlKind::Array(element) = &sql.kind {
        let inner = candidates.find(|text| suits(text, element, false, unique))?;
        return Some(format!("{{type: Array, element: {inner}}}")).filter(|_| !unique);
    }
    candidates.find(|text| suits(text, &sql, column.not_null, unique)).map(|text| (*text).to_owned())
}

fn suits(text: &str, sql: &SqlType, not_null: bool, unique: bool) -> bool {
    let parsed = Config::parse("", &format!("tables: {{s.t: {{c: {text}}}}}"));
    let rule = parsed.ok().and_then(|config| config.tables.into_values().next()?.columns.pop());
    let Some((_, _, rule)) = rule else { return false };
    // Without a rule for NULLs, a unique column would not be unique any more.
    if unique && matches!(rule.transform, Transform::Null) {
        return false;
    }
    let unique = if unique { Unique::Yes } else { Unique::No };
    suit::check(&Rule { unique, ..rule }, sql, not_null).is_empty()
}

/// The candidates for a kind of data, best first. The last ones suit almost any column.
fn candidates(sort: Sort) -> &'static [&'static str] {
    match sort {
        Sort::Email => &["FakeEmail", "Email", "Hash", "Redact"],
        Sort::Phone => &["FormatPreserving", "Redact"],
        Sort::FirstName => &["FakeFirstName", "FormatPreserving"],
        Sort::LastName => &["FakeLastName", "FormatPreserving"],
        Sort::FullName => &["FakeName", "FormatPreserving"],
        Sort::Username => &["FakeUsername", "Hash", "FormatPreserving"],
        Sort::Secret => &["Hash", "Null", "Redact"],
        Sort::CardNumber => &["CardNumber", "FakeCreditCardNum", "FormatPreserving", "Redact"],
        Sort::Iban => &["Iban", "{type: FormatPreserving, keep_first: 2}", "FormatPreserving", "Redact"],
        Sort::IpAddress => &["IpAddress", "Hash", "Redact"],
        Sort::BirthDate => &["DateShift", "FakeDateOfBirth", "Null"],
        // An assignable number could belong to another person.
        Sort::SocialSecurity => &["FakeSSN", "FormatPreserving", "Hash", "Redact"],
        Sort::NationalId => &["FormatPreserving", "Hash", "Redact"],
        Sort::Address => &["FakeStreetAddress", "Null", "{type: Constant, value: '{}'}", "Hash"],
        Sort::PostalCode => &["FakeZip", "FormatPreserving", "Redact"],
        Sort::Latitude => &["FakeLatitude", "Noise", "Redact"],
        Sort::Longitude => &["FakeLongitude", "Noise", "Redact"],
        Sort::Gender => &["FakeGender", "Null"],
        Sort::FreeText => &["FakeParagraph", "Null", "{type: Constant, value: '{}'}", "Hash"],
    }
}
