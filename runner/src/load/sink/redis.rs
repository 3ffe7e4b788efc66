//! Redis: the batches in flight, and what to do when it cannot be reached, is full, or loses data.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kvbuffer::{Batch, Buffer, ErrorKind, Ranges, Sequence, Writer};

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::Checkpoint;
use crate::load::progress::Progress;
use crate::load::sink::target::RedisTarget;
use convert::render::members::Rendered;
use failure::{counted, lost, passing, redis};
use source::retry::Backoff;
use watch::{Durable, LEASE, Watch, entries};

pub mod complete;
mod failure;
mod forecast;
pub mod session;
mod watch;
pub mod way;

pub use session::Session;

/// How many batches are in flight at most. Their bytes are limited too.
const IN_FLIGHT: usize = 6;
/// While more bytes than this are in flight, no further batch is sent.
const BYTES_IN_FLIGHT: usize = 6 << 20;

/// So long a call waits for replicas; then it is made again.
const REPLICAS: Duration = Duration::from_secs(1);

/// Writes batches of one run.
pub struct RedisSink {
    target: RedisTarget,
    buffer: Buffer,
    token: String,
    batch: Batch,
    writer: Writer<Sent>,
    bytes_in_flight: usize,
    durable: VecDeque<Checkpoint>,
    failing: Option<Backoff>,
    watch: Watch,
    progress: Arc<Progress>,
    stop: Stop,
}

/// The data that is kept until a batch is acknowledged.
struct Sent {
    checkpoint: Box<Checkpoint>,
    bytes: usize,
}

/// Redis no longer has data that it had acknowledged: the run must go back to the data that is still there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LostData(pub String);

impl RedisSink {
    /// A sink for the run that `session` has begun, and which continues at `next`.
    #[must_use]
    pub fn new(
        session: Session,
        target: &RedisTarget,
        next: Sequence,
        progress: Arc<Progress>,
        stop: Stop,
    ) -> Self {
        let Session { buffer, token, checkpoint, .. } = session;
        // A checkpoint of a file is Redis' own only once it is adopted.
        let known = checkpoint.as_ref().filter(|checkpoint| checkpoint.next == next);
        let durable = known.map_or(Durable::at(next), Durable::of);
        let writer =
            Writer::new(buffer.clone(), &target.run, &token, next, IN_FLIGHT).publish(target.publish);
        let watch = Watch::start(buffer.clone(), target, &token, durable, Arc::clone(&progress));
        Self {
            target: target.clone(),
            batch: Batch::new(buffer.keys()),
            buffer,
            token,
            writer,
            bytes_in_flight: 0,
            durable: VecDeque::new(),
            failing: None,
            watch,
            progress,
            stop,
        }
    }

    /// Writes a checkpoint that does not come from Redis to Redis.
    ///
    /// # Errors
    /// Errors that stop the run for good.
    pub async fn adopt(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        self.flush(checkpoint).await?;
        while self.acknowledged().await?.is_some() {}
        Ok(())
    }

    pub(super) fn push(&mut self, first: Sequence, rendered: &Rendered, range: Range<usize>) {
        for index in range {
            let number = u64::from(rendered.members[index].number);
            if let Some(sequence) = first.checked_add(number) {
                self.batch.push(sequence, rendered.member(index));
            }
        }
    }

    pub(super) async fn flush(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        self.wait_for_room().await?;
        // The next batch is likely to be as large: this avoids copies as it grows.
        let like = Batch::with_capacity(self.buffer.keys(), self.batch.len(), self.batch.bytes());
        let batch = std::mem::replace(&mut self.batch, like);
        let bytes = batch.bytes();
        self.bytes_in_flight += bytes;
        let next = checkpoint.next;
        let sent = Sent { bytes, checkpoint: Box::new(checkpoint) };
        let text = sent.checkpoint.to_bytes();
        // A writer that has stopped keeps the batch, and reports the reason at the next acknowledgement.
        let _ = self.writer.send(batch, text, next, sent).await;
        Ok(())
    }

