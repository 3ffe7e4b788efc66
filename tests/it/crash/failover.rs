//! Redis that is restarted, flushed or replaced by a replica that lags behind, and connections that are cut.

use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Running};
use pg_bootstrap_tests::loads::{
    Dump, IN_FLIGHT, Input, LIMIT, Lab, expect_refused, runner, seeded, sequence, times,
};
use pg_bootstrap_tests::proxy::Direction;
use pg_bootstrap_tests::servers::{Data, RedisOptions, RedisServer, Sentinel, wait_until};
use pg_bootstrap_tests::zset::{KEY, Snapshot};

use super::{RESUMED, RUN, bytes, dump, midway, slowly, undisturbed};

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
            let replica = replica_of(&lab.redis);
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

/// The failover comes while the old primary still answers: only the end, which looks the primary up, meets the new one.
#[test]
fn failed_over_while_the_old_primary_answers() {
    let (dump, lab, other) = (dump(), Lab::new(), RedisServer::start());
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 2));
    lab.proxy.set_upstream(other.port());
    let finished = running.wait(LIMIT).expect_code(0);
    assert!(finished.stderr.contains("Redis lost data"), "{}", finished.stderr);
    dump.expect_same(&mut other.client(), undisturbed(), "a new primary at the end");
}

/// The same midway: it shows although no connection breaks, and nothing is lost where the new primary has everything.
#[test]
fn failed_over_to_a_complete_replica_while_the_old_primary_answers() {
    let (dump, lab) = (dump(), Lab::new());
    let replica = replica_of(&lab.redis);
    let mut running = lab.runner().args(["--dump-file", "-"]).stdin_pipe().spawn();
    let mut pipe = running.stdin();
    std::io::Write::write_all(&mut pipe, &bytes()[..bytes().len() / 2]).unwrap();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 3));
    // Until nothing comes any more, and the replica has all of it.
    let mut before = None;
    assert!(wait_until(LIMIT, || {
        std::thread::sleep(Duration::from_secs(1));
        let now = lab.sequence(RUN);
        std::mem::replace(&mut before, now) == now && sequence(&mut replica.client(), RUN) == now
    }));
    assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    lab.proxy.set_upstream(replica.port());
    running.wait_for_stderr("another server answers at the address of Redis", LIMIT);
    std::io::Write::write_all(&mut pipe, &bytes()[bytes().len() / 2..]).unwrap();
    drop(pipe);
    running.wait(LIMIT).expect_code(0);
    dump.expect_same(&mut replica.client(), undisturbed(), "a new primary midway");
}

fn replica_of(primary: &RedisServer) -> RedisServer {
    let options = RedisOptions { replica_of: Some(primary.port()), ..RedisOptions::default() };
    let replica = RedisServer::start_with(options);
    let linked = || replica.cli(&["INFO", "replication"]).contains("master_link_status:up");
    assert!(wait_until(LIMIT, linked));
    replica
}

/// A Sentinel makes the replica the master while a run loads, and when it is about to end. Where the run says that it is
/// done, the new master holds everything.
#[test]
fn failed_over_by_a_sentinel() {
    let dump = dump();
    let mut rng = seeded("sentinel");
    let end = undisturbed().count;
    for round in 0..times(4, 20) {
        let primary = RedisServer::start();
        let replica = replica_of(&primary);
        let sentinel = Sentinel::of(primary.port());
        let run = || dump.give(runner(&sentinel.url()), Input::Plain).args(["--min-replicas", "1"]);
        let at = if round % 2 == 0 { end / 4 + rng.below(end / 2) } else { end - rng.below(1000) };
        let mut running = slowly(run()).spawn();
        let mut client = primary.client();
        let there = || sequence(&mut client, RUN) >= Some(at) || !running.is_running();
        assert!(wait_until(LIMIT, there));
        sentinel.fail_over();
        let finished = running.wait(LIMIT);
        let what = format!("round {round}, at {at} of {end}: {}\n{}", finished.status, finished.stderr);
        assert_eq!(sentinel.master(), Some(replica.port()), "{what}");
        if finished.code() != Some(0) {
            assert!(finished.stderr.contains("error: "), "{what}");
            run().run(LIMIT).expect_code(0);
        }
        dump.expect_same(&mut replica.client(), undisturbed(), &what);
    }
}

/// The slot of the keys moves to another node of a cluster while a run loads.
#[test]
fn a_slot_that_moves() {
    let (dump, mut rng) = (dump(), seeded("slot"));
    let node = || {
        let extra = vec!["--cluster-enabled".into(), "yes".into()];
        RedisServer::start_with(RedisOptions { extra, ..RedisOptions::default() })
    };
    let (old, new) = (node(), node());
    old.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    old.cli(&["CLUSTER", "MEET", "127.0.0.1", &new.port().to_string()]);
    let joined = |node: &RedisServer| {
        let info = node.cli(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
    };
    assert!(wait_until(LIMIT, || joined(&old) && joined(&new)));
    let url = format!("redis-cluster://127.0.0.1:{},127.0.0.1:{}", old.port(), new.port());
    let mut running = slowly(dump.give(runner(&url), Input::Plain)).spawn();
    let (mut client, at) = (old.client(), midway(&mut rng));
    assert!(wait_until(LIMIT, || sequence(&mut client, RUN) >= Some(at) || !running.is_running()));
    move_slot(&old, &new);
    let finished = running.wait(LIMIT).expect_code(0);
    assert_eq!(old.cli(&["DBSIZE"]), "0", "{}", finished.stderr);
    dump.expect_same(&mut new.client(), undisturbed(), "a slot that moved");
}

/// As `redis-cli --cluster reshard` does it.
fn move_slot(old: &RedisServer, new: &RedisServer) {
    let slot = old.cli(&["CLUSTER", "KEYSLOT", KEY]);
    let (from, to) = (old.cli(&["CLUSTER", "MYID"]), new.cli(&["CLUSTER", "MYID"]));
    let set = |node: &RedisServer, args: &[&str]| {
        let said = node.cli(&[&["CLUSTER", "SETSLOT", &slot], args].concat());
        assert_eq!(said, "OK", "{args:?}");
    };
    set(new, &["IMPORTING", &from]);
    set(old, &["MIGRATING", &to]);
    let port = new.port().to_string();
    loop {
        let keys = old.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
        if keys.is_empty() {
            break;
        }
        for key in keys.lines() {
            let said = old.cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "60000"]);
            assert!(["OK", "NOKEY"].contains(&said.as_str()), "{key}: {said}");
        }
    }
    set(new, &["NODE", &to]);
    set(old, &["NODE", &to]);
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
