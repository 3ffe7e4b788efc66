//! Several runs that write to the same buffer at the same time, or after one another.

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, expect_refused, runner, seeded, times};
use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset::{KEY, Snapshot};

use super::{RUN, dump, midway, rows, slowly, undisturbed};

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
