//! Objects that take their runs in Redis with them, and the list of earlier runs.

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, Operator, Pod, replica_bootstrap};
use pg_bootstrap_tests::servers::{RedisServer, wait_until};
use serde_json::{Value, json};

use super::{alone, at_once, edit, job, provide, slow, wait, with};
use crate::harness::{Input, LIMIT, changes, dump, expect, runner};

const KEY: &str = pg_bootstrap_tests::zset::KEY;

fn purged(object: Value) -> Value {
    with(object, &json!({"purgeOnDelete": true}))
}

/// What is in Redis: the runs, and how many entries the set has.
fn left(redis: &RedisServer) -> (String, String) {
    let registered = redis.cli(&["HGETALL", &format!("{{{KEY}}}:bootstrap:ranges")]);
    // A number that stays when the last run goes.
    let runs = registered.lines().filter(|line| line.starts_with('{')).count();
    let keys: Vec<_> = redis.cli(&["KEYS", "*"]).lines().map(str::to_owned).collect();
    let own = keys.iter().filter(|key| key.contains(":run:")).count();
    (format!("{runs} registered, {own} with a key"), redis.cli(&["ZCARD", KEY]).trim().to_owned())
}

#[track_caller]
fn is_gone(namespace: &Namespace, name: &str) {
    let gone = wait_until(LIMIT, || namespace.try_get("ReplicaBootstrap", name).is_none());
    assert!(gone, "{name} stays: {}", namespace.told(name));
}

/// The Job that purges, and its pod.
fn purge<'a>(namespace: &'a Namespace, name: &str) -> (Value, Pod<'a>) {
    let pod = namespace.pod(name);
    let job = pod.get().unwrap()["metadata"]["ownerReferences"][0]["name"].as_str().unwrap().to_owned();
    assert!(job.contains("-purge-"), "{job}");
    (namespace.get("Job", &job), pod)
}

/// With the garbage collector at work in all its ways. Other runs and live changes stay.
#[test]
fn an_object_takes_its_runs_with_it() {
    let namespace = Namespace::new("purge");
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(300);
    let _input = provide(&kubelet, &bytes);
    at_once(&["Background", "Foreground", "Orphan"], |how| {
        let (name, redis) = (how.to_lowercase(), RedisServer::start());
        let input = Input::of(&dump(20));
        expect(runner(&redis, &input.file).args(["--run-id", "other"]).run(LIMIT), 0, &[]);
        let before = left(&redis);
        let beside = json!({"sequence": {"besideOtherRuns": true}});
        namespace.create(&purged(with(replica_bootstrap(&name, &redis.url()), &beside)));
        namespace.expect(&name, "Succeeded", "Succeeded");
        assert_eq!(left(&redis).1, (changes(300) + changes(20)).to_string());
        namespace.delete_with("ReplicaBootstrap", &name, &json!({ "propagationPolicy": how }));
        is_gone(&namespace, &name);
        assert_eq!(left(&redis), before);
    });
}

