//! Options about the dump's origin.

use std::path::{Path, PathBuf};

use clap::Args;

use super::flag;

/// Where the dump comes from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Source")]
pub struct SourceOptions {
    /// The dump to load, like the argument DUMP.
    #[arg(long, short, env = "PGBOOTSTRAP_DUMP_FILE", hide_env_values = true, value_name = "PATH")]
    pub dump_file: Option<String>,

    /// A file with the URL of the dump, which may be a secret: https://….
    #[arg(long, env = "PGBOOTSTRAP_DUMP_URL_FILE", value_name = "FILE")]
    pub dump_url_file: Option<PathBuf>,

    /// WAL position of the dump's snapshot (16/B374D848).
    ///
    /// The load's changes must sort before the live changes, which start here. Without this option the set must
    /// not contain live changes, unless --allow-live-entries is given.
    #[arg(long, env = "PGBOOTSTRAP_SNAPSHOT_LSN", value_name = "LSN")]
    pub snapshot_lsn: Option<String>,

    /// URL of the object store, if it is not the usual one, like `https://minio.example:9000`.
    #[arg(long, env = "PGBOOTSTRAP_STORE_ENDPOINT", value_name = "URL", conflicts_with = "s3_endpoint")]
    pub store_endpoint: Option<String>,

    /// Certificates (PEM) to trust for the object store, in addition to the system's.
    #[arg(long, env = "PGBOOTSTRAP_STORE_CA_FILE", value_name = "FILE", conflicts_with = "s3_ca_file")]
    pub store_ca_file: Option<PathBuf>,

    /// Region of the bucket in S3; by default AWS_REGION.
    #[arg(long, env = "PGBOOTSTRAP_S3_REGION", value_name = "NAME")]
    pub s3_region: Option<String>,

    /// Put the bucket into the path of S3's URL. Many services other than AWS need this.
    #[arg(long, env = "PGBOOTSTRAP_S3_PATH_STYLE", value_parser = flag())]
    pub s3_path_style: bool,

    /// Read a dump from an http:// URL, without TLS.
    #[arg(long, env = "PGBOOTSTRAP_ALLOW_HTTP", value_parser = flag())]
    pub allow_http: bool,

    /// The former name of --store-endpoint.
    #[arg(long, hide = true, env = "PGBOOTSTRAP_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,

    /// The former name of --store-ca-file.
    #[arg(long, hide = true, env = "PGBOOTSTRAP_S3_CA_FILE", value_name = "FILE")]
    pub s3_ca_file: Option<PathBuf>,
}

impl SourceOptions {
    /// The endpoint, by its name or the former one.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.store_endpoint.as_deref().or(self.s3_endpoint.as_deref())
    }

    /// The certificates, by their name or the former one.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.store_ca_file.as_deref().or(self.s3_ca_file.as_deref())
    }
}
