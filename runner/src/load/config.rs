//! The checked command line of a load: what to load, from where and to where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kvbuffer::{Lsn, Sequence};

use super::change_stream::ChangeStream;
use super::sink::places::Places;
use super::sink::target::{RedisTarget, ReplicaTarget};
use crate::read::task::{Start, Task};
use convert::form::RowForm;
use convert::shape::Shape;
use source::Location;

/// A load.
#[derive(Debug, Clone)]
pub struct Config {
    /// The dump.
    pub location: Location,
    /// The snapshot LSN, below which all positions must be.
    pub snapshot_lsn: Option<Lsn>,
    /// Where the changes go.
    pub target: Destination,
    /// The options that shape the changes.
    pub shape: Arc<Shape>,
    /// The first sequence, if it was given.
    pub first: Option<Sequence>,
    /// Sequences to leave free after another run.
    pub gap: u64,
    /// What to do with rows that cannot be loaded.
    pub rejects: Rejects,
    /// The checkpoint files, and how to begin.
    pub resume: Resume,
    /// Changes in a batch.
    pub batch_size: usize,
    /// Threads that convert.
    pub workers: usize,
    /// How fast changes may be written.
    pub max_rate: Rates,
    /// The change stream to notify.
    pub change_stream: Option<ChangeStream>,
    /// Whether every column that looks personal must have an entry in the transform configuration.
    pub require_decision: bool,
}

impl Config {
    /// The whole dump, with changes numbered from `first`.
    #[must_use]
    pub fn task(&self, first: Sequence) -> Task {
        Task {
            location: self.location.clone(),
            shape: Arc::clone(&self.shape),
            start: Start::Fresh,
            first,
            limit: None,
            workers: self.workers,
            measured: None,
        }
    }

    /// What the writer's loop keeps to.
    #[must_use]
    pub fn manner(&self) -> Manner {
        let into_redis = matches!(self.target, Destination::Redis(_));
        Manner {
            source_name: self.location.name(),
            parts: self.shape.parts(),
            batch_size: self.batch_size,
            max_errors: self.rejects.most,
            max_rate: self.max_rate,
            mirror: self.resume.write.clone().filter(|_| into_redis),
            suggests_packs: into_redis && self.shape.rows == RowForm::Single,
            places: Places::Lines,
        }
    }

    /// The whole dump as it is, to learn from it.
    #[must_use]
    pub fn task_without_transforms(&self) -> Task {
        let shape = Shape { transforms: None, ..(*self.shape).clone() };
        Task { shape: Arc::new(shape), ..self.task(Sequence::FIRST) }
    }
}

/// What the writer's loop keeps to, whatever it writes.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The name of what is read, for people.
    pub source_name: String,
    /// The configuration, part by part.
    pub parts: BTreeMap<String, String>,
    /// Changes in a batch.
    pub batch_size: usize,
    /// How many errors are allowed.
    pub max_errors: u64,
    /// How fast changes may be written.
    pub max_rate: Rates,
    /// The file that gets a copy of the checkpoint in Redis.
    pub mirror: Option<PathBuf>,
    /// Rows go to Redis one by one, which may be said.
    pub suggests_packs: bool,
    /// How messages tell places.
    pub places: Places,
}

/// Where changes go.
#[derive(Debug, Clone)]
pub enum Destination {
    /// Redis.
    Redis(Box<RedisTarget>),
    /// A PostgreSQL database.
    Replica(Box<ReplicaTarget>),
    /// A file of JSON lines.
    File(PathBuf),
    /// Standard output, as JSON lines.
    Stdout,
    /// Nowhere.
    Nowhere,
}

/// What to do with rows that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejects {
    /// The file for them. Without a file, the first such row ends the run.
    pub file: Option<PathBuf>,
    /// How many of them are allowed.
    pub most: u64,
}

/// How to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The file to which the checkpoint is also written.
    pub write: Option<PathBuf>,
    /// The checkpoint file to resume from, which must exist.
    pub from: Option<PathBuf>,
    /// Delete the entries of an earlier run, and start over.
    pub restart: bool,
    /// The same, but only once for each token.
    pub restart_once: Option<String>,
}

/// How fast changes may be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// The most changes per second.
    pub changes: Option<u64>,
    /// The most bytes of changes per second.
    pub bytes: Option<u64>,
}

/// A database to fill from what lies in Redis.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Where the changes are.
    pub redis: RedisTarget,
    /// Where they go.
    pub replica: ReplicaTarget,
    /// What to do with what PostgreSQL refuses.
    pub rejects: Rejects,
    /// To whom the database is handed over, if to anybody.
    pub hand_over: Option<HandOver>,
}

/// To whom the database is handed over.
#[derive(Debug, Clone)]
pub struct HandOver {
    /// The change stream.
    pub stream: ChangeStream,
    /// How long to wait for a translicator.
    pub patience: Duration,
    /// Go on where it cannot be known whether one waits.
    pub unseen: bool,
}
