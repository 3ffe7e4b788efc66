//! Listing the runs in a buffer, and deleting one.

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset::KEY;
use serde_json::{Value, json};

use crate::harness::{Input, LIMIT, changes, dump, expect, expect_untouched, runner, snapshot};

const ROWS: usize = 2500;

fn ranges(redis: &RedisServer, args: &[&str]) -> Finished {
    Runner::new().arg("ranges").args(args).args(["--kv-url", &redis.url()]).run(LIMIT)
}

fn listed(redis: &RedisServer) -> Vec<Value> {
    let out = expect(ranges(redis, &["--format", "json"]), 0, &[]).stdout;
    let list: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(list["key"], KEY);
    list["ranges"].as_array().unwrap().clone()
}

#[test]
fn lists_and_purges_one_run() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    let nothing = expect(ranges(&redis, &[]), 0, &[]);
    assert_eq!(String::from_utf8(nothing.stdout).unwrap(), "no range is registered\n");
    let load = |run: &str| runner(&redis, &input.file).args(["--run-id", run]);
    load("one").run(LIMIT).expect_code(0);
    let one = snapshot(&redis);
    load("two").arg("--beside-other-runs").run(LIMIT).expect_code(0);

    let count = changes(ROWS);
    let range = |run: &str, first: u64| {
        json!({"run": run, "owner": run, "state": "done", "first": first, "last": first + count - 1, "next": first + count,
            "entries": count, "lease": null, "snapshot_lsn": "16/B374D848"})
    };
    let second = count + 1 + 1000;
    assert_eq!(listed(&redis), [range("one", 1), range("two", second)]);
    let text = String::from_utf8(expect(ranges(&redis, &[]), 0, &[]).stdout).unwrap();
    let line = format!("one  done  from 0/BOOTSTRAP00000001 to 0/BOOTSTRAP{count:08}  {count} entries\n");
    assert!(text.starts_with(&line) && text.lines().count() == 2, "{text}");

    expect(ranges(&redis, &["purge", "--run-id", "three"]), 2, &["no run \"three\" is registered"]);
    // What is not ours stays, wherever it lies.
    redis.cli(&["ZADD", KEY, &(second as i64 - 1_000_000).to_string(), "something"]);
    let purged = expect(ranges(&redis, &["purge", "--run-id", "two"]), 0, &[]);
    assert_eq!(String::from_utf8(purged.stdout).unwrap(), format!("purged run two: {count} entries\n"));
    assert_eq!(redis.cli(&["ZREM", KEY, "something"]), "1");
    assert_eq!(listed(&redis), [range("one", 1)]);
    assert_eq!(snapshot(&redis), one);
    assert_eq!(redis.cli(&["EXISTS", "{kasho:changes}:bootstrap:run:two"]), "0");
    expect(ranges(&redis, &["purge", "--run-id", "one"]), 0, &[]);
    expect_untouched(&redis);
}

#[test]
fn a_run_that_is_writing_stays() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    let running = runner(&redis, &input.file).args(["--max-rate", "100", "--batch-size", "50"]).spawn();
    let written = || redis.cli(&["ZCARD", KEY]).parse::<u64>().unwrap_or(0) >= 100;
    assert!(pg_bootstrap_tests::servers::wait_until(LIMIT, written));
    let range = &listed(&redis)[0];
    assert_eq!((&range["state"], &range["lease"]["pid"]), (&json!("open"), &json!(running.pid())));
    assert!(range["entries"].as_u64().unwrap() >= 100, "{range}");
    expect(ranges(&redis, &["purge", "--run-id", "default"]), 11, &["default", "is writing"]);
    let verify = Runner::new().args(["verify", "--kv-url", &redis.url(), "--dump-file"]).arg(&input.file);
    expect(verify.run(LIMIT), 11, &["default"]);
    // Interrupted, it is open, and may go.
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
    assert_eq!(listed(&redis)[0]["lease"], Value::Null);
    expect(ranges(&redis, &["purge", "--run-id", "default"]), 0, &[]);
    expect_untouched(&redis);
}

/// A process that was killed cannot give its lease back; that it does not write any more is known here.
#[test]
fn a_run_whose_process_is_gone_has_stopped() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    let mut running = runner(&redis, &input.file).args(["--max-rate", "100", "--batch-size", "50"]).spawn();
    let written = || redis.cli(&["ZCARD", KEY]).parse::<u64>().unwrap_or(0) >= 100;
    assert!(pg_bootstrap_tests::servers::wait_until(LIMIT, written));
    let said = || String::from_utf8(expect(ranges(&redis, &[]), 0, &[]).stdout).unwrap();
    assert!(said().starts_with("default  open  from ") && said().contains("is writing"), "{}", said());
    running.kill();
    running.wait(LIMIT);
    assert!(redis.cli(&["HGET", "{kasho:changes}:bootstrap:ranges", "default"]).contains("\"lease\""));
    assert!(said().starts_with("default  stopped  from ") && !said().contains("is writing"), "{}", said());
    assert_eq!((&listed(&redis)[0]["state"], &listed(&redis)[0]["lease"]), (&json!("open"), &Value::Null));
}

#[test]
fn wrong_options() {
    let bare = |args: &[&str]| Runner::new().arg("ranges").args(args).run(LIMIT);
    expect(bare(&[]), 2, &["--kv-url"]);
    expect(bare(&["purge", "--kv-url", "redis://127.0.0.1:1"]), 2, &["--run-id"]);
    expect(bare(&["--kv-url", "http://127.0.0.1"]), 2, &["the scheme must be redis"]);
}
