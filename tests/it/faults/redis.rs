//! Redis refuses, is full, cannot be reached or comes back empty; files cannot be written; positions do not fit. Each
//! case ends with its exit code and a helpful message, and nothing is lost: after the next run, or after the same one
//! once the fault is gone, the set is as after an undisturbed run.

use std::path::Path;
use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{Data, RedisOptions, RedisServer, free_port, wait_until};
use pg_bootstrap_tests::zset;

use crate::kit::{
    CELL, COPY, Input, LIMIT, SECRET, at, changes, dump, dump_of, expect, expect_untouched, runner, snapshot,
    undisturbed,
};

const ROWS: usize = 20_000;
const RUN_KEY: &str = "{kasho:changes}:bootstrap:run:default";

fn card(redis: &RedisServer) -> u64 {
    redis.cli(&["ZCARD", zset::KEY]).parse().unwrap_or(0)
}

fn wait_for(what: &str, ready: impl FnMut() -> bool) {
    assert!(wait_until(LIMIT, ready), "waited in vain: {what}");
}

/// Slow enough that a test can break something in the middle.
fn slowly(runner: Runner) -> Runner {
    runner.args(["--max-rate", "5000", "--batch-size", "250"])
}

#[test]
fn redis_that_is_not_there() {
    let input = Input::of(&dump(3));
    let url = format!("redis://user:{SECRET}@127.0.0.1:{}/", free_port());
    let said = ["connect to Redis, tried for", "cannot be reached", "***@127.0.0.1"];
    expect(at(&url, &input.file).args(["--retry-timeout", "1s"]).run(LIMIT), 11, &said);
    let nowhere = format!("redis://:{SECRET}@no-such-host.invalid:6379/");
    expect(
        at(&nowhere, &input.file).args(["--retry-timeout", "500ms"]).run(LIMIT),
        11,
        &["no-such-host.invalid"],
    );
    for url in [
        format!("http://:{SECRET}@localhost"),
        format!("redis://:{SECRET}@localhost:port/"),
        SECRET.to_owned(),
    ] {
        expect(at(&url, &input.file).run(LIMIT), 2, &["address"]);
    }
}

#[test]
fn redis_that_comes_later_is_waited_for() {
    let input = Input::of(&dump(ROWS));
    let redis = RedisServer::start();
    let proxy = Proxy::start(redis.port());
    proxy.refuse();
    let mut running = at(&redis.url_at(proxy.port()), &input.file).spawn();
    running.wait_for_stderr("retrying", LIMIT);
    proxy.accept();
    expect(running.wait(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), undisturbed(&dump(ROWS)));
}

#[test]
fn logins() {
    let input = Input::of(&dump(3));
    let redis = RedisServer::start_with(RedisOptions { password: Some(SECRET.into()), ..Default::default() });
    let bare = format!("redis://127.0.0.1:{}/", redis.port());
    expect(at(&bare, &input.file).run(LIMIT), 7, &["refused the login", "check user and password"]);
    let wrong = format!("redis://:{CELL}{SECRET}@127.0.0.1:{}/", redis.port());
    expect(at(&wrong, &input.file).run(LIMIT), 7, &["refused the login"]);
    expect_untouched(&redis);
    let password = input.path("password");
    std::fs::write(&password, format!("wrong{SECRET}\n")).unwrap();
    let by_file = || at(&bare, &input.file).arg("--kv-password-file").arg(&password);
    expect(by_file().args(["--log-format", "json"]).run(LIMIT), 7, &["refused the login"]);
    std::fs::write(&password, format!("{SECRET}\n")).unwrap();
    expect(by_file().env("RUST_LOG", "trace").run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));
    for key in ["{kasho:changes}:bootstrap:ranges", RUN_KEY] {
        assert!(!redis.cli(&["HGETALL", key]).contains(SECRET));
    }
    std::fs::remove_file(&password).unwrap();
    expect(by_file().run(LIMIT), 2, &["--kv-password-file", "cannot be read"]);
}

