//! The threads between the dump and the writer. This is the only place that starts such threads.
//!
//! ```text
//! scan thread: source ─▶ scanner ─▶ planner ─┬─▶ jobs ─▶ N workers ─▶ each slab's own channel ─┐
//!                                            └─▶ items, in the dump's order ───────────────────┴─▶ the writer
//! ```
//!
//! # Guarantees
//!
//! - Items arrive in the dump's order, whatever the number of workers. Their contents depend only on the dump and the
//!   configuration.
//! - The data between the stages is limited in bytes by one [`Budget`].
//! - An error is an item too: everything before it arrives first.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dump::{BlockPoint, Event, Slab};
use kvbuffer::Sequence;
use tokio::sync::mpsc;

use super::item::{Converted, Item, Mark, Measured, Reject};
use super::task::Task;
use super::walk::Walk;
use crate::base::budget::{Budget, Share};
use crate::base::error::Error;
use crate::base::off_thread::off_thread;
use crate::base::spares::Spares;
use crate::base::stop::Stop;
use convert::form::RowForm;
use convert::planner::{PlanPoint, Work};
use convert::render::Block;
use convert::render::lines::Numbers;
use convert::render::members::Rendered;

/// Bytes between the scanner and the writer: slabs, before and after conversion. With the batches in flight this is
/// most of the process's memory.
const UNDER_WAY: usize = 20 << 20;
/// Bytes between a thread that makes items of something else and the writer: nothing there takes its time as conversions do.
const MADE: usize = 3 << 20;
/// So few items: statements, which the budget does not count, have up to 4 MiB.
const FEW: usize = 8;
/// Items between the scanner and the writer. Their bytes are limited by [`UNDER_WAY`].
const ITEMS: usize = 512;
/// How long to wait for the threads after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// Larger buffers are not kept.
const KEPT: usize = 1 << 20;
/// Smaller ones are not worth it. A slab that needs less never holds a large one, so what the budget counts is what is held.
const SMALL: usize = 1 << 16;

/// Where a thread puts its items.
pub struct Giving {
    give: mpsc::Sender<Item>,
    used: Spares<Rendered>,
    budget: Budget,
}

/// Nobody wants more items.
pub struct Unwanted;

impl Giving {
    /// Puts an item behind the others.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub fn item(&self, item: Item) -> Result<(), Unwanted> {
        self.give.blocking_send(item).map_err(|_| Unwanted)
    }

    /// An empty buffer, which may have been used before.
    #[must_use]
    pub fn buffer(&self) -> Vec<u8> {
        self.used.get().unwrap_or_default().bytes
    }

    /// Waits until there is room for so many bytes.
    ///
    /// # Errors
    /// [`Unwanted`].
    pub fn room(&self, bytes: usize) -> Result<Share, Unwanted> {
        self.budget.take(bytes).ok_or(Unwanted)
    }
}

struct Job {
    slab: Slab,
    block: Arc<Block>,
    first: Sequence,
    numbers: Numbers,
    reply: mpsc::Sender<Converted>,
}

/// A running pipeline.
pub struct Pipeline {
    /// Its items, in order.
    pub items: mpsc::Receiver<Item>,
    used: Spares<Rendered>,
    stop: Arc<AtomicBool>,
    budget: Budget,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system cannot start threads.
    pub fn start(task: Task) -> Result<Self, Error> {
        Self::threads(task).map_err(|error| Error::Internal(format!("start threads: {error}")))
    }

    fn threads(task: Task) -> io::Result<Self> {
        let (give, items) = mpsc::channel(ITEMS);
        let (jobs, work) = blocking::channel();
        let work = Arc::new(Mutex::new(work));
        let (used, slabs) = (Spares::default(), Spares::default());
        let budget = Budget::new(UNDER_WAY);
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for index in 0..task.workers.max(1) {
            let (work, used, slabs) = (Arc::clone(&work), used.clone(), slabs.clone());
            let measured = task.measured;
            let body = move || convert(&work, &used, &slabs, measured);
            threads.push(thread::Builder::new().name(format!("convert-{index}")).spawn(body)?);
        }
        let reader =
            ScanThread { give, jobs, slabs, budget: budget.clone(), stop: Arc::clone(&stop), plan: None };
        // PostgreSQL's parser recurses.
        let builder = thread::Builder::new().name("scan".to_owned()).stack_size(16 << 20);
        threads.push(builder.spawn(move || reader.run(&task))?);
        Ok(Self { items, used, stop, budget, threads })
    }

