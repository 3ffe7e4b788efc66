//! A session beside the run's own, with the batches that it does: each exactly once, as often as it needs to be tried.

use std::sync::Arc;

use replica::{Recovered, Sifted, Untaken, Worker};

use super::job::{Job, What};
use super::ledger::{After, Tally};
use super::place::SlabPlace;
use super::refused::{self, Fault, Noted};
use super::retries::Retries;
use super::shared::{Aside, Shared, recovered};
use super::statement;
use crate::base::error::Error;

/// What became of a batch.
pub(super) enum Outcome {
    /// It is in the database.
    Done,
    /// Nothing of it is, because PostgreSQL refuses it.
    Refused(replica::Error),
}

/// What became of one attempt.
enum Tried {
    Ended(Outcome),
    /// Another one may help, after a while.
    Failed(replica::Error),
    /// Nothing was done, and the run has been taken up again.
    Again,
}

/// A session that is opened when it is needed.
pub(super) struct Hand {
    shared: Arc<Shared>,
    worker: Option<Worker>,
    retries: Retries,
}

impl Hand {
    pub(super) fn new(shared: &Arc<Shared>, retries: Retries) -> Self {
        Self { shared: Arc::clone(shared), worker: None, retries }
    }

    /// Does a batch, beside others.
    pub(super) async fn carry(&mut self, job: &Job, id: u64) -> Result<Outcome, Error> {
        loop {
            let tried = match self.worker().await {
                Ok(worker) => self.try_to_carry(worker, job, After::Entry(id)).await?,
                Err(error) => Tried::Failed(error),
            };
            if let Some(outcome) = self.ended(tried, &job.place).await? {
                return Ok(outcome);
            }
        }
    }

    /// Does a batch of rows without those that PostgreSQL refuses, which are set aside. Nothing else is done meanwhile.
    pub(super) async fn sift(&mut self, job: &Job, after: After, aside: &Aside) -> Result<(), Error> {
        let mut untaken = Untaken::new();
        loop {
            let tried = match self.worker().await {
                Ok(worker) => self.try_to_sift(worker, (job, &mut untaken), after, aside).await?,
                Err(error) => Tried::Failed(error),
            };
            match self.ended(tried, &job.place).await? {
                Some(Outcome::Done) => return Ok(()),
                Some(Outcome::Refused(error)) => return Err(refusal(error, &job.place)),
                None => {}
            }
        }
    }

    async fn ended(&mut self, tried: Tried, place: &str) -> Result<Option<Outcome>, Error> {
        match tried {
            Tried::Ended(outcome) => {
                self.retries.going_on();
                return Ok(Some(outcome));
            }
            Tried::Failed(error) => self.retries.failed(error, place).await?,
            Tried::Again => {}
        }
        Ok(None)
    }

    /// A session that nobody has ended since.
    async fn worker(&mut self) -> Result<Worker, replica::Error> {
        let run = self.shared.run.lock().await;
        match self.worker.take() {
            Some(worker) if !run.has_left(&worker) => Ok(worker),
            _ => run.worker().await,
        }
    }

    async fn try_to_carry(&mut self, mut worker: Worker, job: &Job, after: After) -> Result<Tried, Error> {
        match worker.work(&job.batch).await {
            Ok(()) => self.commit(worker, (&[], None), after, &job.place).await,
            Err(error) => self.not_done(worker, error, &job.place).await,
        }
    }

    async fn try_to_sift(
        &mut self,
        mut worker: Worker,
        (job, untaken): (&Job, &mut Untaken),
        after: After,
        aside: &Aside,
    ) -> Result<Tried, Error> {
        let (before, errors) = {
            let ledger = self.shared.ledger();
            (ledger.tally.clone(), ledger.errors(after))
        };
        let allowed = aside.most.saturating_sub(errors);
        let faults = match faults(&mut worker, job, untaken, allowed).await {
            Ok(Some(faults)) => faults,
            Ok(None) => return Ok(Tried::Again),
            Err(error) => return self.not_done(worker, error, &job.place).await,
        };
        let slabs: &[SlabPlace] = match &job.what {
            What::Rows(slabs) => slabs,
            What::Statement(statement) => statement.rows.as_slice(),
        };
        let noted = refused::rows(&faults, slabs, &before);
        let found = noted.tally.errors() - before.errors();
        if found > allowed {
            return Err(too_many(&faults, errors + found, aside.most, &job.place));
        }
        self.set_aside(worker, noted, after, (aside, &job.place)).await
    }

