//! What happens when an object with `purgeOnDelete` is deleted: its run is stopped, and a Job deletes its runs in Redis.
//! Until then the object stays, by a finalizer. It does not stay for ever.

use std::time::Duration;

use crds::ReplicaBootstrap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;

use super::dereference::OfJob;
use super::plan::{self, Observed, Outcome};
use super::pods::{self, Doing};
use super::report::{Surroundings, publish, report};
use super::status::Situation;
use super::validate::{Validated, validate};
use super::{apply, build, dereference};
use crate::error::{Error, pause};
use crate::refusal::{self, Refusal};
use crate::{events, names};

/// The longest pause before a refused request is repeated.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// The next step on the way out.
#[derive(Debug, PartialEq)]
enum Farewell<'a> {
    /// Nothing is left to do: the object may go.
    Release,
    /// The object goes, and its entries stay in Redis, for this reason.
    GiveUp(String),
    /// These Jobs must be deleted first.
    Stop(Vec<&'a Job>),
    /// Something must end first.
    Wait(String),
    /// Create the Job that purges.
    Purge,
    /// That Job is at work.
    Watch,
}

/// Whether the object waits for its purge when it is deleted.
fn is_held(object: &ReplicaBootstrap) -> bool {
    object.finalizers().iter().any(|one| one == names::FINALIZER)
}

/// Gives the object its finalizer, or takes it away, as the spec says. Returns the object as it is then; `None` if it
/// is gone.
///
/// # Errors
/// Errors of the API server.
pub async fn hold(
    object: &ReplicaBootstrap,
    around: &Surroundings,
) -> Result<Option<ReplicaBootstrap>, Error> {
    if is_held(object) == object.spec.purge_on_delete {
        return Ok(Some(object.clone()));
    }
    apply::finalizer(&around.context.client, object, object.spec.purge_on_delete).await
}

/// One step of an object that is being deleted.
///
/// # Errors
/// Errors of the API server. The caller retries.
pub async fn leave(object: &ReplicaBootstrap, around: &Surroundings) -> Result<Action, Error> {
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    around.context.return_place(uid);
    if !is_held(object) {
        around.context.succeeded(uid);
        return Ok(Action::await_change());
    }
    let valid = match validate(object) {
        Ok(valid) => valid,
        Err(error) if object.spec.purge_on_delete => {
            return give_up(object, around, &error.to_string()).await;
        }
        Err(_) => return release(object, around).await,
    };
    let observed = dereference::observe(&valid, &around.scope);
    let purge = purge_of(&valid, around);
    match next(object, &observed, purge.as_ref(), Timestamp::now()) {
        Farewell::Release => {
            delete(purge.as_ref(), around).await?;
            release(object, around).await
        }
        Farewell::GiveUp(why) => {
            // One that has failed stays for a while, for its log.
            delete(purge.as_ref().filter(|job| plan::outcome(job).is_none()), around).await?;
            give_up(object, around, &why).await
        }
        Farewell::Stop(jobs) => {
            for job in &jobs {
                apply::delete_job(&around.context.client, job, true).await?;
            }
            tell(object, around, "its run is being stopped").await
        }
        Farewell::Wait(what) => tell(object, around, &what).await,
        Farewell::Purge => create(object, &valid, around).await,
        Farewell::Watch => tell(object, around, &purging(&observed, purge.as_ref(), around)).await,
    }
}

