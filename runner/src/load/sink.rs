//! Destinations of changes: Redis, a file of JSON lines, or nowhere.

use std::ops::Range;

use kvbuffer::Sequence;

use crate::base::error::Error;
use crate::load::checkpoint::Checkpoint;
use convert::render::members::Rendered;

pub mod file;
pub mod null;
pub mod redis;
pub mod target;

/// A destination of changes.
///
/// Changes are pushed, and then [flushed](Sink::flush) as a batch, with the checkpoint that is valid after it. Only
/// batches that [`Sink::durable`] returns are safe.
pub enum Sink {
    /// Redis.
    Redis(Box<redis::RedisSink>),
    /// A file, or standard output.
    File(Box<file::FileSink>),
    /// Nowhere.
    Null(null::NullSink),
}

impl Sink {
    /// Adds members `range` of `rendered`, which are numbered from `first`, to the batch.
    pub fn push(&mut self, first: Sequence, rendered: &Rendered, range: Range<usize>) {
        match self {
            Self::Redis(sink) => sink.push(first, rendered, range),
            Self::File(sink) => sink.push(rendered, range),
            Self::Null(_) => {}
        }
    }

    /// Sends the batch. Waits while as many batches are in flight as allowed.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn flush(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        match self {
            Self::Redis(sink) => sink.flush(checkpoint).await,
            Self::File(sink) => sink.flush(checkpoint).await,
            Self::Null(sink) => {
                sink.flush(checkpoint);
                Ok(())
            }
        }
    }

    /// Waits until the oldest batch is durable and returns its checkpoint; `None` if no batch is in flight.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn durable(&mut self) -> Result<Option<Checkpoint>, Error> {
        match self {
            Self::Redis(sink) => sink.durable().await,
            Self::File(sink) => Ok(sink.durable()),
            Self::Null(sink) => Ok(sink.durable()),
        }
    }

    /// Whether the destination is still as this run made it, as far as it is known.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn look(&mut self) -> Result<(), Error> {
        match self {
            Self::Redis(sink) => sink.look().await,
            Self::File(_) | Self::Null(_) => Ok(()),
        }
    }

    /// Whether anything is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Redis(sink) => sink.is_idle(),
            Self::File(sink) => sink.is_idle(),
            Self::Null(sink) => sink.is_idle(),
        }
    }

    /// After everything is durable: verifies and closes the run.
    ///
    /// # Errors
    /// [`Error::Verification`], and errors that stop the run for good.
    pub async fn finish(&mut self, last: &Checkpoint) -> Result<(), Error> {
        match self {
            Self::Redis(sink) => sink.finish(last).await,
            Self::File(sink) => sink.finish(last).await,
            Self::Null(_) => Ok(()),
        }
    }

    /// Removes the run's registration, because it has written nothing.
    pub async fn forget(&mut self) {
        if let Self::Redis(sink) = self {
            sink.forget().await;
        }
    }

    /// Releases the run's exclusive lock, so that the next attempt does not have to wait for it to expire.
    pub async fn release(&mut self) {
        if let Self::Redis(sink) = self {
            sink.release().await;
        }
    }
}
