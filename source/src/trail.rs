//! The identity of a pipe's dump: the hash of everything that was read.

use std::collections::VecDeque;
use std::hash::Hasher;

use twox_hash::XxHash3_64;

use crate::identity::{Identity, hex};
use crate::restrict::{Filter, HELD};

/// The hash of everything that was read. It is kept for each read until a checkpoint has passed that place.
#[derive(Default)]
pub(super) struct Trail {
    filter: Filter,
    hash: Hash,
    marks: VecDeque<Mark>,
    /// The last mark that a checkpoint has passed.
    passed: Option<Mark>,
    ended: bool,
}

/// The hash of the first bytes.
#[derive(Clone, Copy)]
struct Mark {
    bytes: u64,
    hash: u64,
}

#[derive(Default)]
struct Hash {
    hasher: XxHash3_64,
    count: u64,
    /// A place that is still ahead, and the hash that is expected there.
    expected: Option<(u64, String)>,
    differs: bool,
}

impl Hash {
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let end = self.count + bytes.len() as u64;
        if let Some((at, hash)) = self.expected.take_if(|(at, _)| *at <= end) {
            let (before, after) = bytes.split_at((at - self.count) as usize);
            self.hasher.write(before);
            self.differs |= hex(self.hasher.finish()) != hash;
            rest = after;
        }
        self.hasher.write(rest);
        self.count = end;
    }
}

impl Trail {
    /// Sets the hash that is expected of the first `at` bytes.
    pub(super) fn expect(&mut self, at: u64, hash: String) {
        self.hash.expected = Some((at, hash)).filter(|_| at > 0);
    }

    /// Takes bytes in; no bytes at the end of the pipe. Returns false if they are not the expected ones.
    pub(super) fn extend(&mut self, bytes: &[u8]) -> bool {
        let Self { filter, hash, .. } = self;
        if bytes.is_empty() {
            filter.finish(|rest| hash.take(rest));
            self.ended = true;
        } else {
            filter.push(bytes, |known| hash.take(known));
        }
        if self.marks.back().is_none_or(|mark| mark.bytes < self.hash.count) {
            self.marks.push_back(Mark { bytes: self.hash.count, hash: self.hash.hasher.finish() });
        }
        let too_short = self.ended && self.hash.expected.is_some();
        !self.hash.differs && !too_short
    }

    /// Promises that no place before `offset` will be requested.
    pub(super) fn pass(&mut self, offset: u64) {
        // The hash lags behind the bytes that were read. A resumed run that continues at `offset` has read up to
        // there, and the hash must be compared by then.
        let lag = if self.ended { 0 } else { HELD as u64 };
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.bytes + lag <= offset) {
            self.passed = Some(mark);
        }
    }

    /// The identity for a checkpoint at `offset`. The offsets of successive calls grow.
    pub(super) fn at(&mut self, offset: u64) -> Identity {
        self.pass(offset);
        let nothing = Mark { bytes: 0, hash: XxHash3_64::oneshot(&[]) };
        let Mark { bytes: hashed, hash } = self.passed.unwrap_or(nothing);
        Identity::Pipe { hashed, hash: hex(hash) }
    }

    #[cfg(test)]
    pub(super) fn marks(&self) -> usize {
        self.marks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restricted(key: char, rows: &str) -> Vec<u8> {
        let key = key.to_string().repeat(63);
        let text = format!("--\n-- PostgreSQL database dump\n--\n\n\\restrict {key}\n\nSET a = 1;\n");
        format!("{text}COPY t FROM stdin;\n{rows}\\.\n\n\\unrestrict {key}\n\n").into_bytes()
    }

    fn rows(count: usize) -> String {
        (0..count).map(|row| format!("{row}\n")).collect()
    }

    /// Reads this many bytes, and returns the identity there.
    fn read(trail: &mut Trail, bytes: &[u8], step: usize) -> bool {
        bytes.chunks(step).all(|chunk| trail.extend(chunk))
    }

    /// A resumed run has compared all hashed bytes when it has read up to the place.
    #[test]
    fn what_differs_is_seen_before_the_place_to_go_on_from() {
        let first = restricted('a', &rows(500));
        for (at, end) in (1000..first.len() as u64).step_by(97).map(|at| (at, false)).chain([(0, true)]) {
            let mut trail = Trail::default();
            assert!(read(&mut trail, &first, 64));
            let offset = if end { first.len() as u64 } else { at };
            if end {
                assert!(trail.extend(&[]));
            }
            let Identity::Pipe { hashed, hash } = trail.at(offset) else { panic!("a pipe") };
            assert!(hashed > 0 && hashed <= offset);
            let mut same = restricted('b', &rows(500));
            let up_to = |bytes: &[u8], step| {
                let mut trail = Trail::default();
                trail.expect(hashed, hash.clone());
                let passes = read(&mut trail, &bytes[..offset as usize], step);
                if end { passes && trail.extend(&[]) } else { passes }
            };
            assert!(up_to(&same, 1) && up_to(&same, 100), "at {offset}");
            same[hashed as usize - 100] ^= 1;
            assert!(!up_to(&same, 1) && !up_to(&same, 100), "at {offset}");
        }
    }

    #[test]
    fn an_end_before_the_place_is_another_dump() {
        let mut trail = Trail::default();
        trail.expect(10, "x".to_owned());
        assert!(trail.extend(b"short"));
        assert!(!trail.extend(b""));
    }

    /// However far away the place is to which a pipe is read again.
    #[test]
    fn nothing_is_held_of_what_is_read_again() {
        let pipe = Box::new(std::io::Read::take(std::io::repeat(b'S'), 20 << 20));
        let Ok(mut source) = super::super::Source::pipe(pipe).decompressed() else { panic!("no source") };
        source.skip_to(16 << 20, None).unwrap();
        assert!(source.trail.as_ref().is_some_and(|trail| trail.marks() < 5));
        let Identity::Pipe { hashed, .. } = source.identity_at(16 << 20) else { panic!("a pipe") };
        assert!(hashed > 15 << 20);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let mut trail = Trail::default();
        for read in 1..10_000_u64 {
            assert!(trail.extend(&[b'S'; 100]));
            trail.pass(read * 100);
            assert!(trail.marks() < 5);
        }
    }
}
