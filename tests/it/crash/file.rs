//! Whatever ends or disturbs a load, the next call completes the set: it contains the same bytes as after an
//! undisturbed load, or the call is refused with a reason.
//!
//! The short form runs by default. `PGBOOTSTRAP_LONG=1` takes 200,000 rows and kills the program at more than two
//! hundred moments. No time is asserted: where possible, a moment is a position in the run, and only the outcome
//! counts.

use std::sync::OnceLock;
use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Runner, Running};
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::loads::{
    Dump, IN_FLIGHT, Input, LIMIT, Lab, expect_refused, long, run_key, runner, seeded, sequence, times,
};
use pg_bootstrap_tests::proxy::Direction;
use pg_bootstrap_tests::resp::{RedisClient, Reply};
use pg_bootstrap_tests::rng::Rng;
use pg_bootstrap_tests::servers::{Data, RedisOptions, RedisServer, wait_until};
use pg_bootstrap_tests::zset::{KEY, Snapshot};

/// Sequences at the start and the end of the dump that are statements.
const STATEMENTS: u64 = 240;
const RUN: &str = "default";
const RESUMED: &str = "continuing from the checkpoint";
const WENT_BACK: &str = "continuing from what it still has";

fn rows() -> u64 {
    if long() { 200_000 } else { 60_000 }
}

fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| dumpgen::dump(rows()))
}

/// The dump. Once it is there, what it makes is known: a load that is under way does not wait for that.
fn dump() -> Dump {
    undisturbed();
    Dump::new(bytes())
}

/// What all these loads are to make; found once.
fn undisturbed() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let snapshot = Dump::new(bytes()).undisturbed();
        assert!(snapshot.count >= rows() + 2 * STATEMENTS, "{snapshot:?}");
        let last = (snapshot.count as i64 - 1_000_000).to_string();
        assert_eq!(snapshot.range, Some(("-999999".to_owned(), last)), "no holes");
        snapshot
    })
}

/// A form of rows, and what loads of the dump are to make in it.
#[derive(Clone, Copy)]
struct Form {
    args: &'static [&'static str],
    whole: &'static Snapshot,
}

fn single() -> Form {
    Form { args: &[], whole: undisturbed() }
}

fn packed() -> Form {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    let args = &["--rows", "packed"];
    let whole = SNAPSHOT.get_or_init(|| {
        let (redis, dump) = (RedisServer::start(), Dump::new(bytes()));
        dump.give(runner(&redis.url()), Input::Plain).args(args).run(LIMIT).expect_code(0);
        let snapshot = Snapshot::take(&mut redis.client()).unwrap();
        assert!(snapshot.count < undisturbed().count / 10, "{snapshot:?}");
        snapshot
    });
    Form { args, whole }
}

/// A sequence within the dump, more often where statements are than their number says.
fn moment(rng: &mut Rng, end: u64) -> u64 {
    match rng.below(6) {
        0 => 1 + rng.below(STATEMENTS.min(end)),
        1 => end - rng.below(STATEMENTS.min(end)),
        _ => 1 + rng.below(end),
    }
}

/// The same from the middle part: neither at once nor about to end.
fn midway(rng: &mut Rng) -> u64 {
    let end = undisturbed().count;
    end / 10 + rng.below(end * 11 / 20)
}

/// A load that takes a second at least, so that it is met on its way.
fn slowly(runner: Runner) -> Runner {
    runner.args(["--batch-size", "500", "--max-rate", &rows().to_string()])
}

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    too_late: u64,
    resumes: u64,
    resent: u64,
    allowed: u64,
}

/// Kills one load after the other at random moments until one is done. Each goes on exactly where Redis' own
/// checkpoint was, with any batch size and any number of workers.
fn kill_and_resume(dump: &Dump, form: Form, input: Input, rounds: usize, name: &str) {
    let end = form.whole.count;
    let lab = Lab::new();
    let mut rng = seeded(name);
    let mut tally = Tally::default();
    for round in 0..rounds {
        lab.clear();
        let mut moments: Vec<_> = (0..1 + rng.below(6)).map(|_| moment(&mut rng, end)).collect();
        moments.sort_unstable();
        let mut before = 0;
        let mut allowed = 0;
        for at in moments {
            let resumed = durable(&lab);
            let (batch, mut running) = start(&lab, dump, (form, input), &mut rng, at - before);
            if rng.one_in(8) {
                // While it connects, registers, or reads on to where it was.
                std::thread::sleep(Duration::from_micros(rng.below(60_000)));
            } else {
                lab.reaches(&mut running, RUN, at);
                std::thread::sleep(Duration::from_micros(rng.below(2_000)));
            }
            if running.is_running() {
                running.kill();
                tally.kills += 1;
            } else {
                tally.too_late += 1;
            }
            allowed += IN_FLIGHT * batch;
            check(&lab, running.wait(LIMIT), resumed, &mut tally);
            before = at;
        }
        let resumed = durable(&lab);
        let (_, running) = start(&lab, dump, (form, input), &mut rng, end - before);
        let finished = running.wait(LIMIT).expect_code(0);
        check(&lab, finished, resumed, &mut tally);
        dump.expect_same(&mut lab.redis.client(), form.whole, &format!("{name}, round {round}"));
        let resent = lab.meter.resent();
        assert!(
            resent <= allowed,
            "round {round}: {resent} members were sent again, {allowed} could be in flight"
        );
        tally.resent += resent;
        tally.allowed += allowed;
    }
    println!("{name}: {tally:?} in {rounds} loads");
}

