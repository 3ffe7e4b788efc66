//! Names, labels and annotations of the objects that the operator creates.

use crds::v1alpha1::RowForm;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The longest name of a Job: its pods have it as a label.
const LONGEST_NAME: usize = 63;
/// The longest name of a run that the runner accepts.
const LONGEST_RUN: usize = 200;

/// Label: the kind of thing.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Value of [`LABEL_NAME`].
pub const APP: &str = "pg-bootstrap";
/// Label: the program that created it.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: the object that it belongs to, or a hash if the name is too long.
pub const LABEL_OBJECT: &str = "bootstrap.kasho.io/replica-bootstrap";
/// Label: the run.
pub const LABEL_RUN: &str = "bootstrap.kasho.io/run";
/// Annotation: the object's full name.
pub const ANNOTATION_OBJECT: &str = "bootstrap.kasho.io/replica-bootstrap-name";
/// Annotation of a Job: a hash of the Job as it was created, without the suspension. It changes with the spec, and with
/// the operator and its options.
pub const ANNOTATION_TEMPLATE: &str = "bootstrap.kasho.io/template-hash";
/// Annotation of a Job: a hash of the object's fields that it was created from, as in [`spec_hash`].
pub const ANNOTATION_SPEC: &str = "bootstrap.kasho.io/spec-hash";
/// Annotation of a Job: a hash of the fields that shape the data of its run, as in [`data_hash`].
pub const ANNOTATION_DATA: &str = "bootstrap.kasho.io/data-hash";

/// Annotation of a Job: whether the operator has suspended it. If the Job is suspended and this is `false`, somebody
/// else has done it. Jobs of earlier operators have no such annotation.
pub const ANNOTATION_SUSPENDED: &str = "bootstrap.kasho.io/suspended";
/// Annotation of a Job that deletes the runs of an object in Redis: the object's UID.
pub const ANNOTATION_PURGE: &str = "bootstrap.kasho.io/purge-of";
/// The finalizer of an object whose runs are deleted in Redis before it goes.
pub const FINALIZER: &str = "bootstrap.kasho.io/purge";
/// Label by which Kueue puts a Job into a queue.
pub const LABEL_QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// A hash of the fields that may not change after a run has begun. It distinguishes runs that load something else, or
/// to another place.
#[must_use]
pub fn data_hash(spec: &crds::ReplicaBootstrapSpec) -> String {
    let data = (&spec.source, &spec.snapshot_lsn, &spec.redis, &spec.sequence, &spec.run.from);
    // Plain structures can always be serialised.
    let mut bytes = serde_json::to_vec(&data).unwrap_or_default();
    // Newer fields count only if they are used, so that the hashes of earlier operators stay valid.
    if spec.rows != RowForm::default() {
        bytes.extend(serde_json::to_vec(&spec.rows).unwrap_or_default());
    }
    let flags = [
        ("silentTriggers", spec.silent_triggers),
        ("noOwner", spec.no_owner),
        ("noPrivileges", spec.no_privileges),
        ("keepKashoObjects", spec.keep_kasho_objects),
    ];
    bytes.extend(flags.iter().filter(|(_, used)| *used).flat_map(|(name, _)| name.bytes()));
    if let Some(tables) = &spec.tables {
        bytes.extend(serde_json::to_vec(tables).unwrap_or_default());
    }
    if let Some(transform) = &spec.transform {
        bytes.extend(serde_json::to_vec(transform).unwrap_or_default());
    }
    if let Some(errors) = &spec.errors {
        bytes.extend(serde_json::to_vec(errors).unwrap_or_default());
    }
    hash(&bytes)
}

/// A hash of the fields that a Job is created from. It distinguishes specs that somebody has changed.
///
/// Fields with no value, or with the value false, do not count, so that a field of a newer definition changes no hash
/// unless it is used. A newer field with another default must be left out here while it has that default.
#[must_use]
pub fn spec_hash(spec: &crds::ReplicaBootstrapSpec) -> String {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        // The Job has the run in its name. The others do not reach it.
        let apart = ["run", "suspend", "ttlSecondsAfterFinished", "purgeOnDelete", "historyLimit"];
        fields.retain(|name, _| !apart.contains(&name.as_str()));
    }
    used(&mut value);
    hash(&serde_json::to_vec(&value).unwrap_or_default())
}

