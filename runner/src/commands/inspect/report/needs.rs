//! What the replica's server must have before a load, and SQL that says what of it is missing.

use dump::Needs;
use serde::Serialize;

/// What the statements of a load name that no dump of a database makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Roles.
    pub roles: Vec<String>,
    /// Extensions, of which the server must have the files.
    pub extensions: Vec<String>,
    /// Tablespaces.
    pub tablespaces: Vec<String>,
    /// Procedural languages.
    pub languages: Vec<String>,
    /// For psql, connected to the replica: makes the roles that are missing, and lists what else is.
    pub sql: Vec<String>,
}

impl Needed {
    pub(crate) fn new(needs: &Needs) -> Self {
        let list = |names: &std::collections::BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        let mut roles = needs.roles.clone();
        roles.extend(needs.owners.iter().cloned());
        // These every server has, and nobody may make them.
        roles.retain(|role| !role.starts_with("pg_"));
        let mut needed = Self {
            roles: list(&roles),
            extensions: list(&needs.extensions),
            tablespaces: list(&needs.tablespaces),
            languages: list(&needs.languages),
            sql: Vec::new(),
        };
        needed.sql = needed.statements();
        needed
    }

    fn statements(&self) -> Vec<String> {
        let make_roles =
            missing(&self.roles, "format('CREATE ROLE %I', name)", "SELECT rolname FROM pg_roles");
        let list = |names: &[String], what: &str, there: &str| {
            missing(names, &format!("name AS \"{what}\""), there).map(|text| format!("{text};"))
        };
        [
            make_roles.map(|text| format!("{text} \\gexec")),
            list(&self.extensions, "not installed", "SELECT name FROM pg_available_extensions"),
            list(&self.tablespaces, "missing tablespace", "SELECT spcname FROM pg_tablespace"),
            list(&self.languages, "missing language", "SELECT lanname FROM pg_language"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A query for those of the names that the server does not have.
fn missing(names: &[String], shown: &str, there: &str) -> Option<String> {
    let literals: Vec<_> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
    (!names.is_empty()).then(|| {
        let all = literals.join(", ");
        format!("SELECT {shown} FROM unnest(ARRAY[{all}]) AS name WHERE name NOT IN ({there})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for() {
        let mut needs = Needs::default();
        for text in [
            "ALTER TABLE public.t OWNER TO \"it's\";",
            "GRANT SELECT ON TABLE public.t TO app, pg_monitor;",
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;",
        ] {
            needs.see(text);
        }
        let needed = Needed::new(&needs);
        assert_eq!(needed.roles, ["app", "it's"]);
        assert_eq!(needed.extensions, ["hstore"]);
        assert_eq!(
            needed.sql,
            [
                "SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['app', 'it''s']) AS name WHERE name NOT IN (SELECT rolname FROM pg_roles) \\gexec",
                "SELECT name AS \"not installed\" FROM unnest(ARRAY['hstore']) AS name WHERE name NOT IN (SELECT name FROM pg_available_extensions);",
            ]
        );
        assert_eq!(Needed::new(&Needs::default()), Needed::default());
    }
}
