//! Pure: the next step for an object, from its current state.

use crds::ReplicaBootstrap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::pods;
use super::validate::Validated;
use crate::names;

/// The current state of an object.
#[derive(Debug, Default)]
pub struct Observed {
    /// The run's Job, if it exists and is ours.
    pub job: Option<Job>,
    /// Jobs of earlier runs that are ours.
    pub earlier: Vec<Job>,
    /// A Job that is not ours, and with which the run's Job cannot be created.
    pub foreign: Option<Job>,
    /// Pods of the object, of any Job.
    pub pods: Vec<Pod>,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// These Jobs must be deleted first.
    Replace(Obsolete),
    /// A Job of somebody else is in the way: only report it.
    Conflict,
    /// The Job or a pod of a deleted object or Job is still there: wait. The Job is deleted once it has ended.
    AwaitStray,
    /// Create the Job, when the queue allows it.
    Create,
    /// Resume the Job, when the queue allows it.
    Resume,
    /// Suspend the Job.
    Suspend,
    /// The user has suspended the run.
    Hold,
    /// The Job is as it should be.
    Watch,
}

/// The Jobs that must be deleted before the run can continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obsolete {
    /// Those of earlier runs: [`Observed::earlier`].
    Earlier,
    /// The run's own Job as well.
    Own,
}

/// The next step of a run that has not ended.
#[must_use]
pub fn next(object: &Validated, observed: &Observed, wanted: &Job) -> Step {
    if !observed.earlier.is_empty() {
        return Step::Replace(Obsolete::Earlier);
    }
    match observed.foreign.as_ref().filter(|_| observed.job.is_none()) {
        Some(job) if is_leftover(job, object) => return Step::AwaitStray,
        Some(_) => return Step::Conflict,
        None => {}
    }
    if stray(observed).is_some() {
        return Step::AwaitStray;
    }
    let Some(job) = &observed.job else {
        return if object.spec.suspend { Step::Hold } else { Step::Create };
    };
    if job.metadata.deletion_timestamp.is_some() {
        return Step::Replace(Obsolete::Own);
    }
    match (outcome(job).is_some(), is_suspended(job), object.spec.suspend) {
        (true, _, _) | (false, false, false) => Step::Watch,
        // Somebody else has resumed what the operator holds, and would do so again. A Job that is gone stays held.
        (false, false, true) if is_resumed_by_other(job) => Step::Replace(Obsolete::Own),
        (false, false, true) => Step::Suspend,
        (false, true, true) => Step::Hold,
        // A Job's template cannot be changed, but a suspended Job can be replaced without loss.
        (false, true, false) if is_held_by_other(job) && !is_edited(job, wanted) => Step::Watch,
        (false, true, false) if differs(job, wanted) => Step::Replace(Obsolete::Own),
        (false, true, false) => Step::Resume,
    }
}

/// Whether a Job that is not the object's own keeps its run from beginning: it has the name of the run's Job, or it
/// belongs to nobody and its pod writes for an object of this name.
#[must_use]
pub fn is_in_the_way(job: &Job, object: &Validated) -> bool {
    if job.namespace().as_ref() != Some(&object.namespace) {
        return false;
    }
    let of_this_name = annotation(job, names::ANNOTATION_OBJECT) == Some(&object.name);
    job.name_any() == object.job_name() || (of_this_name && outcome(job).is_none())
}

/// Whether the Job belongs to a deleted object of this name. It ends by itself; then the garbage collector deletes it, or the
/// operator.
#[must_use]
pub fn is_leftover(job: &Job, object: &Validated) -> bool {
    job.owner_references().iter().any(|owner| owner.kind == crds::KIND && owner.name == object.name)
        || annotation(job, names::ANNOTATION_PURGE).is_some()
}

/// Whether the step starts or resumes the run, or reports its end.
#[must_use]
pub fn makes_or_ends(step: Step, observed: &Observed) -> bool {
    match step {
        Step::Create | Step::Resume | Step::Replace(Obsolete::Own) => true,
        Step::Watch => observed.job.as_ref().is_some_and(|job| outcome(job).is_some()),
        Step::Replace(Obsolete::Earlier) | Step::Conflict | Step::AwaitStray | Step::Suspend | Step::Hold => {
            false
        }
    }
}

/// A pod of the object that is running and belongs to no known Job, for example after `kubectl delete job
/// --cascade=orphan`.
#[must_use]
pub fn stray(observed: &Observed) -> Option<&Pod> {
    let job = observed.job.as_ref().and_then(ResourceExt::uid);
    let known = |pod: &Pod| {
        pod.owner_references().iter().any(|owner| owner.kind == "Job" && Some(&owner.uid) == job.as_ref())
    };
    observed.pods.iter().find(|pod| !pods::has_ended(pod) && !known(pod))
}

