//! The states of a pod, and their reports in the status.

use pg_bootstrap_tests::cluster::{Namespace, Operator, Pod};
use serde_json::{Value, json};

use super::{alone, at_once, job, wait, with};

const CODES: &str = include_str!("../../../docs/exit-codes.md");

/// The codes of docs/exit-codes.md that say that something went wrong, and the word of each.
fn codes() -> Vec<(i32, &'static str)> {
    // Codes 14 and 16 are of a database that is filled, and no run of the operator does that.
    let others = |line: &&str| !["| Reserved: ", "| 14 ", "| 16 "].iter().any(|code| line.contains(code));
    let given = CODES.lines().filter(others);
    let documented: Vec<i32> =
        given.filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    let word = |code: i32| match code {
        2 => "UsageError",
        3 => "DumpBroken",
        4 => "RangeDoesNotFit",
        5 => "CheckpointMismatch",
        6 => "TooManyRejectedRows",
        7 => "RedisRefused",
        8 => "VerificationFailed",
        9 => "LocalFileFailed",
        10 => "SourceAway",
        11 => "RedisAway",
        12 => "RedisFull",
        13 => "ChangeStreamAway",
        101 => "InternalError",
        130 | 141 | 143 => "Killed",
        other => panic!("no word for {other}"),
    };
    let all: Vec<_> =
        documented.into_iter().filter(|code| *code != 0).map(|code| (code, word(code))).collect();
    assert_eq!(all.len(), 16);
    all
}

fn last_error(object: &Value) -> (Option<&str>, Option<i64>) {
    let error = &object["status"]["lastError"];
    (error["reason"].as_str(), error["exitCode"].as_i64())
}

#[test]
fn every_exit_code_ends_a_run_in_its_own_words() {
    let namespace = Namespace::new("codes");
    let _operator = Operator::start(&namespace);
    at_once(&codes(), |&(code, word)| {
        let (name, fatal) = (format!("code-{code}"), code < 10);
        // A fatal code ends the run though more attempts are allowed; any other does where none is.
        let limit = if fatal { 6 } else { 0 };
        namespace.create(&with(alone(&name), &json!({ "backoffLimit": limit })));
        let log = format!("{{\"level\":\"ERROR\",\"message\":\"words of {code}\"}}\n");
        let pod = namespace.pod(&name);
        pod.run().end_with(code, "Error", &log);
        let failed = namespace.expect(&name, "Failed", if fatal { word } else { "BackoffLimitExceeded" });
        assert_eq!(last_error(&failed), (Some(word), Some(code.into())), "{failed}");
        assert_eq!(failed["status"]["lastError"]["pod"], pod.name());
        let message = failed["status"]["conditions"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("words of {code}")) && message.contains("run.id"), "{message}");
        assert_eq!((namespace.pods(&name).len(), &failed["status"]["attempts"]), (1, &json!(1)), "{failed}");
        assert!(failed["status"]["completionTime"].is_string());
        namespace.expect_event(&name, "PodFailed");
    });
}

#[test]
fn a_pod_that_fails_for_now_is_followed_by_another() {
    let namespace = Namespace::new("retry");
    let _operator = Operator::start(&namespace);
    // The Job controller waits 10 s before the second pod: both objects wait at once.
    at_once(&["mends", "does-not"], |&name| {
        namespace.create(&with(alone(name), &json!({"backoffLimit": 1})));
        let first = namespace.pod(name);
        first.run().end(11);
        let retrying = namespace.expect(name, "Pending", "Retrying");
        assert_eq!(last_error(&retrying), (Some("RedisAway"), Some(11)));
        let second = namespace.pod(name);
        assert_ne!(second.name(), first.name());
        if name == "mends" {
            second.run();
            namespace.expect(name, "Running", "Running");
            second.end(0);
            namespace.expect(name, "Succeeded", "Succeeded");
        } else {
            second.end_with(137, "OOMKilled", "");
            let failed = namespace.expect(name, "Failed", "BackoffLimitExceeded");
            assert_eq!(last_error(&failed), (Some("OutOfMemory"), Some(137)));
        }
        assert_eq!(namespace.look(name)["status"]["attempts"], 2);
    });
}

