//! Rows of COPY: whole slabs of them, up to the line that closes the block.

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memmem};

use super::{BlockPoint, Event, ROW_LIMIT, Scanner, SlabSize, State};
use crate::copy::Slab;
use crate::error::{Place, ScanError};
use crate::header::CopyHeader;
use crate::token::{TokenKind, token};

/// The block of rows that is being read.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) header: Arc<CopyHeader>,
    pub(super) point: Box<BlockPoint>,
    /// Up to here, as an offset of the dump, no closing line begins.
    pub(super) searched: u64,
}

impl Scanner {
    pub(super) fn copy_line(&mut self) -> Result<Option<Arc<CopyHeader>>, ScanError> {
        let bytes = self.window.bytes();
        let State::CopyLine(point) = &self.state else { return Ok(None) };
        let place = Place { offset: point.offset, line: point.line };
        let header = CopyHeader::parse(&point.statement, place, self.standard, self.encoding)?;
        let header = Arc::new(header);
        let Some(end) = memchr(b'\n', bytes) else {
            if self.whole {
                return Err(ScanError::TruncatedCopy {
                    table: header.table.to_string(),
                    began: place,
                    rows: 0,
                });
            }
            return Ok(None);
        };
        if !is_comment(&bytes[..=end], self.standard) {
            let what = "something follows it on its line, which psql runs after the rows: put it on a line behind them".to_owned();
            return Err(ScanError::Copy { at: place, what });
        }
        // How the lines end is said by the first of them, as for the server.
        let first = match memchr(b'\n', &bytes[end + 1..]) {
            Some(first) => &bytes[end + 1..end + 1 + first],
            None if self.whole => &[],
            None => {
                self.check_row(end + 1)?;
                return Ok(None);
            }
        };
        let mut point = point.clone();
        point.crlf = first.ends_with(b"\r");
        self.advance(end + 1);
        point.data = self.window.offset();
        self.state =
            State::Rows(Block { header: Arc::clone(&header), point, searched: self.window.offset() });
        Ok(Some(header))
    }

    pub(super) fn rows(&mut self) -> Result<Option<Event>, ScanError> {
        let State::Rows(block) = &mut self.state else { return Ok(None) };
        let bytes = self.window.bytes();
        match closing_line(bytes, self.whole) {
            Closing::At(length) => {
                let BlockPoint { rows, crlf, .. } = *block.point;
                if rows > 0 && bytes[..length].ends_with(b"\r\n") != crlf {
                    let line = self.line;
                    let what = format!(
                        "line {line} is to end its rows, and PostgreSQL refuses it and them, since it does not end as they do (LF, or CR LF): let all lines end in the same way"
                    );
                    return Err(ScanError::Copy { at: block.header.place, what });
                }
                self.advance_lines(length, 1);
                self.state = State::Between;
                return Ok(Some(Event::CopyEnd { rows }));
            }
            Closing::Unknown => return Ok(None),
            Closing::No => {}
        }
        let offset = self.window.offset();
        let cut = block.cut(bytes, offset, self.whole, self.slabs);
        let Some((length, rows)) = cut else {
            if self.whole {
                let (table, rows) = (block.header.table.to_string(), block.point.rows);
                return Err(ScanError::TruncatedCopy { table, began: block.header.place, rows });
            }
            if bytes.len() > ROW_LIMIT {
                let rows = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
                self.check_row(rows)?;
            }
            return Ok(None);
        };
        let first_row = block.point.rows;
        let crlf = block.point.crlf;
        block.point.rows += rows;
        let place = self.place();
        self.line += rows;
        let (buffer, start, end) = self.window.take(length);
        Ok(Some(Event::Rows(Slab { buffer, start, end, place, first_row, rows, crlf, insert: None })))
    }
}

/// Whether what follows a COPY statement on its line, up to the line end with which `rest` ends, says nothing.
fn is_comment(rest: &[u8], standard: bool) -> bool {
    let mut at = 0;
    while at < rest.len() {
        match token(rest, at, false, standard) {
            Some(token) if matches!(token.kind, TokenKind::Space | TokenKind::Comment) => at = token.end,
            // A comment that goes on beyond the line, or SQL.
            _ => return false,
        }
    }
    true
}

enum Closing {
    At(usize),
    No,
    Unknown,
}

/// Whether the bytes, which begin a line of a block, begin with the line that closes it. Without its line end it closes
/// nothing: psql sends it to the server, which refuses the block.
fn closing_line(bytes: &[u8], whole: bool) -> Closing {
    match bytes {
        [b'\\', b'.', b'\n', ..] => Closing::At(3),
        [b'\\', b'.', b'\r', b'\n', ..] => Closing::At(4),
        [] | [b'\\'] | [b'\\', b'.'] | [b'\\', b'.', b'\r'] if !whole => Closing::Unknown,
        _ => Closing::No,
    }
}

impl Block {
    /// The length and the number of rows of the slab at the start of `bytes`, or `None` when its end is not
    /// in them. With `whole`, what rows are complete make the last slab.
    fn cut(&mut self, bytes: &[u8], offset: u64, whole: bool, slabs: SlabSize) -> Option<(usize, u64)> {
        let target = slabs.target(&self.point, offset);
        let full = if bytes.len() >= target {
            memchr(b'\n', &bytes[target - 1..]).map(|at| target + at)
        } else {
            None
        };
        let closed = self.closing(&bytes[..full.unwrap_or(bytes.len())], bytes, offset, whole);
        let rest = || memchr::memrchr(b'\n', bytes).filter(|_| whole).map(|at| at + 1);
        let length = closed.or(full).or_else(rest)?;
        let rows = memchr_iter(b'\n', &bytes[..length]).count() as u64;
        let most = slabs.most(self.point.rows);
        if rows <= most {
            return Some((length, rows));
        }
        let last = memchr_iter(b'\n', &bytes[..length]).nth(most as usize - 1)?;
        Some((last + 1, most))
    }

    /// The length of the rows before the closing line, if that begins within `part` of `bytes`.
    fn closing(&mut self, part: &[u8], bytes: &[u8], offset: u64, whole: bool) -> Option<usize> {
        let from = self.searched.saturating_sub(offset) as usize;
        for at in memmem::find_iter(part.get(from..)?, b"\n\\.") {
            let line = from + at + 1;
            match closing_line(&bytes[line..], whole) {
                Closing::At(_) => return Some(line),
                Closing::No => {}
                // Two or three bytes are missing: what is before is not the end of the slab yet.
                Closing::Unknown => return None,
            }
        }
        // The two last bytes may begin the closing line.
        self.searched = offset + part.len().saturating_sub(2).max(from) as u64;
        None
    }
}
