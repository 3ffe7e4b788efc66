//! The tables, columns and types that a dump has defined so far.

use std::collections::HashMap;

use crate::name::QualifiedName;

#[cfg(feature = "pg_query")]
mod parse;

/// Longer definitions are not parsed: the tree takes some hundred times the text's size.
#[cfg(feature = "pg_query")]
const MOST_PARSED: usize = 256 << 10;

/// What matters of a column's type: which JSON value its text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeClass {
    /// `smallint`, `integer`, `bigint`, `oid`.
    Integer,
    /// `real`, `double precision`.
    Float,
    /// `boolean`.
    Boolean,
    /// Everything else, arrays included.
    Text,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, without quotes.
    pub name: String,
    /// The class of its type; a domain has that of its base type.
    pub class: TypeClass,
    /// Its type, where that is one of PostgreSQL's own whose values come through an array and an assignment as they are, or
    /// an array of such.
    pub element: Option<&'static str>,
    /// PostgreSQL computes it from other columns; it takes no value.
    pub generated: bool,
}

/// A table, in the order of its definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Its columns, inherited ones first.
    pub columns: Vec<Column>,
    /// Where it was dumped its columns may be in another order: it inherits some, which come first once it is restored,
    /// or rows of its partitions may be loaded through it. So values without names may be those of other columns.
    pub order_may_differ: bool,
}

impl Table {
    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What came of showing a statement to the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It changes no column of any table.
    Nothing,
    /// The schema is different now.
    Changed,
    /// No parser understood it: the columns that it defines have unknown types, and their values stay text.
    NotUnderstood,
}

/// A reference to a type, as a definition spells it.
#[derive(Debug, Clone)]
pub(crate) struct TypeName {
    pub(crate) name: QualifiedName,
    pub(crate) array: bool,
}

/// A column as a definition spells it.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    pub(crate) type_name: Option<TypeName>,
    pub(crate) generated: bool,
}

/// What a statement defines.
#[cfg_attr(not(feature = "pg_query"), expect(dead_code, reason = "only a parser gives definitions"))]
#[derive(Debug, Clone)]
pub(crate) enum Definition {
    Table {
        name: QualifiedName,
        columns: Vec<ColumnDefinition>,
        parents: Vec<QualifiedName>,
        partitioned: bool,
        of_type: Option<QualifiedName>,
    },
    Composite {
        name: QualifiedName,
        columns: Vec<ColumnDefinition>,
    },
    Domain {
        name: QualifiedName,
        base: TypeName,
    },
    Alter {
        name: QualifiedName,
        actions: Vec<Action>,
    },
}

/// What ALTER TABLE does to columns.
#[cfg_attr(not(feature = "pg_query"), expect(dead_code, reason = "only a parser gives definitions"))]
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Add(ColumnDefinition),
    Drop(String),
    Retype(String, TypeName),
    Rename(String, String),
    DropExpression(String),
}

/// All definitions so far. Its size grows with the schema, not with the data.
#[derive(Debug, Clone)]
pub struct Schema {
    tables: HashMap<QualifiedName, Table>,
    composites: HashMap<QualifiedName, Table>,
    domains: HashMap<QualifiedName, TypeClass>,
    path: Vec<String>,
}

impl Default for Schema {
    fn default() -> Self {
        Self {
            tables: HashMap::new(),
            composites: HashMap::new(),
            domains: HashMap::new(),
            path: vec!["public".to_owned()],
        }
    }
}

impl Schema {
    /// An empty schema, with `public` as the search path.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a statement of kind [`Definition`](crate::Kind::Definition).
    pub fn observe(&mut self, text: &str) -> Learned {
        #[cfg(feature = "pg_query")]
        {
            let parsed = if text.len() > MOST_PARSED { None } else { parse::definitions(text) };
            let Some(definitions) = parsed else { return Learned::NotUnderstood };
            let mut learned = Learned::Nothing;
            for definition in definitions {
                if self.learn(definition) {
                    learned = Learned::Changed;
                }
            }
            learned
        }
        #[cfg(not(feature = "pg_query"))]
        {
            let _ = text;
            Learned::NotUnderstood
        }
    }

