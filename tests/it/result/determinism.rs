//! The same dump and configuration give the same bytes in Redis: for any number of workers, any batch size, any
//! compression, any sizes of a pipe's pieces, and after resuming at any point.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, long, seeded, times};
use pg_bootstrap_tests::zset::{KEY, Snapshot};
use pg_bootstrap_tests::{dumpgen, rng::Rng};

const WORKERS: [&str; 3] = ["1", "2", "7"];
const BATCHES: [&str; 4] = ["1", "7", "1000", "100000"];

/// A dump of so many bytes is not tried in each way by the short form.
const LARGE: usize = 5 << 20;

/// A dump in memory, and what it makes.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    set: Snapshot,
}

/// The made-up dump, and PostgreSQL's own regression database.
fn cases() -> &'static [Case; 2] {
    static CASES: OnceLock<[Case; 2]> = OnceLock::new();
    CASES.get_or_init(|| {
        let unpacked = tempfile_with(|path| fixtures::unpack("corpora/regression-15.sql.zst", path));
        let case = |name, bytes: Vec<u8>| {
            let set = Dump::new(&bytes).undisturbed();
            println!("{name}: {set:?}");
            Case { name, bytes, set }
        };
        [case("made up", dumpgen::dump(20_000)), case("regression", unpacked)]
    })
}

fn tempfile_with(write: impl FnOnce(&std::path::Path)) -> Vec<u8> {
    let dump = Dump::new(&[]);
    write(&dump.plain);
    std::fs::read(&dump.plain).unwrap()
}

#[test]
fn the_dump_is_made_the_same_way_each_time() {
    assert!(dumpgen::dump(3000) == dumpgen::dump(3000));
    assert!(dumpgen::dump(3000) != dumpgen::dump(3001));
}

#[test]
fn workers_and_batch_sizes_change_nothing() {
    let lab = Lab::new();
    for case in cases() {
        let dump = Dump::new(&case.bytes);
        for (index, batch) in BATCHES.into_iter().enumerate() {
            for (turn, workers) in WORKERS.into_iter().enumerate() {
                // In short each batch size once, each number of workers at least once, and for the larger dump not
                // the smallest batch.
                let chosen = turn == index % WORKERS.len() && (case.bytes.len() < LARGE || batch != "1");
                if !long() && !chosen {
                    continue;
                }
                lab.clear();
                let runner = dump.give(lab.runner(), Input::Plain);
                runner.args(["--workers", workers, "--batch-size", batch]).run(LIMIT).expect_code(0);
                let what = format!("{}, {workers} workers, batches of {batch}", case.name);
                dump.expect_same(&mut lab.redis.client(), &case.set, &what);
                assert_eq!(lab.meter.resent(), 0, "{what}");
            }
        }
    }
}

#[test]
fn compression_changes_nothing() {
    let lab = Lab::new();
    for case in cases() {
        let dump = Dump::new(&case.bytes);
        let small = case.bytes.len() < LARGE;
        for (index, packing) in Packing::ALL.into_iter().enumerate() {
            let packed = packing.pack(&case.bytes).unwrap();
            let file = dump.folder().join("packed");
            std::fs::write(&file, &packed).unwrap();
            // In short the larger dump comes once in each packing, by turns from a file and from a pipe.
            for piped in [false, true] {
                if !long() && !small && piped == index.is_multiple_of(2) {
                    continue;
                }
                let runner = match piped {
                    false => lab.runner().arg("--dump-file").arg(&file),
                    true => lab.runner().args(["--dump-file", "-"]).stdin_file(&file),
                };
                lab.clear();
                runner.run(LIMIT).expect_code(0);
                let what = format!("{}, {packing:?}, piped: {piped}", case.name);
                dump.expect_same(&mut lab.redis.client(), &case.set, &what);
            }
        }
    }
}

/// Pieces for a pipe, of a kind: all alike, or of any size.
fn feed(mut pipe: impl Write, bytes: &[u8], kind: u64, rng: &mut Rng) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = match kind {
            // The smallest only for a while: each is a call to the system.
            0 if bytes.len() - rest.len() < 30_000 => 1,
            0 | 1 => 4093,
            2 => 65_537,
            _ => {
                let most = 1 << rng.below(18);
                1 + rng.below(most) as usize
            }
        };
        let (piece, later) = rest.split_at(size.min(rest.len()));
        if pipe.write_all(piece).is_err() {
            return;
        }
        rest = later;
        if rng.one_in(2000) {
            // Long enough for the reader to have read all there is.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn the_pieces_of_a_pipe_change_nothing() {
    let lab = Lab::new();
    let mut rng = seeded("pieces");
    for case in cases() {
        let dump = Dump::new(&case.bytes);
        let packed = Packing::Gzip.pack(&case.bytes).unwrap();
        let first = if long() || case.bytes.len() < LARGE { 0 } else { 2 };
        for kind in first..4 + times(0, 12) as u64 {
            let bytes = if kind % 2 == 1 { &packed } else { &case.bytes };
            lab.clear();
            let mut running = lab.runner().args(["--dump-file", "-"]).stdin_pipe().spawn();
            feed(running.stdin(), bytes, kind, &mut rng);
            running.wait(LIMIT).expect_code(0);
            dump.expect_same(&mut lab.redis.client(), &case.set, &format!("{}, pieces {kind}", case.name));
        }
    }
}

