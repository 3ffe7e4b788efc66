//! An archive is read to its end or to an error, whatever its bytes are, and never panics.

#![no_main]

use std::io::{self, Cursor, Read};

use dump::archive::{Bytes, Choice, Data, Folder, Format, Script};
use libfuzzer_sys::fuzz_target;

/// So much text of one input is read: compressed data can give any amount.
const MOST: u64 = 4 << 20;

/// A directory whose files, but the table of contents, all have the same content.
struct Same {
    contents: Vec<u8>,
    data: Vec<u8>,
}

impl Folder for Same {
    fn open(&mut self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        assert!(!name.contains('/') && !name.contains(".."));
        let bytes = if name == "toc.dat" { &self.contents } else { &self.data };
        // Compressed in each way by turns, as far as names go.
        let found = name == "toc.dat" || name.len() % 4 == self.data.len() % 4;
        Ok(found.then(|| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))
    }

    fn pass(&mut self, names: &[String]) {
        assert!(names.iter().all(|name| !name.contains('/') && !name.contains("..")));
    }
}

/// A file: it can jump.
struct File(Cursor<Vec<u8>>);

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Bytes for File {
    fn jump(&mut self, offset: u64) -> io::Result<bool> {
        self.0.set_position(offset);
        Ok(true)
    }
}

/// Everything, no data, some tables, or a list in an odd order.
fn choice(kind: u8) -> Choice {
    match kind % 4 {
        0 => Choice::default(),
        1 => Choice::default().with_data(|_| false),
        2 => Choice::default().with_data(|data| matches!(data, Data::Rows(name) if name.name.len() % 2 == 0)),
        _ => Choice::default().with_list([5, 3, 1, 2].into()),
    }
}

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (kind, bytes, data) = input;
    let choice = choice(kind / 3);
    let script = match kind % 3 {
        0 => Script::read_from(Format::Custom, Box::new(File(Cursor::new(bytes))), &choice),
        1 => Script::read_from(Format::Tar, Box::new(File(Cursor::new(bytes))), &choice),
        _ => Script::of_directory(Box::new(Same { contents: bytes, data }), &choice),
    };
    if let Ok(script) = script {
        let _ = io::copy(&mut script.take(MOST), &mut io::sink());
    }
});
