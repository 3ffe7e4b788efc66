//! What to read, and from where on.

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
    /// At a point of it, which a checkpoint holds.
    At {
        /// Where the scanner goes on.
        scan: Box<ScanPoint>,
        /// What the planner knows there.
        plan: Box<PlanPoint>,
        /// The next number.
        next: Sequence,
        /// Which dump it was.
        identity: Identity,
    },
}

/// What a pipeline needs.
#[derive(Debug, Clone)]
pub struct Task {
    /// The dump.
    pub location: Location,
    /// What shapes the changes.
    pub shape: Arc<Shape>,
    /// Where to begin.
    pub start: Start,
    /// The number of the dump's first change.
    pub first: Sequence,
    /// What the numbers must stay below.
    pub limit: Option<Limit>,
    /// Threads that convert.
    pub workers: usize,
}
