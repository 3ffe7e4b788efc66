//! Whatever ends or disturbs a load, the next call of the same command completes it: nothing twice, nothing missing.

use std::path::Path;
use std::time::Duration;

use pg_bootstrap_tests::binary::{Runner, Running};
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::loads::{LIMIT, long, seeded, times};
use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::rng::Rng;
use pg_bootstrap_tests::servers::{Database, PostgresServer, wait_until};

use super::{at, expect_restored, runner};

/// Each call has a session of its own, which may begin at another page.
pub(super) const MOVED: RowOrder =
    RowOrder::AnyWithinTable("a new session asks the free space map where to go on");
/// Statements of the generated dump before its rows.
const STATEMENTS: u64 = 240;

pub(super) fn source() -> Source {
    Source::of_bytes("generated", &dumpgen::dump(if long() { 1_000_000 } else { 200_000 }))
}

/// How many transactions are done.
fn step(server: &PostgresServer, database: &Database) -> u64 {
    let step = "SELECT step FROM kasho_bootstrap.runs";
    let found = server.connect(database).value(step);
    found.ok().flatten().and_then(|step| step.parse().ok()).unwrap_or(0)
}

fn steps_of(server: &PostgresServer, source: &Source) -> u64 {
    steps_by(server, |database| runner(server, database, &source.plain))
}

fn steps_by(server: &PostgresServer, start: impl Fn(&Database) -> Runner) -> u64 {
    let database = server.fresh_database();
    start(&database).run(LIMIT).expect_code(0);
    let steps = step(server, &database);
    server.drop_database(&database);
    steps
}

/// Waits until this step is done, or the program has ended.
pub(super) fn reaches(server: &PostgresServer, database: &Database, running: &mut Running, at: u64) {
    wait_until(LIMIT, || step(server, database) >= at || !running.is_running());
}

/// Kills one load after the other at random moments, until one is done.
pub(super) fn kill_and_resume(
    server: &PostgresServer,
    source: &Source,
    rounds: usize,
    start: impl Fn(&Database) -> Runner,
) {
    let steps = steps_by(server, &start);
    let mut rng = seeded("replica kills");
    let mut kills = 0;
    for _ in 0..rounds {
        let database = server.fresh_database();
        let mut moments: Vec<_> = (0..4).map(|_| moment(&mut rng, steps)).collect();
        moments.sort_unstable();
        for at in moments {
            let mut running = start(&database).spawn();
            if rng.one_in(4) {
                std::thread::sleep(Duration::from_micros(rng.below(80_000)));
            } else {
                reaches(server, &database, &mut running, at);
                std::thread::sleep(Duration::from_micros(rng.below(50_000)));
            }
            kills += u64::from(running.is_running());
            running.kill();
            running.wait(LIMIT);
        }
        start(&database).run(LIMIT).expect_code(0);
        expect_restored(server, source, &database, MOVED);
        server.drop_database(&database);
    }
    println!("{kills} kills of the program in {rounds} loads");
    assert!(kills > 0);
}

/// Rows are most of the work and few of the steps.
fn moment(rng: &mut Rng, steps: u64) -> u64 {
    if rng.one_in(2) { STATEMENTS.min(steps) + rng.below(3) } else { 1 + rng.below(steps) }
}

#[test]
fn the_program_is_killed() {
    let (server, source) = (PostgresServer::shared(), source());
    kill_and_resume(server, &source, times(2, 50), |database| runner(server, database, &source.plain));
}

/// Several transactions of each large table, and some indexes of several tables.
pub(super) fn large() -> Source {
    Source::of_bytes("generated", &dumpgen::dump(if long() { 1_500_000 } else { 300_000 }))
}

const JOBS: [&str; 2] = ["--jobs", "4"];

#[test]
fn the_program_is_killed_while_it_has_several_sessions() {
    let (server, source) = (PostgresServer::shared(), large());
    kill_and_resume(server, &source, times(2, 30), |database| {
        runner(server, database, &source.plain).args(JOBS)
    });
}

