//! The registry as it is stored, and the one way to change it.

use std::collections::HashMap;

use super::entry::Range;
use crate::error::{Cause, Error, ErrorKind};
use crate::redis::Buffer;

/// The field that is not a run.
const GENERATION: &str = "#generation";
const SCRIPT: &str = include_str!("swap.lua");

/// The registry at one moment.
pub(super) struct Snapshot {
    pub(super) ranges: Vec<Range>,
    generation: String,
    /// Redis' own clock, read before the ranges.
    now_us: u64,
}

impl Snapshot {
    /// Milliseconds since 1970, by Redis' clock.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    pub(super) fn range(&self, run: &str) -> Option<&Range> {
        self.ranges.iter().find(|range| range.run == run)
    }

    /// The next generation. It contains the clock, so that a generation does not come back after the registry was
    /// flushed.
    fn next_generation(&self) -> u64 {
        self.generation.parse().unwrap_or(0).max(self.now_us) + 1
    }
}

/// A change of one run. All changes of one call are made in one step.
pub(super) struct Operation {
    pub(super) run: String,
    /// The new entry; `None` removes it.
    pub(super) range: Option<Range>,
    pub(super) action: Action,
}

/// The change of the run's own key.
pub(super) enum Action {
    /// None.
    Keep,
    /// This token may write. A run without a sequence begins at its range's first.
    Grant(String),
    /// No token may write.
    Revoke,
    /// This token may write, from the first sequence and without a checkpoint.
    Reset(String),
    /// The key is deleted.
    Drop,
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Grant(_) => "grant",
            Self::Revoke => "revoke",
            Self::Reset(_) => "reset",
            Self::Drop => "drop",
        }
    }

    fn token(&self) -> &str {
        match self {
            Self::Grant(token) | Self::Reset(token) => token,
            _ => "",
        }
    }
}

/// Reads the registry.
pub(super) async fn load(buffer: &Buffer, action: &'static str) -> Result<Snapshot, Error> {
    let (seconds, micros): (u64, u64) = buffer.query(action, &redis::cmd("TIME")).await?;
    let mut fields: HashMap<String, Vec<u8>> =
        buffer.query(action, redis::cmd("HGETALL").arg(buffer.keys().ranges())).await?;
    let generation = fields.remove(GENERATION);
    let generation =
        generation.map_or_else(|| "0".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    let parse = |bytes: &Vec<u8>| -> Result<Range, Error> {
        let broken = |cause: Cause| buffer.error(action, ErrorKind::Protocol).because(cause);
        let range: Range = serde_json::from_slice(bytes).map_err(|error| broken(error.into()))?;
        let newer = || {
            buffer.error(action, ErrorKind::Unsupported).because(Cause::Reply(format!(
                "run {} was registered by another version of the program of the program",
                range.run
            )))
        };
        if range.is_known_version() { Ok(range) } else { Err(newer()) }
    };
    let mut ranges = fields.values().map(parse).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_by_key(|range| range.first);
    Ok(Snapshot { ranges, generation, now_us: seconds * 1_000_000 + micros })
}

/// Changes the registry; `false` if another process has changed it since `snapshot`.
pub(super) async fn swap(
    buffer: &Buffer,
    action: &'static str,
    snapshot: &Snapshot,
    operations: &[Operation],
) -> Result<bool, Error> {
    let keys = buffer.keys();
    let mut command = redis::cmd("EVAL");
    command.arg(SCRIPT).arg(2 + operations.len()).arg(keys.ranges()).arg(keys.set());
    for operation in operations {
        command.arg(keys.run(&operation.run));
    }
    command.arg(&snapshot.generation).arg(snapshot.next_generation()).arg(buffer.ttl_ms());
    for Operation { run, range, action: run_action } in operations {
        let entry = range.as_ref().map(serde_json::to_string).transpose();
        let entry = entry.map_err(|error| buffer.error(action, ErrorKind::Protocol).because(error))?;
        let first = range.as_ref().map_or(0, |range| range.first.get());
        command.arg(run).arg(entry.unwrap_or_default());
        command.arg(run_action.name()).arg(run_action.token()).arg(first);
    }
    buffer.query(action, &command).await
}
