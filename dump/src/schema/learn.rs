//! What definitions change of what is known.

use super::keys::Demand;
use super::types::{builtin, element, printed};
use super::{Column, ColumnDefinition, Domain, Learned, Moved, Relation, Schema, Table, TypeClass, TypeName};
use crate::kind::Kind;
use crate::name::QualifiedName;
use crate::subject::{Subject, subject};

/// What a statement defines.
#[derive(Debug, Clone)]
pub(super) enum Definition {
    Table {
        name: QualifiedName,
        columns: Vec<ColumnDefinition>,
        parents: Vec<QualifiedName>,
        partitioned: bool,
        of_type: Option<QualifiedName>,
        /// It takes columns of another table by LIKE.
        like: bool,
        if_not_exists: bool,
        demands: Vec<Demand>,
    },
    /// A table of which the columns are not told.
    Unknown(QualifiedName),
    /// A relation that is no table.
    Other(QualifiedName),
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
    /// A label of an enum is new, or has another text.
    Label {
        name: QualifiedName,
        old: Option<String>,
        new: String,
    },
    /// A composite type has other attributes.
    ChangedType {
        name: QualifiedName,
        cascades: bool,
    },
    Demands {
        name: QualifiedName,
        demands: Vec<Demand>,
    },
    Alter {
        name: QualifiedName,
        only: bool,
        actions: Vec<Action>,
    },
    Rename {
        class: Class,
        name: QualifiedName,
        new: String,
    },
    Move {
        class: Class,
        name: QualifiedName,
        schema: String,
    },
    Drop {
        class: Class,
        names: Vec<QualifiedName>,
        cascades: bool,
    },
    Schema {
        name: String,
        owner: Option<String>,
        /// It makes relations, too.
        elements: bool,
    },
    /// Anything may be different.
    Everything,
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Relation,
    Type,
    Schema,
    Other,
}

/// What ALTER TABLE does to a table.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Add {
        column: ColumnDefinition,
        if_not_exists: bool,
    },
    Drop(String),
    Retype(String, TypeName),
    Rename(String, String),
    DropExpression(String),
    SetNotNull(String, bool),
    /// A trigger or rule does not fire any more; none is all triggers.
    Silence(Option<String>),
    /// This trigger or rule fires.
    Fires(String),
    /// Triggers fire again; which ones is not known.
    FiresAgain,
    /// The column is no identity, or one that takes values.
    NoIdentity(String),
    Inherit(QualifiedName),
    NoInherit(QualifiedName),
    Attach(QualifiedName),
    Detach(QualifiedName),
    /// Nobody knows.
    Unknown,
}

impl Schema {
    pub(super) fn learn(&mut self, definition: Definition) -> Learned {
        match definition {
            Definition::Table { .. } => return self.new_table(definition),
            Definition::Unknown(name) => return self.new_relation(&name, Relation::Unknown),
            Definition::Other(name) => return self.new_relation(&name, Relation::Other),
            Definition::Composite { name, columns } => {
                let columns = columns.iter().map(|column| self.column(column)).collect();
                self.composites.insert(self.place(&name).name, Table { columns, ..Table::default() });
            }
            Definition::Domain { name, base } => {
                let (type_name, labels) = self.spelled(&base);
                let domain = Domain { class: self.class(&base), type_name, labels };
                self.domains.insert(self.place(&name).name, domain);
            }
            Definition::Enum { name, labels } => {
                self.enums.insert(self.place(&name).name, labels);
            }
            Definition::Label { name, old, new } => self.new_label(&name, old.as_deref(), &new),
            Definition::ChangedType { name, cascades } => {
                if cascades {
                    return self.forget();
                }
                let name = self.place_of(&self.composites, &name).unwrap_or(name);
                self.composites.remove(&name);
            }
            Definition::Demands { name, demands } => {
                let table = self.qualify(&name);
                self.demand(&table, demands);
                return Learned::Around;
            }
            Definition::Alter { name, only, actions } => return self.alter(&name, only, actions),
            Definition::Rename { class, name, new } => return self.rename(class, &name, &new),
            Definition::Move { class, name, schema } => return self.move_to(class, &name, &schema),
            Definition::Drop { class, names, cascades } => return self.drop_all(class, &names, cascades),
            Definition::Schema { name, owner, elements } => {
                self.schemas.insert(name);
                self.roles.extend(owner);
                if elements {
                    self.hidden_firing = true;
                    return self.forget();
                }
            }
            Definition::Everything => return self.forget(),
        }
        Learned::Changed
    }

    /// Nothing is certain any more of what was known; what is defined from now on is.
    pub(super) fn forget(&mut self) -> Learned {
        // Which partitions and views lead to what fires is forgotten, too.
        self.hidden_firing |= !self.fires.is_empty();
        self.relations.clear();
        self.heirs.clear();
        self.composites.clear();
        self.domains.clear();
        self.enums.clear();
        self.hazy = true;
        Learned::Everything
    }

