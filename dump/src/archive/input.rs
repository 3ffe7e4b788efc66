//! The bytes of an archive and the numbers in them, with the place for errors.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::error::{ArchiveError, Within};

/// Input is read in pieces of this many bytes.
const READ: usize = 128 * 1024;
/// Fewer bytes are read, though nobody wants them: to jump costs a request where the archive is an object.
const NEAR: u64 = 1 << 20;

/// The bytes of an archive, from its start.
pub trait Bytes: Read + Send {
    /// Goes on at this offset, if it can: `false` says that it cannot, and that nothing has changed. An offset behind
    /// the end is no error.
    ///
    /// # Errors
    /// If the bytes can no longer be read.
    fn jump(&mut self, offset: u64) -> io::Result<bool>;
}

/// Bytes that only come one after the other: those of a pipe, or of a decompressor.
pub struct Forward(pub Box<dyn Read + Send>);

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").finish_non_exhaustive()
    }
}

impl Read for Forward {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Bytes for Forward {
    fn jump(&mut self, _offset: u64) -> io::Result<bool> {
        Ok(false)
    }
}

/// Bytes, one after the other.
pub(super) struct Input {
    inner: BufReader<Box<dyn Bytes>>,
    offset: u64,
    /// Reading stops here, as at an end. If the bytes end before it, they are cut off.
    limit: Option<u64>,
    /// Bytes of a number, without its sign.
    int_size: usize,
    /// What is being read.
    pub(super) within: Within,
    /// Reading failed: that is no fault of the archive.
    failed: bool,
}

impl Input {
    pub(super) fn new(bytes: Box<dyn Bytes>, within: Within) -> Self {
        let inner = BufReader::with_capacity(READ, bytes);
        Self { inner, offset: 0, limit: None, int_size: 4, within, failed: false }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn set_int_size(&mut self, bytes: usize) {
        self.int_size = bytes;
    }

    /// Stops after so many bytes, as at an end.
    pub(super) fn stop_after(&mut self, bytes: u64) {
        self.limit = Some(self.offset.saturating_add(bytes));
    }

    /// Goes on behind the place where it stopped.
    pub(super) fn go_on(&mut self) {
        self.limit = None;
    }

    pub(super) fn cut_off(&self) -> io::Error {
        ArchiveError::CutOff { offset: self.offset, within: self.within.clone() }.into()
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> io::Error {
        ArchiveError::Damaged { offset: self.offset, within: self.within.clone(), what: what.into() }.into()
    }

    /// The place of an error of unpacking, if it is not one of reading.
    pub(super) fn placed(&self, error: io::Error) -> io::Error {
        let known = self.failed || error.get_ref().is_some_and(|inner| inner.is::<ArchiveError>());
        if known { error } else { self.damaged(error.to_string()) }
    }

    /// Whether bytes have arrived that were not read.
    pub(super) fn has_more_at_hand(&self) -> bool {
        !self.inner.buffer().is_empty()
    }

    /// Whether no byte follows.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.fill_buf()?.is_empty())
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        let Some(&byte) = self.fill_buf()?.first() else { return Err(self.cut_off()) };
        self.consume(1);
        Ok(byte)
    }

    /// So many bytes. Memory is taken as they arrive, not as the archive promises them.
    pub(super) fn take_bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let piece = self.fill_buf()?;
            let count = piece.len().min(length - bytes.len());
            if count == 0 {
                return Err(self.cut_off());
            }
            bytes.extend_from_slice(&piece[..count]);
            self.consume(count);
        }
        Ok(bytes)
    }

