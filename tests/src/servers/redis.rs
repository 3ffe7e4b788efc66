//! A redis-server process.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::reaper::Reaper;
use super::{Certificates, free_port, signal, wait_until};
use crate::resp::RedisClient;

const START_LIMIT: Duration = Duration::from_secs(20);

/// How a server is to run. The default keeps nothing on disk and has no limits.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Write an append-only file, so that a restart with [`Data::Keep`] finds the data again.
    pub append_only: bool,
    /// `maxmemory`, for instance `"8mb"`.
    pub max_memory: Option<String>,
    /// `maxmemory-policy`; Redis's own default is `noeviction`.
    pub policy: Option<String>,
    /// `requirepass`.
    pub password: Option<String>,
    /// Listen with TLS too, on a second port.
    pub tls: bool,
    /// Be a replica of the server on this port of 127.0.0.1 (same password).
    pub replica_of: Option<u16>,
    /// More arguments, for instance `["--cluster-enabled", "yes"]`.
    pub extra: Vec<String>,
}

/// What a restart finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// The same folder. Without `append_only` (or a `SAVE`) that is an empty server too.
    Keep,
    /// An empty folder.
    Wipe,
}

/// A running (or, after [`RedisServer::kill`], a dead) server.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    port: u16,
    tls_port: u16,
    certificates: Option<Certificates>,
    child: Option<Child>,
    // Dropped in this order: the reaper deletes the folder, after that there is nothing left for TempDir.
    reaper: Reaper,
    folder: TempDir,
}

impl RedisServer {
    /// A server without persistence.
    pub fn start() -> Self {
        Self::start_with(RedisOptions::default())
    }

    /// A server with these options, ready for commands.
    pub fn start_with(options: RedisOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().expect("make a folder");
        std::fs::create_dir(folder.path().join("data")).expect("make the data folder");
        let certificates = options.tls.then(|| Certificates::generate(folder.path()));
        let reaper = Reaper::watch(folder.path());
        let mut server = Self { options, port: 0, tls_port: 0, certificates, child: None, reaper, folder };
        for _ in 0..5 {
            server.port = free_port();
            server.tls_port = if server.options.tls { free_port() } else { 0 };
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server does not start: {}", server.log());
    }

    /// The port without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port with TLS; 0 when not asked for.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// What a TLS client is to trust.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// `redis://…` for the port without TLS, with the password if there is one.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same with another port: for a proxy in front of this server.
    pub fn url_at(&self, port: u16) -> String {
        let user = self.options.password.as_ref().map_or(String::new(), |p| format!(":{p}@"));
        format!("redis://{user}127.0.0.1:{port}/")
    }

    /// `rediss://localhost…` for the port with TLS.
    pub fn tls_url(&self) -> String {
        let user = self.options.password.as_ref().map_or(String::new(), |p| format!(":{p}@"));
        format!("rediss://{user}localhost:{}/", self.tls_port)
    }

    /// A separate connection.
    pub fn client(&self) -> RedisClient {
        RedisClient::connect(self.port, self.options.password.as_deref()).expect("connect to redis-server")
    }

    /// What `redis-cli ARGS` prints.
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if let Some(password) = &self.options.password {
            command.env("REDISCLI_AUTH", password);
        }
        let out = command.args(args).output().expect("run redis-cli");
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.reaper.process(None);
    }

    /// Stops every thread of the server without closing its connections (`SIGSTOP`).
    pub fn freeze(&self) {
        signal(self.pid().expect("a running server"), "STOP");
    }

    /// Ends [`RedisServer::freeze`].
    pub fn thaw(&self) {
        signal(self.pid().expect("a running server"), "CONT");
    }

    /// Kills the server if it runs and starts it again on the same ports.
    pub fn restart(&mut self, data: Data) {
        self.kill();
        if data == Data::Wipe {
            let folder = self.data_folder();
            std::fs::remove_dir_all(&folder)
                .and_then(|()| std::fs::create_dir(&folder))
                .expect("empty the folder");
        }
        // The port may be in use for a moment by an outgoing connection of another program.
        assert!((0..5).any(|_| self.launch()), "redis-server does not start again: {}", self.log());
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The folder with its data.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("redis.log")
    }

    /// Starts the process; false when it ends before it answers.
    fn launch(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.log_file()).expect("open the log");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
        command.args(["--port", &self.port.to_string()]).arg("--dir").arg(self.data_folder());
        command.args(["--appendonly", if self.options.append_only { "yes" } else { "no" }]);
        for (name, value) in [
            ("--maxmemory", &self.options.max_memory),
            ("--maxmemory-policy", &self.options.policy),
            ("--requirepass", &self.options.password),
            ("--masterauth", &self.options.password),
        ] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        if let Some(files) = &self.certificates {
            command.args(["--tls-port", &self.tls_port.to_string(), "--tls-auth-clients", "optional"]);
            for (name, file) in [
                ("--tls-ca-cert-file", &files.ca),
                ("--tls-cert-file", &files.cert),
                ("--tls-key-file", &files.key),
            ] {
                command.arg(name).arg(file);
            }
        }
        if let Some(port) = self.options.replica_of {
            command.args(["--replicaof", &format!("127.0.0.1 {port}"), "--repl-diskless-sync-delay", "0"]);
        }
        command.args(&self.options.extra);
        let errors = log.try_clone().expect("share the log");
        let child =
            command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("start redis-server");
        self.reaper.process(Some(child.id()));
        let child = self.child.insert(child);
        let pid = child.id();
        let mut ended = false;
        let ready = wait_until(START_LIMIT, || {
            ended = matches!(child.try_wait(), Ok(Some(_)));
            ended || answers(self.port, self.options.password.as_deref(), pid).unwrap_or(false)
        });
        if ended || !ready {
            self.kill();
            return false;
        }
        true
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the server that answers there is ours (and not one that took the port first) and has loaded its data.
fn answers(port: u16, password: Option<&str>, pid: u32) -> io::Result<bool> {
    let mut client = RedisClient::connect(port, password)?;
    client.command(&["PING"])?;
    let info = String::from_utf8_lossy(&client.command(&["INFO", "server"])?.bytes()).into_owned();
    Ok(info.lines().any(|line| line.trim() == format!("process_id:{pid}")))
}
