//! The files in `tests/fixtures`, and dumps in every compression.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file or folder of `tests/fixtures`.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A fixture in JSON.
pub fn json(name: &str) -> serde_json::Value {
    let text = std::fs::read(path(name)).unwrap_or_else(|e| panic!("read the fixture {name}: {e}"));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("the fixture {name}: {e}"))
}

/// Writes the content of a `.zst` fixture to `target`.
pub fn unpack(name: &str, target: &Path) {
    let packed = File::open(path(name)).unwrap_or_else(|e| panic!("open the fixture {name}: {e}"));
    let mut out = File::create(target).expect("create the unpacked file");
    zstd::stream::copy_decode(packed, &mut out).unwrap_or_else(|e| panic!("unpack {name}: {e}"));
}

/// The `.sql` files of a fixture folder in the order of their names, without those for a newer server
/// (`NN-pgVV.sql` is for major version VV and later). `None` when there is no such folder.
pub fn sql_files(folder: &str, server_version: u32) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(path(folder)).ok()?;
    let mut files: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| fits(p, server_version)).collect();
    files.sort();
    (!files.is_empty()).then_some(files)
}

fn fits(file: &Path, server_version: u32) -> bool {
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let needs = stem.rsplit_once("-pg").and_then(|(_, version)| version.parse().ok()).unwrap_or(0);
    file.extension().is_some_and(|e| e == "sql") && needs <= server_version
}

/// How a dump is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// gzip with two members, cut in the middle.
    GzipMembers,
    /// zstd.
    Zstd,
    /// LZ4 frame.
    Lz4,
}

impl Packing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Plain, Self::Gzip, Self::GzipMembers, Self::Zstd, Self::Lz4];

    /// Packs a whole dump.
    pub fn pack(self, dump: &[u8]) -> io::Result<Vec<u8>> {
        let gzip = |part: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(part)?;
            encoder.finish()
        };
        match self {
            Self::Plain => Ok(dump.to_vec()),
            Self::Gzip => gzip(dump),
            Self::GzipMembers => {
                let (head, tail) = dump.split_at(dump.len() / 2);
                Ok([gzip(head)?, gzip(tail)?].concat())
            }
            Self::Zstd => zstd::encode_all(dump, 1),
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(dump)?;
                encoder.finish().map_err(io::Error::other)
            }
        }
    }
}
