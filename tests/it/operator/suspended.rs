//! Others who suspend and resume the Jobs of runs. Kueue does both, with every Job of its queues; here it is acted by
//! what it does to the API server: a webhook that suspends new Jobs, and changes of `spec.suspend`.

use pg_bootstrap_tests::cluster::{Namespace, Operator, replica_bootstrap};
use pg_bootstrap_tests::servers::Webhook;
use serde_json::{Value, json};

use super::{alone, edit, job, wait, with};

const QUEUE: &str = "kueue.x-k8s.io/queue-name";

/// A webhook that suspends new Jobs that have a queue.
fn queueing(namespace: &Namespace) -> Webhook {
    let webhook = Webhook::patching(&json!([{"op": "replace", "path": "/spec/suspend", "value": true}]));
    namespace.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": namespace.name()},
        "webhooks": [{
            "name": "queue.webhook.test", "clientConfig": webhook.client_config(),
            "rules": [{"operations": ["CREATE"], "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}},
            "objectSelector": {"matchExpressions": [{"key": QUEUE, "operator": "Exists"}]},
            "sideEffects": "None", "admissionReviewVersions": ["v1"],
        }],
    }));
    let probe = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "probe", "labels": {QUEUE: "dumps"}},
        "spec": {"suspend": false, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
    });
    let path = format!("{}?dryRun=All", namespace.path("Job", ""));
    wait("new Jobs are suspended", || {
        let made = namespace.server().call("POST", &path, "application/json", &probe.to_string()).1;
        serde_json::from_str::<Value>(&made).is_ok_and(|made| made["spec"]["suspend"] == true)
    });
    webhook
}

/// Somebody with this name suspends or resumes a Job. Whether it could be done: a Job that has ended stays as it is.
pub(super) fn set_suspend(namespace: &Namespace, who: &str, job: &str, suspend: bool) -> bool {
    let path = format!("{}?fieldManager={who}", namespace.path("Job", job));
    let patch = json!({"spec": {"suspend": suspend}}).to_string();
    namespace.server().call("PATCH", &path, "application/merge-patch+json", &patch).0 == 200
}

/// The same with a Job that has not ended.
fn set(namespace: &Namespace, who: &str, job: &str, suspend: bool) {
    assert!(set_suspend(namespace, who, job, suspend), "{job} cannot be changed");
}

/// The object waits for somebody else, and the message has these words.
#[track_caller]
fn expect_held(namespace: &Namespace, name: &str, words: &[&str]) {
    namespace.expect(name, "Pending", "JobSuspended");
    namespace.until(name, &format!("held: {words:?}"), |object| {
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        words.iter().all(|word| message.contains(word))
    });
    let job = job(namespace, name, "1").unwrap();
    assert_eq!((&job["spec"]["suspend"], &job["status"]["active"]), (&json!(true), &Value::Null), "{job}");
}

#[test]
fn a_run_waits_in_a_queue_of_kueues() {
    let namespace = Namespace::new("kueue");
    let _webhook = queueing(&namespace);
    let mut operator = Operator::start(&namespace);
    let queued = json!({"runner": {"jobLabels": {QUEUE: "dumps"}, "jobAnnotations": {"team": "a"}}});
    namespace.create(&with(replica_bootstrap("shop", "redis://one.test:6379"), &queued));
    expect_held(
        &namespace,
        "shop",
        &["a webhook of the cluster", "shop-1", "kueue.x-k8s.io/queue-name: dumps"],
    );
    assert_eq!(job(&namespace, "shop", "1").unwrap()["metadata"]["annotations"]["team"], "a");
    // It may begin at any moment, so it has the set.
    namespace.create(&replica_bootstrap("next", "redis://one.test:6379"));
    namespace.expect("next", "Queued", "Queued");
    // Whatever wakes the operator, the Job stays suspended.
    operator.stop();
    operator.start_again();
    edit(&namespace, "shop", &json!({"ttlSecondsAfterFinished": 9000}));
    expect_held(&namespace, "shop", &["queue-name: dumps"]);
    // It is admitted, preempted, and admitted again.
    set(&namespace, "kueue", "shop-1", false);
    let first = namespace.pod("shop");
    first.bind().run();
    namespace.expect("shop", "Running", "Running");
    set(&namespace, "kueue", "shop-1", true);
    namespace.expect("shop", "Running", "JobSuspended");
    wait("the pod is stopped", || first.get().unwrap()["metadata"]["deletionTimestamp"].is_string());
    first.end(143).remove();
    expect_held(&namespace, "shop", &["kueue has suspended the Job shop-1"]);
    set(&namespace, "kueue", "shop-1", false);
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
    assert!(!namespace.events("shop").iter().any(|reason| reason == "Resumed"));
    namespace.pod("next").run().end(0);
    namespace.expect("next", "Succeeded", "Succeeded");
}

