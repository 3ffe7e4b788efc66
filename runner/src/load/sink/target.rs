//! Redis or a database, and the options for writing to it.

use std::time::Duration;

use kvbuffer::{ConnectOptions, Keys};

use super::places::Places;

/// A PostgreSQL database, and the options for filling it.
#[derive(Debug, Clone)]
pub struct ReplicaTarget {
    /// How to reach it.
    pub connect: replica::ConnectOptions,
    /// The run's name in its record.
    pub run: String,
    /// How long to retry.
    pub retry: Duration,
    /// It may hold something already.
    pub into_existing: bool,
    /// Collect statistics at the end.
    pub analyze: bool,
    /// Remove the record at the end.
    pub forget: bool,
    /// How many sessions work at once.
    pub jobs: usize,
    /// How messages tell places.
    pub places: Places,
}

/// Redis, and the options for writing to it.
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
    /// So many replicas must have everything before the run is complete.
    pub min_replicas: u32,
    /// Begin a run in a set that contains other runs.
    pub beside_other_runs: bool,
    /// Begin a run without a snapshot position in a set that contains live changes.
    pub allow_live_entries: bool,
    /// Memory above which the run pauses.
    pub high_water: Option<HighWater>,
    /// How long to retry.
    pub retry: Duration,
    /// How long to wait while Redis is full.
    pub full: Duration,
}

/// The limit on Redis' memory above which the run pauses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HighWater {
    /// A number of bytes.
    Bytes(u64),
    /// A share of its maxmemory.
    Share(f64),
}
