//! How long failures that may pass are borne.

use std::sync::Arc;
use std::time::Duration;

use source::retry::Backoff;

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::progress::Progress;
use crate::load::sink::target::ReplicaTarget;

/// The failures in a row, and how many more there may be.
pub struct Retries {
    allowed: Duration,
    failing: Option<Backoff>,
    progress: Arc<Progress>,
    stop: Stop,
}

impl Retries {
    /// As the target says.
    #[must_use]
    pub fn new(target: &ReplicaTarget, progress: Arc<Progress>, stop: Stop) -> Self {
        Self { allowed: target.retry, failing: None, progress, stop }
    }

    /// For another session of the same run.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            allowed: self.allowed,
            failing: None,
            progress: Arc::clone(&self.progress),
            stop: self.stop.clone(),
        }
    }

    /// Waits, if another try may help.
    ///
    /// # Errors
    /// [`Error::Replica`] if it may not, or if it has lasted too long; [`Error::Stopped`].
    pub async fn failed(&mut self, error: replica::Error, action: &str) -> Result<(), Error> {
        let failing = self.failing.get_or_insert_default();
        let over = failing.is_over(self.allowed);
        if !error.is_retryable() || over {
            let context = match error.is_retryable() {
                true => format!("{action}, tried for {} s", failing.elapsed().as_secs()),
                false => action.to_owned(),
            };
            return Err(Error::Replica { context, error: Box::new(error) });
        }
        tracing::warn!(error = %crate::base::error::chain(&error), "the replica failed, retrying");
        self.progress.waiting("the replica cannot be reached");
        self.progress.retried();
        let pause = failing.pause();
        self.stop.sleep(pause).await
    }

    /// It has worked.
    pub fn going_on(&mut self) {
        if self.failing.take().is_some() {
            self.progress.going_on();
        }
    }
}
