//! The way to Redis: connects, and tries again while a failure may pass.

use kvbuffer::{Buffer, ErrorKind};

use super::failure::{passing, redis};
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::progress::Progress;
use crate::load::sink::target::RedisTarget;
use source::retry::Backoff;

/// How to reach Redis, and who is told while it is away.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// Redis.
    pub target: &'a RedisTarget,
    /// Shows people that the run waits.
    pub progress: &'a Progress,
    /// Ends the waiting after a signal.
    pub stop: &'a Stop,
}

impl Way<'_> {
    /// Connects, and retries while the failure may pass.
    ///
    /// # Errors
    /// As for [`Way::retry`].
    pub async fn connect(&self) -> Result<Buffer, Error> {
        let connect =
            || Buffer::connect(self.target.connect.clone(), self.target.keys.clone(), self.target.ttl);
        self.again("connect to Redis", async || connect().await).await
    }

    /// Retries on a new connection while the failure may pass. A lost connection stays lost.
    ///
    /// # Errors
    /// Errors that stop the run for good; failures that may pass, after the time that the configuration allows.
    pub async fn retry<T>(
        &self,
        buffer: &mut Buffer,
        action: &str,
        attempt: impl AsyncFn(&Buffer) -> Result<T, kvbuffer::Error>,
    ) -> Result<T, Error> {
        let mut failed = false;
        self.again(action, async || {
            if std::mem::replace(&mut failed, true) {
                *buffer = buffer.reconnect().await?;
            }
            attempt(buffer).await
        })
        .await
    }

    /// Retries while the failure may pass.
    async fn again<T>(
        &self,
        action: &str,
        mut attempt: impl AsyncFnMut() -> Result<T, kvbuffer::Error>,
    ) -> Result<T, Error> {
        let mut backoff = Backoff::default();
        loop {
            let result = tokio::select! {
                result = attempt() => result,
                signal = self.stop.wait() => return Err(Error::Stopped(signal)),
            };
            let error = match result {
                Ok(value) => {
                    self.progress.going_on();
                    return Ok(value);
                }
                Err(error) => error,
            };
            let error = passing(error, self.target, action)?;
            let full = *error.kind() == ErrorKind::OutOfMemory;
            let allowed = if full { self.target.full } else { self.target.retry };
            let waited = backoff.elapsed().as_secs();
            if backoff.is_over(allowed) {
                return Err(if full {
                    Error::Full { waited }
                } else {
                    redis(format!("{action}, tried for {waited} s"), error)
                });
            }
            let error = crate::base::error::chain(&error);
            self.progress.waiting(format!("{action}: {error}; retrying for up to {} s", allowed.as_secs()));
            self.progress.retried();
            self.stop.sleep(backoff.pause()).await?;
        }
    }
}
