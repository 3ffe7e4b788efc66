//! Options about Redis, and about what may take its place.

use std::path::PathBuf;

use clap::Args;

use super::choices::Publish;
use super::flag;

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

/// How the set in Redis is treated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisOptions {
    /// Time after which Redis drops the set (TTL). Every write renews it, and so does a run that waits.
    #[arg(long, env = "PGBOOTSTRAP_TTL", default_value = "24h", value_name = "DURATION")]
    pub ttl: String,

    /// Also publish each change on the channel. After a crash some are published twice.
    #[arg(long, env = "PGBOOTSTRAP_PUBLISH", value_enum, default_value_t = Publish::Never, value_name = "WHEN")]
    pub publish: Publish,

    /// Accept a Redis whose maxmemory-policy may drop the set silently.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_EVICTION", value_parser = flag())]
    pub allow_eviction: bool,

    /// Begin a run in a set that contains other runs, of other databases or of other parts of the same one. A row
    /// that is in several dumps is then inserted into the replica several times.
    #[arg(long, env = "PGBOOTSTRAP_BESIDE_OTHER_RUNS", value_parser = flag())]
    pub beside_other_runs: bool,

    /// Begin a run without --snapshot-lsn in a set that contains live changes.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_LIVE_ENTRIES", value_parser = flag())]
    pub allow_live_entries: bool,

    /// Before the run counts as complete, wait until at least this many replicas of Redis have all of it. It waits as
    /// long as --retry-timeout says.
    #[arg(long, env = "PGBOOTSTRAP_MIN_REPLICAS", default_value_t = 0, value_name = "NUMBER")]
    pub min_replicas: u32,

    /// Pause while Redis uses more memory than this: a size (8GiB) or a share of its maxmemory (90%).
    #[arg(long, env = "PGBOOTSTRAP_MEMORY_HIGH_WATER", value_name = "SIZE")]
    pub memory_high_water: Option<String>,

    /// How long to retry when Redis, the database, S3 or the change stream cannot be reached.
    #[arg(long, env = "PGBOOTSTRAP_RETRY_TIMEOUT", default_value = "10m", value_name = "DURATION")]
    pub retry_timeout: String,

    /// How long to wait when Redis is full.
    #[arg(long, env = "PGBOOTSTRAP_FULL_TIMEOUT", default_value = "1h", value_name = "DURATION")]
    pub full_timeout: String,
}

/// Where the changes go, if not to Redis.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Instead of Redis")]
pub struct InsteadOptions {
    /// Write JSON lines to this file (- for standard output) instead of Redis.
    #[arg(long, env = "PGBOOTSTRAP_OUTPUT", conflicts_with_all = ["kv_url", "dry_run"], value_name = "PATH")]
    pub output: Option<String>,

    /// Read and convert the dump, but write nothing.
    #[arg(long, env = "PGBOOTSTRAP_DRY_RUN", value_parser = flag())]
    pub dry_run: bool,
}
