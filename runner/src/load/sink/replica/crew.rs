//! The sessions of a run: batches beside each other, where that makes no difference, and one after the other, where it may.
//!
//! ```text
//! give ─▶ waiting ─▶ hands, each with a batch ─▶ done
//!                      │ refused
//!                      ▼
//!                    alone, when everybody is ready: tried again, and then skipped or an error
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use replica::{Batch, Recovered, Run, Skipped};
use tokio::task::JoinSet;

use super::hand::{Hand, Outcome, refusal};
use super::job::{Job, Statement, What};
use super::ledger::After;
use super::refused;
use super::retries::Retries;
use super::shared::{Aside, Shared, recover};
use crate::base::error::Error;

/// So many statements may wait for their tables while others are done.
const WAITING: usize = 64;

/// The sessions of a run.
pub(super) struct Crew {
    shared: Arc<Shared>,
    retries: Retries,
    aside: Option<Aside>,
    /// How many hands there may be.
    most: usize,
    /// Those that have nothing to do.
    hands: Vec<Hand>,
    at_work: JoinSet<Landed>,
    /// The tables of what is being done.
    tables: BTreeMap<u64, Vec<String>>,
    waiting: VecDeque<(u64, Job)>,
    refused: BTreeMap<u64, Job>,
}

/// A hand is back.
struct Landed {
    id: u64,
    hand: Hand,
    job: Job,
    result: Result<Outcome, Error>,
}

