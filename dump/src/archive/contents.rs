//! The header and the table of contents of an archive.

use std::collections::HashSet;
use std::io;

use super::error::{ArchiveError, Within};
use super::input::Input;
use super::unpack::Method;

/// What an archive begins with.
pub(super) const MAGIC: &[u8] = b"PGDMP";

/// The file of a directory, and the member of a tar file, with the table of contents.
pub const CONTENTS: &str = "toc.dat";

const CUSTOM: u8 = 1;
const TAR: u8 = 3;
const DIRECTORY: u8 = 5;

/// No string is longer: that of a statement that PostgreSQL would not take.
const STRING_LIMIT: usize = 256 << 20;
/// No table of contents is longer: it is kept in memory.
const CONTENTS_LIMIT: u64 = 2 << 30;
/// The relkind of a partitioned table.
const PARTITIONED: i32 = b'p' as i32;
const POST_DATA: i32 = 4;
/// The offset of the data is that of the archive.
const WRITTEN: u8 = 2;

/// What holds the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// The archive is the file.
    Custom,
    /// The table of contents is a file of its own, in a directory or a tar file.
    Files,
}

/// The header: what of it is needed.
#[derive(Debug)]
pub(super) struct Head {
    /// How the data are compressed.
    pub(super) method: Method,
    /// The version of the archive, without its first number, which is 1: minor and revision.
    pub(super) version: (u8, u8),
    /// When it was made, by the clock where pg_dump ran: seconds, minutes, hours, day, month from 0, years from 1900.
    pub(super) made: [i32; 6],
    /// The database.
    pub(super) database: Option<String>,
    /// The version of the server.
    pub(super) server: Option<String>,
    /// The version of pg_dump.
    pub(super) pg_dump: Option<String>,
}

impl Head {
    /// The major version of pg_dump; 0 if it is not known.
    pub(super) fn major(&self) -> u32 {
        let version = self.pg_dump.as_deref().unwrap_or_default();
        let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
        version[..digits].parse().unwrap_or(0)
    }
}

/// Text of an entry, in the encoding of the dump. Empty where the archive has none.
pub(super) type Text = Box<[u8]>;

/// An entry of the table of contents.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) id: i32,
    /// The catalog of its object, and the object's OID there, as digits.
    pub(super) object: [Text; 2],
    /// Whether the archive has data for it.
    pub(super) has_data: bool,
    /// What it is: `TABLE`, `TABLE DATA`, ….
    pub(super) kind: String,
    /// Whether it is in the section `post-data`.
    pub(super) post_data: bool,
    pub(super) tag: Text,
    pub(super) definition: Text,
    pub(super) drop: Text,
    pub(super) copy: Text,
    pub(super) schema: Option<Text>,
    pub(super) tablespace: Option<Text>,
    pub(super) access_method: Option<Text>,
    pub(super) partitioned: bool,
    pub(super) owner: Option<Text>,
    /// The first of the entries that it depends on.
    pub(super) depends_on: Option<i32>,
    /// Its file in a directory, or its member of a tar file.
    pub(super) file: Option<String>,
    /// Where its block begins in a custom archive, if pg_dump could go back to write that.
    pub(super) offset: Option<u64>,
}

impl Entry {
    /// Its name in messages: the kind, the schema and the name of the object.
    pub(super) fn name(&self) -> String {
        let tag = String::from_utf8_lossy(&self.tag);
        match &self.schema {
            Some(schema) if !schema.is_empty() => {
                format!("{} {}.{tag} (entry {})", self.kind, String::from_utf8_lossy(schema), self.id)
            }
            _ => format!("{} {tag} (entry {})", self.kind, self.id),
        }
    }
}

/// The header and the table of contents.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) head: Head,
    pub(super) entries: Vec<Entry>,
}

