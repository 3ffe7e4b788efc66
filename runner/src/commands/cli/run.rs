//! Options about the run itself: errors, resuming, who is notified, speed, and what is shown.

use std::path::PathBuf;

use clap::Args;

use super::choices::OnError;
use super::flag;
use crate::show::telemetry::LogFormat;
use crate::show::terminal::When;

/// What to do about what cannot be loaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Errors")]
pub struct ErrorOptions {
    /// What to do with a row that cannot be loaded, and with a statement that the replica refuses.
    #[arg(long, env = "PGBOOTSTRAP_ON_ERROR", value_enum, default_value_t = OnError::Stop, value_name = "WHAT")]
    pub on_error: OnError,

    /// How many rows may be set aside, and statements skipped, before the run fails.
    #[arg(long, env = "PGBOOTSTRAP_MAX_ERRORS", default_value_t = 100, value_name = "NUMBER")]
    pub max_errors: u64,

    /// The file for rows that are set aside: JSON lines with the place, the reason and the bytes of each.
    #[arg(long, env = "PGBOOTSTRAP_REJECT_FILE", value_name = "FILE")]
    pub reject_file: Option<PathBuf>,
}

/// How the run continues an earlier one.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Resuming")]
pub struct ResumeOptions {
    /// The name of the run.
    ///
    /// A command with the same name resumes the run.
    #[arg(long, env = "PGBOOTSTRAP_RUN_ID", default_value = "default", value_name = "NAME")]
    pub run_id: String,

    /// Also write the checkpoint to this file.
    #[arg(long, env = "PGBOOTSTRAP_CHECKPOINT", value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,

    /// Continue from the checkpoint in this file, which must exist. If Redis has a checkpoint, that one is used.
    #[arg(long, env = "PGBOOTSTRAP_RESUME_FROM", conflicts_with = "restart", value_name = "FILE")]
    pub resume_from: Option<PathBuf>,

    /// Delete what the run wrote so far, and start over.
    #[arg(long, env = "PGBOOTSTRAP_RESTART", value_parser = flag())]
    pub restart: bool,

    /// Like --restart, but only once for each token. The same command, run again, resumes the run.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RESTART_ONCE",
        conflicts_with_all = ["restart", "resume_from"],
        value_name = "TOKEN"
    )]
    pub restart_once: Option<String>,
}

/// Which change stream is notified.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Change stream")]
pub struct StreamOptions {
    /// Kasho's change stream to notify, a host and a port like change-stream:50051. Needs one of the next two options.
    #[arg(long, env = "PGBOOTSTRAP_CHANGE_STREAM", value_name = "ADDRESS")]
    pub change_stream: Option<String>,

    /// Notify it that the bootstrap starts, before anything is written. Needs --snapshot-lsn.
    #[arg(long, env = "PGBOOTSTRAP_START_BOOTSTRAP", value_parser = flag())]
    pub start_bootstrap: bool,

    /// Notify it that the bootstrap is complete, after all entries in Redis have been counted.
    #[arg(long, env = "PGBOOTSTRAP_COMPLETE_BOOTSTRAP", value_parser = flag())]
    pub complete_bootstrap: bool,

    /// The name of the exported snapshot, for --start-bootstrap.
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_NAME", value_name = "NAME")]
    pub snapshot_name: Option<String>,
}

/// Which object in Kubernetes gets the state of the run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct StatusOptions {
    /// Write the run's state into the status of this ReplicaBootstrap.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_RESOURCE",
        requires = "status_run_id",
        value_name = "NAMESPACE/NAME"
    )]
    pub status_resource: Option<String>,

    /// The value of spec.run.id in that object for which this run was started.
    #[arg(long, env = "PGBOOTSTRAP_STATUS_RUN_ID", requires = "status_resource", value_name = "ID")]
    pub status_run_id: Option<String>,

    /// The UID of that object. A newer object of the same name is not written to.
    #[arg(long, env = "PGBOOTSTRAP_STATUS_UID", requires = "status_resource", value_name = "UID")]
    pub status_uid: Option<String>,
}

/// How fast the run works.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Speed")]
pub struct SpeedOptions {
    /// How many changes one Redis transaction writes, together with its checkpoint.
    #[arg(long, env = "PGBOOTSTRAP_BATCH_SIZE", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "NUMBER")]
    pub batch_size: u32,

    /// How many threads convert rows; by default one for each processor.
    #[arg(long, env = "PGBOOTSTRAP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "NUMBER")]
    pub workers: Option<u16>,

    /// Write at most this many changes per second (20000), or bytes of changes per second (20MiB). May be given twice, or
    /// as 20000,20MiB: then both limits hold.
    #[arg(long, env = "PGBOOTSTRAP_MAX_RATE", value_delimiter = ',', value_name = "NUMBER")]
    pub max_rate: Vec<String>,
}

/// What the run shows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct DisplayOptions {
    /// Format of log lines.
    #[arg(long, env = "PGBOOTSTRAP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// When to show a progress bar.
    #[arg(long, env = "PGBOOTSTRAP_PROGRESS", value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub progress: When,

    /// Serve Prometheus metrics at this address, like 0.0.0.0:9187.
    #[arg(long, env = "PGBOOTSTRAP_METRICS_ADDR", value_name = "ADDRESS")]
    pub metrics_addr: Option<std::net::SocketAddr>,

    /// Print only errors.
    #[arg(long, short, env = "PGBOOTSTRAP_QUIET", value_parser = flag())]
    pub quiet: bool,
}
