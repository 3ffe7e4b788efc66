//! The tables, columns and types that a dump has defined so far.

use std::collections::HashMap;

use crate::name::QualifiedName;
use crate::token::{TokenKind, Tokens};

pub use keys::{Expression, Fixed, Foreign, Keys, Unique};

mod keys;
mod parse;

/// Longer definitions are not parsed: the tree takes some hundred times the text's size.
const MOST_PARSED: usize = 256 << 10;
/// Of a definition that is too long, longer literals are left out.
const LONG_LITERAL: usize = 1 << 10;

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
    /// Its type as PostgreSQL prints it; a domain as its base type.
    pub type_name: Option<String>,
    /// The labels, where the type is an enum or an array of one.
    pub labels: Vec<String>,
    /// It takes no NULL.
    pub not_null: bool,
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
    /// What stands in parentheses behind it.
    pub(crate) modifiers: Vec<i32>,
}

/// A column as a definition spells it.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    pub(crate) type_name: Option<TypeName>,
    pub(crate) generated: bool,
    pub(crate) not_null: bool,
}

/// What a statement defines.
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
    Enum {
        name: QualifiedName,
        labels: Vec<String>,
    },
    Demands {
        name: QualifiedName,
        demands: Vec<keys::Demand>,
    },
    Alter {
        name: QualifiedName,
        actions: Vec<Action>,
    },
}

/// What ALTER TABLE does to columns.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Add(ColumnDefinition),
    Drop(String),
    Retype(String, TypeName),
    Rename(String, String),
    DropExpression(String),
    SetNotNull(String),
}

/// All definitions so far. Its size grows with the schema, not with the data.
#[derive(Debug, Clone)]
pub struct Schema {
    tables: HashMap<QualifiedName, Table>,
    composites: HashMap<QualifiedName, Table>,
    domains: HashMap<QualifiedName, Domain>,
    enums: HashMap<QualifiedName, Vec<String>>,
    keys: Keys,
    path: Vec<String>,
}

/// What a domain comes down to.
#[derive(Debug, Clone)]
struct Domain {
    class: TypeClass,
    type_name: String,
    labels: Vec<String>,
}

impl Default for Schema {
    fn default() -> Self {
        Self {
            tables: HashMap::new(),
            composites: HashMap::new(),
            domains: HashMap::new(),
            enums: HashMap::new(),
            keys: Keys::default(),
            path: vec!["public".to_owned()],
        }
    }
}

/// The text without what long literals hold: no name or type is that long.
fn without_long_literals(text: &str) -> String {
    let mut out = String::new();
    let mut copied = 0;
    for token in Tokens::new(text.as_bytes(), true) {
        let literal = matches!(token.kind, TokenKind::Str | TokenKind::EscapeStr | TokenKind::DollarStr);
        if literal && token.end - token.start > LONG_LITERAL {
            out.push_str(&text[copied..token.start]);
            out.push_str("''");
            copied = token.end;
        }
    }
    out.push_str(&text[copied..]);
    out
}

