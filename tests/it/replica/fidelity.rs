//! The database is equal to one into which psql restored the same dump.

use std::path::{Path, PathBuf};

use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{Reference, Source};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::{LIMIT, long};
use pg_bootstrap_tests::servers::PostgresServer;

use super::verify::verify;
use super::{expect_restored, runner};

/// Rows whose columns come in another order than those of the restored table: psql cannot restore them without names.
const WITHOUT_NAMES: &[&str] = &["27-column-order.sql"];

/// The options of a load that say what is to be there, and not how it gets there.
fn of_verify<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut all = args.iter();
    while let Some(arg) = all.next() {
        match *arg {
            "--analyze" | "--forget" => {}
            "--jobs" => drop(all.next()),
            arg => kept.push(arg),
        }
    }
    kept
}

/// Whatever the program fills is what psql fills, and `verify` says so.
#[track_caller]
fn try_out(server: &PostgresServer, source: &Source, dump: &Path, args: &[&str]) {
    try_out_as(server, source, dump, args, (0, "equal: "));
}

/// The same, with another verdict of `verify`.
#[track_caller]
fn try_out_as(
    server: &PostgresServer,
    source: &Source,
    dump: &Path,
    args: &[&str],
    (code, verdict): (i32, &str),
) {
    let replica = server.fresh_database();
    runner(server, &replica, dump).args(args).run(LIMIT).expect_code(0);
    let several = args.contains(&"--jobs");
    let order = if several { RowOrder::AnyWithinTable("several sessions") } else { RowOrder::Exact };
    expect_restored(server, source, &replica, order);
    let verified = verify(server, &replica, dump).args(of_verify(args)).run(LIMIT).expect_code(code);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(said.starts_with(verdict), "{}: {said}", source.name);
    server.drop_database(&replica);
}

#[track_caller]
fn our_database(pg_dump_args: &[&str], packing: Packing) {
    our_database_without(&[], pg_dump_args, packing);
}

#[track_caller]
fn our_database_without(without: &[&str], pg_dump_args: &[&str], packing: Packing) {
    let server = PostgresServer::shared();
    let source =
        Source::of_database(server, "database", without, pg_dump_args).expect("the fixture database");
    try_out(server, &source, &source.packed(packing), &[]);
}

#[test]
fn our_database_as_copy() {
    our_database(&[], Packing::Plain);
}

#[test]
fn our_database_packed_and_without_owners() {
    our_database(&["--no-owner", "--no-privileges"], Packing::Lz4);
}

/// Some of what `--clean` writes cannot run in an empty database, with psql either, which goes on after it. With
/// `--on-error skip` the load does, too.
#[test]
fn a_dump_with_clean_is_for_a_database_that_has_its_tables() {
    let server = PostgresServer::shared();
    let source =
        Source::of_database(server, "database", &[], &["--clean", "--if-exists"]).expect("the database");
    let replica = server.fresh_database();
    let ended = runner(server, &replica, &source.packed(Packing::Zstd)).run(LIMIT).expect_code(3);
    assert!(ended.stderr.contains("schema \"looks\" does not exist (SQLSTATE 3F000)"), "{}", ended.stderr);
    server.drop_database(&replica);
}

#[test]
fn our_database_by_several_sessions() {
    let server = PostgresServer::shared();
    for args in [&[][..], &["--load-via-partition-root"], &["--column-inserts", "--rows-per-insert=50"]] {
        let source = Source::of_database(server, "database", &[], args).expect("the fixture database");
        for jobs in ["2", "4"] {
            try_out(server, &source, &source.plain, &["--jobs", jobs]);
        }
    }
}

#[test]
fn our_database_by_partition_roots() {
    our_database(&["--load-via-partition-root"], Packing::GzipMembers);
}

#[test]
fn our_database_as_inserts() {
    our_database_without(WITHOUT_NAMES, &["--inserts"], Packing::Plain);
}

#[test]
fn our_database_as_inserts_with_names() {
    our_database(&["--column-inserts", "--rows-per-insert=100"], Packing::Plain);
}

#[test]
fn our_database_as_inserts_that_ignore_conflicts() {
    our_database(&["--column-inserts", "--rows-per-insert=7", "--on-conflict-do-nothing"], Packing::Gzip);
}

