//! An open dump: its decompressed bytes, as they are read.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dump::archive::{Choice, EntryStart, Format, Script};
use twox_hash::XxHash3_64;

use crate::ahead::Ahead;
use crate::archive::{self, Archive, FileBytes, ObjectBytes};
use crate::counted::{Counted, mtime, read_up_to};
use crate::decompress::{self, Compression};
use crate::error::Error;
use crate::identity::{HEAD, Identity, check_source, hex};
use crate::object::{self, Failure, Object};
use crate::trail::Trail;

/// An error of reading. The details of an object's reader are inside.
pub(crate) fn failed(action: &'static str, name: &str, error: io::Error) -> Error {
    match error.downcast::<Failure>() {
        Ok(failure) => failure.into_error(action, name),
        Err(error) => Error::Read { action, name: name.to_owned(), error },
    }
}

/// Why a dump cannot be opened.
pub(crate) enum OpenError {
    Io(&'static str, io::Error),
    Object(Failure),
    Compression(&'static str),
}

const PLAIN: &str = "plain";

/// An open dump: its decompressed bytes, one after the other.
pub struct Source {
    reader: Box<dyn Read + Send>,
    compression: Compression,
    format: &'static str,
    /// The archive, which is opened by the first read.
    archive: Option<Archive>,
    opened: bool,
    /// The source itself, if it is a script that is not compressed: then its offsets are those of the dump.
    seekable: Option<Seekable>,
    /// What is read, to check at its end that nobody wrote to it meanwhile.
    watched: Option<Watched>,
    size: Option<u64>,
    raw: Arc<AtomicU64>,
    offset: u64,
    pub(crate) identity: Option<Identity>,
    pub(crate) trail: Option<Trail>,
    /// The bytes that were read, while they may have to be read again.
    pub(crate) kept: Option<Vec<u8>>,
    /// Bytes to read before the rest.
    ahead: VecDeque<u8>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// What nobody may write to while it is read. (An object's reader looks for itself.)
enum Watched {
    File(File),
    Folder(PathBuf),
    Objects(Object),
}

/// A source that can jump to another offset while a decompressor is reading from it.
enum Seekable {
    File(File),
    Object(Object, Shared),
}

impl Seekable {
    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(offset)).map(drop),
            Self::Object(_, object) => {
                object.lock().seek(offset);
                Ok(())
            }
        }
    }
}

/// An object's reader, shared by the decompressor and the code that jumps: both are on the same thread.
#[derive(Clone)]
struct Shared(Arc<Mutex<object::ObjectReader>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, object::ObjectReader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }
}

