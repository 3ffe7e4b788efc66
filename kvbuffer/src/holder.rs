//! The process that holds a lease, and whether it is still alive.
//!
//! A process that was killed cannot release its lease. On the same machine its successor does not have to wait until
//! the lease ends: it can see that the process is gone. This is certain only if process ids mean the same to both, so
//! their host, boot and namespace must be known and equal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identifies a process among all that ever had its process id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The host's name.
    pub host: String,
    /// The process id, as the process sees it itself.
    pub pid: u32,
    /// When the process started, in clock ticks since boot; `None` if the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_start: Option<u64>,
    /// The id of the host's current boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The namespace of process ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_namespace: Option<String>,
}

impl Process {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            host: read("/proc/sys/kernel/hostname")
                .or_else(|| std::env::var("HOSTNAME").ok())
                .unwrap_or_else(|| "unknown".to_owned()),
            pid,
            process_start: process_start(pid),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid_namespace: std::fs::read_link("/proc/self/ns/pid")
                .ok()
                .map(|link| link.to_string_lossy().into_owned()),
        }
    }

    /// Whether `other` is certainly gone, as seen from here: it has the same host, boot and namespace, and no process
    /// has its id and start time.
    pub fn knows_dead(&self, other: &Self) -> bool {
        let known = self.boot.is_some() && self.pid_namespace.is_some() && self.process_start.is_some();
        let neighbours =
            self.host == other.host && self.boot == other.boot && self.pid_namespace == other.pid_namespace;
        known
            && neighbours
            && other.process_start.is_some()
            && process_start(other.pid) != other.process_start
    }
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Field 22 of the process's `stat`; `None` if there is no such process, or if it is a zombie.
fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses, and may itself contain spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The process that holds the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run's id.
    pub run: String,
    /// Its owner.
    pub owner: String,
    /// Its process.
    pub process: Process,
    /// How long its lease still lasts, in milliseconds.
    pub remaining_ms: u64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, owner, process, remaining_ms } = self;
        write!(
            f,
            "run {run} of {owner} is writing (process {} on {}); wait until it ends, or {} s after it died",
            process.pid,
            process.host,
            remaining_ms.div_ceil(1000)
        )
    }
}