    /// What a statement names that the parser does not understand is unknown.
    pub(super) fn not_understood(&mut self, kind: &Kind, text: &str) -> Learned {
        match subject(kind, text, true) {
            Subject::Relation(name) if *kind == Kind::Definition => {
                let name = self.qualify(&name);
                self.unknown(&name);
                Learned::NotUnderstood
            }
            Subject::Part { .. } | Subject::Both(..) | Subject::Identity { .. } | Subject::Member(_) => {
                Learned::NotUnderstood
            }
            _ => self.forget(),
        }
    }

    /// `CREATE VIEW`, `CREATE SEQUENCE`.
    pub(super) fn observe_relation(&mut self, kind: &Kind, text: &str) -> Learned {
        match subject(kind, text, true) {
            Subject::Relation(name) | Subject::NewSequence(name) => {
                self.new_relation(&name, Relation::Other);
                // Rows do not depend on it: it may come after them.
                Learned::Nothing
            }
            _ => Learned::Nothing,
        }
    }

    fn new_relation(&mut self, name: &QualifiedName, relation: Relation) -> Learned {
        let place = self.place(name);
        if !place.certain {
            return self.forget();
        }
        self.relations.insert(place.name, relation);
        Learned::Changed
    }

    fn new_table(&mut self, definition: Definition) -> Learned {
        let Definition::Table { name, columns, parents, partitioned, of_type, like, if_not_exists, demands } =
            definition
        else {
            return Learned::Nothing;
        };
        let place = self.place(&name);
        if !place.certain {
            return self.forget();
        }
        let name = place.name;
        let there = self.relations.contains_key(&name);
        if there && if_not_exists {
            return Learned::Nothing;
        }
        let order_may_differ = partitioned || !parents.is_empty();
        let mut table = Some(Table { order_may_differ, partitioned, ..Table::default() });
        if let Some(of_type) = of_type {
            let composite = self.find(&self.composites, &of_type);
            table = table.zip(composite).map(|(table, of)| Table { columns: of.columns.clone(), ..table });
        }
        for parent in &parents {
            let inherited = self.table(parent).map(|parent| parent.columns.clone());
            table = table.zip(inherited).map(|(mut table, columns)| {
                columns.into_iter().for_each(|column| merge(&mut table, column));
                table
            });
            let parent = self.qualify(parent);
            self.heirs.entry(parent).or_default().insert(name.clone());
        }
        let defined: Vec<_> = columns.iter().map(|column| self.column(column)).collect();
        let unsure = like || there || (if_not_exists && self.hazy);
        let relation = match table.filter(|_| !unsure) {
            Some(mut table) => {
                defined.into_iter().for_each(|column| merge(&mut table, column));
                Relation::Table(table)
            }
            None => Relation::Unknown,
        };
        self.relations.insert(name.clone(), relation);
        self.demand(&name, demands);
        Learned::Changed
    }

    fn demand(&mut self, table: &QualifiedName, demands: Vec<Demand>) {
        for demand in demands {
            let demand = demand.qualified(|name| self.qualify(name));
            self.keys.learn(table, demand);
        }
    }

    fn new_label(&mut self, name: &QualifiedName, old: Option<&str>, new: &str) {
        let place = self.place_of(&self.enums, name).unwrap_or_else(|| name.clone());
        let spelled = place.to_string();
        let change =
            |labels: &mut Vec<String>| match labels.iter_mut().find(|label| Some(label.as_str()) == old) {
                Some(label) => new.clone_into(label),
                None => labels.push(new.to_owned()),
            };
        self.enums.get_mut(&place).into_iter().for_each(change);
        let tables = self.relations.values_mut().filter_map(|relation| match relation {
            Relation::Table(table) => Some(table),
            _ => None,
        });
        let of_type = |column: &&mut Column| {
            column.type_name.as_deref().is_some_and(|name| name.trim_end_matches("[]") == spelled)
        };
        tables
            .flat_map(|table| &mut table.columns)
            .filter(of_type)
            .for_each(|column| change(&mut column.labels));
    }

    fn alter(&mut self, name: &QualifiedName, only: bool, actions: Vec<Action>) -> Learned {
        let resolved = self.resolve(name);
        if !resolved.certain {
            return self.forget();
        }
        let mut learned = Learned::Nothing;
        for action in actions {
            // Those of its partitions fire on.
            if only && matches!(action, Action::Silence(_)) && self.is_partitioned(&resolved.name) {
                continue;
            }
            match self.switch(&resolved.name, &action) {
                Some(Learned::Around) if learned == Learned::Nothing => learned = Learned::Around,
                Some(_) => {}
                None if self.act(&resolved.name, only, &action) => learned = Learned::Changed,
                None => {}
            }
        }
        learned
    }

    /// Does what the action does to a table and, where it reaches them, to its heirs. Whether columns may be others now.
    fn act(&mut self, name: &QualifiedName, only: bool, action: &Action) -> bool {
        if !self.is_table(name) {
            // What fires for a table that is not known fires for its partitions.
            if let Action::Attach(child) = action {
                let child = self.qualify(child);
                self.heir(name, &child);
                if self.hidden_firing {
                    self.unknown(&child);
                    return true;
                }
            }
            return false;
        }
        match action {
            Action::Inherit(parent) => self.heir(&self.qualify(parent), name),
            Action::Attach(child) => self.heir(name, &self.qualify(child)),
            Action::NoInherit(parent) => self.no_heir(&self.qualify(parent), name),
            Action::Detach(child) => self.no_heir(name, &self.qualify(child)),
            _ => self.change(name, only, action),
        }
        true
    }

