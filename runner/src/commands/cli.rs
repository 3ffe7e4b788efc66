//! The command line as typed. [`crate::commands::config`] checks it and gives it meaning.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};

use crate::show::telemetry::LogFormat;
use crate::show::terminal::When;
pub use choices::{OnError, Publish, Rows, Section};
pub use commands::{
    InspectArgs, ListFormat, PreviewArgs, RangesArgs, RangesCommand, TransformArgs, TransformCommand,
};
use convert::shape::DDL_TIME;

pub use help::{command, parse, refuse};

mod choices;
mod commands;
mod help;

/// The values that a flag's environment variable may have: true or false, 1 or 0, yes or no, on or off.
fn flag() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// Loads a PostgreSQL dump into the Kasho change buffer in Redis.
///
/// Reads a plain dump (pg_dump 13 to 18; plain or compressed by gzip, zstd or lz4), turns every statement and row
/// into a change, and writes the changes to Redis in order. To resume an interrupted run, run the same command
/// again: it continues at the next row. Without a command it loads, like `load`.
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
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Report what is in a dump, and what its load will need.
    ///
    /// Takes the same options as the load. Reads the whole dump, makes its changes and counts them. The report
    /// names tables, rows, statements, what is left out and what cannot be loaded, and estimates the memory in
    /// Redis and the time that the consumer takes. Writes nothing and needs no Redis. Exits with 0 if the dump
    /// can be loaded, otherwise with the exit code that the load would have.
    Inspect(Box<InspectArgs>),
    /// Compare the contents of Redis with the dump.
    ///
    /// Takes the same options as the load. Reads the dump as the load did, reads the entries of the run from
    /// Redis, and compares them byte by byte. Writes nothing. Exits with 0 if they are equal. If they differ, it
    /// lists the first differences and exits with 8.
    Verify(Box<LoadArgs>),
    /// Write, try out or check a transform configuration.
    ///
    /// Does not use Redis.
    #[command(subcommand)]
    Transform(TransformCommand),
    /// List the runs that are registered in a buffer, or delete one.
    #[command(args_conflicts_with_subcommands = true)]
    Ranges(Box<RangesArgs>),
}