    /// Takes over the value of `search_path`, without quotes.
    pub fn set_search_path(&mut self, value: &str) {
        self.path = value
            .split(',')
            .map(|part| part.trim().trim_matches('"').to_owned())
            .filter(|part| !part.is_empty() && part != "$user")
            .collect();
    }

    /// The table of this name, looked up along the search path where it has no schema.
    #[must_use]
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        find(&self.tables, name, &self.path)
    }

    /// The name with its schema: the one that it has, else the first of the search path that has the table,
    /// else the first of the search path, else `public`.
    #[must_use]
    pub fn qualify(&self, name: &QualifiedName) -> QualifiedName {
        if name.schema.is_some() {
            return name.clone();
        }
        let candidates = || self.path.iter().map(|schema| QualifiedName::new(schema, &name.name));
        candidates()
            .find(|candidate| self.tables.contains_key(candidate))
            .or_else(|| candidates().find(|candidate| candidate.schema.as_deref() != Some("pg_catalog")))
            .unwrap_or_else(|| QualifiedName::new("public", &name.name))
    }

    #[cfg_attr(not(feature = "pg_query"), expect(dead_code, reason = "only a parser gives definitions"))]
    fn learn(&mut self, definition: Definition) -> bool {
        match definition {
            Definition::Table { name, columns, parents, partitioned, of_type } => {
                let mut table = Table::default();
                if let Some(of_type) = of_type
                    && let Some(composite) = find(&self.composites, &of_type, &self.path)
                {
                    table = composite.clone();
                }
                table.order_may_differ = partitioned || !parents.is_empty();
                for parent in &parents {
                    if let Some(parent) = self.table(parent) {
                        parent.columns.iter().for_each(|column| merge(&mut table, column.clone()));
                    }
                }
                columns.iter().for_each(|column| merge(&mut table, self.column(column)));
                self.tables.insert(self.qualify(&name), table);
            }
            Definition::Composite { name, columns } => {
                let columns = columns.iter().map(|column| self.column(column)).collect();
                self.composites.insert(self.qualify(&name), Table { columns, order_may_differ: false });
            }
            Definition::Domain { name, base } => {
                let class = self.class(&base);
                self.domains.insert(self.qualify(&name), class);
            }
            Definition::Alter { name, actions } => return self.alter(&name, actions),
        }
        true
    }

    fn alter(&mut self, name: &QualifiedName, actions: Vec<Action>) -> bool {
        let name = self.qualify(name);
        let mut changed = false;
        for action in actions {
            let added = match &action {
                Action::Add(column) => Some(self.column(column)),
                _ => None,
            };
            let class = match &action {
                Action::Retype(_, type_name) => self.class(type_name),
                _ => TypeClass::Text,
            };
            let element = match &action {
                Action::Retype(_, type_name) => element(type_name),
                _ => None,
            };
            let Some(table) = self.tables.get_mut(&name) else { return changed };
            changed = true;
            let named = |column: &str| table.columns.iter().position(|c| c.name == column);
            match action {
                Action::Add(_) => added.into_iter().for_each(|column| merge(table, column)),
                Action::Drop(column) => table.columns.retain(|c| c.name != column),
                Action::Retype(column, _) => {
                    if let Some(at) = named(&column) {
                        (table.columns[at].class, table.columns[at].element) = (class, element);
                    }
                }
                Action::Rename(column, new) => {
                    if let Some(at) = named(&column) {
                        table.columns[at].name = new;
                    }
                }
                Action::DropExpression(column) => {
                    if let Some(at) = named(&column) {
                        table.columns[at].generated = false;
                    }
                }
            }
        }
        changed
    }

    fn column(&self, definition: &ColumnDefinition) -> Column {
        Column {
            name: definition.name.clone(),
            class: definition.type_name.as_ref().map_or(TypeClass::Text, |name| self.class(name)),
            element: definition.type_name.as_ref().and_then(element),
            generated: definition.generated,
        }
    }

    fn class(&self, type_name: &TypeName) -> TypeClass {
        if type_name.array {
            return TypeClass::Text;
        }
        let name = &type_name.name;
        match (name.schema.as_deref(), builtin(&name.name)) {
            (None | Some("pg_catalog"), Some(class)) => class,
            _ => find(&self.domains, name, &self.path).copied().unwrap_or(TypeClass::Text),
        }
    }
}

