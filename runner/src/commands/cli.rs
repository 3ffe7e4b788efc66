//! The command line as typed. [`crate::commands::config`] makes sense of it.

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

/// What the variable of a flag may hold: true or false, 1 or 0, yes or no, on or off.
fn flag() -> BoolishValueParser {
    BoolishValueParser::new()
}

/// Loads a PostgreSQL dump into the Kasho change buffer in Redis.
///
/// Reads a plain dump (pg_dump 13 to 18; plain or compressed by gzip, zstd or lz4), turns every statement and row
/// into a change, and writes the changes to Redis in order. Run the same command again to resume an interrupted
/// run; it continues at the next row. Without a command it loads, as `load` does.
#[derive(Debug, Parser)]
#[command(
    name = "pg-bootstrap-sync",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    max_term_width = 80
)]
pub struct Cli {
    /// A command other than loading.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to load, and how.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Commands other than loading.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a dump: what happens without a command, too.
    Load(Box<LoadArgs>),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Say what is in a dump, and what its load will take.
    ///
    /// Takes the options of the load. Reads the whole dump, makes its changes and counts them: tables, rows, statements,
    /// what is left out, what cannot be loaded, memory in Redis, the consumer's time. Writes nothing and needs no Redis.
    /// Exit code 0: it can be loaded; else that of the load's error.
    Inspect(Box<InspectArgs>),
    /// Compare what lies in Redis with the dump, by content.
    ///
    /// Takes the options of the load that is to be verified. Reads the dump as the load did, reads the run's range
    /// of the set, and compares byte by byte. Writes nothing. Exit code 0: equal; 8: different, and the first
    /// differences are named.
    Verify(Box<LoadArgs>),
    /// Write, try out or check a transform configuration.
    ///
    /// Writes nothing to Redis, and needs none.
    #[command(subcommand)]
    Transform(TransformCommand),
    /// List the runs that are registered in a buffer, or delete one.
    #[command(args_conflicts_with_subcommands = true)]
    Ranges(Box<RangesArgs>),
}

