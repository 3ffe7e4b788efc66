//! Where the bytes of a dump come from, and which dump it is.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::checkpoint::check_source;
use crate::decompress::{self, Compression};
use crate::error::{DumpError, Error};
use object::{Access, Failure, Object};

pub mod object;

/// Where a dump is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, which can be read again.
    File(PathBuf),
    /// An object in S3, which can be read again.
    Object(Object),
    /// Standard input, or anything else that can be read once.
    Pipe(PipeFrom),
}

/// What can be read once only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipeFrom {
    /// Standard input.
    Stdin,
    /// A named pipe or a device.
    Path(PathBuf),
}

/// Which dump it is. Compared on resume: another one is refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Identity {
    /// A file: two files are the same dump if all of this is the same. Its path does not matter.
    File {
        /// Bytes.
        size: u64,
        /// Modification time, nanoseconds since 1970.
        mtime: u64,
        /// XXH3 of the first [`HEAD`] bytes, in hexadecimal.
        head: String,
    },
    /// An object: its version is what counts, and that lies in one place.
    Object {
        /// Where it lies: `s3://bucket/key`.
        uri: String,
        /// Bytes.
        size: u64,
        /// What the service says of its content.
        etag: String,
    },
    /// A pipe: its bytes up to an offset of the decompressed dump are known.
    Pipe {
        /// How many bytes the hash is of.
        hashed: u64,
        /// XXH3 of them, in hexadecimal.
        hash: String,
    },
}

impl Identity {
    /// How many bytes there are, compressed as they are; a pipe does not tell.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File { size, .. } | Self::Object { size, .. } => Some(*size),
            Self::Pipe { .. } => None,
        }
    }
}

/// So many bytes of a file are part of its identity.
pub const HEAD: usize = 64 * 1024;

impl Location {
    /// What the user calls it: a path, `s3://bucket/key`, or `-`. An object is not asked for yet.
    ///
    /// # Errors
    /// [`Error::Usage`] for a file that is not there, not readable, or a directory, and for what is no URI.
    pub fn parse(name: &str, s3: &Access) -> Result<Self, Error> {
        if name == "-" {
            return Ok(Self::Pipe(PipeFrom::Stdin));
        }
        if let Some(object) = Object::parse(name, s3)? {
            return Ok(Self::Object(object));
        }
        let path = PathBuf::from(name);
        let metadata = path.metadata().map_err(|error| usage(&path, &error))?;
        if metadata.is_dir() {
            let advice = "a directory archive (pg_dump --format=directory) cannot be read yet";
            return Err(Error::Usage(format!("--dump-file {name} is a directory; {advice}")));
        }
        if metadata.is_file() {
            File::open(&path).map_err(|error| usage(&path, &error))?;
            return Ok(Self::File(path));
        }
        Ok(Self::Pipe(PipeFrom::Path(path)))
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Pipe(PipeFrom::Path(path)) => path.display().to_string(),
            Self::Object(object) => object.uri(),
            Self::Pipe(PipeFrom::Stdin) => "standard input".to_owned(),
        }
    }

    /// Whether it can be read again from the start.
    #[must_use]
    pub fn is_rereadable(&self) -> bool {
        matches!(self, Self::File(_) | Self::Object(_))
    }

    /// Which dump it is, where that is known before it is read. Blocks.
    ///
    /// # Errors
    /// As [`Location::open`].
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        match self {
            Self::File(_) => Ok(self.open()?.identity),
            Self::Object(object) => {
                let (_, identity) =
                    object::open(object).map_err(|failure| failure.into_error("open", &self.name()))?;
                Ok(Some(identity))
            }
            Self::Pipe(_) => Ok(None),
        }
    }

    /// Opens it at its start. Blocks, for an object as long as it may be tried again.
    ///
    /// # Errors
    /// [`Error::Source`] when it cannot be opened or read, [`Error::Dump`] for a compression that is not
    /// supported, and what [`Failure::into_error`] makes.
    pub fn open(&self) -> Result<Source, Error> {
        Source::open(self).map_err(|error| match error {
            OpenError::Io(action, error) => failed(action, &self.name(), error),
            OpenError::Object(failure) => failure.into_error("open", &self.name()),
            OpenError::Compression(name) => {
                Error::Dump { source_name: self.name(), error: DumpError::UnknownCompression(name) }
            }
        })
    }
}

