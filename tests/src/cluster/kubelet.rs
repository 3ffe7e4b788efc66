//! A stand-in for scheduler and kubelet that runs the containers of pods as processes on this machine.
//!
//! As in a real pod: arguments; environment with its Secrets and ConfigMaps; files of ConfigMaps; the
//! ServiceAccount's own token, bound to the pod; SIGTERM and the grace period at a deletion or eviction; exit code
//! and last lines of the log in the status; and a pod waits until the objects that it needs exist, with the messages
//! of the real programs.
//!
//! Not as in a real pod: a process has no root folder of its own, so paths under a mount are replaced by the folder
//! of the volume on this machine. The metrics are served at a free port. The token comes by `KUBECONFIG` instead of
//! the usual path in pods. There are no images, no limits and no other user.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::pod::container;
use super::{LIMIT, Namespace};
use crate::binary::{Runner, Running, pg_bootstrap_sync};
use crate::servers::reaper::Reaper;

const PERIOD: Duration = Duration::from_millis(50);
/// The kubelet keeps this many bytes of a log as the message of a container's end.
const MESSAGE: usize = 2048;

/// Runs the pods of one namespace. Dropping it kills them.
#[derive(Debug)]
pub struct Kubelet {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    namespace: Namespace,
    claims: Mutex<HashMap<String, PathBuf>>,
    state: Mutex<State>,
    ends: AtomicBool,
    folder: TempDir,
}

#[derive(Debug, Default)]
struct State {
    /// By the pod's UID.
    running: HashMap<String, Container>,
    /// What was last written about a pod, by UID, so that it is written once.
    said: HashMap<String, Value>,
    /// Objects whose pods were started, one for each start.
    started: Vec<String>,
    /// How many pods of an object ran at once, at most.
    most: HashMap<String, usize>,
    /// Logs of pods that have ended, by object.
    logs: HashMap<String, String>,
}

#[derive(Debug)]
struct Container {
    object: String,
    process: Running,
    /// From here on it is killed.
    deadline: Option<Instant>,
    _reaper: Reaper,
}

impl Kubelet {
    /// Begins to run the pods of a namespace.
    pub fn start(namespace: &Namespace) -> Self {
        // Built before anything waits for it.
        let _ = pg_bootstrap_sync();
        let shared = Arc::new(Shared {
            namespace: namespace.clone(),
            claims: Mutex::default(),
            state: Mutex::default(),
            ends: AtomicBool::new(false),
            folder: tempfile::Builder::new().prefix("kubelet-").tempdir().expect("make a folder"),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !inner.ends.load(SeqCst) {
                inner.round();
                std::thread::sleep(PERIOD);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Makes a PersistentVolumeClaim whose volume is this folder.
    pub fn claim(&self, name: &str, folder: &Path) {
        lock(&self.shared.claims).insert(name.to_owned(), folder.to_owned());
        self.shared.namespace.create(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}},
        }));
    }

    /// How many pods of the object were started.
    pub fn starts(&self, object: &str) -> usize {
        self.state().started.iter().filter(|one| *one == object).count()
    }

    /// How many pods of the object run now.
    pub fn running(&self, object: &str) -> usize {
        self.state().running.values().filter(|one| one.object == object).count()
    }

    /// How many pods of the object ran at the same time, at most.
    pub fn most_at_once(&self, object: &str) -> usize {
        self.state().most.get(object).copied().unwrap_or(0)
    }

    /// `kill -9` for the processes of the object's pods. Returns how many there were.
    pub fn kill(&self, object: &str) -> usize {
        let mut state = self.state();
        let all = state.running.values_mut().filter(|one| one.object == object);
        all.map(|one| one.process.kill()).count()
    }

    /// What the object's pods have logged.
    pub fn log(&self, object: &str) -> String {
        let state = self.state();
        let mut log = state.logs.get(object).cloned().unwrap_or_default();
        for one in state.running.values().filter(|one| one.object == object) {
            log.push_str(&one.process.stderr_so_far());
        }
        log
    }

    fn state(&self) -> MutexGuard<'_, State> {
        assert!(self.thread.as_ref().is_some_and(|thread| !thread.is_finished()), "the kubelet has failed");
        lock(&self.shared.state)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.shared.ends.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn round(&self) {
        let pods = self.namespace.list("Pod", "");
        let mut state = lock(&self.state);
        // Who is gone without a word was deleted by force.
        let there: Vec<&str> = pods.iter().map(uid).collect();
        let gone: Vec<String> =
            state.running.keys().filter(|uid| !there.contains(&uid.as_str())).cloned().collect();
        for uid in gone {
            state.running.remove(&uid);
        }
        for pod in &pods {
            self.step(&mut state, pod);
        }
    }

    fn step(&self, state: &mut State, pod: &Value) {
        let phase = pod["status"]["phase"].as_str().unwrap_or_default();
        let leaves = !pod["metadata"]["deletionTimestamp"].is_null();
        if state.running.contains_key(uid(pod)) {
            return self.attend(state, pod, leaves);
        }
        match (["Succeeded", "Failed"].contains(&phase), leaves) {
            (true, _) => {}
            (false, true) => self.leave(state, pod, &json!({"phase": "Failed"})),
            (false, false) => {
                if let Err(obstacle) = self.admit(state, pod) {
                    self.say(state, pod, obstacle);
                }
            }
        }
    }

