//! Each kind of difference, made in a database that was equal before, found, and undone.

use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::servers::{Database, PostgresServer};

use super::{text, verify, verify_rows};
use crate::harness::{CELL, LIMIT, expect_discreet};
use crate::replica::runner;

/// A column of every class of types, and one of each kind of object.
const SCHEMA: &str = r#"
CREATE TYPE public.mood AS ENUM ('sad', 'ok');
CREATE TYPE public.pair AS (a int, b text);
CREATE DOMAIN public.short AS text CHECK (length(VALUE) < 100);
CREATE TABLE public.types (
    id bigint PRIMARY KEY, b boolean, i2 smallint, i4 integer, n numeric, f4 real, f8 double precision, m money, t text,
    v varchar(50), c char(9), bin bytea, d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid,
    j json, jb jsonb, x xml, p point, net inet, mac macaddr, bits bit varying(9), a integer[], ta timestamptz[], r int4range,
    tr tstzrange, mood public.mood, pair public.pair, short public.short, vec tsvector, o oid, reg regclass, ch "char"
);
INSERT INTO public.types SELECT g, true, g, g, g + 0.5, g + 0.25, g + 0.125, 5, 'Cell-4711-Value ' || g, 'v', 'c', '\x00ff', '2020-01-02',
    '01:02:03', '01:02:03+01', '2020-01-02 03:04:05.678', '2020-01-02 03:04:05.678+00', '1 day 02:00:00',
    '11111111-1111-1111-1111-111111111111', '{"a": 1}', '{"a": 1}', '<a>1</a>', '(1,2)', '10.0.0.1', '08:00:2b:01:02:03', '101',
    '{1,2}', '{2020-01-02 03:04:05+00}', '[1,5)', '[2020-01-02 00:00:00+00,2020-01-03 00:00:00+00)', 'ok', '(1,x)', 's', 'a b',
    77, 'public.types', 'x' FROM generate_series(1, 200) g;
CREATE TABLE public.bag (a int, b text);
INSERT INTO public.bag VALUES (1, 'x'), (1, 'x'), (2, 'y');
CREATE TABLE public.people (name text PRIMARY KEY, age int);
INSERT INTO public.people VALUES ('Cell-4711-Value Ann', 30), ('Cell-4711-Value Bob', 40);
CREATE TABLE public.parts (id int, what text) PARTITION BY LIST (what);
CREATE TABLE public.part_a PARTITION OF public.parts FOR VALUES IN ('a', 'c');
CREATE TABLE public.part_b PARTITION OF public.parts DEFAULT;
INSERT INTO public.parts VALUES (1, 'a'), (2, 'b');
CREATE TABLE public.parent (id int);
CREATE TABLE public.child () INHERITS (public.parent);
INSERT INTO public.parent VALUES (1);
INSERT INTO public.child VALUES (2);
CREATE TABLE public.computed (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int GENERATED ALWAYS AS IDENTITY);
INSERT INTO public.computed (a) VALUES (1), (2);
CREATE TABLE public.empty (a int);
CREATE SEQUENCE public.numbers;
SELECT setval('public.numbers', 41);
SELECT lo_from_bytea(4711, convert_to(repeat('large object ', 5000), 'UTF8'));
SELECT lo_create(4712);
CREATE MATERIALIZED VIEW public.summary AS SELECT count(*) FROM public.types;
CREATE INDEX types_t ON public.types (t);
ALTER TABLE public.bag ADD CONSTRAINT positive CHECK (a > 0);
CREATE FUNCTION public.answer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER asks BEFORE INSERT ON public.bag FOR EACH ROW EXECUTE FUNCTION public.answer();
GRANT SELECT ON public.bag TO PUBLIC;
"#;

struct Replica<'a> {
    server: &'a PostgresServer,
    database: Database,
    source: Source,
}

impl<'a> Replica<'a> {
    fn filled(server: &'a PostgresServer, pg_dump_args: &[&str]) -> Self {
        let origin = server.fresh_database();
        let schema = Source::of_bytes("schema", SCHEMA.as_bytes());
        server.psql(&origin, &schema.plain).expect_clean();
        let source = Source::of_bytes("differences", &server.pg_dump(&origin, pg_dump_args));
        server.drop_database(&origin);
        let database = server.fresh_database();
        runner(server, &database, &source.plain).run(LIMIT).expect_code(0);
        Self { server, database, source }
    }

