//! The registry of runs and their sequences, beside the set.
//!
//! Two bootstraps into one buffer must not interleave, and a second one must know where the first one ended. So every
//! run registers before it writes:
//!
//! ```text
//! {set}:bootstrap:ranges     a hash: run id ─▶ Range (JSON), and a generation
//! {set}:bootstrap:run:<id>   a hash: token, sequence, checkpoint    (every batch checks and moves these)
//!
//! acquire ─▶ lease ─▶ renew … renew ─▶ finish    the range is done
//!                                   └▶ release   it stays open for the next attempt
//! ```
//!
//! # Guarantees
//!
//! - There is one lease at a time in a buffer, whatever run it is for. Every change is a compare-and-set on the
//!   registry's generation: if two processes try at the same time, one succeeds and the other notices it.
//! - When a lease is taken over, it is revoked in the same step: the next batch of its old holder is refused.
//! - Times are Redis' own; the clocks of clients do not matter.
//! - Ranges do not overlap: a new one begins after all registered ranges and their entries, unless the request names
//!   its first sequence, which is used unchecked.
//!
//! # Assumptions
//!
//! - The holder renews its lease well before it ends, and stops if that fails.

use std::future::Future;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::holder::Holder;
use crate::position::Sequence;
use crate::redis::{Buffer, RunState, load_run};

mod entry;
mod registry;
mod request;

pub use entry::{Lease, Range, State};
pub use request::Request;

use registry::{Action, Operation, Snapshot};

/// How often a change of the registry is tried if others change it at the same time.
const ATTEMPTS: usize = 64;

/// The registry of one buffer.
#[derive(Clone, Debug)]
pub struct Ranges {
    buffer: Buffer,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// Sent with every write.
    pub token: String,
    /// The run's first sequence.
    pub first: Sequence,
    /// The run's entry as it was before; `None` for a new run. The caller checks whether it matches the source and
    /// the configuration (see [`Ranges::reset_run`]).
    pub previous: Option<Range>,
}

impl Ranges {
    /// The registry beside this buffer's set.
    pub fn new(buffer: Buffer) -> Self {
        Self { buffer }
    }

    /// All registered ranges, by their first sequence.
    ///
    /// # Errors
    ///
    /// Connection errors; [`ErrorKind::Unsupported`] and [`ErrorKind::Protocol`] for entries of other versions and
    /// for invalid entries.
    pub async fn list(&self) -> Result<Vec<Range>, Error> {
        Ok(registry::load(&self.buffer, "list the ranges").await?.ranges)
    }

    /// The same, with Redis' own clock (milliseconds since 1970), which decides when leases end.
    ///
    /// # Errors
    ///
    /// As for [`Ranges::list`].
    pub async fn list_now(&self) -> Result<(Vec<Range>, u64), Error> {
        let snapshot = registry::load(&self.buffer, "list the ranges").await?;
        let now_ms = snapshot.now_ms();
        Ok((snapshot.ranges, now_ms))
    }

    /// The upper end of the entries of a run that begins at `first`: where it ended, before the next run's first
    /// entry, or after the last bootstrap entry. `known` is its registry entry, if it was registered before.
    ///
    /// # Errors
    ///
    /// As for [`Ranges::list`] and [`Ranges::end_of_entries`].
    pub async fn last_own(&self, first: Sequence, known: Option<&Range>) -> Result<Sequence, Error> {
        if let Some(last) = known.filter(|range| range.state == State::Done).and_then(|range| range.last) {
            return Ok(last);
        }
        let firsts = self.list().await?.into_iter().map(|other| other.first);
        if let Some(before) = firsts.filter(|other| *other > first).min().and_then(|next| next.checked_sub(1))
        {
            return Ok(before);
        }
        let known = known.and_then(|range| range.last.or(range.next)).unwrap_or(first);
        self.end_of_entries(known).await
    }

    /// Takes the lease for a run, and registers the run if it is new.
    ///
    /// A new run begins at `first`, or else `gap` after everything before it, or else at 1. A registered run keeps
    /// its entry, whatever source and configuration the request has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LeaseHeld`] while another process writes to this buffer, for this run or any other. A lease that
    /// has ended, or whose process is known to be gone, is revoked and does not prevent this.
    pub async fn acquire(&self, request: &Request) -> Result<Acquired, Error> {
        const ACTION: &str = "register the run";
        self.check_id(&request.run, ACTION)?;
        for _ in 0..ATTEMPTS {
            let snapshot = registry::load(&self.buffer, ACTION).await?;
            if let Some(holder) = holder(&snapshot, request) {
                return Err(self.buffer.error(ACTION, ErrorKind::LeaseHeld { holder: Box::new(holder) }));
            }
            let previous = snapshot.range(&request.run).cloned();
            let range = match previous.clone() {
                Some(range) => range,
                None => Range::open(request, self.free_sequence(&snapshot, request).await?),
            };
            let first = range.first;
            let mut operations = revocations(&snapshot, &request.run);
            operations.push(granted(&snapshot, request, range));
            if registry::swap(&self.buffer, ACTION, &snapshot, &operations).await? {
                return Ok(Acquired { token: request.token.clone(), first, previous });
            }
        }
        Err(self.buffer.error(ACTION, ErrorKind::TryAgain))
    }

