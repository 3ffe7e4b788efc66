//! Pure: the list of an object's earlier runs.

use crds::ReplicaBootstrap;
use crds::conditions::ready;
use crds::v1alpha1::{PastRun, Phase, ReplicaBootstrapStatus};

/// The list for the object as it is now: its run is added if the spec names another one.
#[must_use]
pub fn of(object: &ReplicaBootstrap) -> Option<Vec<PastRun>> {
    let status = object.status.as_ref()?;
    let limit = usize::try_from(object.spec.history_limit).unwrap_or(0);
    let left = past(status).filter(|run| run.id != object.spec.run.id);
    let all: Vec<PastRun> =
        left.into_iter().chain(status.history.iter().flatten().cloned()).take(limit).collect();
    (!all.is_empty()).then_some(all)
}

/// The run that the status describes.
fn past(status: &ReplicaBootstrapStatus) -> Option<PastRun> {
    let id = status.run_id.clone()?;
    let reported = status.run.as_ref().filter(|run| run.id == id);
    let progress = reported.and_then(|run| run.progress.as_ref());
    Some(PastRun {
        phase: status.phase.unwrap_or(Phase::Pending),
        reason: ready(status.conditions.as_ref()).map(|ready| ready.reason.clone()).unwrap_or_default(),
        dump: reported.and_then(|run| run.dump.clone()),
        start_time: status.start_time.clone(),
        completion_time: status.completion_time.clone(),
        rows: progress.and_then(|progress| progress.rows),
        bytes: progress.and_then(|progress| progress.bytes_read),
        range: reported.and_then(|run| run.range.clone()),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, object};
    use serde_json::json;

    /// The object after its run `id`, as the operator and the runner left it, and with another run in the spec.
    fn after(id: &str, next: &str, history: Option<Vec<PastRun>>) -> ReplicaBootstrap {
        let mut object = object();
        object.spec.run.id = next.to_owned();
        let status = json!({
            "phase": "Succeeded", "runId": id, "startTime": at(10), "completionTime": at(70),
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "m", "lastTransitionTime": at(70)}],
            "run": {
                "id": id, "dump": "file of 9 bytes", "progress": {"rows": 7, "bytesRead": 9},
                "range": {"first": 1, "last": 8},
            },
        });
        object.status = serde_json::from_value(status).ok();
        object.status.as_mut().unwrap().history = history;
        object
    }

    #[test]
    fn a_run_becomes_history_when_the_next_one_is_named() {
        assert_eq!(of(&after("1", "1", None)), None);
        let all = of(&after("1", "2", None)).unwrap();
        let wanted = json!([{
            "id": "1", "phase": "Succeeded", "reason": "Succeeded", "dump": "file of 9 bytes", "rows": 7, "bytes": 9,
            "startTime": at(10), "completionTime": at(70), "range": {"first": 1, "last": 8},
        }]);
        assert_eq!(serde_json::to_value(&all).unwrap(), wanted);
        let ids: Vec<_> =
            of(&after("2", "3", Some(all.clone()))).unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(ids, ["2", "1"]);
        // The status already describes the next run.
        assert_eq!(of(&after("2", "2", Some(all.clone()))), Some(all));
    }

    #[test]
    fn what_another_runs_runner_reports_is_not_this_ones() {
        let mut object = after("1", "2", None);
        object.status.as_mut().unwrap().run.as_mut().unwrap().id = "0".to_owned();
        let all = of(&object).unwrap();
        assert_eq!((all[0].id.as_str(), all[0].rows, &all[0].dump), ("1", None, &None));
    }

    #[test]
    fn history_has_a_limit() {
        let mut object = after("3", "4", of(&after("2", "3", of(&after("1", "2", None)))));
        assert_eq!(of(&object).unwrap().len(), 3);
        object.spec.history_limit = 2;
        assert_eq!(of(&object).unwrap().iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["3", "2"]);
        object.spec.history_limit = 0;
        assert_eq!(of(&object), None);
    }
}
