//! A PostgreSQL database: one transaction after the other, each with the point after it.
//!
//! ```text
//! statement ─▶ a transaction of its own          ┐
//! slabs of rows ─▶ one transaction for some MiB  ┴─▶ replica::Run::apply(batch, point) ─▶ durable
//! ```
//!
//! While a transaction runs, the threads of the pipeline read and convert ahead.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use convert::render::Block;
use convert::render::members::Rendered;
use replica::{Batch, CopyInto, Recovered, Replica, Rows, Run};
use serde::{Deserialize, Serialize};
use source::retry::Backoff;

use super::target::ReplicaTarget;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::Checkpoint;
use crate::load::progress::Progress;

/// A transaction of rows is sent when it has this many bytes: enough that its own cost is small.
const BATCH_BYTES: usize = 8 << 20;
/// How long a transaction may go on after a signal.
const AFTER_SIGNAL: Duration = Duration::from_secs(5);

/// What the record in the database says of the way so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Point {
    /// Everything before it is done.
    pub checkpoint: Option<Checkpoint>,
    /// So many of the statements that come next, all of which one statement of the dump became, are done too.
    pub statements: usize,
}

impl Point {
    /// Reads what a run's record has; the point of a run that has done nothing is empty.
    ///
    /// # Errors
    /// [`Error::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let point: Self = serde_json::from_str(text).map_err(|error| {
            Error::Checkpoint(format!(
                "the record in kasho_bootstrap.runs is of another version of this program ({error}): continue with the program that began, or begin with an empty database"
            ))
        })?;
        if let Some(checkpoint) = &point.checkpoint {
            Checkpoint::parse(&checkpoint.to_bytes(), "the record in kasho_bootstrap.runs")?;
        }
        Ok(point)
    }

    fn text(&self) -> String {
        // A structure of strings, numbers and maps with text keys cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A slab's rows on their way to the database.
pub struct Slab<'a> {
    /// What they are rows of.
    pub block: &'a Arc<Block>,
    /// How many there are, without those that were left out.
    pub rows: u64,
    /// The first one's number in its table, from 0.
    pub first_row: u64,
}

/// What the next transaction will do.
enum Pending {
    Nothing,
    Statements(Vec<String>),
    Rows {
        rows: Rows,
        /// The table of the first row, and its number there.
        first: (String, u64),
    },
}

/// Fills a database.
pub struct ReplicaSink {
    target: ReplicaTarget,
    /// None where the run was done already.
    run: Option<Run>,
    pending: Pending,
    /// Where the rows of a block go.
    into: Option<(Arc<Block>, Arc<CopyInto>)>,
    /// The point of the record.
    point: Point,
    durable: VecDeque<Checkpoint>,
    retries: Retries,
    stop: Stop,
}

impl ReplicaSink {
    /// A sink for the run, which goes on at `point`; without a run everything is done.
    #[must_use]
    pub fn new(target: &ReplicaTarget, run: Option<Run>, point: Point, retries: Retries, stop: Stop) -> Self {
        Self {
            target: target.clone(),
            run,
            pending: Pending::Nothing,
            into: None,
            point,
            durable: VecDeque::new(),
            retries,
            stop,
        }
    }

