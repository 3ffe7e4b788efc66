//! What to read, and where to begin.

use std::sync::Arc;

use dump::ScanPoint;
use kvbuffer::Sequence;

use convert::planner::{Limit, PlanPoint};
use convert::shape::Shape;
use source::{Identity, Location};

/// Where to begin.
#[derive(Debug, Clone)]
pub enum Start {
    /// At the dump's first byte.
    Fresh,
    /// At a point of it, which a checkpoint contains.
    At {
        /// The position of the scanner.
        scan: Box<ScanPoint>,
        /// The state of the planner there.
        plan: Box<PlanPoint>,
        /// The next number.
        next: Sequence,
        /// The identity of the dump.
        identity: Identity,
    },
}

/// The input of a pipeline.
#[derive(Debug, Clone)]
pub struct Task {
    /// The dump.
    pub location: Location,
    /// The options that shape the changes.
    pub shape: Arc<Shape>,
    /// Where to begin.
    pub start: Start,
    /// The number of the dump's first change.
    pub first: Sequence,
    /// The limit for the numbers.
    pub limit: Option<Limit>,
    /// Threads that convert.
    pub workers: usize,
}
