//! Dumps in stores other than S3: they are read as an object in S3 is, whose own tests have what disturbs that.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::fidelity::SNAPSHOT_LSN;
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::servers::{FileServer, RedisServer};

use crate::harness::{LIMIT, dump, expect, expect_untouched, snapshot, undisturbed};

const ROWS: usize = 100_000;
/// The largest range.
const MOST: u64 = 4 << 20;

fn runner(redis: &RedisServer, dump: &str) -> Runner {
    Runner::new().arg("--dump-file").arg(dump).args([
        "--kv-url",
        &redis.url(),
        "--snapshot-lsn",
        SNAPSHOT_LSN,
        "--retry-timeout",
        "5s",
    ])
}

/// A file of a server by HTTPS.
fn of_server(redis: &RedisServer, server: &FileServer, path: &str) -> Runner {
    let run = runner(redis, &format!("https://localhost:{}{path}", server.port()));
    run.arg("--s3-ca-file").arg(&server.certificates().ca)
}

fn expect_loaded(server: &FileServer, path: &str, run: impl Fn(&RedisServer) -> Runner) {
    let bytes = dump(ROWS);
    let expected = undisturbed(&bytes);
    for packing in [Packing::Plain, Packing::Zstd] {
        server.put(path, &packing.pack(&bytes).unwrap());
        let redis = RedisServer::start();
        expect(run(&redis).run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{packing:?}");
        assert!(expect(run(&redis).run(LIMIT), 0, &[]).stdout.starts_with(b"done already"));
    }
    let ranges = server.ranges();
    assert!(ranges.len() > 2 && ranges.iter().all(|(first, last)| last - first < MOST), "{ranges:?}");
}

#[test]
fn a_file_of_a_web_server() {
    let server = FileServer::start_tls();
    expect_loaded(&server, "/of/shop.sql", |redis| of_server(redis, &server, "/of/shop.sql"));
}

#[test]
fn an_object_of_google() {
    let server = FileServer::start();
    expect_loaded(&server, "/dumps/of/shop.sql", |redis| {
        runner(redis, "gs://dumps/of/shop.sql")
            .env("GOOGLE_BASE_URL", format!("http://127.0.0.1:{}", server.port()))
            .env("GOOGLE_SKIP_SIGNATURE", "true")
    });
}

#[test]
fn an_object_of_azure() {
    let server = FileServer::start();
    expect_loaded(&server, "/dumps/of/shop.sql", |redis| {
        runner(redis, "az://dumps/of/shop.sql")
            .env("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{}", server.port()))
            .env("AZURE_STORAGE_ACCOUNT_NAME", "shop")
            .env("AZURE_SKIP_SIGNATURE", "true")
    });
}

#[test]
fn servers_that_cannot_be_read_from() {
    let (server, redis) = (FileServer::start_tls(), RedisServer::start());
    server.put("/shop.sql", &dump(ROWS));
    let run = |path: &str| of_server(&redis, &server, path).run(LIMIT);
    expect(run("/nothing.sql"), 2, &["/nothing.sql", "404"]);
    let stranger = runner(&redis, &format!("https://localhost:{}/shop.sql", server.port()));
    expect(stranger.run(LIMIT), 2, &["certificate", "--s3-ca-file"]);
    server.without_ranges();
    expect(run("/shop.sql"), 2, &["sends no ranges", "use a pipe"]);
    server.with_weak_etags();
    expect(run("/shop.sql"), 2, &["weak ETag", "use a pipe"]);
    server.without_etags();
    expect(run("/shop.sql"), 2, &["gives no ETag"]);
    expect_untouched(&redis);
}

#[test]
fn a_file_that_is_replaced() {
    let (server, redis) = (FileServer::start_tls(), RedisServer::start());
    server.put("/shop.sql", &dump(ROWS));
    server.put_before(MOST / 4, "/shop.sql", &dump(ROWS + 1));
    let run = || of_server(&redis, &server, "/shop.sql").run(LIMIT);
    expect(run(), 5, &["was replaced while it was read"]);
    expect(run(), 5, &["it had ", "now it has "]);
}

/// What may hold a secret is not repeated.
#[test]
fn addresses_that_are_refused() {
    let redis = RedisServer::start();
    for (address, says) in [
        ("https://me:hunter22@host/shop.sql", "https://host/path"),
        ("https://host/shop.sql?signature=hunter22", "use a pipe"),
        ("https://host?signature=hunter22", "https://host/path"),
        ("https://host/folder/", "one file"),
        ("https://host", "https://host/path"),
        ("gs://dumps", "gs://bucket/key"),
        ("gs://me:hunter22@dumps/shop.sql", "gs://bucket/key"),
        ("az://dumps/../x", "cannot be requested"),
    ] {
        let refused = expect(runner(&redis, address).run(LIMIT), 2, &[says]);
        assert!(!refused.stderr.contains("hunter22"), "{}", refused.stderr);
    }
}