/// Options of a load.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The dump to load: a path, s3://bucket/key, or - for standard input.
    #[arg(value_name = "DUMP", required_unless_present = "dump_file")]
    pub dump: Option<String>,

    /// The dump to load, like the argument DUMP.
    #[arg(long, short, env = "PGBOOTSTRAP_DUMP_FILE", value_name = "PATH", help_heading = "Source")]
    pub dump_file: Option<String>,

    /// The WAL position of the dump's snapshot, like 16/B374D848.
    ///
    /// The load's changes must sort before the live changes, which start here. Without this option the set must
    /// not contain live changes, unless --allow-live-entries is given.
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_LSN", value_name = "LSN", help_heading = "Source")]
    pub snapshot_lsn: Option<String>,

    /// URL of an S3 service other than AWS, like `https://minio.example:9000`.
    #[arg(long, env = "PGBOOTSTRAP_S3_ENDPOINT", value_name = "URL", help_heading = "Source")]
    pub s3_endpoint: Option<String>,

    /// Region of the bucket; by default AWS_REGION.
    #[arg(long, env = "PGBOOTSTRAP_S3_REGION", value_name = "NAME", help_heading = "Source")]
    pub s3_region: Option<String>,

    /// Put the bucket into the path of the URL. Many services other than AWS need this.
    #[arg(long, env = "PGBOOTSTRAP_S3_PATH_STYLE", value_parser = flag(), help_heading = "Source")]
    pub s3_path_style: bool,

    /// Certificates (PEM) to trust for S3, in addition to the system's.
    #[arg(long, env = "PGBOOTSTRAP_S3_CA_FILE", value_name = "FILE", help_heading = "Source")]
    pub s3_ca_file: Option<PathBuf>,

    /// How to reach Redis.
    #[command(flatten)]
    pub kv: KvArgs,

    /// Time after which Redis drops the set (TTL). Every write renews it, and so does a run that waits.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TTL",
        default_value = "24h",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub ttl: String,

    /// Also publish each change on the channel. After a crash some are published twice.
    #[arg(long, env = "PGBOOTSTRAP_PUBLISH", value_enum, default_value_t = Publish::Never, value_name = "WHEN", help_heading = "Redis")]
    pub publish: Publish,

    /// Accept a Redis whose maxmemory-policy may drop the set silently.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_EVICTION", value_parser = flag(), help_heading = "Redis")]
    pub allow_eviction: bool,

    /// Begin a run in a set that contains other runs, of other databases or of other parts of the same one. A row
    /// that is in several dumps is then inserted into the replica several times.
    #[arg(long, env = "PGBOOTSTRAP_BESIDE_OTHER_RUNS", value_parser = flag(), help_heading = "Redis")]
    pub beside_other_runs: bool,

    /// Begin a run without --snapshot-lsn in a set that contains live changes.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_LIVE_ENTRIES", value_parser = flag(), help_heading = "Redis")]
    pub allow_live_entries: bool,

    /// Pause while Redis uses more memory than this: a size (8GiB) or a share of its maxmemory (90%).
    #[arg(long, env = "PGBOOTSTRAP_MEMORY_HIGH_WATER", value_name = "SIZE", help_heading = "Redis")]
    pub memory_high_water: Option<String>,

    /// How long to retry when Redis, S3 or the change stream cannot be reached.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RETRY_TIMEOUT",
        default_value = "10m",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub retry_timeout: String,

    /// How long to wait when Redis is full.
    #[arg(
        long,
        env = "PGBOOTSTRAP_FULL_TIMEOUT",
        default_value = "1h",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub full_timeout: String,

    /// Write JSON lines to this file (- for standard output) instead of Redis.
    #[arg(long, env = "PGBOOTSTRAP_OUTPUT", conflicts_with_all = ["kv_url", "dry_run"], value_name = "PATH", help_heading = "Instead of Redis")]
    pub output: Option<String>,

    /// Read and convert the dump, but write nothing.
    #[arg(long, env = "PGBOOTSTRAP_DRY_RUN", value_parser = flag(), help_heading = "Instead of Redis")]
    pub dry_run: bool,

    /// How rows are sent. With packed, the replica is ready tens of times sooner.
    ///
    /// The translicator's own transforms do not apply to packed rows.
    #[arg(long, env = "PGBOOTSTRAP_ROWS", value_enum, default_value_t = Rows::Single, value_name = "FORM", help_heading = "Changes")]
    pub rows: Rows,

    /// The first sequence number; by default the first one after everything in the buffer.
    #[arg(long, env = "PGBOOTSTRAP_FIRST_SEQUENCE", value_name = "NUMBER", help_heading = "Changes")]
    pub first_sequence: Option<u64>,

    /// How many sequence numbers to leave free after an earlier run.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SEQUENCE_GAP",
        default_value_t = 1000,
        value_name = "NUMBER",
        help_heading = "Changes"
    )]
    pub sequence_gap: u64,

    /// The timestamp of changes that contain SQL text (RFC 3339).
    #[arg(
        long,
        env = "PGBOOTSTRAP_DDL_TIME",
        default_value = DDL_TIME,
        value_name = "TIME",
        help_heading = "Changes"
    )]
    pub ddl_time: String,

    /// Leave out ALTER … OWNER TO, as pg_restore does.
    #[arg(long, env = "PGBOOTSTRAP_NO_OWNER", value_parser = flag(), help_heading = "Changes")]
    pub no_owner: bool,

    /// Leave out GRANT, REVOKE and ALTER DEFAULT PRIVILEGES, as pg_restore does.
    #[arg(long, env = "PGBOOTSTRAP_NO_PRIVILEGES", value_parser = flag(), help_heading = "Changes")]
    pub no_privileges: bool,

    /// Load only tables that match this pg_dump pattern.
    ///
    /// The pattern also selects views and sequences. May be given several times.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TABLE",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub table: Vec<String>,

    /// Leave out tables that match this pattern.
    #[arg(
        long,
        env = "PGBOOTSTRAP_EXCLUDE_TABLE",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub exclude_table: Vec<String>,

    /// Load only schemas that match this pattern. Has no effect on tables that --table selects.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SCHEMA",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub schema: Vec<String>,

    /// Leave out schemas that match this pattern.
    #[arg(
        long,
        env = "PGBOOTSTRAP_EXCLUDE_SCHEMA",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub exclude_schema: Vec<String>,

    /// Load only definitions: no rows, no large objects, no values of sequences.
    #[arg(long, env = "PGBOOTSTRAP_SCHEMA_ONLY", value_parser = flag(), conflicts_with_all = ["data_only", "section"], help_heading = "Selection")]
    pub schema_only: bool,

    /// Load only rows, large objects and values of sequences.
    #[arg(long, env = "PGBOOTSTRAP_DATA_ONLY", value_parser = flag(), conflicts_with = "section", help_heading = "Selection")]
    pub data_only: bool,

    /// Load only this section of the dump. May be given several times.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SECTION",
        value_enum,
        value_delimiter = '\n',
        value_name = "SECTION",
        help_heading = "Selection"
    )]
    pub section: Vec<Section>,

    /// The database to load, if the dump contains several, as pg_dumpall writes them.
    #[arg(long, env = "PGBOOTSTRAP_DATABASE", value_name = "NAME", help_heading = "Selection")]
    pub database: Option<String>,

    /// Transform personal data by this file (Kasho's transforms.yml).
    ///
    /// Values are transformed before they are written anywhere.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_CONFIG", value_name = "FILE", help_heading = "Transforms")]
    pub transform_config: Option<PathBuf>,

    /// Secret key that chooses the fake for a value; at least 16 bytes.
    ///
    /// The same key gives the same fakes. Anyone who has the key can find originals by trying.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_KEY_FILE", value_name = "FILE", help_heading = "Transforms")]
    pub transform_key_file: Option<PathBuf>,

    /// Transform without a key. Anyone who has the replica can then find originals by trying a dictionary.
    #[arg(long, env = "PGBOOTSTRAP_INSECURE_UNKEYED", value_parser = flag(), help_heading = "Transforms")]
    pub insecure_unkeyed: bool,

    /// Fail before anything is written if a column looks personal, by its name or its values, and has no entry in
    /// the transform configuration. The entry may be `keep`.
    #[arg(long, env = "PGBOOTSTRAP_REQUIRE_DECISION", value_parser = flag(), help_heading = "Transforms")]
    pub require_decision: bool,

    /// Also load objects named kasho_*, which Kasho uses for its own bookkeeping.
    #[arg(long, env = "PGBOOTSTRAP_KEEP_KASHO_OBJECTS", value_parser = flag(), help_heading = "Changes")]
    pub keep_kasho_objects: bool,

    /// Load rows into tables that already have triggers or rules. psql would fire these; the replica does not.
    #[arg(long, env = "PGBOOTSTRAP_SILENT_TRIGGERS", value_parser = flag(), help_heading = "Changes")]
    pub silent_triggers: bool,

    /// What to do with a row that cannot be loaded.
    #[arg(long, env = "PGBOOTSTRAP_ON_ERROR", value_enum, default_value_t = OnError::Stop, value_name = "WHAT", help_heading = "Errors")]
    pub on_error: OnError,

    /// How many rows may be set aside before the run fails.
    #[arg(
        long,
        env = "PGBOOTSTRAP_MAX_ERRORS",
        default_value_t = 100,
        value_name = "NUMBER",
        help_heading = "Errors"
    )]
    pub max_errors: u64,

    /// The file for rows that are set aside: JSON lines with the place, the reason and the bytes of each.
    #[arg(long, env = "PGBOOTSTRAP_REJECT_FILE", value_name = "FILE", help_heading = "Errors")]
    pub reject_file: Option<PathBuf>,

    /// The name of the run in the buffer.
    ///
    /// A command with the same name resumes the run.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RUN_ID",
        default_value = "default",
        value_name = "NAME",
        help_heading = "Resuming"
    )]
    pub run_id: String,

    /// Also write the checkpoint to this file.
    #[arg(long, env = "PGBOOTSTRAP_CHECKPOINT", value_name = "FILE", help_heading = "Resuming")]
    pub checkpoint: Option<PathBuf>,

    /// Continue from the checkpoint in this file, which must exist. If Redis has a checkpoint, that one is used.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RESUME_FROM",
        conflicts_with = "restart",
        value_name = "FILE",
        help_heading = "Resuming"
    )]
    pub resume_from: Option<PathBuf>,

    /// Delete what an earlier run of this name wrote, and start over.
    #[arg(long, env = "PGBOOTSTRAP_RESTART", value_parser = flag(), help_heading = "Resuming")]
    pub restart: bool,

    /// Like --restart, but only once for each token. The same command, run again, resumes the run.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RESTART_ONCE",
        conflicts_with_all = ["restart", "resume_from"],
        value_name = "TOKEN",
        help_heading = "Resuming"
    )]
    pub restart_once: Option<String>,

    /// Kasho's change stream to notify, a host and a port like kasho:50051. Needs one of the next two options.
    #[arg(long, env = "PGBOOTSTRAP_CHANGE_STREAM", value_name = "ADDRESS", help_heading = "Change stream")]
    pub change_stream: Option<String>,

    /// Notify it that the bootstrap starts, before anything is written. Needs --snapshot-lsn.
    #[arg(long, env = "PGBOOTSTRAP_START_BOOTSTRAP", value_parser = flag(), help_heading = "Change stream")]
    pub start_bootstrap: bool,

    /// Notify it that the bootstrap is complete, after all entries in Redis have been counted.
    #[arg(long, env = "PGBOOTSTRAP_COMPLETE_BOOTSTRAP", value_parser = flag(), help_heading = "Change stream")]
    pub complete_bootstrap: bool,

    /// The name of the exported snapshot, for --start-bootstrap.
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_NAME", value_name = "NAME", help_heading = "Change stream")]
    pub snapshot_name: Option<String>,

    /// Write the run's state into the status of this ReplicaBootstrap.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_RESOURCE",
        requires = "status_run_id",
        value_name = "NAMESPACE/NAME",
        help_heading = "Kubernetes"
    )]
    pub status_resource: Option<String>,

    /// The value of spec.run.id in that object for which this run was started.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_RUN_ID",
        requires = "status_resource",
        value_name = "ID",
        help_heading = "Kubernetes"
    )]
    pub status_run_id: Option<String>,

    /// The UID of that object. A newer object of the same name is not written to.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_UID",
        requires = "status_resource",
        value_name = "UID",
        help_heading = "Kubernetes"
    )]
    pub status_uid: Option<String>,

    /// How many changes one Redis transaction writes, together with its checkpoint.
    #[arg(long, env = "PGBOOTSTRAP_BATCH_SIZE", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "NUMBER", help_heading = "Speed")]
    pub batch_size: u32,

    /// How many threads convert rows; by default one for each processor.
    #[arg(long, env = "PGBOOTSTRAP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "NUMBER", help_heading = "Speed")]
    pub workers: Option<u16>,

    /// Write at most this many changes per second.
    #[arg(long, env = "PGBOOTSTRAP_MAX_RATE", value_parser = clap::value_parser!(u64).range(1..), value_name = "NUMBER", help_heading = "Speed")]
    pub max_rate: Option<u64>,

    /// Format of log lines.
    #[arg(long, env = "PGBOOTSTRAP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub log_format: LogFormat,

    /// When to show a progress bar.
    #[arg(long, env = "PGBOOTSTRAP_PROGRESS", value_enum, default_value_t = When::Auto, value_name = "WHEN", help_heading = "Output")]
    pub progress: When,

    /// Serve Prometheus metrics at this address, like 0.0.0.0:9187.
    #[arg(long, env = "PGBOOTSTRAP_METRICS_ADDR", value_name = "ADDRESS", help_heading = "Output")]
    pub metrics_addr: Option<std::net::SocketAddr>,

    /// Print only errors.
    #[arg(long, short, env = "PGBOOTSTRAP_QUIET", value_parser = flag(), help_heading = "Output")]
    pub quiet: bool,
}

