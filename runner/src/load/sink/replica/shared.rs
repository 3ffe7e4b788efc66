//! What all sessions of a run share: the run, and the ledger.

use std::sync::{Mutex, MutexGuard, PoisonError};

use replica::{Recovered, Run, Worker};

use super::ledger::{After, Ledger, Tally};
use super::retries::Retries;
use crate::base::error::Error;
use crate::load::reject::SharedRejects;

/// What all sessions of a run share.
pub(super) struct Shared {
    /// Whoever commits holds it, from the point to the answer.
    pub(super) run: tokio::sync::Mutex<Run>,
    ledger: Mutex<Ledger>,
}

impl Shared {
    pub(super) fn new(run: Run, ledger: Ledger) -> Self {
        Self { run: tokio::sync::Mutex::new(run), ledger: Mutex::new(ledger) }
    }

    /// Held for no longer than it takes to read or write it.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The point when that is done.
    pub(super) fn point(&self, after: After) -> String {
        let ledger = self.ledger();
        ledger.point(after, &ledger.tally).text()
    }

    /// That is done, and with it what this tally has.
    pub(super) fn done(&self, after: After, tally: Option<Tally>) {
        let mut ledger = self.ledger();
        if let Some(tally) = tally {
            ledger.tally = tally;
        }
        ledger.done(after);
    }
}

/// Where rows that are refused go, and how many errors there may be.
#[derive(Clone)]
pub struct Aside {
    /// The reject file.
    pub file: SharedRejects,
    /// The most errors.
    pub most: u64,
}

/// Takes the run up again after a worker has lost its session, unless that was done since.
pub(super) async fn recovered(
    run: &mut Run,
    worker: &Worker,
    error: replica::Error,
    place: &str,
    retries: &mut Retries,
) -> Result<Recovered, Error> {
    if run.has_left(worker) {
        return Ok(Recovered::NotCommitted);
    }
    retries.failed(error, place).await?;
    recover(run, place, retries).await
}

/// Takes the run up again, and says what became of what was being committed.
pub(super) async fn recover(run: &mut Run, place: &str, retries: &mut Retries) -> Result<Recovered, Error> {
    loop {
        match run.recover().await {
            Ok(recovered) => return Ok(recovered),
            Err(error) => retries.failed(error, place).await?,
        }
    }
}
