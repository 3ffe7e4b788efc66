//! The data of a custom archive: a block for each entry, in the order of the table of contents.

use std::collections::HashSet;
use std::io::{self, BufRead, Read};

use super::contents::Entry;
use super::error::{ArchiveError, Within};
use super::input::Input;
use super::store::{Store, has_objects, out_of_turn};
use super::unpack::{Method, Unpacked};

const TABLE: u8 = 1;
const OBJECTS: u8 = 3;

/// A custom archive, behind its table of contents.
pub(super) struct Custom {
    state: State,
    method: Method,
    /// Entries whose blocks nobody wants.
    passed: HashSet<i32>,
    /// Blocks were left out, so the last one that is read need not be the last of all.
    in_part: bool,
}

enum State {
    /// Between two streams of data.
    Between(Input),
    /// In the data of a table or of a large object.
    Within(Unpacked<Chunks>),
    /// After an error.
    Lost,
}

impl Custom {
    pub(super) fn new(input: Input, method: Method) -> Self {
        Self { state: State::Between(input), method, passed: HashSet::new(), in_part: false }
    }

    fn between(&mut self) -> io::Result<&mut Input> {
        match &mut self.state {
            State::Between(input) => Ok(input),
            _ => Err(out_of_turn()),
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let State::Between(input) = std::mem::replace(&mut self.state, State::Lost) else {
            return Err(out_of_turn());
        };
        self.state = State::Within(Unpacked::new(self.method, Chunks::new(input))?);
        Ok(())
    }
}

impl Store for Custom {
    fn open(&mut self, entry: &Entry) -> io::Result<()> {
        let State::Between(input) = &mut self.state else { return Err(out_of_turn()) };
        input.within = Within::Data(entry.name());
        if let Some(offset) = entry.offset.filter(|offset| *offset != input.offset()) {
            self.in_part |= input.go_to(offset)?;
        }
        loop {
            if input.is_at_end()? {
                let what = format!("the file ends before them, at byte {}", input.offset());
                return Err(ArchiveError::NoData { entry: entry.name(), what }.into());
            }
            let kind = input.byte()?;
            let id = input.int()?;
            if id != entry.id && self.passed.remove(&id) {
                skip_block(input, kind)?;
                continue;
            }
            if kind != if has_objects(entry) { OBJECTS } else { TABLE } {
                return Err(input.damaged("a block of data is of a kind that does not fit"));
            }
            if id != entry.id {
                return Err(input.damaged(format!("a block of data of entry {id} stands in their place")));
            }
            break;
        }
        if has_objects(entry) { Ok(()) } else { self.begin() }
    }

    fn pass(&mut self, entry: &Entry) -> io::Result<()> {
        self.passed.insert(entry.id);
        self.in_part = true;
        Ok(())
    }

    fn next_object(&mut self) -> io::Result<Option<u32>> {
        // pg_dump writes the OID as a number with a sign.
        let oid = self.between()?.int()?.cast_unsigned();
        if oid == 0 {
            return Ok(None);
        }
        self.begin()?;
        Ok(Some(oid))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let State::Within(unpacked) = &mut self.state else { return Err(out_of_turn()) };
        let count = match unpacked.read(buffer) {
            Ok(count) => count,
            Err(error) => return Err(unpacked.get_ref().input.placed(error)),
        };
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        if let State::Within(unpacked) = std::mem::replace(&mut self.state, State::Lost) {
            self.state = State::Between(unpacked.into_inner().ended()?);
        }
        Ok(0)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.in_part {
            return Ok(());
        }
        let input = self.between()?;
        input.within = Within::End;
        if input.is_at_end()? { Ok(()) } else { Err(input.damaged("more bytes follow")) }
    }
}

/// Passes over a block, behind the number of its entry.
fn skip_block(input: &mut Input, kind: u8) -> io::Result<()> {
    match kind {
        TABLE => skip_chunks(input),
        OBJECTS => {
            while input.int()? != 0 {
                skip_chunks(input)?;
            }
            Ok(())
        }
        _ => Err(input.damaged("a block of data is of a kind that is not known")),
    }
}

fn skip_chunks(input: &mut Input) -> io::Result<()> {
    loop {
        match input.count()? {
            0 => return Ok(()),
            length => input.skip(length as u64)?,
        }
    }
}

/// The chunks of one stream: each with its length before it, the last one followed by a length of 0.
struct Chunks {
    input: Input,
    ended: bool,
    /// What failed behind bytes that were given out: it is said by the next read.
    failed: Option<io::Error>,
}

impl Chunks {
    fn new(mut input: Input) -> Self {
        input.stop_after(0);
        Self { input, ended: false, failed: None }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        self.input.go_on();
        match self.input.count()? {
            0 => self.ended = true,
            length => self.input.stop_after(length as u64),
        }
        Ok(())
    }

    /// What follows the stream, which must have been read to its end.
    fn ended(mut self) -> io::Result<Input> {
        if self.fill_buf()?.is_empty() {
            Ok(self.input)
        } else {
            Err(self.input.damaged("bytes follow the end of the compressed stream"))
        }
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.input.is_at_end()? {
            self.next_chunk()?;
        }
        if self.ended { Ok(&[]) } else { self.input.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        self.input.consume(count);
    }
}

impl Read for Chunks {
    /// Takes as many chunks as have arrived: an uncompressed archive has one for each row.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < buffer.len() {
            let piece = match self.fill_buf() {
                Ok(piece) => piece,
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let count = piece.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&piece[..count]);
            self.consume(count);
            filled += count;
            if self.ended || !self.input.has_more_at_hand() {
                break;
            }
        }
        Ok(filled)
    }
}
