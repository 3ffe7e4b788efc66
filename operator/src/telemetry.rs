//! Log lines on standard error, and spans to a collector.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{DynFilterFn, EnvFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{LogFormat, RunArgs};
use crate::error::Error;

/// How long the last spans may take to reach a collector when the process ends.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// The part that must be notified before the process ends.
#[derive(Debug, Default)]
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends the remaining spans.
    pub fn end(self) {
        if let Some(spans) = self.spans
            && let Err(error) = spans.shutdown_with_timeout(FLUSH_LIMIT)
        {
            tracing::warn!(error = %error, "the last spans did not reach the collector");
        }
    }
}

/// Sets up the log. `RUST_LOG` chooses the log lines. By default they are those from `info` on. With a collector,
/// also sets up spans.
///
/// The collector's client starts a thread of its own, which must not happen inside a runtime: call this before there
/// is one.
///
/// # Errors
/// [`Error::Collector`] if the collector's client cannot be created.
pub fn init(args: &RunArgs) -> Result<Telemetry, Error> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = match args.log_format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let spans = args.otlp_endpoint.as_deref().map(provider).transpose()?;
    let collected = spans.as_ref().map(|spans| {
        let tracer = spans.tracer("pg-bootstrap-operator");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(DynFilterFn::new(is_collected))
    });
    // A second call, as in tests, has no effect.
    let _ = tracing_subscriber::registry().with(log.with_filter(filter)).with(collected).try_init();
    Ok(Telemetry { spans })
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Error::Collector(format!("{endpoint}: {error}")))?;
    // The builder reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, which take precedence.
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("pg-bootstrap-operator");
    }
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// Reconciles, and the requests within one. Those of watches and of the lease never end, or come every second.
fn is_collected<S>(metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let request = metadata.target().starts_with("kube_client");
    let level = if request { Level::DEBUG } else { Level::INFO };
    metadata.is_span() && *metadata.level() <= level && (!request || context.lookup_current().is_some())
}