/// Small batches where the next moment is near.
fn start(lab: &Lab, dump: &Dump, (form, input): (Form, Input), rng: &mut Rng, way: u64) -> (u64, Running) {
    let batch = if way < 2000 { 1 + rng.below(20) } else { [200, 1000, 1000, 5000][rng.below(4) as usize] };
    let workers = [1, 2, 7][rng.below(3) as usize];
    let runner = dump.give(lab.runner(), input);
    let runner = runner.args(["--batch-size", &batch.to_string(), "--workers", &workers.to_string()]);
    let runner = runner.args(form.args);
    (batch, runner.spawn())
}

/// The sequence that is next by Redis' checkpoint: what is sent from now on may not lie before it.
fn durable(lab: &Lab) -> u64 {
    let next = lab.sequence(RUN).unwrap_or(1);
    // In this order: what a killed process had sent may arrive in between, and then lies behind it.
    lab.meter.take_lowest();
    next
}

/// It went on where Redis' checkpoint was, and sent nothing before that. (What a killed process had sent may still
/// arrive after the look at Redis: then it went on further behind.)
fn check(lab: &Lab, finished: Finished, durable: u64, tally: &mut Tally) {
    if let Some(lowest) = lab.meter.take_lowest() {
        assert!(
            lowest >= durable as i64 - 1_000_000,
            "{durable} is next, {lowest} was sent:\n{}",
            finished.stderr
        );
    }
    if finished.stderr.contains(RESUMED) {
        tally.resumes += 1;
        let next = finished.stderr.split_once(" next=").and_then(|(_, rest)| rest.split_whitespace().next());
        let next = next.and_then(|number| number.parse().ok());
        assert!(next >= Some(durable), "not from {durable}:\n{}", finished.stderr);
    } else if finished.code() == Some(0) {
        assert!(
            durable == 1 || finished.stdout.starts_with(b"done already"),
            "{durable}:\n{}",
            finished.stderr
        );
    }
}

#[test]
fn killed_at_any_moment_from_a_file() {
    kill_and_resume(&dump(), single(), Input::Plain, times(3, 45), "killed, file");
}

#[test]
fn killed_at_any_moment_from_gzip() {
    kill_and_resume(&dump(), single(), Input::Gzip, times(2, 15), "killed, gzip");
}

#[test]
fn killed_at_any_moment_from_a_pipe() {
    kill_and_resume(&dump(), single(), Input::Pipe, times(2, 15), "killed, pipe");
}

/// The same rows by INSERT, which make the same set.
fn inserts(rows_per_statement: usize) -> Dump {
    undisturbed();
    Dump::new(&dumpgen::as_inserts(bytes(), rows_per_statement))
}

#[test]
fn killed_at_any_moment_with_an_insert_for_each_row() {
    kill_and_resume(&inserts(1), single(), Input::Plain, times(2, 15), "killed, inserts");
}

#[test]
fn killed_at_any_moment_within_an_insert_of_all_rows() {
    kill_and_resume(&inserts(usize::MAX), single(), Input::Gzip, times(2, 15), "killed, one insert a table");
}

#[test]
fn killed_at_any_moment_with_packed_rows() {
    kill_and_resume(&dump(), packed(), Input::Gzip, times(3, 30), "killed, packed");
    kill_and_resume(&dump(), packed(), Input::Pipe, times(1, 10), "killed, packed, pipe");
}

/// The packs are those of the same rows by COPY, but for where bytes of the dump end them.
#[test]
fn killed_at_any_moment_with_packed_rows_of_inserts() {
    let (redis, dump) = (RedisServer::start(), inserts(1));
    dump.give(runner(&redis.url()), Input::Plain).args(packed().args).run(LIMIT).expect_code(0);
    let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
    let form = Form { whole, ..packed() };
    kill_and_resume(&dump, form, Input::Plain, times(2, 15), "killed, packed inserts");
}

