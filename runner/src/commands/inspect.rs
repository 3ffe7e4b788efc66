//! What is in a dump, and what its load will need.
//!
//! ```text
//! dump ─▶ Pipeline, as in a load ─▶ counted ─▶ Report
//! ```
//!
//! # Guarantees
//!
//! - It counts the changes that a load with the same options makes: the same pipeline makes the same changes, and
//!   then drops them.
//! - It writes nothing, and connects only to the source of the dump.
//! - Its memory is limited by the pipeline, the number of tables and the kinds of statements.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use kvbuffer::{ChangeData, Sequence, decode, footprint};

use crate::base::aside::aside;
use crate::base::error::{self, Error};
use crate::base::off_thread::off_thread;
use crate::base::stop::Stop;
use crate::commands::cli::{InsteadOptions, LoadArgs, ResumeOptions, StatusOptions, StreamOptions};
use crate::commands::config;
use crate::load::config::Config;
use crate::load::progress::Progress;
use crate::read::item::{Converted, Item, Mark, converted};
use crate::read::pipeline::Pipeline;
use crate::read::task::Task;
use convert::definitions::Definitions;
use convert::render::Block;
use convert::render::pieces::is_piece;
use convert::render::transformed::Transformed;
use convert::transforms::Transforms;
use report::{Fault, Format, Hashing, Needed, PIECE, Report, Table};
use source::Location;

pub mod report;

/// pg_dump writes the versions into the first lines of a dump.
const HEAD: usize = 4096;

/// Checks the options of `inspect`, which are those of a load.
///
/// # Errors
/// [`Error::Usage`].
pub fn config(args: &LoadArgs) -> Result<Config, Error> {
    config::only_for_load(args, "a command that only reads the dump")?;
    let args = args.clone();
    let resuming = ResumeOptions {
        restart: false,
        restart_once: None,
        resume_from: None,
        checkpoint: None,
        ..args.resuming
    };
    config::load(&LoadArgs {
        instead: InsteadOptions { dry_run: true, output: None },
        resuming,
        stream: StreamOptions::default(),
        status: StatusOptions::default(),
        ..args
    })
}

/// Reads the dump to its end, or to the place where it can no longer be loaded. In that case the report says so and
/// contains what comes before.
///
/// # Errors
/// [`Error`] if the dump cannot be opened, or if the command was stopped.
pub async fn inspect(
    config: &Config,
    progress: &Progress,
    stop: &Stop,
) -> Result<(Report, Option<Error>), Error> {
    let location = config.location.clone();
    let format = off_thread(move || format(&location)).await?;
    progress.begin(None, 0, format.size);
    let report = Report::new(format, config.shape.rows);
    let task = config.task(config.first.unwrap_or(Sequence::FIRST));
    let mut pipeline = Pipeline::start(Task { measured: Some(report.other()), ..task })?;
    let mut counts = Counts {
        report,
        progress,
        before: None,
        tables: BTreeMap::new(),
        rows: 0,
        needs: dump::Needs::default(),
        transformed: Vec::new(),
    };
    let counted = counts.count(&mut pipeline, stop).await;
    pipeline.end(stop, &counted).await?;
    if stop.requested().is_some() {
        counted?;
        return Ok((counts.finish(), None));
    }
    let failed = counted.err();
    counts.report.error = failed.as_ref().map(|failed| error::chain(failed));
    if let Some(transforms) = &config.shape.transforms {
        counts.transforms(transforms, config);
    }
    Ok((counts.finish(), failed))
}

/// The table of contents of an archive, as `pg_restore --list` prints it. Nothing else of it is read.
///
/// # Errors
/// [`Error::Usage`] for a script; the errors of reading.
pub async fn list(config: &Config, stop: &Stop) -> Result<Vec<u8>, Error> {
    let location = config.location.clone();
    let listing = move |_: &AtomicBool| {
        let mut source = location.open()?;
        let list = source.list().map_err(|error| source.error(&location.name(), error))?;
        list.ok_or_else(|| {
            Error::Usage(format!("--list is for archives, and {} is a script", location.name()))
        })
    };
    aside(listing, stop).await
}

/// What the file says about itself. Its first lines are read if it can be read again.
fn format(location: &Location) -> Result<Format, Error> {
    if !location.is_rereadable() {
        return Ok(Format::default());
    }
    let mut source = location.open()?;
    let mut head = vec![0; HEAD];
    let mut length = 0;
    while length < head.len() {
        match source.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(source.error(&location.name(), error).into()),
        }
    }
    let text = String::from_utf8_lossy(&head[..length]);
    let said = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|version| version.trim().to_owned())
    };
    Ok(Format {
        kind: source.format().to_owned(),
        size: source.size(),
        compression: source.compression().name().to_owned(),
        server: said("-- Dumped from database version "),
        pg_dump: said("-- Dumped by pg_dump version "),
    })
}

struct Counts<'a> {
    report: Report,
    progress: &'a Progress,
    /// The table and the start of the previous slab; the next point marks its end.
    before: Option<(Arc<str>, u64)>,
    tables: BTreeMap<Arc<str>, Table>,
    /// Rows of all tables.
    rows: u64,
    /// What the statements need of the server.
    needs: dump::Needs,
    /// The channels of the blocks' rows, each with its table.
    transformed: Vec<(Arc<str>, Arc<Transformed>)>,
}

