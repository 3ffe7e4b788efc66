//! A run: batches, each with its point, each exactly once.

use tokio_postgres::Statement;

use crate::batch::Batch;
use crate::connect::ConnectOptions;
use crate::error::{Error, ErrorKind};
use crate::record::{self, Claim, Record};
use crate::session::{BEGIN, Session};
use crate::skipped::{self, Skipped};
use crate::worker::Worker;

/// A run that this process works on.
///
/// # Guarantees
/// - A batch and the point after it are committed together, or neither is.
/// - Only the session that claimed the run last can commit. A session that was replaced gets [`ErrorKind::Superseded`].
/// - Nothing is sent twice without being asked: where the answer to a commit was lost, [`Run::recover`] says whether the
///   batch is there.
///
/// # Caveats
/// [`Run::apply`] is not cancel safe: a run whose `apply` was dropped is in doubt, and must be recovered.
pub struct Run {
    options: ConnectOptions,
    session: Session,
    advance: Statement,
    run: String,
    record: Record,
    /// A batch was begun, and how it ended is not known.
    in_doubt: bool,
    /// How often the run was recovered, which ends all its sessions.
    generation: u64,
}

/// What is done in one transaction.
struct Step<'a> {
    batch: Option<&'a Batch>,
    skipped: &'a [Skipped],
    finished: bool,
}

/// What became of the batch that was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// It is in the database, and the run's point is the one after it.
    Committed,
    /// It is not: apply it again.
    NotCommitted,
}

impl Run {
    pub(crate) async fn begin(
        options: ConnectOptions,
        session: Session,
        claim: Claim,
    ) -> Result<Self, Error> {
        let record = record::claim(&session, &claim).await?;
        let advance = session.prepare("begin", record::ADVANCE).await?;
        Ok(Self { options, session, advance, run: claim.run, record, in_doubt: false, generation: 0 })
    }

    /// What is done. Its point is where to go on.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Does what the batch says, and notes `point` as the one after it, in one transaction.
    ///
    /// # Errors
    /// Where [`Error::ends_session`] says so, the run is in doubt: call [`Run::recover`]. After any other error nothing of the
    /// batch is in the database, and the run can be used.
    pub async fn apply(&mut self, batch: &Batch, point: &str) -> Result<(), Error> {
        self.transact(&Step { batch: Some(batch), skipped: &[], finished: false }, point).await
    }

    /// Notes what is left out, and `point` as the one after it.
    ///
    /// # Errors
    /// As [`Run::apply`].
    pub async fn skip(&mut self, skipped: &[Skipped], point: &str) -> Result<(), Error> {
        self.transact(&Step { batch: None, skipped, finished: false }, point).await
    }

