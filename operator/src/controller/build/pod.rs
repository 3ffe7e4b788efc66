//! The runner's pod. It meets the Pod Security standard `restricted`.

use crds::v1alpha1::{EnvVar as Given, ImagePullPolicy, KeyReference, PodUser, RunnerSpec, SecretReference};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapKeySelector, Container, ContainerPort, EnvVar, EnvVarSource, LocalObjectReference,
    PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile, SecretKeySelector, SecurityContext,
    VolumeMount,
};
use kube::api::ObjectMeta;

use super::Settings;
use super::arguments::{arguments, purge_arguments};
use super::paths::METRICS_PORT;
use super::volumes::{volumes, volumes_for_redis};
use crate::controller::validate::{Address, Source, Validated};
use crate::names;

/// The name of the runner's container.
pub const CONTAINER: &str = "runner";
/// The user and the group of the image.
const USER: i64 = 65532;
/// Long enough for the batches in flight (10 s at most), the checkpoint and the last status.
const GRACE_SECONDS: i64 = 60;

/// The template of the pod.
pub(super) fn template(object: &Validated, settings: &Settings) -> PodTemplateSpec {
    let runner = object.spec.runner.clone().unwrap_or_default();
    let mut labels = runner.pod_labels.clone().unwrap_or_default();
    labels.extend(names::labels(&object.name, object.run()));
    let mut annotations = runner.pod_annotations.clone().unwrap_or_default();
    annotations.insert(names::ANNOTATION_OBJECT.to_owned(), object.name.clone());
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(spec(object, settings, &runner)),
    }
}

/// The template of a pod that deletes the object's runs in Redis. It is the runner's pod without what only a load needs:
/// the dump may be gone by now, and so may be whatever belongs to the object.
pub(super) fn purge_template(object: &Validated, settings: &Settings) -> PodTemplateSpec {
    let mut template = template(object, settings);
    let given = object.spec.runner.as_ref().and_then(|runner| runner.service_account_name.clone());
    if let Some(spec) = &mut template.spec {
        let (volumes, mounts) = volumes_for_redis(object);
        spec.service_account_name = given;
        spec.automount_service_account_token = Some(false);
        spec.volumes = Some(volumes);
        for container in &mut spec.containers {
            container.args = Some(purge_arguments(object));
            container.volume_mounts = Some(mounts.clone());
            container.ports = None;
            container.env.iter_mut().for_each(|all| all.retain(|one| !is_of_source(&one.name)));
        }
    }
    template
}

fn spec(object: &Validated, settings: &Settings, runner: &RunnerSpec) -> PodSpec {
    let (volumes, mounts) = volumes(object);
    let account = runner.service_account_name.clone().unwrap_or_else(|| names::access(&object.name));
    let pull_secrets = runner.image_pull_secrets.iter().flatten();
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        enable_service_links: Some(false),
        automount_service_account_token: Some(true),
        service_account_name: Some(account),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        security_context: Some(pod_security(runner.user)),
        containers: vec![container(object, settings, runner, mounts)],
        volumes: Some(volumes),
        image_pull_secrets: runner
            .image_pull_secrets
            .is_some()
            .then(|| pull_secrets.map(|secret| LocalObjectReference { name: secret.name.clone() }).collect()),
        node_selector: runner.node_selector.clone(),
        tolerations: runner.tolerations.clone(),
        affinity: runner.affinity.clone(),
        topology_spread_constraints: runner.topology_spread_constraints.clone(),
        priority_class_name: runner.priority_class_name.clone(),
        ..PodSpec::default()
    }
}