    async fn wait_for_room(&mut self) -> Result<(), Error> {
        while self.writer.in_flight() >= IN_FLIGHT
            || (self.bytes_in_flight >= BYTES_IN_FLIGHT && self.writer.in_flight() > 0)
            || self.writer.is_stopped()
        {
            let stop = self.stop.clone();
            // A Redis that does not answer must not keep a run from ending.
            let acknowledged = tokio::select! {
                biased;
                acknowledged = self.acknowledged() => acknowledged?,
                signal = stop.wait() => return Err(Error::Stopped(signal)),
            };
            match acknowledged {
                Some(checkpoint) => self.durable.push_back(checkpoint),
                None => break,
            }
        }
        let began = Instant::now();
        let marked = self.target.high_water.is_some();
        while marked && !self.watch.has_looked() && began.elapsed() < self.target.retry {
            self.stop.sleep(Duration::from_millis(5)).await?;
        }
        self.watch.damage()?;
        while self.watch.above_high_water() {
            self.watch.damage()?;
            let waited = began.elapsed();
            if waited > self.target.full {
                return Err(Error::Full { waited: waited.as_secs() });
            }
            self.progress.waiting("Redis is above --memory-high-water");
            self.stop.sleep(Duration::from_millis(200)).await?;
        }
        Ok(())
    }

    pub(super) async fn durable(&mut self) -> Result<Option<Checkpoint>, Error> {
        match self.durable.pop_front() {
            Some(checkpoint) => Ok(Some(checkpoint)),
            None => self.acknowledged().await,
        }
    }

    /// Looks at what the task beside the writer has found.
    pub(super) async fn look(&mut self) -> Result<(), Error> {
        self.watch.damage()?;
        if self.watch.has_moved() {
            tracing::warn!("another server answers at the address of Redis now; writing goes on there");
            self.recover().await?;
            self.failing = None;
        }
        Ok(())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.durable.is_empty() && self.writer.is_idle()
    }

    /// The next acknowledgement. Failures that may pass are retried.
    async fn acknowledged(&mut self) -> Result<Option<Checkpoint>, Error> {
        loop {
            self.look().await?;
            if self.writer.is_stopped() && self.failing.is_some() {
                self.recover().await?;
            }
            match self.writer.next_ack().await {
                None => return Ok(None),
                Some(Ok(durable)) => {
                    self.failing = None;
                    self.progress.going_on();
                    self.bytes_in_flight = self.bytes_in_flight.saturating_sub(durable.tag.bytes);
                    self.watch.reached(Durable::of(&durable.tag.checkpoint));
                    self.progress.redis_took(self.buffer.longest_call());
                    return Ok(Some(*durable.tag.checkpoint));
                }
                Some(Err(error)) => self.failed(error)?,
            }
        }
    }

    /// Records a failure that may pass. Any other failure ends the run.
    fn failed(&mut self, error: kvbuffer::Error) -> Result<(), Error> {
        let error = passing(error, &self.target, "write to Redis")?;
        let first = self.failing.is_none();
        let failing = self.failing.get_or_insert_default();
        let full = *error.kind() == ErrorKind::OutOfMemory;
        let allowed = if full { self.target.full } else { self.target.retry };
        let waited = failing.elapsed();
        if failing.is_over(allowed) {
            return Err(match full {
                true => Error::Full { waited: waited.as_secs() },
                false => redis(format!("write to Redis, tried for {} s", waited.as_secs()), error),
            });
        }
        // One warning for each failure that lasts, however often it is tried.
        let error = crate::base::error::chain(&error);
        match first {
            true => tracing::warn!(%error, "writing failed, retrying"),
            false => tracing::debug!(%error, "writing failed again, retrying"),
        }
        match full {
            true => self.progress.waiting("Redis is full"),
            false => self.progress.waiting("Redis cannot be reached"),
        }
        self.progress.retried();
        Ok(())
    }

