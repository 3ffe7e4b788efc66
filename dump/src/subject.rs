//! What a statement is about, for a choice of tables, schemas and sections.

use std::collections::HashSet;

use crate::kind::{self, Kind, LargeObject};
use crate::name::{Cursor, QualifiedName};

/// What a statement is about. Names are as the statement spells them, with or without a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A schema.
    Schema(String),
    /// A table, view or sequence, or what hangs on it: columns, triggers, rules, policies, privileges, comments.
    Relation(QualifiedName),
    /// A new sequence. Whose it is, if anybody's, is said later.
    NewSequence(QualifiedName),
    /// The sequence of an identity column: part of the table.
    Identity {
        /// The sequence.
        sequence: QualifiedName,
        /// The column's table.
        table: QualifiedName,
    },
    /// The sequence that a column owns: it goes with the table, and can be there without it.
    Owned {
        /// The sequence.
        sequence: QualifiedName,
        /// The column's table.
        table: QualifiedName,
    },
    /// A new index, constraint or statistics object of a relation.
    Part {
        /// Its name; of an index, in the relation's schema.
        name: QualifiedName,
        /// The relation.
        of: QualifiedName,
    },
    /// An index or statistics object. Its relation is known from where it was made.
    Named(QualifiedName),
    /// Two relations: a table and its partition, or an index and that of a partition.
    Both(QualifiedName, QualifiedName),
    /// A routine, type or something else that lies in a schema.
    Member(Option<String>),
    /// What lies in no schema, or is not known.
    Elsewhere,
}

/// The part of a dump that a statement belongs to, as pg_dump's `--section` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What is there before the rows.
    PreData,
    /// Rows, large objects, values of sequences.
    Data,
    /// Indexes, constraints, triggers and what else follows the rows.
    PostData,
}

/// The section of a statement of this kind.
#[must_use]
pub fn section(kind: &Kind, text: &str, standard: bool) -> Section {
    match kind {
        Kind::Insert | Kind::CopyFromStdin | Kind::SequenceValue | Kind::LargeObject(_) => Section::Data,
        Kind::Index => Section::PostData,
        _ => {
            let c = &mut Cursor::new(text, standard);
            if about_large_object(c.clone()) {
                Section::Data
            } else if is_post_data(c) {
                Section::PostData
            } else {
                Section::PreData
            }
        }
    }
}

fn about_large_object(mut c: Cursor<'_>) -> bool {
    let described = c.words(&["COMMENT", "ON"]) || (c.word("SECURITY") && c.skip_past("ON"));
    let granted = !described && c.any_word(&["GRANT", "REVOKE"]) && c.skip_past("ON");
    (described || granted || c.word("ALTER")) && c.words(&["LARGE", "OBJECT"])
}

fn is_post_data(c: &mut Cursor<'_>) -> bool {
    if c.word("REFRESH") || c.words(&["ALTER", "DEFAULT", "PRIVILEGES"]) {
        return true;
    }
    let described = c.words(&["COMMENT", "ON"]) || (c.word("SECURITY") && c.skip_past("ON"));
    if c.word("CREATE") {
        // pg_dump replaces a view that needs a primary key, once that is there.
        let replaces = c.words(&["OR", "REPLACE"]);
        if replaces && c.at_word("VIEW") {
            return true;
        }
        c.word("CONSTRAINT");
        return c.any_word(&["TRIGGER", "RULE", "POLICY", "STATISTICS"]) || c.words(&["EVENT", "TRIGGER"]);
    }
    if !described && !c.any_word(&["ALTER", "DROP"]) {
        return false;
    }
    if c.word("CONSTRAINT") {
        // That of a domain is made with it.
        return c.skip_past("ON") && !c.at_word("DOMAIN");
    }
    if c.any_word(&["INDEX", "TRIGGER", "RULE", "POLICY", "STATISTICS"]) || c.words(&["EVENT", "TRIGGER"]) {
        return true;
    }
    c.word("FOREIGN");
    c.word("TABLE") && changes_after_data(c)
}

