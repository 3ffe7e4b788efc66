use super::*;
use crate::controller::fixtures::{at, object, pod, stored_job};
use serde_json::json;

fn work<'a>(job: &'a Job, pods: &'a [Pod]) -> Situation<'a> {
    Situation::Working(Work {
        job,
        pods: pods.iter().collect(),
        warnings: vec![],
        refusals: vec![],
        edited: false,
    })
}

fn told(status: &ReplicaBootstrapStatus) -> (Phase, Vec<(&str, &str, &str)>) {
    let conditions = status.conditions.as_ref().unwrap();
    (
        status.phase.unwrap(),
        conditions.iter().map(|one| (one.type_.as_str(), one.status.as_str(), one.reason.as_str())).collect(),
    )
}

fn failed_with(code: i32) -> Pod {
    pod(
        "p",
        json!({"phase": "Failed", "containerStatuses": [{"name": "runner", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": code}}}]}),
    )
}

fn job_failed(why: &str, message: &str) -> Job {
    stored_job(
        &object(),
        json!({"failed": 1, "startTime": "2026-01-01T00:00:00Z", "conditions": [{"type": "Failed", "status": "True", "reason": why, "message": message,
            "lastTransitionTime": "2026-01-01T01:00:00Z"}]}),
    )
}

#[test]
fn the_first_word_is_unknown_and_reconciling() {
    let status = first(&object(), &at(9));
    assert_eq!(
        told(&status),
        (Phase::Pending, vec![("Ready", "Unknown", "Accepted"), ("Reconciling", "True", "Accepted")])
    );
    assert_eq!(status.observed_generation, Some(3));
}

/// What the definition gives an object at its birth is no word of the operator's.
#[test]
fn the_status_of_birth_is_none_of_the_operators() {
    let mut seen = object();
    let own = Some("1".to_owned());
    let table = [
        (None, None, false),
        (Some(-1), None, false),
        (Some(-1), own.clone(), false),
        (Some(3), own, true),
        (Some(3), Some("0".to_owned()), false),
    ];
    for (observed_generation, run_id, wanted) in table {
        seen.status =
            Some(ReplicaBootstrapStatus { observed_generation, run_id, ..ReplicaBootstrapStatus::default() });
        assert_eq!(is_of_this_run(&seen), wanted, "{observed_generation:?}");
    }
    seen.status = None;
    assert!(!is_of_this_run(&seen));
}

#[test]
fn each_situation_has_its_phase_and_conditions() {
    let going = |reason| vec![("Ready", "False", reason), ("Reconciling", "True", reason)];
    let stalled = |reason| vec![("Ready", "False", reason), ("Stalled", "True", reason)];
    let table = [
        (Situation::Invalid("x".into()), Phase::Pending, stalled("InvalidSpec")),
        (Situation::Conflict("x".into()), Phase::Pending, stalled("JobConflict")),
        (Situation::Refused(Phase::Pending, "x".into()), Phase::Pending, going("Forbidden")),
        (Situation::Queued(2, "x".into()), Phase::Queued, going("Queued")),
        (Situation::Replacing("x".into()), Phase::Pending, going("Replacing")),
        (Situation::Held(None), Phase::Suspended, vec![("Ready", "False", "Suspended")]),
    ];
    for (situation, phase, wanted) in table {
        assert_eq!(told(&compute(&object(), &situation, &at(0))), (phase, wanted));
    }
}

#[test]
fn a_job_goes_through_its_phases() {
    let new = stored_job(&object(), json!({}));
    let running = stored_job(&object(), json!({"active": 1, "startTime": "2026-01-01T00:00:00Z"}));
    let retrying = stored_job(&object(), json!({"failed": 1}));
    let done = json!({"succeeded": 1, "completionTime": "2026-01-01T01:00:00Z", "conditions": [{"type": "Complete", "status": "True"}]});
    let done = stored_job(&object(), done);
    let table = [
        (new, vec![], Phase::Pending, "PodStarting"),
        (running.clone(), vec![pod("p", json!({"phase": "Running"}))], Phase::Running, "Running"),
        (running.clone(), vec![failed_with(3)], Phase::Running, "Running"),
        (running.clone(), vec![pod("p", json!({"phase": "Succeeded"}))], Phase::Running, "Running"),
        (running, vec![failed_with(11)], Phase::Pending, "Retrying"),
        (retrying, vec![failed_with(11)], Phase::Pending, "Retrying"),
        (done, vec![], Phase::Succeeded, "Succeeded"),
    ];
    for (job, pods, phase, reason) in table {
        let status = compute(&object(), &work(&job, &pods), &at(0));
        assert_eq!((status.phase.unwrap(), said(&status).unwrap().0), (phase, reason));
        assert_eq!(status.job.unwrap().uid, "job-1");
    }
}

#[test]
fn every_fatal_code_stalls_with_its_own_reason() {
    let mut seen = std::collections::BTreeSet::new();
    // 16 is reserved: no runner gives it yet.
    for code in crate::exit::FATAL.into_iter().filter(|code| *code != 16) {
        let job = job_failed("PodFailurePolicy", "Container runner for pod shop/p failed");
        let status = compute(&object(), &work(&job, &[failed_with(code)]), &at(0));
        let (phase, conditions) = told(&status);
        assert_eq!(phase, Phase::Failed);
        assert_eq!(conditions.iter().map(|one| one.0).collect::<Vec<_>>(), ["Ready", "Stalled"]);
        assert_eq!(status.last_error.as_ref().unwrap().exit_code, Some(code));
        seen.insert(conditions[0].2.to_owned());
    }
    assert_eq!(seen.len(), 8);
}

#[test]
fn a_code_is_taken_from_the_job_when_the_pod_is_gone() {
    let message = "Container runner for pod shop/p failed with exit code 4 matching FailJob rule at index 1";
    let status = compute(&object(), &work(&job_failed("PodFailurePolicy", message), &[]), &at(0));
    assert_eq!(told(&status).1[0].2, "RangeDoesNotFit");
}

#[test]
fn limits_stall_and_keep_the_last_error() {
    let job = job_failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    let status = compute(&object(), &work(&job, &[failed_with(11)]), &at(0));
    assert_eq!(told(&status).1[1], ("Stalled", "True", "BackoffLimitExceeded"));
    assert_eq!(status.last_error.as_ref().unwrap().reason, "RedisAway");
    assert!(said(&status).unwrap().1.contains("exit code 11"));
    assert_eq!(status.completion_time.unwrap().0.to_string(), "2026-01-01T01:00:00Z");
    let job = job_failed("DeadlineExceeded", "");
    let status = compute(&object(), &work(&job, &[]), &at(0));
    assert_eq!(told(&status).1[1], ("Stalled", "True", "DeadlineExceeded"));
}

#[test]
fn an_end_stays_while_the_spec_changes() {
    let job = job_failed("DeadlineExceeded", "");
    let mut object = object();
    let ended = compute(&object, &work(&job, &[]), &at(0));
    object.status = Some(ended.clone());
    object.metadata.generation = Some(4);
    let later = compute(&object, &Situation::Ended, &at(99));
    assert_eq!(told(&later), told(&ended));
    assert_eq!(later.observed_generation, Some(4));
    assert_eq!(later.conditions.unwrap()[0].last_transition_time, at(0));
}

#[test]
fn nothing_changes_when_nothing_has_changed() {
    let job = stored_job(&object(), json!({"active": 1, "startTime": "2026-01-01T00:00:00Z"}));
    let pods = [pod("p", json!({"phase": "Running"}))];
    let mut object = object();
    object.status = Some(compute(&object, &work(&job, &pods), &at(1)));
    object.status.as_mut().unwrap().run = Some(crds::v1alpha1::RunStatus::default());
    assert_eq!(compute(&object, &work(&job, &pods), &at(2)), of_operator(&object));
}

#[test]
fn another_run_begins_with_nothing() {
    let mut object = object();
    object.status =
        Some(compute(&object, &work(&job_failed("DeadlineExceeded", ""), &[failed_with(11)]), &at(0)));
    object.spec.run.id = "2".into();
    let status = compute(&object, &Situation::Replacing("x".into()), &at(5));
    assert_eq!(
        (status.start_time, status.completion_time, status.last_error, status.job),
        (None, None, None, None)
    );
    assert_eq!(status.run_id.as_deref(), Some("2"));
}

#[test]
fn the_start_stays_when_a_job_is_resumed() {
    let mut object = object();
    let one = stored_job(&object, json!({"active": 1, "startTime": "2026-01-01T00:00:00Z"}));
    object.status = Some(compute(&object, &work(&one, &[]), &at(0)));
    let two = stored_job(&object, json!({"active": 1, "startTime": "2026-01-02T00:00:00Z"}));
    let status = compute(&object, &work(&two, &[]), &at(0));
    assert_eq!(status.start_time.unwrap().0.to_string(), "2026-01-01T00:00:00Z");
}

#[test]
fn a_refused_pod_is_told_in_the_refusals_words() {
    let job = stored_job(&object(), json!({}));
    let refusal: Event = serde_json::from_value(
        json!({"metadata": {}, "involvedObject": {"uid": "job-1"}, "message": "pods \"eu-1-x\" is forbidden: exceeded quota: q"}),
    )
    .unwrap();
    let work = Work { job: &job, pods: vec![], warnings: vec![], refusals: vec![&refusal], edited: true };
    let status = compute(&object(), &Situation::Working(work), &at(0));
    let (reason, message) = said(&status).unwrap();
    assert_eq!(reason, "Forbidden");
    assert!(message.contains("exceeded quota: q; the spec has changed"), "{message}");
}

#[test]
fn a_suspended_job_whose_pod_still_runs_is_no_rest() {
    let mut job = stored_job(&object(), json!({"active": 1}));
    job.spec.as_mut().unwrap().suspend = Some(true);
    job.annotations_mut().insert(names::ANNOTATION_SUSPENDED.to_owned(), "true".to_owned());
    let status = compute(&object(), &work(&job, &[pod("p", json!({"phase": "Running"}))]), &at(0));
    assert_eq!(told(&status).0, Phase::Running);
    assert_eq!(said(&status).unwrap().0, "Suspended");
}

#[test]
fn a_job_that_somebody_else_has_suspended_waits_for_them() {
    let mut object = object();
    let held = |status| {
        let mut job = stored_job(&crate::controller::fixtures::object(), status);
        job.spec.as_mut().unwrap().suspend = Some(true);
        job
    };
    let (waits, stops) = (held(json!({})), held(json!({"active": 1})));
    let running = pod("p", json!({"phase": "Running"}));
    let table = [
        (work(&waits, &[]), Phase::Pending, "the run continues when the Job is resumed"),
        (work(&stops, std::slice::from_ref(&running)), Phase::Running, "writes its checkpoint and stops"),
    ];
    for (situation, phase, words) in table {
        let status = compute(&object, &situation, &at(0));
        assert_eq!(told(&status).0, phase);
        let (reason, message) = said(&status).unwrap();
        assert!(reason == "JobSuspended" && message.contains(words), "{reason}: {message}");
    }
    object.spec.suspend = true;
    let status = compute(&object, &Situation::Held(Some(&waits)), &at(0));
    assert_eq!(told(&status), (Phase::Suspended, vec![("Ready", "False", "Suspended")]));
    assert!(said(&status).unwrap().1.contains("has suspended the Job eu-1"));
}

/// Phase and conditions, each true or not, of an end that somebody may have written.
#[test]
fn an_end_that_is_not_the_jobs_is_noticed() {
    let done = stored_job(&object(), json!({"conditions": [{"type": "Complete", "status": "True"}]}));
    let failed = job_failed("DeadlineExceeded", "");
    let running = stored_job(&object(), json!({"active": 1}));
    let said = |job: &Job| ReplicaBootstrap {
        status: Some(compute(&object(), &work(job, &[]), &at(0))),
        ..object()
    };
    for (number, job) in [&done, &failed].into_iter().enumerate() {
        let object = said(job);
        assert!(agrees(&object, job), "{number}");
        assert!(!agrees(&object, if number == 0 { &failed } else { &done }), "{number}");
        assert!(!agrees(&object, &running), "{number}");
        let mut bare = object.clone();
        bare.status.as_mut().unwrap().conditions = None;
        assert!(!agrees(&bare, job), "{number}");
        let mut other = object.clone();
        let words = other.status.as_mut().unwrap().conditions.as_mut().unwrap();
        words.iter_mut().for_each(|one| one.message = "another".to_owned());
        assert!(!agrees(&other, job), "{number}");
    }
    assert!(!agrees(&object(), &done));
}

#[test]
fn a_forged_status_becomes_that_of_the_job() {
    let began = json!({"active": 1, "startTime": "2026-01-01T00:00:00Z"});
    let running = stored_job(&object(), began.clone());
    let pods = [pod("p", json!({"phase": "Running"}))];
    let true_one = compute(&object(), &work(&running, &pods), &at(0));
    let mut object = object();
    let mut forged = ReplicaBootstrapStatus {
        phase: Some(Phase::Succeeded),
        completion_time: Some(at(5)),
        data_hash: Some("forged".to_owned()),
        ..true_one.clone()
    };
    forged.conditions.as_mut().unwrap()[0].status = "True".to_owned();
    object.status = Some(forged);
    assert!(has_other_data(&object, None) && !has_other_data(&object, Some(&running)));
    let mut repaired = compute(&object, &work(&running, &pods), &at(0));
    assert_eq!(repaired, true_one);
    // Emptied after the end.
    let mut began = began;
    began["conditions"] = json!([{"type": "Complete", "status": "True"}]);
    began["completionTime"] = json!("2026-01-01T01:00:00Z");
    let done = stored_job(&object, began);
    repaired = compute(&object, &work(&done, &[]), &at(0));
    object.status = None;
    assert_eq!(compute(&object, &work(&done, &[]), &at(0)), repaired);
}
