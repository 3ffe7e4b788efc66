//! Patterns that nothing in the dump has matched: typing errors, mostly.

use dump::QualifiedName;

use super::pattern::Pattern;

/// The patterns that are left, each with its option.
#[derive(Debug, Default)]
pub(crate) struct Unmatched {
    relations: Vec<(&'static str, Pattern)>,
    schemas: Vec<(&'static str, Pattern)>,
}

type OfOption = (&'static str, Vec<Pattern>);

impl Unmatched {
    /// All of these are left, but those that match any name.
    pub(super) fn new(relations: Vec<OfOption>, schemas: Vec<OfOption>) -> Self {
        let flat = |options: Vec<OfOption>| {
            let pairs =
                |(option, patterns): OfOption| patterns.into_iter().map(move |pattern| (option, pattern));
            options.into_iter().flat_map(pairs).collect()
        };
        Self { relations: flat(relations), schemas: flat(schemas) }
    }

    /// A table, view or sequence is in the dump.
    pub(crate) fn see_relation(&mut self, name: &QualifiedName) {
        let schema = name.schema.as_deref().unwrap_or("public");
        self.relations.retain(|(_, pattern)| !pattern.is_relation(schema, &name.name));
        self.see_schema(schema);
    }

    /// A schema is in the dump, or something that lies in it.
    pub(crate) fn see_schema(&mut self, schema: &str) {
        self.schemas.retain(|(_, pattern)| !pattern.is_schema(schema));
    }

    /// What is left.
    pub(crate) fn list(&self) -> Vec<(&'static str, String)> {
        let all = self.relations.iter().chain(&self.schemas);
        all.map(|(option, pattern)| (*option, pattern.text().to_owned())).collect()
    }
}
