//! Lists of entries: the one that `pg_restore --list` prints, and the one that `pg_restore --use-list` reads.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use super::contents::{Contents, Entry};
use super::error::ArchiveError;
use super::order::is_written;
use super::text::one_line;
use super::unpack::Method;

/// The table of contents as `pg_restore --list` prints it. `format` is the name of the archive's format.
pub(super) fn print(contents: &Contents, format: &str) -> Vec<u8> {
    let head = &contents.head;
    let [second, minute, hour, day, month, year] = head.made.map(i64::from);
    let (minor, revision) = head.version;
    let method = match head.method {
        Method::None => "none",
        Method::Zlib | Method::Gzip => "gzip",
        Method::Lz4 => "lz4",
        Method::Zstd => "zstd",
    };
    let or_hyphen = |text: &Option<String>| text.as_deref().unwrap_or("-").replace(['\n', '\r'], " ");
    let mut out = format!(
        ";\n; Archive created at {}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}\n\
         ;     dbname: {}\n;     TOC Entries: {}\n;     Compression: {method}\n\
         ;     Dump Version: 1.{minor}-{revision}\n;     Format: {format}\n\
         ;     Dumped from database version: {}\n;     Dumped by pg_dump version: {}\n\
         ;\n;\n; Selected TOC Entries:\n;\n",
        year + 1900,
        month + 1,
        or_hyphen(&head.database),
        contents.entries.len(),
        or_hyphen(&head.server),
        or_hyphen(&head.pg_dump),
    )
    .into_bytes();
    for entry in contents.entries.iter().filter(|entry| is_written(entry)) {
        print_entry(entry, &mut out);
    }
    out
}

fn print_entry(entry: &Entry, out: &mut Vec<u8>) {
    let [catalog, oid] =
        entry.object.each_ref().map(|number| if number.is_empty() { b"0" } else { &**number });
    let schema = entry.schema.as_ref().map_or_else(|| b"-".to_vec(), |schema| one_line(schema));
    let owner = entry.owner.as_ref().map_or_else(Vec::new, |owner| one_line(owner));
    let parts: [&[u8]; 6] = [catalog, oid, entry.kind.as_bytes(), &schema, &one_line(&entry.tag), &owner];
    out.extend_from_slice(format!("{};", entry.id).as_bytes());
    for part in parts {
        out.push(b' ');
        out.extend_from_slice(part);
    }
    out.push(b'\n');
}

/// The numbers of entries in a list, in its order, and the lines that begin with none, counted from 1. What stands
/// behind `;` is a comment, and what stands behind a number, too.
#[must_use]
pub fn read_list(text: &[u8]) -> (Arc<[i32]>, Vec<usize>) {
    let (mut entries, mut seen, mut odd) = (Vec::new(), HashSet::new(), Vec::new());
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&line[..digits]).ok().and_then(|digits| digits.parse().ok());
        match number.filter(|number: &i32| *number > 0) {
            Some(number) if seen.insert(number) => entries.push(number),
            _ if line.is_empty() => {}
            _ => odd.push(index + 1),
        }
    }
    (entries.into(), odd)
}

/// The places of listed entries in the table of contents.
pub(super) fn places(contents: &Contents, list: &[i32]) -> io::Result<Vec<usize>> {
    let places: HashMap<_, _> =
        contents.entries.iter().enumerate().map(|(place, entry)| (entry.id, place)).collect();
    let place = |id: &i32| places.get(id).copied().ok_or_else(|| ArchiveError::NotListed { id: *id }.into());
    list.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_pg_restore_reads_them() {
        let text = b";\n; Archive created\n\n2; 3079 EXTENSION\n 7 anything\r\n;9; 1 2 out\nno entry\n5\n2;\n0\n-3\n";
        let (entries, odd) = read_list(text);
        assert_eq!((&*entries, odd), ([2, 7, 5].as_slice(), vec![7, 9, 10, 11]));
        assert_eq!(read_list(b""), ([].into(), vec![]));
        assert_eq!(read_list(b"99999999999").1, [1]);
    }
}
