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

/// The event's reason, when it was seen, and its message.
fn warning(uid: &str, reason: &str, second: i64, message: &str) -> Event {
    serde_json::from_value(
        json!({"metadata": {}, "involvedObject": {"uid": uid}, "reason": reason, "message": message,
        "lastTimestamp": format!("2026-01-01T00:00:{second:02}Z")}),
    )
    .unwrap()
}

/// A status with these conditions: type, status, reason, message.
fn under(mut status: serde_json::Value, conditions: &[[&str; 4]]) -> serde_json::Value {
    let condition = |[kind, is, reason, message]: &[&str; 4]| json!({"type": kind, "status": is, "reason": reason, "message": message});
    status["conditions"] = conditions.iter().map(condition).collect();
    status
}

fn unscheduled(reason: &str, message: &str) -> serde_json::Value {
    under(json!({"phase": "Pending"}), &[["PodScheduled", "False", reason, message]])
}

fn state(name: &str, state: serde_json::Value) -> serde_json::Value {
    json!({"name": name, "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": state})
}

/// An init container in this state, for which the runner waits.
fn init(of: serde_json::Value) -> serde_json::Value {
    let mut status = waits(json!({"reason": "PodInitializing"}));
    status["initContainerStatuses"] = json!([state("mesh", of)]);
    status
}

fn running() -> serde_json::Value {
    json!({"phase": "Running", "containerStatuses": [state("runner", json!({"running": {}}))]})
}

const CREATING: &str = "ContainerCreating";

