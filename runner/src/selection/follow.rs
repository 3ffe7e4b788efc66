//! What depends on what, as far as a choice by names must know it.

use std::collections::HashMap;

use dump::{QualifiedName, Subject};

use super::Selection;

/// Remembers whose a sequence or an index is. Its size grows with the schema, and only where a choice goes by names.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    owners: HashMap<QualifiedName, QualifiedName>,
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
            Subject::Owned { sequence, table } => {
                self.owners.insert(sequence.clone(), table.clone()).is_none()
            }
            Subject::Part { name, of } => self.owners.insert(name.clone(), of.clone()).is_none(),
            _ => false,
        }
    }

    /// Whether a relation is loaded: one that belongs to another as that one is.
    pub(crate) fn has_relation(&self, selection: &Selection, name: &QualifiedName) -> bool {
        selection.has_relation(self.owners.get(name).unwrap_or(name))
    }

    /// What the choice says. Names in the subject have schemas.
    pub(crate) fn answer(&self, selection: &Selection, subject: &Subject) -> Answer {
        let part = |name: &QualifiedName| match self.owners.get(name) {
            Some(of) => selection.has_relation(of),
            None => !selection.includes(),
        };
        match subject {
            Subject::NewSequence(name) => return Answer::Undecided(name.clone()),
            Subject::Relation(name) => self.has_relation(selection, name),
            Subject::Owned { table, .. } => selection.has_relation(table),
            Subject::Part { of, .. } => selection.has_relation(of),
            Subject::Named(name) => part(name),
            Subject::Both(one, other) if self.owners.contains_key(one) => part(one) && part(other),
            Subject::Both(one, other) => selection.has_relation(one) && selection.has_relation(other),
            Subject::Schema(schema) | Subject::Member(Some(schema)) => selection.has_member(schema),
            Subject::Member(None) => selection.has_member("public"),
            Subject::Elsewhere => !selection.includes(),
        }
        .into()
    }
}
