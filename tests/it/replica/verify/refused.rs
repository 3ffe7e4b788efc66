//! What cannot be compared, and what is said of it.

use std::io::Write as _;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::servers::{PostgresServer, wait_until};

use super::{expect_clean, text};
use crate::harness::{Input, LIMIT, dump, expect};
use crate::replica::runner;

#[test]
fn options() {
    let input = Input::of(&dump(1));
    let run = |args: &[&str]| Runner::new().arg("verify").arg(&input.file).args(args).run(LIMIT);
    let replica = ["--replica-url", "postgres://nobody@localhost:1/x"];
    for option in ["--into-existing", "--analyze", "--forget"] {
        expect(run(&[&replica[..], &[option]].concat()), 2, &[option, "verify changes nothing"]);
    }
    for args in [&["--show-values"][..], &["--html", "x"], &["--report", "json"], &["--no-definitions"]] {
        let redis = ["--kv-url", "redis://localhost:1"];
        expect(run(&[&redis[..], args].concat()), 2, &[args[0], "needs --replica-url"]);
    }
    expect(
        run(&[&replica[..], &["--retry-timeout", "1s"]].concat()),
        14,
        &["look at the replica, tried for"],
    );
    expect(run(&[&replica[..], &["--restart"]].concat()), 2, &["--restart does not go with --replica-url"]);
}

/// A signal ends the comparison at once, and nothing that it has made stays.
#[test]
fn a_signal() {
    let (server, input) = (PostgresServer::start(), Input::of(&dump(20_000)));
    let replica = server.fresh_database();
    runner(&server, &replica, &input.file).run(LIMIT).expect_code(0);
    let url = server.url(&replica);
    // The pipe stays open, so that it waits for more of the dump.
    let mut run = Runner::new().args(["verify", "-", "--replica-url", &url]).stdin_pipe().spawn();
    let mut pipe = run.stdin();
    let whole = std::fs::read(&input.file).unwrap();
    pipe.write_all(&whole[..whole.len() / 2]).unwrap();
    pipe.flush().unwrap();
    let scratch = "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgbootstrap_verify_%'";
    let mut session = server.connect(&replica);
    assert!(wait_until(LIMIT, || session.value(scratch).unwrap().as_deref() == Some("1")));
    run.signal("TERM");
    expect(run.wait(LIMIT), 143, &["SIGTERM"]);
    expect_clean(&server, &replica);
}

/// Definitions that were not compared are not equal, unless nobody wants to know.
#[test]
fn no_pg_dump() {
    let (server, input) = (PostgresServer::shared(), Input::of(&dump(5)));
    let replica = server.fresh_database();
    runner(server, &replica, &input.file).run(LIMIT).expect_code(0);
    let url = server.url(&replica);
    let run = |args: &[&str]| {
        Runner::new().arg("verify").arg(&input.file).args(["--replica-url", &url]).args(args).run(LIMIT)
    };
    let missing = run(&["--pg-dump", "/nonexistent/pg_dump"]);
    assert!(
        text(&missing).starts_with("not compared in full: 1 table, 5 rows; definitions were not compared\n")
    );
    expect(
        missing,
        8,
        &["nothing differs, but not everything could be compared", "/nonexistent/pg_dump is not there"],
    );
    let without = run(&["--no-definitions"]);
    assert!(
        text(&without).starts_with("equal: 1 table, 5 rows; definitions were left out\n"),
        "{}",
        text(&without)
    );
    without.expect_code(0);
    server.drop_database(&replica);
}

/// Without the right to create a database, statements are compared as text, and the report says so.
#[test]
fn no_right_to_create_a_database() {
    let (server, input) = (PostgresServer::start(), Input::of(&dump(5)));
    let replica = server.fresh_database();
    let mut session = server.connect(&replica);
    session
        .query("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader; ALTER ROLE reader BYPASSRLS")
        .unwrap();
    runner(&server, &replica, &input.file).arg("--no-owner").run(LIMIT).expect_code(0);
    let client = server.program("pg_dump").get_program().to_owned();
    let as_reader = || {
        let url = server.url(&replica).replace("postgres://postgres@", "postgres://reader@");
        let run = Runner::new().arg("verify").arg(&input.file).args(["--replica-url", &url, "--no-owner"]);
        run.arg("--pg-dump").arg(&client).run(LIMIT)
    };
    let equal = as_reader().expect_code(0);
    let said = text(&equal);
    assert!(said.starts_with("equal: 1 table, 5 rows; 2 definitions\n"), "{said}");
    assert!(said.contains("definitions were compared by the text of their statements"), "{said}");
    session
        .query(
            "CREATE INDEX extra ON public.items (name); ALTER TABLE public.items DROP CONSTRAINT items_pkey",
        )
        .unwrap();
    let different = as_reader().expect_code(8);
    let said = text(&different);
    for part in [
        "definition extra: CREATE INDEX extra ON public.items USING btree\n",
        "definition missing: ALTER TABLE ONLY public.items ADD CONSTRAINT items_pkey PRIMARY\n",
    ] {
        assert!(said.contains(part), "no {part:?} in:\n{said}");
    }
    expect_clean(&server, &replica);
}

/// Rows that a policy hides are no proof that there are none.
#[test]
fn rows_that_a_policy_hides() {
    let (server, input) = (PostgresServer::start(), Input::of(&dump(5)));
    let replica = server.fresh_database();
    runner(&server, &replica, &input.file).run(LIMIT).expect_code(0);
    let hide = "INSERT INTO public.items VALUES (999, 'hidden'); CREATE ROLE reader LOGIN; \
        GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON public.items TO reader; \
        ALTER TABLE public.items ENABLE ROW LEVEL SECURITY; \
        CREATE POLICY p ON public.items FOR SELECT TO reader USING (id < 100)";
    server.connect(&replica).query(hide).unwrap();
    let url = server.url(&replica).replace("postgres://postgres@", "postgres://reader@");
    let run = Runner::new().arg("verify").arg(&input.file).args(["--replica-url", &url, "--no-definitions"]);
    expect(run.run(LIMIT), 7, &["read the rows of a table", "row-level security policy"]);
}

/// What a dump with `--clean` drops first is not there in the database for definitions, and all that it makes then is.
#[test]
fn a_dump_with_clean() {
    let server = PostgresServer::shared();
    let replica = server.fresh_database();
    server.run_sql(&replica, "CREATE TABLE public.t (a integer); INSERT INTO public.t VALUES (1)");
    let input = Input::of(&server.pg_dump(&replica, &["--clean"]));
    let run = || super::verify(server, &replica, &input.file).run(LIMIT);
    assert!(text(&run().expect_code(0)).starts_with("equal: 1 table, 1 row; "));
    server.run_sql(&replica, "CREATE INDEX t_a ON public.t (a)");
    assert!(text(&run().expect_code(8)).contains("t_a"));
    server.drop_database(&replica);
}
