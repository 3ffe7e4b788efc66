//! Metrics in Prometheus' text format, version 0.0.4, written by prometheus-client.
//!
//! Every metric is described when it is shown, and not registered: registering would put a full
//! stop behind each help text, and leave out a metric as long as it has no samples.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::registry::Registry;

/// What `collector` shows. Every name begins with `prefix` and an underscore.
#[must_use]
pub fn text(prefix: &str, collector: impl Collector) -> String {
    let mut registry = Registry::with_prefix(prefix);
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

/// Shows a metric without labels, or a family with all its samples. The name of a counter goes
/// without the `_total` that its samples have.
///
/// # Errors
/// Those of the encoder.
pub fn show(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::MetricType;
    use prometheus_client::metrics::counter::ConstCounter;
    use prometheus_client::metrics::gauge::ConstGauge;
    use prometheus_client::metrics::histogram::Histogram;

    use super::*;

    #[derive(Debug)]
    struct Shop;

    impl Collector for Shop {
        fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
            show(&mut out, "errors", "Errors", &ConstCounter::new(2_u64))?;
            let took = Histogram::new([0.5, 5.0]);
            took.observe(0.25);
            took.observe(1.0);
            show(&mut out, "took_seconds", "How long", &took)?;
            let mut kinds = out.encode_descriptor("rows", "Rows, by kind", None, MetricType::Gauge)?;
            ConstGauge::new(7_u64).encode(kinds.encode_family(&[("kind", "a\"} 1\n\\é")])?)?;
            out.encode_descriptor("nothing", "Has no samples", None, MetricType::Gauge).map(drop)
        }
    }

    #[test]
    fn names_help_and_bounds_are_as_prometheus_clients_write_them() {
        let expected = r#"# HELP shop_errors_total Errors
# TYPE shop_errors_total counter
shop_errors_total 2
# HELP shop_took_seconds How long
# TYPE shop_took_seconds histogram
shop_took_seconds_bucket{le="0.5"} 1
shop_took_seconds_bucket{le="5"} 2
shop_took_seconds_bucket{le="+Inf"} 2
shop_took_seconds_sum 1.25
shop_took_seconds_count 2
# HELP shop_rows Rows, by kind
# TYPE shop_rows gauge
shop_rows{kind="a\"} 1\n\\é"} 7
# HELP shop_nothing Has no samples
# TYPE shop_nothing gauge
"#;
        assert_eq!(text("shop", Shop), expected);
    }
}
