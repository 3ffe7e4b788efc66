//! The tables, columns and types that a script has defined so far, as far as that is certain.
//!
//! What a row becomes depends on the types of its columns, and masking on its table. So a table is known only while every
//! statement that could have changed it was understood: what pg_dump writes, renaming, moving and dropping is followed
//! ([`learn`]), all else makes the table that it names unknown, and what may change anything (a `DO`, a function's call) makes
//! everything unknown. Of an unknown table nothing is said: [`Schema::table`] gives none.
//!
//! Where a name without a schema leads is told by [`Schema::resolve`], with the search path in force.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::code::{Code, Effect, Effects, Links};
use crate::kind::{Kind, classify};
use crate::name::{Cursor, QualifiedName};
use crate::token::{TokenKind, Tokens};

pub use keys::{Expression, Fixed, Foreign, Keys, Unique};
pub use resolve::Resolved;

mod fires;
mod heirs;
mod keys;
mod learn;
mod names;
mod parse;
mod resolve;
mod types;

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
    /// Its rows lie in partitions.
    partitioned: bool,
}

impl Table {
    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name == name)
    }
}

/// What came of showing a statement to the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It changes no column of any table.
    Nothing,
    /// It changes no column, but what new rows meet: triggers, rules, constraints.
    Around,
    /// The schema is different now.
    Changed,
    /// No parser understood it: what it names is unknown, and values of new columns stay text.
    NotUnderstood,
    /// It may have changed anything: every table that was known is unknown now.
    Everything,
}

/// What became of a name that rows or identity columns are known by. Names of tables have their schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The table has another name.
    Table(QualifiedName, QualifiedName),
    /// The column of the table has another name.
    Column(QualifiedName, String, String),
    /// The table is gone.
    TableGone(QualifiedName),
    /// The column is gone, or takes values of its own now.
    ColumnGone(QualifiedName, String),
}

/// What is known of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It is a table, and its columns are known.
    Table,
    /// It is a table, and its columns are not known.
    Unknown,
    /// It is a view or another relation that is no table.
    NoTable,
    /// No statement named it.
    NotSeen,
    /// A statement came of which nobody knows what it changed.
    Hazy,
}

/// A reference to a type, as a definition spells it.
#[derive(Debug, Clone)]
struct TypeName {
    name: QualifiedName,
    array: bool,
    /// What stands in parentheses behind it.
    modifiers: Vec<i32>,
}

/// A column as a definition spells it.
#[derive(Debug, Clone)]
struct ColumnDefinition {
    name: String,
    type_name: Option<TypeName>,
    generated: bool,
    not_null: bool,
}

/// What has a name among the relations.
#[derive(Debug, Clone)]
enum Relation {
    Table(Table),
    /// A table of which the columns are not certain.
    Unknown,
    /// A view, a sequence or another relation that is no table.
    Other,
}

/// All definitions so far. Its size grows with the schema, not with the data.
#[derive(Debug, Clone)]
pub struct Schema {
    relations: HashMap<QualifiedName, Relation>,
    /// Tables that inherit from a table, or are its partitions.
    heirs: HashMap<QualifiedName, BTreeSet<QualifiedName>>,
    composites: HashMap<QualifiedName, Table>,
    domains: HashMap<QualifiedName, Domain>,
    enums: HashMap<QualifiedName, Vec<String>>,
    keys: Keys,
    /// Names of triggers and rules that new rows of a table fire.
    fires: HashMap<QualifiedName, BTreeSet<String>>,
    /// What the code of the script may do.
    code: Arc<Code>,
    /// Where changes of rows lead on to other tables.
    links: Links,
    /// Code ran that may have made triggers or rules.
    hidden_firing: bool,
    /// The types, without their schemas, for which a cast of the script's own decides what an assignment makes of a value.
    casts: HashSet<String>,
    /// The schemas that are there.
    schemas: HashSet<String>,
    /// Roles that the script names where the name of a role may be that of a schema.
    roles: HashSet<String>,
    /// Relations may be there, or not, of which nothing is known.
    hazy: bool,
    /// A schema of the user's may have been made.
    hazy_schemas: bool,
    /// Names that changed since they were asked for.
    moved: Vec<Moved>,
    path: Vec<String>,
    /// The role that runs the script, where the script says so.
    user: Option<String>,
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
            relations: HashMap::new(),
            heirs: HashMap::new(),
            composites: HashMap::new(),
            domains: HashMap::new(),
            enums: HashMap::new(),
            keys: Keys::default(),
            fires: HashMap::new(),
            code: Arc::default(),
            links: Links::default(),
            hidden_firing: false,
            casts: HashSet::new(),
            schemas: HashSet::from(["public".to_owned()]),
            roles: HashSet::from(["postgres".to_owned()]),
            hazy: false,
            hazy_schemas: false,
            moved: Vec::new(),
            path: default_path(),
            user: None,
        }
    }
}

