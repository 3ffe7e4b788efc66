//! Several sessions of a run, and rows without those that PostgreSQL refuses.

use std::sync::Arc;
use std::time::Duration;

use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::PostgresServer;
use replica::{Batch, CopyInto, Recovered, Refused, Replica, Rows, Sifted, Skipped, Untaken};

use super::harness::*;

fn skipped(at: i64, rows: i64) -> Skipped {
    Skipped {
        at,
        part: 0,
        place: "line 1".into(),
        what: "rows of t".into(),
        rows,
        code: "22P02".into(),
        message: "no".into(),
        cost: "these rows".into(),
    }
}

fn into(table: &str) -> Arc<CopyInto> {
    Arc::new(CopyInto { table: table.into(), columns: Vec::new(), encoding: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_beside_each_other_are_committed_in_any_order() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut run = begin(server, &database).await;
    let (mut one, mut other) = (run.worker().await.unwrap(), run.worker().await.unwrap());
    one.work(&rows(0, 10)).await.unwrap();
    other.work(&rows(10, 10)).await.unwrap();
    assert_eq!(contents(server, &database), exactly(0));
    run.commit(&mut other, &[], "second").await.unwrap();
    run.commit(&mut one, &[], "both").await.unwrap();
    assert_eq!((run.record().step, run.record().point.as_str()), (2, "both"));
    assert_eq!(contents(server, &database), exactly(20));
    // A batch with a role that has no right to the record, and one that fails: the sessions stay of use.
    server.connect(&database).query("CREATE ROLE lowly; GRANT INSERT ON t TO lowly").unwrap();
    let set = "SET LOCAL role = lowly;\nINSERT INTO public.t VALUES (20)";
    one.work(&Batch::statement(set)).await.unwrap();
    assert!(other.work(&Batch::statement("SELECT 1 / 0")).await.unwrap_err().is_refusal());
    run.commit(&mut one, &[], "three").await.unwrap();
    other.work(&rows(21, 1)).await.unwrap();
    run.commit(&mut other, &[], "four").await.unwrap();
    assert_eq!(contents(server, &database), exactly(22));
    server.connect(&database).query("DROP OWNED BY lowly; DROP ROLE lowly").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_recovers_ends_its_workers() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut run = begin(server, &database).await;
    let (mut one, mut other) = (run.worker().await.unwrap(), run.worker().await.unwrap());
    one.work(&rows(0, 10)).await.unwrap();
    other.work(&rows(0, 10)).await.unwrap();
    assert_eq!(run.recover().await.unwrap(), Recovered::NotCommitted);
    for worker in [&mut one, &mut other] {
        assert!(run.has_left(worker));
        let error = run.commit(worker, &[], "never").await.unwrap_err();
        assert!(error.ends_session() && error.is_retryable(), "{error:?}");
    }
    let mut next = run.worker().await.unwrap();
    next.work(&rows(0, 10)).await.unwrap();
    run.commit(&mut next, &[], "once").await.unwrap();
    assert_eq!(contents(server, &database), exactly(10));
    // Whoever begins last ends them too.
    let mut lost = run.worker().await.unwrap();
    lost.work(&rows(10, 10)).await.unwrap();
    let _second = begin(server, &database).await;
    assert!(run.commit(&mut lost, &[], "lost").await.is_err());
    assert!(is_superseded(&run.recover().await.unwrap_err()));
    assert_eq!(contents(server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_a_worker_whose_answer_was_lost_counts() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let proxy = Proxy::start(server.port());
    let replica = Replica::connect(through(proxy.port(), &database)).await.unwrap();
    let mut run = replica.begin(claim("shop")).await.unwrap();
    let mut worker = run.worker().await.unwrap();
    worker.work(&rows(0, 10)).await.unwrap();
    // The answers to what moves the record pass, and that to COMMIT does not.
    let committing = tokio::spawn(async move {
        let result = run.commit(&mut worker, &[skipped(1, 2)], "once").await;
        (result, run)
    });
    proxy.delay(Direction::Down, Duration::from_millis(300));
    for _ in 0..400 {
        if contents(server, &database) == exactly(10) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.cut();
    proxy.delay(Direction::Down, Duration::ZERO);
    let (result, mut run) = committing.await.unwrap();
    assert!(result.unwrap_err().ends_session());
    assert_eq!(recover(&mut run).await.unwrap(), Recovered::Committed);
    assert_eq!((run.record().step, run.record().point.as_str()), (1, "once"));
    assert_eq!(contents(server, &database), exactly(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_found_and_the_others_are_taken() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    server
        .connect(&database)
        .query("CREATE TABLE n (a int PRIMARY KEY, b text CHECK (b <> 'bad'), c varchar(3)); CREATE TABLE m (a int)")
        .unwrap();
    let mut run = begin(server, &database).await;
    let mut worker = run.worker().await.unwrap();
    let bad: &[(u64, &str)] = &[
        (0, "secret\tx\tc\n"),
        (1, "1\tx\tc\td\n"),
        (700, "700\tbad\tc\n"),
        (701, "5\tx\tc\n"),
        (1500, "1500\tx\tsecret\n"),
        (1999, "1999\n"),
    ];
    let (into, other, none) = (into("public.n"), into("public.m"), into("public.none"));
    let mut all = Rows::default();
    all.push(&other, "1\n2\n".into(), 2);
    for slab in 0..4 {
        let line = |row: u64| match bad.iter().find(|(at, _)| *at == row) {
            Some((_, text)) => (*text).to_owned(),
            None => format!("{row}\trow {row}\tc\n"),
        };
        let text: String = (slab * 500..slab * 500 + 500).map(line).collect();
        all.push(&into, text.into(), 500);
    }
    all.push(&none, "1\n2\n3\n".into(), 3);
    all.push(&other, "3\nx\n".into(), 2);
    // A table that is not there is found first, and then left out by a session that is in step.
    let mut untaken = Untaken::new();
    let Sifted::Untaken { slab, error } = worker.sift(&all, &untaken, 100).await.unwrap() else { panic!() };
    assert_eq!((slab, error.code.as_str()), (5, "42P01"));
    untaken.insert(slab, error);
    let mut worker = run.worker().await.unwrap();
    let Sifted::Found(refused) = worker.sift(&all, &untaken, 100).await.unwrap() else { panic!() };
    run.commit(&mut worker, &[], "sifted").await.unwrap();
    let found: Vec<_> = refused
        .iter()
        .map(|one| match one {
            Refused::Row { slab, row, start, bytes, error } => {
                let said = format!("{error} {error:?}");
                assert!(!said.contains("secret") && !said.contains("bad\t"), "{said}");
                (*slab, *row, Some((*start, bytes.to_vec())), error.code.clone())
            }
            Refused::Table { slab, rows, error } => (*slab, *rows, None, error.code.clone()),
        })
        .collect();
    let codes: Vec<_> = found.iter().map(|(slab, row, _, code)| (*slab, *row, code.as_str())).collect();
    let wanted = [
        (1, 0, "22P02"),
        (1, 1, "22P04"),
        (2, 200, "23514"),
        (2, 201, "23505"),
        (4, 0, "22001"),
        (4, 499, "22P04"),
        (5, 3, "42P01"),
        (6, 1, "22P02"),
    ];
    assert_eq!(codes, wanted);
    for ((_, text), (.., place, _)) in bad.iter().zip(&found) {
        assert_eq!(place.as_ref().unwrap().1, text.as_bytes());
    }
    let mut session = server.connect(&database);
    let taken = session.value("SELECT count(*) || ' ' || count(DISTINCT b) FROM n").unwrap();
    assert_eq!(taken.as_deref(), Some("1994 1994"));
    let taken = session.value("SELECT string_agg(a::text, ' ' ORDER BY a) FROM m").unwrap();
    assert_eq!(taken.as_deref(), Some("1 2 3"));
    // It gives up early, and nothing of that is left.
    let Sifted::Found(refused) = worker.sift(&all, &untaken, 3).await.unwrap() else { panic!() };
    assert!(refused.len() >= 4 && refused.len() < 8, "{refused:?}");
    worker.give_up().await.unwrap();
    worker.work(&Batch::statement("SELECT 1")).await.unwrap();
    run.commit(&mut worker, &[], "still of use").await.unwrap();
}

/// The client library miscounts the answers to a COPY that does not begin: the session is not used any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_does_not_begin_ends_the_session() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut run = begin(server, &database).await;
    let mut none = Rows::default();
    none.push(&into("public.none"), "1\n".into(), 1);
    let none = Batch::from(none);
    let error = run.apply(&none, "1").await.unwrap_err();
    assert!(error.is_refusal() && error.ends_session(), "{error:?}");
    assert!(error.to_string().contains("relation \"public.none\" does not exist"), "{error}");
    assert_eq!(run.recover().await.unwrap(), Recovered::NotCommitted);
    for first in [0, 10, 20] {
        run.apply(&rows(first, 10), "on").await.unwrap();
    }
    assert_eq!(contents(server, &database), exactly(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_skipped_is_listed_once() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    table(server, &database);
    let mut run = begin(server, &database).await;
    run.skip(&[skipped(50, 0)], "1").await.unwrap();
    let mut worker = run.worker().await.unwrap();
    for (first, rows_here) in [(0, 2), (10, 5)] {
        worker.work(&rows(first, 10)).await.unwrap();
        run.commit(&mut worker, &[skipped(7, rows_here)], "2").await.unwrap();
    }
    // What is rolled back is not listed.
    worker.work(&Batch::statement("SELECT 1")).await.unwrap();
    let _ = run.recover().await.unwrap();
    assert!(run.commit(&mut worker, &[skipped(8, 1)], "3").await.is_err());
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    let list = replica.skipped("shop", 1).await.unwrap();
    assert_eq!((list.first, list.entries, list.rows), (vec![skipped(7, 7)], 2, 7));
    assert_eq!(replica.skipped("other", 9).await.unwrap().entries, 0);
    run.finish().await.unwrap();
    // It goes with the record.
    drop(replica.begin(claim("next")).await.unwrap());
    let replica = Replica::connect(options(&server.url(&database))).await.unwrap();
    assert_eq!(replica.skipped("shop", 9).await.unwrap().entries, 0);
    assert!(replica.forget("next").await.unwrap());
    assert_eq!(replica.skipped("next", 9).await.unwrap().entries, 0);
}
