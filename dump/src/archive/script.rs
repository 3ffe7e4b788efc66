//! The text of an archive, to be read piece by piece.

use std::fmt;
use std::io::{self, Read};

use super::contents::{Container, Contents};
use super::custom::Custom;
use super::directory::{self, Directory, Folder};
use super::error::{ArchiveError, Within};
use super::format::Format;
use super::input::Input;
use super::objects;
use super::order::{Parts, order};
use super::store::{Store, has_objects, out_of_turn};
use super::tar::Tar;
use super::text::{Above, Session};

/// What the data of `COPY` end with.
const COPY_END: &[u8] = b"\\.\n\n\n";
/// What the data of `INSERT` statements end with.
const INSERT_END: &[u8] = b"\n\n";

/// An archive as the SQL text that `pg_restore --file=-` writes for it.
///
/// ```no_run
/// use std::io::Read;
///
/// # fn main() -> std::io::Result<()> {
/// let file = std::fs::File::open("shop.dump")?;
/// let mut script = dump::archive::Script::read_from(dump::archive::Format::Custom, Box::new(file))?;
/// let mut text = vec![0; 64 * 1024];
/// while script.read(&mut text)? > 0 {}
/// # Ok(())
/// # }
/// ```
pub struct Script {
    contents: Contents,
    store: Box<dyn Store>,
    session: Session,
    /// The entries to be written, the next one last.
    order: Vec<(usize, Parts)>,
    state: State,
    /// Text that was not read yet, from `read` on.
    text: Vec<u8>,
    read: usize,
}

enum State {
    Head,
    /// Before an entry.
    Entry,
    /// In the data of this entry, which end so.
    Data(usize, Tail),
    /// Between large objects.
    Objects,
    /// In a large object.
    Object,
    Finished,
    /// After an error.
    Failed,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("entries", &self.contents.entries.len()).finish_non_exhaustive()
    }
}

impl Script {
    /// The text of an archive that is one stream of bytes. Reads its table of contents.
    ///
    /// # Errors
    /// The errors of `reader`, or an [`ArchiveError`] inside of [`io::Error`].
    pub fn read_from(format: Format, reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut input = Input::new(reader, Within::Header);
        match format {
            Format::Custom => {
                let contents = Contents::read(&mut input, Container::Custom)?;
                let custom = Custom::new(input, contents.head.method);
                Self::new(contents, Box::new(custom))
            }
            Format::Tar => {
                let (tar, contents) = Tar::open(input)?;
                Self::new(contents, Box::new(tar))
            }
        }
    }

    /// The text of an archive in the directory format. Reads its table of contents.
    ///
    /// # Errors
    /// As [`Script::read_from`].
    pub fn of_directory(mut folder: Box<dyn Folder>) -> io::Result<Self> {
        let mut input = directory::contents(&mut *folder)?;
        let contents = Contents::read(&mut input, Container::Files)?;
        directory::ends(&mut input)?;
        let directory = Directory::new(folder, contents.head.method);
        Self::new(contents, Box::new(directory))
    }

    fn new(contents: Contents, store: Box<dyn Store>) -> io::Result<Self> {
        let session = Session::new(&contents)?;
        let mut order = order(&contents.entries);
        order.reverse();
        Ok(Self { contents, store, session, order, state: State::Head, text: Vec::new(), read: 0 })
    }

