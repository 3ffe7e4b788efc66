//! What kind of file this is, by its first bytes.

use crate::error::ScanError;

/// So many bytes are enough to tell.
pub const ENOUGH: usize = 512;

/// Checks that `bytes`, the first of a (decompressed) dump, can be a script, and returns how many to skip: a
/// byte order mark, as psql skips it.
///
/// # Errors
/// [`ScanError::Empty`], or [`ScanError::NotADump`] that names what was recognised.
pub fn plain_start(bytes: &[u8]) -> Result<usize, ScanError> {
    if bytes.is_empty() {
        return Err(ScanError::Empty);
    }
    let what = if bytes.get(257..262) == Some(b"ustar") {
        "it is a tar file, and pg_dump --format=tar did not write it: load the dump that is in it".to_owned()
    } else if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        "it is UTF-16 text, as PowerShell's `>` writes it; dump with `pg_dump --file=NAME`".to_owned()
    } else if let Some(compression) = compression(bytes) {
        // One compression was undone before, if there was one.
        format!(
            "it is compressed twice, the second time by {compression}: undo one of them, and load the result"
        )
    } else if bytes.iter().take(ENOUGH).any(|&byte| byte == 0) {
        // No more than these: what is found must not depend on how many bytes arrived at once.
        "it is binary data of a kind that is not recognised".to_owned()
    } else {
        return Ok(if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
    };
    Err(ScanError::NotADump { what })
}

/// The compression that a stream beginning so has.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, 0x08, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some("lz4"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => Some("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some("xz"),
        [b'P', b'K', 3, 4, ..] => Some("zip"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_is() {
        let say = |bytes: &[u8]| plain_start(bytes).unwrap_err().to_string();
        let mut tar = vec![b'a'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(say(&tar).contains("tar"));
        assert!(say(b"\xff\xfeS\0E\0").contains("UTF-16"));
        assert!(say(b"abc\0").contains("binary"));
        assert!(say(b"\x1f\x8b\x08\0").contains("compressed twice, the second time by gzip"));
        assert_eq!(plain_start(&[vec![b'a'; ENOUGH], vec![0]].concat()), Ok(0));
        assert_eq!(plain_start(b""), Err(ScanError::Empty));
        assert_eq!(plain_start(b"--\n"), Ok(0));
        assert_eq!(plain_start(b"\xef\xbb\xbf--\n"), Ok(3));
    }
}
