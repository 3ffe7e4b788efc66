//! The text of an archive, to be read piece by piece.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};

use super::choice::{Choice, Chosen};
use super::contents::{Container, Contents, Entry};
use super::custom::Custom;
use super::directory::{self, Directory, Folder};
use super::error::{ArchiveError, Within};
use super::format::Format;
use super::input::{Bytes, Input};
use super::list;
use super::objects;
use super::order::{Parts, order};
use super::starts::{EntryStart, EntryStarts};
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
/// let bytes = Box::new(dump::archive::Forward(Box::new(file)));
/// let everything = dump::archive::Choice::default();
/// let mut script = dump::archive::Script::read_from(dump::archive::Format::Custom, bytes, &everything)?;
/// let mut text = vec![0; 64 * 1024];
/// while script.read(&mut text)? > 0 {}
/// # Ok(())
/// # }
/// ```
pub struct Script {
    contents: Contents,
    format: &'static str,
    store: Box<dyn Store>,
    session: Session,
    chosen: Chosen,
    /// The entries to be written.
    order: VecDeque<(usize, Parts)>,
    /// Entries that are not listed and have data, which are to be passed over in their turn.
    unlisted: VecDeque<usize>,
    /// The list asks for data in another order than that of the archive.
    reordered: bool,
    starts: EntryStarts,
    /// Bytes of the text up to the next one to be read.
    offset: u64,
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
    /// Between large objects of this entry.
    Objects(usize),
    /// In a large object of this entry.
    Object(usize),
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
    /// The errors of `bytes`, or an [`ArchiveError`] inside of [`io::Error`].
    pub fn read_from(format: Format, bytes: Box<dyn Bytes>, choice: &Choice) -> io::Result<Self> {
        let mut input = Input::new(bytes, Within::Header);
        let name = format.name();
        match format {
            Format::Custom => {
                let contents = Contents::read(&mut input, Container::Custom)?;
                let custom = Custom::new(input, contents.head.method);
                Self::new(contents, name, Box::new(custom), choice)
            }
            Format::Tar => {
                let (tar, contents) = Tar::open(input)?;
                Self::new(contents, name, Box::new(tar), choice)
            }
        }
    }

    /// The text of an archive in the directory format. Reads its table of contents.
    ///
    /// # Errors
    /// As [`Script::read_from`].
    pub fn of_directory(mut folder: Box<dyn Folder>, choice: &Choice) -> io::Result<Self> {
        let mut input = directory::contents(&mut *folder)?;
        let contents = Contents::read(&mut input, Container::Files)?;
        directory::ends(&mut input)?;
        let directory = Directory::new(folder, contents.head.method);
        Self::new(contents, "directory", Box::new(directory), choice)
    }

    fn new(
        contents: Contents,
        format: &'static str,
        store: Box<dyn Store>,
        choice: &Choice,
    ) -> io::Result<Self> {
        let session = Session::new(&contents)?;
        let entries = &contents.entries;
        let listed = match choice.list() {
            Some(list) => list::places(&contents, list)?,
            None => (0..entries.len()).collect(),
        };
        let order: VecDeque<_> = order(entries, &listed).into();
        let mut unlisted: Vec<_> = entries.iter().map(|entry| entry.has_data).collect();
        order.iter().filter(|(_, parts)| parts.data).for_each(|(place, _)| unlisted[*place] = false);
        let data = order.iter().filter(|(_, parts)| parts.data);
        let reordered = !data.map(|(place, _)| place).is_sorted();
        let unlisted = (0..entries.len()).filter(|place| unlisted[*place]).collect();
        let chosen = choice.of(entries);
        let (starts, text, offset) = (EntryStarts::default(), Vec::new(), 0);
        let state = State::Head;
        Ok(Self {
            contents,
            format,
            store,
            session,
            chosen,
            order,
            unlisted,
            reordered,
            starts,
            offset,
            state,
            text,
            read: 0,
        })
    }

    /// The table of contents as `pg_restore --list` prints it.
    #[must_use]
    pub fn list(&self) -> Vec<u8> {
        list::print(&self.contents, self.format)
    }

    /// Where entries begin in the text, as far as it was made.
    #[must_use]
    pub fn starts(&self) -> EntryStarts {
        self.starts.clone()
    }

