//! Batches in flight, and their acknowledgements.
//!
//! ```text
//! send ─▶ [batch][batch][batch] ─▶ Redis ─▶ next_ack: Durable
//!            at most `in_flight`, one connection, in order
//!
//! an error ─▶ all that was not acknowledged is kept ─▶ resume: ask Redis what arrived, send the rest again
//! ```
//!
//! Each batch names the sequence that the previous batch left behind. So if one fails, it breaks the chain for the
//! ones after it: none of them moves the checkpoint over a hole.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use redis::{RedisError, Value};

use super::commit::{Author, Commit};
use super::{Batch, Buffer};
use crate::error::{Error, ErrorKind};
use crate::position::Sequence;

/// Writes the batches of one run, several at a time, in order.
///
/// `T` is data of the caller, which is returned when a batch is durable.
///
/// # Guarantees
///
/// - What [`Writer::next_ack`] returns as [`Durable`] is in Redis together with its checkpoint, and so is
///   everything sent before it.
/// - After an error nothing more is sent until [`Writer::resume`]; no batch is lost or acknowledged out of order.
/// - Memory: that of the batches in flight (each once for re-sending, and once more while it is on its way).
///
/// # Assumptions
///
/// - The run is registered and the token is that of its lease (see [`crate::Ranges::acquire`]).
pub struct Writer<T> {
    buffer: Buffer,
    run: String,
    token: String,
    publish: bool,
    /// The run's sequence that the next batch expects.
    next: Sequence,
    limit: usize,
    flying: VecDeque<Flight<T>>,
    durable: VecDeque<Durable<T>>,
    error: Option<Error>,
    /// Not empty only while stopped: then no batch is in flight.
    waiting: VecDeque<Sent<T>>,
    stopped: bool,
}

/// A batch that is in Redis, together with everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable<T> {
    /// The next sequence: everything before it is in Redis, unless it was left out.
    pub next: Sequence,
    /// The data that the caller sent with it.
    pub tag: T,
}

/// A batch whose result is unknown or a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacknowledged<T> {
    /// Its first and last sequence; `None` for an empty batch.
    pub range: Option<(Sequence, Sequence)>,
    /// How many members it has.
    pub members: usize,
    /// The sequence after it.
    pub next: Sequence,
    /// The data that the caller sent with it.
    pub tag: T,
}

/// The writer has stopped at an error, which [`Writer::next_ack`] returns. The batch is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the writer stopped at an earlier error")]
pub struct Stopped;

struct Sent<T> {
    commit: Arc<Commit>,
    tag: T,
}

struct Flight<T> {
    sent: Sent<T>,
    reply: BoxFuture<'static, Result<Vec<Value>, RedisError>>,
}

/// More batches do not make Redis faster. This many stay below the size of the connection's queue, so the first poll
/// of a request sends it.
const MOST_IN_FLIGHT: usize = 32;

impl<T> Writer<T> {
    /// A writer for `run` that continues at `next`, with 1 to 32 batches in flight.
    pub fn new(buffer: Buffer, run: &str, token: &str, next: Sequence, in_flight: usize) -> Self {
        Self {
            buffer,
            run: run.to_owned(),
            token: token.to_owned(),
            publish: false,
            next,
            limit: in_flight.clamp(1, MOST_IN_FLIGHT),
            flying: VecDeque::new(),
            durable: VecDeque::new(),
            error: None,
            waiting: VecDeque::new(),
            stopped: false,
        }
    }

    /// Also publishes every member on the channel: at least once, and again if a batch is sent again.
    pub fn publish(mut self, publish: bool) -> Self {
        self.publish = publish;
        self
    }

    /// Waits until another batch can be sent at once.
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn ready(&mut self) {
        while self.flying.len() >= self.limit && !self.stopped {
            self.record_oldest().await;
        }
    }

    /// Sends a batch with the checkpoint that is valid after it. Waits only while as many batches are in flight as
    /// allowed.
    ///
    /// `next` is the sequence after the batch. There may be holes between and after its members.
    ///
    /// Cancel safe only after [`Writer::ready`]: a future dropped while it waits drops its batch.
    ///
    /// # Errors
    ///
    /// [`Stopped`] after an error: the batch is kept with the others, which [`Writer::resume`] sends.
    pub async fn send(
        &mut self,
        batch: Batch,
        checkpoint: Vec<u8>,
        next: Sequence,
        tag: T,
    ) -> Result<(), Stopped> {
        debug_assert!(
            batch.last().is_none_or(|last| last < next),
            "the batch must end before the next sequence"
        );
        self.ready().await;
        let author = Author { run: &self.run, token: &self.token, publish: self.publish };
        let commit = Commit::new(&self.buffer, &author, batch, &checkpoint, (self.next, next));
        self.next = next;
        let sent = Sent { commit: Arc::new(commit), tag };
        if self.stopped {
            self.waiting.push_back(sent);
            return Err(Stopped);
        }
        self.launch(sent);
        Ok(())
    }

