//! `transforms.yml`: the transform of each column.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Fault, Place, Problem, Problems};
use crate::near;
use crate::table::{ByName, Table};
use crate::yaml::{self, Node, Value};
pub(crate) use rule::{ErrorPolicy, PasswordHash, PathRule, Rule, SaltSource, Spread, Transform, Unique};

mod options;
mod read;
mod rule;
pub(crate) mod write;

/// The same configuration always gives the same result for the same value, unless this number changes. It is part of
/// the configuration's hash.
pub const REVISION: u32 = 1;

/// The version of the lists of names from which fakes are drawn, unless the configuration names another one. Old
/// lists never change; newer lists get a higher number.
pub const LISTS: u32 = 1;

/// A configuration whose every rule is complete in itself. Whether it suits the tables is
/// [`Draft::check`](crate::Draft::check)'s and [`Plan::compile`](crate::Plan::compile)'s to say.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) file: Arc<str>,
    pub(crate) tables: BTreeMap<String, TableRules>,
    pub(crate) lists: u32,
    pub(crate) resolved: Option<String>,
}

/// The rules of one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableRules {
    pub(crate) place: Place,
    /// `keep`: no column of it is personal.
    pub(crate) keep: bool,
    /// In the order of the file.
    pub(crate) columns: Vec<(String, Place, Rule)>,
    /// Columns whose rules cannot be read: only in a [`Draft`](crate::Draft).
    pub(crate) unread: Vec<(String, Place)>,
    /// Nothing of the table can be read: only in a [`Draft`](crate::Draft).
    pub(crate) unreadable: bool,
}

