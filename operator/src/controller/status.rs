//! Pure: the operator's whole part of the status, computed anew each time from the current state.

use crds::conditions::{Reason, Verdict, conditions};
use crds::v1alpha1::{JobReference, LastError, Phase, ReplicaBootstrapStatus, UNSEEN};
use crds::{ReplicaBootstrap, conditions as api};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::plan::{self, Outcome};
use super::pods::{self, Doing};
use super::{history, suspended};
use crate::names;

/// The state of an object, or the result of a step.
#[derive(Debug)]
pub enum Situation<'a> {
    /// No Job can be made from the spec.
    Invalid(String),
    /// A Job of the same name belongs to another owner.
    Conflict(String),
    /// The API server refuses a request, and may accept it later. In this phase the run waits for that.
    Refused(Phase, String),
    /// The set contains a complete run.
    Beside(String),
    /// Other runs are first: the place in the queue, from one on, and the reason.
    Queued(usize, String),
    /// The user has suspended the run, and nothing of it is running.
    Held(Option<&'a Job>),
    /// A Job must be deleted first.
    Replacing(String),
    /// The Job exists.
    Working(Work<'a>),
    /// The object is being deleted, and its runs in Redis before it.
    Leaving(String),
    /// The run has ended before: the status stays unchanged.
    Ended,
}

/// A Job and the objects that belong to it.
#[derive(Debug)]
pub struct Work<'a> {
    /// The Job.
    pub job: &'a Job,
    /// Its pods.
    pub pods: Vec<&'a Pod>,
    /// Events that warn about pods.
    pub warnings: Vec<&'a Event>,
    /// Events about pods that could not be created.
    pub refusals: Vec<&'a Event>,
    /// Whether the Job was created from another spec than the current one.
    pub edited: bool,
}

const DONE: &str = "everything is in Redis, and its entries have been counted";

/// Phase, verdict, reason and message.
type Said = (Phase, Verdict, Reason, String);

/// The operator's part of the status. `run` is the runner's part and stays empty.
#[must_use]
pub fn compute(object: &ReplicaBootstrap, situation: &Situation<'_>, now: &Time) -> ReplicaBootstrapStatus {
    let old = of_operator(object);
    let mut status = carry_over(object, &old);
    let said = match situation {
        Situation::Ended => return keep_end(object, old),
        Situation::Working(work) => working(&mut status, work, object, now),
        Situation::Held(job) => {
            if let Some(job) = job {
                refer(&mut status, job);
            }
            let other = job.and_then(suspended::by_other).map(|what| format!("; {what}")).unwrap_or_default();
            let text = format!("set suspend to false to continue{other}");
            (Phase::Suspended, Verdict::Held, Reason::Suspended, text)
        }
        Situation::Invalid(why) => (Phase::Pending, Verdict::Stalled, Reason::InvalidSpec, why.clone()),
        Situation::Beside(why) => (Phase::Pending, Verdict::Stalled, Reason::RangeDoesNotFit, why.clone()),
        Situation::Conflict(why) => (Phase::Pending, Verdict::Stalled, Reason::JobConflict, why.clone()),
        Situation::Refused(phase, why) => (*phase, Verdict::InProgress, Reason::Forbidden, why.clone()),
        Situation::Queued(place, why) => {
            (Phase::Queued, Verdict::InProgress, Reason::Queued, format!("place {place} in the queue: {why}"))
        }
        Situation::Replacing(why) => (Phase::Pending, Verdict::InProgress, Reason::Replacing, why.clone()),
        Situation::Leaving(what) => {
            status.completion_time.clone_from(&old.completion_time);
            let (phase, verdict) = match old.phase {
                Some(Phase::Succeeded) => (Phase::Succeeded, Verdict::Done),
                Some(Phase::Failed) => (Phase::Failed, Verdict::Stalled),
                _ => (Phase::Pending, Verdict::InProgress),
            };
            (phase, verdict, Reason::Purging, format!("the object is being deleted: {what}"))
        }
    };
    let (phase, verdict, reason, message) = said;
    status.phase = Some(phase);
    let before = old.conditions.as_deref().unwrap_or_default();
    let generation = object.metadata.generation;
    status.conditions = Some(conditions(before, verdict, reason, &pods::clip(&message), generation, now));
    status
}

