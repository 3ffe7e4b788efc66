//! Calls that must not resume a run: another encoder, another configuration, another dump.

use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, expect_refused, run_key, seeded};
use pg_bootstrap_tests::zset::Snapshot;

use super::{RESUMED, RUN, bytes, dump, midway, slowly, stopped_midway, undisturbed};

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
        expect_refused(other.give(lab.runner(), theirs).run(LIMIT), 5, &["another dump", "--restart"]);
        let done = dump.give(lab.runner(), ours).run(LIMIT).expect_code(0);
        assert!(done.stdout.starts_with(b"done already"));
    }
}
