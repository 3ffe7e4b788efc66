//! A control plane that all tests of a process share, a namespace for each of them, the operator as a separate
//! process, and a stand-in for the kubelet.
//!
//! ```text
//! Namespace::create(ReplicaBootstrap) ─▶ Operator ─▶ Job ─▶ Kubernetes' own Job controller ─▶ Pod
//!        ▲                                  ▲                                                  │
//!        └── status ◀───────────────────────┴──── its status ◀── Pod (by script), or Kubelet ◀─┘
//!                                                                (runs pg-bootstrap-sync)
//! ```
//!
//! The test either sets the state of a pod ([`Pod`]), or [`Kubelet`] runs the container's arguments as a process on
//! this machine.

mod kubelet;
mod object;
mod operator;
mod pod;
mod watch;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};

use crate::servers::{KubernetesServer, wait_until};
pub use kubelet::Kubelet;
pub use object::{kstatus, replica_bootstrap, verdict};
pub use operator::Operator;
pub use pod::Pod;
pub use watch::{Seen, Watch};

/// Longer than anything takes that the operator or a controller does by itself, on any machine.
pub const LIMIT: Duration = Duration::from_secs(180);

/// The server that the tests of this process share.
pub fn server() -> &'static KubernetesServer {
    static SERVER: OnceLock<KubernetesServer> = OnceLock::new();
    SERVER.get_or_init(KubernetesServer::with_controllers)
}

/// The API server's message when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Its words.
    pub message: String,
}

/// A namespace of a test's own. It stays when the test ends: the server goes with the process.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: String,
    server: &'static KubernetesServer,
}

impl Namespace {
    /// A new one of the shared server, whose name begins so.
    pub fn new(prefix: &str) -> Self {
        Self::on(server(), prefix)
    }

