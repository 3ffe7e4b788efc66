//! The dump is looked at before anything that cannot be undone. If there is no dump, nothing is deleted, registered
//! or written, nobody is notified, and no message advises to delete anything.

use std::io::Write as _;
use std::path::Path;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::servers::{RedisServer, Stream, wait_until};
use pg_bootstrap_tests::zset::KEY;

use crate::harness::{CELL, Input, LIMIT, dump, expect, expect_untouched, runner, snapshot};

const REGISTRY: &str = "{kasho:changes}:bootstrap:ranges";
const RUN: &str = "{kasho:changes}:bootstrap:run:default";

/// Files that are no dumps, and what is said of each.
fn wrong() -> Vec<(Vec<u8>, &'static str)> {
    let mut tar = vec![0; 2048];
    tar[..7].copy_from_slice(b"any.sql");
    tar[257..262].copy_from_slice(b"ustar");
    let text = format!("Dear reader,\n{CELL}; and so on;\n");
    vec![
        (b"PGDMP\x01\x0e\0\x04\x08\x01and so on".to_vec(), "archive is damaged at byte 12"),
        (tar, "tar file"),
        (b"BZh91AY&SY and so on".to_vec(), "bzip2"),
        (b"".to_vec(), "the dump is empty"),
        (b"-- nothing\n".to_vec(), "holds no statement"),
        (text.clone().into_bytes(), "does not begin with a word of PostgreSQL's SQL"),
        (Packing::Gzip.pack(text.as_bytes()).unwrap(), "does not begin with a word of PostgreSQL's SQL"),
        (b"no end".to_vec(), "first statement does not end"),
        (b"-- MySQL dump\nDROP TABLE IF EXISTS `items`;\n".to_vec(), "backticks"),
        (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n".to_vec(), "SQLite"),
        (Packing::Gzip.pack(&dump(5)).unwrap()[..12].to_vec(), "cut off or damaged"),
    ]
}

/// The program with a file, or with the same bytes from a pipe.
fn of(redis: &RedisServer, file: &Path, pipe: bool) -> Runner {
    if pipe { runner(redis, Path::new("-")).stdin_file(file) } else { runner(redis, file) }
}

#[track_caller]
fn expect_no_advice(finished: &Finished) {
    assert!(!finished.stderr.contains("--restart"), "advises to delete:\n{}", finished.stderr);
}

/// All that Redis has of a run.
fn known(redis: &RedisServer) -> (pg_bootstrap_tests::zset::Snapshot, String, String) {
    (snapshot(redis), redis.cli(&["HGETALL", REGISTRY]), redis.cli(&["HGETALL", RUN]))
}

#[test]
fn a_wrong_file_deletes_nothing() {
    let (redis, good) = (RedisServer::start(), Input::of(&dump(2000)));
    runner(&redis, &good.file).run(LIMIT).expect_code(0);
    let before = known(&redis);
    for (bytes, said) in wrong() {
        let input = Input::of(&bytes);
        for pipe in [false, true] {
            for args in [&["--restart"][..], &["--restart-once", "a"], &[], &["--run-id", "other"]] {
                let finished = expect(of(&redis, &input.file, pipe).args(args).run(LIMIT), 3, &[said]);
                expect_no_advice(&finished);
                assert_eq!(known(&redis), before, "{said}, {args:?}, pipe: {pipe}");
            }
        }
    }
    let missing = expect(runner(&redis, &good.path("missing.sql")).arg("--restart").run(LIMIT), 2, &[]);
    expect_no_advice(&missing);
    assert_eq!(known(&redis), before);
    // What is wanted still happens.
    let fresh = Input::of(&dump(10));
    expect(
        of(&redis, &fresh.file, true).arg("--restart").run(LIMIT),
        0,
        &["deleted the entries of an earlier"],
    );
}

#[test]
fn a_wrong_file_is_not_registered() {
    let redis = RedisServer::start();
    for (bytes, said) in wrong() {
        let input = Input::of(&bytes);
        for pipe in [false, true] {
            expect(of(&redis, &input.file, pipe).run(LIMIT), 3, &[said]);
            expect_untouched(&redis);
        }
    }
}

#[test]
fn nobody_waits_for_a_pipe_that_brings_nothing() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(10)));
    let mut waiting = runner(&redis, Path::new("-")).stdin_pipe().spawn();
    // Its end would be an empty dump's.
    let pipe = waiting.stdin();
    // Another one loads meanwhile: no lease is held.
    expect(runner(&redis, &input.file).run(LIMIT), 0, &[]);
    waiting.signal("TERM");
    expect(waiting.wait(LIMIT), 143, &[]);
    drop(pipe);
}

/// What is read from the pipe is not worth waiting for any more.
#[test]
fn a_failure_ends_a_run_whose_pipe_brings_nothing() {
    let (redis, bytes) = (RedisServer::start(), dump(100_000));
    let mut waiting = runner(&redis, Path::new("-")).stdin_pipe().spawn();
    let mut pipe = waiting.stdin();
    pipe.write_all(&bytes[..bytes.len() / 2]).unwrap();
    assert!(wait_until(LIMIT, || redis.cli(&["ZCARD", KEY]).trim() != "0"), "{}", waiting.stderr_so_far());
    redis.cli(&["FLUSHALL"]);
    // By a batch that was under way, or by the lease.
    expect(waiting.wait(LIMIT), 11, &["exit_code=11"]);
    drop(pipe);
}

#[test]
fn an_output_stays_and_the_change_stream_hears_nothing() {
    let (wrong, good, stream) = (Input::of(b"PGDMP and so on"), Input::of(&dump(10)), Stream::start());
    let out = good.path("out.jsonl");
    let to_file = |file: &Path| Runner::new().arg("--dump-file").arg(file).arg("--output").arg(&out);
    to_file(&good.file).run(LIMIT).expect_code(0);
    let before = std::fs::read(&out).unwrap();
    expect(to_file(&wrong.file).arg("--restart").run(LIMIT), 3, &["version 32.97"]);
    assert_eq!(std::fs::read(&out).unwrap(), before);

    let redis = RedisServer::start();
    let told = |file: &Path| {
        runner(&redis, file).args(["--change-stream", &stream.address(), "--start-bootstrap"]).run(LIMIT)
    };
    expect(told(&wrong.file), 3, &["version 32.97"]);
    assert_eq!((stream.now().state.as_str(), stream.now().calls.len()), ("WAITING", 0));
    expect(told(&good.file), 0, &[]);
    assert_eq!(stream.now().state, "ACCUMULATING");
}
