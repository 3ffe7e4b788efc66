//! A dump on a web server: the same guarantees as from an object store, and a URL's signature that nobody gets to see.

use std::sync::atomic::{AtomicBool, Ordering};

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::Lab;
use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{
    Certificates, Manners, PostgresServer, RedisServer, WebServer, wait_until,
};

use crate::harness::{LIMIT, changes, dump, expect, expect_untouched, snapshot, undisturbed};

/// Large enough for several ranges: they begin at 256 KiB and double.
const ROWS: usize = 100_000;
const RUN: &str = "default";
/// What a presigned URL ends with.
const SIGNATURE: &str = "X-Amz-Signature=s1gned-by-n0body";

fn load(url: &str, redis_url: &str) -> Runner {
    Runner::new().args(["--dump-file", url, "--kv-url", redis_url, "--snapshot-lsn", "16/B374D848"])
}

/// The program with a file of a server without TLS, by a presigned URL.
fn runner(port: u16, redis_url: &str, path: &str) -> Runner {
    load(&format!("http://127.0.0.1:{port}/{path}?a=b%20c&{SIGNATURE}"), redis_url).arg("--allow-http")
}

fn serving(path: &str, bytes: &[u8]) -> WebServer {
    let server = WebServer::start();
    server.serve_only(SIGNATURE);
    server.serve_only_get();
    server.put(path, bytes);
    server
}

#[track_caller]
fn expect_here(finished: Finished, code: i32, said: &[&str]) -> Finished {
    let finished = expect(finished, code, said);
    assert!(!finished.stderr.contains("s1gned"), "{}", finished.stderr);
    assert!(!String::from_utf8_lossy(&finished.stdout).contains("s1gned"));
    finished
}

fn ranges(server: &WebServer) -> Vec<(u64, u64)> {
    server.asked().into_iter().filter_map(|asked| asked.range).collect()
}

#[test]
fn a_presigned_url_is_loaded_as_a_file_is() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    for packing in [None, Some(Packing::Gzip)] {
        let object = packing.map_or_else(|| bytes.clone(), |packing| packing.pack(&bytes).unwrap());
        let server = serving("of a/shop.sql", &object);
        let redis = RedisServer::start();
        expect_here(runner(server.port(), &redis.url(), "of%20a/shop.sql").run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{packing:?}");
        // Another signature for the same file is the same dump.
        server.serve_only("X-Amz-Signature=another");
        let url = format!("http://127.0.0.1:{}/of%20a/shop.sql?X-Amz-Signature=another", server.port());
        let again = expect(load(&url, &redis.url()).arg("--allow-http").run(LIMIT), 0, &[]);
        assert!(again.stdout.starts_with(b"done already"));
    }
}

/// The next server does not get the signature for the one before.
#[test]
fn a_server_that_redirects() {
    let bytes = dump(1000);
    let (first, second) = (serving("shop.sql", b""), serving("there.sql", &bytes));
    second.serve_only("sig=another");
    first.redirect("shop.sql", &format!("http://localhost:{}/there.sql?sig=another", second.port()));
    let redis = RedisServer::start();
    expect_here(runner(first.port(), &redis.url(), "shop.sql").run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis).count, changes(1000));
}

/// An archive, whose tables are read by jumps.
#[test]
fn an_archive_of_a_web_server() {
    let postgres = PostgresServer::shared();
    let database = postgres.fresh_database();
    postgres.run_sql(&database, "CREATE TABLE a (n int); INSERT INTO a SELECT generate_series(1, 200000)");
    let custom = postgres.pg_dump(&database, &["--format=custom"]);
    postgres.drop_database(&database);
    let expected = undisturbed(&custom);
    let (server, redis) = (serving("shop.dump", &custom), RedisServer::start());
    expect_here(runner(server.port(), &redis.url(), "shop.dump").run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), expected);
}

#[test]
fn with_tls() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::generate(folder.path());
    let bytes = dump(1000);
    let server = WebServer::start_tls(&certificates);
    server.put("shop.sql", &bytes);
    let redis = RedisServer::start();
    let run = || load(&format!("https://localhost:{}/shop.sql?{SIGNATURE}", server.port()), &redis.url());
    expect_here(run().run(LIMIT), 2, &["certificate", "--store-ca-file"]);
    expect_untouched(&redis);
    expect_here(run().arg("--store-ca-file").arg(&certificates.ca).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis).count, changes(1000));
    // The way is not left for one without TLS.
    let plain = serving("shop.sql", &bytes);
    server.redirect("shop.sql", &format!("http://127.0.0.1:{}/shop.sql?{SIGNATURE}", plain.port()));
    let other = run().args(["--run-id", "other"]).arg("--store-ca-file").arg(&certificates.ca);
    expect_here(other.run(LIMIT), 2, &["redirects to an http:// address"]);
}