/// Every kind of start and end: a batch size, a number of workers and an input for each attempt.
#[test]
fn the_point_of_resuming_changes_nothing() {
    let lab = Lab::new();
    let mut rng = seeded("resuming");
    let (mut stops, mut kills) = (0, 0);
    for case in cases() {
        let dump = Dump::new(&case.bytes);
        let few = if case.bytes.len() < LARGE { 3 } else { 1 };
        for round in 0..times(few, 40) {
            lab.clear();
            let input = [Input::Plain, Input::Gzip, Input::Pipe][round % 3];
            let mut ends: Vec<_> = (0..4).map(|_| 1 + rng.below(case.set.count)).collect();
            ends.sort_unstable();
            for end in ends {
                let (workers, batch) =
                    (WORKERS[rng.below(3) as usize], ["3", "40", "700"][rng.below(3) as usize]);
                let runner = dump.give(lab.runner(), input).args(["--max-rate", "100000"]);
                let mut running = runner.args(["--workers", workers, "--batch-size", batch]).spawn();
                if lab.reaches(&mut running, "default", end) {
                    if rng.one_in(2) {
                        running.signal_if_running("TERM");
                        stops += 1;
                    } else {
                        running.kill();
                        kills += 1;
                    }
                }
                let ended = running.wait(LIMIT);
                assert!(matches!(ended.code(), None | Some(0 | 143)), "{}\n{}", ended.status, ended.stderr);
            }
            dump.give(lab.runner(), input).run(LIMIT).expect_code(0);
            dump.expect_same(
                &mut lab.redis.client(),
                &case.set,
                &format!("{}, {input:?}, {round}", case.name),
            );
        }
    }
    println!("resuming: {stops} stops, {kills} kills");
}

/// The file has the members of the set, in its order.
#[test]
fn a_file_of_json_lines_has_the_same_members() {
    let lab = Lab::new();
    for case in cases() {
        let dump = Dump::new(&case.bytes);
        lab.clear();
        dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
        let members = lab.redis.client().command(&["ZRANGE", KEY, "0", "-1"]).unwrap().array();
        let members: Vec<_> =
            members.into_iter().flat_map(|member| [member.bytes(), b"\n".to_vec()]).collect();
        for (workers, batch) in [("1", "1"), ("7", "100000")] {
            let runner = dump.give(Runner::new(), Input::Gzip).args(["--output", "-"]);
            let lines =
                runner.args(["--workers", workers, "--batch-size", batch]).run(LIMIT).expect_code(0).stdout;
            assert!(lines == members.concat(), "{}, {workers} workers, batches of {batch}", case.name);
        }
    }
}

/// The test can fail: what shapes the changes is seen.
#[test]
fn another_configuration_makes_another_set() {
    let lab = Lab::new();
    for case in cases().iter().filter(|case| long() || case.bytes.len() < LARGE) {
        let dump = Dump::new(&case.bytes);
        for options in [["--ddl-time", "2000-01-01T00:00:01Z"], ["--first-sequence", "2"]] {
            lab.clear();
            dump.give(lab.runner(), Input::Plain).args(options).run(LIMIT).expect_code(0);
            let other = Snapshot::take(&mut lab.redis.client()).unwrap();
            assert_eq!(other.count, case.set.count);
            assert_ne!(other.hash, case.set.hash, "{}, {options:?}", case.name);
        }
    }
}

/// Packed rows: any workers and batches, from COPY as from INSERT the same each time, killed and gone on with.
#[test]
fn packed_rows_are_cut_the_same_way_each_time() {
    let lab = Lab::new();
    let mut rng = seeded("packed");
    // Long rows between short ones: packs of their own, and packs that end by bytes and by rows.
    let bytes = [dumpgen::dump(20_000), long_rows()];
    for (name, bytes) in ["made up", "long rows"].into_iter().zip(bytes) {
        for inserts in [None, Some(1), Some(usize::MAX)] {
            let bytes = inserts.map_or_else(|| bytes.clone(), |rows| dumpgen::as_inserts(&bytes, rows));
            let dump = Dump::new(&bytes);
            let packed = |runner: Runner| runner.args(["--rows", "packed"]);
            lab.clear();
            packed(dump.give(lab.runner(), Input::Plain)).run(LIMIT).expect_code(0);
            let set = Snapshot::take(&mut lab.redis.client()).unwrap();
            for round in 0..times(2, 20) {
                lab.clear();
                let input = [Input::Plain, Input::Gzip, Input::Pipe][round % 3];
                for _ in 0..3 {
                    let (workers, batch) =
                        (WORKERS[rng.below(3) as usize], ["1", "3"][rng.below(2) as usize]);
                    let runner = packed(dump.give(lab.runner(), input)).args(["--max-rate", "400"]);
                    let mut running = runner.args(["--workers", workers, "--batch-size", batch]).spawn();
                    if lab.reaches(&mut running, "default", 1 + rng.below(set.count)) {
                        running.kill();
                    }
                    running.wait(LIMIT);
                }
                packed(dump.give(lab.runner(), input)).run(LIMIT).expect_code(0);
                let found = Snapshot::take(&mut lab.redis.client()).unwrap();
                assert_eq!(found, set, "{name}, inserts {inserts:?}, {input:?}");
            }
        }
    }
}

fn long_rows() -> Vec<u8> {
    let mut dump =
        b"CREATE TABLE public.long (a integer, b text);\nCOPY public.long (a, b) FROM stdin;\n".to_vec();
    for row in 0..12_000_usize {
        let length = match row {
            3000 | 3001 | 9000 => 900_000,
            row if row.is_multiple_of(500) => 60_000,
            row => row % 90,
        };
        dump.extend(format!("{row}\t{}\n", "x".repeat(length)).bytes());
    }
    dump.extend_from_slice(b"\\.\n");
    dump
}
