use super::*;
use crate::controller::fixtures::{full, object, settings, validated};
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::json;

fn pod(job: &Job) -> &PodSpec {
    job.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

#[test]
fn the_smallest_object_gives_these_arguments() {
    let wanted = [
        "--dump-file=/dump/eu/shop.sql.zst",
        "--snapshot-lsn=16/B374D848",
        "--kv-url=redis://redis:6379",
        "--run-id=shop.eu",
        "--status-resource=shop/eu",
        "--status-run-id=1",
        "--status-uid=u-1",
        "--log-format=json",
        "--progress=never",
        "--metrics-addr=0.0.0.0:9187",
    ];
    assert_eq!(arguments(&validated(&object())), wanted);
}

#[test]
fn every_field_reaches_the_arguments() {
    let wanted = [
        "--dump-file=s3://dumps/eu/shop.sql",
        "--s3-region=eu-central-1",
        "--store-endpoint=https://minio:9000",
        "--s3-path-style",
        "--store-ca-file=/etc/pg-bootstrap/store-ca/ca.crt",
        "--snapshot-lsn=16/B374D848",
        "--kv-ca-file=/etc/pg-bootstrap/redis-ca/ca.crt",
        "--kv-cert-file=/etc/pg-bootstrap/redis-client/tls.crt",
        "--kv-key-file=/etc/pg-bootstrap/redis-client/tls.key",
        "--kv-key=set",
        "--ttl=48h",
        "--memory-high-water=90%",
        "--allow-eviction",
        "--min-replicas=1",
        "--database=shop",
        "--table=public.*",
        "--exclude-table=public.\"Log.s\"",
        "--exclude-table=$$x",
        "--schema=pub*",
        "--exclude-schema=pg_*",
        "--section=pre-data",
        "--section=data",
        "--rows=packed",
        "--silent-triggers",
        "--no-owner",
        "--no-privileges",
        "--keep-kasho-objects",
        "--transform-config=/etc/pg-bootstrap/transform/transforms.yml",
        "--transform-key-file=/etc/pg-bootstrap/transform-key/key",
        "--require-decision",
        "--on-error=skip",
        "--max-errors=7",
        "--reject-file=/rejects/eu.jsonl",
        "--first-sequence=5",
        "--sequence-gap=10",
        "--beside-other-runs",
        "--allow-live-entries",
        "--batch-size=500",
        "--workers=3",
        "--max-rate=1000",
        "--max-rate=1000000B",
        "--retry-timeout=30m",
        "--full-timeout=2h",
        "--run-id=shop.eu",
        "--status-resource=shop/eu",
        "--status-run-id=again",
        "--status-uid=u-1",
        "--restart-once=again",
        "--log-format=text",
        "--progress=never",
        "--metrics-addr=0.0.0.0:9187",
        "--change-stream=stream:50051",
        "--start-bootstrap",
        "--complete-bootstrap",
        "--snapshot-name=00000003-1",
    ];
    assert_eq!(arguments(&validated(&full())), wanted);
}

#[test]
fn the_job_ends_on_fatal_codes_and_not_on_evictions() {
    let job = job(&validated(&object()), &settings());
    let spec = job.spec.as_ref().unwrap();
    assert_eq!(spec.pod_replacement_policy.as_deref(), Some("Failed"));
    assert_eq!(spec.backoff_limit, Some(6));
    assert_eq!(spec.suspend, Some(false));
    let rules = &spec.pod_failure_policy.as_ref().unwrap().rules;
    assert_eq!(rules[0].action, "Ignore");
    assert_eq!(rules[1].on_exit_codes.as_ref().unwrap().values, [2, 3, 4, 5, 6, 7, 8, 9, 16]);
    assert_eq!(pod(&job).restart_policy.as_deref(), Some("Never"));
    // The operator deletes a Job itself, once its outcome is in the status.
    assert_eq!(spec.ttl_seconds_after_finished, None);
}

#[test]
fn the_pod_is_restricted() {
    let job = job(&validated(&full()), &settings());
    let pod = pod(&job);
    assert_eq!(pod.enable_service_links, Some(false));
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.run_as_non_root, Some(true));
    assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    let container = pod.containers[0].security_context.as_ref().unwrap();
    assert_eq!(container.read_only_root_filesystem, Some(true));
    assert_eq!(container.allow_privilege_escalation, Some(false));
    assert_eq!(container.capabilities.as_ref().unwrap().drop, Some(vec!["ALL".to_owned()]));
}

