//! Buffers that the threads use again.

use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that are free.
#[derive(Debug)]
pub struct Spares<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Spares<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Spares<T> {
    /// Keeps a buffer.
    pub fn put(&self, spare: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(spare);
    }

    /// Takes a buffer that was kept.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