fn usage(path: &Path, error: &io::Error) -> Error {
    Error::Usage(format!("--dump-file {} cannot be read: {error}", path.display()))
}

/// An error of reading; what an object's reader knows of it lies inside.
fn failed(action: &'static str, name: &str, error: io::Error) -> Error {
    match error.downcast::<Failure>() {
        Ok(failure) => failure.into_error(action, name),
        Err(error) => Error::Source { action, name: name.to_owned(), error },
    }
}

enum OpenError {
    Io(&'static str, io::Error),
    Object(Failure),
    Compression(&'static str),
}

/// An open dump: its decompressed bytes, one after the other.
pub struct Source {
    reader: Box<dyn Read + Send>,
    compression: Compression,
    /// What is read itself, where offsets of the dump are its offsets.
    seekable: Option<Seekable>,
    /// The file, to see at its end whether somebody wrote to it meanwhile.
    watched: Option<File>,
    size: Option<u64>,
    raw: Arc<AtomicU64>,
    offset: u64,
    identity: Option<Identity>,
    trail: Option<Trail>,
}

/// What can be read from another place on, while it is also read through.
enum Seekable {
    File(File),
    Object(Shared),
}

impl Seekable {
    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(offset)).map(drop),
            Self::Object(object) => {
                object.lock().seek(offset);
                Ok(())
            }
        }
    }
}

/// An object's reader, for the one who reads and the one who jumps: the same thread.
#[derive(Clone)]
struct Shared(Arc<Mutex<object::Reader>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, object::Reader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }
}

impl Source {
    fn open(location: &Location) -> Result<Self, OpenError> {
        let io = |action| move |error| OpenError::Io(action, error);
        match location {
            Location::File(path) => {
                let file = File::open(path).map_err(io("open"))?;
                Self::file(file).map_err(io("read"))?.decompressed()
            }
            Location::Object(object) => {
                let (reader, identity) = object::open(object).map_err(OpenError::Object)?;
                Self::object(reader, identity).decompressed()
            }
            Location::Pipe(PipeFrom::Path(path)) => {
                let file = File::open(path).map_err(io("open"))?;
                Self::pipe(Box::new(file)).decompressed()
            }
            Location::Pipe(PipeFrom::Stdin) => Self::pipe(Box::new(io::stdin())).decompressed(),
        }
    }