    /// Prolongs the lease, records how far the run has come, and renews the time to live of all keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LeaseLost`] if the lease is no longer ours: stop writing.
    pub async fn renew(&self, run: &str, token: &str, next: Sequence, lease: Duration) -> Result<(), Error> {
        self.change("renew the lease", run, token, |snapshot, mut range| {
            range.next = range.next.max(Some(next));
            if let Some(held) = &mut range.lease {
                held.until_ms = ends_at(snapshot, lease);
            }
            (range, Action::Keep)
        })
        .await
    }

    /// Does this work, and renews the lease all the while.
    ///
    /// # Errors
    ///
    /// Those of the work, and as for [`Ranges::renew`].
    pub async fn renewing<T>(
        &self,
        run: &str,
        token: &str,
        next: Sequence,
        lease: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let renewing = async {
            loop {
                tokio::time::sleep(lease / 4).await;
                if let Err(error) = self.renew(run, token, next, lease).await {
                    return error;
                }
            }
        };
        tokio::select! {
            done = work => done,
            error = renewing => Err(error),
        }
    }

    /// Marks the run as done, with `last` as its last sequence, and releases the lease. Repeating the call, because
    /// an answer was lost, changes nothing.
    ///
    /// # Errors
    ///
    /// As for [`Ranges::renew`].
    pub async fn finish(&self, run: &str, token: &str, last: Option<Sequence>) -> Result<(), Error> {
        let edit = |_: &Snapshot, mut range: Range| {
            range.last = last;
            range.next = last.and_then(|last| last.checked_add(1));
            range.state = State::Done;
            range.lease = None;
            (range, Action::Revoke)
        };
        match self.change("finish the run", run, token, edit).await {
            Err(error) if *error.kind() == ErrorKind::LeaseLost && self.is_done(run, last).await? => Ok(()),
            result => result,
        }
    }

    async fn is_done(&self, run: &str, last: Option<Sequence>) -> Result<bool, Error> {
        let snapshot = registry::load(&self.buffer, "finish the run").await?;
        let done = |range: &Range| range.state == State::Done && range.lease.is_none() && range.last == last;
        Ok(snapshot.range(run).is_some_and(done))
    }

    /// Releases the lease; the run stays unchanged.
    ///
    /// # Errors
    ///
    /// As for [`Ranges::renew`].
    pub async fn release(&self, run: &str, token: &str) -> Result<(), Error> {
        self.change("release the lease", run, token, |_, mut range| {
            range.lease = None;
            (range, Action::Revoke)
        })
        .await
    }

    /// Resets the run: it gets the request's owner, source and configuration, no checkpoint, and keeps its first
    /// sequence. It also keeps its `begin_with` token, unless the request has another one. The caller has deleted its
    /// entries (see [`Buffer::delete_own_range`]).
    ///
    /// # Errors
    ///
    /// As for [`Ranges::renew`].
    pub async fn reset_run(&self, request: &Request) -> Result<(), Error> {
        self.change("reset the run", &request.run, &request.token, |_, range| {
            let mut fresh = Range { lease: range.lease, ..Range::open(request, range.first) };
            fresh.begun_with = fresh.begun_with.or(range.begun_with);
            (fresh, Action::Reset(request.token.clone()))
        })
        .await
    }

    /// Removes the run's entry and its key, as the last step of a purge.
    ///
    /// # Errors
    ///
    /// As for [`Ranges::renew`]: a purge also needs the lease.
    pub async fn remove(&self, run: &str, token: &str) -> Result<(), Error> {
        const ACTION: &str = "remove the run";
        for _ in 0..ATTEMPTS {
            let snapshot = registry::load(&self.buffer, ACTION).await?;
            self.held(&snapshot, ACTION, run, token)?;
            let operation = Operation { run: run.to_owned(), range: None, action: Action::Drop };
            if registry::swap(&self.buffer, ACTION, &snapshot, &[operation]).await? {
                return Ok(());
            }
        }
        Err(self.buffer.error(ACTION, ErrorKind::TryAgain))
    }

    /// How far a run has come; `None` if Redis does not know it.
    ///
    /// # Errors
    ///
    /// Connection errors.
    pub async fn load_run(&self, run: &str) -> Result<Option<RunState>, Error> {
        load_run(&self.buffer, run).await
    }

