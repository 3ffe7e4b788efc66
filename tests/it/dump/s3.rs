//! A dump in S3: whatever disturbs reading it, the set is the same as that of a file, or the error gives the reason.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::{Lab, expect_refused, seeded, sequence, times};
use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{
    ACCESS_KEY, PostgresServer, RedisServer, S3Server, SECRET_KEY, wait_until,
};

use crate::harness::{
    LIMIT, changes, dump, expect, expect_discreet, expect_untouched, snapshot, undisturbed,
};

/// Large enough for several ranges: they begin at 256 KiB and double.
const ROWS: usize = 100_000;
/// The largest range.
const MOST: u64 = 4 << 20;
const RUN: &str = "default";

/// The program with an object and a Redis.
fn runner(port: u16, redis_url: &str, key: &str) -> Runner {
    Runner::new()
        .arg("--dump-file")
        .arg(format!("s3://dumps/{key}"))
        .args([
            "--store-endpoint",
            &format!("http://127.0.0.1:{port}"),
            "--s3-path-style",
            "--kv-url",
            redis_url,
        ])
        .args(["--snapshot-lsn", "16/B374D848"])
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_REGION", "eu-central-1")
}

fn store(key: &str, bytes: &[u8]) -> S3Server {
    let server = S3Server::start();
    server.put("dumps", key, bytes);
    server
}

/// First bytes of the ranges that were asked for, with their ends.
fn ranges(server: &S3Server) -> Vec<(u64, u64)> {
    server.asked().into_iter().filter(|asked| asked.method == "GET").filter_map(|asked| asked.range).collect()
}

#[test]
fn an_object_is_loaded_as_a_file_is() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    for packing in [None, Some(Packing::Gzip), Some(Packing::Zstd), Some(Packing::Lz4)] {
        let object = packing.map_or_else(|| bytes.clone(), |packing| packing.pack(&bytes).unwrap());
        let server = store("of a/shop.sql", &object);
        let redis = RedisServer::start();
        let finished = expect(runner(server.port(), &redis.url(), "of a/shop.sql").run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{packing:?}");
        let asked = ranges(&server);
        assert!(asked.iter().all(|(first, last)| last - first < MOST), "{asked:?}");
        assert!(asked.iter().any(|(_, last)| *last == object.len() as u64 - 1), "{asked:?}");
        assert!(!finished.stderr.contains(SECRET_KEY) && !finished.stderr.contains(ACCESS_KEY));
        let again = expect(runner(server.port(), &redis.url(), "of a/shop.sql").run(LIMIT), 0, &[]);
        assert!(again.stdout.starts_with(b"done already"));
    }
}

/// An archive in the directory format, of a database with two tables, one with so many rows, and a
/// large object, as objects below `folder`; beside it the same in the custom format, as `folder.dump`.
fn directory_in(server: &S3Server, folder: &str, rows: usize) -> (tempfile::TempDir, usize) {
    let postgres = PostgresServer::shared();
    let database = postgres.fresh_database();
    postgres.run_sql(
        &database,
        &format!(
            "CREATE TABLE a (n int); INSERT INTO a SELECT generate_series(1, 1000);
             CREATE TABLE b (t text); INSERT INTO b SELECT md5(n::text) FROM generate_series(1, {rows}) n;
             SELECT lo_from_bytea(4711, 'object');"
        ),
    );
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("shop");
    postgres.pg_dump(&database, &["--format=directory", &format!("--file={}", path.display())]);
    let custom = postgres.pg_dump(&database, &["--format=custom"]);
    server.put("dumps", &format!("{}.dump", folder.trim_end_matches('/')), &custom);
    postgres.drop_database(&database);
    let files: Vec<_> = fs::read_dir(&path).unwrap().map(Result::unwrap).collect();
    for file in &files {
        let key = format!("{folder}{}", file.file_name().to_str().unwrap());
        server.put("dumps", &key, &fs::read(file.path()).unwrap());
    }
    (local, files.len())
}