impl Source {
    pub(crate) fn file(mut file: File) -> io::Result<Self> {
        let (size, mtime) = size_and_mtime(&file)?;
        let mut head = vec![0; HEAD];
        let length = read_up_to(&mut file, &mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let head = hex(XxHash3_64::oneshot(&head[..length]));
        let watched = file.try_clone()?;
        let seekable = Seekable::File(file.try_clone()?);
        let identity = Identity::File { size, mtime, head };
        let source = Self::rereadable(Box::new(file), seekable, identity);
        Ok(Self { watched: Some(Watched::File(watched)), ..source })
    }

    /// An archive in the directory format.
    pub(crate) fn folder(path: &Path) -> io::Result<Self> {
        let (size, mtime) = archive::size_and_mtime(path)?;
        let head = hex(XxHash3_64::oneshot(&archive::head(path, HEAD)?));
        let identity = Identity::File { size, mtime, head };
        let raw = Arc::new(AtomicU64::new(0));
        let archive = Some(Archive::of_directory(path, &raw));
        let watched = Some(Watched::Folder(path.to_owned()));
        Ok(Self { archive, format: "directory", watched, raw, ..Self::of(io::empty(), Some(identity)) })
    }

    /// An archive in the directory format whose files are objects below a prefix.
    pub(crate) fn objects(prefix: &Object) -> Result<Self, Failure> {
        let (identity, sizes) = object::list(prefix)?;
        let raw = Arc::new(AtomicU64::new(0));
        let archive = Some(Archive::of_objects(prefix, sizes, &raw));
        let watched = Some(Watched::Objects(prefix.clone()));
        Ok(Self { archive, format: "directory", watched, raw, ..Self::of(io::empty(), Some(identity)) })
    }

    pub(crate) fn object(object: &Object, reader: object::ObjectReader, identity: Identity) -> Self {
        let shared = Shared(Arc::new(Mutex::new(reader)));
        Self::rereadable(Box::new(shared.clone()), Seekable::Object(object.clone(), shared), identity)
    }

    fn rereadable(inner: Box<dyn Read + Send>, seekable: Seekable, identity: Identity) -> Self {
        Self { seekable: Some(seekable), ..Self::of(inner, Some(identity)) }
    }

    pub(crate) fn pipe(inner: impl Read + Send + 'static) -> Self {
        Self { trail: Some(Trail::default()), ..Self::of(inner, None) }
    }

    fn of(inner: impl Read + Send + 'static, identity: Option<Identity>) -> Self {
        let raw = Arc::new(AtomicU64::new(0));
        Self {
            reader: Box::new(Counted::new(Box::new(inner), Arc::clone(&raw))),
            compression: Compression::None,
            format: PLAIN,
            archive: None,
            opened: false,
            seekable: None,
            watched: None,
            size: identity.as_ref().and_then(Identity::size),
            raw,
            offset: 0,
            identity,
            trail: None,
            kept: None,
            ahead: VecDeque::new(),
        }
    }

    /// Undoes the compression, and reads an archive as the script that it stands for.
    pub(crate) fn decompressed(mut self) -> Result<Self, OpenError> {
        let mut first = [0; decompress::ENOUGH];
        let length =
            read_up_to(&mut self.reader, &mut first).map_err(|error| OpenError::Io("read", error))?;
        let first = &first[..length];
        self.compression = Compression::detect(first).map_err(OpenError::Compression)?;
        if let (Compression::None, false, Some(seekable)) =
            (self.compression, Format::may_be(first), &mut self.seekable)
        {
            seekable.seek(0).map_err(|error| OpenError::Io("seek in", error))?;
            self.raw.store(0, Ordering::Relaxed);
            return Ok(self);
        }
        let seekable = self.seekable.take();
        let input = Box::new(io::Cursor::new(first.to_vec()).chain(self.reader));
        let reader = self.compression.reader(input).map_err(|error| OpenError::Io("decompress", error))?;
        // What cannot be decompressed is said by the first read.
        let (archive, reader) =
            archive::recognise(reader).unwrap_or_else(|error| (None, archive::fails(error)));
        self.format = archive.map_or(PLAIN, Format::name);
        let Some(format) = archive else {
            let as_stored = self.compression == Compression::None;
            self.reader = if as_stored { reader } else { Box::new(Ahead::new(reader)) };
            return Ok(self);
        };
        self.archive = Some(match seekable.filter(|_| self.compression == Compression::None) {
            Some(seekable) => jumping(format, seekable, &self.raw, self.identity.clone()),
            None => Archive::once(format, reader),
        });
        self.reader = Box::new(io::empty());
        Ok(self)
    }

    /// Whether it is an archive.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        self.archive.is_some()
    }

    /// Takes a part of an archive, before anything is read of it. A script is read as a whole.
    pub fn choose(&mut self, choice: Choice) {
        if let Some(archive) = &mut self.archive {
            archive.choose(choice);
        }
    }

