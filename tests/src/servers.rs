//! Real servers, each in its own temporary folder and on its own port.
//!
//! Guarantees:
//! - Several can run at once, in one process or in many.
//! - Dropping a server stops it and deletes its folder; a panic drops it too.
//! - When the process dies without dropping (a signal, `exit`, a server in a `static`), a small shell process
//!   that holds the other end of a pipe does the same, so nothing stays behind.

mod change_stream;
mod files;
mod kubernetes;
mod postgres;
pub(crate) mod reaper;
mod redis;
mod s3;
mod sentinel;
#[cfg(test)]
mod tests;
mod tls;
mod webhook;

pub use change_stream::{Stream, StreamState};
pub use files::FileServer;
pub use kubernetes::{KubernetesServer, program};
pub use postgres::{Database, PostgresOptions, PostgresServer, Restore, RestoreError};
pub use redis::{Data, RedisOptions, RedisServer};
pub use s3::{ACCESS_KEY, Asked, S3Server, SECRET_KEY};
pub use sentinel::Sentinel;
pub use tls::Certificates;
pub use webhook::Webhook;

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// A TCP port of 127.0.0.1 that was free a moment ago. Another process may take it first, so starting a
/// server is tried several times.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("find a free port").port()
}

/// Polls `ready` every few milliseconds until it is true or `limit` has passed; returns which.
pub fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal (`"TERM"`, `"STOP"`, `"CONT"`, …) to one process of ours.
pub fn signal(pid: u32, name: &str) {
    let status =
        Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("run kill");
    assert!(status.success(), "kill -{name} {pid}: {status}");
}
