//! The registry: which process may write which sequences.

use std::time::Duration;

use kvbuffer::{Batch, Buffer, ErrorKind, Lsn, Process, Ranges, Request, State, Writer};

use crate::support::{RedisServer, acquire, batch, request, seq};

fn held_by(error: &kvbuffer::Error) -> &str {
    match error.kind() {
        ErrorKind::LeaseHeld { holder } => &holder.run,
        other => panic!("{other:?}"),
    }
}

async fn write(buffer: &Buffer, run: &str, token: &str, first: u64, next: u64) {
    let mut writer = Writer::new(buffer.clone(), run, token, seq(first), 2);
    writer.send(batch(buffer.keys(), first, next), b"c".to_vec(), seq(next), ()).await.unwrap();
    writer.next_ack().await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_from_start_to_end() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    assert_eq!(ranges.list().await.unwrap(), []);
    let mut first = request("r1");
    first.snapshot_lsn = Some(Lsn::new(0x16_B374_D848));
    let acquired = ranges.acquire(&first).await.unwrap();
    assert_eq!((acquired.first, acquired.previous), (seq(1), None));
    write(&buffer, "r1", &first.token, 1, 51).await;
    ranges.renew("r1", &first.token, seq(51), Duration::from_secs(60)).await.unwrap();
    let listed = ranges.list().await.unwrap();
    assert_eq!(listed[0].next, Some(seq(51)));
    assert_eq!(listed[0].snapshot_lsn, Some(Lsn::new(0x16_B374_D848)));
    assert_eq!(listed[0].lease.as_ref().unwrap().holder, Process::current());
    ranges.finish("r1", &first.token, Some(seq(50))).await.unwrap();
    let listed = ranges.list().await.unwrap();
    assert_eq!((listed[0].state, listed[0].last, &listed[0].lease), (State::Done, Some(seq(50)), &None));
    // The next run begins after it, with the gap.
    let second = acquire(&buffer, "r2").await;
    assert_eq!(second.first, seq(51 + 1000));
    assert!(server.cli(&["TTL", "{kasho:changes}:bootstrap:ranges"]).parse::<u64>().unwrap() > 86_000);
    // A finished lease writes no more.
    let mut late = Writer::new(buffer.clone(), "r1", &first.token, seq(51), 2);
    late.send(batch(buffer.keys(), 51, 52), vec![], seq(52), ()).await.unwrap();
    assert_eq!(*late.next_ack().await.unwrap().unwrap_err().kind(), ErrorKind::LeaseLost);
}

#[tokio::test]
async fn one_lease_at_a_time() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    let first = request("r1");
    ranges.acquire(&first).await.unwrap();
    assert_eq!(held_by(&ranges.acquire(&request("r1")).await.unwrap_err()), "r1");
    let error = ranges.acquire(&request("r2")).await.unwrap_err();
    assert_eq!(held_by(&error), "r1");
    assert!(!error.is_retryable());
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    // Asking again after a lost answer is not a second process.
    assert_eq!(ranges.acquire(&first).await.unwrap().token, first.token);
    ranges.release("r1", &first.token).await.unwrap();
    let second = request("r2");
    assert_eq!(ranges.acquire(&second).await.unwrap().first, seq(1001));
    for lost in [
        ranges.renew("r1", &first.token, seq(1), Duration::from_secs(1)).await,
        ranges.finish("r1", &first.token, None).await,
        ranges.release("r1", &first.token).await,
        ranges.remove("r1", &first.token).await,
        ranges.reset_run(&first).await,
        ranges.remove("r1", &second.token).await,
    ] {
        assert_eq!(*lost.unwrap_err().kind(), ErrorKind::LeaseLost);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_wins() {
    let server = RedisServer::start();
    for round in 0..20 {
        server.cli(&["FLUSHALL"]);
        let mut tasks = Vec::new();
        for number in 0..8 {
            // Half of them are attempts of the same run.
            let run = if number % 2 == 0 { "same".to_owned() } else { format!("r{number}") };
            let buffer = server.buffer().await;
            tasks.push(tokio::spawn(async move { Ranges::new(buffer).acquire(&request(&run)).await }));
        }
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => drop(held_by(&error).to_owned()),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test]
async fn an_ended_lease_is_taken_over_and_revoked() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    let mut sleepy = request("r1");
    sleepy.lease = Duration::from_millis(50);
    ranges.acquire(&sleepy).await.unwrap();
    write(&buffer, "r1", &sleepy.token, 1, 11).await;
    // The last rows were left out: their numbers are used up all the same.
    let mut writer = Writer::new(buffer.clone(), "r1", &sleepy.token, seq(11), 2);
    writer.send(Batch::new(buffer.keys()), vec![], seq(500), ()).await.unwrap();
    writer.next_ack().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    let second = request("r2");
    // The registry does not know of these sequences, the run's key does.
    assert_eq!(ranges.acquire(&second).await.unwrap().first, seq(500 + 1000));
    let mut awake = Writer::new(buffer.clone(), "r1", &sleepy.token, seq(500), 2);
    awake.send(batch(buffer.keys(), 500, 501), vec![], seq(501), ()).await.unwrap();
    assert_eq!(*awake.next_ack().await.unwrap().unwrap_err().kind(), ErrorKind::LeaseLost);
    let lost = ranges.renew("r1", &sleepy.token, seq(12), Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(*lost.kind(), ErrorKind::LeaseLost);
}

#[tokio::test]
async fn a_new_range_begins_behind_what_a_dead_writer_left() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    let first = request("r1");
    ranges.acquire(&first).await.unwrap();
    write(&buffer, "r1", &first.token, 1, 11).await;
    // Members whose checkpoint never came.
    for number in 11..2500 {
        let text = String::from_utf8(crate::support::member(number)).unwrap();
        let score = (number as i64 - 1_000_000).to_string();
        server.cli(&["ZADD", "kasho:changes", &score, &text]);
    }
    ranges.release("r1", &first.token).await.unwrap();
    assert_eq!(acquire(&buffer, "r2").await.first, seq(2500 + 1000));
}

/// A process that is gone: it has run, so its id and start were real.
fn dead_process() -> Process {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    let start = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start = start.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
    let alive = Process { pid, process_start: Some(start), ..Process::current() };
    assert!(!Process::current().knows_dead(&alive));
    child.kill().unwrap();
    // Before anybody waits for it, it is a zombie, and dead all the same.
    for _ in 0..1000 {
        if Process::current().knows_dead(&alive) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Process::current().knows_dead(&alive));
    child.wait().unwrap();
    alive
}

#[tokio::test]
async fn a_dead_process_is_succeeded_at_once_on_its_own_host_only() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    let dead = dead_process();
    let elsewhere = [
        Process { host: "another".into(), ..dead.clone() },
        Process { boot: Some("another".into()), ..dead.clone() },
        Process { pid_namespace: Some("another".into()), ..dead.clone() },
        Process { process_start: None, ..dead.clone() },
        Process { pid_namespace: None, ..dead.clone() },
    ];
    for process in elsewhere {
        server.cli(&["FLUSHALL"]);
        ranges.acquire(&Request { process: process.clone(), ..request("r1") }).await.unwrap();
        assert_eq!(held_by(&ranges.acquire(&request("r1")).await.unwrap_err()), "r1", "{process:?}");
    }
    server.cli(&["FLUSHALL"]);
    let before = Request { process: dead.clone(), ..request("r1") };
    ranges.acquire(&before).await.unwrap();
    let after = acquire(&buffer, "r1").await;
    assert_eq!(after.previous.unwrap().lease.unwrap().holder, dead);
    // A process id that was given away again is not the process that had it.
    let reborn = Process { process_start: Some(1), ..Process::current() };
    assert!(Process::current().knows_dead(&reborn));
    assert!(!Process::current().knows_dead(&Process::current()));
}

