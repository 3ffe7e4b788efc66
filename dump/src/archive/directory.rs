//! The data of a directory: a file for each entry, and one for each large object.

use std::io::{self, BufRead, Read};

use super::contents::{CONTENTS, Entry, is_file_name};
use super::error::{ArchiveError, Within};
use super::input::{Forward, Input};
use super::store::{Store, has_objects, out_of_turn};
use super::unpack::{Method, Unpacked};

/// What pg_dump appends to the name of a file, by its compression.
const SUFFIXES: [(&str, Method); 4] =
    [("", Method::None), (".gz", Method::Gzip), (".lz4", Method::Lz4), (".zst", Method::Zstd)];

/// No line of a list of large objects is longer.
const LINE: usize = 200;

/// The files of an archive in the directory format.
pub trait Folder: Send {
    /// Opens the file of this name, if there is one. The name has neither separators nor `..`.
    ///
    /// # Errors
    /// If the file is there and cannot be opened, or is a link or another thing that is not a file.
    fn open(&mut self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>>;

    /// The first file of these names that there is will not be read. That is told for the sake of progress.
    fn pass(&mut self, names: &[String]);
}

/// An archive in the directory format.
pub(super) struct Directory {
    folder: Box<dyn Folder>,
    /// What the header says about the compression: such files are looked for first.
    method: Method,
    /// The name of the entry.
    entry: String,
    current: Option<Unpacked<Input>>,
    objects: Option<Unpacked<Input>>,
}

impl Directory {
    pub(super) fn new(folder: Box<dyn Folder>, method: Method) -> Self {
        // It does not tell the two forms of deflate apart.
        let method = if method == Method::Zlib { Method::Gzip } else { method };
        Self { folder, method, entry: String::new(), current: None, objects: None }
    }

    /// Opens a file of pg_dump, which may have been compressed or decompressed since.
    fn open_file(&mut self, name: &str, likely: Method) -> io::Result<Unpacked<Input>> {
        let (first, others): (Vec<_>, Vec<_>) = SUFFIXES.iter().partition(|(_, method)| *method == likely);
        for &(suffix, method) in first.into_iter().chain(others) {
            let name = format!("{name}{suffix}");
            if let Some(reader) = self.folder.open(&name)? {
                let reader = Box::new(Forward(reader));
                let input = Input::new(reader, Within::Data(format!("{}, in {name}", self.entry)));
                return Unpacked::new(method, input);
            }
        }
        let what = format!("there is no file {name}, {name}.gz, {name}.lz4 or {name}.zst");
        Err(ArchiveError::NoData { entry: self.entry.clone(), what }.into())
    }
}

impl Store for Directory {
    fn open(&mut self, entry: &Entry) -> io::Result<()> {
        self.entry = entry.name();
        let Some(file) = &entry.file else {
            let what = "the table of contents names no file".to_owned();
            return Err(ArchiveError::NoData { entry: self.entry.clone(), what }.into());
        };
        // pg_dump never compresses a list of large objects.
        if has_objects(entry) {
            self.objects = Some(self.open_file(file, Method::None)?);
        } else {
            self.current = Some(self.open_file(file, self.method)?);
        }
        Ok(())
    }

    fn pass(&mut self, entry: &Entry) -> io::Result<()> {
        if let Some(file) = &entry.file {
            self.folder.pass(&SUFFIXES.map(|(suffix, _)| format!("{file}{suffix}")));
        }
        Ok(())
    }

    fn next_object(&mut self) -> io::Result<Option<u32>> {
        let Some(list) = &mut self.objects else { return Err(out_of_turn()) };
        let Some(line) = next_line(list)? else {
            self.objects = None;
            return Ok(None);
        };
        let object = line.split_once(' ').and_then(|(oid, file)| Some((oid.parse().ok()?, file)));
        match object {
            Some((oid, file)) if is_file_name(file) => {
                self.current = Some(self.open_file(file, self.method)?);
                Ok(Some(oid))
            }
            _ => Err(list.get_ref().damaged("a line of the list of large objects is none of pg_dump's")),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(unpacked) = &mut self.current else { return Err(out_of_turn()) };
        match unpacked.read(buffer) {
            Ok(0) if !buffer.is_empty() => {
                self.current = None;
                Ok(0)
            }
            Ok(count) => Ok(count),
            Err(error) => Err(unpacked.get_ref().placed(error)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The next line of a list of large objects, without its end; `None` behind the last one.
fn next_line(list: &mut Unpacked<Input>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match list.read(&mut byte).map_err(|error| list.get_ref().placed(error))? {
            0 if line.is_empty() => return Ok(None),
            0 => return Err(list.get_ref().cut_off()),
            _ if byte == *b"\n" => break,
            _ if line.len() == LINE => {
                return Err(list.get_ref().damaged("a line of the list of large objects is too long"));
            }
            _ => line.push(byte[0]),
        }
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|_| list.get_ref().damaged("a line of the list of large objects is no text"))
}

/// The table of contents of a directory.
pub(super) fn contents(folder: &mut dyn Folder) -> io::Result<Input> {
    match folder.open(CONTENTS)? {
        Some(reader) => Ok(Input::new(Box::new(Forward(reader)), Within::Header)),
        None => {
            let what =
                "the directory has no toc.dat; is it one that pg_dump --format=directory wrote?".to_owned();
            Err(ArchiveError::Header { what }.into())
        }
    }
}

/// Checks that nothing follows the table of contents.
pub(super) fn ends(input: &mut Input) -> io::Result<()> {
    input.within = Within::End;
    if input.fill_buf()?.is_empty() { Ok(()) } else { Err(input.damaged("more bytes follow")) }
}
