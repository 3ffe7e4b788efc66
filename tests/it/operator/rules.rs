//! Everything that the definition refuses, without an operator: every rule and every limit, with the API server's
//! messages. The definition itself lists the rules, so that none is forgotten.

use std::collections::BTreeMap;

use pg_bootstrap_tests::cluster::{Namespace, replica_bootstrap};
use serde_json::{Value, json};

use super::{edit, with};

/// Kubernetes' own types, whose limits are its own.
const FOREIGN: [&str; 4] =
    ["runner.resources", "runner.affinity", "runner.tolerations", "runner.topologySpreadConstraints"];

/// The pattern of a text that has no other.
const NO_NUL: &str = "^[^\\x00]*$";

/// Words that say a limit in a schema, apart from rules.
const LIMITS: [&str; 8] =
    ["required", "pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "maxItems"];

/// Every limit of a field of ours, `required` as the fields that are.
const EXPECTED: [(&str, &str); 72] = [
    ("", "required=redis,source"),
    ("activeDeadlineSeconds", "maximum minimum"),
    ("backoffLimit", "maximum minimum"),
    ("batchSize", "maximum minimum"),
    ("changeStream", "required=address"),
    ("changeStream.address", "maxLength minLength pattern"),
    ("changeStream.snapshotName", "maxLength minLength pattern"),
    ("errors.maxErrors", "minimum"),
    ("errors.onError", "enum"),
    ("fullTimeout", "maxLength pattern"),
    ("historyLimit", "maximum minimum"),
    ("maxBytesPerSecond", "minimum"),
    ("maxRate", "minimum"),
    ("redis.caBundle", "required=configMapRef"),
    ("redis.caBundle.configMapRef", "required=key,name"),
    ("redis.caBundle.configMapRef.key", "maxLength minLength pattern"),
    ("redis.caBundle.configMapRef.name", "maxLength minLength pattern"),
    ("redis.key", "maxLength minLength pattern"),
    ("redis.memoryHighWater", "maxLength pattern"),
    ("redis.minReplicas", "maximum minimum"),
    ("redis.ttl", "maxLength pattern"),
    ("redis.url", "maxLength pattern"),
    ("redis.urlSecretRef", "required=key,name"),
    ("redis.urlSecretRef.key", "maxLength minLength pattern"),
    ("redis.urlSecretRef.name", "maxLength minLength pattern"),
    ("retryTimeout", "maxLength pattern"),
    ("rows", "enum"),
    ("run.from", "enum"),
    ("run.id", "maxLength minLength pattern"),
    ("runner.env", "maxItems"),
    ("runner.env[]", "required=name"),
    ("runner.env[].name", "maxLength minLength pattern"),
    ("runner.env[].value", "maxLength pattern"),
    ("runner.image", "maxLength minLength pattern"),
    ("runner.imagePullPolicy", "enum"),
    ("runner.imagePullSecrets", "maxItems"),
    ("runner.logFormat", "enum"),
    ("runner.priorityClassName", "maxLength minLength pattern"),
    ("runner.serviceAccountName", "maxLength minLength pattern"),
    ("runner.user", "enum"),
    ("runner.volumes", "maxItems"),
    ("runner.volumes[]", "required=mountPath,name"),
    ("runner.volumes[].emptyDir.sizeLimit", "maxLength minLength pattern"),
    ("runner.volumes[].mountPath", "maxLength minLength pattern"),
    ("runner.volumes[].name", "maxLength minLength pattern"),
    ("sequence.first", "minimum"),
    ("sequence.gap", "minimum"),
    ("snapshotLSN", "maxLength pattern"),
    ("source.azure", "required=account,container,key"),
    ("source.azure.account", "maxLength minLength pattern"),
    ("source.azure.container", "maxLength minLength pattern"),
    ("source.database", "maxLength minLength pattern"),
    ("source.gcs.bucket", "maxLength minLength pattern"),
    ("source.https.url", "maxLength pattern"),
    ("source.persistentVolumeClaim.claimName", "maxLength minLength pattern"),
    ("source.persistentVolumeClaim.path", "maxLength minLength pattern"),
    ("source.s3.bucket", "maxLength minLength pattern"),
    ("source.s3.endpoint", "maxLength pattern"),
    ("source.s3.region", "maxLength minLength pattern"),
    ("tables.exclude", "maxItems"),
    ("tables.excludeSchemas", "maxItems"),
    ("tables.excludeSchemas[]", "maxLength minLength pattern"),
    ("tables.exclude[]", "maxLength minLength pattern"),
    ("tables.include", "maxItems"),
    ("tables.includeSchemas", "maxItems"),
    ("tables.includeSchemas[]", "maxLength minLength pattern"),
    ("tables.include[]", "maxLength minLength pattern"),
    ("tables.sections", "maxItems"),
    ("tables.sections[]", "enum"),
    ("transform", "required=configMapRef"),
    ("ttlSecondsAfterFinished", "maximum minimum"),
    ("workers", "maximum minimum"),
];

fn schema(namespace: &Namespace) -> Value {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/replicabootstraps.bootstrap.kasho.io";
    let (status, reply) = namespace.server().call("GET", path, "", "");
    assert_eq!(status, 200, "{reply}");
    let definition: Value = serde_json::from_str(&reply).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The nodes of a schema, with their paths.
fn nodes<'a>(path: &str, node: &'a Value, all: &mut Vec<(String, &'a Value)>) {
    if FOREIGN.contains(&path) {
        return;
    }
    all.push((path.to_owned(), node));
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        nodes(&path, field, all);
    }
    if node["items"].is_object() {
        nodes(&format!("{path}[]"), &node["items"], all);
    }
}

/// Objects that between them have every field: what leads to a limit is there.
fn bases() -> [Value; 6] {
    let reference = json!({"name": "n", "key": "k"});
    let common = json!({
        "batchSize": 1, "maxRate": 1, "maxBytesPerSecond": 1, "backoffLimit": 0, "activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0, "historyLimit": 0,
        "sequence": {"first": 1, "gap": 0, "besideOtherRuns": true, "allowLiveEntries": true}, "rows": "Packed", "silentTriggers": true, "tables": {"include": ["a"], "exclude": ["a"], "includeSchemas": ["a"], "excludeSchemas": ["a"], "sections": ["Data"]}, "transform": {"configMapRef": reference, "keySecretRef": reference}, "run": {"id": "1", "from": "Start"},
        "changeStream": {"address": "a:1", "snapshotName": "s"},
        "redis": {"url": "redis://r:6379", "key": "k", "ttl": "1h", "memoryHighWater": "90%", "caBundle": {"configMapRef": reference},
            "clientCertificateSecretRef": {"name": "n"}, "allowEviction": true, "minReplicas": 1},
        "runner": {
            "image": "i", "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "n"}], "logFormat": "text",
            "priorityClassName": "p", "serviceAccountName": "s", "jobLabels": {"a": "b"}, "jobAnnotations": {"a": "b"}, "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"}, "nodeSelector": {"a": "b"},
            "env": [{"name": "A", "value": "v"}], "user": "Platform",
            "volumes": [{"name": "a", "mountPath": "/a", "emptyDir": {"inMemory": true, "sizeLimit": "64Mi"}}],
        },
    });
    let more = json!({
        "noOwner": true, "noPrivileges": true, "keepKashoObjects": true, "workers": 1, "retryTimeout": "1m", "fullTimeout": "1m",
        "errors": {"onError": "Skip", "maxErrors": 0, "rejectFile": {"claimName": "c", "path": "p"}},
    });
    let claim = with(with(replica_bootstrap("x", "redis://r:6379"), &common), &more);
    let s3 = json!({
        "bucket": "b", "key": "k", "region": "r", "endpoint": "https://e:1", "forcePathStyle": true,
        "credentialsSecretRef": {"name": "n"}, "caBundle": {"configMapRef": reference},
    });
    let mut object = with(claim.clone(), &json!({"source": {"s3": s3, "database": "d"}}));
    object["spec"]["redis"] = json!({ "urlSecretRef": reference });
    let mut from = claim.clone();
    from["spec"]["runner"]["volumes"] = json!([
        {"name": "a", "mountPath": "/a", "configMapRef": {"name": "n"}}, {"name": "b", "mountPath": "/b", "secretRef": {"name": "n"}},
        {"name": "c", "mountPath": "/c", "persistentVolumeClaim": {"claimName": "c"}, "readOnly": true},
    ]);
    from["spec"]["runner"]["env"] = json!([{"name": "A", "valueFrom": {"secretKeyRef": reference}}, {"name": "B", "valueFrom": {"configMapKeyRef": reference}}]);
    from["spec"]["source"] = json!({"https": {"urlSecretRef": reference}});
    let source = |source: Value| {
        let mut object = claim.clone();
        object["spec"]["source"] = source;
        object
    };
    let gcs = source(json!({"gcs": {"bucket": "b", "key": "k", "credentialsSecretRef": {"name": "n"}}}));
    let azure = source(
        json!({"azure": {"account": "a", "container": "c", "key": "k", "credentialsSecretRef": {"name": "n"}}}),
    );
    let https = source(json!({"https": {"url": "https://h/f", "caBundle": {"configMapRef": reference}}}));
    [claim, object, from, gcs, azure, https]
}

