//! What the operator counts. docs/operator.md lists it.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::v1alpha1::Phase;
use monitoring::show;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// What is counted. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciles: Counter,
    errors: Family<[(&'static str, &'static str); 1], Counter>,
    durations: Histogram,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            reconciles: Counter::default(),
            errors: Family::default(),
            durations: Histogram::new(BOUNDS),
            leader: Gauge::default(),
        }
    }
}

impl Metrics {
    /// A reconcile has ended after this time, with this kind of error or none.
    pub fn reconciled(&self, took: Duration, error: Option<&'static str>) {
        self.reconciles.inc();
        self.durations.observe(took.as_secs_f64());
        if let Some(reason) = error {
            self.errors.get_or_create(&[("reason", reason)]).inc();
        }
    }

    /// Whether this process holds the lease, or needs none.
    pub fn set_leader(&self, leader: bool) {
        self.leader.set(leader.into());
    }

    /// All metrics as text, with the number of objects in each phase.
    #[must_use]
    pub fn render(&self, phases: BTreeMap<Phase, u64>) -> String {
        monitoring::text("pg_bootstrap_operator", Shown { metrics: self.clone(), phases })
    }
}

#[derive(Debug)]
struct Shown {
    metrics: Metrics,
    phases: BTreeMap<Phase, u64>,
}

impl Collector for Shown {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Self { metrics, phases } = self;
        show(&mut out, "reconcile", "Reconciles that have ended", &metrics.reconciles)?;
        let help = "Reconciles that ended with an error, by its kind";
        show(&mut out, "reconcile_errors", help, &metrics.errors)?;
        show(&mut out, "reconcile_duration_seconds", "How long reconciles took", &metrics.durations)?;
        let help = "ReplicaBootstraps, by phase";
        let mut objects = out.encode_descriptor("objects", help, None, MetricType::Gauge)?;
        for phase in Phase::ALL {
            let count = ConstGauge::new(phases.get(&phase).copied().unwrap_or(0));
            count.encode(objects.encode_family(&[("phase", phase.as_str())])?)?;
        }
        show(&mut out, "leader", "1 while this process acts", &metrics.leader)?;
        let mut info =
            out.encode_descriptor("build_info", "The operator's version", None, MetricType::Gauge)?;
        ConstGauge::new(1_u64).encode(info.encode_family(&[("version", env!("CARGO_PKG_VERSION"))])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_scraped() {
        let metrics = Metrics::default();
        metrics.reconciled(Duration::from_millis(3), None);
        metrics.reconciled(Duration::from_secs(2), Some("conflict"));
        metrics.set_leader(true);
        let expected = format!(
            "\
# HELP pg_bootstrap_operator_reconcile_total Reconciles that have ended
# TYPE pg_bootstrap_operator_reconcile_total counter
pg_bootstrap_operator_reconcile_total 2
# HELP pg_bootstrap_operator_reconcile_errors_total Reconciles that ended with an error, by its kind
# TYPE pg_bootstrap_operator_reconcile_errors_total counter
pg_bootstrap_operator_reconcile_errors_total{{reason=\"conflict\"}} 1
# HELP pg_bootstrap_operator_reconcile_duration_seconds How long reconciles took
# TYPE pg_bootstrap_operator_reconcile_duration_seconds histogram
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"0.001\"}} 0
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"0.005\"}} 1
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"0.025\"}} 1
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"0.1\"}} 1
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"0.5\"}} 1
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"1\"}} 1
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"5\"}} 2
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"30\"}} 2
pg_bootstrap_operator_reconcile_duration_seconds_bucket{{le=\"+Inf\"}} 2
pg_bootstrap_operator_reconcile_duration_seconds_sum 2.003
pg_bootstrap_operator_reconcile_duration_seconds_count 2
# HELP pg_bootstrap_operator_objects ReplicaBootstraps, by phase
# TYPE pg_bootstrap_operator_objects gauge
PHASES# HELP pg_bootstrap_operator_leader 1 while this process acts
# TYPE pg_bootstrap_operator_leader gauge
pg_bootstrap_operator_leader 1
# HELP pg_bootstrap_operator_build_info The operator's version
# TYPE pg_bootstrap_operator_build_info gauge
pg_bootstrap_operator_build_info{{version=\"{}\"}} 1
",
            env!("CARGO_PKG_VERSION")
        );
        let phases: String = Phase::ALL
            .iter()
            .map(|phase| {
                let count = if *phase == Phase::Queued { 4 } else { 0 };
                format!("pg_bootstrap_operator_objects{{phase=\"{}\"}} {count}\n", phase.as_str())
            })
            .collect();
        let text = metrics.render(BTreeMap::from([(Phase::Queued, 4)]));
        assert_eq!(text, expected.replace("PHASES", &phases));
    }
}
