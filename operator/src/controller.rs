//! The stages of a reconcile, and their order.

pub mod apply;
pub mod build;
pub mod causes;
pub mod dereference;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod history;
pub mod leave;
pub mod plan;
pub mod pods;
pub mod report;
pub mod status;
pub mod suspended;
pub mod validate;
pub mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::ReplicaBootstrap;
use crds::v1alpha1::Phase;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;

use crate::context::{Scope, claim};
use crate::error::{Error, pause};
use crate::queue::Answer;
use crate::refusal::{self, Refusal};
use crate::{events, names};
use apply::Made;
use dereference::OfJob;
use plan::{Observed, Obsolete, Step};
pub use report::Surroundings;
use report::{now, publish, report};
use status::{Situation, Work};
use validate::{Validated, has_ended, validate};

/// When to look again if a watch lags behind.
const LAG_PAUSE: Duration = Duration::from_secs(1);
/// When to look again for a change that no watch shows: whether a foreign Job is gone.
const CONFLICT_PAUSE: Duration = Duration::from_secs(60);
/// The longest pause before a refused request is repeated.
const REFUSAL_PAUSE: Duration = Duration::from_secs(60);
/// When a queued object asks again, in case it missed the notification about a free place.
const QUEUE_PAUSE: Duration = Duration::from_secs(60);

/// One reconcile, counted and timed.
///
/// # Errors
/// Errors of the API server. The caller retries.
pub async fn reconcile(object: Arc<ReplicaBootstrap>, around: Arc<Surroundings>) -> Result<Action, Error> {
    // A Job that is not in the store yet could be a runner.
    around.context.admin.health.all_listed().await;
    let began = Instant::now();
    let result = act(&object, &around).await;
    let error = result.as_ref().err().map(Error::reason);
    around.context.admin.metrics.reconciled(began.elapsed(), error);
    result
}

/// When to retry after an error.
#[expect(clippy::needless_pass_by_value, reason = "the controller gives it so")]
#[must_use]
pub fn after_error(object: Arc<ReplicaBootstrap>, error: &Error, around: Arc<Surroundings>) -> Action {
    let uid = object.metadata.uid.clone().unwrap_or_default();
    around.context.stand_back(&uid);
    let pause = pause(around.context.failed(&uid));
    tracing::warn!(
        object = %ObjectRef::from_obj(object.as_ref()), error = %error, seconds = pause.as_secs(), "a reconcile failed and is retried"
    );
    Action::requeue(pause)
}

async fn act(object: &ReplicaBootstrap, around: &Surroundings) -> Result<Action, Error> {
    if object.metadata.deletion_timestamp.is_some() {
        return leave::leave(object, around).await;
    }
    let Some(object) = &leave::hold(object, around).await? else { return Ok(Action::await_change()) };
    if has_ended(object) && !is_untrue(object, around).await? {
        return keep_ended(object, around).await;
    }
    let Some(object) = &welcome(object, around).await? else { return Ok(Action::await_change()) };
    let valid = match validate(object) {
        Ok(valid) => valid,
        Err(error) => return report(object, around, &Situation::Invalid(error.to_string())).await,
    };
    let observed = dereference::observe(&valid, &around.scope);
    let wanted = build::job(&valid, &around.context.settings);
    if observed.job.as_ref().is_some_and(|job| plan::takes_a_place(job, object)) {
        around.context.return_place(&valid.uid);
    }
    let one = One { object, valid: &valid, wanted: &wanted, around };
    let step = plan::next(&valid, &observed, &wanted);
    if status::has_other_data(object, observed.job.as_ref()) && plan::makes_or_ends(step, &observed) {
        return one.report(&Situation::Invalid(status::other_data_text(object))).await;
    }
    match one.take(step, &observed).await {
        Err(error) => one.refused(error, step, &observed).await,
        done => done,
    }
}

/// One object on its way through the stages.
struct One<'a> {
    object: &'a ReplicaBootstrap,
    valid: &'a Validated,
    wanted: &'a Job,
    around: &'a Surroundings,
}