fn find<'a, T>(map: &'a HashMap<QualifiedName, T>, name: &QualifiedName, path: &[String]) -> Option<&'a T> {
    if name.schema.is_some() {
        return map.get(name);
    }
    path.iter().find_map(|schema| map.get(&QualifiedName::new(schema, &name.name)))
}

/// Adds a column, or lets it take the place of an inherited one of the same name.
fn merge(table: &mut Table, column: Column) {
    match table.columns.iter_mut().find(|c| c.name == column.name) {
        Some(inherited) => *inherited = column,
        None => table.columns.push(column),
    }
}

/// The classes of PostgreSQL's own types, by the names that the grammar and the catalogue have for them.
fn builtin(name: &str) -> Option<TypeClass> {
    Some(match name {
        "int2" | "int4" | "int8" | "oid" | "smallint" | "integer" | "int" | "bigint" | "serial"
        | "serial2" | "serial4" | "serial8" | "smallserial" | "bigserial" => TypeClass::Integer,
        "float4" | "float8" | "real" | "float" => TypeClass::Float,
        "bool" | "boolean" => TypeClass::Boolean,
        _ => return None,
    })
}

/// The type without its modifiers, which an assignment applies as the input function does; an array of it likewise.
/// Missing are types whose modifiers say more (`interval`, `bit`), whose reading depends on a setting (`xml`, `money`) or
/// whose arrays have another delimiter (`box`), and all that a dump can define.
fn element(type_name: &TypeName) -> Option<&'static str> {
    if !matches!(type_name.name.schema.as_deref(), None | Some("pg_catalog")) {
        return None;
    }
    let pair = |name: &str| ELEMENTS.iter().find(|(names, _)| names.split(' ').any(|one| one == name));
    let (_, array) = pair(&type_name.name.name)?;
    if type_name.array { Some(array) } else { array.strip_suffix("[]") }
}

/// The names that the grammar and the catalogue have for a type, and an array of it.
const ELEMENTS: &[(&str, &str)] = &[
    ("int2 smallint serial2 smallserial", "int2[]"),
    ("int4 integer int serial serial4", "int4[]"),
    ("int8 bigint serial8 bigserial", "int8[]"),
    ("float4 real", "float4[]"),
    ("float8 float", "float8[]"),
    ("bool boolean", "bool[]"),
    ("numeric", "numeric[]"),
    ("text", "text[]"),
    ("varchar", "varchar[]"),
    ("bpchar", "bpchar[]"),
    ("name", "name[]"),
    ("date", "date[]"),
    ("timestamp", "timestamp[]"),
    ("timestamptz", "timestamptz[]"),
    ("time", "time[]"),
    ("timetz", "timetz[]"),
    ("uuid", "uuid[]"),
    ("json", "json[]"),
    ("jsonb", "jsonb[]"),
    ("bytea", "bytea[]"),
    ("oid", "oid[]"),
    ("inet", "inet[]"),
    ("cidr", "cidr[]"),
    ("macaddr", "macaddr[]"),
    ("point", "point[]"),
    ("tsvector", "tsvector[]"),
    ("int4range", "int4range[]"),
    ("int8range", "int8range[]"),
    ("numrange", "numrange[]"),
    ("daterange", "daterange[]"),
    ("tsrange", "tsrange[]"),
    ("tstzrange", "tstzrange[]"),
];

#[cfg(test)]
#[cfg(feature = "pg_query")]
mod tests {
    use super::*;
    use TypeClass::{Boolean, Float, Integer, Text};

    fn classes(statements: &[&str], table: &str) -> Vec<(String, TypeClass)> {
        let mut schema = Schema::new();
        for statement in statements {
            assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
        }
        let name = QualifiedName::new("public", table);
        schema.table(&name).unwrap().columns.iter().map(|c| (c.name.clone(), c.class)).collect()
    }

    #[test]
    fn types_of_columns() {
        let got = classes(
            &[
                "CREATE DOMAIN public.d1 AS integer CHECK (VALUE > 0);",
                "CREATE DOMAIN public.d2 AS public.d1;",
                "CREATE DOMAIN public.d3 AS integer[];",
                "CREATE DOMAIN public.int4 AS text;",
                "CREATE TABLE public.t (a smallint, b bigint, c oid, d real, e double precision, f boolean, g numeric(3,1),
                   h public.d1, i public.d2, j public.d3, k int[], l \"char\", m public.int4, n timestamp(3) with time zone, o float(3));",
            ],
            "t",
        );
        let want = [
            Integer, Integer, Integer, Float, Float, Boolean, Text, Integer, Integer, Text, Text, Text, Text,
            Text, Float,
        ];
        assert_eq!(got.iter().map(|(_, class)| *class).collect::<Vec<_>>(), want);
    }

