//! What is equal is said to be equal, however it lies there.

use std::io::Write as _;

use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::servers::PostgresServer;

use super::{text, verify, verify_rows};
use crate::harness::LIMIT;
use crate::replica::runner;

const ROWS: usize = 1_000_000;

/// A table of many rows, some of them equal.
fn many() -> Source {
    let mut dump = b"--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
SELECT pg_catalog.set_config('search_path', '', false);\n\
CREATE TABLE public.many (a integer, at timestamp with time zone, b text);\n\
COPY public.many (a, at, b) FROM stdin;\n"
        .to_vec();
    for row in 0..ROWS {
        let (day, hour) = (row % 28 + 1, row % 24);
        writeln!(dump, "{}\t2024-03-{day:02} {hour:02}:30:00.25+05:30\ttext {}", row % 1000, row % 7)
            .unwrap();
    }
    dump.extend_from_slice(b"\\.\n\n--\n-- PostgreSQL database dump complete\n--\n");
    Source::of_bytes("many", &dump)
}

/// A million rows in another physical order and another time zone, by sums and from a pipe; within bounds of memory.
#[test]
fn another_order_and_another_time_zone() {
    let (server, source) = (PostgresServer::shared(), many());
    let replica = server.fresh_database();
    runner(server, &replica, &source.plain).run(LIMIT).expect_code(0);
    let mut session = server.connect(&replica);
    let other = "CREATE TABLE public.other AS SELECT * FROM public.many ORDER BY b, at DESC; TRUNCATE public.many; \
        INSERT INTO public.many SELECT * FROM public.other; DROP TABLE public.other";
    session.query(other).unwrap();
    session.query(&format!("ALTER DATABASE {} SET TimeZone = 'America/New_York'", replica.name)).unwrap();
    session.query(&format!("ALTER DATABASE {} SET DateStyle = 'German'", replica.name)).unwrap();
    let run = verify(server, &replica, &source.plain).run(LIMIT).expect_code(0);
    assert!(text(&run).contains("equal       public.many 1000000 rows\n"), "{}", text(&run));
    assert!(!run.stderr.contains("reading the dump again"), "{}", run.stderr);
    let url = server.url(&replica);
    let piped = pg_bootstrap_tests::binary::Runner::new()
        .args(["verify", "-", "--replica-url", &url, "--no-definitions"])
        .stdin_file(&source.plain)
        .run(LIMIT)
        .expect_code(0);
    assert!(text(&piped).contains("equal       public.many 1000000 rows\n"), "{}", text(&piped));
    session.query("UPDATE public.many SET b = 'text 8' WHERE ctid = '(0,1)'").unwrap();
    let found = verify_rows(server, &replica, &source.plain).run(LIMIT).expect_code(8);
    assert!(text(&found).contains("public.many: 1 missing, 1 extra of 1000000 rows"), "{}", text(&found));
    server.drop_database(&replica);
}

/// Masked columns are compared with what the same configuration and key make of the dump, and named.
#[test]
fn masked() {
    let server = PostgresServer::shared();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dump = root.join("examples/shop.sql");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let config = file(
        "transforms.yml",
        "major_version: 0\ntables:\n  shop.customers:\n    name: FakeName\n    email: FakeEmail\n    birthday: {type: DateShift, days: 90}\n",
    );
    let (key, other) = (file("key", "0123456789abcdef0123"), file("other", "3210fedcba9876543210"));
    let masked = |key: &str| ["--transform-config", &config, "--transform-key-file", key].map(str::to_owned);
    let replica = server.fresh_database();
    runner(server, &replica, &dump).args(masked(&key)).run(LIMIT).expect_code(0);
    let page = folder.path().join("page.html");
    let run =
        verify(server, &replica, &dump).args(masked(&key)).arg("--html").arg(&page).run(LIMIT).expect_code(0);
    let names = "masked      shop.customers.name, shop.customers.email, shop.customers.birthday\n";
    assert!(text(&run).contains(names), "{}", text(&run));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("shop.customers.email") && page.contains(">equal<"), "{page}");
    for args in [masked(&other).to_vec(), Vec::new()] {
        let run = verify_rows(server, &replica, &dump).args(args).run(LIMIT).expect_code(8);
        assert!(text(&run).contains("table shop.customers: "), "{}", text(&run));
        assert!(text(&run).contains("columns: name in "), "{}", text(&run));
    }
    server.drop_database(&replica);
}
