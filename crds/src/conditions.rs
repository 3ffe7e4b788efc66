//! `status.conditions`: their types and reasons, and how new conditions are made from old ones.
//!
//! Kubernetes' tools (kstatus) read them in this order: `Reconciling=True` means in progress, `Stalled=True` means
//! failed, and otherwise `Ready` decides. So `Reconciling` and `Stalled` exist only while they are true, and never
//! both.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Whether the run has succeeded: true, false, or unknown as long as nothing was tried.
pub const READY: &str = "Ready";
/// Exists while the operator or the runner is working on the run, or is waiting for something.
pub const RECONCILING: &str = "Reconciling";
/// Exists when the run cannot continue until somebody changes something.
pub const STALLED: &str = "Stalled";

/// Why a condition has its status: one word, which does not change between releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The operator has seen the object but has done nothing yet.
    Accepted,
    /// The run waits for other runs.
    Queued,
    /// The run is suspended by `spec.suspend`.
    Suspended,
    /// Somebody else, such as Kueue, has suspended the Job.
    JobSuspended,
    /// The Job of an earlier run, or of an earlier spec, is being deleted.
    Replacing,
    /// The object is being deleted, and before that its runs in Redis.
    Purging,
    /// The Job exists, but its pod is not running yet.
    PodStarting,
    /// No node can run the pod.
    Unschedulable,
    /// The image cannot be pulled.
    ImagePullFailed,
    /// The volume with the dump cannot be mounted, or its claim does not exist.
    VolumeMissing,
    /// A Secret, a ConfigMap, or a key in one of them does not exist.
    ConfigMissing,
    /// The sandbox of the pod, or its network, cannot be set up on its node.
    SandboxFailed,
    /// The container cannot be started: the image does not fit, or an init container fails.
    ContainerStartFailed,
    /// The node of the pod does not answer, or was lost with the pod.
    NodeLost,
    /// A quota, a policy, a webhook or a missing permission refuses the Job, its pod or another request.
    Forbidden,
    /// The pod is running.
    Running,
    /// A pod has failed in a way that is worth a retry, and another one will be started.
    Retrying,
    /// Everything is in Redis, and its entries have been counted.
    Succeeded,
    /// A Job of the same name exists and belongs to another owner.
    JobConflict,
    /// No Job can be made from the spec.
    InvalidSpec,
    /// Exit code 2: an option is wrong, or the dump does not exist.
    UsageError,
    /// Exit code 3: the dump is cut off, damaged, or of a kind that cannot be loaded.
    DumpBroken,
    /// Exit code 4: the positions do not fit, or the set contains another complete run.
    RangeDoesNotFit,
    /// Exit code 5: the checkpoint is of another dump or configuration.
    CheckpointMismatch,
    /// Exit code 6: too many rows were rejected.
    TooManyRejectedRows,
    /// Exit code 7: Redis refuses for good.
    RedisRefused,
    /// Exit code 8: Redis has more or fewer changes than were written.
    VerificationFailed,
    /// Exit code 9: a file of the pod cannot be read or written.
    LocalFileFailed,
    /// Exit code 10: the dump cannot be read for now.
    SourceAway,
    /// Exit code 11: Redis cannot be reached, or another run is writing.
    RedisAway,
    /// Exit code 12: Redis was full for too long.
    RedisFull,
    /// Exit code 13: the change stream cannot be reached.
    ChangeStreamAway,
    /// Exit code 101: an internal error.
    InternalError,
    /// The pod was stopped by a signal, or killed.
    Killed,
    /// The container exceeded its memory limit.
    OutOfMemory,
    /// An exit code that the runner does not use.
    UnknownExit,
    /// More pods failed than `spec.backoffLimit` allows.
    BackoffLimitExceeded,
    /// The run took longer than `spec.activeDeadlineSeconds`.
    DeadlineExceeded,
    /// The Job has failed for another reason; its own message names it.
    JobFailed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 39] = [
        Self::Accepted,
        Self::Queued,
        Self::Suspended,
        Self::JobSuspended,
        Self::Replacing,
        Self::Purging,
        Self::PodStarting,
        Self::Unschedulable,
        Self::ImagePullFailed,
        Self::VolumeMissing,
        Self::ConfigMissing,
        Self::SandboxFailed,
        Self::ContainerStartFailed,
        Self::NodeLost,
        Self::Forbidden,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::JobConflict,
        Self::InvalidSpec,
        Self::UsageError,
        Self::DumpBroken,
        Self::RangeDoesNotFit,
        Self::CheckpointMismatch,
        Self::TooManyRejectedRows,
        Self::RedisRefused,
        Self::VerificationFailed,
        Self::LocalFileFailed,
        Self::SourceAway,
        Self::RedisAway,
        Self::RedisFull,
        Self::ChangeStreamAway,
        Self::InternalError,
        Self::Killed,
        Self::OutOfMemory,
        Self::UnknownExit,
        Self::BackoffLimitExceeded,
        Self::DeadlineExceeded,
        Self::JobFailed,
    ];

    /// The word as in the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Queued => "Queued",
            Self::Suspended => "Suspended",
            Self::JobSuspended => "JobSuspended",
            Self::Replacing => "Replacing",
            Self::Purging => "Purging",
            Self::PodStarting => "PodStarting",
            Self::Unschedulable => "Unschedulable",
            Self::ImagePullFailed => "ImagePullFailed",
            Self::VolumeMissing => "VolumeMissing",
            Self::ConfigMissing => "ConfigMissing",
            Self::SandboxFailed => "SandboxFailed",
            Self::ContainerStartFailed => "ContainerStartFailed",
            Self::NodeLost => "NodeLost",
            Self::Forbidden => "Forbidden",
            Self::Running => "Running",
            Self::Retrying => "Retrying",
            Self::Succeeded => "Succeeded",
            Self::JobConflict => "JobConflict",
            Self::InvalidSpec => "InvalidSpec",
            Self::UsageError => "UsageError",
            Self::DumpBroken => "DumpBroken",
            Self::RangeDoesNotFit => "RangeDoesNotFit",
            Self::CheckpointMismatch => "CheckpointMismatch",
            Self::TooManyRejectedRows => "TooManyRejectedRows",
            Self::RedisRefused => "RedisRefused",
            Self::VerificationFailed => "VerificationFailed",
            Self::LocalFileFailed => "LocalFileFailed",
            Self::SourceAway => "SourceAway",
            Self::RedisAway => "RedisAway",
            Self::RedisFull => "RedisFull",
            Self::ChangeStreamAway => "ChangeStreamAway",
            Self::InternalError => "InternalError",
            Self::Killed => "Killed",
            Self::OutOfMemory => "OutOfMemory",
            Self::UnknownExit => "UnknownExit",
            Self::BackoffLimitExceeded => "BackoffLimitExceeded",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::JobFailed => "JobFailed",
        }
    }
}

