//! Objects for tests.

use crds::ReplicaBootstrap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::build::{Settings, job};
use super::validate::{Validated, validate};

/// The smallest object.
pub(crate) fn object() -> ReplicaBootstrap {
    serde_json::from_value(json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap",
        "metadata": {"namespace": "shop", "name": "eu", "uid": "u-1", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "source": {"persistentVolumeClaim": {"claimName": "dumps", "path": "eu/shop.sql.zst"}},
            "redis": {"url": "redis://redis:6379"},
            "snapshotLSN": "16/B374D848"
        }
    }))
    .unwrap()
}

/// One that uses every field.
pub(crate) fn full() -> ReplicaBootstrap {
    let mut object = most();
    let rest = json!({
        "noOwner": true, "noPrivileges": true, "keepKashoObjects": true,
        "errors": {"onError": "Skip", "maxErrors": 7, "rejectFile": {"claimName": "rejects", "path": "eu.jsonl"}},
        "workers": 3, "retryTimeout": "30m", "fullTimeout": "2h", "maxBytesPerSecond": 1000000,
    });
    object["spec"].as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object["spec"]["redis"]["minReplicas"] = json!(1);
    serde_json::from_value(object).unwrap()
}

fn most() -> serde_json::Value {
    json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap",
        "metadata": {"namespace": "shop", "name": "eu", "uid": "u-1", "generation": 3},
        "spec": {
            "source": {"database": "shop", "s3": {"bucket": "dumps", "key": "eu/shop.sql", "region": "eu-central-1", "endpoint": "https://minio:9000",
                "forcePathStyle": true, "credentialsSecretRef": {"name": "s3"}, "caBundle": {"configMapRef": {"name": "cas", "key": "s3.pem"}}}},
            "snapshotLSN": "16/B374D848",
            "redis": {"urlSecretRef": {"name": "redis", "key": "url"}, "caBundle": {"configMapRef": {"name": "cas", "key": "redis.pem"}},
                "clientCertificateSecretRef": {"name": "client"},
                "key": "set", "ttl": "48h", "memoryHighWater": "90%", "allowEviction": true},
            "sequence": {"first": 5, "gap": 10, "besideOtherRuns": true, "allowLiveEntries": true}, "rows": "Packed", "silentTriggers": true,
            "tables": {"include": ["public.*"], "exclude": ["public.\"Log.s\"", "$x"], "includeSchemas": ["pub*"], "excludeSchemas": ["pg_*"], "sections": ["PreData", "Data"]},
            "transform": {"configMapRef": {"name": "transforms", "key": "t.yml"}, "keySecretRef": {"name": "transforms", "key": "key"}, "requireDecision": true}, "batchSize": 500, "maxRate": 1000,
            "changeStream": {"address": "stream:50051", "snapshotName": "00000003-1"},
            "run": {"id": "again", "from": "Start"},
            "backoffLimit": 2, "activeDeadlineSeconds": 3600, "ttlSecondsAfterFinished": 60,
            "runner": {"image": "other:2", "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "pull"}],
                "resources": {"limits": {"memory": "1Gi"}}, "nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "k", "operator": "Exists"}],
                "priorityClassName": "low", "serviceAccountName": "cloud",
                "jobLabels": {"kueue.x-k8s.io/queue-name": "dumps", "app.kubernetes.io/managed-by": "x"},
                "jobAnnotations": {"note": "c", "bootstrap.kasho.io/replica-bootstrap-name": "x"}, "podLabels": {"team": "a", "app.kubernetes.io/name": "x"},
                "podAnnotations": {"note": "b"}, "env": [{"name": "HTTPS_PROXY", "value": "http://p"},
                {"name": "X", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}], "logFormat": "text"}
        }
    })
}

/// What validation makes of it.
pub(crate) fn validated(object: &ReplicaBootstrap) -> Validated {
    validate(object).unwrap()
}

/// The operator's settings.
pub(crate) fn settings() -> Settings {
    Settings { runner_image: "runner:1".to_owned() }
}

/// The object's Job as the API server has it, with this status.
pub(crate) fn stored_job(object: &ReplicaBootstrap, status: serde_json::Value) -> Job {
    let mut job = job(&validated(object), &settings());
    job.metadata.uid = Some("job-1".to_owned());
    job.status = Some(serde_json::from_value(status).unwrap());
    job
}

/// A pod of that Job with this status.
pub(crate) fn pod(name: &str, status: serde_json::Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2026-01-01T00:00:05Z",
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "eu-1", "uid": "job-1", "controller": true}]},
        "status": status
    }))
    .unwrap()
}

/// A moment.
pub(crate) fn at(second: i64) -> Time {
    Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
}
