//! Where a name leads.

use super::{Relation, Schema, TypeName};
use crate::name::QualifiedName;

/// The word in a search path that stands for the schema of the role that runs the script.
pub(super) const USER: &str = "$user";

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The name with its schema.
    pub name: QualifiedName,
    /// It is certain that the name leads there.
    pub certain: bool,
}

/// A schema of the search path.
enum Entry<'a> {
    Schema(&'a str),
    /// The role that runs the script may have a schema of its own: one of several.
    User,
}

impl Schema {
    /// The name with its schema: the one that it has, else the first of the search path that has the relation, else the
    /// first where it may be.
    #[must_use]
    pub fn resolve(&self, name: &QualifiedName) -> Resolved {
        if name.schema.is_some() {
            return Resolved { name: name.clone(), certain: true };
        }
        let at = |schema: &str| QualifiedName::new(schema, &name.name);
        // PostgreSQL's catalogue comes first, and its names begin so.
        let mut certain = !name.name.starts_with("pg_");
        let mut first = None;
        let mut places = 0;
        for entry in self.entries() {
            let schema = match entry {
                Entry::User => {
                    certain &= !self.user_may_have(&name.name);
                    continue;
                }
                Entry::Schema(schema) => schema,
            };
            if self.relations.contains_key(&at(schema)) {
                return Resolved { name: at(schema), certain: certain && (places == 0 || !self.hazy) };
            }
            places += 1;
            first.get_or_insert(schema);
        }
        // Nothing is known to have the name: it can only be where the path leads to, if that is one place.
        let name = at(first.unwrap_or("public"));
        Resolved { name, certain: certain && places <= 1 }
    }

    /// The name with its schema, whether that is certain or not.
    #[must_use]
    pub fn qualify(&self, name: &QualifiedName) -> QualifiedName {
        self.resolve(name).name
    }

    /// Where a new relation or type of this name comes to lie: in the first schema of the search path that is there.
    pub(super) fn place(&self, name: &QualifiedName) -> Resolved {
        if name.schema.is_some() {
            return Resolved { name: name.clone(), certain: true };
        }
        let at = |schema: &str| QualifiedName::new(schema, &name.name);
        let mut certain = true;
        let mut first = None;
        for entry in self.entries() {
            // A schema that nobody saw may be there all the same.
            certain &= first.is_none() || !self.hazy;
            match entry {
                Entry::User => certain &= !self.user_may_have_schema(),
                Entry::Schema(schema) if self.schemas.contains(schema) => {
                    return Resolved { name: at(schema), certain };
                }
                // A script for a database that has schemas already.
                Entry::Schema(schema) => {
                    first.get_or_insert(schema);
                }
            }
        }
        Resolved { name: at(first.unwrap_or("public")), certain }
    }

    /// The schemas of the path in which relations of a script can lie.
    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.path.iter().filter_map(|entry| match entry.as_str() {
            USER => match &self.user {
                Some(user) if self.schemas.contains(user) => Some(Entry::Schema(user)),
                Some(_) => None,
                None => Some(Entry::User),
            },
            "pg_catalog" | "information_schema" => None,
            schema => Some(Entry::Schema(schema)),
        })
    }

    /// Nobody knows who runs the script. A schema that has the name of a role may be that role's.
    fn user_may_have_schema(&self) -> bool {
        self.hazy_schemas || self.roles.iter().any(|role| self.schemas.contains(role))
    }

    fn user_may_have(&self, relation: &str) -> bool {
        let has = |role: &String| self.relations.contains_key(&QualifiedName::new(role, relation));
        self.hazy_schemas
            || self.roles.iter().any(|role| self.schemas.contains(role) && (self.hazy || has(role)))
    }

    /// Whether it depends on who runs the script where this name leads, which is that of something new or of what is there.
    #[must_use]
    pub fn user_decides(&self, name: &QualifiedName, new: bool) -> bool {
        let asked = || self.entries().any(|entry| matches!(entry, Entry::User));
        let may = || if new { self.user_may_have_schema() } else { self.user_may_have(&name.name) };
        name.schema.is_none() && may() && asked()
    }

    /// Notes a role, whose name may be that of a schema.
    pub fn saw_role(&mut self, role: &str) {
        if self.follows_user() && !role.is_empty() {
            self.roles.insert(role.to_owned());
        }
    }

    /// The value of a type's map for a name: where that has no schema, the first of the search path that has it.
    pub(super) fn find<'a, T>(
        &self,
        map: &'a std::collections::HashMap<QualifiedName, T>,
        name: &QualifiedName,
    ) -> Option<&'a T> {
        if name.schema.is_some() {
            return map.get(name);
        }
        self.entries().find_map(|entry| match entry {
            Entry::Schema(schema) => map.get(&QualifiedName::new(schema, &name.name)),
            Entry::User => None,
        })
    }

    /// A type that a column names as PostgreSQL would find it: one of the script's own that is called like one of PostgreSQL's
    /// comes first where the search path has its schema in front of `pg_catalog`.
    pub(super) fn seen_type(&self, type_name: &TypeName) -> TypeName {
        let name = &type_name.name;
        let catalog = self.path.iter().position(|entry| entry == "pg_catalog").unwrap_or(0);
        let before = self.path[..catalog].iter().map(|schema| QualifiedName::new(schema, &name.name));
        let own = |name: &QualifiedName| {
            self.domains.contains_key(name)
                || self.enums.contains_key(name)
                || self.composites.contains_key(name)
        };
        match before.into_iter().find(own).filter(|_| name.schema.is_none()) {
            Some(name) => TypeName { name, ..type_name.clone() },
            None => type_name.clone(),
        }
    }

    /// Where a type of this name is, if one is known.
    pub(super) fn place_of<T>(
        &self,
        map: &std::collections::HashMap<QualifiedName, T>,
        name: &QualifiedName,
    ) -> Option<QualifiedName> {
        if name.schema.is_some() {
            return map.contains_key(name).then(|| name.clone());
        }
        let candidates = self.entries().filter_map(|entry| match entry {
            Entry::Schema(schema) => Some(QualifiedName::new(schema, &name.name)),
            Entry::User => None,
        });
        candidates.into_iter().find(|candidate| map.contains_key(candidate))
    }

    pub(super) fn is_table(&self, name: &QualifiedName) -> bool {
        matches!(self.relations.get(name), Some(Relation::Table(_)))
    }
}
