//! What a batch does, and what is said of one that fails.

use std::sync::Arc;

use pg_bootstrap_tests::servers::PostgresServer;
use replica::{Batch, CopyInto, ErrorKind, Place, Rows};

use super::harness::*;

fn one(table: &str, columns: &[&str], encoding: Option<&str>, bytes: &'static [u8], count: u64) -> Batch {
    let into = CopyInto {
        table: table.into(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        encoding: encoding.map(str::to_owned),
    };
    let mut rows = Rows::default();
    rows.push(&Arc::new(into), bytes.into(), count);
    rows.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_arrive_as_they_are_spelled() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut run = begin(server, &database).await;
    let make = "SET LOCAL search_path = '';\nCREATE TABLE public.\"odd \"\"name\" (a text, \"B\" int GENERATED ALWAYS AS IDENTITY, c int);\n\
        CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';\n\
        CREATE TRIGGER no BEFORE INSERT ON public.\"odd \"\"name\" EXECUTE FUNCTION public.no()";
    run.apply(&Batch::statement(make), "1").await.unwrap();
    let table = "public.\"odd \"\"name\"";
    run.apply(&one(table, &["a", "\"B\""], Some("LATIN1"), b"\xe4\\t\\\\\t7\n\\N\t8\n", 2), "2")
        .await
        .unwrap();
    run.apply(&one(table, &[], None, b"x\t9\t3\r\n", 1), "3").await.unwrap();
    run.apply(&Batch::statement("ALTER TABLE public.\"odd \"\"name\" DISABLE TRIGGER no"), "4")
        .await
        .unwrap();
    let found =
        server.connect(&database).query("SELECT a, \"B\", c FROM \"odd \"\"name\" ORDER BY 2").unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            vec![text("ä\t\\"), text("7"), None],
            vec![None, text("8"), None],
            vec![text("x"), text("9"), text("3")],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_roles_of_a_batch_end_with_it() {
    let server = PostgresServer::start();
    let database = server.fresh_database();
    server.connect(&database).query("CREATE ROLE weak; GRANT CREATE ON SCHEMA public TO weak").unwrap();
    let mut run = begin(&server, &database).await;
    // A role without rights to the record.
    let make = "SET LOCAL role = weak; CREATE TABLE public.t (a timestamptz)";
    run.apply(&Batch::statement(make), "1").await.unwrap();
    let into = Arc::new(CopyInto { table: "public.t".into(), columns: vec!["a".into()], encoding: None });
    for zone in ["America/New_York", "UTC"] {
        let mut rows = Rows::with_settings(format!("SET LOCAL timezone = '{zone}';").into());
        rows.push(&into, "2020-01-01 00:00:00\n".into(), 1);
        run.apply(&rows.into(), zone).await.unwrap();
    }
    let query = "SELECT string_agg((a AT TIME ZONE 'UTC')::text, ' ' ORDER BY a), \
        (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 't') FROM t";
    let found = server.connect(&database).query(query).unwrap();
    assert_eq!(found[0][0].as_deref(), Some("2020-01-01 00:00:00 2020-01-01 05:00:00"));
    assert_eq!(found[0][1].as_deref(), Some("weak"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_leaves_nothing_and_shows_no_value() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut session = server.connect(&database);
    session
        .query(
            "CREATE TABLE n (a int PRIMARY KEY, j json, d date CHECK (d > '2000-01-01'), v varchar(3));
             CREATE DOMAIN small AS int CHECK (VALUE < 10)",
        )
        .unwrap();
    let mut run = begin(server, &database).await;
    let cases: &[(&'static [u8], &str, u64, Option<&str>)] = &[
        (b"1\t{}\t2020-01-01\tabc\nsecret\t{}\t2020-01-01\tabc\n", "22P02", 2, Some("a")),
        (b"1\t{\"secret\": oops}\t2020-01-01\tabc\n", "22P02", 1, Some("j")),
        (b"1\t{}\t2020-01-01\tabc\n1\t{}\t2020-01-01\tsec\n", "23505", 2, None),
        (b"1\t{}\t1999-12-31\tsec\n", "23514", 1, None),
        (b"1\t{}\tsecret\tabc\n", "22007", 1, Some("d")),
        (b"1\t{}\t2020-01-01\tsecret\n", "22001", 1, Some("v")),
        (b"1\n", "22P04", 1, None),
        (b"1\t{}\t2020-01-01\ta\xff\n", "22021", 1, None),
        (b"99999999999999\t{}\t2020-01-01\tabc\n", "22003", 1, Some("a")),
    ];
    for (bytes, code, line, column) in cases {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let error = run.apply(&one("public.n", &[], None, bytes, lines), "bad").await.unwrap_err();
        let text = format!("{error} {error:?}");
        for value in ["secret", "1999", "0xff", "999999", "sec,", "(1"] {
            assert!(!text.contains(value), "{text}");
        }
        let said = error.server().unwrap();
        assert_eq!(said.code, *code, "{text}");
        let place = Place { line: *line, column: column.map(str::to_owned) };
        assert_eq!(said.place.as_ref(), Some(&place), "{text}");
        assert!(!error.is_retryable() && !error.ends_session());
    }
    assert_eq!(run.record().step, 0);
    run.apply(&one("public.n", &[], None, b"1\t{}\t2020-01-01\tabc\n", 1), "good").await.unwrap();
    assert_eq!(session.value("SELECT count(*) FROM n").unwrap().as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgresql_says_of_a_statement_is_kept() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut run = begin(server, &database).await;
    let error = run.apply(&Batch::statement("CREATE TABLE t (a nonsense)"), "1").await.unwrap_err();
    let said = error.server().unwrap();
    assert_eq!((said.code.as_str(), said.position), ("42704", Some(19)));
    assert_eq!(said.message, "type \"nonsense\" does not exist");
    let raise = "DO $$BEGIN RAISE 'row \"secret\"' USING HINT = 'look'; END$$";
    let error = run.apply(&Batch::statement(raise), "1").await.unwrap_err();
    assert_eq!(error.server().unwrap().message, "row \"…\"");
    assert!(error.to_string().ends_with("; hint: look"), "{error}");
    // Whoever counts on rows notices that they went elsewhere.
    let swallow = "CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE t ENABLE ALWAYS TRIGGER f";
    run.apply(&Batch::statement(swallow), "1").await.unwrap();
    let error = run.apply(&one("public.t", &[], None, b"1\n2\n", 2), "2").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RowCount { table: "public.t".into(), sent: 2, taken: 0 });
    assert_eq!(run.record().step, 1);
    // A COPY that waits for rows is no statement.
    let error = run.apply(&Batch::statement("COPY t FROM STDIN"), "2").await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
}
