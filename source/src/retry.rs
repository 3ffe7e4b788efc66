//! Trying again: how long to wait in between, and when to give up.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const MOST: Duration = Duration::from_secs(5);

/// Growing pauses with jitter, counted from the first failure in a row.
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
    /// How long it has been failing.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// The next pause: twice the last one, up to five seconds, shortened by up to a half at random so that many
    /// runners do not come back at the same moment.
    pub fn pause(&mut self) -> Duration {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let pause = self.pause.mul_f64(1.0 - (random % 512) as f64 / 1024.0);
        self.pause = (self.pause * 2).min(MOST);
        pause
    }
}
