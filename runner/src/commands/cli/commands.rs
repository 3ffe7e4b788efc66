//! Options of the commands other than `load`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DisplayOptions, ErrorOptions, KvArgs, LoadArgs, ReplicaOptions, Translicator, flag};

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// How to reach Redis.
    #[command(flatten)]
    pub kv: KvArgs,

    /// Time after which Redis drops the set (TTL). This command renews it too.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TTL",
        default_value = "24h",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub ttl: String,

    /// Which database is filled.
    #[command(flatten)]
    pub replica: ReplicaOptions,

    /// What to do about what PostgreSQL refuses.
    #[command(flatten)]
    pub errors: ErrorOptions,

    /// The name of the run whose changes these are, and of its record in the database.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RUN_ID",
        default_value = "default",
        value_name = "NAME",
        help_heading = "Resuming"
    )]
    pub run_id: String,

    /// How long to retry when Redis or the database cannot be reached.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RETRY_TIMEOUT",
        default_value = "10m",
        value_name = "DURATION",
        help_heading = "Resuming"
    )]
    pub retry_timeout: String,

    /// To whom the database is handed over.
    #[command(flatten)]
    pub hand_over: HandOverOptions,

    /// What the run shows.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// To whom a database is handed over.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hand-over to Kasho")]
pub struct HandOverOptions {
    /// Kasho's change stream, a host and a port like change-stream:50051.
    #[arg(long, env = "PGBOOTSTRAP_CHANGE_STREAM", requires = "complete_bootstrap", value_name = "ADDRESS")]
    pub change_stream: Option<String>,

    /// When the database is filled, remove the run's changes from Redis, and let live changes begin.
    ///
    /// The set must hold nothing else then, and a translicator must wait at the database. Run the command without this
    /// option first to compare the database while nothing changes it: the next call goes on here.
    #[arg(long, env = "PGBOOTSTRAP_COMPLETE_BOOTSTRAP", value_parser = flag(), requires = "change_stream")]
    pub complete_bootstrap: bool,

    /// How long to wait for a translicator.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TRANSLICATOR_TIMEOUT",
        default_value = "5m",
        requires = "change_stream",
        value_name = "DURATION"
    )]
    pub translicator_timeout: String,

    /// What to do where the database does not show what other sessions ask.
    #[arg(long, env = "PGBOOTSTRAP_TRANSLICATOR", value_enum, default_value_t = Translicator::MustWait, requires = "change_stream", value_name = "WHAT")]
    pub translicator: Translicator,
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: ListFormat,
    /// Print the table of contents of an archive instead, as pg_restore --list does.
    ///
    /// The list, with entries taken out or moved, is what --use-list reads.
    #[arg(long, help_heading = "Output", conflicts_with = "format")]
    pub list: bool,
    /// The options of the load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The options of the load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// How a database is compared, and what is told.
    #[command(flatten)]
    pub proof: ProofOptions,
}

/// How a database is compared, and what is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Comparison with a database")]
pub struct ProofOptions {
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub report: ListFormat,

    /// Also write the report to this file, as one page for whoever has to sign it. It holds no values.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// How many of the rows that differ are named, for each table.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000), value_name = "NUMBER")]
    pub first: u32,

    /// Show the values of rows that differ, in the text and in JSON.
    #[arg(long)]
    pub show_values: bool,

    /// The pg_dump that prints definitions; by default the one on PATH. It must be as new as the server at least.
    #[arg(long, value_name = "PATH")]
    pub pg_dump: Option<PathBuf>,

    /// Do not compare definitions. Without this option the comparison fails where it cannot compare them.
    #[arg(long, conflicts_with = "pg_dump")]
    pub no_definitions: bool,
}

/// Options of `ranges`.
#[derive(Debug, Args)]
pub struct RangesArgs {
    /// A command instead of the list.
    #[command(subcommand)]
    pub command: Option<RangesCommand>,
    /// How to reach Redis.
    #[command(flatten)]
    pub kv: KvArgs,
    /// Format of the list.
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub format: ListFormat,
}

/// The commands of `ranges`.
#[derive(Debug, Subcommand)]
pub enum RangesCommand {
    /// Delete a run: its entries in the set, its checkpoint and its registration.
    ///
    /// Entries of other runs and live changes stay. Fails with exit code 11 while a process is writing into the
    /// buffer.
    Purge {
        /// The name of the run, as `ranges` lists it.
        #[arg(long, value_name = "NAME")]
        run_id: String,
        /// If no such run is registered, there is nothing to do, and that is no error.
        #[arg(long)]
        ignore_not_found: bool,
        /// How to reach Redis.
        #[command(flatten)]
        kv: KvArgs,
    },
}

/// The commands of `transform`.
#[derive(Debug, Subcommand)]
pub enum TransformCommand {
    /// Check a configuration against a dump, and resolve it by the dump's constraints.
    ///
    /// Reads the whole dump for tables, columns, types, unique and foreign keys, and partitions. Lists everything that
    /// is wrong, or prints the resolved configuration. A load from a pipe needs it; any other load that gets it does
    /// not have to read the dump twice.
    Check(Box<TransformArgs>),
    /// Print a first configuration for the columns of a dump that look personal, by their names and a sample of their
    /// values.
    Suggest(Box<TransformArgs>),
    /// Show rows before and after their transforms. The output contains original values.
    Preview(Box<PreviewArgs>),
}

impl TransformCommand {
    /// The options of the load.
    #[must_use]
    pub fn load(&self) -> &LoadArgs {
        match self {
            Self::Check(args) | Self::Suggest(args) => &args.load,
            Self::Preview(args) => &args.load,
        }
    }
}

/// Options of `transform check` and `transform suggest`.
#[derive(Debug, Args)]
pub struct TransformArgs {
    /// The options of the load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Options of `transform preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// How many rows of each table to show.
    #[arg(long, default_value_t = 3, value_name = "NUMBER", help_heading = "Output")]
    pub rows_per_table: u64,
    /// The options of the load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// The format of a list or report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
