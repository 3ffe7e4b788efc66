//! INSERT statements with the same head, one after the other, as one block of rows.

use std::sync::Arc;

use memchr::memchr_iter;

use super::{BlockPoint, Event, ScanPoint, Scanner, SlabSize, State};
use crate::copy::{CopyHeader, Slab};
use crate::error::{Place, ScanError};
use crate::insert::{self, Found, Shape};
use crate::statement::Boundary;

const INSERT: &[u8] = b"INSERT";

/// Whether a statement that begins so is an INSERT.
pub(super) fn is_insert(bytes: &[u8]) -> bool {
    bytes.get(..INSERT.len()).is_some_and(|start| start.eq_ignore_ascii_case(INSERT))
}

/// Whether `bytes`, which end too early to tell, may begin an INSERT.
pub(super) fn begins_insert(bytes: &[u8]) -> bool {
    bytes.len() < INSERT.len() && INSERT[..bytes.len()].eq_ignore_ascii_case(bytes)
}

/// The block that is being read.
#[derive(Debug)]
pub(super) struct InsertBlock {
    pub(super) header: Arc<CopyHeader>,
    pub(super) point: Box<BlockPoint>,
    shape: Arc<Shape>,
    /// Of the slab in hand: bytes and number of the rows that were found.
    found: (usize, u64),
    /// So many bytes make it worth while to look for the end of the next row: a long one is looked through again each
    /// time it has grown by a quarter, so the work stays linear.
    worth: usize,
}

/// What follows the rows that were found.
enum Next {
    /// The slab ends here.
    Slab,
    /// More bytes are needed.
    Wait,
    /// No row of this block.
    Other,
}

impl InsertBlock {
    fn new(header: CopyHeader, point: BlockPoint, shape: Shape) -> Self {
        Self {
            header: Arc::new(header),
            point: Box::new(point),
            shape: Arc::new(shape),
            found: (0, 0),
            worth: 0,
        }
    }

    /// The block that `point` lies in.
    pub(super) fn resume(block: &BlockPoint, point: &ScanPoint) -> Result<Self, ScanError> {
        let place = Place { offset: block.offset, line: block.line };
        let header = insert::header(&block.statement, place, point.standard)?;
        let head: Arc<[u8]> = match &block.raw {
            Some(raw) => raw.as_slice().into(),
            None => block.statement.as_bytes().into(),
        };
        let zero = header.columns == crate::copy::CopyColumns::DefaultValues;
        let shape = Shape { head, zero, standard: point.standard };
        Ok(Self::new(header, block.clone(), shape))
    }

    /// Goes on over rows, up to the end of the slab.
    fn search(&mut self, bytes: &[u8], offset: u64, whole: bool, slabs: SlabSize) -> Next {
        if bytes.len() < self.worth && !whole {
            return Next::Wait;
        }
        let target = slabs.target(&self.point, offset);
        let (mut end, mut rows) = self.found;
        let next = loop {
            if end >= target || rows >= slabs.rows {
                break Next::Slab;
            }
            match insert::row(bytes, end, &self.shape, false, &mut ()) {
                Found::Yes(next) => (end, rows) = (next, rows + 1),
                Found::NotYet => break Next::Wait,
                Found::No => break Next::Other,
            }
        };
        self.found = (end, rows);
        let part = bytes.len() - end;
        self.worth = if part > slabs.bytes { bytes.len() + part / 4 } else { 0 };
        next
    }
}

impl Scanner {
    /// At an INSERT: rows, where its head and its first row are as pg_dump writes them; else a statement.
    pub(super) fn insert(&mut self) -> Result<Option<Event>, ScanError> {
        let State::Insert(worth) = self.state else { return Ok(None) };
        let bytes = self.window.bytes();
        if bytes.len() < worth && !self.whole {
            return Ok(None);
        }
        let shape = match insert::head(bytes, self.standard) {
            Found::Yes((length, zero)) => {
                let shape = Shape { head: bytes[..length].into(), zero, standard: self.standard };
                match insert::row(bytes, 0, &shape, false, &mut ()) {
                    Found::Yes(_) => Found::Yes(shape),
                    Found::NotYet => Found::NotYet,
                    Found::No => Found::No,
                }
            }
            Found::NotYet => Found::NotYet,
            Found::No => Found::No,
        };
        match shape {
            Found::Yes(shape) => self.insert_block(shape).map(Some),
            Found::NotYet if !self.whole => {
                let length = bytes.len();
                self.check_row(0)?;
                self.state = State::Insert(length + length / 4);
                Ok(None)
            }
            _ => {
                self.state = State::Statement(Boundary::default());
                Ok(None)
            }
        }
    }

    fn insert_block(&mut self, shape: Shape) -> Result<Event, ScanError> {
        let text = self.decode(&shape.head)?;
        let place = self.place();
        let header = insert::header(&text, place, self.standard)?;
        let raw = (text.as_bytes() != &*shape.head).then(|| shape.head.to_vec());
        let point = BlockPoint {
            statement: Arc::from(text),
            offset: place.offset,
            line: place.line,
            data: place.offset,
            rows: 0,
            crlf: false,
            raw,
        };
        let block = InsertBlock::new(header, point, shape);
        let header = Arc::clone(&block.header);
        self.statements += 1;
        self.state = State::InsertRows(block);
        Ok(Event::CopyStart(header))
    }

    pub(super) fn insert_rows(&mut self) -> Result<Option<Event>, ScanError> {
        let offset = self.window.offset();
        let State::InsertRows(block) = &mut self.state else { return Ok(None) };
        let bytes = self.window.bytes();
        let next = block.search(bytes, offset, self.whole, self.slabs);
        let (length, rows) = block.found;
        let done = match next {
            Next::Slab | Next::Other => true,
            Next::Wait => self.whole,
        };
        if !done {
            self.check_row(length)?;
            return Ok(None);
        }
        if rows == 0 {
            return self.insert_end(&next).map(Some);
        }
        block.found = (0, 0);
        block.worth = 0;
        let first_row = block.point.rows;
        block.point.rows += rows;
        let insert = Some(Arc::clone(&block.shape));
        let lines = memchr_iter(b'\n', &bytes[..length]).count() as u64;
        let place = self.place();
        self.line += lines;
        let (buffer, start, end) = self.window.take(length);
        Ok(Some(Event::Rows(Slab { buffer, start, end, place, first_row, rows, crlf: false, insert })))
    }

    /// No row begins here: the block has ended, or the dump has, or a statement has rows of two shapes.
    fn insert_end(&mut self, next: &Next) -> Result<Event, ScanError> {
        let State::InsertRows(block) = &self.state else { return Ok(Event::CopyEnd { rows: 0 }) };
        let bytes = self.window.bytes();
        let inside = bytes.first() == Some(&b',');
        let rows = block.point.rows;
        let blank = bytes.iter().all(|&byte| crate::token::is_space(byte));
        if matches!(next, Next::Wait) && !blank {
            let table = block.header.table.to_string();
            return Err(ScanError::TruncatedInsert { table, began: block.header.place, rows });
        }
        if inside {
            let what = "it holds more than literals, other than the statement's first row; write it as a statement of its own".to_owned();
            return Err(ScanError::Insert { at: self.place(), what });
        }
        self.state = State::Between;
        Ok(Event::CopyEnd { rows })
    }
}
