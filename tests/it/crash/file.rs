//! Loads of files that are killed: the next call completes the set.

use std::sync::OnceLock;
use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, expect_refused, run_key, runner, seeded, times};
use pg_bootstrap_tests::proxy::Direction;
use pg_bootstrap_tests::resp::{RedisClient, Reply};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer, wait_until};
use pg_bootstrap_tests::zset::{KEY, Snapshot};

use super::{
    Form, RESUMED, RUN, Tally, bytes, check, dump, durable, kill_and_resume, midway, next_in, rows, single,
    slowly, stopped_midway, undisturbed,
};

fn packed() -> Form {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    let args = &["--rows", "packed"];
    let whole = SNAPSHOT.get_or_init(|| {
        let (redis, dump) = (RedisServer::start(), Dump::new(bytes()));
        dump.give(runner(&redis.url()), Input::Plain).args(args).run(LIMIT).expect_code(0);
        let snapshot = Snapshot::take(&mut redis.client()).unwrap();
        assert!(snapshot.count < undisturbed().count / 10, "{snapshot:?}");
        snapshot
    });
    Form { args, whole }
}

#[test]
fn killed_at_any_moment_from_a_file() {
    kill_and_resume(&dump(), single(), Input::Plain, times(3, 45), "killed, file");
}

#[test]
fn killed_at_any_moment_from_gzip() {
    kill_and_resume(&dump(), single(), Input::Gzip, times(2, 15), "killed, gzip");
}

/// The same rows by INSERT, which make the same set.
fn inserts(rows_per_statement: usize) -> Dump {
    undisturbed();
    Dump::new(&dumpgen::as_inserts(bytes(), rows_per_statement))
}

#[test]
fn killed_at_any_moment_with_an_insert_for_each_row() {
    kill_and_resume(&inserts(1), single(), Input::Plain, times(2, 15), "killed, inserts");
}

#[test]
fn killed_at_any_moment_within_an_insert_of_all_rows() {
    kill_and_resume(&inserts(usize::MAX), single(), Input::Gzip, times(2, 15), "killed, one insert a table");
}

#[test]
fn killed_at_any_moment_with_packed_rows() {
    kill_and_resume(&dump(), packed(), Input::Gzip, times(3, 30), "killed, packed");
    kill_and_resume(&dump(), packed(), Input::Pipe, times(1, 10), "killed, packed, pipe");
}

/// The packs are those of the same rows by COPY, but for where bytes of the dump end them.
#[test]
fn killed_at_any_moment_with_packed_rows_of_inserts() {
    let (redis, dump) = (RedisServer::start(), inserts(1));
    dump.give(runner(&redis.url()), Input::Plain).args(packed().args).run(LIMIT).expect_code(0);
    let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
    let form = Form { whole, ..packed() };
    kill_and_resume(&dump, form, Input::Plain, times(2, 15), "killed, packed inserts");
}

/// The same rows in archives of pg_dump: a resumed run begins at an entry, or at the start of a pipe.
#[test]
fn killed_at_any_moment_within_an_archive() {
    let (server, file) = (PostgresServer::shared(), tempfile::NamedTempFile::new().unwrap());
    let database = server.fresh_database();
    std::fs::write(file.path(), bytes()).unwrap();
    server.psql(&database, file.path()).expect_clean();
    for format in ["--format=custom", "--format=tar"] {
        let (redis, dump) = (RedisServer::start(), Dump::new(&server.pg_dump(&database, &[format])));
        dump.give(runner(&redis.url()), Input::Plain).run(LIMIT).expect_code(0);
        let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
        drop(redis);
        let form = Form { whole, ..single() };
        kill_and_resume(&dump, form, Input::Plain, times(2, 100), &format!("killed, archive {format}"));
        kill_and_resume(&dump, form, Input::Pipe, times(1, 20), &format!("killed, archive {format}, pipe"));
    }
    let (redis, mut dump) = (RedisServer::start(), Dump::new(&[]));
    dump.plain = dump.folder().join("directory");
    let file = format!("--file={}", dump.plain.display());
    server.pg_dump(&database, &["--format=directory", &file]);
    dump.give(runner(&redis.url()), Input::Plain).run(LIMIT).expect_code(0);
    let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
    drop(redis);
    kill_and_resume(
        &dump,
        Form { whole, ..single() },
        Input::Plain,
        times(2, 50),
        "killed, archive in a directory",
    );
    server.drop_database(&database);
}

