//! The scanner of plain dumps: bytes in, events out.

use std::sync::Arc;

use memchr::memchr_iter;

use crate::copy::Slab;
use crate::encoding::Encoding;
use crate::error::{Place, ScanError};
use crate::header::CopyHeader;
use crate::kind::Kind;
use crate::meta::Meta;
use crate::plain::inserts::{Attempt, InsertBlock, is_insert};
use crate::plain::rows::Block;
use crate::statement::Boundary;
use crate::variable::Variables;
use crate::window::{BUFFER, Window};

pub use point::{BlockPoint, InsertPoint, ScanPoint, SlabSize};

mod between;
mod inserts;
mod point;
mod rows;
mod statements;

/// PostgreSQL takes no statement of a gigabyte; one of this size is not a statement of pg_dump.
const STATEMENT_LIMIT: usize = 256 << 20;
/// PostgreSQL takes no row of which it would have to write more.
const ROW_LIMIT: usize = if cfg!(test) { 2 << 20 } else { 1 << 30 };

/// What the scanner found, in the order of the dump.
#[derive(Debug)]
pub enum Event {
    /// A statement of SQL, whole.
    Statement(Statement),
    /// A command to psql, and where its line begins.
    Meta(Meta, Place),
    /// The rows of a table begin.
    CopyStart(Arc<CopyHeader>),
    /// Rows of the block that began last.
    Rows(Slab),
    /// The block has ended, after so many rows.
    CopyEnd {
        /// Rows of the block.
        rows: u64,
    },
    /// The dump is complete.
    End,
}

/// A statement, byte for byte as in the dump (but in UTF-8), with its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text.
    pub text: String,
    /// Where it begins.
    pub place: Place,
    /// What it is for.
    pub kind: Kind,
}

/// What the scanner is in the middle of.
#[derive(Debug)]
enum State {
    /// Nothing was looked at.
    Start,
    /// Between statements.
    Between,
    /// At an INSERT statement.
    Insert(Attempt),
    /// In a statement.
    Statement(Boundary),
    /// After a COPY statement, before the end of its line.
    CopyLine(Box<BlockPoint>),
    /// In the rows of a block of COPY.
    Rows(Block),
    /// In the rows of a block of INSERT.
    InsertRows(InsertBlock),
    /// Said [`Event::End`].
    Finished,
}

/// Reads a plain dump: [`room`](Self::room) and [`fill`](Self::fill) bring bytes in, [`next_event`](Self::next_event)
/// gives events.
///
/// The events are the same for any cutting of the bytes, down to one at a time.
#[derive(Debug)]
pub struct Scanner {
    window: Window,
    state: State,
    line: u64,
    standard: bool,
    encoding: Encoding,
    head: bool,
    complete: bool,
    statements: u64,
    whole: bool,
    slabs: SlabSize,
    cluster: bool,
    cluster_open: bool,
    restricted: bool,
    variables: Variables,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            window: Window::default(),
            state: State::Start,
            line: 1,
            standard: true,
            encoding: Encoding::Utf8,
            head: false,
            complete: false,
            statements: 0,
            whole: false,
            slabs: SlabSize::default(),
            cluster: false,
            cluster_open: false,
            restricted: false,
            variables: Variables::default(),
        }
    }
}

