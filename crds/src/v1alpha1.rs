//! `ReplicaBootstrap`, version v1alpha1.
//!
//! Every `Option` is left out when it is none: a null would make `has(self.x)` true in a CEL rule. Rules that see the
//! status stand at the root, since rules inside `spec` cannot.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

mod pod;
mod source;
mod status;
mod tables;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use pod::{EnvVar, EnvVarSource, ImagePullPolicy, LogFormat, RunnerSpec};
pub use source::{
    CaBundle, KeyReference, PersistentVolumeClaimSource, RedisSpec, S3Source, SecretReference, SourceSpec,
};
pub use status::{
    Checkpoint, JobReference, LastError, Phase, Progress, Range, ReplicaBootstrapStatus, RunStatus, UNSEEN,
};
pub use tables::{Section, TablesSpec};

/// What shapes the data, and where a run of it begins, holds still from the moment the run began until it has another id.
const FROZEN: &str = "!has(oldSelf.status) || !has(oldSelf.status.startTime) || self.spec.run.id != oldSelf.spec.run.id || \
(self.spec.source == oldSelf.spec.source && self.spec.redis == oldSelf.spec.redis && self.spec.run.from == oldSelf.spec.run.from && \
self.spec.rows == oldSelf.spec.rows && self.spec.silentTriggers == oldSelf.spec.silentTriggers && \
has(self.spec.tables) == has(oldSelf.spec.tables) && \
(!has(self.spec.tables) || self.spec.tables == oldSelf.spec.tables) && \
has(self.spec.transform) == has(oldSelf.spec.transform) && \
(!has(self.spec.transform) || self.spec.transform == oldSelf.spec.transform) && \
has(self.spec.snapshotLSN) == has(oldSelf.spec.snapshotLSN) && \
(!has(self.spec.snapshotLSN) || self.spec.snapshotLSN == oldSelf.spec.snapshotLSN) && \
has(self.spec.sequence) == has(oldSelf.spec.sequence) && \
(!has(self.spec.sequence) || self.spec.sequence == oldSelf.spec.sequence))";

/// Loads a PostgreSQL dump into the Kasho change buffer in Redis, from which an empty replica is filled. Each
/// `spec.run.id` is one run of one Job.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "bootstrap.kasho.io",
    version = "v1alpha1",
    kind = "ReplicaBootstrap",
    plural = "replicabootstraps",
    singular = "replicabootstrap",
    shortname = "rboot",
    category = "kasho",
    namespaced,
    status = "ReplicaBootstrapStatus",
    derive = "PartialEq",
    doc = "Loads a PostgreSQL dump into the Kasho change buffer in Redis, from which an empty replica is filled. Each `spec.run.id` is one run of one Job.",
    selectable = ".spec.run.id",
    selectable = ".status.phase",
    validation = Rule::new(FROZEN).message("source, snapshotLSN, redis, sequence, tables, rows, silentTriggers, transform and run.from are fixed once the run has begun: give run.id a new value in the same change to begin another run"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Where the run is"),
    printcolumn(name = "Progress", type_ = "integer", json_path = ".status.run.progress.percent", description = "Percent of the dump that is durable in Redis"),
    printcolumn(name = "Rows", type_ = "integer", json_path = ".status.run.progress.rows", description = "Rows that are durable in Redis"),
    printcolumn(name = "LSN", type_ = "string", json_path = ".status.run.checkpoint.lsn", description = "Position of the last durable change"),
    printcolumn(name = "ETA", type_ = "integer", json_path = ".status.run.progress.etaSeconds", description = "Seconds until the end at the present rate"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Job", type_ = "string", json_path = ".status.job.name", description = "The Job of the run", priority = 1),
    printcolumn(name = "Table", type_ = "string", json_path = ".status.run.progress.table", description = "The table that is being loaded", priority = 1),
    printcolumn(name = "First", type_ = "integer", json_path = ".status.run.range.first", description = "First sequence number of the run", priority = 1),
    printcolumn(name = "Last", type_ = "integer", json_path = ".status.run.range.last", description = "Last sequence number of the run", priority = 1),
    printcolumn(name = "Form", type_ = "string", json_path = ".spec.rows", description = "The form of rows", priority = 1)
)]
#[x_kube(
    validation = Rule::new("!has(self.changeStream) || !self.changeStream.start || has(self.snapshotLSN)").message("changeStream.start needs snapshotLSN, the position that the change stream starts at: set it, or set changeStream.start to false").field_path(".snapshotLSN")
)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaBootstrapSpec {
    /// Where the dump is.
    pub source: SourceSpec,

    /// The WAL position of the dump's snapshot, like `16/B374D848`. Every change must lie below it. Without it the
    /// set must hold no live changes (`sequence.allowLiveEntries`).
    #[serde(rename = "snapshotLSN", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 17), regex(pattern = r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$"))]
    pub snapshot_lsn: Option<String>,

    /// The Redis that holds the change buffer.
    pub redis: RedisSpec,

    /// Which sequence numbers the changes get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<SequenceSpec>,

    /// Which tables, schemas and sections of the dump are loaded. Without it all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<TablesSpec>,

    /// The form of rows: a change for each, or a statement for some thousand, with which the replica is ready tens of
    /// times sooner. The translicator's own transforms do not see packed rows: they reach the replica as the dump has
    /// them.
    #[serde(default)]
    pub rows: RowForm,

    /// Load rows of tables that have triggers or rules for INSERT already. psql would fire them; where changes are applied
    /// they stay silent. Without it a run ends before such rows.
    #[serde(default)]
    pub silent_triggers: bool,

    /// What becomes of values before they go anywhere: no original is in Redis then. Without it they are loaded as the dump
    /// has them. The ConfigMap's content and the key must stay as they are for as long as the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformSpec>,

    /// Changes in one transaction with its checkpoint. The runner's default is 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_size: Option<i64>,

    /// At most this many changes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_rate: Option<i64>,

    /// The change stream that is told when the bootstrap starts and when it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_stream: Option<ChangeStreamSpec>,

    /// Stops the runner, which writes its checkpoint, until this is false again; then it goes on from there.
    #[serde(default)]
    pub suspend: bool,

    /// Which run this is. A new id is a new run.
    #[serde(default)]
    pub run: RunSpec,

    /// How many pods may fail, in ways that are worth a retry, before the run has failed. Evicted pods do not count.
    #[serde(default = "default_backoff_limit")]
    #[schemars(range(min = 0, max = 1000))]
    pub backoff_limit: i32,

    /// Seconds after which a run that has not ended has failed. A run that is suspended and resumed has all of them
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub active_deadline_seconds: Option<i64>,

    /// Seconds after the end of a run at which its Job and pods, and with them its log, are deleted. Without it they
    /// stay until the next run, or until this object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,

    /// How the runner's pod is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerSpec>,
}

