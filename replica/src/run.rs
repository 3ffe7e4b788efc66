//! A run: batches, each with its point, each exactly once.

use tokio_postgres::Statement;

use crate::batch::{Batch, Work};
use crate::connect::ConnectOptions;
use crate::error::{Error, ErrorKind};
use crate::record::{self, Claim, Record};
use crate::session::Session;

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
        Ok(Self { options, session, advance, run: claim.run, record, in_doubt: false })
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
        self.transact(Some(batch), point, false).await
    }

    /// Notes that the run is complete, and waits until everything before is on the server's disk. Its record stays, until
    /// it is [forgotten](crate::Replica::forget) or another run begins.
    ///
    /// # Errors
    /// As [`Run::apply`].
    pub async fn finish(&mut self) -> Result<(), Error> {
        let point = self.record.point.clone();
        self.transact(None, &point, true).await?;
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

    async fn transact(&mut self, batch: Option<&Batch>, point: &str, finished: bool) -> Result<(), Error> {
        if self.in_doubt {
            return Err(self.session.error(ErrorKind::InDoubt, "apply a batch"));
        }
        self.in_doubt = true;
        let error = match self.attempt(batch, point, finished).await {
            Ok(()) => {
                self.record.step += 1;
                point.clone_into(&mut self.record.point);
                self.in_doubt = false;
                return Ok(());
            }
            Err(error) => error,
        };
        if !error.ends_session() && self.session.run("roll back", "ROLLBACK").await.is_ok() {
            self.in_doubt = false;
        }
        Err(error)
    }

    async fn attempt(&self, batch: Option<&Batch>, point: &str, finished: bool) -> Result<(), Error> {
        self.session.run("begin a transaction", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        if finished {
            // What was committed without waiting lies before this in the log, and is flushed with it.
            self.session.run("flush", "SET LOCAL synchronous_commit = on").await?;
        }
        // First: whoever was replaced does no work. The lock on the record holds until the end.
        let step = self.record.step + 1;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&self.run, &self.record.session, &self.record.step, &step, &point, &finished];
        let moved = self.session.execute("move the run's record", &self.advance, &values).await?;
        if moved != 1 {
            return Err(self.not_ours().await?);
        }
        match batch.map(|batch| &batch.0) {
            None => {}
            Some(Work::Statement(text)) => self.session.run("run a statement", text).await?,
            Some(Work::Rows(rows)) => {
                // As in Kasho's own sessions: triggers and foreign keys are the source's business.
                let settings = format!("SET LOCAL session_replication_role = replica;\n{}", rows.settings);
                self.session.run("set what rows rely on", &settings).await?;
                for copy in &rows.copies {
                    self.session.copy(copy).await?;
                }
            }
        }
        self.session.run("commit", "COMMIT").await
    }

    /// Why the record did not move.
    async fn not_ours(&self) -> Result<Error, Error> {
        let found = record::read(&self.session, &self.run).await?;
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
