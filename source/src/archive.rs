//! Archives of pg_dump, read as the script that they stand for.

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use dump::archive::{ArchiveError, CONTENTS, ENOUGH, Folder, Format, Script};

use crate::counted::{Counted, mtime, read_up_to};
use crate::object::{self, Failure, Object};

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

/// The text of an archive. What is wrong with its table of contents is said by the first read.
pub(crate) fn script(format: Format, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
    or_fails(Script::read_from(format, reader))
}

/// The text of an archive in a directory. `raw` counts the bytes that are read from its files.
pub(crate) fn script_of_directory(path: &Path, raw: &Arc<AtomicU64>) -> Box<dyn Read + Send> {
    or_fails(Script::of_directory(Box::new(Files { folder: path.to_owned(), raw: Arc::clone(raw) })))
}

fn or_fails(script: io::Result<Script>) -> Box<dyn Read + Send> {
    match script {
        Ok(script) => Box::new(script),
        Err(error) => fails(error),
    }
}

/// The text of an archive in the directory format whose files are objects below a prefix.
pub(crate) fn script_of_objects(prefix: &Object, raw: &Arc<AtomicU64>) -> Box<dyn Read + Send> {
    or_fails(Script::of_directory(Box::new(Objects { prefix: prefix.clone(), raw: Arc::clone(raw) })))
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
}

struct Objects {
    prefix: Object,
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
}
