//! Options of the commands other than loading.

use clap::{Args, Subcommand, ValueEnum};

use super::{KvArgs, LoadArgs};

/// Looking at a dump.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The report as text or JSON.
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub format: ListFormat,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Looking at the ranges of a buffer.
#[derive(Debug, Args)]
pub struct RangesArgs {
    /// What to do instead of listing.
    #[command(subcommand)]
    pub command: Option<RangesCommand>,
    /// Where Redis is.
    #[command(flatten)]
    pub kv: KvArgs,
    /// The list as text or JSON.
    #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
    pub format: ListFormat,
}

/// What to do with ranges.
#[derive(Debug, Subcommand)]
pub enum RangesCommand {
    /// Delete a run: its entries in the set, its checkpoint and its place in the registry.
    ///
    /// Refused with exit code 11 while a process is writing into the buffer. Entries of others, and live changes,
    /// stay.
    Purge {
        /// The run, as `ranges` lists it.
        #[arg(long, value_name = "NAME")]
        run_id: String,
        /// Where Redis is.
        #[command(flatten)]
        kv: KvArgs,
    },
}

/// Work on a transform configuration.
#[derive(Debug, Subcommand)]
pub enum TransformCommand {
    /// Check a configuration against a dump, and write it with what the dump's constraints demand.
    ///
    /// Reads the whole dump: tables, columns, types, unique and foreign keys, partitions. Names everything that is
    /// wrong, or prints the resolved configuration, which a load of a pipe needs and which saves any other load that
    /// reading.
    Check(Box<TransformArgs>),
    /// Write a first configuration for what looks personal in a dump, by names and a sample of values.
    Suggest(Box<TransformArgs>),
    /// Show rows before and after their transforms. What it prints holds originals.
    Preview(Box<PreviewArgs>),
}

impl TransformCommand {
    /// The load that it is about.
    #[must_use]
    pub fn load(&self) -> &LoadArgs {
        match self {
            Self::Check(args) | Self::Suggest(args) => &args.load,
            Self::Preview(args) => &args.load,
        }
    }
}

/// Looking at a dump for its transforms.
#[derive(Debug, Args)]
pub struct TransformArgs {
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Looking at what transforms do.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Rows of each table.
    #[arg(long, default_value_t = 3, value_name = "NUMBER", help_heading = "Output")]
    pub rows_per_table: u64,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