    /// Looks after a process.
    fn attend(&self, state: &mut State, pod: &Value, leaves: bool) {
        let Some(one) = state.running.get_mut(uid(pod)) else { return };
        if leaves && one.deadline.is_none() {
            one.process.signal_if_running("TERM");
            let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_u64().unwrap_or(30);
            one.deadline = Some(Instant::now() + Duration::from_secs(grace));
        }
        if one.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            one.process.kill();
        }
        if one.process.is_running() {
            return;
        }
        let Some(one) = state.running.remove(uid(pod)) else { return };
        let finished = one.process.wait(LIMIT);
        let code = finished.code().or_else(|| finished.signal().map(|signal| 128 + signal)).unwrap_or(255);
        state.logs.entry(one.object).or_default().push_str(&finished.stderr);
        let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        let message = if code == 0 { "" } else { tail(&finished.stderr) };
        let ended = json!({"terminated": {"exitCode": code, "reason": reason, "message": message}});
        let status = json!({"phase": phase, "containerStatuses": [container(&ended)]});
        if leaves { self.leave(state, pod, &status) } else { self.say(state, pod, status) }
    }

    /// Starts the container, or returns the reason why it cannot.
    fn admit(&self, state: &mut State, pod: &Value) -> Result<(), Value> {
        let folder = self.folder.path().join(uid(pod));
        let mounts = self.mount(pod, &folder)?;
        let env = self.environment(&pod["spec"]["containers"][0])?;
        if state.running.contains_key(uid(pod)) {
            return Ok(());
        }
        std::fs::create_dir_all(folder.join("tmp")).expect("make a folder");
        // A pod that is gone already is seen to be in the next round.
        let Some(config) = self.identity(pod, &folder) else { return Ok(()) };
        let arguments = pod["spec"]["containers"][0]["args"].as_array().cloned().unwrap_or_default();
        let arguments =
            arguments.iter().filter_map(Value::as_str).map(|argument| here(&plain(argument), &mounts));
        let mut runner = Runner::new().args(arguments).current_dir(&folder);
        runner = runner
            .env("KUBECONFIG", config)
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", self.namespace.server().port().to_string())
            .env("HOSTNAME", name(pod))
            .env("TMPDIR", folder.join("tmp"));
        for (variable, value) in env {
            runner = runner.env(variable, value);
        }
        let process = runner.spawn();
        let mut reaper = Reaper::watch(&folder);
        reaper.process(Some(process.pid()));
        let object = pod["metadata"]["labels"]["bootstrap.kasho.io/replica-bootstrap"].as_str();
        let object = object.unwrap_or_default().to_owned();
        state.started.push(object.clone());
        let one = Container { object: object.clone(), process, deadline: None, _reaper: reaper };
        state.running.insert(uid(pod).to_owned(), one);
        let now = state.running.values().filter(|one| one.object == object).count();
        let most = state.most.entry(object).or_default();
        *most = now.max(*most);
        let runs = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        let status = json!({"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [container(&runs)]});
        self.say(state, pod, status);
        Ok(())
    }

    /// The pod's volumes: where they are mounted, and where they are here. Binds the pod when its claims are there.
    fn mount(&self, pod: &Value, folder: &Path) -> Result<Vec<(String, PathBuf)>, Value> {
        let volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        let mut places = HashMap::new();
        for volume in &volumes {
            let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() else { continue };
            let there = self.namespace.try_get("PersistentVolumeClaim", claim).is_some();
            let place = lock(&self.claims).get(claim).cloned().filter(|_| there);
            let place = place.ok_or_else(|| {
                let words = format!("persistentvolumeclaim \"{claim}\" not found");
                json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}]})
            })?;
            places.insert(volume["name"].clone().to_string(), place);
        }
        let unbound = pod["spec"]["nodeName"].is_null();
        if unbound {
            self.namespace.the_pod(pod).bind();
        }
        for volume in &volumes {
            let (kind, given) = match &volume["secret"] {
                Value::Null => ("ConfigMap", &volume["configMap"]),
                secret => ("Secret", secret),
            };
            let Some(map) = given["name"].as_str().or(given["secretName"].as_str()) else { continue };
            let Some(found) = self.namespace.try_get(kind, map) else {
                let words = format!(
                    "MountVolume.SetUp failed for volume {} : {} \"{map}\" not found",
                    volume["name"],
                    kind.to_ascii_lowercase()
                );
                if unbound {
                    self.namespace.the_pod(pod).fail_mount(&words);
                }
                return Err(waits("ContainerCreating", ""));
            };
            let place = folder.join(volume["name"].as_str().unwrap_or_default());
            std::fs::create_dir_all(&place).expect("make a folder");
            for item in given["items"].as_array().into_iter().flatten() {
                let text =
                    found["data"][item["key"].as_str().unwrap_or_default()].as_str().unwrap_or_default();
                let bytes = match kind {
                    "Secret" => {
                        base64::engine::general_purpose::STANDARD.decode(text).expect("a Secret's base64")
                    }
                    _ => text.as_bytes().to_vec(),
                };
                std::fs::write(place.join(item["path"].as_str().unwrap_or_default()), bytes)
                    .expect("write a file of a volume");
            }
            places.insert(volume["name"].clone().to_string(), place);
        }
        let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().cloned().unwrap_or_default();
        let mounted = mounts.iter().filter_map(|mount| {
            let place = places.get(&mount["name"].to_string())?.clone();
            Some((mount["mountPath"].as_str()?.to_owned(), place))
        });
        Ok(mounted.collect())
    }

    /// The container's environment.
    fn environment(&self, container: &Value) -> Result<Vec<(String, String)>, Value> {
        let mut all = Vec::new();
        for variable in container["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().unwrap_or_default().to_owned();
            if let Some(value) = variable["value"].as_str() {
                all.push((name, value.to_owned()));
                continue;
            }
            let (secret, map) =
                (&variable["valueFrom"]["secretKeyRef"], &variable["valueFrom"]["configMapKeyRef"]);
            let (kind, from) = if secret.is_object() { ("Secret", secret) } else { ("ConfigMap", map) };
            match self.value(kind, from) {
                Ok(value) => all.push((name, value)),
                Err(_) if from["optional"] == true => {}
                Err(words) => return Err(waits("CreateContainerConfigError", &words)),
            }
        }
        Ok(all)
    }

    fn value(&self, kind: &str, from: &Value) -> Result<String, String> {
        let (name, key) =
            (from["name"].as_str().unwrap_or_default(), from["key"].as_str().unwrap_or_default());
        let found = self.namespace.try_get(kind, name);
        let found = found.ok_or_else(|| format!("{} \"{name}\" not found", kind.to_lowercase()))?;
        let missing = || format!("couldn't find key {key} in {kind} {}/{name}", self.namespace.name());
        let text = found["data"][key].as_str().ok_or_else(missing)?;
        if kind == "ConfigMap" {
            return Ok(text.to_owned());
        }
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text);
        Ok(String::from_utf8(bytes.expect("base64")).expect("text"))
    }

    /// A configuration with the ServiceAccount's token, as long as pod and account are there.
    fn identity(&self, pod: &Value, folder: &Path) -> Option<PathBuf> {
        let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
        let (token, config) = (folder.join("token"), folder.join("kubeconfig"));
        let text = match self.namespace.try_token(account, Some(pod)) {
            Ok(text) => text,
            Err(refusal) if [404, 409].contains(&refusal.status) => return None,
            Err(refusal) => panic!("a token of {account}: {refusal:?}"),
        };
        std::fs::write(&token, text).expect("write the token");
        self.namespace.server().write_kubeconfig(&config, &token, self.namespace.name());
        Some(config)
    }

    /// The last word about a pod that is being deleted.
    fn leave(&self, state: &mut State, pod: &Value, status: &Value) {
        self.say(state, pod, status.clone());
        self.namespace.the_pod(pod).remove();
    }

    /// Writes a pod's status, once. A pod that is gone meanwhile is none of ours any more.
    fn say(&self, state: &mut State, pod: &Value, status: Value) {
        if state.said.get(uid(pod)) == Some(&status) {
            return;
        }
        let patch = json!({"metadata": {"uid": uid(pod)}, "status": status});
        match self.namespace.try_patch("Pod/status", name(pod), &patch) {
            Ok(_) => drop(state.said.insert(uid(pod).to_owned(), status)),
            Err(refusal) => assert!([404, 409].contains(&refusal.status), "{refusal:?}: {patch}"),
        }
    }
}

