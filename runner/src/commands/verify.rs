//! Whether the contents of Redis are exactly what a dump and a configuration produce.
//!
//! ```text
//! dump ─▶ Pipeline, as in a load ─▶ pages of members ─▶ the same scores of the set, several reads in flight
//!                                                     └─▶ compared in order ─▶ Report
//! ```
//!
//! # Guarantees
//!
//! - Every score from the run's first one up to the next run, or up to the live changes, is read, and every member is
//!   compared byte for byte.
//! - Nothing is written, and no lease is taken.
//! - Memory is limited by the number of pages in flight. The dump gives the contents of a page before Redis is read.

use std::ops::RangeInclusive;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use kvbuffer::{Buffer, Entry, ErrorKind, Position, Range, Score, Sequence};

use crate::base::error::Error;
use crate::base::off_thread::off_thread;
use crate::base::stop::Stop;
use crate::commands::cli::{ListFormat, VerifyArgs};
use crate::commands::config;
use crate::load::checkpoint::differences;
use crate::load::config::{Config, Destination};
use crate::load::progress::Progress;
use crate::load::reject::{first_fatal, row_error};
use crate::load::sink::redis::complete;
use crate::load::sink::redis::way::Way;
use crate::load::sink::target::RedisTarget;
use crate::read::item::{Converted, Item, converted};
use crate::read::pipeline::Pipeline;
use compare::Comparison;
use convert::render::members::Rendered;
use page::{Page, Pages};
use source::Identity;

mod compare;
mod difference;
mod page;
pub mod replica;
mod report;

pub use difference::{Difference, What};
pub use report::Report;

/// How many reads of the set are in flight at the same time.
const IN_FLIGHT: usize = 4;
/// How many entries a read may return in addition to the expected ones.
const SURPLUS: usize = 64;
/// How many entries a read after the last change asks for.
const BEHIND: usize = 1000;

/// Checks the options of `verify`.
///
/// # Errors
/// [`Error::Usage`], also for options that only a load may have.
pub fn config(args: &VerifyArgs) -> Result<Config, Error> {
    let (proof, args) = (&args.proof, &args.load);
    let of_database = [
        ("--report", proof.report != ListFormat::Text),
        ("--html", proof.html.is_some()),
        ("--show-values", proof.show_values),
        ("--pg-dump", proof.pg_dump.is_some()),
        ("--no-definitions", proof.no_definitions),
    ];
    if let Some((option, _)) = of_database.iter().find(|(_, given)| *given) {
        return Err(Error::Usage(format!("{option} needs --replica-url, the database to compare")));
    }
    let refused = [
        ("--output", args.instead.output.is_some()),
        ("--dry-run", args.instead.dry_run),
        ("--restart", args.resuming.restart),
        ("--restart-once", args.resuming.restart_once.is_some()),
        ("--change-stream", args.stream.change_stream.is_some()),
        ("--status-resource", args.status.status_resource.is_some()),
        ("--resume-from", args.resuming.resume_from.is_some()),
    ];
    if let Some((option, _)) = refused.iter().find(|(_, given)| *given) {
        return Err(Error::Usage(format!("verify compares the dump with Redis: it does not take {option}")));
    }
    config::load(args)
}

/// Compares the contents of Redis with the dump.
///
/// # Errors
/// [`Error`] if they cannot be compared. Differences are in the report.
pub async fn verify(config: &Config, progress: &Progress, stop: &Stop) -> Result<Report, Error> {
    let target = redis(config)?;
    let way = Way { target, progress, stop };
    let (buffer, all) = complete::ranges(&way).await?;
    let range = complete::range(&all, target, "verify")?;
    same_configuration(range, config)?;
    let end = before_next_run(&all, range);
    let location = config.location.clone();
    let identity = off_thread(move || Ok(location.identity()?)).await?;
    progress.begin(None, 0, identity.as_ref().and_then(Identity::size));
    let mut pipeline = Pipeline::start(config.task(range.first))?;
    let reader = SetReader { way, buffer };
    let mut walk = DumpReading { config, progress, pages: Pages::new(range.first), rejected: 0, table: None };
    let compared = walk.compare(&reader, &mut pipeline, range, end).await;
    pipeline.end(stop, &compared).await?;
    compared
}

