//! Options of the commands other than `load`.

use clap::{Args, Subcommand, ValueEnum};

use super::{KvArgs, LoadArgs};

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
