//! How places are told. Pure.

use kvbuffer::{Position, Sequence};

/// What is counted where rows and statements come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// Lines of a dump.
    Lines,
    /// Changes in Redis, by their numbers.
    Changes,
}

impl Places {
    /// Where a block of rows begins.
    pub(super) fn rows(self, line: u64) -> String {
        match self {
            Self::Lines => format!("line {line}"),
            Self::Changes => change(line),
        }
    }

    /// A statement before this line, or change.
    pub(super) fn statement(self, end: u64) -> String {
        match self {
            Self::Lines => format!("before line {}", end + 1),
            Self::Changes => change(end.saturating_sub(1)),
        }
    }
}

fn change(number: u64) -> String {
    let position = Sequence::new(number).map(Position::Bootstrap);
    format!("change {}", position.map_or_else(|| number.to_string(), |position| position.to_string()))
}
