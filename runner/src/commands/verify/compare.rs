//! Compares the expected entries with the entries in Redis.

use std::iter::Peekable;

use kvbuffer::{ChangeData, Entry, Position, Score, decode};

use super::page::Page;
use convert::render::{packed, pieces};

use super::difference::{Difference, What};

/// The differences: how many there are, and the first ones in detail.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Members that are equal.
    pub(super) equal: u64,
    pub(super) missing: u64,
    pub(super) altered: u64,
    pub(super) foreign: u64,
    /// The first differences, in order, each with its score.
    pub(super) differences: Vec<(Score, Difference)>,
    wanted: usize,
}

impl Comparison {
    /// A comparison that keeps the details of the first `wanted` differences.
    pub(super) fn new(wanted: usize) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// Compares entries, in order and with all entries of a score together, with the expected members up to there.
    pub(super) fn entries<'a>(
        &mut self,
        expected: &mut Peekable<impl Iterator<Item = (Score, &'a [u8])>>,
        entries: Vec<Entry>,
    ) {
        for group in entries.chunk_by(|one, other| one.score == other.score) {
            let score = group[0].score;
            while let Some((at, member)) = expected.next_if(|(at, _)| *at < score) {
                self.missing(at, member);
            }
            match expected.next_if(|(at, _)| *at == score) {
                Some((_, member)) => self.at(score, member, group),
                None => group.iter().for_each(|entry| self.foreign(entry)),
            }
        }
    }

    /// Everything that is still expected is missing.
    pub(super) fn rest<'a>(&mut self, expected: &mut Peekable<impl Iterator<Item = (Score, &'a [u8])>>) {
        for (at, member) in expected {
            self.missing(at, member);
        }
    }

    /// Compares one score: one of the entries must be the member, and there should be no others.
    fn at(&mut self, score: Score, member: &[u8], group: &[Entry]) {
        let own = group.iter().position(|entry| entry.member == member);
        match own {
            Some(_) => self.equal += 1,
            None => {
                self.altered += 1;
                let found = &group[0].member;
                self.note(score, || Difference {
                    what: What::Altered,
                    position: position(score),
                    table: table(member),
                    detail: altered(member, found),
                });
            }
        }
        let own = own.unwrap_or(0);
        for (_, entry) in group.iter().enumerate().filter(|(index, _)| *index != own) {
            self.foreign(entry);
        }
    }

    fn missing(&mut self, score: Score, member: &[u8]) {
        self.missing += 1;
        self.note(score, || Difference {
            what: What::Missing { moved: None },
            position: position(score),
            table: table(member),
            detail: String::new(),
        });
    }

    fn foreign(&mut self, entry: &Entry) {
        self.foreign += 1;
        self.note(entry.score, || Difference {
            what: What::Foreign,
            position: position(entry.score),
            table: table(&entry.member),
            detail: strayed(entry),
        });
    }

    fn note(&mut self, score: Score, difference: impl FnOnce() -> Difference) {
        if self.differences.len() < self.wanted {
            self.differences.push((score, difference()));
        }
    }

    /// The missing members that are listed in detail, to note the score at which such a member is found instead.
    pub(super) fn missing_in_detail<'a>(
        &'a mut self,
        page: &'a Page,
    ) -> impl Iterator<Item = (&'a [u8], &'a mut Option<f64>)> {
        self.differences.iter_mut().filter_map(|(score, difference)| match &mut difference.what {
            What::Missing { moved } => Some((page.member(*score)?, moved)),
            _ => None,
        })
    }
}

/// A score as people write it.
fn position(score: Score) -> String {
    match score.sequence() {
        Some(sequence) => Position::Bootstrap(sequence).to_string(),
        None => format!("score {score}"),
    }
}

/// The table of a member's row; never its values.
fn table(member: &[u8]) -> String {
    match decode(member).map(|change| change.data) {
        Ok(ChangeData::Dml(dml)) => dml.table,
        Ok(ChangeData::Ddl(ddl)) => match packed::table(&ddl.ddl) {
            Some(table) => format!("packed rows of {table}"),
            None if pieces::is_piece(&ddl.ddl) => "a large row or statement in pieces".to_owned(),
            None => "SQL text".to_owned(),
        },
        Err(_) => "not a change".to_owned(),
    }
}

/// The parts of a change that differ: names of fields and columns.
fn altered(expected: &[u8], found: &[u8]) -> String {
    let (Ok(expected), Ok(found)) = (decode(expected), decode(found)) else {
        return "it is not a change any more".to_owned();
    };
    let mut parts = Vec::new();
    if expected.position != found.position {
        parts.push(format!("its position says {}", found.position));
    }
    match (&expected.data, &found.data) {
        (ChangeData::Dml(wanted), ChangeData::Dml(got)) => {
            if wanted.table != got.table {
                parts.push(format!("it is a row of {}", got.table));
            } else if wanted.column_names != got.column_names {
                parts.push("its columns differ".to_owned());
            } else {
                let values = wanted.column_values.iter().zip(&got.column_values);
                let differ = wanted.column_names.iter().zip(values).filter(|(_, (a, b))| a != b);
                let names: Vec<_> = differ.map(|(name, _)| name.as_str()).collect();
                if !names.is_empty() {
                    parts.push(format!("column {}", names.join(", ")));
                }
            }
        }
        (ChangeData::Ddl(wanted), ChangeData::Ddl(got)) => {
            let fields = [
                ("time", wanted.time != got.time),
                ("database", wanted.database != got.database),
                ("the SQL text", wanted.ddl != got.ddl),
            ];
            parts.extend(fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| (*name).to_owned()));
        }
        (ChangeData::Dml(_), ChangeData::Ddl(_)) => parts.push("it is SQL text".to_owned()),
        (ChangeData::Ddl(_), ChangeData::Dml(got)) => parts.push(format!("it is a row of {}", got.table)),
    }
    if parts.is_empty() { "the same change in other bytes".to_owned() } else { parts.join("; ") }
}

/// The position that an entry names, if that is not its own.
fn strayed(entry: &Entry) -> String {
    match entry.change().map(|change| change.position) {
        Ok(position) if position.score() != Some(entry.score) => format!("its position says {position}"),
        _ => String::new(),
    }
}