/// The pointers of a path in an object: all elements of a list.
fn pointers(object: &Value, path: &str) -> Vec<String> {
    let mut found = vec!["/spec".to_owned()];
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        found = found.into_iter().map(|pointer| format!("{pointer}/{name}")).collect();
        if is_list {
            let length =
                |pointer: &str| object.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
            found = found
                .into_iter()
                .flat_map(|one| (0..length(&one)).map(move |n| format!("{one}/{n}")))
                .collect();
        }
    }
    found.retain(|pointer| object.pointer(pointer).is_some());
    found
}

/// Values that break a limit, with what the API server then says.
fn breaches(limit: &str, node: &Value) -> Vec<(Value, String)> {
    let bound = &node[limit];
    let long = |length: u64| "a".repeat(usize::try_from(length).unwrap() + 1);
    match limit {
        "pattern" if bound == NO_NUL => vec![(json!("a\0b"), "should match".to_owned())],
        "pattern" => [" ?\"", "a\0b"].map(|text| (json!(text), "should match".to_owned())).to_vec(),
        "minLength" => vec![(json!(""), "at least 1 chars long".to_owned())],
        "maxLength" => vec![(json!(long(bound.as_u64().unwrap())), format!("may not be more than {bound}"))],
        "minimum" => vec![(
            json!(bound.as_f64().unwrap() as i64 - 1),
            format!("greater than or equal to {bound}").replace(".0", ""),
        )],
        "maximum" => vec![(
            json!(bound.as_f64().unwrap() as i64 + 1),
            format!("less than or equal to {bound}").replace(".0", ""),
        )],
        "enum" => vec![(json!("Nonsense"), "Unsupported value".to_owned())],
        "maxItems" => {
            let many = |n| json!({"name": format!("N{n}"), "value": "v"});
            let is = |field: &str| node["items"]["properties"][field].is_object();
            let volume = |n| json!({"name": format!("v{n}"), "mountPath": format!("/v{n}"), "emptyDir": {}});
            let list: Vec<_> = (0..=bound.as_u64().unwrap())
                .map(|n| {
                    if is("mountPath") {
                        volume(n)
                    } else if is("value") {
                        many(n)
                    } else {
                        json!({"name": "n"})
                    }
                })
                .collect();
            vec![(json!(list), "must have at most".to_owned())]
        }
        other => panic!("how is {other} broken?"),
    }
}

