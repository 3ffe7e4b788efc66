//! `ReplicaBootstrap`, version v1alpha1.
//!
//! Every `Option` that is `None` is left out of the JSON: a null would make `has(self.x)` true in a CEL rule. Rules
//! that read the status are at the root, because rules inside `spec` cannot see it.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

mod errors;
mod pod;
mod source;
mod status;
mod tables;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use errors::{ErrorsSpec, OnError};
pub use pod::{
    ClaimReference, EmptyDir, EnvVar, EnvVarSource, ImagePullPolicy, LogFormat, PodUser, RunnerSpec,
    RunnerVolume,
};
pub use source::{
    AzureSource, CaBundle, GcsSource, HttpsSource, KeyReference, PersistentVolumeClaimSource, RedisSpec,
    S3Source, SecretReference, SourceSpec,
};
pub use status::{
    Checkpoint, JobReference, LastError, PastRun, Phase, Progress, Range, ReplicaBootstrapStatus, RunStatus,
    UNSEEN,
};
pub use tables::{Section, TablesSpec};

/// The fields that shape the changes, and `run.from`, cannot be changed after the run has begun, unless `run.id` changes too.
const FROZEN: &str = "!has(oldSelf.status) || !has(oldSelf.status.startTime) || self.spec.run.id != oldSelf.spec.run.id || \
(self.spec.source == oldSelf.spec.source && self.spec.redis == oldSelf.spec.redis && self.spec.run.from == oldSelf.spec.run.from && \
self.spec.rows == oldSelf.spec.rows && self.spec.silentTriggers == oldSelf.spec.silentTriggers && \
self.spec.noOwner == oldSelf.spec.noOwner && self.spec.noPrivileges == oldSelf.spec.noPrivileges && \
self.spec.keepKashoObjects == oldSelf.spec.keepKashoObjects && \
has(self.spec.errors) == has(oldSelf.spec.errors) && \
(!has(self.spec.errors) || self.spec.errors == oldSelf.spec.errors) && \
has(self.spec.tables) == has(oldSelf.spec.tables) && \
(!has(self.spec.tables) || self.spec.tables == oldSelf.spec.tables) && \
has(self.spec.transform) == has(oldSelf.spec.transform) && \
(!has(self.spec.transform) || self.spec.transform == oldSelf.spec.transform) && \
has(self.spec.snapshotLSN) == has(oldSelf.spec.snapshotLSN) && \
(!has(self.spec.snapshotLSN) || self.spec.snapshotLSN == oldSelf.spec.snapshotLSN) && \
has(self.spec.sequence) == has(oldSelf.spec.sequence) && \
(!has(self.spec.sequence) || self.spec.sequence == oldSelf.spec.sequence))";

