//! Redis refuses, is full, cannot be reached or comes back empty; files cannot be written; positions do not fit. Each
//! case ends with its exit code and a helpful message, and nothing is lost: after the next run, or after the same one
//! once the fault is gone, the set is as after an undisturbed run.

mod files;
mod look;
mod lost;
mod neighbours;
mod redis;
mod room;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::servers::{RedisServer, wait_until};
use pg_bootstrap_tests::zset;

use crate::harness::LIMIT;

const ROWS: usize = 20_000;
const RUN_KEY: &str = "{kasho:changes}:bootstrap:run:default";

fn card(redis: &RedisServer) -> u64 {
    redis.cli(&["ZCARD", zset::KEY]).parse().unwrap_or(0)
}

fn wait_for(what: &str, ready: impl FnMut() -> bool) {
    assert!(wait_until(LIMIT, ready), "waited in vain: {what}");
}

/// Slow enough that a test can break something in the middle.
fn slowly(runner: Runner) -> Runner {
    runner.args(["--max-rate", "5000", "--batch-size", "250"])
}
