//! Help pages, and the message for a command line that is wrong.

use std::io::Write as _;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::Cli;

/// The most common calls.
const EXAMPLES: &str = "\
Examples:
  pg-bootstrap-sync shop.sql -k redis://redis:6379 --snapshot-lsn 16/B374D848
  pg_dump shop | pg-bootstrap-sync - -k redis://redis:6379 --rows packed
  pg-bootstrap-sync verify shop.sql -k redis://redis:6379";

/// The exit codes, as in docs/exit-codes.md.
const EXIT_CODES: &str = "\
Exit codes: 0 done; 2 wrong usage; 3 the dump is broken; 4 the positions do not fit; 5 the checkpoint belongs to another load; 6 too many rejected rows; 7 Redis or the replica refuses; 8 verification failed; 9 a local file cannot be written; worth a retry: 10 the dump cannot be read, 11 Redis cannot be reached or another run is writing, 12 Redis is full, 13 the change stream cannot be reached, 14 the replica cannot be reached; 16 done, but what the replica refused was left out; 130 and 143 stopped by a signal; 141 the reader of --output - is gone.";

/// The options that `-h` shows: the ones that most calls need.
const SHORT: [&str; 17] = [
    "dump",
    "snapshot_lsn",
    "kv_url",
    "replica_url",
    "rows",
    "table",
    "transform_config",
    "transform_key_file",
    "run_id",
    "restart",
    "dry_run",
    "format",
    "report",
    "html",
    "show_values",
    "rows_per_table",
    "help",
];

/// The command line, with a short page of help for `-h` and a long one for `--help`.
#[must_use]
pub fn command() -> clap::Command {
    short_help(Cli::command())
        .after_help(format!("{EXAMPLES}\n\nAll options: --help"))
        .after_long_help(format!("{EXAMPLES}\n\n{EXIT_CODES}"))
}

/// The manual page in roff, or that of a command, if there is one of that name.
#[must_use]
pub fn manual(name: Option<&str>) -> String {
    // With all options as they are on the long page of help.
    let mut command = Cli::command().after_help(format!("{EXAMPLES}\n\n{EXIT_CODES}"));
    command.build();
    let page = match name.and_then(|name| command.find_subcommand(name)) {
        Some(one) => {
            let name = format!("pg-bootstrap-sync-{}", one.get_name());
            one.clone().display_name(name)
        }
        None => command,
    };
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(page).render(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The name of a command.
pub(super) fn known(name: &str) -> Result<String, String> {
    match Cli::command().find_subcommand(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err("there is no such command".to_owned()),
    }
}

fn short_help(command: clap::Command) -> clap::Command {
    let subcommands: Vec<_> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| {
        if !SHORT.contains(&arg.get_id().as_str()) {
            return arg.hide_short_help(true);
        }
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
        match (help, arg.get_env().map(std::ffi::OsStr::to_string_lossy)) {
            // Only the long page has room for the variable.
            (Some(help), Some(variable)) => {
                let help = format!("{help}\n\n[env: {variable}]");
                arg.hide_env(true).long_help(help)
            }
            _ => arg,
        }
    });
    subcommands.into_iter().fold(command, |command, name| command.mut_subcommand(name, short_help))
}

/// Reads the command line.
///
/// # Errors
/// The message about a wrong command line. Also the help page or the version, if the user asked for it.
pub fn parse<I, T>(arguments: I) -> Result<Cli, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<std::ffi::OsString> + Clone,
{
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints what is wrong with a command line and returns the exit code. A URL in the wrong place may contain a password,
/// which the parser's message would repeat.
#[must_use]
pub fn refuse(error: &clap::Error) -> std::process::ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() && text.contains("://") {
        // If standard error is closed, there is nothing left to do. The same below.
        let _ = std::io::stderr().write_all(without_passwords(&text).as_bytes());
    } else {
        let _ = error.print();
    }
    std::process::ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Line by line, since a password may hold spaces.
fn without_passwords(text: &str) -> String {
    let hide = |line: &str| match line.contains("://") {
        true => kvbuffer::ConnectOptions::new(line).redacted_url(),
        false => line.to_owned(),
    };
    text.lines().flat_map(|line| [hide(line), "\n".to_owned()]).collect()
}