/// The argument as the program gets it: a real kubelet puts variables in the place of `$(NAME)`, and `$` in that of `$$`.
fn plain(argument: &str) -> String {
    assert!(!argument.replace("$$", "").contains("$("), "{argument} would read a variable");
    argument.replace("$$", "$")
}

/// An argument for this machine: a path under a mount is replaced, and no two processes share a port.
fn here(argument: &str, mounts: &[(String, PathBuf)]) -> String {
    let Some((option, value)) = argument.split_once('=') else { return argument.to_owned() };
    if option == "--metrics-addr" {
        return format!("{option}=127.0.0.1:0");
    }
    let inside = mounts.iter().find_map(|(mount, place)| {
        let rest = value.strip_prefix(mount.as_str())?.strip_prefix('/')?;
        Some(place.join(rest).display().to_string())
    });
    format!("{option}={}", inside.unwrap_or_else(|| value.to_owned()))
}

fn waits(reason: &str, message: &str) -> Value {
    let state = json!({"waiting": {"reason": reason, "message": message}});
    json!({"phase": "Pending", "containerStatuses": [container(&state)]})
}

fn tail(log: &str) -> &str {
    let begin = log.len().saturating_sub(MESSAGE);
    let begin = (begin..=log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(0);
    &log[begin..]
}

fn uid(pod: &Value) -> &str {
    pod["metadata"]["uid"].as_str().unwrap_or_default()
}

fn name(pod: &Value) -> &str {
    pod["metadata"]["name"].as_str().unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
