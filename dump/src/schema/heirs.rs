//! Which tables inherit from a table, or are its partitions.

use std::collections::HashSet;

use super::Schema;
use crate::name::QualifiedName;

impl Schema {
    /// The partitions and heirs of a table, and theirs, each once: a script may make a circle of them, which PostgreSQL
    /// refuses. `through` says whose heirs count.
    pub(super) fn below(
        &self,
        table: &QualifiedName,
        through: impl Fn(&QualifiedName) -> bool,
    ) -> Vec<QualifiedName> {
        let (mut found, mut open) = (Vec::new(), vec![table]);
        let mut seen = HashSet::from([table]);
        while let Some(parent) = open.pop() {
            let heirs = self.heirs.get(parent).filter(|_| through(parent)).into_iter().flatten();
            for heir in heirs.filter(|heir| seen.insert(heir)) {
                found.push(heir.clone());
                open.push(heir);
            }
        }
        found
    }

    pub(super) fn heir(&mut self, parent: &QualifiedName, child: &QualifiedName) {
        self.heirs.entry(parent.clone()).or_default().insert(child.clone());
    }

    pub(super) fn no_heir(&mut self, parent: &QualifiedName, child: &QualifiedName) {
        if let Some(heirs) = self.heirs.get_mut(parent) {
            heirs.remove(child);
        }
        self.keys.part(child, parent);
    }
}