/// Kueue adds the labels of a flavour's nodes to a Job that it lets in, and admission adds to pods what it likes. That is
/// no change of the spec, and nothing is replaced for it.
#[test]
fn what_others_add_to_a_job_and_its_pod_stays() {
    let namespace = Namespace::new("flavour");
    let _webhook = queueing(&namespace);
    let mut operator = Operator::start(&namespace);
    namespace.create(&with(alone("shop"), &json!({"runner": {"jobLabels": {QUEUE: "dumps"}}})));
    expect_held(&namespace, "shop", &["queue-name: dumps"]);
    let uid = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    let flavour = json!({"template": {"spec": {"nodeSelector": {"pool": "dumps"}}}});
    namespace.patch("Job", "shop-1", &json!({ "spec": flavour }));
    set(&namespace, "kueue", "shop-1", false);
    let pod = namespace.pod("shop");
    assert_eq!(pod.get().unwrap()["spec"]["nodeSelector"], json!({"pool": "dumps"}));
    namespace.patch("Pod", pod.name(), &json!({"metadata": {"labels": {"added": "by-admission"}}}));
    pod.bind().run();
    operator.stop();
    operator.start_again();
    let running = namespace.expect("shop", "Running", "Running");
    let message = running["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(!message.contains("the spec has changed"), "{message}");
    pod.end(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!((&done["status"]["job"]["uid"], &done["status"]["attempts"]), (&uid, &json!(1)));
}

/// The object and somebody else hold the same Job. Each of them resumes only what it holds itself.
#[test]
fn two_hold_one_job() {
    let namespace = Namespace::new("two-hold");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    set(&namespace, "kubectl-patch", "shop-1", true);
    expect_held(&namespace, "shop", &["kubectl-patch has suspended the Job shop-1"]);
    edit(&namespace, "shop", &json!({"suspend": true}));
    let held = namespace.expect("shop", "Suspended", "Suspended");
    let message = held["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("kubectl-patch has suspended the Job shop-1"), "{message}");
    // What holds nobody else up: the object wants no place now.
    namespace.create(&replica_bootstrap("next", "redis://shop.test:6379"));
    namespace.pod("next").run().end(0);
    namespace.expect("next", "Succeeded", "Succeeded");
    namespace.delete("ReplicaBootstrap", "next");
    edit(&namespace, "shop", &json!({"suspend": false}));
    expect_held(&namespace, "shop", &["kubectl-patch"]);
    set(&namespace, "kubectl-patch", "shop-1", false);
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    // What the operator has suspended, it resumes.
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    edit(&namespace, "shop", &json!({"suspend": false}));
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
    namespace.expect_event("shop", "Resumed");
}

/// Kueue resumes a Job that it has admitted, whoever has suspended it. Two controllers that undo each other's work
/// would do so for ever.
#[test]
fn who_resumes_a_suspended_run_does_not_start_it() {
    let namespace = Namespace::new("against");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    let old = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    set(&namespace, "kueue", "shop-1", false);
    wait("the Job is deleted", || job(&namespace, "shop", "1").is_none());
    namespace.expect("shop", "Suspended", "Suspended");
    edit(&namespace, "shop", &json!({"suspend": false}));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    assert_ne!(job(&namespace, "shop", "1").unwrap()["metadata"]["uid"], old);
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}