/// Between the pieces of a row as well.
#[test]
fn killed_at_any_moment_with_large_rows() {
    for args in [single().args, packed().args] {
        let (redis, dump) = (RedisServer::start(), Dump::new(&dumpgen::large()));
        dump.give(runner(&redis.url()), Input::Plain).args(args).run(LIMIT).expect_code(0);
        let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
        drop(redis);
        let form = Form { args, whole };
        kill_and_resume(&dump, form, Input::Plain, times(3, 30), &format!("killed, large rows {args:?}"));
        kill_and_resume(
            &dump,
            form,
            Input::Pipe,
            times(1, 10),
            &format!("killed, large rows, pipe {args:?}"),
        );
    }
}

/// The tests can fail: what they compare by sees one byte, one entry more, one entry less, one score.
#[test]
fn a_tampered_set_is_seen() {
    let (dump, lab) = (Dump::new(&dumpgen::dump(5000)), Lab::new());
    let expected = dump.undisturbed();
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    let same = |what: &str| {
        let compare = || dump.expect_same(&mut lab.redis.client(), &expected, what);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_ok()
    };
    assert!(same("as it is"));
    let mut client = lab.redis.client();
    let member = client.command(&["ZRANGE", KEY, "3000", "3000"]).unwrap().array().remove(0).bytes();
    let score =
        String::from_utf8(client.command(&[b"ZSCORE", KEY.as_bytes(), &member]).unwrap().bytes()).unwrap();
    let mut other = member.clone();
    *other.last_mut().unwrap() = b' ';
    client.command(&[b"ZREM", KEY.as_bytes(), &member]).unwrap();
    assert!(!same("one less"));
    client.add_change(&score, &other).unwrap();
    assert!(!same("one byte"));
    client.add_change(&score, &member).unwrap();
    assert!(!same("one more"));
    client.command(&[b"ZREM", KEY.as_bytes(), &other]).unwrap();
    assert!(same("as it was"));
    client.add_change("0.5", &member).unwrap();
    assert!(!same("one score"));
    // The meter too: nothing was sent twice, until it was.
    assert_eq!((lab.meter.members(), lab.meter.resent()), (expected.count, 0));
    RedisClient::connect(lab.proxy.port(), None).unwrap().add_change(&score, &member).unwrap();
    assert_eq!((lab.meter.members(), lab.meter.resent()), (expected.count + 1, 1));
}

#[test]
fn redis_restarted_with_its_data() {
    let extra = ["--appendfsync", "always"].map(str::to_owned).to_vec();
    let options = RedisOptions { append_only: true, extra, ..RedisOptions::default() };
    let dump = dump();
    let mut rng = seeded("redis restarted");
    for input in [Input::Plain, Input::Pipe] {
        let mut lab = Lab::with(options.clone());
        let mut running = slowly(dump.give(lab.runner(), input)).spawn();
        let mut kills = 0;
        for part in 0..times(2, 8) as u64 {
            let share = undisturbed().count / times(2, 8) as u64;
            if lab.reaches(&mut running, RUN, 1 + part * share + rng.below(share * 9 / 10)) {
                lab.redis.restart(Data::Keep);
                kills += 1;
            }
        }
        let finished = running.wait(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, {kills} restarts"));
        let (resent, allowed) = (lab.meter.resent(), kills * IN_FLIGHT * 500);
        assert!(resent <= allowed, "{resent} members were sent again, {allowed} could be in flight");
        assert!(!finished.stderr.contains(WENT_BACK), "{}", finished.stderr);
        println!("redis restarted with its data, {input:?}: {kills} restarts, {resent} of {allowed} resent");
    }
}

/// What a pipe cannot bring again is asked for: exit 11, and the second call makes it right.
fn again_where_it_is_a_pipe(running: Running, lab: &Lab, dump: &Dump, input: Input) -> Finished {
    let finished = running.wait(LIMIT);
    if input != Input::Pipe {
        let finished = finished.expect_code(0);
        assert!(finished.stderr.contains(WENT_BACK), "{}", finished.stderr);
        return finished;
    }
    expect_refused(
        finished,
        11,
        &["Redis lost data", "run the same command again with the dump from its start"],
    );
    dump.give(lab.runner(), input).run(LIMIT).expect_code(0)
}

#[test]
fn redis_restarted_without_its_data() {
    let (dump, mut lab) = (dump(), Lab::new());
    let mut rng = seeded("redis emptied");
    for round in 0..times(1, 6) {
        for input in [Input::Plain, Input::Pipe] {
            lab.clear();
            let mut running = slowly(dump.give(lab.runner(), input)).spawn();
            assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
            lab.redis.restart(Data::Wipe);
            again_where_it_is_a_pipe(running, &lab, &dump, input);
            dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, round {round}"));
        }
    }
}

#[test]
fn redis_flushed_in_the_middle() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("flushed");
    for round in 0..times(2, 12) {
        for input in [Input::Plain, Input::Pipe] {
            lab.clear();
            let mut running = slowly(dump.give(lab.runner(), input)).spawn();
            assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
            lab.redis.client().command(&["FLUSHALL"]).unwrap();
            again_where_it_is_a_pipe(running, &lab, &dump, input);
            dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, round {round}"));
        }
    }
}

