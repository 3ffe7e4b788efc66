//! Blocking work that a signal can interrupt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::stop::Stop;

/// Runs blocking work on its own thread. After a signal this returns at once; the flag tells the work to end.
///
/// # Errors
/// The error of the work; [`Error::Stopped`] after a signal.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, Error> + Send + 'static,
    stop: &Stop,
) -> Result<T, Error> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let working = tokio::task::spawn_blocking(move || work(&flag));
    tokio::select! {
        done = working => done.unwrap_or_else(|error| Err(Error::Internal(error.to_string()))),
        signal = stop.wait() => {
            stopped.store(true, Ordering::Relaxed);
            Err(Error::Stopped(signal))
        }
    }
}
