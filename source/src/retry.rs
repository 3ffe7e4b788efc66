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
    allowed: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { since: Instant::now(), pause: FIRST, allowed: Duration::MAX }
    }
}

impl Backoff {
    /// The time since the first failure.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether the failures have lasted longer than is allowed. The next pauses end no later than that.
    pub fn is_over(&mut self, allowed: Duration) -> bool {
        self.allowed = allowed;
        self.elapsed() > allowed
    }

    /// The next pause: twice the last one, up to five seconds. It is shortened at random by up to a half, so that
    /// many runners do not retry at the same moment.
    pub fn pause(&mut self) -> Duration {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let pause = self.pause.mul_f64(1.0 - (random % 512) as f64 / 1024.0);
        self.pause = (self.pause * 2).min(MOST);
        // A little longer than what is left, so that the next failure is the last.
        let left = self.allowed.saturating_sub(self.elapsed());
        pause.min(left.saturating_add(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pause_outlasts_what_is_allowed() {
        let mut backoff = Backoff::default();
        assert!(!backoff.is_over(Duration::from_secs(3600)));
        let longest = (0..20).map(|_| backoff.pause()).max();
        assert!(longest > Some(Duration::from_secs(2)), "{longest:?}");
        assert!(!backoff.is_over(backoff.elapsed() + Duration::from_millis(500)));
        assert!(backoff.pause() <= Duration::from_millis(501));
        assert!(backoff.is_over(Duration::ZERO));
        assert_eq!(backoff.pause(), Duration::from_millis(1));
    }
}
