//! An archive is read to its end or to an error, whatever its bytes are, and never panics.

#![no_main]

use std::io::{self, Cursor, Read};

use dump::archive::{Folder, Format, Script};
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
}

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (kind, bytes, data) = input;
    let script = match kind % 3 {
        0 => Script::read_from(Format::Custom, Box::new(Cursor::new(bytes))),
        1 => Script::read_from(Format::Tar, Box::new(Cursor::new(bytes))),
        _ => Script::of_directory(Box::new(Same { contents: bytes, data })),
    };
    if let Ok(script) = script {
        let _ = io::copy(&mut script.take(MOST), &mut io::sink());
    }
});