/// A range that did not begin at 1 leaves nothing behind it.
#[test]
fn a_second_run_flushed_in_the_middle() {
    let (dump, lab) = (dump(), Lab::new());
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    let other = dump.give(lab.runner(), Input::Plain).args(["--run-id", "second", "--beside-other-runs"]);
    let mut running = slowly(other).spawn();
    assert!(lab.reaches(&mut running, "second", undisturbed().count * 3 / 2));
    lab.redis.client().command(&["FLUSHALL"]).unwrap();
    running.wait(LIMIT).expect_code(0);
    let found = Snapshot::take(&mut lab.redis.client()).unwrap();

    lab.clear();
    let first = 1_000_000 + found.range.unwrap().0.parse::<i64>().unwrap();
    let alone = dump.give(lab.runner(), Input::Plain).args(["--first-sequence", &first.to_string()]);
    alone.run(LIMIT).expect_code(0);
    assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap().hash, found.hash);
}

/// The replica stopped following some time before it becomes the primary; the runner meets it through the proxy.
#[test]
fn failed_over_to_a_lagging_replica() {
    let dump = dump();
    let mut rng = seeded("failover");
    for round in 0..times(2, 10) {
        for input in [Input::Plain, Input::Pipe] {
            let lab = Lab::new();
            let options = RedisOptions { replica_of: Some(lab.redis.port()), ..RedisOptions::default() };
            let replica = RedisServer::start_with(options);
            let linked = || replica.cli(&["INFO", "replication"]).contains("master_link_status:up");
            assert!(wait_until(LIMIT, linked));
            let end = undisturbed().count;
            // Every other time it knows nothing of the run at all.
            let behind = if round % 2 == 0 { end / 10 + rng.below(end / 3) } else { 0 };
            let detach = || assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
            if behind == 0 {
                detach();
            }
            let mut running = slowly(dump.give(lab.runner(), input)).spawn();
            if behind > 0 {
                assert!(lab.reaches(&mut running, RUN, behind));
                // What the primary has is on its way, and may take its time.
                assert!(wait_until(LIMIT, || sequence(&mut replica.client(), RUN).is_some()));
                detach();
            }
            assert!(lab.reaches(&mut running, RUN, behind + end / 10 + rng.below(end / 3)));
            lab.proxy.set_upstream(replica.port());
            lab.proxy.cut();
            let kept = sequence(&mut replica.client(), RUN);
            let what = format!("{input:?}, round {round}, the replica had {kept:?}");
            assert_eq!(kept.is_some(), behind > 0, "{what}");
            let finished = again_where_it_is_a_pipe(running, &lab, &dump, input);
            assert_eq!(finished.stderr.contains(RESUMED), kept.is_some(), "{what}:\n{}", finished.stderr);
            dump.expect_same(&mut replica.client(), undisturbed(), &what);
        }
    }
}

#[test]
fn connections_cut() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("cut");
    let (mut cuts, mut resent, mut sets) = (0, 0, 0);
    for round in 0..times(3, 24) {
        for input in [Input::Plain, Input::Pipe] {
            lab.clear();
            let before = lab.proxy.cuts();
            let mut running = slowly(dump.give(lab.runner(), input)).spawn();
            for _ in 0..times(6, 12) {
                let pace = Duration::from_millis(rng.below(150));
                match rng.below(4) {
                    // At the start, in the middle of a command, of a batch, of a reply.
                    0 => lab.proxy.cut_after(Direction::Up, rng.below(2_000_000)),
                    1 => lab.proxy.cut_after(Direction::Down, rng.below(20_000)),
                    // Redis works on, the runner does not hear of it: what arrived must not be sent again.
                    2 => {
                        lab.proxy.hold(Direction::Down);
                        std::thread::sleep(pace);
                        lab.proxy.cut();
                        lab.proxy.release(Direction::Down);
                    }
                    _ => lab.proxy.cut(),
                }
                std::thread::sleep(pace);
                if !running.is_running() {
                    break;
                }
            }
            running.wait(LIMIT).expect_code(0);
            dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, round {round}"));
            let here = lab.proxy.cuts() - before;
            let allowed = here * IN_FLIGHT * 500;
            assert!(lab.meter.resent() <= allowed, "{} sent again, {allowed} allowed", lab.meter.resent());
            (cuts, resent, sets) = (cuts + here, resent + lab.meter.resent(), sets + 1);
        }
    }
    println!("connections cut: {cuts} times in {sets} loads, {resent} members resent");
}

