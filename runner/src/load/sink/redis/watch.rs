//! Periodic work beside the batches: renewing the lease, reading Redis' memory, and looking whether the server is still the
//! same and has what it has acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kvbuffer::{Buffer, ErrorKind, Ranges, Sequence};
use tokio::task::JoinHandle;

use super::failure::{counted, evicts};
use super::forecast::{Forecast, Lack};
use crate::base::error::Error;
use crate::load::checkpoint::Checkpoint;
use crate::load::progress::Progress;
use crate::load::sink::target::{HighWater, RedisTarget};

/// How long the lease lasts if it is not renewed.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(4);
/// How often Redis' memory is read.
const LOOK: Duration = Duration::from_millis(500);

/// A task beside the writer, with its own connection. It ends when this value is dropped.
pub(super) struct Watch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    durable: Mutex<Durable>,
    above: AtomicBool,
    looked: AtomicBool,
    damage: Mutex<Option<Error>>,
    /// What the server that is written to calls itself.
    server: Mutex<Option<String>>,
    moved: AtomicBool,
}

/// What Redis has acknowledged: the entries from the first number to before the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Durable {
    first: Sequence,
    next: Sequence,
    members: u64,
}

impl Durable {
    /// Nothing yet, of a run that continues at `next`: how many entries are before that is not known.
    pub(super) fn at(next: Sequence) -> Self {
        Self { first: next, next, members: 0 }
    }

    /// What the checkpoint says.
    pub(super) fn of(checkpoint: &Checkpoint) -> Self {
        Self { first: checkpoint.first, next: checkpoint.next, members: checkpoint.members() }
    }
}

impl Watch {
    pub(super) fn start(
        buffer: Buffer,
        target: &RedisTarget,
        token: &str,
        durable: Durable,
        progress: Arc<Progress>,
    ) -> Self {
        let shared = Arc::new(Shared {
            durable: Mutex::new(durable),
            above: AtomicBool::new(false),
            looked: AtomicBool::new(false),
            damage: Mutex::default(),
            server: Mutex::default(),
            moved: AtomicBool::new(false),
        });
        let run = Watching {
            target: target.clone(),
            token: token.to_owned(),
            shared: Arc::clone(&shared),
            progress,
            forecast: Forecast::default(),
        };
        Self { shared, task: tokio::spawn(run.watch(buffer)) }
    }

    /// Redis has acknowledged this.
    pub(super) fn reached(&self, durable: Durable) {
        *self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner) = durable;
    }

    /// Something else has changed the set, or Redis may drop it: the run is to end.
    ///
    /// # Errors
    /// That, once.
    pub(super) fn damage(&self) -> Result<(), Error> {
        let damage = self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner).take();
        damage.map_or(Ok(()), Err)
    }

    /// Whether another server answers now than the one that is written to. This happens without an error if the old one
    /// goes on answering on its connections.
    pub(super) fn has_moved(&self) -> bool {
        self.shared.moved.load(Ordering::Relaxed)
    }

    /// The writer is connected to this server now.
    pub(super) fn writes_to(&self, server: Option<String>) {
        *self.shared.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
        self.shared.moved.store(false, Ordering::Relaxed);
    }

    /// Whether the memory was read yet. Before that it is not known on which side of the mark it is.
    pub(super) fn has_looked(&self) -> bool {
        self.shared.looked.load(Ordering::Relaxed)
    }

    pub(super) fn above_high_water(&self) -> bool {
        self.shared.above.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watching {
    target: RedisTarget,
    token: String,
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    forecast: Forecast,
}

impl Watching {
    /// This task ignores errors: the writer meets them too, and handles them.
    async fn watch(mut self, mut buffer: Buffer) {
        // It is the writer's connection still.
        if let Ok(server) = buffer.server().await {
            *self.shared.server.lock().unwrap_or_else(PoisonError::into_inner) = server.id;
        }
        let mut renew = tokio::time::interval(RENEW);
        let mut look = tokio::time::interval(LOOK);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = renew.tick() => self.renew(&mut buffer).await,
                _ = look.tick() => self.look(&buffer).await,
            };
            if let Err(error) = done
                && error.is_retryable()
                && let Ok(fresh) = buffer.reconnect().await
            {
                buffer = fresh;
            }
        }
    }

    async fn renew(&self, buffer: &mut Buffer) -> Result<(), kvbuffer::Error> {
        let durable = *self.shared.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let ranges = Ranges::new(buffer.clone());
        match ranges.renew(&self.target.run, &self.token, durable.next, LEASE).await {
            // A full Redis accepts no entry, but it accepts a time to live: the set must not expire while the run
            // waits.
            Err(error) if *error.kind() == ErrorKind::OutOfMemory => {
                buffer.touch(&self.target.run).await.map(|_| ())
            }
            Ok(()) => {
                self.find_server(buffer).await?;
                self.compare(buffer, durable).await
            }
            Err(error) => Err(error),
        }
    }

    /// Connects anew, as the writer would after an error: to the server that is the right one now.
    async fn find_server(&self, buffer: &mut Buffer) -> Result<(), kvbuffer::Error> {
        *buffer = buffer.reconnect().await?;
        let found = buffer.server().await?.id;
        let known = self.shared.server.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() && found.is_some() && *known != found {
            self.shared.moved.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether Redis still has what it has acknowledged. Nothing else would tell before the end of the run.
    async fn compare(&self, buffer: &Buffer, durable: Durable) -> Result<(), kvbuffer::Error> {
        let Durable { first, next, members } = durable;
        let found = entries(buffer, first, next).await?;
        if found == members {
            return Ok(());
        }
        // If Redis went back to an earlier state, the next batch tells: the run goes back with it.
        let state = Ranges::new(buffer.clone()).load_run(&self.target.run).await?;
        if state.and_then(|state| state.sequence).is_some_and(|sequence| sequence >= next) {
            self.tell(counted(first, next, found, members));
        }
        Ok(())
    }

    fn tell(&self, damage: Error) {
        *self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(damage);
    }

    async fn look(&mut self, buffer: &Buffer) -> Result<(), kvbuffer::Error> {
        let memory = buffer.memory().await?;
        self.progress.redis_memory(memory.used, memory.max);
        let (read, total) = self.progress.bytes();
        if let Some(Lack { needed, free }) = self.forecast.look(read, total, memory.used, memory.max) {
            tracing::warn!(
                needed,
                free,
                "Redis will be full before the dump ends, by what its beginning took: raise maxmemory"
            );
        }
        if let Some(refusal) = evicts(buffer, &self.target, &memory) {
            self.tell(refusal);
        }
        let above = match (self.target.high_water, memory.max) {
            (Some(HighWater::Bytes(bytes)), _) => memory.used > bytes,
            (Some(HighWater::Share(share)), Some(max)) => memory.used as f64 > max as f64 * share,
            (Some(HighWater::Share(_)), None) | (None, _) => false,
        };
        self.shared.above.store(above, Ordering::Relaxed);
        self.shared.looked.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// How many entries Redis has from the first number to before the next one.
pub(super) async fn entries(
    buffer: &Buffer,
    first: Sequence,
    next: Sequence,
) -> Result<u64, kvbuffer::Error> {
    match next.checked_sub(1).filter(|end| *end >= first) {
        Some(end) => buffer.count(first.score()..=end.score()).await,
        None => Ok(0),
    }
}
