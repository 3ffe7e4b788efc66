//! A redis-server process that is a Sentinel.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::reaper::Reaper;
use super::{free_port, wait_until};
use crate::resp::RedisClient;

const START_LIMIT: Duration = Duration::from_secs(20);
/// The name of the master.
const MASTER: &str = "shop";

/// A running Sentinel that alone decides about one master. Dropping it stops it.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    child: Child,
    // Dropped in this order: the reaper deletes the folder.
    reaper: Reaper,
    folder: TempDir,
}

impl Sentinel {
    /// A Sentinel of the master on this port of 127.0.0.1, which knows the replica of it that there is.
    pub fn of(master: u16) -> Self {
        let folder = tempfile::Builder::new().prefix("sentinel-").tempdir().expect("make a folder");
        let mut reaper = Reaper::watch(folder.path());
        let port = free_port();
        let config = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {MASTER} 127.0.0.1 {master} 1\nsentinel failover-timeout {MASTER} 10000\n",
            folder.path().display()
        );
        std::fs::write(&config, text).expect("write the configuration");
        let log = File::create(folder.path().join("log")).expect("create the log");
        let mut command = Command::new("redis-server");
        command.arg(&config).arg("--sentinel").stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        let child = command.spawn().expect("start redis-server");
        reaper.process(Some(child.id()));
        let sentinel = Self { port, child, reaper, folder };
        let knows = || sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]).contains("master-link-status");
        let ok = || sentinel.ask(&["SENTINEL", "REPLICAS", MASTER]).contains("ok");
        assert!(wait_until(START_LIMIT, || knows() && ok()), "{}", sentinel.log());
        sentinel
    }

    /// The URL of its master.
    pub fn url(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}/{MASTER}", self.port)
    }

    /// The port of the present master.
    pub fn master(&self) -> Option<u16> {
        let mut client = RedisClient::connect(self.port, None).ok()?;
        let found = client.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).ok()?.array();
        String::from_utf8(found.into_iter().nth(1)?.bytes()).ok()?.parse().ok()
    }

    /// Makes the replica the master, and waits until that is so.
    pub fn fail_over(&self) {
        let before = self.master();
        // Right after the last one it refuses.
        assert!(wait_until(START_LIMIT, || self.ask(&["SENTINEL", "FAILOVER", MASTER]).contains("OK")));
        assert!(wait_until(START_LIMIT, || self.master().is_some_and(|now| Some(now) != before)));
    }

    /// What the Sentinel has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let out = command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).args(args).output();
        String::from_utf8_lossy(&out.expect("run redis-cli").stdout).into_owned()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.reaper.process(None);
    }
}
