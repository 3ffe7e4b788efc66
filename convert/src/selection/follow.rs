//! What depends on what, as far as a choice by names must know it.

use std::collections::HashMap;

use dump::{QualifiedName, Subject};

use super::Selection;

/// Remembers whose a sequence or an index is. Its size grows with the schema, and only where a choice goes by names.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    owners: HashMap<QualifiedName, Owner>,
}

/// What a sequence or an index belongs to.
#[derive(Debug)]
struct Owner {
    relation: QualifiedName,
    /// It can be there without the relation: a sequence that a column owns.
    apart: bool,
}

/// What a choice says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is loaded.
    Yes,
    /// It is left out.
    No,
    /// A new sequence: the statements that follow say whose it is.
    Undecided(QualifiedName),
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Follow {
    /// Takes in what a statement says of names that later ones will refer to. True when that is new.
    pub(crate) fn observe(&mut self, subject: &Subject) -> bool {
        match subject {
            Subject::Owned { sequence, table } => self.insert(sequence, table, true),
            Subject::Identity { sequence, table } => self.insert(sequence, table, false),
            Subject::Part { name, of } => self.insert(name, of, false),
            _ => false,
        }
    }

    fn insert(&mut self, name: &QualifiedName, relation: &QualifiedName, apart: bool) -> bool {
        self.owners.insert(name.clone(), Owner { relation: relation.clone(), apart }).is_none()
    }

    /// Whether a relation is loaded. One that belongs to another is where that one is.
    pub(crate) fn has_relation(&self, selection: &Selection, name: &QualifiedName) -> bool {
        match self.owners.get(name) {
            Some(owner) => {
                selection.has_relation(&owner.relation) || (owner.apart && selection.has_relation(name))
            }
            None => selection.has_relation(name),
        }
    }

    /// What the choice says. Names in the subject have schemas.
    pub(crate) fn answer(&self, selection: &Selection, subject: &Subject) -> Answer {
        let part = |name: &QualifiedName| match self.owners.get(name) {
            Some(owner) => selection.has_relation(&owner.relation),
            None => !selection.includes(),
        };
        match subject {
            Subject::NewSequence(name) => return Answer::Undecided(name.clone()),
            Subject::Relation(name) => self.has_relation(selection, name),
            Subject::Owned { table, .. } | Subject::Identity { table, .. } => selection.has_relation(table),
            Subject::Part { of, .. } => selection.has_relation(of),
            Subject::Named(name) => part(name),
            // A partition's attachment goes with the partition's schema.
            Subject::Both(_, other) if selection.names_no_table() => match self.owners.get(other) {
                Some(owner) => selection.has_relation(&owner.relation),
                None => selection.has_relation(other),
            },
            Subject::Both(one, other) if self.owners.contains_key(one) => part(one) && part(other),
            Subject::Both(one, other) => selection.has_relation(one) && selection.has_relation(other),
            Subject::Schema(schema) | Subject::Member(Some(schema)) => selection.has_member(schema),
            Subject::Member(None) => selection.has_member("public"),
            Subject::Elsewhere => !selection.includes(),
        }
        .into()
    }
}
