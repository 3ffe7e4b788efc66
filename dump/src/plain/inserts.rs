//! INSERT statements with the same head, one after the other, as one block of rows.
//!
//! A statement is rows wholly or not at all. So before rows of one are given out whose end is not among them, its rest is looked
//! at, up to [`SlabSize::look_ahead`]: with anything in it that is no row, it is a statement like others.

use std::sync::Arc;

use memchr::memchr_iter;

use super::point::InsertPoint;
use super::{BlockPoint, Event, ScanPoint, Scanner, SlabSize, State};
use crate::copy::Slab;
use crate::error::{Place, ScanError};
use crate::header::CopyHeader;
use crate::insert::{self, Found, OnConflict, Shape, Value, Visit};
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

/// What is known of the INSERT statement that the window begins with.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    /// So many bytes make it worth while to look for the end of its first row.
    worth: usize,
    /// After its first row.
    began: Option<(Shape, Look)>,
}

impl Attempt {
    /// Whether its head, its first row, and all rows that are looked at, are such as make a block.
    fn decide(&mut self, bytes: &[u8], standard: bool, most: usize, whole: bool) -> Found<OnConflict> {
        if self.began.is_none() {
            if bytes.len() < self.worth && !whole {
                return Found::NotYet;
            }
            match first_row(bytes, standard) {
                Found::Yes((shape, end)) => self.began = Some((shape, Look::from(end))),
                Found::NotYet => {
                    self.worth = bytes.len() + bytes.len() / 4;
                    return Found::NotYet;
                }
                Found::No => return Found::No,
            }
        }
        match &mut self.began {
            Some((shape, look)) => look.go_on(bytes, 0, shape, most, whole),
            None => Found::NotYet,
        }
    }

    /// Where the row begins that is looked for.
    fn row(&self) -> usize {
        self.began.as_ref().map_or(0, |(_, look)| look.at)
    }
}

/// The head of the statement that `bytes` begin with, with the number of values of its first row, and the index after that row.
fn first_row(bytes: &[u8], standard: bool) -> Found<(Shape, usize)> {
    let (length, zero) = match insert::head(bytes, standard) {
        Found::Yes(head) => head,
        Found::NotYet => return Found::NotYet,
        Found::No => return Found::No,
    };
    let shape = Shape { head: bytes[..length].into(), zero, standard, width: 0, open: OnConflict::Error };
    let mut seen = Seen::default();
    match insert::row(bytes, 0, &shape, false, &mut seen) {
        Found::Yes(end) => Found::Yes((Shape { width: seen.values, ..shape }, end)),
        Found::NotYet => Found::NotYet,
        Found::No => Found::No,
    }
}

/// Counts the values of rows, and sees what their statement says behind them.
#[derive(Default)]
struct Seen {
    values: usize,
    on_conflict: OnConflict,
}

impl Visit for Seen {
    #[inline]
    fn value(&mut self, _: Value<'_>) {
        self.values += 1;
    }

    fn ignores_conflicts(&mut self) {
        self.on_conflict = OnConflict::Nothing;
    }
}

/// A look at the rest of a statement.
#[derive(Debug)]
struct Look {
    /// Rows were read up to here.
    at: usize,
    /// So many bytes make it worth while to look for the end of the next one.
    worth: usize,
}

impl Look {
    fn from(at: usize) -> Self {
        Self { at, worth: 0 }
    }

