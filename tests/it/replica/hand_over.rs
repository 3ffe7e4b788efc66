//! A database that is filled from Redis is handed over to Kasho's translicator: only when it is whole, nothing else is in the
//! set, and somebody waits for the first live change.

use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::fidelity::{Source, load};
use pg_bootstrap_tests::loads::{LIMIT, seeded, times};
use pg_bootstrap_tests::pgwire::Connection;
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer, Stream};
use pg_bootstrap_tests::zset::KEY;

use super::apply::apply;
use super::expect_restored;
use super::once::MOVED;
use super::verify::verify;
use crate::harness::{COPY, Input, dump, dump_of, expect};

/// What a translicator asks before it waits.
const ASKED: &str = "SELECT COUNT(*) FROM information_schema.tables \
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')";

/// A session that waits as a translicator does.
fn translicator(server: &PostgresServer, database: &Database) -> Connection {
    let mut session = server.connect(database);
    session.query(ASKED).unwrap();
    session
}

fn hand_over(server: &PostgresServer, database: &Database, redis: &RedisServer, stream: &Stream) -> Runner {
    at(apply(server, database, redis), stream)
}

fn at(apply: Runner, stream: &Stream) -> Runner {
    let address = stream.address();
    apply.args(["--change-stream", &address, "--complete-bootstrap", "--translicator-timeout", "2s"])
}

/// Redis with a dump in it, of whose bootstrap the stream knows.
fn begun(input: &Input) -> (RedisServer, Stream) {
    let (redis, stream) = (RedisServer::start(), Stream::start());
    load(&redis, &input.file, &["--change-stream", &stream.address(), "--start-bootstrap"]);
    (redis, stream)
}

#[track_caller]
fn expect_handed_over(redis: &RedisServer, stream: &Stream) {
    assert_eq!((stream.now().state.as_str(), stream.now().calls), ("STREAMING", vec!["start", "complete"]));
    assert_eq!(redis.cli(&["ZCARD", KEY]).trim(), "0");
    // The registry, without any run.
    assert_eq!(redis.cli(&["KEYS", "*"]).trim(), "{kasho:changes}:bootstrap:ranges");
}

#[track_caller]
fn expect_not_handed_over(redis: &RedisServer, stream: &Stream) {
    assert_eq!(stream.now().state, "ACCUMULATING");
    assert_ne!(redis.cli(&["ZCARD", KEY]).trim(), "0");
}

/// First the database is filled and compared, then it is handed over.
#[test]
fn step_by_step() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(1000));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let waiting = translicator(server, &database);
    apply(server, &database, &redis).run(LIMIT).expect_code(0);
    expect_not_handed_over(&redis, &stream);
    verify(server, &database, &input.file).run(LIMIT).expect_code(0);
    let says = ["changes are removed from the set", "a translicator waits", "now it is STREAMING"];
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 0, &says);
    expect_handed_over(&redis, &stream);
    verify(server, &database, &input.file).run(LIMIT).expect_code(0);
    // Again, as a pod is whose end nobody noticed, also when live changes are there.
    redis.cli(&["ZADD", KEY, "1", "a live change"]);
    let again = hand_over(server, &database, &redis, &stream).run(LIMIT);
    expect(again, 0, &["there is nothing to hand over"]);
    assert_eq!(redis.cli(&["ZCARD", KEY]).trim(), "1");
    drop(waiting);
}

#[test]
fn killed_at_any_step() {
    let server = PostgresServer::shared();
    let source = Source::of_bytes("generated", &dumpgen::dump(50_000));
    let input = Input::of(&std::fs::read(&source.plain).unwrap());
    let mut rng = seeded("hand-over kills");
    for _ in 0..times(3, 30) {
        let (redis, stream) = begun(&input);
        let database = server.fresh_database();
        let _waiting = translicator(server, &database);
        let mut kills = 0;
        while stream.now().state != "STREAMING" {
            let mut running = hand_over(server, &database, &redis, &stream).spawn();
            // The fill takes most of the time, so the steps after it are where most kills shall fall.
            let filled = redis.cli(&["ZCARD", KEY]).trim() == "0";
            let most = if filled { 120 } else { 900 };
            std::thread::sleep(Duration::from_millis(rng.below(most)));
            kills += u64::from(running.is_running());
            running.kill();
            running.wait(LIMIT);
        }
        hand_over(server, &database, &redis, &stream).run(LIMIT).expect_code(0);
        expect_handed_over(&redis, &stream);
        expect_restored(server, &source, &database, MOVED);
        println!("{kills} kills");
        server.drop_database(&database);
    }
}

#[test]
fn what_else_is_in_the_set_stops_it() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    redis.cli(&["ZADD", KEY, "7", "somebody's"]);
    let says = ["holds 1 entries, the first at score 7", "remove them"];
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 4, &says);
    assert_eq!(stream.now().state, "ACCUMULATING");
    redis.cli(&["ZREM", KEY, "somebody's"]);
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 0, &["done already"; 0]);
    expect_handed_over(&redis, &stream);
}

