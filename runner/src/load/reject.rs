//! The reject file, in which rows are set aside. No row is lost.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::base::error::Error;
use crate::base::off_thread::off_thread;
use crate::read::item::{Mark, Reject};
use convert::error::{DumpError, Error as ConvertError};
use convert::render::fault::FaultReason;
use source::Identity;
use transform::RowPolicy;

/// One line of the file.
#[derive(Serialize)]
struct Line<'a> {
    /// [`Owner`]; always the first field.
    run: &'a str,
    table: &'a str,
    /// Within its block, from 1.
    row: u64,
    offset: u64,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'a str>,
    reason: &'a str,
    /// Bytes of the row in the dump, from the offset on.
    length: usize,
    /// The row as the dump has it, in base64; absent with transforms, since the file must not contain original
    /// values.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
}

/// A row for the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Its table.
    pub table: String,
    /// Its number within its block, from 1.
    pub row: u64,
    /// Where it is in the dump.
    pub place: dump::Place,
    /// The column that is at fault, if it is one.
    pub column: Option<String>,
    /// Why it is set aside, without values.
    pub reason: String,
    /// The row.
    pub bytes: &'a [u8],
}

impl Reject {
    /// What the transform configuration says about the row. Where it says nothing, the options decide.
    #[must_use]
    pub fn policy(&self) -> RowPolicy {
        match self.reason {
            FaultReason::Transform { policy, .. } => policy,
            _ => RowPolicy::Caller,
        }
    }
}

/// The row at which the run ends, if this many rows may be set aside.
#[must_use]
pub fn first_fatal(rejects: &[Reject], allowed: usize) -> Option<&Reject> {
    let mut left = allowed;
    rejects.iter().find(|reject| match reject.policy() {
        RowPolicy::Skip => false,
        RowPolicy::Fail => true,
        RowPolicy::Caller => match left.checked_sub(1) {
            Some(fewer) => {
                left = fewer;
                false
            }
            None => true,
        },
    })
}

/// The owner of the lines. The dump and the configuration alone decide which rows are set aside. So runs with the
/// same dump and configuration write the same lines, and may overwrite each other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// The owner for a dump and the parts of a configuration. A pipe does not tell in advance which dump it brings,
    /// so there the destination of the changes identifies the run.
    #[must_use]
    pub fn new(source: Option<&Identity>, target: &str, config: &BTreeMap<String, String>) -> Self {
        let target = if source.is_some() { "" } else { target };
        let known = serde_json::to_vec(&(source, target, config)).unwrap_or_default();
        Self(format!("{:016x}", XxHash3_64::oneshot(&known)))
    }

    /// Whether the file is empty, or begins with a line of this owner. The line may be cut off.
    fn owns(&self, mut file: &File) -> io::Result<bool> {
        let begins = format!("{{\"run\":\"{}\",", self.0).into_bytes();
        let mut found = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(begins.len() as u64).read_to_end(&mut found)?;
        Ok(begins.starts_with(&found))
    }
}

/// The reject file of a load, into which both the loader and a sink may write.
pub type SharedRejects = Arc<tokio::sync::Mutex<RejectFile>>;

/// The reject file, open for appending.
#[derive(Debug)]
pub struct RejectFile {
    path: PathBuf,
    file: Arc<File>,
    owner: Owner,
    length: u64,
    /// Whether the file contains the rows' bytes.
    bytes: bool,
}

impl RejectFile {
    /// Checks that the file, if there is one, belongs to this owner.
    ///
    /// # Errors
    /// [`Error::Usage`] if it belongs to another one, and [`Error::File`].
    pub fn check(path: &Path, owner: &Owner) -> Result<(), Error> {
        let failed = |error| Error::File { action: "read the reject file", path: path.to_owned(), error };
        match File::open(path) {
            Ok(file) if owner.owns(&file).map_err(failed)? => Ok(()),
            Ok(_) => Err(others(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Opens the file and cuts it to `length`: the rest was written after the checkpoint, and will be written again.
    /// Without `bytes` the file contains the places of rows, but not the rows.
    ///
    /// # Errors
    /// As [`RejectFile::check`]; [`Error::Checkpoint`] if the file is shorter than the checkpoint says.
    pub fn open(path: &Path, owner: Owner, length: u64, bytes: bool) -> Result<Self, Error> {
        let failed = |error| Error::File { action: "open the reject file", path: path.to_owned(), error };
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(path).map_err(failed)?;
        if !owner.owns(&file).map_err(failed)? {
            return Err(others(path));
        }
        let there = file.metadata().map_err(failed)?.len();
        if there < length {
            return Err(Error::Checkpoint(format!(
                "the reject file {} has {there} bytes, but the checkpoint expects {length}: restore the file, or use --restart",
                path.display()
            )));
        }
        file.set_len(length).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: Arc::new(file), owner, length, bytes })
    }

    /// Its length, up to which it is synced.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Cuts off what was added last and will be added again.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn cut(&mut self, length: u64) -> Result<(), Error> {
        let failed = |error| Error::File { action: "cut the reject file", path: self.path.clone(), error };
        self.file.set_len(length).map_err(failed)?;
        (&*self.file).seek(SeekFrom::End(0)).map_err(failed)?;
        self.length = length;
        Ok(())
    }

    /// Appends rows and syncs them. `place` and `first_row` are those of the slab. Returns the file's length
    /// after each row.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn append(
        &mut self,
        table: &str,
        place: dump::Place,
        first_row: u64,
        rejects: &[Reject],
    ) -> Result<Vec<u64>, Error> {
        let rejected = rejects.iter().map(|reject| Rejected {
            table: table.to_owned(),
            row: first_row + u64::from(reject.row) + 1,
            place: dump::Place { offset: place.offset + reject.start, line: place.line + reject.lines },
            column: reject.column.clone(),
            reason: reject.reason.to_string(),
            bytes: &reject.bytes,
        });
        self.add(&rejected.collect::<Vec<_>>()).await
    }

    /// The same with rows that have their places already.
    ///
    /// # Errors
    /// [`Error::File`].
    pub async fn add(&mut self, rejected: &[Rejected<'_>]) -> Result<Vec<u64>, Error> {
        let mut text = Vec::new();
        let mut lengths = Vec::with_capacity(rejected.len());
        for one in rejected {
            let line = Line {
                run: &self.owner.0,
                table: &one.table,
                row: one.row,
                offset: one.place.offset,
                line: one.place.line,
                column: one.column.as_deref(),
                reason: &one.reason,
                length: one.bytes.len(),
                bytes: self.bytes.then(|| base64::engine::general_purpose::STANDARD.encode(one.bytes)),
            };
            text.extend(serde_json::to_vec(&line).unwrap_or_default());
            text.push(b'\n');
            lengths.push(self.length + text.len() as u64);
        }
        self.length += text.len() as u64;
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        let writing = move || {
            let written = (&*file).write_all(&text).and_then(|()| file.sync_data());
            written.map_err(|error| Error::File { action: "write to the reject file", path, error })
        };
        off_thread(writing).await?;
        Ok(lengths)
    }
}

fn others(path: &Path) -> Error {
    Error::Usage(format!(
        "--reject-file {} is not empty, and its lines are not from this dump and configuration: give another file, or move this one away",
        path.display()
    ))
}

/// The error for a row that cannot be loaded, if such rows are not set aside. `before` is the point before its slab.
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
    ConvertError::Dump { source_name: source_name.to_owned(), error }.into()
}