    /// What the statement that begins at `start` says behind its rows; [`OnConflict::Unknown`] where its end is not within so
    /// many bytes. This depends on no other bytes than these.
    fn go_on(
        &mut self,
        bytes: &[u8],
        start: usize,
        shape: &Shape,
        most: usize,
        whole: bool,
    ) -> Found<OnConflict> {
        if bytes.len() < self.worth && !whole {
            return Found::NotYet;
        }
        let all = bytes.len() >= start + most || whole;
        let view = &bytes[..bytes.len().min(start + most)];
        if view.get(..self.at).is_some_and(|rows| rows.ends_with(b";")) {
            // Its only row: what stands behind it is in that.
            return Found::Yes(OnConflict::Error);
        }
        loop {
            let mut seen = Seen::default();
            match insert::row(view, self.at, shape, false, &mut seen) {
                Found::Yes(end) => {
                    self.at = end;
                    if view[end - 1] == b';' {
                        return Found::Yes(seen.on_conflict);
                    }
                }
                Found::NotYet if all => return Found::Yes(OnConflict::Unknown),
                Found::NotYet => {
                    self.worth = bytes.len() + bytes.len().saturating_sub(self.at) / 4;
                    return Found::NotYet;
                }
                Found::No => return Found::No,
            }
        }
    }
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
    statement: InHand,
    /// No row of the block follows those that were found.
    over: bool,
}

/// The statement in hand.
#[derive(Debug)]
enum InHand {
    /// It is not known yet whether the next row begins one.
    Unseen,
    /// It began after so many bytes and rows of the slab in hand, and its rest was perhaps looked at.
    Here(usize, u64, Option<Look>),
    /// All of it is rows, or some of them were given out: what it says behind them is in the block's point.
    Decided,
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
    fn new(header: CopyHeader, point: BlockPoint, shape: Shape, statement: InHand) -> Self {
        Self {
            header: Arc::new(header),
            point: Box::new(point),
            shape: Arc::new(shape),
            found: (0, 0),
            worth: 0,
            statement,
            over: false,
        }
    }

    /// The block that `point` lies in.
    pub(super) fn resume(block: &BlockPoint, point: &ScanPoint) -> Result<Self, ScanError> {
        let place = Place { offset: block.offset, line: block.line };
        let width = block.insert.as_ref().map_or(0, |insert| insert.width);
        let header = insert::header(&block.statement, place, point.standard, width)?;
        let head: Arc<[u8]> = match &block.raw {
            Some(raw) => raw.as_slice().into(),
            None => block.statement.as_bytes().into(),
        };
        let zero = header.columns == crate::header::CopyColumns::DefaultValues;
        let shape = Shape { head, zero, standard: point.standard, width, open: OnConflict::Error };
        Ok(Self::new(header, block.clone(), shape, InHand::Unseen))
    }

    /// What the statement in hand says behind its rows.
    fn says(&mut self, on_conflict: OnConflict) {
        if let Some(insert) = &mut self.point.insert {
            insert.open = on_conflict;
        }
    }

    /// Goes on over rows, up to the end of the slab.
    fn search(&mut self, bytes: &[u8], offset: u64, whole: bool, slabs: SlabSize) -> Next {
        if self.over {
            return Next::Other;
        }
        if bytes.len() < self.worth && !whole {
            return Next::Wait;
        }
        if let (InHand::Unseen, Some(first)) = (&self.statement, bytes.first()) {
            self.statement = if *first == b',' { InHand::Decided } else { InHand::Here(0, 0, None) };
        }
        let (target, most) = (slabs.target(&self.point, offset), slabs.most(self.point.rows));
        let (mut end, mut rows) = self.found;
        let next = loop {
            if end >= target || rows >= most {
                break Next::Slab;
            }
            match insert::row(bytes, end, &self.shape, false, &mut ()) {
                Found::Yes(next) => {
                    (end, rows) = (next, rows + 1);
                    if bytes[end - 1] == b';' {
                        self.statement = InHand::Here(end, rows, None);
                    }
                }
                Found::NotYet => break Next::Wait,
                Found::No => break Next::Other,
            }
        };
        self.found = (end, rows);
        let part = bytes.len() - end;
        self.worth = if part > slabs.bytes { bytes.len() + part / 4 } else { 0 };
        match next {
            Next::Slab => self.ends_here(bytes, whole, slabs.look_ahead()),
            Next::Wait => Next::Wait,
            Next::Other => self.cut(),
        }
    }

