//! The beginning of a run in Redis: can Redis hold the buffer, is the buffer free, and does it contain earlier
//! entries?

use std::ops::RangeInclusive;
use std::time::Duration;

use kvbuffer::{
    Acquired, Buffer, ErrorKind, Holder, Process, Ranges, Request, RunState, Score, Sequence, State,
};

use super::watch::LEASE;
use super::way::Way;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::change_stream::Begun;
use crate::load::checkpoint::Checkpoint;
use crate::load::config::Config;
use crate::load::progress::Progress;
use crate::load::sink::target::RedisTarget;
use convert::planner::Limit;
use neighbours::Free;
use source::Identity;

mod neighbours;
mod preflight;

/// A run that has begun. The buffer is ours until the lease ends.
pub struct Session {
    /// The connection.
    pub buffer: Buffer,
    /// The lease's token.
    pub token: String,
    /// The number of the dump's first change.
    pub first: Sequence,
    /// Where to continue.
    pub checkpoint: Option<Checkpoint>,
    /// The next sequence according to Redis' own checkpoint.
    pub sequence: Sequence,
    /// The limit for the numbers.
    pub limit: Option<Limit>,
    /// The run is new, or was reset: the set contains no entries of it.
    pub fresh: bool,
}

/// The parts of a session other than its lease; see [`Session`].
struct Prepared {
    checkpoint: Option<Checkpoint>,
    limit: Option<Limit>,
    sequence: Sequence,
    fresh: bool,
}

/// What happened before in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing: this process has not written yet.
    First,
    /// Redis lost data of this process while more data was in flight.
    AfterLoss,
}

/// The run as it is registered.
pub struct Run<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Redis.
    pub target: &'a RedisTarget,
    /// The file's identity. For a pipe it is not known before the pipe is read.
    pub source: Option<&'a Identity>,
    /// A checkpoint from a file, for a run that Redis does not know.
    pub file: Option<&'a Checkpoint>,
    /// Whether this process has written before, and Redis lost it.
    pub attempt: Attempt,
    /// The state of the change stream, if it is known. While it streams the set, a run that is not done must not write
    /// to it or delete from it.
    pub stream: Option<Begun>,
    /// Shows people that the run waits.
    pub progress: &'a Progress,
    /// Ends the waiting after a signal.
    pub stop: &'a Stop,
}

impl Session {
    /// Ends the session before anything is written. A new run leaves nothing behind.
    pub async fn leave(self, run: &str) {
        let ranges = Ranges::new(self.buffer);
        // Best effort: a lease that is not released ends by itself.
        let _ = if self.fresh {
            ranges.remove(run, &self.token).await
        } else {
            ranges.release(run, &self.token).await
        };
    }
}