/// Options of a load.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// The dump: a path, s3://bucket/key, or - for standard input.
    #[arg(value_name = "DUMP", required_unless_present = "dump_file")]
    pub dump: Option<String>,

    /// The dump, as DUMP.
    #[arg(long, short, env = "PGBOOTSTRAP_DUMP_FILE", value_name = "PATH", help_heading = "Source")]
    pub dump_file: Option<String>,

    /// The WAL position of the dump's snapshot, like 16/B374D848.
    ///
    /// Every change must lie below it. Without it the set must hold no live changes (--allow-live-entries).
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_LSN", value_name = "LSN", help_heading = "Source")]
    pub snapshot_lsn: Option<String>,

    /// Where S3 is, if not at AWS, like `https://minio.example:9000`.
    #[arg(long, env = "PGBOOTSTRAP_S3_ENDPOINT", value_name = "URL", help_heading = "Source")]
    pub s3_endpoint: Option<String>,

    /// The bucket's region, if AWS_REGION does not say it.
    #[arg(long, env = "PGBOOTSTRAP_S3_REGION", value_name = "NAME", help_heading = "Source")]
    pub s3_region: Option<String>,

    /// Address the bucket by the path, as many services other than AWS want it.
    #[arg(long, env = "PGBOOTSTRAP_S3_PATH_STYLE", value_parser = flag(), help_heading = "Source")]
    pub s3_path_style: bool,

    /// Certificates (PEM) to trust for S3 besides the system's.
    #[arg(long, env = "PGBOOTSTRAP_S3_CA_FILE", value_name = "FILE", help_heading = "Source")]
    pub s3_ca_file: Option<PathBuf>,

    /// Where Redis is.
    #[command(flatten)]
    pub kv: KvArgs,

    /// Time to live of the set, renewed by every write and while the run waits.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TTL",
        default_value = "24h",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub ttl: String,

    /// Also publish each change on the channel: delivered at least once, again after a crash.
    #[arg(long, env = "PGBOOTSTRAP_PUBLISH", value_enum, default_value_t = Publish::Never, value_name = "WHEN", help_heading = "Redis")]
    pub publish: Publish,

    /// Load into a Redis whose maxmemory-policy may drop the set without a word.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_EVICTION", value_parser = flag(), help_heading = "Redis")]
    pub allow_eviction: bool,

    /// Begin a run in a set that holds others, of other databases or of other parts of one. Rows that are in several
    /// dumps are then on the replica as often.
    #[arg(long, env = "PGBOOTSTRAP_BESIDE_OTHER_RUNS", value_parser = flag(), help_heading = "Redis")]
    pub beside_other_runs: bool,

    /// Begin a run without --snapshot-lsn in a set that holds live changes.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_LIVE_ENTRIES", value_parser = flag(), help_heading = "Redis")]
    pub allow_live_entries: bool,

    /// Wait while Redis uses more than this: bytes (8GiB) or a share of its maxmemory (90%).
    #[arg(long, env = "PGBOOTSTRAP_MEMORY_HIGH_WATER", value_name = "SIZE", help_heading = "Redis")]
    pub memory_high_water: Option<String>,

    /// How long to try again while Redis, S3 or the change stream is away.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RETRY_TIMEOUT",
        default_value = "10m",
        value_name = "DURATION",
        help_heading = "Redis"
    )]
    pub retry_timeout: String,

    /// How long to wait while Redis is full.
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

    /// Do everything but write.
    #[arg(long, env = "PGBOOTSTRAP_DRY_RUN", value_parser = flag(), help_heading = "Instead of Redis")]
    pub dry_run: bool,

    /// The form of rows: with packed the replica is ready tens of times sooner.
    ///
    /// The translicator's own transforms do not see packed rows: it applies them as they are.
    #[arg(long, env = "PGBOOTSTRAP_ROWS", value_enum, default_value_t = Rows::Single, value_name = "FORM", help_heading = "Changes")]
    pub rows: Rows,

    /// The first sequence number; by default behind everything that lies in the buffer.
    #[arg(long, env = "PGBOOTSTRAP_FIRST_SEQUENCE", value_name = "NUMBER", help_heading = "Changes")]
    pub first_sequence: Option<u64>,

    /// Sequence numbers to leave free behind an earlier run.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SEQUENCE_GAP",
        default_value_t = 1000,
        value_name = "NUMBER",
        help_heading = "Changes"
    )]
    pub sequence_gap: u64,

    /// The time that changes of SQL text carry (RFC 3339).
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

    /// Load these tables only, by pg_dump's patterns.
    ///
    /// Views and sequences, too. May be given several times.
    #[arg(
        long,
        env = "PGBOOTSTRAP_TABLE",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub table: Vec<String>,

    /// Leave these tables out.
    #[arg(
        long,
        env = "PGBOOTSTRAP_EXCLUDE_TABLE",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub exclude_table: Vec<String>,

    /// Load what lies in these schemas only. Has no effect on what --table names.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SCHEMA",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub schema: Vec<String>,

    /// Leave these schemas out.
    #[arg(
        long,
        env = "PGBOOTSTRAP_EXCLUDE_SCHEMA",
        value_delimiter = '\n',
        value_name = "PATTERN",
        help_heading = "Selection"
    )]
    pub exclude_schema: Vec<String>,

    /// Load definitions only: no rows, no large objects, no values of sequences.
    #[arg(long, env = "PGBOOTSTRAP_SCHEMA_ONLY", value_parser = flag(), conflicts_with_all = ["data_only", "section"], help_heading = "Selection")]
    pub schema_only: bool,

    /// Load rows, large objects and values of sequences only.
    #[arg(long, env = "PGBOOTSTRAP_DATA_ONLY", value_parser = flag(), conflicts_with = "section", help_heading = "Selection")]
    pub data_only: bool,

    /// Load this section of the dump only. May be given several times.
    #[arg(
        long,
        env = "PGBOOTSTRAP_SECTION",
        value_enum,
        value_delimiter = '\n',
        value_name = "SECTION",
        help_heading = "Selection"
    )]
    pub section: Vec<Section>,

    /// Load this database of a dump of several, as pg_dumpall writes it.
    #[arg(long, env = "PGBOOTSTRAP_DATABASE", value_name = "NAME", help_heading = "Selection")]
    pub database: Option<String>,

    /// Transform values as this file says: Kasho's transforms.yml.
    ///
    /// Values are transformed before they go anywhere.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_CONFIG", value_name = "FILE", help_heading = "Transforms")]
    pub transform_config: Option<PathBuf>,

    /// The key by which fakes are chosen, 16 bytes or more.
    ///
    /// The same key gives the same fakes. Who has it can find originals by trying.
    #[arg(long, env = "PGBOOTSTRAP_TRANSFORM_KEY_FILE", value_name = "FILE", help_heading = "Transforms")]
    pub transform_key_file: Option<PathBuf>,

    /// Transform without a key: whoever has the replica finds originals by trying a dictionary.
    #[arg(long, env = "PGBOOTSTRAP_INSECURE_UNKEYED", value_parser = flag(), help_heading = "Transforms")]
    pub insecure_unkeyed: bool,

    /// End before anything is written when a column that looks personal, by its name or its values, has no entry in the
    /// configuration; `keep` is one.
    #[arg(long, env = "PGBOOTSTRAP_REQUIRE_DECISION", value_parser = flag(), help_heading = "Transforms")]
    pub require_decision: bool,

    /// Load objects named kasho_*, which are Kasho's own bookkeeping.
    #[arg(long, env = "PGBOOTSTRAP_KEEP_KASHO_OBJECTS", value_parser = flag(), help_heading = "Changes")]
    pub keep_kasho_objects: bool,

    /// Load rows of tables that have triggers or rules already. psql would fire them; where changes are applied they stay
    /// silent.
    #[arg(long, env = "PGBOOTSTRAP_SILENT_TRIGGERS", value_parser = flag(), help_heading = "Changes")]
    pub silent_triggers: bool,

    /// What to do with a row that cannot be loaded.
    #[arg(long, env = "PGBOOTSTRAP_ON_ERROR", value_enum, default_value_t = OnError::Stop, value_name = "WHAT", help_heading = "Errors")]
    pub on_error: OnError,

    /// Rows that may be set aside before the run ends with an error.
    #[arg(
        long,
        env = "PGBOOTSTRAP_MAX_ERRORS",
        default_value_t = 100,
        value_name = "NUMBER",
        help_heading = "Errors"
    )]
    pub max_errors: u64,

    /// Where rows are set aside, as JSON lines with their place, the reason and their bytes.
    #[arg(long, env = "PGBOOTSTRAP_REJECT_FILE", value_name = "FILE", help_heading = "Errors")]
    pub reject_file: Option<PathBuf>,

    /// The name under which the run is registered in the buffer.
    ///
    /// One name is one run: the same command resumes it.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RUN_ID",
        default_value = "default",
        value_name = "NAME",
        help_heading = "Resuming"
    )]
    pub run_id: String,

    /// Write the checkpoint to this file too.
    #[arg(long, env = "PGBOOTSTRAP_CHECKPOINT", value_name = "FILE", help_heading = "Resuming")]
    pub checkpoint: Option<PathBuf>,

    /// Go on from the checkpoint in this file, which must be there. Where Redis has a checkpoint of its own, that one counts.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RESUME_FROM",
        conflicts_with = "restart",
        value_name = "FILE",
        help_heading = "Resuming"
    )]
    pub resume_from: Option<PathBuf>,

    /// Delete what an earlier run of this name left, and start over.
    #[arg(long, env = "PGBOOTSTRAP_RESTART", value_parser = flag(), help_heading = "Resuming")]
    pub restart: bool,

    /// The same, but only if the run was not begun with this token already: called again, it goes on.
    #[arg(
        long,
        env = "PGBOOTSTRAP_RESTART_ONCE",
        conflicts_with_all = ["restart", "resume_from"],
        value_name = "TOKEN",
        help_heading = "Resuming"
    )]
    pub restart_once: Option<String>,

    /// Kasho's change stream, a host and a port like kasho:50051. It is told what the next two options say.
    #[arg(long, env = "PGBOOTSTRAP_CHANGE_STREAM", value_name = "ADDRESS", help_heading = "Change stream")]
    pub change_stream: Option<String>,

    /// Tell it that the bootstrap starts, before anything is written. Needs --snapshot-lsn.
    #[arg(long, env = "PGBOOTSTRAP_START_BOOTSTRAP", value_parser = flag(), help_heading = "Change stream")]
    pub start_bootstrap: bool,

    /// Tell it that the bootstrap is complete, when everything is counted.
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

    /// Its spec.run.id that this run is for.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_RUN_ID",
        requires = "status_resource",
        value_name = "ID",
        help_heading = "Kubernetes"
    )]
    pub status_run_id: Option<String>,

    /// Its UID: one of the same name that was made later is left alone.
    #[arg(
        long,
        env = "PGBOOTSTRAP_STATUS_UID",
        requires = "status_resource",
        value_name = "UID",
        help_heading = "Kubernetes"
    )]
    pub status_uid: Option<String>,

    /// Changes in one transaction with its checkpoint.
    #[arg(long, env = "PGBOOTSTRAP_BATCH_SIZE", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "NUMBER", help_heading = "Speed")]
    pub batch_size: u32,

    /// Threads that convert rows; by default one for each processor.
    #[arg(long, env = "PGBOOTSTRAP_WORKERS", value_parser = clap::value_parser!(u16).range(1..=256), value_name = "NUMBER", help_heading = "Speed")]
    pub workers: Option<u16>,

    /// At most this many changes a second.
    #[arg(long, env = "PGBOOTSTRAP_MAX_RATE", value_parser = clap::value_parser!(u64).range(1..), value_name = "NUMBER", help_heading = "Speed")]
    pub max_rate: Option<u64>,

    /// Log lines as text or JSON.
    #[arg(long, env = "PGBOOTSTRAP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT", help_heading = "Output")]
    pub log_format: LogFormat,

    /// Show a progress bar: auto shows it on a terminal.
    #[arg(long, env = "PGBOOTSTRAP_PROGRESS", value_enum, default_value_t = When::Auto, value_name = "WHEN", help_heading = "Output")]
    pub progress: When,

    /// Serve Prometheus metrics at this address, like 0.0.0.0:9187.
    #[arg(long, env = "PGBOOTSTRAP_METRICS_ADDR", value_name = "ADDRESS", help_heading = "Output")]
    pub metrics_addr: Option<std::net::SocketAddr>,

    /// Say nothing but errors.
    #[arg(long, short, env = "PGBOOTSTRAP_QUIET", value_parser = flag(), help_heading = "Output")]
    pub quiet: bool,
}

