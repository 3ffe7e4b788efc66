//! What a statement is for, read from its first words.
//!
//! This needs no parser: pg_dump's own statements and whatever else psql would run are told apart by key
//! words, so that a statement that no parser understands is still passed on rightly.

use crate::name::Cursor;
use crate::session::{self, Session};
use crate::setting::{self, Parsed, Setting};
use crate::transaction::{self, Transaction};

/// What a statement is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Sets a parameter of the session.
    Setting(Setting),
    /// Sets all parameters of the session back to their defaults.
    ResetAll {
        /// `DISCARD ALL`, which gives up the role too.
        discard: bool,
    },
    /// Begins or ends a transaction, or a part of one.
    Transaction(Transaction),
    /// What would be lost or mean something else when it runs alone, in a session of its own.
    Session(Session),
    /// `INSERT INTO …` at top level: data of a table.
    Insert,
    /// `COPY … FROM stdin`.
    CopyFromStdin,
    /// `COPY` from or to a file or a program, or of what a query gives.
    CopyElsewhere,
    /// Part of the contents of a large object.
    LargeObject(LargeObject),
    /// `setval(…)`: the value of a sequence.
    SequenceValue,
    /// A table, type or domain, or a change of a table: the schema may learn from it.
    Definition,
    /// Not for a replica.
    NotForReplica(Skip),
    /// `ALTER … OWNER TO`.
    Owner,
    /// `GRANT`, `REVOKE`, `ALTER DEFAULT PRIVILEGES`.
    Privileges,
    /// `CREATE [OR REPLACE] FUNCTION` or `PROCEDURE`.
    Routine,
    /// `CREATE INDEX`.
    Index,
    /// `CREATE MATERIALIZED VIEW`.
    MaterializedView,
    /// `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`: changes rows that are there.
    Change,
    /// `SELECT`, `WITH`, `VALUES`, `TABLE`: a query, which may call functions, make a table or change rows.
    Query,
    /// `DO`, `CALL`: code.
    Code,
    /// Anything else.
    Other,
}

/// A statement about the contents of a large object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LargeObject {
    /// `lo_create(oid)`, or something else about large objects that stands alone.
    Whole,
    /// `lo_open(oid, mode)`: what follows is written into this object.
    Open(u32),
    /// `lowrite(fd, literal)`: the literal as the dump spells it, and how many bytes it stands for.
    Write {
        /// The literal, quotes included.
        literal: String,
        /// The bytes that it stands for.
        bytes: u64,
    },
    /// `lo_close(fd)`.
    Close,
}

/// Why a statement does not go to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skip {
    /// CREATE, ALTER, DROP of a publication, or a comment on one.
    Publication,
    /// The same of a subscription: it would really start on the replica.
    Subscription,
    /// CREATE, ALTER, DROP of a database, its comment, its privileges.
    Database,
    /// Roles and their memberships.
    Role,
    /// Tablespaces.
    Tablespace,
    /// `pg_restore_relation_stats` and its like: the planner's statistics.
    Statistics,
    /// `COPY table TO stdout`, which only prints.
    CopyToStdout,
    /// `VACUUM`, `ANALYZE`, `REINDEX`, `LOCK` and others that change nothing that a dump would show.
    Maintenance,
}

impl Skip {
    /// The name in summaries, metrics and the checkpoint.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Publication => "publication",
            Self::Subscription => "subscription",
            Self::Database => "database",
            Self::Role => "role",
            Self::Tablespace => "tablespace",
            Self::Statistics => "statistics",
            Self::CopyToStdout => "copy_to_stdout",
            Self::Maintenance => "maintenance",
        }
    }
}

/// Reads the kind of a whole statement. `standard` is `standard_conforming_strings`.
#[must_use]
pub fn classify(text: &str, standard: bool) -> Kind {
    let mut cursor = Cursor::new(text, standard);
    match setting::parse(cursor.clone()) {
        Some(Parsed::One(setting)) => return Kind::Setting(setting),
        Some(Parsed::All { discard }) => return Kind::ResetAll { discard },
        Some(Parsed::Computed) => return Kind::Session(Session::ComputedSetting),
        None => {}
    }
    if let Some(transaction) = transaction::parse(cursor.clone()) {
        return Kind::Transaction(transaction);
    }
    let kind = by_words(&mut cursor);
    if may_use_session(&kind) && session::uses_sequence_of_session(Cursor::new(text, standard)) {
        return Kind::Session(Session::SequenceOfSession);
    }
    kind
}

