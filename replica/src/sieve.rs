//! Which rows to try next, until those are found that PostgreSQL refuses. Pure.

use std::ops::Range;

use bytes::Bytes;

/// Where each row of several slabs begins.
pub(crate) struct Lines<'a> {
    slabs: &'a [Bytes],
    starts: Vec<(u32, u32)>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(slabs: &'a [Bytes]) -> Self {
        let mut starts = Vec::new();
        for (index, slab) in slabs.iter().enumerate() {
            let mut start = 0;
            for part in slab.split_inclusive(|byte| *byte == b'\n') {
                starts.push((index as u32, start as u32));
                start += part.len();
            }
        }
        Self { slabs, starts }
    }

    pub(crate) fn count(&self) -> u64 {
        self.starts.len() as u64
    }

    /// The slab of a row, and where it begins there.
    pub(crate) fn place(&self, row: u64) -> (usize, usize) {
        self.starts
            .get(row as usize)
            .map_or((self.slabs.len(), 0), |&(slab, at)| (slab as usize, at as usize))
    }

    /// The row's number in its slab, from 0.
    pub(crate) fn in_slab(&self, row: u64) -> u64 {
        let (slab, _) = self.place(row);
        row - self.starts.partition_point(|&(other, _)| (other as usize) < slab) as u64
    }

    /// The bytes of some rows, of which nothing is copied.
    pub(crate) fn bytes(&self, rows: Range<u64>) -> Vec<Bytes> {
        let (first, from) = self.place(rows.start);
        let (last, to) = self.place(rows.end);
        let part = |index: usize| {
            let slab = &self.slabs[index];
            let start = if index == first { from } else { 0 };
            let end = if index == last { to } else { slab.len() };
            slab.slice(start..end)
        };
        (first..self.slabs.len().min(last + 1)).map(part).filter(|bytes| !bytes.is_empty()).collect()
    }
}

/// Ranges of rows that are still to be tried, in their order.
pub(crate) struct Untried(Vec<Range<u64>>);

impl Untried {
    pub(crate) fn new(count: u64) -> Self {
        Self(std::iter::once(0..count).collect())
    }

    pub(crate) fn next(&mut self) -> Option<Range<u64>> {
        self.0.pop()
    }

    /// These rows, more than one, have a bad one among them: the one at `line`, counted from 1, if PostgreSQL has named it.
    /// It is tried alone, and otherwise each half.
    pub(crate) fn split(&mut self, rows: &Range<u64>, line: Option<u64>) {
        let named = line.map(|line| rows.start + line - 1).filter(|row| rows.contains(row));
        let parts = match named {
            Some(row) => [row + 1..rows.end, row..row + 1, rows.start..row],
            None => {
                let half = rows.start + (rows.end - rows.start) / 2;
                [half..rows.end, rows.start..half, 0..0]
            }
        };
        self.0.extend(parts.into_iter().filter(|part| !part.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_out_of_their_slabs() {
        let slabs = [Bytes::from("a\nbb\n"), Bytes::from("ccc\n"), Bytes::from("d\ne\n")];
        let lines = Lines::new(&slabs);
        assert_eq!(lines.count(), 5);
        let text = |rows| lines.bytes(rows).concat();
        assert_eq!(text(0..5), b"a\nbb\nccc\nd\ne\n");
        assert_eq!(text(1..4), b"bb\nccc\nd\n");
        assert_eq!(text(2..3), b"ccc\n");
        assert_eq!(text(4..5), b"e\n");
        assert_eq!((lines.place(3), lines.in_slab(3), lines.in_slab(4)), ((2, 0), 0, 1));
    }

    /// Whatever PostgreSQL names, all bad rows are found, and every other row is taken once.
    #[test]
    fn every_bad_row_is_found() {
        let bad = |row: u64| [0, 7, 8, 30, 99].contains(&row);
        for hint in [None, Some(1), Some(0), Some(1000)] {
            let (mut taken, mut refused, mut tries) = (Vec::new(), Vec::new(), 0);
            let mut untried = Untried::new(100);
            while let Some(rows) = untried.next() {
                tries += 1;
                let first = rows.clone().find(|row| bad(*row));
                match first {
                    None => taken.extend(rows),
                    Some(row) if rows.end - rows.start == 1 => refused.push(row),
                    Some(row) => {
                        let line = hint.map(|hint| if hint == 1 { row - rows.start + 1 } else { hint });
                        untried.split(&rows, line.filter(|line| *line > 0));
                    }
                }
            }
            assert_eq!(refused, [0, 7, 8, 30, 99]);
            assert_eq!(taken, (0..100).filter(|row| !bad(*row)).collect::<Vec<_>>());
            assert!(tries < 80, "{tries}");
        }
    }
}