    /// One more session of this run.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn worker(&self) -> Result<Worker, Error> {
        Worker::open(&self.options, &self.run, self.generation).await
    }

    /// Whether the run has recovered since the worker's session was opened. Then the session was ended, and with it
    /// whatever it had not committed.
    #[must_use]
    pub fn has_left(&self, worker: &Worker) -> bool {
        worker.generation != self.generation
    }

    /// Commits what a worker has done, with what was left out of it, and notes `point` as the one after it.
    ///
    /// # Errors
    /// As [`Run::apply`].
    pub async fn commit(
        &mut self,
        worker: &mut Worker,
        skipped: &[Skipped],
        point: &str,
    ) -> Result<(), Error> {
        if self.in_doubt || self.has_left(worker) {
            return Err(worker.session.error(ErrorKind::InDoubt, "commit a batch"));
        }
        let error = match self.commit_in(worker, skipped, point).await {
            Ok(()) => {
                self.moved_to(point);
                return Ok(());
            }
            Err(error) => error,
        };
        if !error.ends_session() && worker.give_up().await.is_ok() {
            self.in_doubt = false;
        }
        Err(error)
    }

    async fn commit_in(&mut self, worker: &Worker, skipped: &[Skipped], point: &str) -> Result<(), Error> {
        if worker.has_settings {
            // The batch may have taken a role without rights to the record.
            worker.session.run("take our own role", "RESET SESSION AUTHORIZATION; RESET ROLE").await?;
        }
        self.move_record(&worker.session, &worker.advance, point, false).await?;
        skipped::add(&worker.session, &self.run, skipped).await?;
        self.in_doubt = true;
        worker.session.run("commit", "COMMIT").await
    }

    /// Notes that the run is complete, and waits until everything before is on the server's disk. Its record stays, until
    /// it is [forgotten](crate::Replica::forget) or another run begins.
    ///
    /// # Errors
    /// As [`Run::apply`].
    pub async fn finish(&mut self) -> Result<(), Error> {
        let point = self.record.point.clone();
        self.transact(&Step { batch: None, skipped: &[], finished: true }, &point).await?;
        self.record.finished = true;
        Ok(())
    }

    /// Connects again, takes the run up, and finds out what became of the batch that was on its way.
    ///
    /// Sessions of this run that are still there are ended first. So no batch can be committed after this has returned.
    ///
    /// # Errors
    /// [`ErrorKind::Superseded`] if another process has claimed the run; errors of the way there, which may be
    /// [worth another try](Error::is_retryable).
    pub async fn recover(&mut self) -> Result<Recovered, Error> {
        self.in_doubt = true;
        let session = Session::open(&self.options).await?;
        let found = record::retake(&session, &self.run, &self.record.session, &self.next_name()).await?;
        let (before, after) = (self.record.step, found.step);
        self.advance = session.prepare("take the run up again", record::ADVANCE).await?;
        self.session = session;
        self.record = found;
        self.generation += 1;
        if after < before || after > before + 1 {
            return Err(self.moved(before, Some(after)));
        }
        self.in_doubt = false;
        Ok(if after == before { Recovered::NotCommitted } else { Recovered::Committed })
    }

    /// What the next session of this process is called in the record: always the same until it is there, so that an
    /// answer may be lost.
    fn next_name(&self) -> String {
        let (claim, count) = self.record.session.rsplit_once(' ').unwrap_or((&self.record.session, "0"));
        format!("{claim} {}", count.parse::<u64>().unwrap_or(0) + 1)
    }

    async fn transact(&mut self, step: &Step<'_>, point: &str) -> Result<(), Error> {
        if self.in_doubt {
            return Err(self.session.error(ErrorKind::InDoubt, "apply a batch"));
        }
        self.in_doubt = true;
        let error = match self.attempt(step, point).await {
            Ok(()) => {
                self.moved_to(point);
                return Ok(());
            }
            Err(error) => error,
        };
        if !error.ends_session() && self.session.run("roll back", "ROLLBACK").await.is_ok() {
            self.in_doubt = false;
        }
        Err(error)
    }

    fn moved_to(&mut self, point: &str) {
        self.record.step += 1;
        point.clone_into(&mut self.record.point);
        self.in_doubt = false;
    }

    async fn attempt(&self, step: &Step<'_>, point: &str) -> Result<(), Error> {
        self.session.run("begin a transaction", BEGIN).await?;
        if step.finished {
            // What was committed without waiting lies before this in the log, and is flushed with it.
            self.session.run("flush", "SET LOCAL synchronous_commit = on").await?;
        }
        // First: whoever was replaced does no work. The lock on the record holds until the end.
        self.move_record(&self.session, &self.advance, point, step.finished).await?;
        skipped::add(&self.session, &self.run, step.skipped).await?;
        if let Some(batch) = step.batch {
            self.session.perform(batch).await?;
        }
        self.session.run("commit", "COMMIT").await
    }

    /// Moves the record, in the transaction that the session has open.
    async fn move_record(
        &self,
        session: &Session,
        advance: &Statement,
        point: &str,
        finished: bool,
    ) -> Result<(), Error> {
        let step = self.record.step + 1;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&self.run, &self.record.session, &self.record.step, &step, &point, &finished];
        match session.execute("move the run's record", advance, &values).await? {
            1 => Ok(()),
            _ => Err(self.not_ours(session).await?),
        }
    }

    /// Why the record did not move.
    async fn not_ours(&self, session: &Session) -> Result<Error, Error> {
        let found = record::read(session, &self.run).await?;
        Ok(match found {
            Some(found) if found.session != self.record.session => {
                self.session.error(ErrorKind::Superseded, "move the run's record")
            }
            found => self.moved(self.record.step, found.map(|found| found.step)),
        })
    }

    fn moved(&self, expected: i64, found: Option<i64>) -> Error {
        self.session.error(ErrorKind::RecordMoved { expected, found }, "move the run's record")
    }
}
