//! The checkpoint: how far a run has come.
//!
//! With Redis, the authoritative checkpoint is in the run's key, and each batch writes it in its own transaction. A
//! checkpoint file is a copy. Only with `--output FILE` is the file authoritative.

use std::collections::BTreeMap;

use dump::ScanPoint;
use kvbuffer::Sequence;
use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::read::task::Start;
use convert::planner::PlanPoint;
use source::EntryStart;
use source::identity::{Identity, START_OVER, check_source, difference};

pub mod file;

/// The version of the form. Other versions are refused.
pub const VERSION: u32 = 2;

/// Everything that is needed to resume, and to recognise the same dump and configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`VERSION`].
    pub version: u32,
    /// Whether the whole dump is loaded.
    pub complete: bool,
    /// The position of the last change before it, for people. Empty before the first change.
    pub lsn: Option<String>,
    /// The number of the dump's first change.
    pub first: Sequence,
    /// The number of the next change. Every change before it is durable.
    pub next: Sequence,
    /// The table in whose rows the checkpoint is, for people.
    pub table: Option<String>,
    /// Rows that were set aside.
    pub rejected: u64,
    /// Numbers without a change: those of such rows, or of packs that have no other rows.
    pub holes: u64,
    /// How many pieces of the next row are durable. Their numbers are before the next one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pieces: u64,
    /// The length of the reject file.
    pub reject_bytes: u64,
    /// The length of the output, if that is a file.
    pub output_bytes: Option<u64>,
    /// The dump's name, for people.
    pub source_name: String,
    /// The identity of the dump.
    pub source: Identity,
    /// The configuration, part by part.
    pub config: BTreeMap<String, String>,
    /// The position of the scanner.
    pub scan: ScanPoint,
    /// The state of the planner.
    pub plan: PlanPoint,
    /// Bytes of the file that were read, for progress, if its offsets are others than those of the scanner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<u64>,
    /// Where the entry of an archive begins in which the checkpoint lies. Earlier builds did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryStart>,
}

impl Checkpoint {
    /// Reads a checkpoint; `whence` says where it comes from.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is not a checkpoint, or has a version that this program does not read.
    pub fn parse(bytes: &[u8], whence: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let corrupt = |error: serde_json::Error| {
            Error::Checkpoint(format!(
                "{whence} is not a checkpoint, or is damaged ({error}); use --restart to start over"
            ))
        };
        let Version { version } = serde_json::from_slice(bytes).map_err(corrupt)?;
        if version != VERSION {
            return Err(Error::Checkpoint(format!(
                "{whence} has version {version}, but this program reads version {VERSION}: continue with the program that wrote it, or use --restart to start over"
            )));
        }
        serde_json::from_slice(bytes).map_err(corrupt)
    }

    /// The checkpoint as it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A structure of strings, numbers and maps with text keys cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks that the checkpoint is of this dump and configuration. The bytes of a pipe are checked while they are
    /// read.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], which names the differences.
    pub fn check(&self, source: Option<&Identity>, config: &BTreeMap<String, String>) -> Result<(), Error> {
        match difference(&self.source, source) {
            Some(differs) if self.complete => {
                return Err(Error::Checkpoint(format!(
                    "this run is done, and it loaded another dump, {}: {differs}; load this one under another --run-id, or empty the replica and {START_OVER}",
                    self.source_name
                )));
            }
            _ => check_source(&self.source, &self.source_name, source)?,
        }
        check_config(&self.config, config)
    }

    /// Where to continue: before a row of which only some pieces are durable.
    #[must_use]
    pub fn start(&self) -> Start {
        Start::At {
            scan: Box::new(self.scan.clone()),
            plan: Box::new(self.plan.clone()),
            next: self.next.checked_sub(self.pieces).unwrap_or(self.next),
            identity: self.source.clone(),
            entry: self.entry.clone(),
        }
    }

    /// How many changes there are between the first and the next number.
    #[must_use]
    pub fn members(&self) -> u64 {
        self.next.get() - self.first.get() - self.holes
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Checks a configuration against the one of the load.
///
/// # Errors
/// [`Error::Checkpoint`], which names the differences.
pub fn check_config(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Result<(), Error> {
    differences(then, now).map_or(Ok(()), |differences| {
        Err(Error::Checkpoint(format!(
            "the checkpoint is of another configuration, which made other changes: {differences}; use the same options as before, or {START_OVER}"
        )))
    })
}

/// The differences between two configurations, part by part.
#[must_use]
pub fn differences(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<String> {
    let none = String::new();
    let names: std::collections::BTreeSet<_> = then.keys().chain(now.keys()).collect();
    let differences: Vec<_> = names
        .into_iter()
        .map(|name| (name, then.get(name).unwrap_or(&none), now.get(name).unwrap_or(&none)))
        .filter(|(_, then, now)| then != now)
        .map(|(name, then, now)| format!("{name} was {then:?}, now it is {now:?}"))
        .collect();
    (!differences.is_empty()).then(|| differences.join("; "))
}
