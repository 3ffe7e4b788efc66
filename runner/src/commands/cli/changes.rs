//! Options about the changes that a dump becomes. Those in the changes' shape are in the checkpoint.

use std::path::PathBuf;

use clap::Args;
use convert::shape::DDL_TIME;

use super::choices::{Rows, Section};
use super::flag;

/// What the changes are like.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Changes")]
pub struct ChangeOptions {
    /// How rows are sent. With packed, the replica is ready tens of times sooner.
    ///
    /// The translicator's own transforms do not apply to packed rows.
    #[arg(long, env = "PGBOOTSTRAP_ROWS", value_enum, default_value_t = Rows::Single, value_name = "FORM")]
    pub rows: Rows,

    /// The first sequence number; by default the first one after everything in the buffer.
    #[arg(long, env = "PGBOOTSTRAP_FIRST_SEQUENCE", value_name = "NUMBER")]
    pub first_sequence: Option<u64>,

    /// How many sequence numbers to leave free after an earlier run.
    #[arg(long, env = "PGBOOTSTRAP_SEQUENCE_GAP", default_value_t = 1000, value_name = "NUMBER")]
    pub sequence_gap: u64,

    /// The timestamp of changes that contain SQL text (RFC 3339).
    #[arg(
        long,
        env = "PGBOOTSTRAP_DDL_TIME",
        default_value = DDL_TIME,
        value_name = "TIME"
    )]
    pub ddl_time: String,

    /// Leave out ALTER … OWNER TO, as pg_restore does.
    #[arg(long, env = "PGBOOTSTRAP_NO_OWNER", value_parser = flag())]
    pub no_owner: bool,

    /// Leave out GRANT, REVOKE and ALTER DEFAULT PRIVILEGES, as pg_restore does.
    #[arg(long, env = "PGBOOTSTRAP_NO_PRIVILEGES", value_parser = flag())]
    pub no_privileges: bool,

    /// Also load objects named kasho_*, which Kasho uses for its own bookkeeping.
    #[arg(long, env = "PGBOOTSTRAP_KEEP_KASHO_OBJECTS", value_parser = flag())]
    pub keep_kasho_objects: bool,

    /// Load rows into tables that already have triggers or rules. psql would fire these; the replica does not.
    #[arg(long, env = "PGBOOTSTRAP_SILENT_TRIGGERS", value_parser = flag())]
    pub silent_triggers: bool,
}

/// Which part of the dump is loaded.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionOptions {
    /// Load only tables that match this pg_dump pattern.
    ///
    /// The pattern also selects views and sequences. May be given several times.
    #[arg(long, env = "PGBOOTSTRAP_TABLE", value_delimiter = '\n', value_name = "PATTERN")]
    pub table: Vec<String>,

    /// Leave out tables that match this pattern.
    #[arg(long, env = "PGBOOTSTRAP_EXCLUDE_TABLE", value_delimiter = '\n', value_name = "PATTERN")]
    pub exclude_table: Vec<String>,

    /// Load only schemas that match this pattern. Has no effect on tables that --table selects.
    #[arg(long, env = "PGBOOTSTRAP_SCHEMA", value_delimiter = '\n', value_name = "PATTERN")]
    pub schema: Vec<String>,

    /// Leave out schemas that match this pattern.
    #[arg(long, env = "PGBOOTSTRAP_EXCLUDE_SCHEMA", value_delimiter = '\n', value_name = "PATTERN")]
    pub exclude_schema: Vec<String>,

    /// Load only definitions: no rows, no large objects, no values of sequences.
    #[arg(long, env = "PGBOOTSTRAP_SCHEMA_ONLY", value_parser = flag(), conflicts_with_all = ["data_only", "section"])]
    pub schema_only: bool,

    /// Load only rows, large objects and values of sequences.
    #[arg(long, env = "PGBOOTSTRAP_DATA_ONLY", value_parser = flag(), conflicts_with = "section")]
    pub data_only: bool,

    /// Load only this section of the dump. May be given several times.
    #[arg(long, env = "PGBOOTSTRAP_SECTION", value_enum, value_delimiter = '\n', value_name = "SECTION")]
    pub section: Vec<Section>,

    /// Load at most this many rows of each table, the first ones: for trials.
    ///
    /// Rows that refer to others may stay without these: then their foreign keys are refused.
    #[arg(
        long,
        env = "PGBOOTSTRAP_MAX_ROWS_PER_TABLE",
        value_parser = clap::value_parser!(u64).range(1..),
        value_name = "NUMBER"
    )]
    pub max_rows_per_table: Option<u64>,

    /// The database to load, if the dump contains several, as pg_dumpall writes them.
    #[arg(long, env = "PGBOOTSTRAP_DATABASE", value_name = "NAME")]
    pub database: Option<String>,

    /// Load only the entries of an archive that this file lists, in its order, as pg_restore does.
    ///
    /// `inspect --list` and `pg_restore --list` print such lists.
    #[arg(long, env = "PGBOOTSTRAP_USE_LIST", value_name = "FILE")]
    pub use_list: Option<PathBuf>,
}

/// What becomes of personal data.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Transforms")]
pub struct TransformOptions {
    /// Transform personal data by this file (Kasho's transforms.yml).
    ///
    /// Values are transformed before they are written anywhere.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_CONFIG", value_name = "FILE")]
    pub transform_config: Option<PathBuf>,

    /// Secret key that chooses the fake for a value; at least 16 bytes.
    ///
    /// The same key gives the same fakes. Anyone who has the key can find originals by trying.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_KEY_FILE", value_name = "FILE")]
    pub transform_key_file: Option<PathBuf>,

    /// Transform without a key. Anyone who has the replica can then find originals by trying a dictionary.
    #[arg(long, env = "PGBOOTSTRAP_INSECURE_UNKEYED", value_parser = flag())]
    pub insecure_unkeyed: bool,

    /// Fail before anything is written if a column looks personal, by its name or its values, and has no entry in
    /// the transform configuration. The entry may be `keep`.
    #[arg(long, env = "PGBOOTSTRAP_REQUIRE_DECISION", value_parser = flag())]
    pub require_decision: bool,
}