#[test]
fn tls() {
    let input = Input::of(&dump(3));
    let redis = RedisServer::start_with(RedisOptions { tls: true, ..Default::default() });
    let files = redis.certificates().unwrap();
    expect(at(&redis.tls_url(), &input.file).run(LIMIT), 7, &["trusted TLS", "check CA"]);
    let plain = format!("rediss://localhost:{}/", redis.port());
    let trusting = |url: &str| at(url, &input.file).arg("--kv-ca-file").arg(&files.ca);
    // A server without TLS takes the greeting for half a command, and says nothing.
    let said = ["no trusted TLS connection", "answers without TLS", "redis://"];
    for _ in 0..3 {
        expect(trusting(&plain).args(["--retry-timeout", "1s"]).run(LIMIT), 7, &said);
    }
    expect_untouched(&redis);
    expect(trusting(&redis.tls_url()).run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));

    redis.cli(&["FLUSHALL"]);
    redis.cli(&["CONFIG", "SET", "tls-auth-clients", "yes"]);
    let refused = trusting(&redis.tls_url()).args(["--retry-timeout", "1s"]).run(LIMIT);
    assert!(matches!(refused.code(), Some(7 | 11)), "{}", refused.stderr);
    expect_untouched(&redis);
    let ours = trusting(&redis.tls_url())
        .arg("--kv-cert-file")
        .arg(&files.cert)
        .arg("--kv-key-file")
        .arg(&files.key);
    expect(ours.run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));
    let missing = trusting(&redis.tls_url()).arg("--kv-cert-file").arg(&files.cert);
    expect(missing.run(LIMIT), 2, &["--kv-key-file"]);
    let no_file = at(&redis.tls_url(), &input.file).args(["--kv-ca-file", "/nonexistent.pem"]);
    expect(no_file.run(LIMIT), 7, &["/nonexistent.pem"]);
}

/// One that takes connections and says nothing is given up as soon as one that is not there.
#[test]
fn a_server_that_says_nothing() {
    let input = Input::of(&dump(3));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for scheme in ["redis", "rediss"] {
        let url = format!("{scheme}://127.0.0.1:{}/", silent.local_addr().unwrap().port());
        let run = at(&url, &input.file).args(["--retry-timeout", "1s"]).run(LIMIT);
        expect(run, 11, &["connect to Redis, tried for 1 s", "did not answer in time"]);
    }
}

/// What keeps a run from beginning leaves nobody waiting.
#[test]
fn a_lease_is_given_back_where_the_run_cannot_begin() {
    let input = Input::of(&dump(ROWS));
    let redis = RedisServer::start();
    let file = input.path("checkpoint");
    let running =
        runner(&redis, &input.file).arg("--checkpoint").arg(&file).args(["--max-rate", "1000"]).spawn();
    wait_for("entries", || card(&redis) > 500);
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
    redis.cli(&["DEL", RUN_KEY, "{kasho:changes}:bootstrap:ranges"]);
    // A user who may register a run, and not write it: a batch needs one key more.
    let keys = ["~kasho:changes", "~{kasho:changes}:bootstrap:ranges", "~{kasho:changes}:bootstrap:run:*"];
    redis.cli(&[&["ACL", "SETUSER", "reader", "on", "nopass", "&*", "+@all"], &keys[..]].concat());
    let url = redis.url().replace("redis://", "redis://reader:x@");
    let resumed = |url: &str| at(url, &input.file).arg("--resume-from").arg(&file).run(LIMIT);
    expect(resumed(&url), 7, &["lacks a permission"]);
    let entry = redis.cli(&["HGET", "{kasho:changes}:bootstrap:ranges", "default"]);
    assert!(entry.contains("\"state\":\"open\"") && !entry.contains("\"lease\""), "{entry}");
    expect(resumed(&redis.url()), 0, &["continuing from the checkpoint"]);
}

