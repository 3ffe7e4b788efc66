//! Reads a PostgreSQL dump and writes its changes into the Kasho buffer in Redis.
//!
//! ```text
//!  file, pipe                                                                 Redis: sorted set, checkpoint
//!      │                                                                                  ▲
//!      ▼                                                                                  │ MULTI: members,
//!  source ─▶ decompress ─▶ dump::Scanner ─▶ planner ─▶ numbers, in the dump's order       │ TTL, checkpoint
//!  (which dump is it?)                          │                                         │
//!                                   slabs of rows ─▶ N workers: render ─▶ load ─▶ sink ───┘
//!                                                                           ▲       │
//!                                          progress, checkpoint file ◀──────┴── durable
//! ```
//!
//! # Guarantees
//!
//! - **A change is a pure function** of the dump, the configuration and its sequence number. So the same bytes lie
//!   in Redis for any number of workers, any batch size, any compression, and after any number of interruptions;
//!   sending a change twice changes nothing.
//! - **Only what Redis has acknowledged counts.** The checkpoint is written in the transaction that writes its
//!   changes, and only while the run's chain of batches is unbroken; progress and the checkpoint's file follow it.
//! - **Nothing is passed over without a word**: statements that are left out are counted by kind, rows that cannot be
//!   loaded end the run or are kept in the reject file.
//! - **Memory is bounded** by bytes between the stages ([`budget`]), whatever the size of the dump or of a table.
//!
//! # What is assumed
//!
//! - Kasho's services read the set as release 0.6.0 does.
//! - Redis does what it acknowledges. Where it later turns out to have lost something (a failover, a flush), the run
//!   goes back to what is there, or says that it cannot.
//!
//! # The modules
//!
//! [`cli`] is the command line as typed, [`config`] what it means, [`load`] the course of a run, [`pipeline`] its
//! threads, [`planner`] and [`render`] the pure part that makes changes, [`sink`] the way out, [`checkpoint`] what
//! survives, [`error`] what may pass and what the exit codes are.

pub mod budget;
pub mod change_stream;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod decompress;
pub mod error;
pub mod load;
pub mod metrics;
pub mod pipeline;
pub mod planner;
pub mod progress;
pub mod reject;
pub mod render;
pub mod retry;
pub mod sink;
pub mod source;
pub mod status;
pub mod stop;
pub mod telemetry;

use std::io::Write;
use std::sync::Arc;

use clap::CommandFactory;

use cli::{Cli, Command, LoadArgs, LogFormat};
use config::{Config, Target};
use error::Error;
use load::Outcome;
use progress::Progress;
use progress::summary::{self, Ending};
use status::report::Reporter;
use stop::Stop;

/// Does what the command line says and returns the exit code.
pub async fn run(cli: Cli) -> u8 {
    if let Some(Command::Completions { shell }) = cli.command {
        let mut command = Cli::command();
        clap_complete::generate(shell, &mut command, "pg-bootstrap-sync", &mut std::io::stdout());
        return 0;
    }
    let args = cli.load;
    telemetry::init(args.log_format, args.quiet);
    // One cryptography for Redis, S3 and everything else that speaks TLS. Whoever was first is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match load(&args).await {
        Ok(()) => 0,
        Err(error) => {
            let code = error.exit_code();
            let text = error::chain(&error);
            tracing::error!(exit_code = code, retryable = error.is_retryable(), "{text}");
            code
        }
    }
}

async fn load(args: &LoadArgs) -> Result<(), Error> {
    let stop = Stop::on_signals().map_err(|error| Error::Panic(format!("listen for signals: {error}")))?;
    let config = Config::new(args)?;
    let progress = Arc::new(Progress::default());
    if let Some(address) = args.metrics_addr {
        let bound = metrics::serve(address, Arc::clone(&progress)).await?;
        tracing::info!(address = %bound, "metrics at /metrics");
    }
    let shown = if progress::terminal::wanted(args.progress, args.quiet) {
        tokio::spawn(progress::terminal::show(Arc::clone(&progress)))
    } else {
        tokio::spawn(progress::log::show(Arc::clone(&progress)))
    };
    let result = reported(&config, &progress, &stop).await;
    shown.abort();
    // Aborted tasks are dropped when awaited: only then is the bar gone.
    let _ = shown.await;
    if !args.quiet && progress.details().begun {
        let (first, ending) = match &result {
            Ok(outcome) => (Some(outcome.first), outcome.ending),
            Err(_) => (None, Ending::Stopped),
        };
        show_summary(&config, args.log_format, &summary::text(&progress, first, ending));
    }
    result.map(|_| ())
}

/// The load, with its state in Kubernetes where that is wanted.
async fn reported(config: &Config, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    let ttl = match &config.target {
        Target::Redis(target) => Some(target.ttl),
        _ => None,
    };
    let reporter = match &config.status {
        Some(target) => Some(Reporter::start(target.clone(), ttl, Arc::clone(progress)).await?),
        None => None,
    };
    let result = announced(config, progress, stop).await;
    if let Some(reporter) = reporter {
        reporter.finish(result.as_ref().err().map(|error| error::chain(error))).await;
    }
    result
}

/// The load, between what the change stream is told.
async fn announced(config: &Config, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    let Some(stream) = &config.change_stream else { return load::load(config, None, progress, stop).await };
    let begun = if stream.start { Some(stream.start(progress, stop).await?) } else { None };
    let outcome = load::load(config, begun, progress, stop).await?;
    if stream.complete {
        stream.complete(progress, stop).await?;
    }
    Ok(outcome)
}

/// To standard output, unless that is where the changes go. Standard error holds nothing but JSON where that was
/// asked for.
fn show_summary(config: &Config, format: LogFormat, text: &str) {
    if matches!((&config.target, format), (Target::Stdout, LogFormat::Json)) {
        return tracing::info!("{text}");
    }
    // A reader that went away misses it; nothing else depends on it.
    let _ = match config.target {
        Target::Stdout => std::io::stderr().write_all(text.as_bytes()),
        _ => std::io::stdout().write_all(text.as_bytes()),
    };
}