fn by_words(c: &mut Cursor<'_>) -> Kind {
    if let Some(session) = session::parse(c.clone()) {
        return Kind::Session(session);
    }
    if session::is_maintenance(c.clone()) {
        return Kind::NotForReplica(Skip::Maintenance);
    }
    if c.word("INSERT") {
        return Kind::Insert;
    }
    if c.word("COPY") {
        return copy(c);
    }
    if c.any_word(&["UPDATE", "DELETE", "MERGE", "TRUNCATE"]) {
        return Kind::Change;
    }
    if c.any_word(&["DO", "CALL"]) {
        return Kind::Code;
    }
    if c.any_word(&["WITH", "VALUES", "TABLE"]) || c.symbol(b'(') {
        return Kind::Query;
    }
    if c.word("SELECT") {
        return select(c);
    }
    if c.word("CREATE") {
        return create(c);
    }
    if c.word("ALTER") {
        return alter(c);
    }
    if c.word("DROP") {
        return skipped(c).map_or(Kind::Other, Kind::NotForReplica);
    }
    if c.word("COMMENT") || c.word("SECURITY") {
        let on = c.skip_past("ON");
        return on.then(|| skipped(c)).flatten().map_or(Kind::Other, Kind::NotForReplica);
    }
    if c.any_word(&["GRANT", "REVOKE"]) {
        return privileges(c);
    }
    Kind::Other
}

fn copy(c: &mut Cursor<'_>) -> Kind {
    // In parentheses: a query, which may do anything.
    if c.clone().symbol(b'(') {
        return Kind::CopyElsewhere;
    }
    let mut rows = c.clone();
    if rows.skip_past("FROM") {
        return if rows.word("STDIN") { Kind::CopyFromStdin } else { Kind::CopyElsewhere };
    }
    if c.skip_past("TO") && c.word("STDOUT") {
        return Kind::NotForReplica(Skip::CopyToStdout);
    }
    Kind::CopyElsewhere
}

/// The object class that the words ahead name, if it is one that never goes to a replica.
fn skipped(c: &mut Cursor<'_>) -> Option<Skip> {
    if c.word("PUBLICATION") {
        Some(Skip::Publication)
    } else if c.word("SUBSCRIPTION") {
        Some(Skip::Subscription)
    } else if c.word("DATABASE") {
        Some(Skip::Database)
    } else if c.word("TABLESPACE") {
        Some(Skip::Tablespace)
    } else if c.word("ROLE")
        || c.word("GROUP")
        || (c.at_word("USER") && !c.clone().words(&["USER", "MAPPING"]))
    {
        Some(Skip::Role)
    } else {
        None
    }
}

fn select(c: &mut Cursor<'_>) -> Kind {
    if c.symbol(b'*') {
        c.word("FROM");
    }
    let Some(parts) = c.parts() else { return Kind::Query };
    let catalog = match parts.as_slice() {
        [_] => true,
        [schema, _] => schema == "pg_catalog",
        _ => false,
    };
    let Some(function) = parts.last().filter(|_| catalog && c.symbol(b'(')) else { return Kind::Query };
    match function.as_str() {
        "setval" => Kind::SequenceValue,
        "lo_open" => large_object_open(c),
        "lowrite" => large_object_write(c),
        "lo_close" => Kind::LargeObject(LargeObject::Close),
        "loread" | "lo_lseek" | "lo_lseek64" | "lo_tell" | "lo_tell64" | "lo_truncate" | "lo_truncate64" => {
            Kind::Session(Session::OpenLargeObject)
        }
        "lo_import" | "lo_export" => Kind::Query,
        name if name.starts_with("lo_") => Kind::LargeObject(LargeObject::Whole),
        name if name.starts_with("pg_restore_") && name.ends_with("_stats") => {
            Kind::NotForReplica(Skip::Statistics)
        }
        name if name.starts_with("pg_clear_") && name.ends_with("_stats") => {
            Kind::NotForReplica(Skip::Statistics)
        }
        _ => Kind::Query,
    }
}

/// Kinds that pg_dump writes are not searched: their literals may be long.
fn may_use_session(kind: &Kind) -> bool {
    matches!(kind, Kind::Insert | Kind::Change | Kind::Query | Kind::Code)
}

fn large_object_open(c: &mut Cursor<'_>) -> Kind {
    let oid = c.literal().or_else(|| c.next().map(|token| c.text(token).to_owned()));
    match oid.and_then(|oid| oid.parse().ok()) {
        Some(oid) => Kind::LargeObject(LargeObject::Open(oid)),
        None => Kind::Other,
    }
}

fn large_object_write(c: &mut Cursor<'_>) -> Kind {
    c.next();
    let literal = c.symbol(b',').then(|| c.peek()).flatten();
    let read = literal.and_then(|token| {
        let bytes = bytea_length(&c.clone().literal()?)?;
        Some(LargeObject::Write { literal: c.text(token).to_owned(), bytes })
    });
    read.map_or(Kind::Other, Kind::LargeObject)
}

