//! Pure: the state of pods, from their status and their events.

use crds::conditions::Reason;
use crds::v1alpha1::LastError;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::ResourceExt;

use super::build::CONTAINER;
use crate::exit;

/// The longest message that goes into the status, in bytes.
const LONGEST: usize = 800;

/// The state of a pod that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// Its container is running.
    Running,
    /// It is being stopped.
    Stopping,
    /// It waits.
    Waiting(Reason, String),
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
    let newest = pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    newest.is_some_and(|pod| match phase(pod) {
        "Succeeded" => true,
        "Failed" => {
            disruption(pod).is_none()
                && failure(pod).exit_code.is_some_and(|code| exit::FATAL.contains(&code))
        }
        _ => false,
    })
}

/// The state of the newest pod that has not ended; `None` if all have.
#[must_use]
pub fn doing(pods: &[&Pod], mounts: &[&Event]) -> Option<Doing> {
    let newest = pods
        .iter()
        .filter(|pod| !has_ended(pod))
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))?;
    if newest.metadata.deletion_timestamp.is_some() {
        return Some(Doing::Stopping);
    }
    if phase(newest) == "Running" {
        return Some(Doing::Running);
    }
    let (reason, message) = waiting(newest, mounts);
    Some(Doing::Waiting(reason, message))
}

/// Why a pod is not running: its condition, its container's state, or an event about its volumes.
fn waiting(pod: &Pod, mounts: &[&Event]) -> (Reason, String) {
    if let Some(message) = unscheduled(pod) {
        let volume = message.contains("persistentvolumeclaim") || message.contains("PersistentVolumeClaim");
        let reason = if volume { Reason::VolumeMissing } else { Reason::Unschedulable };
        return (reason, clip(&format!("no node can run the pod: {message}")));
    }
    let state = container(pod).and_then(|container| container.state.as_ref()?.waiting.as_ref());
    let word = state.and_then(|state| state.reason.as_deref()).unwrap_or_default();
    let more = state.and_then(|state| state.message.as_deref()).unwrap_or_default();
    let reason = match word {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError" => Reason::ImagePullFailed,
        "CreateContainerConfigError" => Reason::ConfigMissing,
        "" | "ContainerCreating" | "PodInitializing" => return mounting(pod, mounts),
        _ => Reason::PodStarting,
    };
    (reason, clip(&format!("{word}: {more}")))
}

fn unscheduled(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|one| {
        one.type_ == "PodScheduled" && one.status == "False" && one.reason.as_deref() == Some("Unschedulable")
    })?;
    condition.message.as_deref()
}

/// Only events show that a volume cannot be mounted.
fn mounting(pod: &Pod, mounts: &[&Event]) -> (Reason, String) {
    let uid = pod.metadata.uid.as_deref();
    let event = mounts
        .iter()
        .filter(|event| event.involved_object.uid.as_deref() == uid)
        .max_by_key(|event| seen(event));
    let Some(event) = event else {
        return (Reason::PodStarting, "the pod is being started".to_owned());
    };
    let message = event.message.as_deref().unwrap_or_default();
    let config = message.contains("configmap") || message.contains("secret");
    let reason = if config { Reason::ConfigMissing } else { Reason::VolumeMissing };
    (reason, clip(message))
}

fn seen(event: &Event) -> Option<k8s_openapi::jiff::Timestamp> {
    event.last_timestamp.as_ref().map(|time| time.0).or_else(|| event.event_time.as_ref().map(|time| time.0))
}

/// Why the Job has no pod: the newest refusal.
#[must_use]
pub fn refusal(job: Option<&str>, refusals: &[&Event]) -> Option<String> {
    let event = refusals
        .iter()
        .filter(|event| event.involved_object.uid.as_deref() == job)
        .max_by_key(|event| seen(event))?;
    Some(clip(event.message.as_deref().unwrap_or_default()))
}

/// Why the last failed pod has failed.
#[must_use]
pub fn last_failure(pods: &[&Pod]) -> Option<LastError> {
    let newest = pods
        .iter()
        .filter(|pod| phase(pod) == "Failed")
        .max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0))?;
    Some(failure(newest))
}

fn failure(pod: &Pod) -> LastError {
    let name = Some(pod.name_any());
    let ended = container(pod).and_then(|container| container.state.as_ref()?.terminated.as_ref());
    if let Some(message) = disruption(pod) {
        return LastError {
            reason: Reason::Killed.as_str().to_owned(),
            message: clip(&format!("the pod was evicted: {message}")),
            exit_code: ended.map(|ended| ended.exit_code),
            pod: name,
        };
    }
    let Some(ended) = ended else {
        let status = pod.status.as_ref();
        let words =
            [status.and_then(|one| one.reason.as_deref()), status.and_then(|one| one.message.as_deref())];
        let words: Vec<_> = words.into_iter().flatten().collect();
        return LastError {
            reason: Reason::Killed.as_str().to_owned(),
            message: clip(&format!("the pod failed: {}", words.join(": "))),
            exit_code: None,
            pod: name,
        };
    };
    let (mut reason, mut meaning) = exit::meaning(ended.exit_code);
    if ended.reason.as_deref() == Some("OOMKilled") {
        (reason, meaning) = (
            Reason::OutOfMemory,
            "the container exceeded its memory limit: raise spec.runner.resources.limits.memory",
        );
    }
    let own = ended.message.as_deref().and_then(own_words).map(|words| format!(": {words}"));
    LastError {
        reason: reason.as_str().to_owned(),
        message: clip(&format!("exit code {}: {meaning}{}", ended.exit_code, own.unwrap_or_default())),
        exit_code: Some(ended.exit_code),
        pod: name,
    }
}