#[test]
fn a_redis_that_is_not_fit() {
    let input = Input::of(&dump(3));
    let redis = RedisServer::start();
    redis.cli(&["SET", zset::KEY, "x"]);
    expect(runner(&redis, &input.file).run(LIMIT), 7, &["holds a string", "--kv-key"]);
    redis.cli(&["FLUSHALL"]);
    redis.cli(&["SET", "{kasho:changes}:bootstrap:ranges", "x"]);
    expect(runner(&redis, &input.file).run(LIMIT), 7, &["another type"]);
    redis.cli(&["FLUSHALL"]);

    redis.cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    expect(runner(&redis, &input.file).run(LIMIT), 7, &["allkeys-lru", "noeviction", "--allow-eviction"]);
    expect_untouched(&redis);
    expect(runner(&redis, &input.file).arg("--allow-eviction").run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));
}

#[test]
fn a_replica_of_redis() {
    let input = Input::of(&dump(3));
    let master = RedisServer::start();
    let replica =
        RedisServer::start_with(RedisOptions { replica_of: Some(master.port()), ..Default::default() });
    let replica_only = runner(&replica, &input.file).args(["--retry-timeout", "2s"]);
    expect(replica_only.run(LIMIT), 11, &["is a replica"]);
    assert_eq!((card(&master), card(&replica)), (0, 0));
    // Promoted while it waits.
    let mut running = runner(&replica, &input.file).spawn();
    running.wait_for_stderr("retrying", LIMIT);
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    expect(running.wait(LIMIT), 0, &[]);
    assert_eq!(card(&replica), changes(3));
}

#[test]
fn a_user_who_may_not_do_everything() {
    let input = Input::of(&dump(3));
    let redis = RedisServer::start();
    let url = format!("redis://writer:{SECRET}@127.0.0.1:{}/", redis.port());
    let user = |rules: &[&str]| {
        let password = format!(">{SECRET}");
        redis.cli(&[&["ACL", "SETUSER", "writer", "reset", "on", &password, "~*", "&*"], rules].concat());
    };
    for (rules, command) in [
        (["+@all", "-info"], "info"),
        (["+@all", "-eval"], "eval"),
        (["+@all", "-zadd"], "zadd"),
        // Within a script Redis does not say which one.
        (["+@all", "-zcount"], "script"),
        (["+@all", "-hset"], "script"),
        (["+@all", "-time"], "time"),
    ] {
        user(&rules);
        expect(at(&url, &input.file).run(LIMIT), 7, &["lacks a permission", "ACL", command]);
        // A transaction runs on behind a command that fails: what it left is not in any checkpoint.
        assert!(command == "script" || card(&redis) == 0, "{rules:?}");
        redis.cli(&["FLUSHALL"]);
    }
    user(&["+@all", "resetkeys", "~other:*"]);
    expect(at(&url, &input.file).run(LIMIT), 7, &["lacks a permission"]);
    // What the documentation says is needed is enough.
    user(&[
        "+ping",
        "+info",
        "+type",
        "+time",
        "+zadd",
        "+zcard",
        "+zcount",
        "+zrangebyscore",
        "+zrevrangebyscore",
        "+zrem",
        "+hget",
        "+hgetall",
        "+hmget",
        "+hset",
        "+hsetnx",
        "+hdel",
        "+del",
        "+exists",
        "+pexpire",
        "+eval",
        "+multi",
        "+exec",
        "resetkeys",
        "~kasho:changes",
        "~{kasho:changes}:*",
    ]);
    expect(at(&url, &input.file).arg("--restart").run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));
}

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
    expect(runner(&redis, &input.file).args(["--full-timeout", "1s"]).run(LIMIT), 12, &["no room"]);
}