#[test]
fn a_folder_of_objects_is_loaded_as_a_directory_is() {
    let server = S3Server::start();
    let (local, files) = directory_in(&server, "of a/shop/", 100_000);
    let redis = RedisServer::start();
    crate::harness::runner(&redis, &local.path().join("shop")).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    redis.cli(&["FLUSHALL"]);
    expect(runner(server.port(), &redis.url(), "of a/shop/").run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), expected);
    let mut paths: Vec<_> = server.asked().into_iter().map(|asked| asked.path).collect();
    paths.sort();
    paths.dedup();
    // Nothing is asked for that is not there: each file by the name that pg_dump gave it, and the list of all.
    assert_eq!(paths.len(), files + 1, "{paths:?}");
    let again = expect(runner(server.port(), &redis.url(), "of a/shop/").run(LIMIT), 0, &[]);
    assert!(again.stdout.starts_with(b"done already"));
    let missing = paths.iter().find(|path| path.ends_with(".dat.gz")).unwrap().rsplit('/').next().unwrap();
    server.remove("dumps", &format!("of a/shop/{missing}"));
    redis.cli(&["FLUSHALL"]);
    expect(runner(server.port(), &redis.url(), "of a/shop/").run(LIMIT), 3, &["no data of", missing]);
    redis.cli(&["FLUSHALL"]);
    expect(runner(server.port(), &redis.url(), "of b/").run(LIMIT), 2, &["of b/", "no object below it"]);
    expect_untouched(&redis);
}

/// The next dump has the same names. Its rows under the table of contents of this one are of no snapshot.
#[test]
fn a_folder_of_objects_that_is_replaced_in_part() {
    let server = S3Server::start();
    let (local, _files) = directory_in(&server, "shop/", 1_000_000);
    let files = fs::read_dir(local.path().join("shop")).unwrap().map(|file| file.unwrap().path());
    let packed = files.filter(|file| file.extension().is_some_and(|extension| extension == "gz"));
    let smallest = packed.min_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let key = format!("shop/{}", smallest.file_name().unwrap().to_str().unwrap());
    let other = Packing::Gzip.pack(b"of the next dump\n\\.\n\n\n").unwrap();
    // While the rows of the large table are read, and not yet at the look before the load.
    server.put_before(3 * MOST, "dumps", &key, &other);
    let redis = RedisServer::start();
    let replaced = ["s3://dumps/shop/ was written to while it was read"];
    expect(runner(server.port(), &redis.url(), "shop/").run(LIMIT), 5, &replaced);
    redis.cli(&["FLUSHALL"]);
    let slowly =
        runner(server.port(), &redis.url(), "shop/").args(["--max-rate", "100", "--batch-size", "50"]);
    let mut running = slowly.spawn();
    let mut client = redis.client();
    assert!(wait_until(LIMIT, || sequence(&mut client, RUN).is_some_and(|at| at > 100)));
    running.kill();
    server.put("dumps", &key, &fs::read(&smallest).unwrap());
    expect(
        runner(server.port(), &redis.url(), "shop/").run(LIMIT),
        5,
        &["the checkpoint is of another dump"],
    );
}

#[test]
fn what_is_refused() {
    let server = store("shop.sql", &dump(10));
    let redis = RedisServer::start();
    let run = |key: &str| runner(server.port(), &redis.url(), key);
    expect(run("missing.sql").run(LIMIT), 2, &["s3://dumps/missing.sql", "404", "no such object"]);
    let stranger = run("shop.sql").env("AWS_SECRET_ACCESS_KEY", "another").run(LIMIT);
    expect(stranger, 2, &["s3://dumps/shop.sql", "403", "credentials"]);
    let unknown = run("shop.sql").env("AWS_ACCESS_KEY_ID", "AKIAOTHER").run(LIMIT);
    expect(unknown, 2, &["403", "credentials"]);
    let bad = |args: &[&str]| Runner::new().args(args).args(["--dry-run"]).run(LIMIT);
    expect(bad(&["--dump-file", "s3://dumps"]), 2, &["s3://bucket/key"]);
    let secret = bad(&["--dump-file", "s3://a/b", "--store-endpoint", "http://me:pw4711@host"]);
    assert!(!expect(secret, 2, &["--store-endpoint"]).stderr.contains("pw4711"));
    expect(bad(&["--dump-file", "x.sql", "--s3-region", "x"]), 2, &["--s3-region", "s3://bucket/key"]);
    let file = bad(&["--dump-file", "s3://a/b", "--s3-ca-file", "/no/such/file"]);
    expect(file, 2, &["--store-ca-file", "/no/such/file"]);
    expect_untouched(&redis);
}

