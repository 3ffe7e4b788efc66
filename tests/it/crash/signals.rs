//! Loads that are stopped by a signal.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::loads::{Dump, Input, LIMIT, Lab, seeded, times};
use pg_bootstrap_tests::zset::KEY;

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
fn passwords(rows: u64, cost: u32) -> (Dump, std::path::PathBuf) {
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
            let runner =
                dump.give(lab.runner(), Input::Plain).args(["--workers", "2", "--insecure-unkeyed"]);
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