    fn sql(&self, text: &str) {
        self.server.connect(&self.database).query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    /// Fails unless what the statement does is found and named, and gone once it is undone.
    #[track_caller]
    fn expect_found(&self, change: &str, undo: &str, says: &[&str]) {
        self.expect_of(change, undo, says, true);
    }

    #[track_caller]
    fn expect_of(&self, change: &str, undo: &str, says: &[&str], definitions: bool) {
        self.sql(change);
        let run = || match definitions {
            true => verify(self.server, &self.database, &self.source.plain).run(LIMIT),
            false => verify_rows(self.server, &self.database, &self.source.plain).run(LIMIT),
        };
        let found = run();
        expect_discreet(&found);
        let found = found.expect_code(8);
        let said = text(&found);
        for part in says {
            assert!(said.contains(part), "{change}: no {part:?} in:\n{said}\n{}", found.stderr);
        }
        self.sql(undo);
    }

    #[track_caller]
    fn expect_row(&self, change: &str, undo: &str, says: &[&str]) {
        self.expect_of(change, undo, says, false);
    }

    #[track_caller]
    fn expect_equal(&self) {
        let equal = verify(self.server, &self.database, &self.source.plain).run(LIMIT).expect_code(0);
        assert!(text(&equal).starts_with("equal: "), "{}", text(&equal));
    }
}

impl Drop for Replica<'_> {
    fn drop(&mut self) {
        self.server.drop_database(&self.database);
    }
}

/// One byte, in a column of every class of types.
#[test]
fn one_byte_of_each_type() {
    let server = PostgresServer::shared();
    for args in [[].as_slice(), &["--inserts"]] {
        let replica = Replica::filled(server, args);
        replica.expect_equal();
        for (column, value) in [
            ("b", "false"),
            ("i2", "8"),
            ("i4", "8"),
            ("n", "7.50"),
            ("f4", "7.2500005"),
            ("f8", "7.1250000000000009"),
            ("m", "5.01"),
            ("t", "'Cell-4711-Value 8'"),
            ("v", "'v '"),
            ("c", "'d'"),
            ("bin", "'\\x00fe'"),
            ("d", "'2020-01-03'"),
            ("ti", "'01:02:04'"),
            ("tz", "'02:02:03+02'"),
            ("ts", "'2020-01-02 03:04:05.677'"),
            ("tsz", "'2020-01-02 03:04:05.678+01'"),
            ("iv", "'26:00:00'"),
            ("u", "'11111111-1111-1111-1111-111111111112'"),
            ("j", "'{\"a\":1}'"),
            ("jb", "'{\"a\": 1.0}'"),
            ("x", "'<a>2</a>'"),
            ("p", "'(1,2.5)'"),
            ("net", "'10.0.0.2'"),
            ("mac", "'08:00:2b:01:02:04'"),
            ("bits", "'1010'"),
            ("a", "'{1,NULL}'"),
            ("ta", "'{2020-01-02 03:04:06+00}'"),
            ("r", "'[1,6)'"),
            ("tr", "'[2020-01-02 00:00:00+00,2020-01-03 00:00:01+00)'"),
            ("mood", "'sad'"),
            ("pair", "'(1,)'"),
            ("short", "''"),
            ("vec", "'a b c'"),
            ("o", "78"),
            ("reg", "'public.bag'"),
            ("ch", "''"),
            ("t", "NULL"),
        ] {
            replica.expect_row(
                &format!("CREATE TABLE kasho_bootstrap.kept AS SELECT * FROM public.types WHERE id = 7; \
                    UPDATE public.types SET {column} = {value} WHERE id = 7"),
                "DELETE FROM public.types WHERE id = 7; INSERT INTO public.types SELECT * FROM kasho_bootstrap.kept; \
                    DROP TABLE kasho_bootstrap.kept",
                &[
                    "  table public.types: 1 different of 200 rows",
                    &format!("columns: {column} in 1"),
                    &format!("different id=7: {column}\n"),
                ],
            );
        }
        replica.expect_equal();
    }
}