    /// The first sequence at or after `from` from which on there are no bootstrap entries.
    ///
    /// A writer that died may have left entries after its last checkpoint, but no more than it had in flight.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn end_of_entries(&self, from: Sequence) -> Result<Sequence, Error> {
        let mut end = from;
        let mut after = from.checked_sub(1).map(Sequence::score);
        loop {
            let page = self.buffer.read_after_score(after, 1000).await?;
            let sequences = page.iter().filter_map(|entry| entry.change().ok()?.position.sequence());
            let behind = sequences.max().and_then(|last| last.checked_add(1));
            match (behind, page.last()) {
                (Some(behind), Some(last)) => {
                    end = end.max(behind);
                    after = Some(last.score);
                }
                _ => return Ok(end),
            }
        }
    }

    /// The first sequence of a new run.
    async fn free_sequence(&self, snapshot: &Snapshot, request: &Request) -> Result<Sequence, Error> {
        const ACTION: &str = "register the run";
        if let Some(first) = request.first {
            return Ok(first);
        }
        let mut end = None;
        for range in &snapshot.ranges {
            let checkpoint = match range.state {
                State::Done => None,
                State::Open => load_run(&self.buffer, &range.run).await?.and_then(|run| run.sequence),
            };
            end = end.max(Some(range.end())).max(checkpoint);
        }
        let Some(end) = end else { return Ok(Sequence::FIRST) };
        let end = self.end_of_entries(end).await?;
        end.checked_add(request.gap).ok_or_else(|| self.buffer.error(ACTION, ErrorKind::Unsupported))
    }

    /// Changes the entry of a run whose lease is ours.
    async fn change(
        &self,
        action: &'static str,
        run: &str,
        token: &str,
        edit: impl Fn(&Snapshot, Range) -> (Range, Action),
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let snapshot = registry::load(&self.buffer, action).await?;
            let range = self.held(&snapshot, action, run, token)?.clone();
            let (range, run_action) = edit(&snapshot, range);
            let operation = Operation { run: run.to_owned(), range: Some(range), action: run_action };
            if registry::swap(&self.buffer, action, &snapshot, &[operation]).await? {
                return Ok(());
            }
        }
        Err(self.buffer.error(action, ErrorKind::TryAgain))
    }

    fn held<'a>(
        &self,
        snapshot: &'a Snapshot,
        action: &'static str,
        run: &str,
        token: &str,
    ) -> Result<&'a Range, Error> {
        snapshot
            .range(run)
            .filter(|range| range.lease.as_ref().is_some_and(|lease| lease.token == token))
            .ok_or_else(|| self.buffer.error(action, ErrorKind::LeaseLost))
    }

    fn check_id(&self, run: &str, action: &'static str) -> Result<(), Error> {
        let valid = (1..=200).contains(&run.chars().count())
            && !run.starts_with('#')
            && !run.chars().any(|character| character.is_control() || character.is_whitespace());
        if valid { Ok(()) } else { Err(self.buffer.error(action, ErrorKind::InvalidRun)) }
    }
}

/// Another process that may be writing right now.
fn holder(snapshot: &Snapshot, request: &Request) -> Option<Holder> {
    snapshot.ranges.iter().find_map(|range| {
        let lease = range.lease.as_ref()?;
        let ours = range.run == request.run && lease.token == request.token;
        let remaining_ms = lease.until_ms.saturating_sub(snapshot.now_ms());
        if ours || remaining_ms == 0 || request.process.knows_dead(&lease.holder) {
            return None;
        }
        let (run, owner) = (range.run.clone(), range.owner.clone());
        Some(Holder { run, owner, process: lease.holder.clone(), remaining_ms })
    })
}

/// Removes the leases that no longer count. Their processes may still wake up.
fn revocations(snapshot: &Snapshot, except: &str) -> Vec<Operation> {
    let others = snapshot.ranges.iter().filter(|range| range.run != except && range.lease.is_some());
    let revoke = |range: &Range| Operation {
        run: range.run.clone(),
        range: Some(Range { lease: None, ..range.clone() }),
        action: Action::Revoke,
    };
    others.map(revoke).collect()
}

fn granted(snapshot: &Snapshot, request: &Request, mut range: Range) -> Operation {
    range.lease = Some(Lease {
        token: request.token.clone(),
        until_ms: ends_at(snapshot, request.lease),
        holder: request.process.clone(),
    });
    Operation { run: request.run.clone(), range: Some(range), action: Action::Grant(request.token.clone()) }
}

fn ends_at(snapshot: &Snapshot, lease: Duration) -> u64 {
    snapshot.now_ms().saturating_add(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX))
}