    fn change(&mut self, name: &QualifiedName, only: bool, action: &Action) {
        self.change_one(name, action);
        if only {
            return;
        }
        for heir in self.below(name, |_| true) {
            match action {
                // Whether it keeps a column of its own is not followed.
                Action::Drop(_) => self.unknown(&heir),
                _ => self.change_one(&heir, action),
            }
        }
    }

    fn change_one(&mut self, name: &QualifiedName, action: &Action) {
        let definition = match action {
            Action::Add { column, .. } => Some(self.column(column)),
            Action::Retype(column, type_name) => Some(self.column(&ColumnDefinition {
                name: column.clone(),
                type_name: Some(type_name.clone()),
                generated: false,
                not_null: false,
            })),
            _ => None,
        };
        match action {
            Action::Rename(old, new) => {
                self.keys.rename_column(name, old, new);
                self.moved.push(Moved::Column(name.clone(), old.clone(), new.clone()));
            }
            Action::Drop(column) | Action::NoIdentity(column) => {
                self.moved.push(Moved::ColumnGone(name.clone(), column.clone()));
            }
            _ => {}
        }
        let understood = match self.relations.get_mut(name) {
            Some(Relation::Table(table)) => apply(table, action, definition),
            _ => true,
        };
        if !understood {
            self.unknown(name);
        }
    }

    /// The table is there, and its columns are not known; nor are those of its heirs.
    fn unknown(&mut self, name: &QualifiedName) {
        for heir in self.below(name, |_| true) {
            self.relations.insert(heir, Relation::Unknown);
        }
        self.relations.insert(name.clone(), Relation::Unknown);
    }

    fn column(&self, definition: &ColumnDefinition) -> Column {
        let seen = definition.type_name.as_ref().map(|name| self.seen_type(name));
        let spelled = seen.as_ref().map(|name| self.spelled(name));
        let (type_name, labels) = spelled.map_or((None, Vec::new()), |(name, labels)| (Some(name), labels));
        Column {
            type_name,
            labels,
            not_null: definition.not_null,
            name: definition.name.clone(),
            class: seen.as_ref().map_or(TypeClass::Text, |name| self.class(name)),
            element: seen.as_ref().and_then(element),
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
            _ => self.find(&self.domains, name).map_or(TypeClass::Text, |domain| domain.class),
        }
    }

    /// The type as PostgreSQL prints it, a domain as its base type, and the labels of an enum.
    fn spelled(&self, type_name: &TypeName) -> (String, Vec<String>) {
        let name = &type_name.name;
        let own = matches!(name.schema.as_deref(), None | Some("pg_catalog"));
        let (text, labels) = if let Some(text) = own.then(|| printed(type_name)).flatten() {
            (text, Vec::new())
        } else if let Some(domain) = self.find(&self.domains, name) {
            (domain.type_name.clone(), domain.labels.clone())
        } else {
            let labels = self.find(&self.enums, name).cloned().unwrap_or_default();
            let place = self.place_of(&self.enums, name).filter(|_| !labels.is_empty());
            (place.as_ref().unwrap_or(name).to_string(), labels)
        };
        if type_name.array { (format!("{text}[]"), labels) } else { (text, labels) }
    }
}

/// Does what the action does to the columns. False where that is not known.
fn apply(table: &mut Table, action: &Action, definition: Option<Column>) -> bool {
    match (action, definition) {
        (Action::Add { column, if_not_exists: true }, _) if table.column(&column.name).is_some() => {}
        (Action::Add { .. }, Some(column)) => merge(table, column),
        (Action::Drop(column), _) => table.columns.retain(|c| c.name != *column),
        (Action::Retype(column, _), Some(new)) => {
            if let Some(column) = table.column_mut(column) {
                let Column { generated, not_null, .. } = *column;
                *column = Column { generated, not_null, ..new };
            }
        }
        (Action::Rename(column, new), _) => {
            if let Some(column) = table.column_mut(column) {
                column.name.clone_from(new);
            }
        }
        (Action::NoIdentity(_), _) => {}
        (Action::DropExpression(column), _) => {
            if let Some(column) = table.column_mut(column) {
                column.generated = false;
            }
        }
        (Action::SetNotNull(column, not_null), _) => {
            if let Some(column) = table.column_mut(column) {
                column.not_null = *not_null;
            }
        }
        _ => return false,
    }
    true
}

/// Adds a column, or lets it take the place of an inherited one of the same name.
fn merge(table: &mut Table, column: Column) {
    match table.column_mut(&column.name) {
        // `PARTITION OF t (a NOT NULL)`, `OF type (a NOT NULL)`: only more is demanded of it.
        Some(inherited) if column.type_name.is_none() => inherited.not_null |= column.not_null,
        Some(inherited) => *inherited = column,
        None => table.columns.push(column),
    }
}