/// Loads a PostgreSQL dump into the Kasho change buffer in Redis, from which Kasho fills an empty replica. Each
/// `spec.run.id` is one run, in one Job.
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
    doc = "Loads a PostgreSQL dump into the Kasho change buffer in Redis, from which Kasho fills an empty replica. Each `spec.run.id` is one run, in one Job.",
    selectable = ".spec.run.id",
    selectable = ".status.phase",
    validation = Rule::new(FROZEN).message("source, snapshotLSN, redis, sequence, tables, rows, silentTriggers, noOwner, noPrivileges, keepKashoObjects, transform, errors and run.from are fixed once the run has begun: give run.id a new value in the same change to begin another run"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Phase of the run"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why Ready has its status: docs/operator.md"),
    printcolumn(name = "Progress", type_ = "integer", json_path = ".status.run.progress.percent", description = "Percent of the dump that is durable in Redis"),
    printcolumn(name = "Rows", type_ = "integer", json_path = ".status.run.progress.rows", description = "Rows that are durable in Redis"),
    printcolumn(name = "LSN", type_ = "string", json_path = ".status.run.checkpoint.lsn", description = "Position of the last durable change"),
    printcolumn(name = "ETA", type_ = "integer", json_path = ".status.run.progress.etaSeconds", description = "Seconds until the end at the current rate"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Run", type_ = "string", json_path = ".spec.run.id", description = "The run that the spec names", priority = 1),
    printcolumn(name = "Attempts", type_ = "integer", json_path = ".status.attempts", description = "How many pods the Job has started", priority = 1),
    printcolumn(name = "Job", type_ = "string", json_path = ".status.job.name", description = "The Job of the run", priority = 1),
    printcolumn(name = "Table", type_ = "string", json_path = ".status.run.progress.table", description = "The table that is being loaded", priority = 1),
    printcolumn(name = "First", type_ = "integer", json_path = ".status.run.range.first", description = "First sequence number of the run", priority = 1),
    printcolumn(name = "Last", type_ = "integer", json_path = ".status.run.range.last", description = "Last sequence number of the run", priority = 1),
    printcolumn(name = "Form", type_ = "string", json_path = ".spec.rows", description = "How rows are sent", priority = 1)
)]
#[x_kube(
    validation = Rule::new("!has(self.changeStream) || !self.changeStream.start || has(self.snapshotLSN)").message("changeStream.start needs snapshotLSN, the position at which the change stream starts: set it, or set changeStream.start to false").field_path(".snapshotLSN")
)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaBootstrapSpec {
    /// Where the dump is.
    pub source: SourceSpec,

    /// The WAL position of the dump's snapshot, like `16/B374D848`. The changes of the run must sort before it.
    /// Without it the set must not contain live changes, unless `sequence.allowLiveEntries` is set.
    #[serde(rename = "snapshotLSN", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 17), regex(pattern = r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$"))]
    pub snapshot_lsn: Option<String>,

    /// The Redis that holds the change buffer.
    pub redis: RedisSpec,

    /// The sequence numbers of the changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<SequenceSpec>,

    /// The tables, schemas and sections of the dump to load. By default everything is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Box<TablesSpec>>,

    /// How rows are sent: one change for each row, or one statement for some thousand rows, with which the replica is
    /// ready tens of times sooner. The translicator's own transforms do not apply to packed rows: these reach the
    /// replica unchanged.
    #[serde(default)]
    pub rows: RowForm,

    /// Load rows into tables that already have triggers or rules for INSERT. psql would fire these; the replica does
    /// not. By default a run fails before such rows.
    #[serde(default)]
    pub silent_triggers: bool,

    /// Leave out `ALTER … OWNER TO`, as pg_restore does.
    #[serde(default)]
    pub no_owner: bool,

    /// Leave out `GRANT`, `REVOKE` and `ALTER DEFAULT PRIVILEGES`, as pg_restore does.
    #[serde(default)]
    pub no_privileges: bool,

    /// Also load objects named `kasho_*`, which Kasho uses for its own bookkeeping.
    #[serde(default)]
    pub keep_kasho_objects: bool,

    /// How values are transformed before they are written, so that Redis never contains an original. By default values
    /// are loaded unchanged. Do not change the contents of the ConfigMap or the key while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformSpec>,

    /// What becomes of rows that cannot be loaded. By default the first one ends the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorsSpec>,

    /// How many changes one Redis transaction writes, together with its checkpoint. The runner's default is 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_size: Option<i64>,

    /// Write at most this many changes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_rate: Option<i64>,

    /// Write at most this many bytes of changes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_bytes_per_second: Option<i64>,

    /// How many threads convert rows. By default one for each processor that the pod may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub workers: Option<i32>,

    /// How long the runner retries when Redis, the dump's service or the change stream cannot be reached, like `30m`, before its pod
    /// ends and counts against `backoffLimit`. The runner's default is `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = source::DURATION))]
    pub retry_timeout: Option<String>,

    /// How long the runner waits when Redis is full, like `2h`, before its pod ends and counts against `backoffLimit`.
    /// The runner's default is `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = source::DURATION))]
    pub full_timeout: Option<String>,

    /// The change stream to notify when the bootstrap starts and when it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_stream: Option<ChangeStreamSpec>,

    /// Suspends the run: the runner writes its checkpoint and stops. When this is false again, the run continues from
    /// the checkpoint.
    #[serde(default)]
    pub suspend: bool,

    /// The run. A new id starts a new run.
    #[serde(default)]
    pub run: RunSpec,

    /// How many pods may fail before the run fails. Only failures that are worth a retry count, and evicted pods do
    /// not count. Any other failure ends the run at once.
    #[serde(default = "default_backoff_limit")]
    #[schemars(range(min = 0, max = 1000))]
    pub backoff_limit: i32,

    /// The run fails if it has not ended after this many seconds. The count starts again when a suspended run is
    /// resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub active_deadline_seconds: Option<i64>,

    /// When this object is deleted, also delete the entries of its runs in Redis, their checkpoint and their
    /// registration. The object stays until that is done, for 15 minutes at most.
    #[serde(default, skip_serializing_if = "is_false")]
    pub purge_on_delete: bool,

    /// How many earlier runs `status.history` lists.
    #[serde(default = "default_history_limit")]
    #[schemars(range(min = 0, max = 20))]
    pub history_limit: i32,

    /// The Job and its pods, and with them the log, are deleted this many seconds after the end of the run. By
    /// default they stay until the next run, or until this object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i32>,

    /// Settings of the runner's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Box<RunnerSpec>>,
}

