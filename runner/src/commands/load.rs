//! A load, from its beginning to its end.
//!
//! ```text
//! begin: what is there already? ─▶ Pipeline ─▶ Loader ─▶ Sink ─▶ durable ─▶ progress, checkpoint file
//!   ▲                                                     │
//!   └──────────── Redis lost data, it can be read again───┘
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kvbuffer::Sequence;

use crate::base::aside::aside;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::change_stream::Begun;
use crate::load::checkpoint::{Checkpoint, file};
use crate::load::config::{Config, Destination};
use crate::load::loader::Loader;
use crate::load::mirror::Mirror;
use crate::load::progress::Progress;
use crate::load::reject::{Owner, RejectFile};
use crate::load::sink::Sink;
use crate::load::sink::file::FileSink;
use crate::load::sink::null::NullSink;
use crate::load::sink::redis::RedisSink;
use crate::load::sink::redis::session::{Attempt, Run, Session};
use crate::load::sink::replica::Aside;
use crate::read::pipeline::Pipeline;
use crate::read::task::{Start, Task};
use crate::read::walk::Walk;
pub use crate::show::summary::Ending;
use convert::error::{DumpError, Error as ConvertError};
use convert::planner::{Limit, LimitKind};
pub use look::look;
use source::Identity;

mod look;
pub mod replica;

/// How a load ended, and where its range begins.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The first sequence.
    pub first: u64,
    /// What was left out, where that is not what a load ends well with.
    pub skipped: Option<Error>,
}

/// How often a run goes back to the data that Redis still has before it gives up.
const REWINDS: u32 = 20;

/// Loads the dump. `begun` is the state of the change stream, if it is known.
///
/// # Errors
/// [`Error`]. Even then, everything that is durable is in the checkpoint.
pub async fn load(
    config: &Config,
    begun: Option<Begun>,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Outcome, Error> {
    let file = resume_file(config, stop).await?;
    let mut which = Attempt::First;
    for _ in 0..REWINDS {
        let before = Before { file: file.as_ref(), begun, attempt: which };
        match attempt(config, &before, progress, stop).await {
            Err(Error::Lost(what)) if config.location.is_rereadable() => {
                tracing::warn!(
                    "Redis lost data that it had acknowledged ({what}); continuing from what it still has"
                );
                progress.retried();
                which = Attempt::AfterLoss;
            }
            Err(Error::Lost(what)) => {
                clear(config, progress, stop).await;
                return Err(Error::Lost(format!(
                    "{what}; the dump comes from a pipe: run the same command again with the dump from its start"
                )));
            }
            result => return result,
        }
    }
    Err(Error::Lost(format!("{REWINDS} times in a row")))
}

/// Deletes the batches that were in flight when Redis lost the data before them, so that the next call finds the
/// range free.
async fn clear(config: &Config, progress: &Progress, stop: &Stop) {
    let Destination::Redis(target) = &config.target else { return };
    let run = Run {
        config,
        target,
        source: None,
        file: None,
        attempt: Attempt::AfterLoss,
        stream: None,
        progress,
        stop,
    };
    match run.begin().await {
        Ok(session) => session.leave(&target.run).await,
        Err(error) => {
            tracing::warn!(error = %crate::base::error::chain(&error), "the batches in flight could not be cleared: the next call may find entries that no run owns")
        }
    }
}

/// The checkpoint of `--resume-from`, which must exist.
async fn resume_file(config: &Config, stop: &Stop) -> Result<Option<Checkpoint>, Error> {
    let Some(path) = &config.resume.from else { return Ok(None) };
    let missing = || Error::Checkpoint(format!("--resume-from {}: there is no such file", path.display()));
    let checkpoint = file::read(path)?.ok_or_else(missing)?;
    let identity = identity(config, stop).await?;
    checkpoint.check(identity.as_ref(), &config.shape.parts())?;
    Ok(Some(checkpoint))
}

/// The identity of a source that can be read again.
async fn identity(config: &Config, stop: &Stop) -> Result<Option<Identity>, Error> {
    let location = config.location.clone();
    aside(move |_| Ok(location.identity()?), stop).await
}

/// Everything that an attempt begins with.
struct Beginning {
    sink: Sink,
    checkpoint: Option<Checkpoint>,
    first: Sequence,
    limit: Option<Limit>,
    /// The run is registered and has not written anything.
    fresh: bool,
}

/// What is known before an attempt.
struct Before<'a> {
    /// The checkpoint of `--resume-from`.
    file: Option<&'a Checkpoint>,
    /// The state of the change stream.
    begun: Option<Begun>,
    /// Whether Redis lost the data that the previous attempt had written.
    attempt: Attempt,
}

