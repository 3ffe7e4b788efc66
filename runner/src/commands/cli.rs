//! The command line as typed. [`crate::commands::config`] checks it and gives it meaning.

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};

pub use self::replica::ReplicaOptions;
pub use self::source::SourceOptions;
pub use changes::{ChangeOptions, SelectionOptions, TransformOptions};
pub use choices::{OnError, Publish, Rows, Section, Translicator};
pub use commands::{
    ApplyArgs, HandOverOptions, InspectArgs, ListFormat, PreviewArgs, ProofOptions, RangesArgs,
    RangesCommand, TransformArgs, TransformCommand, VerifyArgs,
};
pub use help::{command, manual, parse, refuse};
pub use redis::{InsteadOptions, KvArgs, RedisOptions};
pub use run::{DisplayOptions, ErrorOptions, ResumeOptions, SpeedOptions, StatusOptions, StreamOptions};

mod changes;
mod choices;
mod commands;
mod help;
mod redis;
mod replica;
mod run;
mod source;

/// The values that a flag's environment variable may have: true or false, 1 or 0, yes or no, on or off.
fn flag() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// Loads a PostgreSQL dump into the Kasho change buffer in Redis, or a database.
///
/// Reads a dump (pg_dump 13 to 18: a script, plain or compressed by gzip, zstd or lz4, or an archive in the custom,
/// directory or tar format), turns every statement and row into a change, and writes the changes to Redis in order.
/// With --replica-url it runs the statements and copies the rows into a PostgreSQL database instead. To resume an
/// interrupted run, run the same command again: it continues at the next row. Without a command it loads, like
/// `load`.
#[derive(Debug, Parser)]
#[command(
    name = "pg-bootstrap-sync",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    max_term_width = 80
)]
pub struct Cli {
    /// The command, if one is given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of a load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a dump. This is the default.
    Load(Box<LoadArgs>),
    /// Fill a PostgreSQL database from what a load has left in Redis.
    ///
    /// Reads the run's changes, which must be complete, and fills the database as load --replica-url does: rows by
    /// COPY, statements in order, each exactly once. To go on with an interrupted call, run the same command again.
    /// Does not read the dump, and leaves the changes where they are.
    Apply(Box<ApplyArgs>),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or that of a command.
    Man {
        /// The command.
        #[arg(value_parser = help::known)]
        command: Option<String>,
    },
    /// Report what is in a dump, and what its load will need.
    ///
    /// Takes the same options as the load. Reads the whole dump, makes its changes and counts them. The report
    /// names tables, rows, statements, what is left out and what cannot be loaded, and estimates the memory in
    /// Redis and the time that the consumer takes. Writes nothing and needs no Redis. Exits with 0 if the dump
    /// can be loaded, otherwise with the exit code that the load would have.
    Inspect(Box<InspectArgs>),
    /// Compare the contents of Redis, or a database, with the dump.
    ///
    /// Takes the same options as the load. Reads the dump as the load did, reads the entries of the run from
    /// Redis, and compares them byte by byte. With --replica-url it compares a database instead: rows, sequences,
    /// large objects and definitions. Changes nothing. Exits with 0 if everything is equal. If not, it lists the first
    /// differences and exits with 8.
    Verify(Box<VerifyArgs>),
    /// Write, try out or check a transform configuration.
    ///
    /// Does not use Redis.
    #[command(subcommand)]
    Transform(TransformCommand),
    /// List the runs that are registered in a buffer, or delete one.
    #[command(args_conflicts_with_subcommands = true)]
    Ranges(Box<RangesArgs>),
}

/// Options of a load, in the order of the help page.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The dump: a path, s3://…, gs://…, az://…, https://… or - for a pipe.
    #[arg(value_name = "DUMP", required_unless_present_any = ["dump_file", "dump_url_file"])]
    pub dump: Option<String>,

    /// Where the dump comes from.
    #[command(flatten)]
    pub source: SourceOptions,

    /// How to reach Redis.
    #[command(flatten)]
    pub kv: KvArgs,

    /// How the set in Redis is treated.
    #[command(flatten)]
    pub redis: RedisOptions,

    /// Where the changes go, if not to Redis.
    #[command(flatten)]
    pub instead: InsteadOptions,

    /// Which database is filled instead of Redis.
    #[command(flatten)]
    pub replica: ReplicaOptions,

    /// What the changes are like.
    #[command(flatten)]
    pub changes: ChangeOptions,

    /// Which part of the dump is loaded.
    #[command(flatten)]
    pub selection: SelectionOptions,

    /// What becomes of personal data.
    #[command(flatten)]
    pub transforms: TransformOptions,

    /// What to do about rows that cannot be loaded.
    #[command(flatten)]
    pub errors: ErrorOptions,

    /// How the run continues an earlier one.
    #[command(flatten)]
    pub resuming: ResumeOptions,

    /// Which change stream is notified.
    #[command(flatten)]
    pub stream: StreamOptions,

    /// Which object in Kubernetes gets the state of the run.
    #[command(flatten)]
    pub status: StatusOptions,

    /// How fast the run works.
    #[command(flatten)]
    pub speed: SpeedOptions,

    /// What the run shows.
    #[command(flatten)]
    pub display: DisplayOptions,
}
