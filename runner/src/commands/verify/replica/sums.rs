//! Sums over rows, by which two sets of rows are compared whatever their order. Pure.
//!
//! The sum of a set is that of the 128-bit hashes of its rows, so a row that is there twice counts twice. The hash is xxh3: it
//! is as fast as memory, is in the tree already, and gets a seed by chance, so that nobody can prepare rows whose sums agree. Sets
//! that differ have the same sum with a chance of one in 2^128.

use std::hash::{BuildHasher, Hasher, RandomState};

use twox_hash::XxHash3_128;

use super::instants;

/// What is known of a set of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    total: u128,
    /// How many rows there are.
    pub(super) rows: u64,
}

/// Into so many parts the rows of a large table are divided, by their hashes.
const BUCKETS: usize = 1024;
/// Only tables of more rows are divided. The hashes of the first ones are kept until it is known whether there are more.
const SMALL: usize = 10_000;

/// The parts of a table in which rows differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts(Vec<bool>);

/// How a table is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Division {
    /// It is small so far: the hashes of its rows.
    Open(Vec<u128>),
    /// The sum of each part.
    Parts(Vec<u128>),
    /// It is not divided.
    None,
}

impl Division {
    fn add(&mut self, hash: u128) {
        match self {
            Self::None => {}
            Self::Parts(sums) => sums[part(hash)] = sums[part(hash)].wrapping_add(hash),
            Self::Open(hashes) if hashes.len() < SMALL => hashes.push(hash),
            Self::Open(hashes) => {
                let mut parts = Self::Parts(vec![0; BUCKETS]);
                hashes.drain(..).for_each(|hash| parts.add(hash));
                parts.add(hash);
                *self = parts;
            }
        }
    }
}

fn part(hash: u128) -> usize {
    // The sum has the lower bits of all; any bits do.
    (hash >> 64) as usize % BUCKETS
}

/// The seed of a comparison.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) fn by_chance() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }
}

/// Sums up the lines of a table.
#[derive(Debug, Clone)]
pub(super) struct Summing {
    seed: u64,
    /// The fields that are instants, whose time zone does not count.
    instants: Vec<usize>,
    pub(super) sum: Sum,
    division: Division,
    buffer: Vec<u8>,
}

impl Summing {
    /// Of lines in which these fields are instants, ascending.
    pub(super) fn new(seed: Seed, instants: Vec<usize>) -> Self {
        let division = Division::Open(Vec::new());
        Self { seed: seed.0, instants, sum: Sum::default(), division, buffer: Vec::new() }
    }

    /// The same, with nothing summed up yet, and divided in the same way.
    pub(super) fn anew(&self) -> Self {
        let division = match self.division {
            Division::Parts(_) => Division::Parts(vec![0; BUCKETS]),
            Division::Open(_) | Division::None => Division::None,
        };
        let (seed, instants) = (self.seed, self.instants.clone());
        Self { seed, instants, sum: Sum::default(), division, buffer: Vec::new() }
    }

    /// Rows of another table come: a small table stays undivided, so that little is kept of each.
    pub(super) fn pause(&mut self) {
        if matches!(self.division, Division::Open(_)) {
            self.division = Division::None;
        }
    }

    /// Whether it takes memory for its parts.
    pub(super) fn is_divided(&self) -> bool {
        matches!(self.division, Division::Parts(_))
    }

    /// The parts in which two sets differ, if these are few.
    pub(super) fn parts_that_differ(&self, other: &Self) -> Option<Parts> {
        let (Division::Parts(ours), Division::Parts(theirs)) = (&self.division, &other.division) else {
            return None;
        };
        let differ: Vec<bool> = ours.iter().zip(theirs).map(|(ours, theirs)| ours != theirs).collect();
        let count = differ.iter().filter(|differs| **differs).count();
        (count > 0 && count <= BUCKETS / 4).then_some(Parts(differ))
    }

    /// Appends those of the lines that are in these parts, and returns how many they are.
    pub(super) fn pick(&mut self, lines: &[u8], parts: &Parts, out: &mut Vec<u8>) -> u64 {
        let (mut start, mut count) = (0, 0);
        while start < lines.len() {
            let end = memchr::memchr(b'\n', &lines[start..]).map_or(lines.len(), |at| start + at);
            if parts.0[part(self.hash(&lines[start..end]))] {
                out.extend_from_slice(&lines[start..end]);
                out.push(b'\n');
                count += 1;
            }
            start = end + 1;
        }
        count
    }

