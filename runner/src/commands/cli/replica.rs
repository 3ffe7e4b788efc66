//! Options about a PostgreSQL database that is filled instead of Redis.

use std::path::PathBuf;

use clap::Args;

use super::flag;

/// Which database to fill, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "PostgreSQL")]
pub struct ReplicaOptions {
    /// Fill this database: postgres://user@host/database.
    ///
    /// Or host=… dbname=… user=….
    ///
    /// libpq's variables (PGHOST, PGPASSWORD, PGSSLMODE, …) and its password file complete it. Of a password in the
    /// URL, others on this computer may read the command line.
    #[arg(long, env = "PGBOOTSTRAP_REPLICA_URL", hide_env_values = true, value_name = "URL")]
    pub replica_url: Option<String>,

    /// File with the password of the database, and nothing else. It wins over the other places.
    #[arg(long, env = "PGBOOTSTRAP_REPLICA_PASSWORD_FILE", value_name = "FILE")]
    pub replica_password_file: Option<PathBuf>,

    /// Begin in a database that is not empty.
    #[arg(long, env = "PGBOOTSTRAP_INTO_EXISTING", value_parser = flag())]
    pub into_existing: bool,

    /// How many sessions copy rows, and make indexes and keys, at once.
    #[arg(long, env = "PGBOOTSTRAP_JOBS", value_parser = clap::value_parser!(u16).range(1..=64), value_name = "NUMBER")]
    pub jobs: Option<u16>,

    /// Collect statistics at the end, so that the first queries are planned well.
    #[arg(long, env = "PGBOOTSTRAP_ANALYZE", value_parser = flag())]
    pub analyze: bool,

    /// Remove the run's record, the schema kasho_bootstrap, when everything is loaded.
    ///
    /// Afterwards nothing tells that the dump is loaded: the same command begins anew, and refuses a database that is
    /// not empty.
    #[arg(long, env = "PGBOOTSTRAP_FORGET", value_parser = flag())]
    pub forget: bool,
}