/// After `ALTER TABLE`: what pg_dump does when the rows are there.
fn changes_after_data(c: &mut Cursor<'_>) -> bool {
    existing(c);
    c.word("ONLY");
    c.parts();
    c.words(&["ADD", "CONSTRAINT"])
        || c.words(&["DROP", "CONSTRAINT"])
        || c.words(&["REPLICA", "IDENTITY", "USING"])
        || c.words(&["CLUSTER", "ON"])
        || c.any_word(&["ENABLE", "DISABLE"])
}

/// What a statement is about.
#[must_use]
pub fn subject(kind: &Kind, text: &str, standard: bool) -> Subject {
    let c = &mut Cursor::new(text, standard);
    if let Kind::LargeObject(LargeObject::Whole | LargeObject::Open(_) | LargeObject::Close) = kind {
        return Subject::Elsewhere;
    }
    read(c).unwrap_or(Subject::Elsewhere)
}

fn read(c: &mut Cursor<'_>) -> Option<Subject> {
    if c.word("CREATE") {
        c.words(&["OR", "REPLACE"]);
        c.any_word(&["TEMPORARY", "TEMP", "UNLOGGED", "UNIQUE", "CONSTRAINT", "RECURSIVE"]);
        return object(c, true);
    }
    if c.words(&["ALTER", "DEFAULT", "PRIVILEGES"]) {
        return Some(match c.skip_past("IN") && c.word("SCHEMA") {
            true => Subject::Member(c.part()),
            false => Subject::Elsewhere,
        });
    }
    if c.any_word(&["ALTER", "DROP"]) || c.words(&["COMMENT", "ON"]) {
        return object(c, false);
    }
    if c.word("SECURITY") && c.skip_past("ON") {
        return object(c, false);
    }
    if c.any_word(&["GRANT", "REVOKE"]) {
        if !c.skip_past("ON") {
            return None;
        }
        return granted(c);
    }
    if c.words(&["REFRESH", "MATERIALIZED", "VIEW"]) || c.words(&["INSERT", "INTO"]) || c.word("COPY") {
        return relation(c);
    }
    if c.word("SELECT") {
        return set_value(c);
    }
    None
}

/// After `ON`: a class of objects and a name, or a relation's name alone.
fn granted(c: &mut Cursor<'_>) -> Option<Subject> {
    let no_relation = c.words(&["LARGE", "OBJECT"])
        || c.words(&["FOREIGN", "SERVER"])
        || c.words(&["FOREIGN", "DATA", "WRAPPER"])
        || names_no_relation(c.clone(), "LANGUAGE")
        || names_no_relation(c.clone(), "PARAMETER");
    if no_relation {
        return Some(Subject::Elsewhere);
    }
    object(&mut c.clone(), false).or_else(|| relation(c))
}

/// Whether this word is followed by a name, and so is none itself.
fn names_no_relation(mut c: Cursor<'_>, class: &str) -> bool {
    c.word(class) && !c.any_word(&["TO", "FROM"]) && c.part().is_some()
}

/// After the verb: a class of objects and a name.
fn object(c: &mut Cursor<'_>, new: bool) -> Option<Subject> {
    if c.word("SCHEMA") {
        existing(c);
        return c.part().map(Subject::Schema);
    }
    if c.words(&["FOREIGN", "TABLE"]) || c.word("TABLE") {
        return if new { relation(c) } else { altered_table(c) };
    }
    if c.word("VIEW") || c.words(&["MATERIALIZED", "VIEW"]) {
        return relation(c);
    }
    if c.word("COLUMN") {
        let mut parts = c.parts()?;
        parts.pop();
        return QualifiedName::from_parts(parts).map(Subject::Relation);
    }
    if c.word("SEQUENCE") {
        return sequence(c, new);
    }
    if c.word("INDEX") {
        return index(c, new);
    }
    if c.word("STATISTICS") {
        existing(c);
        let name = qualified(c)?;
        let of = c.skip_past("FROM").then(|| qualified(c)).flatten().filter(|_| new);
        return Some(of.map_or(Subject::Named(name.clone()), |of| Subject::Part { name, of }));
    }
    if c.any_word(&["TRIGGER", "POLICY", "RULE", "CONSTRAINT"]) {
        existing(c);
        c.part();
        // CREATE RULE r AS ON INSERT TO t; all others say ON t.
        c.skip_past(if c.at_word("AS") { "TO" } else { "ON" });
        return if c.word("DOMAIN") { Some(member(c)) } else { relation(c) };
    }
    in_schema(c).then(|| {
        existing(c);
        member(c)
    })
}

