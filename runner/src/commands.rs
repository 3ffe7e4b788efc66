//! The commands: the command line, its meaning, and the call of the command.

pub mod apply;
pub mod cli;
pub mod config;
pub mod hand_over;
pub mod inspect;
pub mod load;
pub mod ranges;
pub mod transform;
pub mod verify;

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;

use crate::base::error::{self, Error};
use crate::base::stop::Stop;
use crate::load::config::{Config, Destination};
use crate::load::progress::Progress;
use crate::show::status::report::Reporter;
use crate::show::summary::{self, Ending};
use crate::show::telemetry::LogFormat;
use crate::show::{log, metrics, status, telemetry, terminal};
use cli::{
    ApplyArgs, Cli, Command, DisplayOptions, InspectArgs, ListFormat, LoadArgs, RangesArgs, RangesCommand,
    TransformCommand, VerifyArgs,
};
use convert::form::RowForm;
use load::Outcome;
use source::object::Listener;

/// Executes the command line and returns the exit code.
pub async fn run(cli: Cli) -> u8 {
    // All TLS connections use the same cryptography. If it is installed already, that is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match execute(&cli).await {
        Ok(()) => 0,
        // Like other programs whose output is no longer read.
        Err(error @ Error::ReaderGone) => error.exit_code(),
        Err(error) => {
            let code = error.exit_code();
            let text = error::chain(&error);
            tracing::error!(exit_code = code, retryable = error.is_retryable(), "{text}");
            code
        }
    }
}

/// A command while it runs. In a box, because the compiler computes the layout of what is not, in all its depth, for each caller.
type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

async fn execute(cli: &Cli) -> Result<(), Error> {
    let running: Running<'_> = match &cli.command {
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut cli::command(), "pg-bootstrap-sync", &mut script);
            return say(&String::from_utf8_lossy(&script));
        }
        Some(Command::Man { command }) => return say(&cli::manual(command.as_deref())),
        Some(Command::Load(args)) => Box::pin(load(args)),
        Some(Command::Apply(args)) => Box::pin(apply(args)),
        Some(Command::Verify(args)) if args.load.replica.replica_url.is_some() => {
            Box::pin(verify_replica(args))
        }
        Some(Command::Verify(args)) => Box::pin(verify(args)),
        Some(Command::Inspect(args)) => Box::pin(inspect(args)),
        Some(Command::Transform(command)) => Box::pin(transform(command)),
        Some(Command::Ranges(args)) => Box::pin(ranges(args)),
        None => Box::pin(load(&cli.load)),
    };
    running.await
}

async fn load(args: &LoadArgs) -> Result<(), Error> {
    telemetry::init(args.display.log_format, args.display.quiet);
    let stop = Stop::on_signals()?;
    let (mut config, status) = (config::load(args)?, config::status(args)?);
    let (progress, shown) = show_progress(&args.display).await?;
    let told = Arc::clone(&progress);
    config.location.listen(Listener::new(move |away| match away {
        Some(why) => told.waiting(why.to_owned()),
        None => told.going_on(),
    }));
    if config.shape.rows == RowForm::Packed {
        tracing::info!("{}", summary::PACKED);
    }
    let result = reported(&config, status, &progress, &stop).await;
    shown.end().await;
    let unread = matches!(result, Err(Error::ReaderGone));
    if !args.display.quiet && !unread && progress.details().begun {
        let (first, ending) = how_it_ended(&result);
        match args.display.log_format {
            LogFormat::Json => summary::log(&progress, first, ending, config.shape.rows),
            LogFormat::Text => {
                show_summary(&config, &summary::text(&progress, first, ending, config.shape.rows));
            }
        }
    }
    result?.skipped.map_or(Ok(()), Err)
}