impl Scanner {
    /// A scanner at the start of a dump.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scanner that goes on at `point`; the next byte that it is given must be the one at `point.offset`.
    ///
    /// # Errors
    /// [`ScanError`] when the point's encoding or COPY statement is not understood.
    pub fn resume(point: &ScanPoint) -> Result<Self, ScanError> {
        let state = match &point.block {
            None if point.offset == 0 => State::Start,
            None => State::Between,
            Some(block) if is_insert(block.statement.as_bytes()) => {
                State::InsertRows(InsertBlock::resume(block, point)?)
            }
            Some(block) => {
                let place = Place { offset: block.offset, line: block.line };
                let encoding = Self::encoding_named(&point.encoding, place)?;
                let header = CopyHeader::parse(&block.statement, place, point.standard, encoding)?;
                let searched = point.offset;
                State::Rows(Block { header: Arc::new(header), point: Box::new(block.clone()), searched })
            }
        };
        let mut scanner = Self {
            window: Window::at(point.offset),
            state,
            line: point.line,
            standard: point.standard,
            head: point.head,
            complete: point.complete,
            cluster_open: point.cluster,
            restricted: point.restricted,
            variables: point.variables.clone(),
            statements: 1,
            ..Self::default()
        };
        scanner.set_encoding(&point.encoding)?;
        Ok(scanner)
    }

    /// The same with slabs of another size. A point inside a block is only good for the size that it was made with.
    #[must_use]
    pub fn with_slabs(mut self, slabs: SlabSize) -> Self {
        self.set_slabs(slabs);
        self
    }

    /// Slabs of another size from here on.
    pub fn set_slabs(&mut self, slabs: SlabSize) {
        self.slabs = slabs;
    }

    /// The point after the last event.
    #[must_use]
    pub fn point(&self) -> ScanPoint {
        let block = match &self.state {
            State::Rows(block) => Some((*block.point).clone()),
            State::InsertRows(block) => Some((*block.point).clone()),
            _ => None,
        };
        ScanPoint {
            offset: self.window.offset(),
            line: self.line,
            standard: self.standard,
            encoding: self.encoding.name().to_owned(),
            head: self.head,
            complete: self.complete,
            cluster: self.cluster_open,
            restricted: self.restricted,
            variables: self.variables.clone(),
            block,
        }
    }

    /// The head of the block that the point lies in, for a scanner that was resumed in one.
    #[must_use]
    pub fn block(&self) -> Option<Arc<CopyHeader>> {
        match &self.state {
            State::Rows(block) => Some(Arc::clone(&block.header)),
            State::InsertRows(block) => Some(Arc::clone(&block.header)),
            _ => None,
        }
    }

    /// The encoding of what follows.
    #[must_use]
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// Whether backslashes are ordinary characters in `'…'`.
    #[must_use]
    pub fn standard_strings(&self) -> bool {
        self.standard
    }

    /// Whether pg_dumpall's head was seen. A scanner that was resumed does not know.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// How many bytes were read and belong to no event yet: the beginning of a row or a statement, for the most part.
    #[must_use]
    pub fn held(&self) -> usize {
        self.window.bytes().len()
    }

    /// Room to read the next bytes into; say by [`fill`](Self::fill) how many came.
    pub fn room(&mut self) -> &mut [u8] {
        let held = self.window.bytes().len();
        let wanted = match &self.state {
            // Just up to the slab's end and the row over it, so that little is copied between buffers.
            State::Rows(Block { point, .. }) | State::InsertRows(InsertBlock { point, .. }) => {
                let target = self.slabs.target(point, self.window.offset());
                let near = target + 4096;
                if held < near { near } else { held + held / 8 + 4096 }
            }
            _ if held < BUFFER / 2 => BUFFER / 2,
            _ => held + held / 8 + 4096,
        };
        self.window.room(wanted)
    }

    /// Takes over the first `count` bytes of [`room`](Self::room).
    pub fn fill(&mut self, count: usize) {
        self.window.fill(count);
    }