/// Pure: the next step, from what there is.
fn next<'a>(
    object: &ReplicaBootstrap,
    observed: &'a Observed,
    purge: Option<&Job>,
    now: Timestamp,
) -> Farewell<'a> {
    if !object.spec.purge_on_delete {
        return Farewell::Release;
    }
    match purge.and_then(|job| Some((job.name_any(), plan::outcome(job)?))) {
        Some((_, Outcome::Complete)) => return Farewell::Release,
        Some((name, Outcome::Failed(why, message))) => {
            return Farewell::GiveUp(format!("the Job {name} has failed ({why}: {message})"));
        }
        None => {}
    }
    if left(object, now).is_zero() {
        return Farewell::GiveUp(format!("it was not done within {} minutes", build::PURGE_SECONDS / 60));
    }
    let jobs: Vec<&Job> = observed.job.iter().chain(&observed.earlier).collect();
    if jobs.iter().any(|job| job.metadata.deletion_timestamp.is_none()) {
        return Farewell::Stop(jobs);
    }
    if let Some(job) = jobs.first() {
        return Farewell::Wait(format!("the Job {} is being deleted", job.name_any()));
    }
    let of_purge = purge.and_then(ResourceExt::uid);
    let is_of_purge = |pod: &k8s_openapi::api::core::v1::Pod| {
        pod.owner_references().iter().any(|owner| Some(&owner.uid) == of_purge.as_ref())
    };
    if let Some(pod) = observed.pods.iter().find(|pod| !pods::has_ended(pod) && !is_of_purge(pod)) {
        return Farewell::Wait(format!("the pod {} is still running", pod.name_any()));
    }
    if purge.is_some() { Farewell::Watch } else { Farewell::Purge }
}

/// How long the object may still stay.
fn left(object: &ReplicaBootstrap, now: Timestamp) -> Duration {
    let since = object.metadata.deletion_timestamp.as_ref().map_or(now, |time| time.0);
    let left = since.as_second().saturating_add(build::PURGE_SECONDS).saturating_sub(now.as_second());
    Duration::from_secs(u64::try_from(left).unwrap_or(0))
}

/// The Job that purges, if it exists.
fn purge_of(object: &Validated, around: &Surroundings) -> Option<Job> {
    let name = names::purge(&object.name, &object.uid);
    let job = around.scope.jobs.get(&ObjectRef::<Job>::new(&name).within(&object.namespace))?;
    apply::is_purge_of(&job, &object.uid).then(|| job.as_ref().clone())
}

/// What the Job that purges does, or waits for.
fn purging(observed: &Observed, purge: Option<&Job>, around: &Surroundings) -> String {
    let Some(job) = purge else { return String::new() };
    let OfJob { pods, warnings, refusals } = dereference::of_job(job, observed, &around.scope);
    let begins = format!("the Job {} deletes its runs in Redis", job.name_any());
    let more = match pods::doing(&pods, &warnings.iter().collect::<Vec<_>>()) {
        Some(Doing::Running) => None,
        Some(Doing::Other(_, _, text)) => Some(text),
        None => {
            let failure = pods::last_failure(&pods).map(|error| error.message);
            pods::refusal(job.metadata.uid.as_deref(), &pods, &refusals.iter().collect::<Vec<_>>())
                .or(failure)
        }
    };
    more.map_or(begins.clone(), |more| format!("{begins}: {more}"))
}

async fn create(
    object: &ReplicaBootstrap,
    valid: &Validated,
    around: &Surroundings,
) -> Result<Action, Error> {
    let job = build::purge(valid, &around.context.settings);
    let made = apply::create_job(&around.context.client, valid, &job).await;
    match made {
        Ok(apply::Made::New(job) | apply::Made::Ours(job)) => {
            tell(object, around, &format!("the Job {} was created", job.name_any())).await
        }
        Ok(apply::Made::Foreign(whose)) => give_up(object, around, &whose).await,
        // Nothing can be created any more, and the namespace waits for this object.
        Err(error) if error.status().is_some_and(refusal::is_by_end_of_namespace) => {
            give_up(object, around, &error.to_string()).await
        }
        Err(error) if error.status().and_then(refusal::of) == Some(Refusal::Denied) => {
            report(object, around, &Situation::Leaving(error.to_string())).await?;
            let uid = object.metadata.uid.as_deref().unwrap_or_default();
            Ok(Action::requeue(pause(around.context.failed(uid)).min(REFUSAL_PAUSE)))
        }
        Err(error) => Err(error),
    }
}

