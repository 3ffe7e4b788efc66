//! The chain of batches, and everything that may break it.

use std::time::Duration;

use kvbuffer::{Batch, Buffer, Durable, ErrorKind, Keys, Ranges, Sequence, Writer};

use crate::support::{RedisServer, acquire, batch, member, seq, sequences};

async fn writer(buffer: &Buffer, in_flight: usize) -> Writer<u64> {
    let acquired = acquire(buffer, "r1").await;
    assert_eq!(acquired.first, seq(1));
    Writer::new(buffer.clone(), "r1", &acquired.token, acquired.first, in_flight)
}

/// Sends `first..next` in batches of ten, tagged and checkpointed with their next sequence.
async fn send(writer: &mut Writer<u64>, keys: &Keys, first: u64, next: u64) {
    for start in (first..next).step_by(10) {
        let end = (start + 10).min(next);
        let _ = writer.send(batch(keys, start, end), end.to_string().into_bytes(), seq(end), end).await;
    }
}

/// All acknowledgements up to the end or to an error.
async fn acks(writer: &mut Writer<u64>) -> (Vec<u64>, Option<ErrorKind>) {
    let mut tags = Vec::new();
    while let Some(ack) = writer.next_ack().await {
        match ack {
            Ok(Durable { next, tag }) => {
                assert_eq!(next.get(), tag);
                tags.push(tag);
            }
            Err(error) => return (tags, Some(error.kind().clone())),
        }
    }
    (tags, None)
}

async fn checkpoint(buffer: &Buffer) -> (Option<u64>, Option<String>) {
    let state = Ranges::new(buffer.clone()).load_run("r1").await.unwrap().unwrap();
    let text = state.checkpoint.map(|bytes| String::from_utf8(bytes).unwrap());
    (state.sequence.map(Sequence::get), text)
}

#[tokio::test]
async fn batches_arrive_in_order_with_their_checkpoint() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    send(&mut writer, buffer.keys(), 1, 101).await;
    assert!(writer.in_flight() <= 4);
    let (tags, error) = acks(&mut writer).await;
    assert_eq!(error, None);
    assert_eq!(tags, (1..=10).map(|n| n * 10 + 1).collect::<Vec<_>>());
    assert_eq!(sequences(&buffer).await, (1..=100).collect::<Vec<_>>());
    assert_eq!(checkpoint(&buffer).await, (Some(101), Some("101".to_owned())));
    let ttl: u64 = server.cli(&["TTL", "kasho:changes"]).parse().unwrap();
    assert!((86_000..=86_400).contains(&ttl));
    for key in ["{kasho:changes}:bootstrap:ranges", "{kasho:changes}:bootstrap:run:r1"] {
        assert!(server.cli(&["TTL", key]).parse::<u64>().unwrap() > 86_000, "{key}");
    }
    assert_eq!(server.cli(&["ZSCORE", "kasho:changes", &String::from_utf8(member(1)).unwrap()]), "-999999");
}

#[tokio::test]
async fn holes_and_empty_batches_are_fine() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    let mut holes = Batch::new(buffer.keys());
    holes.push(seq(3), &member(3));
    holes.push(seq(7), &member(7));
    writer.send(holes, b"a".to_vec(), seq(10), 10).await.unwrap();
    writer.send(Batch::new(buffer.keys()), b"b".to_vec(), seq(20), 20).await.unwrap();
    assert_eq!(acks(&mut writer).await, (vec![10, 20], None));
    assert_eq!(checkpoint(&buffer).await, (Some(20), Some("b".to_owned())));
    assert_eq!(sequences(&buffer).await, [3, 7]);
}

#[tokio::test]
async fn sequences_beyond_14_digits_are_compared_exactly() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut request = crate::support::request("r1");
    let first = 9_007_199_255_740_901;
    request.first = Some(seq(first));
    Ranges::new(buffer.clone()).acquire(&request).await.unwrap();
    let mut writer = Writer::new(buffer.clone(), "r1", &request.token, seq(first), 2);
    send(&mut writer, buffer.keys(), first, first + 50).await;
    let (tags, error) = acks(&mut writer).await;
    assert_eq!((tags.len(), error), (5, None));
    // One off in the last digit is another sequence.
    let mut writer = Writer::new(buffer.clone(), "r1", &request.token, seq(first + 51), 2);
    send(&mut writer, buffer.keys(), first + 51, first + 61).await;
    let conflict = ErrorKind::CheckpointConflict { expected: first + 51, found: Some(first + 50) };
    assert_eq!(acks(&mut writer).await.1, Some(conflict));
}

