//! `pg-bootstrap-operator`: see the library `operator`.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use operator::cli::{Cli, Command, RunArgs};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Crd => print_definition(),
        Command::Run(args) => run(args),
    }
}

fn print_definition() -> ExitCode {
    let Ok(text) = serde_saphyr::to_string(&crds::crd()) else { return ExitCode::from(101) };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(args: RunArgs) -> ExitCode {
    // All TLS connections use the same cryptography. If it is installed already, that is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = match operator::telemetry::init(&args) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            // Without the log, standard error is the only place for a message.
            let _ = writeln!(std::io::stderr(), "pg-bootstrap-operator: {error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::from(101) };
    let result = runtime.block_on(operator::run::run(args));
    // Reconciles that are still running when the lease is lost must not continue.
    runtime.shutdown_background();
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "the operator ends with an error");
            ExitCode::FAILURE
        }
    };
    telemetry.end();
    code
}