    /// Begins the text at this place instead of its start. What stands before it is not read where the archive allows
    /// that.
    ///
    /// # Errors
    /// As reading; [`ArchiveError::Contents`] if there is no such entry.
    pub fn go_to(&mut self, start: &EntryStart) -> io::Result<()> {
        while let Some((index, parts)) = self.order.pop_front() {
            if self.contents.entries[index].id == start.id {
                self.order.push_front((index, parts));
                self.text.clear();
                (self.state, self.offset) = (State::Entry, start.offset);
                return Ok(());
            }
            self.begin(index, parts, false)?;
            self.text.clear();
        }
        let what = format!("it has no entry {}, at which the run is to go on", start.id);
        Err(ArchiveError::Contents { what }.into())
    }

    /// Passes over what stands before the data of this entry and is not listed.
    fn pass_unlisted(&mut self, before: usize) -> io::Result<()> {
        while let Some(place) = self.unlisted.pop_front_if(|place| *place < before) {
            self.store.pass(&self.contents.entries[place])?;
        }
        Ok(())
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
            State::Entry => match self.order.pop_front() {
                Some((index, parts)) => {
                    let id = self.contents.entries[index].id;
                    self.starts.push(EntryStart { id, offset: self.offset });
                    let wanted =
                        parts.data && self.chosen.has_data_of(&self.contents.entries[index], &self.session);
                    self.begin(index, parts, wanted)?;
                }
                None => {
                    self.pass_unlisted(self.contents.entries.len())?;
                    self.store.finish()?;
                    Session::foot(&mut self.text);
                    self.state = State::Finished;
                }
            },
            State::Objects(place) => match self.next_object(place)? {
                Some(oid) => {
                    objects::open(&mut self.text, oid);
                    self.state = State::Object(place);
                }
                None => {
                    objects::end(&mut self.text);
                    self.state = State::Entry;
                }
            },
            State::Object(place) => self.write_object(place)?,
            State::Data(..) | State::Finished | State::Failed => return Err(out_of_turn()),
        }
        Ok(())
    }

    /// Makes the text of an entry up to its data; `wanted` says whether these are read.
    fn begin(&mut self, place: usize, parts: Parts, wanted: bool) -> io::Result<()> {
        if parts.data {
            self.pass_unlisted(place)?;
        }
        let entries = &self.contents.entries;
        let entry = &entries[place];
        let in_order = |error| in_order(entry, self.reordered, error);
        if parts.definition {
            self.session.entry(entries, entry, Above::Definition, &mut self.text)?;
        }
        if !parts.data {
            return Ok(());
        }
        self.session.entry(entries, entry, Above::Data, &mut self.text)?;
        if !wanted {
            self.store.pass(entry).map_err(in_order)?;
            if has_objects(entry) {
                self.session.select_schema(b"pg_catalog", &mut self.text);
            } else if !entry.copy.is_empty() {
                self.text.extend_from_slice(&entry.copy);
                self.text.extend_from_slice(COPY_END);
            }
            return Ok(());
        }
        self.store.open(entry).map_err(in_order)?;
        if has_objects(entry) {
            self.session.select_schema(b"pg_catalog", &mut self.text);
            objects::begin(&mut self.text);
            self.state = State::Objects(place);
        } else {
            self.text.extend_from_slice(&entry.copy);
            self.state = State::Data(place, Tail::default());
        }
        Ok(())
    }

    /// Goes to the next large object. A tar file says only there that another entry's data stand in its place.
    fn next_object(&mut self, place: usize) -> io::Result<Option<u32>> {
        let moved = self.reordered && self.format == Format::Tar.name();
        let found = self.store.next_object();
        found.map_err(|error| in_order(&self.contents.entries[place], moved, error))
    }

    /// The next piece of a large object, or its end.
    fn write_object(&mut self, place: usize) -> io::Result<()> {
        let mut piece = vec![0; objects::PIECE];
        let mut filled = 0;
        while filled < piece.len() {
            match self.store.read(&mut piece[filled..])? {
                0 => {
                    self.state = State::Objects(place);
                    break;
                }
                count => filled += count,
            }
        }
        if filled > 0 {
            objects::write(&mut self.text, &piece[..filled], self.session.standard);
        }
        if let State::Objects(_) = self.state {
            objects::close(&mut self.text);
        }
        Ok(())
    }
}

/// What it means that data are not where they should be, if the list asks for another order than the archive's.
fn in_order(entry: &Entry, reordered: bool, error: io::Error) -> io::Error {
    match error.get_ref() {
        Some(inner) if reordered && inner.is::<ArchiveError>() => {
            ArchiveError::OutOfOrder { entry: entry.name() }.into()
        }
        _ => error,
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.pull(buffer).inspect_err(|_| self.state = State::Failed)?;
        self.offset += count as u64;
        Ok(count)
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
