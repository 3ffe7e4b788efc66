//! Redis, and how to treat it.

use std::time::Duration;

use kvbuffer::{ConnectOptions, Keys};

/// Redis and how to treat it.
#[derive(Debug, Clone)]
pub struct RedisTarget {
    /// How to reach it.
    pub connect: ConnectOptions,
    /// The keys.
    pub keys: Keys,
    /// Their time to live.
    pub ttl: Duration,
    /// The run's name in the registry.
    pub run: String,
    /// Publish each change.
    pub publish: bool,
    /// Accept a policy that may drop the set.
    pub allow_eviction: bool,
    /// Begin a run where the set holds others.
    pub beside_other_runs: bool,
    /// Begin a run without a snapshot's position where the set holds live changes.
    pub allow_live_entries: bool,
    /// Memory above which to wait.
    pub high_water: Option<HighWater>,
    /// How long to try again.
    pub retry: Duration,
    /// How long to wait for room.
    pub full: Duration,
}

/// When Redis uses too much memory to go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HighWater {
    /// More than so many bytes.
    Bytes(u64),
    /// More than this share of its maxmemory.
    Share(f64),
}