/// Killed while Redis works on without an answer: what arrived counts, as Redis says.
#[test]
fn killed_while_answers_are_held_back() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("held back");
    for _ in 0..times(1, 8) {
        lab.clear();
        let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
        assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
        lab.proxy.hold(Direction::Down);
        std::thread::sleep(Duration::from_millis(rng.below(100)));
        running.kill();
        running.wait(LIMIT);
        lab.proxy.release(Direction::Down);
        lab.proxy.cut();
        let from = durable(&lab);
        let finished = dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
        check(&lab, finished, from, &mut Tally::default());
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "held back");
    }
}

/// Runs two at once. Where the machine is so slow that one gave up because the other one lives, it is called again.
fn race<T: Copy>(names: [T; 2], run: impl Fn(T) -> Runner) -> [Finished; 2] {
    let ended =
        names.map(|name| (name, run(name).spawn())).map(|(name, running)| (name, running.wait(LIMIT)));
    ended.map(|(name, finished)| match finished.code() {
        Some(11) => {
            expect_refused(finished, 11, &["another bootstrap is writing"]);
            run(name).run(LIMIT).expect_code(0)
        }
        _ => finished.expect_code(0),
    })
}

/// The second one waits; when the first one is done, there is nothing left to do.
#[test]
fn two_runs_of_one_name_race() {
    let (dump, lab) = (dump(), Lab::new());
    for _ in 0..times(1, 5) {
        lab.clear();
        let run = |()| slowly(dump.give(lab.runner(), Input::Plain));
        let ends = race([(), ()], run).map(|finished| finished.stdout.starts_with(b"done already"));
        assert_eq!(ends.iter().filter(|already| **already).count(), 1);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "two of one name");
        assert_eq!(lab.meter.resent(), 0);
    }
}

/// The second one waits and loads behind the first one.
#[test]
fn two_runs_of_two_names_race() {
    let (dump, lab) = (Dump::new(&dumpgen::dump(50_000)), Lab::new());
    let names = ["one", "two"];
    let run =
        |name| slowly(dump.give(lab.runner(), Input::Plain)).args(["--run-id", name, "--beside-other-runs"]);
    race(names, run);
    let raced = Snapshot::take(&mut lab.redis.client()).unwrap();
    lab.clear();
    for name in names {
        run(name).run(LIMIT).expect_code(0);
    }
    assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap(), raced);
}

#[test]
fn a_run_that_lives_is_not_disturbed() {
    let (dump, lab) = (Dump::new(&dumpgen::dump(20_000)), Lab::new());
    let expected = dump.undisturbed();
    let mut slow = dump.give(lab.runner(), Input::Plain).args(["--max-rate", "200"]).spawn();
    assert!(lab.reaches(&mut slow, RUN, 2));
    let second = |name| dump.give(lab.runner(), Input::Plain).args(["--run-id", name]).spawn();
    for second in [RUN, "other"].map(second) {
        expect_refused(second.wait(LIMIT), 11, &["another bootstrap is writing", &slow.pid().to_string()]);
    }
    slow.signal("TERM");
    slow.wait(LIMIT).expect_code(143);
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), &expected, "beside two that waited");
}

/// Stopped until its lease has ended, then awake again when another one has taken over and is done: whatever it
/// still sends changes nothing.
fn wakes_after_its_lease(args: &[&str], run: &str) {
    let (dump, lab) = (dump(), Lab::new());
    let slow = dump.give(lab.runner(), Input::Plain).args([
        "--max-rate",
        &rows().to_string(),
        "--batch-size",
        "2000",
    ]);
    let mut first = slow.spawn();
    assert!(lab.reaches(&mut first, RUN, undisturbed().count / 4));
    first.signal("STOP");
    let second = dump.give(lab.runner(), Input::Plain).args(args);
    second.run(LIMIT).expect_code(0);
    let before = Snapshot::take(&mut lab.redis.client()).unwrap();
    assert!(lab.sequence(run).is_some());
    first.signal("CONT");
    expect_refused(first.wait(LIMIT), 11, &["another bootstrap is writing", "was taken over"]);
    assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap(), before);
}

