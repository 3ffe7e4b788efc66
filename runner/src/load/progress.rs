//! The progress of a run, for people and for Prometheus. Only durable changes count.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::load::checkpoint::Checkpoint;

/// Shared by the writer, which updates it, and by everything that shows it. Never blocks for long.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    details: Mutex<Details>,
    retries: AtomicU64,
    redis_used: AtomicU64,
    redis_max: AtomicU64,
    /// In microseconds.
    redis_longest: AtomicU64,
}

/// The progress at one moment.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Bytes of the file or pipe that were read up to the last durable change.
    pub bytes: u64,
    /// Whether reading has begun. Before that nothing is known, not even how much was loaded earlier.
    pub begun: bool,
    /// The size of the file; unknown for a pipe.
    pub bytes_total: Option<u64>,
    /// Rows of the dump up to the last durable change.
    pub rows: u64,
    /// Changes written.
    pub changes: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Statements and rows left out, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Statements that could not be parsed.
    pub not_understood: u64,
    /// Rows of each table that this process has loaded.
    pub tables: BTreeMap<String, u64>,
    /// The current table.
    pub table: Option<String>,
    /// The position of the last durable change.
    pub lsn: Option<String>,
    /// The next sequence number.
    pub next: u64,
    /// The rows that were already durable when this process began.
    pub resumed_rows: u64,
    /// The bytes that were already durable when this process began.
    pub resumed_bytes: u64,
    /// The changes that were already durable when this process began.
    pub resumed_changes: u64,
    /// The last checkpoint that is durable.
    pub checkpoint: Option<Arc<Checkpoint>>,
    /// When this process last received an acknowledgement.
    pub acknowledged: Option<SystemTime>,
    /// Why the run is waiting, if it is.
    pub waiting: Option<Cow<'static, str>>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            details: Mutex::default(),
            retries: AtomicU64::new(0),
            redis_used: AtomicU64::new(0),
            redis_max: AtomicU64::new(0),
            redis_longest: AtomicU64::new(0),
        }
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the current progress.
    #[must_use]
    pub fn details(&self) -> Details {
        self.lock().clone()
    }

    /// How many bytes of the dump are durable, and how many there are, where that is known.
    #[must_use]
    pub fn bytes(&self) -> (u64, Option<u64>) {
        let details = self.lock();
        (details.bytes, details.bytes_total)
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The run begins, or begins again, at this checkpoint.
    pub fn begin(&self, checkpoint: Option<&Checkpoint>, bytes: u64, bytes_total: Option<u64>) {
        let mut details = self.lock();
        *details = Details { begun: true, bytes_total, ..Details::default() };
        if let Some(checkpoint) = checkpoint {
            apply(&mut details, &Arc::new(checkpoint.clone()), bytes);
            details.resumed_rows = details.rows;
            details.resumed_bytes = bytes;
            details.resumed_changes = details.changes;
        }
    }

    /// Everything up to this checkpoint is durable, and `bytes` of the file were read for it.
    pub fn durable(&self, checkpoint: &Arc<Checkpoint>, bytes: u64) {
        let mut details = self.lock();
        apply(&mut details, checkpoint, bytes);
        details.acknowledged = Some(SystemTime::now());
    }

    /// The entries of the run were counted, and the time to live was renewed.
    pub fn verified(&self) {
        self.lock().acknowledged = Some(SystemTime::now());
    }

    /// For commands that only read: this many bytes of the file, rows and changes were read.
    pub fn looked_at(&self, bytes: u64, rows: u64, changes: u64, table: Option<&str>) {
        let mut details = self.lock();
        details.bytes = bytes;
        details.rows = rows;
        details.changes = changes;
        if details.table.as_deref() != table {
            details.table = table.map(str::to_owned);
        }
    }

    /// Rows of a table were passed to the sink.
    pub fn loaded(&self, table: &str, rows: u64) {
        let mut details = self.lock();
        match details.tables.get_mut(table) {
            Some(count) => *count += rows,
            None => {
                details.tables.insert(table.to_owned(), rows);
            }
        }
    }

    /// The run is waiting, for this reason.
    pub fn waiting(&self, why: impl Into<Cow<'static, str>>) {
        let why = why.into();
        let mut details = self.lock();
        if details.waiting.as_ref() != Some(&why) {
            tracing::warn!("waiting: {why}");
            details.waiting = Some(why);
        }
    }

    /// The run continues.
    pub fn going_on(&self) {
        let mut details = self.lock();
        if details.waiting.take().is_some() {
            tracing::info!("going on");
        }
    }

    /// Something was retried.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// How often something was retried.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Redis' memory, in bytes; `max` is its limit.
    pub fn redis_memory(&self, used: u64, max: Option<u64>) {
        self.redis_used.store(used, Relaxed);
        self.redis_max.store(max.unwrap_or(0), Relaxed);
    }

    /// A call to Redis took so long.
    pub fn redis_took(&self, longest: Duration) {
        self.redis_longest.fetch_max(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How long the longest call to Redis took, if there was one.
    #[must_use]
    pub fn redis_longest(&self) -> Option<Duration> {
        Some(Duration::from_micros(self.redis_longest.load(Relaxed))).filter(|longest| !longest.is_zero())
    }

    /// Redis' memory when it was last read.
    #[must_use]
    pub fn redis_memory_seen(&self) -> RedisMemory {
        RedisMemory { used: self.redis_used.load(Relaxed), max: self.redis_max.load(Relaxed) }
    }
}

/// Redis' memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct RedisMemory {
    /// What is in use.
    pub used: u64,
    /// The limit; 0 if there is none.
    pub max: u64,
}

fn apply(details: &mut Details, checkpoint: &Arc<Checkpoint>, bytes: u64) {
    details.checkpoint = Some(Arc::clone(checkpoint));
    let counters = checkpoint.plan.counters();
    details.bytes = bytes;
    details.rows = counters.rows;
    details.changes = checkpoint.members();
    details.rejected = checkpoint.rejected;
    details.skipped.clone_from(&counters.skipped);
    details.not_understood = counters.not_understood;
    details.table.clone_from(&checkpoint.table);
    details.lsn.clone_from(&checkpoint.lsn);
    details.next = checkpoint.next.get();
}

/// How fast a run moves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Speed {
    /// Rows per second.
    pub rows_per_second: f64,
    /// The remaining seconds, if the size of the dump is known.
    pub seconds_left: Option<f64>,
}

/// Measures the speed over the last seconds.
#[derive(Debug, Default)]
pub struct Rate {
    seen: std::collections::VecDeque<Sample>,
}

/// The progress at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    rows: u64,
    bytes: u64,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(15);

    /// Records `details` and returns the speed.
    pub fn update(&mut self, details: &Details) -> Speed {
        let now = Instant::now();
        self.seen.push_back(Sample { at: now, rows: details.rows, bytes: details.bytes });
        while self.seen.len() > 2 && self.seen.front().is_some_and(|first| now - first.at > Self::WINDOW) {
            self.seen.pop_front();
        }
        let Some(then) = self.seen.front() else { return Speed::default() };
        let seconds = (now - then.at).as_secs_f64();
        if seconds <= 0.0 {
            return Speed::default();
        }
        let rows_per_second = details.rows.saturating_sub(then.rows) as f64 / seconds;
        let bytes_per_second = details.bytes.saturating_sub(then.bytes) as f64 / seconds;
        let rest = details.bytes_total.map(|total| total.saturating_sub(details.bytes) as f64);
        let left = rest.map(|bytes| bytes / bytes_per_second);
        Speed { rows_per_second, seconds_left: left.filter(|left| left.is_finite()) }
    }
}