/// The first status of a run, before anything is tried.
#[must_use]
pub fn first(object: &ReplicaBootstrap, now: &Time) -> ReplicaBootstrapStatus {
    let mut status = carry_over(object, &of_operator(object));
    status.phase = Some(Phase::Pending);
    let before = of_operator(object).conditions.unwrap_or_default();
    let (message, generation) = ("the operator has seen the object", object.metadata.generation);
    status.conditions = Some(conditions(&before, Verdict::New, Reason::Accepted, message, generation, now));
    status
}

/// Whether the status is about the run that the spec names.
#[must_use]
pub fn is_of_this_run(object: &ReplicaBootstrap) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.observed_generation.is_some_and(|generation| generation != UNSEEN)
            && status.run_id.as_ref() == Some(&object.spec.run.id)
    })
}

/// The operator's part of the existing status.
#[must_use]
pub fn of_operator(object: &ReplicaBootstrap) -> ReplicaBootstrapStatus {
    ReplicaBootstrapStatus { run: None, ..object.status.clone().unwrap_or_default() }
}

/// The reason of `Ready`, and its message.
#[must_use]
pub fn said(status: &ReplicaBootstrapStatus) -> Option<(&str, &str)> {
    let ready = api::ready(status.conditions.as_ref())?;
    Some((&ready.reason, &ready.message))
}

/// Whether the current spec cannot continue until somebody changes something.
#[must_use]
pub fn is_stalled(object: &ReplicaBootstrap) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.observed_generation == object.metadata.generation
            && status.conditions.iter().flatten().any(|one| one.type_ == api::STALLED && one.status == "True")
    })
}

/// Whether the spec differs from the one that its run began with. The definition refuses such a change, but only from
/// one change to the next: by way of another run.id it is possible. The run's Job knows better than the status, which
/// somebody else can write.
#[must_use]
pub fn has_other_data(object: &ReplicaBootstrap, job: Option<&Job>) -> bool {
    let status = object.status.as_ref().filter(|status| status.run_id.as_ref() == Some(&object.spec.run.id));
    let hash = job.and_then(begun_with).or_else(|| status?.data_hash.as_ref());
    hash.is_some_and(|hash| *hash != names::data_hash(&object.spec))
}

/// A hash of the data with which the Job has begun, if it has.
fn begun_with(job: &Job) -> Option<&String> {
    job.status.as_ref()?.start_time.as_ref()?;
    job.annotations().get(names::ANNOTATION_DATA)
}

/// Whether an end in the status is that of the Job: phase, conditions and data.
#[must_use]
pub fn agrees(object: &ReplicaBootstrap, job: &Job) -> bool {
    let Some(status) = &object.status else { return false };
    if begun_with(job).is_some_and(|hash| status.data_hash.as_ref() != Some(hash)) {
        return false;
    }
    let is = |type_: &str| {
        status.conditions.iter().flatten().any(|one| one.type_ == type_ && one.status == "True")
    };
    let conditions = (is(api::READY), is(api::RECONCILING), is(api::STALLED));
    let Some(outcome) = plan::outcome(job) else { return false };
    let expected =
        if matches!(outcome, Outcome::Complete) { (true, false, false) } else { (false, false, true) };
    let (phase, _, reason, text) = ended_so(&mut status.clone(), outcome);
    status.phase == Some(phase)
        && conditions == expected
        && said(status) == Some((reason.as_str(), &pods::clip(&text)))
}