#[test]
fn taken_over_after_the_lease_has_ended() {
    let restart = ["--ddl-time", "2026-01-02T03:04:05Z", "--no-owner", "--restart"];
    // By the same run, by another one, by another configuration. Each waits for the lease, so all at once.
    std::thread::scope(|scope| {
        scope.spawn(|| wakes_after_its_lease(&[], RUN));
        scope.spawn(|| wakes_after_its_lease(&["--run-id", "other", "--beside-other-runs"], "other"));
        scope.spawn(|| wakes_after_its_lease(&restart, RUN));
    });
}

/// Stops a load midway by SIGTERM.
fn stopped_midway(lab: &Lab, dump: &Dump, input: Input, args: &[&str], at: u64) {
    let mut running = slowly(dump.give(lab.runner(), input)).args(args).spawn();
    assert!(lab.reaches(&mut running, RUN, at));
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
}

/// A checkpoint of another program is refused by name, also when its run is done; starting over is the way out.
#[test]
fn another_encoder_or_configuration_is_refused() {
    let (dump, lab) = (dump(), Lab::new());
    let edit = || {
        let mut client = lab.redis.client();
        let text = client.command(&["HGET", &run_key(RUN), "checkpoint"]).unwrap().bytes();
        let mut checkpoint: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let revision = checkpoint["config"]["encoder"].as_str().unwrap().to_owned();
        checkpoint["config"]["encoder"] = "0".into();
        client.command(&["HSET", &run_key(RUN), "checkpoint", &checkpoint.to_string()]).unwrap();
        revision
    };
    for at in [midway(&mut seeded("refused")), undisturbed().count + 1] {
        lab.clear();
        let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
        lab.reaches(&mut running, RUN, at);
        running.signal_if_running("TERM");
        running.wait(LIMIT);
        let held = Snapshot::take(&mut lab.redis.client()).unwrap();
        let revision = edit();
        let again = || dump.give(lab.runner(), Input::Plain);
        let differs = format!("encoder was \"0\", now it is {revision:?}");
        expect_refused(again().run(LIMIT), 5, &["another configuration", &differs, "--restart"]);
        assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap(), held, "a refusal changes nothing");
        again().arg("--restart").run(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "started over");
    }
    // An option that shapes changes.
    lab.clear();
    let other = ["--ddl-time", "2026-01-02T03:04:05Z"];
    stopped_midway(&lab, &dump, Input::Plain, &other, undisturbed().count / 2);
    let refused = dump.give(lab.runner(), Input::Plain).run(LIMIT);
    expect_refused(
        refused,
        5,
        &["--ddl-time was \"2026-01-02T03:04:05Z\", now it is \"2000-01-01T00:00:00Z\""],
    );
    dump.give(lab.runner(), Input::Plain).arg("--restart").run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "started over with another time");
}

#[test]
fn another_dump_is_refused() {
    let (dump, lab) = (dump(), Lab::new());
    let mut other = bytes().to_vec();
    // Within the rows that are loaded at the stop: a byte of the first table.
    let at = other.windows(12).position(|window| window == b"COPY public.").unwrap() + 2000;
    other[at] = if other[at] == b'1' { b'2' } else { b'1' };
    let other = Dump::new(&other);
    for (ours, theirs, says) in [
        (Input::Plain, Input::Plain, "its modification time has changed"),
        (Input::Plain, Input::Pipe, "it was a file, now it comes from a pipe"),
        (Input::Pipe, Input::Plain, "it came from a pipe, now it is a file"),
        (Input::Pipe, Input::Pipe, "is not what was loaded up to there"),
    ] {
        lab.clear();
        stopped_midway(&lab, &dump, ours, &[], undisturbed().count / 2);
        let held = Snapshot::take(&mut lab.redis.client()).unwrap();
        expect_refused(
            other.give(lab.runner(), theirs).run(LIMIT),
            5,
            &["of another dump", says, "--restart"],
        );
        assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap(), held, "a refusal changes nothing");
        // The right one still goes on.
        let finished = dump.give(lab.runner(), ours).run(LIMIT).expect_code(0);
        assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "after a refusal");
        // And when it is done, another one is not taken for it.
        expect_refused(other.give(lab.runner(), theirs).run(LIMIT), 5, &["of another dump", "--restart"]);
        let done = dump.give(lab.runner(), ours).run(LIMIT).expect_code(0);
        assert!(done.stdout.starts_with(b"done already"));
    }
}

