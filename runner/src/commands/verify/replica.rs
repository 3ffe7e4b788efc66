//! Whether a database holds exactly what a dump and a configuration say.
//!
//! ```text
//! dump ─▶ Pipeline, as in a load ─┬─▶ rows ─▶ tables: sums, else beside the replica's own     ┐
//!                                 ├─▶ setval, large objects, REFRESH ─▶ objects               ├─▶ Report: text, JSON, a page
//!                                 └─▶ definitions ─▶ a scratch database ─▶ pg_dump of both    ┘
//! ```
//!
//! # Guarantees
//!
//! - Nothing of the replica is changed: expected rows are in temporary tables, definitions in a database that is dropped again.
//! - What was not compared is never said to be equal.
//! - Memory is limited by what is between the stages, and grows with the number of tables, sequences, large objects and
//!   definitions, not with that of rows.
//!
//! # Assumptions
//!
//! - Nobody writes into the replica meanwhile.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ::replica::{Detail, Look};
use dump::object;
use source::Identity;

use crate::base::error::Error;
use crate::base::off_thread::off_thread;
use crate::base::stop::Stop;
use crate::commands::cli::VerifyArgs;
use crate::commands::config;
use crate::load::config::{Config, Destination};
use crate::load::progress::Progress;
use crate::load::sink::replica::Retries;
use crate::load::sink::target::ReplicaTarget;
use client::Client;
use definitions::Definitions;
use objects::Objects;
use reading::{Piece, Reading};
use report::{How, TableReport, Verdict};
use tables::Tables;

mod client;
mod definitions;
mod entries;
mod instants;
mod objects;
mod reading;
mod report;
mod statements;
mod sums;
mod tables;

pub use report::Report;

/// What is asked for beside the load's own options.
#[derive(Debug, Clone)]
pub struct Proof {
    detail: Detail,
    /// pg_dump; without it definitions are left out.
    client: Option<Client>,
}

/// Checks the options.
///
/// # Errors
/// [`Error::Usage`], also for options that only a load may have.
pub fn config(args: &VerifyArgs) -> Result<(Config, Proof), Error> {
    let load = &args.load;
    let refused = [
        ("--into-existing", load.replica.into_existing),
        ("--analyze", load.replica.analyze),
        ("--forget", load.replica.forget),
    ];
    if let Some((option, _)) = refused.iter().find(|(_, given)| *given) {
        return Err(Error::Usage(format!(
            "verify changes nothing in the replica: it does not take {option}"
        )));
    }
    if let (Some(page), Some(dump)) =
        (&args.proof.html, load.dump.as_ref().or(load.source.dump_file.as_ref()))
        && is_same_file(page, Path::new(dump))
    {
        return Err(Error::Usage(format!(
            "--html and --dump-file are the same file, {dump}: one would overwrite the other"
        )));
    }
    let program = args.proof.pg_dump.clone().unwrap_or_else(|| PathBuf::from("pg_dump"));
    let client = (!args.proof.no_definitions).then(|| Client { program, arguments: Vec::new() });
    let detail = Detail { first: args.proof.first as usize, values: args.proof.show_values };
    Ok((config::load(load)?, Proof { detail, client }))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let found = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    found(one).is_some_and(|one| Some(one) == found(other))
}

/// What failed, for an error of the replica.
fn failed(action: &'static str) -> impl Fn(::replica::Error) -> Error {
    move |error| Error::Replica { context: format!("{action} of the replica"), error: Box::new(error) }
}

/// Compares the replica with the dump.
///
/// # Errors
/// [`Error`] if they cannot be compared. Differences are in the report.
pub async fn verify(
    config: &Config,
    proof: Proof,
    progress: &Arc<Progress>,
    stop: &Stop,
) -> Result<Report, Error> {
    let target = target(config)?;
    let began = Instant::now();
    let mut look = connect(target, progress, stop).await?;
    let mut definitions = Definitions::begin(&target.connect, &config.shape, proof.client).await?;
    let comparison = Comparison { config, target, progress, stop, detail: proof.detail };
    let compared = tokio::select! {
        biased;
        signal = stop.wait() => Err(Error::Stopped(signal)),
        compared = comparison.all(&mut look, &mut definitions) => compared,
    };
    let ended = definitions.end().await;
    let mut report = compared?;
    ended?;
    report.seconds = began.elapsed().as_secs_f64();
    report.judge();
    Ok(report)
}