    fn pull(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let text = &self.text[self.read..];
            if !text.is_empty() {
                let count = text.len().min(buffer.len());
                buffer[..count].copy_from_slice(&text[..count]);
                self.read += count;
                return Ok(count);
            }
            self.text.clear();
            self.read = 0;
            match &mut self.state {
                // These go past the text: they are most of an archive.
                State::Data(place, tail) => {
                    let count = self.store.read(buffer)?;
                    if count > 0 {
                        tail.push(&buffer[..count]);
                        return Ok(count);
                    }
                    let entry = &self.contents.entries[*place];
                    if !tail.is_end(!entry.copy.is_empty()) {
                        let what = format!("they end after {} bytes, before their last line", tail.length);
                        return Err(ArchiveError::NoData { entry: entry.name(), what }.into());
                    }
                    self.state = State::Entry;
                }
                State::Finished => return Ok(0),
                _ => self.step()?,
            }
        }
    }

    /// Makes more text, or goes on to the data of an entry.
    fn step(&mut self) -> io::Result<()> {
        match self.state {
            State::Head => {
                self.session.head(&self.contents, &mut self.text);
                self.state = State::Entry;
            }
            State::Entry => match self.order.pop() {
                Some((place, parts)) => self.begin(place, parts)?,
                None => {
                    self.store.finish()?;
                    Session::foot(&mut self.text);
                    self.state = State::Finished;
                }
            },
            State::Objects => match self.store.next_object()? {
                Some(oid) => {
                    objects::open(&mut self.text, oid);
                    self.state = State::Object;
                }
                None => {
                    objects::end(&mut self.text);
                    self.state = State::Entry;
                }
            },
            State::Object => self.write_object()?,
            State::Data(..) | State::Finished | State::Failed => return Err(out_of_turn()),
        }
        Ok(())
    }

    fn begin(&mut self, place: usize, parts: Parts) -> io::Result<()> {
        let entries = &self.contents.entries;
        let entry = &entries[place];
        if parts.definition {
            self.session.entry(entries, entry, Above::Definition, &mut self.text)?;
        }
        if !parts.data {
            return Ok(());
        }
        self.session.entry(entries, entry, Above::Data, &mut self.text)?;
        self.store.open(entry)?;
        if has_objects(entry) {
            self.session.select_schema(b"pg_catalog", &mut self.text);
            objects::begin(&mut self.text);
            self.state = State::Objects;
        } else {
            self.text.extend_from_slice(&entry.copy);
            self.state = State::Data(place, Tail::default());
        }
        Ok(())
    }

    /// The next piece of a large object, or its end.
    fn write_object(&mut self) -> io::Result<()> {
        let mut piece = vec![0; objects::PIECE];
        let mut filled = 0;
        while filled < piece.len() {
            match self.store.read(&mut piece[filled..])? {
                0 => {
                    self.state = State::Objects;
                    break;
                }
                count => filled += count,
            }
        }
        if filled > 0 {
            objects::write(&mut self.text, &piece[..filled], self.session.standard);
        }
        if let State::Objects = self.state {
            objects::close(&mut self.text);
        }
        Ok(())
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.pull(buffer).inspect_err(|_| self.state = State::Failed)
    }
}

/// The last bytes of an entry's data, by which they are known to be complete.
#[derive(Debug, Default)]
struct Tail {
    bytes: [u8; 6],
    length: u64,
}

impl Tail {
    fn push(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        let new = &data[data.len().saturating_sub(self.bytes.len())..];
        self.bytes.rotate_left(new.len());
        let kept = self.bytes.len() - new.len();
        self.bytes[kept..].copy_from_slice(new);
    }

    fn is_end(&self, copy: bool) -> bool {
        let [before, ..] = self.bytes;
        if copy {
            // The line `\.` alone, for a table without rows.
            let line = before == b'\n' || self.length == COPY_END.len() as u64;
            line && self.bytes.ends_with(COPY_END)
        } else {
            self.bytes.ends_with(INSERT_END)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(copy: bool, pieces: &[&str]) -> bool {
        let mut tail = Tail::default();
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        tail.is_end(copy)
    }

    #[test]
    fn the_end_of_data() {
        assert!(ends(true, &["\\.\n\n\n"]));
        assert!(ends(true, &["1\n2", "\n\\", ".", "\n", "\n\n"]));
        assert!(ends(true, &["a long row before it\n\\.\n\n\n"]));
        assert!(!ends(true, &["\\\\.\n\n\n"]));
        assert!(!ends(true, &["1\n2\n\\.\n\n"]));
        assert!(!ends(true, &["1\n2\n"]));
        assert!(!ends(true, &[]));
        assert!(ends(false, &["INSERT INTO t VALUES (1);\n\n", "\n"]));
        assert!(!ends(false, &["INSERT INTO t VALUES (1);\n"]));
        assert!(!ends(false, &[]));
    }
}