#[test]
fn rows() {
    let server = PostgresServer::shared();
    for args in [[].as_slice(), &["--column-inserts"]] {
        let replica = Replica::filled(server, args);
        replica.expect_row(
            "CREATE TABLE kasho_bootstrap.kept AS SELECT * FROM public.types WHERE id IN (5, 50); \
                DELETE FROM public.types WHERE id IN (5, 50)",
            "INSERT INTO public.types SELECT * FROM kasho_bootstrap.kept; DROP TABLE kasho_bootstrap.kept",
            &["table public.types: 2 missing of 200 rows", "    missing   id=5\n    missing   id=50\n"],
        );
        let names = "(id, t)";
        replica.expect_row(
            &format!("INSERT INTO public.types {names} VALUES (201, 'x')"),
            "DELETE FROM public.types WHERE id = 201",
            &["table public.types: 1 extra of 200 rows", "    extra     id=201\n"],
        );
        // Doubled, and one copy too few, which a sum that forgets how often would not see.
        replica.expect_row(
            "INSERT INTO public.bag VALUES (2, 'y')",
            "DELETE FROM public.bag WHERE a = 2; INSERT INTO public.bag VALUES (2, 'y')",
            &["table public.bag: 1 extra of 3 rows\n"],
        );
        replica.expect_row(
            "DELETE FROM public.bag WHERE ctid = (SELECT min(ctid) FROM public.bag WHERE a = 1)",
            "INSERT INTO public.bag VALUES (1, 'x')",
            &["table public.bag: 1 missing of 3 rows"],
        );
        // A key that may tell something is not shown.
        replica.expect_row(
            "UPDATE public.people SET age = 41 WHERE name LIKE '%Bob'",
            "UPDATE public.people SET age = 40 WHERE name LIKE '%Bob'",
            &["    different name=(not shown): age\n"],
        );
        replica.expect_row(
            "INSERT INTO public.empty VALUES (1)",
            "DELETE FROM public.empty",
            &["table public.empty: 1 extra"],
        );
        replica.expect_row(
            "CREATE TABLE public.other AS SELECT 1 AS a",
            "DROP TABLE public.other",
            &["table public.other: 1 extra of 0 rows; the dump has no rows of it"],
        );
        replica.expect_row(
            "UPDATE public.computed SET a = 3 WHERE a = 2",
            "UPDATE public.computed SET a = 2 WHERE a = 3",
            &["table public.computed: 1 missing, 1 extra of 2 rows"],
        );
        replica.expect_row(
            "INSERT INTO public.child SELECT * FROM ONLY public.parent; DELETE FROM ONLY public.parent",
            "INSERT INTO public.parent VALUES (1); DELETE FROM public.child WHERE id = 1",
            &["table public.parent: 1 missing of 1 row", "table public.child: 1 extra of 1 row"],
        );
        replica.expect_equal();
    }
}

/// Rows that have changed their partitions, where the dump names these; nothing is wrong where it does not.
#[test]
fn rows_of_other_partitions() {
    let server = PostgresServer::shared();
    let swap = "ALTER TABLE public.parts DETACH PARTITION public.part_a; ALTER TABLE public.parts DETACH PARTITION public.part_b; \
        INSERT INTO public.part_b SELECT * FROM public.part_a; DELETE FROM public.part_a; \
        ALTER TABLE public.parts ATTACH PARTITION public.part_a FOR VALUES IN ('c'); \
        ALTER TABLE public.parts ATTACH PARTITION public.part_b DEFAULT";
    let replica = Replica::filled(server, &[]);
    replica.expect_row(swap, "SELECT 1", &["table public.part_a: 1 missing", "table public.part_b: 1 extra"]);
    let by_root = Replica::filled(server, &["--load-via-partition-root"]);
    by_root.expect_equal();
    by_root.sql(swap);
    verify_rows(server, &by_root.database, &by_root.source.plain).run(LIMIT).expect_code(0);
    by_root.expect_row(
        "DELETE FROM public.part_b WHERE id = 1",
        "SELECT 1",
        &["table public.parts: 1 missing of 2 rows"],
    );
}

#[test]
fn what_is_neither_row_nor_definition() {
    let replica = Replica::filled(PostgresServer::shared(), &[]);
    replica.expect_row(
        "SELECT setval('public.numbers', 42)",
        "SELECT setval('public.numbers', 41)",
        &["sequence public.numbers is at 42 (given out), and the dump has 41 (given out)"],
    );
    replica.expect_row(
        "SELECT setval('public.numbers', 41, false)",
        "SELECT setval('public.numbers', 41)",
        &["sequence public.numbers is at 41 (to be given out next)"],
    );
    replica.expect_row(
        "SELECT lo_put(4711, 40000, 'X')",
        "SELECT lo_put(4711, 40000, lo_get(4711, 40000 - 13, 1))",
        &["large object 4711 has other bytes"],
    );
    replica.expect_row(
        "SELECT lo_put(4711, 65000, 'X')",
        "SELECT lo_unlink(4711); SELECT lo_from_bytea(4711, convert_to(repeat('large object ', 5000), 'UTF8'))",
        &["large object 4711 is longer than the dump's"],
    );
    replica.expect_row(
        "SELECT lo_put(4712, 0, 'X')",
        "SELECT lo_unlink(4712); SELECT lo_create(4712)",
        &["large object 4712 is longer than the dump's"],
    );
    replica.expect_row(
        "SELECT lo_create(4713); SELECT lo_unlink(4712)",
        "SELECT lo_unlink(4713); SELECT lo_create(4712)",
        &["large object 4712 is missing", "large object 4713 is not in the dump"],
    );
    replica.expect_row(
        "REFRESH MATERIALIZED VIEW public.summary WITH NO DATA",
        "REFRESH MATERIALIZED VIEW public.summary",
        &["materialized view public.summary is not populated"],
    );
    replica.expect_equal();
}

