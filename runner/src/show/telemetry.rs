//! Log lines on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::terminal;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Sets up the log. `RUST_LOG` chooses the log lines. By default they are those from `info` on, or only errors with
/// `--quiet`.
pub fn init(format: LogFormat, quiet: bool) {
    let default = if quiet { "error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call, as in tests, has no effect.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).with_ansi(terminal::colours()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
