//! Reading the set back, and asking the server about itself.

use kvbuffer::{ErrorKind, KeyType, Keys, Lsn, Position, Role, Score};

use crate::support::{RedisServer, member, seq};

fn score(number: i64) -> Score {
    Score::new(number).unwrap()
}

#[tokio::test]
async fn pages_never_end_between_entries_of_one_score() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut all = Vec::new();
    for number in 0..40_i64 {
        // Scores 0, 0, 0, 0, 1, 1, 1, 1, …
        let text = format!("m{number:02}");
        server.cli(&["ZADD", "kasho:changes", &(number / 4).to_string(), &text]);
        all.push(text);
    }
    for limit in 1..45 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = buffer.read_after_score(after, limit).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.score);
            seen.extend(page.into_iter().map(|entry| String::from_utf8(entry.member).unwrap()));
        }
        assert_eq!(seen, all, "limit {limit}");
        let (mut seen, mut from) = (Vec::new(), score(0));
        while from <= score(9) {
            let page = buffer.read_page(from..=score(9), limit).await.unwrap();
            from = score(page.last().unwrap().score.get() + 1);
            seen.extend(page.into_iter().map(|entry| String::from_utf8(entry.member).unwrap()));
        }
        assert_eq!(seen, all, "pages of {limit}");
    }
    assert_eq!(buffer.read_page(score(10)..=score(20), 100).await.unwrap(), []);
    assert_eq!(buffer.read_range(score(2)..=score(4), 100).await.unwrap().len(), 12);
    assert_eq!(buffer.count(score(2)..=score(4)).await.unwrap(), 12);
    assert_eq!(buffer.total().await.unwrap(), 40);
    assert_eq!(buffer.first_at_or_after(score(3)).await.unwrap().unwrap().member, b"m12");
    assert_eq!(buffer.last_before(score(3)).await.unwrap().unwrap().member, b"m11");
    assert_eq!(buffer.first_at_or_after(score(10)).await.unwrap(), None);
    assert_eq!(buffer.last_before(score(0)).await.unwrap(), None);
}

#[tokio::test]
async fn a_page_of_large_entries_is_short() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    for number in 0..20_i64 {
        let add = "return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2] .. string.rep('x', 300000))";
        let (score, start) = ((number / 2).to_string(), format!("{number:02}"));
        server.cli(&["EVAL", add, "1", "kasho:changes", &score, &start]);
    }
    let (mut seen, mut after) = (0, None);
    loop {
        let page = buffer.read_after_score(after, 1000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.score);
        seen += page.len();
        assert!(page.len() <= 6 && page.len() % 2 == 0, "{} entries", page.len());
    }
    assert_eq!(seen, 20);
    // Small ones in front say nothing of those behind them.
    for number in -500..0_i64 {
        server.cli(&["ZADD", "kasho:changes", &number.to_string(), &format!("small {number}")]);
    }
    let page = buffer.read_page(score(-500)..=score(9), 5000).await.unwrap();
    assert!((501..=540).contains(&page.len()), "{} entries", page.len());
}

#[tokio::test]
async fn positions_bound_pages() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    for number in [1, 2, 999_999, 1_000_000, 24_803_721] {
        let text = String::from_utf8(member(number)).unwrap();
        server.cli(&["ZADD", "kasho:changes", &seq(number).score().to_string(), &text]);
    }
    let set = &buffer;
    let after = |position| async move { set.read_after(position, 10).await.unwrap().len() };
    assert_eq!(after(None).await, 5);
    assert_eq!(after(Some(Position::Bootstrap(seq(1)))).await, 4);
    assert_eq!(after(Some(Position::Bootstrap(seq(1_000_000)))).await, 1);
    // 0/16B3748 has the score of sequence 24,803,720.
    assert_eq!(after(Some(Position::Wal(Lsn::new(0x16B_3748)))).await, 1);
    assert_eq!(after(Some(Position::Wal(Lsn::new(0x16B_3749)))).await, 0);
    let entries = buffer.read_after(None, 10).await.unwrap();
    assert_eq!(entries[0].change().unwrap().position, Position::Bootstrap(seq(1)));
}

#[tokio::test]
async fn odd_scores_are_told() {
    let server = RedisServer::start();
    let buffer = server.buffer().await;
    for odd in ["0.5", "9007199254740992", "+inf"] {
        server.cli(&["FLUSHALL"]);
        server.cli(&["ZADD", "kasho:changes", odd, "m"]);
        assert_eq!(*buffer.read_after(None, 10).await.unwrap_err().kind(), ErrorKind::Protocol, "{odd}");
    }
    server.cli(&["FLUSHALL"]);
    server.cli(&["ZADD", "kasho:changes", "9007199254740991", "m"]);
    assert_eq!(buffer.read_after(None, 10).await.unwrap()[0].score, Score::MAX);
}

#[tokio::test]
async fn the_server_tells_about_itself() {
    let server = RedisServer::with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let buffer = server.buffer().await;
    let memory = buffer.memory().await.unwrap();
    assert!(memory.used > 100_000);
    assert_eq!((memory.max, memory.policy.as_str()), (Some(100 << 20), "allkeys-lru"));
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(buffer.memory().await.unwrap().max, None);
    let info = buffer.server().await.unwrap();
    assert!(info.version.starts_with(|first: char| first.is_ascii_digit()), "{}", info.version);
    assert_eq!((info.role, info.loading), (Role::Master, false));
    let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &server.port.to_string()]);
    assert_eq!(replica.buffer().await.server().await.unwrap().role, Role::Replica);
}

#[tokio::test]
async fn the_keys_type_and_time_to_live() {
    let server = RedisServer::start();
    let buffer = server.buffer_for(&Keys::new("other")).await;
    assert_eq!(buffer.key_type().await.unwrap(), KeyType::None);
    assert!(!buffer.touch("r1").await.unwrap());
    server.cli(&["SET", "other", "x"]);
    assert_eq!(buffer.key_type().await.unwrap(), KeyType::Other("string".to_owned()));
    assert_eq!(*buffer.total().await.unwrap_err().kind(), ErrorKind::WrongType);
    server.cli(&["DEL", "other"]);
    server.cli(&["ZADD", "other", "1", "m"]);
    server.cli(&["HSET", "{other}:bootstrap:run:r1", "token", "t"]);
    assert_eq!(buffer.key_type().await.unwrap(), KeyType::SortedSet);
    assert!(buffer.touch("r1").await.unwrap());
    assert!(server.cli(&["TTL", "other"]).parse::<u64>().unwrap() > 86_000);
}

#[tokio::test]
async fn a_lost_subscription_is_told() {
    let mut server = RedisServer::start();
    let buffer = server.buffer().await;
    let mut subscription = buffer.subscribe().await.unwrap();
    server.cli(&["PUBLISH", "kasho:changes", "hello"]);
    assert_eq!(subscription.next().await.unwrap(), b"hello");
    server.kill();
    assert_eq!(*subscription.next().await.unwrap_err().kind(), ErrorKind::Unreachable);
}

#[test]
fn all_keys_share_a_slot() {
    let keys = Keys::default();
    assert_eq!(keys.set(), "kasho:changes");
    assert_eq!(keys.channel(), "kasho:changes");
    assert_eq!(keys.ranges(), "{kasho:changes}:bootstrap:ranges");
    assert_eq!(keys.run("a"), "{kasho:changes}:bootstrap:run:a");
    assert_eq!(Keys::new("x{tag}y").ranges(), "x{tag}y:bootstrap:ranges");
}