#[tokio::test]
async fn a_flush_breaks_the_chain() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    send(&mut writer, buffer.keys(), 1, 21).await;
    assert_eq!(acks(&mut writer).await.1, None);
    server.cli(&["FLUSHALL"]);
    send(&mut writer, buffer.keys(), 21, 61).await;
    let (tags, error) = acks(&mut writer).await;
    assert!(tags.is_empty());
    assert_eq!(error, Some(ErrorKind::CheckpointConflict { expected: 21, found: None }));
    assert!(writer.is_stopped());
    let error = writer.resume(buffer.clone()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::CheckpointConflict { expected: 21, found: None });
    assert_eq!(Ranges::new(buffer).load_run("r1").await.unwrap(), None);
    assert_eq!(server.cli(&["DBSIZE"]), "0", "what was under way leaves nothing behind");
}

#[tokio::test]
async fn a_foreign_entry_in_the_range_is_found() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    server.cli(&["ZADD", "kasho:changes", "-999985", "foreign"]);
    send(&mut writer, buffer.keys(), 1, 41).await;
    let (tags, error) = acks(&mut writer).await;
    assert_eq!(tags, [11]);
    let foreign = ErrorKind::ForeignEntry { first: seq(11), last: seq(20), expected: 10, found: 11 };
    assert_eq!(error, Some(foreign));
    assert_eq!(checkpoint(&buffer).await.0, Some(11));
    // With the foreign entry gone the same batches go through.
    server.cli(&["ZREM", "kasho:changes", "foreign"]);
    writer.resume(buffer.clone()).await.unwrap();
    assert_eq!(acks(&mut writer).await, (vec![21, 31, 41], None));
    assert_eq!(sequences(&buffer).await, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn another_token_loses_the_lease() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    server.cli(&["HSET", "{kasho:changes}:bootstrap:run:r1", "token", "another"]);
    server.cli(&["ZADD", "kasho:changes", "-999990", "another"]);
    server.cli(&["EXPIRE", "kasho:changes", "1000"]);
    send(&mut writer, buffer.keys(), 1, 11).await;
    assert_eq!(acks(&mut writer).await.1, Some(ErrorKind::LeaseLost));
    assert_eq!(checkpoint(&buffer).await, (Some(1), None));
    assert_eq!(server.cli(&["ZRANGE", "kasho:changes", "0", "-1"]), "another", "the set is as it was");
    assert!(server.cli(&["TTL", "kasho:changes"]).parse::<u64>().unwrap() <= 1000);
    assert_eq!(server.cli(&["EXISTS", "{kasho:changes}:bootstrap:aside"]), "0");
    let error = writer.resume(buffer).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::LeaseLost);
    assert!(!error.is_retryable());
    assert_eq!(writer.into_unacknowledged().len(), 1);
}

#[tokio::test]
async fn a_checkpoint_from_elsewhere_is_a_conflict() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    send(&mut writer, buffer.keys(), 1, 31).await;
    assert_eq!(acks(&mut writer).await.1, None);
    // As after a failover to a replica that lags behind.
    server.cli(&["HSET", "{kasho:changes}:bootstrap:run:r1", "sequence", "21"]);
    send(&mut writer, buffer.keys(), 31, 51).await;
    let conflict = ErrorKind::CheckpointConflict { expected: 31, found: Some(21) };
    assert_eq!(acks(&mut writer).await, (vec![], Some(conflict.clone())));
    assert_eq!(*writer.resume(buffer).await.unwrap_err().kind(), conflict);
}

#[tokio::test]
async fn out_of_memory_is_told_and_can_be_waited_out() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    send(&mut writer, buffer.keys(), 1, 21).await;
    assert_eq!(acks(&mut writer).await.1, None);
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    send(&mut writer, buffer.keys(), 21, 61).await;
    let (tags, error) = acks(&mut writer).await;
    assert_eq!((tags, error), (vec![], Some(ErrorKind::OutOfMemory)));
    assert_eq!(checkpoint(&buffer).await.0, Some(21));
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    writer.resume(buffer.clone()).await.unwrap();
    assert_eq!(acks(&mut writer).await, (vec![31, 41, 51, 61], None));
    assert_eq!(sequences(&buffer).await, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_set_of_another_type_is_told() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    server.cli(&["SET", "kasho:changes", "text"]);
    send(&mut writer, buffer.keys(), 1, 11).await;
    assert_eq!(acks(&mut writer).await.1, Some(ErrorKind::WrongType));
    assert_eq!(checkpoint(&buffer).await, (Some(1), None));
}

