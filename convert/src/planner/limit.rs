//! What the positions must stay below.

use kvbuffer::Sequence;

use crate::error::RangeError;

/// What the positions must stay below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Every score must be less than this.
    pub score: i64,
    /// The error that a higher one is.
    pub kind: LimitKind,
}

/// What sets a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKind {
    /// The snapshot LSN.
    Snapshot(String),
    /// Something that lies in the set: described, with advice.
    Occupied(String, &'static str),
}

impl Limit {
    /// The error that sequence `sequence` is when it reaches this limit.
    #[must_use]
    pub fn error(&self, what: &str, first: Sequence, sequence: Sequence) -> RangeError {
        match &self.kind {
            LimitKind::Snapshot(lsn) => RangeError::SnapshotLsn {
                what: what.to_owned(),
                sequence: sequence.get(),
                score: sequence.score().get(),
                lsn: lsn.clone(),
                limit: self.score,
            },
            LimitKind::Occupied(other, advice) => {
                RangeError::Occupied { first: first.get(), other: other.clone(), limit: self.score, advice }
            }
        }
    }
}
