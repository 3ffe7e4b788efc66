//! Work that blocks, away from the runtime's one thread: while a disk syncs or a pipe is full, the lease is renewed, signals
//! are heard and metrics answered.

use crate::base::error::Error;

/// Runs the work on a thread for such work, and waits for it.
///
/// # Errors
/// Those of the work; [`Error::Panic`] when it panicked.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Panic(error.to_string())))
}