impl Config {
    /// Reads a configuration. `file` is its name in messages.
    ///
    /// # Errors
    ///
    /// All errors in it, each with its line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let (config, faults) = Self::read(file, text);
        config.problems(faults)?;
        Ok(config)
    }

    /// A configuration as far as it can be read, and what is wrong with it.
    pub(crate) fn read(file: &str, text: &str) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut config = Self { file: file.into(), tables: BTreeMap::new(), lists: LISTS, resolved: None };
        match yaml::parse(text) {
            Err(fault) => faults.push(fault),
            Ok(None) => faults.push(
                Fault::new(Place { line: 1, column: 1 }, "the configuration is empty")
                    .help("it needs `tables:`"),
            ),
            Ok(Some(root)) => config.read_root(&root, &mut faults),
        }
        (config, faults)
    }

    fn read_root(&mut self, root: &Node, faults: &mut Vec<Fault>) {
        const KEYS: [&str; 5] = ["major_version", "version", "lists", "resolved", "tables"];
        let Some(pairs) = mapping(root, "the configuration", faults) else { return };
        let mut seen = false;
        for (key, name, value) in pairs {
            let outcome = match name {
                "major_version" => expect(value, &["0"], "this release reads major version 0"),
                "version" => expect(value, &["v1"], "this release reads version v1, or `major_version: 0`"),
                "lists" => expect(value, &["1"], "this release has lists of version 1"),
                "resolved" => match value.text() {
                    Some(schema) if !schema.is_empty() => {
                        self.resolved = Some(schema.to_owned());
                        Ok(())
                    }
                    _ => Err(Fault::new(
                        value.place,
                        "`resolved` must be the text that `transform check` writes",
                    )),
                },
                "tables" => {
                    seen = true;
                    self.read_tables(value, faults);
                    Ok(())
                }
                _ => Err(Fault::new(key.place, format!("unknown key `{name}`"))
                    .hint(near::hint(name, "keys", KEYS))),
            };
            faults.extend(outcome.err());
        }
        if !seen {
            faults.push(Fault::new(root.place, "`tables:` is missing"));
        }
    }

    fn read_tables(&mut self, node: &Node, faults: &mut Vec<Fault>) {
        if node.is_null() {
            return;
        }
        for (key, name, value) in mapping(node, "`tables`", faults).unwrap_or_default() {
            if !is_qualified(name) {
                faults.push(
                    Fault::new(key.place, format!("table `{name}` has no schema"))
                        .help(format!("write it as in the dump, as public.{name}")),
                );
            }
            let mut rules = TableRules { place: key.place, ..TableRules::default() };
            if value.text() == Some("keep") {
                rules.keep = true;
            } else if !value.is_null() {
                read_columns(value, &mut rules, faults);
            }
            self.tables.insert(name.to_owned(), rules);
        }
    }

    /// The names of all types of transforms.
    pub fn types() -> impl Iterator<Item = &'static str> {
        read::types()
    }

    /// The SHA-256, in hexadecimal, of everything that shapes results: tables, columns, transforms with their
    /// options, the lists and this crate's [`REVISION`]. Comments, order and spelling do not count. The key is not
    /// part of it; see [`Key::fingerprint`](crate::Key::fingerprint).
    #[must_use]
    pub fn hash(&self) -> String {
        let tables: BTreeMap<&str, BTreeMap<&str, &Rule>> = self
            .tables
            .iter()
            .map(|(name, rules)| {
                let columns = rules.columns.iter().map(|(column, _, rule)| (column.as_str(), rule)).collect();
                (name.as_str(), columns)
            })
            .collect();
        // Maps with text keys can always be serialised.
        let canonical = serde_json::to_vec(&(REVISION, self.lists, tables)).unwrap_or_default();
        crate::text::hex(&Sha256::digest(canonical))
    }

    /// The [`schema_hash`](crate::schema_hash()) that it was resolved with, if it was resolved.
    #[must_use]
    pub fn resolved(&self) -> Option<&str> {
        self.resolved.as_deref()
    }

    /// The tables that it names, in alphabetical order.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Whether it has an entry for the table; `keep` is an entry too.
    #[must_use]
    pub fn names_table(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Whether it has an entry for the column: a transform, `keep`, or `keep` for its whole table.
    #[must_use]
    pub fn decides(&self, table: &str, column: &str) -> bool {
        self.tables.get(table).is_some_and(|rules| {
            rules.keep || rules.unreadable || rules.names().any(|(name, _)| name == column)
        })
    }

    /// Whether it transforms any column of the table.
    #[must_use]
    pub fn transforms(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|rules| rules.columns.iter().any(|(_, _, rule)| !rule.is_keep()))
    }

    /// Whether it transforms a column of the table that it does not transform in the other table.
    #[must_use]
    pub fn transforms_beyond(&self, table: &str, other: &str) -> bool {
        let transformed = |table: &str| {
            let rules = self.tables.get(table).into_iter().flat_map(|rules| &rules.columns);
            rules.filter(|(_, _, rule)| !rule.is_keep()).map(|(column, ..)| column).collect::<Vec<_>>()
        };
        let there = transformed(other);
        transformed(table).iter().any(|column| !there.contains(column))
    }

    /// Every table and column that does not exist, with the one that was probably meant.
    pub(crate) fn unknown(&self, tables: &[Table]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let by_name = ByName::new(tables);
        // That a name has no schema was said when it was read.
        for (name, rules) in self.tables.iter().filter(|(name, _)| is_qualified(name)) {
            match by_name.get(name) {
                Some(table) => faults.extend(rules.unknown_columns(table)),
                None => faults.push(
                    Fault::new(rules.place, format!("there is no table {name} in the dump"))
                        .hint(near::hint(name, "tables", tables.iter().map(|table| table.name.as_str()))),
                ),
            }
        }
        faults
    }

    /// Columns whose transforms cannot be told, since a fault stands where they should be, or the name is of none: each with
    /// its table. What depends on them is no fault of its own.
    pub(crate) fn unclear(&self, tables: &[Table]) -> BTreeSet<(String, String)> {
        let mut unclear = BTreeSet::new();
        let by_name = ByName::new(tables);
        for (name, rules) in &self.tables {
            let named = by_name.get(name);
            let meant = if named.is_none() { meant(name, tables) } else { Vec::new() };
            let meant = meant.into_iter().filter(|table| !self.names_table(&table.name));
            for table in meant.chain(named.filter(|_| rules.unreadable)) {
                unclear.extend(table.columns.iter().map(|column| (table.name.clone(), column.name.clone())));
            }
            if let Some(table) = named {
                unclear.extend(rules.unclear_columns(table).map(|column| (name.clone(), column.to_owned())));
            }
        }
        unclear
    }

    pub(crate) fn problems(&self, mut faults: Vec<Fault>) -> Result<(), Problems> {
        if faults.is_empty() {
            return Ok(());
        }
        faults.sort_by(|a, b| (a.place, &a.what).cmp(&(b.place, &b.what)));
        faults.dedup();
        Err(Problems(faults.into_iter().map(|fault| self.problem(fault)).collect()))
    }

    pub(crate) fn problem(&self, fault: Fault) -> Problem {
        fault.in_file(&self.file)
    }
}

impl TableRules {
    /// All columns that it names, also those whose rules cannot be read.
    fn names(&self) -> impl Iterator<Item = (&str, Place)> {
        let read = self.columns.iter().map(|(name, place, _)| (name.as_str(), *place));
        read.chain(self.unread.iter().map(|(name, place)| (name.as_str(), *place)))
    }