#[test]
fn signals_end_a_run_with_a_checkpoint() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("signals");
    let mirror = dump.folder().join("checkpoint");
    let mirrored = |runner: Runner| runner.arg("--checkpoint").arg(&mirror);
    for round in 0..times(1, 10) {
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            for input in [Input::Plain, Input::Gzip, Input::Pipe] {
                lab.clear();
                let mut running = mirrored(slowly(dump.give(lab.runner(), input))).spawn();
                assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
                running.signal(signal);
                let stopped = running.wait(LIMIT).expect_code(code);
                assert!(stopped.stderr.contains("to continue from the checkpoint"), "{}", stopped.stderr);
                let next = durable(&lab);
                assert_eq!(next_in(&mirror), next, "the file is where Redis is");
                let held = lab.redis.client().command(&["ZCARD", KEY]).unwrap().int();
                assert_eq!(held as u64, next - 1, "nothing is behind the checkpoint after a clean stop");
                let finished = mirrored(dump.give(lab.runner(), input)).run(LIMIT).expect_code(0);
                assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
                check(&lab, finished, next, &mut Tally::default());
                dump.expect_same(
                    &mut lab.redis.client(),
                    undisturbed(),
                    &format!("{signal}, {input:?}, {round}"),
                );
                assert_eq!(lab.meter.resent(), 0, "nothing was in flight");
                assert_eq!(next_in(&mirror), undisturbed().count + 1);
            }
        }
    }
}

/// The next sequence of a checkpoint in a file.
fn next_in(file: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let checkpoint: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    checkpoint["next"].as_u64().unwrap()
}

/// Signals also end a run that waits: for Redis, for a pipe that says nothing.
#[test]
fn signals_end_a_run_that_waits() {
    let (dump, lab) = (dump(), Lab::new());
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 8));
    lab.proxy.refuse();
    lab.proxy.cut();
    running.wait_for_stderr("retrying", LIMIT);
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
    lab.proxy.accept();
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "stopped while Redis was away");

    lab.clear();
    let mut running = lab.runner().args(["--dump-file", "-"]).stdin_pipe().spawn();
    let mut pipe = running.stdin();
    std::io::Write::write_all(&mut pipe, &bytes()[..bytes().len() / 2]).unwrap();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 3));
    running.signal("INT");
    running.wait(LIMIT).expect_code(130);
    drop(pipe);
    let finished = dump.give(lab.runner(), Input::Pipe).run(LIMIT).expect_code(0);
    assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "a pipe that said nothing");
}

/// A pipe that ends in the middle is no end of the dump.
#[test]
fn a_pipe_that_breaks_off_is_not_the_end() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("broken off");
    for _ in 0..times(2, 12) {
        lab.clear();
        let data = bytes().len() as u64 - 40_000;
        let half = bytes()[..rng.below(data) as usize].to_vec();
        let broken = lab.runner().args(["--dump-file", "-"]).stdin_bytes(half).run(LIMIT);
        assert!(matches!(broken.code(), Some(3 | 10)), "{}\n{}", broken.status, broken.stderr);
        dump.give(lab.runner(), Input::Pipe).run(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "after a pipe that broke off");
    }
}

#[test]
fn the_checkpoint_file_brings_a_run_back() {
    let (dump, lab) = (dump(), Lab::new());
    let file = dump.folder().join("checkpoint");
    let name = file.to_str().unwrap().to_owned();
    let resume = |input| dump.give(lab.runner(), input).args(["--resume-from", &name]);
    let mut rng = seeded("checkpoint file");

    let missing = resume(Input::Plain).run(LIMIT);
    expect_refused(missing, 5, &["there is no such file"]);
    for input in [Input::Plain, Input::Gzip, Input::Pipe] {
        // Redis has lost the registry, not the set: the file counts, and nothing is sent again.
        lab.clear();
        stopped_midway(&lab, &dump, input, &["--checkpoint", &name], midway(&mut rng));
        let next = next_in(&file);
        forget_run(&lab);
        lab.meter.take_lowest();
        let finished = resume(input).run(LIMIT).expect_code(0);
        assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
        check(&lab, finished, next, &mut Tally::default());
        dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, by the file"));

        // Redis has lost everything: what the file promises is not there, so all of it is loaded again.
        lab.clear();
        resume(input).run(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, by the file, emptied"));
    }
    // Killed: the file is behind Redis, whose checkpoint counts.
    lab.clear();
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).args(["--checkpoint", &name]).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count * 3 / 5));
    running.kill();
    running.wait(LIMIT);
    let from = durable(&lab);
    assert!(next_in(&file) <= from);
    let finished = resume(Input::Plain).run(LIMIT).expect_code(0);
    check(&lab, finished, from, &mut Tally::default());
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "killed, with a file");

    // Killed, and Redis has lost the registry: entries lie behind what the file knows.
    lab.clear();
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).args(["--checkpoint", &name]).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count * 3 / 5));
    running.kill();
    running.wait(LIMIT);
    forget_run(&lab);
    resume(Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "killed, with a file and without a registry");

    // Damaged, or not of this dump.
    lab.clear();
    stopped_midway(&lab, &dump, Input::Plain, &["--checkpoint", &name], undisturbed().count / 5);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"next\":", "\"next\":1", 1)).unwrap();
    expect_refused(resume(Input::Plain).run(LIMIT), 5, &["is damaged", &name]);
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    expect_refused(resume(Input::Plain).run(LIMIT), 5, &["is damaged", &name]);
    std::fs::write(&file, &text).unwrap();
    expect_refused(resume(Input::Pipe).run(LIMIT), 5, &["of another dump"]);
    resume(Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "the file was repaired");
}

