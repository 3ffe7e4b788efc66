//! One difference between the contents of Redis and the dump.

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// It is missing.
    Missing {
        /// The score that it has instead.
        moved: Option<f64>,
    },
    /// Another entry is in its place.
    Altered,
    /// It should not be there.
    Foreign,
}

/// One difference. It contains names and positions, but no value.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What is wrong.
    pub what: What,
    /// The position of the score at which it was found, or the score itself if it belongs to no position.
    pub position: String,
    /// The table of the row, or `SQL text`, or `not a change`.
    pub table: String,
    /// Details; empty if there are none.
    pub detail: String,
}
