//! Options about the dump's origin.

use std::path::PathBuf;

use clap::Args;

use super::flag;

/// Where the dump comes from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Source")]
pub struct SourceOptions {
    /// The dump to load, like the argument DUMP.
    #[arg(long, short, env = "PGBOOTSTRAP_DUMP_FILE", value_name = "PATH")]
    pub dump_file: Option<String>,

    /// The WAL position of the dump's snapshot, like 16/B374D848.
    ///
    /// The load's changes must sort before the live changes, which start here. Without this option the set must
    /// not contain live changes, unless --allow-live-entries is given.
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_LSN", value_name = "LSN")]
    pub snapshot_lsn: Option<String>,

    /// URL of an S3 service other than AWS, like `https://minio.example:9000`.
    #[arg(long, env = "PGBOOTSTRAP_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,

    /// Region of the bucket; by default AWS_REGION.
    #[arg(long, env = "PGBOOTSTRAP_S3_REGION", value_name = "NAME")]
    pub s3_region: Option<String>,

    /// Put the bucket into the path of the URL. Many services other than AWS need this.
    #[arg(long, env = "PGBOOTSTRAP_S3_PATH_STYLE", value_parser = flag())]
    pub s3_path_style: bool,

    /// Certificates (PEM) to trust for the store of the dump, in addition to the system's.
    #[arg(long, env = "PGBOOTSTRAP_S3_CA_FILE", value_name = "FILE")]
    pub s3_ca_file: Option<PathBuf>,
}
