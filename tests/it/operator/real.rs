//! The real runner in the pods: Redis contains the same as if the runner had run alone.

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, Operator, replica_bootstrap};
use pg_bootstrap_tests::loads::sequence;
use pg_bootstrap_tests::servers::{RedisOptions, RedisServer};
use serde_json::{Value, json};

use super::{edit, job, provide, slow, wait, with};
use crate::harness::{
    CELL, COPY, Input, LIMIT, SECRET, changes, dump, dump_of, expect, expect_hidden, runner, snapshot,
    undisturbed,
};
use crate::transforms::all_of;

/// A run's sequence in Redis.
fn reached(namespace: &Namespace, redis: &RedisServer, name: &str) -> u64 {
    sequence(&mut redis.client(), &format!("{}.{name}", namespace.name())).unwrap_or(1)
}

#[track_caller]
fn reaches(namespace: &Namespace, redis: &RedisServer, name: &str, target: u64) {
    wait("the runner gets so far", || reached(namespace, redis, name) >= target);
}

#[test]
fn a_dump_arrives_in_redis() {
    let (namespace, redis) = (Namespace::new("real"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(500);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&replica_bootstrap("shop", &redis.url()));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
    assert_eq!((kubelet.starts("shop"), &done["status"]["attempts"]), (1, &json!(1)));
    let run = &done["status"]["run"];
    assert_eq!(
        (&run["progress"]["changes"], &run["progress"]["percent"]),
        (&json!(changes(500)), &json!(100))
    );
    assert_eq!((&run["id"], run["error"].is_null()), (&json!("1"), true));
}

#[test]
fn packed_rows_arrive_in_redis() {
    let (namespace, redis) = (Namespace::new("packed"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(500);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &json!({"rows": "Packed"})));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    let (alone, input) = (RedisServer::start(), Input::of(&bytes));
    expect(runner(&alone, &input.file).args(["--rows", "packed"]).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), snapshot(&alone));
    assert_eq!(done["status"]["run"]["progress"]["rows"], 500);
    assert_eq!(done["status"]["run"]["progress"]["changes"], snapshot(&alone).count);
}

#[test]
fn chosen_tables_arrive_in_redis() {
    let (namespace, redis) = (Namespace::new("tables"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let table = |name: &str| {
        format!("CREATE TABLE public.{name} (a integer);\nCOPY public.{name} (a) FROM stdin;\n1\n2\n\\.\n")
    };
    let bytes = format!(
        "\\connect other\n{}\\connect shop\n{}{}ALTER TABLE ONLY public.orders ADD CONSTRAINT u UNIQUE (a);\n",
        table("orders"),
        table("orders"),
        table("\"Log.s\"")
    );
    let _input = provide(&kubelet, bytes.as_bytes());
    let tables =
        json!({"include": ["public.*"], "exclude": ["public.\"Log.s\""], "sections": ["PreData", "Data"]});
    let source =
        json!({"persistentVolumeClaim": {"claimName": "dumps", "path": "shop.sql"}, "database": "shop"});
    let spec = json!({"source": source, "tables": tables});
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &spec));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    let members = redis.cli(&["ZRANGE", pg_bootstrap_tests::zset::KEY, "0", "-1"]);
    let words = ["CREATE TABLE public.orders", "columnvalues\":[1]", "columnvalues\":[2]"];
    assert_eq!(members.lines().count(), words.len(), "{members}");
    assert!(members.lines().zip(words).all(|(member, word)| member.contains(word)), "{members}");
    assert_eq!(done["status"]["run"]["progress"]["rows"], 2);
    // Nothing is chosen: that is no success.
    let none = json!({"tables": {"include": ["public.misspelt"]}, "run": {"id": "2", "from": "Start"}});
    edit(&namespace, "shop", &none);
    namespace.expect("shop", "Failed", "UsageError");
}

/// The rows that cannot be loaded are on the claim of the dump, or on another one.
#[test]
fn rows_that_are_set_aside_are_on_a_claim() {
    let (namespace, redis) = (Namespace::new("rejects"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump_of(&[COPY, "1\ta\nno tab\n3\tc\nnor here\n\\.\n"].concat().into_bytes());
    let input = provide(&kubelet, &bytes);
    let other = Input::of(&[]);
    kubelet.claim("rejects", other.folder.path());
    let skip = |claim: &str, most: u64| json!({"onError": "Skip", "maxErrors": most, "rejectFile": {"claimName": claim, "path": "bad.jsonl"}});
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &json!({"errors": skip("dumps", 1)})));
    let failed = namespace.expect("shop", "Failed", "TooManyRejectedRows");
    assert_eq!(failed["status"]["lastError"]["exitCode"], 6);
    // More may be set aside, on another claim: from the start.
    edit(&namespace, "shop", &json!({"errors": skip("rejects", 2), "run": {"id": "2", "from": "Start"}}));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(done["status"]["run"]["rejected"], 2);
    for (file, wanted) in [(input.path("bad.jsonl"), 2), (other.path("bad.jsonl"), 2)] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), wanted, "{text}");
    }
}

