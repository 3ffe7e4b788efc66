//! Redis that is full, or above `--memory-high-water`.

use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset;

use crate::harness::{Input, LIMIT, changes, dump, expect, runner, snapshot, undisturbed};

use super::{ROWS, RUN_KEY, card, slowly, wait_for};

#[test]
fn a_full_redis_is_waited_for() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    let full = || {
        let used: u64 = redis
            .cli(&["INFO", "memory"])
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:").and_then(|n| n.trim().parse().ok()))
            .unwrap();
        redis.cli(&["CONFIG", "SET", "maxmemory", &(used + 700_000).to_string()]);
    };
    full();
    let mut running = runner(&redis, &input.file).args(["--batch-size", "100"]).spawn();
    running.wait_for_stderr("Redis is full", LIMIT);
    let stuck = card(&redis);
    assert!(stuck > 0 && stuck < changes(ROWS), "{stuck}");
    // The keys must outlive the waiting, so their time to live is renewed all the while.
    for key in [zset::KEY, RUN_KEY, "{kasho:changes}:bootstrap:ranges"] {
        redis.cli(&["PEXPIRE", key, "600000"]);
    }
    wait_for("the time to live is renewed", || {
        redis.cli(&["PTTL", zset::KEY]).parse::<i64>().unwrap() > 700_000
    });
    assert!(running.is_running());
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    expect(running.wait(LIMIT), 0, &["going on"]);
    assert_eq!(snapshot(&redis), undisturbed(&whole));

    redis.cli(&["FLUSHALL"]);
    full();
    let gave_up =
        runner(&redis, &input.file).args(["--full-timeout", "1s", "--batch-size", "100"]).run(LIMIT);
    expect(gave_up, 12, &["has been full", "more memory"]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    expect(runner(&redis, &input.file).run(LIMIT), 0, &["continuing from the checkpoint"]);
    assert_eq!(snapshot(&redis), undisturbed(&whole));

    // Full from the start: there is a limit to that too.
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    expect(
        runner(&redis, &input.file).args(["--full-timeout", "1s"]).run(LIMIT),
        12,
        &["Redis has been full for 1 s"],
    );
}

/// It is told while there is still time to do something.
#[test]
fn a_lack_of_room_is_foreseen() {
    let whole = dump(20 * ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    redis.cli(&["CONFIG", "SET", "maxmemory", "60mb"]);
    let slow = ["--batch-size", "100", "--max-rate", "10000"];
    let mut running = runner(&redis, &input.file).args(slow).spawn();
    running.wait_for_stderr("Redis will be full before the dump ends", LIMIT);
    assert!(!running.stderr_so_far().contains("waiting: Redis is full"));
    redis.cli(&["CONFIG", "SET", "maxmemory", "1gb"]);
    running.kill();
}

#[test]
fn a_high_water_mark() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    redis.cli(&["SET", "ballast", &"x".repeat(100_000)]);
    let above = runner(&redis, &input.file).args(["--memory-high-water", "1KiB"]);
    expect(
        above.args(["--full-timeout", "2s"]).run(LIMIT),
        12,
        &["above --memory-high-water", "has been full"],
    );
    redis.cli(&["CONFIG", "SET", "maxmemory", "100mb"]);
    let mut running = slowly(runner(&redis, &input.file)).args(["--memory-high-water", "1%"]).spawn();
    running.wait_for_stderr("above --memory-high-water", LIMIT);
    redis.cli(&["CONFIG", "SET", "maxmemory", "10gb"]);
    expect(running.wait(LIMIT), 0, &["going on"]);
    assert_eq!(snapshot(&redis), undisturbed(&whole));
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let share = runner(&redis, &input.file).args(["--memory-high-water", "90%"]);
    expect(share.run(LIMIT), 0, &["no maxmemory", "give a size"]);
}