#[tokio::test]
async fn a_replica_is_told_and_is_worth_a_retry() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    let master = RedisServer::start();
    server.cli(&["CONFIG", "SET", "replica-read-only", "yes"]);
    server.cli(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    send(&mut writer, buffer.keys(), 1, 11).await;
    let error = writer.next_ack().await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ReadOnly), "{error}");
    assert!(error.is_retryable() && error.needs_reconnect());
}

#[tokio::test]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    let mut server = RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 4).await;
    send(&mut writer, buffer.keys(), 1, 51).await;
    let durable = writer.next_ack().await.unwrap().unwrap();
    server.kill();
    send(&mut writer, buffer.keys(), 51, 201).await;
    let (mut tags, error) = acks(&mut writer).await;
    assert_eq!(error, Some(ErrorKind::Unreachable));
    assert_eq!(*buffer.reconnect().await.unwrap_err().kind(), ErrorKind::Unreachable);
    server.restart(&["--appendonly", "yes", "--appendfsync", "always"]);
    let buffer = buffer.reconnect().await.unwrap();
    writer.resume(buffer.clone()).await.unwrap();
    let (rest, error) = acks(&mut writer).await;
    assert_eq!(error, None);
    tags.insert(0, durable.tag);
    tags.extend(rest);
    // Every batch that was accepted is acknowledged once, in order. (Those refused as Stopped are kept as well.)
    assert_eq!(tags, (1..=20).map(|n| n * 10 + 1).collect::<Vec<_>>());
    assert_eq!(sequences(&buffer).await, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lost_answer_is_not_a_lost_batch() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut writer = writer(&buffer, 8).await;
    send(&mut writer, buffer.keys(), 1, 31).await;
    // The batches are on their way and arrive; the answers are not waited for.
    tokio::time::sleep(Duration::from_millis(200)).await;
    writer.resume(buffer.reconnect().await.unwrap()).await.unwrap();
    assert_eq!(writer.in_flight(), 0);
    assert_eq!(acks(&mut writer).await, (vec![11, 21, 31], None));
    send(&mut writer, buffer.keys(), 31, 41).await;
    assert_eq!(acks(&mut writer).await, (vec![41], None));
}

#[tokio::test]
async fn a_server_that_hangs_is_a_timeout() {
    let server = RedisServer::start();
    let mut options = crate::support::options(&server.url());
    options.response_timeout = Duration::from_millis(200);
    let buffer = Buffer::connect(options, Keys::default(), crate::support::TTL).await.unwrap();
    let mut writer = writer(&buffer, 4).await;
    let info = server.cli(&["INFO", "server"]);
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned();
    let signal = |name: &str| std::process::Command::new("kill").args([name, pid.as_str()]).status().unwrap();
    assert!(signal("-STOP").success());
    send(&mut writer, buffer.keys(), 1, 11).await;
    let error = writer.next_ack().await.unwrap().unwrap_err();
    assert!(signal("-CONT").success());
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    writer.resume(buffer.reconnect().await.unwrap()).await.unwrap();
    // Whether it had arrived or was sent again: there is an acknowledgement to come.
    assert!(!writer.is_idle());
    assert_eq!(acks(&mut writer).await, (vec![11], None));
    assert!(writer.is_idle());
}

#[tokio::test]
async fn members_are_published_when_asked() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut subscription = buffer.subscribe().await.unwrap();
    let mut quiet = writer(&buffer, 4).await;
    send(&mut quiet, buffer.keys(), 1, 11).await;
    assert_eq!(acks(&mut quiet).await.1, None);
    let mut loud = quiet.publish(true);
    send(&mut loud, buffer.keys(), 11, 31).await;
    assert_eq!(acks(&mut loud).await.1, None);
    for number in 11..31 {
        assert_eq!(subscription.next().await.unwrap(), member(number));
    }
}

#[tokio::test]
async fn own_ranges_are_deleted_and_nothing_else() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let acquired = acquire(&buffer, "r1").await;
    let mut writer = Writer::new(buffer.clone(), "r1", &acquired.token, seq(1), 4);
    for start in (1..3001).step_by(1000) {
        writer
            .send(batch(buffer.keys(), start, start + 1000), vec![], seq(start + 1000), start + 1000)
            .await
            .unwrap();
    }
    assert_eq!(acks(&mut writer).await.1, None);
    let wal = r#"{"type":"ddl","position":"0/1","data":{"id":1,"time":"2000-01-01T00:00:00Z","username":"","database":"","ddl":""}}"#;
    server.cli(&["ZADD", "kasho:changes", "-999500", wal]);
    let wrong = buffer.delete_own_range("r1", "another", seq(1), seq(3000)).await.unwrap_err();
    assert_eq!(*wrong.kind(), ErrorKind::LeaseLost);
    let deleted = buffer.delete_own_range("r1", &acquired.token, seq(11), seq(2990)).await.unwrap();
    assert_eq!(deleted, 2980);
    assert_eq!(buffer.total().await.unwrap(), 21);
    assert_eq!(server.cli(&["ZSCORE", "kasho:changes", wal]), "-999500");
}