    /// Whether a slab, or statements, may go into the transaction that is being filled.
    pub(super) fn takes(&self, slab: Option<(&Slab<'_>, &Rendered)>) -> bool {
        match (&self.pending, slab) {
            (Pending::Nothing, _) => true,
            (Pending::Rows { rows, .. }, Some((slab, rendered))) => {
                rendered.as_sql == 0 && *rows.settings() == *slab.block.plan.settings
            }
            (Pending::Rows { .. } | Pending::Statements(_), _) => false,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match &self.pending {
            Pending::Nothing => false,
            Pending::Statements(_) => true,
            Pending::Rows { rows, .. } => rows.bytes() >= BATCH_BYTES,
        }
    }

    /// Statements that one of the dump's became. They are UTF-8, whatever the dump's encoding is.
    pub(super) fn push_statements(&mut self, rendered: &Rendered) -> Result<(), Error> {
        let text = |index| String::from_utf8(rendered.member(index).to_vec());
        let texts: Result<Vec<_>, _> = (0..rendered.members.len()).map(text).collect();
        // Without the error, which has the bytes.
        let texts =
            texts.map_err(|_| Error::Internal("a statement for the database is not UTF-8".to_owned()))?;
        self.pending = Pending::Statements(texts);
        Ok(())
    }

    /// A slab's rows.
    pub(super) fn push_rows(&mut self, rendered: &Rendered, slab: &Slab<'_>) -> Result<(), Error> {
        if rendered.as_sql > 0 {
            return self.push_statements(rendered);
        }
        let into = self.into(slab.block);
        let first = (slab.block.plan.table.clone(), slab.first_row);
        if !matches!(self.pending, Pending::Rows { .. }) {
            let rows = Rows::with_settings(Arc::clone(&slab.block.plan.settings));
            self.pending = Pending::Rows { rows, first };
        }
        if let Pending::Rows { rows, .. } = &mut self.pending {
            rows.push(&into, Bytes::copy_from_slice(&rendered.bytes), slab.rows);
        }
        Ok(())
    }

    fn into(&mut self, block: &Arc<Block>) -> Arc<CopyInto> {
        match &self.into {
            Some((known, into)) if Arc::ptr_eq(known, block) => Arc::clone(into),
            _ => {
                let plan = block.written();
                let encoding = Some(plan.encoding.name().to_owned());
                let into = CopyInto { table: plan.table.clone(), columns: plan.columns.clone(), encoding };
                let into = Arc::new(into);
                self.into = Some((Arc::clone(block), Arc::clone(&into)));
                into
            }
        }
    }

    /// Commits what was pushed, with the checkpoint after it.
    pub(super) async fn flush(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            // What only moves the point is found again by reading.
            Pending::Nothing if !checkpoint.complete => {}
            Pending::Nothing => self.done(Batch::statement(""), &checkpoint, "note the end").await?,
            Pending::Statements(texts) => self.statements(texts, &checkpoint).await?,
            Pending::Rows { rows, first: (table, row) } => {
                let place =
                    format!("copy rows of {table}, of which row {} is the first that is sent", row + 1);
                self.done(rows.into(), &checkpoint, &place).await?;
            }
        }
        self.durable.push_back(checkpoint);
        Ok(())
    }

    /// Each statement by itself, as psql runs them.
    async fn statements(&mut self, texts: Vec<String>, checkpoint: &Checkpoint) -> Result<(), Error> {
        let place = format!("run the statement before line {} of the dump", checkpoint.scan.line + 1);
        let count = texts.len();
        for (index, text) in texts.into_iter().enumerate().skip(self.point.statements) {
            let batch = Batch::statement(text);
            if index + 1 == count {
                return self.done(batch, checkpoint, &place).await;
            }
            let before = self.point.checkpoint.take();
            self.apply(&batch, Point { checkpoint: before, statements: index + 1 }, &place).await?;
        }
        Ok(())
    }

    /// Commits a batch after which everything before the checkpoint is done.
    async fn done(&mut self, batch: Batch, checkpoint: &Checkpoint, place: &str) -> Result<(), Error> {
        let point = Point { checkpoint: Some(checkpoint.clone()), statements: 0 };
        self.apply(&batch, point, place).await
    }

    async fn apply(&mut self, batch: &Batch, point: Point, place: &str) -> Result<(), Error> {
        let text = point.text();
        self.point = point;
        let Some(run) = &mut self.run else { return Ok(()) };
        let stop = self.stop.clone();
        let applied = applied(run, Step::Batch(batch, &text), place, &mut self.retries);
        tokio::pin!(applied);
        tokio::select! {
            biased;
            result = &mut applied => result,
            signal = stop.wait() => match tokio::time::timeout(AFTER_SIGNAL, applied).await {
                Ok(result) => result,
                // The record tells the next call whether it is there.
                Err(_) => Err(Error::Stopped(signal)),
            },
        }
    }

    pub(super) fn durable(&mut self) -> Option<Checkpoint> {
        self.durable.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.durable.is_empty()
    }

    /// Collects statistics if asked for, and closes the run.
    pub(super) async fn finish(&mut self, last: &Checkpoint) -> Result<(), Error> {
        if self.run.is_some() && self.target.analyze {
            self.done(Batch::statement("ANALYZE"), last, "collect statistics").await?;
        }
        if let Some(run) = &mut self.run {
            applied(run, Step::Finish, "finish the run", &mut self.retries).await?;
        }
        if self.target.forget {
            self.run = None;
            self.removed().await?;
        }
        Ok(())
    }

    /// Removes the record of a run that has done nothing.
    pub(super) async fn forget(&mut self) {
        self.run = None;
        if let Err(error) = self.removed().await {
            tracing::warn!(error = %crate::base::error::chain(&error), "the run's record stays in the database");
        }
    }

    async fn removed(&mut self) -> Result<(), Error> {
        loop {
            let removed = match Replica::connect(self.target.connect.clone()).await {
                Ok(replica) => replica.forget(&self.target.run).await,
                Err(error) => Err(error),
            };
            match removed {
                Ok(_) => return Ok(()),
                Err(error) => self.retries.failed(error, "remove the run's record").await?,
            }
        }
    }
}

/// What is done in one transaction.
enum Step<'a> {
    Batch(&'a Batch, &'a str),
    Finish,
}