/// Between the pieces of a row as well.
#[test]
fn killed_at_any_moment_with_large_rows() {
    for args in [single().args, packed().args] {
        let (redis, dump) = (RedisServer::start(), Dump::new(&dumpgen::large()));
        dump.give(runner(&redis.url()), Input::Plain).args(args).run(LIMIT).expect_code(0);
        let whole = Box::leak(Box::new(Snapshot::take(&mut redis.client()).unwrap()));
        drop(redis);
        let form = Form { args, whole };
        kill_and_resume(&dump, form, Input::Plain, times(3, 30), &format!("killed, large rows {args:?}"));
        kill_and_resume(
            &dump,
            form,
            Input::Pipe,
            times(1, 10),
            &format!("killed, large rows, pipe {args:?}"),
        );
    }
}

/// The tests can fail: what they compare by sees one byte, one entry more, one entry less, one score.
#[test]
fn a_tampered_set_is_seen() {
    let (dump, lab) = (Dump::new(&dumpgen::dump(5000)), Lab::new());
    let expected = dump.undisturbed();
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    let same = |what: &str| {
        let compare = || dump.expect_same(&mut lab.redis.client(), &expected, what);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_ok()
    };
    assert!(same("as it is"));
    let mut client = lab.redis.client();
    let member = client.command(&["ZRANGE", KEY, "3000", "3000"]).unwrap().array().remove(0).bytes();
    let score =
        String::from_utf8(client.command(&[b"ZSCORE", KEY.as_bytes(), &member]).unwrap().bytes()).unwrap();
    let mut other = member.clone();
    *other.last_mut().unwrap() = b' ';
    client.command(&[b"ZREM", KEY.as_bytes(), &member]).unwrap();
    assert!(!same("one less"));
    client.add_change(&score, &other).unwrap();
    assert!(!same("one byte"));
    client.add_change(&score, &member).unwrap();
    assert!(!same("one more"));
    client.command(&[b"ZREM", KEY.as_bytes(), &other]).unwrap();
    assert!(same("as it was"));
    client.add_change("0.5", &member).unwrap();
    assert!(!same("one score"));
    // The meter too: nothing was sent twice, until it was.
    assert_eq!((lab.meter.members(), lab.meter.resent()), (expected.count, 0));
    RedisClient::connect(lab.proxy.port(), None).unwrap().add_change(&score, &member).unwrap();
    assert_eq!((lab.meter.members(), lab.meter.resent()), (expected.count + 1, 1));
}

/// Killed while Redis works on without an answer: what arrived counts, as Redis says.
#[test]
fn killed_while_answers_are_held_back() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("held back");
    for _ in 0..times(1, 8) {
        lab.clear();
        let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
        assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
        lab.proxy.hold(Direction::Down);
        std::thread::sleep(Duration::from_millis(rng.below(100)));
        running.kill();
        running.wait(LIMIT);
        lab.proxy.release(Direction::Down);
        lab.proxy.cut();
        let from = durable(&lab);
        let finished = dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
        check(&lab, finished, from, &mut Tally::default());
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "held back");
    }
}

