//! Helpers of reading: counting, filling a buffer, the time of a file.

use std::fs::Metadata;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

/// Counts the bytes that are read.
pub(crate) struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Counted {
    pub(crate) fn new(inner: Box<dyn Read + Send>, count: Arc<AtomicU64>) -> Self {
        Self { inner, count }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Fills the buffer as far as there are bytes.
pub(crate) fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// When it was written, in nanoseconds since 1970.
pub(crate) fn mtime(metadata: &Metadata) -> io::Result<u64> {
    Ok(metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64))
}