/// What the run waits for, if the Job or a pod of a deleted object or Job is still there.
#[must_use]
pub fn stray_text(observed: &Observed) -> String {
    if let Some(job) = &observed.foreign {
        let name = job.name_any();
        return match outcome(job) {
            None => format!("the Job {name} of a deleted object of this name has not ended yet"),
            Some(_) => format!(
                "the Job {name} of a deleted object of this name has ended and is being deleted: the run waits until it is gone"
            ),
        };
    }
    let pod = stray(observed).map(ResourceExt::name_any).unwrap_or_default();
    format!(
        "the pod {pod} of a deleted Job is still running: the run waits until it ends; deleting the pod ends it"
    )
}

/// Whether the Job is not as it would be created now: the spec has changed, or the operator.
#[must_use]
pub fn differs(job: &Job, wanted: &Job) -> bool {
    annotation(job, names::ANNOTATION_TEMPLATE) != annotation(wanted, names::ANNOTATION_TEMPLATE)
}

/// Whether the Job was created from another spec than the current one. Jobs of earlier operators do not tell.
#[must_use]
pub fn is_edited(job: &Job, wanted: &Job) -> bool {
    let hash = annotation(job, names::ANNOTATION_SPEC);
    hash.is_some() && hash != annotation(wanted, names::ANNOTATION_SPEC)
}

fn annotation<'a>(job: &'a Job, name: &str) -> Option<&'a String> {
    job.annotations().get(name)
}

/// Whether the Job is suspended.
#[must_use]
pub fn is_suspended(job: &Job) -> bool {
    job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true)
}

/// Whether the operator has suspended the Job, by its own mark. `None` if an earlier operator made the Job.
#[must_use]
pub fn is_marked(job: &Job) -> Option<bool> {
    annotation(job, names::ANNOTATION_SUSPENDED).map(|mark| mark == "true")
}

/// Whether the Job is suspended, and not by the operator.
#[must_use]
pub fn is_held_by_other(job: &Job) -> bool {
    is_suspended(job) && is_marked(job) == Some(false)
}

/// Whether somebody else has resumed the Job after the operator had suspended it.
#[must_use]
pub fn is_resumed_by_other(job: &Job) -> bool {
    !is_suspended(job) && is_marked(job) == Some(true)
}

/// The end of a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With success.
    Complete,
    /// Without success, for this reason and with the Job's own message.
    Failed(String, String),
}

/// The end of the Job, if it has ended: by its conditions, never by its counts.
#[must_use]
pub fn outcome(job: &Job) -> Option<Outcome> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().filter(|one| one.status == "True").find_map(|one| match one.type_.as_str() {
        "Complete" => Some(Outcome::Complete),
        "Failed" => Some(Outcome::Failed(
            one.reason.clone().unwrap_or_default(),
            one.message.clone().unwrap_or_default(),
        )),
        _ => None,
    })
}

/// Whether the Job may have a pod now or soon.
#[must_use]
pub fn is_active(job: &Job) -> bool {
    let active = job.status.as_ref().and_then(|status| status.active).unwrap_or(0) > 0
        || job.status.as_ref().and_then(|status| status.terminating).unwrap_or(0) > 0;
    outcome(job).is_none() && (active || !is_suspended(job))
}

