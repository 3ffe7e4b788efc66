//! Resolves a configuration by the constraints of the schema: unique columns stay unique, and foreign keys follow the
//! columns that they reference.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::{Config, Rule, Transform, Unique};
use crate::error::{Fault, Place};
use crate::sql::SqlType;
use crate::suit;
use crate::table::{ByName, Column, Table};

/// A primary key, a unique constraint or a unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// The table, spelled as SQL needs it.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The referencing table.
    pub table: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced table.
    pub to_table: String,
    /// The referenced columns, in the order of the referencing ones.
    pub to_columns: Vec<String>,
}

/// A partition, or a table that inherits, and its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildTable {
    /// The partition or the inheriting table.
    pub table: String,
    /// Its parent.
    pub parent: String,
}

/// A column that must stay unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedColumn {
    /// Its table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Why, like "a partition bound depends on it".
    pub why: String,
}

/// An expression of a unique key that contains a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyExpression {
    /// The key's table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Whether it only folds the case, like `lower(column)` and `upper(column)`.
    pub folds_case: bool,
}

/// The constraints of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Columns that must stay unique.
    pub unique: Vec<UniqueKey>,
    /// Columns that must stay equal.
    pub foreign: Vec<ForeignKey>,
    /// Partitions and inheriting tables. Rows are in the dump under their names.
    pub children: Vec<ChildTable>,
    /// Columns that must stay unchanged.
    pub fixed: Vec<FixedColumn>,
    /// Columns that are in an expression of a unique key. Their values must stay different in that expression.
    pub expressions: Vec<KeyExpression>,
}

/// Constraints, found by their tables.
pub(crate) struct ByTable<'a> {
    pub(crate) unique: HashMap<&'a str, Vec<&'a UniqueKey>>,
    pub(crate) foreign: HashMap<&'a str, Vec<&'a ForeignKey>>,
    pub(crate) fixed: HashMap<&'a str, Vec<&'a FixedColumn>>,
    pub(crate) expressions: HashMap<&'a str, Vec<&'a KeyExpression>>,
}

impl<'a> ByTable<'a> {
    pub(crate) fn new(keys: &'a Keys) -> Self {
        Self {
            unique: grouped(keys.unique.iter().map(|key| (key.table.as_str(), key))),
            foreign: grouped(keys.foreign.iter().map(|key| (key.table.as_str(), key))),
            fixed: grouped(keys.fixed.iter().map(|fixed| (fixed.table.as_str(), fixed))),
            expressions: grouped(keys.expressions.iter().map(|key| (key.table.as_str(), key))),
        }
    }
}

/// What the map has of the table.
pub(crate) fn of<'m, T>(map: &'m HashMap<&str, Vec<T>>, table: &str) -> &'m [T] {
    map.get(table).map(Vec::as_slice).unwrap_or_default()
}

fn grouped<'a, T>(pairs: impl Iterator<Item = (&'a str, T)>) -> HashMap<&'a str, Vec<T>> {
    let mut map: HashMap<&str, Vec<T>> = HashMap::new();
    pairs.for_each(|(table, one)| map.entry(table).or_default().push(one));
    map
}

/// Gives partitions the rules of their parent, unless they have an entry of their own; makes every rule of a column in
/// a unique key one that keeps different values different; gives the columns of foreign keys the rule of what they
/// refer to. Also every rule that cannot be brought together with the schema; it stays as it was.
pub(crate) fn resolve(config: &Config, tables: &[Table], keys: &Keys) -> (Config, Vec<Fault>) {
    let mut resolver = Resolver {
        config: config.clone(),
        tables: ByName::new(tables),
        inherited: BTreeSet::new(),
        unclear: BTreeSet::new(),
        faults: Vec::new(),
        said: BTreeSet::new(),
    };
    let all = &with_children(keys);
    resolver.inherit(all);
    resolver.unclear = resolver.config.unclear(tables);
    resolver.fixed(all);
    resolver.unique(all);
    resolver.unknown(all);
    resolver.foreign(all);
    (Config { resolved: Some(schema_hash(keys)), ..resolver.config }, resolver.faults)
}

