//! A limit, in bytes, on the data between two stages.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The bytes that may be between the stages at the same time.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    freed: Condvar,
    total: usize,
}

#[derive(Debug)]
struct State {
    free: usize,
    closed: bool,
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Inner>,
    bytes: usize,
}

impl Budget {
    /// A budget of `total` bytes.
    #[must_use]
    pub fn new(total: usize) -> Self {
        let state = Mutex::new(State { free: total, closed: false });
        Self(Arc::new(Inner { state, freed: Condvar::new(), total }))
    }

    /// Waits until `bytes` are free. A request that is larger than the whole budget waits for all of it, and so
    /// passes alone. `None` after the budget was closed.
    #[must_use]
    pub fn take(&self, bytes: usize) -> Option<Share> {
        let bytes = bytes.min(self.0.total);
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.free < bytes && !state.closed {
            state = self.0.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.free -= bytes;
        Some(Share { budget: Arc::clone(&self.0), bytes })
    }

    /// Ends all waiting, now and later.
    pub fn close(&self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.0.freed.notify_all();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.state.lock().unwrap_or_else(PoisonError::into_inner).free += self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_until_there_is_room() {
        let budget = Budget::new(10);
        let first = budget.take(6);
        let other = budget.clone();
        let waiting = std::thread::spawn(move || other.take(100).map(|share| share.bytes));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.join().unwrap(), Some(10));
        budget.close();
        assert!(budget.take(1).is_none());
    }
}