impl Contents {
    /// Reads both. `input` then stands behind them.
    pub(super) fn read(input: &mut Input, container: Container) -> io::Result<Self> {
        input.within = Within::Header;
        let start = input.offset();
        let (layout, head) = read_head(input, container)?;
        let count = input.count()?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut ids = HashSet::new();
        for number in 1..=count {
            input.within = Within::Contents(number, None);
            let entry = read_entry(input, &layout, number)?;
            if !ids.insert(entry.id) {
                return Err(input.damaged(format!("two entries have the number {}", entry.id)));
            }
            if input.offset() - start > CONTENTS_LIMIT {
                return Err(input.damaged("its table of contents is longer than 2 GiB"));
            }
            entries.push(entry);
        }
        Ok(Self { head, entries })
    }
}

/// How the fields of an entry are written.
struct Layout {
    minor: u8,
    container: Container,
    offset_size: usize,
}

fn read_head(input: &mut Input, container: Container) -> io::Result<(Layout, Head)> {
    if input.take_bytes(MAGIC.len())? != MAGIC {
        return Err(header("it does not begin with PGDMP, as each archive of pg_dump does"));
    }
    let (major, minor, revision) = (input.byte()?, input.byte()?, input.byte()?);
    if major != 1 || !(12..=16).contains(&minor) {
        return Err(ArchiveError::Version { major, minor }.into());
    }
    let int_size = input.byte()?;
    let offset_size = input.byte()?;
    if ![4, 8].contains(&int_size) || ![4, 8].contains(&offset_size) {
        return Err(header("its numbers have neither 4 nor 8 bytes"));
    }
    input.set_int_size(usize::from(int_size));
    let layout = Layout { minor, container, offset_size: usize::from(offset_size) };
    check_format(input.byte()?, container)?;
    let method = read_method(input, minor)?;
    let mut made = [0; 6];
    for part in &mut made {
        *part = input.int()?;
    }
    let _is_summer = input.int()?;
    let mut word = || Ok::<_, io::Error>(string(input)?.map(|v| String::from_utf8_lossy(&v).into_owned()));
    let (database, server, pg_dump) = (word()?, word()?, word()?);
    Ok((layout, Head { method, version: (minor, revision), made, database, server, pg_dump }))
}

fn header(what: &str) -> io::Error {
    ArchiveError::Header { what: what.to_owned() }.into()
}

/// The table of contents of a directory says that it is one of a tar file.
fn check_format(format: u8, container: Container) -> io::Result<()> {
    match (container, format) {
        (Container::Custom, CUSTOM) | (Container::Files, TAR | DIRECTORY) => Ok(()),
        (Container::Custom, TAR | DIRECTORY) => Err(header(
            "it is the table of contents (toc.dat) of an archive in the directory or tar format, without its data: give the directory or the tar file",
        )),
        (Container::Files, CUSTOM) => {
            Err(header("toc.dat is an archive in the custom format: give the file itself"))
        }
        _ => Err(header("it names a format that pg_dump does not write")),
    }
}

fn read_method(input: &mut Input, minor: u8) -> io::Result<Method> {
    if minor < 15 {
        // The level, -1 for zlib's default.
        return Ok(if input.int()? == 0 { Method::None } else { Method::Zlib });
    }
    match input.byte()? {
        0 => Ok(Method::None),
        1 => Ok(Method::Zlib),
        2 => Ok(Method::Lz4),
        3 => Ok(Method::Zstd),
        _ => Err(header("it names a compression that is not known")),
    }
}

