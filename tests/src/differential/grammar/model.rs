//! The objects that a script has created so far, as far as the grammar needs them to write statements that psql
//! accepts.

use super::types::Class;

/// A schema, table, type or function of the model; names change, this does not.
pub(super) type Id = usize;

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) class: Class,
    /// A type that the script made.
    pub(super) own_type: Option<Id>,
    /// Each row has another value.
    pub(super) key: bool,
    /// An index makes it unique.
    pub(super) unique: bool,
    /// The configuration of transforms names it; set in what [`super::Gen::some_table`] gives.
    pub(super) masked: bool,
    /// May be left out of a row.
    pub(super) optional: bool,
    pub(super) not_null: bool,
    /// `GENERATED ALWAYS AS (…) STORED`.
    pub(super) generated: bool,
    /// `GENERATED ALWAYS AS IDENTITY`.
    pub(super) always: bool,
    /// Neither its type nor its name may change, nor may it go.
    pub(super) fixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Temporary,
    Partitioned,
    Partition,
}

#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) id: Id,
    pub(super) schema: Id,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) columns: Vec<Column>,
    pub(super) parent: Option<Id>,
    /// A view, rule, trigger or the like hangs on it.
    pub(super) watched: bool,
    /// Its columns are those of a type.
    pub(super) typed: bool,
}

#[derive(Debug, Clone)]
pub(super) struct OwnType {
    pub(super) id: Id,
    pub(super) schema: Id,
    pub(super) name: String,
    pub(super) class: Class,
}

#[derive(Debug, Clone)]
pub(super) struct Schema {
    pub(super) id: Id,
    pub(super) name: String,
}

/// The id of temporary tables' schema.
pub(super) const TEMP: Id = 0;

#[derive(Debug, Clone)]
pub(super) struct Model {
    next: Id,
    pub(super) schemas: Vec<Schema>,
    pub(super) tables: Vec<Table>,
    pub(super) types: Vec<OwnType>,
    /// The search path of the session, and what `SET LOCAL` put over it.
    pub(super) path: Vec<String>,
    pub(super) local_path: Option<Vec<String>>,
    pub(super) user: String,
}

impl Model {
    pub(super) fn new() -> Self {
        let public = Schema { id: 1, name: "public".into() };
        let path = default_path();
        Self {
            next: 2,
            schemas: vec![public],
            tables: Vec::new(),
            types: Vec::new(),
            path,
            local_path: None,
            user: "postgres".into(),
        }
    }

    /// Goes back to an earlier state, but never uses an id twice.
    pub(super) fn restore(&mut self, before: Self) {
        *self = Self { next: self.next, ..before };
    }

    pub(super) fn id(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn add_schema(&mut self, name: &str) -> Id {
        let id = self.id();
        self.schemas.push(Schema { id, name: name.into() });
        id
    }

    pub(super) fn schema_named(&self, name: &str) -> Option<Id> {
        self.schemas.iter().find(|schema| schema.name == name).map(|schema| schema.id)
    }

    pub(super) fn schema_name(&self, id: Id) -> &str {
        self.schemas.iter().find(|schema| schema.id == id).map_or("pg_temp", |schema| &schema.name)
    }

    pub(super) fn table(&mut self, id: Id) -> &mut Table {
        self.tables.iter_mut().find(|table| table.id == id).expect("a table of the model")
    }

    /// Whether a relation or type of this name is there, since the two share names.
    pub(super) fn taken(&self, schema: Id, name: &str) -> bool {
        let mut names = self.tables.iter().map(|t| (t.schema, &t.name));
        names.any(|(s, n)| s == schema && n == name)
            || self.types.iter().any(|t| t.schema == schema && t.name == name)
    }

    /// The schemas that a name without one is looked for in, in order.
    fn search(&self) -> Vec<Id> {
        let path = self.local_path.as_ref().unwrap_or(&self.path);
        let user = self.user.as_str();
        let names = path.iter().map(|name| if name == "$user" { user } else { name });
        names.filter_map(|name| self.schema_named(name)).collect()
    }

    /// Where `CREATE` without a schema makes things.
    pub(super) fn creation(&self) -> Option<Id> {
        self.search().first().copied()
    }

    /// What a table's name alone means.
    pub(super) fn visible(&self, name: &str) -> Option<Id> {
        let within = |schema| self.tables.iter().find(|t| t.schema == schema && t.name == name).map(|t| t.id);
        std::iter::once(TEMP).chain(self.search()).find_map(within)
    }

    pub(super) fn visible_type(&self, name: &str) -> Option<Id> {
        let within = |schema| self.types.iter().find(|t| t.schema == schema && t.name == name).map(|t| t.id);
        self.search().into_iter().find_map(within)
    }

    /// A table with everything that inherits from it.
    pub(super) fn family(&self, id: Id) -> Vec<Id> {
        let mut family = vec![id];
        let mut at = 0;
        while at < family.len() {
            let parent = family[at];
            family.extend(self.tables.iter().filter(|t| t.parent == Some(parent)).map(|t| t.id));
            at += 1;
        }
        family
    }

    pub(super) fn drop_table(&mut self, id: Id) {
        let family = self.family(id);
        self.tables.retain(|table| !family.contains(&table.id));
    }

    pub(super) fn drop_type(&mut self, id: Id) {
        self.types.retain(|t| t.id != id);
        for table in &mut self.tables {
            table.columns.retain(|column| column.own_type != Some(id));
        }
    }

    pub(super) fn drop_schema(&mut self, id: Id) {
        let tables: Vec<Id> = self.tables.iter().filter(|t| t.schema == id).map(|t| t.id).collect();
        tables.into_iter().for_each(|table| self.drop_table(table));
        let types: Vec<Id> = self.types.iter().filter(|t| t.schema == id).map(|t| t.id).collect();
        types.into_iter().for_each(|own| self.drop_type(own));
        self.schemas.retain(|schema| schema.id != id);
    }
}

pub(super) fn default_path() -> Vec<String> {
    vec!["$user".into(), "public".into()]
}
