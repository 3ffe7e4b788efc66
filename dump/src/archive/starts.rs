//! Where entries begin in the text of an archive, so that a later reading can begin there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Where an entry begins in the text of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryStart {
    /// The number of the entry.
    pub id: i32,
    /// Offset of the first byte that its text has.
    pub offset: u64,
}

/// The places that a text has passed, shared by who makes it and who reads it.
#[derive(Debug, Clone, Default)]
pub struct EntryStarts(Arc<Mutex<VecDeque<EntryStart>>>);

impl EntryStarts {
    pub(super) fn push(&self, place: EntryStart) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(place);
    }

    /// The last place at or before this offset of the text. Those before it are forgotten, so offsets of successive
    /// calls must grow.
    #[must_use]
    pub fn before(&self, offset: u64) -> Option<EntryStart> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while places.get(1).is_some_and(|next| next.offset <= offset) {
            places.pop_front();
        }
        places.front().filter(|place| place.offset <= offset).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_before_an_offset() {
        let places = EntryStarts::default();
        assert_eq!(places.before(5), None);
        let all = [(7, 10), (3, 20), (9, 20), (4, 35)].map(|(id, offset)| EntryStart { id, offset });
        all.iter().for_each(|place| places.push(place.clone()));
        let entry = |offset| places.before(offset).map(|start| start.id);
        assert_eq!(
            [9, 10, 19, 20, 34, 35, 1000].map(entry),
            [None, Some(7), Some(7), Some(9), Some(9), Some(4), Some(4)]
        );
    }
}