impl One<'_> {
    /// Takes the step that the plan says, and reports what it has led to.
    async fn take(&self, step: Step, observed: &Observed) -> Result<Action, Error> {
        match step {
            Step::Replace(obsolete) => self.replace(observed, obsolete).await,
            Step::Conflict => {
                // It does not block others, and looks again in case no event shows that the Job is gone.
                self.around.context.stand_back(&self.valid.uid);
                let text = observed.foreign.as_ref().map(apply::left_behind).unwrap_or_default();
                self.report(&Situation::Conflict(text)).await.map(|_| Action::requeue(CONFLICT_PAUSE))
            }
            Step::AwaitStray => {
                // The garbage collector would do it too, but has sometimes much else to do first.
                if let Some(job) = observed.foreign.as_ref().filter(|job| plan::outcome(job).is_some()) {
                    apply::delete_job(&self.around.context.client, job, true).await?;
                }
                self.report(&Situation::Replacing(plan::stray_text(observed))).await
            }
            // A pod that is still writing its checkpoint means that the run is not suspended yet.
            Step::Hold if observed.job.as_ref().is_some_and(plan::is_active) => {
                self.watch(observed, observed.job.as_ref()).await
            }
            Step::Hold => {
                if observed.job.is_none() {
                    self.forget_earlier().await?;
                }
                self.report(&Situation::Held(observed.job.as_ref())).await
            }
            Step::Suspend => self.suspend(observed).await,
            Step::Create => self.create().await,
            Step::Resume => self.resume(observed).await,
            Step::Watch => {
                if let Some(job) = observed.job.as_ref().filter(|job| plan::is_resumed_by_other(job)) {
                    apply::unmark(&self.around.context.client, job).await?;
                }
                self.watch(observed, observed.job.as_ref()).await
            }
        }
    }

    async fn report(&self, situation: &Situation<'_>) -> Result<Action, Error> {
        report(self.object, self.around, situation).await
    }

    /// Deletes the Jobs that must go first. A watch shows when they are gone.
    async fn replace(&self, observed: &Observed, obsolete: Obsolete) -> Result<Action, Error> {
        let own = observed.job.iter().filter(|_| obsolete == Obsolete::Own);
        let jobs: Vec<&Job> = observed.earlier.iter().chain(own).collect();
        for job in &jobs {
            if apply::delete_job(&self.around.context.client, job, true).await? {
                let note =
                    format!("{} is deleted; the next Job is created when its pod is gone", job.name_any());
                publish(self.object, self.around, vec![events::normal(events::JOB_DELETED, note)]).await;
            }
        }
        let names: Vec<_> = jobs.iter().map(|job| job.name_any()).collect();
        let text = format!("{} is being deleted: the run waits until its pod has ended", names.join(", "));
        self.report(&Situation::Replacing(text)).await
    }

    async fn suspend(&self, observed: &Observed) -> Result<Action, Error> {
        let Some(job) = &observed.job else { return Ok(Action::await_change()) };
        let job = apply::suspend(&self.around.context.client, job, true).await?;
        self.watch(observed, Some(&job)).await
    }

    /// Asks for a place and uses it.
    async fn create(&self) -> Result<Action, Error> {
        self.forget_earlier().await?;
        if let Some(why) = self.beside() {
            // It does not block others, and asks again in case the other run is removed.
            self.around.context.stand_back(&self.valid.uid);
            return self.report(&Situation::Beside(why)).await.map(|_| Action::requeue(QUEUE_PAUSE));
        }
        if let Some(situation) = self.wait_for_place() {
            return self.report(&situation).await.map(|_| Action::requeue(QUEUE_PAUSE));
        }
        let made = self.make().await;
        match made {
            Ok(Some(Made::New(_) | Made::Ours(_))) => {}
            // It will be reconciled again; others do not wait for that.
            Ok(Some(Made::Foreign(_))) | Err(_) => self.around.context.stand_back(&self.valid.uid),
            Ok(None) => self.around.context.return_place(&self.valid.uid),
        }
        match made {
            Ok(None) => Ok(Action::requeue(LAG_PAUSE)),
            Ok(Some(Made::Foreign(whose))) => {
                let text = format!("{whose}: delete or rename it, or choose another run.id");
                self.report(&Situation::Conflict(text)).await.map(|_| Action::requeue(CONFLICT_PAUSE))
            }
            Ok(Some(Made::New(job))) => {
                let note = format!("{} was created", job.name_any());
                publish(self.object, self.around, vec![events::normal(events::JOB_CREATED, note)]).await;
                self.watch(&Observed::default(), Some(&job)).await
            }
            Ok(Some(Made::Ours(job))) => self.watch(&Observed::default(), Some(&job)).await,
            Err(error) => Err(error),
        }
    }

    /// Creates the Job, if the object is still as the watch showed it: a run that has ended must not run again
    /// because a watch lags.
    async fn make(&self) -> Result<Option<Made<Job>>, Error> {
        let client = &self.around.context.client;
        let Some(now) = apply::read(client, self.valid).await? else { return Ok(None) };
        if now.metadata.generation != self.object.metadata.generation
            || now.metadata.deletion_timestamp.is_some()
            || has_ended(&now)
        {
            return Ok(None);
        }
        if apply::others(client, self.valid, self.wanted).await? {
            return Ok(None);
        }
        if let Some(foreign) = apply::grant(client, self.valid, &build::access(self.valid)).await? {
            return Ok(Some(Made::Foreign(foreign)));
        }
        apply::create_job(client, self.valid, self.wanted).await.map(Some)
    }

    async fn resume(&self, observed: &Observed) -> Result<Action, Error> {
        let Some(job) = &observed.job else { return Ok(Action::await_change()) };
        if let Some(situation) = self.wait_for_place() {
            return self.report(&situation).await.map(|_| Action::requeue(QUEUE_PAUSE));
        }
        let client = &self.around.context.client;
        if let Some(foreign) = apply::grant(client, self.valid, &build::access(self.valid)).await? {
            self.around.context.stand_back(&self.valid.uid);
            let text = format!("{foreign}: delete or rename it");
            return self.report(&Situation::Conflict(text)).await.map(|_| Action::requeue(CONFLICT_PAUSE));
        }
        let job = apply::suspend(client, job, false).await?;
        let note = format!("{} was resumed", job.name_any());
        publish(self.object, self.around, vec![events::normal(events::RESUMED, note)]).await;
        self.watch(observed, Some(&job)).await
    }

    /// Removes the report of an earlier run's runner. Nothing of that run exists by now.
    async fn forget_earlier(&self) -> Result<(), Error> {
        let said = self.object.status.as_ref().and_then(|status| status.run.as_ref());
        if said.is_some_and(|run| run.id != self.valid.run()) {
            apply::forget_run(&self.around.context.client, self.object).await?;
        }
        Ok(())
    }

    /// Why the run cannot begin beside another one, if it has not begun yet.
    fn beside(&self) -> Option<String> {
        let status = self.object.status.as_ref();
        let has_begun = status.is_some_and(|status| {
            status.start_time.is_some() && status.run_id.as_deref() == Some(self.valid.run())
        });
        if has_begun { None } else { self.around.context.beside(self.valid) }
    }

    /// `None` if there is a place.
    fn wait_for_place(&self) -> Option<Situation<'static>> {
        let claim = claim(self.object)?;
        match self.around.context.ask(&claim) {
            Answer::Go => None,
            Answer::Wait(place, why) => Some(Situation::Queued(place, why)),
        }
    }

    /// A refusal that somebody may lift is not an error of the operator: it is reported, and the step is repeated
    /// with growing pauses.
    async fn refused(&self, error: Error, step: Step, observed: &Observed) -> Result<Action, Error> {
        let context = &self.around.context;
        match error.status().and_then(refusal::of) {
            Some(Refusal::Denied) => {
                context.stand_back(&self.valid.uid);
                let runs = observed.job.as_ref().is_some_and(plan::is_active);
                let phase = if runs { Phase::Running } else { Phase::Pending };
                self.report(&Situation::Refused(phase, error.to_string())).await?;
                Ok(Action::requeue(pause(context.failed(&self.valid.uid)).min(REFUSAL_PAUSE)))
            }
            Some(Refusal::Malformed) if step == Step::Create => {
                self.report(&Situation::Invalid(error.to_string())).await
            }
            _ => Err(error),
        }
    }

    /// Reports the state of the Job.
    async fn watch(&self, observed: &Observed, job: Option<&Job>) -> Result<Action, Error> {
        let Some(job) = job else { return Ok(Action::await_change()) };
        let OfJob { pods, warnings, refusals } = dereference::of_job(job, observed, &self.around.scope);
        let has_no_pod = pods.iter().all(|pod| pods::has_ended(pod));
        if !refusals.is_empty() && has_no_pod && plan::outcome(job).is_none() {
            // The ServiceAccount or its role may have been deleted. The Job continues when they exist again.
            apply::grant(&self.around.context.client, self.valid, &build::access(self.valid)).await?;
        }
        let edited = plan::outcome(job).is_none() && plan::is_edited(job, self.wanted);
        let work = Work {
            job,
            pods,
            warnings: warnings.iter().collect(),
            refusals: refusals.iter().collect(),
            edited,
        };
        let done = self.report(&Situation::Working(work)).await?;
        // The end that was just written does not trigger a reconcile.
        let stays = self.object.spec.ttl_seconds_after_finished.filter(|_| plan::outcome(job).is_some());
        Ok(stays.map_or(done, |seconds| {
            Action::requeue(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).max(LAG_PAUSE))
        }))
    }
}

