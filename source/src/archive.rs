//! Archives of pg_dump, read as the script that they stand for.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dump::archive::{
    ArchiveError, Bytes, CONTENTS, Choice, ENOUGH, EntryStart, EntryStarts, Folder, Format, Forward, Script,
};

use crate::ahead::Ahead;
use crate::counted::{Counted, mtime, read_up_to};
use crate::object::{self, Failure, Object, ObjectReader, Sizes};

/// So many bytes tell whether it can be an archive at all.
const AT_LEAST: usize = 5;

/// The format of an archive that is one stream of bytes, and the stream from its start.
///
/// # Errors
/// As `reader`.
pub(crate) fn recognise(
    mut reader: Box<dyn Read + Send>,
) -> io::Result<(Option<Format>, Box<dyn Read + Send>)> {
    let mut first = [0; ENOUGH];
    let mut length = read_up_to(&mut reader, &mut first[..AT_LEAST])?;
    // A pipe may bring few bytes at a time, and a script may have no more.
    if Format::may_be(&first[..length]) {
        length += read_up_to(&mut reader, &mut first[length..])?;
    }
    let format = Format::detect(&first[..length]);
    Ok((format, Box::new(Cursor::new(first[..length].to_vec()).chain(reader))))
}

type Open = dyn FnMut(&Choice) -> io::Result<Script> + Send;

/// An archive that nobody has read from yet, or that can be opened once more.
pub(crate) struct Archive {
    open: Box<Open>,
    choice: Choice,
    starts: EntryStarts,
    /// Whether it can be opened once more.
    again: bool,
}

impl Archive {
    /// One that can be opened any number of times.
    pub(crate) fn again(open: impl FnMut(&Choice) -> io::Result<Script> + Send + 'static) -> Self {
        Self { open: Box::new(open), choice: Choice::default(), starts: EntryStarts::default(), again: true }
    }

    /// One that can be read once.
    pub(crate) fn once(format: Format, reader: Box<dyn Read + Send>) -> Self {
        let mut reader = Some(reader);
        let open = move |choice: &Choice| match reader.take() {
            Some(reader) => Script::read_from(format, Box::new(Forward(reader)), choice),
            None => Err(io::Error::other("an archive that comes once was to be read again")),
        };
        Self { again: false, ..Self::again(open) }
    }

    /// An archive in a directory. `raw` counts the bytes that are read from its files.
    pub(crate) fn of_directory(path: &Path, raw: &Arc<AtomicU64>) -> Self {
        let (folder, raw) = (path.to_owned(), Arc::clone(raw));
        Self::again(move |choice| {
            raw.store(0, Ordering::Relaxed);
            let files = Files { folder: folder.clone(), raw: Arc::clone(&raw) };
            Script::of_directory(Box::new(files), choice)
        })
    }

    /// An archive in the directory format whose files are objects below a prefix, of these sizes.
    pub(crate) fn of_objects(prefix: &Object, sizes: Sizes, raw: &Arc<AtomicU64>) -> Self {
        let (prefix, sizes, raw) = (prefix.clone(), Arc::new(sizes), Arc::clone(raw));
        Self::again(move |choice| {
            raw.store(0, Ordering::Relaxed);
            let (prefix, sizes) = (prefix.clone(), Arc::clone(&sizes));
            Script::of_directory(Box::new(Objects { prefix, sizes, raw: Arc::clone(&raw) }), choice)
        })
    }

    /// Takes only a part of it. What was opened already stays as it is.
    pub(crate) fn choose(&mut self, choice: Choice) {
        self.choice = choice;
    }

    /// The table of contents as `pg_restore --list` prints it.
    pub(crate) fn list(&mut self) -> io::Result<Vec<u8>> {
        Ok((self.open)(&self.choice)?.list())
    }

    /// Its text, from its start or from a place on.
    pub(crate) fn text(&mut self, from: Option<&EntryStart>) -> io::Result<Box<dyn Read + Send>> {
        let mut script = (self.open)(&self.choice)?;
        if let Some(start) = from {
            script.go_to(start)?;
        }
        self.starts = script.starts();
        Ok(Box::new(Ahead::new(Box::new(script))))
    }