impl Counts<'_> {
    async fn count(&mut self, pipeline: &mut Pipeline, stop: &Stop) -> Result<(), Error> {
        loop {
            let item = tokio::select! {
                biased;
                signal = stop.wait() => return Err(Error::Stopped(signal)),
                item = pipeline.items.recv() => item,
            };
            match item {
                Some(Item::End { after }) => {
                    self.moved(&after);
                    return Ok(());
                }
                Some(item) => self.item(item, pipeline, stop).await?,
                None => {
                    return Err(Error::Internal(
                        "the thread that reads the dump ended without a result".to_owned(),
                    ));
                }
            }
        }
    }

    async fn item(&mut self, item: Item, pipeline: &Pipeline, stop: &Stop) -> Result<(), Error> {
        match item {
            Item::Sql { members, after, .. } => {
                for index in 0..members.members.len() {
                    self.statement(members.member(index));
                }
                self.moved(&after);
            }
            Item::Rows { mut rows, count, table, block, before, share, .. } => {
                self.moved(&before);
                self.begin((&table, &block), count);
                loop {
                    let converted = converted(&mut rows, stop).await?;
                    self.rows((&table, &block), count, &converted);
                    pipeline.recycle(converted.rendered);
                    if converted.last {
                        break;
                    }
                }
                self.before = Some((table, before.scan.offset));
                drop(share);
            }
            Item::LeftOut { after } | Item::TableEnd { after } | Item::End { after } => {
                self.moved(&after);
            }
            Item::Failed(error) => return Err(*error),
        }
        Ok(())
    }

    fn statement(&mut self, member: &[u8]) {
        let text = match decode(member).map(|change| change.data) {
            Ok(ChangeData::Ddl(ddl)) => ddl.ddl,
            _ => String::new(),
        };
        self.needs.see(&text);
        let verb = if is_piece(&text) { PIECE.to_owned() } else { dump::verb(&text) };
        *self.report.statements.entry(verb).or_default() += 1;
        self.report.held_by_statements += footprint::of_member(member.len() as u64);
        self.change(member.len());
    }

    /// Begins a slab of so many rows.
    fn begin(&mut self, (name, block): (&Arc<str>, &Block), count: u64) {
        let table = self.tables.entry(Arc::clone(name)).or_insert_with(|| Table::new(name));
        table.rows += count;
        self.rows += count;
        if let Some(by) = &block.transformed
            && !self.transformed.last().is_some_and(|(_, last)| Arc::ptr_eq(last, by))
        {
            self.transformed.push((Arc::clone(name), Arc::clone(by)));
        }
    }

    /// What became of a slab of `count` rows, or of a part of it.
    fn rows(&mut self, (name, block): (&Arc<str>, &Block), count: u64, converted: &Converted) {
        let Converted { rendered, rejects, .. } = converted;
        let table = self.tables.entry(Arc::clone(name)).or_insert_with(|| Table::new(name));
        if table.columns.is_empty() && !rendered.members.is_empty() {
            table.columns.clone_from(&block.plan.columns);
        }
        table.rows -= rejects.len() as u64;
        self.rows -= rejects.len() as u64;
        table.rejected += rejects.len() as u64;
        let room = Report::FAULTS.saturating_sub(self.report.faults.len());
        let before = table.rows + table.rejected - count;
        self.report.faults.extend(rejects.iter().take(room).map(|reject| Fault {
            table: name.to_string(),
            row: before + u64::from(reject.row) + 1,
            column: reject.column.clone(),
            reason: reject.reason.to_string(),
        }));
        self.report.other_rows.changes += converted.measured.changes;
        self.report.other_rows.held += converted.measured.held;
        table.in_pieces += rendered.members.iter().filter(|member| member.pieces == 1).count() as u64;
        table.as_sql += rendered.as_sql;
        for index in 0..rendered.members.len() {
            self.change(rendered.member(index).len());
        }
    }

    /// What the transforms cost, and what they do not change.
    fn transforms(&mut self, transforms: &Transforms, config: &Config) {
        let mut hashing: BTreeMap<(Arc<str>, String), (u64, Option<f64>)> = BTreeMap::new();
        for (table, by) in &self.transformed {
            for (at, column, hashes) in by.hashed() {
                let (all, seconds) = hashing.entry((Arc::clone(table), column.to_owned())).or_default();
                *all += hashes;
                seconds.get_or_insert_with(|| {
                    let begin = Instant::now();
                    by.hash_once(at);
                    begin.elapsed().as_secs_f64()
                });
            }
        }
        let hashing = hashing.into_iter().map(|((table, column), (hashes, seconds))| Hashing {
            table: table.to_string(),
            column,
            hashes,
            seconds_each: seconds.unwrap_or_default(),
        });
        self.report.transforms = Some(report::Transforms {
            workers: config.workers,
            hashing: hashing.collect(),
            definitions: transforms.definitions().map(Definitions::telltales).unwrap_or_default(),
            definitions_read: config.location.is_rereadable()
                && transforms.definitions().is_some_and(|definitions| !definitions.is_cut()),
        });
    }

    fn change(&mut self, bytes: usize) {
        self.report.changes += 1;
        self.report.member_bytes += bytes as u64;
        self.report.held += footprint::of_member(bytes as u64);
    }

    /// A point after everything that was counted.
    fn moved(&mut self, mark: &Mark) {
        if let Some((name, begins)) = self.before.take()
            && let Some(table) = self.tables.get_mut(&name)
        {
            table.bytes += mark.scan.offset.saturating_sub(begins);
        }
        let counters = mark.plan.counters();
        self.report.bytes = mark.scan.offset;
        self.report.skipped.clone_from(&counters.skipped);
        self.report.not_understood = counters.not_understood;
        let table = self.before.as_ref().map(|(name, _)| &**name);
        self.progress.looked_at(mark.raw.unwrap_or(mark.scan.offset), self.rows, self.report.changes, table);
    }

    fn finish(mut self) -> Report {
        self.report.tables = self.tables.into_values().collect();
        self.report.needs = Needed::new(&self.needs);
        self.report.conclude();
        self.report
    }
}
