//! A ReplicaBootstrap, and the rules that its status must obey at every look.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{LIMIT, Namespace};
use crate::fidelity::SNAPSHOT_LSN;
use crate::servers::{program, wait_until};

/// The smallest one: the file `shop.sql` on the claim `dumps`, for a Redis.
pub fn replica_bootstrap(name: &str, redis_url: &str) -> Value {
    json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1",
        "kind": "ReplicaBootstrap",
        "metadata": {"name": name},
        "spec": {
            "source": {"persistentVolumeClaim": {"claimName": "dumps", "path": "shop.sql"}},
            "snapshotLSN": SNAPSHOT_LSN,
            "redis": {"url": redis_url},
        },
    })
}

/// The status that kstatus must report for an object with this phase.
pub fn verdict(phase: &str, reason: &str) -> &'static str {
    match (phase, reason) {
        ("Succeeded", _) => "Current",
        ("Failed", _) | (_, "JobConflict" | "InvalidSpec" | "RangeDoesNotFit") => "Failed",
        _ => "InProgress",
    }
}

/// The status that kstatus, on which Flux and Helm rely, reports for an object.
pub fn kstatus(object: &Value) -> String {
    let mut child = Command::new(program("kstatus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start kstatus");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(object.to_string().as_bytes()).expect("write to kstatus");
    drop(input);
    let said = child.wait_with_output().expect("wait for kstatus");
    assert!(said.status.success(), "kstatus fails on {object}");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.split('\t').next().unwrap_or_default().trim().to_owned()
}

impl Namespace {
    /// The current state of the object, after a check of the rules that hold at any moment.
    #[track_caller]
    pub fn look(&self, name: &str) -> Value {
        let object = self.get("ReplicaBootstrap", name);
        agrees(&object);
        object
    }

    /// Waits until this is true of the object.
    #[track_caller]
    pub fn until(&self, name: &str, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let mut object = Value::Null;
        let met = wait_until(LIMIT, || {
            object = self.look(name);
            let met = wanted(&object);
            if !met {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            met
        });
        assert!(met, "{name} is never {what}: {}", self.told(name));
        object
    }

    /// Waits until the status describes the current spec and has this phase, and asks kstatus about it.
    #[track_caller]
    pub fn expect(&self, name: &str, phase: &str, reason: &str) -> Value {
        let object = self.until(name, &format!("{phase} for {reason}"), |object| {
            let status = &object["status"];
            status["phase"] == phase
                && ready(object)["reason"] == reason
                && status["observedGeneration"] == object["metadata"]["generation"]
        });
        assert_eq!(kstatus(&object), verdict(phase, reason), "kstatus: {object}");
        for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
            assert_eq!(condition["observedGeneration"], object["metadata"]["generation"], "{object}");
            assert!(condition["message"].as_str().is_some_and(|text| !text.is_empty()), "{object}");
        }
        self.expect_event(name, reason);
        object
    }

    /// Waits for an event about the object.
    #[track_caller]
    pub fn expect_event(&self, name: &str, reason: &str) {
        let there = wait_until(LIMIT, || self.events(name).iter().any(|one| one == reason));
        assert!(there, "no event {reason} about {name}: {:?}", self.events(name));
    }

    /// What there is of an object, for a message.
    pub fn told(&self, name: &str) -> String {
        let object = self.try_get("ReplicaBootstrap", name).unwrap_or_default();
        let pods: Vec<_> = self.pods(name).iter().map(|pod| pod["status"].clone()).collect();
        let jobs: Vec<_> =
            self.list("Job", "").iter().map(|job| json!([job["metadata"]["name"], job["status"]])).collect();
        format!(
            "{}\nspec: {}\npods: {}\njobs: {}\nevents: {:?}",
            object["status"],
            object["spec"],
            json!(pods),
            json!(jobs),
            self.events(name)
        )
    }
}

/// The condition `Ready`; null where there is none.
pub(super) fn ready(object: &Value) -> &Value {
    condition(object, "Ready")
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let all = object["status"]["conditions"].as_array();
    all.and_then(|all| all.iter().find(|one| one["type"] == kind)).unwrap_or(&Value::Null)
}

/// Phase and conditions say the same, at any moment.
#[track_caller]
pub(super) fn agrees(object: &Value) {
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    let is = |kind: &str| condition(object, kind)["status"] == "True";
    let (ready, stalled, reconciling) = (is("Ready"), is("Stalled"), is("Reconciling"));
    assert!(!(stalled && reconciling) && !(ready && (stalled || reconciling)), "{object}");
    assert_eq!(ready, phase == "Succeeded", "{object}");
    assert!(phase != "Failed" || stalled, "{object}");
    assert!(!["Queued", "Running"].contains(&phase) || reconciling, "{object}");
}