/// The message for that case.
#[must_use]
pub fn other_data_text(object: &ReplicaBootstrap) -> String {
    format!(
        "source, snapshotLSN, redis, sequence, tables, rows, silentTriggers, noOwner, noPrivileges, keepKashoObjects, transform, errors or run.from are not what run {} began with: undo the change, or give run.id a new value",
        object.spec.run.id
    )
}

/// The fields that stay within a run. Another run begins without them.
fn carry_over(object: &ReplicaBootstrap, old: &ReplicaBootstrapStatus) -> ReplicaBootstrapStatus {
    let run = Some(object.spec.run.id.clone());
    let same = old.run_id == run;
    ReplicaBootstrapStatus {
        observed_generation: object.metadata.generation,
        run_id: run,
        history: history::of(object),
        ..if same {
            ReplicaBootstrapStatus { phase: None, conditions: None, completion_time: None, ..old.clone() }
        } else {
            ReplicaBootstrapStatus::default()
        }
    }
}

/// An end stays as it is. Only the observed generation is updated, unless the spec names something else: it is not
/// the end of that.
fn keep_end(object: &ReplicaBootstrap, mut old: ReplicaBootstrapStatus) -> ReplicaBootstrapStatus {
    if has_other_data(object, None) {
        return old;
    }
    old.observed_generation = object.metadata.generation;
    for condition in old.conditions.iter_mut().flatten() {
        condition.observed_generation = object.metadata.generation;
    }
    old
}

fn refer(status: &mut ReplicaBootstrapStatus, job: &Job) {
    status.job = Some(JobReference { name: job.name_any(), uid: job.uid().unwrap_or_default() });
}

/// The reason why the current run's runner waits.
#[must_use]
pub fn waits(object: &ReplicaBootstrap) -> Option<&str> {
    let run = object.status.as_ref()?.run.as_ref().filter(|run| run.id == object.spec.run.id)?;
    run.error.as_deref()?.strip_prefix("waiting: ")
}

fn working(
    status: &mut ReplicaBootstrapStatus,
    work: &Work<'_>,
    object: &ReplicaBootstrap,
    now: &Time,
) -> Said {
    let before = object.status.as_ref().and_then(|status| status.completion_time.clone());
    let counts = work.job.status.clone().unwrap_or_default();
    refer(status, work.job);
    let pods = [counts.active, counts.succeeded, counts.failed].into_iter().flatten().sum::<i32>();
    status.attempts = Some(pods.max(status.attempts.unwrap_or(0)));
    if status.start_time.is_none() {
        status.start_time.clone_from(&counts.start_time);
    }
    if let Some(hash) = begun_with(work.job) {
        status.data_hash = Some(hash.clone());
    }
    if let Some(error) = pods::last_failure(&work.pods) {
        status.last_error = Some(error);
    }
    match plan::outcome(work.job) {
        Some(outcome) => {
            let ended = counts.completion_time.clone().or_else(|| transition(work.job)).or(before);
            status.completion_time = Some(ended.unwrap_or_else(|| now.clone()));
            ended_so(status, outcome)
        }
        None => {
            let seen = work.pods.iter().filter(|pod| pods::has_failed(pod)).count();
            let failed = counts.failed.unwrap_or(0).max(i32::try_from(seen).unwrap_or(i32::MAX));
            going_on(status, work, waits(object), failed)
        }
    }
}

/// When the Job's `Failed` became true.
fn transition(job: &Job) -> Option<Time> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|one| one.type_ == "Failed")?.last_transition_time.clone()
}