fn target(config: &Config) -> Result<&ReplicaTarget, Error> {
    match &config.target {
        Destination::Replica(target) => Ok(target),
        _ => Err(Error::Usage("--replica-url is missing: give the database to compare".to_owned())),
    }
}

/// Connects, as often as it may help.
async fn connect(target: &ReplicaTarget, progress: &Arc<Progress>, stop: &Stop) -> Result<Look, Error> {
    let mut retries = Retries::new(target, Arc::clone(progress), stop.clone());
    loop {
        match Look::connect(&target.connect).await {
            Ok(look) => {
                retries.going_on();
                return Ok(look);
            }
            Err(error) => retries.failed(error, "look at the replica").await?,
        }
    }
}

struct Comparison<'a> {
    config: &'a Config,
    target: &'a ReplicaTarget,
    progress: &'a Progress,
    stop: &'a Stop,
    detail: Detail,
}

impl Comparison<'_> {
    async fn all(&self, look: &mut Look, definitions: &mut Definitions) -> Result<Report, Error> {
        let location = self.config.location.clone();
        let identity = off_thread(move || Ok(location.identity()?)).await?;
        let size = identity.as_ref().and_then(Identity::size);
        let once = !self.config.location.is_rereadable();
        let mut tables = Tables::new(once);
        let mut objects = Objects::default();
        self.progress.begin(None, 0, size);
        self.read(look, &mut tables, Some((&mut objects, definitions))).await?;
        if !once && tables.compare_sums(look).await? {
            tracing::info!("reading the dump again for tables whose rows only the server can compare");
            self.progress.begin(None, 0, size);
            self.read(look, &mut tables, None).await?;
        }
        let known = tables.known();
        let reader =
            Look::connect(&self.target.connect).await.map_err(failed("connect a second time to read"))?;
        let mut reports = tables.finish(look, &reader, self.detail).await?;
        reports.extend(self.others(look, &known).await?);
        let [sequences, materialized_views, large_objects] = objects.finish(look).await?;
        let definitions = definitions.compare(&self.target.connect, self.stop).await?;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Report {
            dump: self.config.location.name(),
            replica: self.target.connect.address.to_string(),
            transforms: self.config.shape.transforms.as_ref().map(|transforms| transforms.identity()),
            begun: begun.saturating_sub(self.progress.elapsed().as_secs()),
            tables: reports,
            sequences,
            materialized_views,
            large_objects,
            definitions,
            ..Report::default()
        })
    }

    /// Reads the dump once; statements only where somebody looks at them.
    async fn read(
        &self,
        look: &mut Look,
        tables: &mut Tables,
        mut statements: Option<(&mut Objects, &mut Definitions)>,
    ) -> Result<(), Error> {
        let mut reading = Reading::start(self.config, self.progress, self.stop)?;
        let result: Result<(), Error> = async {
            while let Some(piece) = reading.next().await? {
                match piece {
                    Piece::Statements(texts) => {
                        let Some((objects, definitions)) = &mut statements else { continue };
                        for text in texts {
                            if !objects.see(look, &text).await? {
                                definitions.see(&text).await?;
                            }
                        }
                    }
                    Piece::Rows(slab) => {
                        tables.see(look, &slab).await?;
                        reading.recycle(slab);
                    }
                }
            }
            Ok(())
        }
        .await;
        reading.end(&result).await?;
        result
    }

    /// Tables of which the dump has no rows: they must have none.
    async fn others(&self, look: &Look, known: &HashSet<u32>) -> Result<Vec<TableReport>, Error> {
        let keep = self.config.shape.keep_kasho;
        let found = look.filled(known, |name| !keep && object::is_kasho_name(name)).await;
        let (filled, empty) = found.map_err(failed("look for other tables"))?;
        let extra = filled.into_iter().map(|table| TableReport {
            verdict: Verdict::Different,
            how: Some(How::Server),
            found: Some(table.rows),
            extra: table.rows,
            note: Some("the dump has no rows of it".to_owned()),
            ..TableReport::named(table.name)
        });
        let empty = empty.into_iter().map(|name| TableReport {
            verdict: Verdict::Equal,
            how: Some(How::Server),
            found: Some(0),
            ..TableReport::named(name)
        });
        Ok(extra.chain(empty).collect())
    }
}
