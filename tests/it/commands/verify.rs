//! `verify`: every kind of difference is found, and equal contents are equal.

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fidelity::{self, SNAPSHOT_LSN};
use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::loads::{Dump, Input as From};
use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset::KEY;
use pg_bootstrap_tests::{dumpgen, resp::RedisClient};

use crate::harness::{CELL, Input, LIMIT, at, changes, dump, dump_of, expect, runner, snapshot};

const ROWS: usize = 2500;

fn verify(url: &str, dump: &std::path::Path) -> Runner {
    Runner::new().arg("verify").arg("--dump-file").arg(dump).args(["--kv-url", url])
}

fn text(finished: &Finished) -> String {
    String::from_utf8(finished.stdout.clone()).unwrap()
}

/// The member of a number.
fn member(client: &mut RedisClient, number: i64) -> Vec<u8> {
    let score = (number - 1_000_000).to_string();
    let found = client.command(&["ZRANGEBYSCORE", KEY, &score, &score]).unwrap().array();
    found.into_iter().next().expect("a member").bytes()
}

fn put(client: &mut RedisClient, score: &str, member: &[u8]) {
    client.command(&[b"ZADD".as_slice(), KEY.as_bytes(), score.as_bytes(), member]).unwrap();
}

fn take(client: &mut RedisClient, member: &[u8]) {
    client.command(&[b"ZREM".as_slice(), KEY.as_bytes(), member]).unwrap();
}

#[test]
fn each_difference_is_found_and_named() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    let whole = snapshot(&redis);
    let mut client = redis.client();
    let check = |code: i32, said: &[&str]| {
        let found = text(&expect(verify(&redis.url(), &input.file).run(LIMIT), code, &[]));
        for part in said {
            assert!(found.contains(part), "no {part:?} in:\n{found}");
        }
    };
    let equal = format!("equal: {} changes from 0/BOOTSTRAP00000001 on", changes(ROWS));
    check(0, &[&equal]);

    // One byte. The first change is a statement, the second the first row.
    let row = member(&mut client, 1700);
    let mut other = row.clone();
    let place = other.windows(CELL.len()).position(|part| part == CELL.as_bytes()).unwrap();
    other[place] = b'X';
    take(&mut client, &row);
    put(&mut client, "-998300", &other);
    check(8, &["0 missing, 1 altered, 0 foreign", "altered  0/BOOTSTRAP00001700  public.items: column name"]);
    take(&mut client, &other);

    // One missing.
    check(8, &["1 missing, 0 altered, 0 foreign", "missing  0/BOOTSTRAP00001700  public.items\n"]);

    // A score moved: to a place that is taken, far away, and between two numbers.
    put(&mut client, "-998301", &row);
    check(
        8,
        &[
            "1 missing, 0 altered, 1 foreign",
            "foreign  0/BOOTSTRAP00001699  public.items: its position says 0/BOOTSTRAP00001700",
            "missing  0/BOOTSTRAP00001700  public.items: it has the score of 0/BOOTSTRAP00001699",
        ],
    );
    put(&mut client, "70000000000", &row);
    check(8, &["missing  0/BOOTSTRAP00001700  public.items: it has the score of 0/BOOTSTRAP70001000000"]);
    put(&mut client, "-998300.5", &row);
    let between = expect(verify(&redis.url(), &input.file).run(LIMIT), 8, &["-998300.5"]);
    assert!(!text(&between).contains("equal"));
    put(&mut client, "-998300", &row);
    check(0, &[&equal]);

    // One too many: at a number that is taken, and behind the last one.
    for (score, position) in [("-998300", "0/BOOTSTRAP00001700"), ("-997000", "0/BOOTSTRAP00003000")] {
        put(&mut client, score, b"something");
        check(8, &["0 missing, 0 altered, 1 foreign", &format!("foreign  {position}  not a change")]);
        take(&mut client, b"something");
    }
    // Between two scores, also below the first one and where a page ends.
    for score in ["-999999.5", "-998999.5", "-998499.25"] {
        put(&mut client, score, b"something");
        expect(verify(&redis.url(), &input.file).run(LIMIT), 8, &[score]);
        take(&mut client, b"something");
    }
    // Before the first number lies nothing of ours, and live changes are none of our business.
    put(&mut client, "-1000000", b"something");
    let live = br#"{"type":"ddl","position":"17/1","data":{"id":1,"time":"2026-01-02T03:04:05Z","username":"a","database":"b","ddl":"c"}}"#;
    put(&mut client, "98784247809", live);
    check(0, &[&equal]);
    take(&mut client, b"something");
    take(&mut client, live);
    assert_eq!(snapshot(&redis), whole, "verify wrote something");
}

