//! How fast changes are written: what --max-rate says.

use std::time::{Duration, Instant};

use crate::load::config::Rates;

/// What was sent, and since when.
#[derive(Debug)]
pub(super) struct Pace {
    limits: Rates,
    changes: u64,
    bytes: u64,
    began: Instant,
}

impl Pace {
    pub(super) fn new(limits: Rates) -> Self {
        Self { limits, changes: 0, bytes: 0, began: Instant::now() }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limits != Rates::default()
    }

    /// So many changes, with so many bytes, were sent.
    pub(super) fn sent(&mut self, changes: usize, bytes: usize) {
        self.changes += changes as u64;
        self.bytes += bytes as u64;
    }

    /// How much earlier this is than the limits allow.
    pub(super) fn early(&self) -> Option<Duration> {
        self.due().checked_sub(self.began.elapsed())
    }

    /// How long what was sent takes at least.
    fn due(&self) -> Duration {
        let takes = |sent: u64, rate: Option<u64>| rate.map_or(0.0, |rate| sent as f64 / rate as f64);
        let seconds = takes(self.changes, self.limits.changes).max(takes(self.bytes, self.limits.bytes));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_limit_holds() {
        let due = |changes, bytes| {
            let mut pace = Pace::new(Rates { changes, bytes });
            pace.sent(100, 3000);
            pace.sent(100, 3000);
            pace.due()
        };
        assert_eq!(due(None, None), Duration::ZERO);
        assert_eq!(due(Some(100), None), Duration::from_secs(2));
        assert_eq!(due(None, Some(2000)), Duration::from_secs(3));
        assert_eq!(due(Some(100), Some(2000)), Duration::from_secs(3));
        assert_eq!(due(Some(50), Some(2000)), Duration::from_secs(4));
    }
}
