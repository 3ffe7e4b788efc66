//! Plain dumps made with options, or by programs, that change the form of the script: the replica is equal to a
//! database that psql filled from the same script.

use std::path::Path;

use pg_bootstrap_tests::consumer::{Options, Report};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{
    Reference, Source, compare, expect_same_errors, load, replicate, strict_options,
};
use pg_bootstrap_tests::fixtures;
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer};

/// Rows whose columns come in another order than those of the restored table: they need names.
const WITHOUT_NAMES: &[&str] = &["27-column-order.sql"];
const SINGLE: &[&str] = &[];
const PACKED: &[&str] = &["--rows", "packed"];

fn through(server: &PostgresServer, dump: &Path, more: &[&str]) -> (Database, Report) {
    let redis = RedisServer::start();
    load(&redis, dump, more);
    replicate(server, &redis, Options { replace_every: 0, ..strict_options(19) })
}

/// Loads the project's fixture into a database of the cluster, which is called `name`.
fn fixture(server: &PostgresServer, name: &str, without: &[&str]) -> Database {
    let database = server.create_database(name, "UTF8");
    for file in fixtures::sql_files("database", server.major_version()).unwrap() {
        if !without.iter().any(|name| file.ends_with(name)) {
            server.psql(&database, &file).expect_clean();
        }
    }
    database
}

/// The fixture, dumped with these options, in both forms of rows.
fn same_as_psql(without: &[&str], pg_dump_args: &[&str]) {
    let server = PostgresServer::shared();
    in_both_forms(
        &Source::of_database(server, "database", without, pg_dump_args).expect("the fixture database"),
    );
}

fn in_both_forms(source: &Source) {
    let server = PostgresServer::shared();
    against(server, source, &Reference::restore(server, source));
}

fn against(server: &PostgresServer, source: &Source, reference: &Reference) {
    for rows in [SINGLE, PACKED] {
        let (replica, report) = through(server, &source.plain, rows);
        expect_same_errors(reference, &report, &[]);
        compare(server, reference, &replica, RowOrder::Exact).expect_same();
        server.drop_database(&replica);
    }
    server.drop_database(&reference.database);
}

/// The owners make their objects themselves, which they may only as superusers.
fn owners_by_session_authorization(without: &[&str], form: &str) {
    let server = PostgresServer::start();
    let args = ["--use-set-session-authorization", form];
    let source = Source::of_database(&server, "database", without, &args).expect("the fixture database");
    let postgres = Database { name: "postgres".to_owned() };
    for role in ["fixture_owner", "fixture_reader", "fixture_writer", "Fixture \"\"Role\"\" é; --"] {
        server.run_sql(&postgres, &format!("ALTER ROLE \"{role}\" SUPERUSER;"));
    }
    let reference = Reference::restore(&server, &source);
    assert_eq!(reference.restore.errors, []);
    against(&server, &source, &reference);
}

#[test]
fn owners_by_session_authorization_as_copy() {
    owners_by_session_authorization(&[], "--encoding=UTF8");
}

#[test]
fn owners_by_session_authorization_as_inserts() {
    owners_by_session_authorization(WITHOUT_NAMES, "--inserts");
}

#[test]
fn clean_with_inserts() {
    same_as_psql(WITHOUT_NAMES, &["--clean", "--if-exists", "--inserts"]);
}

/// Not the fixture's partitions: of those with an identity or another order of columns in the root, pg_dump 15 writes rows that
/// psql refuses.
#[test]
fn partition_roots_with_inserts() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    server.run_sql(
        &database,
        r#"CREATE TABLE public.part (id int NOT NULL, kind text COLLATE "C", "a b" numeric(6,2)) PARTITION BY LIST (kind);
           CREATE TABLE public.part_a PARTITION OF public.part FOR VALUES IN ('a', 'it''s') PARTITION BY HASH (id);
           CREATE TABLE public.part_a0 PARTITION OF public.part_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
           CREATE TABLE public.part_a1 PARTITION OF public.part_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
           CREATE TABLE public.part_rest PARTITION OF public.part DEFAULT;
           INSERT INTO public.part SELECT n, (ARRAY['a', 'it''s', NULL, E'x\\y'])[1 + n % 4], n / 7.0 FROM generate_series(1, 500) n;"#,
    );
    for form in ["--inserts", "--column-inserts", "--rows-per-insert=30"] {
        let dump = server.pg_dump(&database, &["--load-via-partition-root", form]);
        let into = |table: &[u8]| dump.windows(table.len()).any(|part| part == table);
        assert!(into(b"INSERT INTO public.part ") && !into(b"INSERT INTO public.part_"), "by the root");
        in_both_forms(&Source::of_bytes(form, &dump));
    }
    server.drop_database(&database);
}