/// Another run's range in the middle of ours, as only a registry that was tampered with allows.
#[test]
fn a_range_of_another_run_in_between() {
    let (redis, ours, theirs) = (
        RedisServer::start(),
        Input::of(&dump(ROWS)),
        Input::of(&dump_of(b"CREATE TABLE public.b (a int);\n")),
    );
    runner(&redis, &ours.file).run(LIMIT).expect_code(0);
    let registry = "{kasho:changes}:bootstrap:ranges";
    let entry = redis.cli(&["HGET", registry, "default"]);
    redis.cli(&["HDEL", registry, "default"]);
    let mut aside = redis.client();
    let members: Vec<_> = (1000..1003).map(|number| member(&mut aside, number)).collect();
    members.iter().for_each(|member| take(&mut aside, member));
    redis.cli(&["RENAME", KEY, "aside"]);
    let other = runner(&redis, &theirs.file).args(["--run-id", "other", "--first-sequence", "1000"]);
    other.run(LIMIT).expect_code(0);
    redis.cli(&["ZUNIONSTORE", KEY, "2", KEY, "aside"]);
    redis.cli(&["HSET", registry, "default", &entry]);
    let found = verify(&redis.url(), &ours.file).run(LIMIT).expect_code(8);
    let said = text(&found);
    assert!(said.contains("0 missing, 3 altered, 0 foreign"), "{said}");
    assert!(said.contains("altered  0/BOOTSTRAP00001001  public.items: it is SQL text"), "{said}");
}

/// Everything is compared by content; options that contradict the run are refused.
#[test]
fn other_dumps_and_options() {
    let (redis, input, other) = (RedisServer::start(), Input::of(&dump(ROWS)), Input::of(&dump(ROWS + 3)));
    // Nothing is registered; the wrong name.
    expect(verify(&redis.url(), &input.file).run(LIMIT), 8, &["no run \"default\" is registered"]);
    runner(&redis, &input.file).args(["--first-sequence", "5000"]).run(LIMIT).expect_code(0);
    let named = verify(&redis.url(), &input.file).args(["--run-id", "x"]).run(LIMIT);
    expect(named, 8, &["registered: default"]);
    let run = |dump: &Input, options: &[&str]| verify(&redis.url(), &dump.file).args(options).run(LIMIT);
    assert!(text(&expect(run(&input, &[]), 0, &[])).contains("from 0/BOOTSTRAP00005000 on"));
    // By other options everything would differ: that is one line, and no list.
    for (option, said) in [
        (&["--ddl-time", "2001-01-01T00:00:00Z"][..], "--ddl-time was \"2000-01-01T00:00:00Z\", now it is"),
        (&["--no-owner"], "--no-owner was \"false\", now it is \"true\""),
    ] {
        let refused = expect(run(&input, option), 5, &["nothing can be compared", said]);
        assert!(text(&refused).is_empty(), "{}", text(&refused));
    }
    // The set has fewer: the last statement's place is taken by a row, and three are missing.
    let longer = expect(run(&other, &[]), 8, &[]);
    assert!(text(&longer).contains("3 missing, 1 altered, 0 foreign"), "{}", text(&longer));
    // The set has more.
    let shorter = run(&Input::of(&dump(ROWS - 3)), &[]);
    assert!(text(&expect(shorter, 8, &[])).contains("0 missing, 1 altered, 3 foreign"));
    for option in [&["--restart"][..], &["--dry-run"], &["--resume-from", "x"]] {
        expect(run(&input, option), 2, &[option[0]]);
    }
    expect(Runner::new().args(["verify", "--dump-file", "x"]).run(LIMIT), 2, &["--kv-url"]);
    // More than twenty differences are counted.
    redis.cli(&["ZREMRANGEBYRANK", KEY, "0", "99"]);
    let many = text(&expect(run(&input, &[]), 8, &[]));
    assert!(many.contains("100 missing") && many.contains("and 80 more"), "{many}");
}