#[test]
fn what_is_refused() {
    let bytes = dump(2000);
    let server = serving("shop.sql", &bytes);
    let redis = RedisServer::start();
    let run = |path: &str| runner(server.port(), &redis.url(), path);
    expect_here(run("missing.sql").run(LIMIT), 2, &["/missing.sql", "404", "no such object"]);
    for (manners, why) in [
        (Manners { etags: false, ..Manners::default() }, "the service gives no ETag"),
        (Manners { weak: true, ..Manners::default() }, "only a weak ETag"),
        (
            Manners { ranges: false, ..Manners::default() },
            "sends the whole object though a range was requested",
        ),
    ] {
        server.behave(manners);
        expect_here(run("shop.sql").run(LIMIT), 2, &[why, "/shop.sql"]);
    }
    server.behave(Manners::default());
    server.serve_only("X-Amz-Signature=another");
    expect_here(run("shop.sql").run(LIMIT), 2, &["403 AccessDenied", "may have expired"]);
    server.serve_only(SIGNATURE);
    server.put("empty.sql", b"");
    expect_here(run("empty.sql").run(LIMIT), 2, &["/empty.sql", "it is empty"]);
    let bad = |url: &str| load(url, &redis.url()).run(LIMIT);
    expect_here(bad(&format!("http://127.0.0.1/a?{SIGNATURE}")), 2, &["--allow-http"]);
    expect_here(bad(&format!("https://127.0.0.1/a/?{SIGNATURE}")), 2, &["is no file"]);
    expect_here(bad("https://me:s1gned@127.0.0.1/a"), 2, &["contains credentials"]);
    let two = load(&format!("https://a/b?{SIGNATURE}"), &redis.url()).arg("x.sql").run(LIMIT);
    expect_here(two, 2, &["two dumps are given", "https://a/b"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let from_file = || {
        Runner::new()
            .arg("--dump-url-file")
            .arg(file.path())
            .args(["--kv-url", &redis.url()])
            .arg("--allow-http")
    };
    std::fs::write(file.path(), "s1gned").unwrap();
    expect_here(from_file().run(LIMIT), 2, &["--dump-url-file", "must hold one URL"]);
    let url = format!("http://127.0.0.1:{}/missing.sql?{SIGNATURE}\n", server.port());
    std::fs::write(file.path(), url).unwrap();
    expect_here(from_file().run(LIMIT), 2, &["/missing.sql", "404"]);
    let misplaced = load("https://a/b", &redis.url()).args(["--store-endpoint", "https://c"]).run(LIMIT);
    expect_here(misplaced, 2, &["--store-endpoint needs", "gs://bucket/key"]);
    expect_untouched(&redis);
}

/// What has arrived is not asked for again.
#[test]
fn cut_connections_go_on_in_the_middle() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    let server = serving("shop.sql", &bytes);
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
        expect_here(finished, 0, &["retrying"]);
    });
    assert!(proxy.cuts() > 3, "{}", proxy.cuts());
    assert_eq!(snapshot(&redis), expected);
    let asked = ranges(&server);
    let within = |pair: &[(u64, u64)]| pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0;
    assert!(asked.windows(2).any(within), "no range went on in its middle: {asked:?}");
}

#[test]
fn a_server_that_is_away() {
    let server = serving("shop.sql", &dump(1000));
    let redis = RedisServer::start();
    server.refuse(4);
    expect_here(runner(server.port(), &redis.url(), "shop.sql").run(LIMIT), 0, &["503", "retrying"]);
    assert_eq!(snapshot(&redis).count, changes(1000));
    let closed = runner(1, &redis.url(), "shop.sql").args(["--run-id", "other", "--retry-timeout", "500ms"]);
    expect_here(closed.run(LIMIT), 10, &["http://127.0.0.1:1/shop.sql", "retrying"]);
}

/// The same verdict midway and at the next call, whether the server looks at If-Match or not.
#[test]
fn a_file_that_is_replaced_midway() {
    let old = dump(ROWS);
    let mut new = old.clone();
    let digit = new.iter().rposition(u8::is_ascii_digit).unwrap();
    new[digit] = b'x';
    let expected = undisturbed(&old);
    for matches in [true, false] {
        let server = serving("shop.sql", &old);
        server.behave(Manners { matches, ..Manners::default() });
        let redis = RedisServer::start();
        let run = || runner(server.port(), &redis.url(), "shop.sql");
        server.put_before(1_500_000, "shop.sql", &new);
        expect_here(run().run(LIMIT), 5, &["/shop.sql", "replaced while it was read", "--restart"]);
        if snapshot(&redis).count > 0 {
            expect_here(run().run(LIMIT), 5, &["another dump", "ETag", "--restart"]);
        }
        server.put("shop.sql", &old);
        expect_here(run().run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "looks at If-Match: {matches}");
    }
}

/// It goes on at the checkpoint's offset, with a signature that is made anew.
#[test]
fn killed_and_resumed() {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    let server = serving("shop.sql", &bytes);
    let lab = Lab::new();
    let url = lab.redis.url_at(lab.proxy.port());
    let mut running = runner(server.port(), &url, "shop.sql").args(["--max-rate", "60000"]).spawn();
    assert!(lab.reaches(&mut running, RUN, 40_000), "{}", running.stderr_so_far());
    running.kill();
    let _ = running.wait(LIMIT);
    server.serve_only("sig=later");
    let later = format!("http://127.0.0.1:{}/shop.sql?sig=later", server.port());
    let finished = load(&later, &url).arg("--allow-http").run(LIMIT);
    let finished = expect(finished, 0, &["continuing from the checkpoint"]);
    assert_eq!(snapshot(&lab.redis), expected);
    let offset = finished.stderr.split_once(" offset=").unwrap().1;
    let offset: u64 = offset.split_whitespace().next().unwrap().parse().unwrap();
    assert!(ranges(&server).iter().any(|(first, _)| *first == offset), "{offset}: {:?}", ranges(&server));
}
