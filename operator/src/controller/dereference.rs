//! Everything that exists for an object, as the watches show it. No requests.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt};

use super::plan::{self, Observed};
use super::validate::Validated;
use crate::context::Scope;
use crate::names;

/// The object's Jobs and pods.
#[must_use]
pub fn observe(object: &Validated, scope: &Scope) -> Observed {
    let mut observed = Observed::default();
    let name = object.job_name();
    for job in scope.jobs.state() {
        if !is_owned(job.as_ref(), &object.uid) {
            if plan::is_in_the_way(&job, object) {
                observed.foreign = Some(job.as_ref().clone());
            }
            continue;
        }
        if job.name_any() == name {
            observed.job = Some(job.as_ref().clone());
        } else {
            observed.earlier.push(job.as_ref().clone());
        }
    }
    let namespace = Some(object.namespace.as_str());
    observed.pods = scope
        .pods
        .state()
        .into_iter()
        .filter(|pod| {
            pod.metadata.namespace.as_deref() == namespace && object_of(pod.as_ref()) == Some(&object.name)
        })
        .map(|pod| pod.as_ref().clone())
        .collect();
    observed
}

/// What there is of a Job.
pub struct OfJob<'a> {
    /// Its pods.
    pub pods: Vec<&'a Pod>,
    /// Events that warn about them.
    pub warnings: Vec<Event>,
    /// Events about pods that it could not create.
    pub refusals: Vec<Event>,
}

/// The Job's pods, and events about them and about those that it could not create.
#[must_use]
pub fn of_job<'a>(job: &Job, observed: &'a Observed, scope: &Scope) -> OfJob<'a> {
    let uid = job.uid().unwrap_or_default();
    let is_its = |pod: &&Pod| pod.owner_references().iter().any(|owner| owner.uid == uid);
    let pods: Vec<_> = observed.pods.iter().filter(is_its).collect();
    let uids: Vec<&str> = pods.iter().filter_map(|pod| pod.metadata.uid.as_deref()).collect();
    let warnings = events_of(&scope.warnings, &uids);
    let refusals = events_of(&scope.refusals, &[uid.as_str()]);
    OfJob { pods, warnings, refusals }
}

/// Events about failures of the given objects.
fn events_of(store: &kube::runtime::reflector::Store<Event>, uids: &[&str]) -> Vec<Event> {
    let about = |event: &Event| event.involved_object.uid.as_deref().is_some_and(|uid| uids.contains(&uid));
    store.state().into_iter().filter(|event| about(event)).map(|event| event.as_ref().clone()).collect()
}

/// Whether the controller of this object has this UID.
#[must_use]
pub fn is_owned<K: Resource>(thing: &K, uid: &str) -> bool {
    thing.owner_references().iter().any(|owner| owner.uid == uid && owner.controller == Some(true))
}

/// The name of the ReplicaBootstrap of a pod or a Job, also if that has been left behind.
#[must_use]
pub fn object_of<K: Resource>(thing: &K) -> Option<&String> {
    thing.annotations().get(names::ANNOTATION_OBJECT)
}

/// The ReplicaBootstrap of a pod or a Job.
#[must_use]
pub fn reference_of<K: Resource>(thing: &K) -> Option<ObjectRef<crds::ReplicaBootstrap>> {
    Some(ObjectRef::new(object_of(thing)?).within(&thing.namespace()?))
}

/// The ReplicaBootstrap of an event about one of its pods or Jobs.
#[must_use]
pub fn object_of_event(event: &Event, scope: &Scope) -> Option<ObjectRef<crds::ReplicaBootstrap>> {
    let about = &event.involved_object;
    let (name, namespace) = (about.name.as_deref()?, about.namespace.as_deref()?);
    let object = match about.kind.as_deref()? {
        "Pod" => object_of(scope.pods.get(&ObjectRef::<Pod>::new(name).within(namespace))?.as_ref()).cloned(),
        "Job" => object_of(scope.jobs.get(&ObjectRef::<Job>::new(name).within(namespace))?.as_ref()).cloned(),
        _ => None,
    };
    Some(ObjectRef::new(&object?).within(namespace))
}
