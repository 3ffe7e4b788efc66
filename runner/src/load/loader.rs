//! The writer's loop: takes items, sends batches, and records what is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dump::Place;
use kvbuffer::{Position, Sequence};
use tokio::sync::mpsc;

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::{Checkpoint, VERSION};
use crate::load::config::Manner;
use crate::load::mirror::Mirror;
use crate::load::progress::Progress;
use crate::load::reject::{self, SharedRejects};
use crate::load::sink::Sink;
use crate::load::sink::places::Places;
use crate::load::sink::replica::{Slab, SlabPlace};
use crate::read::item::{Converted, Item, Mark, Reject, converted};
use crate::read::pipeline::Pipeline;
use convert::form::RowForm;
use convert::render::Block;
use convert::render::members::Rendered;
use transform::RowPolicy;

use pace::Pace;
use point::{Extent, Passed, after_member, after_slab};

mod end;
mod pace;
mod point;

/// A batch is sent when it has this many bytes, however few changes these are.
const BATCH_BYTES: usize = 1 << 20;
/// A batch that is not full is sent when nothing has come for this long.
const LINGER: Duration = Duration::from_millis(200);
/// After so many rows it is told if packs would be better for them: where a row takes no more than so many bytes of the dump,
/// there are hundreds in a pack.
const PACKED_AFTER: u64 = 100_000;
const PACKED_BELOW: u64 = 2000;
/// While nothing comes, the state of Redis is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// The position of the change before `next`, if there is one from `first` on.
fn lsn_before(first: Sequence, next: Sequence) -> Option<String> {
    let last = next.checked_sub(1).filter(|last| *last >= first)?;
    Some(Position::Bootstrap(last).to_string())
}

/// The parts that all checkpoints of a run share.
#[derive(Debug)]
struct Common {
    first: Sequence,
    source_name: String,
    config: BTreeMap<String, String>,
}

/// Moves items into a sink.
pub(crate) struct Loader<'a> {
    common: Common,
    batch_size: usize,
    max_errors: u64,
    places: Places,
    rejects: Option<SharedRejects>,
    progress: &'a Arc<Progress>,
    stop: &'a Stop,
    mirror: Mirror,
    /// How many rows were set aside up to the mark, and the reject file's length there.
    rejected: u64,
    reject_bytes: u64,
    /// How many numbers up to the mark have no change.
    holes: u64,
    /// How many pieces of the first row are written already.
    pieces: u64,
    /// Changes and bytes in the batch, and the point after them.
    members: usize,
    bytes: usize,
    mark: Option<Box<Mark>>,
    /// The current table, and how many of its rows were not reported to progress yet.
    table: Option<Arc<str>>,
    /// The tables with rows in pieces for which a warning was logged.
    told: BTreeSet<Arc<str>>,
    /// Rows go to Redis one by one, and nothing was said about it.
    may_suggest: bool,
    /// The last checkpoint that is durable.
    last: Option<Arc<Checkpoint>>,
    pace: Pace,
}