    /// Commits with what was refused, which is in the reject file by then.
    async fn set_aside(
        &mut self,
        worker: Worker,
        noted: Noted<'_>,
        after: After,
        (aside, place): (&Aside, &str),
    ) -> Result<Tried, Error> {
        let Noted { lines, entries, mut tally } = noted;
        let mut file = aside.file.lock().await;
        let length = file.length();
        if !lines.is_empty() {
            tally.reject_bytes = file.add(&lines).await?.last().copied().unwrap_or(length);
        }
        let tried = self.commit(worker, (&entries, Some(tally)), after, place).await?;
        match tried {
            Tried::Ended(Outcome::Done) => {
                for entry in &entries {
                    let (rows, what) = (entry.rows, &entry.what);
                    tracing::warn!(
                        rows,
                        first = entry.message,
                        "{what}: left out, as PostgreSQL refuses them"
                    );
                }
            }
            // They come again.
            _ => file.cut(length)?,
        }
        Ok(tried)
    }

    /// Commits what the worker has done.
    async fn commit(
        &mut self,
        mut worker: Worker,
        (skipped, tally): (&[replica::Skipped], Option<Tally>),
        after: After,
        place: &str,
    ) -> Result<Tried, Error> {
        let shared = Arc::clone(&self.shared);
        let mut run = shared.run.lock().await;
        let point = {
            let ledger = shared.ledger();
            ledger.point(after, tally.as_ref().unwrap_or(&ledger.tally)).text()
        };
        match run.commit(&mut worker, skipped, &point).await {
            Ok(()) => self.worker = Some(worker),
            Err(error) if error.ends_session() => {
                let recovered = recovered(&mut run, &worker, error, place, &mut self.retries).await?;
                if recovered == Recovered::NotCommitted {
                    return Ok(Tried::Again);
                }
            }
            Err(error) => {
                drop(run);
                return self.not_done(worker, error, place).await;
            }
        }
        // While nobody else commits: checkpoints are told in the order of their commits.
        shared.done(after, tally);
        Ok(Tried::Ended(Outcome::Done))
    }

    /// Nothing of a batch is in the database.
    async fn not_done(&mut self, worker: Worker, error: replica::Error, place: &str) -> Result<Tried, Error> {
        if error.is_refusal() && error.ends_session() {
            // No other session knows of it.
            return Ok(Tried::Ended(Outcome::Refused(error)));
        }
        if error.ends_session() {
            let shared = Arc::clone(&self.shared);
            let mut run = shared.run.lock().await;
            recovered(&mut run, &worker, error, place, &mut self.retries).await?;
            return Ok(Tried::Again);
        }
        self.worker = Some(worker);
        Ok(match error.is_refusal() {
            true => Tried::Ended(Outcome::Refused(error)),
            false => Tried::Failed(error),
        })
    }
}

/// Does a batch of rows in the worker's transaction, without those that PostgreSQL refuses. None where another worker must
/// begin again, without a table more.
async fn faults(
    worker: &mut Worker,
    job: &Job,
    untaken: &mut Untaken,
    most: u64,
) -> Result<Option<Vec<Fault>>, replica::Error> {
    let faults = match (job.batch.rows(), &job.what) {
        (Some(rows), _) => match worker.sift(rows, untaken, most).await? {
            Sifted::Found(found) => found.into_iter().map(Fault::of_copy).collect(),
            Sifted::Untaken { slab, error } => {
                untaken.insert(slab, error);
                return Ok(None);
            }
        },
        (None, What::Rows(_)) => Vec::new(),
        (None, What::Statement(statement)) => {
            let inserts = statement::inserts(&statement.text);
            let texts: Vec<_> = inserts.each.iter().map(|(text, _)| *text).collect();
            let mut refused = worker.each(inserts.settings, &texts).await?;
            let untaken =
                |(_, error): &(usize, Box<replica::ServerError>)| statement::takes_none(&error.code);
            if refused.len() == texts.len() && refused.iter().all(untaken) {
                let rows = inserts.each.iter().map(|(_, rows)| rows).sum();
                let first = refused.drain(..).next();
                let fault = |(_, error)| Fault::of_table(rows, error);
                return Ok(Some(first.into_iter().map(fault).collect()));
            }
            let fault = |(index, error): (usize, _)| {
                let (text, rows) = inserts.each[index];
                let before = inserts.each[..index].iter().map(|(_, rows)| rows).sum();
                Fault::of_insert(text, before, rows, error)
            };
            refused.into_iter().map(fault).collect()
        }
    };
    Ok(Some(faults))
}

fn too_many(faults: &[Fault], skipped: u64, allowed: u64, place: &str) -> Error {
    let said = faults.last().map(|fault| fault.error.said());
    Error::TooManySkipped { place: place.to_owned(), said: said.unwrap_or_default(), skipped, allowed }
}

/// The error for what PostgreSQL refuses.
pub(super) fn refusal(error: replica::Error, place: &str) -> Error {
    Error::Replica { context: place.to_owned(), error: Box::new(error) }
}