impl Run<'_> {
    /// Connects, checks that Redis can hold the buffer, takes the lease, and finds out where to continue.
    ///
    /// # Errors
    /// Errors that stop the run. Failures that may pass are retried as long as the configuration says.
    pub async fn begin(&self) -> Result<Session, Error> {
        let mut buffer = self.way().connect().await?;
        self.retry(&mut buffer, "look at Redis", async |buffer| self.preflight(buffer).await).await??;
        let ask = async |buffer: &Buffer| self.look_ahead(buffer).await;
        self.retry(&mut buffer, "ask for the rights that the run needs", ask).await?;
        let (token, acquired) = self.acquire(&mut buffer).await?;
        match self.prepare(&mut buffer, &token, &acquired).await {
            Ok(Prepared { checkpoint, limit, sequence, fresh }) => {
                Ok(Session { buffer, token, first: acquired.first, checkpoint, sequence, limit, fresh })
            }
            Err(error) => {
                // Nothing was written: leave nothing that would make others wait, and no trace of a new run.
                let ranges = Ranges::new(buffer);
                let left = async {
                    match acquired.previous {
                        None => ranges.remove(&self.target.run, &token).await,
                        Some(_) => ranges.release(&self.target.run, &token).await,
                    }
                };
                // Best effort: a lease that is not released ends by itself.
                let _ = tokio::time::timeout(Duration::from_secs(2), left).await;
                Err(error)
            }
        }
    }

    /// Whether the run is new, or was reset.
    fn is_fresh(&self, acquired: &Acquired) -> bool {
        let open = |previous: &kvbuffer::Range| previous.state == State::Open;
        self.restarts(acquired) || acquired.previous.as_ref().is_none_or(open)
    }

    /// Whether to delete the existing entries: always, or because the run was not begun with the token.
    fn restarts(&self, acquired: &Acquired) -> bool {
        let resume = &self.config.resume;
        let begun_with = acquired.previous.as_ref().and_then(|previous| previous.begun_with.as_deref());
        let is_new = |token: &String| !begun_with.is_some_and(|stored| is_same(stored, token));
        resume.restart || resume.restart_once.as_ref().is_some_and(is_new)
    }

    /// Deletes or keeps the existing entries.
    async fn prepare(
        &self,
        buffer: &mut Buffer,
        token: &str,
        acquired: &Acquired,
    ) -> Result<Prepared, Error> {
        let checkpoint = self.resume_or_start_over(buffer, token, acquired).await?;
        let next = checkpoint.as_ref().map_or(acquired.first, |checkpoint| checkpoint.next);
        let free = Free { next, from: next, in_flight: checkpoint.is_some() };
        let limit = self.limit(buffer, acquired.first, free).await?;
        let state = self.load_run(buffer).await?;
        let sequence = state.and_then(|state| state.sequence).unwrap_or(acquired.first);
        let fresh = checkpoint.is_none() && self.is_fresh(acquired);
        if fresh {
            self.expect_alone(buffer).await?;
        }
        self.tell_of_no_snapshot(limit.as_ref());
        Ok(Prepared { checkpoint, limit, sequence, fresh })
    }

    fn way(&self) -> Way<'_> {
        Way { target: self.target, progress: self.progress, stop: self.stop }
    }

    /// As [`Way::retry`].
    async fn retry<T>(
        &self,
        buffer: &mut Buffer,
        action: &str,
        attempt: impl AsyncFn(&Buffer) -> Result<T, kvbuffer::Error>,
    ) -> Result<T, Error> {
        self.way().retry(buffer, action, attempt).await
    }

    async fn load_run(&self, buffer: &mut Buffer) -> Result<Option<RunState>, Error> {
        let load = async |buffer: &Buffer| Ranges::new(buffer.clone()).load_run(&self.target.run).await;
        self.retry(buffer, "read the checkpoint", load).await
    }

    async fn list(&self, buffer: &mut Buffer) -> Result<Vec<kvbuffer::Range>, Error> {
        let list = async |buffer: &Buffer| Ranges::new(buffer.clone()).list().await;
        self.retry(buffer, "list the ranges", list).await
    }

    async fn count(&self, buffer: &mut Buffer, range: RangeInclusive<Score>) -> Result<u64, Error> {
        self.retry(buffer, "count what is in Redis", async |buffer| buffer.count(range.clone()).await).await
    }

    async fn acquire(&self, buffer: &mut Buffer) -> Result<(String, Acquired), Error> {
        let token = Request::new_token()
            .map_err(|error| Error::Internal(format!("make a token for the lease: {error}")))?;
        let request = self.request(token);
        let mut patience = Duration::ZERO;
        loop {
            let holder = match self
                .retry(buffer, "register the run", async |buffer| ask(buffer, &request).await)
                .await?
            {
                Ok(acquired) => return Ok((request.token, acquired)),
                Err(holder) => holder,
            };
            // A holder that is alive renews its lease; the lease of a dead one ends.
            if patience > LEASE + Duration::from_secs(1) {
                return Err(Error::Busy(holder.to_string()));
            }
            if patience.is_zero() {
                tracing::info!(%holder, "another process is writing into the buffer; waiting to see whether it is alive");
            }
            let pause = Duration::from_millis(500);
            patience += pause;
            self.stop.sleep(pause).await?;
        }
    }

    fn request(&self, token: String) -> Request {
        Request {
            run: self.target.run.clone(),
            owner: self.target.run.clone(),
            config: serde_json::to_string(&self.config.shape.parts()).unwrap_or_default(),
            source: self.source_text(),
            first: self.config.first.or(self.file.map(|checkpoint| checkpoint.first)),
            gap: self.config.gap,
            lease: LEASE,
            process: Process::current(),
            snapshot_lsn: self.config.snapshot_lsn,
            begin_with: self.config.resume.restart_once.clone(),
            token,
        }
    }

    fn source_text(&self) -> String {
        match self.source {
            Some(identity) => serde_json::to_string(identity).unwrap_or_default(),
            None => "pipe".to_owned(),
        }
    }

    /// What to do with the entries of an earlier attempt: resume, delete, or refuse.
    async fn resume_or_start_over(
        &self,
        buffer: &mut Buffer,
        token: &str,
        acquired: &Acquired,
    ) -> Result<Option<Checkpoint>, Error> {
        if self.is_streamed() {
            self.expect_done(acquired)?;
        }
        let Some(previous) = &acquired.previous else {
            if self.attempt == Attempt::AfterLoss {
                // The batches in flight arrived after the loss: no checkpoint counts their entries.
                return self.start_over(buffer, token, acquired).await;
            }
            return self.adopt(buffer, acquired).await;
        };
        if self.restarts(acquired) {
            return self.start_over(buffer, token, acquired).await;
        }
        if let Some(first) = self.config.first.filter(|first| *first != acquired.first) {
            return Err(Error::Checkpoint(format!(
                "run {:?} is registered with first sequence {}, but --first-sequence is {first}; use --restart with another --run-id, or leave the option out",
                self.target.run, acquired.first
            )));
        }
        let state = self.load_run(buffer).await?;
        match state.and_then(|state| state.checkpoint) {
            Some(kept) => {
                let checkpoint = Checkpoint::parse(&kept, "the checkpoint in Redis")?;
                checkpoint.check(self.source, &self.config.shape.parts())?;
                let intact = self.has_its_entries(buffer, &checkpoint).await?;
                if intact { Ok(Some(checkpoint)) } else { self.start_over(buffer, token, acquired).await }
            }
            None => match self.adopt(buffer, acquired).await? {
                Some(adopted) => Ok(Some(adopted)),
                // Nothing of it is durable. Whatever it was, the run begins again in the same place.
                None if previous.state == State::Open => self.start_over(buffer, token, acquired).await,
                None => Ok(None),
            },
        }
    }

    /// Whether the set has the entries that its checkpoint counts. Fewer were lost; more are an error.
    async fn has_its_entries(&self, buffer: &mut Buffer, checkpoint: &Checkpoint) -> Result<bool, Error> {
        let found = match checkpoint.next.checked_sub(1).filter(|end| *end >= checkpoint.first) {
            Some(end) => {
                let range = checkpoint.first.score()..=end.score();
                self.count(buffer, range).await?
            }
            None => 0,
        };
        if found > checkpoint.members() {
            return Err(Error::Verification(format!(
                "the range {} to {} holds {found} entries in Redis, but the checkpoint expects {}: something else wrote into it; find the entries that are not from this run (their position does not match their score), remove them with ZREM, and run the command again",
                checkpoint.first,
                checkpoint.next.get().saturating_sub(1),
                checkpoint.members()
            )));
        }
        if found < checkpoint.members() {
            tracing::warn!(
                found,
                expected = checkpoint.members(),
                "Redis lost entries that its checkpoint counts; loading all of them again"
            );
        }
        Ok(found == checkpoint.members())
    }

    fn is_streamed(&self) -> bool {
        self.stream == Some(Begun::Streaming)
    }

    /// A stream that streams from our position is correct only after the run is done.
    fn expect_done(&self, acquired: &Acquired) -> Result<(), Error> {
        let done = acquired.previous.as_ref().is_some_and(|previous| previous.state == State::Done);
        if done && !self.restarts(acquired) { Ok(()) } else { Err(self.streams_already()) }
    }

    fn streams_already(&self) -> Error {
        Error::ChangeStreamState(format!(
            "the change stream is already streaming, and run {:?} is not done: its remaining changes would reach the replica late or never; empty the replica and start a new bootstrap",
            self.target.run
        ))
    }

    /// The checkpoint of the file, if Redis has none but has exactly the entries that the file's checkpoint counts.
    async fn adopt(&self, buffer: &mut Buffer, acquired: &Acquired) -> Result<Option<Checkpoint>, Error> {
        let Some(checkpoint) = self.file.filter(|checkpoint| checkpoint.first == acquired.first) else {
            return Ok(None);
        };
        let Some(end) = checkpoint.next.checked_sub(1).filter(|end| *end >= checkpoint.first) else {
            return Ok(None);
        };
        let range = checkpoint.first.score()..=end.score();
        let found = self.count(buffer, range).await?;
        if found == checkpoint.members() {
            return Ok(Some(checkpoint.clone()));
        }
        tracing::warn!(
            found,
            expected = checkpoint.members(),
            "Redis lacks entries that the checkpoint file counts; loading all of them again"
        );
        Ok(None)
    }

    /// Deletes the range of the run and resets the run.
    async fn start_over(
        &self,
        buffer: &mut Buffer,
        token: &str,
        acquired: &Acquired,
    ) -> Result<Option<Checkpoint>, Error> {
        if self.is_streamed() {
            return Err(self.streams_already());
        }
        let run = &self.target.run;
        let last = self.last_own(buffer, acquired).await?;
        // Errors are reported before anything is deleted.
        self.expect_alone(buffer).await?;
        let from = last.checked_add(1).unwrap_or(last);
        let free = Free { next: acquired.first, from, in_flight: false };
        self.limit(buffer, acquired.first, free).await?;
        let first = acquired.first;
        let delete = async |buffer: &Buffer| {
            let deleting = buffer.delete_own_range(run, token, first, last);
            Ranges::new(buffer.clone()).renewing(run, token, first, LEASE, deleting).await
        };
        let deleted = self.retry(buffer, "delete the range of the run", delete).await?;
        let request = self.request(token.to_owned());
        let reset = async |buffer: &Buffer| Ranges::new(buffer.clone()).reset_run(&request).await;
        self.retry(buffer, "reset the run", reset).await?;
        if deleted > 0 {
            tracing::info!(
                deleted,
                first = acquired.first.get(),
                "deleted the entries of an earlier attempt of this run"
            );
        }
        Ok(None)
    }

    /// The upper end of the run's range: where the run ended, before the next run, or after the last bootstrap entry.
    async fn last_own(&self, buffer: &mut Buffer, acquired: &Acquired) -> Result<Sequence, Error> {
        let (first, known) = (acquired.first, acquired.previous.as_ref());
        let find = async |buffer: &Buffer| Ranges::new(buffer.clone()).last_own(first, known).await;
        self.retry(buffer, "find the end of the range", find).await
    }
}

/// Whether the stored token is this one. Earlier operators put the UID of their object and a dot before it.
fn is_same(stored: &str, token: &str) -> bool {
    let is_uid =
        |text: &str| text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    stored == token || stored.split_once('.').is_some_and(|(uid, rest)| is_uid(uid) && rest == token)
}

/// Asks for the lease once. A lease that another process holds is an answer, not a failure.
async fn ask(buffer: &Buffer, request: &Request) -> Result<Result<Acquired, Holder>, kvbuffer::Error> {
    match Ranges::new(buffer.clone()).acquire(request).await {
        Ok(acquired) => Ok(Ok(acquired)),
        Err(error) => match error.kind() {
            ErrorKind::LeaseHeld { holder } => Ok(Err((**holder).clone())),
            _ => Err(error),
        },
    }
}
