//! The registry's entry for a run.

use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::holder::Process;
use crate::position::{Lsn, Sequence};

/// The version of an entry's form.
const VERSION: u32 = 1;

/// One run's range of sequences in the buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The version of this form; 1.
    pub(crate) v: u32,
    /// The owner of the run: it stays the same over restarts and resumed attempts.
    pub owner: String,
    /// The run's id.
    pub run: String,
    /// Its first sequence.
    pub first: Sequence,
    /// The next sequence, as of the last renewal of its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Sequence>,
    /// The last sequence, if it is done. Also `None` for a run without changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Sequence>,
    /// Whether it is done.
    pub state: State,
    /// The lease of the process that is writing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The snapshot's position, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lsn")]
    pub snapshot_lsn: Option<Lsn>,
    /// The token that the run was begun with: a request for a new beginning with the same token has already been
    /// fulfilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_with: Option<String>,
}

impl Range {
    pub(super) fn open(request: &Request, first: Sequence) -> Self {
        Self {
            v: VERSION,
            owner: request.owner.clone(),
            run: request.run.clone(),
            first,
            next: None,
            last: None,
            state: State::Open,
            lease: None,
            config: request.config.clone(),
            source: request.source.clone(),
            snapshot_lsn: request.snapshot_lsn,
            begun_with: request.begin_with.clone(),
        }
    }

    pub(super) fn is_known_version(&self) -> bool {
        self.v == VERSION
    }

    /// The first sequence after the ones of this entry.
    pub(super) fn end(&self) -> Sequence {
        let behind_last = self.last.and_then(|last| last.checked_add(1));
        [Some(self.first), self.next, behind_last].into_iter().flatten().max().unwrap_or(self.first)
    }
}

/// Whether a run is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// More may come.
    Open,
    /// It is complete.
    Done,
}

/// The right of one process to write a run, for a limited time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Known to its holder and to Redis; sent with every write.
    pub token: String,
    /// When it ends, by Redis' clock: milliseconds since 1970.
    pub until_ms: u64,
    /// The process that holds it.
    #[serde(flatten)]
    pub holder: Process,
}

mod lsn {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::position::Lsn;

    pub(super) fn serialize<S: Serializer>(value: &Option<Lsn>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|lsn| lsn.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Lsn>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse::<Lsn>().map_err(D::Error::custom)).transpose()
    }
}