#[test]
fn regression_database_as_copy() {
    let source = Source::of_fixture("corpora/regression-15.sql.zst");
    try_out(PostgresServer::shared(), &source, &source.plain, &["--analyze", "--forget"]);
    try_out(PostgresServer::shared(), &source, &source.plain, &["--jobs", "4"]);
}

/// psql cannot restore all of it either: the first statement that fails ends the load.
#[test]
fn regression_database_as_inserts() {
    let server = PostgresServer::shared();
    let source = Source::of_fixture("corpora/regression-15-inserts.sql.zst");
    let reference = Reference::restore(server, &source);
    assert!(!reference.restore.errors.is_empty());
    let replica = server.fresh_database();
    let ended = runner(server, &replica, &source.plain).run(LIMIT).expect_code(3);
    assert!(ended.stderr.contains("SQLSTATE 22P02"), "{}", ended.stderr);
}

/// A row of 50 MB, statements of 5 MB, a large object of 50 MB.
#[test]
fn large_rows() {
    let server = PostgresServer::shared();
    for args in [[].as_slice(), &["--inserts"]] {
        let source = Source::of_database(server, "database-large", &[], args).expect("the fixture database");
        try_out(server, &source, &source.plain, &[]);
        if !long() {
            return;
        }
    }
}

/// pg_dump's archives, which psql does not read: compared with the script of the same database.
#[test]
fn archives() {
    let server = PostgresServer::shared();
    let source = Source::of_database(server, "database", &[], &[]).expect("the fixture database");
    let database = server.fresh_database();
    server.psql(&database, &source.plain).expect_clean();
    // Under inheritance a restored database has another order of columns.
    let source = Source::of_bytes("restored", &server.pg_dump(&database, &[]));
    let folder = tempfile::tempdir().unwrap();
    let make = |format: &str| -> PathBuf {
        let path = folder.path().join(format);
        let file = format!("--file={}", path.display());
        server.pg_dump(&database, &[&format!("--format={format}"), &file]);
        path
    };
    for format in ["custom", "directory", "tar"] {
        try_out(server, &source, &make(format), &[]);
    }
    server.drop_database(&database);
}

#[test]
fn a_pipe() {
    let server = PostgresServer::shared();
    let source = Source::of_database(server, "database", &[], &[]).expect("the fixture database");
    let replica = server.fresh_database();
    runner(server, &replica, Path::new("-")).stdin_file(&source.plain).run(LIMIT).expect_code(0);
    expect_restored(server, &source, &replica, RowOrder::Exact);
    // Nothing is left to do, and that it is the same dump is looked at.
    let again = runner(server, &replica, Path::new("-")).stdin_file(&source.plain).run(LIMIT).expect_code(0);
    assert!(again.stdout.starts_with(b"done already"), "{}", String::from_utf8_lossy(&again.stdout));
    expect_restored(server, &source, &replica, RowOrder::Exact);
}

/// Statements that pg_dump does not write in this order: settings in force for rows, and rows that only the server can
/// read.
#[test]
fn rows_by_settings_and_expressions() {
    let script = "
SET client_encoding = 'LATIN1';
CREATE TABLE public.t (id int GENERATED ALWAYS AS IDENTITY, d date, s text DEFAULT 'x', n int);
SET datestyle = 'German';
COPY public.t (id, d, s) FROM stdin;
7\t31.12.2020\tM\u{fc}ller
\\.
INSERT INTO public.t (d, s, n) VALUES ('1.2.2021', DEFAULT, 1), ('2.2.2021', 'y', 2 + 3);
INSERT INTO public.t (d, s, n) VALUES ('3.2.2021', 'it''s \\', 4);
SET search_path = public;
COPY t (d) FROM stdin;
4.2.2021
\\.
CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;
INSERT INTO public.t DEFAULT VALUES;
CREATE VIEW public.v AS SELECT d FROM public.t;
INSERT INTO public.v (d) VALUES ('5.2.2021');
";
    let server = PostgresServer::shared();
    let latin: Vec<u8> = script.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let source = Source::of_bytes("settings", &latin);
    // What defaults and expressions give is known to the load alone.
    try_out_as(server, &source, &source.plain, &[], (8, "not compared in full: "));
}