/// Commands that were written before there were other stores.
#[test]
fn former_names_of_options() {
    let server = store("shop.sql", &dump(10));
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    let run = |redis: &RedisServer| {
        Runner::new()
            .args(["--dump-file", "s3://dumps/shop.sql", "--s3-path-style", "--kv-url", &redis.url()])
            .args(["--snapshot-lsn", "16/B374D848"])
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    };
    let redis = RedisServer::start();
    expect(run(&redis).args(["--s3-endpoint", &endpoint]).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis).count, changes(10));
    let redis = RedisServer::start();
    expect(run(&redis).env("PGBOOTSTRAP_S3_ENDPOINT", &endpoint).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis).count, changes(10));
}

/// What has arrived is not asked for again.
#[test]
fn cut_connections_go_on_in_the_middle() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    let server = store("shop.sql", &bytes);
    let redis = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let cutting = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while cutting.load(Ordering::SeqCst) {
                let cuts = proxy.cuts();
                proxy.cut_after(Direction::Down, 300_000);
                wait_until(LIMIT, || proxy.cuts() > cuts || !cutting.load(Ordering::SeqCst));
            }
        });
        let finished = runner(proxy.port(), &redis.url(), "shop.sql").run(LIMIT);
        cutting.store(false, Ordering::SeqCst);
        expect(finished, 0, &["retrying"]);
    });
    assert!(proxy.cuts() > 3, "{}", proxy.cuts());
    assert_eq!(snapshot(&redis), expected);
    let asked = ranges(&server);
    // The dump is opened once to look at it; from the second start on there is no way back.
    let last_start = asked.iter().rposition(|(first, _)| *first == 0).unwrap();
    assert!(asked[last_start..].is_sorted(), "{asked:?}");
    let within = |pair: &[(u64, u64)]| pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0;
    assert!(asked[last_start..].windows(2).any(within), "no range went on in its middle: {asked:?}");
}

#[test]
fn a_service_that_is_away() {
    let bytes = dump(1000);
    let server = store("shop.sql", &bytes);
    let redis = RedisServer::start();
    server.refuse(4);
    expect(runner(server.port(), &redis.url(), "shop.sql").run(LIMIT), 0, &["503", "retrying"]);
    assert_eq!(snapshot(&redis).count, changes(1000));

    server.refuse(u64::MAX);
    let other = || runner(server.port(), &redis.url(), "shop.sql").args(["--run-id", "other"]);
    let given_up = other().args(["--retry-timeout", "500ms"]).run(LIMIT);
    expect(given_up, 10, &["s3://dumps/shop.sql", "503", "retryable=true"]);

    // A signal does not wait for it.
    let mut waiting = other().spawn();
    waiting.wait_for_stderr("retrying", LIMIT);
    waiting.signal("TERM");
    expect(waiting.wait(LIMIT), 143, &[]);
    server.refuse(0);
    let closed = runner(1, &redis.url(), "shop.sql").args(["--retry-timeout", "500ms"]).run(LIMIT);
    expect(closed, 10, &["s3://dumps/shop.sql"]);
}

#[test]
fn slow_replies() {
    let bytes = dump(20_000);
    let expected = undisturbed(&bytes);
    let server = store("shop.sql", &bytes);
    let redis = RedisServer::start();
    let proxy = Proxy::start(server.port());
    proxy.delay(Direction::Down, std::time::Duration::from_millis(20));
    expect(runner(proxy.port(), &redis.url(), "shop.sql").run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), expected);
}

