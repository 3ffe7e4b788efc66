//! Retries: how long to wait in between, and when to give up.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

/// Growing pauses with jitter, counted from the first of several failures in a row.
#[derive(Debug, Clone)]
pub struct Backoff {
    since: Instant,
    pause: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { since: Instant::now(), pause: FIRST }
    }
}

impl Backoff {
    /// The time since the first failure.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// The next pause: twice the last one, up to five seconds. It is shortened at random by up to a half, so that
    /// many runners do not retry at the same moment.
    pub fn pause(&mut self) -> Duration {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let pause = self.pause.mul_f64(1.0 - (random % 512) as f64 / 1024.0);
        self.pause = (self.pause * 2).min(MOST);
        pause
    }
}