/// How to reach Redis, and which set to use in it.
#[derive(Debug, Clone, Args)]
pub struct KvArgs {
    /// URL of Redis: redis://, rediss://, redis+unix://, redis-sentinel:// or redis-cluster://.
    #[arg(
        long,
        short,
        env = "PGBOOTSTRAP_KV_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Redis"
    )]
    pub kv_url: Option<String>,

    /// Redis user, if it is not in the URL.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_USERNAME",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Redis"
    )]
    pub kv_username: Option<String>,

    /// File with the Redis password, if it is not in the URL.
    #[arg(long, env = "PGBOOTSTRAP_KV_PASSWORD_FILE", value_name = "FILE", help_heading = "Redis")]
    pub kv_password_file: Option<PathBuf>,

    /// Certificates (PEM) to trust instead of the system's.
    #[arg(long, env = "PGBOOTSTRAP_KV_CA_FILE", value_name = "FILE", help_heading = "Redis")]
    pub kv_ca_file: Option<PathBuf>,

    /// Client certificate (PEM), if Redis requires one.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_CERT_FILE",
        requires = "kv_key_file",
        value_name = "FILE",
        help_heading = "Redis"
    )]
    pub kv_cert_file: Option<PathBuf>,

    /// Private key (PEM) of the client certificate.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_KEY_FILE",
        requires = "kv_cert_file",
        value_name = "FILE",
        help_heading = "Redis"
    )]
    pub kv_key_file: Option<PathBuf>,

    /// Key of the sorted set. The channel has the same name.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_KEY",
        default_value = "kasho:changes",
        value_name = "KEY",
        help_heading = "Redis"
    )]
    pub kv_key: String,
}
