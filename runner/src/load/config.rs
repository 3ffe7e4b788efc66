//! What is to be loaded, from where and to where: the command line, checked.

use std::path::PathBuf;
use std::sync::Arc;

use kvbuffer::{Lsn, Sequence};

use super::change_stream::ChangeStream;
use super::sink::target::RedisTarget;
use convert::shape::Shape;
use source::Location;

/// A load.
#[derive(Debug, Clone)]
pub struct Config {
    /// The dump.
    pub location: Location,
    /// What the positions must stay below.
    pub snapshot_lsn: Option<Lsn>,
    /// Where the changes go.
    pub target: Target,
    /// What shapes the changes.
    pub shape: Arc<Shape>,
    /// The first sequence, where it was asked for.
    pub first: Option<Sequence>,
    /// Sequences to leave free behind another run.
    pub gap: u64,
    /// Rows that cannot be loaded.
    pub rejects: Rejects,
    /// The checkpoint's files, and whether it counts.
    pub resume: Resume,
    /// Changes in a batch.
    pub batch_size: usize,
    /// Threads that convert.
    pub workers: usize,
    /// Changes a second, at most.
    pub max_rate: Option<u64>,
    /// The change stream that is told.
    pub change_stream: Option<ChangeStream>,
    /// What looks personal must have an entry in the transform configuration.
    pub require_decision: bool,
}

/// Where changes go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Redis.
    Redis(Box<RedisTarget>),
    /// A file of JSON lines.
    File(PathBuf),
    /// Standard output, as JSON lines.
    Stdout,
    /// Nowhere.
    Nowhere,
}

/// What becomes of rows that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejects {
    /// Where they go; without it the first one ends the run.
    pub file: Option<PathBuf>,
    /// How many are too many.
    pub most: u64,
}

/// How to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The checkpoint is written here too.
    pub write: Option<PathBuf>,
    /// This checkpoint must be there.
    pub from: Option<PathBuf>,
    /// Delete what is there, and start over.
    pub restart: bool,
    /// The same, unless the run was begun with this word already.
    pub restart_once: Option<String>,
}
