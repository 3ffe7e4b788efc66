//! What stops a load into a database: its exit code, what it says, and that nothing was done.

use std::path::Path;
use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::servers::{Database, PostgresOptions, PostgresServer};

use super::{at, runner};
use crate::harness::{CELL, COPY, Input, LIMIT, SECRET, dump, dump_of};

/// It says all of this, and neither a cell nor the password.
#[track_caller]
fn expect(finished: Finished, code: i32, says: &[&str]) {
    let finished = finished.expect_code(code);
    for text in says {
        assert!(finished.stderr.contains(text), "no {text:?} in:\n{}", finished.stderr);
    }
    assert!(!finished.stderr.contains(CELL) && !finished.stderr.contains(SECRET), "{}", finished.stderr);
}

/// Nothing of ours is in the database.
#[track_caller]
fn expect_untouched(server: &PostgresServer, database: &Database) {
    let ours = "SELECT to_regclass('public.items') IS NULL AND to_regnamespace('kasho_bootstrap') IS NULL";
    assert_eq!(server.connect(database).value(ours).unwrap().as_deref(), Some("t"));
}

#[test]
fn options_that_do_not_go_with_a_database() {
    let input = Input::of(&dump(1));
    let load = |args: &[&str]| at("postgres://nobody@localhost:1/x", &input.file).args(args).run(LIMIT);
    for args in [
        &["--kv-url", "redis://localhost:1"][..],
        &["--output", "-"],
        &["--dry-run"],
        &["--publish", "always"],
        &["--ttl", "1h"],
        &["--memory-high-water", "90%"],
        &["--first-sequence", "5"],
        &["--rows", "packed"],
        &["--snapshot-lsn", "16/B374D848"],
        &["--restart"],
        &["--checkpoint", "c"],
        &["--max-rate", "5"],
        &["--change-stream", "localhost:1", "--complete-bootstrap"],
    ] {
        expect(load(args), 2, &[args[0], "does not go with --replica-url"]);
    }
    for option in ["--analyze", "--forget", "--into-existing", "--jobs=2"] {
        let alone = Runner::new().arg("--dump-file").arg(&input.file).arg(option).run(LIMIT);
        expect(alone, 2, &[option.split('=').next().unwrap(), "needs --replica-url"]);
    }
    expect(load(&["--on-error", "skip"]), 2, &["--reject-file"]);
    let url = ["--replica-url", "postgres://nobody@localhost:1/x"];
    let inspect = Runner::new().arg("inspect").arg(&input.file).args(url).run(LIMIT);
    expect(inspect, 2, &["does not take --replica-url"]);
}

#[test]
fn addresses_that_cannot_be_used() {
    let input = Input::of(&dump(1));
    let run = |url: &str| at(url, &input.file).args(["--retry-timeout", "1s"]).run(LIMIT);
    expect(run("postgres://localhost/x"), 2, &["--replica-url cannot be used", "PGUSER"]);
    expect(run(&format!("postgres://a:{SECRET}@localhost/x?service=y")), 2, &["service is not supported"]);
    expect(run(&format!("postgres://a:{SECRET}@127.0.0.1:1/x")), 14, &["tried for", "a@127.0.0.1:1/x"]);
}

/// A role with a password, by TCP.
fn guarded() -> (PostgresServer, Database, tempfile::TempDir) {
    let folder = tempfile::Builder::new().prefix("hba-").tempdir_in("/tmp").unwrap();
    let hba = folder.path().join("hba");
    std::fs::write(&hba, "local all postgres trust\nhost all ann 127.0.0.1/32 scram-sha-256\n").unwrap();
    set_readable(folder.path());
    let settings = vec![("hba_file".to_owned(), hba.display().to_string())];
    let server = PostgresServer::start_with(PostgresOptions { settings, ..PostgresOptions::default() });
    let database = server.fresh_database();
    let role = format!("CREATE ROLE ann SUPERUSER LOGIN PASSWORD '{SECRET}'");
    server.connect(&database).query(&role).unwrap();
    (server, database, folder)
}

fn set_readable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_password_from_each_place_and_a_wrong_one() {
    let (server, database, folder) = guarded();
    let input = Input::of(&dump(10));
    let url =
        |password: &str| format!("postgres://ann{password}@127.0.0.1:{}/{}", server.port(), database.name);
    let run = |runner: Runner| runner.env("HOME", "/nonexistent").run(LIMIT);
    expect(run(at(&url(":wrong"), &input.file)), 7, &["28P01"]);
    expect(run(at(&url(""), &input.file)), 7, &["password"]);
    expect_untouched(&server, &database);
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let with_file = at(&url(""), &input.file).arg("--replica-password-file").arg(&file);
    let first = run(with_file).expect_code(0);
    assert!(first.stderr.contains("ann is a superuser, and a dump is code"), "{}", first.stderr);
    expect(run(at(&url(&format!(":{SECRET}")), &input.file)), 0, &[]);
    expect(run(at(&url(""), &input.file).env("PGPASSWORD", SECRET)), 0, &[]);
}