fn in_schema(c: &mut Cursor<'_>) -> bool {
    if c.words(&["TEXT", "SEARCH"]) {
        return c.any_word(&["PARSER", "DICTIONARY", "TEMPLATE", "CONFIGURATION"]);
    }
    c.word("DEFAULT");
    if c.word("OPERATOR") {
        c.any_word(&["CLASS", "FAMILY"]);
        return true;
    }
    let classes =
        ["FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE", "TYPE", "DOMAIN", "COLLATION", "CONVERSION"];
    c.any_word(&classes)
}

/// The schema of a name, which may be an operator's.
fn member(c: &mut Cursor<'_>) -> Subject {
    let first = c.part();
    Subject::Member(first.filter(|_| c.symbol(b'.')))
}

fn altered_table(c: &mut Cursor<'_>) -> Option<Subject> {
    existing(c);
    c.word("ONLY");
    let table = qualified(c)?;
    if c.words(&["ATTACH", "PARTITION"]) {
        return Some(Subject::Both(table, qualified(c)?));
    }
    if c.words(&["ADD", "CONSTRAINT"]) {
        let name = QualifiedName { schema: table.schema.clone(), name: c.part()? };
        return Some(Subject::Part { name, of: table });
    }
    if c.words(&["ALTER", "COLUMN"]) {
        c.part();
        if c.words(&["ADD", "GENERATED"]) && c.skip_past("IDENTITY") && c.skip_past("NAME") {
            return Some(Subject::Identity { sequence: qualified(c)?, table });
        }
    }
    Some(Subject::Relation(table))
}

/// The table of a foreign key that the statement adds to it alone, and the one that it references.
#[must_use]
pub fn foreign_key(text: &str, standard: bool) -> Option<(QualifiedName, QualifiedName)> {
    let mut c = Cursor::new(text, standard);
    if !c.words(&["ALTER", "TABLE", "ONLY"]) {
        return None;
    }
    let table = qualified(&mut c)?;
    if !c.words(&["ADD", "CONSTRAINT"]) {
        return None;
    }
    c.part()?;
    if !(c.words(&["FOREIGN", "KEY"]) && c.skip_past("REFERENCES")) {
        return None;
    }
    Some((table, qualified(&mut c)?))
}

fn sequence(c: &mut Cursor<'_>, new: bool) -> Option<Subject> {
    existing(c);
    let sequence = qualified(c)?;
    if new {
        return Some(Subject::NewSequence(sequence));
    }
    if c.words(&["OWNED", "BY"]) {
        let mut parts = c.parts()?;
        parts.pop();
        if let Some(table) = QualifiedName::from_parts(parts) {
            return Some(Subject::Owned { sequence, table });
        }
    }
    Some(Subject::Relation(sequence))
}

fn index(c: &mut Cursor<'_>, new: bool) -> Option<Subject> {
    existing(c);
    let name = qualified(c)?;
    if new {
        if !c.word("ON") {
            return None;
        }
        c.word("ONLY");
        let of = qualified(c)?;
        return Some(Subject::Part {
            name: QualifiedName { schema: of.schema.clone(), name: name.name },
            of,
        });
    }
    if c.words(&["ATTACH", "PARTITION"]) {
        return Some(Subject::Both(name, qualified(c)?));
    }
    Some(Subject::Named(name))
}

