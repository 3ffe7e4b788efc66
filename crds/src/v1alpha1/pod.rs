//! Settings of the runner's pod. They are selected fields of a pod: with a whole pod template, the definition would
//! be too large for client-side apply.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration, TopologySpreadConstraint};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{KeyReference, SecretReference};

/// Settings of the runner's pod. A change applies to the next Job, which is that of a new run, or of a suspended run
/// that is resumed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RunnerSpec {
    /// The image; by default the one that the operator is configured with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s\x00]+$"))]
    pub image: Option<String>,
    /// When the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets for pulling the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Option<Vec<SecretReference>>,
    /// Resource requests and limits of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that the pod tolerates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Affinity to nodes and to other pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// How the pods of runners are spread over the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// The pod's priority class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// An existing ServiceAccount, for example for a cloud identity. By default the operator creates one. In both cases
    /// the operator binds the role for the status to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Additional labels for the Job, such as `kueue.x-k8s.io/queue-name`. The operator's own labels take precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_labels: Option<BTreeMap<String, String>>,
    /// Additional annotations for the Job. The operator's own annotations take precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_annotations: Option<BTreeMap<String, String>>,
    /// Additional labels for the pod. The operator's own labels take precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_labels: Option<BTreeMap<String, String>>,
    /// Additional annotations for the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_annotations: Option<BTreeMap<String, String>>,
    /// Additional environment variables for the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 64))]
    pub env: Option<Vec<EnvVar>>,
    /// More volumes in the pod, such as certificates for the system's store, or a place for temporary files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 16))]
    pub volumes: Option<Vec<RunnerVolume>>,
    /// As which user and group the pod runs. The default is `Image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<PodUser>,
    /// The format of the runner's log. The default is `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,
}

/// An environment variable: its value, or the source of the value.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.value) != has(self.valueFrom)").message("exactly one of value and valueFrom must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name. Names that begin with `PGBOOTSTRAP_` are not allowed: use the fields of this object.
    #[x_kube(validation = Rule::new("!self.startsWith('PGBOOTSTRAP_')").message("variables PGBOOTSTRAP_… are set by the operator: use the fields of spec"))]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"))]
    pub name: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32_768))]
    pub value: Option<String>,
    /// The source of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// The source of a variable's value. Exactly one of the fields must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.secretKeyRef) != has(self.configMapKeyRef)").message("exactly one of secretKeyRef and configMapKeyRef must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSource {
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyReference>,
    /// A key of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyReference>,
}

/// A volume, and where it is mounted. Exactly one of `configMapRef`, `secretRef`, `persistentVolumeClaim` and
/// `emptyDir` must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("[has(self.configMapRef), has(self.secretRef), has(self.persistentVolumeClaim), has(self.emptyDir)].filter(one, one).size() == 1").message("exactly one of configMapRef, secretRef, persistentVolumeClaim and emptyDir must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct RunnerVolume {
    /// Its name. In the pod the name is `extra-` and this.
    #[schemars(length(min = 1, max = 50), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The absolute path of the folder in the container.
    #[x_kube(validation = Rule::new("self.matches('^/[^:]+$') && !self.split('/').exists(part, part == '..') && !self.matches('^/(tmp|dump|rejects|etc/pg-bootstrap)(/|$)')").message("mountPath is an absolute path without : and .., and not in /tmp, /dump, /rejects or /etc/pg-bootstrap, which are the operator's"))]
    #[schemars(length(min = 1, max = 512))]
    pub mount_path: String,
    /// Mount it so that nothing can be written to it. A ConfigMap or a Secret always is.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub read_only: bool,
    /// A ConfigMap, with a file for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<SecretReference>,
    /// A Secret, with a file for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretReference>,
    /// A claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<ClaimReference>,
    /// An empty folder that goes with the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDir>,
}

/// A claim in this object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
}

/// An empty folder.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EmptyDir {
    /// Keep it in memory (a tmpfs), which counts against the container's memory limit.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub in_memory: bool,
    /// The most that it may hold, like `64Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"))]
    pub size_limit: Option<String>,
}

/// As which user and group a pod runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodUser {
    /// As 65532, as the image does.
    Image,
    /// As whatever the platform chooses: OpenShift gives each namespace a range of its own.
    Platform,
}

/// When an image is pulled.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePullPolicy {
    /// Before each start.
    Always,
    /// If the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

/// The format of the runner's log lines. The default is `json`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Text,
}