#[test]
fn a_translicator_must_wait() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let run = || hand_over(server, &database, &redis, &stream).run(LIMIT);
    expect(
        run(),
        13,
        &["no translicator is seen to wait at the replica: start it", "no translicator has waited"],
    );
    assert_eq!(stream.now().state, "ACCUMULATING");
    // One that does something else does not wait.
    let mut busy = translicator(server, &database);
    busy.query("SELECT 1").unwrap();
    expect(run(), 13, &["no translicator has waited"]);
    // One that was started again is as good.
    let _waiting = translicator(server, &database);
    expect(run(), 0, &["a translicator waits"]);
    expect_handed_over(&redis, &stream);
}

#[test]
fn sessions_that_are_not_to_be_seen() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let mut hidden = server.connect(&database);
    hidden.query("SET track_activities = off").unwrap();
    hidden.query(ASKED).unwrap();
    let run = |args: &[&str]| hand_over(server, &database, &redis, &stream).args(args).run(LIMIT);
    expect(run(&[]), 7, &["cannot be known whether a translicator waits", "pg_read_all_stats"]);
    assert_eq!(stream.now().state, "ACCUMULATING");
    expect(run(&["--translicator", "unknown-is-fine"]), 0, &["going on, as --translicator says"]);
    expect_handed_over(&redis, &stream);
}

/// Of another role's sessions a role sees nothing, unless it may.
#[test]
fn sessions_of_another_role() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    let role = format!("loader_{}", std::process::id());
    let mut session = server.connect(&database);
    session.query(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {database} TO {role}; GRANT SET ON PARAMETER session_replication_role TO {role}", database = database.name)).unwrap();
    let url = server.url(&database).replace("postgres@", &format!("{role}@"));
    let apply = || Runner::new().args(["apply", "--kv-url", &redis.url(), "--replica-url", &url]);
    let run = || at(apply(), &stream).run(LIMIT);
    expect(run(), 7, &["cannot be known whether a translicator waits"]);
    session.query(&format!("GRANT pg_read_all_stats TO {role}")).unwrap();
    expect(run(), 0, &["a translicator waits"]);
    expect_handed_over(&redis, &stream);
    server.drop_database(&database);
    let other = server.fresh_database();
    server.connect(&other).query(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
}

/// A record of the same name may be of something else than what the stream is about.
#[test]
fn what_is_in_redis_must_be_what_is_in_the_database() {
    let server = PostgresServer::shared();
    let (first, second) = (Input::of(&dump(100)), Input::of(&dump(70)));
    let (redis, _) = begun(&first);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    apply(server, &database, &redis).run(LIMIT).expect_code(0);
    let stream = Stream::start();
    let told = stream.address();
    load(&redis, &second.file, &["--restart", "--change-stream", &told, "--start-bootstrap"]);
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 5, &["another dump"]);
    expect_not_handed_over(&redis, &stream);
    // Without a position nobody knows which bootstrap it is.
    let (third, empty) = (RedisServer::start(), server.fresh_database());
    Runner::new().args(["load", "-k", &third.url()]).arg(&second.file).run(LIMIT).expect_code(0);
    expect(hand_over(server, &empty, &third, &stream).run(LIMIT), 4, &["without --snapshot-lsn"]);
}

/// Somebody else has completed it: the translicator had all changes once more.
#[test]
fn completed_before_the_changes_left_the_set() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    apply(server, &database, &redis).run(LIMIT).expect_code(0);
    stream.set(|state| state.state = "STREAMING".to_owned());
    let says = ["the run's changes were still in the set", "empty database"];
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 4, &says);
    let both = hand_over(server, &database, &redis, &stream).arg("--forget").run(LIMIT);
    expect(both, 2, &["--forget"]);
}

#[test]
fn streams_in_another_state() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(100));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    let run = |stream: &Stream| hand_over(server, &database, &redis, stream).run(LIMIT);
    expect(run(&Stream::start()), 4, &["no bootstrap has been started"]);
    let other = Stream::start();
    other.set(|state| (state.state, state.start_position) = ("ACCUMULATING".into(), "0/7".into()));
    expect(run(&other), 4, &["another bootstrap"]);
    // Somebody has completed it before the database was filled.
    let (state, position) = ("STREAMING".to_owned(), stream.now().start_position);
    stream.set(|now| now.state = state);
    expect(run(&stream), 4, &["the database is not filled", "empty database"]);
    assert_eq!(stream.now().start_position, position);
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(server.connect(&database).value(tables).unwrap().as_deref(), Some("0"));
}

/// A database in which something is missing is not handed over.
#[test]
fn what_was_skipped_is_not_handed_over() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump_of(format!("{COPY}1\ta\n99999999999\tb\n\\.\n\n").as_bytes()));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    let rejects = input.path("rejects.jsonl");
    for _ in 0..2 {
        let run = hand_over(server, &database, &redis, &stream).args(["--on-error", "skip"]);
        expect(run.arg("--reject-file").arg(&rejects).run(LIMIT), 16, &["1 rows are in the reject file"]);
        expect_not_handed_over(&redis, &stream);
    }
}

#[test]
fn nobody_is_connected_to_the_stream() {
    let server = PostgresServer::shared();
    let input = Input::of(&dump(10));
    let (redis, stream) = begun(&input);
    let database = server.fresh_database();
    let _waiting = translicator(server, &database);
    stream.set(|state| state.clients = 0);
    expect(hand_over(server, &database, &redis, &stream).run(LIMIT), 0, &["nobody is connected to it"]);
    expect_handed_over(&redis, &stream);
}
