//! JSON lines in a file or on standard output: one line for each member of the set.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::off_thread::off_thread;
use crate::load::checkpoint::{Checkpoint, file};
use convert::render::members::Rendered;

/// How often the file's contents and its checkpoint are synced, at most. They are also synced at the end.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Writes lines. Lines that were synced together with a checkpoint are durable. Without a checkpoint file (standard
/// output), lines are durable when they are written.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: Option<Arc<File>>,
    checkpoint: Option<PathBuf>,
    batch: Vec<u8>,
    written: u64,
    /// Checkpoints that are written but not synced; the last one counts.
    unsynced: Option<Checkpoint>,
    synced: Instant,
    done: VecDeque<Checkpoint>,
}

impl FileSink {
    /// Writes to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(PathBuf::from("-"), None, None, 0)
    }

    /// Writes to the file at `path`, which keeps its first `length` bytes, with its checkpoint in another file.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Checkpoint`] if the file is shorter than its checkpoint says.
    pub fn open(path: &Path, checkpoint: PathBuf, length: u64) -> Result<Self, Error> {
        let failed = |error| Error::File { action: "open", path: path.to_owned(), error };
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        if there < length {
            return Err(Error::Checkpoint(format!(
                "{} has {there} bytes, but its checkpoint expects {length}: restore the file, or use --restart",
                path.display()
            )));
        }
        file.set_len(length).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self::new(path.to_owned(), Some(file), Some(checkpoint), length))
    }

    fn new(path: PathBuf, file: Option<File>, checkpoint: Option<PathBuf>, written: u64) -> Self {
        let (batch, unsynced, done) = (Vec::new(), None, VecDeque::new());
        let file = file.map(Arc::new);
        Self { path, file, checkpoint, batch, written, unsynced, synced: Instant::now(), done }
    }

    pub(super) fn push(&mut self, rendered: &Rendered, range: Range<usize>) {
        for index in range {
            self.batch.extend_from_slice(rendered.member(index));
            self.batch.push(b'\n');
        }
    }

    pub(super) async fn flush(&mut self, mut checkpoint: Checkpoint) -> Result<(), Error> {
        let (batch, file, path) = (std::mem::take(&mut self.batch), self.file.clone(), self.path.clone());
        let writing = move || match write(file.as_deref(), &batch) {
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::BrokenPipe => {
                Err(Error::ReaderGone)
            }
            Err(error) => Err(Error::File { action: "write to", path, error }),
            Ok(()) => Ok(batch),
        };
        self.batch = off_thread(writing).await?;
        self.written += self.batch.len() as u64;
        self.batch.clear();
        checkpoint.output_bytes = Some(self.written);
        if self.checkpoint.is_none() {
            self.done.push_back(checkpoint);
            return Ok(());
        }
        self.unsynced = Some(checkpoint);
        if self.synced.elapsed() >= SYNC_EVERY { self.sync().await } else { Ok(()) }
    }

    async fn sync(&mut self) -> Result<(), Error> {
        let (Some(checkpoint), Some(beside)) = (self.unsynced.take(), self.checkpoint.clone()) else {
            return Ok(());
        };
        let (output, path) = (self.file.clone(), self.path.clone());
        let syncing = move || {
            if let Some(output) = output {
                output.sync_data().map_err(|error| Error::File { action: "sync", path, error })?;
            }
            file::write(&beside, &checkpoint)?;
            Ok(checkpoint)
        };
        let checkpoint = off_thread(syncing).await?;
        self.synced = Instant::now();
        self.done.push_back(checkpoint);
        Ok(())
    }

    /// Lines that are not synced yet become durable when nothing else is left to report.
    pub(super) fn durable(&mut self) -> Option<Checkpoint> {
        self.done.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.done.is_empty()
    }

    pub(super) async fn finish(&mut self, last: &Checkpoint) -> Result<(), Error> {
        let mut last = last.clone();
        last.output_bytes = Some(self.written);
        self.unsynced = Some(last);
        self.sync().await
    }

    /// Syncs the rest, at the end of a run that is not done.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn sync_rest(&mut self) -> Result<Option<Checkpoint>, Error> {
        self.sync().await?;
        Ok(self.done.pop_front())
    }
}

/// Writes all of it; to standard output if there is no file.
fn write(file: Option<&File>, bytes: &[u8]) -> io::Result<()> {
    match file {
        Some(mut file) => file.write_all(bytes),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
    }
}