fn set_value(c: &mut Cursor<'_>) -> Option<Subject> {
    if c.parts()?.pop()? != "setval" || !c.symbol(b'(') {
        return None;
    }
    let name = c.literal()?;
    relation(&mut Cursor::new(&name, true))
}

fn relation(c: &mut Cursor<'_>) -> Option<Subject> {
    existing(c);
    c.word("ONLY");
    qualified(c).map(Subject::Relation)
}

fn qualified(c: &mut Cursor<'_>) -> Option<QualifiedName> {
    QualifiedName::from_parts(c.parts()?)
}

fn existing(c: &mut Cursor<'_>) {
    c.word("CONCURRENTLY");
    c.words(&["IF", "NOT", "EXISTS"]);
    c.words(&["IF", "EXISTS"]);
}

/// The role that `… OWNER TO role;` names.
#[must_use]
pub fn owner(text: &str, standard: bool) -> Option<String> {
    let c = &mut Cursor::new(text, standard);
    while c.peek().is_some() {
        if c.words(&["OWNER", "TO"]) {
            return c.part();
        }
        c.next();
    }
    None
}

/// Whether a statement gives a table, a column or a schema another name, or a table another schema or parent.
#[must_use]
pub fn renames(text: &str, standard: bool) -> bool {
    let mut c = Cursor::new(text, standard);
    let table = c.clone().words(&["ALTER", "TABLE"]);
    let names = c.word("ALTER")
        && c.any_word(&["TABLE", "FOREIGN", "VIEW", "MATERIALIZED", "INDEX", "SEQUENCE", "SCHEMA"]);
    let moves = |c: &mut Cursor<'_>| {
        let renamed = c.word("RENAME") && !c.at_word("CONSTRAINT");
        renamed
            || c.words(&["SET", "SCHEMA"])
            || (table && (c.words(&["ATTACH", "PARTITION"]) || c.word("INHERIT")))
    };
    names && c.any(moves)
}

/// Whether the text names one of these, in any place where a name may stand. They have no schemas.
#[must_use]
pub fn mentions(text: &str, names: &HashSet<String>, standard: bool) -> bool {
    Cursor::new(text, standard).any(|c| c.part().is_some_and(|part| names.contains(&part)))
}

/// Whether an INSERT holds another statement that writes rows, as `WITH` allows.
#[must_use]
pub fn writes_within(text: &str, standard: bool) -> bool {
    let mut c = Cursor::new(text, standard);
    c.next();
    c.any(|c| {
        c.words(&["INSERT", "INTO"])
            || c.words(&["DELETE", "FROM"])
            || c.words(&["MERGE", "INTO"])
            || c.symbol(b'(') && c.word("UPDATE")
    })
}

/// The table that `CREATE TABLE … AS` or `SELECT … INTO` makes, as the statement spells it.
#[must_use]
pub fn made_by_query(kind: &Kind, text: &str) -> Option<QualifiedName> {
    let c = &mut Cursor::new(text, true);
    match kind {
        Kind::Definition if c.word("CREATE") => {
            c.any_word(&["UNLOGGED"]);
            if !c.word("TABLE") {
                return None;
            }
            existing(c);
            let table = qualified(c)?;
            // With a list of columns or without, with options or without: the word AS before a query, in no parentheses.
            let mut depth = 0_u32;
            while c.peek().is_some() {
                if c.symbol(b'(') {
                    depth += 1;
                } else if c.symbol(b')') {
                    depth = depth.saturating_sub(1);
                } else if depth == 0 && c.word("AS") {
                    return Some(table);
                } else {
                    c.next();
                }
            }
            None
        }
        Kind::Query => {
            // Not that of an INSERT behind WITH.
            while c.peek().is_some() && !c.at_word("INTO") {
                if c.any_word(&["INSERT", "MERGE"]) {
                    c.word("INTO");
                } else {
                    c.next();
                }
            }
            if !c.word("INTO") {
                return None;
            }
            c.any_word(&["UNLOGGED"]);
            c.word("TABLE");
            qualified(c)
        }
        _ => None,
    }
}