/// Checks that the dump is read with the options of the run. With other options, every change would differ.
fn same_configuration(range: &Range, config: &Config) -> Result<(), Error> {
    differences(&complete::parts(range), &config.shape.parts()).map_or(Ok(()), |differences| {
        Err(Error::Checkpoint(format!(
            "run {:?} was loaded with another configuration, so nothing can be compared: {differences}; leave these options out (they are taken from the run), and give the transform configuration and the key that it was loaded with",
            range.run
        )))
    })
}

/// The configuration. Options that were not given are taken from the run's registration: the form of rows, the choice
/// of tables, what is left out. A run registers only the hash of its transforms, so these must be given.
///
/// # Errors
/// [`Error`] if the run is not found, is not complete, or was loaded with transforms that were not given.
pub async fn registered(config: &Config, progress: &Progress, stop: &Stop) -> Result<Config, Error> {
    let target = redis(config)?;
    let way = Way { target, progress, stop };
    let (_, all) = complete::ranges(&way).await?;
    let parts = complete::parts(complete::range(&all, target, "verify")?);
    if parts.contains_key("--transform-config") && config.shape.transforms.is_none() {
        return Err(Error::Usage(format!(
            "run {:?} was loaded with transforms, which are needed to compare it: give its --transform-config and --transform-key-file",
            target.run
        )));
    }
    let shape = config.shape.with_registered(&parts)?;
    Ok(Config { shape: Arc::new(shape), ..config.clone() })
}

fn redis(config: &Config) -> Result<&RedisTarget, Error> {
    match &config.target {
        Destination::Redis(target) => Ok(target),
        _ => Err(Error::Usage("verify needs --kv-url, the address of Redis".to_owned())),
    }
}

/// The last score that can belong to the run: before the next run.
fn before_next_run(all: &[Range], range: &Range) -> Score {
    let last = range.last.unwrap_or(range.first);
    let behind = all.iter().map(|other| other.first).filter(|first| *first > last).min();
    behind.and_then(|first| Score::new(first.score().get() - 1)).unwrap_or(Score::MAX)
}

/// The dump as it is read.
struct DumpReading<'a> {
    config: &'a Config,
    progress: &'a Progress,
    pages: Pages,
    rejected: u64,
    table: Option<Arc<str>>,
}

impl DumpReading<'_> {
    async fn compare(
        &mut self,
        reader: &SetReader<'_>,
        pipeline: &mut Pipeline,
        range: &Range,
        end: Score,
    ) -> Result<Report, Error> {
        let mut report = Report::new(range.first);
        let mut reading = FuturesOrdered::new();
        let mut ended = false;
        while !(ended && reading.is_empty()) {
            tokio::select! {
                biased;
                signal = reader.way.stop.wait() => return Err(Error::Stopped(signal)),
                Some(compared) = reading.next(), if !reading.is_empty() => report.add(compared?),
                item = pipeline.items.recv(), if !ended && reading.len() < IN_FLIGHT => {
                    match item {
                        Some(Item::End { .. }) => ended = true,
                        Some(item) => self.item(item, pipeline, reader.way.stop).await?,
                        None => return Err(Error::Internal("the thread that reads the dump ended without a result".to_owned())),
                    }
                    let last = if ended { self.pages.rest() } else { None };
                    for page in self.pages.ready().into_iter().chain(last) {
                        reading.push_back(reader.page(page, report.room()));
                    }
                }
            }
        }
        report.rejected = self.rejected;
        report.add(reader.behind(self.pages.next_score()..=end, report.room()).await?);
        Ok(report)
    }

    async fn item(&mut self, item: Item, pipeline: &Pipeline, stop: &Stop) -> Result<(), Error> {
        match item {
            Item::Sql { members, first, after } => {
                self.put(first, &members);
                self.moved(after.raw.unwrap_or(after.scan.offset), after.rows);
            }
            Item::Rows { mut rows, count, first, table, before, share, .. } => {
                let mut rejected = 0;
                loop {
                    let Converted { rendered, rejects, last, .. } = converted(&mut rows, stop).await?;
                    let allowed = if self.config.shape.skip_rows { usize::MAX } else { 0 };
                    if let Some(reject) = first_fatal(&rejects, allowed) {
                        return Err(row_error(&self.config.location.name(), &table, reject, &before));
                    }
                    rejected += rejects.len() as u64;
                    self.put(first, &rendered);
                    pipeline.recycle(rendered);
                    if last {
                        break;
                    }
                }
                self.rejected += rejected;
                self.table = Some(table);
                self.moved(before.raw.unwrap_or(before.scan.offset), before.rows + count - rejected);
                drop(share);
            }
            Item::TableEnd { .. } => self.table = None,
            Item::Failed(error) => return Err(*error),
            Item::LeftOut { .. } | Item::End { .. } => {}
        }
        Ok(())
    }

    fn put(&mut self, first: Sequence, rendered: &Rendered) {
        for (index, member) in rendered.members.iter().enumerate() {
            if let Some(sequence) = first.checked_add(u64::from(member.number)) {
                self.pages.push(sequence, rendered.member(index));
            }
        }
    }

    fn moved(&self, raw: u64, rows: u64) {
        self.progress.looked_at(raw, rows, self.pages.pushed(), self.table.as_deref());
    }
}

