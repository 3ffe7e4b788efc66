//! A checkpoint in a file. It is written to a second file, which is synced and renamed, and then the folder is
//! synced, so that there is always a complete checkpoint. A second line contains a hash of the first.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use twox_hash::XxHash3_64;

use super::Checkpoint;
use crate::base::error::Error;

/// Replaces the checkpoint in the file.
///
/// # Errors
/// [`Error::File`]; the old checkpoint is then still complete.
pub fn write(path: &Path, checkpoint: &Checkpoint) -> Result<(), Error> {
    let body = checkpoint.to_bytes();
    let hash = format!("\nxxh3 {:016x}\n", XxHash3_64::oneshot(&body));
    replace(path, &[&body, hash.as_bytes()]).map_err(|error| Error::File {
        action: "write the checkpoint to",
        path: path.to_owned(),
        error,
    })
}

fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = Path::new(&beside);
    let written = (|| {
        let mut file = File::create(beside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(beside, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(beside);
        return written;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Reads the checkpoint at `path`, or `None` when there is no file.
///
/// # Errors
/// [`Error::Checkpoint`] if the file is damaged or not a checkpoint, [`Error::File`] if it cannot be read.
pub fn read(path: &Path) -> Result<Option<Checkpoint>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::File { action: "read the checkpoint in", path: path.to_owned(), error });
        }
    };
    let whence = format!("{}", path.display());
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let (body, hash) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let checkpoint = Checkpoint::parse(body.as_bytes(), &whence)?;
    if hash != format!("xxh3 {:016x}", XxHash3_64::oneshot(body.as_bytes())) {
        return Err(Error::Checkpoint(format!(
            "the checkpoint in {whence} is damaged: its hash does not fit; use --restart to start over"
        )));
    }
    Ok(Some(checkpoint))
}
