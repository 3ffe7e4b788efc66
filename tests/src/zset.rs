//! The whole sorted set in a canonical form: to prove that two runs wrote the same, entry by entry.
//!
//! An entry is `score TAB length TAB member LF`, in the set's own order (score, then bytes of the member), with the
//! score as Redis prints it. The hash is SHA-256 of that text; the file, if one is wanted, contains that text.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::resp::RedisClient;

/// The key of the sorted set.
pub const KEY: &str = "kasho:changes";

const PAGE: u64 = 10_000;

impl RedisClient {
    /// Adds one entry to the sorted set `kasho:changes`, as a writer of the buffer does.
    pub fn add_change(&mut self, score: &str, member: &[u8]) -> io::Result<()> {
        self.command(&[b"ZADD", KEY.as_bytes(), score.as_bytes(), member]).map(|_| ())
    }
}

/// What the set held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of entries.
    pub count: u64,
    /// The lowest and the highest score, as Redis prints them.
    pub range: Option<(String, String)>,
    /// SHA-256 of the canonical text, in hexadecimal.
    pub hash: String,
}

impl Snapshot {
    /// Reads the set in constant memory. Nobody may write meanwhile.
    pub fn take(client: &mut RedisClient) -> io::Result<Self> {
        Self::write(client, &mut io::sink())
    }

    /// The same, and writes the canonical text into `file`.
    pub fn take_to_file(client: &mut RedisClient, file: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(file)?);
        let snapshot = Self::write(client, &mut out)?;
        out.flush()?;
        Ok(snapshot)
    }

    fn write(client: &mut RedisClient, out: &mut dyn Write) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        let (mut count, mut first, mut last) = (0, None, Vec::new());
        let mut text = Vec::new();
        loop {
            let (from, to) = (count.to_string(), (count + PAGE - 1).to_string());
            let mut items = client.command(&["ZRANGE", KEY, &from, &to, "WITHSCORES"])?.array().into_iter();
            let before = count;
            while let (Some(member), Some(score)) = (items.next(), items.next()) {
                let (member, score) = (member.bytes(), score.bytes());
                text.clear();
                text.extend_from_slice(&score);
                write!(text, "\t{}\t", member.len())?;
                text.extend_from_slice(&member);
                text.push(b'\n');
                hasher.update(&text);
                out.write_all(&text)?;
                first.get_or_insert_with(|| score.clone());
                last = score;
                count += 1;
            }
            if count - before < PAGE {
                break;
            }
        }
        let show = |score: Vec<u8>| String::from_utf8_lossy(&score).into_owned();
        let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { count, range: first.map(|first| (show(first), show(last))), hash })
    }
}

/// A score as Redis prints it.
pub fn parse_score(text: &[u8]) -> io::Result<f64> {
    let text = std::str::from_utf8(text).map_err(io::Error::other)?;
    text.parse().map_err(|error| io::Error::other(format!("score {text:?}: {error}")))
}

/// One place where two sets differ.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Only in the first one.
    Missing {
        /// Its score.
        score: f64,
        /// Its text.
        member: String,
    },
    /// Only in the second one.
    Added {
        /// Its score.
        score: f64,
        /// Its text.
        member: String,
    },
    /// The same score and another member.
    Changed {
        /// The score of both.
        score: f64,
        /// The text in the first one.
        before: String,
        /// The text in the second one.
        after: String,
    },
}

/// The first `limit` differences between two files of [`Snapshot::take_to_file`], in the order of positions.
pub fn diff(before: &Path, after: &Path, limit: usize) -> io::Result<Vec<Difference>> {
    let (mut left, mut right) = (Entries::open(before)?, Entries::open(after)?);
    let (mut a, mut b) = (left.next()?, right.next()?);
    let mut found = Vec::new();
    while found.len() < limit {
        let order = match (&a, &b) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.0.total_cmp(&b.0),
        };
        match (order, &a, &b) {
            (Ordering::Less, Some((score, member)), _) => {
                found.push(Difference::Missing { score: *score, member: show(member) });
                a = left.next()?;
            }
            (Ordering::Greater, _, Some((score, member))) => {
                found.push(Difference::Added { score: *score, member: show(member) });
                b = right.next()?;
            }
            (_, Some((score, before)), Some((_, after))) => {
                if before != after {
                    found.push(Difference::Changed {
                        score: *score,
                        before: show(before),
                        after: show(after),
                    });
                }
                a = left.next()?;
                b = right.next()?;
            }
            _ => break,
        }
    }
    Ok(found)
}

fn show(member: &[u8]) -> String {
    String::from_utf8_lossy(member).into_owned()
}

struct Entries {
    reader: BufReader<File>,
    path: PathBuf,
}

impl Entries {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { reader: BufReader::with_capacity(1 << 18, File::open(path)?), path: path.to_owned() })
    }

    fn next(&mut self) -> io::Result<Option<(f64, Vec<u8>)>> {
        let mut score = Vec::new();
        if self.reader.read_until(b'\t', &mut score)? == 0 {
            return Ok(None);
        }
        score.pop();
        let mut length = Vec::new();
        self.reader.read_until(b'\t', &mut length)?;
        length.pop();
        let length: usize = std::str::from_utf8(&length)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| io::Error::other(format!("{} is no snapshot", self.path.display())))?;
        let mut member = vec![0; length + 1];
        self.reader.read_exact(&mut member)?;
        member.pop();
        Ok(Some((parse_score(&score)?, member)))
    }
}
