//! The command line as typed.

use std::net::SocketAddr;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Runs one Job for each run of a ReplicaBootstrap, and reports its state in the object's status.
#[derive(Debug, Parser)]
#[command(name = "pg-bootstrap-operator", version, max_term_width = 80)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until a signal stops it or the lease is lost.
    Run(RunArgs),
    /// Print the CustomResourceDefinition as YAML.
    Crd,
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Image of the runner. An object can choose another one.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_RUNNER_IMAGE", value_name = "IMAGE")]
    pub runner_image: String,

    /// Namespaces to watch, separated by commas; by default all namespaces.
    #[arg(
        long,
        env = "PGBOOTSTRAP_OPERATOR_WATCH_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMESPACES"
    )]
    pub watch_namespaces: Vec<String>,

    /// Namespaces not to watch, separated by commas, when all others are watched: those of other operators.
    #[arg(
        long,
        env = "PGBOOTSTRAP_OPERATOR_EXCLUDE_NAMESPACES",
        value_delimiter = ',',
        conflicts_with = "watch_namespaces",
        value_name = "NAMESPACES"
    )]
    pub exclude_namespaces: Vec<String>,

    /// How many runs may be active at the same time; by default there is no limit.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_MAX_CONCURRENT_RUNS", value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    pub max_concurrent_runs: Option<u32>,

    /// How many runs may write to one Redis at the same time. Only one run at a time writes to the same set.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_MAX_RUNS_PER_REDIS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    pub max_runs_per_redis: u32,

    /// After how many seconds at most an object is looked at again although nothing has happened.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_RESYNC_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400), value_name = "NUMBER")]
    pub resync_seconds: u64,

    /// Address that serves /metrics, /healthz and /readyz.
    #[arg(
        long,
        env = "PGBOOTSTRAP_OPERATOR_ADMIN_ADDR",
        default_value = "0.0.0.0:8080",
        value_name = "ADDRESS"
    )]
    pub admin_addr: SocketAddr,

    /// Use a lease, so that several operators can run and only one of them is active.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_LEADER_ELECTION", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub leader_election: bool,

    /// The namespace of the lease; by default the operator's own.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_LEADER_ELECTION_NAMESPACE", value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,

    /// The name of the lease.
    #[arg(
        long,
        env = "PGBOOTSTRAP_OPERATOR_LEADER_ELECTION_ID",
        default_value = "pg-bootstrap-operator",
        value_name = "NAME"
    )]
    pub leader_election_id: String,

    /// Format of log lines.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json, value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// URL of a collector for spans of reconciles and of their requests (OTLP over HTTP); by default no spans are
    /// sent.
    #[arg(long, env = "PGBOOTSTRAP_OPERATOR_OTLP_ENDPOINT", value_parser = otlp_endpoint, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// The URL to which spans are sent: the collector's, and the path that OTLP defines.
fn otlp_endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(host) if !host.trim_end_matches('/').is_empty() => {
            Ok(format!("{}/v1/traces", text.trim_end_matches('/')))
        }
        _ => Err("a URL of OTLP over HTTP, as http://collector:4318".to_owned()),
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> RunArgs {
        let all = ["pg-bootstrap-operator", "run", "--runner-image", "r:1"].iter().chain(args);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Run(args) => args,
            Command::Crd => unreachable!(),
        }
    }

    #[test]
    fn switches_take_a_value_or_none() {
        assert!(run(&[]).leader_election);
        assert!(run(&["--leader-election"]).leader_election);
        assert!(!run(&["--leader-election=false"]).leader_election);
    }

    #[test]
    fn namespaces_are_a_list() {
        assert_eq!(run(&["--watch-namespaces", "a,b"]).watch_namespaces, ["a", "b"]);
        assert!(run(&[]).watch_namespaces.is_empty());
        assert_eq!(run(&["--exclude-namespaces", "a,b"]).exclude_namespaces, ["a", "b"]);
        let both = ["o", "run", "--runner-image", "r", "--watch-namespaces=a", "--exclude-namespaces=b"];
        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn a_collector_is_named_without_the_path() {
        let endpoint = run(&["--otlp-endpoint", "http://collector:4318/"]).otlp_endpoint;
        assert_eq!(endpoint.as_deref(), Some("http://collector:4318/v1/traces"));
        assert_eq!(run(&[]).otlp_endpoint, None);
        for wrong in ["collector:4317", "http://", ""] {
            let args = ["o", "run", "--runner-image", "r", "--otlp-endpoint", wrong];
            assert!(Cli::try_parse_from(args).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let args = ["o", "run", "--runner-image", "r", "--max-concurrent-runs", "0"];
        assert!(Cli::try_parse_from(args).is_err());
    }
}
