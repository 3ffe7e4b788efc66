//! These tests can fail: a status with a wrong value is noticed at the first look.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pg_bootstrap_tests::cluster::{Namespace, Watch, replica_bootstrap};
use pg_bootstrap_tests::servers::RedisServer;
use serde_json::{Value, json};

use super::wait;

/// A status of a run of five changes, of which three are durable.
fn status() -> Value {
    let condition = |kind: &str, status: &str| {
        json!({
            "type": kind, "status": status, "reason": "Running", "message": "m", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    json!({
        "phase": "Running", "observedGeneration": 1, "runId": "1", "attempts": 2, "startTime": "2026-01-01T00:00:00Z",
        "conditions": [condition("Ready", "False"), condition("Reconciling", "True")],
        "run": {"id": "1", "checkpoint": {"lsn": "0/BOOTSTRAP00000003"}, "progress": {"rows": 2}},
    })
}

/// The same with another value at one place.
fn but(place: &str, value: Value) -> Value {
    let mut status = status();
    *status.pointer_mut(place).unwrap() = value;
    status
}

fn done() -> Value {
    let mut status = but("/phase", json!("Succeeded"));
    status["completionTime"] = json!("2026-01-01T00:00:00Z");
    status["conditions"].as_array_mut().unwrap().truncate(1);
    status["conditions"][0]["status"] = json!("True");
    status
}

/// Writes one status after the other; says what was said against one of them.
fn watched(namespace: &Namespace, name: &str, redis: &RedisServer, all: &[Value]) -> Option<String> {
    namespace.create(&replica_bootstrap(name, &redis.url()));
    let mut watch = Watch::start(namespace, name, redis.port(), 5);
    for status in all {
        namespace.patch("ReplicaBootstrap/status", name, &json!({ "status": status }));
        let before = watch.seen().looks;
        wait("it is looked at", || watch.has_failed() || watch.seen().looks > before + 2);
    }
    let said = catch_unwind(AssertUnwindSafe(|| watch.check())).err()?;
    Some(said.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn what_must_not_be_is_seen() {
    let (namespace, redis) = (Namespace::new("watched"), RedisServer::start());
    for number in ["1", "2", "3"] {
        redis
            .client()
            .add_change(&format!("-99999{}", 10 - number.parse::<u32>().unwrap()), number.as_bytes())
            .unwrap();
    }
    let gone = |place: &str| but(place, Value::Null);
    assert_eq!(watched(&namespace, "right", &redis, &[status(), gone("/run/progress"), status()]), None);
    let ahead = but("/run/checkpoint/lsn", json!("0/BOOTSTRAP00000004"));
    let back = but("/run/progress/rows", json!(1));
    let wrong = [
        ("ahead", vec![status(), ahead], "Redis does not hold"),
        ("back", vec![status(), back], "went from 2 back to 1"),
        ("early", vec![done()], "not everything is in Redis"),
        ("future", vec![but("/observedGeneration", json!(2))], ""),
        ("apart", vec![but("/conditions/0/observedGeneration", json!(0))], ""),
        ("other-run", vec![but("/runId", json!("2"))], ""),
        ("disagrees", vec![but("/phase", json!("Succeeded"))], ""),
        ("ended-running", vec![but("/conditions/0/status", json!("True"))], ""),
        ("began-twice", vec![status(), but("/startTime", json!("2026-01-01T00:00:01Z"))], "was \"2026"),
        ("fewer", vec![status(), but("/attempts", json!(1))], "was 2"),
    ];
    for (name, all, says) in wrong {
        let said = watched(&namespace, name, &redis, &all);
        assert!(said.as_ref().is_some_and(|said| said.contains(says)), "{name}: {said:?}");
    }
}

#[test]
fn two_pods_at_a_time_are_seen() {
    let (namespace, redis) = (Namespace::new("watched"), RedisServer::start());
    wait("pods can be made", || namespace.try_get("ServiceAccount", "default").is_some());
    for name in ["a", "b"] {
        namespace.create(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"bootstrap.kasho.io/replica-bootstrap": "twins"}},
            "spec": {"containers": [{"name": "runner", "image": "runner:test"}]},
        }));
    }
    let said = watched(&namespace, "twins", &redis, &[status()]).unwrap();
    assert!(said.contains("more than one Pod"), "{said}");
}
