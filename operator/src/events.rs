//! Events: docs/events.md lists them.

use crds::v1alpha1::ReplicaBootstrapStatus;
use kube::runtime::events::{Event, EventType};

use crate::controller::status;

/// The longest note that the API server takes, in bytes.
const LONGEST: usize = 1000;

/// A Job was created.
pub const JOB_CREATED: &str = "JobCreated";
/// A Job is being deleted.
pub const JOB_DELETED: &str = "JobDeleted";
/// A suspended Job was resumed.
pub const RESUMED: &str = "Resumed";
/// An object goes, and its runs stay in Redis.
pub const PURGE_FAILED: &str = "PurgeFailed";
/// A pod has ended without success.
pub const POD_FAILED: &str = "PodFailed";

/// Reasons of `Ready` that need attention.
const WARNINGS: [&str; 12] = [
    "Unschedulable",
    "ImagePullFailed",
    "VolumeMissing",
    "ConfigMissing",
    "SandboxFailed",
    "ContainerStartFailed",
    "NodeLost",
    "Forbidden",
    "JobConflict",
    "InvalidSpec",
    "RangeDoesNotFit",
    "Retrying",
];

/// An event about an action of the operator.
#[must_use]
pub fn normal(reason: &str, note: String) -> Event {
    event(EventType::Normal, reason, note)
}

/// The event for the end of a run that does not belong to the current spec.
#[must_use]
pub fn other_data(note: String) -> Event {
    event(EventType::Warning, crds::conditions::Reason::InvalidSpec.as_str(), note)
}

/// The event for an object that goes although its runs are still in Redis.
#[must_use]
pub fn purge_failed(note: String) -> Event {
    event(EventType::Warning, PURGE_FAILED, note)
}

/// The events of a change of status: one when the reason of `Ready` changes, one when a pod has failed.
#[must_use]
pub fn of_change(old: &ReplicaBootstrapStatus, new: &ReplicaBootstrapStatus) -> Vec<Event> {
    let mut all = Vec::new();
    if let Some(error) = new.last_error.as_ref().filter(|error| old.last_error.as_ref() != Some(*error)) {
        let pod = error.pod.as_deref().map(|pod| format!("{pod}: ")).unwrap_or_default();
        all.push(event(EventType::Warning, POD_FAILED, format!("{pod}{}", error.message)));
    }
    let (before, after) = (status::said(old), status::said(new));
    if let Some((reason, message)) = after
        && (before.map(|before| before.0) != Some(reason) || old.run_id != new.run_id)
    {
        let failed = new.phase == Some(crds::v1alpha1::Phase::Failed);
        let type_ = if failed || WARNINGS.contains(&reason) { EventType::Warning } else { EventType::Normal };
        all.push(event(type_, reason, message.to_owned()));
    }
    all
}

fn event(type_: EventType, reason: &str, note: String) -> Event {
    let note = if note.len() > LONGEST {
        let room = LONGEST - '…'.len_utf8();
        let end = (0..=room).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
        format!("{}…", &note[..end])
    } else {
        note
    };
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Reconcile".to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, object};
    use crate::controller::status::{Situation, compute, first};
    use crds::v1alpha1::Phase;

    #[test]
    fn an_event_comes_with_each_new_reason_and_once() {
        let object = object();
        let new = first(&object, &at(0));
        let queued = compute(&object, &Situation::Queued(2, "x".into()), &at(0));
        let nearer = compute(&object, &Situation::Queued(1, "x".into()), &at(0));
        let refused = compute(&object, &Situation::Refused(Phase::Pending, "quota".into()), &at(0));
        assert_eq!(of_change(&new, &queued)[0].reason, "Queued");
        assert!(of_change(&queued, &nearer).is_empty());
        let events = of_change(&queued, &refused);
        assert_eq!((events[0].reason.as_str(), events[0].type_), ("Forbidden", EventType::Warning));
    }

    /// The catalogue in docs/events.md has every reason that an event may carry.
    #[test]
    fn the_catalogue_is_complete() {
        let page = include_str!("../../docs/events.md");
        let own = [JOB_CREATED, JOB_DELETED, RESUMED, POD_FAILED, PURGE_FAILED];
        // These are reasons of a pod's failure, which `status.lastError` has, and never of Ready.
        let of_pods = [
            "SourceAway",
            "RedisAway",
            "RedisFull",
            "ChangeStreamAway",
            "InternalError",
            "Killed",
            "OutOfMemory",
            "UnknownExit",
        ];
        let reasons = crds::conditions::Reason::ALL.iter().map(|reason| reason.as_str());
        for reason in own.into_iter().chain(reasons).filter(|reason| !of_pods.contains(reason)) {
            assert!(page.contains(&format!("| `{reason}` |")), "docs/events.md lacks {reason}");
        }
    }
}
