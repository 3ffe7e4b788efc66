//! Pure: the state of pods, from their conditions, the states of their containers, and events.

use crds::conditions::Reason;
use crds::v1alpha1::{LastError, Phase};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::build::CONTAINER;
use super::causes::{self, Cause, Place, cause};
use crate::exit;

/// The longest message that goes into the status, in bytes.
const LONGEST: usize = 800;

/// The state of a pod that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// The runner is running.
    Running,
    /// Anything else: the phase of the run, the reason and its message.
    Other(Phase, Reason, String),
}

impl Doing {
    fn waiting((reason, text): (Reason, String)) -> Self {
        Self::Other(Phase::Pending, reason, clip(&text))
    }
}

/// Whether the pod has ended.
#[must_use]
pub fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether the pod has ended without success.
#[must_use]
pub fn has_failed(pod: &Pod) -> bool {
    phase(pod) == "Failed"
}

/// Whether the newest pod has ended in a way that also ends its Job: with success, or with a fatal code.
#[must_use]
pub fn is_decided(pods: &[&Pod]) -> bool {
    newest(pods, |_| true).is_some_and(|pod| match phase(pod) {
        "Succeeded" => true,
        "Failed" => {
            disruption(pod).is_none()
                && failure(pod).exit_code.is_some_and(|code| exit::FATAL.contains(&code))
        }
        _ => false,
    })
}

/// The newest of the pods for which this is true.
fn newest<'a>(pods: &[&'a Pod], wanted: impl Fn(&Pod) -> bool) -> Option<&'a Pod> {
    pods.iter().copied().filter(|pod| wanted(pod)).max_by_key(|pod| created(pod))
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// The state of the newest pod that has not ended; `None` if all have. `warnings` are events about pods.
#[must_use]
pub fn doing(pods: &[&Pod], warnings: &[&Event]) -> Option<Doing> {
    let pod = newest(pods, |pod| !has_ended(pod))?;
    if is_lost(pod) {
        return Some(Doing::Other(Phase::Running, Reason::NodeLost, lost(pod)));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(stopping(pod));
    }
    let state = runner(pod).and_then(|container| container.state.as_ref());
    let Some(state) = state.filter(|state| **state != ContainerState::default()) else {
        let runs = phase(pod) == "Running";
        return Some(if runs { Doing::Running } else { Doing::waiting(starting(pod, warnings)) });
    };
    if state.running.is_some() {
        return Some(Doing::Running);
    }
    if let Some(ended) = &state.terminated {
        return Some(outlived(pod, ended));
    }
    Some(Doing::waiting(waiting(pod, state, warnings)))
}

/// Whether the node of a running pod does not answer. Then the node controller, and no kubelet, says that the pod is not
/// ready: without a reason, and its containers stay ready.
fn is_lost(pod: &Pod) -> bool {
    let unready =
        condition(pod, "Ready").is_some_and(|(status, word, _)| status == "False" && word.is_empty());
    let containers_ready = condition(pod, "ContainersReady").is_none_or(|(status, ..)| status == "True");
    phase(pod) == "Unknown" || (phase(pod) == "Running" && unready && containers_ready)
}

fn lost(pod: &Pod) -> String {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("of the pod");
    format!(
        "the node {node} does not answer, and its pod may still write, so no other pod is started. The run goes on when the node is back. If it is lost for good: kubectl delete node {node}, or give it the taint node.kubernetes.io/out-of-service=nodeshutdown:NoExecute; then another pod resumes from the checkpoint"
    )
}

/// The pod is being deleted.
fn stopping(pod: &Pod) -> Doing {
    let why = disruption(pod).map(|(word, message)| format!(" ({})", causes::text(word, message, "")));
    let text = format!("the pod is being stopped{}; another one will be started", why.unwrap_or_default());
    Doing::Other(Phase::Running, Reason::Retrying, clip(&text))
}