    /// Where the entry of this offset of the text begins.
    pub(crate) fn entry_start(&self, offset: u64) -> Option<EntryStart> {
        self.starts.before(offset)
    }

    /// Whether it can be opened once more.
    pub(crate) fn is_rereadable(&self) -> bool {
        self.again
    }
}

/// A file that is read here and there, without a place that others share.
pub(crate) struct FileBytes {
    file: Arc<File>,
    offset: u64,
    raw: Arc<AtomicU64>,
}

impl FileBytes {
    pub(crate) fn new(file: Arc<File>, raw: Arc<AtomicU64>) -> Self {
        Self { file, offset: 0, raw }
    }
}

impl Read for FileBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        self.raw.fetch_max(self.offset, Ordering::Relaxed);
        Ok(count)
    }
}

impl Bytes for FileBytes {
    fn jump(&mut self, offset: u64) -> io::Result<bool> {
        self.offset = offset;
        Ok(true)
    }
}

/// An object that is read here and there.
pub(crate) struct ObjectBytes {
    reader: ObjectReader,
    offset: u64,
    raw: Arc<AtomicU64>,
}

impl ObjectBytes {
    pub(crate) fn new(mut reader: ObjectReader, raw: Arc<AtomicU64>) -> Self {
        reader.seek(0);
        Self { reader, offset: 0, raw }
    }
}

impl Read for ObjectBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.offset += count as u64;
        self.raw.fetch_max(self.offset, Ordering::Relaxed);
        Ok(count)
    }
}

impl Bytes for ObjectBytes {
    fn jump(&mut self, offset: u64) -> io::Result<bool> {
        self.reader.seek(offset);
        self.offset = offset;
        Ok(true)
    }
}

/// A reader whose first read fails.
pub(crate) fn fails(error: io::Error) -> Box<dyn Read + Send> {
    Box::new(Fails(Some(error)))
}

struct Fails(Option<io::Error>);

impl Read for Fails {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| io::Error::other("an earlier read failed")))
    }
}

/// The error of an archive, if it is one.
pub(crate) fn error_of(error: io::Error) -> Result<ArchiveError, io::Error> {
    error.downcast::<ArchiveError>()
}

/// The size of all files of an archive in a directory, and the time of the newest in nanoseconds since 1970.
pub(crate) fn size_and_mtime(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut size, mut newest) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            size += metadata.len();
            newest = newest.max(mtime(&metadata)?);
        }
    }
    Ok((size, newest))
}

/// The table of contents of an archive in a directory.
pub(crate) fn contents(folder: &Path) -> PathBuf {
    folder.join(CONTENTS)
}

/// The first bytes of the table of contents of a directory.
pub(crate) fn head(folder: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; most];
    let length = read_up_to(&mut File::open(contents(folder))?, &mut head)?;
    head.truncate(length);
    Ok(head)
}

struct Files {
    folder: PathBuf,
    raw: Arc<AtomicU64>,
}

impl Folder for Files {
    fn open(&mut self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        let path = self.folder.join(name);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(ArchiveError::NotAFile { name: name.to_owned() }.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(Box::new(Counted::new(Box::new(File::open(path)?), Arc::clone(&self.raw)))))
    }

    fn pass(&mut self, names: &[String]) {
        let found = names.iter().find_map(|name| self.folder.join(name).symlink_metadata().ok());
        self.raw.fetch_add(found.map_or(0, |metadata| metadata.len()), Ordering::Relaxed);
    }
}

struct Objects {
    prefix: Object,
    sizes: Arc<Sizes>,
    raw: Arc<AtomicU64>,
}

impl Folder for Objects {
    fn open(&mut self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        match object::open(&self.prefix.below(name)) {
            Ok((reader, _)) => Ok(Some(Box::new(Counted::new(Box::new(reader), Arc::clone(&self.raw))))),
            Err(Failure::Missing(_)) => Ok(None),
            Err(failure) => Err(io::Error::other(failure)),
        }
    }

    fn pass(&mut self, names: &[String]) {
        let size = names.iter().find_map(|name| self.sizes.get(name)).copied().unwrap_or(0);
        self.raw.fetch_add(size, Ordering::Relaxed);
    }
}
