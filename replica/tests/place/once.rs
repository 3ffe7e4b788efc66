//! Batches are done exactly once, whatever happens to the server, the connection or the program.

use std::process::Command;
use std::time::Duration;

use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{Database, PostgresServer};
use replica::{Batch, Error, ErrorKind, Recovered, Replica, Run};
use tokio::task::JoinHandle;

use super::harness::*;

/// A commit into `t` waits for the advisory lock 42.
const SLOW_COMMIT: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION wait();
    ALTER TABLE t ENABLE ALWAYS TRIGGER wait";

fn kill_9(pid: &str) {
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
}

/// Waits until the query gives something.
async fn until(server: &PostgresServer, database: &Database, query: &str) -> String {
    for _ in 0..2400 {
        if let Some(found) = server.connect(database).value(query).unwrap() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came: {query}");
}

/// Applies the batch beside the test.
fn apply(mut run: Run, batch: Batch) -> JoinHandle<(Result<(), Error>, Run)> {
    tokio::spawn(async move { (run.apply(&batch, "applied").await, run) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_where_it_ended() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut run = begin(server, &database).await;
    assert_eq!((run.record().attempt, run.record().step), (1, 0));
    run.apply(&Batch::statement("CREATE TABLE t (a bigint, b text)"), "table").await.unwrap();
    run.apply(&rows(0, 2500), "rows").await.unwrap();
    drop(run);
    let mut run = begin(server, &database).await;
    let record = run.record();
    assert_eq!((record.attempt, record.step, record.point.as_str(), record.finished), (2, 2, "rows", false));
    run.apply(&rows(2500, 10), "more").await.unwrap();
    run.finish().await.unwrap();
    assert_eq!(contents(server, &database), exactly(2510));
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    assert!(replica.record("shop").await.unwrap().unwrap().finished);
    assert!(replica.forget("shop").await.unwrap());
    assert_eq!(replica.record("shop").await.unwrap(), None);
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'kasho_bootstrap'";
    assert_eq!(server.connect(&database).value(left).unwrap().as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_with_the_same_dump_alone() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut running = begin(server, &database).await;
    for (what, claim) in [
        ("dump", replica::Claim { source: "another".into(), ..claim("shop") }),
        ("configuration", replica::Claim { shape: "another".into(), ..claim("shop") }),
    ] {
        let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
        let error = replica.begin(claim).await.err().unwrap();
        assert_eq!(*error.kind(), ErrorKind::OtherRun { what });
    }
    // Neither was an attempt, nor has it disturbed the one that runs.
    running.apply(&Batch::statement("SELECT 1"), "1").await.unwrap();
    assert_eq!(begin(server, &database).await.record().attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_within_copy_leaves_nothing() {
    let server = PostgresServer::start();
    let database = server.fresh_database();
    table(&server, &database);
    let proxy = Proxy::start(server.port());
    let replica = Replica::connect(through(proxy.port(), &database)).await.unwrap();
    let mut run = replica.begin(claim("shop")).await.unwrap();
    run.apply(&rows(0, 10), "10").await.unwrap();
    proxy.delay(Direction::Up, Duration::from_millis(50));
    let applying = apply(run, rows(10, 100_000));
    let pid =
        until(&server, &database, "SELECT pid FROM pg_stat_progress_copy WHERE tuples_processed > 0").await;
    kill_9(&pid);
    let (result, mut run) = applying.await.unwrap();
    proxy.delay(Direction::Up, Duration::ZERO);
    let error = result.unwrap_err();
    assert!(error.is_retryable() && error.ends_session(), "{error:?}");
    // Before anybody knows, nothing more is done.
    assert_eq!(*run.apply(&rows(10, 1), "11").await.unwrap_err().kind(), ErrorKind::InDoubt);
    assert_eq!(recover(&mut run).await.unwrap(), Recovered::NotCommitted);
    assert_eq!(contents(&server, &database), exactly(10));
    run.apply(&rows(10, 100_000), "all").await.unwrap();
    assert_eq!(contents(&server, &database), exactly(100_010));
}

/// Waits for a commit that waits itself, and gives the pid of its backend.
async fn waiting_commit(server: &PostgresServer, database: &Database) -> String {
    let waits = "SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
        WHERE l.locktype = 'advisory' AND l.objid = 42 AND NOT l.granted AND a.query = 'COMMIT'";
    until(server, database, waits).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_killed_within_commit_leaves_nothing() {
    let server = PostgresServer::start();
    let database = server.fresh_database();
    table(&server, &database);
    let mut other = server.connect(&database);
    other.query(SLOW_COMMIT).unwrap();
    other.query("SELECT pg_advisory_lock(42)").unwrap();
    let run = begin(&server, &database).await;
    let applying = apply(run, rows(0, 10));
    kill_9(&waiting_commit(&server, &database).await);
    let (result, mut run) = applying.await.unwrap();
    let error = result.unwrap_err();
    assert!(error.is_retryable() && error.ends_session(), "{error:?}");
    assert_eq!(recover(&mut run).await.unwrap(), Recovered::NotCommitted);
    run.apply(&rows(0, 10), "10").await.unwrap();
    assert_eq!(contents(&server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_counts() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut other = server.connect(&database);
    other.query(SLOW_COMMIT).unwrap();
    other.query("SELECT pg_advisory_lock(42)").unwrap();
    let proxy = Proxy::start(server.port());
    let replica = Replica::connect(through(proxy.port(), &database)).await.unwrap();
    let run = replica.begin(claim("shop")).await.unwrap();
    let applying = apply(run, rows(0, 10));
    waiting_commit(server, &database).await;
    proxy.hold(Direction::Down);
    other.query("SELECT pg_advisory_unlock(42)").unwrap();
    until(server, &database, "SELECT a FROM t LIMIT 1").await;
    proxy.cut();
    proxy.release(Direction::Down);
    let (result, mut run) = applying.await.unwrap();
    assert_eq!(*result.unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(run.record().step, 0);
    assert_eq!(recover(&mut run).await.unwrap(), Recovered::Committed);
    assert_eq!((run.record().step, run.record().point.as_str()), (1, "applied"));
    run.apply(&rows(10, 5), "more").await.unwrap();
    assert_eq!(contents(server, &database), exactly(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_in_commit_is_ended_before_anybody_goes_on() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut other = server.connect(&database);
    other.query(SLOW_COMMIT).unwrap();
    other.query("SELECT pg_advisory_lock(42)").unwrap();
    let proxy = Proxy::start(server.port());
    let replica = Replica::connect(through(proxy.port(), &database)).await.unwrap();
    let run = replica.begin(claim("shop")).await.unwrap();
    let applying = apply(run, rows(0, 10));
    let pid = waiting_commit(server, &database).await;
    // The program has lost its connection, and its backend has not noticed.
    proxy.hold(Direction::Down);
    applying.abort();
    let mut next = begin(server, &database).await;
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(server.connect(&database).value(&gone).unwrap().as_deref(), Some("0"));
    assert_eq!((next.record().attempt, next.record().step), (2, 0));
    other.query("SELECT pg_advisory_unlock(42)").unwrap();
    next.apply(&rows(0, 10), "10").await.unwrap();
    assert_eq!(contents(server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runner_that_begins_last_goes_on_alone() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut first = begin(server, &database).await;
    first.apply(&rows(0, 10), "10").await.unwrap();
    let mut second = begin(server, &database).await;
    let error = first.apply(&rows(10, 10), "20").await.unwrap_err();
    assert!(error.ends_session(), "{error:?}");
    let error = first.recover().await.unwrap_err();
    assert!(is_superseded(&error) && !error.is_retryable(), "{error:?}");
    second.apply(&rows(10, 10), "20").await.unwrap();
    assert_eq!(contents(server, &database), exactly(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_pool_kept_cannot_commit() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut first = begin(server, &database).await;
    // Under this name nobody ends it.
    first.apply(&Batch::statement("SET application_name = 'kept'"), "named").await.unwrap();
    let mut second = begin(server, &database).await;
    let error = first.apply(&rows(0, 10), "10").await.unwrap_err();
    assert!(is_superseded(&error), "{error:?}");
    // Nor where the second one has moved on, or is done.
    second.apply(&rows(0, 10), "10").await.unwrap();
    assert!(is_superseded(&first.apply(&rows(0, 10), "10").await.unwrap_err()));
    second.finish().await.unwrap();
    assert!(is_superseded(&first.apply(&rows(0, 10), "10").await.unwrap_err()));
    assert_eq!(contents(server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runners_at_once_fill_it_once() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let options = options(&server.url(&database));
    let runners: Vec<_> = (0..2)
        .map(|_| {
            let options = options.clone();
            tokio::spawn(async move { load(&options, 40, 50).await })
        })
        .collect();
    let mut done = 0;
    for runner in runners {
        match runner.await.unwrap() {
            Ok(()) => done += 1,
            Err(error) => assert!(is_superseded(&error), "{error:?}"),
        }
    }
    assert!(done > 0);
    assert_eq!(contents(server, &database), exactly(2000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_at_once_takes_nothing_twice() {
    let mut server = PostgresServer::start();
    let database = server.fresh_database();
    table(&server, &database);
    let options = options(&server.url(&database));
    let loading = tokio::spawn(async move { load(&options, 60, 2000).await });
    for step in [5, 25, 45] {
        let reached = format!("SELECT step FROM kasho_bootstrap.runs WHERE step >= {step}");
        for _ in 0..2400 {
            if server.connect(&database).value(&reached).is_ok_and(|found| found.is_some()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.restart();
    }
    loading.await.unwrap().unwrap();
    assert_eq!(contents(&server, &database), exactly(120_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_anywhere_take_nothing_twice() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let proxy = Proxy::start(server.port());
    let options = through(proxy.port(), &database);
    let loading = tokio::spawn(async move { load(&options, 60, 500).await });
    let mut cuts = 0;
    // Answers are short: some of these end within one.
    for (direction, bytes) in
        [(Direction::Up, 9_001), (Direction::Down, 301), (Direction::Down, 17)].iter().cycle()
    {
        proxy.cut_after(*direction, *bytes + cuts * 97);
        let before = proxy.cuts();
        while proxy.cuts() == before && !loading.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cuts += 1;
        if loading.is_finished() {
            break;
        }
    }
    loading.await.unwrap().unwrap();
    assert!(cuts > 3);
    assert_eq!(contents(server, &database), exactly(30_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_the_transaction_is_noticed() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut run = begin(server, &database).await;
    run.apply(&Batch::statement("ROLLBACK; SELECT 1"), "1").await.unwrap();
    let error = run.apply(&Batch::statement("SELECT 1"), "2").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RecordMoved { expected: 1, found: Some(0) });
    server.connect(&database).query("DELETE FROM kasho_bootstrap.runs").unwrap();
    let error = run.apply(&Batch::statement("SELECT 1"), "2").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RecordMoved { expected: 1, found: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_removes_what_is_finished() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    begin(server, &database).await.finish().await.unwrap();
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    drop(replica.begin(claim("next")).await.unwrap());
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    assert_eq!(replica.record("shop").await.unwrap(), None);
    assert!(replica.record("next").await.unwrap().is_some());
    // Its name tells a run from one with a name that begins the same.
    let long = "x".repeat(190);
    let mut first = replica.begin(claim(&format!("{long}1"))).await.unwrap();
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    let _second = replica.begin(claim(&format!("{long}2"))).await.unwrap();
    first.apply(&Batch::statement("SELECT 1"), "1").await.unwrap();
}
