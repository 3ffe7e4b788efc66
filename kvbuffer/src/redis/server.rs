//! The state of the server, for checks before and during writing.

use std::collections::HashMap;
use std::time::Duration;

use super::Buffer;
use crate::error::{Error, ErrorKind};

/// The server's memory, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The memory in use.
    pub used: u64,
    /// Its limit; `None` without one.
    pub max: Option<u64>,
    /// `maxmemory-policy`: anything but `noeviction` may drop the whole set while every write succeeds.
    pub policy: String,
}

/// The kind of server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The version of Redis that it reports.
    pub version: String,
    /// Whether it accepts writes.
    pub role: Role,
    /// Whether it is still loading its data from disk.
    pub loading: bool,
    /// What it calls this run of itself, if it says so.
    pub id: Option<String>,
}

/// Whether a server accepts writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It does.
    Master,
    /// It replicates another one.
    Replica,
}

/// The type of the set's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// The key does not exist.
    None,
    /// A sorted set, as expected.
    SortedSet,
    /// Another type, as named by `TYPE`.
    Other(String),
}

impl Buffer {
    /// How much memory the server uses, and its limit.
    ///
    /// # Errors
    ///
    /// Connection errors; [`ErrorKind::Permission`] if INFO is not allowed.
    pub async fn memory(&self) -> Result<Memory, Error> {
        const ACTION: &str = "read the memory limits";
        let info = self.info(ACTION, "memory").await?;
        let number = |name: &str| {
            let value = info.get(name).and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| self.error(ACTION, ErrorKind::Protocol))
        };
        Ok(Memory {
            used: number("used_memory")?,
            max: Some(number("maxmemory")?).filter(|&max| max > 0),
            policy: info.get("maxmemory_policy").cloned().unwrap_or_default(),
        })
    }

    /// Version, role and state of the server.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::memory`].
    pub async fn server(&self) -> Result<Server, Error> {
        const ACTION: &str = "read the server's state";
        let mut info = self.info(ACTION, "server").await?;
        info.extend(self.info(ACTION, "replication").await?);
        info.extend(self.info(ACTION, "persistence").await?);
        let version = info.remove("redis_version").ok_or_else(|| self.error(ACTION, ErrorKind::Protocol))?;
        let role = match info.get("role").map(String::as_str) {
            Some("slave") => Role::Replica,
            _ => Role::Master,
        };
        let loading = info.get("loading").is_some_and(|loading| loading != "0");
        Ok(Server { version, role, loading, id: info.remove("run_id") })
    }

    /// Waits until as many replicas have everything that this connection has written, and what was written before it. A
    /// connection that has written nothing only learns how many replicas there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooFewReplicas`] after `limit`; connection errors.
    pub async fn expect_replicas(&self, wanted: u32, limit: Duration) -> Result<(), Error> {
        const ACTION: &str = "wait for replicas";
        let mut command = redis::cmd("WAIT");
        // WAIT takes 0 for no limit at all.
        command.arg(wanted).arg(limit.as_millis().max(1) as u64);
        let found: u32 = self.wait_for(ACTION, &command).await?;
        if found >= wanted {
            Ok(())
        } else {
            Err(self.error(ACTION, ErrorKind::TooFewReplicas { found, wanted }))
        }
    }

    /// The type of the set's key.
    ///
    /// # Errors
    ///
    /// Connection errors.
    pub async fn key_type(&self) -> Result<KeyType, Error> {
        let name: String =
            self.query("read the key's type", redis::cmd("TYPE").arg(self.keys().set())).await?;
        Ok(match name.as_str() {
            "none" => KeyType::None,
            "zset" => KeyType::SortedSet,
            _ => KeyType::Other(name),
        })
    }

    /// Reads one section at a time: several at once are a feature of Redis 7.
    async fn info(&self, action: &'static str, section: &str) -> Result<HashMap<String, String>, Error> {
        let text: String = self.query(action, redis::cmd("INFO").arg(section)).await?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }
}
