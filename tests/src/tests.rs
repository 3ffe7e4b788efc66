//! Tests of the tools: the proxy, snapshots of the set, running a program.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::binary::Runner;
use crate::consumer::RedisEntries;
use crate::fixtures::Packing;
use crate::proxy::{Direction, Proxy};
use crate::resp::{RedisClient, Reply};
use crate::servers::RedisServer;
use crate::zset::{Difference, Snapshot, diff};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn the_proxy_breaks_what_it_is_told_to() {
    let (redis, other) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::start(redis.port());
    let connect = || RedisClient::connect(proxy.port(), None);
    let ping = |client: &mut RedisClient| client.command(&["PING"]);

    let mut client = connect().unwrap();
    assert_eq!(ping(&mut client).unwrap(), Reply::Status("PONG".into()));
    proxy.cut();
    assert!(ping(&mut client).is_err());

    // Exactly the bytes of one command pass: it reaches Redis, its reply does not reach us.
    let mut client = connect().unwrap();
    proxy.cut_after(Direction::Up, b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".len() as u64);
    let first = client.command(&["INCR", "n"]);
    let second = client.command(&["INCR", "n"]);
    assert!(second.is_err());
    drop(first);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(redis.cli(&["GET", "n"]), "1");
    assert_eq!(connect().unwrap().command(&["INCR", "n"]).unwrap(), Reply::Int(2), "it cuts once");

    // A byte less, and Redis never sees the command.
    let mut client = connect().unwrap();
    proxy.cut_after(Direction::Up, b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".len() as u64 - 1);
    assert!(client.command(&["INCR", "n"]).is_err());
    assert_eq!(redis.cli(&["GET", "n"]), "2");

    let mut client = connect().unwrap();
    proxy.refuse();
    assert!(connect().is_err());
    assert!(ping(&mut client).is_ok(), "existing connections go on");
    proxy.accept();
    assert!(ping(&mut connect().unwrap()).is_ok());

    proxy.delay(Direction::Up, Duration::from_millis(150));
    let start = Instant::now();
    ping(&mut client).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(150));
    proxy.delay(Direction::Up, Duration::ZERO);

    proxy.hold(Direction::Down);
    let waiting = std::thread::spawn(move || client.command(&["INCR", "n"]));
    assert!(crate::servers::wait_until(SOON, || redis.cli(&["GET", "n"]) == "3"));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    proxy.release(Direction::Down);
    assert_eq!(waiting.join().unwrap().unwrap(), Reply::Int(3));

    proxy.set_upstream(other.port());
    connect().unwrap().command(&["SET", "here", "1"]).unwrap();
    assert_eq!((other.cli(&["GET", "here"]).as_str(), redis.cli(&["GET", "here"]).as_str()), ("1", ""));
}

#[test]
fn snapshots_show_where_two_sets_differ() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    let redis = RedisServer::start();
    let mut client = redis.client();
    let empty = Snapshot::take(&mut client).unwrap();
    assert_eq!((empty.count, empty.range), (0, None));
    let adds: Vec<Vec<String>> = (0..25_000)
        .map(|n| {
            vec!["ZADD".into(), "kasho:changes".into(), (n - 1000).to_string(), format!("member {n}\nline")]
        })
        .collect();
    client.pipeline(&adds).unwrap();

    let first = Snapshot::take_to_file(&mut client, &before).unwrap();
    assert_eq!((first.count, first.range.clone()), (25_000, Some(("-1000".into(), "23999".into()))));
    assert_eq!(Snapshot::take(&mut client).unwrap(), first);
    client.pipeline(&adds).unwrap();
    assert_eq!(Snapshot::take_to_file(&mut client, &after).unwrap(), first);
    assert_eq!(diff(&before, &after, 10).unwrap(), []);

    client.command(&["ZREM", "kasho:changes", "member 0\nline", "member 20000\nline"]).unwrap();
    client.add_change("-999", b"other").unwrap();
    client.command(&["ZREM", "kasho:changes", "member 1\nline"]).unwrap();
    client.add_change("99999", b"late").unwrap();
    let changed = Snapshot::take_to_file(&mut client, &after).unwrap();
    assert_ne!(changed.hash, first.hash);
    assert_eq!(
        diff(&before, &after, 10).unwrap(),
        [
            Difference::Missing { score: -1000.0, member: "member 0\nline".into() },
            Difference::Changed { score: -999.0, before: "member 1\nline".into(), after: "other".into() },
            Difference::Missing { score: 19_000.0, member: "member 20000\nline".into() },
            Difference::Added { score: 99_999.0, member: "late".into() },
        ]
    );
    assert_eq!(diff(&before, &after, 2).unwrap().len(), 2);

    let scores: Vec<f64> = RedisEntries::all(redis.client()).map(|entry| entry.unwrap().score).collect();
    assert_eq!(scores.len(), 24_999);
    assert!(scores.is_sorted());
    let above = RedisEntries::after(redis.client(), 23_990.0).unwrap().map(|entry| entry.unwrap().score);
    assert_eq!(
        above.collect::<Vec<_>>(),
        [23991., 23992., 23993., 23994., 23995., 23996., 23997., 23998., 23999., 99999.]
    );
}

#[test]
fn a_program_is_run_and_watched() {
    let shell = |script: &str| Runner::of(Path::new("/bin/sh")).args(["-c", script]);
    let done = shell("cat; echo \"$A\" >&2; exit 3").env("A", "b").stdin_bytes(vec![b'x'; 1 << 20]).run(SOON);
    assert_eq!((done.code(), done.stdout.len(), done.stderr.as_str()), (Some(3), 1 << 20, "b\n"));

    let mut running = shell("echo ready >&2; read line; echo \"$line\"; exec sleep 100").stdin_pipe().spawn();
    running.wait_for_stderr("ready", SOON);
    std::io::Write::write_all(&mut running.stdin(), b"hello\n").unwrap();
    running.kill();
    let done = running.wait(SOON);
    assert_eq!((done.code(), done.signal()), (None, Some(9)));

    let running = shell("trap 'exit 143' TERM; while :; do sleep 0.01; done").spawn();
    std::thread::sleep(Duration::from_millis(100));
    running.signal("TERM");
    running.wait(SOON).expect_code(143);

    let late = std::panic::catch_unwind(|| shell("exec sleep 100").run(Duration::from_millis(50)));
    assert!(late.is_err());
}

#[test]
fn every_packing_is_what_its_program_reads() {
    let text: Vec<u8> = (0..20_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    for packing in Packing::ALL {
        let packed = packing.pack(&text).unwrap();
        let unpacker = match packing {
            Packing::Plain => "cat",
            Packing::Gzip | Packing::GzipMembers => "gzip -dc",
            Packing::Zstd => "zstd -dc",
            Packing::Lz4 => "lz4 -dc",
        };
        let out = Runner::of(Path::new("/bin/sh"))
            .args(["-c", unpacker])
            .stdin_bytes(packed)
            .run(SOON)
            .expect_code(0);
        assert_eq!(out.stdout, text, "{packing:?}");
    }
}