async fn attempt(
    config: &Config,
    before: &Before<'_>,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Outcome, Error> {
    let identity = identity(config, stop).await?;
    let owner = owner(config, identity.as_ref());
    if let Some(path) = &config.rejects.file {
        RejectFile::check(path, &owner)?;
    }
    let mut beginning = match &config.target {
        Destination::Redis(target) => {
            let Before { file, attempt, begun: stream } = *before;
            let run =
                Run { config, target, source: identity.as_ref(), file, attempt, stream, progress, stop };
            redis(&run, progress).await?
        }
        Destination::Replica(target) => {
            let filling = replica::Filling {
                target,
                identity: identity.as_ref(),
                parts: config.shape.parts(),
                dump: Some(config),
            };
            let begun = replica::begin(&filling, progress, stop).await?;
            let replica::Begun { sink, checkpoint, fresh } = begun;
            let sink = Sink::Replica(Box::new(sink));
            Beginning { sink, checkpoint, first: Sequence::FIRST, limit: None, fresh }
        }
        Destination::File(path) => output(config, path.clone(), identity.as_ref())?,
        Destination::Stdout => alone(config, Sink::File(Box::new(FileSink::stdout()))),
        Destination::Nowhere => alone(config, Sink::Null(NullSink::default())),
    };
    let first = beginning.first;
    let size = identity.as_ref().and_then(Identity::size);
    let checkpoint = beginning.checkpoint.take();
    let read = |checkpoint: &Checkpoint| {
        // Earlier builds did not write how much of a compressed dump was read.
        checkpoint.read.unwrap_or_else(|| checkpoint.scan.offset.min(size.unwrap_or(u64::MAX)))
    };
    let bytes = checkpoint.as_ref().map_or(0, read);
    progress.begin(checkpoint.as_ref(), bytes, size);
    if let Some(done) = checkpoint.as_ref().filter(|checkpoint| checkpoint.complete) {
        let confirmed = confirm(config, done, &mut beginning.sink, progress, stop).await;
        if confirmed.is_err() {
            beginning.sink.release().await;
        }
        let skipped = skipped(&beginning.sink, done.rejected);
        return confirmed.map(|()| Outcome { ending: Ending::AlreadyDone, first: first.get(), skipped });
    }
    let skipped = run(config, beginning, owner, checkpoint, progress, stop).await?;
    Ok(Outcome { ending: Ending::Done, first: first.get(), skipped })
}

/// What is missing in a database. In Redis rows alone are set aside, as the options say.
fn skipped(sink: &Sink, rejected: u64) -> Option<Error> {
    match sink {
        Sink::Replica(sink) => replica::skipped(sink.skipped(), rejected),
        Sink::Redis(_) | Sink::File(_) | Sink::Null(_) => None,
    }
}

/// The dump and configuration whose lines the reject file may contain.
fn owner(config: &Config, source: Option<&Identity>) -> Owner {
    let target = match &config.target {
        Destination::Redis(target) => format!("{} {}", target.keys.set(), target.run),
        Destination::Replica(target) => format!("{} {}", target.connect.address, target.run),
        Destination::File(path) => path.display().to_string(),
        Destination::Stdout | Destination::Nowhere => String::new(),
    };
    Owner::new(source, &target, &config.shape.parts())
}

/// The entries of a run that is already done are counted again.
async fn confirm(
    config: &Config,
    done: &Checkpoint,
    sink: &mut Sink,
    progress: &Progress,
    stop: &Stop,
) -> Result<(), Error> {
    same_pipe(config, done, stop).await?;
    sink.finish(done).await?;
    progress.verified();
    Mirror::new(config.manner().mirror).write(&Arc::new(done.clone()), true).await
}

