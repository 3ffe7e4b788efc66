//! Loads that are stopped by a signal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, seeded, times};
use pg_bootstrap_tests::proxy::Direction;
use pg_bootstrap_tests::zset::{KEY, Snapshot};

use super::{RESUMED, RUN, Tally, bytes, check, dump, durable, midway, next_in, slowly, undisturbed};

#[test]
fn signals_end_a_run_with_a_checkpoint() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("signals");
    let mirror = dump.folder().join("checkpoint");
    let mirrored = |runner: Runner| runner.arg("--checkpoint").arg(&mirror);
    for round in 0..times(1, 10) {
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            for input in [Input::Plain, Input::Gzip, Input::Pipe] {
                lab.clear();
                let mut running = mirrored(slowly(dump.give(lab.runner(), input))).spawn();
                assert!(lab.reaches(&mut running, RUN, midway(&mut rng)));
                running.signal(signal);
                let stopped = running.wait(LIMIT).expect_code(code);
                assert!(stopped.stderr.contains("to continue from the checkpoint"), "{}", stopped.stderr);
                let next = durable(&lab);
                assert_eq!(next_in(&mirror), next, "the file is where Redis is");
                let held = lab.redis.client().command(&["ZCARD", KEY]).unwrap().int();
                assert_eq!(held as u64, next - 1, "nothing is behind the checkpoint after a clean stop");
                let finished = mirrored(dump.give(lab.runner(), input)).run(LIMIT).expect_code(0);
                assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
                check(&lab, finished, next, &mut Tally::default());
                dump.expect_same(
                    &mut lab.redis.client(),
                    undisturbed(),
                    &format!("{signal}, {input:?}, {round}"),
                );
                assert_eq!(lab.meter.resent(), 0, "nothing was in flight");
                assert_eq!(next_in(&mirror), undisturbed().count + 1);
            }
        }
    }
}

/// Signals also end a run that waits: for Redis, for a pipe that says nothing.
#[test]
fn signals_end_a_run_that_waits() {
    let (dump, lab) = (dump(), Lab::new());
    let mut running = slowly(dump.give(lab.runner(), Input::Plain)).spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 8));
    lab.proxy.refuse();
    lab.proxy.cut();
    running.wait_for_stderr("retrying", LIMIT);
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
    lab.proxy.accept();
    dump.give(lab.runner(), Input::Plain).run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "stopped while Redis was away");

    lab.clear();
    let mut running = lab.runner().args(["--dump-file", "-"]).stdin_pipe().spawn();
    let mut pipe = running.stdin();
    std::io::Write::write_all(&mut pipe, &bytes()[..bytes().len() / 2]).unwrap();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 3));
    running.signal("INT");
    running.wait(LIMIT).expect_code(130);
    drop(pipe);
    let finished = dump.give(lab.runner(), Input::Pipe).run(LIMIT).expect_code(0);
    assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "a pipe that said nothing");
}

/// Rows whose passwords take long to hash, and the configuration that has them hashed.
fn passwords(rows: u64, cost: u32) -> (Dump, PathBuf) {
    let mut script = b"CREATE TABLE public.users (id integer, password text);\nCOPY public.users (id, password) FROM stdin;\n".to_vec();
    for row in 1..=rows {
        script.extend_from_slice(format!("{row}\tsecret {row}\n").as_bytes());
    }
    script.extend_from_slice(b"\\.\n");
    let dump = Dump::new(&script);
    let config = dump.folder().join("transforms.yml");
    let rule = format!("{{type: PasswordBcrypt, cost: {cost}, cleartext: 'staging-{{{{.id}}}}'}}");
    std::fs::write(&config, format!("tables: {{public.users: {{password: {rule}}}}}")).unwrap();
    (dump, config)
}

/// A slow transform does not keep a run from ending, and what is done by then is kept.
#[test]
fn a_signal_ends_a_run_that_computes_password_hashes() {
    const ROWS: u64 = 120;
    let (dump, config) = passwords(ROWS, 11);
    // The table's definition, and the first of its rows.
    for (rows, first, held) in [("single", 4, ROWS + 1), ("packed", 3, ROWS / 8 + 1)] {
        let lab = Lab::new();
        let run = || {
            let runner = dump.give(lab.runner(), Input::Plain).args(["--workers", "2", "--insecure-unkeyed"]);
            runner.args(["--rows", rows, "--transform-config"]).arg(&config)
        };
        let mut running = run().spawn();
        assert!(lab.reaches(&mut running, RUN, first));
        running.signal("TERM");
        running.wait(LIMIT).expect_code(143);
        let next = durable(&lab);
        assert!(next <= held, "{next}: all of them were waited for");
        let finished = run().run(LIMIT).expect_code(0);
        assert!(finished.stderr.contains(RESUMED), "{}", finished.stderr);
        assert_eq!(lab.redis.client().command(&["ZCARD", KEY]).unwrap().int() as u64, held);
    }
}