/// The condition that says that something else ended the pod.
fn disruption(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|one| one.type_ == "DisruptionTarget" && one.status == "True")?;
    Some(condition.message.as_deref().or(condition.reason.as_deref()).unwrap_or("the node was drained"))
}

/// The runner's last error in its JSON log, which the kubelet keeps as the termination message.
fn own_words(log: &str) -> Option<String> {
    log.lines().rev().find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let error = line.get("level")?.as_str()? == "ERROR";
        error.then(|| line.get("message")?.as_str().map(str::to_owned)).flatten()
    })
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|container| container.name == CONTAINER)
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
mod tests {
    use super::*;
    use crate::controller::fixtures::pod;
    use serde_json::json;

    fn waits(state: serde_json::Value) -> serde_json::Value {
        json!({"phase": "Pending", "containerStatuses": [{"name": "runner", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"waiting": state}}]})
    }

    fn ended(state: serde_json::Value) -> serde_json::Value {
        json!({"phase": "Failed", "containerStatuses": [{"name": "runner", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": state}}]})
    }

    fn event(uid: &str, message: &str) -> Event {
        serde_json::from_value(json!({"metadata": {}, "involvedObject": {"uid": uid}, "message": message}))
            .unwrap()
    }

    #[test]
    fn a_waiting_pod_says_why() {
        let unscheduled = |message: &str| json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
        let table = [
            (
                unscheduled("0/1 nodes are available: 1 Insufficient memory."),
                Reason::Unschedulable,
                "Insufficient memory",
            ),
            (unscheduled("persistentvolumeclaim \"dumps\" not found"), Reason::VolumeMissing, "\"dumps\""),
            (
                waits(json!({"reason": "ImagePullBackOff", "message": "Back-off pulling image \"r:1\""})),
                Reason::ImagePullFailed,
                "r:1",
            ),
            (
                waits(
                    json!({"reason": "CreateContainerConfigError", "message": "secret \"redis\" not found"}),
                ),
                Reason::ConfigMissing,
                "\"redis\"",
            ),
            (waits(json!({"reason": "ContainerCreating"})), Reason::PodStarting, "started"),
            (
                waits(json!({"reason": "CreateContainerError", "message": "no such file"})),
                Reason::PodStarting,
                "no such file",
            ),
            (json!({}), Reason::PodStarting, "started"),
        ];
        for (status, wanted, words) in table {
            let pod = pod("p", status.clone());
            let Some(Doing::Waiting(reason, message)) = doing(&[&pod], &[]) else { panic!("{status}") };
            assert_eq!(reason, wanted, "{status}");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_volume_that_cannot_be_mounted_shows_in_events() {
        let pod = pod("p", waits(json!({"reason": "ContainerCreating"})));
        let other = event("q", "configmap \"no\" not found");
        let table = [
            (
                "MountVolume.SetUp failed for volume \"ca\" : configmap \"cas\" not found",
                Reason::ConfigMissing,
            ),
            ("MountVolume.MountDevice failed for volume \"pv\"", Reason::VolumeMissing),
        ];
        for (message, wanted) in table {
            let own = event("p", message);
            let wanted = Doing::Waiting(wanted, message.to_owned());
            assert_eq!(doing(&[&pod], &[&other, &own]), Some(wanted));
        }
    }

    #[test]
    fn running_stopping_and_nothing() {
        let running = pod("p", json!({"phase": "Running"}));
        assert_eq!(doing(&[&running], &[]), Some(Doing::Running));
        let mut stopping = running;
        stopping.metadata.deletion_timestamp = Some(crate::controller::fixtures::at(0));
        assert_eq!(doing(&[&stopping], &[]), Some(Doing::Stopping));
        assert_eq!(doing(&[&pod("p", ended(json!({"exitCode": 3})))], &[]), None);
    }

    #[test]
    fn a_failed_pod_says_why_in_the_runners_words() {
        let log = "{\"level\":\"INFO\",\"message\":\"x\"}\n{\"level\":\"ERROR\",\"message\":\"shop.sql: the dump is cut off\",\"exit_code\":3}\n";
        let error = last_failure(&[&pod("p", ended(json!({"exitCode": 3, "message": log})))]).unwrap();
        assert_eq!((error.reason.as_str(), error.exit_code), ("DumpBroken", Some(3)));
        assert!(error.message.ends_with("shop.sql: the dump is cut off"), "{}", error.message);
    }

    #[test]
    fn kills_and_evictions_are_told_apart() {
        let oom = pod("p", ended(json!({"exitCode": 137, "reason": "OOMKilled"})));
        assert_eq!(last_failure(&[&oom]).unwrap().reason, "OutOfMemory");
        let mut status = ended(json!({"exitCode": 143}));
        status["conditions"] =
            json!([{"type": "DisruptionTarget", "status": "True", "message": "Eviction API: evicting"}]);
        let error = last_failure(&[&pod("p", status)]).unwrap();
        assert_eq!(error.reason, "Killed");
        assert!(error.message.contains("Eviction API"), "{}", error.message);
        let lost = pod("p", json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}));
        assert!(last_failure(&[&lost]).unwrap().message.contains("low on memory"));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let text = "ä".repeat(1000);
        let short = clip(&text);
        assert!(short.len() <= LONGEST + 3 && short.ends_with('…'));
    }
}
