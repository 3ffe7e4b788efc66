//! `--restart-once`: one new beginning for each token, and only one, at whatever moment the first call ended.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::loads::{Lab, seeded, times};
use pg_bootstrap_tests::servers::RedisServer;

use crate::harness::{
    Input, LIMIT, at, changes, dump, expect, expect_untouched, runner, snapshot, undisturbed,
};

const DELETED: &str = "deleted the entries of an earlier attempt of this run";

fn once(runner: Runner, token: &str) -> Runner {
    runner.args(["--restart-once", token])
}

#[test]
fn a_token_begins_one_run() {
    let (old, new) = (Input::of(&dump(500)), Input::of(&dump(300)));
    let redis = RedisServer::start();
    runner(&redis, &old.file).run(LIMIT).expect_code(0);
    // Another dump: refused as a checkpoint of something else, but not where it is to begin anew.
    expect(runner(&redis, &new.file).run(LIMIT), 5, &["another dump"]);
    expect(once(runner(&redis, &new.file), "uid.2").run(LIMIT), 0, &[DELETED]);
    assert_eq!(snapshot(&redis), undisturbed(&dump(300)));
    for _ in 0..2 {
        let again = expect(once(runner(&redis, &new.file), "uid.2").run(LIMIT), 0, &[]);
        assert!(again.stdout.starts_with(b"done already") && !again.stderr.contains(DELETED));
    }
    // Without a token it goes on too, and does not forget it.
    expect(runner(&redis, &new.file).run(LIMIT), 0, &[]);
    let same = expect(once(runner(&redis, &new.file), "uid.2").run(LIMIT), 0, &[]);
    assert!(same.stdout.starts_with(b"done already"));
    expect(once(runner(&redis, &old.file), "uid.3").run(LIMIT), 0, &[DELETED]);
    assert_eq!(snapshot(&redis).count, changes(500));
}

#[test]
fn the_first_run_is_begun_with_its_token_too() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(50)));
    expect(once(runner(&redis, &input.file), "a").run(LIMIT), 0, &[]);
    let again = expect(once(runner(&redis, &input.file), "a").run(LIMIT), 0, &[]);
    assert!(again.stdout.starts_with(b"done already"));
}

/// Earlier operators put the UID of their object before the token, which another object of the same name does not have.
#[test]
fn a_token_after_a_uid_is_the_same_token() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(50)));
    let earlier = "0b2e5a36-1c7f-4d0e-9f3a-5d6c7b8a9e0f.a";
    expect(once(runner(&redis, &input.file), earlier).run(LIMIT), 0, &[]);
    let again = expect(once(runner(&redis, &input.file), "a").run(LIMIT), 0, &[]);
    assert!(again.stdout.starts_with(b"done already") && !again.stderr.contains(DELETED));
    expect(once(runner(&redis, &input.file), "b").run(LIMIT), 0, &[DELETED]);
    // What is before the dot is no UID.
    expect(once(runner(&redis, &input.file), "c.d").run(LIMIT), 0, &[DELETED]);
    expect(once(runner(&redis, &input.file), "d").run(LIMIT), 0, &[DELETED]);
}

/// Killed again and again, at moments before, in and after the deletion: it restarts until that is done, then goes
/// on, and the old run's entries are gone.
#[test]
fn killed_at_any_moment() {
    let (old, new) = (Input::of(&dump(8000)), Input::of(&dump(6000)));
    let expected = undisturbed(&dump(6000));
    let mut rng = seeded("restart once");
    let lab = Lab::new();
    let url = lab.redis.url_at(lab.proxy.port());
    for round in 0..times(3, 40) {
        lab.clear();
        at(&url, &old.file).run(LIMIT).expect_code(0);
        let token = format!("uid.{round}");
        let run = || once(at(&url, &new.file), &token).args(["--batch-size", "100", "--max-rate", "30000"]);
        let mut begun = false;
        for _ in 0..6 {
            let mut running = run().spawn();
            std::thread::sleep(std::time::Duration::from_micros(rng.below(150_000)));
            running.kill();
            let finished = running.wait(LIMIT);
            // Once it has begun to load under the token, no call deletes what it loaded.
            assert!(!(begun && finished.stderr.contains(DELETED)), "{}", finished.stderr);
            begun |= checkpoint(&lab, &new);
        }
        expect(run().run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&lab.redis), expected, "round {round}");
    }
}

/// Whether Redis has a checkpoint of the new dump.
fn checkpoint(lab: &Lab, new: &Input) -> bool {
    let text = lab.redis.cli(&["HGET", "{kasho:changes}:bootstrap:run:default", "checkpoint"]);
    text.contains(&new.file.display().to_string())
}

#[test]
fn options_that_do_not_fit() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(3)));
    expect(once(runner(&redis, &input.file), "a").arg("--restart").run(LIMIT), 2, &["cannot be used with"]);
    expect(once(runner(&redis, &input.file), "two words").run(LIMIT), 2, &["--restart-once", "visible"]);
    expect(once(runner(&redis, &input.file), "").run(LIMIT), 2, &["--restart-once"]);
    let dry = Runner::new().arg("--dump-file").arg(&input.file).args(["--dry-run", "--restart-once", "a"]);
    expect(dry.run(LIMIT), 2, &["--restart-once needs Redis"]);
    expect_untouched(&redis);
}
