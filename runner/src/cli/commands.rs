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

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
