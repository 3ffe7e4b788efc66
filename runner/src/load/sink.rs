//! Destinations of changes: Redis, a PostgreSQL database, a file of JSON lines, or nowhere.

use std::ops::Range;

use kvbuffer::Sequence;

use self::replica::{Aside, Slab};
use crate::base::error::Error;
use crate::load::checkpoint::Checkpoint;
use convert::render::members::Rendered;

pub mod file;
pub mod null;
pub mod places;
pub mod redis;
pub mod replica;
pub mod target;

/// A destination of changes.
///
/// Changes are pushed, and then [flushed](Sink::flush) as a batch, with the checkpoint that is valid after it. Only
/// batches that [`Sink::durable`] returns are safe.
pub enum Sink {
    /// Redis.
    Redis(Box<redis::RedisSink>),
    /// A PostgreSQL database.
    Replica(Box<replica::ReplicaSink>),
    /// A file, or standard output.
    File(Box<file::FileSink>),
    /// Nowhere.
    Null(null::NullSink),
}

impl Sink {
    /// Whether the changes may go into the batch that is being filled; else it is to be flushed before. `slab` says what
    /// rows they are.
    #[must_use]
    pub fn takes(&self, rendered: &Rendered, slab: Option<&Slab<'_>>) -> bool {
        match self {
            Self::Replica(sink) => sink.takes(slab.map(|slab| (slab, rendered))),
            Self::Redis(_) | Self::File(_) | Self::Null(_) => true,
        }
    }

    /// Whether the batch, with so many changes and bytes, is to be flushed.
    #[must_use]
    pub fn is_full(&self, filled: (usize, usize), most: (usize, usize)) -> bool {
        match self {
            Self::Replica(sink) => sink.is_full(),
            Self::Redis(_) | Self::File(_) | Self::Null(_) => filled.0 >= most.0 || filled.1 >= most.1,
        }
    }

    /// Adds members `range` of `rendered`, which are numbered from `first`, to the batch. `slab` says what rows they are.
    ///
    /// # Errors
    /// [`Error::Internal`] for a statement that is not UTF-8.
    pub fn push(
        &mut self,
        first: Sequence,
        rendered: &Rendered,
        range: Range<usize>,
        slab: Option<&Slab<'_>>,
    ) -> Result<(), Error> {
        match self {
            Self::Replica(sink) => match slab {
                Some(slab) => sink.push_rows(number(first, rendered, &range), rendered, slab)?,
                None => sink.push_statements(first.get(), rendered, None)?,
            },
            Self::Redis(sink) => sink.push(first, rendered, range),
            Self::File(sink) => sink.push(rendered, range),
            Self::Null(_) => {}
        }
        Ok(())
    }

    /// Sends the batch. Waits while as many batches are in flight as allowed.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn flush(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        match self {
            Self::Redis(sink) => sink.flush(checkpoint).await,
            Self::Replica(sink) => sink.flush(checkpoint).await,
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
            Self::Replica(sink) => sink.durable().await,
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
            Self::Replica(_) | Self::File(_) | Self::Null(_) => Ok(()),
        }
    }

    /// From now on what the destination refuses is set aside, where it is the destination that refuses.
    pub fn set_aside(&mut self, aside: Aside) {
        if let Self::Replica(sink) = self {
            sink.set_aside(aside);
        }
    }

    /// How many errors the destination has skipped since this process began.
    #[must_use]
    pub fn errors(&self) -> u64 {
        match self {
            Self::Replica(sink) => sink.errors(),
            Self::Redis(_) | Self::File(_) | Self::Null(_) => 0,
        }
    }

    /// Looks after what the destination has refused, if anything.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn tend(&mut self) -> Result<(), Error> {
        match self {
            Self::Replica(sink) => sink.tend().await,
            Self::Redis(_) | Self::File(_) | Self::Null(_) => Ok(()),
        }
    }

    /// Waits until everything that was flushed is done, where it is done in another order.
    ///
    /// # Errors
    /// An error that stops the run for good.
    pub async fn settle(&mut self) -> Result<(), Error> {
        match self {
            Self::Replica(sink) => sink.settle().await,
            Self::Redis(_) | Self::File(_) | Self::Null(_) => Ok(()),
        }
    }

    /// Whether anything is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Redis(sink) => sink.is_idle(),
            Self::Replica(sink) => sink.is_idle(),
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
            Self::Replica(sink) => sink.finish(last).await,
            Self::File(sink) => sink.finish(last).await,
            Self::Null(_) => Ok(()),
        }
    }

    /// Removes the run's registration, because it has written nothing.
    pub async fn forget(&mut self) {
        match self {
            Self::Redis(sink) => sink.forget().await,
            Self::Replica(sink) => sink.forget().await,
            Self::File(_) | Self::Null(_) => {}
        }
    }

    /// Releases the run's exclusive lock, so that the next attempt does not have to wait for it to expire.
    pub async fn release(&mut self) {
        if let Self::Redis(sink) = self {
            sink.release().await;
        }
    }
}

/// The number of the first of these members.
fn number(first: Sequence, rendered: &Rendered, range: &Range<usize>) -> u64 {
    first.get() + rendered.members.get(range.start).map_or(0, |member| u64::from(member.number))
}