/// The runner has ended, and other containers have not.
fn outlived(pod: &Pod, ended: &ContainerStateTerminated) -> Doing {
    let all = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let running = |one: &&ContainerStatus| one.state.as_ref().is_some_and(|state| state.running.is_some());
    let names: Vec<_> = all.filter(running).map(|one| one.name.as_str()).collect();
    let text = match names.as_slice() {
        [] => format!("the runner has ended with exit code {}; its pod will end soon", ended.exit_code),
        names => format!(
            "the runner has ended with exit code {}; the Job ends when these containers of the pod have ended: {}",
            ended.exit_code,
            names.join(", ")
        ),
    };
    Doing::Other(Phase::Running, Reason::Running, clip(&text))
}

/// Why the runner's container waits.
fn waiting(pod: &Pod, state: &ContainerState, warnings: &[&Event]) -> (Reason, String) {
    let waiting = state.waiting.as_ref();
    let word = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or_default();
    let message = waiting.and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
    if is_ordinary(word) {
        return starting(pod, warnings);
    }
    told(Place::Waiting, word, message, Reason::PodStarting)
}

/// A state that every container has before its start.
fn is_ordinary(word: &str) -> bool {
    matches!(word, "" | "ContainerCreating" | "PodInitializing")
}

/// A cause of the table, or the words themselves with the given reason.
fn told(place: Place, word: &str, message: &str, otherwise: Reason) -> (Reason, String) {
    let cause = cause(place, word, message).unwrap_or(Cause { reason: otherwise, advice: "" });
    (cause.reason, causes::text(word, message, cause.advice))
}

/// Why no container was started yet: the scheduler, an init container, or what an event reports.
fn starting(pod: &Pod, warnings: &[&Event]) -> (Reason, String) {
    if let Some(("False", word, message)) = condition(pod, "PodScheduled") {
        let (reason, text) = told(Place::Scheduling, word, message, Reason::Unschedulable);
        let text = text.strip_prefix("Unschedulable: ").unwrap_or(&text);
        return (reason, format!("no node can run the pod: {text}"));
    }
    if let Some(told) = initialising(pod) {
        return told;
    }
    // With volumes, sandbox and network there, what was reported before is over.
    let is_prepared = matches!(condition(pod, "PodReadyToStartContainers"), Some(("True", ..)));
    let uid = pod.metadata.uid.as_deref();
    let event = warnings
        .iter()
        .filter(|event| event.involved_object.uid.as_deref() == uid && !is_prepared)
        .filter(|event| event.reason.as_deref().is_none_or(causes::tells))
        .max_by_key(|event| seen(event));
    let Some(event) = event else {
        return (Reason::PodStarting, "the pod is being started".to_owned());
    };
    let word = event.reason.as_deref().unwrap_or_default();
    told(Place::Event, word, event.message.as_deref().unwrap_or_default(), Reason::PodStarting)
}

/// Why an init container, such as a sidecar that somebody else has added, holds the runner up.
fn initialising(pod: &Pod) -> Option<(Reason, String)> {
    let all = pod.status.as_ref()?.init_container_statuses.as_ref()?;
    all.iter().find_map(|one| {
        let state = one.state.as_ref()?;
        let (reason, text) = if let Some(ended) = &state.terminated {
            let message = ended.message.as_deref().unwrap_or_default();
            let failed =
                (ended.exit_code != 0).then(|| format!("has ended with exit code {}", ended.exit_code))?;
            (Reason::ContainerStartFailed, causes::text(&failed, message.trim(), ""))
        } else {
            let waiting = state.waiting.as_ref()?;
            let word = waiting.reason.as_deref().filter(|word| !is_ordinary(word))?;
            let message = waiting.message.as_deref().unwrap_or_default();
            let (reason, text) = told(Place::Waiting, word, message, Reason::PodStarting);
            (reason, format!("waits: {text}"))
        };
        Some((reason, format!("the init container {} {text}", one.name)))
    })
}

fn seen(event: &Event) -> Option<Timestamp> {
    event.last_timestamp.as_ref().map(|time| time.0).or_else(|| event.event_time.as_ref().map(|time| time.0))
}

