//! One object from its creation to its end, by a script.

use std::collections::HashMap;
use std::process::Command;

use pg_bootstrap_tests::cluster::{Namespace, Operator, kstatus};
use pg_bootstrap_tests::servers::program;
use serde_json::{Value, json};

use super::{alone, at_once, edit, job, wait, with};

/// What belongs to an object, with the names that it must have.
const BELONGINGS: [(&str, &str); 4] =
    [("Job", "-1"), ("ServiceAccount", "-runner"), ("Role", "-runner"), ("RoleBinding", "-runner")];

fn belongings(namespace: &Namespace, name: &str) -> Vec<Option<Value>> {
    BELONGINGS.iter().map(|(kind, end)| namespace.try_get(kind, &format!("{name}{end}"))).collect()
}

#[track_caller]
fn expect_gone(namespace: &Namespace, name: &str) {
    wait("everything of the object goes", || {
        belongings(namespace, name).iter().all(Option::is_none) && namespace.pods(name).is_empty()
    });
    // In the foreground the object itself is the last to go.
    wait("the object goes", || namespace.try_get("ReplicaBootstrap", name).is_none());
}

#[test]
fn from_creation_to_success() {
    let namespace = Namespace::new("life");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    let object = namespace.expect("shop", "Pending", "PodStarting");
    for (thing, (kind, _)) in belongings(&namespace, "shop").iter().zip(BELONGINGS) {
        let owner = &thing.as_ref().unwrap_or_else(|| panic!("no {kind}"))["metadata"]["ownerReferences"][0];
        assert_eq!(owner["uid"], object["metadata"]["uid"], "{kind}");
        assert_eq!(
            (&owner["controller"], &owner["blockOwnerDeletion"]),
            (&json!(true), &json!(true)),
            "{kind}"
        );
    }
    for reason in ["Accepted", "JobCreated"] {
        namespace.expect_event("shop", reason);
    }
    namespace.pod("shop").run();
    let running = namespace.expect("shop", "Running", "Running");
    assert!(running["status"]["startTime"].is_string() && running["status"]["completionTime"].is_null());
    namespace.pod("shop").end(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert!(done["status"]["completionTime"].is_string(), "{done}");
    assert_eq!((&done["status"]["attempts"], &done["status"]["runId"]), (&json!(1), &json!("1")));
    assert_eq!(done["status"]["job"]["uid"], job(&namespace, "shop", "1").unwrap()["metadata"]["uid"]);
    // What has ended stays, whatever is changed but the run's id.
    let before = done["status"].clone();
    edit(&namespace, "shop", &json!({"maxRate": 7, "suspend": true}));
    let after = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(after["status"]["completionTime"], before["completionTime"]);
    assert_eq!(namespace.list("Job", "").len(), 1);
}

#[test]
fn an_object_is_in_progress_before_any_operator_has_seen_it() {
    let namespace = Namespace::new("unseen");
    namespace.create(&alone("shop"));
    // kstatus takes what says nothing of itself for done.
    let made = namespace.get("ReplicaBootstrap", "shop");
    assert_eq!((kstatus(&made).as_str(), &made["status"]["phase"]), ("InProgress", &Value::Null), "{made}");
    let _operator = Operator::start(&namespace);
    let first = namespace.until("shop", "seen", |object| object["status"]["phase"].is_string());
    assert_eq!(kstatus(&first), "InProgress", "{first}");
    namespace.expect("shop", "Pending", "PodStarting");
}

#[test]
fn the_spec_is_edited_before_and_during_a_run() {
    let namespace = Namespace::new("edits");
    let _operator = Operator::start(&namespace);
    let arguments = |run: &str| {
        job(&namespace, "shop", run).unwrap()["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
    };
    // Before: the Job is made of what the spec says then, also of what is fixed later.
    namespace.create(&with(alone("shop"), &json!({"suspend": true, "maxRate": 1})));
    namespace.expect("shop", "Suspended", "Suspended");
    assert!(job(&namespace, "shop", "1").is_none());
    edit(&namespace, "shop", &json!({"suspend": false, "maxRate": 2, "snapshotLSN": "16/1"}));
    namespace.expect("shop", "Pending", "PodStarting");
    assert!(arguments("1").contains("--max-rate=2") && arguments("1").contains("--snapshot-lsn=16/1"));
    // During: what shapes the data is refused, the rest counts for the next Job, and the status says so.
    namespace.pod("shop").bind().run();
    namespace.expect("shop", "Running", "Running");
    let refusal = namespace.try_patch("ReplicaBootstrap", "shop", &json!({"spec": {"snapshotLSN": "16/2"}}));
    assert!(refusal.unwrap_err().message.contains("fixed once the run has begun"));
    edit(&namespace, "shop", &json!({"maxRate": 3}));
    let edited = namespace.expect("shop", "Running", "Running");
    assert!(
        edited["status"]["conditions"][0]["message"].as_str().unwrap().contains("the spec has changed"),
        "{edited}"
    );
    assert!(arguments("1").contains("--max-rate=2"));
    let old = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    // Suspended and resumed: the runner is waited for, and the Job is another one.
    let pod = namespace.pod("shop");
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Running", "Suspended");
    wait("the pod is stopped", || pod.get().unwrap()["metadata"]["deletionTimestamp"].is_string());
    pod.end(143).remove();
    namespace.expect("shop", "Suspended", "Suspended");
    edit(&namespace, "shop", &json!({"suspend": false}));
    wait("another Job", || job(&namespace, "shop", "1").is_some_and(|job| job["metadata"]["uid"] != old));
    assert!(arguments("1").contains("--max-rate=3"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    for reason in ["JobDeleted", "Suspended"] {
        namespace.expect_event("shop", reason);
    }
    // Another run while this one goes on: its Job and its pod go first.
    edit(&namespace, "shop", &json!({"run": {"id": "2"}, "snapshotLSN": "16/3"}));
    wait("the next run's Job", || job(&namespace, "shop", "2").is_some());
    assert!(job(&namespace, "shop", "1").is_none() && arguments("2").contains("--snapshot-lsn=16/3"));
    namespace.pod("shop").end(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!((&done["status"]["runId"], &done["status"]["attempts"]), (&json!("2"), &json!(1)));
}

#[test]
fn a_suspended_job_that_nobody_edited_goes_on() {
    let namespace = Namespace::new("resume");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    let uid = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    assert!(namespace.pods("shop").iter().all(|pod| pod["status"]["phase"] != "Running"));
    edit(&namespace, "shop", &json!({"suspend": false}));
    namespace.pod("shop").run().end(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    namespace.expect_event("shop", "Resumed");
    assert_eq!(done["status"]["job"]["uid"], uid);
}

/// What `kubectl get` prints about an object: its cells, by their columns.
fn printed(namespace: &Namespace, name: &str, more: &[&str]) -> HashMap<String, String> {
    let mut kubectl = Command::new(program("kubectl"));
    kubectl.arg("--kubeconfig").arg(namespace.server().kubeconfig());
    kubectl.args(["get", "rboot", name, "--namespace", namespace.name()]).args(more);
    let said = kubectl.output().unwrap();
    let table = String::from_utf8_lossy(&said.stdout).into_owned();
    let (head, row) = table.trim_end().split_once('\n').unwrap_or_else(|| panic!("{said:?}"));
    // A column begins where its name does; cells may be empty.
    let starts: Vec<_> = head.split_whitespace().map(|column| (column, head.find(column).unwrap())).collect();
    let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([row.len()]);
    let cell = |start: usize, end: usize| row.get(start..end).unwrap_or_default().trim().to_owned();
    starts.iter().zip(ends).map(|((column, start), end)| ((*column).to_owned(), cell(*start, end))).collect()
}

/// Many faults have one phase. Whoever lists the objects sees them apart.
#[test]
fn a_list_tells_the_reason() {
    let namespace = Namespace::new("columns");
    let _operator = Operator::start(&namespace);
    let bad = json!({"runner": {"resources": {"limits": {"memory": "abc"}}}, "run": {"id": "first"}});
    namespace.create(&with(alone("invalid"), &bad));
    namespace.expect("invalid", "Pending", "InvalidSpec");
    namespace.create(&alone("pulling"));
    namespace.pod("pulling").wait("ErrImagePull", "manifest unknown");
    namespace.expect("pulling", "Pending", "ImagePullFailed");
    namespace.create(&alone("done"));
    namespace.pod("done").end(0);
    namespace.expect("done", "Succeeded", "Succeeded");
    let table = [
        ("invalid", "Pending", "InvalidSpec", "first", ""),
        ("pulling", "Pending", "ImagePullFailed", "1", "1"),
        ("done", "Succeeded", "Succeeded", "1", "1"),
    ];
    for (name, phase, reason, run, attempts) in table {
        let short = printed(&namespace, name, &[]);
        assert_eq!((short["PHASE"].as_str(), short["REASON"].as_str()), (phase, reason), "{short:?}");
        assert!(!short.contains_key("RUN") && !short.contains_key("ATTEMPTS"), "{short:?}");
        let wide = printed(&namespace, name, &["--output", "wide"]);
        assert_eq!(wide["REASON"], reason, "{wide:?}");
        assert_eq!((wide["RUN"].as_str(), wide["ATTEMPTS"].as_str()), (run, attempts), "{wide:?}");
    }
}

/// A moment to delete an object at, and how it gets there.
type Moment = (&'static str, fn(&Namespace, &str));

#[test]
fn an_object_is_deleted_at_any_time() {
    let namespace = Namespace::new("deletion");
    let _operator = Operator::start(&namespace);
    let moments: [Moment; 6] = [
        ("at-once", |_, _| {}),
        ("pending", |namespace, name| drop(namespace.expect(name, "Pending", "PodStarting"))),
        ("running", |namespace, name| {
            namespace.pod(name).run();
            namespace.expect(name, "Running", "Running");
        }),
        ("suspended", |namespace, name| {
            namespace.expect(name, "Pending", "PodStarting");
            edit(namespace, name, &json!({"suspend": true}));
            namespace.expect(name, "Suspended", "Suspended");
        }),
        ("succeeded", |namespace, name| {
            namespace.pod(name).end(0);
            namespace.expect(name, "Succeeded", "Succeeded");
        }),
        ("failed", |namespace, name| {
            namespace.pod(name).end(3);
            namespace.expect(name, "Failed", "DumpBroken");
        }),
    ];
    let both = moments.iter().flat_map(|&(name, get_there)| {
        ["Background", "Foreground"].map(|how| (format!("{name}-{}", how.to_lowercase()), how, get_there))
    });
    at_once(&both.collect::<Vec<_>>(), |(name, how, get_there)| {
        namespace.create(&alone(name));
        get_there(&namespace, name);
        namespace.delete_with("ReplicaBootstrap", name, &json!({ "propagationPolicy": how }));
        expect_gone(&namespace, name);
    });
}

#[test]
fn a_runner_that_stops_is_waited_for_after_a_deletion() {
    let namespace = Namespace::new("going");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    let first = namespace.pod("shop");
    first.bind().run();
    namespace.expect("shop", "Running", "Running");
    namespace.delete("ReplicaBootstrap", "shop");
    wait("the pod is told to stop", || {
        first.get().is_some_and(|pod| pod["metadata"]["deletionTimestamp"].is_string())
    });
    // One of the same name comes while the runner of the first still writes.
    wait("the first is gone", || namespace.try_get("ReplicaBootstrap", "shop").is_none());
    namespace.create(&alone("shop"));
    namespace.expect("shop", "Pending", "Replacing");
    assert_eq!(namespace.pods("shop").len(), 1);
    first.end(143).remove();
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}

#[test]
fn an_object_is_deleted_and_its_job_is_left() {
    let namespace = Namespace::new("orphan");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").bind().run();
    namespace.expect("shop", "Running", "Running");
    let kept = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    namespace.delete_with("ReplicaBootstrap", "shop", &json!({"propagationPolicy": "Orphan"}));
    wait("the object is gone", || namespace.try_get("ReplicaBootstrap", "shop").is_none());
    let left = |thing: &Option<Value>| {
        thing.as_ref().is_some_and(|thing| thing["metadata"]["ownerReferences"].is_null())
    };
    assert!(belongings(&namespace, "shop").iter().all(left), "{:?}", belongings(&namespace, "shop"));
    // The run goes on by itself, and one of the same name does not come into its way, whatever its run.
    namespace.create(&with(alone("shop"), &json!({"run": {"id": "2"}})));
    let told = namespace.expect("shop", "Pending", "JobConflict");
    let message = told["status"]["conditions"][0]["message"].as_str().unwrap();
    for words in ["shop-1 belongs to nobody", "--cascade=orphan", "kubectl delete job shop-1", "shop-runner"]
    {
        assert!(message.contains(words), "{message}");
    }
    edit(&namespace, "shop", &json!({"run": {"id": "1"}}));
    namespace.expect("shop", "Pending", "JobConflict");
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Pending", "JobConflict");
    wait("the run ends by itself", || job(&namespace, "shop", "1").unwrap()["status"]["succeeded"] == 1);
    let job = job(&namespace, "shop", "1").unwrap();
    assert_eq!((&job["metadata"]["uid"], &job["metadata"]["ownerReferences"]), (&kept, &Value::Null));
    // The deletion of the Job has it look at once.
    for (kind, end) in BELONGINGS.iter().rev() {
        namespace.delete(kind, &format!("shop{end}"));
    }
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}

/// It has no owner, so nothing but the operator would delete it.
#[test]
fn a_job_that_a_deleted_object_has_left_behind_is_deleted_once_it_has_ended() {
    let namespace = Namespace::new("left");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").bind().run();
    namespace.expect("shop", "Running", "Running");
    let uid = || job(&namespace, "shop", "1").map(|job| job["metadata"]["uid"].clone());
    let left = uid();
    namespace.delete_with("ReplicaBootstrap", "shop", &json!({"propagationPolicy": "Orphan"}));
    wait("the object is gone", || namespace.try_get("ReplicaBootstrap", "shop").is_none());
    let mark = json!({"metadata": {"annotations": {"bootstrap.kasho.io/purge-of": "another"}}});
    namespace.patch("Job", "shop-1", &mark);
    for (kind, end) in &BELONGINGS[1..] {
        namespace.delete(kind, &format!("shop{end}"));
    }
    namespace.create(&alone("shop"));
    namespace.expect("shop", "Pending", "Replacing");
    assert_eq!(uid(), left);
    namespace.pod("shop").end(0);
    wait("the run has its own Job", || uid().is_some_and(|own| Some(own) != left));
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}