async fn apply(args: &ApplyArgs) -> Result<(), Error> {
    let display = &args.display;
    telemetry::init(display.log_format, display.quiet);
    let stop = Stop::on_signals()?;
    let config = config::apply(args)?;
    let (progress, shown) = show_progress(display).await?;
    let result = apply::apply(&config, &progress, &stop).await;
    shown.end().await;
    if !display.quiet && progress.details().begun {
        let (first, ending) = how_it_ended(&result);
        match display.log_format {
            LogFormat::Json => summary::log(&progress, first, ending, RowForm::Copy),
            LogFormat::Text => say(&summary::text(&progress, first, ending, RowForm::Copy))?,
        }
    }
    result?.skipped.map_or(Ok(()), Err)
}

/// Where the range begins, and how the run has ended.
fn how_it_ended(result: &Result<Outcome, Error>) -> (Option<u64>, Ending) {
    match result {
        Ok(outcome) => (Some(outcome.first), outcome.ending),
        Err(_) => (None, Ending::Stopped),
    }
}

async fn verify(args: &VerifyArgs) -> Result<(), Error> {
    let (options, args) = (args, &args.load);
    telemetry::init(args.display.log_format, args.display.quiet);
    let stop = Stop::on_signals()?;
    let config = verify::config(options)?;
    let (progress, shown) = show_progress(&args.display).await?;
    let result = verified(&config, &progress, &stop).await;
    shown.end().await;
    let report = result?;
    if !args.display.quiet {
        say(&report.text())?;
    }
    report.verdict()
}

async fn verified(config: &Config, progress: &Progress, stop: &Stop) -> Result<verify::Report, Error> {
    let config = verify::registered(config, progress, stop).await?;
    let config = transform::prepare(&config, stop).await?;
    verify::verify(&config, progress, stop).await
}

async fn verify_replica(args: &VerifyArgs) -> Result<(), Error> {
    let proof = &args.proof;
    telemetry::init(args.load.display.log_format, args.load.display.quiet);
    let stop = Stop::on_signals()?;
    let (config, compared) = verify::replica::config(args)?;
    let (progress, shown) = show_progress(&args.load.display).await?;
    let result = async {
        load::look(&config, &stop).await?;
        let config = transform::prepare(&config, &stop).await?;
        verify::replica::verify(&config, compared, &progress, &stop).await
    }
    .await;
    shown.end().await;
    let report = result?;
    if let Some(path) = &proof.html {
        std::fs::write(path, report.html()).map_err(|error| Error::File {
            action: "write the report to",
            path: path.clone(),
            error,
        })?;
    }
    if !args.load.display.quiet || proof.report == ListFormat::Json {
        say(&match proof.report {
            ListFormat::Text => report.text(),
            ListFormat::Json => report.json(),
        })?;
    }
    report.verdict()
}

async fn inspect(args: &InspectArgs) -> Result<(), Error> {
    telemetry::init(args.load.display.log_format, args.load.display.quiet);
    let stop = Stop::on_signals()?;
    let config = inspect::config(&args.load)?;
    if args.list {
        return say_bytes(&inspect::list(&config, &stop).await?);
    }
    let (progress, shown) = show_progress(&args.load.display).await?;
    let result = inspected(&config, &progress, &stop).await;
    shown.end().await;
    let (report, failed) = result?;
    let said = match args.format {
        ListFormat::Text => report.text(),
        ListFormat::Json => report.json(),
    };
    say(&said)?;
    failed.map_or(Ok(()), Err)
}

async fn inspected(
    config: &Config,
    progress: &Progress,
    stop: &Stop,
) -> Result<(inspect::report::Report, Option<Error>), Error> {
    let config = transform::prepare(config, stop).await?;
    let config = transform::rehearse(&config, stop).await?;
    inspect::inspect(&config, progress, stop).await
}

async fn transform(command: &TransformCommand) -> Result<(), Error> {
    let display = &command.load().display;
    telemetry::init(display.log_format, display.quiet);
    let stop = Stop::on_signals()?;
    let text = match command {
        TransformCommand::Check(args) => transform::check(&args.load, &stop).await?,
        TransformCommand::Suggest(args) => transform::suggest(&inspect::config(&args.load)?, &stop).await?,
        TransformCommand::Preview(args) => {
            transform::preview(&inspect::config(&args.load)?, args.rows_per_table, &stop).await?
        }
    };
    say(&text)
}

