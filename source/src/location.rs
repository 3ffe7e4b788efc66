//! Where a dump is read from.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::archive;
use crate::error::Error;
use crate::identity::Identity;
use crate::object::{self, Access, Listener, Object};
use crate::open::{OpenError, Source, failed};

/// Where a dump is read from.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file, which can be read again.
    File(PathBuf),
    /// A folder with an archive in the directory format, which can be read again.
    Folder(PathBuf),
    /// An object in S3 or another store, or a prefix of those of an archive in the directory format. It can be read again.
    Object(Object),
    /// Standard input, or anything else that can be read only once.
    Pipe(Pipe),
}

/// A pipe, and the bytes that were read in advance to look at its beginning.
#[derive(Debug, Clone)]
pub struct Pipe {
    pub(crate) from: PipeFrom,
    opened: Arc<Mutex<Option<Source>>>,
}

impl Pipe {
    fn new(from: PipeFrom) -> Self {
        Self { from, opened: Arc::default() }
    }

    fn opened(&self) -> MutexGuard<'_, Option<Source>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source that can be read only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipeFrom {
    /// Standard input.
    Stdin,
    /// A named pipe or a device.
    Path(PathBuf),
}

impl Location {
    /// Parses the name that the user gave: a path, the address of an object or, with `/` at its end, of a folder of objects,
    /// or `-`. This sends no request.
    ///
    /// # Errors
    /// [`Error::Usage`] for a file that does not exist or cannot be read, for a directory without an archive, and for
    /// an invalid URI.
    pub fn parse(name: &str, s3: &Access) -> Result<Self, Error> {
        if name == "-" {
            return Ok(Self::Pipe(Pipe::new(PipeFrom::Stdin)));
        }
        if let Some(object) = Object::parse(name, s3)? {
            return Ok(Self::Object(object));
        }
        let path = PathBuf::from(name);
        let metadata = path.metadata().map_err(|error| usage(&path, &error))?;
        if metadata.is_dir() {
            let contents = archive::contents(&path);
            if contents.is_file() {
                File::open(&contents).map_err(|error| usage(&contents, &error))?;
                return Ok(Self::Folder(path));
            }
            let advice = "pg_dump --format=directory did not write it";
            return Err(Error::Usage(format!("--dump-file {name} is a directory without toc.dat: {advice}")));
        }
        if metadata.is_file() {
            File::open(&path).map_err(|error| usage(&path, &error))?;
            return Ok(Self::File(path));
        }
        Ok(Self::Pipe(Pipe::new(PipeFrom::Path(path))))
    }

    /// Has somebody told while the dump's service cannot be reached. A file has none.
    pub fn listen(&mut self, listener: Listener) {
        if let Self::Object(object) = self {
            object.listen(listener);
        }
    }

    /// The name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Folder(path) | Self::Pipe(Pipe { from: PipeFrom::Path(path), .. }) => {
                path.display().to_string()
            }
            Self::Object(object) => object.uri(),
            Self::Pipe(Pipe { from: PipeFrom::Stdin, .. }) => "standard input".to_owned(),
        }
    }

    /// Whether it can be read again from the start.
    #[must_use]
    pub fn is_rereadable(&self) -> bool {
        matches!(self, Self::File(_) | Self::Folder(_) | Self::Object(_))
    }

    /// The identity of the dump, if it is known before the dump is read. Blocks.
    ///
    /// # Errors
    /// As [`Location::open`].
    pub fn identity(&self) -> Result<Option<Identity>, Error> {
        match self {
            Self::File(_) | Self::Folder(_) => Ok(self.open()?.identity),
            Self::Object(prefix) if prefix.is_prefix() => Ok(self.open()?.identity),
            Self::Object(object) => {
                let (_, identity) =
                    object::open(object).map_err(|failure| failure.into_error("open", &self.name()))?;
                Ok(Some(identity))
            }
            Self::Pipe(_) => Ok(None),
        }
    }

    fn open_anew(&self) -> Result<Source, OpenError> {
        let io = |action| move |error| OpenError::Io(action, error);
        match self {
            Self::File(path) => {
                let file = File::open(path).map_err(io("open"))?;
                Source::file(file).map_err(io("read"))?.decompressed()
            }
            Self::Folder(path) => Source::folder(path).map_err(io("read")),
            Self::Object(prefix) if prefix.is_prefix() => Source::objects(prefix).map_err(OpenError::Object),
            Self::Object(object) => {
                let (reader, identity) = object::open(object).map_err(OpenError::Object)?;
                Source::object(object, reader, identity).decompressed()
            }
            Self::Pipe(Pipe { from: PipeFrom::Path(path), .. }) => {
                let file = File::open(path).map_err(io("open"))?;
                Source::pipe(file).decompressed()
            }
            Self::Pipe(Pipe { from: PipeFrom::Stdin, .. }) => Source::pipe(io::stdin()).decompressed(),
        }
    }

    /// Opens the source to look at its start. A pipe must be [put back](Location::put_back) afterwards.
    ///
    /// # Errors
    /// As [`Location::open`].
    pub fn peek(&self) -> Result<Source, Error> {
        let mut source = self.open()?;
        source.kept = (!self.is_rereadable()).then(Vec::new);
        Ok(source)
    }

    /// Takes back the result of [`Location::peek`], so that the source can be opened at its start.
    pub fn put_back(&self, source: Source) {
        if let Self::Pipe(pipe) = self {
            *pipe.opened() = Some(source.at_its_start());
        }
    }

    /// Opens the source at its start. Blocks; for an object as long as retries are allowed.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be opened or read, [`Error::UnknownCompression`] for a compression that is not
    /// supported, and the errors of [`Failure::into_error`](object::Failure::into_error).
    pub fn open(&self) -> Result<Source, Error> {
        if let Self::Pipe(pipe) = self
            && let Some(source) = pipe.opened().take()
        {
            return Ok(source);
        }
        self.open_anew().map_err(|error| match error {
            OpenError::Io(action, error) => failed(action, &self.name(), error),
            OpenError::Object(failure) => failure.into_error("open", &self.name()),
            OpenError::Compression(format) => Error::UnknownCompression { name: self.name(), format },
        })
    }
}

fn usage(path: &Path, error: &io::Error) -> Error {
    Error::Usage(format!("--dump-file {} cannot be read: {error}", path.display()))
}
