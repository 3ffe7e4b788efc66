//! The runs in a buffer: a list, and the deletion of one run.

use std::fmt::Write;
use std::time::Duration;

use kvbuffer::{Buffer, ErrorKind, Position, Process, Range, Ranges, Request, Sequence, State};
use serde::Serialize;

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::commands::cli::{KvArgs, ListFormat};
use crate::commands::config;

/// How long the lease of a purge lasts if it is not renewed.
const LEASE: Duration = Duration::from_secs(15);

/// A registered range and its contents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The run's name.
    pub run: String,
    /// The owner of the run.
    pub owner: String,
    /// `open` or `done`.
    pub state: State,
    /// Its first sequence number.
    pub first: u64,
    /// Its last one, once it is done.
    pub last: Option<u64>,
    /// The next number: from the run's own key, or from the last renewal of the lease.
    pub next: Option<u64>,
    /// The entries that are in the range now.
    pub entries: u64,
    /// The process that is writing; none if the process is known to be gone, or if its lease has ended.
    pub lease: Option<Held>,
    /// `--snapshot-lsn`, if it was given.
    pub snapshot_lsn: Option<String>,
}

/// A lease that has not ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// The host of the process.
    pub host: String,
    /// Its process id.
    pub pid: u32,
    /// How long the lease lasts if it is not renewed, in milliseconds.
    pub remaining_ms: u64,
}

async fn connect(kv: &KvArgs) -> Result<Buffer, Error> {
    let (options, keys) = config::connection(kv)?;
    // This command only lists and deletes, so it never sets a time to live.
    let ttl = Duration::from_secs(24 * 3600);
    Buffer::connect(options, keys, ttl).await.map_err(|error| failed("connect to Redis", error))
}

fn failed(action: &str, error: kvbuffer::Error) -> Error {
    match error.kind() {
        ErrorKind::LeaseHeld { holder } => Error::Busy(holder.to_string()),
        ErrorKind::LeaseLost => Error::Busy("it has taken over the lease of this run".to_owned()),
        _ => Error::Redis { context: action.to_owned(), error: Box::new(error) },
    }
}

/// Lists the ranges, as text or JSON.
///
/// # Errors
/// [`Error::Usage`], and the errors of Redis.
pub async fn list(kv: &KvArgs, format: ListFormat) -> Result<String, Error> {
    let buffer = connect(kv).await?;
    let ranges = Ranges::new(buffer.clone());
    let (all, now_ms) = ranges.list_now().await.map_err(|error| failed("list the ranges", error))?;
    let mut lines = Vec::with_capacity(all.len());
    for range in all {
        lines.push(
            line(&buffer, &ranges, range, now_ms).await.map_err(|error| failed("count entries", error))?,
        );
    }
    Ok(match format {
        ListFormat::Json => {
            serde_json::json!({ "key": buffer.keys().set(), "ranges": lines }).to_string() + "\n"
        }
        ListFormat::Text => text(&lines),
    })
}

async fn line(buffer: &Buffer, ranges: &Ranges, range: Range, now_ms: u64) -> Result<Line, kvbuffer::Error> {
    let next = match range.state {
        State::Done => range.next,
        State::Open => ranges.load_run(&range.run).await?.and_then(|run| run.sequence).max(range.next),
    };
    let last =
        range.last.or_else(|| next.and_then(|next| next.checked_sub(1))).filter(|last| *last >= range.first);
    let entries = match last {
        Some(last) => buffer.count(range.first.score()..=last.score()).await?,
        None => 0,
    };
    let alive = range.lease.as_ref().filter(|lease| !Process::current().knows_dead(&lease.holder));
    let lease = alive.and_then(|lease| {
        let remaining_ms = lease.until_ms.checked_sub(now_ms).filter(|remaining| *remaining > 0)?;
        Some(Held { host: lease.holder.host.clone(), pid: lease.holder.pid, remaining_ms })
    });
    Ok(Line {
        first: range.first.get(),
        last: range.last.map(Sequence::get),
        next: next.map(Sequence::get),
        entries,
        lease,
        snapshot_lsn: range.snapshot_lsn.map(|lsn| lsn.to_string()),
        run: range.run,
        owner: range.owner,
        state: range.state,
    })
}

