//! The other entries in the set: other runs and live changes. They limit the numbers of the run.

use kvbuffer::{Buffer, Lsn, Position, Ranges, Score, Sequence, State};

use super::{Attempt, Run};
use crate::base::error::Error;
use convert::error::{Error as ConvertError, RangeError};
use convert::planner::{Limit, LimitKind};

/// The numbers that are free for the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Free {
    /// The next number.
    pub(super) next: Sequence,
    /// After this number there are no entries of the run, except batches in flight.
    pub(super) from: Sequence,
    /// An earlier attempt of the run may have sent more than was acknowledged. The same entries will be written
    /// again.
    pub(super) in_flight: bool,
}

impl Run<'_> {
    /// Whether the run may begin beside the other entries in the set. A mistake would not show before the replica is
    /// filled.
    ///
    /// # Errors
    /// [`RangeError::Beside`] and [`RangeError::LiveEntries`], unless the options allow it.
    pub(super) async fn expect_alone(&self, buffer: &mut Buffer) -> Result<(), Error> {
        // A run that goes back to the data that Redis has kept has already begun.
        if self.attempt == Attempt::AfterLoss {
            return Ok(());
        }
        if !self.target.beside_other_runs {
            self.expect_no_other_run(buffer).await?;
        }
        if self.config.snapshot_lsn.is_none() && !self.target.allow_live_entries {
            self.expect_no_live_entry(buffer).await?;
        }
        Ok(())
    }

    async fn expect_no_other_run(&self, buffer: &mut Buffer) -> Result<(), Error> {
        let mut others = Vec::new();
        for other in self.list(buffer).await? {
            if other.run == self.target.run {
                continue;
            }
            match (other.state, other.last) {
                (State::Done, Some(last)) => {
                    others.push(format!("{:?} (complete, sequences {} to {last})", other.run, other.first));
                }
                (State::Done, None) => {}
                (State::Open, _) => {
                    let load = async |buffer: &Buffer| Ranges::new(buffer.clone()).load_run(&other.run).await;
                    let state = self.retry(buffer, "read the checkpoint of another run", load).await?;
                    let next = state.and_then(|state| state.sequence).max(other.next);
                    let last = next.and_then(|next| next.checked_sub(1)).filter(|last| *last >= other.first);
                    let text =
                        |last| format!("{:?} (unfinished, sequences {} to {last})", other.run, other.first);
                    others.extend(last.map(text));
                }
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        Err(ConvertError::Range(RangeError::Beside {
            run: self.target.run.clone(),
            others: others.join(", "),
        })
        .into())
    }

    /// Live changes are newer than every bootstrap, so if the set contains any, its last entry is one.
    async fn expect_no_live_entry(&self, buffer: &mut Buffer) -> Result<(), Error> {
        let look = async |buffer: &Buffer| buffer.last_before(Score::MAX).await;
        let last = self.retry(buffer, "look at the set", look).await?;
        let live: Option<Lsn> = match last.map(|entry| entry.change().map(|change| change.position)) {
            Some(Ok(Position::Wal(lsn))) => Some(lsn),
            _ => None,
        };
        match live {
            Some(lsn) => Err(ConvertError::Range(RangeError::LiveEntries { last: lsn.to_string() }).into()),
            None => Ok(()),
        }
    }

    /// The limit for the numbers from `free.next` on.
    pub(super) async fn limit(
        &self,
        buffer: &mut Buffer,
        first: Sequence,
        free: Free,
    ) -> Result<Option<Limit>, Error> {
        let snapshot = self.config.snapshot_lsn.and_then(|lsn| {
            Some(Limit { score: lsn.score()?.get(), kind: LimitKind::Snapshot(lsn.to_string()) })
        });
        let all = self.list(buffer).await?;
        let run = all
            .iter()
            .filter(|range| range.run != self.target.run && range.first > first)
            .min_by_key(|range| range.first);
        let other_run = run.map(|range| Limit {
            score: range.first.score().get(),
            kind: LimitKind::Occupied(
                format!("run {:?} begins", range.run),
                "choose another --first-sequence",
            ),
        });
        let live = self.live_entry(buffer, free, other_run.as_ref()).await?;
        let limit = [snapshot, other_run, live].into_iter().flatten().min_by_key(|limit| limit.score);
        if let Some(limit) = limit.as_ref().filter(|limit| free.next.score().get() >= limit.score) {
            return Err(ConvertError::Range(limit.error("", first, free.next)).into());
        }
        Ok(limit)
    }

    /// Without `--snapshot-lsn` little can be checked: logs that.
    pub(super) fn tell_of_no_snapshot(&self, limit: Option<&Limit>) {
        if self.config.snapshot_lsn.is_some() {
            return;
        }
        match limit {
            Some(limit) => tracing::warn!(
                limit = limit.score,
                "--snapshot-lsn is missing: the positions of the changes are only checked against the entries in the set"
            ),
            None => tracing::warn!(
                "--snapshot-lsn is missing and the set contains no live change: it cannot be checked whether the changes sort before the live ones"
            ),
        }
    }

    /// The first entry that does not belong to the run, before the next run begins.
    async fn live_entry(
        &self,
        buffer: &mut Buffer,
        free: Free,
        other_run: Option<&Limit>,
    ) -> Result<Option<Limit>, Error> {
        let mut from = free.from.score();
        loop {
            let look = async |buffer: &Buffer| buffer.first_at_or_after(from).await;
            let entry = self.retry(buffer, "look at the set", look).await?;
            let Some(entry) = entry else { return Ok(None) };
            let score = entry.score.get();
            if other_run.is_some_and(|other| score >= other.score) {
                return Ok(None);
            }
            let occupied =
                |other: String, advice| Some(Limit { score, kind: LimitKind::Occupied(other, advice) });
            match entry.change().map(|change| change.position) {
                Ok(Position::Wal(lsn)) => {
                    return Ok(occupied(
                        format!("the set contains a live change at {lsn}"),
                        "take the dump at a later LSN, or choose a lower --first-sequence",
                    ));
                }
                Ok(Position::Bootstrap(_)) if free.in_flight => match Score::new(score + 1) {
                    Some(behind) => from = behind,
                    None => return Ok(None),
                },
                _ => {
                    return Ok(occupied(
                        "the set contains entries that no registered run owns".to_owned(),
                        "start after them with --first-sequence, or empty the buffer",
                    ));
                }
            }
        }
    }
}
