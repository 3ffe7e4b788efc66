//! Log lines on standard error.

mod people;

use std::io::IsTerminal;

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
/// `--quiet`. On a terminal they have neither a time nor what only machines need.
pub fn init(format: LogFormat, quiet: bool) {
    let default = if quiet { "error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| terminal::Above);
    // A second call, as in tests, has no effect.
    let _ = match format {
        LogFormat::Text if std::io::stderr().is_terminal() => {
            builder.with_ansi(terminal::colours()).event_format(people::Lines).try_init()
        }
        LogFormat::Text => builder.with_target(false).with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