async fn ranges(args: &RangesArgs) -> Result<(), Error> {
    telemetry::init(LogFormat::Text, false);
    let stop = Stop::on_signals()?;
    let said = match &args.command {
        None => tokio::select! {
            listed = ranges::list(&args.kv, args.format) => listed?,
            signal = stop.wait() => return Err(Error::Stopped(signal)),
        },
        Some(RangesCommand::Purge { run_id, ignore_not_found, kv }) => {
            match ranges::purge(kv, run_id, &stop).await? {
                Some(deleted) => format!("purged run {run_id}: {deleted} entries\n"),
                None if *ignore_not_found => format!("no run {run_id} is registered\n"),
                None => return Err(ranges::not_found(run_id)),
            }
        }
    };
    say(&said)
}

/// Prints the output of a command. If the reader has closed the pipe, it has seen enough. Any other failure is an
/// error, because output that is cut off may look complete.
fn say(text: &str) -> Result<(), Error> {
    say_bytes(text.as_bytes())
}

/// The same for names in the encoding of a dump.
fn say_bytes(text: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::File { action: "write to", path: "standard output".into(), error })
        }
        _ => Ok(()),
    }
}

/// A display of the progress, until it is ended.
struct Display(tokio::task::JoinHandle<()>);

impl Display {
    async fn end(self) {
        self.0.abort();
        // An aborted task is dropped when it is awaited; only then is the bar gone.
        let _ = self.0.await;
    }
}

/// Shows progress as the options say: metrics, and a bar or log lines.
async fn show_progress(options: &DisplayOptions) -> Result<(Arc<Progress>, Display), Error> {
    let progress = Arc::new(Progress::default());
    if let Some(address) = options.metrics_addr {
        let bound = metrics::serve(address, Arc::clone(&progress)).await?;
        tracing::info!(address = %bound, "metrics at /metrics");
    }
    let shown = if terminal::wanted(options.progress, options.quiet) {
        tokio::spawn(terminal::show(Arc::clone(&progress)))
    } else {
        tokio::spawn(log::show(Arc::clone(&progress)))
    };
    Ok((progress, Display(shown)))
}

/// Runs the load, and writes its state to Kubernetes if the options say so.
async fn reported(
    config: &Config,
    status: Option<status::StatusObject>,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Outcome, Error> {
    let ttl = match &config.target {
        Destination::Redis(target) => Some(target.ttl),
        _ => None,
    };
    let reporter = match status {
        Some(target) => Some(Reporter::start(target, ttl, Arc::clone(progress)).await?),
        None => None,
    };
    let result = looked_at(config, progress, stop).await;
    if let Some(reporter) = reporter {
        reporter.finish(result.as_ref().err().map(|error| error::chain(error))).await;
    }
    result
}

/// Runs the load, after the dump was recognised.
async fn looked_at(config: &Config, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    load::look(config, stop).await?;
    let config = transform::prepare(config, stop).await?;
    announced(&config, progress, stop).await
}

/// Runs the load between the two notifications of the change stream.
async fn announced(config: &Config, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    let Some(stream) = &config.change_stream else { return load::load(config, None, progress, stop).await };
    let begun = if stream.start { Some(stream.start(progress, stop).await?) } else { None };
    let outcome = load::load(config, begun, progress, stop).await?;
    if stream.complete {
        stream.complete(progress, stop).await?;
    }
    Ok(outcome)
}

/// Prints to standard output, unless the changes go there.
fn show_summary(config: &Config, text: &str) {
    // If the reader has closed the pipe, the text is lost; nothing else depends on it.
    let _ = match config.target {
        Destination::Stdout => std::io::stderr().write_all(text.as_bytes()),
        _ => std::io::stdout().write_all(text.as_bytes()),
    };
}
