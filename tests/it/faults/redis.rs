//! Redis that cannot be reached, refuses, or is not fit to hold the buffer.

use pg_bootstrap_tests::proxy::Proxy;
use pg_bootstrap_tests::servers::{RedisOptions, RedisServer, free_port};
use pg_bootstrap_tests::zset;

use crate::harness::{
    CELL, Input, LIMIT, SECRET, at, changes, dump, expect, expect_untouched, runner, snapshot, undisturbed,
};

use super::{ROWS, RUN_KEY, card, wait_for};

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
    expect(runner(&redis, &input.file).run(LIMIT), 7, &["is a string, not a sorted set", "--kv-key"]);
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

/// What damages the set shows while the run goes on, not only at its end.
#[test]
fn damage_is_noticed_while_a_run_waits_for_its_dump() {
    let bytes = dump(ROWS);
    let cases: [(&[&str], i32, &str); 3] = [
        (&["ZREMRANGEBYRANK", zset::KEY, "0", "0"], 8, "something else adds or removes entries"),
        (&["DEL", zset::KEY], 8, "something else adds or removes entries"),
        (&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"], 7, "its maxmemory-policy is allkeys-lru"),
    ];
    for (damage, code, said) in cases {
        let redis = RedisServer::start();
        let mut running = runner(&redis, "-".as_ref()).stdin_pipe().spawn();
        let mut pipe = running.stdin();
        std::io::Write::write_all(&mut pipe, &bytes[..bytes.len() / 2]).unwrap();
        wait_for("the first change", || card(&redis) > 0);
        redis.cli(damage);
        expect(running.wait(LIMIT), code, &[said]);
        drop(pipe);
    }
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

/// A run is complete when as many replicas as it was told have all of it.
#[test]
fn replicas_that_must_have_everything() {
    let input = Input::of(&dump(3));
    let master = RedisServer::start();
    let wanted =
        |limit: &str| runner(&master, &input.file).args(["--min-replicas", "1", "--retry-timeout", limit]);
    expect(wanted("1s").run(LIMIT), 11, &["0 of 1 replicas have acknowledged"]);
    // Everything is there, but the run is not complete.
    assert_eq!(card(&master), changes(3));
    let mut running = wanted("5m").spawn();
    running.wait_for_stderr("waiting: ", LIMIT);
    let replica =
        RedisServer::start_with(RedisOptions { replica_of: Some(master.port()), ..Default::default() });
    expect(running.wait(LIMIT), 0, &["going on"]);
    assert_eq!(card(&replica), changes(3));
    expect(wanted("1s").run(LIMIT), 0, &[]);
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
        // Only the end needs it.
        (["+@all", "-hdel"], "hdel"),
        (["+@all", "-zcount"], "zcount"),
        // Within a script Redis does not say which one.
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