/// A backup has no status, and another UID when it is restored.
#[test]
fn a_restored_object_does_not_run_again() {
    const DELETED: &str = "deleted the entries of an earlier attempt of this run";
    let (namespace, redis) = (Namespace::new("restored"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(3000);
    let _input = provide(&kubelet, &bytes);
    let from = |from: &str| json!({"run": {"id": "1", "from": from}});
    let restore = |backup: &Value| {
        let earlier = kubelet.starts("shop");
        namespace.delete("ReplicaBootstrap", "shop");
        wait("the Job goes with its object", || job(&namespace, "shop", "1").is_none());
        namespace.create(backup);
        wait("the runner looks", || kubelet.starts("shop") > earlier);
    };
    for (first, begin) in [("Checkpoint", None), ("Start", Some(DELETED))] {
        // In the middle, with what it has loaded.
        let backup = with(slow("shop", &redis, 2000), &from(first));
        namespace.create(&backup);
        let begun = || kubelet.log("shop").matches(DELETED).count() == begin.iter().count();
        wait("the runner begins", || kubelet.running("shop") == 1 && begun());
        reaches(&namespace, &redis, "shop", 300);
        edit(&namespace, "shop", &json!({"suspend": true}));
        namespace.expect("shop", "Suspended", "Suspended");
        let so_far = reached(&namespace, &redis, "shop");
        restore(&backup);
        assert!(reached(&namespace, &redis, "shop") >= so_far);
        namespace.expect("shop", "Succeeded", "Succeeded");
        // At its end.
        let loaded = snapshot(&redis);
        restore(&backup);
        namespace.expect("shop", "Succeeded", "Succeeded");
        assert_eq!(snapshot(&redis), loaded);
        let log = kubelet.log("shop");
        assert_eq!(log.matches(DELETED).count(), begin.iter().count(), "{log}");
        namespace.delete("ReplicaBootstrap", "shop");
        wait("the Job goes with its object", || job(&namespace, "shop", "1").is_none());
    }
}

#[test]
fn transformed_rows_arrive_in_redis() {
    let (namespace, redis) = (Namespace::new("transform"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(500);
    let _input = provide(&kubelet, &bytes);
    let config = "tables: {public.items: {name: Hash}}\n";
    namespace.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "transforms"}, "data": {"transforms.yml": config}}));
    let transform = json!({
        "configMapRef": {"name": "transforms", "key": "transforms.yml"}, "keySecretRef": {"name": "transforms", "key": "key"},
    });
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &json!({"transform": transform})));
    namespace.expect("shop", "Pending", "ConfigMissing");
    namespace.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "transforms"}, "stringData": {"key": "a secret of sixteen bytes"}}));
    namespace.expect("shop", "Succeeded", "Succeeded");
    let (alone, input) = (RedisServer::start(), Input::of(&bytes));
    let (file, key) = (input.path("t.yml"), input.path("key"));
    std::fs::write(&file, config).unwrap();
    std::fs::write(&key, "a secret of sixteen bytes").unwrap();
    let transforms =
        ["--transform-config", file.to_str().unwrap(), "--transform-key-file", key.to_str().unwrap()];
    expect(runner(&alone, &input.file).args(transforms).run(LIMIT), 0, &[]);
    assert_eq!(snapshot(&redis), snapshot(&alone));
    assert!(!redis.cli(&["ZRANGE", pg_bootstrap_tests::zset::KEY, "0", "-1"]).contains(CELL));
}