/// How often a script was called.
fn evals(server: &RedisServer) -> u64 {
    let stats = server.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_eval:calls="));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or(0)
}

/// Others wait while a script runs: so it takes few entries of those that are large.
#[tokio::test]
async fn large_entries_are_deleted_a_few_at_a_time() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let acquired = acquire(&buffer, "r1").await;
    let mut writer = Writer::new(buffer.clone(), "r1", &acquired.token, seq(1), 4);
    for number in 1..=100 {
        // Small ones first: what comes behind them is not expected. Then large and small ones in turn.
        let is_small = number <= 40 || (number > 60 && number % 2 == 0);
        let filler = "x".repeat(if is_small { 10 } else { 400_000 });
        let mut bytes = member(number);
        bytes.splice(bytes.len() - 3..bytes.len() - 3, filler.bytes());
        let mut batch = Batch::new(buffer.keys());
        batch.push(seq(number), &bytes);
        writer.send(batch, vec![], seq(number + 1), number + 1).await.unwrap();
        writer.next_ack().await.unwrap().unwrap();
    }
    for (first, last) in [(1, 60), (61, 100)] {
        let before = evals(&server);
        let deleted = buffer.delete_own_range("r1", &acquired.token, seq(first), seq(last)).await.unwrap();
        assert_eq!(deleted, last - first + 1);
        // Three large ones at a time with the small ones between or before them, and a call that finds none.
        let calls = evals(&server) - before;
        assert!((7..=9).contains(&calls), "{calls} calls from {first} on");
    }
    assert_eq!(buffer.total().await.unwrap(), 0);
}

/// How fast batches of 1,000 members of 240 bytes are written, beside `redis-cli --pipe` with the same members.
/// `cargo test --release -p kvbuffer --test it -- --ignored --nocapture throughput`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn throughput() {
    const MEMBERS: u64 = 1_000_000;
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let filler = "x".repeat(240 - member(10_000_000).len());
    let padded = |number: u64| {
        let mut bytes = member(number);
        bytes.splice(bytes.len() - 3..bytes.len() - 3, filler.bytes());
        bytes
    };
    let members: Vec<_> = (1..=MEMBERS).map(padded).collect();
    let piped = pipe(&server, &members);
    println!("redis-cli --pipe: {:.0}/s", MEMBERS as f64 / piped);
    for in_flight in [1, 2, 4, 8] {
        server.cli(&["FLUSHALL"]);
        let acquired = acquire(&buffer, "r1").await;
        let mut writer = Writer::new(buffer.clone(), "r1", &acquired.token, seq(1), in_flight);
        let start = std::time::Instant::now();
        for (index, chunk) in members.chunks(1000).enumerate() {
            let first = index as u64 * 1000 + 1;
            let mut batch = Batch::with_capacity(buffer.keys(), 1000, 240_000);
            for (number, member) in (first..).zip(chunk) {
                batch.push(seq(number), member);
            }
            writer.send(batch, vec![b'c'; 600], seq(first + 1000), ()).await.unwrap();
            while writer.in_flight() == in_flight {
                writer.next_ack().await.unwrap().unwrap();
            }
        }
        while let Some(ack) = writer.next_ack().await {
            ack.unwrap();
        }
        let taken = start.elapsed().as_secs_f64();
        assert_eq!(buffer.total().await.unwrap(), MEMBERS);
        println!("{in_flight} in flight: {:.0}/s, ratio {:.2}", MEMBERS as f64 / taken, piped / taken);
    }
}

fn pipe(server: &RedisServer, members: &[Vec<u8>]) -> f64 {
    use std::io::Write as _;
    let path = server.dir.path().join("pipe");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for (index, member) in members.iter().enumerate() {
        let score = (index as i64 - 999_999).to_string();
        write!(
            file,
            "*4\r\n$4\r\nZADD\r\n$13\r\nkasho:changes\r\n${}\r\n{score}\r\n${}\r\n",
            score.len(),
            member.len()
        )
        .unwrap();
        file.write_all(member).unwrap();
        file.write_all(b"\r\n").unwrap();
    }
    file.flush().unwrap();
    let start = std::time::Instant::now();
    let status = std::process::Command::new("redis-cli")
        .args(["-p", &server.port.to_string(), "--pipe"])
        .stdin(std::fs::File::open(&path).unwrap())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    start.elapsed().as_secs_f64()
}