    /// Whether the slab may end where it is to end: not in a statement that holds anything else than rows.
    fn ends_here(&mut self, bytes: &[u8], whole: bool, most: usize) -> Next {
        let (end, shape) = (self.found.0, Arc::clone(&self.shape));
        let InHand::Here(start, _, look) = &mut self.statement else { return Next::Slab };
        if *start == end {
            return Next::Slab;
        }
        self.worth = 0;
        match look.get_or_insert(Look::from(end)).go_on(bytes, *start, &shape, most, whole) {
            Found::Yes(on_conflict) => {
                self.statement = InHand::Decided;
                self.says(on_conflict);
                Next::Slab
            }
            Found::NotYet => Next::Wait,
            Found::No => self.cut(),
        }
    }

    /// No row follows. Of the statement in hand nothing is given out, if nothing was.
    fn cut(&mut self) -> Next {
        if let InHand::Here(start, before, _) = self.statement {
            self.found = (start, before);
            self.over = true;
        }
        Next::Other
    }

    /// Takes the rows that were found, for a slab of which they are all. `bytes` are those of the slab.
    fn take(&mut self, bytes: &[u8]) -> (Arc<Shape>, u64) {
        let (_, rows) = std::mem::take(&mut self.found);
        self.worth = 0;
        self.point.rows += rows;
        let open = match &self.point.insert {
            Some(insert) if !bytes.ends_with(b";") => insert.open,
            _ => OnConflict::Error,
        };
        self.statement = InHand::Unseen;
        let shape = Arc::clone(&self.shape);
        let shape = if shape.open == open { shape } else { Arc::new(Shape { open, ..(*shape).clone() }) };
        (shape, rows)
    }

    /// Where the row begins that is looked for.
    fn row(&self) -> usize {
        match &self.statement {
            InHand::Here(_, _, Some(look)) => look.at,
            _ => self.found.0,
        }
    }
}

impl Scanner {
    /// At an INSERT: rows, where its head and its rows are such as make a block; else a statement.
    pub(super) fn insert(&mut self) -> Result<Option<Event>, ScanError> {
        let State::Insert(attempt) = &mut self.state else { return Ok(None) };
        let most = self.slabs.look_ahead();
        let decided = attempt.decide(self.window.bytes(), self.standard, most, self.whole);
        match (decided, attempt.began.take()) {
            (Found::Yes(open), Some((shape, _))) => return self.insert_block(shape, open).map(Some),
            (Found::NotYet, began) if !self.whole => {
                attempt.began = began;
                let row = attempt.row();
                self.check_row(row)?;
            }
            _ => self.state = State::Statement(Boundary::default()),
        }
        Ok(None)
    }

    fn insert_block(&mut self, shape: Shape, open: OnConflict) -> Result<Event, ScanError> {
        let text = self.decode(&shape.head)?;
        let place = self.place();
        let header = insert::header(&text, place, self.standard, shape.width)?;
        let raw = (text.as_bytes() != &*shape.head).then(|| shape.head.to_vec());
        let point = BlockPoint {
            statement: Arc::from(text),
            offset: place.offset,
            line: place.line,
            data: place.offset,
            rows: 0,
            crlf: false,
            raw,
            insert: Some(InsertPoint { width: shape.width, open }),
        };
        let block = InsertBlock::new(header, point, shape, InHand::Decided);
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
            let row = block.row();
            self.check_row(row)?;
            return Ok(None);
        }
        if rows == 0 {
            return self.insert_end(&next).map(Some);
        }
        let first_row = block.point.rows;
        let (shape, rows) = block.take(&bytes[..length]);
        let insert = Some(shape);
        let lines = memchr_iter(b'\n', &bytes[..length]).count() as u64;
        let place = self.place();
        self.line += lines;
        let (buffer, start, end) = self.window.take(length);
        Ok(Some(Event::Rows(Slab { buffer, start, end, place, first_row, rows, crlf: false, insert })))
    }

    /// No row begins here: the block has ended, or the dump has, or a long statement holds something else.
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
            let what = "what stands there is no row of the statement, or not its last, and the rows before it are loaded: pg_dump writes none so; write the statement in several, each with less than a mebibyte of rows".to_owned();
            return Err(ScanError::Insert { at: self.place(), what });
        }
        self.state = State::Between;
        Ok(Event::CopyEnd { rows })
    }
}