#[tokio::test]
async fn attempts_of_one_run_keep_their_range() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let ranges = Ranges::new(buffer.clone());
    let mut first = request("r1");
    first.first = Some(seq(500));
    assert_eq!(ranges.acquire(&first).await.unwrap().first, seq(500));
    write(&buffer, "r1", &first.token, 500, 510).await;
    ranges.release("r1", &first.token).await.unwrap();
    let state = ranges.load_run("r1").await.unwrap().unwrap();
    assert_eq!((state.token, state.sequence, state.checkpoint), (None, Some(seq(510)), Some(b"c".to_vec())));
    let mut second = request("r1");
    second.first = Some(seq(9));
    second.config = "c2".to_owned();
    let acquired = ranges.acquire(&second).await.unwrap();
    let previous = acquired.previous.unwrap();
    assert_eq!((acquired.first, previous.config.as_str()), (seq(500), "c1"));
    assert_eq!(ranges.list().await.unwrap()[0].config, "c1");
    let state = ranges.load_run("r1").await.unwrap().unwrap();
    assert_eq!((state.sequence, state.checkpoint), (Some(seq(510)), Some(b"c".to_vec())));
    // Starting over.
    assert_eq!(buffer.delete_own_range("r1", &second.token, seq(500), seq(9999)).await.unwrap(), 10);
    ranges.reset_run(&second).await.unwrap();
    let state = ranges.load_run("r1").await.unwrap().unwrap();
    assert_eq!((state.sequence, state.checkpoint), (Some(seq(500)), None));
    assert_eq!(ranges.list().await.unwrap()[0].config, "c2");
    write(&buffer, "r1", &second.token, 500, 510).await;
    ranges.remove("r1", &second.token).await.unwrap();
    assert_eq!(ranges.list().await.unwrap(), []);
    assert_eq!(ranges.load_run("r1").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_entry_is_told() {
    let server = RedisServer::start();
    let ranges = Ranges::new(server.buffer().await);
    let key = "{kasho:changes}:bootstrap:ranges";
    server.cli(&["HSET", key, "x", "nonsense"]);
    assert_eq!(*ranges.list().await.unwrap_err().kind(), ErrorKind::Protocol);
    server.cli(&[
        "HSET",
        key,
        "x",
        r#"{"v":2,"owner":"o","run":"x","first":1,"state":"open","config":"","source":""}"#,
    ]);
    assert_eq!(*ranges.list().await.unwrap_err().kind(), ErrorKind::Unsupported);
    server.cli(&["DEL", key]);
    for id in ["", "#generation", "a b", "a\nb", &"x".repeat(201)] {
        assert_eq!(*ranges.acquire(&request(id)).await.unwrap_err().kind(), ErrorKind::InvalidRun, "{id:?}");
    }
}
