//! A PostgreSQL database: transactions, each with the point after it.
//!
//! ```text
//! statement ─▶ a transaction of its own          ┐
//! slabs of rows ─▶ one transaction for some MiB  ┴─▶ crew of sessions ─▶ durable
//! ```
//!
//! While transactions run, the threads of the pipeline read and convert ahead. Batches of rows are done beside each other, and
//! so are consecutive indexes and keys, or foreign keys, of different tables; any other statement waits until everything before
//! it is done.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use convert::render::Block;
use convert::render::members::Rendered;
use replica::{CopyInto, Replica, Rows, Run, SkippedList};
use twox_hash::XxHash3_64;

use self::crew::Crew;
use self::job::{Job, Statement};
use self::ledger::{After, Ledger, PassedSpan, Span};
use self::shared::Shared;
use self::statement::Beside;
use super::target::ReplicaTarget;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::Checkpoint;

pub use self::ledger::Point;
pub use self::place::SlabPlace;
pub use self::retries::Retries;
pub use self::shared::Aside;

mod crew;
mod hand;
mod job;
mod ledger;
mod place;
mod refused;
mod retries;
mod shared;
mod statement;

/// All transactions of rows together have about this many bytes: those that are worked on, and the next one, which is gathered.
const ROWS_BYTES: usize = 24 << 20;
/// Each has so many at least, whatever the number of sessions: enough that its own cost is small.
const BATCH_BYTES: usize = 2 << 20;
/// How long a transaction may go on after a signal.
const AFTER_SIGNAL: Duration = Duration::from_secs(5);
/// So many entries of what was skipped are shown.
pub const SHOWN: i64 = 50;

/// A slab's rows on their way to the database.
pub struct Slab<'a> {
    /// What they are rows of.
    pub block: &'a Arc<Block>,
    /// How many there are, and where in the dump.
    pub place: SlabPlace,
}

/// What the next transaction will do.
enum Pending {
    Nothing,
    /// Texts, the first with this number, each with the rows that became it.
    Statements(u64, Vec<Text>),
    Rows(Box<PendingRows>),
}

/// A statement, and the rows that became it.
type Text = (String, Option<SlabPlace>);

struct PendingRows {
    rows: Rows,
    slabs: Vec<SlabPlace>,
    /// From the first slab's number to the one after the last, and a hash of their rows.
    span: Span,
    /// What comes next is done already, and no part of it.
    sealed: bool,
    /// The tables of which two transactions may not be open at once.
    unique: Vec<String>,
}

/// What the crew is given now: what is of another kind waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Rows,
    Indexes,
    ForeignKeys,
}

/// Fills a database.
pub struct ReplicaSink {
    target: ReplicaTarget,
    /// None where the run was done already.
    crew: Option<Crew>,
    shared: Option<Arc<Shared>>,
    doing: Doing,
    pending: Pending,
    /// Where the rows of a block go.
    into: Option<(Arc<Block>, Arc<CopyInto>)>,
    /// So many of the statements that come first were done by an earlier call.
    done: usize,
    /// What was passed of something that an earlier call has done.
    passed: PassedSpan,
    retries: Retries,
    stop: Stop,
    skipped: SkippedList,
}

impl ReplicaSink {
    /// A sink for the run, which goes on at `point`; without a run everything is done.
    #[must_use]
    pub fn new(
        target: &ReplicaTarget,
        run: Option<Run>,
        point: &Point,
        retries: Retries,
        stop: Stop,
    ) -> Self {
        let shared = run.map(|run| Arc::new(Shared::new(run, Ledger::new(point))));
        let new = |shared: &Arc<Shared>| Crew::new(Arc::clone(shared), retries.another(), target.jobs);
        Self {
            target: target.clone(),
            crew: shared.as_ref().map(new),
            shared,
            doing: Doing::Rows,
            pending: Pending::Nothing,
            into: None,
            done: point.statements,
            passed: PassedSpan::default(),
            retries,
            stop,
            skipped: SkippedList::default(),
        }
    }

    /// From now on what PostgreSQL refuses is set aside.
    pub fn set_aside(&mut self, aside: Aside) {
        if let Some(crew) = &mut self.crew {
            crew.set_aside(aside);
        }
    }

