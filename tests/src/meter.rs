//! Counts what a writer has sent to Redis, from the bytes that pass through a proxy.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the members of every `ZADD` that has passed as a whole; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    members: u64,
    distinct: BTreeSet<i64>,
    lowest: Option<i64>,
}

impl Meter {
    /// Members so far, each as often as it was sent.
    pub fn members(&self) -> u64 {
        self.lock().members
    }

    /// Members that were sent once more than was needed, counted by their scores.
    pub fn resent(&self) -> u64 {
        let sent = self.lock();
        sent.members - sent.distinct.len() as u64
    }

    /// The lowest score since the last call.
    pub fn take_lowest(&self) -> Option<i64> {
        self.lock().lowest.take()
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.lock() = Sent::default();
    }

    /// A reader for one connection.
    pub(crate) fn reader(&self) -> Reader {
        Reader { meter: self.clone(), ..Reader::default() }
    }

    fn add(&self, scores: &mut Vec<i64>) {
        let mut sent = self.lock();
        for score in scores.drain(..) {
            sent.members += 1;
            sent.distinct.insert(score);
            sent.lowest = Some(sent.lowest.map_or(score, |lowest| lowest.min(score)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the commands of one connection, in whatever pieces they come.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    meter: Meter,
    /// A header line that is not complete yet.
    line: Vec<u8>,
    /// Bytes of the argument in hand that are still to come, with its line end.
    left: usize,
    /// The current argument, if it is a name or a score.
    kept: Vec<u8>,
    keep: bool,
    arguments: usize,
    index: usize,
    zadd: bool,
    scores: Vec<i64>,
}

impl Reader {
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (now, later) = bytes.split_at(self.left.min(bytes.len()));
                if self.keep {
                    self.kept.extend_from_slice(now);
                }
                self.left -= now.len();
                bytes = later;
                if self.left == 0 {
                    self.argument();
                }
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end..];
            if self.line.ends_with(b"\n") {
                self.header();
            }
        }
    }

    fn header(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let number = line.get(1..).and_then(|rest| rest.trim_end().parse::<usize>().ok()).unwrap_or(0);
        if line.starts_with('*') {
            (self.arguments, self.index, self.zadd) = (number, 0, false);
        } else if line.starts_with('$') {
            self.left = number + 2;
            self.keep = self.index == 0 || (self.zadd && self.index >= 2 && self.index.is_multiple_of(2));
            self.kept.clear();
        }
    }

    fn argument(&mut self) {
        let text = String::from_utf8_lossy(&self.kept);
        let text = text.trim_end();
        if self.index == 0 {
            self.zadd = text.eq_ignore_ascii_case("zadd");
        } else if self.keep
            && let Ok(score) = text.parse()
        {
            self.scores.push(score);
        }
        self.index += 1;
        if self.index == self.arguments && self.zadd {
            self.meter.add(&mut self.scores);
        }
    }
}