    /// A new one of another server: for a test that stops it.
    pub fn on(server: &'static KubernetesServer, prefix: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{prefix}-{}", NEXT.fetch_add(1, Relaxed));
        let made = Self { name, server };
        made.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.name}}));
        made
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    pub fn server(&self) -> &'static KubernetesServer {
        self.server
    }

    /// The path of a thing of this namespace, or of all of its kind where the name is empty.
    pub fn path(&self, kind: &str, name: &str) -> String {
        let (group, plural) = place(kind);
        let all = match kind {
            "Namespace"
            | "Node"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding"
            | "ValidatingWebhookConfiguration"
            | "MutatingWebhookConfiguration" => format!("{group}/{plural}"),
            _ => format!("{group}/namespaces/{}/{plural}", self.name),
        };
        if name.is_empty() { all } else { format!("{all}/{name}") }
    }

    /// A request that waits for a server that is away, as everybody in a cluster does. What was done although no answer
    /// came is asked for again, so the caller must bear that.
    fn call(&self, method: &str, path: &str, content: &str, body: &str) -> (u16, String) {
        let mut answer = (0, String::new());
        wait_until(LIMIT, || {
            answer = self.server.call(method, path, content, body);
            let there = ![0, 500, 503, 504].contains(&answer.0);
            if !there {
                std::thread::sleep(Duration::from_millis(100));
            }
            there
        });
        answer
    }

    /// A thing, if it is there.
    pub fn try_get(&self, kind: &str, name: &str) -> Option<Value> {
        match self.call("GET", &self.path(kind, name), "", "") {
            (200, reply) => Some(parsed(&reply)),
            (404, _) => None,
            (status, reply) => panic!("get {kind} {name}: {status}: {reply}"),
        }
    }

    /// A thing that is there.
    #[track_caller]
    pub fn get(&self, kind: &str, name: &str) -> Value {
        self.try_get(kind, name).unwrap_or_else(|| panic!("no {kind} {name} in {}", self.name))
    }

    /// All of a kind that a selector of labels takes; all, where that is empty.
    pub fn list(&self, kind: &str, selector: &str) -> Vec<Value> {
        let selector = selector.replace('=', "%3D").replace(',', "%2C").replace('/', "%2F");
        let path = format!("{}?labelSelector={selector}", self.path(kind, ""));
        let (status, reply) = self.call("GET", &path, "", "");
        assert_eq!(status, 200, "list {kind}: {reply}");
        let mut reply = parsed(&reply);
        serde_json::from_value(reply["items"].take()).expect("a list")
    }

    /// Makes a thing.
    #[track_caller]
    pub fn create(&self, object: &Value) -> Value {
        self.try_create(object).unwrap_or_else(|refusal| panic!("{refusal:?}: {object}"))
    }

    /// Creates an object, or returns the reason why not.
    ///
    /// # Errors
    /// The message of the API server.
    pub fn try_create(&self, object: &Value) -> Result<Value, Refusal> {
        let kind = object["kind"].as_str().expect("a kind");
        let path = self.path(kind, "");
        answer(self.call("POST", &path, "application/json", &object.to_string()))
    }

    /// Merges a patch into a thing.
    #[track_caller]
    pub fn patch(&self, kind: &str, name: &str, patch: &Value) -> Value {
        self.try_patch(kind, name, patch).unwrap_or_else(|refusal| panic!("{refusal:?}: {patch}"))
    }

    /// Merges a patch into an object (`pods/status` is a kind too), or returns the reason why not.
    ///
    /// # Errors
    /// The message of the API server.
    pub fn try_patch(&self, kind: &str, name: &str, patch: &Value) -> Result<Value, Refusal> {
        let (kind, sub) = kind.split_once('/').map_or((kind, String::new()), |(k, s)| (k, format!("/{s}")));
        let path = format!("{}{sub}", self.path(kind, name));
        answer(self.call("PATCH", &path, "application/merge-patch+json", &patch.to_string()))
    }

    /// Deletes a thing, with what belongs to it, in the background.
    pub fn delete(&self, kind: &str, name: &str) {
        self.delete_with(kind, name, &json!({"propagationPolicy": "Background"}));
    }

    /// Deletes an object with these options. If it is already gone, that is not an error.
    pub fn delete_with(&self, kind: &str, name: &str, options: &Value) {
        let body = options.to_string();
        let (status, reply) = self.call("DELETE", &self.path(kind, name), "application/json", &body);
        assert!([200, 202, 404].contains(&status), "delete {kind} {name}: {status}: {reply}");
    }

    /// A token of a ServiceAccount, for as long as this pod is there.
    pub fn token(&self, account: &str, pod: Option<&Value>) -> String {
        self.try_token(account, pod).unwrap_or_else(|refusal| panic!("a token of {account}: {refusal:?}"))
    }

    /// The same, or why there is none: the pod or the account may be gone.
    ///
    /// # Errors
    /// The message of the API server.
    pub fn try_token(&self, account: &str, pod: Option<&Value>) -> Result<String, Refusal> {
        let mut spec = json!({"expirationSeconds": 7200});
        if let Some(pod) = pod {
            let (name, uid) = (&pod["metadata"]["name"], &pod["metadata"]["uid"]);
            spec["boundObjectRef"] = json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
        }
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let path = format!("{}/token", self.path("ServiceAccount", account));
        let (status, reply) = self.call("POST", &path, "application/json", &body.to_string());
        let answer = answer((status, reply))?;
        Ok(answer["status"]["token"].as_str().expect("a token").to_owned())
    }

    /// Reasons of the events about a thing, in no order.
    pub fn events(&self, name: &str) -> Vec<String> {
        let about = |event: &&Value| event["regarding"]["name"] == name;
        let all = self.list("Event", "");
        all.iter()
            .filter(about)
            .map(|event| event["reason"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

fn answer((status, reply): (u16, String)) -> Result<Value, Refusal> {
    let reply = if reply.starts_with('{') { parsed(&reply) } else { json!({"message": reply}) };
    if (200..300).contains(&status) {
        return Ok(reply);
    }
    Err(Refusal { status, message: reply["message"].as_str().unwrap_or_default().to_owned() })
}

fn parsed(reply: &str) -> Value {
    serde_json::from_str(reply).unwrap_or_else(|error| panic!("{error}: {reply}"))
}

/// Group and plural of a kind.
fn place(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "ConfigMap" => ("/api/v1", "configmaps"),
        "Event" => ("/apis/events.k8s.io/v1", "events"),
        "Job" => ("/apis/batch/v1", "jobs"),
        "Lease" => ("/apis/coordination.k8s.io/v1", "leases"),
        "MutatingWebhookConfiguration" => {
            ("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations")
        }
        "Namespace" => ("/api/v1", "namespaces"),
        "Node" => ("/api/v1", "nodes"),
        "PersistentVolumeClaim" => ("/api/v1", "persistentvolumeclaims"),
        "Pod" => ("/api/v1", "pods"),
        "ReplicaBootstrap" => ("/apis/bootstrap.kasho.io/v1alpha1", "replicabootstraps"),
        "ResourceQuota" => ("/api/v1", "resourcequotas"),
        "Role" => ("/apis/rbac.authorization.k8s.io/v1", "roles"),
        "RoleBinding" => ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
        "Secret" => ("/api/v1", "secrets"),
        "ServiceAccount" => ("/api/v1", "serviceaccounts"),
        "ValidatingAdmissionPolicy" => {
            ("/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicies")
        }
        "ValidatingAdmissionPolicyBinding" => {
            ("/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings")
        }
        "ValidatingWebhookConfiguration" => {
            ("/apis/admissionregistration.k8s.io/v1", "validatingwebhookconfigurations")
        }
        other => panic!("where is a {other}?"),
    }
}
