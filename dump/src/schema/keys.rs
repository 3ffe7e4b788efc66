//! What definitions demand of columns: that values differ, that they are equal elsewhere, that they stay.

use std::collections::{HashMap, HashSet};

use crate::name::QualifiedName;

/// A primary key, a unique constraint or a unique index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The table.
    pub table: QualifiedName,
    /// Its columns, those of expressions among them, without quotes.
    pub columns: Vec<String>,
}

/// A column that must differ within an expression, so that its values have to differ in more than themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The table.
    pub table: QualifiedName,
    /// The column, without quotes.
    pub column: String,
    /// It is `lower(column)` or `upper(column)`, and no other.
    pub folds_case: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The table that refers.
    pub table: QualifiedName,
    /// Its columns, without quotes.
    pub columns: Vec<String>,
    /// The table that is referred to.
    pub to_table: QualifiedName,
    /// Its columns, one for each of the others; none where the definition leaves them to the primary key.
    pub to_columns: Vec<String>,
}

/// A column on whose values something else is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The table.
    pub table: QualifiedName,
    /// The column, without quotes.
    pub column: String,
    /// What is built on it, as a sentence.
    pub why: &'static str,
}

/// All demands so far. They stand behind the rows of a dump for the most part.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// Columns whose values differ.
    pub unique: Vec<Unique>,
    /// Their tables, to find a table among them.
    of_unique: HashSet<QualifiedName>,
    /// Columns whose values are those of others.
    pub foreign: Vec<Foreign>,
    /// Partitions and inheriting tables, each with its parent, in the order of the dump.
    pub parents: Vec<(QualifiedName, QualifiedName)>,
    /// The same, to find the parents of a table.
    above: HashMap<QualifiedName, Vec<QualifiedName>>,
    /// Columns that must stay.
    pub fixed: Vec<Fixed>,
    /// Columns of expressions whose results differ.
    pub expressions: Vec<Expression>,
    primary: HashMap<QualifiedName, Vec<String>>,
}

/// What a definition demands of the columns of its table.
#[derive(Debug, Clone)]
pub(super) enum Demand {
    Unique {
        columns: Vec<String>,
        primary: bool,
    },
    Foreign {
        columns: Vec<String>,
        to_table: QualifiedName,
        to_columns: Vec<String>,
    },
    Fixed {
        columns: Vec<String>,
        why: &'static str,
    },
    Expression {
        columns: Vec<String>,
        folds_case: bool,
    },
    /// The table is a part of this one.
    Parent(QualifiedName),
    /// This one is a part of the table.
    Child(QualifiedName),
}

impl Demand {
    /// The demand with the schemas of the tables that it names.
    pub(super) fn qualified(self, qualify: impl Fn(&QualifiedName) -> QualifiedName) -> Self {
        match self {
            Self::Foreign { columns, to_table, to_columns } => {
                Self::Foreign { columns, to_table: qualify(&to_table), to_columns }
            }
            Self::Parent(table) => Self::Parent(qualify(&table)),
            Self::Child(table) => Self::Child(qualify(&table)),
            demand => demand,
        }
    }
}

impl Keys {
    /// The columns that a foreign key refers to.
    #[must_use]
    pub fn targets<'a>(&'a self, key: &'a Foreign) -> &'a [String] {
        match self.primary.get(&key.to_table) {
            Some(primary) if key.to_columns.is_empty() => primary,
            _ => &key.to_columns,
        }
    }

    /// The tables that this one is a partition of, or inherits from.
    pub fn parents_of(&self, table: &QualifiedName) -> impl Iterator<Item = &QualifiedName> {
        self.above.get(table).into_iter().flatten()
    }

    /// Whether values of some columns of the table differ.
    #[must_use]
    pub fn has_unique(&self, table: &QualifiedName) -> bool {
        self.of_unique.contains(table)
    }

