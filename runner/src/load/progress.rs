//! How far the run is, for people and for Prometheus. Only what is durable counts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::load::checkpoint::Checkpoint;

/// Shared by the writer, which moves it, and by those who show it. Never blocks for long.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    details: Mutex<Details>,
    retries: AtomicU64,
    redis_used: AtomicU64,
    redis_max: AtomicU64,
}

/// What is known at a moment.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Bytes read of the file or pipe up to what is durable.
    pub bytes: u64,
    /// Reading has begun; before that nothing is known, not even how much was loaded earlier.
    pub begun: bool,
    /// The file's size; a pipe has none.
    pub bytes_total: Option<u64>,
    /// Rows of the dump up to what is durable.
    pub rows: u64,
    /// Changes written.
    pub changes: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Statements and rows left out, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Statements that no parser understood.
    pub not_understood: u64,
    /// Rows of each table that this process has loaded.
    pub tables: BTreeMap<String, u64>,
    /// The table in hand.
    pub table: Option<String>,
    /// The position of the last durable change.
    pub lsn: Option<String>,
    /// The next sequence number.
    pub next: u64,
    /// Where this process began: rows and bytes that were durable before.
    pub resumed_rows: u64,
    /// See [`Details::resumed_rows`].
    pub resumed_bytes: u64,
    /// See [`Details::resumed_rows`].
    pub resumed_changes: u64,
    /// The last checkpoint that is durable.
    pub checkpoint: Option<Arc<Checkpoint>>,
    /// When this process has last heard that something is durable.
    pub acknowledged: Option<SystemTime>,
    /// Why nothing moves, while it waits.
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
        }
    }
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of what is known now.
    #[must_use]
    pub fn details(&self) -> Details {
        self.lock().clone()
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Where the run begins, or begins again.
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

    /// Everything up to this checkpoint is durable; `bytes` of the file were read for it.
    pub fn durable(&self, checkpoint: &Arc<Checkpoint>, bytes: u64) {
        let mut details = self.lock();
        apply(&mut details, checkpoint, bytes);
        details.acknowledged = Some(SystemTime::now());
    }

    /// What is there was counted, and its time to live renewed.
    pub fn verified(&self) {
        self.lock().acknowledged = Some(SystemTime::now());
    }

    /// For what only reads: so many bytes of the file were read, and so many rows and changes looked at.
    pub fn looked_at(&self, bytes: u64, rows: u64, changes: u64, table: Option<&str>) {
        let mut details = self.lock();
        details.bytes = bytes;
        details.rows = rows;
        details.changes = changes;
        if details.table.as_deref() != table {
            details.table = table.map(str::to_owned);
        }
    }

    /// Rows of a table were given to the sink.
    pub fn loaded(&self, table: &str, rows: u64) {
        let mut details = self.lock();
        match details.tables.get_mut(table) {
            Some(count) => *count += rows,
            None => {
                details.tables.insert(table.to_owned(), rows);
            }
        }
    }

    /// Nothing moves, for this reason.
    pub fn waiting(&self, why: impl Into<Cow<'static, str>>) {
        let why = why.into();
        let mut details = self.lock();
        if details.waiting.as_ref() != Some(&why) {
            tracing::warn!("waiting: {why}");
            details.waiting = Some(why);
        }
    }

    /// It moves again.
    pub fn going_on(&self) {
        let mut details = self.lock();
        if details.waiting.take().is_some() {
            tracing::info!("going on");
        }
    }

    /// Something was tried again.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// How often something was tried again.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Redis' memory, in bytes; `max` is its limit.
    pub fn redis_memory(&self, used: u64, max: Option<u64>) {
        self.redis_used.store(used, Relaxed);
        self.redis_max.store(max.unwrap_or(0), Relaxed);
    }

    /// Redis' memory as it was seen last: used, and the limit or 0.
    #[must_use]
    pub fn redis_memory_seen(&self) -> (u64, u64) {
        (self.redis_used.load(Relaxed), self.redis_max.load(Relaxed))
    }
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

/// How fast it goes, over the last seconds.
#[derive(Debug, Default)]
pub struct Rate {
    seen: std::collections::VecDeque<(Instant, u64, u64)>,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(15);

    /// Takes note of `details` now. Returns rows a second and, where the size is known, the seconds that are
    /// left.
    pub fn update(&mut self, details: &Details) -> (f64, Option<f64>) {
        let now = Instant::now();
        self.seen.push_back((now, details.rows, details.bytes));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|first| now - first.0 > Self::WINDOW) {
            self.seen.pop_front();
        }
        let Some((then, rows, bytes)) = self.seen.front() else { return (0.0, None) };
        let seconds = (now - *then).as_secs_f64();
        if seconds <= 0.0 {
            return (0.0, None);
        }
        let rows = details.rows.saturating_sub(*rows) as f64 / seconds;
        let speed = details.bytes.saturating_sub(*bytes) as f64 / seconds;
        let left = details.bytes_total.map(|total| total.saturating_sub(details.bytes) as f64 / speed);
        (rows, left.filter(|left| left.is_finite()))
    }
}