/// Whether the Job counts as an active run. If somebody else holds it, it does: who resumes it does not ask for a
/// place.
#[must_use]
pub fn takes_a_place(job: &Job, object: &ReplicaBootstrap) -> bool {
    is_active(job) || (outcome(job).is_none() && is_held_by_other(job) && !object.spec.suspend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::build;
    use crate::controller::fixtures::{at, object, pod, settings, stored_job, validated};
    use serde_json::json;

    fn step(object: &ReplicaBootstrap, observed: &Observed) -> Step {
        let object = validated(object);
        next(&object, observed, &build::job(&object, &settings()))
    }

    fn with_job(status: serde_json::Value, suspended: bool) -> Observed {
        let mut job = stored_job(&object(), status);
        job.spec.as_mut().unwrap().suspend = Some(suspended);
        job.annotations_mut().insert(names::ANNOTATION_SUSPENDED.to_owned(), suspended.to_string());
        Observed { job: Some(job), ..Observed::default() }
    }

    fn held() -> ReplicaBootstrap {
        let mut object = object();
        object.spec.suspend = true;
        object
    }

    #[test]
    fn each_state_has_its_step() {
        let done = json!({"conditions": [{"type": "Complete", "status": "True"}]});
        assert_eq!(step(&object(), &Observed::default()), Step::Create);
        assert_eq!(step(&held(), &Observed::default()), Step::Hold);
        assert_eq!(step(&object(), &with_job(json!({"active": 1}), false)), Step::Watch);
        assert_eq!(step(&held(), &with_job(json!({"active": 1}), false)), Step::Suspend);
        assert_eq!(step(&held(), &with_job(json!({}), true)), Step::Hold);
        assert_eq!(step(&object(), &with_job(json!({}), true)), Step::Resume);
        assert_eq!(step(&held(), &with_job(done, false)), Step::Watch);
    }

    #[test]
    fn one_runner_at_a_time() {
        let observed = Observed { earlier: vec![stored_job(&object(), json!({}))], ..Observed::default() };
        assert_eq!(step(&object(), &observed), Step::Replace(Obsolete::Earlier));
        assert_eq!(step(&held(), &observed), Step::Replace(Obsolete::Earlier));
        let mut going = with_job(json!({}), false);
        going.job.as_mut().unwrap().metadata.deletion_timestamp = Some(at(0));
        assert_eq!(step(&object(), &going), Step::Replace(Obsolete::Own));
        let stray = Observed { pods: vec![pod("p", json!({"phase": "Running"}))], ..Observed::default() };
        assert_eq!(step(&object(), &stray), Step::AwaitStray);
        let ended = Observed { pods: vec![pod("p", json!({"phase": "Failed"}))], ..Observed::default() };
        assert_eq!(step(&object(), &ended), Step::Create);
    }

    /// The name of the run's Job is taken until it is gone, whether it has ended or not.
    #[test]
    fn a_job_that_a_deleted_object_has_left_behind_is_waited_for() {
        let complete = json!({"conditions": [{"type": "Complete", "status": "True"}]});
        for (status, says) in
            [(json!({"active": 1}), "has not ended yet"), (complete, "has ended and is being deleted")]
        {
            let left = Observed { foreign: Some(stored_job(&object(), status)), ..Observed::default() };
            assert_eq!(step(&held(), &left), Step::AwaitStray);
            assert!(stray_text(&left).contains(says), "{}", stray_text(&left));
        }
    }

    #[test]
    fn a_changed_spec_replaces_a_job_that_stands_still_and_no_other() {
        let mut changed = object();
        changed.spec.max_rate = Some(7);
        assert_eq!(step(&changed, &with_job(json!({}), true)), Step::Replace(Obsolete::Own));
        assert_eq!(step(&changed, &with_job(json!({"active": 1}), false)), Step::Watch);
    }

    #[test]
    fn a_job_ends_by_its_conditions_alone() {
        let job = |status| stored_job(&object(), status);
        assert_eq!(outcome(&job(json!({"failed": 3}))), None);
        assert_eq!(outcome(&job(json!({"conditions": [{"type": "Failed", "status": "False"}]}))), None);
        assert_eq!(outcome(&job(json!({"conditions": [{"type": "FailureTarget", "status": "True"}]}))), None);
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "m"}]});
        assert_eq!(outcome(&job(failed)), Some(Outcome::Failed("DeadlineExceeded".into(), "m".into())));
    }

    #[test]
    fn a_stopped_job_gives_its_place_free_when_its_pod_is_gone() {
        let takes = |observed: Observed| takes_a_place(observed.job.as_ref().unwrap(), &object());
        assert!(takes(with_job(json!({}), false)));
        assert!(takes(with_job(json!({"active": 1}), true)));
        assert!(takes(with_job(json!({"terminating": 1}), true)));
        assert!(!takes(with_job(json!({}), true)));
    }

    /// Suspended, by the operator's mark, and as the object wants it.
    #[test]
    fn only_what_the_operator_has_suspended_is_resumed() {
        let table = [
            (true, Some("true"), false, Step::Resume),
            // An earlier operator made the Job.
            (true, None, false, Step::Resume),
            (true, Some("false"), false, Step::Watch),
            (true, Some("true"), true, Step::Hold),
            (true, Some("false"), true, Step::Hold),
            (false, Some("false"), true, Step::Suspend),
            (false, None, true, Step::Suspend),
            // Somebody resumes it against the operator.
            (false, Some("true"), true, Step::Replace(Obsolete::Own)),
            (false, Some("true"), false, Step::Watch),
        ];
        for (suspended, mark, wants, wanted) in table {
            let mut observed = with_job(json!({}), suspended);
            let annotations = observed.job.as_mut().unwrap().annotations_mut();
            annotations.remove(names::ANNOTATION_SUSPENDED);
            annotations.extend(mark.map(|mark| (names::ANNOTATION_SUSPENDED.to_owned(), mark.to_owned())));
            let mut object = object();
            object.spec.suspend = wants;
            assert_eq!(step(&object, &observed), wanted, "{suspended} {mark:?} {wants}");
            let held = mark == Some("false") && suspended;
            let job = observed.job.as_ref().unwrap();
            assert_eq!(is_held_by_other(job), held);
            assert_eq!(takes_a_place(job, &object), !suspended || (held && !wants));
        }
    }
}
