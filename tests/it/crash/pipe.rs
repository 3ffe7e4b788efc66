//! Loads of pipes that are killed, and pipes that break off.

use pg_bootstrap_tests::loads::{Input, LIMIT, Lab, seeded, times};

use super::{bytes, dump, kill_and_resume, single, undisturbed};

#[test]
fn killed_at_any_moment_from_a_pipe() {
    kill_and_resume(&dump(), single(), Input::Pipe, times(2, 15), "killed, pipe");
}

/// A pipe that ends in the middle is no end of the dump.
#[test]
fn a_pipe_that_breaks_off_is_not_the_end() {
    let (dump, lab) = (dump(), Lab::new());
    let mut rng = seeded("broken off");
    for _ in 0..times(2, 12) {
        lab.clear();
        let data = bytes().len() as u64 - 40_000;
        let half = bytes()[..rng.below(data) as usize].to_vec();
        let broken = lab.runner().args(["--dump-file", "-"]).stdin_bytes(half).run(LIMIT);
        assert!(matches!(broken.code(), Some(3 | 10)), "{}\n{}", broken.status, broken.stderr);
        dump.give(lab.runner(), Input::Pipe).run(LIMIT).expect_code(0);
        dump.expect_same(&mut lab.redis.client(), undisturbed(), "after a pipe that broke off");
    }
}