/// What one call has done beyond the point, the next one skips, whatever number of sessions it has.
#[test]
fn each_call_has_another_number_of_sessions() {
    let (server, source) = (PostgresServer::shared(), large());
    let calls = std::cell::Cell::new(0);
    kill_and_resume(server, &source, times(1, 15), |database| {
        calls.set(calls.get() + 1);
        let jobs = ["3", "1", "8", "2"][calls.get() % 4];
        runner(server, database, &source.plain).args(["--jobs", jobs])
    });
}

#[test]
fn connections_of_several_sessions_are_cut() {
    let (server, source) = (PostgresServer::shared(), large());
    let mut rng = seeded("replica cuts");
    for _ in 0..times(1, 10) {
        let database = server.fresh_database();
        let proxy = Proxy::start(server.port());
        let url =
            server.url(&database).replace(&format!(":{}/", server.port()), &format!(":{}/", proxy.port()));
        let mut running = at(&url, &source.plain).args(JOBS).spawn();
        let mut cuts = 0;
        for at in [10, STATEMENTS - 20, STATEMENTS + 1, STATEMENTS + 4, STATEMENTS + 8] {
            reaches(server, &database, &mut running, at);
            if rng.one_in(2) {
                proxy.cut();
            } else {
                // One of them, within what it sends, or within an answer.
                let direction = if rng.one_in(2) { Direction::Up } else { Direction::Down };
                proxy.cut_after(
                    direction,
                    rng.below(if direction == Direction::Up { 3_000_000 } else { 400 }),
                );
            }
            cuts += u64::from(running.is_running());
        }
        running.wait(LIMIT).expect_code(0);
        assert!(cuts > 0);
        expect_restored(server, &source, &database, MOVED);
    }
}

#[test]
fn the_program_is_killed_while_it_reads_a_pipe() {
    let (server, source) = (PostgresServer::shared(), source());
    kill_and_resume(server, &source, times(1, 10), |database| {
        runner(server, database, Path::new("-")).stdin_file(&source.plain)
    });
}

/// Each row goes as SQL or by COPY, as it can. Columns of identity take values only where the statement says so.
#[test]
fn the_program_is_killed_while_it_reads_inserts() {
    let server = PostgresServer::shared();
    let plain = dumpgen::as_inserts(&dumpgen::dump(20_000), 100);
    let dump = String::from_utf8(plain).unwrap().replace(" VALUES\n", " OVERRIDING SYSTEM VALUE VALUES\n");
    let source = Source::of_bytes("inserts", dump.as_bytes());
    kill_and_resume(server, &source, times(1, 10), |database| runner(server, database, &source.plain));
}

#[test]
fn postgres_restarts_at_once() {
    restarts(&source(), &[]);
}

#[test]
fn postgres_restarts_at_once_under_several_sessions() {
    restarts(&large(), &JOBS);
}

fn restarts(source: &Source, args: &[&str]) {
    let mut server = PostgresServer::start();
    let steps = steps_of(&server, source);
    let mut rng = seeded("replica restarts");
    for _ in 0..times(1, 7) {
        let database = server.fresh_database();
        let mut running = runner(&server, &database, &source.plain).args(args).spawn();
        let mut moments: Vec<_> = (0..3).map(|_| moment(&mut rng, steps)).collect();
        moments.sort_unstable();
        for at in moments {
            reaches(&server, &database, &mut running, at);
            server.restart();
        }
        running.wait(LIMIT).expect_code(0);
        expect_restored(&server, source, &database, MOVED);
    }
}

/// Both are given the same work; the one that begins last does the rest.
#[test]
fn two_at_once() {
    two_meet(&source(), &[]);
}

#[test]
fn two_at_once_with_several_sessions_each() {
    two_meet(&large(), &JOBS);
}

