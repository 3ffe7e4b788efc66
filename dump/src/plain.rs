//! The scanner of plain dumps: bytes in, events out.

use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use crate::copy::{CopyHeader, Slab};
use crate::detect;
use crate::encoding::Encoding;
use crate::error::{Place, ScanError};
use crate::kind::{Kind, classify};
use crate::meta::Meta;
use crate::plain::inserts::{InsertBlock, begins_insert, is_insert};
use crate::plain::rows::Block;
use crate::setting::{Scope, Setting, is_on};
use crate::statement::Boundary;
use crate::token::is_space;
use crate::window::{BUFFER, Window};

pub use point::{BlockPoint, SLAB_BYTES, SLAB_ROWS, ScanPoint, SlabSize};

mod inserts;
mod point;
mod rows;

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
    /// At an INSERT statement; so many bytes make another look at it worth while.
    Insert(usize),
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
                let header = CopyHeader::parse(&block.statement, place, point.standard)?;
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
            statements: 1,
            ..Self::default()
        };
        scanner.set_encoding(&point.encoding)?;
        Ok(scanner)
    }

    /// The same with slabs of another size. A point inside a block is only good for the size that it was made with.
    #[must_use]
    pub fn with_slabs(mut self, slabs: SlabSize) -> Self {
        self.slabs = slabs;
        self
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

    fn start(&mut self) -> Result<bool, ScanError> {
        let bytes = self.window.bytes();
        if bytes.len() < detect::ENOUGH && !self.whole {
            return Ok(false);
        }
        let skip = detect::plain_start(bytes)?;
        self.window.consume(skip);
        self.state = State::Between;
        Ok(true)
    }

    /// Skips blanks and comments up to a statement, a command or the end.
    fn between(&mut self) -> Result<Option<Event>, ScanError> {
        loop {
            let bytes = self.window.bytes();
            let blank = bytes.iter().position(|&b| !is_space(b)).unwrap_or(bytes.len());
            self.advance(blank);
            let bytes = self.window.bytes();
            match bytes {
                [] if self.whole => return self.end().map(Some),
                [] => return Ok(None),
                [b'\\', ..] => return self.meta(),
                [b'-' | b'/'] if !self.whole => return Ok(None),
                [b'-', b'-', ..] => {
                    if !self.line_comment() {
                        return Ok(None);
                    }
                }
                [b'/', b'*', ..] => {
                    let Some(token) = crate::token::token(bytes, 0, false, self.standard) else {
                        if self.whole {
                            return Err(ScanError::TruncatedStatement { began: self.place() });
                        }
                        self.check_length(bytes.len())?;
                        return Ok(None);
                    };
                    self.advance(token.end);
                }
                // A semicolon alone ends nothing.
                [b';', ..] => self.advance(1),
                _ if is_insert(bytes) => {
                    self.state = State::Insert(0);
                    return Ok(None);
                }
                _ if !self.whole && begins_insert(bytes) => return Ok(None),
                _ => {
                    self.state = State::Statement(Boundary::default());
                    return Ok(None);
                }
            }
        }
    }

    fn line_comment(&mut self) -> bool {
        let bytes = self.window.bytes();
        let Some(end) = memchr(b'\n', bytes).map(|at| at + 1).or(self.whole.then_some(bytes.len())) else {
            return false;
        };
        match bytes[..end].trim_ascii_end() {
            head @ (b"-- PostgreSQL database dump" | b"-- PostgreSQL database cluster dump") => {
                self.cluster |= head == b"-- PostgreSQL database cluster dump";
                self.head = true;
                self.complete = false;
            }
            b"-- PostgreSQL database dump complete" | b"-- PostgreSQL database cluster dump complete" => {
                self.complete = true;
            }
            _ => {}
        }
        self.advance(end);
        true
    }

    fn meta(&mut self) -> Result<Option<Event>, ScanError> {
        let bytes = self.window.bytes();
        let Some(end) = memchr(b'\n', bytes).map(|at| at + 1).or(self.whole.then_some(bytes.len())) else {
            return Ok(None);
        };
        let line = self.decode(&bytes[..end])?;
        let meta = Meta::parse(&line);
        if let Meta::Encoding(name) = &meta {
            let name = name.clone();
            self.set_encoding(&name)?;
        }
        let place = self.place();
        self.advance(end);
        self.statements += 1;
        Ok(Some(Event::Meta(meta, place)))
    }

    fn end(&mut self) -> Result<Event, ScanError> {
        if self.window.offset() == 0 {
            return Err(ScanError::Empty);
        }
        if self.head && !self.complete {
            return Err(ScanError::Unfinished { at: self.place() });
        }
        if self.statements == 0 {
            return Err(ScanError::NotADump { what: "it holds no statement".to_owned() });
        }
        self.state = State::Finished;
        Ok(Event::End)
    }

    fn statement(&mut self) -> Result<Option<Event>, ScanError> {
        let State::Statement(boundary) = &mut self.state else { return Ok(None) };
        let bytes = self.window.bytes();
        let Some(end) = boundary.find(bytes, self.whole, self.standard) else {
            if self.whole {
                return Err(self.unfinished_statement());
            }
            let length = bytes.len();
            self.check_length(length)?;
            return Ok(None);
        };
        let text = self.decode(&bytes[..end])?;
        let kind = classify(&text, self.standard);
        let place = self.place();
        self.advance(end);
        self.statements += 1;
        match &kind {
            Kind::Setting(setting) => self.apply(setting)?,
            Kind::ResetAll { .. } => self.reset_all()?,
            _ => {}
        }
        if kind == Kind::CopyFromStdin {
            let Place { offset, line } = place;
            let point = BlockPoint {
                statement: Arc::from(text),
                offset,
                line,
                data: 0,
                rows: 0,
                crlf: false,
                raw: None,
            };
            self.state = State::CopyLine(Box::new(point));
            return self.next_event();
        }
        self.state = State::Between;
        Ok(Some(Event::Statement(Statement { text, place, kind })))
    }

    fn unfinished_statement(&self) -> ScanError {
        if self.statements == 0 {
            let what = "its first statement does not end; archives and other formats are named where they are recognised".to_owned();
            return ScanError::NotADump { what };
        }
        ScanError::TruncatedStatement { began: self.place() }
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
            let Place { offset, line } = self.place();
            let lines = memchr_iter(b'\n', &bytes[..rows]).count() as u64;
            let began = Place { offset: offset + rows as u64, line: line + lines };
            return Err(ScanError::RowTooLong { began, limit: ROW_LIMIT });
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

    fn reset_all(&mut self) -> Result<(), ScanError> {
        self.standard = true;
        if self.encoding == Encoding::Utf8 {
            return Ok(());
        }
        let reason =
            "RESET ALL sets client_encoding to its default, and which one that is, is not in the dump"
                .to_owned();
        Err(ScanError::UnsupportedEncoding { at: self.place(), reason })
    }

    fn apply(&mut self, setting: &Setting) -> Result<(), ScanError> {
        // It ends with its transaction, or at once.
        if setting.scope == Scope::Local {
            return Ok(());
        }
        match setting.name.as_str() {
            "client_encoding" if setting.value.is_some() => self.set_encoding(setting.plain())?,
            "client_encoding" => {
                let reason = "which one is the default is not in the dump".to_owned();
                return Err(ScanError::UnsupportedEncoding { at: self.place(), reason });
            }
            "standard_conforming_strings" => {
                self.standard = setting.value.as_ref().is_none_or(|value| is_on(&value.plain));
            }
            _ => {}
        }
        Ok(())
    }

    fn set_encoding(&mut self, name: &str) -> Result<(), ScanError> {
        self.encoding = Encoding::from_name(name).map_err(|error| ScanError::UnsupportedEncoding {
            at: self.place(),
            reason: error.to_string(),
        })?;
        Ok(())
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
