//! A dump from a pipe is resumed from a second call of pg_dump.

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::Lab;
use pg_bootstrap_tests::servers::{Database, PostgresServer};

use crate::harness::{CELL, LIMIT, at, expect, snapshot, undisturbed};

const RESUMED: &str = "continuing from the checkpoint";

/// A database with so many rows.
fn database(server: &PostgresServer, rows: u64) -> Database {
    let database = server.fresh_database();
    let sql = format!(
        "CREATE TABLE items (id integer PRIMARY KEY, name text);\nINSERT INTO items SELECT n, '{CELL} ' || n FROM generate_series(1, {rows}) n;"
    );
    server.run_sql(&database, &sql);
    database
}

/// The keys of the dump, each once.
fn keys(dump: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(dump);
    text.lines().filter_map(|line| line.strip_prefix("\\restrict ")).map(str::to_owned).collect()
}

fn piped(lab: &Lab, dump: &[u8]) -> Runner {
    at(&lab.redis.url_at(lab.proxy.port()), Path::new("-")).stdin_bytes(dump.to_vec())
}

/// Stops a load midway.
fn interrupt(lab: &Lab, runner: Runner, at: u64) {
    let mut running = runner.args(["--batch-size", "200", "--max-rate", "15000"]).spawn();
    assert!(lab.reaches(&mut running, "default", at), "{}", running.stderr_so_far());
    running.signal("TERM");
    expect(running.wait(LIMIT), 143, &[]);
}

#[test]
fn a_dump_that_is_made_again_goes_on() {
    let (server, lab) = (PostgresServer::shared(), Lab::new());
    let database = database(server, 30_000);
    let dumps: Vec<_> = (0..3).map(|_| server.pg_dump(&database, &[])).collect();
    let drawn: Vec<_> = dumps.iter().flat_map(|dump| keys(dump)).collect();
    assert!(drawn.len() == 3 && drawn[0] != drawn[1] && drawn[0].len() == drawn[1].len(), "{drawn:?}");
    let expected = undisturbed(&dumps[0]);
    for pack in [false, true] {
        let form = |dump: &[u8]| if pack { Packing::Gzip.pack(dump).unwrap() } else { dump.to_vec() };
        lab.clear();
        interrupt(&lab, piped(&lab, &form(&dumps[0])), 10_000);
        expect(piped(&lab, &form(&dumps[1])).run(LIMIT), 0, &[RESUMED]);
        assert_eq!(snapshot(&lab.redis), expected);
        let done = expect(piped(&lab, &form(&dumps[2])).run(LIMIT), 0, &[]);
        assert!(done.stdout.starts_with(b"done already"));
    }
    // One value, of the same length, is another dump.
    server.run_sql(&database, "UPDATE items SET name = replace(name, 'Value', 'value') WHERE id = 1;");
    let other = server.pg_dump(&database, &[]);
    expect(piped(&lab, &other).run(LIMIT), 5, &["the checkpoint is of another dump"]);
    lab.clear();
    interrupt(&lab, piped(&lab, &dumps[0]), 10_000);
    let held = snapshot(&lab.redis);
    expect(piped(&lab, &other).run(LIMIT), 5, &["the checkpoint is of another dump"]);
    assert_eq!(snapshot(&lab.redis), held);
    server.drop_database(&database);
}

/// Each database has its own key there.
#[test]
fn a_dump_of_several_databases_that_is_made_again_goes_on() {
    let (server, lab) = (PostgresServer::start(), Lab::new());
    let (first, second) = (database(&server, 5000), database(&server, 20_000));
    let dumps: Vec<_> =
        (0..2).map(|_| server.program("pg_dumpall").output().expect("run pg_dumpall").stdout).collect();
    assert!(keys(&dumps[0]).len() >= 3 && keys(&dumps[0]) != keys(&dumps[1]), "{:?}", keys(&dumps[0]));
    for database in [&first, &second] {
        lab.clear();
        let load = |dump| piped(&lab, dump).args(["--database", &database.name]);
        interrupt(&lab, load(&dumps[0]), 3000);
        expect(load(&dumps[1]).run(LIMIT), 0, &[RESUMED]);
        let resumed = snapshot(&lab.redis);
        lab.clear();
        expect(load(&dumps[0]).run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&lab.redis), resumed);
    }
}