/// Reads the set.
struct SetReader<'a> {
    way: Way<'a>,
    buffer: Buffer,
}

impl SetReader<'_> {
    /// Reads the scores of the page and compares them. `details` is how many differences are listed in detail.
    async fn page(&self, page: Page, details: usize) -> Result<Comparison, Error> {
        let mut buffer = self.buffer.clone();
        let limit = page.len() + SURPLUS;
        let mut comparison = Comparison::new(details);
        let mut expected = page.members();
        let mut from = page.from;
        loop {
            let entries = self.read(&mut buffer, from..=page.to, limit).await?;
            let behind = entries.last().and_then(|entry| Score::new(entry.score.get() + 1));
            comparison.entries(&mut expected, entries);
            match behind.filter(|behind| *behind <= page.to) {
                Some(behind) => from = behind,
                None => break,
            }
        }
        comparison.rest(&mut expected);
        for (member, moved) in comparison.missing_in_detail(&page) {
            let score = async |buffer: &Buffer| buffer.score_of(member).await;
            *moved = self.way.retry(&mut buffer, "read the buffer", score).await?;
        }
        Ok(comparison)
    }

    /// Reads the entries after the last change, up to the live changes: there must be no bootstrap entry.
    async fn behind(&self, scores: RangeInclusive<Score>, details: usize) -> Result<Comparison, Error> {
        let mut buffer = self.buffer.clone();
        let mut comparison = Comparison::new(details);
        let (mut from, end) = scores.into_inner();
        while from <= end {
            let mut entries = self.read(&mut buffer, from..=end, BEHIND).await?;
            let count = entries.len();
            let is_live = |entry: &Entry| {
                entry.change().is_ok_and(|change| matches!(change.position, Position::Wal(_)))
            };
            let foreign = entries.iter().position(is_live).unwrap_or(count);
            let next = entries.last().and_then(|entry| Score::new(entry.score.get() + 1));
            entries.truncate(foreign);
            comparison.entries(&mut std::iter::empty().peekable(), entries);
            match next.filter(|_| foreign == count) {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(comparison)
    }

    async fn read(
        &self,
        buffer: &mut Buffer,
        scores: RangeInclusive<Score>,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let read = async |buffer: &Buffer| buffer.read_range(scores.clone(), limit).await;
        let result = self.way.retry(buffer, "read the buffer", read).await;
        match result {
            // A score between two positions, which no change of ours ever had.
            Err(Error::Redis { error, .. }) if *error.kind() == ErrorKind::Protocol => {
                Err(Error::Verification(crate::base::error::chain(&*error)))
            }
            result => result,
        }
    }
}

#[cfg(test)]
mod tests;
