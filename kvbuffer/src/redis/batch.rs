//! Members on their way to the set.

use redis::{Arg, Cmd};

use super::Keys;
use crate::position::Sequence;

/// Members that are written together, as one MULTI.
///
/// They are copied once, into the Redis command, and never again until it is sent.
///
/// # Assumptions
///
/// - Sequences ascend, and none comes twice: after the write, the writer counts the entries between the first and the
///   last.
#[derive(Debug)]
pub struct Batch {
    /// `ZADD set score member score member …`
    zadd: Cmd,
    members: usize,
    bytes: usize,
    range: Option<(Sequence, Sequence)>,
}

impl Batch {
    /// An empty batch for this set.
    pub fn new(keys: &Keys) -> Self {
        Self::with_capacity(keys, 0, 0)
    }

    /// An empty batch with room for this many members and bytes.
    pub fn with_capacity(keys: &Keys, members: usize, bytes: usize) -> Self {
        const SCORE: usize = 16;
        let mut zadd = Cmd::with_capacity(2 + 2 * members, 64 + bytes + SCORE * members);
        zadd.arg("ZADD").arg(keys.set());
        Self { zadd, members: 0, bytes: 0, range: None }
    }

    /// Adds the bytes of one change.
    pub fn push(&mut self, sequence: Sequence, member: &[u8]) {
        let mut score = itoa::Buffer::new();
        self.zadd.arg(score.format(sequence.score().get())).arg(member);
        self.members += 1;
        self.bytes += member.len();
        self.range = match self.range {
            None => Some((sequence, sequence)),
            Some((first, last)) => Some((first.min(sequence), last.max(sequence))),
        };
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.members
    }

    /// Whether there are none. An empty batch still moves the checkpoint.
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// Bytes of all members.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The lowest sequence.
    pub fn first(&self) -> Option<Sequence> {
        self.range.map(|(first, _)| first)
    }

    /// The highest sequence.
    pub fn last(&self) -> Option<Sequence> {
        self.range.map(|(_, last)| last)
    }

    /// The members, in the order in which they were pushed.
    pub fn members(&self) -> impl Iterator<Item = &[u8]> {
        self.zadd.args_iter().skip(3).step_by(2).filter_map(|arg| match arg {
            Arg::Simple(member) => Some(member),
            _ => None,
        })
    }

    pub(super) fn into_command(self) -> Cmd {
        self.zadd
    }
}