/// What a pod waits for: what is done to it, the reason that must be told, and words of the message.
type Wait = (&'static str, for<'a, 'b> fn(&'a Pod<'b>) -> &'a Pod<'b>, &'static str, &'static str);

#[test]
fn a_pod_that_does_not_run_says_why() {
    let namespace = Namespace::new("waiting");
    let _operator = Operator::start(&namespace);
    let table: [Wait; 19] = [
        (
            "pulling",
            |pod| pod.wait("ErrImagePull", "manifest unknown"),
            "ImagePullFailed",
            "manifest unknown",
        ),
        ("backoff", |pod| pod.wait("ImagePullBackOff", "Back-off pulling"), "ImagePullFailed", "Back-off"),
        ("misnamed", |pod| pod.wait("InvalidImageName", "bad name"), "ImagePullFailed", "bad name"),
        ("never", |pod| pod.wait("ErrImageNeverPull", "not present"), "ImagePullFailed", "not present"),
        (
            "secret",
            |pod| pod.wait("CreateContainerConfigError", "secret \"r\" not found"),
            "ConfigMissing",
            "\"r\"",
        ),
        (
            "key",
            |pod| pod.wait("CreateContainerConfigError", "couldn't find key k in Secret"),
            "ConfigMissing",
            "key k",
        ),
        (
            "nodes",
            |pod| pod.refuse_nodes("0/1 nodes are available: 1 Insufficient cpu."),
            "Unschedulable",
            "Insufficient",
        ),
        (
            "claim",
            |pod| pod.refuse_nodes("persistentvolumeclaim \"dumps\" not found"),
            "VolumeMissing",
            "\"dumps\"",
        ),
        (
            "unbound",
            |pod| pod.refuse_nodes("pod has unbound immediate PersistentVolumeClaims"),
            "VolumeMissing",
            "unbound",
        ),
        (
            "map",
            |pod| pod.fail_mount("MountVolume.SetUp failed : configmap \"ca\" not found"),
            "ConfigMissing",
            "\"ca\"",
        ),
        (
            "device",
            |pod| pod.fail_mount("MountVolume.MountDevice failed for volume \"pv\""),
            "VolumeMissing",
            "\"pv\"",
        ),
        (
            "attach",
            |pod| pod.warn("FailedAttachVolume", "Multi-Attach error for volume \"pv\""),
            "VolumeMissing",
            "still attached to another node",
        ),
        (
            "sandbox",
            |pod| pod.warn("FailedCreatePodSandBox", "plugin type=\"calico\" failed (add)"),
            "SandboxFailed",
            "calico",
        ),
        ("network", |pod| pod.warn("NetworkNotReady", "network is not ready"), "SandboxFailed", "not ready"),
        (
            "new",
            |pod| pod.warn("SomethingNew", "no such thing"),
            "PodStarting",
            "SomethingNew: no such thing",
        ),
        (
            "entrypoint",
            |pod| pod.wait("CreateContainerError", "no command specified"),
            "ContainerStartFailed",
            "spec.runner.image",
        ),
        (
            "platform",
            |pod| pod.wait("ErrImagePull", "no match for platform in manifest"),
            "ImagePullFailed",
            "architecture",
        ),
        (
            "gate",
            |pod| pod.condition("PodScheduled", "False", "SchedulingGated", "it is gated"),
            "Unschedulable",
            "it is gated",
        ),
        (
            "mesh",
            |pod| {
                pod.init("mesh", &json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}))
            },
            "ContainerStartFailed",
            "the init container mesh waits",
        ),
    ];
    at_once(&table, |&(name, happens, reason, words)| {
        namespace.create(&alone(name));
        let pod = namespace.pod(name);
        happens(&pod);
        namespace.until(name, words, |object| {
            let message = object["status"]["conditions"][0]["message"].as_str();
            message.is_some_and(|message| message.contains(words))
        });
        namespace.expect(name, "Pending", reason);
        // It is picked up by itself.
        pod.init("mesh", &json!({"terminated": {"exitCode": 0}}));
        pod.condition("PodScheduled", "True", "", "").run();
        namespace.expect(name, "Running", "Running");
        pod.end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    });
}

#[test]
fn evictions_and_deleted_pods_do_not_spend_the_limit() {
    let namespace = Namespace::new("drain");
    let _operator = Operator::start(&namespace);
    at_once(&["evicted", "preempted"], |&name| {
        // No failure is allowed at all.
        namespace.create(&with(alone(name), &json!({"backoffLimit": 0})));
        for _ in 0..2 {
            let pod = namespace.pod(name);
            pod.bind().run();
            namespace.expect(name, "Running", "Running");
            if name == "evicted" {
                pod.evict().unwrap();
                namespace.expect(name, "Running", "Retrying");
                // Nobody else runs before this one is gone.
                assert_eq!(namespace.pods(name).len(), 1);
                pod.end(143).remove();
            } else {
                let ended = json!({"name": "runner", "ready": false, "restartCount": 0, "image": "r", "imageID": "", "state": {"terminated": {"exitCode": 137}}});
                pod.say(&json!({"phase": "Failed", "containerStatuses": [ended], "conditions": [
                    {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "preempting to accommodate a higher priority pod"}]}));
            }
            let next = namespace.pod(name);
            assert_ne!(next.name(), pod.name());
        }
        namespace.pod(name).run().end(0);
        let done = namespace.expect(name, "Succeeded", "Succeeded");
        assert_eq!(job(&namespace, name, "1").unwrap()["status"]["failed"], Value::Null, "{done}");
    });
    let message = namespace.look("preempted")["status"]["lastError"].clone();
    assert!(
        message["message"].as_str().unwrap().contains("preempting") && message["reason"] == "Killed",
        "{message}"
    );
}