/// A pod's status, the events about it, and what must be said of it.
type Case = (serde_json::Value, Vec<Event>, Phase, Reason, &'static str);

fn case(status: serde_json::Value, reason: Reason, words: &'static str) -> Case {
    (status, vec![], Phase::Pending, reason, words)
}

/// While the runner's container waits for this.
fn of_word(word: &str, message: &str, reason: Reason, words: &'static str) -> Case {
    case(waits(json!({"reason": word, "message": message})), reason, words)
}

/// While the container is being created, and an event reports this.
fn of_event(word: &str, message: &str, reason: Reason, words: &'static str) -> Case {
    (waits(json!({"reason": CREATING})), vec![warning("p", word, 1, message)], Phase::Pending, reason, words)
}

#[test]
fn a_pod_that_does_not_run_says_why() {
    let mount = "MountVolume.SetUp failed for volume \"ca\" : configmap \"cas\" not found";
    let multi = "Multi-Attach error for volume \"pv\" Volume is already used by pod(s) other";
    let sandbox = "Failed to create pod sandbox: plugin type=\"calico\" failed (add)";
    let entrypoint = "exec: \"pg-bootstrap-sync\": executable file not found in $PATH";
    let older = warning("p", "FailedMount", 1, "timed out");
    let of_other = warning("q", "FailedMount", 9, "configmap \"no\" not found");
    let prepared =
        under(waits(json!({"reason": CREATING})), &[["PodReadyToStartContainers", "True", "", ""]]);
    let table = [
        case(
            unscheduled("Unschedulable", "1 Insufficient memory."),
            Reason::Unschedulable,
            "no node can run the pod: 1 Insufficient memory.",
        ),
        case(
            unscheduled("Unschedulable", "persistentvolumeclaim \"dumps\" not found"),
            Reason::VolumeMissing,
            "\"dumps\"",
        ),
        case(
            unscheduled("Unschedulable", "pod has unbound immediate PersistentVolumeClaims"),
            Reason::VolumeMissing,
            "unbound",
        ),
        case(
            unscheduled("SchedulingGated", "Scheduling is blocked"),
            Reason::Unschedulable,
            "SchedulingGated: Scheduling is blocked; whoever",
        ),
        case(unscheduled("SchedulerError", "no lease"), Reason::Unschedulable, "SchedulerError: no lease"),
        of_word("ErrImagePull", "not found", Reason::ImagePullFailed, "ErrImagePull: not found"),
        of_word("ImagePullBackOff", "Back-off pulling \"r:1\"", Reason::ImagePullFailed, "r:1"),
        of_word("ErrImagePull", "no match for platform in manifest", Reason::ImagePullFailed, "architecture"),
        of_word(
            "CreateContainerConfigError",
            "secret \"redis\" not found",
            Reason::ConfigMissing,
            "\"redis\"",
        ),
        of_word(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root",
            Reason::ContainerStartFailed,
            "another user",
        ),
        of_word(
            "CreateContainerError",
            "no command specified",
            Reason::ContainerStartFailed,
            "spec.runner.image",
        ),
        of_word(
            "CreateContainerError",
            "context deadline exceeded",
            Reason::ContainerStartFailed,
            "deadline",
        ),
        of_word("RunContainerError", entrypoint, Reason::ContainerStartFailed, "does not start the runner"),
        of_word("RunContainerError", "exec format error", Reason::ContainerStartFailed, "architecture"),
        of_word("SomethingNew", "no such thing", Reason::PodStarting, "SomethingNew: no such thing"),
        of_word(CREATING, "", Reason::PodStarting, "the pod is being started"),
        case(json!({}), Reason::PodStarting, "the pod is being started"),
        of_event("FailedMount", mount, Reason::ConfigMissing, "configmap \"cas\" not found"),
        of_event(
            "FailedMount",
            "MountVolume.MountDevice failed for volume \"pv\"",
            Reason::VolumeMissing,
            "\"pv\"",
        ),
        of_event(
            "FailedAttachVolume",
            "AttachVolume.Attach failed for volume \"pv\"",
            Reason::VolumeMissing,
            "AttachVolume",
        ),
        of_event("FailedAttachVolume", multi, Reason::VolumeMissing, "still attached to another node"),
        of_event("FailedCreatePodSandBox", sandbox, Reason::SandboxFailed, "calico"),
        of_event("NetworkNotReady", "network is not ready", Reason::SandboxFailed, "not ready"),
        of_event("SomethingNew", "no such thing", Reason::PodStarting, "SomethingNew: no such thing"),
        of_event("FailedScheduling", "0/1 nodes", Reason::PodStarting, "being started"),
        (
            waits(json!({"reason": CREATING})),
            vec![older.clone(), warning("p", "NetworkNotReady", 2, "x")],
            Phase::Pending,
            Reason::SandboxFailed,
            "x",
        ),
        (
            waits(json!({"reason": CREATING})),
            vec![of_other],
            Phase::Pending,
            Reason::PodStarting,
            "being started",
        ),
        // What an event has reported is over.
        (prepared, vec![older.clone()], Phase::Pending, Reason::PodStarting, "being started"),
        (
            waits(json!({"reason": "ErrImagePull", "message": "m"})),
            vec![older],
            Phase::Pending,
            Reason::ImagePullFailed,
            "m",
        ),
        case(
            init(json!({"waiting": {"reason": "ImagePullBackOff", "message": "m"}})),
            Reason::ImagePullFailed,
            "the init container mesh waits: ImagePullBackOff: m",
        ),
        case(
            init(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "m"}})),
            Reason::ContainerStartFailed,
            "mesh",
        ),
        case(
            init(json!({"terminated": {"exitCode": 1, "message": "iptables"}})),
            Reason::ContainerStartFailed,
            "mesh has ended with exit code 1: iptables",
        ),
        case(init(json!({"running": {}})), Reason::PodStarting, "being started"),
    ];
    for (number, (status, events, phase, reason, words)) in table.into_iter().enumerate() {
        let told = doing(&[&pod("p", status)], &events.iter().collect::<Vec<_>>());
        let Some(Doing::Other(at, because, text)) = told else { panic!("row {number}: {told:?}") };
        assert_eq!((at, because), (phase, reason), "row {number}: {text}");
        assert!(text.contains(words), "row {number}: {text}");
    }
}

