//! Progress as log lines, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use crate::load::progress::{Progress, Rate};

/// How often a line is written.
const EVERY: Duration = Duration::from_secs(5);

/// Writes lines until this future is dropped.
pub async fn show(progress: Arc<Progress>) {
    let mut rate = Rate::default();
    rate.update(&progress.details());
    let mut tick = tokio::time::interval(EVERY);
    tick.tick().await;
    loop {
        tick.tick().await;
        let details = progress.details();
        let speed = rate.update(&details);
        let percent = details
            .bytes_total
            .filter(|total| *total > 0)
            .map(|total| (details.bytes as f64 * 100.0 / total as f64 * 10.0).round() / 10.0);
        tracing::info!(
            bytes = details.bytes,
            bytes_total = details.bytes_total,
            percent,
            rows = details.rows,
            changes = details.changes,
            rows_per_second = speed.rows_per_second.round(),
            eta_seconds = speed.seconds_left.map(f64::round),
            table = details.table,
            lsn = details.lsn,
            rejected = details.rejected,
            waiting = details.waiting.as_deref(),
            "progress"
        );
    }
}