    /// The table of contents of an archive, as `pg_restore --list` prints it; `None` for a script. Nothing can be read
    /// afterwards if it is a pipe.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn list(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.archive.as_mut().map(Archive::list).transpose()
    }

    /// Where the entry of an archive begins in which `offset` lies. Offsets of successive calls grow.
    #[must_use]
    pub fn entry_start(&self, offset: u64) -> Option<EntryStart> {
        self.archive.as_ref().and_then(|archive| archive.entry_start(offset))
    }

    /// Sets the identity of the dump from a checkpoint. The bytes of a pipe are compared while they are read: reading
    /// past the place of the checkpoint fails if they differ.
    ///
    /// # Errors
    /// [`Error::OtherDump`] if the file or object is another one.
    pub fn expect(&mut self, identity: &Identity, name: &str) -> Result<(), Error> {
        match (identity, &mut self.trail) {
            (Identity::Pipe { hashed, hash }, Some(trail)) => {
                trail.expect(*hashed, hash.clone());
                Ok(())
            }
            _ => check_source(identity, name, self.identity.as_ref()),
        }
    }

    /// Reads more bytes. A compressed stream that is cut off is an error, not an end.
    ///
    /// # Errors
    /// The error of the file or the decompressor; [`Source::error`] converts it to an [`Error`].
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.next(buffer) {
                Ok(count) => {
                    if count == 0 && !buffer.is_empty() {
                        self.ended()?;
                    }
                    self.offset += count as u64;
                    if let Some(trail) = &mut self.trail
                        && !trail.extend(&buffer[..count])
                    {
                        return Err(io::Error::other(OtherPipe));
                    }
                    if let Some(kept) = &mut self.kept {
                        kept.extend_from_slice(&buffer[..count]);
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Nothing follows. What was left out of an archive counts as read, too.
    fn ended(&self) -> io::Result<()> {
        if self.was_changed()? {
            return Err(io::Error::other(Changed));
        }
        if let (Some(_), Some(size)) = (&self.archive, self.size) {
            self.raw.fetch_max(size, Ordering::Relaxed);
        }
        Ok(())
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            if let Some(archive) = self.archive.as_mut().filter(|_| !self.opened) {
                self.reader = archive.text(None)?;
                self.opened = true;
            }
            return self.reader.read(buffer);
        }
        let count = self.ahead.read(buffer)?;
        if self.ahead.is_empty() {
            self.ahead = VecDeque::new();
        }
        Ok(count)
    }

    /// The same, before anything was read.
    pub(crate) fn at_its_start(self) -> Self {
        let ahead = self.kept.unwrap_or_default().into();
        Self { ahead, kept: None, offset: 0, trail: Some(Trail::default()), ..self }
    }

    /// Whether the file is another one than when it was opened. Then the bytes that were read may be from both.
    fn was_changed(&self) -> io::Result<bool> {
        let (Some(watched), Some(identity)) = (&self.watched, &self.identity) else { return Ok(false) };
        let now = match watched {
            Watched::File(file) => size_and_mtime(file)?,
            Watched::Folder(path) => archive::size_and_mtime(path)?,
            Watched::Objects(prefix) => {
                return Ok(object::identity_of_all(prefix).map_err(io::Error::other)? != *identity);
            }
        };
        Ok(!matches!(identity, Identity::File { size, mtime, .. } if now == (*size, *mtime)))
    }

    /// Continues at `offset` of the decompressed dump, which must be ahead. Seeks if the dump is a script that is not
    /// compressed. An archive is opened again at `place`, if that is nearer and the archive can be. Otherwise this reads
    /// up to there.
    ///
    /// # Errors
    /// As [`Source::read`]; an end before `offset` is [`io::ErrorKind::UnexpectedEof`].
    pub fn skip_to(&mut self, offset: u64, place: Option<&EntryStart>) -> io::Result<()> {
        if let Some(seekable) = &mut self.seekable {
            seekable.seek(offset)?;
            self.raw.store(offset, Ordering::Relaxed);
            self.offset = offset;
            return Ok(());
        }
        let nearer = place.filter(|place| (self.offset + 1..=offset).contains(&place.offset));
        if let (Some(place), Some(archive)) = (nearer, &mut self.archive)
            && archive.is_rereadable()
        {
            self.reader = archive.text(Some(place))?;
            (self.opened, self.offset) = (true, place.offset);
            self.ahead.clear();
        }
        let mut buffer = vec![0; 128 * 1024];
        while self.offset < offset {
            let most = (offset - self.offset).min(buffer.len() as u64) as usize;
            if self.read(&mut buffer[..most])? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.pass(self.offset);
        }
        Ok(())
    }

    /// Promises that no identity before `offset` will be requested, so the state for it can be dropped.
    pub fn pass(&mut self, offset: u64) {
        if let Some(trail) = &mut self.trail {
            trail.pass(offset);
        }
    }

    /// Reads to the end, which must be at `end` of the decompressed dump.
    ///
    /// # Errors
    /// As [`Source::skip_to`]; also if more bytes follow.
    pub fn read_through(&mut self, end: u64) -> io::Result<()> {
        self.skip_to(end, None)?;
        if self.read(&mut [0])? > 0 { Err(io::Error::other(OtherPipe)) } else { Ok(()) }
    }

    /// The offset of the next byte in the decompressed dump.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes were read from the file or pipe, before decompression. The counter can be read while another
    /// thread reads the dump.
    #[must_use]
    pub fn raw_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.raw)
    }

    /// The size of the file or object as stored; unknown for a pipe.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The compression of the dump as a whole.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// `plain` for a script; `custom`, `tar` or `directory` for an archive.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// Whether the bytes that are read are those that are stored.
    #[must_use]
    pub fn is_as_stored(&self) -> bool {
        self.compression == Compression::None && self.format == PLAIN
    }

    /// The dump's identity for a checkpoint at `offset`, up to which the dump was already read.
    ///
    /// For a pipe the hash covers the bytes up to a place at or shortly before `offset`.
    pub fn identity_at(&mut self, offset: u64) -> Identity {
        match (&self.identity, &mut self.trail) {
            (Some(identity), _) => identity.clone(),
            (None, Some(trail)) => trail.at(offset),
            (None, None) => Identity::Pipe { hashed: 0, hash: String::new() },
        }
    }

    /// Converts a failed read to an [`Error`]: a fault of the dump, or of reading it.
    #[must_use]
    pub fn error(&self, name: &str, error: io::Error) -> Error {
        if error.get_ref().is_some_and(|inner| inner.is::<OtherPipe>()) {
            return Error::OtherDump(format!(
                "the checkpoint is of another dump: what {name} brings is not what was loaded up to there; bring the same dump, or use --restart to delete what was loaded and start over"
            ));
        }
        if error.get_ref().is_some_and(|inner| inner.is::<Changed>()) {
            return Error::OtherDump(format!(
                "{name} was written to while it was read, so what was loaded may be from two dumps: wait until the file is complete, then use --restart to delete what was loaded and start over"
            ));
        }
        let error = match archive::error_of(error) {
            Ok(error) => return Error::Archive { name: name.to_owned(), error },
            Err(error) => error,
        };
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
            return Error::Compression { name: name.to_owned(), format, offset, reason };
        }
        Error::Read { action: "read", name: name.to_owned(), error }
    }
}

/// An archive that can be read from any place on.
fn jumping(format: Format, seekable: Seekable, raw: &Arc<AtomicU64>, expected: Option<Identity>) -> Archive {
    let raw = Arc::clone(raw);
    match seekable {
        Seekable::File(file) => {
            let file = Arc::new(file);
            Archive::again(move |choice| {
                let bytes = FileBytes::new(Arc::clone(&file), Arc::clone(&raw));
                Script::read_from(format, Box::new(bytes), choice)
            })
        }
        Seekable::Object(object, _) => Archive::again(move |choice| {
            let (reader, identity) = object::open(&object).map_err(io::Error::other)?;
            if expected.as_ref() != Some(&identity) {
                return Err(io::Error::other(Changed));
            }
            let bytes = ObjectBytes::new(reader, Arc::clone(&raw));
            Script::read_from(format, Box::new(bytes), choice)
        }),
    }
}

/// The file was written to since it was opened.
#[derive(Debug, thiserror::Error)]
#[error("the file was written to while it was read")]
struct Changed;

fn size_and_mtime(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), mtime(&metadata)?))
}

/// The bytes of a pipe differ from those of a checkpoint.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not those of the checkpoint")]
struct OtherPipe;
