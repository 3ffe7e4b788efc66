//! Statuses that somebody else has written or emptied.

use pg_bootstrap_tests::cluster::{Namespace, Operator, kstatus};
use serde_json::{Value, json};

use super::{alone, at_once, edit, job, wait};

/// What else the operator's part of a status has.
const FIELDS: [&str; 6] = ["runId", "dataHash", "startTime", "job", "attempts", "completionTime"];

/// A way to spoil a status.
type Forgery = (&'static str, fn(&Value) -> Value);

const FORGERIES: [Forgery; 5] = [
    ("emptied", |_| Value::Null),
    ("phase", |_| json!({"phase": "Failed"})),
    ("done", |status| ended(status, "Succeeded", &[("Ready", "True")])),
    ("failed", |status| ended(status, "Failed", &[("Ready", "False"), ("Stalled", "True")])),
    ("conditions", |_| json!({"conditions": null})),
];

/// A status of a run that has ended, which is whole and agrees in itself.
fn ended(status: &Value, phase: &str, conditions: &[(&str, &str)]) -> Value {
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(kind, is)| {
            json!({"type": kind, "status": is, "reason": "Forged", "message": "forged",
                "observedGeneration": status["observedGeneration"], "lastTransitionTime": "2026-01-01T00:00:00Z"})
        })
        .collect();
    json!({"phase": phase, "completionTime": "2026-01-01T00:00:00Z", "conditions": conditions})
}

/// Writes it, and waits until the operator has made it what it was. The object's other times may be new.
fn spoil(namespace: &Namespace, name: &str, forgery: fn(&Value) -> Value, event: impl Fn()) {
    let object = namespace.get("ReplicaBootstrap", name);
    let before = told(&object);
    let forged = json!({ "status": forgery(&object["status"]) });
    namespace.patch("ReplicaBootstrap/status", name, &forged);
    assert_ne!(told(&namespace.get("ReplicaBootstrap", name)), before, "nothing was spoilt: {forged}");
    event();
    // What others have added goes by a second request.
    wait(&format!("{name} is repaired"), || {
        let now = namespace.get("ReplicaBootstrap", name);
        told(&now) == before && FIELDS.iter().all(|field| now["status"][field] == object["status"][field])
    });
    assert_eq!(kstatus(&namespace.get("ReplicaBootstrap", name)), kstatus(&object));
}

/// Phase and conditions, without their times.
fn told(object: &Value) -> Value {
    let mut conditions = object["status"]["conditions"].clone();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = Value::Null;
    }
    json!([object["status"]["phase"], conditions])
}

#[test]
fn a_forged_status_of_a_run_is_repaired_at_the_next_event() {
    let namespace = Namespace::new("forged");
    let _operator = Operator::start(&namespace);
    at_once(&FORGERIES, |&(name, forgery)| {
        namespace.create(&alone(name));
        let pod = namespace.pod(name);
        pod.run();
        namespace.expect(name, "Running", "Running");
        spoil(&namespace, name, forgery, || {
            pod.condition("Ready", "True", "", "");
        });
        assert_eq!(namespace.pods(name).len(), 1);
        pod.end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    });
}

/// Nothing happens any more to a run that has ended.
#[test]
fn a_forged_status_of_an_ended_run_is_repaired_in_time() {
    let namespace = Namespace::new("resync");
    let _operator = Operator::with(&namespace, &["--leader-election=false", "--resync-seconds=1"], &[]);
    let ends = FORGERIES.iter().flat_map(|&(how, forgery)| [(how, forgery, 0), (how, forgery, 3)]);
    let alike = |how: &str, code: i32| (how, code) == ("done", 0) || (how, code) == ("phase", 3);
    let all: Vec<_> = ends.filter(|&(how, _, code)| !alike(how, code)).collect();
    at_once(&all, |&(how, forgery, code)| {
        let name = format!("{how}-{code}");
        namespace.create(&alone(&name));
        namespace.pod(&name).run().end(code);
        let (phase, reason) = if code == 0 { ("Succeeded", "Succeeded") } else { ("Failed", "DumpBroken") };
        namespace.expect(&name, phase, reason);
        let uid = job(&namespace, &name, "1").unwrap()["metadata"]["uid"].clone();
        spoil(&namespace, &name, forgery, || {});
        // It has not run again.
        assert_eq!(job(&namespace, &name, "1").unwrap()["metadata"]["uid"], uid);
        assert_eq!(namespace.pods(&name).len(), 1);
    });
}

/// The operator's own defaults are a part of the Job and none of the spec.
#[test]
fn another_operator_is_no_change_of_the_spec() {
    let namespace = Namespace::new("newer");
    let mut operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    operator.stop();
    operator.set_image("runner:newer");
    operator.start_again();
    // It has looked at the object: it says what has changed since.
    edit(&namespace, "shop", &json!({"ttlSecondsAfterFinished": 9000}));
    let seen = namespace.expect("shop", "Running", "Running");
    let message = |object: &Value| object["status"]["conditions"][0]["message"].as_str().unwrap().to_owned();
    assert!(!message(&seen).contains("has changed"), "{}", message(&seen));
    edit(&namespace, "shop", &json!({"maxRate": 1}));
    namespace.until("shop", "edited", |object| message(object).contains("the spec has changed"));
    edit(&namespace, "shop", &json!({"maxRate": null}));
    namespace.until("shop", "as it was", |object| !message(object).contains("the spec has changed"));
    // The next Job is of the new operator.
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    edit(&namespace, "shop", &json!({"suspend": false}));
    namespace.pod("shop").run();
    let container = &job(&namespace, "shop", "1").unwrap()["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "runner:newer");
}
