//! What the planner knows at a point of the dump.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::session::Session;
use super::settings::Settings;

/// What lies in the dump up to a point, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Rows that became changes or were rejected.
    pub rows: u64,
    /// Changes of SQL text.
    pub statements: u64,
    /// Statements, commands and rows that were left out, by kind.
    pub skipped: BTreeMap<String, u64>,
    /// Statements that no parser understood: passed on as they are.
    pub not_understood: u64,
}

/// What the planner must know to go on from a point after the dump's definitions, besides the schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPoint {
    #[serde(flatten)]
    pub(super) session: Session,
    pub(super) database: Option<String>,
    /// What `ALTER DATABASE … SET` says of databases: it is in force in sessions that connect afterwards.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) databases: BTreeMap<String, Settings>,
    /// The large object that is open, and how many of its bytes were written.
    pub(super) large_object: Option<(u32, u64)>,
    /// Data was seen, so what follows may be post-data.
    pub(super) data_seen: bool,
    /// So many of the identity columns, in the order of their definitions, are GENERATED ALWAYS again.
    pub(super) restored: usize,
    /// Triggers, rules or constraints came after the first data, as they do in a dump of pg_dump: a resume does not read
    /// them again, and none is needed unless rows follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) post_data: bool,
    /// Definitions came after the first data: then the schema is only rebuilt by reading everything again.
    pub late_definitions: bool,
    /// Where the first data begins, once that was seen: definitions before it rebuild the schema.
    pub data_begins: Option<u64>,
    /// The counts.
    pub counters: Counters,
}

impl PlanPoint {
    /// The counts up to the point.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Says how many rows lie before the point, where that is inside a block.
    pub fn set_rows(&mut self, rows: u64) {
        self.counters.rows = rows;
    }
}
