//! Tests of the reference consumer: its results are compared with those of the real one, and each error is provoked.

use crate::consumer::{
    Consumer, Entry, Kind, Options, ReadAs, ReplicaRole, Report, SequenceSync, decode, encoded_len,
    read_position,
};
use crate::servers::{Database, PostgresServer};
use crate::{consumer, fixtures};

/// One entry at the right score, written canonically, from the text of `data`.
fn entry(sequence: i64, kind: &str, data: &str) -> Entry {
    let member = format!(r#"{{"type":"{kind}","position":"0/BOOTSTRAP{sequence:08}","data":{data}}}"#);
    Entry { score: (sequence - 1_000_000) as f64, member: member.into_bytes() }
}

fn ddl(sequence: i64, sql: &str) -> Entry {
    let sql = serde_json::to_string(sql).unwrap();
    let data = format!(
        r#"{{"id":{sequence},"time":"2000-01-01T00:00:00Z","username":"bootstrap","database":"","ddl":{sql}}}"#
    );
    entry(sequence, "ddl", &data)
}

fn row(sequence: i64, table: &str, columns: &[&str], values: &str) -> Entry {
    let columns = serde_json::to_string(columns).unwrap();
    let data =
        format!(r#"{{"table":"{table}","columnnames":{columns},"columnvalues":[{values}],"kind":"insert"}}"#);
    entry(sequence, "dml", &data)
}

fn apply(database: &Database, options: Options, entries: Vec<Entry>) -> Report {
    Consumer::new(PostgresServer::shared(), database, options).run(entries.into_iter().map(Ok)).unwrap()
}

/// All rows of one column as text.
fn column(database: &Database, sql: &str) -> Vec<Option<String>> {
    let rows = PostgresServer::shared().connect(database).query(sql).unwrap();
    rows.into_iter().map(|row| row.into_iter().next().flatten()).collect()
}

#[test]
fn values_arrive_as_in_the_real_consumer() {
    let database = PostgresServer::shared().fresh_database();
    PostgresServer::shared().run_sql(
        &database,
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
         CREATE TYPE mood AS ENUM ('sad', 'it''s \"ok\"'); CREATE TYPE comp AS (a int, b text, c text);
         CREATE DOMAIN posint AS int CHECK (value > 0); CREATE DOMAIN dtext AS text;
         CREATE DOMAIN dts AS timestamptz; CREATE DOMAIN dbool AS bool;",
    );
    let vectors = fixtures::json("vectors/consumer_values.json");
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 238);
    let mut entries = Vec::new();
    for (number, case) in (1..).zip(cases) {
        let column_type = case["column_type"].as_str().unwrap();
        entries.push(ddl(2 * number - 1, &format!("CREATE TABLE public.v{number} (v {column_type})")));
        let raw = case["raw_json"].as_str().unwrap();
        entries.push(row(2 * number, &format!("public.v{number}"), &["v"], raw));
    }
    let report = apply(&database, Options::default(), entries.clone());
    assert_eq!(report.entries, 2 * 238);

    let mut wrong = Vec::new();
    for (number, case) in (1..).zip(cases) {
        let literal = match decode(&entries[2 * number - 1].member).map(|change| change.data) {
            Ok(consumer::Decoded::Dml(dml)) => {
                let sql = dml.to_sql();
                sql.split_once(" VALUES (").and_then(|(_, rest)| rest.strip_suffix(");")).map(str::to_owned)
            }
            _ => None,
        };
        // Where the vector has no literal, the entry is unreadable or PostgreSQL takes no such text.
        if let Some(expected) = case["sql_literal"].as_str()
            && literal.as_deref() != Some(expected)
        {
            wrong.push(format!("{case}: the literal is {literal:?}"));
        }
        let arrived = column(&database, &format!("SELECT v::text FROM public.v{number}"));
        let arrived = serde_json::to_value(arrived).unwrap();
        if arrived != case["arrived"] {
            wrong.push(format!("{case}: {arrived} arrived"));
        }
        if case["equal"].as_bool().is_some_and(|equal| equal != (arrived[0] == case["wanted"])) {
            wrong.push(format!("{case}: {arrived} arrived, which is not what was wanted"));
        }
    }
    assert!(wrong.is_empty(), "{} of 238 are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // 1e400, NaN, an array, two objects; and the NUL byte that PostgreSQL refuses.
    assert_eq!((report.lost, report.failed), (5, 1));
    assert_eq!(report.failures[0].error.message, "invalid message format");
}

#[test]
fn positions_are_read_as_in_the_real_consumer() {
    let vectors = fixtures::json("vectors/positions.json");
    for case in vectors["cases"].as_array().unwrap() {
        let read = read_position(case["position"].as_str().unwrap());
        assert_eq!(read.is_ok(), case["accepted"].as_bool().unwrap(), "{case}");
        match read {
            Ok((score, read_as)) => {
                assert_eq!(Some(score), case["score"].as_f64(), "{case}");
                if let ReadAs::Sequence(sequence) = read_as {
                    assert_eq!(Some(sequence as f64), case["sequence"].as_f64(), "{case}");
                }
                let name = match read_as {
                    ReadAs::Sequence(_) => "bootstrap sequence",
                    ReadAs::Lsn => "LSN",
                    ReadAs::Binlog => "MySQL binlog",
                    ReadAs::Bootstrap => "the word bootstrap: everything, from -inf",
                };
                assert_eq!(Some(name), case["read_as"].as_str(), "{case}");
            }
            Err(error) => assert_eq!(
                Some(format!("failed to parse position: {error}").as_str()),
                case["error"].as_str(),
                "{case}"
            ),
        }
    }
}

#[test]
fn a_failed_change_is_skipped_and_named() {
    let database = PostgresServer::shared().fresh_database();
    let report = apply(
        &database,
        Options::default(),
        vec![
            ddl(1, "CREATE TABLE public.t (a int PRIMARY KEY)"),
            row(2, "public.t", &["a"], "1"),
            row(3, "public.t", &["a"], "1"),
            row(4, "public.t", &["a"], "2"),
            ddl(5, "CREATE TABLE public.t (a int)"),
            ddl(6, "INSERT INTO public.t VALUES (8); INSERT INTO public.t VALUES (1)"),
            row(7, "public.t", &["a", "b"], "3,4"),
            row(8, "public.t", &["a"], "9"),
        ],
    );
    let failed: Vec<_> =
        report.failures.iter().map(|f| (f.position.as_str(), f.kind, f.error.code.as_str())).collect();
    assert_eq!(
        failed,
        [
            ("0/BOOTSTRAP00000003", Kind::Dml, "23505"),
            ("0/BOOTSTRAP00000005", Kind::Ddl, "42P07"),
            ("0/BOOTSTRAP00000006", Kind::Ddl, "23505"),
            ("0/BOOTSTRAP00000007", Kind::Dml, "42703"),
        ]
    );
    assert_eq!((report.applied_ddl, report.applied_dml, report.failed, report.lost), (1, 3, 4, 0));
    let values = column(&database, "SELECT string_agg(a::text, ',' ORDER BY a) FROM public.t");
    assert_eq!(values, [Some("1,2,9".to_owned())], "several statements in one change are one transaction");
}

#[test]
fn unreadable_entries_are_lost_alone() {
    let good = row(1, "public.t", &["a"], "1");
    let text = String::from_utf8(good.member.clone()).unwrap();
    let ddl_text = String::from_utf8(ddl(1, "SELECT 1").member).unwrap();
    let spoiled = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let bad = [
        spoiled(&text, "\"dml\"", "\"DML\""),
        spoiled(&text, "[1]", "[[1]]"),
        spoiled(&text, "[1]", "[1e400]"),
        spoiled(&text, "[1]", "[NaN]"),
        spoiled(&text, "columnnames", "ColumnNames"),
        spoiled(&text, "insert", "upsert"),
        format!("{text}x"),
        spoiled(&ddl_text, "\"id\":1", "\"id\":1.5"),
        spoiled(&ddl_text, "\"id\":1", "\"id\":\"1\""),
        spoiled(&ddl_text, "\"id\":1", "\"id\":9223372036854775808"),
        spoiled(&ddl_text, "2000-01-01T", "2000-01-01 "),
        spoiled(&ddl_text, "\"2000-01-01T00:00:00Z\"", "0"),
    ];
    for member in bad {
        assert!(decode(member.as_bytes()).is_err(), "{member}");
        let database = PostgresServer::shared().fresh_database();
        let lost = Entry { score: 0.0, member: member.into_bytes() };
        let create = ddl(2, "CREATE TABLE public.t (a int)");
        let report = apply(&database, Options::default(), vec![lost, create]);
        assert_eq!((report.lost, report.applied_ddl), (1, 1));
        PostgresServer::shared().drop_database(&database);
    }
}

#[test]
fn a_change_that_is_too_large_loses_everything_after_it() {
    let run = |surplus: usize| {
        let database = PostgresServer::shared().fresh_database();
        let spare = encoded_len(&decode(&row(2, "public.t", &["a"], "\"x\"").member).unwrap()) - 1;
        // Three lengths grow by three bytes each: of the value, of the text in it, and of the data.
        let text = "x".repeat(consumer::MAX_MESSAGE - spare - 9 + surplus);
        let entries = vec![
            ddl(1, "CREATE TABLE public.t (a text)"),
            row(2, "public.t", &["a"], &format!("\"{text}\"")),
            row(3, "public.t", &["a"], "\"after\""),
            ddl(4, "CREATE TABLE public.u ()"),
        ];
        let size = encoded_len(&decode(&entries[1].member).unwrap());
        assert_eq!(size, consumer::MAX_MESSAGE + surplus);
        let report = apply(&database, Options::default(), entries);
        (report, column(&database, "SELECT count(*) FROM public.t"))
    };
    let (report, count) = run(0);
    report.expect_clean();
    assert_eq!(count, [Some("2".to_owned())]);
    let (report, count) = run(1);
    assert_eq!(report.fatal.unwrap().position, "0/BOOTSTRAP00000002");
    assert_eq!((report.not_delivered, report.applied_ddl, report.applied_dml), (3, 1, 0));
    assert_eq!(count, [Some("0".to_owned())]);
}

#[test]
fn what_crashes_the_real_consumer_ends_the_run() {
    for crashing in [row(2, "public.t", &["a", "b"], "1"), row(2, "users", &["password"], "\"x\"")] {
        let database = PostgresServer::shared().fresh_database();
        let create = ddl(1, "CREATE TABLE public.t (a int, b int)");
        let report =
            apply(&database, Options::default(), vec![create, crashing, row(3, "public.t", &["a"], "1")]);
        assert!(report.fatal.is_some());
        assert_eq!((report.applied_dml, report.not_delivered), (0, 2));
    }
}

#[test]
fn state_left_in_a_session_is_odd_and_is_not_there_for_the_next_one() {
    let database = PostgresServer::shared().fresh_database();
    let options = Options { replace_every: 1, ..Options::default() };
    let report = apply(
        &database,
        options,
        vec![
            ddl(1, "CREATE SCHEMA s"),
            ddl(2, "SET search_path = s"),
            ddl(3, "CREATE TABLE t (a int)"),
            ddl(
                4,
                "SET LOCAL check_function_bodies = false; CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT a FROM s.later'",
            ),
        ],
    );
    assert_eq!(report.failed, 0);
    assert!(report.anomalies.iter().any(|a| a.what.contains("search_path=s")), "{report}");
    assert_eq!(report.anomalies.len(), 2, "once for the bare SET: {report}");

    let database = PostgresServer::shared().fresh_database();
    for (number, set) in ["SET SESSION AUTHORIZATION pg_monitor", "SET ROLE pg_monitor"].iter().enumerate() {
        let report = apply(&database, Options::default(), vec![ddl(1, set)]);
        assert!(report.anomalies.iter().any(|a| a.what.contains("left behind")), "{number}: {report}");
    }

    let database = PostgresServer::shared().fresh_database();
    let begin = vec![ddl(1, "BEGIN"), ddl(2, "CREATE TABLE public.t ()"), ddl(3, "COMMIT")];
    let report = apply(&database, Options::default(), begin);
    let open = report.anomalies.iter().filter(|a| a.what.contains("transaction open")).count();
    assert_eq!((open, report.anomalies.len()), (2, 4), "{report}");
}

#[test]
fn copy_kills_the_session_and_the_next_change_gets_another() {
    let database = PostgresServer::shared().fresh_database();
    let report = apply(
        &database,
        Options::default(),
        vec![
            ddl(1, "CREATE TABLE public.t (a int)"),
            ddl(2, "COPY public.t FROM stdin"),
            row(3, "public.t", &["a"], "1"),
        ],
    );
    assert_eq!((report.failed, report.applied_dml, report.sessions), (1, 1, 2), "{report}");
}

#[test]
fn rows_under_way_when_a_session_dies_are_applied_once() {
    let database = PostgresServer::shared().fresh_database();
    let mut entries = vec![
        ddl(1, "CREATE TABLE public.t (a int)"),
        ddl(
            2,
            "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN IF NEW.a = 50 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END'",
        ),
        ddl(3, "CREATE TRIGGER die BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.die()"),
        ddl(4, "ALTER TABLE public.t ENABLE ALWAYS TRIGGER die"),
    ];
    entries.extend((5..500).map(|n| row(n, "public.t", &["a"], &(n - 5).to_string())));
    let report = apply(&database, Options::default(), entries);
    assert_eq!((report.failed, report.applied_dml), (1, 494), "{report}");
    assert_eq!(report.failures[0].position, "0/BOOTSTRAP00000055");
    let gaps = "SELECT count(*) || ' ' || count(DISTINCT a) || ' ' || max(a) FROM public.t";
    assert_eq!(column(&database, gaps), [Some("494 494 494".to_owned())]);
}

#[test]
fn the_replica_role_is_in_every_session_only_with_the_parameter() {
    let run = |role| {
        let database = PostgresServer::shared().fresh_database();
        let mut entries = vec![
            ddl(1, "CREATE TABLE public.t (a int)"),
            ddl(
                2,
                "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            ),
            ddl(3, "CREATE TRIGGER no BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.no()"),
        ];
        entries.extend((4..204).map(|n| row(n, "public.t", &["a"], &n.to_string())));
        let options = Options { role, replace_every: 20, ..Options::default() };
        apply(&database, options, entries).expect_clean();
        column(&database, "SELECT count(*) FROM public.t")[0].clone().unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(run(ReplicaRole::UrlParameter), 200);
    let seen = run(ReplicaRole::FirstSession);
    assert!(0 < seen && seen < 200, "{seen} rows came past the trigger");
}

#[test]
fn sequences_are_set_when_it_is_said() {
    let run = |sync| {
        let database = PostgresServer::shared().fresh_database();
        let entries = vec![
            ddl(1, "CREATE TABLE public.t (a serial, b int GENERATED BY DEFAULT AS IDENTITY)"),
            ddl(2, "CREATE TABLE public.empty (a serial); CREATE SEQUENCE public.free"),
            row(3, "public.t", &["a", "b"], "5,7"),
            ddl(4, "SELECT pg_catalog.setval('public.t_a_seq', 100, true)"),
        ];
        let report = apply(&database, Options { sync, ..Options::default() }, entries);
        report.expect_clean();
        let state = |name| {
            column(&database, &format!("SELECT last_value || ' ' || is_called FROM public.{name}"))[0].clone()
        };
        let all = ["t_a_seq", "t_b_seq", "empty_a_seq", "free"].map(|name| state(name).unwrap());
        (report.sequence_syncs, all.join(", "))
    };
    assert_eq!(run(SequenceSync::Never), (0, "100 true, 1 false, 1 false, 1 false".into()));
    assert_eq!(run(SequenceSync::AtEnd), (1, "5 true, 7 true, 1 true, 1 false".into()));
    assert_eq!(run(SequenceSync::EveryChanges(1)), (1, "100 true, 7 true, 1 true, 1 false".into()));
}

#[test]
fn a_replica_with_tables_gets_nothing() {
    let database = PostgresServer::shared().fresh_database();
    PostgresServer::shared().run_sql(&database, "CREATE TABLE public.there ()");
    let entries = || vec![ddl(1, "CREATE TABLE public.t (a int)")];
    let report = apply(&database, Options::default(), entries());
    assert!(report.asked_for_now);
    assert_eq!(report.entries, 0);
    let options = Options { even_with_tables: true, ..Options::default() };
    apply(&database, options, entries()).expect_clean();
}