#[test]
fn inserts_that_ignore_conflicts() {
    same_as_psql(WITHOUT_NAMES, &["--inserts", "--on-conflict-do-nothing"]);
}

/// pg_dump writes literals as the session that it dumps by reads them.
fn backslashes_that_escape(without: &[&str], pg_dump_args: &[&str]) {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    for file in fixtures::sql_files("database", server.major_version()).unwrap() {
        if !without.iter().any(|name| file.ends_with(name)) {
            server.psql(&database, &file).expect_clean();
        }
    }
    server.run_sql(
        &database,
        r#"CREATE TABLE public."an \ escape" (id int PRIMARY KEY, a text DEFAULT 'x\y''z', b bytea);
           COMMENT ON TABLE public."an \ escape" IS 'one \ two '' three \\ four';
           INSERT INTO public."an \ escape" VALUES (1, '\', '\x5c00'), (2, 'a\''b\\', '\x'), (3, E'\t\\n', NULL), (4, '\N', NULL);
           CREATE FUNCTION public."an \ escape"() RETURNS text LANGUAGE plpgsql AS $f$ BEGIN RETURN E'a\\b' || 'c''d'; END $f$;"#,
    );
    server.run_sql(
        &database,
        &format!("ALTER DATABASE {} SET standard_conforming_strings = off;", database.name),
    );
    let dump = server.pg_dump(&database, pg_dump_args);
    server.drop_database(&database);
    let off = b"SET standard_conforming_strings = off;";
    assert!(dump.windows(off.len()).any(|part| part == off), "a dump with escapes");
    in_both_forms(&Source::of_bytes(&format!("escapes {pg_dump_args:?}"), &dump));
}

#[test]
fn strings_with_escapes() {
    backslashes_that_escape(&[], &[]);
}

#[test]
fn strings_with_escapes_as_inserts() {
    backslashes_that_escape(WITHOUT_NAMES, &["--inserts"]);
}

#[test]
fn strings_with_escapes_as_inserts_of_many_rows() {
    backslashes_that_escape(&[], &["--column-inserts", "--rows-per-insert=50"]);
}

/// The dump makes its database, which psql then goes to.
fn that_makes_its_database(name: &str, without: &[&str], pg_dump_args: &[&str]) {
    let server = PostgresServer::shared();
    let database = fixture(server, name, without);
    let dump = server.pg_dump(&database, pg_dump_args);
    server.drop_database(&database);
    let source = Source::of_bytes(&format!("{name} {pg_dump_args:?}"), &dump);
    let first = server.fresh_database();
    let restore = server.psql(&first, &source.plain);
    server.drop_database(&first);
    let reference = Reference { database, restore }.without_what_is_left_out(server);
    against(server, &source, &reference);
}

#[test]
fn create_with_inserts() {
    that_makes_its_database("it's \"made\" by a dump", WITHOUT_NAMES, &["--create", "--inserts"]);
}

#[test]
fn clean_and_create_with_inserts() {
    that_makes_its_database(
        "made_again",
        &[],
        &["--clean", "--if-exists", "--create", "--column-inserts", "--rows-per-insert=20"],
    );
}

/// A cluster of two databases and its copy that psql makes of what pg_dumpall says.
fn one_of_a_cluster(pg_dumpall_args: &[&str], rows: &[&str]) {
    let from = PostgresServer::start();
    let shop = fixture(&from, "shop", WITHOUT_NAMES);
    let other = from.create_database("the \"other\" one", "UTF8");
    from.run_sql(&other, "CREATE TABLE public.only_here (a int, b text); INSERT INTO public.only_here VALUES (1, 'x'), (2, NULL);");
    let out = from.program("pg_dumpall").args(pg_dumpall_args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let source = Source::of_bytes(&format!("pg_dumpall {pg_dumpall_args:?}"), &out.stdout);

    let server = PostgresServer::start();
    let restore = server.psql(&Database { name: "postgres".to_owned() }, &source.plain);
    for (database, name) in [(shop, "shop"), (other, "the \"other\" one")] {
        let (replica, report) = through(&server, &source.plain, &[&["--database", name], rows].concat());
        let reference = Reference { database, restore: restore.clone() }.without_what_is_left_out(&server);
        let why = "roles are no part of a database";
        let not_of_this_database =
            [("role \"postgres\" already exists", why), ("current user cannot be dropped", why)];
        expect_same_errors(&reference, &report, &not_of_this_database);
        compare(&server, &reference, &replica, RowOrder::Exact).expect_same();
    }
}

#[test]
fn one_database_of_a_cluster() {
    one_of_a_cluster(&[], SINGLE);
}

#[test]
fn one_database_of_a_cluster_packed_from_inserts() {
    one_of_a_cluster(&["--clean", "--if-exists", "--inserts"], PACKED);
}
