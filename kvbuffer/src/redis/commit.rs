//! One batch as one MULTI, and the meaning of its answer.
//!
//! ```text
//! MULTI
//!   EVAL guard.lua                      token ours? sequence as expected? otherwise moves the set away
//!   ZADD set …                          the members
//!   PEXPIRE set, ranges, run            every write renews the time to live
//!   PUBLISH channel member, …           only if publishing is on
//!   EVAL commit.lua                     moves it back; token, sequence, range complete? then the checkpoint
//! EXEC
//! ```
//!
//! If a command of a transaction fails, Redis still executes the others. The last script checks which entries are
//! really there, so a failed ZADD cannot leave a checkpoint that counts its members. The first script handles a
//! process whose run was taken over, or that does not know of a flush yet: its members never get into the set. They
//! go into an empty set, which is dropped before anybody can see it.

use std::sync::LazyLock;
use std::time::Instant;

use redis::{Cmd, Pipeline, RedisError, Value};

use super::{Batch, Buffer, Keys, exec_replies};
use crate::error::{Cause, Error, ErrorKind};
use crate::position::Sequence;

const ACTION: &str = "write a batch";
/// The scripts as they are sent with every batch. Redis hashes them, including comments.
static GUARD: LazyLock<String> = LazyLock::new(|| bare(include_str!("guard.lua")));
static SCRIPT: LazyLock<String> = LazyLock::new(|| bare(include_str!("commit.lua")));

fn bare(script: &str) -> String {
    script.lines().filter(|line| !line.starts_with("--")).flat_map(|line| [line, "\n"]).collect()
}

/// A batch in the form that is sent, any number of times.
#[derive(Debug)]
pub(super) struct Commit {
    pipeline: Pipeline,
    members: usize,
    range: Option<(Sequence, Sequence)>,
    /// The run's sequence before and after.
    pub(super) expected: Sequence,
    pub(super) next: Sequence,
}

/// The process that writes.
pub(super) struct Author<'a> {
    pub(super) run: &'a str,
    pub(super) token: &'a str,
    pub(super) publish: bool,
}

impl Commit {
    pub(super) fn new(
        buffer: &Buffer,
        author: &Author<'_>,
        batch: Batch,
        checkpoint: &[u8],
        (expected, next): (Sequence, Sequence),
    ) -> Self {
        let keys = buffer.keys();
        let (members, range) = (batch.len(), batch.first().zip(batch.last()));
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        let published = if author.publish { publications(keys, &batch) } else { Vec::new() };
        let (run, aside) = (keys.run(author.run), keys.aside());
        let places = [keys.set(), &run, &aside];
        pipeline
            .cmd("EVAL")
            .arg(GUARD.as_str())
            .arg(places.len())
            .arg(&places)
            .arg(author.token)
            .arg(expected.get());
        if members > 0 {
            pipeline.add_command(batch.into_command());
        }
        for key in [keys.set(), &keys.ranges(), &run] {
            pipeline.cmd("PEXPIRE").arg(key).arg(buffer.ttl_ms());
        }
        for command in published {
            pipeline.add_command(command);
        }
        let (first, last) = range.unwrap_or((expected, expected));
        pipeline
            .cmd("EVAL")
            .arg(SCRIPT.as_str())
            .arg(places.len())
            .arg(&places)
            .arg(author.token)
            .arg(expected.get())
            .arg(first.score().get())
            .arg(last.score().get())
            .arg(members)
            .arg(next.get())
            .arg(checkpoint);
        Self { pipeline, members, range, expected, next }
    }

    pub(super) fn range(&self) -> Option<(Sequence, Sequence)> {
        self.range
    }

    pub(super) fn members(&self) -> usize {
        self.members
    }

    /// Sends it and waits for the answer. It is sent when the future is first polled.
    pub(super) async fn send(&self, buffer: &Buffer) -> Result<Vec<Value>, RedisError> {
        // Not `query_async`, which turns a refused EXEC into an unreadable answer.
        let began = Instant::now();
        let mut connection = buffer.connection();
        let answer = connection.send_packed_commands(&self.pipeline, self.pipeline.len() + 1, 1).await;
        if answer.is_ok() {
            buffer.took(began);
        }
        answer
    }

    /// The meaning of the answer: whether the batch and its checkpoint are in Redis.
    pub(super) fn verdict(
        &self,
        buffer: &Buffer,
        reply: Result<Vec<Value>, RedisError>,
    ) -> Result<(), Error> {
        let replies =
            exec_replies(reply).map_err(|(kind, cause)| buffer.error(ACTION, kind).because(cause))?;
        let script = replies.last().and_then(texts).unwrap_or_default();
        let kind = match script.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ok"] => return Ok(()),
            ["gone"] => ErrorKind::CheckpointConflict { expected: self.expected.get(), found: None },
            ["lease"] => ErrorKind::LeaseLost,
            ["conflict", found] => {
                ErrorKind::CheckpointConflict { expected: self.expected.get(), found: found.parse().ok() }
            }
            ["count", found] => self.miscount(found.parse().unwrap_or(0)),
            _ => {
                let answer = Cause::Reply(format!("the script answered {:?}", replies.last()));
                return Err(buffer.error(ACTION, ErrorKind::Protocol).because(answer));
            }
        };
        Err(buffer.error(ACTION, kind))
    }

    fn miscount(&self, found: u64) -> ErrorKind {
        let (first, last) = self.range.unwrap_or((self.expected, self.expected));
        ErrorKind::ForeignEntry { first, last, expected: self.members as u64, found }
    }
}

fn publications(keys: &Keys, batch: &Batch) -> Vec<Cmd> {
    let publication = |member| {
        let mut command = redis::cmd("PUBLISH");
        command.arg(keys.channel()).arg(member);
        command
    };
    batch.members().map(publication).collect()
}

/// A list of texts.
fn texts(value: &Value) -> Option<Vec<String>> {
    let Value::Array(values) = value else { return None };
    values.iter().map(|value| redis::from_redis_value_ref(value).ok()).collect()
}
