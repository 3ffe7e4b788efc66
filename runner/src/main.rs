//! `pg-bootstrap-sync`: see the library `runner`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match runner::commands::cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return runner::commands::cli::refuse(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::from(101) };
    let code = runtime.block_on(runner::run(cli));
    // Threads that read a pipe cannot be ended; the process can.
    runtime.shutdown_background();
    ExitCode::from(code)
}
