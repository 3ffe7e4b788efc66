//! Positions that do not fit: other runs, live changes and foreign entries in the set.

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset;

use crate::harness::{Input, LIMIT, changes, dump, expect, expect_untouched, runner, snapshot};

use super::{ROWS, card, wait_for};

#[test]
fn two_runs_at_once() {
    let whole = dump(ROWS * 2);
    let (input, small) = (Input::of(&whole), Input::of(&dump(3)));
    let redis = RedisServer::start();
    let mut first = runner(&redis, &input.file).args(["--max-rate", "1000", "--batch-size", "250"]).spawn();
    wait_for("entries", || card(&redis) > 500);
    let second = || runner(&redis, &small.file).args(["--run-id", "second"]);
    let refused = expect(
        second().run(LIMIT),
        11,
        &["another bootstrap is writing", "run default", &first.pid().to_string()],
    );
    assert!(refused.stderr.contains("waiting to see whether it is alive"));
    // The same name is no better.
    expect(runner(&redis, &input.file).run(LIMIT), 11, &["another bootstrap is writing"]);
    assert!(first.is_running());
    first.kill();
    first.wait(LIMIT);
    // What it left would reach the replica too.
    let unfinished = ["run \"second\" cannot begin beside \"default\" (unfinished, sequences 1 to"];
    let left = snapshot(&redis);
    expect(second().run(LIMIT), 4, &unfinished);
    assert_eq!(snapshot(&redis), left);
    expect(second().arg("--beside-other-runs").run(LIMIT), 0, &[]);
    let between = snapshot(&redis);
    expect(runner(&redis, &input.file).run(LIMIT), 4, &["run \"second\" begins", "--first-sequence"]);
    assert_eq!(snapshot(&redis), between);
}

#[test]
fn runs_one_after_the_other() {
    let input = Input::of(&dump(10));
    let redis = RedisServer::start();
    let alone = |name: &str| runner(&redis, &input.file).args(["--run-id", name]);
    let run = |name: &str| alone(name).arg("--beside-other-runs");
    let lowest_from = |score: i64| {
        redis.cli(&["ZRANGEBYSCORE", zset::KEY, &score.to_string(), "+inf", "WITHSCORES", "LIMIT", "0", "1"])
    };
    let last = changes(10) as i64;
    run("one").run(LIMIT).expect_code(0);
    // Both would reach the replica: that must be meant.
    let one = snapshot(&redis);
    let registry = || redis.cli(&["HKEYS", "{kasho:changes}:bootstrap:ranges"]);
    let registered = registry();
    let said = format!("run \"two\" cannot begin beside \"one\" (complete, sequences 1 to {last})");
    expect(alone("two").run(LIMIT), 4, &[&said, "--beside-other-runs", "retryable=false"]);
    assert_eq!((snapshot(&redis), registry()), (one, registered));
    expect(run("two").run(LIMIT), 0, &[]);
    // Where it begins anew, it is asked again, before anything is deleted; where it goes on, it is not.
    let both = snapshot(&redis);
    expect(alone("two").arg("--restart").run(LIMIT), 4, &["run \"two\" cannot begin beside \"one\""]);
    expect(alone("two").args(["--restart-once", "x"]).run(LIMIT), 4, &["cannot begin beside \"one\""]);
    assert_eq!(snapshot(&redis), both);
    expect(alone("two").run(LIMIT), 0, &[]);
    let score = |sequence: i64| sequence - 1_000_000;
    assert!(lowest_from(score(last + 1)).ends_with(&format!("\n{}", score(last + 1 + 1000))));
    run("three").args(["--sequence-gap", "0"]).run(LIMIT).expect_code(0);
    let two_ends = last + 1000 + last;
    assert!(lowest_from(score(two_ends + 1)).ends_with(&format!("\n{}", score(two_ends + 1))));
    run("four").args(["--first-sequence", "500000"]).run(LIMIT).expect_code(0);
    assert!(lowest_from(score(400_000)).ends_with(&format!("\n{}", score(500_000))));
    assert_eq!(card(&redis), 4 * changes(10));
    let before = snapshot(&redis);
    // Into somebody's range, or before it without room enough.
    for first in ["1", "5", "500003", "499995"] {
        expect(run("five").args(["--first-sequence", first]).run(LIMIT), 4, &["is not free"]);
        assert_eq!(snapshot(&redis), before);
    }
    // Deleting one's own range leaves the others alone.
    run("two").arg("--restart").run(LIMIT).expect_code(0);
    run("four").arg("--restart").run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), before);
    expect(run("five").args(["--first-sequence", "0"]).run(LIMIT), 2, &["--first-sequence 0"]);
    expect(run("#x").run(LIMIT), 2, &["run id"]);
}