/// The prefix of the hash: the version of its input.
const SCHEMA_HASH: &str = "v2-";

/// Identifies the constraints of a schema. A resolved configuration contains this hash, and cannot be used with other
/// constraints. Their order does not count.
///
/// It is stored in users' files, so its form is fixed: `v2-` and, in hexadecimal, the first 8 bytes of the SHA-256 of
/// the constraints. Each constraint is a line of JSON without blanks, in UTF-8, with only the necessary escapes, and
/// with names as SQL spells them. The lines are sorted by their bytes, there are no duplicates, and the lines are
/// separated by line feeds:
///
/// ```text
/// ["expression","public.users","email",true]                               (table, column, whether case is folded)
/// ["fixed","public.log","at"]                                              (table, column)
/// ["foreign","public.orders",["user_id"],"public.users",["id"]]            (table, columns, table and columns referred to)
/// ["parent","public.log_1","public.log"]                                   (partition or heir, parent)
/// ["unique","public.users",["id"]]                                         (table, columns)
/// ```
#[must_use]
pub fn schema_hash(keys: &Keys) -> String {
    let unique = keys.unique.iter().map(|key| json!(["unique", key.table, key.columns]));
    let foreign = keys
        .foreign
        .iter()
        .map(|key| json!(["foreign", key.table, key.columns, key.to_table, key.to_columns]));
    let parents = keys.children.iter().map(|child| json!(["parent", child.table, child.parent]));
    let fixed = keys.fixed.iter().map(|fixed| json!(["fixed", fixed.table, fixed.column]));
    let expressions =
        keys.expressions.iter().map(|key| json!(["expression", key.table, key.column, key.folds_case]));
    let demands = unique.chain(foreign).chain(parents).chain(fixed).chain(expressions);
    let lines: BTreeSet<String> = demands.map(|demand| demand.to_string()).collect();
    let text = lines.into_iter().collect::<Vec<_>>().join("\n");
    format!("{SCHEMA_HASH}{}", crate::text::hex(&Sha256::digest(text)[..8]))
}

/// Whether a configuration was resolved by a version of this crate with the same form of [`schema_hash`].
#[must_use]
pub fn is_schema_hash(text: &str) -> bool {
    text.starts_with(SCHEMA_HASH)
}

struct Resolver<'a> {
    config: Config,
    tables: ByName<'a>,
    /// Tables that have rules from their parent.
    inherited: BTreeSet<String>,
    /// Columns of which nobody can tell yet what becomes of them.
    unclear: BTreeSet<(String, String)>,
    faults: Vec<Fault>,
    /// What was said of which place in the file.
    said: BTreeSet<(Place, String)>,
}