/// A Redis that says nothing more does not keep a run from ending either: it is asked in vain for ten seconds.
#[test]
fn signals_end_a_run_whose_redis_hangs() {
    let (dump, lab) = (dump(), Lab::new());
    let many = || dump.give(lab.runner(), Input::Plain).args(["--batch-size", "50"]);
    let mut running = many().spawn();
    assert!(lab.reaches(&mut running, RUN, undisturbed().count / 8));
    lab.proxy.hold(Direction::Down);
    // So the batches that may be in flight are, and the run waits for one.
    std::thread::sleep(Duration::from_secs(1));
    running.signal("TERM");
    // The answer to a call is waited for longer than that.
    running.wait(Duration::from_secs(25)).expect_code(143);
    lab.proxy.cut();
    lab.proxy.release(Direction::Down);
    many().run(LIMIT).expect_code(0);
    dump.expect_same(&mut lab.redis.client(), undisturbed(), "stopped while Redis hung");
}

/// Far less than the slow commands take, far more than any machine needs to end one.
const HEEDED: Duration = Duration::from_secs(60);

/// Stops a command by a signal after this time; whether it was done before.
fn is_done(runner: Runner, after: Duration) -> bool {
    let mut running = runner.spawn();
    std::thread::sleep(after);
    running.signal_if_running("TERM");
    let finished = running.wait(HEEDED);
    match (finished.code(), finished.signal()) {
        (Some(0), _) => true,
        // At its very beginning a program does not listen for signals yet.
        (Some(143), _) | (None, Some(15)) => false,
        _ => panic!("{}: {}", finished.status, finished.stderr),
    }
}

/// The arguments of a load whose rows are transformed.
fn transformed(dump: &Dump, runner: Runner, config: &Path) -> Runner {
    dump.give(runner, Input::Plain).args(["--insecure-unkeyed", "--transform-config"]).arg(config)
}

/// However far a command is, a signal ends it, and whatever it has begun can be completed.
#[test]
fn signals_end_every_command_at_any_moment() {
    let (dump, config) = passwords(1500, 4);
    let (lab, mut rng) = (Lab::new(), seeded("every command"));
    let load = || transformed(&dump, lab.runner(), &config);
    let began = Instant::now();
    load().run(LIMIT).expect_code(0);
    let took = began.elapsed();
    let whole = Snapshot::take(&mut lab.redis.client()).unwrap();
    let mut moment = || Duration::from_micros(rng.below(took.as_micros() as u64 * 5 / 4));
    let url = lab.redis.url();

    let without = |command: &[&str]| transformed(&dump, Runner::new().args(command.to_vec()), &config);
    for _ in 0..times(3, 30) {
        for command in [
            &["load", "--dry-run", "--progress", "never"][..],
            &["inspect"],
            &["transform", "check"],
            &["transform", "preview", "--rows-per-table", "1500"],
        ] {
            is_done(without(command), moment());
        }
        is_done(dump.give(Runner::new().args(["transform", "suggest"]), Input::Plain), moment() / 8);
        is_done(without(&["verify", "--kv-url", &url]), moment());
        is_done(Runner::new().args(["ranges", "--kv-url", &url]), moment() / 16);
        assert_eq!(Snapshot::take(&mut lab.redis.client()).unwrap(), whole, "these only read");

        is_done(load().arg("--restart"), moment());
        let purge = || Runner::new().args(["ranges", "purge", "--run-id", RUN, "--kv-url", &url]);
        if !is_done(purge(), moment() / 16) {
            purge().run(LIMIT).expect_code(0);
        }
        assert_eq!(lab.redis.client().command(&["ZCARD", KEY]).unwrap().int(), 0);
        let stops = (0..4).take_while(|_| !is_done(load(), moment() / 2)).count();
        load().run(LIMIT).expect_code(0);
        let found = Snapshot::take(&mut lab.redis.client()).unwrap();
        assert_eq!(found, whole, "stopped {stops} times");

        let out = dump.folder().join("out");
        let output = || without(&["load", "--progress", "never"]).arg("--output").arg(&out);
        for _ in 0..4 {
            is_done(output(), moment() / 2);
        }
        output().run(LIMIT).expect_code(0);
        let lines = std::fs::read(&out).unwrap().iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines as u64, whole.count);
        std::fs::remove_file(&out).unwrap();
        std::fs::remove_file(out.with_extension("checkpoint")).unwrap();
    }
}

/// The same of commands that would compute hashes for many minutes.
#[test]
fn signals_end_slow_transforms_at_any_moment() {
    let (dump, config) = passwords(20_000, 12);
    let (lab, mut rng) = (Lab::new(), seeded("slow transforms"));
    let mut moment = || Duration::from_millis(rng.below(3000));
    let out = dump.folder().join("out");
    for round in 0..times(1, 10) {
        for command in [
            &["load", "--dry-run", "--progress", "never"][..],
            &["load", "--dry-run", "--rows", "packed", "--progress", "never"],
            &["load", "--progress", "never", "--output", out.to_str().unwrap()],
            &["transform", "preview", "--rows-per-table", "20000"],
        ] {
            let runner = transformed(&dump, Runner::new().args(command.to_vec()), &config);
            assert!(!is_done(runner, moment()), "{round}, {command:?}");
        }
        for rows in ["single", "packed"] {
            let load = transformed(&dump, lab.runner().args(["--run-id", rows, "--rows", rows]), &config);
            assert!(!is_done(load.arg("--beside-other-runs"), moment()), "{round}, {rows}");
        }
    }
}