    /// Reconnects, and lets the writer send everything that was not acknowledged.
    async fn recover(&mut self) -> Result<(), Error> {
        loop {
            let pause = self.failing.get_or_insert_default().pause();
            self.stop.sleep(pause).await?;
            let attempt = match self.buffer.reconnect().await {
                Ok(buffer) => self.resume(buffer).await,
                Err(error) => Err(error),
            };
            match attempt {
                Ok(()) => return Ok(()),
                Err(error) => self.failed(error)?,
            }
        }
    }

    async fn resume(&mut self, buffer: Buffer) -> Result<(), kvbuffer::Error> {
        self.watch.writes_to(buffer.server().await?.id);
        self.buffer = buffer.clone();
        self.writer.resume(buffer).await
    }

    pub(super) async fn finish(&mut self, last: &Checkpoint) -> Result<(), Error> {
        let (mut backoff, stop) = (Backoff::default(), self.stop.clone());
        loop {
            let closed = tokio::select! {
                biased;
                closed = self.close(last) => closed?,
                signal = stop.wait() => return Err(Error::Stopped(signal)),
            };
            match closed {
                Ok(()) => {
                    self.progress.going_on();
                    self.progress.redis_took(self.buffer.longest_call());
                    return Ok(());
                }
                Err(error) => {
                    let error = passing(error, &self.target, "verify the contents of Redis")?;
                    if backoff.is_over(self.target.retry) {
                        return Err(redis("verify the contents of Redis".to_owned(), error));
                    }
                    self.progress.waiting(crate::base::error::chain(&error));
                    self.progress.retried();
                    self.stop.sleep(backoff.pause()).await?;
                }
            }
        }
    }

    /// Asks the present master, which may be another one than the last batch was sent to, whether it holds the whole run, and
    /// ends the run there. The inner error may pass.
    async fn close(&mut self, last: &Checkpoint) -> Result<Result<(), kvbuffer::Error>, Error> {
        let (expected, first, next) = (last.members(), last.first, last.next);
        let found = async {
            self.buffer = self.buffer.reconnect().await?;
            let state = Ranges::new(self.buffer.clone()).load_run(&self.target.run).await?;
            Ok((state.and_then(|state| state.sequence), entries(&self.buffer, first, next).await?))
        };
        let (sequence, count) = match found.await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if sequence != Some(next) {
            return Err(lost(next.get(), sequence.map(Sequence::get)));
        }
        if count != expected {
            return Err(counted(first, next, count, expected));
        }
        let end = next.checked_sub(1).filter(|end| *end >= first);
        let ranges = Ranges::new(self.buffer.clone());
        if let Err(error) = self.replicated(&ranges, next).await {
            return Ok(Err(error));
        }
        Ok(ranges.finish(&self.target.run, &self.token, end).await)
    }

    /// Waits for as many replicas as the options say.
    async fn replicated(&self, ranges: &Ranges, next: Sequence) -> Result<(), kvbuffer::Error> {
        if self.target.min_replicas == 0 {
            return Ok(());
        }
        // Redis waits for what this connection has written, and that comes behind all the rest. An end that is called again
        // has nothing to renew.
        match ranges.renew(&self.target.run, &self.token, next, LEASE).await {
            Err(error) if *error.kind() != ErrorKind::LeaseLost => return Err(error),
            _ => {}
        }
        self.buffer.expect_replicas(self.target.min_replicas, REPLICAS).await
    }

    pub(super) async fn forget(&mut self) {
        let ranges = Ranges::new(self.buffer.clone());
        let removed = ranges.remove(&self.target.run, &self.token);
        // Best effort: an empty range that stays registered only costs its numbers.
        let _ = tokio::time::timeout(Duration::from_secs(2), removed).await;
    }

    /// Releases the lease.
    pub async fn release(&mut self) {
        let ranges = Ranges::new(self.buffer.clone());
        let released = ranges.release(&self.target.run, &self.token);
        // Best effort: a lease that is not released ends by itself.
        let _ = tokio::time::timeout(Duration::from_secs(2), released).await;
    }
}