#[test]
fn the_checkpoint_file_brings_a_run_back() {
    let (dump, lab) = (dump(), Lab::new());
    let file = dump.folder().join("checkpoint");
    let name = file.to_str().unwrap().to_owned();
    let resume = |input| dump.give(lab.runner(), input).args(["--resume-from", &name]);
    let mut rng = seeded("checkpoint file");

    let missing = resume(Input::Plain).run(LIMIT);
    expect_refused(missing, 5, &["there is no such file"]);
    for input in [Input::Plain, Input::Gzip, Input::Pipe] {
        // Redis has lost the registry, not the set: the file counts, and nothing is sent again.
        lab.clear();
        stopped_midway(&lab, &dump, input, &["--checkpoint", &name], midway(&mut rng));
        let next = next_in(&file);
        forget_run(&lab);
        lab.meter.take_lowest();
        let finished = resume(input).run(LIMIT).expect_code(0);
        assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
        check(&lab, finished, next, &mut Tally::default());
        dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, by the file"));

        // Redis has lost everything: what the file promises is not there, so all of it is loaded again.
        lab.clear();
        resume(input).run(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), &format!("{input:?}, by the file, emptied"));
    }
    // Killed: the file is behind Redis, whose checkpoint counts.
    lab.clear();
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).args(["--checkpoint", &name]).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count * 3 / 5));
    running.kill();
    running.wait(LIMIT);
    let from = durable(&lab);
    assert!(next_in(&file) <= from);
    let finished = resume(Input::Plain).run(LIMIT).expect_code(0);
    check(&lab, finished, from, &mut Tally::default());
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "killed, with a file");

    // Killed, and Redis has lost the registry: entries lie behind what the file knows.
    lab.clear();
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).args(["--checkpoint", &name]).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count * 3 / 5));
    running.kill();
    running.wait(LIMIT);
    forget_run(&lab);
    resume(Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "killed, with a file and without a registry");

    // Damaged, or not of this dump.
    lab.clear();
    stopped_midway(&lab, &dump, Input::Plain, &["--checkpoint", &name], undisturbed().count / 5);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"next\":", "\"next\":1", 1)).unwrap();
    expect_refused(resume(Input::Plain).run(LIMIT), 5, &["is damaged", &name]);
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    expect_refused(resume(Input::Plain).run(LIMIT), 5, &["is damaged", &name]);
    std::fs::write(&file, &text).unwrap();
    expect_refused(resume(Input::Pipe).run(LIMIT), 5, &["of another dump"]);
    resume(Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "the file was repaired");
}

/// Takes the registry and the run away, and leaves the set.
fn forget_run(lab: &Lab) {
    let gone =
        lab.redis.client().command(&["DEL", &run_key(RUN), "{kasho:changes}:bootstrap:ranges"]).unwrap();
    assert_eq!(gone, Reply::Int(2));
}

#[test]
fn an_output_file_is_gone_on_with() {
    let dump = dump();
    let mut rng = seeded("output");
    // Slow enough for several checkpoints, of which there is one a second or so.
    let slow = (rows() / 2).to_string();
    let (whole, part) = (dump.folder().join("whole"), dump.folder().join("part"));
    let load = |input, file: &std::path::Path| {
        dump.give(Runner::new(), input).arg("--output").arg(file).args(["--progress", "never"])
    };
    load(Input::Plain, &whole).run(LIMIT).expect_code(0);
    let whole = std::fs::read(whole).unwrap();
    assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count() as u64, undisturbed().count);
    for input in [Input::Plain, Input::Gzip, Input::Pipe] {
        for _ in 0..times(1, 8) {
            let _ = std::fs::remove_file(&part);
            let _ = std::fs::remove_file(part.with_extension("checkpoint"));
            let mut resumes = 0;
            for kill in 0..6 {
                let mut running =
                    load(input, &part).args(["--max-rate", &slow, "--batch-size", "300"]).spawn();
                let size = || std::fs::metadata(&part).map_or(0, |metadata| metadata.len());
                let target = whole.len() as u64 / 6 * (kill + 1) + rng.below(whole.len() as u64 / 6);
                wait_until(LIMIT, || size() >= target || !running.is_running());
                match rng.below(3) {
                    0 => running.signal_if_running("TERM"),
                    _ => running.kill(),
                }
                let ended = running.wait(LIMIT);
                resumes += u64::from(ended.stderr.contains(RESUMED));
            }
            load(input, &part).run(LIMIT).expect_code(0);
            assert!(std::fs::read(&part).unwrap() == whole, "{input:?}: another file");
            assert!(resumes > 0, "{input:?}: never resumed");
        }
    }
}