#[test]
fn the_platform_may_choose_the_user() {
    let mut object = object();
    object.spec.runner = serde_json::from_str(r#"{"user": "Platform"}"#).unwrap();
    let chosen = job(&validated(&object), &settings());
    let security = pod(&chosen).security_context.as_ref().unwrap();
    assert_eq!((security.run_as_user, security.run_as_group, security.fs_group), (None, None, None));
    assert_eq!(security.run_as_non_root, Some(true));
    let fixed = job(&validated(&full()), &settings());
    assert_eq!(pod(&fixed).security_context.as_ref().unwrap().fs_group, Some(65532));
}

/// Name and claim of each volume, and name, path and read-only of each mount.
fn volumes_of(object: &crds::ReplicaBootstrap) -> Vec<String> {
    let job = job(&validated(object), &settings());
    let pod = pod(&job);
    let volumes = pod.volumes.iter().flatten().map(|volume| {
        let mut volume = serde_json::to_value(volume).unwrap();
        let name = volume.as_object_mut().unwrap().remove("name").unwrap();
        format!("{} {volume}", name.as_str().unwrap())
    });
    let mounts = pod.containers[0].volume_mounts.iter().flatten().map(|mount| {
        let access = if mount.read_only == Some(true) { "ro" } else { "rw" };
        format!("{} {} {access}", mount.name, mount.mount_path)
    });
    volumes.chain(mounts).collect()
}

#[test]
fn a_claim_is_in_a_pod_once() {
    let mut object = object();
    let skip = |claim: &str| {
        let file = serde_json::json!({"claimName": claim, "path": "bad.jsonl"});
        serde_json::from_value(serde_json::json!({"onError": "Skip", "rejectFile": file})).unwrap()
    };
    object.spec.errors = Some(skip("dumps"));
    let shared = [
        r#"tmp {"emptyDir":{}}"#,
        r#"dump {"persistentVolumeClaim":{"claimName":"dumps"}}"#,
        "tmp /tmp rw",
        "dump /dump ro",
        "dump /rejects rw",
    ];
    assert_eq!(volumes_of(&object), shared);
    object.spec.errors = Some(skip("rejects"));
    let apart = [
        r#"tmp {"emptyDir":{}}"#,
        r#"dump {"persistentVolumeClaim":{"claimName":"dumps","readOnly":true}}"#,
        r#"rejects {"persistentVolumeClaim":{"claimName":"rejects"}}"#,
        "tmp /tmp rw",
        "dump /dump ro",
        "rejects /rejects rw",
    ];
    assert_eq!(volumes_of(&object), apart);
}

#[test]
fn more_volumes_are_mounted() {
    let mut object = object();
    object.spec.runner = serde_json::from_value(serde_json::json!({"volumes": [
        {"name": "a", "mountPath": "/a", "configMapRef": {"name": "m"}},
        {"name": "b", "mountPath": "/b", "secretRef": {"name": "s"}},
        {"name": "c", "mountPath": "/c", "persistentVolumeClaim": {"claimName": "p"}, "readOnly": true},
        {"name": "d", "mountPath": "/d", "emptyDir": {"inMemory": true, "sizeLimit": "64Mi"}},
    ]}))
    .unwrap();
    let all = volumes_of(&object);
    let wanted = [
        r#"extra-a {"configMap":{"name":"m"}}"#,
        r#"extra-b {"secret":{"secretName":"s"}}"#,
        r#"extra-c {"persistentVolumeClaim":{"claimName":"p","readOnly":true}}"#,
        r#"extra-d {"emptyDir":{"medium":"Memory","sizeLimit":"64Mi"}}"#,
        "extra-a /a ro",
        "extra-b /b ro",
        "extra-c /c ro",
        "extra-d /d rw",
    ];
    for one in wanted {
        assert!(all.iter().any(|found| found == one), "no {one} in {all:#?}");
    }
}

#[test]
fn secrets_come_by_reference_and_the_operators_labels_win() {
    let job = job(&validated(&full()), &settings());
    let env = pod(&job).containers[0].env.as_ref().unwrap();
    let from: Vec<_> = env
        .iter()
        .filter_map(|one| {
            let secret = one.value_from.as_ref()?.secret_key_ref.as_ref()?;
            Some((one.name.as_str(), secret.name.as_str(), secret.key.as_str()))
        })
        .collect();
    assert_eq!(from[0], ("PGBOOTSTRAP_KV_URL", "redis", "url"));
    assert_eq!(from[1], ("AWS_ACCESS_KEY_ID", "s3", "AWS_ACCESS_KEY_ID"));
    assert_eq!(from.last(), Some(&("X", "n", "k")));
    let labels = job.spec.as_ref().unwrap().template.metadata.as_ref().unwrap().labels.as_ref().unwrap();
    assert_eq!(labels["team"], "a");
    assert_eq!(labels[names::LABEL_NAME], names::APP);
    let (labels, annotations) = (job.metadata.labels.unwrap(), job.metadata.annotations.unwrap());
    assert_eq!(labels[names::LABEL_QUEUE], "dumps");
    assert_eq!(labels[names::LABEL_MANAGED_BY], crds::OPERATOR_MANAGER);
    assert_eq!(annotations["note"], "c");
    assert_eq!(annotations[names::ANNOTATION_OBJECT], "eu");
}

/// The options and the variables about the dump, of an object with this source.
fn about_the_dump(source: serde_json::Value) -> (Vec<String>, Vec<String>) {
    let mut object = object();
    object.spec.source = serde_json::from_value(source).unwrap();
    let job = job(&validated(&object), &settings());
    let container = &pod(&job).containers[0];
    let is_about = |one: &&String| one.contains("--dump-") || one.contains("store-");
    let options = container.args.as_ref().unwrap().iter().filter(is_about).cloned().collect();
    let variable = |one: &k8s_openapi::api::core::v1::EnvVar| {
        let secret = one.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
        let from = secret.map_or_else(
            || one.value.clone().unwrap_or_default(),
            |secret| format!("{}/{}", secret.name, secret.key),
        );
        format!("{}={from}", one.name)
    };
    (options, container.env.iter().flatten().map(variable).collect())
}

#[test]
fn stores_besides_s3() {
    let gcs = json!({"gcs": {"bucket": "dumps", "key": "shop.sql", "credentialsSecretRef": {"name": "s"}}});
    let (options, variables) = about_the_dump(gcs);
    assert_eq!(options, ["--dump-file=gs://dumps/shop.sql"]);
    assert_eq!(variables, ["GOOGLE_SERVICE_ACCOUNT_KEY=s/GOOGLE_SERVICE_ACCOUNT_KEY"]);
    let azure = json!({"azure": {"account": "shop", "container": "dumps", "key": "eu/"}});
    let (options, variables) = about_the_dump(azure);
    assert_eq!(options, ["--dump-file=az://dumps/eu/"]);
    assert_eq!(variables, ["AZURE_STORAGE_ACCOUNT_NAME=shop"]);
    let azure = json!({"azure": {"account": "shop", "container": "dumps", "key": "k", "credentialsSecretRef": {"name": "s"}}});
    let (_, variables) = about_the_dump(azure);
    assert_eq!(
        variables[1..],
        [
            "AZURE_STORAGE_ACCOUNT_KEY=s/AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_SAS_TOKEN=s/AZURE_STORAGE_SAS_TOKEN",
        ]
    );
    let (options, variables) = about_the_dump(json!({"https": {"url": "https://dumps/shop.sql"}}));
    assert_eq!((options, variables), (vec!["--dump-file=https://dumps/shop.sql".to_owned()], Vec::new()));
    let bundle = json!({"configMapRef": {"name": "cas", "key": "ca"}});
    let secret = json!({"https": {"urlSecretRef": {"name": "s", "key": "url"}, "caBundle": bundle}});
    let (options, variables) = about_the_dump(secret);
    let url = "--dump-url-file=/etc/pg-bootstrap/dump-url/url";
    assert_eq!(options, [url, "--store-ca-file=/etc/pg-bootstrap/store-ca/ca.crt"]);
    assert_eq!(variables, Vec::<String>::new());
}

#[test]
fn the_hash_follows_the_template_and_not_the_suspension() {
    let hash = |change: fn(&mut crds::ReplicaBootstrap)| {
        let mut object = object();
        change(&mut object);
        job(&validated(&object), &settings()).metadata.annotations.unwrap()[names::ANNOTATION_TEMPLATE]
            .clone()
    };
    assert_eq!(hash(|_| {}), hash(|object| object.spec.suspend = true));
    assert_ne!(hash(|_| {}), hash(|object| object.spec.max_rate = Some(1)));
    assert_ne!(hash(|_| {}), hash(|object| object.spec.backoff_limit = 0));
    let queued = |object: &mut crds::ReplicaBootstrap| {
        object.spec.runner =
            serde_json::from_str(r#"{"jobLabels": {"kueue.x-k8s.io/queue-name": "a"}}"#).unwrap();
    };
    assert_ne!(hash(|object| object.spec.runner = Some(Box::default())), hash(queued));
}

#[test]
fn the_runner_may_read_its_object_and_write_its_status() {
    let access = access(&validated(&object()));
    let rules = access.role.rules.unwrap();
    let told: Vec<_> = rules
        .iter()
        .map(|rule| {
            (rule.resources.clone().unwrap(), rule.verbs.clone(), rule.resource_names.clone().unwrap())
        })
        .collect();
    let word = |text: &str| vec![text.to_owned()];
    assert_eq!(
        told,
        [
            (word("replicabootstraps"), word("get"), word("eu")),
            (word("replicabootstraps/status"), word("patch"), word("eu"))
        ]
    );
    assert_eq!(access.binding.subjects.unwrap()[0].name, "eu-runner");
}

#[test]
fn a_given_account_is_bound_and_none_is_made() {
    let access = access(&validated(&full()));
    assert!(access.account.is_none());
    assert_eq!(access.binding.subjects.unwrap()[0].name, "cloud");
}

#[test]
fn everything_goes_with_its_object() {
    let object = validated(&object());
    let access = access(&object);
    for metadata in [
        job(&object, &settings()).metadata,
        access.account.unwrap().metadata,
        access.role.metadata,
        access.binding.metadata,
    ] {
        let owner = &metadata.owner_references.unwrap()[0];
        assert_eq!((owner.uid.as_str(), owner.controller), ("u-1", Some(true)));
    }
}
