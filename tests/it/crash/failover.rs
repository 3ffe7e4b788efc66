//! Redis that is restarted, flushed or replaced by a replica that lags behind, and connections that are cut.

use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Running};
use pg_bootstrap_tests::loads::{
    Dump, IN_FLIGHT, Input, LIMIT, Lab, expect_refused, seeded, sequence, times,
};
use pg_bootstrap_tests::proxy::Direction;
use pg_bootstrap_tests::servers::{Data, RedisOptions, RedisServer, wait_until};
use pg_bootstrap_tests::zset::Snapshot;

use super::{RESUMED, RUN, dump, midway, slowly, undisturbed};

const WENT_BACK: &str = "continuing from what it still has";

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