async fn run(
    config: &Config,
    beginning: Beginning,
    owner: Owner,
    checkpoint: Option<Checkpoint>,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Option<Error>, Error> {
    let Beginning { mut sink, first, limit, fresh, .. } = beginning;
    if let Some(checkpoint) = &checkpoint {
        tracing::info!(
            offset = checkpoint.scan.offset,
            next = checkpoint.next.get(),
            lsn = checkpoint.lsn,
            "continuing from the checkpoint"
        );
    }
    let start = checkpoint.as_ref().map_or(Start::Fresh, Checkpoint::start);
    let task = Task { start, limit, ..config.task(first) };
    if let Err(error) = fits(config, &task, checkpoint.is_some(), stop).await {
        // Nothing was written, so a new run leaves no registration behind that others would have to avoid.
        if fresh {
            sink.forget().await
        } else {
            sink.release().await
        }
        return Err(error);
    }
    let result = drive(config, task, owner, checkpoint, &mut sink, progress, stop).await;
    match &result {
        // If the user corrects the command, no run with another configuration must be registered.
        Err(error) if fresh && takes_nothing(error) => sink.forget().await,
        Err(_) => sink.release().await,
        Ok(()) => {}
    }
    result.map(|()| skipped(&sink, progress.details().rejected))
}

/// Errors before which certainly nothing was written.
fn takes_nothing(error: &Error) -> bool {
    matches!(
        error,
        Error::Convert(
            ConvertError::NothingChosen(_) | ConvertError::Dump { error: DumpError::Databases { .. }, .. }
        )
    )
}

/// A pipe is identified only by its bytes. Whether its dump is already loaded is known only after reading all of it.
async fn same_pipe(config: &Config, done: &Checkpoint, stop: &Stop) -> Result<(), Error> {
    if config.location.is_rereadable() {
        return Ok(());
    }
    tracing::info!("the run is done; reading the pipe to check that it is the same dump");
    let task = Task { start: done.start(), ..config.task(done.first) };
    let (location, identity, end) = (config.location.clone(), done.source.clone(), done.scan.offset);
    let reading = move |_: &AtomicBool| {
        let mut source = location.open()?;
        task.choose(&mut source)?;
        source.expect(&identity, &location.name())?;
        Ok(source.read_through(end).map_err(|error| source.error(&location.name(), error))?)
    };
    aside(reading, stop).await
}

async fn drive(
    config: &Config,
    task: Task,
    owner: Owner,
    checkpoint: Option<Checkpoint>,
    sink: &mut Sink,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<(), Error> {
    let length = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.reject_bytes);
    let open = |path: &PathBuf| RejectFile::open(path, owner, length, config.shape.transforms.is_none());
    let rejects = config.rejects.file.as_ref().map(open).transpose()?;
    let rejects = rejects.map(|file| Arc::new(tokio::sync::Mutex::new(file)));
    if let Some(file) = &rejects {
        sink.set_aside(Aside { file: Arc::clone(file), most: config.rejects.most });
    }
    let first = task.first;
    let pipeline = Pipeline::start(task)?;
    let mut loader = Loader::new(config.manner(), first, checkpoint.as_ref(), rejects, progress, stop);
    let (result, pipeline) = loader.run(pipeline, sink).await;
    pipeline.end(stop, &result).await?;
    result
}

/// Before anything is written: if the number of changes is cheap to find out, checks that they fit.
async fn fits(config: &Config, task: &Task, resumed: bool, stop: &Stop) -> Result<(), Error> {
    // Opening a pipe would consume its first bytes.
    let Some(limit) = task.limit.as_ref().filter(|_| config.location.is_rereadable() && !resumed) else {
        return Ok(());
    };
    let location = task.location.clone();
    let looking = move |_: &AtomicBool| {
        let source = location.open()?;
        Ok(source.size().filter(|_| source.is_as_stored()))
    };
    let Some(size) = aside(looking, stop).await? else { return Ok(()) };
    // A row or a statement takes at least two bytes (an empty row takes one).
    let most = i64::try_from(size).unwrap_or(i64::MAX);
    if task.first.score().get().saturating_add(most) < limit.score {
        return Ok(());
    }
    tracing::info!("counting the dump's rows first, to see whether they fit below the limit");
    let unlimited = Task { limit: None, ..task.clone() };
    let name = config.location.name();
    let end = aside(move |stopped| Walk::begin(&unlimited, &name)?.count(stopped), stop).await?;
    if end.score().get() <= limit.score {
        return Ok(());
    }
    let what = format!("it takes {} changes; ", end.get() - task.first.get());
    let over = Sequence::new((limit.score + 1_000_000).max(1) as u64).unwrap_or(end);
    Err(ConvertError::Range(limit.error(&what, task.first, over.max(task.first))).into())
}

async fn redis(run: &Run<'_>, progress: &Arc<Progress>) -> Result<Beginning, Error> {
    let session: Session = run.begin().await?;
    let (first, limit, fresh) = (session.first, session.limit.clone(), session.fresh);
    let adopted = session.checkpoint.clone();
    let at = session.sequence;
    let mut sink = RedisSink::new(session, run.target, at, Arc::clone(progress), run.stop.clone());
    if let Some(checkpoint) = adopted.as_ref().filter(|checkpoint| checkpoint.next != at) {
        // The checkpoint comes from the file: Redis' own checkpoint is set to it first.
        if let Err(error) = sink.adopt(checkpoint.clone()).await {
            sink.release().await;
            return Err(error);
        }
    }
    Ok(Beginning { sink: Sink::Redis(Box::new(sink)), checkpoint: adopted, first, limit, fresh })
}

fn output(config: &Config, path: PathBuf, source: Option<&Identity>) -> Result<Beginning, Error> {
    only_a_file(&path)?;
    let at = checkpoint_of_output(config, &path);
    let wanted = config.resume.from.as_ref().unwrap_or(&at);
    let checkpoint = if config.resume.restart || has_begun(wanted) { None } else { file::read(wanted)? };
    if checkpoint.is_none() && !config.resume.restart && !has_begun(&at) {
        not_somebody_elses(&path, &at)?;
    }
    if let Some(checkpoint) = &checkpoint {
        checkpoint.check(source, &config.shape.parts())?;
    }
    let length = checkpoint.as_ref().and_then(|checkpoint| checkpoint.output_bytes).unwrap_or(0);
    let first = config.first.unwrap_or(Sequence::FIRST);
    if let Some(checkpoint) = checkpoint.as_ref().filter(|checkpoint| checkpoint.first != first) {
        return Err(Error::Checkpoint(format!(
            "the checkpoint begins at sequence {}, but this call at {first}; use the same options as before, or --restart",
            checkpoint.first
        )));
    }
    let file = FileSink::open(&path, at.clone(), length)?;
    if checkpoint.is_none() {
        begin_file(&at)?;
    }
    let sink = Sink::File(Box::new(file));
    Ok(Beginning { sink, checkpoint, first, limit: snapshot(config), fresh: false })
}

/// An empty checkpoint file means that the output is ours, but nothing in it is durable.
fn has_begun(checkpoint: &std::path::Path) -> bool {
    std::fs::metadata(checkpoint).is_ok_and(|file| file.is_file() && file.len() == 0)
}

/// An output that is not a regular file cannot be resumed, and opening a pipe would block where no signal is handled.
fn only_a_file(output: &std::path::Path) -> Result<(), Error> {
    if std::fs::metadata(output).is_ok_and(|there| !there.is_file()) {
        return Err(Error::Usage(format!(
            "--output {} is not a regular file: use `-` and a redirection",
            output.display()
        )));
    }
    Ok(())
}

/// A file that is not empty and has no checkpoint is not overwritten.
fn not_somebody_elses(output: &std::path::Path, checkpoint: &std::path::Path) -> Result<(), Error> {
    if std::fs::metadata(output).is_ok_and(|file| file.len() > 0) {
        return Err(Error::Usage(format!(
            "{} is not empty and {} does not exist: give another --output, or --restart to overwrite it",
            output.display(),
            checkpoint.display()
        )));
    }
    Ok(())
}

/// Empties or creates the checkpoint file for an output that starts from the beginning.
fn begin_file(checkpoint: &std::path::Path) -> Result<(), Error> {
    let failed = |error| Error::File { action: "create", path: checkpoint.to_owned(), error };
    std::fs::File::create(checkpoint).map(drop).map_err(failed)
}

/// The checkpoint file is next to the output, unless an option names it.
fn checkpoint_of_output(config: &Config, path: &std::path::Path) -> PathBuf {
    config.resume.write.clone().unwrap_or_else(|| {
        let mut name = path.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    })
}

fn alone(config: &Config, sink: Sink) -> Beginning {
    let first = config.first.unwrap_or(Sequence::FIRST);
    Beginning { sink, checkpoint: None, first, limit: snapshot(config), fresh: false }
}

fn snapshot(config: &Config) -> Option<Limit> {
    let lsn = config.snapshot_lsn?;
    Some(Limit { score: lsn.score()?.get(), kind: LimitKind::Snapshot(lsn.to_string()) })
}
