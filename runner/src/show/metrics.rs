//! Metrics at `/metrics`; `/healthz` says that the process lives.
//!
//! docs/metrics.md lists them.

use std::net::SocketAddr;
use std::sync::Arc;

use monitoring::{Answer, show};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::base::error::Error;
use crate::load::progress::Progress;

/// Listens at `address` and answers in a task of its own. Returns where it listens.
///
/// # Errors
/// [`Error::Usage`] when nobody can listen there.
pub async fn serve(address: SocketAddr, progress: Arc<Progress>) -> Result<SocketAddr, Error> {
    let answers = move |path: &str| (path == "/metrics").then(|| Answer::Ok(render(&progress)));
    monitoring::serve(address, answers)
        .await
        .map_err(|error| Error::Usage(format!("--metrics-addr {address} cannot be listened at: {error}")))
}

/// All metrics as text.
#[must_use]
pub fn render(progress: &Arc<Progress>) -> String {
    monitoring::text("pg_bootstrap", RunMetrics(Arc::clone(progress)))
}

#[derive(Debug)]
struct RunMetrics(Arc<Progress>);

impl Collector for RunMetrics {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Self(progress) = self;
        let details = progress.details();
        let memory = progress.redis_memory_seen();
        let waiting = u64::from(details.waiting.is_some());
        let mut gauge = |name, help, value: u64| show(&mut out, name, help, &ConstGauge::new(value));
        gauge("source_bytes", "Bytes of the dump up to what is durable", details.bytes)?;
        gauge("source_size_bytes", "Size of the dump, 0 if unknown", details.bytes_total.unwrap_or(0))?;
        gauge("rows", "Rows of the dump up to what is durable", details.rows)?;
        gauge("changes", "Changes in Redis", details.changes)?;
        gauge("rejected_rows", "Rows set aside", details.rejected)?;
        gauge("next_sequence", "The next sequence number", details.next)?;
        gauge(
            "waiting",
            "1 while nothing moves because the dump, Redis or the change stream cannot be reached, or Redis is full",
            waiting,
        )?;
        gauge("redis_used_memory_bytes", "Memory that Redis uses", memory.used)?;
        gauge("redis_max_memory_bytes", "Redis' maxmemory, 0 if unlimited", memory.max)?;
        let retries = ConstCounter::new(progress.retries());
        show(&mut out, "retries", "Attempts that failed and were repeated", &retries)?;
        let elapsed = ConstGauge::new(progress.elapsed().as_secs_f64());
        show(&mut out, "elapsed_seconds", "Time since the start of this process", &elapsed)?;
        let help = "Statements and rows left out, by kind";
        let mut skipped = out.encode_descriptor("skipped", help, None, MetricType::Gauge)?;
        for (kind, count) in &details.skipped {
            ConstGauge::new(*count).encode(skipped.encode_family(&[("kind", kind.as_str())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_that_is_scraped() {
        let text = render(&Arc::default());
        let elapsed = text.lines().find(|line| line.starts_with("pg_bootstrap_elapsed_seconds ")).unwrap();
        let expected = format!(
            "\
# HELP pg_bootstrap_source_bytes Bytes of the dump up to what is durable
# TYPE pg_bootstrap_source_bytes gauge
pg_bootstrap_source_bytes 0
# HELP pg_bootstrap_source_size_bytes Size of the dump, 0 if unknown
# TYPE pg_bootstrap_source_size_bytes gauge
pg_bootstrap_source_size_bytes 0
# HELP pg_bootstrap_rows Rows of the dump up to what is durable
# TYPE pg_bootstrap_rows gauge
pg_bootstrap_rows 0
# HELP pg_bootstrap_changes Changes in Redis
# TYPE pg_bootstrap_changes gauge
pg_bootstrap_changes 0
# HELP pg_bootstrap_rejected_rows Rows set aside
# TYPE pg_bootstrap_rejected_rows gauge
pg_bootstrap_rejected_rows 0
# HELP pg_bootstrap_next_sequence The next sequence number
# TYPE pg_bootstrap_next_sequence gauge
pg_bootstrap_next_sequence 0
# HELP pg_bootstrap_waiting 1 while nothing moves because the dump, Redis or the change stream cannot be reached, or Redis is full
# TYPE pg_bootstrap_waiting gauge
pg_bootstrap_waiting 0
# HELP pg_bootstrap_redis_used_memory_bytes Memory that Redis uses
# TYPE pg_bootstrap_redis_used_memory_bytes gauge
pg_bootstrap_redis_used_memory_bytes 0
# HELP pg_bootstrap_redis_max_memory_bytes Redis' maxmemory, 0 if unlimited
# TYPE pg_bootstrap_redis_max_memory_bytes gauge
pg_bootstrap_redis_max_memory_bytes 0
# HELP pg_bootstrap_retries_total Attempts that failed and were repeated
# TYPE pg_bootstrap_retries_total counter
pg_bootstrap_retries_total 0
# HELP pg_bootstrap_elapsed_seconds Time since the start of this process
# TYPE pg_bootstrap_elapsed_seconds gauge
{elapsed}
# HELP pg_bootstrap_skipped Statements and rows left out, by kind
# TYPE pg_bootstrap_skipped gauge
"
        );
        assert_eq!(text, expected);
    }
}
