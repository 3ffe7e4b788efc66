//! The volumes of the runner's pod, and where they are mounted.

use crds::v1alpha1::{CaBundle, KeyReference, PersistentVolumeClaimSource, RunnerVolume};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::paths::{
    DUMP_MOUNT, DUMP_URL_MOUNT, REDIS_CA_MOUNT, REDIS_CLIENT_MOUNT, REJECT_MOUNT, STORE_CA_MOUNT,
    TRANSFORM_KEY_MOUNT, TRANSFORM_MOUNT,
};
use crate::controller::validate::{Address, Source, Validated};

/// Volumes and their mounts.
pub(super) fn volumes(object: &Validated) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut all = Volumes::default();
    all.scratch();
    let rejects = object.spec.errors.as_ref().and_then(|errors| errors.reject_file.as_ref());
    match &object.source {
        Source::Volume(dump) => all.dump(dump, rejects),
        Source::S3(s3) => all.certificates("store-ca", s3.ca_bundle.as_ref(), STORE_CA_MOUNT),
        Source::Https(address, bundle) => {
            all.certificates("store-ca", bundle.as_ref(), STORE_CA_MOUNT);
            if let Address::Secret(name, key) = address {
                all.add("dump-url", of_secret(name, vec![item(key, "url")]), DUMP_URL_MOUNT, true);
            }
        }
        Source::Gcs(_) | Source::Azure(_) => {}
    }
    if !matches!(object.source, Source::Volume(_)) {
        all.rejects(rejects);
    }
    all.redis(object);
    if let Some(transform) = &object.spec.transform {
        let map = of_config_map(&transform.config_map_ref, "transforms.yml");
        all.add("transform", map, TRANSFORM_MOUNT, true);
        if let Some(key) = &transform.key_secret_ref {
            let secret = of_secret(&key.name, vec![item(&key.key, "key")]);
            all.add("transform-key", secret, TRANSFORM_KEY_MOUNT, true);
        }
    }
    all.given(object);
    (all.volumes, all.mounts)
}

/// Volumes of a pod that only needs Redis, and their mounts.
pub(super) fn volumes_for_redis(object: &Validated) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mut all = Volumes::default();
    all.scratch();
    all.redis(object);
    all.given(object);
    (all.volumes, all.mounts)
}

/// What the object asks for. The definition lets exactly one of the variants through.
fn given(volume: &RunnerVolume) -> Volume {
    let secret = volume.secret_ref.as_ref().map(|secret| SecretVolumeSource {
        secret_name: Some(secret.name.clone()),
        ..SecretVolumeSource::default()
    });
    let map = volume
        .config_map_ref
        .as_ref()
        .map(|map| ConfigMapVolumeSource { name: map.name.clone(), ..ConfigMapVolumeSource::default() });
    let claim = volume.persistent_volume_claim.as_ref().map(|claim| PersistentVolumeClaimVolumeSource {
        claim_name: claim.claim_name.clone(),
        read_only: volume.read_only.then_some(true),
    });
    let empty = volume.empty_dir.as_ref().map(|empty| EmptyDirVolumeSource {
        medium: empty.in_memory.then(|| "Memory".to_owned()),
        size_limit: empty.size_limit.clone().map(Quantity),
    });
    Volume { secret, config_map: map, persistent_volume_claim: claim, empty_dir: empty, ..Volume::default() }
}

#[derive(Default)]
struct Volumes {
    volumes: Vec<Volume>,
    mounts: Vec<VolumeMount>,
}

impl Volumes {
    fn scratch(&mut self) {
        let scratch = Volume { empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() };
        self.add("tmp", scratch, "/tmp", false);
    }

    fn redis(&mut self, object: &Validated) {
        let redis = &object.spec.redis;
        self.certificates("redis-ca", redis.ca_bundle.as_ref(), REDIS_CA_MOUNT);
        if let Some(secret) = &redis.client_certificate_secret_ref {
            let items = ["tls.crt", "tls.key"].map(|key| item(key, key)).to_vec();
            self.add("redis-client", of_secret(&secret.name, items), REDIS_CLIENT_MOUNT, true);
        }
    }

    /// Those that the object asks for.
    fn given(&mut self, object: &Validated) {
        for volume in object.spec.runner.iter().flat_map(|runner| runner.volumes.iter().flatten()) {
            let is_file = volume.config_map_ref.is_some() || volume.secret_ref.is_some();
            let name = format!("extra-{}", volume.name);
            self.add(&name, given(volume), &volume.mount_path, volume.read_only || is_file);
        }
    }

    fn add(&mut self, name: &str, volume: Volume, path: &str, read_only: bool) {
        self.volumes.push(Volume { name: name.to_owned(), ..volume });
        self.mount(name, path, read_only);
    }

    fn mount(&mut self, name: &str, path: &str, read_only: bool) {
        self.mounts.push(VolumeMount {
            name: name.to_owned(),
            mount_path: path.to_owned(),
            read_only: read_only.then_some(true),
            ..VolumeMount::default()
        });
    }

    /// The volume itself is read-only too, so that nothing changes its owner, unless it also has the reject file. A
    /// claim must not be in a pod twice: not every kubelet mounts both.
    fn dump(&mut self, dump: &PersistentVolumeClaimSource, rejects: Option<&PersistentVolumeClaimSource>) {
        let is_shared = rejects.is_some_and(|file| file.claim_name == dump.claim_name);
        self.add("dump", claim(dump, !is_shared), DUMP_MOUNT, true);
        if is_shared {
            self.mount("dump", REJECT_MOUNT, false);
        } else {
            self.rejects(rejects);
        }
    }

    fn rejects(&mut self, file: Option<&PersistentVolumeClaimSource>) {
        if let Some(file) = file {
            self.add("rejects", claim(file, false), REJECT_MOUNT, false);
        }
    }

    /// One key of a ConfigMap as the file `ca.crt`.
    fn certificates(&mut self, name: &str, bundle: Option<&CaBundle>, path: &str) {
        if let Some(bundle) = bundle {
            self.add(name, of_config_map(&bundle.config_map_ref, "ca.crt"), path, true);
        }
    }
}

fn claim(file: &PersistentVolumeClaimSource, read_only: bool) -> Volume {
    Volume {
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: file.claim_name.clone(),
            read_only: read_only.then_some(true),
        }),
        ..Volume::default()
    }
}

/// A key of a Secret or a ConfigMap as a file of this name.
fn item(key: &str, file: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: file.to_owned(), mode: None }
}

fn of_secret(name: &str, items: Vec<KeyToPath>) -> Volume {
    Volume {
        secret: Some(SecretVolumeSource {
            secret_name: Some(name.to_owned()),
            items: Some(items),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// One key of a ConfigMap as a file of this name.
fn of_config_map(from: &KeyReference, file: &str) -> Volume {
    Volume {
        config_map: Some(ConfigMapVolumeSource {
            name: from.name.clone(),
            items: Some(vec![item(&from.key, file)]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}
