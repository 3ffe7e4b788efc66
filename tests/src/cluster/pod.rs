//! The state of a pod, set by the test in the kubelet's, the scheduler's and the API server's own forms.

use serde_json::{Value, json};

use super::{LIMIT, Namespace, Refusal};
use crate::servers::wait_until;

/// The node that pods are bound to.
pub(super) const NODE: &str = "node-of-the-tests";

/// A pod of a run.
#[derive(Debug)]
pub struct Pod<'a> {
    namespace: &'a Namespace,
    name: String,
}

impl Namespace {
    /// Pods of an object, the oldest first.
    pub fn pods(&self, object: &str) -> Vec<Value> {
        let mut pods = self.list("Pod", &format!("bootstrap.kasho.io/replica-bootstrap={object}"));
        let key =
            |pod: &Value| pod["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse::<u64>().ok());
        pods.sort_by_key(|pod| (pod["metadata"]["creationTimestamp"].as_str().map(str::to_owned), key(pod)));
        pods
    }

    /// Waits for a pod of the object that has neither ended nor is being deleted.
    #[track_caller]
    pub fn pod(&self, object: &str) -> Pod<'_> {
        let live = |pod: &&Value| {
            !["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default())
                && pod["metadata"]["deletionTimestamp"].is_null()
        };
        let mut found = None;
        wait_until(LIMIT, || {
            found = self.pods(object).iter().find(live).map(|pod| self.the_pod(pod));
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("no pod of {object} comes: {}", self.told(object)))
    }

    pub(super) fn the_pod(&self, pod: &Value) -> Pod<'_> {
        Pod { namespace: self, name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned() }
    }
}

impl Pod<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it is now, if it is there.
    pub fn get(&self) -> Option<Value> {
        self.namespace.try_get("Pod", &self.name)
    }

    /// Binds it to a node: from now on its deletion waits for the kubelet ([`Pod::remove`]).
    pub fn bind(&self) -> &Self {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
        // Whether it is new or there already.
        let _ = self.namespace.try_create(&node);
        let body = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": {"kind": "Node", "name": NODE}});
        let path = format!("{}/binding", self.namespace.path("Pod", &self.name));
        let (status, reply) = self.namespace.call("POST", &path, "application/json", &body.to_string());
        // Bound already: asked for twice, since no answer came. Gone: the next round sees it.
        assert!([201, 404, 409].contains(&status), "bind {}: {status}: {reply}", self.name);
        self
    }

    /// Its container runs.
    pub fn run(&self) -> &Self {
        let state = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        self.say(&json!({"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [container(&state)]}));
        self
    }

    /// Its container has ended with this code.
    pub fn end(&self, code: i32) -> &Self {
        let reason = if code == 0 { "Completed" } else { "Error" };
        self.end_with(code, reason, "")
    }

    /// Its container has ended with this code, for this reason of the kubelet's, and with these last lines of its log.
    pub fn end_with(&self, code: i32, reason: &str, message: &str) -> &Self {
        let state = json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        self.say(&json!({"phase": phase, "containerStatuses": [container(&state)]}));
        self
    }

    /// Its container waits, for this reason of the kubelet's.
    pub fn wait(&self, reason: &str, message: &str) -> &Self {
        let state = json!({"waiting": {"reason": reason, "message": message}});
        self.say(&json!({"phase": "Pending", "containerStatuses": [container(&state)]}));
        self
    }

    /// The scheduler finds no node, with its real message; a later [`Pod::run`] continues from there.
    pub fn refuse_nodes(&self, message: &str) -> &Self {
        self.condition("PodScheduled", "False", "Unschedulable", message)
    }

    /// A condition, instead of all others.
    pub fn condition(&self, kind: &str, status: &str, reason: &str, message: &str) -> &Self {
        self.say(
            &json!({"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}),
        );
        self
    }

    /// An init container is in this state.
    pub fn init(&self, name: &str, state: &Value) -> &Self {
        let status = json!({"name": name, "ready": false, "restartCount": 0, "image": "i", "imageID": "", "state": state});
        self.say(&json!({"initContainerStatuses": [status]}));
        self
    }

    /// The kubelet cannot mount a volume, and reports it only by an event.
    pub fn fail_mount(&self, message: &str) -> &Self {
        self.warn("FailedMount", message)
    }

    /// An event of the kubelet, or of a controller, that warns.
    pub fn warn(&self, reason: &str, message: &str) -> &Self {
        let pod = self.get().expect("a pod");
        let namespace = self.namespace.name();
        // Events of the kubelet are of the older form.
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"generateName": "warning-", "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "namespace": namespace, "uid": pod["metadata"]["uid"]},
            "reason": reason, "message": message, "type": "Warning", "source": {"component": "kubelet"},
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
        });
        let path = format!("/api/v1/namespaces/{namespace}/events");
        let (status, reply) = self.namespace.call("POST", &path, "application/json", &event.to_string());
        assert_eq!(status, 201, "{reply}");
        self
    }

    /// Asks for its eviction, as `kubectl drain` does.
    ///
    /// # Errors
    /// The message of the API server, for example that a budget forbids it.
    pub fn evict(&self) -> Result<Value, Refusal> {
        let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": self.name}});
        let path = format!("{}/eviction", self.namespace.path("Pod", &self.name));
        super::answer(self.namespace.call("POST", &path, "application/json", &body.to_string()))
    }

    /// Deletes it, as `kubectl delete pod` does.
    pub fn delete(&self) -> &Self {
        self.namespace.delete("Pod", &self.name);
        self
    }

    /// The kubelet has stopped everything of it that was to be deleted.
    pub fn remove(&self) {
        self.namespace.delete_with("Pod", &self.name, &json!({"gracePeriodSeconds": 0}));
    }

    /// Writes its status.
    pub fn say(&self, status: &Value) {
        let patch = json!({"status": status});
        let done = self.namespace.try_patch("Pod/status", &self.name, &patch);
        assert!(done.is_ok(), "the status of {}: {done:?}", self.name);
    }
}

/// The status of the runner's container in this state.
pub(super) fn container(state: &Value) -> Value {
    let ready = state.get("running").is_some();
    json!({"name": "runner", "ready": ready, "restartCount": 0, "image": "runner:test", "imageID": "none", "state": state})
}
