//! What the registry knows of a run.

use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::holder::Identity;
use crate::position::{Lsn, Sequence};

/// The version of an entry's form.
const VERSION: u32 = 1;

/// One run's range of sequences in the buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The version of this form; 1.
    pub(crate) v: u32,
    /// Whose run it is: stays the same over restarts and resumed attempts.
    pub owner: String,
    /// The run's id.
    pub run: String,
    /// Its first sequence.
    pub first: Sequence,
    /// The next sequence, as of the last renewal of its lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Sequence>,
    /// The last sequence, once it is done. `None` for a run without changes, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Sequence>,
    /// Whether it is done.
    pub state: State,
    /// Who writes it right now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The snapshot's position, if it was known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lsn")]
    pub snapshot_lsn: Option<Lsn>,
    /// What the run was begun with: whoever asks for a new beginning by the same word has got it already.
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

    /// The first sequence behind what this entry says of itself.
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

/// The right of one process to write a run, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Known to its holder and to Redis; every write shows it.
    pub token: String,
    /// When it ends, by Redis' clock: milliseconds since 1970.
    pub until_ms: u64,
    /// The process that holds it.
    #[serde(flatten)]
    pub holder: Identity,
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
