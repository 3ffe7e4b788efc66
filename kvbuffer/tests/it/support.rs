//! Real servers, on ports of their own, gone when the test is.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kvbuffer::{
    Acquired, Batch, Buffer, ConnectOptions, Keys, Position, Process, Ranges, Request, Sequence, encode_ddl,
};

pub(crate) const TTL: Duration = Duration::from_secs(86_400);

pub(crate) struct RedisServer {
    child: Child,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) port: u16,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With further arguments for redis-server.
    pub(crate) fn with(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = spawn(dir.path(), &port.to_string(), args);
        let server = Self { child, dir, port };
        server.wait();
        server
    }

    /// Listening with TLS only. `args` name the certificates.
    pub(crate) fn with_tls(dir: tempfile::TempDir, args: &[&str]) -> Self {
        let port = free_port();
        let port_text = port.to_string();
        let args: Vec<&str> = ["--tls-port", &port_text].into_iter().chain(args.iter().copied()).collect();
        let child = spawn(dir.path(), "0", &args);
        let server = Self { child, dir, port };
        server.wait();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Runs one command through the socket and returns what redis-cli prints.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same port and files again.
    pub(crate) fn restart(&mut self, args: &[&str]) {
        self.child = spawn(self.dir.path(), &self.port.to_string(), args);
        self.wait();
    }

    /// Starts again and waits only until it answers at all, which is while it still loads.
    pub(crate) fn restart_loading(&mut self, args: &[&str]) {
        self.child = spawn(self.dir.path(), &self.port.to_string(), args);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.cli(&["PING"]).is_empty() {
            assert!(Instant::now() < deadline, "redis-server did not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.cli(&["PING"]);
            if answer.contains("PONG") || answer.contains("NOAUTH") {
                return;
            }
            assert!(Instant::now() < deadline, "redis-server did not come up: {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) async fn buffer(&self) -> Buffer {
        self.buffer_for(&Keys::default()).await
    }

    pub(crate) async fn buffer_for(&self, keys: &Keys) -> Buffer {
        connect(&self.url(), keys).await.unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn connect(url: &str, keys: &Keys) -> Result<Buffer, kvbuffer::Error> {
    Buffer::connect(options(url), keys.clone(), TTL).await
}

pub(crate) fn options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.connect_timeout = Duration::from_secs(5);
    options.response_timeout = Duration::from_secs(10);
    options
}

fn spawn(dir: &Path, port: &str, args: &[&str]) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
        ])
        .args(["--logfile", "redis.log", "--unixsocket", "redis.sock", "--enable-debug-command", "local"])
        .args(args)
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server must be installed for these tests")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn seq(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}

pub(crate) fn request(run: &str) -> Request {
    Request {
        run: run.to_owned(),
        owner: format!("owner of {run}"),
        config: "c1".to_owned(),
        source: "s1".to_owned(),
        first: None,
        gap: 1000,
        lease: Duration::from_secs(30),
        process: Process::current(),
        snapshot_lsn: None,
        begin_with: None,
        token: Request::new_token().unwrap(),
    }
}

pub(crate) async fn acquire(buffer: &Buffer, run: &str) -> Acquired {
    Ranges::new(buffer.clone()).acquire(&request(run)).await.unwrap()
}

/// A ddl change of a few bytes.
pub(crate) fn member(number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_ddl(&mut out, seq(number), "2000-01-01T00:00:00Z", "", &format!("SELECT {number}"));
    out
}

/// The members of `first..next`.
pub(crate) fn batch(keys: &Keys, first: u64, next: u64) -> Batch {
    let mut batch = Batch::new(keys);
    for number in first..next {
        batch.push(seq(number), &member(number));
    }
    batch
}

/// What stands in the set, in order.
pub(crate) async fn sequences(buffer: &Buffer) -> Vec<u64> {
    let entries = buffer.read_after(None, 1_000_000).await.unwrap();
    let sequence = |position: Position| position.sequence().map_or(0, Sequence::get);
    entries.iter().map(|entry| sequence(entry.change().unwrap().position)).collect()
}