#[test]
fn definitions() {
    let replica = Replica::filled(PostgresServer::shared(), &[]);
    let found = |change: &str, undo: &str, said: &str| {
        replica.expect_found(change, undo, &[&format!("  definition {said}\n")]);
    };
    found(
        "DROP INDEX public.types_t",
        "CREATE INDEX types_t ON public.types (t)",
        "missing: INDEX public.types_t",
    );
    found("CREATE INDEX other ON public.bag (a)", "DROP INDEX public.other", "extra: INDEX public.other");
    let check = "ALTER TABLE public.bag DROP CONSTRAINT positive; ALTER TABLE public.bag ADD CONSTRAINT positive CHECK (a > 0)";
    found(&format!("{check} NOT VALID"), check, "extra: CHECK CONSTRAINT public.bag positive");
    let trigger = "ALTER TABLE public.bag";
    found(
        &format!("{trigger} DISABLE TRIGGER asks"),
        &format!("{trigger} ENABLE TRIGGER asks"),
        "different: TRIGGER public.bag asks",
    );
    let function = |body: &str| {
        format!("CREATE OR REPLACE FUNCTION public.answer() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    };
    found(
        &function(" BEGIN RETURN OLD; END "),
        &function(" BEGIN RETURN NEW; END "),
        "different: FUNCTION public.answer()",
    );
    found(
        "DO $$ BEGIN CREATE ROLE verify_owner; EXCEPTION WHEN duplicate_object THEN END $$; ALTER TABLE public.bag OWNER TO verify_owner",
        "ALTER TABLE public.bag OWNER TO postgres; DROP ROLE verify_owner",
        "different: TABLE public.bag",
    );
    found(
        "REVOKE SELECT ON public.bag FROM PUBLIC",
        "GRANT SELECT ON public.bag TO PUBLIC",
        "missing: ACL public.TABLE bag",
    );
    found(
        "ALTER TABLE public.bag ALTER COLUMN b SET DEFAULT 'Cell-4711-Value'",
        "ALTER TABLE public.bag ALTER COLUMN b DROP DEFAULT",
        "different: TABLE public.bag",
    );
    found("CREATE TABLE public.more (a int)", "DROP TABLE public.more", "extra: TABLE public.more");
    // What is missing is no error of the comparison.
    replica.expect_found(
        "DROP TABLE public.people; ALTER TABLE public.empty RENAME TO void; ALTER TABLE public.computed DROP COLUMN a CASCADE",
        "SELECT 1",
        &["table public.people: 2 missing of 2 rows; the table is missing", "column a is missing", "missing: TABLE public.people"],
    );
}

/// Values are shown where they are asked for, in the text and in JSON, and never in the page.
#[test]
fn values_only_where_they_are_asked_for() {
    let replica = Replica::filled(PostgresServer::shared(), &[]);
    replica.sql(
        "UPDATE public.people SET age = 41 WHERE name LIKE '%Bob'; UPDATE public.types SET t = 'Cell-4711-Value other' WHERE id < 4",
    );
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let run = |args: &[&str]| {
        let run = verify_rows(replica.server, &replica.database, &replica.source.plain).args(args);
        run.arg("--html").arg(&page).run(LIMIT).expect_code(8)
    };
    let discreet = run(&["--report", "json", "--first", "2"]);
    expect_discreet(&discreet);
    let report: serde_json::Value = serde_json::from_slice(&discreet.stdout).unwrap();
    assert_eq!(report["verdict"], "different");
    let tables = report["tables"].as_array().unwrap();
    let types = tables.iter().find(|table| table["name"] == "public.types").unwrap();
    assert_eq!((&types["different"], &types["columns"]), (&3.into(), &serde_json::json!([["t", 3]])));
    assert_eq!(types["differences"].as_array().unwrap().len(), 2);
    let shown = run(&["--show-values"]);
    let said = text(&shown);
    assert!(said.contains("name=Cell-4711-Value Bob: age: 40 in the dump, 41 in the replica"), "{said}");
    assert!(
        said.contains("id=1: t: Cell-4711-Value 1 in the dump, Cell-4711-Value other in the replica"),
        "{said}"
    );
    assert!(!shown.stderr.contains(CELL), "{}", shown.stderr);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("public.people") && page.contains(">different<"), "{page}");
    assert!(!page.contains(CELL), "{page}");
}
