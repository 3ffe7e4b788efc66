//! What statements need that is no part of a database's dump: roles, tablespaces, files of extensions.

use std::collections::BTreeSet;

use crate::name::Cursor;

/// What the statements so far need of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Roles that statements name.
    pub roles: BTreeSet<String>,
    /// Roles that are to own something.
    pub owners: BTreeSet<String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
    /// Tablespaces.
    pub tablespaces: BTreeSet<String>,
    /// Procedural languages that nothing in the dump makes.
    pub languages: BTreeSet<String>,
    /// Providers of collations.
    pub providers: BTreeSet<String>,
    /// Languages that the statements make.
    made: BTreeSet<String>,
}

/// Languages that every server has.
const BUILT_IN: [&str; 4] = ["sql", "c", "internal", "plpgsql"];

impl Needs {
    /// Adds what a statement needs, which may have settings in front of it (`SET LOCAL …;`), with standard strings.
    pub fn see(&mut self, text: &str) {
        let mut c = Cursor::new(text, true);
        while c.words(&["SET", "LOCAL"]) {
            self.setting(&mut c);
        }
        match () {
            () if c.any_word(&["GRANT", "REVOKE"]) => self.grant(c),
            () if c.words(&["ALTER", "DEFAULT", "PRIVILEGES"]) => self.defaults(c),
            () if c.word("ALTER") => self.owner(c),
            () if c.word("CREATE") => self.create(c),
            () => {}
        }
    }

    /// A setting, up to behind its semicolon.
    fn setting(&mut self, c: &mut Cursor<'_>) {
        let name = |c: &mut Cursor<'_>| c.literal().or_else(|| c.part()).filter(|name| !name.is_empty());
        match () {
            () if c.words(&["SESSION", "AUTHORIZATION"]) || c.word("ROLE") => self.roles.extend(name(c)),
            () if c.word("DEFAULT_TABLESPACE") => {
                c.symbol(b'=');
                self.tablespaces.extend(name(c));
            }
            () => {}
        }
        while c.peek().is_some() && !c.symbol(b';') {
            c.next();
        }
    }

    fn grant(&mut self, mut c: Cursor<'_>) {
        // Names of objects come before it, and they are no key words without quotes.
        while c.peek().is_some() {
            if c.any_word(&["TO", "FROM"]) {
                return self.names(&mut c);
            }
            c.next();
        }
    }

    fn defaults(&mut self, mut c: Cursor<'_>) {
        if c.word("FOR") && c.any_word(&["ROLE", "USER"]) {
            self.names(&mut c);
        }
        self.grant(c);
    }

    /// A list of roles.
    fn names(&mut self, c: &mut Cursor<'_>) {
        loop {
            c.word("GROUP");
            if !c.any_word(&["PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"]) {
                self.roles.extend(c.part());
            }
            if !c.symbol(b',') {
                return;
            }
        }
    }

    fn owner(&mut self, mut c: Cursor<'_>) {
        while c.peek().is_some() {
            if c.words(&["OWNER", "TO"]) {
                self.owners.extend(c.part());
                return;
            }
            c.next();
        }
    }

    fn create(&mut self, mut c: Cursor<'_>) {
        c.words(&["OR", "REPLACE"]);
        c.word("TRUSTED");
        c.word("PROCEDURAL");
        match () {
            () if c.word("EXTENSION") => {
                c.words(&["IF", "NOT", "EXISTS"]);
                self.extensions.extend(c.part());
            }
            () if c.any_word(&["FUNCTION", "PROCEDURE"]) => {
                let language = if c.skip_past("LANGUAGE") { c.literal().or_else(|| c.part()) } else { None };
                let foreign = |name: &String| !BUILT_IN.contains(&name.as_str()) && !self.made.contains(name);
                let language = language.filter(foreign);
                self.languages.extend(language);
            }
            () if c.word("LANGUAGE") => self.made.extend(c.part()),
            () if c.word("COLLATION") => {
                let provider = c.skip_past("PROVIDER") && c.symbol(b'=');
                self.providers.extend(if provider { c.literal().or_else(|| c.part()) } else { None });
            }
            () if c.word("POLICY") => {
                if c.skip_past("TO") {
                    self.names(&mut c);
                }
            }
            () if c.word("USER") => {
                // CREATE USER MAPPING FOR role SERVER …
                if c.words(&["MAPPING", "FOR"]) {
                    self.names(&mut c);
                }
            }
            () => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(texts: &[&str]) -> Needs {
        let mut needs = Needs::default();
        texts.iter().for_each(|text| needs.see(text));
        needs
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn roles_are_those_that_statements_name() {
        let found = needs(&[
            "GRANT SELECT(a),UPDATE(\"to\") ON TABLE public.t TO app, \"Big One\" WITH GRANT OPTION;",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE boss IN SCHEMA public GRANT SELECT ON TABLES TO reader;",
            "CREATE POLICY p ON public.t FOR SELECT TO guest USING ((a > 0));",
            "CREATE USER MAPPING FOR remote SERVER s;",
            "SET LOCAL ROLE worker;\nALTER TABLE public.t OWNER TO boss;",
            "ALTER TABLE public.t ADD COLUMN owner text;",
        ]);
        assert_eq!(found.roles, set(&["app", "Big One", "boss", "reader", "guest", "remote", "worker"]));
        assert_eq!(found.owners, set(&["boss"]));
    }

    #[test]
    fn what_a_server_must_have() {
        let found = needs(&[
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;",
            "SET LOCAL default_tablespace = 'fast';\nSET LOCAL x = ';';\nCREATE TABLE t (a int);",
            "CREATE OR REPLACE PROCEDURAL LANGUAGE \"own\";",
            "CREATE FUNCTION public.o() RETURNS int LANGUAGE own AS $$1$$;",
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE plperl AS $$1$$;",
            "CREATE FUNCTION public.g() RETURNS int LANGUAGE plpgsql AS $$ LANGUAGE x $$;",
            "CREATE COLLATION public.de (provider = icu, locale = 'de');",
        ]);
        assert_eq!(found.extensions, set(&["uuid-ossp"]));
        assert_eq!(found.tablespaces, set(&["fast"]));
        assert_eq!(found.languages, set(&["plperl"]));
        assert_eq!(found.providers, set(&["icu"]));
        assert!(found.roles.is_empty() && found.owners.is_empty());
    }
}