/// Takes the step, exactly once, as often as it needs to be tried.
async fn applied(run: &mut Run, step: Step<'_>, place: &str, retries: &mut Retries) -> Result<(), Error> {
    loop {
        let result = match step {
            Step::Batch(batch, point) => run.apply(batch, point).await,
            Step::Finish => run.finish().await,
        };
        let Err(error) = result else {
            retries.going_on();
            return Ok(());
        };
        let lost = error.ends_session();
        retries.failed(error, place).await?;
        if lost && recovered(run, place, retries).await? == Recovered::Committed {
            retries.going_on();
            return Ok(());
        }
    }
}

async fn recovered(run: &mut Run, place: &str, retries: &mut Retries) -> Result<Recovered, Error> {
    loop {
        match run.recover().await {
            Ok(recovered) => return Ok(recovered),
            Err(error) => retries.failed(error, place).await?,
        }
    }
}

/// How long failures that may pass are borne.
pub struct Retries {
    allowed: Duration,
    failing: Option<Backoff>,
    progress: Arc<Progress>,
    stop: Stop,
}

impl Retries {
    /// As the target says.
    #[must_use]
    pub fn new(target: &ReplicaTarget, progress: Arc<Progress>, stop: Stop) -> Self {
        Self { allowed: target.retry, failing: None, progress, stop }
    }

    /// Waits, if another try may help.
    ///
    /// # Errors
    /// [`Error::Replica`] if it may not, or if it has lasted too long; [`Error::Stopped`].
    pub async fn failed(&mut self, error: replica::Error, action: &str) -> Result<(), Error> {
        let failing = self.failing.get_or_insert_default();
        let over = failing.is_over(self.allowed);
        if !error.is_retryable() || over {
            let context = match error.is_retryable() {
                true => format!("{action}, tried for {} s", failing.elapsed().as_secs()),
                false => action.to_owned(),
            };
            return Err(Error::Replica { context, error: Box::new(error) });
        }
        tracing::warn!(error = %crate::base::error::chain(&error), "the replica failed, retrying");
        self.progress.waiting("the replica cannot be reached");
        self.progress.retried();
        let pause = failing.pause();
        self.stop.sleep(pause).await
    }

    /// It has worked.
    pub fn going_on(&mut self) {
        if self.failing.take().is_some() {
            self.progress.going_on();
        }
    }
}
