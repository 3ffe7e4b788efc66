//! The entries of the sorted set in the consumer's order, a page at a time.

use std::collections::VecDeque;
use std::io;

use crate::resp::RedisClient;
use crate::zset::{KEY, parse_score};

/// What one page of the real consumer holds.
const PAGE: u64 = 1000;

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its score.
    pub score: f64,
    /// The JSON text.
    pub member: Vec<u8>,
}

/// Reads the set as `ZRANGEBYSCORE key (score +inf LIMIT offset 1000` does, and like it ends at the first page
/// that is not full. It asks by rank instead, which names the same entries (those at or below the lower bound
/// come first) without walking over all earlier ones each time.
#[derive(Debug)]
pub struct RedisEntries {
    client: RedisClient,
    rank: u64,
    page: VecDeque<Entry>,
    last: bool,
    page_size: u64,
}

impl RedisEntries {
    /// Everything: the position `bootstrap`.
    pub fn all(client: RedisClient) -> Self {
        Self { client, rank: 0, page: VecDeque::new(), last: false, page_size: PAGE }
    }

    /// The entries above `score`, exclusively.
    pub fn after(mut client: RedisClient, score: f64) -> io::Result<Self> {
        let below = client.command(&["ZCOUNT", KEY, "-inf", &score.to_string()])?.int();
        Ok(Self { rank: u64::try_from(below).map_err(io::Error::other)?, ..Self::all(client) })
    }

    /// Fewer round trips, for a set to which nobody writes any more: then the size of pages makes no difference.
    pub fn in_large_pages(mut self) -> Self {
        self.page_size = 10 * PAGE;
        self
    }

    fn read_page(&mut self) -> io::Result<()> {
        let (first, last) = (self.rank.to_string(), (self.rank + self.page_size - 1).to_string());
        let reply = self.client.command(&["ZRANGE", KEY, &first, &last, "WITHSCORES"])?;
        let mut items = reply.array().into_iter();
        while let (Some(member), Some(score)) = (items.next(), items.next()) {
            let score = parse_score(&score.bytes())?;
            self.page.push_back(Entry { score, member: member.bytes() });
        }
        self.rank += self.page.len() as u64;
        self.last = (self.page.len() as u64) < self.page_size;
        Ok(())
    }
}

impl Iterator for RedisEntries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.last
            && let Err(error) = self.read_page()
        {
            self.last = true;
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}