#[test]
fn a_run_is_stopped_before_it_is_purged() {
    let (namespace, redis) = (Namespace::new("purge-running"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(2000);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&purged(slow("shop", &redis, 200)));
    wait("entries come", || !["0", "1"].contains(&left(&redis).1.as_str()));
    namespace.delete("ReplicaBootstrap", "shop");
    is_gone(&namespace, "shop");
    assert_eq!(left(&redis), ("0 registered, 0 with a key".to_owned(), "0".to_owned()));
    assert_eq!(kubelet.most_at_once("shop"), 1);
    // What never ran has nothing in Redis, and goes as well.
    namespace.create(&purged(with(replica_bootstrap("shop", &redis.url()), &json!({"suspend": true}))));
    namespace.expect("shop", "Suspended", "Suspended");
    namespace.delete("ReplicaBootstrap", "shop");
    is_gone(&namespace, "shop");
    assert_eq!(left(&redis), ("0 registered, 0 with a key".to_owned(), "0".to_owned()));
}

/// Each of these lets go of an object whose purge does not get anywhere.
#[test]
fn a_purge_keeps_no_object_for_ever() {
    let namespace = Namespace::new("purge-stuck");
    let _operator = Operator::start(&namespace);
    at_once(&["changed", "failed", "by-hand"], |&name| {
        namespace.create(&purged(alone(name)));
        namespace.pod(name).run().end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
        namespace.delete("ReplicaBootstrap", name);
        let (job, pod) = purge(&namespace, name);
        pod.run();
        let told = namespace.until(name, "the purge is told of", |object| {
            let ready = &object["status"]["conditions"][0];
            ready["reason"] == "Purging"
                && ready["message"].as_str().unwrap_or_default().contains("deletes its runs in Redis")
        });
        // The end of the run stays in the status.
        assert!(told["status"]["completionTime"].is_string(), "{told}");
        match name {
            "changed" => edit(&namespace, name, &json!({"purgeOnDelete": false})),
            "failed" => {
                pod.end(2);
            }
            _ => {
                namespace.patch("ReplicaBootstrap", name, &json!({"metadata": {"finalizers": null}}));
            }
        }
        is_gone(&namespace, name);
        if name == "failed" {
            wait("it is said", || namespace.events(name).iter().any(|reason| reason == "PurgeFailed"));
        }
        if name == "by-hand" {
            // The next one of this name waits for the purge that goes on.
            namespace.create(&alone(name));
            let waits = namespace.expect(name, "Pending", "Replacing");
            let message = waits["status"]["conditions"][0]["message"].as_str().unwrap();
            assert!(message.contains(job["metadata"]["name"].as_str().unwrap()), "{message}");
            pod.end(0);
            namespace.pod(name).run().end(0);
            namespace.expect(name, "Succeeded", "Succeeded");
        }
    });
}

/// The finalizer follows the field at any time, and others' finalizers stay.
#[test]
fn the_finalizer_follows_the_field() {
    let namespace = Namespace::new("finalizer");
    let _operator = Operator::start(&namespace);
    let mut object = alone("shop");
    object["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    namespace.create(&object);
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
    let finalizers = |wanted: &[&str]| {
        wait("the finalizers change", || namespace.look("shop")["metadata"]["finalizers"] == json!(wanted));
    };
    finalizers(&["example.com/theirs"]);
    edit(&namespace, "shop", &json!({"purgeOnDelete": true}));
    finalizers(&["example.com/theirs", "bootstrap.kasho.io/purge"]);
    edit(&namespace, "shop", &json!({"purgeOnDelete": false}));
    finalizers(&["example.com/theirs"]);
    namespace.delete("ReplicaBootstrap", "shop");
    namespace.patch("ReplicaBootstrap", "shop", &json!({"metadata": {"finalizers": null}}));
    is_gone(&namespace, "shop");
}

/// A namespace that is being deleted waits for its objects, and nothing can be created in it any more. The operator's
/// rights are elsewhere, as they are if it watches all namespaces.
#[test]
fn a_namespace_is_not_held_up() {
    let namespace = Namespace::new("purge-namespace");
    let _operator = Operator::start(&namespace);
    namespace.create(&purged(alone("shop")));
    let pod = namespace.pod("shop");
    pod.bind().run();
    namespace.expect("shop", "Running", "Running");
    let account = Operator::account();
    let rights = ["Role", "RoleBinding"].iter().flat_map(|kind| {
        namespace
            .list(kind, "")
            .into_iter()
            .map(|one| (*kind, one["metadata"]["name"].as_str().unwrap().to_owned()))
    });
    let kept: Vec<_> = rights
        .filter(|(_, name)| name != "shop-runner")
        .chain([("ServiceAccount", account.to_owned())])
        .collect();
    let keep = |finalizers: Value| {
        for (kind, name) in &kept {
            namespace.patch(kind, name, &json!({"metadata": {"finalizers": finalizers}}));
        }
    };
    keep(json!(["example.com/elsewhere"]));
    let path = format!("/api/v1/namespaces/{}", namespace.name());
    let (status, reply) = namespace.server().call("DELETE", &path, "", "");
    assert!([200, 202].contains(&status), "{reply}");
    // Kubernetes deletes the pods first, and waits for them.
    wait("the pod is told to stop", || {
        pod.get().is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_string())
    });
    pod.end(143).remove();
    is_gone(&namespace, "shop");
    keep(Value::Null);
    wait("the namespace is gone", || namespace.server().call("GET", &path, "", "").0 == 404);
}

#[test]
fn earlier_runs_are_listed() {
    let (namespace, redis) = (Namespace::new("history"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(300);
    let input = provide(&kubelet, &bytes);
    namespace.create(&with(replica_bootstrap("shop", &redis.url()), &json!({"historyLimit": 2})));
    let first = namespace.expect("shop", "Succeeded", "Succeeded");
    assert!(first["status"]["history"].is_null(), "{first}");
    std::fs::write(input.path("shop.sql"), b"\\connect nowhere\nCOPY").unwrap();
    edit(&namespace, "shop", &json!({"run": {"id": "2", "from": "Start"}}));
    let second = namespace.expect("shop", "Failed", "DumpBroken");
    let past = &second["status"]["history"];
    let run = &first["status"]["run"];
    let wanted = json!([{
        "id": "1", "phase": "Succeeded", "reason": "Succeeded", "dump": run["dump"], "rows": 300,
        "bytes": bytes.len(), "range": run["range"], "startTime": first["status"]["startTime"],
        "completionTime": first["status"]["completionTime"],
    }]);
    assert_eq!(*past, wanted);
    assert!(run["dump"].as_str().unwrap().starts_with(&format!("file of {} bytes", bytes.len())), "{run}");
    std::fs::write(input.path("shop.sql"), &bytes).unwrap();
    for id in ["3", "4"] {
        edit(&namespace, "shop", &json!({"run": {"id": id, "from": "Start"}}));
        wait("the run ends", || {
            let status = namespace.look("shop")["status"].clone();
            status["runId"] == id && status["phase"] == "Succeeded"
        });
    }
    let last = namespace.expect("shop", "Succeeded", "Succeeded");
    let said = |field: &str| -> Vec<String> {
        let all = last["status"]["history"].as_array().unwrap();
        all.iter().map(|run| run[field].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(
        (said("id"), said("reason")),
        (vec!["3".into(), "2".into()], vec!["Succeeded".into(), "DumpBroken".into()])
    );
    edit(
        &namespace,
        "shop",
        &json!({"historyLimit": 0, "suspend": true, "run": {"id": "5", "from": "Start"}}),
    );
    let none = namespace.expect("shop", "Suspended", "Suspended");
    assert!(none["status"]["history"].is_null() && job(&namespace, "shop", "5").is_none(), "{none}");
}

/// The watches of an operator with `--exclude-namespaces` ask so for everything that they watch.
#[test]
fn namespaces_can_be_left_out_of_a_list() {
    let (namespace, other) = (Namespace::new("left-out"), Namespace::new("left-in"));
    let _operators = [Operator::start(&namespace), Operator::start(&other)];
    for place in [&namespace, &other] {
        place.create(&alone("shop"));
        place.pod("shop").warn("FailedMount", "a volume").run();
        place.expect("shop", "Running", "Running");
    }
    let paths = [
        "/apis/bootstrap.kasho.io/v1alpha1/replicabootstraps?",
        "/apis/batch/v1/jobs?",
        "/api/v1/pods?",
        "/api/v1/events?fieldSelector=involvedObject.kind%3DPod,type%3DWarning,",
    ];
    for path in paths {
        let given = path.contains("fieldSelector=");
        let begin = if given { "" } else { "fieldSelector=" };
        let selector = format!("{path}{begin}metadata.namespace!%3D{}", namespace.name());
        let (status, reply) = namespace.server().call("GET", &selector, "", "");
        assert_eq!(status, 200, "{reply}");
        let all: Value = serde_json::from_str(&reply).unwrap();
        let items = all["items"].as_array().unwrap();
        let of = |name: &str| items.iter().filter(|item| item["metadata"]["namespace"] == name).count();
        assert_eq!((of(namespace.name()), of(other.name()) > 0), (0, true), "{path}");
    }
}