#[test]
fn a_high_water_mark() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    redis.cli(&["SET", "ballast", &"x".repeat(100_000)]);
    let above = runner(&redis, &input.file).args(["--memory-high-water", "1KiB"]);
    expect(above.args(["--full-timeout", "2s"]).run(LIMIT), 12, &["above --memory-high-water", "has been full"]);
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

#[test]
fn a_cluster_of_one() {
    let input = Input::of(&dump(3));
    let extra = vec!["--cluster-enabled".into(), "yes".into()];
    let redis =
        RedisServer::start_with(RedisOptions { extra, password: Some(SECRET.into()), ..Default::default() });
    let url = format!("redis-cluster://:{SECRET}@127.0.0.1:{}", redis.port());
    expect(at(&url, &input.file).args(["--retry-timeout", "1s"]).run(LIMIT), 11, &["cluster"]);
    redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_for("the cluster", || redis.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    expect(at(&url, &input.file).run(LIMIT), 0, &[]);
    assert_eq!(card(&redis), changes(3));
}

#[test]
fn checkpoint_and_output_files_that_cannot_be_written() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let expected = undisturbed(&whole);
    let redis = RedisServer::start();
    let nowhere = input.path("no/such/folder/file");
    expect(
        runner(&redis, &input.file).arg("--checkpoint").arg(&nowhere).run(LIMIT),
        9,
        &["write the checkpoint", "no/such/folder"],
    );
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected);
    redis.cli(&["FLUSHALL"]);
    let skip = runner(&redis, &input.file).args(["--on-error", "skip", "--reject-file"]).arg(&nowhere);
    expect(skip.run(LIMIT), 9, &["open the reject file", "no/such/folder"]);
    let output = || Runner::new().arg("--dump-file").arg(&input.file);
    expect(output().arg("--output").arg(&nowhere).run(LIMIT), 9, &["open", "no/such/folder"]);
    let full = output().args(["--output", "/dev/full"]).arg("--checkpoint").arg(input.path("cp")).run(LIMIT);
    expect(full, 2, &["/dev/full", "not a regular file"]);
    let shell = |script: &str| {
        let program = pg_bootstrap_tests::binary::pg_bootstrap_sync();
        Runner::of(Path::new("/bin/bash"))
            .args(["-c", script, "bash"])
            .arg(program)
            .arg("--dump-file")
            .arg(&input.file)
    };
    expect(shell("exec \"$@\" > /dev/full").args(["--output", "-"]).run(LIMIT), 9, &["write to"]);
    // A file that may not grow any more, as on a full disk: the output is then as long as its checkpoint says, or longer.
    let target = input.path("output");
    let small = shell("trap '' XFSZ; ulimit -f 1000; exec \"$@\"").arg("--output").arg(&target);
    expect(small.run(LIMIT), 9, &["write to", "output"]);
    output().arg("--output").arg(&target).run(LIMIT).expect_code(0);
    let other = input.path("other");
    output().arg("--output").arg(&other).run(LIMIT).expect_code(0);
    assert_eq!(std::fs::read(&target).unwrap(), std::fs::read(&other).unwrap());
    // A full disk for the reject file: nothing beyond it counts.
    let bad = dump_of(format!("{COPY}1\t{CELL}\n{}\\.\n", "bad row\n".repeat(ROWS)).as_bytes());
    let broken = Input::of(&bad);
    let program = pg_bootstrap_tests::binary::pg_bootstrap_sync();
    let rejecting = |most: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {most}; exec \"$@\"");
        let shell = Runner::of(Path::new("/bin/bash")).args(["-c", script.as_str(), "bash"]).arg(program);
        let shell =
            shell.arg("--dump-file").arg(&broken.file).args(["--kv-url", &redis.url(), "--on-error", "skip"]);
        shell.args(["--max-errors", "1000000", "--reject-file"]).arg(broken.path("rejects"))
    };
    expect(rejecting("1000").run(LIMIT), 9, &["write to the reject file"]);
    expect(rejecting("unlimited").run(LIMIT), 0, &[]);
    let kept = std::fs::read_to_string(broken.path("rejects")).unwrap();
    assert_eq!(kept.lines().count(), ROWS);
    let offsets: Vec<u64> = kept
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["row"].as_u64().unwrap())
        .collect();
    assert!(offsets.iter().copied().eq(2..=ROWS as u64 + 1));
}