/// A row cannot be transformed: everything that anybody tells of it says where, and not what.
#[test]
fn a_failed_transform_tells_no_original() {
    let (namespace, redis) = (Namespace::new("secret"), RedisServer::start());
    let mut operator = Operator::with(&namespace, &["--log-format", "json"], &[]);
    let kubelet = Kubelet::start(&namespace);
    let _input = provide(&kubelet, &dump(500));
    let config = "tables: {public.items: {name: {type: Json, paths: {$.a: Redact}}}}\n";
    namespace.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "transforms"}, "data": {"transforms.yml": config}}));
    let transform =
        json!({"configMapRef": {"name": "transforms", "key": "transforms.yml"}, "insecureUnkeyed": true});
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &json!({"transform": transform})));
    let failed = namespace.until("shop", "Failed", |object| object["status"]["phase"] == "Failed");
    assert!(
        failed["status"]["run"]["error"].as_str().unwrap().contains("row 1 of public.items, column name")
    );
    let metrics = operator.ask("/metrics");
    assert!(metrics.contains("pg_bootstrap"), "{metrics}");
    let lists = ["Pod", "Job", "Event", "Lease"].map(|kind| namespace.list(kind, ""));
    assert!(lists[..3].iter().all(|list| !list.is_empty()), "{lists:?}");
    operator.stop();
    for (what, text) in [
        ("the object", failed.to_string()),
        ("what the operator made", json!(lists).to_string()),
        ("its log", operator.log()),
        ("its metrics", metrics),
        ("the runner's log", kubelet.log("shop")),
        ("Redis", String::from_utf8(all_of(&redis)).unwrap()),
    ] {
        assert!(!text.is_empty(), "{what}");
        expect_hidden(what, text.as_bytes(), CELL);
    }
}

#[test]
fn a_held_run_goes_on_from_its_checkpoint() {
    let (namespace, redis) = (Namespace::new("held"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(2000);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&slow("shop", &redis, 300));
    reaches(&namespace, &redis, "shop", 200);
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    assert_eq!(kubelet.running("shop"), 0);
    let held = reached(&namespace, &redis, "shop");
    assert!((200..changes(2000)).contains(&held), "{held}");
    edit(&namespace, "shop", &json!({"suspend": false, "maxRate": 5000}));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!((kubelet.starts("shop"), kubelet.most_at_once("shop")), (2, 1));
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
    assert_eq!(done["status"]["run"]["progress"]["changes"], changes(2000));
    let log = kubelet.log("shop");
    let resumed =
        log.lines().find(|line| line.contains("continuing from the checkpoint")).expect("a word of it");
    let resumed: Value = serde_json::from_str(resumed).unwrap();
    assert_eq!(resumed["next"], held, "{log}");
}

#[test]
fn another_run_begins_at_the_checkpoint_or_at_the_start() {
    let (namespace, redis) = (Namespace::new("runs"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(1500);
    let input = provide(&kubelet, &bytes);
    namespace.create(&with(slow("shop", &redis, 300), &json!({"backoffLimit": 0})));
    reaches(&namespace, &redis, "shop", 150);
    assert_eq!(kubelet.kill("shop"), 1);
    let failed = namespace.expect("shop", "Failed", "BackoffLimitExceeded");
    assert_eq!(failed["status"]["lastError"]["exitCode"], 137);
    let left = reached(&namespace, &redis, "shop");
    assert!((150..changes(1500)).contains(&left), "{left}");
    // From the checkpoint.
    edit(&namespace, "shop", &json!({"run": {"id": "2"}, "maxRate": 5000}));
    let done = namespace.until("shop", "done", |object| {
        object["status"]["runId"] == "2" && object["status"]["phase"] == "Succeeded"
    });
    assert_eq!((&done["status"]["attempts"], &done["status"]["lastError"]), (&json!(1), &Value::Null));
    let whole = undisturbed(&bytes);
    assert_eq!(snapshot(&redis), whole);
    // Another dump is none to go on with. From the start, what the earlier ones left goes.
    let remade = dump(700);
    std::fs::write(input.path("shop.sql"), &remade).unwrap();
    edit(&namespace, "shop", &json!({"run": {"id": "3"}}));
    namespace.expect("shop", "Failed", "CheckpointMismatch");
    assert_eq!(snapshot(&redis), whole);
    edit(&namespace, "shop", &json!({"run": {"id": "4", "from": "Start"}}));
    namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(snapshot(&redis), undisturbed(&remade));
    assert_eq!((kubelet.starts("shop"), kubelet.most_at_once("shop")), (4, 1));
    let jobs: Vec<_> = namespace.list("Job", "").iter().map(|job| job["metadata"]["name"].clone()).collect();
    assert_eq!(jobs, ["shop-4"]);
}

#[test]
fn drained_and_killed_runners_are_followed_by_others() {
    let (namespace, redis) = (Namespace::new("drained"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(3000);
    let _input = provide(&kubelet, &bytes);
    // One failure is allowed: it is the kill, for neither the drain nor the deletion of a Job counts.
    namespace.create(&with(slow("shop", &redis, 400), &json!({"backoffLimit": 1})));
    reaches(&namespace, &redis, "shop", 200);
    namespace.pod("shop").evict().unwrap();
    wait("a second pod", || kubelet.starts("shop") == 2);
    reaches(&namespace, &redis, "shop", 400);
    namespace.delete("Job", "shop-1");
    wait("a third pod", || kubelet.starts("shop") == 3);
    reaches(&namespace, &redis, "shop", 600);
    kubelet.kill("shop");
    namespace.expect_event("shop", "PodFailed");
    namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!((kubelet.starts("shop"), kubelet.most_at_once("shop")), (4, 1));
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
    assert_eq!(job(&namespace, "shop", "1").unwrap()["status"]["failed"], 1);
}

#[test]
fn what_is_missing_is_named_and_picked_up_when_it_appears() {
    let redis = RedisServer::start_with(RedisOptions {
        tls: true,
        password: Some(SECRET.to_owned()),
        ..RedisOptions::default()
    });
    let namespace = Namespace::new("missing");
    let operator =
        Operator::with(&namespace, &["--leader-election=false"], &[("RUST_LOG", "info,operator=trace")]);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(300);
    let mut object = replica_bootstrap("shop", "");
    object["spec"]["redis"] = json!({
        "urlSecretRef": {"name": "redis", "key": "url"},
        "caBundle": {"configMapRef": {"name": "authority", "key": "pem"}},
    });
    object["spec"]["runner"] =
        json!({"env": [{"name": "TEAM", "valueFrom": {"configMapKeyRef": {"name": "team", "key": "name"}}}]});
    namespace.create(&object);
    let told = |reason: &str, name: &str| {
        let waiting = namespace.expect("shop", "Pending", reason);
        let words = format!("\"{name}\" not found");
        namespace.until("shop", &words, |object| {
            object["status"]["conditions"][0]["message"].as_str().unwrap().contains(&words)
        });
        waiting
    };
    told("VolumeMissing", "dumps");
    let _input = provide(&kubelet, &bytes);
    told("ConfigMissing", "authority");
    let pem = std::fs::read_to_string(&redis.certificates().unwrap().ca).unwrap();
    namespace.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": {"pem": pem}}));
    told("ConfigMissing", "redis");
    namespace.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "stringData": {"other": "x"}}));
    namespace.until("shop", "without the key", |object| {
        object["status"]["conditions"][0]["message"].as_str().unwrap().contains("couldn't find key url")
    });
    namespace.patch("Secret", "redis", &json!({"stringData": {"url": redis.tls_url()}}));
    told("ConfigMissing", "team");
    namespace.create(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "team"}, "data": {"name": "a"}}));
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
    // The password is in the Secret and in the runner's environment, and nowhere else; nor is any value of a row.
    let things =
        ["Job", "Pod", "Event", "Role", "ConfigMap"].map(|kind| json!(namespace.list(kind, "")).to_string());
    for text in things.into_iter().chain([operator.log(), kubelet.log("shop"), done.to_string()]) {
        assert!(!text.contains(SECRET) && !text.contains(CELL), "{text}");
    }
    for line in operator.log().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string()), "{line}");
    }
}

