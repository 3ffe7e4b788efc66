//! No destination: for `--dry-run`.

use std::collections::VecDeque;

use crate::load::checkpoint::Checkpoint;

/// Drops everything and reports it as durable.
#[derive(Debug, Default)]
pub struct NullSink {
    done: VecDeque<Checkpoint>,
}

impl NullSink {
    pub(super) fn flush(&mut self, checkpoint: Checkpoint) {
        self.done.push_back(checkpoint);
    }

    pub(super) fn durable(&mut self) -> Option<Checkpoint> {
        self.done.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.done.is_empty()
    }
}