fn read_entry(input: &mut Input, layout: &Layout, number: usize) -> io::Result<Entry> {
    let id = input.int()?;
    if id <= 0 {
        return Err(input.damaged("the number of the entry is not positive"));
    }
    let has_data = input.int()? != 0;
    let object = [text(input)?, text(input)?];
    let mut entry = Entry { id, object, has_data, tag: text(input)?, ..Entry::default() };
    let kind = text(input)?;
    entry.kind = match String::from_utf8(kind.into()) {
        Ok(kind) if kind.is_ascii() => kind,
        _ => return Err(input.damaged("its kind is not one of pg_dump's")),
    };
    input.within = Within::Contents(number, Some(entry.name()));
    entry.post_data = match input.int()? {
        section @ 1..=POST_DATA => section == POST_DATA,
        _ => return Err(input.damaged("its section is not known")),
    };
    entry.definition = text(input)?;
    entry.drop = text(input)?;
    entry.copy = text(input)?;
    entry.schema = string(input)?;
    entry.tablespace = string(input)?;
    if layout.minor >= 14 {
        entry.access_method = string(input)?;
    }
    if layout.minor >= 16 {
        entry.partitioned = input.int()? == PARTITIONED;
    }
    entry.owner = string(input)?;
    if string(input)?.as_deref() == Some(b"true") {
        return Err(input.damaged("it is a table WITH OIDS, which PostgreSQL 12 and later do not have"));
    }
    entry.depends_on = read_dependencies(input)?;
    read_place(input, layout, &mut entry)?;
    Ok(entry)
}

fn read_dependencies(input: &mut Input) -> io::Result<Option<i32>> {
    let mut first = None;
    while let Some(id) = string(input)? {
        let id = std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Err(input.damaged("it depends on an entry whose number is none")) };
        first = first.or(Some(id));
    }
    Ok(first)
}

/// Where the data are.
fn read_place(input: &mut Input, layout: &Layout, entry: &mut Entry) -> io::Result<()> {
    match layout.container {
        Container::Custom => {
            let state = input.byte()?;
            if !(1..=3).contains(&state) {
                return Err(input.damaged("the state of its data is not known"));
            }
            let mut offset = 0;
            for place in 0..layout.offset_size {
                offset |= u64::from(input.byte()?) << (8 * place);
            }
            entry.offset = (state == WRITTEN).then_some(offset);
            Ok(())
        }
        Container::Files => {
            let name = string(input)?.filter(|name| !name.is_empty());
            entry.file = match name.map(|name| String::from_utf8(name.into())) {
                None => None,
                Some(Ok(name)) if is_file_name(&name) => Some(name),
                Some(_) => return Err(input.damaged("its file has a name that pg_dump does not give")),
            };
            Ok(())
        }
    }
}

/// Whether it is the name of a file beside `toc.dat`: letters, digits, `_` and single dots within. So it never leads
/// to another folder.
pub(super) fn is_file_name(name: &str) -> bool {
    let inner = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    name.len() <= 100 && name.split('.').all(inner)
}

fn text(input: &mut Input) -> io::Result<Text> {
    Ok(string(input)?.unwrap_or_default())
}

fn string(input: &mut Input) -> io::Result<Option<Text>> {
    let length = input.int()?;
    if length == -1 {
        return Ok(None);
    }
    match usize::try_from(length) {
        Ok(length) if length <= STRING_LIMIT => Ok(Some(input.take_bytes(length)?.into())),
        _ => Err(input.damaged(format!("a string has a length of {length} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for good in ["3456.dat", "blobs.toc", "blobs_12.toc", "blob_16400.dat", "toc"] {
            assert!(is_file_name(good), "{good}");
        }
        for bad in
            ["", ".", "..", "../3456.dat", "/etc/passwd", "a/b", ".dat", "3456.dat.", "a..b", "a b", "a\0"]
        {
            assert!(!is_file_name(bad), "{bad}");
        }
    }

    #[test]
    fn major_version() {
        let of = |version: &str| {
            let pg_dump = Some(version.to_owned());
            Head {
                method: Method::None,
                version: (14, 0),
                made: [0; 6],
                database: None,
                server: None,
                pg_dump,
            }
            .major()
        };
        assert_eq!(of("15.18 (Debian 15.18-0+deb12u1)"), 15);
        assert_eq!(of("18beta1"), 18);
        assert_eq!(of("9.6.24"), 9);
        assert_eq!(of(""), 0);
    }
}
