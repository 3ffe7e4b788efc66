//! Work that blocks, beside what listens for signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::stop::Stop;

/// Runs what blocks on a thread of its own. A signal does not wait for it; the flag asks it to end.
///
/// # Errors
/// The work's own; [`Error::Stopped`] after a signal.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, Error> + Send + 'static,
    stop: &Stop,
) -> Result<T, Error> {
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let working = tokio::task::spawn_blocking(move || work(&flag));
    tokio::select! {
        done = working => done.unwrap_or_else(|error| Err(Error::Panic(error.to_string()))),
        signal = stop.wait() => {
            stopped.store(true, Ordering::Relaxed);
            Err(Error::Stopped(signal))
        }
    }
}
