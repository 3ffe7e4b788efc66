//! What a run asks of the registry.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use crate::holder::Identity;
use crate::position::{Lsn, Sequence};

/// What a run asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run's id: 1 to 200 visible characters, no `#` in front.
    pub run: String,
    /// Whose run it is.
    pub owner: String,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The first sequence to use, if this run is not registered yet.
    pub first: Option<Sequence>,
    /// Sequences to leave free behind the range before.
    pub gap: u64,
    /// How long the lease lasts without being renewed.
    pub lease: Duration,
    /// Who asks.
    pub identity: Identity,
    /// The snapshot's position, if known.
    pub snapshot_lsn: Option<Lsn>,
    /// What the run is begun with, if that is to be known later (see [`Range::begun_with`](super::Range::begun_with)).
    pub begin_with: Option<String>,
    /// The lease's token. Asking again with the same one, because an answer was lost, gives the same lease.
    pub token: String,
}

impl Request {
    /// A token that nobody else has: 128 random bits.
    pub fn new_token() -> String {
        let half = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{:016x}{:016x}", half(), half())
    }
}