fn container(
    object: &Validated,
    settings: &Settings,
    runner: &RunnerSpec,
    mounts: Vec<VolumeMount>,
) -> Container {
    let policy = runner.image_pull_policy.map(|policy| match policy {
        ImagePullPolicy::Always => "Always",
        ImagePullPolicy::IfNotPresent => "IfNotPresent",
        ImagePullPolicy::Never => "Never",
    });
    Container {
        name: CONTAINER.to_owned(),
        image: Some(runner.image.clone().unwrap_or_else(|| settings.runner_image.clone())),
        image_pull_policy: policy.map(str::to_owned),
        args: Some(arguments(object)),
        env: Some(environment(object, runner)),
        ports: Some(vec![ContainerPort {
            name: Some("metrics".to_owned()),
            container_port: METRICS_PORT,
            ..ContainerPort::default()
        }]),
        resources: runner.resources.clone(),
        volume_mounts: Some(mounts),
        security_context: Some(container_security()),
        // The last lines of the log explain the failure. They contain no secret and no value of a row.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

fn pod_security(user: Option<PodUser>) -> PodSecurityContext {
    // OpenShift refuses a pod that names another user or group than those of its namespace.
    let id = (user != Some(PodUser::Platform)).then_some(USER);
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: id,
        run_as_group: id,
        fs_group: id,
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(seccomp()),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        seccomp_profile: Some(seccomp()),
        ..SecurityContext::default()
    }
}

fn seccomp() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}

/// Secrets by reference, then the variables of the object.
fn environment(object: &Validated, runner: &RunnerSpec) -> Vec<EnvVar> {
    let mut all = Vec::new();
    if let Address::Secret(name, key) = &object.address {
        all.push(from_secret("PGBOOTSTRAP_KV_URL", name, key, false));
    }
    source(&object.source, &mut all);
    all.extend(runner.env.iter().flatten().map(given));
    all
}

/// How the dump's service is reached, as far as arguments do not say it.
fn source(source: &Source, all: &mut Vec<EnvVar>) {
    let credentials = |secret: &Option<SecretReference>, variables: &[(&str, bool)]| -> Vec<EnvVar> {
        let of = |name: &str| {
            variables.iter().map(|(key, optional)| from_secret(key, name, key, *optional)).collect()
        };
        secret.as_ref().map(|secret| of(&secret.name)).unwrap_or_default()
    };
    match source {
        Source::Volume(_) | Source::Https(..) => {}
        Source::S3(s3) => all.extend(credentials(
            &s3.credentials_secret_ref,
            &[("AWS_ACCESS_KEY_ID", false), ("AWS_SECRET_ACCESS_KEY", false), ("AWS_SESSION_TOKEN", true)],
        )),
        Source::Gcs(gcs) => {
            all.extend(credentials(&gcs.credentials_secret_ref, &[("GOOGLE_SERVICE_ACCOUNT_KEY", false)]));
        }
        Source::Azure(azure) => {
            let account = EnvVar {
                name: "AZURE_STORAGE_ACCOUNT_NAME".to_owned(),
                value: Some(azure.account.clone()),
                value_from: None,
            };
            all.push(account);
            all.extend(credentials(
                &azure.credentials_secret_ref,
                &[("AZURE_STORAGE_ACCOUNT_KEY", true), ("AZURE_STORAGE_SAS_TOKEN", true)],
            ));
        }
    }
}

/// Whether a variable is only for reading the dump.
fn is_of_source(variable: &str) -> bool {
    ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| variable.starts_with(prefix))
}

fn from_secret(variable: &str, name: &str, key: &str, optional: bool) -> EnvVar {
    let selector =
        SecretKeySelector { name: name.to_owned(), key: key.to_owned(), optional: optional.then_some(true) };
    EnvVar {
        name: variable.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() }),
    }
}

fn given(variable: &Given) -> EnvVar {
    let secret = |from: &KeyReference| SecretKeySelector {
        name: from.name.clone(),
        key: from.key.clone(),
        optional: None,
    };
    let map = |from: &KeyReference| ConfigMapKeySelector {
        name: from.name.clone(),
        key: from.key.clone(),
        optional: None,
    };
    EnvVar {
        name: variable.name.clone(),
        value: variable.value.clone(),
        value_from: variable.value_from.as_ref().map(|from| EnvVarSource {
            secret_key_ref: from.secret_key_ref.as_ref().map(secret),
            config_map_key_ref: from.config_map_key_ref.as_ref().map(map),
            ..EnvVarSource::default()
        }),
    }
}
