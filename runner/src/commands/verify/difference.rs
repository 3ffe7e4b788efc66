//! One difference between the contents of Redis and the dump.

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum What {
    /// It is not there.
    Missing {
        /// The score at which it lies instead.
        moved: Option<f64>,
    },
    /// Another one lies in its place.
    Altered,
    /// It should not be there.
    Foreign,
}

/// One difference. Holds names and positions, and no value.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What is wrong.
    pub what: What,
    /// The position of the score where it was seen, or the score where that is no position's.
    pub position: String,
    /// The table of the row, or `SQL text`, or `no change`.
    pub table: String,
    /// More about it; empty where there is no more.
    pub detail: String,
}