fn ended_so(status: &mut ReplicaBootstrapStatus, outcome: Outcome) -> Said {
    let (why, message) = match outcome {
        Outcome::Complete => {
            return (Phase::Succeeded, Verdict::Done, Reason::Succeeded, DONE.to_owned());
        }
        Outcome::Failed(why, message) => (why, message),
    };
    if why == "PodFailurePolicy" && status.last_error.is_none() {
        status.last_error = exit_code_in(&message).map(|code| error_of(code, None));
    }
    let last = status.last_error.as_ref().map(|error| error.message.as_str());
    let again = "then give run.id a new value";
    let (reason, text) = match why.as_str() {
        "PodFailurePolicy" => {
            let code = status.last_error.as_ref().and_then(|error| error.exit_code);
            let reason = code.map_or(Reason::JobFailed, |code| crate::exit::meaning(code).0);
            (reason, format!("{}; {again}", last.unwrap_or(&message)))
        }
        "BackoffLimitExceeded" => (
            Reason::BackoffLimitExceeded,
            format!(
                "more pods failed than backoffLimit allows; the last: {}; fix the cause, {again}",
                last.unwrap_or("unknown")
            ),
        ),
        "DeadlineExceeded" => (
            Reason::DeadlineExceeded,
            format!("the run took longer than activeDeadlineSeconds: raise it, {again}"),
        ),
        _ => (Reason::JobFailed, format!("{why}: {message}; {again}")),
    };
    (Phase::Failed, Verdict::Stalled, reason, text)
}

fn error_of(code: i32, pod: Option<String>) -> LastError {
    let (reason, meaning) = crate::exit::meaning(code);
    LastError {
        reason: reason.as_str().to_owned(),
        message: format!("exit code {code}: {meaning}"),
        exit_code: Some(code),
        pod,
    }
}

/// The exit code in the Job's own message, for when the pod is gone: `… failed with exit code 3 matching …`.
fn exit_code_in(message: &str) -> Option<i32> {
    message.split("exit code ").nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn going_on(status: &ReplicaBootstrapStatus, work: &Work<'_>, waits: Option<&str>, failed: i32) -> Said {
    let doing = pods::doing(&work.pods, &work.warnings);
    if plan::is_suspended(work.job) {
        return suspended(work.job);
    }
    let (phase, reason, text) = match doing {
        Some(Doing::Running) => {
            let text = waits.map_or_else(
                || "the runner loads the dump".to_owned(),
                |what| format!("the runner waits: {what}"),
            );
            (Phase::Running, Reason::Running, text)
        }
        Some(Doing::Other(phase, reason, text)) => (phase, reason, text),
        None if pods::is_decided(&work.pods) => {
            (Phase::Running, Reason::Running, "the pod has ended; the Job will end soon".to_owned())
        }
        None => match pods::refusal(work.job.metadata.uid.as_deref(), &work.pods, &work.refusals) {
            Some(text) => (Phase::Pending, Reason::Forbidden, text),
            None if failed > 0 => (Phase::Pending, Reason::Retrying, retry(status, failed)),
            None => (
                Phase::Pending,
                Reason::PodStarting,
                "the Job was created; its pod does not exist yet".to_owned(),
            ),
        },
    };
    let edited = if work.edited {
        "; the spec has changed since the Job was created: the change applies to the next run, or when this one is suspended and resumed"
    } else {
        ""
    };
    (phase, Verdict::InProgress, reason, format!("{text}{edited}"))
}

/// The Job is suspended, but the object is not, or a pod is still there.
fn suspended(job: &Job) -> Said {
    let stops = "the runner writes its checkpoint and stops";
    let (phase, reason, text) = match suspended::by_other(job) {
        Some(who) if plan::is_active(job) => {
            (Phase::Running, Reason::JobSuspended, format!("{who}; {stops}"))
        }
        Some(who) => (
            Phase::Pending,
            Reason::JobSuspended,
            format!("{who}: the run continues when the Job is resumed, which the operator leaves to them"),
        ),
        None => (Phase::Running, Reason::Suspended, stops.to_owned()),
    };
    (phase, Verdict::InProgress, reason, text)
}

fn retry(status: &ReplicaBootstrapStatus, failed: i32) -> String {
    let last = status.last_error.as_ref().map_or("unknown", |error| error.message.as_str());
    format!("{failed} failed, another pod will be started; the last: {last}")
}

#[cfg(test)]
mod tests;