/// Writes the first status of a run, so that its object's earlier run is in the history before anything of it is
/// removed. Returns the object with it; `None` if it is gone.
async fn welcome(
    object: &ReplicaBootstrap,
    around: &Surroundings,
) -> Result<Option<ReplicaBootstrap>, Error> {
    let mut object = object.clone();
    if !status::is_of_this_run(&object) {
        let first = status::first(&object, &now());
        let version = apply::status(&around.context.client, &object, &first).await?;
        if version.is_none() {
            return Ok(None);
        }
        object.metadata.resource_version = version;
        publish(&object, around, events::of_change(&status::of_operator(&object), &first)).await;
        let run = object.status.take().and_then(|status| status.run);
        object.status = Some(crds::ReplicaBootstrapStatus { run, ..first });
    }
    Ok(Some(object))
}

/// A run that has ended stays, and its Job is deleted when its time has come.
async fn keep_ended(object: &ReplicaBootstrap, around: &Surroundings) -> Result<Action, Error> {
    if let Some(uid) = &object.metadata.uid {
        around.context.return_place(uid);
    }
    let job = run_job(object, &around.scope);
    report(object, around, &Situation::Ended).await?;
    if status::has_other_data(object, job.as_deref()) {
        publish(object, around, vec![events::other_data(status::other_data_text(object))]).await;
    }
    let Some(job) = job else { return Ok(Action::await_change()) };
    match left_to_live(object, Timestamp::now()) {
        None => Ok(Action::await_change()),
        Some(left) if left.is_zero() => {
            apply::delete_job(&around.context.client, &job, false).await?;
            Ok(Action::await_change())
        }
        Some(left) => Ok(Action::requeue(left)),
    }
}