#[test]
fn a_node_that_kills_the_pod_is_told() {
    let namespace = Namespace::new("node");
    let _operator = Operator::start(&namespace);
    namespace.create(&with(alone("shop"), &json!({"backoffLimit": 0})));
    namespace.pod("shop").say(
        &json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory"}),
    );
    let failed = namespace.expect("shop", "Failed", "BackoffLimitExceeded");
    assert!(
        failed["status"]["lastError"]["message"].as_str().unwrap().contains("low on resource"),
        "{failed}"
    );
}

#[test]
fn a_run_ends_at_its_deadline() {
    let namespace = Namespace::new("deadline");
    let _operator = Operator::start(&namespace);
    namespace.create(&with(alone("shop"), &json!({"activeDeadlineSeconds": 3})));
    let pod = namespace.pod("shop");
    pod.bind().run();
    // The runner is stopped first: a run has not ended while its pod writes.
    wait("the pod is stopped", || {
        pod.get().is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_string())
    });
    assert_ne!(namespace.look("shop")["status"]["phase"], "Failed");
    pod.end(143).remove();
    namespace.expect("shop", "Failed", "DeadlineExceeded");
}

/// The node controller marks the pod, deletes it after five minutes, and nobody can end it.
#[test]
fn a_lost_node_is_told_with_the_way_out() {
    let namespace = Namespace::new("lost");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    let pod = namespace.pod("shop");
    pod.bind().run();
    pod.condition("Ready", "True", "", "");
    namespace.expect("shop", "Running", "Running");
    pod.condition("Ready", "False", "", "");
    let lost = namespace.expect("shop", "Running", "NodeLost");
    let message = lost["status"]["conditions"][0]["message"].as_str().unwrap();
    let node = pod.get().unwrap()["spec"]["nodeName"].as_str().unwrap().to_owned();
    assert!(
        message.contains(&format!("kubectl delete node {node}")) && message.contains("out-of-service"),
        "{message}"
    );
    // It was away for a moment only.
    pod.condition("Ready", "True", "", "");
    namespace.expect("shop", "Running", "Running");
    pod.condition("Ready", "False", "", "").delete();
    namespace.expect("shop", "Running", "NodeLost");
    assert_eq!(namespace.pods("shop").len(), 1);
    // What the garbage collector of pods does when the node is deleted, or marked as out of service.
    pod.say(&json!({"phase": "Failed", "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"}]}));
    pod.remove();
    namespace.pod("shop").run().end(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(done["status"]["lastError"]["reason"], "NodeLost", "{done}");
}

/// The container of a service mesh goes on when the runner has ended.
#[test]
fn who_keeps_a_pod_alive_is_told() {
    let namespace = Namespace::new("beside");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    let state = |name: &str, state: Value| json!({"name": name, "ready": false, "restartCount": 0, "image": "i", "imageID": "", "state": state});
    let mesh = state("mesh", json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
    let ended = state("runner", json!({"terminated": {"exitCode": 0}}));
    namespace.pod("shop").say(&json!({"phase": "Running", "containerStatuses": [ended, mesh]}));
    namespace.until("shop", "waiting for the other container", |object| {
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains("has ended with exit code 0") && message.contains("have ended: mesh")
    });
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}

#[test]
fn an_image_of_something_else_is_told() {
    let namespace = Namespace::new("image");
    let _operator = Operator::start(&namespace);
    namespace.create(&with(alone("shop"), &json!({"backoffLimit": 0})));
    let words = "exec: \"pg-bootstrap-sync\": executable file not found in $PATH";
    namespace.pod("shop").end_with(128, "StartError", words);
    let failed = namespace.expect("shop", "Failed", "BackoffLimitExceeded");
    assert_eq!(last_error(&failed), (Some("ContainerStartFailed"), Some(128)));
    let message = failed["status"]["lastError"]["message"].as_str().unwrap();
    assert!(message.contains("spec.runner.image") && message.contains(words), "{message}");
}