#[test]
fn checkpoints_of_something_else() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    let file = input.path("checkpoint");
    let run = || runner(&redis, &input.file);
    run().arg("--checkpoint").arg(&file).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    let resume = || run().arg("--resume-from").arg(&file);
    resume().run(LIMIT).expect_code(0);

    // Other configurations: each difference is named, and nothing changes.
    for (args, said) in [
        (&["--no-owner"][..], "--no-owner was \"false\", now it is \"true\""),
        (&["--no-privileges"], "--no-privileges"),
        (&["--keep-kasho-objects"], "--keep-kasho-objects"),
        (&["--ddl-time", "2026-01-01T00:00:00Z"], "--ddl-time was"),
        (&["--first-sequence", "77"], "--first-sequence says 77"),
    ] {
        expect(run().args(args).run(LIMIT), 5, &[said, "--restart"]);
        assert_eq!(snapshot(&redis), expected);
    }
    // Other dumps.
    let good = std::fs::read(&file).unwrap();
    let time = std::fs::metadata(&input.file).unwrap().modified().unwrap();
    let touch =
        |time| std::fs::File::options().write(true).open(&input.file).unwrap().set_modified(time).unwrap();
    for (bytes, shift, said) in [
        (dump(ROWS - 1), 0, "bytes, now it has"),
        (whole.clone(), 5, "its modification time has changed"),
        ([&whole[..40], b"X", &whole[41..]].concat(), 0, "its first bytes have changed"),
    ] {
        std::fs::write(&input.file, bytes).unwrap();
        touch(time + Duration::from_secs(shift));
        expect(run().run(LIMIT), 5, &["another dump", said, "--restart"]);
        expect(resume().run(LIMIT), 5, &["another dump", said]);
        assert_eq!(snapshot(&redis), expected);
    }
    std::fs::write(&input.file, &whole).unwrap();
    touch(time);
    resume().run(LIMIT).expect_code(0);

    // Damaged files, each way, and one of the future.
    let damage = |bytes: &[u8], said: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        expect(resume().run(LIMIT), 5, said);
        assert_eq!(snapshot(&redis), expected);
    };
    for cut in [0, 1, good.len() / 2, good.len() - 5] {
        damage(&good[..cut], &["damaged", "--restart"]);
    }
    let text = String::from_utf8(good.clone()).unwrap();
    for at in (0..text.find('\n').unwrap()).step_by(97) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        damage(&flipped, &["checkpoint"]);
    }
    damage(text.replacen("\"version\":2", "\"version\":3", 1).as_bytes(), &["version 3", "version 2"]);
    damage(b"[1, 2]\n", &["not a checkpoint"]);
    std::fs::remove_file(&file).unwrap();
    expect(resume().run(LIMIT), 5, &["--resume-from", "no such file"]);

    // The one in Redis.
    let kept = redis.cli(&["HGET", RUN_KEY, "checkpoint"]);
    redis.cli(&["HSET", RUN_KEY, "checkpoint", &kept.replacen("\"version\":2", "\"version\":9", 1)]);
    expect(run().run(LIMIT), 5, &["checkpoint in Redis has version 9"]);
    redis.cli(&["HSET", RUN_KEY, "checkpoint", &kept[..kept.len() / 2]]);
    expect(run().run(LIMIT), 5, &["checkpoint in Redis is not a checkpoint, or is damaged"]);
    assert_eq!(snapshot(&redis), expected);
    run().arg("--restart").run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected);
}

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