    /// Gives the scanner bytes at once.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = self.room();
            let count = room.len().min(rest.len());
            room[..count].copy_from_slice(&rest[..count]);
            self.fill(count);
            rest = &rest[count..];
        }
    }

    /// The bytes from `offset` of the dump on that the scanner was given and has not consumed, or `None` when
    /// `offset` lies elsewhere.
    #[must_use]
    pub fn read_ahead(&self, offset: u64) -> Option<Vec<u8>> {
        let skip = offset.checked_sub(self.window.offset())?;
        self.window.bytes().get(usize::try_from(skip).ok()?..).map(<[u8]>::to_vec)
    }

    /// Says that no more bytes follow.
    pub fn finish(&mut self) {
        self.whole = true;
    }

    /// Takes a slab's buffer back, to be used again.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.window.recycle(buffer);
    }

    /// The next event, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`ScanError`] when the bytes are not, or not wholly, a plain dump. Rows and statements before that
    /// place were given out.
    pub fn next_event(&mut self) -> Result<Option<Event>, ScanError> {
        loop {
            match &mut self.state {
                State::Start => {
                    if !self.start()? {
                        return Ok(None);
                    }
                }
                State::Between => {
                    if let Some(event) = self.between()? {
                        return Ok(Some(event));
                    }
                    if matches!(self.state, State::Between) {
                        return Ok(None);
                    }
                }
                State::Insert(_) => {
                    if let Some(event) = self.insert()? {
                        return Ok(Some(event));
                    }
                    if matches!(self.state, State::Insert(_)) {
                        return Ok(None);
                    }
                }
                State::InsertRows(_) => return self.insert_rows(),
                State::Statement(_) => return self.statement(),
                State::CopyLine(_) => {
                    return match self.copy_line()? {
                        Some(header) => Ok(Some(Event::CopyStart(header))),
                        None => Ok(None),
                    };
                }
                State::Rows(_) => return self.rows(),
                State::Finished => return Ok(None),
            }
        }
    }

    fn place(&self) -> Place {
        Place { offset: self.window.offset(), line: self.line }
    }

    /// The place `ahead` bytes into the window.
    fn place_at(&self, ahead: usize) -> Place {
        let lines = memchr_iter(b'\n', &self.window.bytes()[..ahead]).count() as u64;
        Place { offset: self.window.offset() + ahead as u64, line: self.line + lines }
    }

    fn check_length(&self, length: usize) -> Result<(), ScanError> {
        if length > STATEMENT_LIMIT {
            return Err(ScanError::StatementTooLong { began: self.place(), limit: STATEMENT_LIMIT });
        }
        Ok(())
    }

    /// The row that the window ends with begins `rows` bytes into it.
    fn check_row(&self, rows: usize) -> Result<(), ScanError> {
        let bytes = self.window.bytes();
        if bytes.len() - rows > ROW_LIMIT {
            return Err(ScanError::RowTooLong { began: self.place_at(rows), limit: ROW_LIMIT });
        }
        Ok(())
    }

    fn advance(&mut self, count: usize) {
        let lines = memchr_iter(b'\n', &self.window.bytes()[..count]).count() as u64;
        self.advance_lines(count, lines);
    }

    fn advance_lines(&mut self, count: usize, lines: u64) {
        self.line += lines;
        self.window.consume(count);
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, ScanError> {
        self.encoding.to_utf8(bytes).map(std::borrow::Cow::into_owned).map_err(|error| {
            ScanError::Undecodable {
                at: self.place(),
                offset: self.window.offset() + error.offset as u64,
                encoding: self.encoding.name().to_owned(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_never_end() {
        let (copy, insert) = ("COPY t (a) FROM stdin;\n1\n", "INSERT INTO t VALUES ('1');");
        let row = "\nINSERT INTO t VALUES ('";
        for (head, row, line) in [(copy, "", 3), (insert, row, 1), ("", &row[1..], 1)] {
            let mut scanner = Scanner::new();
            scanner.push(format!("{head}{row}").as_bytes());
            let error = (0..ROW_LIMIT / 4096 + 1000).find_map(|_| {
                scanner.push(&[b'x'; 4096]);
                while let Some(event) = scanner.next_event().transpose() {
                    if let Err(error) = event {
                        return Some(error);
                    }
                }
                None
            });
            let began = Place { offset: head.len() as u64, line };
            assert_eq!(error, Some(ScanError::RowTooLong { began, limit: ROW_LIMIT }));
        }
    }
}
