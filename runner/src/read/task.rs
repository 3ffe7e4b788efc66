//! What to read, and where to begin.

use std::sync::Arc;

use dump::ScanPoint;
use kvbuffer::Sequence;

use crate::base::error::Error;
use convert::form::RowForm;
use convert::planner::{Limit, PlanPoint};
use convert::shape::Shape;
use source::{EntryStart, Identity, Location, Source};

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
        /// Where the entry of an archive begins in which the point lies.
        entry: Option<EntryStart>,
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
    /// Measure the rows in this form too, which nobody writes.
    pub measured: Option<RowForm>,
}

impl Task {
    /// Takes of an archive what the task needs, before anything is read.
    ///
    /// # Errors
    /// [`Error::Usage`] if entries of an archive are asked for and it is none.
    pub fn choose(&self, source: &mut Source) -> Result<(), Error> {
        let selection = &self.shape.selection;
        if selection.by_entries() && !source.is_archive() {
            let name = self.location.name();
            return Err(Error::Usage(format!(
                "--use-list names entries of an archive, and {name} is a script: use --table, --schema or --section"
            )));
        }
        // Offsets in checkpoints of earlier builds are those of the text with all data.
        let whole = matches!(&self.start, Start::At { scan, entry: None, .. } if scan.offset > 0);
        source.choose(selection.of_archive(whole));
        Ok(())
    }
}