/// PostgreSQL's default of `search_path`.
fn default_path() -> Vec<String> {
    vec![resolve::USER.to_owned(), "public".to_owned()]
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

/// What a literal without quotes may be.
const LITERALS: [&str; 10] =
    ["bigint", "bit", "bool", "boolean", "decimal", "int", "int4", "int8", "integer", "numeric"];

/// The type that `CREATE CAST` makes one for, without its schema, if an assignment of a literal uses it.
fn cast_by_assignment(text: &str) -> Option<String> {
    let mut c = Cursor::new(text, true);
    let implicit = |c: &mut Cursor<'_>| c.words(&["AS", "ASSIGNMENT"]) || c.words(&["AS", "IMPLICIT"]);
    c.clone().any(implicit).then_some(())?;
    (c.words(&["CREATE", "CAST"]) && c.symbol(b'(')).then_some(())?;
    let source = c.parts()?.pop()?;
    LITERALS.contains(&source.as_str()).then_some(())?;
    c.skip_past("AS").then_some(())?;
    c.parts()?.pop()
}

impl Schema {
    /// An empty schema, with PostgreSQL's default search path.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shows a statement, whose strings are standard.
    pub fn observe(&mut self, text: &str) -> Learned {
        self.observe_as(&classify(text, true), text)
    }

    /// Shows a statement of this kind, whose strings are standard.
    pub fn observe_as(&mut self, kind: &Kind, text: &str) -> Learned {
        let new = self.code.read(kind, text);
        let code = !new.is_empty();
        // Blocks of rows share it, and few statements add to it.
        if code {
            Arc::make_mut(&mut self.code).add(new);
        }
        if matches!(kind, Kind::Definition | Kind::Other) {
            self.links.observe(text);
        }
        match self.observe_definition(kind, text) {
            Learned::Nothing if code && *kind != Kind::Definition => Learned::Around,
            learned => learned,
        }
    }

    fn observe_definition(&mut self, kind: &Kind, text: &str) -> Learned {
        match parse::reading(kind, text) {
            parse::Reading::Nothing => Learned::Nothing,
            parse::Reading::Everything => self.ran(kind, text),
            parse::Reading::Change => self.changed(kind, text),
            parse::Reading::Cast => {
                self.casts.extend(cast_by_assignment(text));
                Learned::Around
            }
            parse::Reading::Fires => self.observe_firing(text),
            parse::Reading::Relation => self.observe_relation(kind, text),
            parse::Reading::Parse => self.observe_parsed(kind, text),
        }
    }

    fn observe_parsed(&mut self, kind: &Kind, text: &str) -> Learned {
        let short = (text.len() > MOST_PARSED).then(|| without_long_literals(text));
        let short = short.as_deref().unwrap_or(text);
        let parsed = if short.len() > MOST_PARSED { None } else { parse::definitions(short) };
        let Some(definitions) = parsed else { return self.not_understood(kind, text) };
        let mut learned = Learned::Nothing;
        for definition in definitions {
            if matches!(definition, learn::Definition::Everything) {
                return self.ran(kind, text);
            }
            learned = match (learned, self.learn(definition)) {
                (known, Learned::Nothing) => known,
                (Learned::Changed | Learned::Everything, Learned::Around) => learned,
                (_, new) => new,
            };
        }
        if *kind == Kind::Query && self.changed(kind, text) == Learned::Everything {
            return Learned::Everything;
        }
        learned
    }

    /// A statement that changes definitions only through the code that it calls.
    fn changed(&mut self, kind: &Kind, text: &str) -> Learned {
        let effects = self.effects(kind, text);
        if effects.has_any(&[Effect::Definitions, Effect::Firing]) {
            return self.ran(kind, text);
        }
        Learned::Nothing
    }

    /// What running a statement of this kind may do, whose strings are standard, beyond what the statement says itself.
    #[must_use]
    pub fn effects(&self, kind: &Kind, text: &str) -> Effects {
        self.code.effects(kind, text, &self.links)
    }

    /// Code ran that the statement holds or calls.
    fn ran(&mut self, kind: &Kind, text: &str) -> Learned {
        let effects = self.effects(kind, text);
        self.hazy_schemas |= effects.has(Effect::Schemas);
        self.hidden_firing |= effects.has(Effect::Firing);
        if effects.has(Effect::Deferrable) {
            Arc::make_mut(&mut self.code).defer();
        }
        self.forget()
    }

    /// The names that changed since this was called last.
    pub fn take_moved(&mut self) -> Vec<Moved> {
        std::mem::take(&mut self.moved)
    }

    /// Takes over the value of `search_path`, as a list of names; none is the default.
    pub fn set_search_path(&mut self, names: Option<Vec<String>>) {
        self.path = names.unwrap_or_else(default_path);
    }

    /// Takes over who runs what follows, where the script says so.
    pub fn set_user(&mut self, user: Option<&str>) {
        self.user = user.map(str::to_owned);
        self.roles.extend(self.user.clone());
    }

    /// The table of this name, looked up along the search path where it has no schema. None where it is not certain which
    /// table that is, or what columns it has.
    #[must_use]
    pub fn table(&self, name: &QualifiedName) -> Option<&Table> {
        let resolved = self.resolve(name);
        match self.relations.get(&resolved.name) {
            Some(Relation::Table(table)) if resolved.certain => Some(table),
            _ => None,
        }
    }

    /// What is known of the relation of this name, which has a schema.
    #[must_use]
    pub fn certainty(&self, name: &QualifiedName) -> Certainty {
        match self.relations.get(name) {
            Some(Relation::Table(_)) => Certainty::Table,
            Some(Relation::Unknown) => Certainty::Unknown,
            Some(Relation::Other) => Certainty::NoTable,
            None if self.hazy => Certainty::Hazy,
            None => Certainty::NotSeen,
        }
    }

    /// Whether names may lead to a schema of the user's own.
    #[must_use]
    pub fn follows_user(&self) -> bool {
        self.path.iter().any(|entry| entry == resolve::USER)
    }

    /// Whether no statement so far made a relation, or may have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty() && !self.hazy
    }

    /// All tables of which the columns are known, with their names, in no order.
    pub fn tables(&self) -> impl Iterator<Item = (&QualifiedName, &Table)> {
        self.relations.iter().filter_map(|(name, relation)| match relation {
            Relation::Table(table) => Some((name, table)),
            _ => None,
        })
    }

    /// What the code of the definitions so far may do.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// The same, to keep.
    #[must_use]
    pub fn shared_code(&self) -> Arc<Code> {
        Arc::clone(&self.code)
    }

    /// Whether a cast of the script's own may decide what a literal becomes in some column.
    #[must_use]
    pub fn has_casts(&self) -> bool {
        !self.casts.is_empty()
    }

    /// Whether a cast of the script's own is one to the type of this column.
    #[must_use]
    pub fn casts_to(&self, column: &Column) -> bool {
        let name = column.type_name.as_deref().and_then(|name| Cursor::new(name, true).parts());
        name.and_then(|mut parts| parts.pop()).is_some_and(|name| self.casts.contains(&name))
    }

    /// What the definitions so far demand of columns.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether rows of the table, a name with its schema, may have to differ from each other.
    #[must_use]
    pub fn may_be_unique(&self, table: &QualifiedName) -> bool {
        let known = matches!(self.relations.get(table), Some(Relation::Table(_)));
        !known || self.keys.has_unique(table)
    }
}

#[cfg(test)]
mod tests;