/// A run that is not done, and rows that were set aside.
#[test]
fn unfinished_runs_and_rejected_rows() {
    let bad = dump_of(b"COPY public.items (id, name) FROM stdin;\n1\ta\n2\n3\tc\n\\.\n\n");
    let (redis, input) = (RedisServer::start(), Input::of(&bad));
    let rejects = input.path("rejects").display().to_string();
    let skip = ["--on-error", "skip", "--reject-file", &rejects];
    expect(runner(&redis, &input.file).run(LIMIT), 3, &["row 2"]);
    expect(verify(&redis.url(), &input.file).run(LIMIT), 8, &["is not done"]);
    at(&redis.url(), &input.file).args(skip).arg("--restart").run(LIMIT).expect_code(0);
    let kept = std::fs::read(&rejects).unwrap();
    let equal = verify(&redis.url(), &input.file).args(skip).run(LIMIT).expect_code(0);
    assert!(text(&equal).contains("equal: 4 changes") && text(&equal).contains("1 rows"), "{}", text(&equal));
    assert_eq!(std::fs::read(&rejects).unwrap(), kept, "verify touched the reject file");
    // The run has registered that rows are set aside.
    let equal = verify(&redis.url(), &input.file).run(LIMIT).expect_code(0);
    assert!(text(&equal).contains("equal: 4 changes") && text(&equal).contains("1 rows"), "{}", text(&equal));
}

/// What is in the set has another time than the registered one.
#[test]
fn another_time_of_sql_text_is_named() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    runner(&redis, &input.file).args(["--ddl-time", "2001-01-01T00:00:00Z"]).run(LIMIT).expect_code(0);
    let registry = "{kasho:changes}:bootstrap:ranges";
    let entry = redis.cli(&["HGET", registry, "default"]);
    redis.cli(&["HSET", registry, "default", &entry.replace("2001-01-01T00", "2000-01-01T00")]);
    let found = text(&verify(&redis.url(), &input.file).run(LIMIT).expect_code(8));
    assert!(found.contains("0 missing, 2 altered, 0 foreign"), "{found}");
    assert!(found.contains("0/BOOTSTRAP00000001  SQL text: time"), "{found}");
}

/// Real dumps, in every form of input.
#[test]
fn what_was_loaded_is_equal() {
    let redis = RedisServer::start();
    let folder = tempfile::tempdir().unwrap();
    let regression = folder.path().join("regression.sql");
    fixtures::unpack("corpora/regression-15.sql.zst", &regression);
    for bytes in [dumpgen::dump(20_000), std::fs::read(regression).unwrap()] {
        let dump = Dump::new(&bytes);
        redis.cli(&["FLUSHALL"]);
        fidelity::load(&redis, &dump.plain, &[]);
        let options = ["--kv-url", &redis.url(), "--snapshot-lsn", SNAPSHOT_LSN];
        for input in [From::Plain, From::Gzip, From::Pipe] {
            let found = dump.give(Runner::new().arg("verify").args(options), input).run(LIMIT).expect_code(0);
            assert!(text(&found).starts_with("equal: "), "{}", text(&found));
        }
        let last = redis.cli(&["ZRANGE", KEY, "-1", "-1"]);
        redis.cli(&["ZREM", KEY, &last]);
        let packed = folder.path().join("packed");
        std::fs::write(&packed, Packing::Zstd.pack(&bytes).unwrap()).unwrap();
        let found = verify(&redis.url(), &packed).run(LIMIT).expect_code(8);
        assert!(text(&found).contains("1 missing, 0 altered, 0 foreign"), "{}", text(&found));
    }
}

