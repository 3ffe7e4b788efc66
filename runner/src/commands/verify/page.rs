//! Pages of the members that must be in the set, in the order of their scores.

use kvbuffer::{Score, Sequence};

/// The most members, or bytes, of a page.
const MEMBERS: usize = 1000;
const BYTES: usize = 1 << 20;

/// The expected contents of a range of scores: these members and nothing else.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) from: Score,
    pub(super) to: Score,
    bytes: Vec<u8>,
    /// The score of each member, and where it ends in `bytes`.
    ends: Vec<(Score, usize)>,
}

impl Page {
    fn at(from: Score) -> Self {
        Self { from, to: from, bytes: Vec::new(), ends: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The members with their scores, by score.
    pub(super) fn members(&self) -> std::iter::Peekable<impl Iterator<Item = (Score, &[u8])>> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let member =
            move |(start, (score, end)): (usize, &(Score, usize))| (*score, &self.bytes[start..*end]);
        starts.zip(&self.ends).map(member).peekable()
    }

    /// The member at a score.
    pub(super) fn member(&self, score: Score) -> Option<&[u8]> {
        let index = self.ends.binary_search_by_key(&score, |(score, _)| *score).ok()?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Some(&self.bytes[start..self.ends[index].1])
    }
}

/// Divides the members into pages. No score is left out between two pages.
#[derive(Debug)]
pub(super) struct Pages {
    page: Page,
    ready: Vec<Page>,
    pushed: u64,
}

impl Pages {
    pub(super) fn new(first: Sequence) -> Self {
        Self { page: Page::at(first.score()), ready: Vec::new(), pushed: 0 }
    }

    /// Sequences must come in ascending order.
    pub(super) fn push(&mut self, sequence: Sequence, member: &[u8]) {
        let score = sequence.score();
        self.page.bytes.extend_from_slice(member);
        self.page.ends.push((score, self.page.bytes.len()));
        self.page.to = score;
        self.pushed += 1;
        if self.page.len() >= MEMBERS || self.page.bytes.len() >= BYTES {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let next = Page::at(self.next_score());
        self.ready.push(std::mem::replace(&mut self.page, next));
    }

    /// How many members have come.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The pages that are full.
    pub(super) fn ready(&mut self) -> Vec<Page> {
        std::mem::take(&mut self.ready)
    }

    /// The last page, after the last member.
    pub(super) fn rest(&mut self) -> Option<Page> {
        if self.page.len() == 0 {
            return None;
        }
        self.cut();
        self.ready.pop()
    }

    /// The score after the last member.
    pub(super) fn next_score(&self) -> Score {
        match self.page.len() {
            0 => self.page.from,
            _ => Score::new(self.page.to.get() + 1).unwrap_or(Score::MAX),
        }
    }
}
