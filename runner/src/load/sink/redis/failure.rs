//! Failures of Redis: the ones that may pass, and the errors of the others.

use kvbuffer::{Buffer, ErrorKind, Memory, Sequence};

use crate::base::error::Error;
use crate::load::sink::target::RedisTarget;

/// Returns an error that may pass. Converts any other error to the one that ends the run. `action` is what was tried.
pub(super) fn passing(
    error: kvbuffer::Error,
    target: &RedisTarget,
    action: &str,
) -> Result<kvbuffer::Error, Error> {
    Err(match error.kind() {
        kind if kind.is_retryable() => return Ok(error),
        ErrorKind::CheckpointConflict { expected, found } => lost(*expected, *found),
        ErrorKind::LeaseLost => Error::Busy(format!("run {:?} was taken over", target.run)),
        ErrorKind::ForeignEntry { first, last, expected, found } => Error::Verification(format!(
            "sequences {first} to {last} hold {found} entries in Redis, but {expected} were written; something else writes into this range"
        )),
        _ => redis(action.to_owned(), error),
    })
}

/// Redis has less of the run than was acknowledged.
pub(super) fn lost(expected: u64, found: Option<u64>) -> Error {
    match found {
        Some(found) => Error::Lost(format!(
            "the run was at sequence {expected}, but Redis has it at {found} (a failover to a replica that is behind, or a restart from an older file)"
        )),
        None => Error::Lost(format!(
            "the run was at sequence {expected}, but Redis does not have it (it was flushed, or restarted without its data)"
        )),
    }
}

/// Redis has another number of entries than it has acknowledged.
pub(super) fn counted(first: Sequence, next: Sequence, found: u64, members: u64) -> Error {
    Error::Verification(format!(
        "the range {first} to {} holds {found} entries in Redis, but {members} were written; something else adds or removes entries in this set",
        next.get().saturating_sub(1)
    ))
}

/// A policy of Redis that may drop the set, unless the options accept it.
pub(super) fn evicts(buffer: &Buffer, target: &RedisTarget, memory: &Memory) -> Option<Error> {
    let evicts = memory.policy != "noeviction" && !target.allow_eviction;
    let cannot_hold = |what| refusal(buffer, what);
    evicts.then(|| {
        cannot_hold(format!(
            "its maxmemory-policy is {}, which may drop the whole set while every write succeeds; set it to noeviction, or use --allow-eviction",
            memory.policy
        ))
    })
}

/// The error of a Redis that can be reached, but not be used.
pub(super) fn refusal(buffer: &Buffer, what: String) -> Error {
    Error::Refused { address: buffer.address().to_owned(), what }
}

/// An error of Redis in the given action.
pub(super) fn redis(context: String, error: kvbuffer::Error) -> Error {
    Error::Redis { context, error: Box::new(error) }
}
