//! Fills a database from the changes that a load has left in Redis.
//!
//! ```text
//! the run's range, complete ─▶ pages ─▶ received: slabs, statements ─▶ Loader ─▶ ReplicaSink ─▶ PostgreSQL
//! ```
//!
//! What fills the database is what fills it from a dump: the same record, the same sessions, the same errors. Only where
//! things are is told by positions instead of lines.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::replica::{Replica, SkippedList};
use kvbuffer::{Buffer, ErrorKind, Ranges, Sequence};
use tokio::sync::{Mutex, mpsc};

use super::load::replica::{self, Filling};
use super::load::{Ending, Outcome};
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::Checkpoint;
use crate::load::config::{Apply, Manner, Rates};
use crate::load::loader::Loader;
use crate::load::progress::Progress;
use crate::load::reject::{Owner, RejectFile};
use crate::load::sink::Sink;
use crate::load::sink::places::Places;
use crate::load::sink::redis::complete;
use crate::load::sink::redis::way::Way;
use crate::load::sink::replica::{Aside, Point, Retries, SHOWN};
use crate::read::received::{self, Begin, Page, SLAB};

/// A page has no more entries, and about a MiB.
const PAGE: usize = 5000;
/// Pages on their way to the thread that reads them.
const PAGES: usize = 2;
/// The part of the configuration that has the position of the dump's snapshot.
const SNAPSHOT: &str = "--snapshot-lsn";
/// How often the set's time to live is renewed.
const TOUCH: Duration = Duration::from_secs(20);

/// The run in Redis, whose load is complete.
struct Loaded {
    buffer: Buffer,
    first: Sequence,
    /// The position of the dump's snapshot, if the load was told.
    snapshot: Option<String>,
    checkpoint: Checkpoint,
}

/// Fills the database, and hands it over where that is asked for.
///
/// # Errors
/// [`Error`]. Even then, everything that is done is in the database's record, and the next call goes on behind it.
pub async fn apply(config: &Apply, progress: &Arc<Progress>, stop: &Stop) -> Result<Outcome, Error> {
    let way = Way { target: &config.redis, progress, stop };
    let Some(hand_over) = &config.hand_over else {
        return fill(config, loaded(&way).await?, &way, progress).await;
    };
    // Once the run's changes have left Redis, the record alone tells of them.
    let done = done(config, progress, stop).await?;
    let (outcome, position) = match done {
        Some((done, skipped)) => {
            still_the_same(&way, &done).await?;
            progress.begin(Some(&done), done.read.unwrap_or(0), None);
            let outcome = Outcome { ending: Ending::AlreadyDone, first: done.first.get(), skipped };
            (outcome, snapshot(done.config.get(SNAPSHOT).cloned(), &config.redis.run)?)
        }
        None => {
            let loaded = loaded(&way).await?;
            let position = snapshot(loaded.snapshot.clone(), &config.redis.run)?;
            if hand_over.at(&position).stream.is_streaming(progress, stop).await? {
                return Err(Error::ChangeStreamState(format!(
                    "the change stream at {} streams this bootstrap already, and the database is not filled: live changes may have reached it; begin again with an empty database",
                    hand_over.stream.address
                )));
            }
            (fill(config, loaded, &way, progress).await?, position)
        }
    };
    if outcome.skipped.is_none() {
        hand_over.at(&position).take_place(&way, &config.replica, progress).await?;
    }
    Ok(outcome)
}

/// The position by which the bootstrap is known to be this run's.
fn snapshot(position: Option<String>, run: &str) -> Result<String, Error> {
    position.ok_or_else(|| {
        Error::ChangeStreamState(format!(
            "run {run:?} was loaded without --snapshot-lsn, so nobody knows whether the change stream's bootstrap is its own: load it with --snapshot-lsn and --start-bootstrap"
        ))
    })
}