fn text(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no range is registered\n".to_owned();
    }
    let mut out = String::new();
    for line in lines {
        let state = match (line.state, &line.lease) {
            (State::Open, Some(_)) => "open",
            (State::Open, None) => "stopped",
            (State::Done, _) => "done",
        };
        let position = |number: u64| {
            Sequence::new(number).map_or_else(String::new, |number| Position::Bootstrap(number).to_string())
        };
        let _ = write!(out, "{}  {state}  from {}", line.run, position(line.first));
        let _ = match (line.last, line.next) {
            (Some(last), _) => write!(out, " to {}", position(last)),
            (None, Some(next)) => write!(out, ", next {}", position(next)),
            (None, None) => Ok(()),
        };
        let _ = write!(out, "  {} entries", line.entries);
        if line.owner != line.run {
            let _ = write!(out, "  of {}", line.owner);
        }
        if let Some(Held { host, pid, remaining_ms }) = &line.lease {
            let _ = write!(
                out,
                "  process {pid} on {host} is writing, lease of {} s",
                remaining_ms.div_ceil(1000)
            );
        }
        out.push('\n');
    }
    out
}

/// The error for a run that is not registered.
#[must_use]
pub fn not_found(run: &str) -> Error {
    Error::Usage(format!("no run {run:?} is registered in this buffer: `ranges` lists the registered runs"))
}

/// Deletes a run: its entries, its key and its registration. Returns how many entries there were, or `None` if the run
/// is not registered.
///
/// # Errors
/// [`Error::Busy`] while any process holds a lease in this buffer, and the errors of Redis; [`Error::Stopped`]: the same
/// command then deletes the rest.
pub async fn purge(kv: &KvArgs, run: &str, stop: &Stop) -> Result<Option<u64>, Error> {
    purge_from(&connect(kv).await?, run, stop).await
}

/// The same, by a connection.
///
/// # Errors
/// As [`purge`].
pub async fn purge_from(buffer: &Buffer, run: &str, stop: &Stop) -> Result<Option<u64>, Error> {
    let ranges = Ranges::new(buffer.clone());
    let all = ranges.list().await.map_err(|error| failed("list the ranges", error))?;
    let Some(range) = all.into_iter().find(|range| range.run == run) else { return Ok(None) };
    let token = Request::new_token()
        .map_err(|error| Error::Internal(format!("make a token for the lease: {error}")))?;
    let request = Request {
        run: run.to_owned(),
        owner: range.owner.clone(),
        config: range.config.clone(),
        source: range.source.clone(),
        first: Some(range.first),
        gap: 0,
        lease: LEASE,
        process: Process::current(),
        snapshot_lsn: range.snapshot_lsn,
        begin_with: None,
        token,
    };
    ranges.acquire(&request).await.map_err(|error| failed("take the run's lease", error))?;
    let deleted = tokio::select! {
        deleted = delete(buffer, &ranges, &range, &request.token) => {
            deleted.map_err(|error| failed("delete the run", error))
        }
        signal = stop.wait() => Err(Error::Stopped(signal)),
    };
    if deleted.is_err() {
        // Best effort: a lease that is not released ends by itself.
        let released = ranges.release(run, &request.token);
        let _ = tokio::time::timeout(Duration::from_secs(2), released).await;
    }
    deleted.map(Some)
}

async fn delete(
    buffer: &Buffer,
    ranges: &Ranges,
    range: &Range,
    token: &str,
) -> Result<u64, kvbuffer::Error> {
    let last = ranges.last_own(range.first, Some(range)).await?;
    let deleting = buffer.delete_own_range(&range.run, token, range.first, last);
    let deleted = ranges.renewing(&range.run, token, range.first, LEASE, deleting).await?;
    ranges.remove(&range.run, token).await?;
    Ok(deleted)
}