    fn file(mut file: File) -> io::Result<Self> {
        let (size, mtime) = size_and_mtime(&file)?;
        let mut head = vec![0; HEAD];
        let length = read_up_to(&mut file, &mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let head = hex(XxHash3_64::oneshot(&head[..length]));
        let watched = file.try_clone()?;
        let seekable = Seekable::File(file.try_clone()?);
        let identity = Identity::File { size, mtime, head };
        let source = Self::rereadable(Box::new(file), seekable, identity);
        Ok(Self { watched: Some(watched), ..source })
    }

    fn object(reader: object::Reader, identity: Identity) -> Self {
        let shared = Shared(Arc::new(Mutex::new(reader)));
        Self::rereadable(Box::new(shared.clone()), Seekable::Object(shared), identity)
    }

    fn rereadable(inner: Box<dyn Read + Send>, seekable: Seekable, identity: Identity) -> Self {
        let raw = Arc::new(AtomicU64::new(0));
        Self {
            reader: Box::new(Counted { inner, count: Arc::clone(&raw) }),
            compression: Compression::None,
            seekable: Some(seekable),
            watched: None,
            size: identity.size(),
            raw,
            offset: 0,
            identity: Some(identity),
            trail: None,
        }
    }

    fn pipe(inner: Box<dyn Read + Send>) -> Self {
        let raw = Arc::new(AtomicU64::new(0));
        Self {
            reader: Box::new(Counted { inner, count: Arc::clone(&raw) }),
            compression: Compression::None,
            seekable: None,
            watched: None,
            size: None,
            raw,
            offset: 0,
            identity: None,
            trail: Some(Trail::default()),
        }
    }

    fn decompressed(mut self) -> Result<Self, OpenError> {
        let mut first = [0; decompress::ENOUGH];
        let length =
            read_up_to(&mut self.reader, &mut first).map_err(|error| OpenError::Io("read", error))?;
        let compression = Compression::detect(&first[..length]).map_err(OpenError::Compression)?;
        let input: Box<dyn Read + Send> = match (compression, &mut self.seekable) {
            (Compression::None, Some(seekable)) => {
                seekable.seek(0).map_err(|error| OpenError::Io("seek in", error))?;
                self.raw.store(0, Ordering::Relaxed);
                self.reader
            }
            _ => {
                self.seekable = None;
                Box::new(io::Cursor::new(first[..length].to_vec()).chain(self.reader))
            }
        };
        self.compression = compression;
        self.reader = compression.reader(input).map_err(|error| OpenError::Io("decompress", error))?;
        Ok(self)
    }

    /// Says what a checkpoint knows of this dump. A pipe is held against it as it comes: reading past that place
    /// fails where the bytes are others.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for a file or an object that is another one.
    pub fn expect(&mut self, identity: &Identity, name: &str) -> Result<(), Error> {
        match (identity, &mut self.trail) {
            (Identity::Pipe { hashed, hash }, Some(trail)) => {
                trail.expected = Some((*hashed, hash.clone())).filter(|_| *hashed > 0);
                Ok(())
            }
            _ => check_source(identity, name, self.identity.as_ref()),
        }
    }

    /// Reads on. An end is an end: what is cut off within a compressed stream is an error.
    ///
    /// # Errors
    /// What the file or the decompressor says; [`Source::error`] makes an [`Error`] of it.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    if count == 0 && !buffer.is_empty() && self.was_changed()? {
                        return Err(io::Error::other(Changed));
                    }
                    self.offset += count as u64;
                    if let Some(trail) = &mut self.trail
                        && !trail.extend(&buffer[..count])
                    {
                        return Err(io::Error::other(OtherPipe));
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the file is another one than when it was opened: what was read may be of both.
    fn was_changed(&self) -> io::Result<bool> {
        let (Some(file), Some(Identity::File { size, mtime, .. })) = (&self.watched, &self.identity) else {
            return Ok(false);
        };
        Ok(size_and_mtime(file)? != (*size, *mtime))
    }

    /// Goes on at `offset` of the decompressed dump, which lies ahead: by seeking where it is not compressed, else by
    /// reading up to there.
    ///
    /// # Errors
    /// As [`Source::read`]; an end before `offset` is [`io::ErrorKind::UnexpectedEof`].
    pub fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        if let Some(seekable) = &mut self.seekable {
            seekable.seek(offset)?;
            self.raw.store(offset, Ordering::Relaxed);
            self.offset = offset;
            return Ok(());
        }
        let mut buffer = vec![0; 128 * 1024];
        while self.offset < offset {
            let most = (offset - self.offset).min(buffer.len() as u64) as usize;
            if self.read(&mut buffer[..most])? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Reads to the end, which must lie at `end` of the decompressed dump.
    ///
    /// # Errors
    /// As [`Source::skip_to`]; also where more follows.
    pub fn read_through(&mut self, end: u64) -> io::Result<()> {
        self.skip_to(end)?;
        if self.read(&mut [0])? > 0 { Err(io::Error::other(OtherPipe)) } else { Ok(()) }
    }

    /// The offset of the next byte in the decompressed dump.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were read so far, as they lie in the file or come from the pipe, counted also while others
    /// read on.
    #[must_use]
    pub fn raw_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.raw)
    }