    /// Goes on at this offset, if the bytes can jump there.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<bool> {
        let buffered = self.inner.buffer().len();
        let near = offset.checked_sub(self.offset).and_then(|count| usize::try_from(count).ok());
        if let Some(count) = near.filter(|count| *count <= buffered) {
            self.consume(count);
            return Ok(true);
        }
        if !self.inner.get_mut().jump(offset)? {
            return Ok(false);
        }
        self.inner.consume(buffered);
        self.offset = offset;
        Ok(true)
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, mut length: u64) -> io::Result<()> {
        let behind = self.offset.saturating_add(length);
        let within = self.limit.is_none_or(|limit| behind <= limit);
        if length > NEAR && within && self.go_to(behind)? {
            return Ok(());
        }
        while length > 0 {
            let count = self.fill_buf()?.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            if count == 0 {
                return Err(self.cut_off());
            }
            self.consume(count);
            length -= count as u64;
        }
        Ok(())
    }

    /// A number as pg_dump writes it: a sign, and the bytes of its amount, the lowest first.
    pub(super) fn int(&mut self) -> io::Result<i32> {
        let negative = match self.byte()? {
            0 => false,
            1 => true,
            _ => return Err(self.damaged("the sign of a number is neither 0 nor 1")),
        };
        let mut amount: i64 = 0;
        for place in 0..self.int_size {
            amount |= i64::from(self.byte()?) << (8 * place);
        }
        i32::try_from(if negative { amount.wrapping_neg() } else { amount })
            .map_err(|_| self.damaged("a number is larger than any that pg_dump writes"))
    }

    /// A number that counts something, or is a length.
    pub(super) fn count(&mut self) -> io::Result<usize> {
        let value = self.int()?;
        usize::try_from(value).map_err(|_| self.damaged("a length or count is negative"))
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = match self.limit {
            Some(limit) => usize::try_from(limit.saturating_sub(self.offset)).unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        if most == 0 {
            return Ok(&[]);
        }
        // A signal in between is not a failure: whoever unpacks the bytes would lose its state.
        while let Err(error) = self.inner.fill_buf() {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed = true;
                return Err(error);
            }
        }
        if self.limit.is_some() && self.inner.buffer().is_empty() {
            return Err(self.cut_off());
        }
        let piece = self.inner.buffer();
        Ok(&piece[..piece.len().min(most)])
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.offset += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let cursor = Box::new(io::Cursor::new(bytes.to_vec()));
        Input::new(Box::new(Forward(cursor)), Within::Header)
    }

    struct Jumps(io::Cursor<Vec<u8>>);

    impl Read for Jumps {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Bytes for Jumps {
        fn jump(&mut self, offset: u64) -> io::Result<bool> {
            self.0.set_position(offset);
            Ok(true)
        }
    }

    #[test]
    fn jumps_forth_and_back() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut there = Input::new(Box::new(Jumps(io::Cursor::new(bytes.clone()))), Within::Header);
        for offset in [5, 200_000, 2_999_990, 7, 8, 1_000_000] {
            assert!(there.go_to(offset).unwrap());
            assert_eq!((there.offset(), there.byte().unwrap()), (offset, bytes[offset as usize]));
        }
        there.skip(1_500_000).unwrap();
        assert_eq!(there.byte().unwrap(), bytes[2_500_001]);
        assert!(there.go_to(4_000_000).unwrap());
        assert!(there.byte().unwrap_err().to_string().contains("cut off at byte 4000000"));
        let mut pipe = input(&bytes);
        assert!(!pipe.go_to(2_000_000).unwrap());
        pipe.skip(2_000_000).unwrap();
        assert_eq!(pipe.byte().unwrap(), bytes[2_000_000]);
    }

    #[test]
    fn reads_numbers() {
        let mut bytes = input(&[0, 1, 2, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0x80, 0, 0, 0, 0, 0x80]);
        assert_eq!(bytes.int().unwrap(), 513);
        assert_eq!(bytes.int().unwrap(), -1);
        assert_eq!(bytes.int().unwrap(), i32::MIN);
        assert!(bytes.int().unwrap_err().to_string().contains("larger than any"));
        assert!(input(&[2, 0, 0, 0, 0]).int().unwrap_err().to_string().contains("neither 0 nor 1"));
        assert!(input(&[1, 1, 0, 0, 0]).count().unwrap_err().to_string().contains("negative"));
        assert!(input(&[0, 1]).int().unwrap_err().to_string().contains("cut off at byte 2"));
    }

    #[test]
    fn large_numbers_of_eight_bytes_are_refused() {
        let mut bytes = input(&[1, 0, 0, 0, 0, 0, 0, 0, 0x80]);
        bytes.set_int_size(8);
        assert!(bytes.int().unwrap_err().to_string().contains("larger than any"));
    }

    #[test]
    fn stops_and_goes_on() {
        let mut bytes = input(b"abcdef");
        bytes.stop_after(2);
        let mut first = Vec::new();
        bytes.read_to_end(&mut first).unwrap();
        assert_eq!(first, b"ab");
        bytes.go_on();
        assert_eq!(bytes.take_bytes(3).unwrap(), b"cde");
        bytes.stop_after(5);
        assert!(bytes.read_to_end(&mut first).unwrap_err().to_string().contains("cut off at byte 6"));
    }
}
