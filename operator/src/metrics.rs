//! Metrics in Prometheus' text format. docs/operator.md lists them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crds::v1alpha1::Phase;

/// Upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// What is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    reconciles: AtomicU64,
    errors: Mutex<BTreeMap<&'static str, u64>>,
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
    leader: AtomicBool,
}

impl Metrics {
    /// A reconcile has ended after this time, with this kind of error or none.
    pub fn reconciled(&self, took: Duration, error: Option<&'static str>) {
        self.reconciles.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            if took.as_secs_f64() <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let (Some(reason), Ok(mut errors)) = (error, self.errors.lock()) {
            *errors.entry(reason).or_default() += 1;
        }
    }

    /// Whether this process holds the lease, or needs none.
    pub fn set_leader(&self, leader: bool) {
        self.leader.store(leader, Ordering::Relaxed);
    }

    /// All metrics as text, with the number of objects in each phase.
    #[must_use]
    pub fn render(&self, phases: &BTreeMap<Phase, u64>) -> String {
        let mut out = String::new();
        let count = self.reconciles.load(Ordering::Relaxed);
        head(&mut out, "reconcile_total", "counter", "Reconciles that have ended");
        let _ = writeln!(out, "{PREFIX}reconcile_total {count}");
        head(
            &mut out,
            "reconcile_errors_total",
            "counter",
            "Reconciles that ended with an error, by its kind",
        );
        for (reason, count) in self.errors.lock().iter().flat_map(|errors| errors.iter()) {
            let _ = writeln!(out, "{PREFIX}reconcile_errors_total{{reason=\"{reason}\"}} {count}");
        }
        self.histogram(&mut out, count);
        head(&mut out, "objects", "gauge", "ReplicaBootstraps, by phase");
        for phase in Phase::ALL {
            let count = phases.get(&phase).copied().unwrap_or(0);
            let _ = writeln!(out, "{PREFIX}objects{{phase=\"{}\"}} {count}", phase.as_str());
        }
        head(&mut out, "leader", "gauge", "1 while this process acts");
        let _ = writeln!(out, "{PREFIX}leader {}", u8::from(self.leader.load(Ordering::Relaxed)));
        head(&mut out, "build_info", "gauge", "The operator's version");
        let _ = writeln!(out, "{PREFIX}build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        out
    }

    fn histogram(&self, out: &mut String, count: u64) {
        const NAME: &str = "reconcile_duration_seconds";
        head(out, NAME, "histogram", "How long reconciles took");
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            let _ =
                writeln!(out, "{PREFIX}{NAME}_bucket{{le=\"{bound}\"}} {}", bucket.load(Ordering::Relaxed));
        }
        let _ = writeln!(out, "{PREFIX}{NAME}_bucket{{le=\"+Inf\"}} {count}");
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{PREFIX}{NAME}_sum {seconds}\n{PREFIX}{NAME}_count {count}");
    }
}

const PREFIX: &str = "pg_bootstrap_operator_";

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::default();
        metrics.reconciled(Duration::from_millis(3), None);
        metrics.reconciled(Duration::from_secs(2), Some("conflict"));
        let text = metrics.render(&BTreeMap::from([(Phase::Queued, 4)]));
        for line in [
            "pg_bootstrap_operator_reconcile_total 2",
            "pg_bootstrap_operator_reconcile_errors_total{reason=\"conflict\"} 1",
            "pg_bootstrap_operator_reconcile_duration_seconds_bucket{le=\"0.005\"} 1",
            "pg_bootstrap_operator_reconcile_duration_seconds_bucket{le=\"5\"} 2",
            "pg_bootstrap_operator_reconcile_duration_seconds_count 2",
            "pg_bootstrap_operator_objects{phase=\"Queued\"} 4",
            "pg_bootstrap_operator_objects{phase=\"Failed\"} 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