/// The default of `backoffLimit`.
fn default_backoff_limit() -> i32 {
    6
}

/// The default of `historyLimit`.
fn default_history_limit() -> i32 {
    5
}

/// How values are transformed before they are written. Exactly one of `keySecretRef` and `insecureUnkeyed` must be
/// set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.keySecretRef) != self.insecureUnkeyed").message("exactly one of keySecretRef and insecureUnkeyed must be set: without a key, originals can be found by trying a dictionary")
)]
#[serde(rename_all = "camelCase")]
pub struct TransformSpec {
    /// The key of a ConfigMap that contains the configuration, in the form of Kasho's `transforms.yml`.
    pub config_map_ref: KeyReference,
    /// The key of a Secret that contains the secret key, which decides which fake replaces a value; at least 16 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<KeyReference>,
    /// Transform without a key. Anyone who has the replica can then find originals by trying a dictionary.
    #[serde(default)]
    pub insecure_unkeyed: bool,
    /// Fail before anything is written if a column looks personal and has no entry in the configuration.
    #[serde(default)]
    pub require_decision: bool,
}

/// How rows are sent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowForm {
    /// One change for each row.
    #[default]
    Single,
    /// One INSERT for many rows of a table.
    Packed,
}

/// The sequence numbers of the changes, and what else the set may contain.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SequenceSpec {
    /// The first sequence number. By default it is the first one after everything in the buffer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub first: Option<i64>,
    /// How many sequence numbers to leave free after an earlier run. The runner's default is 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub gap: Option<i64>,
    /// Begin the run in a set that contains other runs, of other databases or of other parts of the same one. A row
    /// that is in several dumps is then inserted into the replica several times. By default such a run is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside_other_runs: bool,
    /// Begin the run without `snapshotLSN` in a set that contains live changes. By default such a run is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_live_entries: bool,
}

/// For fields that are left out if they are false: the hash of an object from before the field existed stays the same.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The change stream, and when to notify it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("!has(self.snapshotName) || self.start").message("snapshotName is sent when the bootstrap starts: set start to true, or leave snapshotName out").field_path(".snapshotName")
)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStreamSpec {
    /// Its gRPC address, like `change-stream:50051`.
    #[schemars(length(min = 1, max = 512))]
    pub address: String,
    /// The name of the exported snapshot, which the change stream stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub snapshot_name: Option<String>,
    /// Notify it before the load that the bootstrap starts at `snapshotLSN`, so that it accumulates live changes.
    #[serde(default = "yes")]
    pub start: bool,
    /// Notify it that the bootstrap is complete, after all entries in Redis have been counted, so that it streams.
    #[serde(default = "yes")]
    pub complete: bool,
}

/// The default of fields that are true unless the user turns them off.
fn yes() -> bool {
    true
}

/// The run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec {
    /// The run's name. A run that has ended does not start again under the same name, unless another run began in
    /// between. To run again, give a new name.
    #[serde(default = "default_run_id")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("run.id consists of lower-case letters, digits and hyphens, and begins and ends with a letter or digit"))]
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// Where the run begins: at the checkpoint of this object's earlier run, if that is of the same dump, or at the
    /// start of the dump, after deleting the entries of the earlier run.
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
    /// Continue from the checkpoint in Redis, if there is one.
    #[default]
    Checkpoint,
    /// Delete the entries of an earlier run, and start over.
    Start,
}