/// Removes the fields without a value. Returns whether anything is left.
fn used(value: &mut Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(fields) => {
            fields.retain(|_, value| used(value));
            !fields.is_empty()
        }
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

/// The Job of a run.
#[must_use]
pub fn job(object: &str, run: &str) -> String {
    plain(&format!("{object}-{run}"), LONGEST_NAME)
}

/// The Job that deletes the runs of an object in Redis. A later object of the same name has another one.
#[must_use]
pub fn purge(object: &str, uid: &str) -> String {
    plain(&format!("{object}-purge-{}", &hash(uid.as_bytes())[..8]), LONGEST_NAME)
}

/// The ServiceAccount, Role and RoleBinding of an object's runner.
#[must_use]
pub fn access(object: &str) -> String {
    plain(&format!("{object}-runner"), LONGEST_NAME)
}

/// The name under which the runs of an object are registered in Redis. All runs of the object use the same name, so
/// that they share the checkpoint and the range.
#[must_use]
pub fn redis_run(namespace: &str, object: &str) -> String {
    shorten(&format!("{namespace}.{object}"), LONGEST_RUN)
}

/// The value of [`LABEL_OBJECT`].
#[must_use]
pub fn label_value(object: &str) -> String {
    shorten(object, LONGEST_NAME)
}

/// The labels of every object that is created for a run.
pub fn labels(object: &str, run: &str) -> impl Iterator<Item = (String, String)> {
    [
        (LABEL_NAME, APP.to_owned()),
        (LABEL_MANAGED_BY, crds::OPERATOR_MANAGER.to_owned()),
        (LABEL_OBJECT, label_value(object)),
        (LABEL_RUN, run.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
}

/// The selector of all objects that the operator creates.
#[must_use]
pub fn selector() -> String {
    format!("{LABEL_NAME}={APP},{LABEL_MANAGED_BY}={}", crds::OPERATOR_MANAGER)
}

/// The first eight bytes of a SHA-256 as hex.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A name without dots, for use as a host name.
fn plain(text: &str, longest: usize) -> String {
    if text.contains('.') {
        let told_apart = format!("{}-{}", text.replace('.', "-"), &hash(text.as_bytes())[..8]);
        return shorten(&told_apart, longest);
    }
    shorten(text, longest)
}

/// The text, or its beginning and a hash of the whole text.
fn shorten(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let start: String = text.chars().take(longest - 9).collect();
    format!("{}-{}", start.trim_end_matches(['-', '.']), &hash(text.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stay() {
        assert_eq!(job("shop", "1"), "shop-1");
        assert_eq!(access("shop"), "shop-runner");
        assert_eq!(redis_run("ns", "shop.eu"), "ns.shop.eu");
        assert_eq!(label_value("shop"), "shop");
    }

    #[test]
    fn long_names_stay_apart_and_fit() {
        let (a, b) = (format!("{}a", "x".repeat(100)), format!("{}b", "x".repeat(100)));
        assert_eq!(job(&a, "1").len(), 63);
        assert_ne!(job(&a, "1"), job(&b, "1"));
        assert_ne!(job(&a, "1"), job(&a, "2"));
        assert_ne!(label_value(&a), label_value(&b));
        assert!(redis_run(&"n".repeat(63), &"o".repeat(253)).len() <= 200);
    }

    #[test]
    fn dots_leave_no_two_names_alike() {
        assert_ne!(job("a.b", "1"), job("a-b", "1"));
        assert!(!job("a.b", "1").contains('.'));
        let long = job(&format!("{}.{}", "x".repeat(60), "y".repeat(60)), "1");
        assert!(long.len() <= 63 && !long.contains('.'), "{long}");
    }

    #[test]
    fn whatever_shapes_the_data_is_in_its_hash() {
        let plain = crate::controller::fixtures::object().spec;
        let changes: [fn(&mut crds::ReplicaBootstrapSpec); 13] = [
            |spec| spec.source.persistent_volume_claim = None,
            |spec| spec.snapshot_lsn = None,
            |spec| spec.redis.key = Some("other".to_owned()),
            |spec| spec.run.from = crds::v1alpha1::RunFrom::Start,
            |spec| spec.rows = RowForm::Packed,
            |spec| spec.silent_triggers = true,
            |spec| spec.no_owner = true,
            |spec| spec.no_privileges = true,
            |spec| spec.keep_kasho_objects = true,
            |spec| spec.errors = serde_json::from_str("{}").ok(),
            |spec| spec.redis.allow_eviction = true,
            |spec| spec.sequence = serde_json::from_str("{}").ok(),
            |spec| spec.tables = serde_json::from_str("{}").ok(),
        ];
        let mut hashes = std::collections::BTreeSet::from([data_hash(&plain)]);
        for change in changes {
            let mut spec = plain.clone();
            change(&mut spec);
            hashes.insert(data_hash(&spec));
        }
        assert_eq!(hashes.len(), 14);
        // Of what earlier operators wrote into Jobs and objects.
        assert_eq!(data_hash(&plain), "7ad0e371eef9757f");
    }

    #[test]
    fn a_spec_is_another_when_somebody_has_changed_it() {
        let plain = crate::controller::fixtures::object().spec;
        let hash_of = |change: fn(&mut crds::ReplicaBootstrapSpec)| {
            let mut spec = plain.clone();
            change(&mut spec);
            spec_hash(&spec)
        };
        let unchanged: [fn(&mut crds::ReplicaBootstrapSpec); 6] = [
            |spec| spec.suspend = true,
            |spec| spec.purge_on_delete = true,
            |spec| spec.history_limit = 7,
            |spec| spec.ttl_seconds_after_finished = Some(1),
            |spec| spec.run.id = "2".to_owned(),
            |spec| spec.runner = Some(Box::default()),
        ];
        for change in unchanged {
            assert_eq!(hash_of(change), spec_hash(&plain));
        }
        let changed: [fn(&mut crds::ReplicaBootstrapSpec); 3] = [
            |spec| spec.max_rate = Some(0),
            |spec| spec.backoff_limit = 0,
            |spec| spec.runner = serde_json::from_str(r#"{"jobLabels": {"a": "b"}}"#).unwrap(),
        ];
        for change in changed {
            assert_ne!(hash_of(change), spec_hash(&plain));
        }
        // Of what earlier operators wrote into Jobs.
        assert_eq!(spec_hash(&plain), "e9aec9f90581945d");
    }

    #[test]
    fn a_cut_leaves_no_hyphen_before_the_hash() {
        let name = format!("{}-{}", "x".repeat(53), "y".repeat(60));
        assert!(!job(&name, "1").contains("--"), "{}", job(&name, "1"));
    }
}