/// Takes the registry and the run away, and leaves the set.
fn forget_run(lab: &Lab) {
    let gone =
        lab.redis.client().command(&["DEL", &run_key(RUN), "{kasho:changes}:bootstrap:ranges"]).unwrap();
    assert_eq!(gone, Reply::Int(2));
}

#[test]
fn an_output_file_is_gone_on_with() {
    let dump = dump();
    let mut rng = seeded("output");
    // Slow enough for several checkpoints, of which there is one a second or so.
    let slow = (rows() / 2).to_string();
    let (whole, part) = (dump.folder().join("whole"), dump.folder().join("part"));
    let load = |input, file: &std::path::Path| {
        dump.give(Runner::new(), input).arg("--output").arg(file).args(["--progress", "never"])
    };
    load(Input::Plain, &whole).run(LIMIT).expect_code(0);
    let whole = std::fs::read(whole).unwrap();
    assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count() as u64, undisturbed().count);
    for input in [Input::Plain, Input::Gzip, Input::Pipe] {
        for _ in 0..times(1, 8) {
            let _ = std::fs::remove_file(&part);
            let _ = std::fs::remove_file(part.with_extension("checkpoint"));
            let mut resumes = 0;
            for kill in 0..6 {
                let mut running =
                    load(input, &part).args(["--max-rate", &slow, "--batch-size", "300"]).spawn();
                let size = || std::fs::metadata(&part).map_or(0, |metadata| metadata.len());
                let target = whole.len() as u64 / 6 * (kill + 1) + rng.below(whole.len() as u64 / 6);
                wait_until(LIMIT, || size() >= target || !running.is_running());
                match rng.below(3) {
                    0 => running.signal_if_running("TERM"),
                    _ => running.kill(),
                }
                let ended = running.wait(LIMIT);
                resumes += u64::from(ended.stderr.contains(RESUMED));
            }
            load(input, &part).run(LIMIT).expect_code(0);
            assert!(std::fs::read(&part).unwrap() == whole, "{input:?}: another file");
            assert!(resumes > 0, "{input:?}: never resumed");
        }
    }
}

/// A killed run's lease does not keep a run of another name out, nor does what it left behind get in its way.
#[test]
fn a_killed_run_makes_room_for_another() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("makes room");
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
    assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
    running.kill();
    running.wait(LIMIT);
    let left = Snapshot::take(&mut lab.redis.client()).unwrap();
    let second = dump.give(lab.runner(), Input::Plain).args(["--run-id", "second", "--beside-other-runs"]);
    second.run(LIMIT).expect_code(0);
    let last = left.range.unwrap().1.parse::<i64>().unwrap();
    let both = Snapshot::take(&mut lab.redis.client()).unwrap();
    assert_eq!(both.count, left.count + undisturbed().count);

    // Its own entries alone, as a run that begins there makes them.
    let floor = format!("({last}");
    let first =
        lab.redis.client().command(&["ZRANGEBYSCORE", KEY, &floor, "+inf", "WITHSCORES", "LIMIT", "0", "1"]);
    let first: i64 = String::from_utf8(first.unwrap().array().remove(1).bytes()).unwrap().parse().unwrap();
    assert_eq!(first, last + 1001);
    lab.redis.client().command(&["ZREMRANGEBYSCORE", KEY, "-inf", &last.to_string()]).unwrap();
    let kept = Snapshot::take(&mut lab.redis.client()).unwrap();
    let alone = RedisServer::start();
    let first = (first + 1_000_000).to_string();
    dump.give(runner(&alone.url()), Input::Plain)
        .args(["--first-sequence", &first])
        .run(LIMIT)
        .expect_code(0);
    assert_eq!(Snapshot::take(&mut alone.client()).unwrap(), kept);
}