/// Refuses the object, with these words about this field.
#[track_caller]
fn expect_refused(namespace: &Namespace, object: &Value, words: &str) {
    let refusal = namespace.try_create(object).expect_err(&format!("taken, though {words:?}: {object}"));
    assert_eq!(refusal.status, 422, "{refusal:?}");
    assert!(refusal.message.contains(words), "no {words:?} in {}", refusal.message);
}

#[test]
fn every_limit_of_every_field_is_one() {
    let namespace = Namespace::new("limits");
    for (number, mut object) in bases().into_iter().enumerate() {
        object["metadata"]["name"] = json!(format!("good-{number}"));
        namespace.create(&object);
    }
    let schema = schema(&namespace);
    let mut all = Vec::new();
    nodes("", &schema["properties"]["spec"], &mut all);
    let mut found = BTreeMap::new();
    for (path, node) in &all {
        let mut words = Vec::new();
        for limit in LIMITS.iter().filter(|limit| !node[**limit].is_null()) {
            let base = bases().into_iter().find(|base| !pointers(base, path).is_empty());
            let base = base.unwrap_or_else(|| panic!("no object of this test has {path}"));
            let pointer = pointers(&base, path).remove(0);
            if *limit == "required" {
                for field in node["required"].as_array().unwrap() {
                    let mut broken = base.clone();
                    broken
                        .pointer_mut(&pointer)
                        .unwrap()
                        .as_object_mut()
                        .unwrap()
                        .remove(field.as_str().unwrap());
                    expect_refused(&namespace, &broken, "Required value");
                }
                let mut names: Vec<_> =
                    node["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
                names.sort_unstable();
                words.push(format!("required={}", names.join(",")));
                continue;
            }
            for (value, said) in breaches(limit, node) {
                let mut broken = base.clone();
                *broken.pointer_mut(&pointer).unwrap() = value;
                expect_refused(&namespace, &broken, &said);
            }
            words.push((*limit).to_owned());
        }
        if !words.is_empty() {
            words.sort();
            found.insert(path.clone(), words.join(" "));
        }
    }
    // References occur in several places, all of one type.
    let repeated = |path: &String| {
        path.starts_with("runner.env[].valueFrom.")
            || (path.starts_with("source.") && path.contains(".caBundle"))
            || (path.starts_with("source.") && path.contains(".credentialsSecretRef"))
            || path.starts_with("source.https.urlSecretRef")
            || path.starts_with("transform.")
            || path.starts_with("redis.clientCertificateSecretRef")
            || path.starts_with("errors.rejectFile.")
            || path.starts_with("runner.volumes[].configMapRef")
            || path.starts_with("runner.volumes[].secretRef")
            || path.starts_with("runner.volumes[].persistentVolumeClaim")
            || path.starts_with("runner.imagePullSecrets[]")
            || path.starts_with("source.") && path.ends_with(".key")
            || ["source.s3", "source.gcs", "source.persistentVolumeClaim", "errors.rejectFile"]
                .contains(&path.as_str())
    };
    found.retain(|path, _| !repeated(path));
    let found: Vec<_> = found.iter().map(|(path, words)| (path.as_str(), words.as_str())).collect();
    assert_eq!(found, EXPECTED);
}

/// A rule: words of its message, and the change to an object that breaks it.
type Case = (&'static str, &'static str, Value);

/// Fields that are set in the smallest object; null takes one away.
fn cases() -> Vec<Case> {
    let url = |text: &str| json!({"url": text});
    let env = |variable: Value| json!({ "env": [variable] });
    let reference = json!({"name": "n", "key": "k"});
    let key = |text: &str| json!({"s3": {"bucket": "b", "key": text}});
    let gcs = |text: &str| json!({"gcs": {"bucket": "b", "key": text}});
    let azure = |text: &str| json!({"azure": {"account": "a", "container": "c", "key": text}});
    let https = |text: &str| json!({"https": {"url": text}});
    let at = |path: &str| json!({"volumes": [{"name": "a", "mountPath": path, "emptyDir": {}}]});
    let path = |text: &str| json!({"persistentVolumeClaim": {"claimName": "c", "path": text}});
    vec![
        ("exactly one of persistentVolumeClaim, s3, gcs, azure and https", "source", json!({})),
        (
            "exactly one of persistentVolumeClaim, s3, gcs, azure and https",
            "source",
            json!({"persistentVolumeClaim": {"claimName": "c", "path": "p"}, "s3": {"bucket": "b", "key": "k"}}),
        ),
        ("path is relative to the volume's root", "source", path("/etc/passwd")),
        ("path is relative to the volume's root", "source", path("../x")),
        ("path is relative to the volume's root", "source", path("a/../../x")),
        ("key must not begin with /", "source", key("/shop.sql")),
        ("key must not begin with /", "source", key("shop//")),
        ("key must not begin with /", "source", key("a//b")),
        ("key must not begin with /", "source", key("a/../b")),
        ("key must not begin with /", "source", gcs("/shop.sql")),
        ("key must not begin with /", "source", azure("a/../b")),
        ("exactly one of persistentVolumeClaim, s3, gcs, azure and https", "source", {
            let mut both = gcs("k");
            both["https"] = json!({"url": "https://h/f"});
            both
        }),
        ("exactly one of url and urlSecretRef", "source", json!({"https": {}})),
        ("url contains a query or credentials", "source", https("https://h/f?sig=geheim")),
        ("url contains a query or credentials", "source", https("https://me:geheim@h/f")),
        ("should match", "source", https("http://h/f")),
        ("should match", "source", https("https://h/folder/")),
        ("exactly one of url and urlSecretRef", "redis", json!({})),
        (
            "exactly one of url and urlSecretRef",
            "redis",
            json!({"url": "redis://r:1", "urlSecretRef": reference}),
        ),
        ("url contains a password", "redis", url("redis://:geheim@r:6379")),
        ("url contains a password", "redis", url("rediss://user:geheim@r:6379")),
        ("url contains a password", "redis", url("redis+unix:///s?db=1&pass=geheim")),
        ("url contains a password", "redis", url("redis+unix:///s?password=geheim")),
        ("url contains a password", "redis", url("redis+unix:///s?db=1&p%61ss=geheim")),
        ("url contains a password", "redis", url("redis+unix:///s?Pass=geheim")),
        ("url contains a password", "redis", url("redis://a@b:geheim@r:6379")),
        ("url contains a password", "redis", url("rediss-sentinel://u:geheim@a:1,b:2/main")),
        ("should match", "redis", url("redis+unix:///s?pa\nss=geheim")),
        ("rejectFile must be set if onError is Skip", "errors", json!({"onError": "Skip"})),
        (
            "rejectFile must be set if onError is Skip",
            "errors",
            json!({"rejectFile": {"claimName": "c", "path": "p"}}),
        ),
        (
            "path is relative to the volume's root",
            "errors",
            json!({"onError": "Skip", "rejectFile": {"claimName": "c", "path": "../p"}}),
        ),
        ("run.id consists of lower-case letters", "run", json!({"id": "Again"})),
        ("run.id consists of lower-case letters", "run", json!({"id": "-a"})),
        ("run.id consists of lower-case letters", "run", json!({"id": "a-"})),
        ("variables PGBOOTSTRAP_", "runner", env(json!({"name": "PGBOOTSTRAP_KV_URL", "value": "x"}))),
        ("exactly one of value and valueFrom", "runner", env(json!({"name": "A"}))),
        (
            "exactly one of value and valueFrom",
            "runner",
            env(json!({"name": "A", "value": "x", "valueFrom": {"secretKeyRef": reference}})),
        ),
        (
            "exactly one of secretKeyRef and configMapKeyRef",
            "runner",
            env(json!({"name": "A", "valueFrom": {}})),
        ),
        (
            "exactly one of secretKeyRef and configMapKeyRef",
            "runner",
            env(json!({"name": "A", "valueFrom": {"secretKeyRef": reference, "configMapKeyRef": reference}})),
        ),
        (
            "exactly one of configMapRef, secretRef",
            "runner",
            json!({"volumes": [{"name": "a", "mountPath": "/a"}]}),
        ),
        (
            "exactly one of configMapRef, secretRef",
            "runner",
            json!({"volumes": [{"name": "a", "mountPath": "/a", "emptyDir": {}, "secretRef": {"name": "n"}}]}),
        ),
        ("mountPath is an absolute path", "runner", at("relative")),
        ("mountPath is an absolute path", "runner", at("/a/../dump")),
        ("mountPath is an absolute path", "runner", at("/etc/pg-bootstrap/redis-ca")),
        ("mountPath is an absolute path", "runner", at("/dump")),
        ("exactly one of keySecretRef and insecureUnkeyed", "transform", json!({"configMapRef": reference})),
        (
            "exactly one of keySecretRef and insecureUnkeyed",
            "transform",
            json!({"configMapRef": reference, "keySecretRef": reference, "insecureUnkeyed": true}),
        ),
        (
            "snapshotName is sent when the bootstrap starts",
            "changeStream",
            json!({"address": "a:1", "start": false, "snapshotName": "s"}),
        ),
    ]
}

#[test]
fn every_rule_refuses_with_its_message() {
    let namespace = Namespace::new("rules");
    for (number, address) in
        ["rediss-sentinel://u@a:1,b:2/main", "rediss-cluster://a:1,b:2", "redis-cluster://a:1?db=0"]
            .into_iter()
            .enumerate()
    {
        namespace.create(&replica_bootstrap(&format!("good-{number}"), address));
    }
    let schema = schema(&namespace);
    let mut all = Vec::new();
    nodes("", &schema["properties"]["spec"], &mut all);
    all.push((String::new(), &schema));
    let rules =
        all.iter().flat_map(|(_, node)| node["x-kubernetes-validations"].as_array().into_iter().flatten());
    let mut untried: Vec<String> =
        rules.map(|rule| rule["message"].as_str().expect("a message").to_owned()).collect();
    assert_eq!(untried.len(), 21);
    for (words, field, value) in cases() {
        let object = with(replica_bootstrap("refused", "redis://r:6379"), &json!({ field: value }));
        expect_refused(&namespace, &object, words);
        untried.retain(|message| !message.contains(words));
    }
    // A rule of two fields.
    let mut object =
        with(replica_bootstrap("refused", "redis://r:6379"), &json!({"changeStream": {"address": "a:1"}}));
    object["spec"].as_object_mut().unwrap().remove("snapshotLSN");
    expect_refused(&namespace, &object, "changeStream.start needs snapshotLSN");
    untried.retain(|message| !message.contains("changeStream.start needs snapshotLSN"));
    // What is fixed is in a test of its own.
    untried.retain(|message| !message.contains("are fixed once the run has begun"));
    assert_eq!(untried, Vec::<String>::new(), "rules that no test tries");
}

#[test]
fn what_shapes_the_data_is_fixed_once_a_run_has_begun() {
    let namespace = Namespace::new("fixed");
    let other_claim = json!({"persistentVolumeClaim": {"claimName": "other", "path": "shop.sql"}});
    let changes = [
        json!({ "source": other_claim }),
        json!({"source": {"persistentVolumeClaim": null, "s3": {"bucket": "b", "key": "k"}}}),
        json!({"source": {"persistentVolumeClaim": null, "gcs": {"bucket": "b", "key": "k"}}}),
        json!({"snapshotLSN": "16/2"}),
        json!({ "snapshotLSN": null }),
        json!({"redis": {"url": "redis://other:6379"}}),
        json!({"redis": {"key": "other"}}),
        json!({"redis": {"ttl": "1h"}}),
        json!({"redis": {"minReplicas": 1}}),
        json!({"sequence": {"first": 5}}),
        json!({"sequence": {"besideOtherRuns": true}}),
        json!({"sequence": {"allowLiveEntries": true}}),
        json!({"rows": "Packed"}),
        json!({"silentTriggers": true}),
        json!({"noOwner": true}),
        json!({"noPrivileges": true}),
        json!({"keepKashoObjects": true}),
        json!({"errors": {"maxErrors": 1}}),
        json!({"tables": {"exclude": ["public.log"]}}),
        json!({"transform": {"configMapRef": {"name": "n", "key": "k"}, "insecureUnkeyed": true}}),
        json!({"run": {"from": "Start"}}),
    ];
    let free = json!({"maxRate": 5, "maxBytesPerSecond": 5, "batchSize": 5, "suspend": true, "workers": 2, "retryTimeout": "1m", "fullTimeout": "1m", "backoffLimit": 0, "ttlSecondsAfterFinished": 1,
        "activeDeadlineSeconds": 5, "runner": {"image": "i"}, "changeStream": {"address": "a:1", "start": false}});
    for (number, change) in changes.iter().enumerate() {
        // Before the run has begun, also when the object has a status already.
        let before = format!("before-{number}");
        namespace.create(&replica_bootstrap(&before, "redis://r:6379"));
        let status = json!({"status": {"phase": "Pending"}});
        namespace.try_patch("ReplicaBootstrap/status", &before, &status).unwrap();
        edit(&namespace, &before, change);
        let after = format!("after-{number}");
        namespace.create(&replica_bootstrap(&after, "redis://r:6379"));
        let status = json!({"status": {"startTime": "2026-01-01T00:00:00Z"}});
        namespace.try_patch("ReplicaBootstrap/status", &after, &status).unwrap();
        let refusal = namespace.try_patch("ReplicaBootstrap", &after, &json!({ "spec": change }));
        let refusal = refusal.expect_err(&change.to_string());
        let words = "are fixed once the run has begun: give run.id a new value";
        assert!(refusal.message.contains(words), "{refusal:?}");
        edit(&namespace, &after, &free);
        // With another run in the same change.
        let mut with_run = change.clone();
        with_run["run"]["id"] = json!("2");
        edit(&namespace, &after, &with_run);
    }
}

#[test]
fn defaults_are_visible() {
    let namespace = Namespace::new("defaults");
    let made = namespace.create(&with(
        replica_bootstrap("shop", "redis://r:6379"),
        &json!({"changeStream": {"address": "a:1"}}),
    ));
    let spec = &made["spec"];
    assert_eq!(spec["run"], json!({"id": "1", "from": "Checkpoint"}));
    assert_eq!((&spec["backoffLimit"], &spec["suspend"]), (&json!(6), &json!(false)));
    assert_eq!(
        (&spec["changeStream"]["start"], &spec["changeStream"]["complete"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(namespace.get("ReplicaBootstrap", "shop")["status"], json!({"observedGeneration": -1}));
}
