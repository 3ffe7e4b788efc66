//! Jobs that others change, or do not allow.

use pg_bootstrap_tests::cluster::{Namespace, Operator};
use serde_json::{Value, json};

use super::{alone, at_once, edit, job, wait, with};

/// A Job that somebody else made.
fn foreign(name: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
    })
}

/// Two of these end by themselves after the pause of a minute, hence together.
#[test]
fn what_belongs_to_somebody_else_is_left_alone() {
    let namespace = Namespace::new("foreign");
    let _operator = Operator::start(&namespace);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "b-runner"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "c-runner"}, "rules": []});
    let things = [("a", "a-1", foreign("a-1")), ("b", "b-runner", account), ("c", "c-runner", role)];
    at_once(&things, |(name, thing, object)| {
        let kind = object["kind"].as_str().unwrap();
        let before = namespace.create(object)["metadata"].clone();
        namespace.create(&alone(name));
        let told = namespace.expect(name, "Pending", "JobConflict");
        let message = told["status"]["conditions"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("{kind} {thing} belongs to nobody")), "{message}");
        // The Job controller writes a status into the Job; nobody changes what it is.
        let after = namespace.get(kind, thing)["metadata"].clone();
        for field in ["uid", "generation", "labels", "ownerReferences", "deletionTimestamp"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        assert!(namespace.pods(name).is_empty());
        namespace.delete(kind, thing);
        if *name == "b" {
            // Another edit does not wait for the next look.
            edit(&namespace, name, &json!({"maxRate": 1}));
        }
        namespace.pod(name).end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    });
}

#[test]
fn two_objects_meet_at_one_name() {
    let namespace = Namespace::new("meet");
    let _operator = Operator::start(&namespace);
    namespace.create(&with(alone("a-b"), &json!({"run": {"id": "c"}})));
    let theirs = namespace.pod("a-b");
    namespace.create(&with(alone("a"), &json!({"run": {"id": "b-c"}})));
    let told = namespace.expect("a", "Pending", "JobConflict");
    let message = told["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("ReplicaBootstrap a-b"), "{message}");
    theirs.run().end(0);
    namespace.expect("a-b", "Succeeded", "Succeeded");
    edit(&namespace, "a", &json!({"run": {"id": "d"}}));
    namespace.pod("a").end(0);
    namespace.expect("a", "Succeeded", "Succeeded");
}

#[test]
fn a_job_is_deleted_by_hand() {
    let namespace = Namespace::new("by-hand");
    let _operator = Operator::start(&namespace);
    at_once(&["Background", "Foreground", "Orphan"], |how| {
        let name = how.to_lowercase();
        namespace.create(&alone(&name));
        let pod = namespace.pod(&name);
        pod.bind().run();
        namespace.expect(&name, "Running", "Running");
        let uid = job(&namespace, &name, "1").unwrap()["metadata"]["uid"].clone();
        namespace.delete_with("Job", &format!("{name}-1"), &json!({ "propagationPolicy": how }));
        // The next runner waits for the end of the one that is there.
        namespace.expect(&name, "Pending", "Replacing");
        assert!(job(&namespace, &name, "1").is_none_or(|job| job["metadata"]["uid"] == uid));
        assert_eq!(namespace.pods(&name).len(), 1);
        pod.end(143);
        if *how != "Orphan" {
            pod.remove();
        }
        let next = namespace.pod(&name);
        assert_ne!(job(&namespace, &name, "1").unwrap()["metadata"]["uid"], uid);
        next.run().end(0);
        namespace.expect(&name, "Succeeded", "Succeeded");
        // What has ended does not run again.
        namespace.delete("Job", &format!("{name}-1"));
        wait("the Job is gone", || job(&namespace, &name, "1").is_none());
        edit(&namespace, &name, &json!({"maxRate": 1}));
        namespace.expect(&name, "Succeeded", "Succeeded");
        assert!(job(&namespace, &name, "1").is_none());
    });
}

#[test]
fn a_job_goes_when_its_time_has_come_and_its_outcome_stays() {
    let namespace = Namespace::new("ttl");
    let mut operator = Operator::start(&namespace);
    let table = [("good", 0, "Succeeded", "Succeeded"), ("bad", 3, "Failed", "DumpBroken")];
    at_once(&table, |&(name, code, phase, reason)| {
        namespace.create(&with(alone(name), &json!({"ttlSecondsAfterFinished": 1})));
        namespace.pod(name).run().end(code);
        let ended = namespace.expect(name, phase, reason);
        wait("the Job goes", || job(&namespace, name, "1").is_none() && namespace.pods(name).is_empty());
        assert_eq!(namespace.expect(name, phase, reason)["status"], ended["status"]);
    });
    // Nor does the next operator run it again.
    operator.stop();
    operator.start_again();
    namespace.create(&alone("witness"));
    namespace.pod("witness");
    for (name, _, phase, reason) in table {
        namespace.expect(name, phase, reason);
        assert!(job(&namespace, name, "1").is_none());
    }
}

fn quota(hard: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": {"hard": hard}})
}

#[test]
fn a_quota_refuses_the_job_or_its_pod() {
    at_once(&["count/jobs.batch", "pods"], |&what| {
        let namespace = Namespace::new("quota");
        namespace.create(&quota(&json!({ what: "0" })));
        wait("the quota is known", || namespace.get("ResourceQuota", "quota")["status"]["used"][what] == "0");
        let _operator = Operator::start(&namespace);
        namespace.create(&alone("shop"));
        let refused = namespace.expect("shop", "Pending", "Forbidden");
        let message = refused["status"]["conditions"][0]["message"].as_str().unwrap();
        assert!(message.contains("exceeded quota") && message.contains(what), "{message}");
        assert_eq!(job(&namespace, "shop", "1").is_some(), what == "pods");
        namespace.patch("ResourceQuota", "quota", &json!({"spec": {"hard": {what: "10"}}}));
        namespace.pod("shop").run();
        namespace.expect("shop", "Running", "Running");
        namespace.pod("shop").end(0);
        namespace.expect("shop", "Succeeded", "Succeeded");
    });
}