/// The Job of the object's run, if it is still there.
fn run_job(object: &ReplicaBootstrap, scope: &Scope) -> Option<Arc<Job>> {
    let name = names::job(object.metadata.name.as_deref()?, &object.spec.run.id);
    let job = scope.jobs.get(&ObjectRef::<Job>::new(&name).within(&object.namespace()?))?;
    dereference::is_owned(job.as_ref(), object.metadata.uid.as_deref()?).then_some(job)
}

/// Whether the status says that the run has ended, and the run's Job says something else: somebody else has written
/// the status. A watch that lags behind is no proof, so the API server is asked.
async fn is_untrue(object: &ReplicaBootstrap, around: &Surroundings) -> Result<bool, Error> {
    let Some(job) = run_job(object, &around.scope).filter(|job| !status::agrees(object, job)) else {
        return Ok(false);
    };
    let now = apply::read_job(&around.context.client, &job).await?;
    Ok(now.is_some_and(|now| !status::agrees(object, &now)))
}

/// How long the Job of a run that has ended stays; `None` for no limit.
fn left_to_live(object: &ReplicaBootstrap, now: Timestamp) -> Option<Duration> {
    let seconds = object.spec.ttl_seconds_after_finished?;
    let ended = object.status.as_ref()?.completion_time.as_ref()?.0;
    let left = ended.as_second().saturating_add(i64::from(seconds)).saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, object};

    #[test]
    fn a_job_stays_as_long_as_the_object_says() {
        let mut object = object();
        object.status =
            Some(crds::ReplicaBootstrapStatus { completion_time: Some(at(100)), ..Default::default() });
        assert_eq!(left_to_live(&object, at(100).0), None);
        object.spec.ttl_seconds_after_finished = Some(30);
        assert_eq!(left_to_live(&object, at(110).0), Some(Duration::from_secs(20)));
        assert_eq!(left_to_live(&object, at(500).0), Some(Duration::ZERO));
    }
}
