//! The data of a tar file of pg_dump: the table of contents, a member for each entry in its order, and a script.

use std::io::{self, Read};

use super::contents::{CONTENTS, Container, Contents, Entry};
use super::error::{ArchiveError, Within};
use super::input::Input;
use super::store::{Store, has_objects, out_of_turn};

/// Everything in a tar file begins at a multiple of this.
const BLOCK: u64 = 512;
/// The script of psql commands at the end, which is of no use here.
const SCRIPT: &str = "restore.sql";

/// A tar file.
pub(super) struct Tar {
    input: Input,
    /// Bytes behind the data of the member up to the next one, while it is read.
    padding: Option<u64>,
    /// The size of that member.
    size: u64,
    /// How many large objects of the entry were found, while they are looked for.
    objects: Option<u64>,
}

struct Member {
    name: String,
    size: u64,
}

impl Tar {
    /// Reads the table of contents.
    pub(super) fn open(input: Input) -> io::Result<(Self, Contents)> {
        let mut tar = Self { input, padding: None, size: 0, objects: None };
        match tar.next_member()? {
            Some(member) if member.name == CONTENTS => tar.enter(&member),
            _ => {
                let what =
                    "the tar file does not begin with toc.dat, so pg_dump --format=tar did not write it";
                return Err(ArchiveError::Header { what: what.to_owned() }.into());
            }
        }
        let contents = Contents::read(&mut tar.input, Container::Files)?;
        tar.input.within = Within::End;
        if !tar.input.is_at_end()? {
            return Err(tar.input.damaged("more bytes follow its table of contents"));
        }
        tar.leave()?;
        Ok((tar, contents))
    }

    /// The next member; `None` at the end of the tar file, which is a block of zeros.
    fn next_member(&mut self) -> io::Result<Option<Member>> {
        let block = self.input.take_bytes(BLOCK as usize)?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        match member(&block) {
            Ok(member) => Ok(Some(member)),
            Err(what) => Err(self.input.damaged(what)),
        }
    }

    fn enter(&mut self, member: &Member) {
        self.input.stop_after(member.size);
        self.size = member.size;
        self.padding = Some(member.size.wrapping_neg() % BLOCK);
    }

    fn leave(&mut self) -> io::Result<()> {
        self.input.go_on();
        let padding = self.padding.take().unwrap_or(0);
        self.input.skip(padding)
    }

    fn missing(&self, entry: &Entry, what: String) -> io::Error {
        let what = format!("{what} (byte {})", self.input.offset());
        ArchiveError::NoData { entry: entry.name(), what }.into()
    }

    /// Reads the list of large objects, which must have a line for each one that stood before it.
    fn check_list(&mut self, member: &Member, objects: u64) -> io::Result<()> {
        self.enter(member);
        let (mut lines, mut buffer) = (0, [0; 1024]);
        loop {
            match self.input.read(&mut buffer)? {
                0 => break,
                count => lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64,
            }
        }
        if lines != objects {
            return Err(self.input.damaged(format!("it has {objects} large objects, and its list {lines}")));
        }
        self.leave()
    }
}

impl Store for Tar {
    fn open(&mut self, entry: &Entry) -> io::Result<()> {
        if self.padding.is_some() || self.objects.is_some() {
            return Err(out_of_turn());
        }
        self.input.within = Within::Data(entry.name());
        if has_objects(entry) {
            self.objects = Some(0);
            return Ok(());
        }
        let Some(file) = &entry.file else {
            return Err(
                self.missing(entry, "the table of contents names no member of the tar file".to_owned())
            );
        };
        match self.next_member()? {
            Some(member) if member.name == *file => {
                self.enter(&member);
                Ok(())
            }
            Some(Member { name, .. }) => {
                Err(self.missing(entry, format!("{name:?} stands where {file} should be")))
            }
            None => Err(self.missing(entry, format!("the tar file ends before {file}"))),
        }
    }

    /// Reads none of them, but looks at where they should be.
    fn pass(&mut self, entry: &Entry) -> io::Result<()> {
        self.open(entry)?;
        if !has_objects(entry) {
            self.input.skip(self.size)?;
            return self.leave();
        }
        while self.next_object()?.is_some() {
            self.input.skip(self.size)?;
            self.leave()?;
        }
        Ok(())
    }

    fn next_object(&mut self) -> io::Result<Option<u32>> {
        let Some(objects) = self.objects else { return Err(out_of_turn()) };
        let Some(member) = self.next_member()? else {
            return Err(self.input.damaged("the list of large objects is missing"));
        };
        // The table of contents of older versions does not name the list.
        if member.name.starts_with("blobs") && member.name.ends_with(".toc") {
            self.check_list(&member, objects)?;
            self.objects = None;
            return Ok(None);
        }
        let oid = member.name.strip_prefix("blob_").and_then(|name| name.strip_suffix(".dat"));
        let Some(oid) = oid.and_then(|oid| oid.parse().ok()) else {
            let what = format!("{:?} stands where a large object or the list of them should be", member.name);
            return Err(self.input.damaged(what));
        };
        self.objects = Some(objects + 1);
        self.enter(&member);
        Ok(Some(oid))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.padding.is_none() {
            return Err(out_of_turn());
        }
        let count = self.input.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.leave()?;
        }
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.input.within = Within::End;
        while let Some(member) = self.next_member()? {
            if member.name != SCRIPT {
                return Err(self.input.damaged(format!("{:?} belongs to no entry", member.name)));
            }
            self.input.skip(member.size.saturating_add(member.size.wrapping_neg() % BLOCK))?;
        }
        let mut buffer = vec![0; 8192];
        loop {
            match self.input.read(&mut buffer)? {
                0 => return Ok(()),
                count if buffer[..count].iter().any(|&byte| byte != 0) => {
                    return Err(self.input.damaged("bytes follow the end of the tar file"));
                }
                _ => {}
            }
        }
    }
}

/// The header of a member.
fn member(block: &[u8]) -> Result<Member, String> {
    let written = octal(&block[148..156]);
    let sum =
        block.iter().enumerate().map(|(i, &byte)| if (148..156).contains(&i) { 32 } else { u64::from(byte) });
    if written != Some(sum.sum()) {
        return Err("the checksum of a tar header does not fit".to_owned());
    }
    let name = String::from_utf8_lossy(until_nul(&block[..100])).into_owned();
    if !matches!(block[156], b'0' | 0) {
        return Err(format!("{name:?} is not a file"));
    }
    match size(&block[124..136]) {
        Some(size) => Ok(Member { name, size }),
        None => Err(format!("the size of {name:?} cannot be read")),
    }
}

/// Octal digits; a size that has too many of them is a binary number whose first bit is set.
fn size(field: &[u8]) -> Option<u64> {
    if field[0] != 0x80 {
        return octal(field);
    }
    let (high, low) = field[1..].split_at(3);
    let low = low.try_into().ok().map(u64::from_be_bytes)?;
    // A terabyte more than any disk has is damage.
    (high == [0; 3] && low < 1 << 60).then_some(low)
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(until_nul(field)).ok()?.trim_matches(' ');
    u64::from_str_radix(digits, 8).ok()
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}
