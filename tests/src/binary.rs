//! The program under test, built once, and a way to run it and observe it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::servers::{signal, wait_until};

/// The path of `pg-bootstrap-sync`: `PGBOOTSTRAP_BIN`, else built from this workspace.
pub fn pg_bootstrap_sync() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("PGBOOTSTRAP_BIN", "pg-bootstrap-sync"))
}

/// The path of `pg-bootstrap-operator`: `PGBOOTSTRAP_OPERATOR_BIN`, else built from this workspace.
pub fn pg_bootstrap_operator() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| built("PGBOOTSTRAP_OPERATOR_BIN", "pg-bootstrap-operator"))
}

fn built(variable: &str, program: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| build(program), PathBuf::from)
}

/// After `cargo test --workspace` this only looks: the profile is the same, and so are the features.
fn build(program: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--workspace", "--bin", program]);
    command.args(["--message-format", "json-render-diagnostics"]).current_dir(root);
    // What cargo says to a test of the package it belongs to. Build scripts that look at it would run again, and half of
    // the dependencies be built anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "OUT_DIR" {
            command.env_remove(name);
        }
    }
    let out = command.stderr(Stdio::inherit()).output().expect("run cargo");
    assert!(out.status.success(), "building {program}: {}", out.status);
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("cargo names the program it built")
}

/// What the program reads on its standard input.
#[derive(Debug, Default)]
enum Input {
    #[default]
    Nothing,
    Bytes(Vec<u8>),
    File(PathBuf),
    Pipe,
}

/// How to run the program.
#[derive(Debug)]
pub struct Runner {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    input: Input,
}

impl Runner {
    /// `pg-bootstrap-sync`, without arguments and without any `PGBOOTSTRAP_` variable of ours.
    pub fn new() -> Self {
        Self::of(pg_bootstrap_sync())
    }

    /// Another program.
    pub fn of(program: &Path) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), dir: None, input: Input::Nothing }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Its working folder.
    #[must_use]
    pub fn current_dir(mut self, dir: &Path) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Standard input: these bytes.
    #[must_use]
    pub fn stdin_bytes(mut self, bytes: Vec<u8>) -> Self {
        self.input = Input::Bytes(bytes);
        self
    }

    /// Standard input: a file.
    #[must_use]
    pub fn stdin_file(mut self, file: &Path) -> Self {
        self.input = Input::File(file.into());
        self
    }

    /// Standard input: a pipe that the test writes to ([`Running::stdin`]).
    #[must_use]
    pub fn stdin_pipe(mut self) -> Self {
        self.input = Input::Pipe;
        self
    }

    /// Starts it.
    pub fn spawn(self) -> Running {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PGBOOTSTRAP_") {
                command.env_remove(name);
            }
        }
        command.envs(self.env).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        match &self.input {
            Input::Nothing => command.stdin(Stdio::null()),
            Input::File(file) => command.stdin(File::open(file).expect("open the input file")),
            Input::Bytes(_) | Input::Pipe => command.stdin(Stdio::piped()),
        };
        let mut child = command.spawn().unwrap_or_else(|e| panic!("start {}: {e}", self.program.display()));
        let mut stdin = child.stdin.take();
        if let Input::Bytes(bytes) = self.input
            && let Some(mut pipe) = stdin.take()
        {
            // The program may end without reading all of it.
            std::thread::spawn(move || pipe.write_all(&bytes));
        }
        let stdout = Capture::of(child.stdout.take().expect("a pipe"));
        let stderr = Capture::of(child.stderr.take().expect("a pipe"));
        Running { child, stdin, stdout, stderr }
    }

    /// Starts it and waits for its end.
    #[track_caller]
    pub fn run(self, limit: Duration) -> Finished {
        self.spawn().wait(limit)
    }
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Capture,
    stderr: Capture,
}

impl Running {
    /// The writing end of its standard input, once; dropping it is the end of the input.
    pub fn stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("stdin_pipe() and one call")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Sends a signal, `"TERM"` for instance.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Sends a signal, unless it has ended by itself.
    pub fn signal_if_running(&mut self, name: &str) {
        // Its process id stays reserved until it is waited for, so the signal cannot reach another process.
        if self.is_running() {
            let _ = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        }
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written to its standard error so far.
    pub fn stderr_so_far(&self) -> String {
        String::from_utf8_lossy(&self.stderr.so_far()).into_owned()
    }

    /// Waits until its standard error contains `text`; panics after `limit` or when it ends without.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str, limit: Duration) {
        let seen = wait_until(limit, || self.stderr_so_far().contains(text) || !self.is_running());
        assert!(seen && self.stderr_so_far().contains(text), "no {text:?} in:\n{}", self.stderr_so_far());
    }

    /// Waits for its end; after `limit` it is killed and the test fails with what it had written.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Finished {
        drop(self.stdin.take());
        if !wait_until(limit, || !self.is_running()) {
            self.kill();
            panic!("still running after {limit:?}; its standard error:\n{}", self.stderr_so_far());
        }
        let status = self.child.wait().expect("wait for the program");
        Finished {
            status,
            stdout: self.stdout.all(),
            stderr: String::from_utf8_lossy(&self.stderr.all()).into_owned(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Panics with its standard error unless it ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{}; its standard error:\n{}", self.status, self.stderr);
        self
    }
}

/// Reads a pipe to its end in a thread, so that the program never waits for us.
#[derive(Debug)]
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let target = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1 << 13];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                target.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, thread: Some(thread) }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(&mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.so_far()
    }
}