/// Why the Job has no pod: the newest refusal since its last pod.
#[must_use]
pub fn refusal(job: Option<&str>, pods: &[&Pod], refusals: &[&Event]) -> Option<String> {
    let last = pods.iter().filter_map(|pod| created(pod)).max();
    let event = refusals
        .iter()
        .filter(|event| event.involved_object.uid.as_deref() == job)
        .max_by_key(|event| seen(event))?;
    let is_over = last.is_some_and(|last| seen(event).is_some_and(|seen| seen <= last));
    (!is_over).then(|| clip(event.message.as_deref().unwrap_or_default()))
}

/// Why the last failed pod has failed.
#[must_use]
pub fn last_failure(pods: &[&Pod]) -> Option<LastError> {
    newest(pods, has_failed).map(failure)
}

fn failure(pod: &Pod) -> LastError {
    let ended = runner(pod).and_then(ended);
    let (reason, message) = if let Some((word, message)) = disruption(pod) {
        let words = if message.is_empty() { word } else { message };
        let reason = cause(Place::Disruption, word, message).map_or(Reason::Killed, |cause| cause.reason);
        (reason, format!("the pod was evicted: {words}"))
    } else if let Some(ended) = ended {
        of_code(ended)
    } else {
        of_pod(pod)
    };
    LastError {
        reason: reason.as_str().to_owned(),
        message: clip(&message),
        exit_code: ended.map(|ended| ended.exit_code),
        pod: Some(pod.name_any()),
    }
}

/// The runner has ended with an exit code.
fn of_code(ended: &ContainerStateTerminated) -> (Reason, String) {
    let log = ended.message.as_deref().unwrap_or_default();
    let word = ended.reason.as_deref().unwrap_or_default();
    let (mut reason, mut meaning) = exit::meaning(ended.exit_code);
    let known = cause(Place::Ended, word, log);
    if let Some(cause) = known {
        reason = cause.reason;
        meaning = if cause.advice.is_empty() {
            "the node was lost, and the end of the pod with it"
        } else {
            cause.advice
        };
    }
    // A container that could not be started has no log: the message is the kubelet's.
    let quoted = (reason == Reason::ContainerStartFailed).then(|| log.trim().to_owned());
    let own = own_words(log).or(quoted).map(|words| format!(": {words}"));
    (reason, format!("exit code {}: {meaning}{}", ended.exit_code, own.unwrap_or_default()))
}

/// The runner has never run, or nobody knows how it has ended.
fn of_pod(pod: &Pod) -> (Reason, String) {
    let status = pod.status.as_ref();
    let word = status.and_then(|status| status.reason.as_deref()).unwrap_or_default();
    let message = status.and_then(|status| status.message.as_deref()).unwrap_or_default();
    if word.is_empty() && message.is_empty() {
        if let Some((reason, text)) = initialising(pod) {
            return (reason, text);
        }
        return (Reason::Killed, "the pod failed, and nothing says why".to_owned());
    }
    let (reason, text) = told(Place::Pod, word, message, Reason::Killed);
    (reason, format!("the pod failed: {text}"))
}

/// Reason and message of the condition that says that something else ended the pod.
fn disruption(pod: &Pod) -> Option<(&str, &str)> {
    match condition(pod, "DisruptionTarget")? {
        ("True", "", "") => Some(("the node was drained", "")),
        ("True", word, message) => Some((word, message)),
        _ => None,
    }
}

/// Status, reason and message of a condition.
fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let all = pod.status.as_ref()?.conditions.as_ref()?;
    let one = all.iter().find(|one| one.type_ == kind)?;
    let or_empty = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    Some((one.status.as_str(), or_empty(&one.reason), or_empty(&one.message)))
}

/// The runner's last error in its JSON log, which the kubelet keeps as the termination message.
fn own_words(log: &str) -> Option<String> {
    log.lines().rev().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let error = line.get("level")?.as_str()? == "ERROR";
        error.then(|| line.get("message")?.as_str().map(str::to_owned)).flatten()
    })
}

fn runner(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|container| container.name == CONTAINER)
}

fn ended(container: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    container.state.as_ref()?.terminated.as_ref()
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// The beginning of a text, if it is too long for a status.
#[must_use]
pub fn clip(text: &str) -> String {
    let text = text.trim();
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests;
