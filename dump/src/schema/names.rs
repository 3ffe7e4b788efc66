//! Names that change: renaming, moving to another schema, and dropping.

use std::collections::HashMap;

use super::learn::Class;
use super::{Learned, Moved, Relation, Schema};
use crate::name::QualifiedName;

impl Schema {
    pub(super) fn rename(&mut self, class: Class, name: &QualifiedName, new: &str) -> Learned {
        match class {
            Class::Relation => self.renamed(name, |old| QualifiedName { name: new.to_owned(), ..old }),
            Class::Type => self.renamed_type(name, |old| QualifiedName { name: new.to_owned(), ..old }),
            Class::Schema => self.renamed_schema(&name.name, new),
            Class::Other => Learned::Nothing,
        }
    }

    pub(super) fn move_to(&mut self, class: Class, name: &QualifiedName, schema: &str) -> Learned {
        match class {
            Class::Relation => self.renamed(name, |old| QualifiedName::new(schema, &old.name)),
            Class::Type => self.renamed_type(name, |old| QualifiedName::new(schema, &old.name)),
            Class::Schema | Class::Other => Learned::Nothing,
        }
    }

    fn renamed(&mut self, name: &QualifiedName, new: impl Fn(QualifiedName) -> QualifiedName) -> Learned {
        let resolved = self.resolve(name);
        if !resolved.certain {
            return self.forget();
        }
        let new = new(resolved.name.clone());
        self.rename_relation(&resolved.name, &new);
        Learned::Changed
    }

    fn rename_relation(&mut self, old: &QualifiedName, new: &QualifiedName) {
        // What is not known is there under the new name, for all that is known.
        let relation = self.relations.remove(old).unwrap_or(Relation::Unknown);
        self.relations.insert(new.clone(), relation);
        move_key(&mut self.heirs, old, new);
        move_key(&mut self.fires, old, new);
        for heirs in self.heirs.values_mut() {
            if heirs.remove(old) {
                heirs.insert(new.clone());
            }
        }
        self.keys.rename(old, new);
        self.moved.push(Moved::Table(old.clone(), new.clone()));
    }

    fn renamed_type(
        &mut self,
        name: &QualifiedName,
        new: impl Fn(QualifiedName) -> QualifiedName,
    ) -> Learned {
        let place = (self.place_of(&self.domains, name))
            .or_else(|| self.place_of(&self.enums, name))
            .or_else(|| self.place_of(&self.composites, name));
        if let Some(old) = place {
            let new = new(old.clone());
            move_key(&mut self.domains, &old, &new);
            move_key(&mut self.enums, &old, &new);
            move_key(&mut self.composites, &old, &new);
        }
        Learned::Changed
    }

    fn renamed_schema(&mut self, old: &str, new: &str) -> Learned {
        let inside = |name: &&QualifiedName| name.schema.as_deref() == Some(old);
        let relations: Vec<_> = self.relations.keys().filter(inside).cloned().collect();
        for name in relations {
            self.rename_relation(&name, &QualifiedName::new(new, &name.name));
        }
        let types = self.domains.keys().chain(self.enums.keys()).chain(self.composites.keys());
        for name in types.filter(inside).cloned().collect::<Vec<_>>() {
            self.renamed_type(&name, |name| QualifiedName::new(new, &name.name));
        }
        self.schemas.remove(old);
        self.schemas.insert(new.to_owned());
        Learned::Changed
    }

    pub(super) fn drop_all(&mut self, class: Class, names: &[QualifiedName], cascades: bool) -> Learned {
        let mut everything = class == Class::Other && cascades;
        for name in names {
            everything |= match class {
                Class::Relation => self.drop_relation(name, cascades),
                Class::Type => self.drop_type(name, cascades),
                Class::Schema => self.drop_schema(&name.name, cascades),
                Class::Other => false,
            };
        }
        if everything { self.forget() } else { Learned::Changed }
    }

    /// Whether more may be gone than is known.
    fn drop_relation(&mut self, name: &QualifiedName, cascades: bool) -> bool {
        let resolved = self.resolve(name);
        if !resolved.certain {
            return true;
        }
        let as_type = cascades && self.is_type_of_column(&resolved.name);
        self.remove(&resolved.name);
        as_type
    }

    /// A table is a type, too, and columns of it go with it.
    fn is_type_of_column(&self, name: &QualifiedName) -> bool {
        let spellings = [name.to_string(), crate::name::quote_name(&name.name)];
        self.tables().flat_map(|(_, table)| &table.columns).any(|column| {
            let spelled = column.type_name.as_deref().unwrap_or_default().trim_end_matches("[]");
            spellings.iter().any(|spelling| spelling == spelled)
        })
    }

    /// Removes a table and its heirs: partitions go with it, and without CASCADE nothing is dropped that others inherit from.
    fn remove(&mut self, name: &QualifiedName) {
        self.relations.remove(name);
        self.fires.remove(name);
        self.keys.remove(name);
        self.moved.push(Moved::TableGone(name.clone()));
        for heirs in self.heirs.values_mut() {
            heirs.remove(name);
        }
        for heir in self.heirs.remove(name).unwrap_or_default() {
            self.remove(&heir);
        }
    }

    fn drop_type(&mut self, name: &QualifiedName, cascades: bool) -> bool {
        let place = self.place_of(&self.domains, name);
        if let Some(name) = place {
            self.domains.remove(&name);
        } else if let Some(name) = self.place_of(&self.enums, name) {
            self.enums.remove(&name);
        } else if let Some(name) = self.place_of(&self.composites, name) {
            self.composites.remove(&name);
        }
        cascades
    }

    fn drop_schema(&mut self, schema: &str, cascades: bool) -> bool {
        let inside = |name: &QualifiedName| name.schema.as_deref() == Some(schema);
        let had = self.schemas.remove(schema);
        let types = self.domains.keys().chain(self.enums.keys()).chain(self.composites.keys());
        // Columns of its types, and of types that are not known, are gone elsewhere too.
        let of_types = cascades && (types.into_iter().any(inside) || self.hazy);
        let relations: Vec<_> = self.relations.keys().filter(|name| inside(name)).cloned().collect();
        relations.iter().for_each(|name| self.remove(name));
        self.domains.retain(|name, _| !inside(name));
        self.enums.retain(|name, _| !inside(name));
        self.composites.retain(|name, _| !inside(name));
        had && of_types
    }
}

fn move_key<T>(map: &mut HashMap<QualifiedName, T>, old: &QualifiedName, new: &QualifiedName) {
    if let Some(value) = map.remove(old) {
        map.insert(new.clone(), value);
    }
}
