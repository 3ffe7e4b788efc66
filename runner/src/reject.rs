//! The file in which rows are set aside: nothing that was read is lost.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use serde::Serialize;

use crate::error::{DumpError, Error};
use crate::pipeline::{Mark, Reject};
use crate::render::rows::FaultReason;

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    table: &'a str,
    /// Within its block, from 1.
    row: u64,
    offset: u64,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'a str>,
    reason: String,
    /// Bytes of the row in the dump, from the offset on.
    length: usize,
    /// The row as the dump has it, in base64; not where values are transformed, which the file must not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

/// What becomes of a row that cannot be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What the options say.
    Option,
    /// It is left out, whatever the options say.
    Skip,
    /// The run ends, whatever the options say.
    Fatal,
}

impl Reject {
    /// What the transform at fault says of it, if one is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.reason {
            FaultReason::Transform { fatal: true, .. } => Verdict::Fatal,
            FaultReason::Transform { skip: true, .. } => Verdict::Skip,
            _ => Verdict::Option,
        }
    }
}

/// The row at which the run ends, where so many may be set aside.
#[must_use]
pub fn first_fatal(rejects: &[Reject], allowed: usize) -> Option<&Reject> {
    let mut left = allowed;
    rejects.iter().find(|reject| match reject.verdict() {
        Verdict::Skip => false,
        Verdict::Fatal => true,
        Verdict::Option => match left.checked_sub(1) {
            Some(fewer) => {
                left = fewer;
                false
            }
            None => true,
        },
    })
}

/// The reject file, open for appending.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: File,
    length: u64,
    /// Whether it holds the rows' bytes.
    bytes: bool,
}

impl RejectFile {
    /// Opens the file and cuts it to `length`: what lies behind was written after the checkpoint, and comes
    /// again. Without `bytes` it says where the rows are, and not what they are.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Checkpoint`] when it is shorter than the checkpoint says.
    pub fn open(path: &Path, length: u64, bytes: bool) -> Result<Self, Error> {
        let failed = |error| Error::File { action: "open the reject file", path: path.to_owned(), error };
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?.len();
        if there < length {
            return Err(Error::Checkpoint(format!(
                "the reject file {} has {there} bytes, the checkpoint knows of {length}: bring the file back, or use --restart",
                path.display()
            )));
        }
        file.set_len(length).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, length, bytes })
    }

    /// Appends rows and syncs them. `place` and `first_row` are those of the slab. Returns the file's length
    /// after each row.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append(
        &mut self,
        table: &str,
        place: dump::Place,
        first_row: u64,
        rejects: &[Reject],
    ) -> Result<Vec<u64>, Error> {
        let mut text = Vec::new();
        let mut lengths = Vec::with_capacity(rejects.len());
        for reject in rejects {
            let line = Line {
                table,
                row: first_row + u64::from(reject.row) + 1,
                offset: place.offset + reject.start,
                line: place.line + reject.lines,
                column: reject.column.as_deref(),
                reason: reject.reason.to_string(),
                length: reject.bytes.len(),
                bytes: self.bytes.then(|| base64::engine::general_purpose::STANDARD.encode(&reject.bytes)),
            };
            text.extend(serde_json::to_vec(&line).unwrap_or_default());
            text.push(b'\n');
            lengths.push(self.length + text.len() as u64);
        }
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.map_err(|error| Error::File {
            action: "write to the reject file",
            path: self.path.clone(),
            error,
        })?;
        self.length += text.len() as u64;
        Ok(lengths)
    }
}

/// The error that a row is which cannot be loaded, where such rows are not set aside. `before` is the point before
/// its slab.
#[must_use]
pub fn row_error(source_name: &str, table: &str, reject: &Reject, before: &Mark) -> Error {
    let first_row = before.scan.block.as_ref().map_or(0, |block| block.rows);
    let error = DumpError::Row {
        table: table.to_owned(),
        row: first_row + u64::from(reject.row) + 1,
        column: reject.column.clone(),
        at: dump::Place { offset: before.scan.offset + reject.start, line: before.scan.line + reject.lines },
        reason: reject.reason.clone(),
    };
    Error::Dump { source_name: source_name.to_owned(), error }
}