/// The number of bytes that a `bytea` in text form stands for: hex (`\x…`) or escape form.
fn bytea_length(value: &str) -> Option<u64> {
    if let Some(hex) = value.strip_prefix("\\x") {
        let plain = hex.bytes().all(|b| b.is_ascii_hexdigit()) && hex.len() % 2 == 0;
        return plain.then_some(hex.len() as u64 / 2);
    }
    let (mut count, mut rest) = (0, value.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'\\', [b'\\', tail @ ..]) | (b'\\', [b'0'..=b'3', b'0'..=b'7', b'0'..=b'7', tail @ ..]) => tail,
            (b'\\', _) => return None,
            _ => tail,
        };
        count += 1;
    }
    Some(count)
}

fn create(c: &mut Cursor<'_>) -> Kind {
    if let Some(skip) = skipped(c) {
        return Kind::NotForReplica(skip);
    }
    c.words(&["OR", "REPLACE"]);
    c.any_word(&["GLOBAL", "LOCAL"]);
    c.any_word(&["TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN"]);
    if c.any_word(&["TABLE", "TYPE", "DOMAIN"]) {
        Kind::Definition
    } else if c.any_word(&["FUNCTION", "PROCEDURE"]) {
        Kind::Routine
    } else if c.word("INDEX") || c.words(&["UNIQUE", "INDEX"]) {
        Kind::Index
    } else if c.words(&["MATERIALIZED", "VIEW"]) {
        Kind::MaterializedView
    } else {
        Kind::Other
    }
}

fn alter(c: &mut Cursor<'_>) -> Kind {
    if let Some(skip) = skipped(c) {
        return Kind::NotForReplica(skip);
    }
    if c.words(&["DEFAULT", "PRIVILEGES"]) {
        return Kind::Privileges;
    }
    let definition = c.word("TABLE") || c.words(&["FOREIGN", "TABLE"]) || c.word("TYPE");
    if ends_with_owner(c.clone()) {
        Kind::Owner
    } else if definition {
        Kind::Definition
    } else {
        Kind::Other
    }
}

