//! A run's request to the registry.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use crate::holder::Process;
use crate::position::{Lsn, Sequence};

/// A run's request for a lease.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run's id: 1 to 200 visible characters, not beginning with `#`.
    pub run: String,
    /// The owner of the run.
    pub owner: String,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The first sequence to use, if this run is not registered yet.
    pub first: Option<Sequence>,
    /// Sequences to leave free after the previous range.
    pub gap: u64,
    /// How long the lease lasts if it is not renewed.
    pub lease: Duration,
    /// The process that asks.
    pub process: Process,
    /// The snapshot's position, if known.
    pub snapshot_lsn: Option<Lsn>,
    /// A token to record with the run's beginning, if any (see [`Range::begun_with`](super::Range::begun_with)).
    pub begin_with: Option<String>,
    /// The lease's token. Repeating the request with the same token, because an answer was lost, gives the same
    /// lease.
    pub token: String,
}

impl Request {
    /// A unique token: 128 random bits.
    pub fn new_token() -> String {
        let half = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{:016x}{:016x}", half(), half())
    }
}