    /// Adds whole lines of COPY's text.
    pub(super) fn add(&mut self, lines: &[u8]) {
        let mut start = 0;
        while start < lines.len() {
            let end = memchr::memchr(b'\n', &lines[start..]).map_or(lines.len(), |at| start + at);
            self.line(&lines[start..end]);
            start = end + 1;
        }
    }

    fn line(&mut self, line: &[u8]) {
        let hash = self.hash(line);
        self.sum.total = self.sum.total.wrapping_add(hash);
        self.sum.rows += 1;
        self.division.add(hash);
    }

    fn hash(&mut self, line: &[u8]) -> u128 {
        // A carriage return that is a value's is written `\r`.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.instants.is_empty() {
            true => XxHash3_128::oneshot_with_seed(self.seed, line),
            false => {
                self.buffer.clear();
                in_utc(line, &self.instants, &mut self.buffer);
                XxHash3_128::oneshot_with_seed(self.seed, &self.buffer)
            }
        }
    }
}

/// Appends the line with these fields in UTC.
fn in_utc(line: &[u8], fields: &[usize], out: &mut Vec<u8>) {
    let mut instants = fields.iter().copied().peekable();
    for (index, field) in line.split(|byte| *byte == b'\t').enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        if instants.next_if_eq(&index).is_none() || !instants::to_utc(field, out) {
            out.extend_from_slice(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(lines: &str, instants: &[usize]) -> Sum {
        let mut summing = Summing::new(Seed(7), instants.to_vec());
        summing.add(lines.as_bytes());
        summing.sum
    }

    #[test]
    fn the_order_does_not_count_and_everything_else_does() {
        assert_eq!(sum("1\ta\n2\tb\n", &[]), sum("2\tb\n1\ta\n", &[]));
        assert_eq!(sum("1\ta\r\n2\tb\r\n", &[]), sum("1\ta\n2\tb\n", &[]));
        assert_eq!(sum("1\ta\n", &[]).rows, 1);
        for other in ["1\ta\n", "1\ta\n2\tb\n2\tb\n", "1\ta\n2\tc\n", "1\tb\n2\ta\n", "1\ta\n2\tb\n\n", ""] {
            assert_ne!(sum(other, &[]), sum("1\ta\n2\tb\n", &[]), "{other:?}");
        }
        // A sum that forgets how often would take these for the same.
        assert_ne!(sum("x\nx\n", &[]), sum("y\ny\n", &[]));
        assert_eq!(sum("\n\n", &[]).rows, 2);
    }

    #[test]
    fn a_large_table_is_divided() {
        let lines = |other: usize| -> String {
            (0..SMALL * 2).map(|row| format!("{}\tx\n", if row == 15_000 { other } else { row })).collect()
        };
        let (ours, theirs) = (lines(15_000), lines(99_999));
        let mut dump = Summing::new(Seed(7), Vec::new());
        dump.add(ours.as_bytes());
        let mut found = dump.anew();
        found.add(ours.as_bytes());
        assert!(dump.is_divided() && found.sum == dump.sum && dump.parts_that_differ(&found).is_none());
        let mut found = dump.anew();
        found.add(theirs.as_bytes());
        let parts = dump.parts_that_differ(&found).unwrap();
        let mut picked = Vec::new();
        let count = dump.pick(ours.as_bytes(), &parts, &mut picked);
        let picked = String::from_utf8(picked).unwrap();
        assert!(picked.contains("15000\tx\n") && count < 200, "{count}");
        assert_eq!(picked.lines().count() as u64, count);
        let mut small = Summing::new(Seed(7), Vec::new());
        small.add(b"1\n");
        small.pause();
        assert!(!small.is_divided() && small.anew().parts_that_differ(&small).is_none());
    }

    #[test]
    fn instants_are_the_same_in_every_zone() {
        let berlin = "2024-01-01 12:00:00+01\tx\t2024-06-01 00:30:00.5+02\n";
        let utc = "2024-01-01 11:00:00+00\tx\t2024-05-31 22:30:00.5+00\n";
        assert_eq!(sum(berlin, &[0, 2]), sum(utc, &[0, 2]));
        assert_ne!(sum(berlin, &[0]), sum(utc, &[0]));
        assert_eq!(sum("\\N\tx\tinfinity\n", &[0, 2]), sum("\\N\tx\tinfinity\n", &[]));
    }
}