#[test]
fn a_snapshot_lsn_that_is_too_small() {
    let whole = dump(5000);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    let run = |dump: &Path, lsn: &str| {
        Runner::new().arg("--dump-file").arg(dump).args([
            "--kv-url",
            &redis.url(),
            "--first-sequence",
            "999001",
            "--snapshot-lsn",
            lsn,
        ])
    };
    // Sequences 999001 to 1004002: the last score is 4002.
    let last = 999_000 + changes(5000) - 1_000_000;
    let hex = |score: u64| format!("0/{score:X}");
    let said = [&format!("takes {} changes", changes(5000)), "sequence 1004002", "score 4002", &hex(last)];
    expect(run(&input.file, &hex(last)).run(LIMIT), 4, &said);
    expect_untouched(&redis);
    expect(run(&input.file, &hex(1)).run(LIMIT), 4, &["sequence 1000001 has score 1", "LSN 0/1 has score 1"]);
    expect_untouched(&redis);
    // Where the rows cannot be counted beforehand: up to the limit, and never at it.
    let packed = pg_bootstrap_tests::fixtures::Packing::Gzip.pack(&whole).unwrap();
    let gzip = Input::of(&packed);
    for lsn in [1, 500, 4001, 4002] {
        let highest = |redis: &RedisServer| {
            let top = redis.cli(&["ZREVRANGE", zset::KEY, "0", "0", "WITHSCORES"]);
            top.lines().last().and_then(|score| score.parse::<i64>().ok()).unwrap_or(i64::MIN)
        };
        let sequence = format!("sequence {} has score {lsn}", 1_000_000 + lsn);
        expect(run(&gzip.file, &hex(lsn)).run(LIMIT), 4, &[&sequence]);
        assert!(highest(&redis) < lsn as i64);
        redis.cli(&["FLUSHALL"]);
        expect(run(Path::new("-"), &hex(lsn)).stdin_bytes(whole.clone()).run(LIMIT), 4, &[&sequence]);
        assert!(highest(&redis) < lsn as i64);
        redis.cli(&["FLUSHALL"]);
    }
    for (dump, bytes) in
        [(input.file.as_path(), Vec::new()), (&gzip.file, Vec::new()), (Path::new("-"), whole)]
    {
        expect(run(dump, &hex(last + 1)).stdin_bytes(bytes).run(LIMIT), 0, &[]);
        assert_eq!(card(&redis), changes(5000));
        redis.cli(&["FLUSHALL"]);
    }
    for wrong in ["", "16", "0/BOOTSTRAP00000001", "G/1", "1/2/3", "FFFFFFFF/FFFFFFFF"] {
        expect(run(&input.file, wrong).run(LIMIT), 2, &["--snapshot-lsn"]);
    }
}

#[test]
fn entries_of_others_in_the_set() {
    let input = Input::of(&dump(10));
    let redis = RedisServer::start();
    let run = || Runner::new().arg("--dump-file").arg(&input.file).args(["--kv-url", &redis.url()]);
    let live = |score: &str, lsn: &str| {
        let member = format!(
            r#"{{"type":"dml","position":"{lsn}","data":{{"table":"public.t","columnnames":["a"],"columnvalues":[1],"kind":"insert"}}}}"#
        );
        redis.client().add_change(score, member.as_bytes()).unwrap();
    };
    // Nothing there, nothing known: said, not refused.
    expect(run().run(LIMIT), 0, &["--snapshot-lsn is missing"]);
    redis.cli(&["FLUSHALL"]);
    live("5", "0/5");
    // On which side of the dump it lies, nobody knows: that must be meant.
    let said =
        ["holds live changes (the last at 0/5), and --snapshot-lsn is missing", "--allow-live-entries"];
    expect(run().run(LIMIT), 4, &said);
    assert_eq!(card(&redis), 1);
    expect(run().arg("--allow-live-entries").run(LIMIT), 0, &["--snapshot-lsn is missing"]);
    assert_eq!(card(&redis), 1 + changes(10));
    expect(run().arg("--restart").run(LIMIT), 4, &said);
    assert_eq!(card(&redis), 1 + changes(10));
    expect(run().run(LIMIT), 0, &[]);
    redis.cli(&["FLUSHALL"]);
    live("5", "0/5");
    let meant = || run().args(["--allow-live-entries", "--first-sequence", "999996"]);
    expect(meant().run(LIMIT), 4, &["a live change at 0/5", "later LSN"]);
    assert_eq!(card(&redis), 1);
    // A live entry below the snapshot, too.
    let both = run().args(["--first-sequence", "999996", "--snapshot-lsn", "16/0"]);
    expect(both.run(LIMIT), 4, &["a live change at 0/5"]);
    assert_eq!(card(&redis), 1);
    // What an unregistered writer left.
    redis.cli(&["FLUSHALL"]);
    live("-999990", "0/BOOTSTRAP00000010");
    expect(run().run(LIMIT), 4, &["no registered run owns", "--first-sequence"]);
    assert_eq!(card(&redis), 1);
    expect(run().args(["--first-sequence", "11"]).run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), 1 + changes(10));
    // No change at all: garbage is not ours to judge, nor to write beside.
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["ZADD", zset::KEY, "-999990", "garbage"]);
    expect(run().run(LIMIT), 4, &["is not free"]);
    assert_eq!(redis.cli(&["ZRANGE", zset::KEY, "0", "-1"]), "garbage");
}