#[test]
fn two_objects_of_one_set_run_one_after_the_other() {
    let (namespace, redis) = (Namespace::new("one-set"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(400);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&slow("a", &redis, 200));
    wait("the first runs", || kubelet.running("a") == 1);
    let beside = json!({"sequence": {"besideOtherRuns": true}});
    namespace.create(&with(slow("b", &redis, 2000), &beside));
    let queued = namespace.expect("b", "Queued", "Queued");
    assert!(queued["status"]["conditions"][0]["message"].as_str().unwrap().contains("same set"), "{queued}");
    wait("the second starts", || {
        assert!(kubelet.running("a") + kubelet.running("b") <= 1, "both run");
        kubelet.starts("b") == 1
    });
    for name in ["a", "b"] {
        namespace.expect(name, "Succeeded", "Succeeded");
    }
    assert_eq!(snapshot(&redis).count, 2 * changes(400));
    // One that does not say so has no Job.
    namespace.create(&slow("c", &redis, 2000));
    let refused = namespace.expect("c", "Pending", "RangeDoesNotFit");
    let message = refused["status"]["conditions"][0]["message"].as_str().unwrap();
    for text in
        [".c cannot begin beside", ".a (complete, sequences 1 to 402)", ".b (complete", "besideOtherRuns"]
    {
        assert!(message.contains(text), "no {text} in {message}");
    }
    assert!(namespace.list("Job", "").iter().all(|job| job["metadata"]["name"] != "c-1"));
    edit(&namespace, "c", &beside);
    namespace.expect("c", "Succeeded", "Succeeded");
    assert_eq!(snapshot(&redis).count, 3 * changes(400));
}