fn two_meet(source: &Source, args: &[&str]) {
    let server = PostgresServer::shared();
    let steps = steps_of(server, source);
    let database = server.fresh_database();
    let mut first = runner(server, &database, &source.plain).args(args).spawn();
    reaches(server, &database, &mut first, steps / 2);
    let second = runner(server, &database, &source.plain).args(args).spawn();
    let first = first.wait(LIMIT);
    second.wait(LIMIT).expect_code(0);
    if first.code() != Some(0) {
        let first = first.expect_code(7);
        assert!(first.stderr.contains("another process has taken over this run"), "{}", first.stderr);
    }
    expect_restored(server, source, &database, MOVED);
}

#[test]
fn a_signal_ends_it_and_the_next_call_goes_on() {
    let (server, source) = (PostgresServer::shared(), source());
    let steps = steps_of(server, &source);
    let database = server.fresh_database();
    let mut running = runner(server, &database, &source.plain).spawn();
    reaches(server, &database, &mut running, steps / 2);
    running.signal_if_running("TERM");
    let ended = running.wait(LIMIT);
    assert!(matches!(ended.code(), Some(143 | 0)), "{}", ended.stderr);
    let next = runner(server, &database, &source.plain).run(LIMIT).expect_code(0);
    assert!(
        next.stderr.contains("continuing from the checkpoint") || ended.code() == Some(0),
        "{}",
        next.stderr
    );
    expect_restored(server, &source, &database, MOVED);
}

/// Three tables that are a transaction each where there are several sessions, without definitions.
fn three_tables(second: &str) -> Vec<u8> {
    let mut dump = Vec::new();
    for (table, text) in [("a", "first_"), ("b", second), ("c", "third_")] {
        dump.extend_from_slice(format!("COPY public.{table} (n, t) FROM stdin;\n").as_bytes());
        let start = dump.len();
        let mut row = 0;
        while dump.len() - start < 8 << 20 {
            row += 1;
            dump.extend_from_slice(format!("{row}\t{text} {}\n", "x".repeat(500)).as_bytes());
        }
        dump.extend_from_slice(b"\\.\n\n");
    }
    dump
}

#[test]
fn what_is_done_beyond_the_point_is_not_done_again_and_must_be_the_same() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let mut session = server.connect(&database);
    for table in ["a", "b", "c"] {
        session.query(&format!("CREATE TABLE public.{table} (n int, t text)")).unwrap();
    }
    let (dump, other) = (
        Source::of_bytes("three", &three_tables("second")),
        Source::of_bytes("other", &three_tables("others")),
    );
    let run = |source: &Source, jobs: &str| {
        let run = runner(server, &database, Path::new("-")).stdin_file(&source.plain);
        run.args(["--into-existing", "--jobs", jobs])
    };
    // The first table is not to be had, the others are.
    session.query("BEGIN; LOCK TABLE public.a").unwrap();
    let mut running = run(&dump, "2").spawn();
    let ahead =
        "SELECT json_array_length(point::json -> 'ahead') FROM kasho_bootstrap.runs WHERE point <> ''";
    let both = || {
        let found = server.connect(&database).value(ahead).ok().flatten();
        found.as_deref() == Some("2") || !running.is_running()
    };
    assert!(wait_until(LIMIT, both));
    running.kill();
    running.wait(LIMIT);
    session.query("ROLLBACK").unwrap();
    let counts = "SELECT (SELECT count(*) FROM a) || ' ' || (SELECT count(*) FROM b) || ' ' || (SELECT count(*) FROM c)";
    let rows =
        three_tables("second").split(|byte| *byte == b'\n').filter(|line| line.len() > 500).count() / 3;
    assert_eq!(session.value(counts).unwrap(), Some(format!("0 {rows} {rows}")));
    let refused = run(&other, "2").run(LIMIT).expect_code(5);
    assert!(refused.stderr.contains("the dump has others there by now"), "{}", refused.stderr);
    run(&dump, "1").run(LIMIT).expect_code(0);
    assert_eq!(session.value(counts).unwrap(), Some(format!("{rows} {rows} {rows}")));
}
