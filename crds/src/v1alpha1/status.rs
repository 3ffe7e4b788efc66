//! The status. It has two owners: the runner applies `run`, and the operator applies everything else.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// [`ReplicaBootstrapStatus::observed_generation`] of an object that the operator has not seen.
pub const UNSEEN: i64 = -1;

/// The status of the current run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaBootstrapStatus {
    /// The phase of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The generation of the spec that the operator's part of the status describes; -1 until the operator has seen the
    /// object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling` and `Stalled`: docs/operator.md lists their reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
    /// `spec.run.id` of the run that the operator's part of the status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// A hash of the fields that the run began with, which cannot change within a run: docs/operator.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_hash: Option<String>,
    /// The run's Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobReference>,
    /// How many pods the Job of the run has started. If the run had several Jobs, the largest of their counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub attempts: Option<i32>,
    /// When the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the run ended, with success or without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Why the last pod ended without success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// Earlier runs, the last one first: as many as `spec.historyLimit` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub history: Option<Vec<PastRun>>,
    /// What the runner reports. The operator never clears it; its `id` tells which run it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunStatus>,
}

/// The phase of a run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Its pod is not running yet.
    Pending,
    /// It waits until other runs end.
    Queued,
    /// Its pod is running.
    Running,
    /// It is suspended by `spec.suspend`.
    Suspended,
    /// Everything is in Redis, and its entries have been counted.
    Succeeded,
    /// It has ended without success, and does not start again under the same id.
    Failed,
}

impl Phase {
    /// All of them, in the order of a run.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Queued, Self::Running, Self::Suspended, Self::Succeeded, Self::Failed];

    /// The name as in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Suspended => "Suspended",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether the run has ended for good.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The run's Job.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct JobReference {
    /// Its name, in this object's namespace.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Why a pod ended without success.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// The reason in one word, as in the conditions.
    pub reason: String,
    /// What happened and what to do.
    pub message: String,
    /// The runner's exit code: docs/exit-codes.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 255))]
    pub exit_code: Option<i32>,
    /// The pod. Its log has more details, as long as the pod exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
}

/// An earlier run, as its status was when the next one was named.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PastRun {
    /// Its `spec.run.id`.
    pub id: String,
    /// `Succeeded` or `Failed`. Any other phase means that the next run was named before this one had ended.
    pub phase: Phase,
    /// The reason of its `Ready`.
    pub reason: String,
    /// The dump, as in `run.dump`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// How many rows of the dump were durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rows: Option<i64>,
    /// How many bytes of the dump were durable, as stored in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bytes: Option<i64>,
    /// The sequence numbers of its changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
}

/// What the runner reports about its run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// `spec.run.id` of the run.
    pub id: String,
    /// Which dump it is: its size, and what tells it apart from another one of that size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump: Option<String>,
    /// The progress of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// The place at which the next attempt would continue: a copy of the checkpoint in Redis, which is the one that is
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The sequence numbers of the run's changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// Statements and rows that were left out, by kind: docs/values.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<BTreeMap<String, i64>>,
    /// How many rows were set aside because they cannot be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rejected: Option<i64>,
    /// Why the last attempt ended without success, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the set in Redis expires unless something writes to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_expires: Option<Time>,
}

/// The progress of a run. Only changes that Redis has acknowledged count.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Bytes of the dump, as stored in the source (compressed, for example), up to the last durable change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bytes_read: Option<i64>,
    /// Size of the dump as stored in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub bytes_total: Option<i64>,
    /// Percent of the dump that is durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<i32>,
    /// Rows of the dump that are durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rows: Option<i64>,
    /// Changes that are durable: rows and statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub changes: Option<i64>,
    /// The current rate in rows per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub rows_per_second: Option<i64>,
    /// Seconds until the end at the current rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub eta_seconds: Option<i64>,
    /// The table that is being loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
}

/// The place at which the next attempt would continue.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Position of the last durable change, like `0/BOOTSTRAP00002437`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lsn: Option<String>,
    /// The byte of the uncompressed dump at which the next attempt would continue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub offset: Option<i64>,
    /// When it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The checkpoint itself, as the runner wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// A range of sequence numbers, both ends included.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// The first number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The last number that is durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
}