    /// The size of the file or object, compressed as it is; a pipe has none.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The compression around it.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The dump's identity for a checkpoint at `offset`, which was read already.
    ///
    /// For a pipe the hash is of the bytes up to a place at or shortly before `offset`.
    pub fn identity_at(&mut self, offset: u64) -> Identity {
        match (&self.identity, &mut self.trail) {
            (Some(identity), _) => identity.clone(),
            (None, Some(trail)) => trail.at(offset),
            (None, None) => Identity::Pipe { hashed: 0, hash: String::new() },
        }
    }

    /// Makes an [`Error`] of what went wrong in reading: the dump's fault, or the way to it.
    #[must_use]
    pub fn error(&self, name: &str, error: io::Error) -> Error {
        if error.get_ref().is_some_and(|inner| inner.is::<OtherPipe>()) {
            return Error::Checkpoint(format!(
                "the checkpoint is of another dump: what {name} brings is not what was loaded up to there; bring the same dump, or use --restart to delete what was loaded and start over"
            ));
        }
        if error.get_ref().is_some_and(|inner| inner.is::<Changed>()) {
            return Error::Checkpoint(format!(
                "{name} was written to while it was read, so what was loaded may be of two dumps: let it be finished, then use --restart to delete what was loaded and start over"
            ));
        }
        let error = match error.downcast::<Failure>() {
            Ok(failure) => return failure.into_error("read", name),
            Err(error) => error,
        };
        let damaged = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::Other
        ) && error.raw_os_error().is_none();
        if self.compression != Compression::None && damaged {
            let (format, offset, reason) = (self.compression.name(), self.offset, error.to_string());
            return Error::Dump {
                source_name: name.to_owned(),
                error: DumpError::Compression { format, offset, reason },
            };
        }
        Error::Source { action: "read", name: name.to_owned(), error }
    }
}

/// The hash of everything that was read, remembered at each read until a checkpoint has passed it.
#[derive(Default)]
struct Trail {
    hasher: XxHash3_64,
    read: u64,
    marks: std::collections::VecDeque<(u64, u64)>,
    passed: (u64, u64),
    /// A place that is still ahead, and what the hash must be there.
    expected: Option<(u64, String)>,
}

/// The file was written to since it was opened.
#[derive(Debug, thiserror::Error)]
#[error("the file was written to while it was read")]
struct Changed;

fn size_and_mtime(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    let mtime = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos() as u64);
    Ok((metadata.len(), mtime))
}

/// The bytes of a pipe are not those that a checkpoint knows.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not those of the checkpoint")]
struct OtherPipe;

impl Trail {
    /// Takes bytes in, none at the end of the pipe; false where they are not what is expected.
    fn extend(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return self.expected.is_none();
        }
        let mut rest = bytes;
        if let Some((at, hash)) = self.expected.take_if(|(at, _)| *at <= self.read + bytes.len() as u64) {
            let (before, after) = bytes.split_at((at - self.read) as usize);
            self.hasher.write(before);
            if hex(self.hasher.finish()) != hash {
                return false;
            }
            rest = after;
        }
        self.hasher.write(rest);
        self.read += bytes.len() as u64;
        self.marks.push_back((self.read, self.hasher.finish()));
        true
    }

    /// Offsets only grow from call to call, so what lies before can be forgotten.
    fn at(&mut self, offset: u64) -> Identity {
        while let Some(mark) = self.marks.front().filter(|mark| mark.0 <= offset) {
            self.passed = *mark;
            self.marks.pop_front();
        }
        let (hashed, hash) = self.passed;
        let hash = if hashed == 0 { XxHash3_64::oneshot(&[]) } else { hash };
        Identity::Pipe { hashed, hash: hex(hash) }
    }
}

struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn read_up_to(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
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

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
