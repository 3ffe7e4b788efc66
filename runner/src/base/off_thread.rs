//! Blocking work on other threads. The runtime has only one thread: while a disk syncs or a pipe is full, it must
//! renew the lease, handle signals and serve metrics.

use crate::base::error::Error;

/// Runs the work on a thread for blocking work, and waits for it.
///
/// # Errors
/// The error of the work; [`Error::Internal`] if it panicked.
pub async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}
