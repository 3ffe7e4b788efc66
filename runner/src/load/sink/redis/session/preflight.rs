//! Whether Redis can hold the buffer at all: its version, the type of the key, and its memory.

use std::time::Duration;

use kvbuffer::{Buffer, ErrorKind, KeyType, Role};

use super::super::failure::{evicts, refusal};
use super::Run;
use crate::base::error::Error;
use crate::load::sink::target::HighWater;

/// The oldest version of Redis that has the commands used here.
const OLDEST: (u32, u32) = (6, 2);

impl Run<'_> {
    /// Checks that Redis can hold the buffer at all. The outer error may pass, the inner one is final.
    pub(super) async fn preflight(&self, buffer: &Buffer) -> Result<Result<(), Error>, kvbuffer::Error> {
        let server = buffer.server().await?;
        let key = buffer.key_type().await?;
        let memory = buffer.memory().await?;
        let cannot_hold = |what: String| Ok(Err(refusal(buffer, what)));
        if version(&server.version) < OLDEST {
            let (major, minor) = OLDEST;
            return cannot_hold(format!(
                "it has version {}, but needs at least {major}.{minor}",
                server.version
            ));
        }
        if let KeyType::Other(name) = key {
            return cannot_hold(format!(
                "key {} is a {name}, not a sorted set, so it is not Kasho's; check --kv-key and the database in --kv-url",
                buffer.keys().set()
            ));
        }
        if let Some(refusal) = evicts(buffer, self.target, &memory) {
            return Ok(Err(refusal));
        }
        if server.role == Role::Replica {
            tracing::warn!("Redis says that it is a replica: writing will fail until it is promoted");
        }
        if memory.max.is_none() && matches!(self.target.high_water, Some(HighWater::Share(_))) {
            tracing::warn!(
                "--memory-high-water is a share of maxmemory, but Redis has no maxmemory: give a size, like 8GiB"
            );
        }
        Ok(Ok(()))
    }

    /// Asks for what the run needs only later: what is missing would otherwise show at the end, after hours.
    pub(super) async fn look_ahead(&self, buffer: &Buffer) -> Result<(), kvbuffer::Error> {
        buffer.expect_rights(&self.target.run).await?;
        if self.target.min_replicas == 0 {
            return Ok(());
        }
        match buffer.expect_replicas(self.target.min_replicas, Duration::ZERO).await {
            Err(error) => match error.kind() {
                ErrorKind::TooFewReplicas { found, wanted } => {
                    tracing::warn!(
                        found,
                        wanted,
                        "Redis has fewer replicas than --min-replicas says: the run is complete only when there are as many"
                    );
                    Ok(())
                }
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