#[test]
fn a_running_pod_may_be_lost_or_held_up() {
    let ready = |is, reason: &str| {
        under(running(), &[["Ready", is, reason, ""], ["ContainersReady", "True", "", ""]])
    };
    let mut beside = running();
    beside["containerStatuses"] = json!([
        state("runner", json!({"terminated": {"exitCode": 0}})),
        state("mesh", json!({"running": {}}))
    ]);
    let mut held_up =
        waits(json!({"reason": "CreateContainerConfigError", "message": "secret \"r\" not found"}));
    held_up["phase"] = json!("Running");
    held_up["containerStatuses"].as_array_mut().unwrap().push(state("mesh", json!({"running": {}})));
    let table = [
        (running(), None),
        (json!({"phase": "Running"}), None),
        (ready("True", ""), None),
        (ready("False", "ReadinessGatesNotReady"), None),
        (
            under(
                running(),
                &[["Ready", "False", "", ""], ["ContainersReady", "False", "ContainersNotReady", ""]],
            ),
            None,
        ),
        (ready("False", ""), Some((Phase::Running, Reason::NodeLost, "kubectl delete node n-1"))),
        (json!({"phase": "Unknown"}), Some((Phase::Running, Reason::NodeLost, "out-of-service"))),
        (beside, Some((Phase::Running, Reason::Running, "these containers of the pod have ended: mesh"))),
        (held_up, Some((Phase::Pending, Reason::ConfigMissing, "\"r\""))),
    ];
    for (number, (status, wanted)) in table.into_iter().enumerate() {
        let mut pod = pod("p", status);
        pod.spec = serde_json::from_value(json!({"nodeName": "n-1", "containers": []})).unwrap();
        match (doing(&[&pod], &[]), wanted) {
            (Some(Doing::Running), None) => {}
            (Some(Doing::Other(phase, reason, text)), Some(wanted)) => {
                assert_eq!((phase, reason), (wanted.0, wanted.1), "row {number}");
                assert!(text.contains(wanted.2), "row {number}: {text}");
            }
            (told, _) => panic!("row {number}: {told:?}"),
        }
    }
}

#[test]
fn a_pod_that_is_stopped_says_by_whom() {
    let evicted = ["DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting"];
    let unready = ["Ready", "False", "", ""];
    let table = [
        (running(), Reason::Retrying, "the pod is being stopped; another"),
        (under(running(), &[evicted]), Reason::Retrying, "(EvictionByEvictionAPI: Eviction API: evicting)"),
        (under(running(), &[unready]), Reason::NodeLost, "does not answer"),
    ];
    for (status, wanted, words) in table {
        let mut pod = pod("p", status);
        pod.metadata.deletion_timestamp = Some(crate::controller::fixtures::at(0));
        let Some(Doing::Other(Phase::Running, reason, text)) = doing(&[&pod], &[]) else { panic!("{words}") };
        assert!(reason == wanted && text.contains(words), "{reason:?}: {text}");
    }
    assert_eq!(doing(&[&pod("p", ended(json!({"exitCode": 3})))], &[]), None);
}

#[test]
fn a_refusal_is_over_when_there_was_a_pod_since() {
    let refusal = warning("job-1", "FailedCreate", 3, "exceeded quota");
    let told = |pods: &[&Pod]| super::refusal(Some("job-1"), pods, &[&refusal]);
    assert_eq!(told(&[]).as_deref(), Some("exceeded quota"));
    // It was created five seconds after the minute.
    let mut pod = pod("p", ended(json!({"exitCode": 11})));
    assert_eq!(told(&[&pod]), None);
    pod.metadata.creation_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:01Z")).unwrap());
    assert_eq!(told(&[&pod]).as_deref(), Some("exceeded quota"));
}

