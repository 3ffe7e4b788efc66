//! The hand-over of a database that is filled: from here on Kasho's translicator applies live changes to it.
//!
//! ```text
//! our changes leave the set ─▶ the set must be empty ─▶ a translicator must wait ─▶ CompleteBootstrap ─▶ is it connected?
//! ```
//!
//! # Guarantees
//!
//! - Each step is looked at before it is done, so the same command goes on wherever an earlier one has ended.
//! - The stream is not begun while anything is in the set: the translicator would apply it to the database.
//! - Nor while nobody waits to be sent the first live change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::replica::{Replica, Waiting};
use kvbuffer::{Buffer, Entry};

use super::ranges;
use crate::base::error::{Error, chain};
use crate::base::stop::Stop;
use crate::load::change_stream::ChangeStream;
use crate::load::config::HandOver;
use crate::load::progress::Progress;
use crate::load::sink::redis::complete;
use crate::load::sink::redis::way::Way;
use crate::load::sink::replica::Retries;
use crate::load::sink::target::ReplicaTarget;

/// What a translicator has asked last while it waits for the stream: whether the replica has tables.
const ASKED: &str =
    r"^\s*select\s+count\(\*\)\s+from\s+information_schema\.tables\s+where\s+table_schema\s+not\s+in";
/// How often it is looked whether one waits.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a translicator may take to be counted by the change stream.
const CONNECTS: Duration = Duration::from_secs(10);

impl HandOver {
    /// Where the dump's snapshot has this position.
    #[must_use]
    pub fn at(&self, position: &str) -> Self {
        let position = position.parse().ok();
        Self { stream: ChangeStream { position, ..self.stream.clone() }, ..self.clone() }
    }

    /// Hands the database over.
    ///
    /// # Errors
    /// [`Error::ChangeStreamState`] where the set is not empty or the stream is in another state;
    /// [`Error::TranslicatorAway`] and [`Error::TranslicatorUnseen`]; errors of Redis, the database and the change stream.
    pub async fn take_place(
        &self,
        way: &Way<'_>,
        target: &ReplicaTarget,
        progress: &Arc<Progress>,
    ) -> Result<(), Error> {
        let stop = way.stop;
        let streaming = self.stream.is_streaming(progress, stop).await?;
        let (mut buffer, all) = complete::ranges(way).await?;
        let there = all.iter().any(|range| range.run == way.target.run);
        if streaming && there {
            return Err(Error::ChangeStreamState(format!(
                "the change stream at {} streams already, and the run's changes were still in the set: the translicator may have applied them once more; begin again with an empty database",
                self.stream.address
            )));
        }
        if streaming {
            tracing::info!("the change stream streams this bootstrap already: there is nothing to hand over");
            return Ok(());
        }
        if there {
            self.remove(way, &mut buffer).await?;
        }
        self.expect_empty(way, &mut buffer).await?;
        self.await_translicator(target, progress, stop).await?;
        // What has come meanwhile would be streamed too.
        self.expect_empty(way, &mut buffer).await?;
        self.stream.complete(progress, stop).await?;
        self.look_at_clients(progress, stop).await
    }

    /// Removes the run's changes. A call that was killed meanwhile may still have the right to.
    async fn remove(&self, way: &Way<'_>, buffer: &mut Buffer) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            match ranges::purge_from(buffer, &way.target.run, way.stop).await {
                Ok(removed) => {
                    let changes = removed.unwrap_or(0);
                    tracing::info!(changes, "the run's changes are removed from the set");
                    return Ok(());
                }
                Err(error) if error.is_retryable() && began.elapsed() < way.target.retry => {
                    way.progress.waiting(format!("remove the run's changes: {}", chain(&error)));
                    way.stop.sleep(PAUSE).await?;
                    *buffer = way.connect().await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn expect_empty(&self, way: &Way<'_>, buffer: &mut Buffer) -> Result<(), Error> {
        let look = async |buffer: &Buffer| Ok((buffer.total().await?, buffer.read_after(None, 1).await?));
        let (count, first) = way.retry(buffer, "look at the set", look).await?;
        if count == 0 {
            return Ok(());
        }
        let at = |entry: &Entry| match entry.change() {
            Ok(change) => format!("at position {}", change.position),
            Err(_) => format!("at score {}", entry.score),
        };
        let first = first.first().map(at).unwrap_or_default();
        Err(Error::ChangeStreamState(format!(
            "the set {} holds {count} entries, the first {first}, and the translicator would apply all of them to the replica: remove them, then run the command again (`ranges` lists runs, `ranges purge` removes one)",
            way.target.keys.set()
        )))
    }

    async fn await_translicator(
        &self,
        target: &ReplicaTarget,
        progress: &Arc<Progress>,
        stop: &Stop,
    ) -> Result<(), Error> {
        let mut retries = Retries::new(target, Arc::clone(progress), stop.clone());
        let began = Instant::now();
        loop {
            let looked = match Replica::connect(target.connect.clone()).await {
                Ok(replica) => replica.waiting(ASKED).await,
                Err(error) => Err(error),
            };
            match looked {
                Ok(Waiting::Session { pid, since }) => {
                    progress.going_on();
                    tracing::info!(pid, since, "a translicator waits for the stream");
                    return Ok(());
                }
                Ok(Waiting::Hidden(_) | Waiting::Nobody) if began.elapsed() < self.patience => {
                    let most = self.patience.as_secs();
                    progress.waiting(format!(
                        "no translicator is seen to wait at the replica: start it; looking for up to {most} s"
                    ));
                    stop.sleep(PAUSE).await?;
                }
                Ok(Waiting::Hidden(sessions)) => return self.unseen(target, sessions),
                Ok(Waiting::Nobody) => {
                    let waited = began.elapsed().as_secs();
                    return Err(Error::TranslicatorAway {
                        address: target.connect.address.to_string(),
                        waited,
                    });
                }
                Err(error) => retries.failed(error, "look for a translicator").await?,
            }
        }
    }

    fn unseen(&self, target: &ReplicaTarget, sessions: usize) -> Result<(), Error> {
        if self.unseen {
            tracing::warn!(
                sessions,
                "it cannot be known whether a translicator waits at the replica; going on, as --translicator says"
            );
            return Ok(());
        }
        let address = target.connect.address.to_string();
        Err(Error::TranslicatorUnseen { address, sessions })
    }

    /// The stream counts whoever waits for it. Nobody there means that live changes go nowhere.
    async fn look_at_clients(&self, progress: &Progress, stop: &Stop) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            if self.stream.clients(progress, stop).await? > 0 {
                return Ok(());
            }
            if began.elapsed() > CONNECTS {
                tracing::warn!(
                    address = self.stream.address,
                    "the change stream streams, and nobody is connected to it: start the translicator at once, or live changes are lost to the replica"
                );
                return Ok(());
            }
            stop.sleep(PAUSE).await?;
        }
    }
}