    #[test]
    fn inheritance_and_alteration() {
        let got = classes(
            &[
                "CREATE TABLE public.p (a int, b bool);",
                "CREATE TABLE public.c (b bool, z real) INHERITS (public.p);",
                "ALTER TABLE ONLY public.c ADD COLUMN y int, DROP COLUMN z;",
                "ALTER TABLE public.c ALTER COLUMN y TYPE text;",
                "ALTER TABLE ONLY public.c ALTER COLUMN a SET DEFAULT 1;",
                "ALTER TABLE public.c RENAME COLUMN y TO x;",
            ],
            "c",
        );
        assert_eq!(got, [("a".to_owned(), Integer), ("b".to_owned(), Boolean), ("x".to_owned(), Text)]);
    }

    #[test]
    fn typed_tables_and_partitions() {
        let got = classes(
            &["CREATE TYPE public.ty AS (a integer, b text);", "CREATE TABLE public.t OF public.ty;"],
            "t",
        );
        assert_eq!(got, [("a".to_owned(), Integer), ("b".to_owned(), Text)]);
        let got = classes(
            &[
                "CREATE TABLE public.p (a int) PARTITION BY LIST (a);",
                "CREATE TABLE public.q PARTITION OF public.p FOR VALUES IN (1);",
            ],
            "q",
        );
        assert_eq!(got, [("a".to_owned(), Integer)]);
    }

    #[test]
    fn the_order_of_columns_where_a_database_may_have_another() {
        let mut schema = Schema::new();
        for text in [
            "CREATE TYPE public.ty AS (a integer, b text);",
            "CREATE TABLE public.typed OF public.ty;",
            "CREATE TABLE public.parent (a int);",
            "CREATE TABLE public.child (b int) INHERITS (public.parent);",
            "CREATE TABLE public.root (a int) PARTITION BY LIST (a);",
            "CREATE TABLE public.part (a int);",
            "ALTER TABLE ONLY public.root ATTACH PARTITION public.part FOR VALUES IN (1);",
        ] {
            schema.observe(text);
        }
        let differs =
            |name: &str| schema.table(&QualifiedName::new("public", name)).unwrap().order_may_differ;
        assert_eq!(["child", "root"].map(differs), [true; 2]);
        assert_eq!(["typed", "parent", "part"].map(differs), [false; 3]);
    }

    #[test]
    fn what_changes_nothing() {
        let mut schema = Schema::new();
        schema.observe("CREATE TABLE public.t (a int);");
        for text in [
            "ALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK (a > 0);",
            "ALTER TABLE ONLY public.p ATTACH PARTITION public.t FOR VALUES IN (1);",
            "CREATE TYPE public.e AS ENUM ('a');",
        ] {
            assert_eq!(schema.observe(text), Learned::Nothing, "{text}");
        }
        assert_eq!(schema.observe("CREATE TABLE nonsense;"), Learned::NotUnderstood);
    }

    #[test]
    #[cfg(feature = "pg_query")]
    fn what_is_too_long_is_not_parsed() {
        let table =
            |terms: usize| format!("CREATE TABLE t (a int CHECK (a = 0{}));", " OR a = 1".repeat(terms));
        assert_eq!(Schema::default().observe(&table(100)), Learned::Changed);
        assert_eq!(Schema::default().observe(&table(MOST_PARSED / 9)), Learned::NotUnderstood);
    }

    #[test]
    fn search_path() {
        let mut schema = Schema::new();
        schema.set_search_path("other, pg_catalog");
        schema.observe("CREATE TABLE t (a int);");
        let name = QualifiedName { schema: None, name: "t".to_owned() };
        assert_eq!(schema.qualify(&name).to_string(), "other.t");
        assert!(schema.table(&name).is_some());
        schema.set_search_path("");
        assert_eq!(schema.qualify(&name).to_string(), "public.t");
    }
}