    /// How many errors this call has skipped.
    pub(super) fn errors(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.ledger().tally.errors())
    }

    /// Whether a slab, or statements, may go into the transaction that is being filled.
    pub(super) fn takes(&self, slab: Option<(&Slab<'_>, &Rendered)>) -> bool {
        match (&self.pending, slab) {
            (Pending::Nothing, _) => true,
            (Pending::Rows(pending), Some((slab, rendered))) => {
                rendered.as_sql == 0 && *pending.rows.settings() == *slab.block.plan.settings
            }
            (Pending::Rows(_) | Pending::Statements(..), _) => false,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match &self.pending {
            Pending::Nothing => false,
            Pending::Statements(..) => true,
            Pending::Rows(pending) => pending.sealed || pending.rows.bytes() >= batch_bytes(self.target.jobs),
        }
    }

    /// Statements that one of the dump's became, numbered from `first`. They are UTF-8, whatever the dump's encoding is.
    pub(super) fn push_statements(
        &mut self,
        first: u64,
        rendered: &Rendered,
        slab: Option<&Slab<'_>>,
    ) -> Result<(), Error> {
        let rows = || slab.map(|slab| slab.place.clone());
        let text = |index| String::from_utf8(rendered.member(index).to_vec()).map(|text| (text, rows()));
        let texts: Result<Vec<_>, _> = (0..rendered.members.len()).map(text).collect();
        // Without the error, which has the bytes.
        let texts =
            texts.map_err(|_| Error::Internal("a statement for the database is not UTF-8".to_owned()))?;
        if !self.is_done(first, &rendered.bytes)? {
            self.pending = Pending::Statements(first, texts);
        }
        Ok(())
    }

    /// A slab's rows, whose number is `number`.
    pub(super) fn push_rows(
        &mut self,
        number: u64,
        rendered: &Rendered,
        slab: &Slab<'_>,
    ) -> Result<(), Error> {
        if rendered.as_sql > 0 {
            return self.push_statements(number, rendered, Some(slab));
        }
        if self.is_done(number, &rendered.bytes)? {
            if let Pending::Rows(pending) = &mut self.pending {
                pending.sealed = true;
            }
            return Ok(());
        }
        let into = self.into(slab.block);
        if !matches!(self.pending, Pending::Rows(_)) {
            self.pending = Pending::Rows(Box::new(PendingRows {
                rows: Rows::with_settings(Arc::clone(&slab.block.plan.settings)),
                slabs: Vec::new(),
                span: (number, number, 0),
                sealed: false,
                unique: Vec::new(),
            }));
        }
        if let Pending::Rows(pending) = &mut self.pending {
            pending.rows.push(&into, Bytes::copy_from_slice(&rendered.bytes), slab.place.rows);
            pending.slabs.push(slab.place.clone());
            pending.span.1 = number + 1;
            pending.span.2 = hash(pending.span.2, &rendered.bytes);
            let plan = &slab.block.plan;
            if plan.unique && pending.unique.last() != Some(&plan.table) {
                pending.unique.push(plan.table.clone());
            }
        }
        Ok(())
    }

    /// Whether an earlier call has done what has this number, with these bytes.
    fn is_done(&mut self, number: u64, bytes: &[u8]) -> Result<bool, Error> {
        let earlier = self.shared.as_ref().and_then(|shared| shared.ledger().earlier(number));
        let Some(span) = earlier else { return Ok(false) };
        if !self.passed.agrees(span, number, |before| hash(before, bytes)) {
            return Err(Error::Checkpoint(
                "an earlier call has loaded rows beyond its checkpoint, and the dump has others there by now: fill an empty database"
                    .to_owned(),
            ));
        }
        Ok(true)
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

    /// Gives the crew what was pushed, with the checkpoint after it.
    pub(super) async fn flush(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let stop = self.stop.clone();
        within(&stop, self.given(checkpoint)).await
    }

    async fn given(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let (Some(crew), Some(shared)) = (&mut self.crew, &self.shared) else { return Ok(()) };
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            // What only moves the point is found again by reading.
            Pending::Nothing if !checkpoint.complete => shared.ledger().pass(checkpoint),
            Pending::Nothing => self.statements((0, vec![(String::new(), None)]), checkpoint).await?,
            Pending::Statements(first, texts) => self.statements((first, texts), checkpoint).await?,
            Pending::Rows(pending) => {
                let PendingRows { rows, slabs, span, unique, .. } = *pending;
                if self.doing != Doing::Rows {
                    crew.settle().await?;
                    self.doing = Doing::Rows;
                }
                let id = shared.ledger().add(Some(span), checkpoint);
                crew.give(id, Job::rows(rows, slabs, unique)).await?;
            }
        }
        Ok(())
    }

    /// Each statement by itself, as psql runs them.
    async fn statements(
        &mut self,
        (first, texts): (u64, Vec<Text>),
        checkpoint: Checkpoint,
    ) -> Result<(), Error> {
        let (Some(crew), Some(shared)) = (&mut self.crew, &self.shared) else { return Ok(()) };
        let (end, places) = ((checkpoint.scan.offset, checkpoint.scan.line), self.target.places);
        let (done, count) = (std::mem::take(&mut self.done), texts.len());
        let beside = texts.first().filter(|_| count == 1).and_then(|(text, _)| statement::beside(text));
        let doing = match &beside {
            Some(Beside::Index(_)) => Doing::Indexes,
            Some(Beside::ForeignKey(_)) => Doing::ForeignKeys,
            None => Doing::Rows,
        };
        if beside.is_none() || self.doing != doing {
            crew.settle().await?;
        }
        self.doing = doing;
        let tables = beside.map_or_else(Vec::new, Beside::tables);
        let mut last = Some(checkpoint);
        for (index, (text, rows)) in texts.into_iter().enumerate().skip(done) {
            let span = (first, first + 1, hash(0, text.as_bytes()));
            let job = Job::statement(Statement { text, index, end, rows, places }, tables.clone());
            let job = Job { in_any_order: doing == Doing::ForeignKeys, ..job };
            match last.take_if(|_| index + 1 == count) {
                None => crew.alone(&job, After::Statements(index + 1)).await?,
                Some(checkpoint) => {
                    let id = shared.ledger().add(Some(span).filter(|_| !tables.is_empty()), checkpoint);
                    match tables.is_empty() {
                        true => crew.alone(&job, After::Entry(id)).await?,
                        false => crew.give(id, job).await?,
                    }
                }
            }
        }
        Ok(())
    }

    /// The next checkpoint before which everything is done. Cancel safe.
    pub(super) async fn durable(&mut self) -> Result<Option<Checkpoint>, Error> {
        let (Some(crew), Some(shared)) = (&mut self.crew, &self.shared) else { return Ok(None) };
        loop {
            let durable = shared.ledger().durable();
            if durable.is_some() || !crew.is_at_work() {
                return Ok(durable);
            }
            crew.landed().await?;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.shared.as_ref().is_none_or(|shared| shared.ledger().is_idle())
    }

    /// Looks after what was refused beside others.
    pub(super) async fn tend(&mut self) -> Result<(), Error> {
        match &mut self.crew {
            Some(crew) => within(&self.stop, crew.tend()).await,
            None => Ok(()),
        }
    }

    /// Waits until everything that was given is done.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        match &mut self.crew {
            Some(crew) => within(&self.stop, crew.settle()).await,
            None => Ok(()),
        }
    }

    /// Collects statistics if asked for, and closes the run.
    pub(super) async fn finish(&mut self, last: &Checkpoint) -> Result<(), Error> {
        if let Some(crew) = &mut self.crew {
            crew.settle().await?;
            if self.target.analyze {
                let end = (last.scan.offset, last.scan.line);
                let places = self.target.places;
                let analyze = Statement { text: "ANALYZE".to_owned(), index: 0, end, rows: None, places };
                crew.alone(&Job::statement(analyze, Vec::new()), After::Statements(0)).await?;
            }
            crew.finish().await?;
        }
        (self.crew, self.shared) = (None, None);
        self.skipped = self.list().await?;
        if self.target.forget {
            self.removed().await?;
        }
        Ok(())
    }

    /// What was left out, once the run is done.
    #[must_use]
    pub fn skipped(&self) -> &SkippedList {
        &self.skipped
    }

    /// Removes the record of a run that has done nothing.
    pub(super) async fn forget(&mut self) {
        (self.crew, self.shared) = (None, None);
        if let Err(error) = self.removed().await {
            tracing::warn!(error = %crate::base::error::chain(&error), "the run has done nothing, but its record stays in the database, in the schema kasho_bootstrap");
        }
    }

    async fn list(&mut self) -> Result<SkippedList, Error> {
        loop {
            let listed = match Replica::connect(self.target.connect.clone()).await {
                Ok(replica) => replica.skipped(&self.target.run, SHOWN).await,
                Err(error) => Err(error),
            };
            match listed {
                Ok(list) => return Ok(list),
                Err(error) => self.retries.failed(error, "read what was skipped").await?,
            }
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

/// How many bytes a transaction of rows has, with so many sessions.
fn batch_bytes(jobs: usize) -> usize {
    (ROWS_BYTES / (jobs + 1)).max(BATCH_BYTES)
}

/// The hash of bytes behind others.
fn hash(before: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(before, bytes)
}

/// Does it, but not for long after a signal.
async fn within<T>(stop: &Stop, doing: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::pin!(doing);
    tokio::select! {
        biased;
        result = &mut doing => result,
        signal = stop.wait() => match tokio::time::timeout(AFTER_SIGNAL, doing).await {
            Ok(result) => result,
            // The record tells the next call whether it is there.
            Err(_) => Err(Error::Stopped(signal)),
        },
    }
}
