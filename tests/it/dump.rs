//! The dump: what can be read, from where, and what is refused. A run with the repaired dump gives the same set as an
//! undisturbed one.

mod archives;
mod broken;
mod encodings;
mod files;
mod forms;
mod psql;
mod rejects;
mod s3;
mod scripts;
mod stores;

use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset;

/// Rows of a dump whose data takes several slabs and batches.
const MANY: usize = 12_000;

/// The number of changes left by the last run.
fn count(redis: &RedisServer) -> String {
    redis.cli(&["ZCARD", zset::KEY])
}
