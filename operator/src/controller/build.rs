//! Pure: the objects that are created for a run. Nothing here can fail, and the same input gives the same bytes.

mod arguments;
mod paths;
mod pod;
mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{PodTemplateSpec, ServiceAccount};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::ObjectMeta;

use super::validate::Validated;
use crate::{exit, names};

pub use arguments::arguments;
pub use pod::CONTAINER;

/// How long a purge may take.
pub const PURGE_SECONDS: i64 = 900;
/// How many pods of a purge may fail. A lease that a killed runner has left ends within two minutes.
const PURGE_ATTEMPTS: i32 = 20;
/// How many seconds a purge that has ended stays, for its log.
const PURGE_STAYS: i32 = 600;

/// The operator's options for Jobs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The image, unless the object chooses one.
    pub runner_image: String,
}

/// The objects that let the runner read its ReplicaBootstrap and write its status, and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Access {
    /// The ServiceAccount of the pod, unless the object names one.
    pub account: Option<ServiceAccount>,
    /// Its permissions.
    pub role: Role,
    /// The binding of the role to the account.
    pub binding: RoleBinding,
}

/// The run's Job.
#[must_use]
pub fn job(object: &Validated, settings: &Settings) -> Job {
    let template = pod::template(object, settings);
    let spec = &object.spec;
    let mut built = JobSpec {
        active_deadline_seconds: spec.active_deadline_seconds,
        backoff_limit: Some(spec.backoff_limit),
        ..one_pod(template)
    };
    let runner = spec.runner.clone().unwrap_or_default();
    let (mut labels, mut annotations) =
        (runner.job_labels.unwrap_or_default(), runner.job_annotations.unwrap_or_default());
    // The suspension is not part of the hash: it is the only field of a Job that changes.
    let mut hashed = serde_json::to_vec(&built).unwrap_or_default();
    for given in [&labels, &annotations].into_iter().filter(|given| !given.is_empty()) {
        hashed.extend(serde_json::to_vec(given).unwrap_or_default());
    }
    built.suspend = Some(spec.suspend);
    let own = [
        (names::ANNOTATION_TEMPLATE, names::hash(&hashed)),
        (names::ANNOTATION_SPEC, names::spec_hash(spec)),
        (names::ANNOTATION_DATA, names::data_hash(spec)),
        (names::ANNOTATION_OBJECT, object.name.clone()),
        (names::ANNOTATION_SUSPENDED, spec.suspend.to_string()),
    ];
    annotations.extend(own.map(|(key, value)| (key.to_owned(), value)));
    let mut metadata = metadata(object, object.job_name());
    labels.extend(metadata.labels.take().unwrap_or_default());
    (metadata.labels, metadata.annotations) = (Some(labels), Some(annotations));
    Job { metadata, spec: Some(built), status: None }
}

/// The Job that deletes the object's runs in Redis. It has no owner: when an object is deleted in the foreground, the
/// garbage collector deletes whatever belongs to it, before the object itself is gone. So it deletes itself.
#[must_use]
pub fn purge(object: &Validated, settings: &Settings) -> Job {
    let spec = JobSpec {
        active_deadline_seconds: Some(PURGE_SECONDS),
        backoff_limit: Some(PURGE_ATTEMPTS),
        ttl_seconds_after_finished: Some(PURGE_STAYS),
        ..one_pod(pod::purge_template(object, settings))
    };
    let own = [(names::ANNOTATION_OBJECT, &object.name), (names::ANNOTATION_PURGE, &object.uid)];
    let metadata = ObjectMeta {
        annotations: Some(own.map(|(key, value)| (key.to_owned(), value.clone())).into()),
        owner_references: None,
        ..metadata(object, names::purge(&object.name, &object.uid))
    };
    Job { metadata, spec: Some(spec), status: None }
}

/// A Job with one pod at a time.
fn one_pod(template: PodTemplateSpec) -> JobSpec {
    JobSpec {
        completions: Some(1),
        parallelism: Some(1),
        pod_failure_policy: Some(failure_policy()),
        // A second runner must not start before the first one is gone.
        pod_replacement_policy: Some("Failed".to_owned()),
        template,
        ..JobSpec::default()
    }
}

/// ServiceAccount, Role and RoleBinding of the object's runner.
#[must_use]
pub fn access(object: &Validated) -> Access {
    let name = names::access(&object.name);
    let given = object.spec.runner.as_ref().and_then(|runner| runner.service_account_name.clone());
    let account = ServiceAccount {
        metadata: metadata_for_all_runs(object, &name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let rule = |resource: &str, verb: &str| PolicyRule {
        api_groups: Some(vec![crds::GROUP.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec![object.name.clone()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    let role = Role {
        metadata: metadata_for_all_runs(object, &name),
        rules: Some(vec![rule(crds::PLURAL, "get"), rule(&format!("{}/status", crds::PLURAL), "patch")]),
    };
    let binding = RoleBinding {
        metadata: metadata_for_all_runs(object, &name),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: name.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: given.clone().unwrap_or(name),
            namespace: Some(object.namespace.clone()),
            ..Subject::default()
        }]),
    };
    Access { account: given.is_none().then_some(account), role, binding }
}

/// A drained node is not a failure. An exit code that a retry cannot help ends the Job. Any other failure counts.
fn failure_policy() -> PodFailurePolicy {
    let disrupted = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
        on_exit_codes: None,
    };
    let fatal = PodFailurePolicyRule {
        action: "FailJob".to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(CONTAINER.to_owned()),
            operator: "In".to_owned(),
            values: exit::FATAL.to_vec(),
        }),
        on_pod_conditions: None,
    };
    PodFailurePolicy { rules: vec![disrupted, fatal] }
}

fn metadata(object: &Validated, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(object.namespace.clone()),
        labels: Some(names::labels(&object.name, object.run()).collect()),
        owner_references: Some(vec![owner(object)]),
        ..ObjectMeta::default()
    }
}

/// Without the run's label: these objects stay when the run changes.
fn metadata_for_all_runs(object: &Validated, name: &str) -> ObjectMeta {
    let labels: BTreeMap<_, _> =
        names::labels(&object.name, object.run()).filter(|(key, _)| key != names::LABEL_RUN).collect();
    ObjectMeta { labels: Some(labels), ..metadata(object, name.to_owned()) }
}

/// The owner reference: these objects are deleted with their owner.
fn owner(object: &Validated) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", crds::GROUP, crds::VERSION),
        kind: crds::KIND.to_owned(),
        name: object.name.clone(),
        uid: object.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

#[cfg(test)]
mod tests;