    /// Waits for the oldest batch; `None` when nothing is in flight.
    ///
    /// Cancel safe: dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// The first error, once. All acknowledgements before it have already been returned.
    pub async fn next_ack(&mut self) -> Option<Result<Durable<T>, Error>> {
        loop {
            if let Some(durable) = self.durable.pop_front() {
                return Some(Ok(durable));
            }
            if let Some(error) = self.error.take() {
                return Some(Err(error));
            }
            if self.flying.is_empty() {
                return None;
            }
            self.record_oldest().await;
        }
    }

    /// How many batches are sent and not yet answered.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    /// Whether [`Writer::next_ack`] has nothing to return, now or later: nothing in flight, nothing kept, no error.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.durable.is_empty() && self.waiting.is_empty() && self.error.is_none()
    }

    /// Whether an error has stopped the writer.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The sequence that the next batch continues.
    pub fn next(&self) -> Sequence {
        self.next
    }

    /// Continues after an error, on this connection or a new one: asks Redis how far the run has come, treats the
    /// batches that have arrived as durable, and sends the rest again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LeaseLost`] and [`ErrorKind::CheckpointConflict`] if the run is no longer as this writer left it:
    /// then nothing is sent. After any error the writer stays stopped and keeps its batches.
    pub async fn resume(&mut self, buffer: Buffer) -> Result<(), Error> {
        const ACTION: &str = "resume writing";
        self.stop();
        let expected = self.waiting.front().map_or(self.next, |sent| sent.commit.expected);
        let conflict = |found| ErrorKind::CheckpointConflict { expected: expected.get(), found };
        let state = super::run::load_run(&buffer, &self.run)
            .await?
            .ok_or_else(|| buffer.error(ACTION, conflict(None)))?;
        if state.token.as_deref() != Some(&self.token) {
            return Err(buffer.error(ACTION, ErrorKind::LeaseLost));
        }
        let found = state.sequence.ok_or_else(|| buffer.error(ACTION, conflict(None)))?;
        let arrived = self.arrived(found).ok_or_else(|| buffer.error(ACTION, conflict(Some(found.get()))))?;
        for sent in self.waiting.drain(..arrived) {
            self.durable.push_back(Durable { next: sent.commit.next, tag: sent.tag });
        }
        self.buffer = buffer;
        self.stopped = false;
        self.error = None;
        for sent in std::mem::take(&mut self.waiting) {
            self.launch(sent);
        }
        Ok(())
    }

    /// The batches that have not been acknowledged, oldest first.
    pub fn into_unacknowledged(mut self) -> Vec<Unacknowledged<T>> {
        self.stop();
        let fate = |Sent { commit, tag }| Unacknowledged {
            range: commit.range(),
            members: commit.members(),
            next: commit.next,
            tag,
        };
        self.waiting.into_iter().map(fate).collect()
    }

    /// How many of the waiting batches have arrived, if the run's sequence is `found`; `None` if `found` is not a
    /// sequence of the chain.
    fn arrived(&self, found: Sequence) -> Option<usize> {
        let start = self.waiting.front().map_or(self.next, |sent| sent.commit.expected);
        if start == found {
            return Some(0);
        }
        self.waiting.iter().position(|sent| sent.commit.next == found).map(|index| index + 1)
    }

    /// Sends a batch after those before it: the first poll passes it to the connection's queue.
    fn launch(&mut self, sent: Sent<T>) {
        let (commit, buffer) = (Arc::clone(&sent.commit), self.buffer.clone());
        // Without tokio's budget, which could delay the first poll, and so change the order.
        let mut reply = tokio::task::unconstrained(async move { commit.send(&buffer).await }).boxed();
        if let Some(early) = (&mut reply).now_or_never() {
            reply = future::ready(early).boxed();
        }
        self.flying.push_back(Flight { sent, reply });
    }

    /// Waits for the oldest batch and records its result. The batch stays in front while it is waited for.
    async fn record_oldest(&mut self) {
        let Some(front) = self.flying.front_mut() else { return };
        let reply = (&mut front.reply).await;
        let Some(Flight { sent, .. }) = self.flying.pop_front() else { return };
        match sent.commit.verdict(&self.buffer, reply) {
            Ok(()) => self.durable.push_back(Durable { next: sent.commit.next, tag: sent.tag }),
            Err(error) => {
                self.waiting.push_back(sent);
                self.error = Some(error);
                self.stop();
            }
        }
    }

    /// Stops waiting for answers: the batches on their way may arrive or not.
    fn stop(&mut self) {
        self.stopped = true;
        self.waiting.extend(self.flying.drain(..).map(|flight| flight.sent));
    }
}

impl<T> std::fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("run", &self.run)
            .field("next", &self.next)
            .field("in_flight", &self.flying.len())
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}