#[test]
fn packed_rows_are_compared_and_named() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    runner(&redis, &input.file).args(["--rows", "packed"]).run(LIMIT).expect_code(0);
    let check = |code: i32, said: &str| {
        // The run has registered that its rows are packed.
        let found = text(&expect(verify(&redis.url(), &input.file).run(LIMIT), code, &[]));
        assert!(found.contains(said), "no {said:?} in:\n{found}");
    };
    check(0, "equal: 3 changes from 0/BOOTSTRAP00000001 on");
    let mut client = redis.client();
    let pack = member(&mut client, 2);
    let mut other = pack.clone();
    let place = other.windows(CELL.len()).position(|part| part == CELL.as_bytes()).unwrap();
    other[place] = b'X';
    take(&mut client, &pack);
    check(8, "missing  0/BOOTSTRAP00000002  packed rows of public.items");
    put(&mut client, "-999998", &other);
    check(8, "altered  0/BOOTSTRAP00000002  packed rows of public.items: the SQL text");
}

/// What shaped the changes is taken from the run; what contradicts it is one line.
#[test]
fn a_run_says_how_it_was_loaded() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    let choice = [
        "--rows",
        "packed",
        "--no-owner",
        "--exclude-table",
        "public.\"no such\"",
        "--exclude-table",
        "public.items x",
        "--ddl-time",
        "2001-02-03T04:05:06Z",
    ];
    runner(&redis, &input.file).args(choice).run(LIMIT).expect_code(0);
    let found = text(&expect(verify(&redis.url(), &input.file).run(LIMIT), 0, &[]));
    assert!(found.starts_with("equal: "), "{found}");
    let other = verify(&redis.url(), &input.file).args(["--table", "public.items"]).run(LIMIT);
    let differs = "--table was \"\", now it is \"public.items\"";
    let found = expect(other, 5, &["nothing can be compared", differs, "leave these options out"]);
    assert!(text(&found).is_empty(), "{}", text(&found));

    let redis = RedisServer::start();
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    expect(
        verify(&redis.url(), &input.file).args(["--rows", "packed"]).run(LIMIT),
        5,
        &["--rows was \"single\""],
    );
    let masked = RedisServer::start();
    let config = input.file.with_file_name("t.yml");
    std::fs::write(&config, "tables: {public.items: keep}\n").unwrap();
    let with = |run: Runner| run.arg("--transform-config").arg(&config).arg("--insecure-unkeyed");
    with(runner(&masked, &input.file)).run(LIMIT).expect_code(0);
    expect(
        verify(&masked.url(), &input.file).run(LIMIT),
        2,
        &["was loaded with transforms", "--transform-config"],
    );
    expect(with(verify(&masked.url(), &input.file)).run(LIMIT), 0, &[]);
}

/// The dump is an argument, whatever the verb; `load` is what happens without one.
#[test]
fn the_dump_is_an_argument() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(ROWS)));
    let run = |verb: &[&str]| Runner::new().args(verb).arg(&input.file).args(["-k", &redis.url()]).run(LIMIT);
    run(&["load", "--quiet"]).expect_code(0);
    run(&[]).expect_code(0);
    run(&["verify"]).expect_code(0);
    let file = input.file.to_str().unwrap();
    Runner::new().args(["inspect", "-d", file]).run(LIMIT).expect_code(0);
    expect(
        Runner::new().args([file, "-d", "other.sql", "--dry-run"]).run(LIMIT),
        2,
        &["two dumps are given"],
    );
    expect(Runner::new().args(["load", "--dry-run"]).run(LIMIT), 2, &["<DUMP>"]);
}
