//! Pure: what Kubernetes' own words about a pod mean for its run. Words that are not in the table are quoted.

use crds::conditions::Reason;

/// Where a word was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The reason of the condition `PodScheduled`.
    Scheduling,
    /// The reason for which a container waits.
    Waiting,
    /// The reason of an event about a pod that is being started.
    Event,
    /// The reason of the condition `DisruptionTarget`.
    Disruption,
    /// The reason in the status of a pod that has failed.
    Pod,
    /// The reason for which a container has ended.
    Ended,
}

/// What it means for the run, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The reason in the status.
    pub reason: Reason,
    /// What to do; empty if the message says it.
    pub advice: &'static str,
}

/// Place, word, a part of the message in lower case (empty for any), and the cause. The first match counts.
type Row = (Place, &'static str, &'static str, Reason, &'static str);

const ARCHITECTURE: &str = "the image is not for the architecture of the node: choose another one in spec.runner.image, or nodes in spec.runner.nodeSelector";
const ENTRYPOINT: &str =
    "the image does not start the runner: choose an image of pg-bootstrap-sync in spec.runner.image";
const ATTACHED: &str = "the volume is still attached to another node: the pod there must end first, or choose a volume that several nodes can mount";
const MEMORY: &str = "the container exceeded its memory limit: raise spec.runner.resources.limits.memory";

#[rustfmt::skip]
const TABLE: [Row; 45] = [
    (Place::Scheduling, "Unschedulable", "persistentvolumeclaim", Reason::VolumeMissing, ""),
    (Place::Scheduling, "Unschedulable", "", Reason::Unschedulable, ""),
    (Place::Scheduling, "SchedulingGated", "", Reason::Unschedulable, "whoever has put the scheduling gate on the pod must remove it"),
    (Place::Waiting, "ErrImagePull", "no match for platform", Reason::ImagePullFailed, ARCHITECTURE),
    (Place::Waiting, "ImagePullBackOff", "no match for platform", Reason::ImagePullFailed, ARCHITECTURE),
    (Place::Waiting, "ErrImagePull", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "ImagePullBackOff", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "InvalidImageName", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "ErrImageNeverPull", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "RegistryUnavailable", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "ImageInspectError", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "SignatureValidationFailed", "", Reason::ImagePullFailed, ""),
    (Place::Waiting, "CreateContainerConfigError", "runasnonroot", Reason::ContainerStartFailed, "the image must run as another user than root"),
    (Place::Waiting, "CreateContainerConfigError", "", Reason::ConfigMissing, ""),
    (Place::Waiting, "CreateContainerError", "no command specified", Reason::ContainerStartFailed, ENTRYPOINT),
    (Place::Waiting, "CreateContainerError", "", Reason::ContainerStartFailed, ""),
    (Place::Waiting, "RunContainerError", "exec format error", Reason::ContainerStartFailed, ARCHITECTURE),
    (Place::Waiting, "RunContainerError", "", Reason::ContainerStartFailed, ENTRYPOINT),
    (Place::Waiting, "StartError", "", Reason::ContainerStartFailed, ENTRYPOINT),
    (Place::Waiting, "CrashLoopBackOff", "", Reason::ContainerStartFailed, ""),
    (Place::Event, "FailedMount", "configmap", Reason::ConfigMissing, ""),
    (Place::Event, "FailedMount", "secret", Reason::ConfigMissing, ""),
    (Place::Event, "FailedMount", "", Reason::VolumeMissing, ""),
    (Place::Event, "FailedMapVolume", "", Reason::VolumeMissing, ""),
    (Place::Event, "FailedAttachVolume", "multi-attach", Reason::VolumeMissing, ATTACHED),
    (Place::Event, "FailedAttachVolume", "", Reason::VolumeMissing, ""),
    (Place::Event, "FailedCreatePodSandBox", "", Reason::SandboxFailed, ""),
    (Place::Event, "NetworkNotReady", "", Reason::SandboxFailed, ""),
    (Place::Event, "NodeNotReady", "", Reason::NodeLost, ""),
    (Place::Disruption, "DeletionByPodGC", "", Reason::NodeLost, ""),
    (Place::Pod, "NodeLost", "", Reason::NodeLost, ""),
    (Place::Pod, "NodeAffinity", "", Reason::Unschedulable, ""),
    (Place::Pod, "TopologyAffinityError", "", Reason::Unschedulable, ""),
    (Place::Pod, "UnexpectedAdmissionError", "", Reason::Unschedulable, ""),
    (Place::Pod, "OutOfcpu", "", Reason::Unschedulable, ""),
    (Place::Pod, "OutOfmemory", "", Reason::Unschedulable, ""),
    (Place::Pod, "OutOfpods", "", Reason::Unschedulable, ""),
    (Place::Pod, "OutOfephemeral-storage", "", Reason::Unschedulable, ""),
    (Place::Ended, "OOMKilled", "", Reason::OutOfMemory, MEMORY),
    (Place::Ended, "StartError", "exec format error", Reason::ContainerStartFailed, ARCHITECTURE),
    (Place::Ended, "StartError", "", Reason::ContainerStartFailed, ENTRYPOINT),
    (Place::Ended, "ContainerCannotRun", "exec format error", Reason::ContainerStartFailed, ARCHITECTURE),
    (Place::Ended, "ContainerCannotRun", "", Reason::ContainerStartFailed, ENTRYPOINT),
    (Place::Ended, "Error", "exec format error", Reason::ContainerStartFailed, ARCHITECTURE),
    (Place::Ended, "ContainerStatusUnknown", "", Reason::NodeLost, ""),
];

/// Events that say nothing about why a pod does not start: what they report is in its conditions, or harmless.
const SILENT: [&str; 2] = ["FailedScheduling", "DNSConfigForming"];

/// The cause by a word and its message; `None` for a word that is not in the table.
#[must_use]
pub fn cause(place: Place, word: &str, message: &str) -> Option<Cause> {
    let message = message.to_ascii_lowercase();
    TABLE
        .iter()
        .find(|(at, known, part, ..)| *at == place && *known == word && message.contains(part))
        .map(|(.., reason, advice)| Cause { reason: *reason, advice })
}

/// Whether an event with this reason can tell why a pod does not start.
#[must_use]
pub fn tells(event: &str) -> bool {
    !SILENT.contains(&event)
}

/// The message, the word before it, and the advice after it.
#[must_use]
pub fn text(word: &str, message: &str, advice: &str) -> String {
    let parts = [word, message].into_iter().filter(|part| !part.is_empty());
    let said = parts.collect::<Vec<_>>().join(": ");
    if advice.is_empty() { said } else { format!("{said}; {advice}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No row stands behind one that takes its words.
    #[test]
    fn every_row_is_reached() {
        for (number, (place, word, part, reason, advice)) in TABLE.iter().enumerate() {
            let found = cause(*place, word, &format!("some {part} words"));
            assert_eq!(found, Some(Cause { reason: *reason, advice }), "row {number}");
            assert_eq!(*part, part.to_lowercase(), "row {number}");
        }
    }

    #[test]
    fn a_word_that_is_not_in_the_table_is_quoted() {
        assert_eq!(cause(Place::Waiting, "SomethingNew", "no such thing"), None);
        assert_eq!(cause(Place::Waiting, "OOMKilled", ""), None);
        assert_eq!(text("SomethingNew", "no such thing", ""), "SomethingNew: no such thing");
        assert_eq!(text("", "no such thing", "do this"), "no such thing; do this");
    }
}