async fn delete(job: Option<&Job>, around: &Surroundings) -> Result<(), Error> {
    if let Some(job) = job {
        apply::delete_job(&around.context.client, job, false).await?;
    }
    Ok(())
}

/// Reports what the object waits for, and comes back when its time is over.
async fn tell(object: &ReplicaBootstrap, around: &Surroundings, what: &str) -> Result<Action, Error> {
    report(object, around, &Situation::Leaving(what.to_owned())).await?;
    Ok(Action::requeue(left(object, Timestamp::now()).max(Duration::from_secs(1))))
}

/// Lets the object go although its runs are still in Redis.
async fn give_up(object: &ReplicaBootstrap, around: &Surroundings, why: &str) -> Result<Action, Error> {
    let run = names::redis_run(&object.namespace().unwrap_or_default(), &object.name_any());
    let note = format!(
        "{why}; the entries of its runs stay in Redis: `pg-bootstrap-sync ranges purge --run-id {run}` deletes them"
    );
    tracing::warn!(object = %ObjectRef::from_obj(object), "deleted without its purge: {note}");
    publish(object, around, vec![events::purge_failed(note)]).await;
    release(object, around).await
}

async fn release(object: &ReplicaBootstrap, around: &Surroundings) -> Result<Action, Error> {
    apply::finalizer(&around.context.client, object, false).await?;
    around.context.succeeded(object.metadata.uid.as_deref().unwrap_or_default());
    Ok(Action::await_change())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, object, pod, settings, stored_job, validated};
    use serde_json::json;

    fn leaving() -> ReplicaBootstrap {
        let mut object = object();
        object.spec.purge_on_delete = true;
        object.metadata.deletion_timestamp = Some(at(0));
        object
    }

    fn purge(status: serde_json::Value) -> Job {
        let mut job = build::purge(&validated(&leaving()), &settings());
        job.metadata.uid = Some("purge".to_owned());
        job.status = serde_json::from_value(status).unwrap();
        job
    }

    #[test]
    fn the_run_ends_before_the_purge_begins() {
        let object = leaving();
        let mut observed = Observed { job: Some(stored_job(&object, json!({}))), ..Observed::default() };
        let step = |observed: &Observed| format!("{:?}", next(&object, observed, None, at(1).0));
        assert!(step(&observed).starts_with("Stop("), "{}", step(&observed));
        observed.job.as_mut().unwrap().metadata.deletion_timestamp = Some(at(0));
        assert!(step(&observed).starts_with("Wait("), "{}", step(&observed));
        observed.job = None;
        observed.pods = vec![pod("p", json!({"phase": "Running"}))];
        assert!(step(&observed).starts_with("Wait("), "{}", step(&observed));
        observed.pods = vec![pod("p", json!({"phase": "Failed"}))];
        assert_eq!(next(&object, &observed, None, at(1).0), Farewell::Purge);
        assert_eq!(next(&object, &observed, Some(&purge(json!({"active": 1}))), at(1).0), Farewell::Watch);
    }

    #[test]
    fn the_object_goes_in_any_case() {
        let (mut object, observed) = (leaving(), Observed::default());
        let ended = |type_: &str| {
            purge(json!({"conditions": [{"type": type_, "status": "True", "reason": "R", "message": "m"}]}))
        };
        assert_eq!(next(&object, &observed, Some(&ended("Complete")), at(1).0), Farewell::Release);
        let failed = next(&object, &observed, Some(&ended("Failed")), at(1).0);
        assert!(matches!(&failed, Farewell::GiveUp(why) if why.contains("(R: m)")), "{failed:?}");
        let late = next(&object, &observed, None, at(build::PURGE_SECONDS).0);
        assert_eq!(late, Farewell::GiveUp("it was not done within 15 minutes".to_owned()));
        object.spec.purge_on_delete = false;
        assert_eq!(next(&object, &observed, None, at(1).0), Farewell::Release);
    }
}
