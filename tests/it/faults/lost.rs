//! Redis that comes back with or without its data, and connections that are cut in a batch.

use std::path::Path;
use std::time::Duration;

use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{Data, RedisOptions, RedisServer};
use pg_bootstrap_tests::zset;

use crate::harness::{Input, LIMIT, at, dump, expect, runner, snapshot, undisturbed};

use super::{ROWS, card, slowly, wait_for};

#[test]
fn redis_restarted_in_the_middle() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let expected = undisturbed(&whole);
    let options = RedisOptions {
        append_only: true,
        extra: vec![
            "--appendfsync".into(),
            "always".into(),
            "--key-load-delay".into(),
            "300".into(),
            "--loading-process-events-interval-bytes".into(),
            "1024".into(),
        ],
        ..Default::default()
    };
    let mut redis = RedisServer::start_with(options);
    let mut running = slowly(runner(&redis, &input.file)).spawn();
    wait_for("entries", || card(&redis) > 3000);
    redis.restart(Data::Keep);
    assert!(card(&redis) > 0);
    assert!(running.is_running());
    expect(running.wait(LIMIT), 0, &["retrying", "going on"]);
    assert_eq!(snapshot(&redis), expected);

    // Without its data: loaded again, all of it.
    redis.cli(&["FLUSHALL"]);
    let mut running = slowly(runner(&redis, &input.file)).spawn();
    wait_for("entries", || card(&redis) > 3000);
    redis.restart(Data::Wipe);
    assert!(running.is_running());
    expect(running.wait(LIMIT), 0, &["lost data"]);
    assert_eq!(snapshot(&redis), expected);
}

#[test]
fn redis_flushed_in_the_middle() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let expected = undisturbed(&whole);
    let redis = RedisServer::start();
    let flush = |what: &[&str]| {
        let mut running = slowly(runner(&redis, &input.file)).spawn();
        wait_for("entries", || card(&redis) > 3000);
        redis.cli(what);
        assert!(running.is_running());
        running.wait(LIMIT)
    };
    expect(flush(&["FLUSHALL"]), 0, &["lost data"]);
    assert_eq!(snapshot(&redis), expected);
    // Only the set, not what is beside it: the count at the end, at the latest, shows it.
    redis.cli(&["FLUSHALL"]);
    let gone = expect(flush(&["DEL", zset::KEY]), 8, &["verification failed", "20002"]);
    assert!(!gone.stderr.contains("going on"));
    expect(runner(&redis, &input.file).run(LIMIT), 0, &["loading all of them again"]);
    assert_eq!(snapshot(&redis), expected);
    // A single entry.
    redis.cli(&["FLUSHALL"]);
    expect(flush(&["ZREMRANGEBYRANK", zset::KEY, "5", "5"]), 8, &["verification failed"]);
    expect(runner(&redis, &input.file).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), expected);
    // And after the end, a second call sees it too.
    redis.cli(&["ZREMRANGEBYRANK", zset::KEY, "7", "7"]);
    expect(runner(&redis, &input.file).run(LIMIT), 0, &["loading all of them again"]);
    assert_eq!(snapshot(&redis), expected);
    // The pipe cannot be read again from here.
    redis.cli(&["FLUSHALL"]);
    let mut running = slowly(runner(&redis, Path::new("-")).stdin_bytes(whole.clone())).spawn();
    wait_for("entries", || card(&redis) > 3000);
    redis.cli(&["FLUSHALL"]);
    assert!(running.is_running());
    expect(running.wait(LIMIT), 11, &["comes from a pipe", "run the same command again"]);
    runner(&redis, Path::new("-")).stdin_bytes(whole).run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected);
}

#[test]
fn connections_cut_in_the_middle_of_a_batch() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let expected = undisturbed(&whole);
    let redis = RedisServer::start();
    let proxy = Proxy::start(redis.port());
    for (direction, bytes) in [
        (Direction::Up, 1),
        (Direction::Up, 900),
        (Direction::Up, 3_000),
        (Direction::Up, 100_001),
        (Direction::Up, 1_000_003),
        (Direction::Down, 1),
        (Direction::Down, 700),
        (Direction::Down, 2_000),
        (Direction::Down, 3_500),
        (Direction::Down, 4_500),
    ] {
        redis.cli(&["FLUSHALL"]);
        let before = proxy.cuts();
        proxy.cut_after(direction, bytes);
        expect(at(&redis.url_at(proxy.port()), &input.file).run(LIMIT), 0, &[]);
        assert!(proxy.cuts() > before, "{direction:?} {bytes}");
        assert_eq!(snapshot(&redis), expected, "{direction:?} {bytes}");
    }
    // Again and again.
    redis.cli(&["FLUSHALL"]);
    let mut running = slowly(at(&redis.url_at(proxy.port()), &input.file)).spawn();
    while running.is_running() {
        proxy.cut();
        std::thread::sleep(Duration::from_millis(150));
    }
    expect(running.wait(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), expected);
}