/// What fills Redis under the run's name, if anything does, must be what has filled the database.
async fn still_the_same(way: &Way<'_>, done: &Checkpoint) -> Result<(), Error> {
    let (buffer, all) = complete::ranges(way).await?;
    if !all.iter().any(|range| range.run == way.target.run) {
        return Ok(());
    }
    let range = complete::range(&all, way.target, "apply")?;
    let (first, snapshot) = (range.first, range.snapshot_lsn.map(|lsn| lsn.to_string()));
    match checkpoint(way, &mut buffer.clone()).await? {
        Some(now) => done.check(Some(&now.source), &parts(&now, first, snapshot.as_deref())),
        // It is being removed.
        None => Ok(()),
    }
}

/// The checkpoint of the run in Redis.
async fn checkpoint(way: &Way<'_>, buffer: &mut Buffer) -> Result<Option<Checkpoint>, Error> {
    let load = async |buffer: &Buffer| Ranges::new(buffer.clone()).load_run(&way.target.run).await;
    let kept = way.retry(buffer, "read the checkpoint", load).await?.and_then(|state| state.checkpoint);
    kept.map(|kept| Checkpoint::parse(&kept, "the checkpoint in Redis")).transpose()
}

/// The last checkpoint of the run, and what was left out, if the database is filled.
async fn done(
    config: &Apply,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Option<(Checkpoint, Option<Error>)>, Error> {
    let target = &config.replica;
    let mut retries = Retries::new(target, Arc::clone(progress), stop.clone());
    let (record, list) = loop {
        let look = async {
            let replica = Replica::connect(target.connect.clone()).await?;
            let record = replica.record(&target.run).await?.filter(|record| record.finished);
            let list = match record {
                Some(_) => replica.skipped(&target.run, SHOWN).await?,
                None => SkippedList::default(),
            };
            Ok((record, list))
        };
        match look.await {
            Ok(found) => break found,
            Err(error) => retries.failed(error, "read the record of the run").await?,
        }
    };
    let point = record.map(|record| Point::parse(&record.point)).transpose()?;
    Ok(point.and_then(|point| point.checkpoint).map(|checkpoint| {
        let skipped = replica::skipped(&list, checkpoint.rejected);
        (checkpoint, skipped)
    }))
}

async fn fill(
    config: &Apply,
    loaded: Loaded,
    way: &Way<'_>,
    progress: &Arc<Progress>,
) -> Result<Outcome, Error> {
    let stop = way.stop;
    let manner = manner(config, &loaded);
    // Each database may refuse other rows of the same dump.
    let target = format!("{} {}", config.replica.connect.address, config.replica.run);
    let owner = Owner::new(None, &target, &manner.parts);
    if let Some(path) = &config.rejects.file {
        RejectFile::check(path, &owner)?;
    }
    let filling = Filling {
        target: &config.replica,
        identity: Some(&loaded.checkpoint.source),
        parts: manner.parts.clone(),
        dump: None,
    };
    let begun = replica::begin(&filling, progress, stop).await?;
    let replica::Begun { sink, checkpoint, .. } = begun;
    let mut sink = Sink::Replica(Box::new(sink));
    let bytes = checkpoint.as_ref().and_then(|checkpoint| checkpoint.read).unwrap_or(0);
    progress.begin(checkpoint.as_ref(), bytes, Some(loaded.checkpoint.scan.offset));
    let ending = match &checkpoint {
        Some(done) if done.complete => {
            sink.finish(done).await?;
            Ending::AlreadyDone
        }
        _ => {
            let rejects = rejects(config, owner, &loaded, checkpoint.as_ref(), &mut sink)?;
            let first = loaded.first;
            let mut loader = Loader::new(manner, first, checkpoint.as_ref(), rejects, progress, stop);
            drive(way, &loaded, checkpoint.as_ref(), &mut loader, &mut sink).await?;
            Ending::Done
        }
    };
    let Sink::Replica(sink) = &sink else { return Err(Error::Internal("another sink".to_owned())) };
    let skipped = replica::skipped(sink.skipped(), progress.details().rejected);
    Ok(Outcome { ending, first: loaded.first.get(), skipped })
}

/// Finds the run, and checks that Redis has all of it.
async fn loaded(way: &Way<'_>) -> Result<Loaded, Error> {
    let run = &way.target.run;
    let (mut buffer, all) = complete::ranges(way).await?;
    let range = complete::range(&all, way.target, "apply")?;
    let (first, snapshot) = (range.first, range.snapshot_lsn.map(|lsn| lsn.to_string()));
    let Some(checkpoint) = checkpoint(way, &mut buffer).await? else {
        return Err(missing(&format!("run {run:?} has no checkpoint in Redis")));
    };
    let loaded = Loaded { buffer, first, snapshot, checkpoint };
    expect_all(way, &loaded).await?;
    if loaded.checkpoint.rejected > 0 {
        tracing::warn!(
            rows = loaded.checkpoint.rejected,
            "the load has left rows out, as its options say: the database does not get them, and verify calls them missing"
        );
    }
    Ok(loaded)
}

/// Checks that Redis has every change of the run.
async fn expect_all(way: &Way<'_>, loaded: &Loaded) -> Result<(), Error> {
    let (found, written) = (count(way, loaded, loaded.first).await?, loaded.checkpoint.members());
    if found == written {
        return Ok(());
    }
    let run = &way.target.run;
    Err(missing(&format!("run {run:?} has {found} changes in Redis, and {written} were written")))
}

fn missing(what: &str) -> Error {
    Error::Verification(format!("{what}: load the dump into Redis again, with --restart"))
}

/// How many changes of the run there are from one on.
async fn count(way: &Way<'_>, loaded: &Loaded, from: Sequence) -> Result<u64, Error> {
    let Some(last) = loaded.checkpoint.next.checked_sub(1).filter(|last| *last >= from) else { return Ok(0) };
    let scores = from.score()..=last.score();
    let count = async |buffer: &Buffer| buffer.count(scores.clone()).await;
    way.retry(&mut loaded.buffer.clone(), "count what is in Redis", count).await
}

fn manner(config: &Apply, loaded: &Loaded) -> Manner {
    Manner {
        source_name: loaded.checkpoint.source_name.clone(),
        parts: parts(&loaded.checkpoint, loaded.first, loaded.snapshot.as_deref()),
        batch_size: 1,
        max_errors: config.rejects.most,
        max_rate: Rates::default(),
        mirror: None,
        suggests_packs: false,
        places: Places::Changes,
    }
}

/// The configuration of the load, and what numbers and slabs depend on besides.
fn parts(loaded: &Checkpoint, first: Sequence, snapshot: Option<&str>) -> BTreeMap<String, String> {
    let mut parts = loaded.config.clone();
    parts.insert("apply".to_owned(), format!("from {first} in slabs of {SLAB} bytes"));
    parts.extend(snapshot.map(|position| (SNAPSHOT.to_owned(), position.to_owned())));
    parts
}

/// The reject file, if one is wanted, which the sink gets too.
fn rejects(
    config: &Apply,
    owner: Owner,
    loaded: &Loaded,
    checkpoint: Option<&Checkpoint>,
    sink: &mut Sink,
) -> Result<Option<Arc<Mutex<RejectFile>>>, Error> {
    let length = checkpoint.map_or(0, |checkpoint| checkpoint.reject_bytes);
    let with_bytes = !loaded.checkpoint.config.contains_key("--transform-config");
    let open = |path: &PathBuf| RejectFile::open(path, owner, length, with_bytes);
    let file = config.rejects.file.as_ref().map(open).transpose()?.map(|file| Arc::new(Mutex::new(file)));
    if let Some(file) = &file {
        sink.set_aside(Aside { file: Arc::clone(file), most: config.rejects.most });
    }
    Ok(file)
}

async fn drive(
    way: &Way<'_>,
    loaded: &Loaded,
    checkpoint: Option<&Checkpoint>,
    loader: &mut Loader<'_>,
    sink: &mut Sink,
) -> Result<(), Error> {
    let begin = begin(way, loaded, checkpoint).await?;
    if let Some(checkpoint) = checkpoint {
        tracing::info!(next = checkpoint.next.get(), lsn = checkpoint.lsn, "continuing from the checkpoint");
    }
    let from = begin.next;
    let (give, pages) = mpsc::channel(PAGES);
    let pipeline = received::start(begin, pages)?;
    let (result, pipeline) = {
        let writing = loader.run(pipeline, sink);
        let (reading, keeping) =
            (read(way, loaded, from, give), keep(&way.target.run, loaded.buffer.clone()));
        tokio::pin!(writing, reading, keeping);
        let mut all = false;
        loop {
            tokio::select! {
                written = &mut writing => break written,
                () = &mut reading, if !all => all = true,
                () = &mut keeping => {}
            }
        }
    };
    pipeline.end(way.stop, &result).await?;
    result
}

async fn begin(way: &Way<'_>, loaded: &Loaded, checkpoint: Option<&Checkpoint>) -> Result<Begin, Error> {
    let next = checkpoint.map_or(loaded.first, |checkpoint| checkpoint.next);
    // Much time may have passed since it was counted, and the rest must not be less than what was written.
    expect_all(way, loaded).await?;
    let rest = count(way, loaded, next).await?;
    let point = |checkpoint: &Checkpoint| checkpoint.scan.block.clone().zip(checkpoint.table.clone());
    Ok(Begin {
        first: loaded.first,
        end: loaded.checkpoint.next,
        next,
        holes: (loaded.checkpoint.next.get() - next.get()).saturating_sub(rest),
        rows: checkpoint.map_or(0, |checkpoint| checkpoint.plan.counters().rows),
        block: checkpoint.and_then(point),
        plan: checkpoint.map_or_else(Default::default, |checkpoint| checkpoint.plan.clone()),
        identity: loaded.checkpoint.source.clone(),
        bytes: loaded.checkpoint.scan.offset,
    })
}

/// Renews the set's time to live again and again, however long the database takes. A failure is nothing to tell: it comes
/// again soon, and long before the time is over; and what the run waits for is not its business.
async fn keep(run: &str, mut buffer: Buffer) {
    loop {
        if buffer.touch(run).await.is_err()
            && let Ok(connected) = buffer.reconnect().await
        {
            buffer = connected;
        }
        tokio::time::sleep(TOUCH).await;
    }
}

/// Gives page after page, and at last whether these were all.
async fn read(way: &Way<'_>, loaded: &Loaded, from: Sequence, give: mpsc::Sender<Page>) {
    if let Err(error) = read_all(way, loaded, from, &give).await {
        // Nobody may be left to be told.
        let _ = give.send(Err(error)).await;
    }
}

async fn read_all(
    way: &Way<'_>,
    loaded: &Loaded,
    from: Sequence,
    give: &mpsc::Sender<Page>,
) -> Result<(), Error> {
    let mut buffer = loaded.buffer.clone();
    let mut next = from;
    while let Some(last) = loaded.checkpoint.next.checked_sub(1).filter(|last| *last >= next) {
        let scores = next.score()..=last.score();
        let page = async |buffer: &Buffer| buffer.read_page(scores.clone(), PAGE).await;
        let entries = match way.retry(&mut buffer, "read the changes", page).await {
            // A score between two positions, which no change of ours ever had.
            Err(Error::Redis { error, .. }) if *error.kind() == ErrorKind::Protocol => {
                return Err(Error::Verification(crate::base::error::chain(&*error)));
            }
            entries => entries?,
        };
        let Some(read) = entries.last().and_then(|entry| entry.score.sequence()) else { break };
        next = read.checked_add(1).unwrap_or(Sequence::MAX);
        if give.send(Ok(entries)).await.is_err() {
            return Ok(());
        }
    }
    // The last page comes before the run is done: what is gone by now may have been gone before it was read.
    expect_all(way, loaded).await
}