/// How a pod has failed, the reason that must be told, and words of the message.
#[test]
fn a_failed_pod_says_why() {
    let start = "failed to start container: exec: \"pg-bootstrap-sync\": executable file not found in $PATH";
    let by = |reason, message| {
        under(ended(json!({"exitCode": 143})), &[["DisruptionTarget", "True", reason, message]])
    };
    let mut unstarted = init(json!({"terminated": {"exitCode": 7, "message": "iptables"}}));
    unstarted["phase"] = json!("Failed");
    let of_node = |reason, message| json!({"phase": "Failed", "reason": reason, "message": message});
    let table = [
        (ended(json!({"exitCode": 137, "reason": "OOMKilled"})), Reason::OutOfMemory, "memory limit: raise"),
        (
            ended(json!({"exitCode": 128, "reason": "StartError", "message": start})),
            Reason::ContainerStartFailed,
            "executable file not found",
        ),
        (
            ended(json!({"exitCode": 128, "reason": "StartError", "message": "exec format error"})),
            Reason::ContainerStartFailed,
            "architecture",
        ),
        (
            ended(json!({"exitCode": 255, "reason": "Error", "message": "exec /x: exec format error"})),
            Reason::ContainerStartFailed,
            "architecture",
        ),
        (
            ended(json!({"exitCode": 137, "reason": "ContainerStatusUnknown"})),
            Reason::NodeLost,
            "node was lost",
        ),
        (ended(json!({"exitCode": 137, "reason": "Error"})), Reason::Killed, "exit code 137"),
        (ended(json!({"exitCode": 77, "reason": "Error"})), Reason::UnknownExit, "exit code 77"),
        (
            by("EvictionByEvictionAPI", "Eviction API: evicting"),
            Reason::Killed,
            "the pod was evicted: Eviction API: evicting",
        ),
        (by("PreemptionByScheduler", "preempting"), Reason::Killed, "preempting"),
        (by("DeletionByTaintManager", "NoExecute taint"), Reason::Killed, "NoExecute taint"),
        (by("DeletionByPodGC", "node not found"), Reason::NodeLost, "node not found"),
        (by("", ""), Reason::Killed, "the node was drained"),
        (of_node("Evicted", "low on memory"), Reason::Killed, "the pod failed: Evicted: low on memory"),
        (of_node("OutOfcpu", "Pod was rejected"), Reason::Unschedulable, "rejected"),
        (of_node("UnexpectedAdmissionError", "no device"), Reason::Unschedulable, "no device"),
        (of_node("NodeLost", "Node is unresponsive"), Reason::NodeLost, "unresponsive"),
        (of_node("SomethingNew", "no such thing"), Reason::Killed, "SomethingNew: no such thing"),
        (json!({"phase": "Failed"}), Reason::Killed, "nothing says why"),
        (
            unstarted,
            Reason::ContainerStartFailed,
            "the init container mesh has ended with exit code 7: iptables",
        ),
    ];
    for (number, (status, reason, words)) in table.into_iter().enumerate() {
        let error = last_failure(&[&pod("p", status)]).unwrap();
        assert_eq!(error.reason, reason.as_str(), "row {number}: {}", error.message);
        assert!(error.message.contains(words), "row {number}: {}", error.message);
    }
}

#[test]
fn a_failed_pod_says_why_in_the_runners_words() {
    let log = "{\"level\":\"INFO\",\"message\":\"x\"}\n{\"level\":\"ERROR\",\"message\":\"shop.sql: the dump is cut off\",\"exit_code\":3}\n";
    let error = last_failure(&[&pod("p", ended(json!({"exitCode": 3, "message": log})))]).unwrap();
    assert_eq!((error.reason.as_str(), error.exit_code), ("DumpBroken", Some(3)));
    assert!(error.message.ends_with("shop.sql: the dump is cut off"), "{}", error.message);
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let text = "ä".repeat(1000);
    let short = clip(&text);
    assert!(short.len() <= LONGEST + 3 && short.ends_with('…'));
}