/// Where Redis is, and which set in it.
#[derive(Debug, Clone, Args)]
pub struct KvArgs {
    /// Redis: redis://, rediss://, redis+unix://, redis-sentinel:// or redis-cluster://.
    #[arg(
        long,
        short,
        env = "PGBOOTSTRAP_KV_URL",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Redis"
    )]
    pub kv_url: Option<String>,

    /// User for Redis, if not in the URL.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_USERNAME",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Redis"
    )]
    pub kv_username: Option<String>,

    /// File with the password for Redis, if not in the URL.
    #[arg(long, env = "PGBOOTSTRAP_KV_PASSWORD_FILE", value_name = "FILE", help_heading = "Redis")]
    pub kv_password_file: Option<PathBuf>,

    /// Certificates (PEM) to trust instead of the system's.
    #[arg(long, env = "PGBOOTSTRAP_KV_CA_FILE", value_name = "FILE", help_heading = "Redis")]
    pub kv_ca_file: Option<PathBuf>,

    /// Our certificate (PEM), for a Redis that asks for one.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_CERT_FILE",
        requires = "kv_key_file",
        value_name = "FILE",
        help_heading = "Redis"
    )]
    pub kv_cert_file: Option<PathBuf>,

    /// The key (PEM) of our certificate.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_KEY_FILE",
        requires = "kv_cert_file",
        value_name = "FILE",
        help_heading = "Redis"
    )]
    pub kv_key_file: Option<PathBuf>,

    /// The sorted set; its name is also that of the channel.
    #[arg(
        long,
        env = "PGBOOTSTRAP_KV_KEY",
        default_value = "kasho:changes",
        value_name = "KEY",
        help_heading = "Redis"
    )]
    pub kv_key: String,
}