    /// Takes what the parent says of columns of which these rules say nothing. Whether there was any.
    pub(crate) fn inherit(&mut self, parent: &Self) -> bool {
        let before = (self.columns.len(), self.unread.len());
        for (column, place, rule) in &parent.columns {
            if !self.names().any(|(name, _)| name == column) {
                self.columns.push((column.clone(), *place, rule.clone()));
            }
        }
        for (column, place) in &parent.unread {
            if !self.names().any(|(name, _)| name == column) {
                self.unread.push((column.clone(), *place));
            }
        }
        self.unreadable |= parent.unreadable;
        before != (self.columns.len(), self.unread.len())
    }

    pub(crate) fn unknown_columns(&self, table: &Table) -> Vec<Fault> {
        let unknown = self.names().filter(|(name, _)| table.position(name).is_none());
        let fault = |(name, place): (&str, Place)| {
            let names = table.columns.iter().map(|column| column.name.as_str());
            Fault::new(place, format!("table {} has no column {name}", table.name))
                .hint(near::hint(name, "columns", names))
        };
        unknown.map(fault).collect()
    }

    /// Columns of the table whose rules cannot be read, or may be those of names that are no column's.
    fn unclear_columns<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a str> {
        let free = |column: &&str| !self.names().any(|(name, _)| name == *column);
        let others = table.columns.iter().map(|column| column.name.as_str()).filter(free);
        let unknown = self.names().filter(|(name, _)| table.position(name).is_none());
        let meant = unknown.filter_map(move |(name, _)| near::nearest(name, others.clone()));
        self.unread.iter().map(|(name, _)| name.as_str()).chain(meant)
    }
}

/// The tables that may have been meant by a name that is no table's.
fn meant<'a>(name: &str, tables: &'a [Table]) -> Vec<&'a Table> {
    if is_qualified(name) {
        let near = near::nearest(name, tables.iter().map(|table| table.name.as_str()));
        return tables.iter().filter(|table| Some(table.name.as_str()) == near).collect();
    }
    let ends = |table: &&Table| table.name.strip_suffix(name).is_some_and(|schema| schema.ends_with('.'));
    tables.iter().filter(ends).collect()
}

fn read_columns(node: &Node, rules: &mut TableRules, faults: &mut Vec<Fault>) {
    let Some(pairs) = mapping(node, "a table", faults) else {
        rules.unreadable = true;
        return;
    };
    for (key, name, value) in pairs {
        match read::read(value, Some(key.place)) {
            Ok(rule) => rules.columns.push((name.to_owned(), key.place, rule)),
            Err(found) => {
                rules.unread.push((name.to_owned(), key.place));
                faults.extend(found);
            }
        }
    }
}

/// `schema.table`, either part in quotes or not.
fn is_qualified(name: &str) -> bool {
    let mut quoted = false;
    name.bytes().any(|b| {
        quoted ^= b == b'"';
        b == b'.' && !quoted
    })
}

/// The pairs of a mapping, with their keys as text. No key may come twice.
pub(crate) fn mapping<'a>(
    node: &'a Node,
    what: &str,
    faults: &mut Vec<Fault>,
) -> Option<Vec<(&'a Node, &'a str, &'a Node)>> {
    let Value::Map(pairs) = &node.value else {
        faults.push(Fault::new(node.place, format!("{what} must be a mapping, not {}", node.kind())));
        return None;
    };
    let mut out: Vec<(&Node, &str, &Node)> = Vec::with_capacity(pairs.len());
    let mut seen = std::collections::HashSet::new();
    for (key, value) in pairs {
        let (Value::Plain(name) | Value::Quoted(name)) = &key.value else {
            faults.push(Fault::new(key.place, format!("a key must be a name, not {}", key.kind())));
            continue;
        };
        if seen.insert(name.as_str()) {
            out.push((key, name, value));
        } else {
            faults.push(Fault::new(key.place, format!("`{name}` is given twice")));
        }
    }
    Some(out)
}

fn expect(node: &Node, allowed: &[&str], help: &str) -> Result<(), Fault> {
    let found = node.text().unwrap_or_default();
    let same = |allowed: &&str| found == *allowed || found.strip_suffix(".0") == Some(allowed);
    if allowed.iter().any(same) {
        return Ok(());
    }
    Err(Fault::new(node.place, format!("`{found}` is not supported")).help(help))
}

#[cfg(test)]
mod tests;