/// How many pods may fail by default.
fn default_backoff_limit() -> i32 {
    6
}

/// What becomes of values before they go anywhere. Exactly one of `keySecretRef` and `insecureUnkeyed` is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.keySecretRef) != self.insecureUnkeyed").message("keySecretRef names the key by which fakes are chosen: without one, insecureUnkeyed must say that a dictionary may find the originals")
)]
#[serde(rename_all = "camelCase")]
pub struct TransformSpec {
    /// The key of a ConfigMap that holds the configuration, as Kasho's `transforms.yml` has it.
    pub config_map_ref: KeyReference,
    /// The key of a Secret that holds the key by which fakes are chosen, 16 bytes or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<KeyReference>,
    /// Transform without a key: whoever has the replica finds originals by trying a dictionary.
    #[serde(default)]
    pub insecure_unkeyed: bool,
    /// End before anything is written when a column that looks personal has no entry in the configuration.
    #[serde(default)]
    pub require_decision: bool,
}

/// The form of rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowForm {
    /// One change for each row.
    #[default]
    Single,
    /// One INSERT for many rows of a table.
    Packed,
}

/// Which sequence numbers the changes get, and beside what else in the set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SequenceSpec {
    /// The first sequence number. By default it is behind everything that lies in the buffer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub first: Option<i64>,
    /// Sequence numbers to leave free behind an earlier run. The runner's default is 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub gap: Option<i64>,
    /// Begin the run in a set that holds others, of other databases or of other parts of one. Rows that are in several dumps
    /// are then on the replica as often. Without it such a run is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside_other_runs: bool,
    /// Begin the run without `snapshotLSN` in a set that holds live changes. Without it such a run is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_live_entries: bool,
}

/// What is not asked for is left out, so that a hash of the whole stays what it was before it could be asked for.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The change stream, and what it is told.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("!has(self.snapshotName) || self.start").message("snapshotName is told when the bootstrap starts: set start to true, or leave snapshotName out").field_path(".snapshotName")
)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStreamSpec {
    /// Its gRPC address, like `change-stream:50051`.
    #[schemars(length(min = 1, max = 512))]
    pub address: String,
    /// The name of the exported snapshot, which the change stream notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub snapshot_name: Option<String>,
    /// Tell it before the load that the bootstrap starts at `snapshotLSN`, so that it accumulates live changes.
    #[serde(default = "yes")]
    pub start: bool,
    /// Tell it that the bootstrap is complete when everything is in Redis and counted there, so that it streams.
    #[serde(default = "yes")]
    pub complete: bool,
}

/// The default of what is done unless it is turned off.
fn yes() -> bool {
    true
}

/// Which run this is.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec {
    /// The run's name. What ended does not run again under the same name, unless another one began in between: give a new one to run again.
    #[serde(default = "default_run_id")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("run.id consists of lower-case letters, digits and hyphens, and begins and ends with a letter or digit"))]
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// Where the run begins: where the earlier one of this object ended, if its checkpoint is of the same dump, or at
    /// the start, after deleting what the earlier one left in its range.
    #[serde(default)]
    pub from: RunFrom,
}

impl Default for RunSpec {
    fn default() -> Self {
        Self { id: default_run_id(), from: RunFrom::default() }
    }
}

/// The first run's name.
fn default_run_id() -> String {
    "1".to_owned()
}

/// Where a run begins.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunFrom {
    /// Go on from the checkpoint in Redis, if there is one.
    #[default]
    Checkpoint,
    /// Delete what an earlier run left in its range, and start over.
    Start,
}