/// What the parts of a slab have in common.
struct OfSlab<'a> {
    /// Its first number.
    first: Sequence,
    extent: Extent,
    block: &'a Arc<Block>,
    /// The point before it.
    before: &'a Mark,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(
        manner: Manner,
        first: Sequence,
        checkpoint: Option<&Checkpoint>,
        rejects: Option<SharedRejects>,
        progress: &'a Arc<Progress>,
        stop: &'a Stop,
    ) -> Self {
        Self {
            common: Common { first, source_name: manner.source_name, config: manner.parts },
            batch_size: manner.batch_size,
            max_errors: manner.max_errors,
            places: manner.places,
            rejects,
            progress,
            stop,
            mirror: Mirror::new(manner.mirror),
            rejected: checkpoint.map_or(0, |checkpoint| checkpoint.rejected),
            reject_bytes: checkpoint.map_or(0, |checkpoint| checkpoint.reject_bytes),
            holes: checkpoint.map_or(0, |checkpoint| checkpoint.holes),
            pieces: checkpoint.map_or(0, |checkpoint| checkpoint.pieces),
            members: 0,
            bytes: 0,
            mark: None,
            table: None,
            told: BTreeSet::new(),
            may_suggest: manner.suggests_packs,
            last: None,
            pace: Pace::new(manner.max_rate),
        }
    }

    /// Runs until the end of the dump, an error, or a signal; then waits for all batches in flight.
    pub(crate) async fn run(
        &mut self,
        mut pipeline: Pipeline,
        sink: &mut Sink,
    ) -> (Result<(), Error>, Pipeline) {
        let ended = self.feed(&mut pipeline, sink).await;
        pipeline.stop();
        let result = match ended {
            Ok(end) => self.finish(end, sink).await,
            Err(error) => {
                self.wind_down(&error, sink).await;
                Err(error)
            }
        };
        (result, pipeline)
    }

    /// Takes items until the end of the dump.
    async fn feed(&mut self, pipeline: &mut Pipeline, sink: &mut Sink) -> Result<Box<Mark>, Error> {
        loop {
            let waits = !sink.is_idle();
            tokio::select! {
                biased;
                signal = self.stop.wait() => return Err(Error::Stopped(signal)),
                item = pipeline.items.recv() => match item {
                    Some(Item::End { after }) => return Ok(after),
                    Some(item) => self.item(item, pipeline, sink).await?,
                    None => return Err(Error::Internal("the thread that reads the dump ended without a result".to_owned())),
                },
                durable = sink.durable(), if waits => self.durable(durable?).await?,
                () = tokio::time::sleep(LINGER), if self.mark.is_some() => self.flush(sink).await?,
                () = tokio::time::sleep(LOOK) => sink.look().await?,
            }
            sink.tend().await?;
            // Acknowledgements that have already arrived cost nothing to take.
            self.take_durable(sink).await?;
        }
    }

    async fn item(&mut self, item: Item, pipeline: &Pipeline, sink: &mut Sink) -> Result<(), Error> {
        match item {
            Item::Sql { members, first, after } => {
                let count = members.members.len();
                let bytes = members.bytes.len();
                if !sink.takes(&members, None) {
                    self.flush(sink).await?;
                }
                sink.push(first, &members, 0..count, None)?;
                self.count(count, bytes, after);
                self.flush_full(sink).await
            }
            Item::Rows { mut rows, count, numbers, first, table, block, before, share } => {
                let extent = Extent { rows: count, numbers };
                let of = OfSlab { first, extent, block: &block, before: &before };
                let mut passed = Passed { numbers: std::mem::take(&mut self.pieces), ..Passed::default() };
                loop {
                    let converted = self.converted(&mut rows, sink).await?;
                    self.table = Some(Arc::clone(&table));
                    if block.transformed.is_none() {
                        self.tell_of_untransformed(&table, &converted.rendered, block.plan.form);
                    }
                    self.rows(&converted, &of, &mut passed, sink).await?;
                    pipeline.recycle(converted.rendered);
                    if converted.last {
                        break;
                    }
                }
                drop(share);
                Ok(())
            }
            Item::LeftOut { after } => {
                self.mark = Some(after);
                Ok(())
            }
            Item::TableEnd { after } => {
                self.table = None;
                self.mark = Some(after);
                Ok(())
            }
            Item::Failed(error) => Err(*error),
            Item::End { .. } => Ok(()),
        }
    }

    /// Waits for a slab's rows. If that takes long, what came before them is sent meanwhile.
    async fn converted(
        &mut self,
        rows: &mut mpsc::Receiver<Converted>,
        sink: &mut Sink,
    ) -> Result<Converted, Error> {
        loop {
            match tokio::time::timeout(LINGER, converted(rows, self.stop)).await {
                Ok(converted) => return converted,
                Err(_) => {
                    self.flush(sink).await?;
                    self.take_durable(sink).await?;
                    sink.look().await?;
                }
            }
        }
    }

    /// Logs, once for each table, that a value bypasses the consumer's transforms. Nothing else would tell the user.
    fn tell_of_untransformed(&mut self, table: &Arc<str>, rendered: &Rendered, form: RowForm) {
        let in_pieces = rendered.members.iter().any(|member| member.pieces > 0);
        // For packed rows this was logged at the beginning.
        let as_sql = rendered.as_sql > 0 && form == RowForm::Single;
        if (in_pieces || as_sql) && self.told.insert(Arc::clone(table)) {
            let why = if in_pieces {
                "a row is larger than a change may be and is sent in pieces"
            } else {
                "a row is sent as SQL, because only the server can read its values"
            };
            tracing::warn!(
                %table,
                "{why}: the translicator's own transforms do not apply to it, so it reaches the replica unchanged"
            );
        }
    }

    /// Puts a slab's changes, or a part of them, into batches. The checkpoint of a batch is the point after its last row, or
    /// piece of one.
    async fn rows(
        &mut self,
        converted: &Converted,
        of: &OfSlab<'_>,
        passed: &mut Passed,
        sink: &mut Sink,
    ) -> Result<(), Error> {
        let Converted { rendered, rejects, last: is_last, .. } = converted;
        let OfSlab { first, extent, block, before } = *of;
        passed.rejects = 0;
        let lengths = self.set_aside(rejects, before, sink).await?;
        let stop_at = self.first_fatal(rejects, sink.errors());
        let mut from = rendered.members.partition_point(|member| u64::from(member.number) < passed.numbers);
        // A pack that contains the row at which the run ends is not sent: a pack is written whole or not at all.
        let limit =
            stop_at.map_or(rendered.members.len(), |row| rendered.members.partition_point(|m| m.row < row));
        let slab =
            Slab { block, place: SlabPlace::new(block, &before.scan, extent.rows, rejects, self.places) };
        if from < limit && !sink.takes(rendered, Some(&slab)) {
            self.flush(sink).await?;
        }
        while from < limit {
            let to = self.fill(rendered, from, limit);
            sink.push(first, rendered, from..to, Some(&slab))?;
            let last = rendered.members[to - 1];
            let start = from.checked_sub(1).map_or(0, |index| rendered.members[index].end);
            let (until, mark) = if to == rendered.members.len() && stop_at.is_none() && *is_last {
                (extent, after_slab(before, extent, rendered, rejects))
            } else {
                (Extent::up_to(&last), after_member(before, &last))
            };
            self.pass(passed, until, to - from, rejects, &lengths);
            self.count(to - from, (last.end - start) as usize, mark);
            from = to;
            self.flush_full(sink).await?;
        }
        if rendered.members.is_empty() && stop_at.is_none() && *is_last {
            self.pass(passed, extent, 0, rejects, &lengths);
            self.mark = Some(after_slab(before, extent, rendered, rejects));
        }
        match stop_at.and_then(|row| rejects.iter().find(|reject| reject.row == row)) {
            Some(reject) => Err(self.fault(reject, before)),
            None => Ok(()),
        }
    }

    /// Counts the slab up to `until`, of which `members` were pushed: its rows, its holes, and the rows that were set
    /// aside.
    fn pass(
        &mut self,
        passed: &mut Passed,
        until: Extent,
        members: usize,
        rejects: &[Reject],
        lengths: &[u64],
    ) {
        self.holes += until.numbers - passed.numbers - members as u64;
        let earlier = passed.rejects;
        while passed.rejects < rejects.len() && u64::from(rejects[passed.rejects].row) < until.rows {
            self.reject(lengths.get(passed.rejects));
            passed.rejects += 1;
        }
        let loaded = until.rows - passed.rows - (passed.rejects - earlier) as u64;
        if members > 0 {
            let table = self.table.as_deref().unwrap_or("");
            self.progress.loaded(table, loaded);
        }
        (passed.rows, passed.numbers) = (until.rows, until.numbers);
    }

    /// Writes the slab's bad rows to the reject file, before any checkpoint that is after them.
    async fn set_aside(
        &mut self,
        rejects: &[Reject],
        before: &Mark,
        sink: &mut Sink,
    ) -> Result<Vec<u64>, Error> {
        if rejects.is_empty() {
            return Ok(Vec::new());
        }
        let table = self.table.clone().unwrap_or_else(|| Arc::from(""));
        if self.rejects.is_none() {
            let skipped = rejects.iter().filter(|reject| reject.policy() == RowPolicy::Skip).count();
            if skipped > 0 {
                tracing::warn!(table = %table, rows = skipped, "leaving rows out, because of on_error: skip");
            }
            return Ok(Vec::new());
        }
        self.flush(sink).await?;
        // What is before these rows may have its own in the file.
        sink.settle().await?;
        let Some(file) = &self.rejects else { return Ok(Vec::new()) };
        let place = Place { offset: before.scan.offset, line: before.scan.line };
        let first_row = before.scan.block.as_ref().map_or(0, |block| block.rows);
        tracing::warn!(table = %table, rows = rejects.len(), first = %rejects[0].reason, "setting rows aside");
        file.lock().await.append(&table, place, first_row, rejects).await
    }

    /// The row at which the run ends, if there is one: the first bad row, or the first one beyond the limit. The sink has
    /// skipped errors as well.
    fn first_fatal(&self, rejects: &[Reject], errors: u64) -> Option<u32> {
        let left = self.max_errors.saturating_sub(self.rejected + errors);
        let allowed = match self.rejects {
            Some(_) => usize::try_from(left).unwrap_or(usize::MAX),
            None => 0,
        };
        reject::first_fatal(rejects, allowed).map(|reject| reject.row)
    }

    fn fault(&self, reject: &Reject, before: &Mark) -> Error {
        if self.rejects.is_some() && reject.policy() != RowPolicy::Fail {
            let rejected = self.rejected.max(self.max_errors) + 1;
            return Error::TooManyRejected { rejected, allowed: self.max_errors };
        }
        let table = self.table.as_deref().unwrap_or("");
        reject::row_error(&self.common.source_name, table, reject, before)
    }

    fn reject(&mut self, length: Option<&u64>) {
        self.rejected += 1;
        if let Some(length) = length {
            self.reject_bytes = *length;
        }
    }

    /// How far the batch reaches into the slab.
    fn fill(&self, rendered: &Rendered, from: usize, limit: usize) -> usize {
        let most = limit.min(from + self.batch_size.saturating_sub(self.members).max(1));
        let start = from.checked_sub(1).map_or(0, |index| rendered.members[index].end as usize);
        let room = start + BATCH_BYTES.saturating_sub(self.bytes);
        let fits = rendered.members[from..most].partition_point(|member| member.end as usize <= room);
        from + fits.max(1)
    }

    fn count(&mut self, members: usize, bytes: usize, mark: Box<Mark>) {
        self.members += members;
        self.bytes += bytes;
        self.mark = Some(mark);
    }

    async fn flush_full(&mut self, sink: &mut Sink) -> Result<(), Error> {
        if sink.is_full((self.members, self.bytes), (self.batch_size, BATCH_BYTES)) {
            self.flush(sink).await
        } else {
            Ok(())
        }
    }

    async fn flush(&mut self, sink: &mut Sink) -> Result<(), Error> {
        let Some(mark) = &self.mark else { return Ok(()) };
        sink.flush(self.checkpoint(mark, false)).await?;
        self.mark = None;
        self.pace.sent(std::mem::take(&mut self.members), std::mem::take(&mut self.bytes));
        if let Some(early) = self.pace.early() {
            self.stop.sleep(early).await?;
        }
        // With a rate limit a slab can take long, and progress must not stand still meanwhile.
        if self.pace.is_limited() { self.take_durable(sink).await } else { Ok(()) }
    }

    fn checkpoint(&self, mark: &Mark, complete: bool) -> Checkpoint {
        let mut plan = (*mark.plan).clone();
        plan.set_rows(mark.rows);
        Checkpoint {
            version: VERSION,
            complete,
            lsn: lsn_before(self.common.first, mark.next),
            first: self.common.first,
            next: mark.next,
            table: self.table.as_deref().map(str::to_owned),
            rejected: self.rejected,
            reject_bytes: self.reject_bytes,
            holes: self.holes,
            pieces: mark.pieces,
            output_bytes: None,
            source_name: self.common.source_name.clone(),
            source: mark.identity.clone(),
            config: self.common.config.clone(),
            scan: mark.scan.clone(),
            plan,
            read: mark.raw,
            entry: mark.entry.clone(),
        }
    }

    async fn take_durable(&mut self, sink: &mut Sink) -> Result<(), Error> {
        use futures_util::FutureExt as _;
        while !sink.is_idle() {
            match sink.durable().now_or_never() {
                Some(durable) => self.durable(durable?).await?,
                None => break,
            }
        }
        Ok(())
    }

    async fn durable(&mut self, checkpoint: Option<Checkpoint>) -> Result<(), Error> {
        let Some(checkpoint) = checkpoint else { return Ok(()) };
        let raw = checkpoint.read.unwrap_or(checkpoint.scan.offset);
        let checkpoint = Arc::new(checkpoint);
        self.progress.durable(&checkpoint, raw);
        self.suggest_packs(&checkpoint);
        self.mirror.write(&checkpoint, false).await?;
        self.last = Some(checkpoint);
        Ok(())
    }

    /// Tells once, of a dump with many small rows, that there is a form in which they arrive much sooner.
    fn suggest_packs(&mut self, checkpoint: &Checkpoint) {
        let rows = checkpoint.plan.counters().rows;
        if self.may_suggest && rows >= PACKED_AFTER {
            self.may_suggest = false;
            if checkpoint.scan.offset / rows < PACKED_BELOW {
                tracing::info!(
                    "the translicator applies some thousand single rows a second, and ten times as many or more with --rows packed, to which its own transforms do not apply"
                );
            }
        }
    }
}