/// `… OWNER TO name;` at the end, which is where the statement has it, whatever the object is, and no other action
/// before it.
fn ends_with_owner(mut c: Cursor<'_>) -> bool {
    let mut depth = 0_u32;
    while c.peek().is_some() {
        if c.symbol(b'(') {
            depth += 1;
        } else if c.symbol(b')') {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && c.symbol(b',') {
            return false;
        } else if c.words(&["OWNER", "TO"]) {
            return c.part().is_some() && c.symbol(b';') && c.peek().is_none();
        } else {
            c.next();
        }
    }
    false
}

fn privileges(c: &mut Cursor<'_>) -> Kind {
    let mut on = c.clone();
    if !on.skip_past("ON") {
        return Kind::NotForReplica(Skip::Role);
    }
    match skipped(&mut on) {
        // A table may have the word for a name: behind it comes no other.
        Some(skip) if on.part().is_some_and(|name| !matches!(name.as_str(), "to" | "from")) => {
            Kind::NotForReplica(skip)
        }
        _ => Kind::Privileges,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_words() {
        let skip = Kind::NotForReplica;
        for (text, kind) in [
            ("BEGIN;", Kind::Transaction(Transaction::Begin)),
            ("/* a */ Rollback TO b;", Kind::Transaction(Transaction::RollbackTo("b".to_owned()))),
            ("RESET ALL;", Kind::ResetAll { discard: false }),
            ("TRUNCATE t;", Kind::Change),
            ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a;", Kind::Query),
            ("SELECT f();", Kind::Query),
            ("DO 'BEGIN END';", Kind::Code),
            ("VACUUM ANALYZE t;", skip(Skip::Maintenance)),
            ("CREATE TEMP TABLE t (a int);", Kind::Session(Session::Temporary)),
            ("SELECT 1 INTO TEMP t;", Kind::Session(Session::Temporary)),
            ("INSERT INTO t SELECT currval('s');", Kind::Session(Session::SequenceOfSession)),
            ("COPY public.t (a) FROM stdin;", Kind::CopyFromStdin),
            ("COPY public.\"from\" (\"stdin\") FROM stdin;", Kind::CopyFromStdin),
            ("COPY t TO stdout;", skip(Skip::CopyToStdout)),
            ("COPY t TO 'x.csv';", Kind::CopyElsewhere),
            ("COPY t TO PROGRAM 'x';", Kind::CopyElsewhere),
            ("COPY t (a) FROM '$$PATH$$/1.dat';", Kind::CopyElsewhere),
            ("COPY t FROM PROGRAM 'x';", Kind::CopyElsewhere),
            ("COPY (SELECT f()) TO stdout;", Kind::CopyElsewhere),
            ("INSERT INTO t VALUES (1);", Kind::Insert),
            ("SELECT pg_catalog.setval('public.s', 1, true);", Kind::SequenceValue),
            ("SELECT pg_catalog.lo_create('7');", Kind::LargeObject(LargeObject::Whole)),
            ("SELECT pg_catalog.lo_open('7', 131072);", Kind::LargeObject(LargeObject::Open(7))),
            ("SELECT pg_catalog.lo_close(0);", Kind::LargeObject(LargeObject::Close)),
            (
                "SELECT pg_catalog.lowrite(0, '\\x00ff');",
                Kind::LargeObject(LargeObject::Write { literal: "'\\x00ff'".to_owned(), bytes: 2 }),
            ),
            ("SELECT * FROM pg_catalog.pg_restore_relation_stats('a', 'b');", skip(Skip::Statistics)),
            ("CREATE UNLOGGED TABLE t (a int);", Kind::Definition),
            ("CREATE FOREIGN TABLE t (a int) SERVER s;", Kind::Definition),
            ("CREATE FOREIGN DATA WRAPPER w;", Kind::Other),
            ("CREATE UNIQUE INDEX i ON t (a);", Kind::Index),
            ("CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x' LANGUAGE c;", Kind::Routine),
            ("CREATE MATERIALIZED VIEW v AS SELECT 1;", Kind::MaterializedView),
            ("CREATE PUBLICATION p;", skip(Skip::Publication)),
            ("ALTER PUBLICATION p OWNER TO x;", skip(Skip::Publication)),
            ("COMMENT ON PUBLICATION p IS 'x';", skip(Skip::Publication)),
            ("COMMENT ON TABLE t IS 'publication';", Kind::Other),
            ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u(a), OWNER TO x;", Kind::Definition),
            ("ALTER TABLE t ADD CHECK (a > 0), OWNER TO x;", Kind::Definition),
            ("ALTER FUNCTION f(int) OWNER TO x;", Kind::Owner),
            ("ALTER SUBSCRIPTION s ENABLE;", skip(Skip::Subscription)),
            ("CREATE USER MAPPING FOR x SERVER s;", Kind::Other),
            ("CREATE ROLE r;", skip(Skip::Role)),
            ("ALTER ROLE r SET x = 1;", skip(Skip::Role)),
            ("GRANT a TO b;", skip(Skip::Role)),
            ("GRANT SELECT ON TABLE t TO b;", Kind::Privileges),
            ("REVOKE ALL ON DATABASE d FROM PUBLIC;", skip(Skip::Database)),
            ("GRANT SELECT ON database TO b;", Kind::Privileges),
            ("GRANT SELECT ON publication, t TO b;", Kind::Privileges),
            ("GRANT SELECT ON role.t TO b;", Kind::Privileges),
            ("EXPLAIN (\"analyze\", verbose) DELETE FROM t;", Kind::Session(Session::ExplainAnalyze)),
            ("EXPLAIN (costs off, ANALYSE true) DELETE FROM t;", Kind::Session(Session::ExplainAnalyze)),
            ("EXPLAIN (ANALYZE false, VERBOSE) DELETE FROM t;", skip(Skip::Maintenance)),
            ("SELECT lo_lseek(0, 1, 0);", Kind::Session(Session::OpenLargeObject)),
            ("SELECT pg_catalog.lo_import('/etc/passwd');", Kind::Query),
            ("ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b;", Kind::Privileges),
            ("ALTER TABLE public.t OWNER TO \"me\";", Kind::Owner),
            ("ALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK (a > 0);", Kind::Definition),
            ("ALTER LARGE OBJECT 7 OWNER TO x;", Kind::Owner),
            ("ALTER FUNCTION f(a int, b text) OWNER TO x;", Kind::Owner),
            ("ALTER TABLE t ADD COLUMN b int, OWNER TO x;", Kind::Definition),
            ("REFRESH MATERIALIZED VIEW v;", Kind::Other),
        ] {
            assert_eq!(classify(text, true), kind, "{text}");
        }
    }

    #[test]
    fn bytea_in_both_forms() {
        assert_eq!(bytea_length("\\x"), Some(0));
        assert_eq!(bytea_length("\\xabc"), None);
        assert_eq!(bytea_length("a\\\\b\\001"), Some(4));
        assert_eq!(bytea_length("\\9"), None);
    }
}