#[test]
fn a_database_that_is_not_empty() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    server.connect(&database).query("CREATE TABLE public.mine (a int)").unwrap();
    let input = Input::of(&dump(10));
    expect(
        runner(server, &database, &input.file).run(LIMIT),
        7,
        &["the database is not empty", "public.mine"],
    );
    expect_untouched(server, &database);
    runner(server, &database, &input.file).arg("--into-existing").run(LIMIT).expect_code(0);
    let rows = "SELECT count(*) FROM public.items";
    assert_eq!(server.connect(&database).value(rows).unwrap().as_deref(), Some("10"));
}

#[test]
fn what_the_dump_needs_and_the_server_lacks_all_at_once() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let script = b"CREATE EXTENSION no_such_extension;\n\
        ALTER TABLE public.items OWNER TO \"No Such Owner\";\nGRANT SELECT ON public.items TO no_such_reader;\n";
    let input = Input::of(&dump_of(script));
    let says = [
        "no extension no_such_extension",
        "CREATE ROLE \"No Such Owner\";",
        "CREATE ROLE \"no_such_reader\";",
    ];
    expect(runner(server, &database, &input.file).run(LIMIT), 7, &says);
    expect_untouched(server, &database);
    let without = runner(server, &database, &input.file).args(["--no-owner", "--no-privileges"]).run(LIMIT);
    expect(without, 7, &["no_such_extension"]);
}

/// The first row that PostgreSQL refuses ends it, and so does the first statement; what came before stays.
#[test]
fn rows_and_statements_that_postgres_refuses() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let bad = dump_of(format!("{COPY}1\t{CELL}\n{CELL}\tx\n\\.\n\n").as_bytes());
    let input = Input::of(&bad);
    let says = ["copy rows of public.items", "22P02", "at row 2 of what was sent, column id"];
    expect(runner(server, &database, &input.file).run(LIMIT), 3, &says);
    let database = server.fresh_database();
    let input = Input::of(&dump_of(b"CREATE TABLE public.t (a no_such_type);\n"));
    let says = ["run the statement before line", "42704", "no_such_type"];
    expect(runner(server, &database, &input.file).run(LIMIT), 3, &says);
}

#[test]
fn another_dump_or_configuration_under_the_same_name() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let input = Input::of(&dump(10));
    runner(server, &database, &input.file).run(LIMIT).expect_code(0);
    let done = runner(server, &database, &input.file).run(LIMIT).expect_code(0);
    assert!(done.stdout.starts_with(b"done already"));
    expect(runner(server, &database, &input.file).arg("--no-owner").run(LIMIT), 5, &["--no-owner"]);
    let other = Input::of(&dump(11));
    expect(runner(server, &database, &other.file).run(LIMIT), 5, &["another dump"]);
    // Under another name it is another run, into a database that is not empty.
    let named = runner(server, &database, &other.file).args(["--run-id", "other"]).run(LIMIT);
    expect(named, 7, &["not empty"]);
    // Once the record is gone, nothing tells.
    runner(server, &database, &input.file).arg("--forget").run(LIMIT).expect_code(0);
    expect(runner(server, &database, &input.file).run(LIMIT), 7, &["not empty"]);
}

#[test]
fn a_role_that_may_not_keep_triggers_silent() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let role = format!(
        "CREATE ROLE plain_loader LOGIN; GRANT CREATE ON DATABASE {} TO plain_loader; \
         GRANT CREATE ON SCHEMA public TO plain_loader",
        database.name
    );
    server.connect(&database).query(&role).unwrap();
    let input = Input::of(&dump(10));
    let url = server.url(&database).replacen("//postgres@", "//plain_loader@", 1);
    let grant = "GRANT SET ON PARAMETER session_replication_role TO \"plain_loader\";";
    expect(at(&url, &input.file).run(LIMIT), 7, &["session_replication_role", grant]);
    expect_untouched(server, &database);
    server.connect(&database).query(grant).unwrap();
    let loaded = at(&url, &input.file).run(Duration::from_secs(60)).expect_code(0);
    assert!(!loaded.stderr.contains("is a superuser"), "{}", loaded.stderr);
}
