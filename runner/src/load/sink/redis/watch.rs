//! Periodic work beside the batches: renewing the lease, and reading Redis' memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kvbuffer::{Buffer, ErrorKind, Ranges, Sequence};
use tokio::task::JoinHandle;

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
    next: AtomicU64,
    above: AtomicBool,
    looked: AtomicBool,
}

impl Watch {
    pub(super) fn start(
        buffer: Buffer,
        target: &RedisTarget,
        token: &str,
        next: Sequence,
        progress: Arc<Progress>,
    ) -> Self {
        let shared = Arc::new(Shared {
            next: AtomicU64::new(next.get()),
            above: AtomicBool::new(false),
            looked: AtomicBool::new(false),
        });
        let run = Watching {
            target: target.clone(),
            token: token.to_owned(),
            shared: Arc::clone(&shared),
            progress,
        };
        Self { shared, task: tokio::spawn(run.watch(buffer)) }
    }

    /// Every change before `next` is durable.
    pub(super) fn reached(&self, next: Sequence) {
        self.shared.next.store(next.get(), Ordering::Relaxed);
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
}

impl Watching {
    /// This task ignores errors: the writer meets them too, and handles them.
    async fn watch(self, mut buffer: Buffer) {
        let mut renew = tokio::time::interval(RENEW);
        let mut look = tokio::time::interval(LOOK);
        renew.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = renew.tick() => self.renew(&buffer).await,
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

    async fn renew(&self, buffer: &Buffer) -> Result<(), kvbuffer::Error> {
        let Some(next) = Sequence::new(self.shared.next.load(Ordering::Relaxed)) else { return Ok(()) };
        let renewed = Ranges::new(buffer.clone()).renew(&self.target.run, &self.token, next, LEASE).await;
        match renewed {
            // A full Redis accepts no entry, but it accepts a time to live: the set must not expire while the run
            // waits.
            Err(error) if *error.kind() == ErrorKind::OutOfMemory => {
                buffer.touch(&self.target.run).await.map(|_| ())
            }
            renewed => renewed,
        }
    }

    async fn look(&self, buffer: &Buffer) -> Result<(), kvbuffer::Error> {
        let memory = buffer.memory().await?;
        self.progress.redis_memory(memory.used, memory.max);
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