    /// Starts one thread, which makes items of something other than a dump.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system cannot start it.
    pub fn of(name: &str, make: impl FnOnce(Giving) + Send + 'static) -> Result<Self, Error> {
        let (give, items) = mpsc::channel(FEW);
        let (budget, used, stop) = (Budget::new(MADE), Spares::default(), Arc::default());
        let giving = Giving { give, used: used.clone(), budget: budget.clone() };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || make(giving));
        let thread = thread.map_err(|error| Error::Internal(format!("start a thread: {error}")))?;
        Ok(Self { items, used, stop, budget, threads: vec![thread] })
    }

    /// Takes a buffer back for reuse.
    pub fn recycle(&self, mut rendered: Rendered) {
        if (SMALL..=KEPT).contains(&rendered.bytes.capacity()) {
            rendered.bytes.clear();
            rendered.members.clear();
            rendered.faults.clear();
            rendered.as_sql = 0;
            self.used.put(rendered);
        }
    }

    /// Ends the reading. Items that were already read still arrive.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Ends all threads and waits for them. Not after a signal, and not for long after a failure: the scan thread may be
    /// blocked in a read, and then the process ends anyway.
    ///
    /// # Errors
    /// [`Error::Internal`] if one of them panicked.
    pub async fn end<T>(self, stop: &Stop, result: &Result<T, Error>) -> Result<(), Error> {
        if stop.requested().is_some() {
            self.stop();
            return Ok(());
        }
        let joined = off_thread(|| self.join());
        match result {
            Ok(_) => joined.await,
            Err(_) => tokio::time::timeout(AFTER_FAILURE, joined).await.unwrap_or(Ok(())),
        }
    }

    fn join(mut self) -> Result<(), Error> {
        self.stop();
        self.budget.close();
        self.items.close();
        // With an item goes its receiver: a worker may wait to give away a part of a row.
        while self.items.try_recv().is_ok() {}
        let mut panicked = None;
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or("thread").to_owned();
            if thread.join().is_err() {
                panicked = Some(name);
            }
        }
        panicked.map_or(Ok(()), |name| Err(Error::Internal(format!("thread {name} panicked"))))
    }
}

fn convert(
    work: &Mutex<blocking::Receiver<Job>>,
    used: &Spares<Rendered>,
    slabs: &Spares<Vec<u8>>,
    measured: Option<RowForm>,
) {
    let mut copy = Vec::new();
    let mut measure = measured.map(Measure::new);
    loop {
        let job = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { slab, block, first, numbers, reply }) = job else { return };
        let estimate = block.estimate(slab.rows, slab.bytes().len());
        let kept = if estimate < SMALL { None } else { used.get() };
        let mut rendered = kept.unwrap_or_default();
        // A row in pieces is given away in parts.
        rendered.bytes.reserve(if numbers.last > 1 { KEPT } else { estimate });
        let parts = reply.clone();
        let mut give = |part: &mut Rendered| {
            // The writer may be gone; then the rest is not needed either.
            let _ = parts.blocking_send(finished(std::mem::take(part), &slab, false));
        };
        block.render(&slab, numbers, first, &mut copy, &mut rendered, &mut give);
        let mut converted = finished(rendered, &slab, true);
        if let Some(measure) = &mut measure {
            converted.measured = measure.slab(&slab, &block, &mut copy);
        }
        if copy.capacity() > KEPT {
            copy = Vec::new();
        }
        slabs.put(slab.into_buffer());
        let _ = reply.blocking_send(converted);
    }
}

fn finished(mut rendered: Rendered, slab: &Slab, last: bool) -> Converted {
    let rejects = rendered.faults.drain(..).map(|fault| Reject {
        row: fault.row,
        start: fault.start as u64,
        lines: u64::from(fault.lines),
        column: fault.column,
        reason: fault.reason,
        bytes: slab.bytes()[fault.start..fault.end].to_vec(),
    });
    Converted { rejects: rejects.collect(), rendered, last, measured: Measured::default() }
}

/// Makes the rows in another form, only to see how large they are.
struct Measure {
    form: RowForm,
    /// The last block, and the same in that form.
    block: Option<(Arc<Block>, Block)>,
}

impl Measure {
    fn new(form: RowForm) -> Self {
        Self { form, block: None }
    }

    fn slab(&mut self, slab: &Slab, block: &Arc<Block>, copy: &mut Vec<u8>) -> Measured {
        let kept = self.block.take().filter(|(known, _)| Arc::ptr_eq(known, block));
        let (_, other) =
            self.block.insert(kept.unwrap_or_else(|| (Arc::clone(block), block.in_form(self.form))));
        let (mut measured, mut rendered) = (Measured::default(), Rendered::default());
        other.render(slab, other.numbers(slab), Sequence::FIRST, copy, &mut rendered, &mut |part| {
            measured.add(&std::mem::take(part));
        });
        measured.add(&rendered);
        measured
    }
}

/// Why the scan thread ends.
enum Ended {
    /// Everything was read.
    Done,
    /// The writer is gone, or has stopped the reading.
    Unwanted,
    /// An error.
    Failed(Box<Error>),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<convert::error::Error> for Ended {
    fn from(error: convert::error::Error) -> Self {
        Error::from(error).into()
    }
}

struct ScanThread {
    give: mpsc::Sender<Item>,
    jobs: blocking::Sender<Job>,
    slabs: Spares<Vec<u8>>,
    budget: Budget,
    stop: Arc<AtomicBool>,
    /// The planner's state in the last items; it is made again when it changes.
    plan: Option<Arc<PlanPoint>>,
}

impl ScanThread {
    fn run(mut self, task: &Task) {
        if let Ended::Failed(error) = self.read(task).err().unwrap_or(Ended::Done) {
            let _ = self.give.blocking_send(Item::Failed(error));
        }
    }

