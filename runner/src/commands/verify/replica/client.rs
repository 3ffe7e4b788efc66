//! pg_dump, as a program of its own. It gets the way to the database by its environment, since others can read a command line.

use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// pg_dump, and how to run it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) program: PathBuf,
    /// What is to be left out.
    pub(super) arguments: Vec<String>,
}

/// What is kept of what it says.
const SAID: u64 = 2000;

impl Client {
    /// Reads the definitions of a database.
    ///
    /// # Errors
    /// Why there are none: the program is not there, or what it says.
    pub(super) fn definitions<T>(
        &self,
        environment: &[(&'static str, String)],
        read: impl FnOnce(BufReader<ChildStdout>) -> std::io::Result<T>,
    ) -> Result<T, String> {
        let name = self.program.display();
        let child = Command::new(&self.program)
            .args([
                "--schema-only",
                "--exclude-schema=kasho_bootstrap",
                "--no-publications",
                "--no-subscriptions",
            ])
            .args(&self.arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env_remove("PGSERVICE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!(
                "{name} is not there: install PostgreSQL's client programs, or name pg_dump by --pg-dump"
            ),
            _ => format!("{name} cannot be run: {error}"),
        })?;
        let said = said(&mut child);
        let result = match child.stdout.take() {
            Some(out) => read(BufReader::with_capacity(1 << 16, out)),
            None => Err(std::io::Error::other("it has no output")),
        };
        let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
        let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
        if !status.success() {
            let said = said.lines().take(3).collect::<Vec<_>>().join("; ");
            return Err(format!("{name} failed: {said}"));
        }
        result.map_err(|error| format!("{name}: its output cannot be read: {error}"))
    }
}

/// Collects what the program says, so that it never waits for a reader.
fn said(child: &mut Child) -> Option<std::thread::JoinHandle<String>> {
    let mut stderr = child.stderr.take()?;
    Some(std::thread::spawn(move || {
        let mut said = Vec::new();
        // Whatever cannot be read is not told.
        let _ = (&mut stderr).take(SAID).read_to_end(&mut said);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        String::from_utf8_lossy(&said).into_owned()
    }))
}