/// Whether a definition takes over identity columns as another table has them: `LIKE … INCLUDING ALL` or
/// `INCLUDING IDENTITY`.
#[must_use]
pub fn copies_identities(text: &str, standard: bool) -> bool {
    let c = Cursor::new(text, standard);
    c.any(|c| c.word("INCLUDING") && (c.word("ALL") || c.word("IDENTITY")))
}

/// The words that a statement begins with, up to what it is about: `CREATE TABLE`, `ALTER TABLE`, `GRANT`. A change of
/// owner is `OWNER`, a sequence's value `SETVAL`; settings in front are passed over.
#[must_use]
pub fn verb(text: &str) -> String {
    let mut text = text;
    while let Some((_, rest)) = text.strip_prefix("SET LOCAL ").and_then(|rest| rest.split_once(";\n")) {
        text = rest;
    }
    match kind::classify(text, true) {
        Kind::Owner => return "OWNER".to_owned(),
        Kind::SequenceValue => return "SETVAL".to_owned(),
        Kind::LargeObject(_) => return "LARGE OBJECT".to_owned(),
        _ => {}
    }
    let c = &mut Cursor::new(text, true);
    let Some(verb) = c.part().map(|verb| verb.to_ascii_uppercase()) else { return "OTHER".to_owned() };
    let of_objects = ["CREATE", "ALTER", "DROP"].contains(&verb.as_str());
    if !of_objects {
        return verb;
    }
    c.words(&["OR", "REPLACE"]);
    c.any_word(&["TEMPORARY", "TEMP", "UNLOGGED", "UNIQUE", "CONSTRAINT", "TRUSTED", "PROCEDURAL"]);
    let class = c.part().unwrap_or_default().to_ascii_uppercase();
    let second =
        ["MATERIALIZED", "FOREIGN", "EVENT", "TEXT", "OPERATOR", "DEFAULT", "ACCESS", "USER", "LARGE"];
    let named = class == "OPERATOR" && !c.at_word("CLASS") && !c.at_word("FAMILY");
    match (second.contains(&class.as_str()) && !named).then(|| c.part()).flatten() {
        Some(more) => format!("{verb} {class} {}", more.to_ascii_uppercase()),
        None => format!("{verb} {class}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::classify;

    fn of(text: &str) -> Subject {
        subject(&classify(text, true), text, true)
    }

    #[test]
    fn statements_within_an_insert() {
        for (text, writes) in [
            ("INSERT INTO t WITH x AS (INSERT INTO u VALUES (1) RETURNING a) SELECT a FROM x;", true),
            ("INSERT INTO t WITH x AS (UPDATE u SET a = 1 RETURNING a) SELECT a FROM x;", true),
            ("INSERT INTO t WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x;", true),
            ("INSERT INTO t SELECT 'INSERT INTO u' ON CONFLICT (a) DO UPDATE SET a = 1;", false),
            ("INSERT INTO t SELECT a FROM u FOR UPDATE;", false),
        ] {
            assert_eq!(writes_within(text, true), writes, "{text}");
        }
    }

    #[test]
    fn tables_that_are_made_by_queries() {
        let made = |text: &str| made_by_query(&classify(text, true), text).map(|name| name.to_string());
        for (text, table) in [
            ("CREATE TABLE s.t AS SELECT 1;", Some("s.t")),
            (
                "CREATE UNLOGGED TABLE IF NOT EXISTS t (a, b) WITH (fillfactor=70) AS (VALUES (1, 2));",
                Some("t"),
            ),
            ("CREATE TABLE t AS EXECUTE q;", Some("t")),
            ("SELECT 1 INTO TABLE t;", Some("t")),
            ("CREATE TABLE t (a int, b text GENERATED ALWAYS AS (upper(c)) STORED);", None),
            ("CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);", None),
            ("SELECT 1;", None),
        ] {
            assert_eq!(made(text).as_deref(), table, "{text}");
        }
    }

    #[test]
    fn what_statements_are_about() {
        let name = QualifiedName::new;
        let t = || name("s", "t");
        let member = |schema: &str| Subject::Member(Some(schema.to_owned()));
        for text in [
            "CREATE UNLOGGED TABLE s.t (a int);",
            "CREATE FOREIGN TABLE s.t (a int) SERVER x;",
            "CREATE VIEW s.t AS SELECT 1;",
            "CREATE MATERIALIZED VIEW s.t AS SELECT 1;",
            "ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT 1;",
            "ALTER TABLE s.t OWNER TO me;",
            "ALTER SEQUENCE s.t OWNER TO me;",
            "ALTER TABLE ONLY s.t REPLICA IDENTITY FULL;",
            "COMMENT ON TABLE s.t IS 'x';",
            "COMMENT ON COLUMN s.t.a IS 'x';",
            "COMMENT ON TRIGGER x ON s.t IS 'x';",
            "COMMENT ON CONSTRAINT x ON s.t IS 'x';",
            "SECURITY LABEL FOR p ON TABLE s.t IS 'x';",
            "GRANT SELECT(a),UPDATE(b) ON TABLE s.t TO x;",
            "GRANT SELECT ON s.t TO x;",
            "GRANT ALL ON SEQUENCE s.t TO x;",
            "CREATE TRIGGER x AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.f();",
            "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.f();",
            "CREATE RULE x AS ON INSERT TO s.t DO NOTHING;",
            "CREATE POLICY x ON s.t USING (true);",
            "DROP TABLE IF EXISTS s.t;",
            "DROP TRIGGER IF EXISTS x ON s.t;",
            "REFRESH MATERIALIZED VIEW s.t;",
            "SELECT pg_catalog.setval('s.t', 1, true);",
            "INSERT INTO s.t VALUES (f());",
        ] {
            assert_eq!(of(text), Subject::Relation(t()), "{text}");
        }
        for (text, subject) in [
            ("CREATE SCHEMA s;", Subject::Schema("s".to_owned())),
            ("GRANT USAGE ON SCHEMA s TO x;", Subject::Schema("s".to_owned())),
            ("CREATE SEQUENCE s.q START 1;", Subject::NewSequence(name("s", "q"))),
            ("ALTER SEQUENCE s.q OWNED BY s.t.a;", Subject::Owned { sequence: name("s", "q"), table: t() }),
            ("ALTER SEQUENCE s.q OWNED BY NONE;", Subject::Relation(name("s", "q"))),
            (
                "ALTER TABLE s.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (\n    SEQUENCE NAME s.q\n);",
                Subject::Identity { sequence: name("s", "q"), table: t() },
            ),
            (
                "CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a);",
                Subject::Part { name: name("s", "i"), of: t() },
            ),
            (
                "ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (a);",
                Subject::Part { name: name("s", "c"), of: t() },
            ),
            ("CREATE STATISTICS s.x ON a, b FROM s.t;", Subject::Part { name: name("s", "x"), of: t() }),
            ("COMMENT ON INDEX s.i IS 'x';", Subject::Named(name("s", "i"))),
            ("ALTER INDEX s.i ATTACH PARTITION s.j;", Subject::Both(name("s", "i"), name("s", "j"))),
            ("ALTER TABLE ONLY s.p ATTACH PARTITION s.t DEFAULT;", Subject::Both(name("s", "p"), t())),
            ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'x';", member("s")),
            ("GRANT ALL ON FUNCTION s.f(a int) TO x;", member("s")),
            ("CREATE TYPE s.e AS ENUM ('a');", member("s")),
            ("CREATE OPERATOR s.=== (FUNCTION = s.f);", member("s")),
            ("CREATE TEXT SEARCH CONFIGURATION s.c (PARSER = x);", member("s")),
            ("COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'x';", member("s")),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA s GRANT SELECT ON TABLES TO b;", member("s")),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b;", Subject::Elsewhere),
            ("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA s;", Subject::Elsewhere),
            ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.f();", Subject::Elsewhere),
            ("SELECT pg_catalog.lo_create('7');", Subject::Elsewhere),
        ] {
            assert_eq!(of(text), subject, "{text}");
        }
    }

    #[test]
    fn verbs() {
        for (text, is) in [
            (
                "SET LOCAL check_function_bodies = false;\nCREATE OR REPLACE FUNCTION s.f() RETURNS int;",
                "CREATE FUNCTION",
            ),
            ("CREATE UNLOGGED TABLE s.t (a int);", "CREATE TABLE"),
            ("CREATE UNIQUE INDEX i ON s.t (a);", "CREATE INDEX"),
            ("CREATE OPERATOR CLASS s.c FOR TYPE int USING btree AS STORAGE int;", "CREATE OPERATOR CLASS"),
            ("CREATE OPERATOR s.=== (FUNCTION = s.f);", "CREATE OPERATOR"),
            ("ALTER TABLE s.t OWNER TO me;", "OWNER"),
            ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO b;", "ALTER DEFAULT PRIVILEGES"),
            ("SELECT pg_catalog.setval('s.q', 1, true);", "SETVAL"),
            ("SELECT pg_catalog.lo_put(7, 0, 'x');", "LARGE OBJECT"),
            ("COMMENT ON TABLE s.t IS 'x';", "COMMENT"),
            ("GRANT SELECT ON TABLE s.t TO x;", "GRANT"),
        ] {
            assert_eq!(verb(text), is, "{text}");
        }
    }

    #[test]
    fn sections() {
        let section = |text: &str| section(&classify(text, true), text, true);
        for (text, is) in [
            ("CREATE TABLE s.t (a int);", Section::PreData),
            ("ALTER TABLE s.t OWNER TO me;", Section::PreData),
            ("ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT 1;", Section::PreData),
            ("ALTER TABLE ONLY s.p ATTACH PARTITION s.t DEFAULT;", Section::PreData),
            ("COMMENT ON COLUMN s.t.a IS 'x';", Section::PreData),
            ("COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'x';", Section::PreData),
            ("GRANT SELECT ON TABLE s.t TO x;", Section::PreData),
            ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'x';", Section::PreData),
            ("COPY s.t (a) FROM stdin;", Section::Data),
            ("INSERT INTO s.t VALUES (f());", Section::Data),
            ("SELECT pg_catalog.setval('s.q', 1, true);", Section::Data),
            ("SELECT pg_catalog.lo_create('7');", Section::Data),
            ("ALTER LARGE OBJECT 7 OWNER TO me;", Section::Data),
            ("GRANT SELECT ON LARGE OBJECT 7 TO me;", Section::Data),
            ("CREATE INDEX i ON s.t (a);", Section::PostData),
            ("ALTER TABLE ONLY s.t ADD CONSTRAINT c PRIMARY KEY (a);", Section::PostData),
            ("ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;", Section::PostData),
            ("CREATE POLICY p ON s.t USING (true);", Section::PostData),
            ("CREATE CONSTRAINT TRIGGER x AFTER INSERT ON s.t EXECUTE FUNCTION s.f();", Section::PostData),
            ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.f();", Section::PostData),
            ("COMMENT ON INDEX s.i IS 'x';", Section::PostData),
            ("COMMENT ON CONSTRAINT c ON s.t IS 'x';", Section::PostData),
            ("REFRESH MATERIALIZED VIEW s.v;", Section::PostData),
        ] {
            assert_eq!(section(text), is, "{text}");
        }
    }
}