/// The state that the conditions express together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing has been tried yet.
    New,
    /// The run continues by itself, now or when it no longer has to wait.
    InProgress,
    /// The user has suspended the run. It has not failed, and is not in progress.
    Held,
    /// The run has succeeded.
    Done,
    /// The run cannot continue until somebody changes something.
    Stalled,
}

/// The conditions for a verdict. A condition keeps the `lastTransitionTime` it has in `old` unless its status changes,
/// so that the same verdict gives the same conditions.
#[must_use]
pub fn conditions(
    old: &[Condition],
    verdict: Verdict,
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let ready = match verdict {
        Verdict::New => "Unknown",
        Verdict::Done => "True",
        Verdict::InProgress | Verdict::Held | Verdict::Stalled => "False",
    };
    let more = match verdict {
        Verdict::New | Verdict::InProgress => Some(RECONCILING),
        Verdict::Stalled => Some(STALLED),
        Verdict::Done | Verdict::Held => None,
    };
    let condition = |type_: &str, status: &str| {
        let before = old.iter().find(|one| one.type_ == type_ && one.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: generation,
            last_transition_time: before
                .map_or_else(|| now.clone(), |before| before.last_transition_time.clone()),
        }
    };
    let mut all = vec![condition(READY, ready)];
    all.extend(more.map(|type_| condition(type_, "True")));
    all
}

/// The condition `Ready`, if it is there.
#[must_use]
pub fn ready(conditions: Option<&Vec<Condition>>) -> Option<&Condition> {
    conditions?.iter().find(|one| one.type_ == READY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
    }

    fn told(all: &[Condition]) -> Vec<(&str, &str)> {
        all.iter().map(|one| (one.type_.as_str(), one.status.as_str())).collect()
    }

    #[test]
    fn each_verdict_reads_as_kstatus_wants_it() {
        let table = [
            (Verdict::New, vec![(READY, "Unknown"), (RECONCILING, "True")]),
            (Verdict::InProgress, vec![(READY, "False"), (RECONCILING, "True")]),
            (Verdict::Held, vec![(READY, "False")]),
            (Verdict::Done, vec![(READY, "True")]),
            (Verdict::Stalled, vec![(READY, "False"), (STALLED, "True")]),
        ];
        for (verdict, wanted) in table {
            assert_eq!(told(&conditions(&[], verdict, Reason::Running, "", None, &at(0))), wanted);
        }
    }

    #[test]
    fn the_time_moves_only_with_the_status() {
        let first = conditions(&[], Verdict::InProgress, Reason::PodStarting, "a", Some(1), &at(1));
        let second = conditions(&first, Verdict::InProgress, Reason::Running, "b", Some(2), &at(2));
        assert_eq!(second[0].last_transition_time, at(1));
        assert_eq!(second[1].last_transition_time, at(1));
        assert_eq!(second[0].reason, "Running");
        assert_eq!(second[0].observed_generation, Some(2));
        let third = conditions(&second, Verdict::Done, Reason::Succeeded, "c", Some(2), &at(3));
        assert_eq!(third[0].last_transition_time, at(3));
        let same = conditions(&third, Verdict::Done, Reason::Succeeded, "c", Some(2), &at(4));
        assert_eq!(same, third);
    }

    #[test]
    fn reasons_are_distinct_words_that_kubernetes_takes() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_alphanumeric())));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
