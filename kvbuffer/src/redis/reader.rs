//! Reading the set back.

use std::ops::RangeInclusive;

use redis::Cmd;

use super::Buffer;
use crate::change::Change;
use crate::decode::{DecodeError, decode};
use crate::error::{Cause, Error, ErrorKind};
use crate::position::{Position, Score};

const ACTION: &str = "read the buffer";
/// A page ends after so many bytes, whatever its limit: other clients wait while Redis writes a reply.
const PAGE: usize = 1 << 20;
const SCRIPT: &str = include_str!("page.lua");
/// So many entries are read first, to learn how large they are.
const FIRST: usize = 4;

/// One member of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its score.
    pub score: Score,
    /// Its bytes.
    pub member: Vec<u8>,
}

impl Entry {
    /// The change in it.
    ///
    /// # Errors
    ///
    /// As for [`decode`].
    pub fn change(&self) -> Result<Change, DecodeError> {
        decode(&self.member)
    }
}

impl Buffer {
    /// The entries after `after`, or from the start, in the order of their scores and then of their bytes.
    ///
    /// About `limit` entries, or fewer if they are large; none only if there are none. A page never ends between two entries
    /// of one score: so the next page begins after the score of the last entry.
    ///
    /// # Errors
    ///
    /// Connection errors; [`ErrorKind::Protocol`] for a member whose score belongs to no position.
    pub async fn read_after(&self, after: Option<Position>, limit: usize) -> Result<Vec<Entry>, Error> {
        let after = match after {
            None => None,
            Some(position) => Some(position.score().ok_or_else(|| self.error(ACTION, ErrorKind::Protocol))?),
        };
        self.read_after_score(after, limit).await
    }

    /// The same, after a score.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn read_after_score(&self, after: Option<Score>, limit: usize) -> Result<Vec<Entry>, Error> {
        let from = after.map_or_else(|| "-inf".to_owned(), |score| format!("({score}"));
        self.page(&from, "+inf", limit).await
    }

    /// The entries of a range of scores, and those less than one below it, which no position has: a page of them (see
    /// [`Buffer::read_after`]).
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn read_range(&self, range: RangeInclusive<Score>, limit: usize) -> Result<Vec<Entry>, Error> {
        // An entry that somebody else has put between two scores belongs to the upper one.
        let from = format!("({}", range.start().get() - 1);
        self.page(&from, &range.end().to_string(), limit).await
    }

    /// The same as [`Buffer::read_range`], but however large the entries are, a page has no more than about a MiB: Redis
    /// looks at few at a time. The user needs the right to run scripts.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn read_page(&self, range: RangeInclusive<Score>, limit: usize) -> Result<Vec<Entry>, Error> {
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(1).arg(self.keys().set());
        command.arg(format!("({}", range.start().get() - 1)).arg(range.end().get()).arg(limit).arg(PAGE);
        let parts: Vec<Vec<Vec<u8>>> = self.query(ACTION, &command).await?;
        let mut entries = Vec::new();
        let mut flat = parts.into_iter().flatten();
        while let (Some(member), Some(score)) = (flat.next(), flat.next()) {
            let number = std::str::from_utf8(&score).ok().and_then(|score| score.parse::<f64>().ok());
            let Some(score) = number.and_then(Score::from_f64) else {
                let cause = Cause::Reply("a member has a score that is no integer".to_owned());
                return Err(self.error(ACTION, ErrorKind::Protocol).because(cause));
            };
            entries.push(Entry { score, member });
        }
        Ok(entries)
    }

    /// How many entries there are in a range of scores.
    ///
    /// # Errors
    ///
    /// Connection errors.
    pub async fn count(&self, range: RangeInclusive<Score>) -> Result<u64, Error> {
        let mut command = redis::cmd("ZCOUNT");
        command.arg(self.keys().set()).arg(range.start().get()).arg(range.end().get());
        self.query("count entries", &command).await
    }

    /// How many entries there are.
    ///
    /// # Errors
    ///
    /// Connection errors; [`ErrorKind::WrongType`] if the key is not a sorted set.
    pub async fn total(&self) -> Result<u64, Error> {
        self.query("count entries", redis::cmd("ZCARD").arg(self.keys().set())).await
    }

    /// The first entry at or after a score.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn first_at_or_after(&self, score: Score) -> Result<Option<Entry>, Error> {
        let command = self.range("ZRANGEBYSCORE", &score.to_string(), "+inf", 1);
        Ok(self.entries(&command).await?.pop())
    }

    /// The last entry before a score.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::read_after`].
    pub async fn last_before(&self, score: Score) -> Result<Option<Entry>, Error> {
        let command = self.range("ZREVRANGEBYSCORE", &format!("({score}"), "-inf", 1);
        Ok(self.entries(&command).await?.pop())
    }

    /// The score of a member, as Redis has it; `None` if the member is not in the set.
    ///
    /// # Errors
    ///
    /// Connection errors.
    pub async fn score_of(&self, member: &[u8]) -> Result<Option<f64>, Error> {
        self.query(ACTION, redis::cmd("ZSCORE").arg(self.keys().set()).arg(member)).await
    }

    async fn page(&self, from: &str, to: &str, limit: usize) -> Result<Vec<Entry>, Error> {
        let mut page: Vec<Entry> = Vec::new();
        let (mut bytes, mut count) = (0, FIRST.min(limit));
        // In steps, each as large as the entries so far let expect.
        while page.len() < limit && bytes < PAGE {
            let last = page.last().map(|entry| entry.score);
            let start = last.map_or_else(|| from.to_owned(), |last| format!("({last}"));
            let mut step = self.entries(&self.range("ZRANGEBYSCORE", &start, to, count)).await?;
            let cut = step.len() >= count;
            if cut {
                self.complete(&mut step).await?;
            }
            bytes += step.iter().map(|entry| entry.member.len()).sum::<usize>();
            page.extend(step);
            if !cut {
                break;
            }
            let fit = PAGE.saturating_sub(bytes) * page.len() / bytes.max(1);
            count = limit.saturating_sub(page.len()).min(fit).max(1);
        }
        Ok(page)
    }

    /// The entries may end in the midst of those of one score: then all of these are read again.
    async fn complete(&self, entries: &mut Vec<Entry>) -> Result<(), Error> {
        let Some(border) = entries.last().map(|entry| entry.score) else { return Ok(()) };
        let before = entries.partition_point(|entry| entry.score < border);
        if self.count(border..=border).await? == (entries.len() - before) as u64 {
            return Ok(());
        }
        entries.truncate(before);
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(self.keys().set()).arg(border.get()).arg(border.get()).arg("WITHSCORES");
        entries.extend(self.entries(&command).await?);
        Ok(())
    }

    fn range(&self, command: &str, from: &str, to: &str, limit: usize) -> Cmd {
        let mut command = redis::cmd(command);
        command.arg(self.keys().set()).arg(from).arg(to).arg("WITHSCORES").arg("LIMIT").arg(0).arg(limit);
        command
    }

    async fn entries(&self, command: &Cmd) -> Result<Vec<Entry>, Error> {
        let pairs: Vec<(Vec<u8>, f64)> = self.query(ACTION, command).await?;
        let entry = |(member, score)| match Score::from_f64(score) {
            Some(score) => Ok(Entry { score, member }),
            None => {
                let cause = Cause::Reply(format!("a member has the score {score}"));
                Err(self.error(ACTION, ErrorKind::Protocol).because(cause))
            }
        };
        pairs.into_iter().map(entry).collect()
    }
}