impl Resolver<'_> {
    fn rule(&self, table: &str, column: &str) -> Option<&Rule> {
        let rules = self.config.tables.get(table)?;
        rules.columns.iter().find(|(name, ..)| name == column).map(|(_, _, rule)| rule)
    }

    /// The rule, if it changes anything.
    fn changing(&self, table: &str, column: &str) -> Option<&Rule> {
        self.rule(table, column).filter(|rule| !rule.is_keep())
    }

    fn column(&self, table: &str, column: &str) -> Option<&Column> {
        let table = self.tables.get(table)?;
        table.columns.iter().find(|c| c.name == column)
    }

    fn sql(&self, table: &str, column: &str) -> SqlType {
        self.column(table, column)
            .map_or_else(SqlType::text, |column| SqlType::of(column.type_name.as_deref(), &column.labels))
    }

    fn set(&mut self, table: &str, column: &str, rule: Rule) {
        let rules = self.config.tables.entry(table.to_owned()).or_default();
        match rules.columns.iter_mut().find(|(name, ..)| name == column) {
            Some((_, _, old)) => *old = rule,
            None => rules.columns.push((column.to_owned(), rule.place, rule)),
        }
    }

    /// Notes a fault of a table's rule. What is wrong with a parent's rule is said once, not for each partition that has it
    /// from there.
    fn fail(&mut self, table: &str, place: Place, what: &str, fault: Fault) {
        let is_new = self.said.insert((place, what.to_owned()));
        if is_new || !self.inherited.contains(table) {
            self.faults.push(fault);
        }
    }

    /// What becomes of the column cannot be told, unless it has a rule of its own.
    fn leave_open(&mut self, table: &str, column: &str) {
        if self.rule(table, column).is_none() {
            self.unclear.insert((table.to_owned(), column.to_owned()));
        }
    }

    fn is_unclear(&self, table: &str, column: &str) -> bool {
        self.unclear.contains(&(table.to_owned(), column.to_owned()))
    }

    /// A partition gets the rules of its parent for the columns that it says nothing of; so does a partition of it.
    fn inherit(&mut self, keys: &Keys) {
        for _ in 0..keys.children.len() {
            let mut changed = false;
            for ChildTable { table: child, parent } in &keys.children {
                let Some(rules) = self.config.tables.get(parent).cloned() else { continue };
                match self.config.tables.get_mut(child) {
                    None => {
                        self.config.tables.insert(child.clone(), rules);
                        self.inherited.insert(child.clone());
                        changed = true;
                    }
                    // Of a table that is to stay as it is, all columns stay.
                    Some(own) if own.keep => {}
                    Some(own) => {
                        if own.inherit(&rules) {
                            self.inherited.insert(child.clone());
                            changed = true;
                        }
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    fn fixed(&mut self, keys: &Keys) {
        for FixedColumn { table, column, why } in &keys.fixed {
            if let Some(rule) = self.changing(table, column) {
                let what = format!("column {column} of {table} cannot be transformed: {why}");
                let fault = Fault::new(rule.place, what).help("write `keep`, or transform another column");
                self.fail(table, fault.place, why, fault);
            }
        }
    }

    /// A foreign key cannot be followed if its columns are not known at both ends.
    fn unknown(&mut self, keys: &Keys) {
        for key in keys.foreign.iter().filter(|key| key.columns.len() != key.to_columns.len()) {
            let rules = [&key.to_table, &key.table].map(|table| self.config.tables.get(table));
            let mut rules = rules.into_iter().flatten().flat_map(|rules| &rules.columns);
            let Some((_, place, _)) = rules.find(|(_, _, rule)| !rule.is_keep()) else { continue };
            let what = format!(
                "the foreign key of {} ({}) to {} cannot be followed: the columns that it references are not known",
                key.table,
                key.columns.join(", "),
                key.to_table
            );
            let help = "name its columns in the script, or give the tables no transforms";
            self.faults.push(Fault::new(*place, what).help(help));
        }
    }

    fn unique(&mut self, keys: &Keys) {
        let expressions = ByTable::new(keys).expressions;
        for key in &keys.unique {
            for column in &key.columns {
                let Some(rule) = self.changing(&key.table, column) else { continue };
                if rule.unique != Unique::No {
                    continue;
                }
                let under = of(&expressions, &key.table).iter().filter(|one| one.column == *column);
                let fold_case: Vec<_> = under.map(|one| one.folds_case).collect();
                let sql = self.sql(&key.table, column);
                let mut faults = suit::can_be_unique(rule, &sql);
                faults.extend(suit::unique_under(rule, &fold_case).err());
                let (place, unique) = (rule.place, Rule { unique: Unique::Yes, ..rule.clone() });
                if faults.is_empty() {
                    self.set(&key.table, column, unique);
                }
                for (why, help) in faults {
                    let what = format!("column {column} of {}: {why}", key.table);
                    self.fail(&key.table, place, &why, Fault::new(place, what).hint(help));
                }
            }
        }
    }

    /// Rules pass from the referenced column to the referencing one, over any number of tables and in cycles.
    fn foreign(&mut self, keys: &Keys) {
        let mut links: Vec<(&ForeignKey, usize)> =
            keys.foreign.iter().flat_map(|key| (0..key.columns.len()).map(move |n| (key, n))).collect();
        // A referenced column may itself reference another one. Each round resolves at least one link.
        loop {
            let before = links.len();
            links.retain(|(key, n)| !self.follow(key, *n));
            if links.len() == before {
                break;
            }
        }
        for (key, n) in links {
            self.unmatched(key, n);
        }
    }

    /// Whether the link is resolved.
    fn follow(&mut self, key: &ForeignKey, n: usize) -> bool {
        let (Some(from), Some(to)) = (key.columns.get(n), key.to_columns.get(n)) else { return true };
        if self.is_unclear(&key.to_table, to) {
            self.leave_open(&key.table, from);
            return true;
        }
        let Some(target) = self.changing(&key.to_table, to) else { return false };
        let mut rule = target.clone();
        let here = format!("column {from} of {} refers to {to} of {}", key.table, key.to_table);
        let there = format!("{to} of {}", key.to_table);
        if !is_of_value_alone(&rule) {
            let what =
                format!("{here}, and the {} there depends on more than the value", rule.transform.name());
            let fault =
                Fault::new(rule.place, what).help("use a keyed transform that depends only on the value");
            self.fail(&key.table, fault.place, &there, fault);
            self.leave_open(&key.table, from);
            return true;
        }
        let suits = self.suits(&key.to_table, to, &rule);
        if rule.value_type.is_none() {
            rule.value_type = self.column(&key.to_table, to).and_then(|column| column.type_name.clone());
        }
        match self.rule(&key.table, from) {
            Some(own) if !same(own, &rule) => {
                let what = format!("{here}, and their transforms differ");
                let fault = Fault::new(own.place, what)
                    .help("leave it out here: this column gets the same transform by itself");
                self.fail(&key.table, fault.place, &there, fault);
            }
            _ if key.table == key.to_table && from == to => {}
            // The fault is said where the rule stands.
            None if !suits => self.leave_open(&key.table, from),
            _ => self.set(&key.table, from, rule),
        }
        true
    }

    fn suits(&self, table: &str, column: &str, rule: &Rule) -> bool {
        let not_null = self.column(table, column).is_some_and(|column| column.not_null);
        suit::check(rule, &self.sql(table, column), not_null).is_empty()
    }

    /// What is referred to stays: so must what refers to it.
    fn unmatched(&mut self, key: &ForeignKey, n: usize) {
        let (Some(from), Some(to)) = (key.columns.get(n), key.to_columns.get(n)) else { return };
        if let Some(rule) = self.changing(&key.table, from) {
            let there = format!("{to} of {}", key.to_table);
            let what = format!("column {from} of {} refers to {there}, which is not transformed", key.table);
            let fault = Fault::new(rule.place, what)
                .help("transform that column: this one gets the same transform by itself");
            self.fail(&key.table, fault.place, &there, fault);
        }
    }
}

/// Whether equal values become equal, wherever they are.
fn is_of_value_alone(rule: &Rule) -> bool {
    let sees_row = matches!(
        rule.transform,
        Transform::Template(_) | Transform::Password { .. } | Transform::DateShift { by: Some(_), .. }
    );
    rule.consistent && !sees_row
}

/// What a table's keys demand, they demand of its partitions too.
fn with_children(keys: &Keys) -> Keys {
    let mut all = keys.clone();
    let demands = ByTable::new(keys);
    for (child, ancestor) in descendants(keys) {
        let table = || child.to_owned();
        let unique = of(&demands.unique, ancestor).iter();
        all.unique.extend(unique.map(|key| UniqueKey { table: table(), ..(*key).clone() }));
        let foreign = of(&demands.foreign, ancestor).iter();
        all.foreign.extend(foreign.map(|key| ForeignKey { table: table(), ..(*key).clone() }));
        let fixed = of(&demands.fixed, ancestor).iter();
        all.fixed.extend(fixed.map(|fixed| FixedColumn { table: table(), ..(*fixed).clone() }));
        let expressions = of(&demands.expressions, ancestor).iter();
        all.expressions.extend(expressions.map(|key| KeyExpression { table: table(), ..(*key).clone() }));
    }
    all
}

/// Each child, once with each of its ancestors.
fn descendants(keys: &Keys) -> Vec<(&str, &str)> {
    let children = || keys.children.iter().map(|child| (child.table.as_str(), child.parent.as_str()));
    let parents = grouped(children());
    let mut all: Vec<_> = children().collect();
    let mut seen: HashSet<_> = children().collect();
    let mut at = 0;
    while let Some(&(child, ancestor)) = all.get(at) {
        for parent in of(&parents, ancestor) {
            if seen.insert((child, parent)) {
                all.push((child, parent));
            }
        }
        at += 1;
    }
    all
}

/// Whether two rules give the same result for the same value.
fn same(own: &Rule, target: &Rule) -> bool {
    let form = |rule: &Rule| {
        let value_of = (&rule.transform, &rule.salt, rule.consistent, rule.locale);
        serde_json::to_string(&value_of).unwrap_or_default()
    };
    form(own) == form(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Problems;
    use crate::keyed::Key;
    use crate::plan::{Plan, Scratch};

    fn resolve(config: &Config, tables: &[Table], keys: &Keys) -> Result<Config, Problems> {
        let (resolved, faults) = super::resolve(config, tables, keys);
        config.problems(faults)?;
        Ok(resolved)
    }

    fn table(name: &str, columns: &[(&str, &str)]) -> Table {
        Table { name: name.to_owned(), columns: columns.iter().map(|(n, t)| Column::new(n, t)).collect() }
    }

    fn foreign(table: &str, column: &str, to_table: &str, to_column: &str) -> ForeignKey {
        ForeignKey {
            table: table.to_owned(),
            columns: vec![column.to_owned()],
            to_table: to_table.to_owned(),
            to_columns: vec![to_column.to_owned()],
        }
    }

    fn expression(table: &str, column: &str, folds_case: bool) -> KeyExpression {
        KeyExpression { table: table.to_owned(), column: column.to_owned(), folds_case }
    }

    #[test]
    fn a_foreign_key_of_unknown_columns_is_a_fault() {
        let config = Config::parse("t.yml", "tables: {public.users: {email: FakeEmail}}").unwrap();
        let column = |name: &str| Column::new(name, "text");
        let table = |name: &str, of: &str| Table { name: name.to_owned(), columns: vec![column(of)] };
        let tables = [table("public.users", "email"), table("public.o", "e")];
        let mut key = foreign("public.o", "e", "public.users", "email");
        key.to_columns.clear();
        let keys = Keys { foreign: vec![key], ..Keys::default() };
        let problems = resolve(&config, &tables, &keys).unwrap_err().to_string();
        assert!(problems.contains("public.o (e) to public.users cannot be followed"), "{problems}");
    }

    /// The form is fixed, so any program can compute it: `printf %s "$LINES" | sha256sum`.
    #[test]
    fn the_hash_of_a_schema_is_that_of_stated_lines() {
        let text = |text: &str| text.to_owned();
        let unique =
            |table: &str, column: &str| UniqueKey { table: text(table), columns: vec![text(column)] };
        let keys = Keys {
            unique: vec![
                unique("public.users", "id"),
                unique("public.\"Größe\"", "a\tb"),
                unique("public.users", "id"),
            ],
            foreign: vec![foreign("public.orders", "user_id", "public.users", "id")],
            children: vec![ChildTable { table: text("public.log_1"), parent: text("public.log") }],
            fixed: vec![FixedColumn {
                table: text("public.log"),
                column: text("at"),
                why: text("a partition bound depends on it"),
            }],
            expressions: vec![expression("public.users", "email", true)],
        };
        let lines = [
            r#"["expression","public.users","email",true]"#,
            r#"["fixed","public.log","at"]"#,
            r#"["foreign","public.orders",["user_id"],"public.users",["id"]]"#,
            r#"["parent","public.log_1","public.log"]"#,
            r#"["unique","public.\"Größe\"",["a\tb"]]"#,
            r#"["unique","public.users",["id"]]"#,
        ];
        let stated = crate::text::hex(&Sha256::digest(lines.join("\n"))[..8]);
        assert_eq!((schema_hash(&keys), stated.as_str()), (format!("v2-{stated}"), "82e1f8f6b4b7d935"));
        assert!(is_schema_hash(&schema_hash(&Keys::default())) && !is_schema_hash("82e1f8f6b4b7d935"));
    }

    fn schema() -> (Vec<Table>, Keys) {
        let tables = vec![
            table("public.a", &[("id", "integer"), ("parent", "bigint"), ("email", "character varying(40)")]),
            table("public.b", &[("a", "bigint"), ("note", "text")]),
            table("public.c", &[("b", "integer"), ("email", "text")]),
            table("public.c_1", &[("b", "integer"), ("email", "text")]),
            table("public.c_1_2", &[("email", "text"), ("b", "integer")]),
            table("public.d", &[("code", "text"), ("n", "integer"), ("t", "text"), ("u", "uuid")]),
        ];
        let unique = |table: &str, column: &str| UniqueKey {
            table: table.to_owned(),
            columns: vec![column.to_owned()],
        };
        let keys = Keys {
            children: [("public.c_1_2", "public.c_1"), ("public.c_1", "public.c")]
                .map(|(table, parent)| ChildTable { table: table.to_owned(), parent: parent.to_owned() })
                .into(),
            unique: vec![
                unique("public.a", "id"),
                unique("public.a", "email"),
                unique("public.b", "a"),
                unique("public.d", "code"),
                unique("public.d", "n"),
                unique("public.d", "t"),
                unique("public.d", "u"),
            ],
            foreign: vec![
                foreign("public.c", "b", "public.b", "a"),
                foreign("public.a", "parent", "public.a", "id"),
                foreign("public.b", "a", "public.a", "id"),
                foreign("public.c", "email", "public.a", "email"),
            ],
            expressions: vec![expression("public.d", "code", true), expression("public.d", "n", false)],
            fixed: vec![FixedColumn {
                table: "public.b".to_owned(),
                column: "note".to_owned(),
                why: "a partition bound depends on it".to_owned(),
            }],
        };
        (tables, keys)
    }

    fn resolved(rules: &str) -> Result<Config, Problems> {
        let (tables, keys) = schema();
        resolve(&Config::parse("t.yml", &format!("tables:\n{rules}")).unwrap(), &tables, &keys)
    }

    fn value(config: &Config, table: &str, column: &str, value: &str) -> String {
        let (tables, _) = schema();
        let table = tables.iter().find(|t| t.name == table).unwrap();
        let plan = Plan::compile(config, table, &Key::insecure_unkeyed()).unwrap();
        let row: Vec<_> = table.columns.iter().map(|c| (c.name == column).then_some(value)).collect();
        let mut scratch = Scratch::default();
        plan.apply(&row, 1, &mut scratch).unwrap();
        let at = table.position(column).unwrap();
        scratch.values().find(|(place, _)| *place == at).unwrap().1.unwrap().to_owned()
    }

    #[test]
    fn foreign_keys_follow_through_tables_types_and_themselves() {
        let config = resolved("  public.a: {id: FormatPreserving, email: FakeEmail}\n").unwrap();
        for id in ["1", "42", "2147483647"] {
            let new = value(&config, "public.a", "id", id);
            assert_eq!(value(&config, "public.a", "parent", id), new);
            assert_eq!(value(&config, "public.b", "a", id), new);
            assert_eq!(value(&config, "public.c", "b", id), new);
        }
        let email = value(&config, "public.a", "email", "jane@shop.test");
        assert_eq!(value(&config, "public.c", "email", "jane@shop.test"), email);
        assert!(email.len() > 25 && email.len() <= 40, "{email}");
        assert_eq!(Config::parse("t", &config.to_yaml()).unwrap().hash(), config.hash());
    }

    #[test]
    fn partitions_follow_their_parent() {
        let config = resolved("  public.a: {id: FormatPreserving, email: FakeEmail}\n").unwrap();
        for table in ["public.c", "public.c_1", "public.c_1_2"] {
            assert_eq!(value(&config, table, "b", "42"), value(&config, "public.a", "id", "42"));
            assert_eq!(
                value(&config, table, "email", "j@x.test"),
                value(&config, "public.a", "email", "j@x.test")
            );
        }
        let config = resolved("  public.c: {email: Redact}\n");
        assert!(config.unwrap_err().to_string().contains("not transformed"));
        let (tables, mut keys) = schema();
        keys.foreign.clear();
        let of = |rules: &str| {
            resolve(&Config::parse("t", &format!("tables: {rules}")).unwrap(), &tables, &keys).unwrap()
        };
        let config = of("{public.c: {email: Redact}, public.c_1: keep}");
        assert!(
            config.transforms("public.c")
                && !config.transforms("public.c_1")
                && config.decides("public.c_1_2", "email")
        );
        let config = of("{public.c: {email: Redact}}");
        assert!(config.transforms("public.c_1") && config.transforms("public.c_1_2"));
        let config = of("{public.c: {email: Redact}, public.c_1: {b: keep}}");
        assert!(["public.c_1", "public.c_1_2"].iter().all(|table| config.decides(table, "email")
            && config.decides(table, "b")
            && config.transforms(table)));
    }

    #[test]
    fn what_cannot_be_brought_together() {
        for (rules, what) in [
            ("  public.a: {email: FakePhone}", "makes different values equal"),
            ("  public.a: {email: {type: FakeEmail, consistent: false}}", "not unique"),
            (
                "  public.a: {email: {type: Template, template: '{{.id}}@x.test', unique: assumed}}",
                "more than the value",
            ),
            ("  public.a: {id: FormatPreserving}\n  public.b: {a: Hash}", "transforms differ"),
            ("  public.a: {id: FormatPreserving}\n  public.b: {a: keep}", "transforms differ"),
            ("  public.b: {a: Hash}", "not transformed"),
            ("  public.b: {note: FakeSentence}", "partition bound"),
            ("  public.d: {code: FormatPreserving}", "ignores the case of letters"),
            ("  public.d: {n: FormatPreserving}", "an expression"),
            ("  public.d: {t: IpAddress}", "several spellings"),
            ("  public.d: {t: {type: FakeEmail, nulls: transform}}", "several NULLs"),
            ("  public.d: {t: {type: Uuid, on_error: constant, error_value: x}}", "several rows"),
        ] {
            let problems = resolved(rules).expect_err(rules);
            assert!(problems.to_string().contains(what), "{rules}: {problems}");
        }
        assert!(resolved("  public.a: {id: FormatPreserving}\n  public.b: {a: FormatPreserving}").is_ok());
        for rules in [
            "code: FakeEmail",
            "code: Hash",
            "code: Uuid",
            "code: Iban",
            "code: CardNumber",
            "t: Uuid",
            "t: FormatPreserving",
            "u: Uuid",
        ] {
            assert!(resolved(&format!("  public.d: {{{rules}}}")).is_ok(), "{rules}");
        }
        assert!(resolved("  public.d: {n: {type: FormatPreserving, unique: assumed}}").is_ok());
    }
}
