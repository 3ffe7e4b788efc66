//! `pg-bootstrap-sync`: see the library `runner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match runner::commands::cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return runner::commands::cli::refuse(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return ExitCode::from(101) };
    let code = runtime.block_on(runner::run(cli));
    // Threads that read a pipe cannot be stopped, but the process can end.
    runtime.shutdown_background();
    ExitCode::from(code)
}