/// The same verdict midway and at the next call, whether the service looks at If-Match or not; the set holds
/// nothing of the new object.
#[test]
fn an_object_that_is_replaced_midway() {
    let old = dump(ROWS);
    let mut new = old.clone();
    let digit = new.iter().rposition(u8::is_ascii_digit).unwrap();
    new[digit] = b'x';
    let expected = undisturbed(&old);
    for ignores in [false, true] {
        let server = store("shop.sql", &old);
        if ignores {
            server.ignore_if_match();
        }
        let redis = RedisServer::start();
        let run = || runner(server.port(), &redis.url(), "shop.sql");
        // Further than the looks at the beginning read ahead.
        server.put_before(1_500_000, "dumps", "shop.sql", &new);
        expect(run().run(LIMIT), 5, &["s3://dumps/shop.sql", "replaced while it was read", "--restart"]);
        if snapshot(&redis).count > 0 {
            expect(run().run(LIMIT), 5, &["another dump", "ETag", "--restart"]);
        }
        server.put("dumps", "shop.sql", &old);
        expect(run().run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "ignores If-Match: {ignores}");
    }
    let server = store("shop.sql", &old);
    let redis = RedisServer::start();
    let run = || runner(server.port(), &redis.url(), "shop.sql");
    expect(run().run(LIMIT), 0, &[]);
    server.put("dumps", "shop.sql", &old[..old.len() - 1]);
    expect(run().run(LIMIT), 5, &["it had", "bytes, now it has"]);
    let file = crate::harness::Input::of(&old);
    expect(crate::harness::runner(&redis, &file.file).run(LIMIT), 5, &["it was an object, now it is a file"]);
}

/// It goes on at the checkpoint's offset, and what lies before is not read.
#[test]
fn killed_and_resumed() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    let gzip = Packing::Gzip.pack(&bytes).unwrap();
    for (object, seeks) in [(&bytes, true), (&gzip, false)] {
        let server = store("shop.sql", object);
        let lab = Lab::new();
        let run = || runner(server.port(), &lab.redis.url_at(lab.proxy.port()), "shop.sql");
        for target in [30_000, 60_000, 90_000] {
            let mut running = run().args(["--max-rate", "60000"]).spawn();
            assert!(lab.reaches(&mut running, RUN, target), "{}", running.stderr_so_far());
            running.kill();
            let _ = running.wait(LIMIT);
            server.forget();
        }
        let finished = expect(run().run(LIMIT), 0, &["continuing from the checkpoint"]);
        assert_eq!(snapshot(&lab.redis), expected, "seeks: {seeks}");
        if seeks {
            let offset = finished.stderr.split_once(" offset=").unwrap().1;
            let offset: u64 = offset.split_whitespace().next().unwrap().parse().unwrap();
            assert!(
                ranges(&server).iter().any(|(first, _)| *first == offset),
                "{offset}: {:?}",
                ranges(&server)
            );
        }
        expect_discreet(&finished);
    }
}

/// The same within archives of pg_dump: one object, and one for each table.
#[test]
fn killed_and_resumed_within_archives() {
    let server = S3Server::start();
    directory_in(&server, "shop/", ROWS);
    let mut rng = seeded("killed, archives of objects");
    for key in ["shop/", "shop.dump"] {
        let redis = RedisServer::start();
        expect(runner(server.port(), &redis.url(), key).run(LIMIT), 0, &[]);
        let expected = snapshot(&redis);
        drop(redis);
        for _ in 0..times(2, 25) {
            let lab = Lab::new();
            let run = || runner(server.port(), &lab.redis.url_at(lab.proxy.port()), key);
            let mut targets: Vec<_> = (0..3).map(|_| 1 + rng.below(expected.count - 1)).collect();
            targets.sort_unstable();
            for target in targets {
                let mut running = run().args(["--max-rate", "60000", "--batch-size", "500"]).spawn();
                lab.reaches(&mut running, RUN, target);
                if running.is_running() {
                    running.kill();
                }
                let _ = running.wait(LIMIT);
            }
            expect(run().run(LIMIT), 0, &[]);
            assert_eq!(snapshot(&lab.redis), expected, "{key}");
        }
    }
}

#[test]
fn redis_loses_its_data_and_the_object_is_read_again() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    let server = store("shop.sql", &bytes);
    let lab = Lab::new();
    let url = lab.redis.url_at(lab.proxy.port());
    let mut running = runner(server.port(), &url, "shop.sql").args(["--max-rate", "60000"]).spawn();
    assert!(lab.reaches(&mut running, RUN, 30_000), "{}", running.stderr_so_far());
    lab.redis.cli(&["FLUSHALL"]);
    expect(running.wait(LIMIT), 0, &["continuing from what it still has"]);
    assert_eq!(snapshot(&lab.redis), expected);
    expect_refused(runner(server.port(), &url, "shop.sql").arg("--no-owner").run(LIMIT), 5, &["--no-owner"]);
}

