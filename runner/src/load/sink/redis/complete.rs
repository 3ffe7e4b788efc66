//! A run that is complete in Redis, for those who read it.

use std::collections::BTreeMap;

use kvbuffer::{Buffer, Range, Ranges, State};

use super::way::Way;
use crate::base::error::Error;
use crate::load::sink::target::RedisTarget;

/// A connection, and the registered runs.
///
/// # Errors
/// As for [`Way::retry`].
pub async fn ranges(way: &Way<'_>) -> Result<(Buffer, Vec<Range>), Error> {
    let mut buffer = way.connect().await?;
    let list = async |buffer: &Buffer| Ranges::new(buffer.clone()).list().await;
    let all = way.retry(&mut buffer, "list the ranges", list).await?;
    Ok((buffer, all))
}

/// The run's range, which must be complete. `then` is the command to call once it is.
///
/// # Errors
/// [`Error::Verification`] if it is not there or not complete; [`Error::Busy`] while a process writes it.
pub fn range<'a>(all: &'a [Range], target: &RedisTarget, then: &str) -> Result<&'a Range, Error> {
    let run = &target.run;
    let Some(range) = all.iter().find(|range| range.run == *run) else {
        let known: Vec<_> = all.iter().map(|range| range.run.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::Verification(format!(
            "no run {run:?} is registered in this buffer (registered: {known}); check --run-id, --kv-url and --kv-key"
        )));
    };
    match (range.state, &range.lease) {
        (State::Done, _) => Ok(range),
        (State::Open, Some(lease)) => {
            Err(Error::Busy(format!("run {run:?} (process {} on {})", lease.holder.pid, lease.holder.host)))
        }
        (State::Open, None) => Err(Error::Verification(format!(
            "run {run:?} is not done: run its command again until it is, then {then}"
        ))),
    }
}

/// The parts of the configuration that a run has registered.
#[must_use]
pub fn parts(range: &Range) -> BTreeMap<String, String> {
    serde_json::from_str(&range.config).unwrap_or_default()
}