    pub(super) fn learn(&mut self, table: &QualifiedName, demand: Demand) {
        let table = table.clone();
        match demand {
            Demand::Unique { columns, primary } => {
                if primary {
                    self.primary.insert(table.clone(), columns.clone());
                }
                self.of_unique.insert(table.clone());
                self.unique.push(Unique { table, columns });
            }
            Demand::Foreign { columns, to_table, to_columns } => {
                self.foreign.push(Foreign { table, columns, to_table, to_columns });
            }
            Demand::Fixed { columns, why } => {
                let fixed = |column| Fixed { table: table.clone(), column, why };
                self.fixed.extend(columns.into_iter().map(fixed));
            }
            Demand::Expression { columns, folds_case } => {
                let expression = |column| Expression { table: table.clone(), column, folds_case };
                self.expressions.extend(columns.into_iter().map(expression));
            }
            Demand::Parent(parent) => self.parent(table, parent),
            Demand::Child(child) => self.parent(child, table),
        }
    }

    /// The table has another name now.
    pub(super) fn rename(&mut self, old: &QualifiedName, new: &QualifiedName) {
        let change = |name: &mut QualifiedName| {
            if name == old {
                name.clone_from(new);
            }
        };
        self.unique.iter_mut().for_each(|key| change(&mut key.table));
        self.fixed.iter_mut().for_each(|fixed| change(&mut fixed.table));
        self.expressions.iter_mut().for_each(|one| change(&mut one.table));
        for key in &mut self.foreign {
            change(&mut key.table);
            change(&mut key.to_table);
        }
        for (child, parent) in &mut self.parents {
            change(child);
            change(parent);
        }
        self.above.values_mut().flatten().for_each(change);
        if let Some(parents) = self.above.remove(old) {
            self.above.insert(new.clone(), parents);
        }
        if self.of_unique.remove(old) {
            self.of_unique.insert(new.clone());
        }
        if let Some(primary) = self.primary.remove(old) {
            self.primary.insert(new.clone(), primary);
        }
    }

    /// The column has another name now.
    pub(super) fn rename_column(&mut self, table: &QualifiedName, old: &str, new: &str) {
        let change = |column: &mut String| {
            if column == old {
                new.clone_into(column);
            }
        };
        self.unique
            .iter_mut()
            .filter(|key| key.table == *table)
            .for_each(|key| key.columns.iter_mut().for_each(change));
        self.fixed.iter_mut().filter(|one| one.table == *table).for_each(|one| change(&mut one.column));
        self.expressions.iter_mut().filter(|one| one.table == *table).for_each(|one| change(&mut one.column));
        for key in &mut self.foreign {
            if key.table == *table {
                key.columns.iter_mut().for_each(change);
            }
            if key.to_table == *table {
                key.to_columns.iter_mut().for_each(change);
            }
        }
        self.primary.get_mut(table).into_iter().flatten().for_each(change);
    }

    /// The table is gone.
    pub(super) fn remove(&mut self, table: &QualifiedName) {
        if self.of_unique.remove(table) {
            self.unique.retain(|key| key.table != *table);
        }
        self.fixed.retain(|one| one.table != *table);
        self.expressions.retain(|one| one.table != *table);
        self.foreign.retain(|key| key.table != *table && key.to_table != *table);
        self.parents.retain(|(child, parent)| child != table && parent != table);
        self.above.remove(table);
        self.above.values_mut().for_each(|parents| parents.retain(|parent| parent != table));
        self.primary.remove(table);
    }

    /// The table is no part of the other any more.
    pub(super) fn part(&mut self, child: &QualifiedName, parent: &QualifiedName) {
        self.parents.retain(|(one, other)| one != child || other != parent);
        if let Some(parents) = self.above.get_mut(child) {
            parents.retain(|other| other != parent);
        }
    }

    fn parent(&mut self, child: QualifiedName, parent: QualifiedName) {
        let parents = self.above.entry(child.clone()).or_default();
        if !parents.contains(&parent) {
            parents.push(parent.clone());
            self.parents.push((child, parent));
        }
    }
}