/// A service that answers as it should but for the bodies of ranges, which `spoil` makes of the bytes and whose headers it
/// gives. Signatures are nobody's business here.
struct Odd {
    port: u16,
}

impl Odd {
    fn start(object: Vec<u8>, spoil: fn(&[u8]) -> (String, Vec<u8>)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the process: nobody asks it any more.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                answer(connection, &object, spoil);
            }
        });
        Self { port }
    }
}

/// One request of a connection.
fn answer(mut connection: TcpStream, object: &[u8], spoil: fn(&[u8]) -> (String, Vec<u8>)) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let common = "ETag: \"one\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n";
    let range = head
        .iter()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let reply = match range {
        Some(range) => {
            let (first, last) = range.trim().split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let (headers, body) = spoil(&object[first..=last]);
            let size = object.len();
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\n{common}Content-Range: bytes {first}-{last}/{size}\r\n{headers}\r\n"
            );
            [head.into_bytes(), body].concat()
        }
        None => format!("HTTP/1.1 200 OK\r\n{common}Content-Length: {}\r\n\r\n", object.len()).into_bytes(),
    };
    // Who has read enough goes away.
    let _ = connection.write_all(&reply);
}

#[test]
fn only_the_bytes_that_were_asked_for_count() {
    let bytes = dump(2000);
    let expected = undisturbed(&bytes);
    let run = |spoil: fn(&[u8]) -> (String, Vec<u8>)| {
        let (odd, redis) = (Odd::start(bytes.clone(), spoil), RedisServer::start());
        (runner(odd.port, &redis.url(), "shop.sql").run(LIMIT), redis)
    };
    let plain = |body: &[u8]| (format!("Content-Length: {}\r\n", body.len()), body.to_vec());
    let (finished, redis) = run(plain);
    expect(finished, 0, &[]);
    assert_eq!(snapshot(&redis), expected);
    // An object that lies there encoded, as its label says: its bytes are what they are.
    let labelled = |body: &[u8]| {
        (format!("Content-Encoding: aws-chunked\r\nContent-Length: {}\r\n", body.len()), body.to_vec())
    };
    let (finished, redis) = run(labelled);
    expect(finished, 0, &[]);
    assert_eq!(snapshot(&redis), expected);

    let packed = |body: &[u8]| {
        let packed = Packing::Gzip.pack(body).unwrap();
        (format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", packed.len()), packed)
    };
    let (finished, redis) = run(packed);
    expect(finished, 2, &["s3://dumps/shop.sql", "encodes what it sends (gzip)"]);
    expect_untouched(&redis);
    // Cut off, so that its length does not tell: at the start, whoever opens it. What is asked for then is as it should be.
    static CUT: AtomicBool = AtomicBool::new(false);
    let cut = |body: &[u8]| {
        let at_start = body.starts_with(b"--\n");
        if CUT.fetch_not(Ordering::SeqCst) || !at_start {
            CUT.store(false, Ordering::SeqCst);
            return (format!("Content-Length: {}\r\n", body.len()), body.to_vec());
        }
        let shouted = body[..body.len() / 2].to_ascii_uppercase();
        (format!("Content-Encoding: x-loud\r\nContent-Length: {}\r\n", body.len()), shouted)
    };
    let (finished, redis) = run(cut);
    expect(finished, 0, &["retrying"]);
    assert_eq!(snapshot(&redis), expected);
    let longer = |body: &[u8]| (format!("Content-Length: {}\r\n", body.len() + 3), [body, b"xyz"].concat());
    let (finished, redis) = run(longer);
    expect(finished, 2, &["more bytes than requested"]);
    expect_untouched(&redis);
    let endless = |body: &[u8]| (format!("Content-Length: {}\r\n", 1_u64 << 50), body.repeat(20));
    let (finished, redis) = run(endless);
    expect(finished, 2, &["more bytes than requested"]);
    expect_untouched(&redis);
}
