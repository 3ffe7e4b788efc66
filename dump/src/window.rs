//! The bytes that were read and not yet consumed.

use crate::copy::SLAB_BYTES;

/// A window over the stream: a buffer that is filled at one end and consumed at the other.
///
/// Invariants: `start <= filled <= buffer.len()`; `base + start` is the stream's offset of the next byte; all
/// of `buffer` is initialised, so that a reader can fill its spare part without `unsafe`.
#[derive(Debug, Default)]
pub(crate) struct Window {
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    base: u64,
    spare: Vec<Vec<u8>>,
}

/// Buffers are made with this many bytes beyond what a slab takes, so that the row over its end fits too.
const SLACK: usize = 16 * 1024;
/// The size of an ordinary buffer.
pub(crate) const BUFFER: usize = SLAB_BYTES + SLACK;
/// So few bytes get a buffer of their own size: there may be many such slabs at once.
const SMALL: usize = BUFFER / 4;
/// At most this many buffers wait to be used again.
const KEPT: usize = 64;

impl Window {
    pub(crate) fn at(base: u64) -> Self {
        Self { base, ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.filled]
    }

    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
    }

    /// Room to read into: at least one byte, and no more than makes the window `wanted` bytes long where it
    /// is shorter than that.
    pub(crate) fn room(&mut self, wanted: usize) -> &mut [u8] {
        let held = self.filled - self.start;
        let wanted = wanted.max(held + 1);
        if self.buffer.len() > 4 * BUFFER && wanted <= BUFFER {
            self.shrink(held);
        }
        if self.start + wanted > self.buffer.len() {
            self.make_room(wanted, held);
        }
        let end = self.start + wanted;
        &mut self.buffer[self.filled..end]
    }

    /// Gives up a buffer that a large row or statement has left.
    fn shrink(&mut self, held: usize) {
        let mut fresh = self.fresh();
        fresh[..held].copy_from_slice(&self.buffer[self.start..self.filled]);
        self.buffer = fresh;
        self.base += self.start as u64;
        self.start = 0;
        self.filled = held;
    }

    fn make_room(&mut self, wanted: usize, held: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.base += self.start as u64;
            self.start = 0;
            self.filled = held;
        }
        if self.buffer.is_empty() {
            self.buffer = self.fresh();
        }
        if wanted > self.buffer.len() {
            // A row or statement larger than a buffer: grow by little, so that it costs its own size once.
            self.buffer.reserve_exact(wanted + SLACK - self.buffer.len());
            self.buffer.resize(wanted + SLACK, 0);
        }
    }

    pub(crate) fn fill(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.buffer.len());
    }

    /// Takes the first `count` bytes out, as a buffer and the range in it. Copies the smaller part, or what is small.
    pub(crate) fn take(&mut self, count: usize) -> (Vec<u8>, usize, usize) {
        let end = self.start + count;
        if count <= SMALL {
            let taken = self.buffer[self.start..end].to_vec();
            self.start = end;
            return (taken, 0, count);
        }
        let tail = self.filled - end;
        let mut other = self.fresh();
        if count <= tail || other.len() < tail {
            if other.len() < count {
                other.resize(count, 0);
            }
            other[..count].copy_from_slice(&self.buffer[self.start..end]);
            self.start = end;
            return (other, 0, count);
        }
        other[..tail].copy_from_slice(&self.buffer[end..self.filled]);
        let taken = std::mem::replace(&mut self.buffer, other);
        let start = self.start;
        self.base += end as u64;
        self.start = 0;
        self.filled = tail;
        (taken, start, end)
    }

    fn fresh(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| vec![0; BUFFER])
    }

    pub(crate) fn recycle(&mut self, buffer: Vec<u8>) {
        if buffer.len() == BUFFER && self.spare.len() < KEPT {
            self.spare.push(buffer);
        }
    }
}
