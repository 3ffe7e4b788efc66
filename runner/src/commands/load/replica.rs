//! The beginning of a run that fills a database: what is done of it, and whether the database can be filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use replica::{Claim, Record, Replica, Skipped, SkippedList};
use source::Identity;
use source::identity::START_OVER;
use twox_hash::XxHash3_64;

use crate::base::aside::aside;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::checkpoint::Checkpoint;
use crate::load::config::Config;
use crate::load::progress::Progress;
use crate::load::sink::replica::{Point, ReplicaSink, Retries};
use crate::load::sink::target::ReplicaTarget;
use crate::read::walk::Walk;

/// What a run begins with.
pub struct Begun {
    /// Where it goes on.
    pub sink: ReplicaSink,
    /// How far it has come.
    pub checkpoint: Option<Checkpoint>,
    /// It is registered, and has not written anything.
    pub fresh: bool,
}

/// What fills a database.
pub struct Filling<'a> {
    /// The database.
    pub target: &'a ReplicaTarget,
    /// The dump, where it is known before it is read.
    pub identity: Option<&'a Identity>,
    /// The configuration, part by part.
    pub parts: BTreeMap<String, String>,
    /// What a look into the dump may tell of what the server must have.
    pub dump: Option<&'a Config>,
}

/// Connects, and begins the run or takes it up.
///
/// # Errors
/// [`Error::Unfit`] with all that stands in the way; [`Error::Checkpoint`] for another dump or configuration; and
/// [`Error::Replica`].
pub async fn begin(filling: &Filling<'_>, progress: &Arc<Progress>, stop: &Stop) -> Result<Begun, Error> {
    let target = filling.target;
    let mut retries = Retries::new(target, Arc::clone(progress), stop.clone());
    let mut looked = false;
    let claim = claim(filling);
    loop {
        let attempt = attempt(filling, &claim, &mut looked, stop).await?;
        match attempt {
            Ok((run, record)) => {
                retries.going_on();
                let point = point(&record)?;
                let fresh = record.step == 0;
                let sink = ReplicaSink::new(target, run, &point, retries, stop.clone());
                return Ok(Begun { sink, checkpoint: point.checkpoint, fresh });
            }
            Err(error) => retries.failed(error, "begin to fill the replica").await?,
        }
    }
}

/// Errors of the replica, some of which are worth another try, within errors that are not.
type Tried<T> = Result<Result<T, replica::Error>, Error>;

async fn attempt(
    filling: &Filling<'_>,
    claim: &Claim,
    looked: &mut bool,
    stop: &Stop,
) -> Tried<(Option<replica::Run>, Record)> {
    let target = filling.target;
    let connecting = async {
        let replica = Replica::connect(target.connect.clone()).await?;
        let record = replica.record(&target.run).await?;
        Ok((replica, record))
    };
    let (replica, record) = match connecting.await {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(record) = &record
        && let Some(checkpoint) = point(record)?.checkpoint
    {
        checkpoint.check(filling.identity, &filling.parts).map_err(advised)?;
    }
    if let Some(record) = record.as_ref().filter(|record| record.finished) {
        return Ok(Ok((None, record.clone())));
    }
    if !*looked {
        let begun = record.as_ref().is_some_and(|record| record.step > 0);
        let needs = needs(filling, begun, stop).await?;
        match replica.preflight(&target.run, &needs).await {
            Ok(report) => fit(target, &report)?,
            Err(error) => return Ok(Err(error)),
        }
        *looked = true;
    }
    match replica.begin(claim.clone()).await {
        Ok(run) => {
            let record = run.record().clone();
            Ok(Ok((Some(run), record)))
        }
        Err(error) => Ok(Err(error)),
    }
}

/// Nothing but its owner may empty a database.
fn advised(error: Error) -> Error {
    match error {
        Error::Checkpoint(text) => Error::Checkpoint(text.replace(START_OVER, "fill an empty database")),
        Error::Source(source::error::Error::OtherDump(text)) => {
            source::error::Error::OtherDump(text.replace(START_OVER, "fill an empty database")).into()
        }
        error => error,
    }
}

fn point(record: &Record) -> Result<Point, Error> {
    Point::parse(&record.point)
}

/// The same dump and configuration give the same, in every attempt. Of a pipe nothing is known before it is read.
fn claim(filling: &Filling<'_>) -> Claim {
    let hash = |bytes: Vec<u8>| format!("{:016x}", XxHash3_64::oneshot(&bytes));
    Claim {
        run: filling.target.run.clone(),
        source: hash(serde_json::to_vec(&filling.identity).unwrap_or_default()),
        shape: hash(serde_json::to_vec(&filling.parts).unwrap_or_default()),
    }
}

/// What the dump needs of the server. A pipe, which can be read only once, does not tell.
async fn needs(filling: &Filling<'_>, begun: bool, stop: &Stop) -> Result<replica::Needs, Error> {
    let into_existing = filling.target.into_existing || begun;
    let nothing = replica::Needs { into_existing, ..replica::Needs::default() };
    let dump = filling.dump.filter(|config| !begun && config.location.is_rereadable());
    let Some(config) = dump else { return Ok(nothing) };
    tracing::info!("reading the dump first for what it needs of the server");
    let (task, name) = (config.task(kvbuffer::Sequence::FIRST), config.location.name());
    let found = aside(move |stopped| Walk::begin(&task, &name)?.needs(stopped), stop).await?;
    Ok(replica::Needs {
        roles: found.needs.roles.into_iter().collect(),
        owners: found.needs.owners.into_iter().collect(),
        extensions: found.needs.extensions.into_iter().collect(),
        tablespaces: found.needs.tablespaces.into_iter().collect(),
        languages: found.needs.languages.into_iter().collect(),
        providers: found.needs.providers.into_iter().collect(),
        encoding: Some(found.encoding.to_owned()),
        ..nothing
    })
}

/// Logs what should be known, and fails with all that stands in the way.
fn fit(target: &ReplicaTarget, report: &replica::Report) -> Result<(), Error> {
    for warning in &report.warnings {
        tracing::warn!("{warning}");
    }
    if report.faults.is_empty() {
        return Ok(());
    }
    let mut what: String = report.faults.iter().map(|fault| format!("\n  {fault}")).collect();
    let sql = report.sql();
    if !sql.is_empty() {
        what.push_str("\nan administrator can run:");
        what.extend(sql.iter().map(|line| format!("\n  {line}")));
    }
    Err(Error::Unfit { address: target.connect.address.to_string(), what })
}

/// What was left out of a database: the list, and what each entry costs. Rows that were set aside before they were sent are
/// in the reject file alone.
pub fn skipped(list: &SkippedList, rejected: u64) -> Option<Error> {
    if list.entries == 0 && rejected == 0 {
        return None;
    }
    let mut what = String::new();
    for entry in &list.first {
        let Skipped { place, what: of, message, cost, rows, .. } = entry;
        let rows = if *rows > 0 { format!(" ({rows} rows)") } else { String::new() };
        what.push_str(&format!("\n  {place}: {of}{rows}: {message}; missing: {cost}"));
    }
    let more = list.entries - list.first.len() as i64;
    if more > 0 {
        what.push_str(&format!("\n  and {more} more, which kasho_bootstrap.skipped lists"));
    }
    if rejected > 0 {
        what.push_str(&format!("\n  {rejected} rows are in the reject file"));
    }
    Some(Error::Skipped(what))
}