    fn read(&mut self, task: &Task) -> Result<(), Ended> {
        let name = task.location.name();
        let mut walk = Walk::begin(task, &name)?;
        let raw = walk.source.raw_bytes();
        while let Some(event) = walk.event(&self.slabs, &self.stop)? {
            let end = matches!(event, Event::End);
            let rows_only = matches!(event, Event::Rows(_));
            let work = walk.plan(event)?;
            if !rows_only {
                self.plan = None;
            }
            if let Some((work, first)) = work {
                self.dispatch(work, first, &mut walk, &raw)?;
            }
            if end {
                for (option, pattern) in walk.planner.unmatched() {
                    tracing::warn!("{option} {pattern}: nothing in {name} matches it");
                }
                let after = Box::new(self.mark(&mut walk, &raw));
                self.send(Item::End { after })?;
                return Ok(());
            }
        }
        Err(Ended::Unwanted)
    }

    fn dispatch(
        &mut self,
        work: Work,
        first: Sequence,
        walk: &mut Walk,
        raw: &AtomicU64,
    ) -> Result<(), Ended> {
        let after = self.mark(walk, raw);
        let item = match work {
            Work::Sql(texts) => Item::Sql { members: walk.sql(&texts, first), first, after: Box::new(after) },
            Work::Rows { block, slab, numbers } => {
                let raw_bytes = slab.bytes().len();
                let bytes = raw_bytes + block.estimate(slab.rows, raw_bytes);
                let share = self.budget.take(bytes).ok_or(Ended::Unwanted)?;
                let (reply, rows) = mpsc::channel(1);
                let (count, table) = (slab.rows, Arc::from(block.plan.table.as_str()));
                let before = Box::new(before(after, &slab, first));
                let job = Job { slab, block: Arc::clone(&block), first, numbers, reply };
                self.jobs.send(job).map_err(|_| Ended::Unwanted)?;
                Item::Rows { rows, count, numbers: numbers.all, first, table, block, before, share }
            }
            Work::LeftOut(slab) => {
                self.slabs.put(slab.into_buffer());
                Item::LeftOut { after: Box::new(after) }
            }
            Work::TableEnd => Item::TableEnd { after: Box::new(after) },
        };
        self.send(item)
    }

    fn send(&self, item: Item) -> Result<(), Ended> {
        self.give.blocking_send(item).map_err(|_| Ended::Unwanted)
    }

    fn mark(&mut self, walk: &mut Walk, raw: &AtomicU64) -> Mark {
        let scan = walk.scanner.point();
        let as_stored = walk.source.is_as_stored();
        let planner = &walk.planner;
        let plan = self.plan.get_or_insert_with(|| Arc::new(planner.point().clone()));
        Mark {
            identity: walk.source.identity_at(scan.offset),
            entry: walk.source.entry_start(scan.offset),
            plan: Arc::clone(plan),
            rows: planner.counters().rows,
            next: planner.next(),
            pieces: 0,
            raw: (!as_stored).then(|| raw.load(Ordering::Relaxed)),
            scan,
        }
    }
}

/// The point before a slab, computed from the one after it.
fn before(mut mark: Mark, slab: &Slab, first: Sequence) -> Mark {
    mark.scan.offset = slab.place.offset;
    mark.scan.line = slab.place.line;
    if let Some(BlockPoint { rows, .. }) = &mut mark.scan.block {
        *rows = slab.first_row;
    }
    mark.rows -= slab.rows;
    mark.next = first;
    mark
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use convert::shape::{DDL_TIME, Shape};
    use source::Location;

    use super::super::task::Start;
    use super::*;

    /// A worker that waits for somebody to take the next part of a row does not keep the pipeline from its end.
    #[test]
    fn it_ends_while_nobody_takes_the_parts_of_a_row() {
        let mut dump = tempfile::NamedTempFile::new().unwrap();
        let row = "x".repeat(40 << 20);
        write!(dump, "CREATE TABLE public.t (a text);\nCOPY public.t (a) FROM stdin;\n{row}\n\\.\n").unwrap();
        let shape = Shape {
            rows: RowForm::Single,
            ddl_time: DDL_TIME.to_owned(),
            no_owner: false,
            no_privileges: false,
            keep_kasho: false,
            selection: convert::selection::Selection::default(),
            transforms: None,
            skip_rows: false,
            silent_triggers: false,
        };
        let location = Location::parse(&dump.path().to_string_lossy(), &source::object::Access::default());
        let pipeline = Pipeline::start(Task {
            location: location.unwrap(),
            shape: Arc::new(shape),
            start: Start::Fresh,
            first: Sequence::FIRST,
            limit: None,
            workers: 1,
            measured: None,
        });
        let pipeline = pipeline.unwrap();
        while pipeline.items.len() < 2 {
            thread::yield_now();
        }
        let (ended, end) = blocking::channel();
        thread::spawn(move || ended.send(pipeline.join().is_ok()));
        assert_eq!(end.recv_timeout(Duration::from_secs(120)), Ok(true));
    }
}