impl Schema {
    /// An empty schema, with `public` as the search path.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a statement of kind [`Definition`](crate::Kind::Definition).
    pub fn observe(&mut self, text: &str) -> Learned {
        let short = (text.len() > MOST_PARSED).then(|| without_long_literals(text));
        let text = short.as_deref().unwrap_or(text);
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

    /// All tables with their names, in no order.
    pub fn tables(&self) -> impl Iterator<Item = (&QualifiedName, &Table)> {
        self.tables.iter()
    }

    /// What the definitions so far demand of columns.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
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
                let (type_name, labels) = self.spelled(&base);
                let domain = Domain { class: self.class(&base), type_name, labels };
                self.domains.insert(self.qualify(&name), domain);
            }
            Definition::Enum { name, labels } => {
                self.enums.insert(self.qualify(&name), labels);
            }
            Definition::Demands { name, demands } => {
                let table = self.qualify(&name);
                for demand in demands {
                    let demand = demand.qualified(|name| self.qualify(name));
                    self.keys.learn(&table, demand);
                }
                return false;
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
            let retyped = match &action {
                Action::Retype(column, type_name) => Some(self.column(&ColumnDefinition {
                    name: column.clone(),
                    type_name: Some(type_name.clone()),
                    generated: false,
                    not_null: false,
                })),
                _ => None,
            };
            let Some(table) = self.tables.get_mut(&name) else { return changed };
            changed = true;
            let named = |column: &str| table.columns.iter().position(|c| c.name == column);
            match action {
                Action::Add(_) => added.into_iter().for_each(|column| merge(table, column)),
                Action::Drop(column) => table.columns.retain(|c| c.name != column),
                Action::Retype(column, _) => {
                    if let (Some(at), Some(new)) = (named(&column), retyped) {
                        let Column { generated, not_null, .. } = table.columns[at];
                        table.columns[at] = Column { generated, not_null, ..new };
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
                Action::SetNotNull(column) => {
                    if let Some(at) = named(&column) {
                        table.columns[at].not_null = true;
                    }
                }
            }
        }
        changed
    }

    fn column(&self, definition: &ColumnDefinition) -> Column {
        let spelled = definition.type_name.as_ref().map(|name| self.spelled(name));
        let (type_name, labels) = spelled.map_or((None, Vec::new()), |(name, labels)| (Some(name), labels));
        Column {
            type_name,
            labels,
            not_null: definition.not_null,
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
            _ => find(&self.domains, name, &self.path).map_or(TypeClass::Text, |domain| domain.class),
        }
    }

    /// The type as PostgreSQL prints it, a domain as its base type, and the labels of an enum.
    fn spelled(&self, type_name: &TypeName) -> (String, Vec<String>) {
        let name = &type_name.name;
        let own = matches!(name.schema.as_deref(), None | Some("pg_catalog"));
        let (text, labels) = if let Some(text) = own.then(|| printed(type_name)).flatten() {
            (text, Vec::new())
        } else if let Some(domain) = find(&self.domains, name, &self.path) {
            (domain.type_name.clone(), domain.labels.clone())
        } else {
            let labels = find(&self.enums, name, &self.path).cloned().unwrap_or_default();
            (self.qualify_type(name, &labels), labels)
        };
        if type_name.array { (format!("{text}[]"), labels) } else { (text, labels) }
    }

    fn qualify_type(&self, name: &QualifiedName, labels: &[String]) -> String {
        if name.schema.is_some() || labels.is_empty() {
            return name.to_string();
        }
        let candidates = self.path.iter().map(|schema| QualifiedName::new(schema, &name.name));
        let found = candidates.into_iter().find(|name| self.enums.contains_key(name));
        found.unwrap_or_else(|| name.clone()).to_string()
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

/// One of PostgreSQL's own types as `format_type` prints it.
fn printed(type_name: &TypeName) -> Option<String> {
    let modified = |name: &str| match type_name.modifiers.as_slice() {
        [] => name.to_owned(),
        modifiers => {
            let modifiers: Vec<_> = modifiers.iter().map(ToString::to_string).collect();
            format!("{name}({})", modifiers.join(","))
        }
    };
    Some(match type_name.name.name.as_str() {
        "int2" => "smallint".to_owned(),
        "int4" => "integer".to_owned(),
        "int8" => "bigint".to_owned(),
        "float4" => "real".to_owned(),
        "float8" => "double precision".to_owned(),
        "bool" => "boolean".to_owned(),
        "varchar" => modified("character varying"),
        "bpchar" if type_name.modifiers.is_empty() => "bpchar".to_owned(),
        "bpchar" => modified("character"),
        "timestamp" => modified("timestamp") + " without time zone",
        "timestamptz" => modified("timestamp") + " with time zone",
        "time" => modified("time") + " without time zone",
        "timetz" => modified("time") + " with time zone",
        // Its modifiers are no numbers that are written.
        "interval" => "interval".to_owned(),
        "char" => "\"char\"".to_owned(),
        "bit" => modified("bit"),
        "varbit" => modified("bit varying"),
        name @ ("numeric" | "text" | "name" | "oid" | "money" | "date" | "uuid" | "inet" | "cidr"
        | "macaddr" | "macaddr8" | "json" | "jsonb" | "bytea" | "xml" | "tsvector" | "tsquery"
        | "point" | "smallserial" | "serial" | "bigserial" | "serial2" | "serial4" | "serial8") => {
            modified(name)
        }
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
    fn types_as_postgresql_prints_them() {
        let mut schema = Schema::new();
        for statement in [
            "CREATE TYPE public.mood AS ENUM ('sad', 'it''s');",
            "CREATE DOMAIN public.short AS character varying(20) NOT NULL;",
            "CREATE DOMAIN public.moods AS public.mood[];",
            "CREATE TABLE public.t (a integer NOT NULL, b public.short, c public.mood, d public.moods, e numeric(10,2)[],
               f timestamp(3) with time zone, g character(3), h public.citext, i \"char\", j double precision,
               k interval day to second(3), l time(2) without time zone, m bit varying(4), n int CONSTRAINT x NOT NULL);",
            "ALTER TABLE ONLY public.t ALTER COLUMN e SET NOT NULL;",
        ] {
            assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
        }
        let table = schema.table(&QualifiedName::new("public", "t")).unwrap();
        let types: Vec<_> = table.columns.iter().map(|c| c.type_name.as_deref().unwrap()).collect();
        assert_eq!(
            types,
            [
                "integer",
                "character varying(20)",
                "public.mood",
                "public.mood[]",
                "numeric(10,2)[]",
                "timestamp(3) with time zone",
                "character(3)",
                "public.citext",
                "\"char\"",
                "double precision",
                "interval",
                "time(2) without time zone",
                "bit varying(4)",
                "integer",
            ]
        );
        assert_eq!(table.column("c").unwrap().labels, ["sad", "it's"]);
        assert_eq!(table.column("d").unwrap().labels, ["sad", "it's"]);
        let not_null: Vec<_> = table.columns.iter().filter(|c| c.not_null).map(|c| c.name.as_str()).collect();
        assert_eq!(not_null, ["a", "e", "n"]);
    }

    #[test]
    fn what_definitions_demand() {
        let mut schema = Schema::new();
        for statement in [
            "CREATE TABLE public.a (id int PRIMARY KEY, email text UNIQUE, up int REFERENCES public.a, g int GENERATED ALWAYS AS ((id + length(email))) STORED);",
            "CREATE TABLE public.p (d date, k int) PARTITION BY RANGE (date_trunc('month', d), k);",
            "CREATE TABLE public.p1 (d date, k int);",
            "ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES FROM (MINVALUE, 1) TO (MAXVALUE, 2);",
            "CREATE TABLE public.child (x int) INHERITS (public.a);",
            "ALTER TABLE ONLY public.p ADD CONSTRAINT p_key UNIQUE (d, k);",
            "ALTER TABLE ONLY public.child ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES public.p(k) ON DELETE CASCADE;",
            "ALTER TABLE ONLY public.child ADD CONSTRAINT e EXCLUDE USING btree (x WITH =);",
            "CREATE UNIQUE INDEX i ON public.a USING btree (lower((email)::text), abs(up)) WHERE (id > 0);",
            "CREATE INDEX j ON public.a USING btree (g);",
        ] {
            assert_ne!(schema.observe(statement), Learned::NotUnderstood, "{statement}");
        }
        let keys = schema.keys();
        let unique: Vec<_> =
            keys.unique.iter().map(|key| format!("{} {}", key.table, key.columns.join(","))).collect();
        assert_eq!(
            unique,
            ["public.a id", "public.a email", "public.p d,k", "public.child x", "public.a email,up"]
        );
        let foreign: Vec<_> = keys
            .foreign
            .iter()
            .map(|key| {
                let to = keys.targets(key).join(",");
                format!("{} {} {} {to}", key.table, key.columns.join(","), key.to_table)
            })
            .collect();
        assert_eq!(foreign, ["public.a up public.a id", "public.child x public.p k"]);
        let parents: Vec<_> =
            keys.parents.iter().map(|(child, parent)| format!("{child} {parent}")).collect();
        assert_eq!(parents, ["public.p1 public.p", "public.child public.a"]);
        let expressions: Vec<_> = keys
            .expressions
            .iter()
            .map(|one| format!("{} {} {}", one.table, one.column, one.folds_case))
            .collect();
        assert_eq!(expressions, ["public.a email true", "public.a up false"]);
        let fixed: Vec<_> =
            keys.fixed.iter().map(|fixed| format!("{} {}", fixed.table, fixed.column)).collect();
        assert_eq!(fixed, ["public.a email", "public.a id", "public.p d", "public.p k"]);
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
        ] {
            assert_eq!(schema.observe(text), Learned::Nothing, "{text}");
        }
        assert_eq!(schema.observe("CREATE TABLE nonsense;"), Learned::NotUnderstood);
    }

    #[test]
    fn what_is_too_long_is_not_parsed() {
        let table =
            |terms: usize| format!("CREATE TABLE t (a int CHECK (a = 0{}));", " OR a = 1".repeat(terms));
        assert_eq!(Schema::default().observe(&table(100)), Learned::Changed);
        assert_eq!(Schema::default().observe(&table(MOST_PARSED / 9)), Learned::NotUnderstood);
    }

    #[test]
    fn long_literals_do_not_count() {
        let mut schema = Schema::default();
        let long = "it''s ".repeat(MOST_PARSED / 4);
        let check = format!("CHECK (b <> E'{long}\\'' || $x${long}$x$)");
        let table = format!("CREATE TABLE t (a int DEFAULT '{long}', b text {check}, c bool);");
        assert_eq!(schema.observe(&table), Learned::Changed);
        let name = QualifiedName { schema: None, name: "t".to_owned() };
        let columns = &schema.table(&name).unwrap().columns;
        let classes: Vec<_> = columns.iter().map(|column| column.class).collect();
        assert_eq!(classes, [Integer, Text, Boolean]);
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