/// What is done in one transaction.
enum Step<'a> {
    Batch(&'a Batch),
    Skip(&'a [Skipped]),
    Finish,
}

impl Crew {
    pub(super) fn new(shared: Arc<Shared>, retries: Retries, jobs: usize) -> Self {
        Self {
            shared,
            retries,
            aside: None,
            most: jobs,
            hands: Vec::new(),
            at_work: JoinSet::new(),
            tables: BTreeMap::new(),
            waiting: VecDeque::new(),
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn set_aside(&mut self, aside: Aside) {
        self.aside = Some(aside);
    }

    /// Takes what may be done beside others that were given, and waits for room.
    pub(super) async fn give(&mut self, id: u64, job: Job) -> Result<(), Error> {
        if self.more_of_untaken(&job).is_some() {
            self.settle().await?;
            return self.alone(&job, After::Entry(id)).await;
        }
        // Rows take memory.
        let most = if job.is_statement() { WAITING } else { 0 };
        self.waiting.push_back((id, job));
        self.start();
        while self.waiting.len() > most {
            self.landed().await?;
            self.tend().await?;
        }
        Ok(())
    }

    /// Waits until everything that was given is done.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        loop {
            self.start();
            while !self.at_work.is_empty() {
                self.landed().await?;
            }
            if self.refused.is_empty() && self.waiting.is_empty() {
                return Ok(());
            }
            while let Some((id, job)) = self.refused.pop_first() {
                self.alone(&job, After::Entry(id)).await?;
            }
        }
    }

    /// Looks after what was refused, if anything was.
    pub(super) async fn tend(&mut self) -> Result<(), Error> {
        if self.refused.is_empty() { Ok(()) } else { self.settle().await }
    }

    /// Whether something may end by waiting.
    pub(super) fn is_at_work(&self) -> bool {
        !self.at_work.is_empty() && self.refused.is_empty()
    }

    /// Waits until a hand is back. Cancel safe.
    pub(super) async fn landed(&mut self) -> Result<(), Error> {
        let Some(landed) = self.at_work.join_next().await else { return Ok(()) };
        let Landed { id, hand, job, result } =
            landed.map_err(|error| Error::Internal(format!("a session's task ended: {error}")))?;
        self.hands.push(hand);
        self.tables.remove(&id);
        if let Outcome::Refused(error) = result? {
            tracing::debug!(error = %error, "refused beside others, it is tried alone");
            self.refused.insert(id, job);
        }
        self.start();
        Ok(())
    }

    /// Gives what waits to whoever is free, unless something was refused.
    fn start(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() && self.at_work.len() < self.most && self.refused.is_empty() {
            let job = &self.waiting[index].1;
            let tables = &job.tables;
            let earlier = self.waiting.iter().take(if job.in_any_order { 0 } else { index });
            let earlier = earlier.map(|(_, job)| &job.tables);
            let taken =
                self.tables.values().chain(earlier).any(|other| other.iter().any(|t| tables.contains(t)));
            if taken {
                index += 1;
            } else if let Some((id, job)) = self.waiting.remove(index) {
                self.spawn(id, job);
            }
        }
    }

    fn hand(&mut self) -> Hand {
        let new = || Hand::new(&self.shared, self.retries.another());
        self.hands.pop().unwrap_or_else(new)
    }

    fn spawn(&mut self, id: u64, job: Job) {
        let mut hand = self.hand();
        self.tables.insert(id, job.tables.clone());
        self.at_work.spawn(async move {
            let result = hand.carry(&job, id).await;
            Landed { id, hand, job, result }
        });
    }

    /// Does a batch while nothing else is done. If PostgreSQL refuses it, what is refused is skipped where that is wanted.
    pub(super) async fn alone(&mut self, job: &Job, after: After) -> Result<(), Error> {
        let point = self.shared.point(after);
        if let Some(entry) = self.more_of_untaken(job) {
            self.take(Step::Skip(&[entry]), &point, &job.place).await?;
            self.shared.done(after, None);
            return Ok(());
        }
        let Outcome::Refused(error) = self.take(Step::Batch(&job.batch), &point, &job.place).await? else {
            self.shared.done(after, None);
            return Ok(());
        };
        let Some(aside) = self.aside.clone() else { return Err(refusal(error, &job.place)) };
        if let What::Statement(statement @ Statement { rows: None, .. }) = &job.what {
            return self.skip(statement, error, after, aside.most, &job.place).await;
        }
        let mut hand = self.hand();
        let sifted = hand.sift(job, after, &aside).await;
        self.hands.push(hand);
        sifted
    }

    /// The entry for rows of a table that has taken none of those before.
    fn more_of_untaken(&self, job: &Job) -> Option<Skipped> {
        match (&self.aside, &job.what) {
            (Some(_), What::Rows(slabs)) => refused::more(slabs, &self.shared.ledger().tally),
            _ => None,
        }
    }

    async fn skip(
        &mut self,
        statement: &Statement,
        error: replica::Error,
        after: After,
        most: u64,
        place: &str,
    ) -> Result<(), Error> {
        let Some(said) = error.server() else { return Err(refusal(error, place)) };
        let entry = refused::statement(statement, said);
        let (tally, point) = {
            let ledger = self.shared.ledger();
            let skipped = ledger.errors(after) + 1;
            if skipped > most {
                let place = format!("{place}, {}", entry.what);
                return Err(Error::TooManySkipped { place, said: entry.message, skipped, allowed: most });
            }
            let mut tally = ledger.tally.clone();
            tally.entries += 1;
            let point = ledger.point(after, &tally).text();
            (tally, point)
        };
        tracing::warn!(place = entry.place, cost = entry.cost, "{}: skipped: {}", entry.what, entry.message);
        match self.take(Step::Skip(&[entry]), &point, place).await? {
            Outcome::Done => self.shared.done(after, Some(tally)),
            Outcome::Refused(error) => return Err(refusal(error, place)),
        }
        Ok(())
    }

    /// Closes the run. Everything is done.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        match self.take(Step::Finish, "", "finish the run").await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(error) => Err(refusal(error, "finish the run")),
        }
    }

    /// Takes the step in the run's own session, exactly once, as often as it needs to be tried.
    async fn take(&mut self, step: Step<'_>, point: &str, place: &str) -> Result<Outcome, Error> {
        let shared = Arc::clone(&self.shared);
        let mut run = shared.run.lock().await;
        loop {
            let Err(error) = attempt(&mut run, &step, point).await else { break };
            let lost = error.ends_session();
            if error.is_refusal() {
                self.retries.going_on();
                if lost && self.aside.is_some() {
                    recover(&mut run, place, &mut self.retries).await?;
                }
                return Ok(Outcome::Refused(error));
            }
            self.retries.failed(error, place).await?;
            if lost && recover(&mut run, place, &mut self.retries).await? == Recovered::Committed {
                break;
            }
        }
        self.retries.going_on();
        Ok(Outcome::Done)
    }
}

async fn attempt(run: &mut Run, step: &Step<'_>, point: &str) -> Result<(), replica::Error> {
    match step {
        Step::Batch(batch) => run.apply(batch, point).await,
        Step::Skip(skipped) => run.skip(skipped, point).await,
        Step::Finish => run.finish().await,
    }
}
