//! The watches of one namespace, or of all, and the controller that they feed.

use std::fmt::Debug;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use crds::ReplicaBootstrap;
use futures_util::future::ready;
use futures_util::{Stream, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod, PodSpec};
use kube::core::{DeserializeGuard, ObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch::Receiver;

use super::{Surroundings, after_error, dereference, pods, reconcile, status, suspended};
use crate::admin::Admin;
use crate::context::{Context, Scope};
use crate::names;

/// In how many parts all objects are looked at again.
const PARTS: u64 = 60;
/// How many reconciles may run at the same time in one controller.
const CONCURRENCY: u16 = 8;

type Touched<K> = std::pin::Pin<Box<dyn Stream<Item = Result<K, watcher::Error>> + Send>>;

/// Watches that have not started.
pub struct Watches {
    /// Their stores.
    pub scope: Scope,
    objects: Touched<ReplicaBootstrap>,
    jobs: Touched<Job>,
    pods: Touched<Pod>,
    warnings: Touched<Event>,
    refusals: Touched<Event>,
}

impl Watches {
    /// Watches of a namespace, or of all but the excluded ones.
    #[must_use]
    pub fn new(client: &Client, namespace: Option<&str>, excluded: &[&str], admin: &Arc<Admin>) -> Self {
        let place = Place { client, namespace, admin };
        let elsewhere: Vec<_> = excluded.iter().map(|name| format!("metadata.namespace!={name}")).collect();
        let fields = |fields: &[&str]| {
            let all: Vec<_> = fields.iter().copied().chain(elsewhere.iter().map(String::as_str)).collect();
            watcher::Config {
                field_selector: (!all.is_empty()).then(|| all.join(",")),
                ..watcher::Config::default()
            }
        };
        let made = fields(&[]).labels(&names::selector());
        let events = watcher(place.api(), fields(&[]));
        let (objects, all_objects) =
            place.follow("replicabootstraps", events.filter_map(|event| ready(readable(event))), bare);
        let (jobs, all_jobs) = place.watch("jobs", made.clone(), |job: &mut Job| {
            suspended::keep_managers(job);
            if let Some(spec) = &mut job.spec {
                spec.template.spec = None;
                spec.template.metadata = None;
            }
        });
        let (pods, all_pods) = place.watch("pods", made, |pod: &mut Pod| {
            bare(pod);
            let node_name = pod.spec.take().and_then(|spec| spec.node_name);
            pod.spec = Some(PodSpec { node_name, ..PodSpec::default() });
        });
        let warnings = fields(&["involvedObject.kind=Pod", "type=Warning"]);
        let (warnings, all_warnings) = place.follow(
            "events of pods",
            of_pods(watcher(place.api(), warnings), (all_jobs.clone(), all_pods.clone())),
            trim,
        );
        let (refusals, all_refusals) =
            place.watch("events of jobs", fields(&["involvedObject.kind=Job", "reason=FailedCreate"]), trim);
        let scope = Scope {
            namespace: namespace.map(str::to_owned),
            objects: all_objects,
            jobs: all_jobs,
            pods: all_pods,
            warnings: all_warnings,
            refusals: all_refusals,
        };
        Self { scope, objects, jobs, pods, warnings, refusals }
    }

    /// Reconciles until `stop` is true, and then until running reconciles have ended.
    pub async fn run(self, context: Arc<Context>, stop: Receiver<bool>) {
        let scope = self.scope.clone();
        // A change of the runner's part of the status needs no reconcile.
        let objects = self.objects.predicate_filter(wakes, kube::runtime::PredicateConfig::default());
        let (of_warnings, of_refusals) = (scope.clone(), scope.clone());
        let freed = Arc::clone(&context);
        let jobs = self
            .jobs
            .inspect(move |_| freed.places.send_modify(|changes| *changes = changes.wrapping_add(1)));
        let around = Arc::new(Surroundings { context: Arc::clone(&context), scope: scope.clone() });
        let unready = stopped_before_ready(scope.objects.clone(), stop.clone());
        let controller = Controller::for_stream(objects, scope.objects.clone())
            .with_config(Config::default().concurrency(CONCURRENCY))
            // By their annotation, which a Job also has that was left behind without an owner.
            .watches_stream(jobs, |job| dereference::reference_of(&job))
            .watches_stream(self.pods, |pod| dereference::reference_of(&pod))
            .watches_stream(self.warnings, move |event| dereference::object_of_event(&event, &of_warnings))
            .watches_stream(self.refusals, move |event| dereference::object_of_event(&event, &of_refusals))
            .reconcile_on(queued(&context, scope.clone()))
            .reconcile_on(looked_at_again(scope, context.resync))
            .graceful_shutdown_on(stopped(stop))
            .run(reconcile, after_error, around)
            .for_each(|result| {
                if let Err(error) = result {
                    tell(&error);
                }
                ready(())
            });
        tokio::select! {
            () = controller => {}
            () = unready => {}
        }
    }
}

/// Waits until it is to stop, where that comes before all objects were listed. The controller would wait for the rest of
/// the list then, which it no longer reads. Nothing is reconciled before that.
async fn stopped_before_ready(objects: Store<ReplicaBootstrap>, stop: Receiver<bool>) {
    let listed = async {
        // An error says that nobody fills the store any more.
        let _ = objects.wait_until_ready().await;
        std::future::pending().await
    };
    tokio::select! {
        biased;
        () = listed => {}
        () = stopped(stop) => {}
    }
}

/// Logs what a controller reports in addition to the reconciles' own messages.
fn tell(error: &kube::runtime::controller::Error<crate::error::Error, watcher::Error>) {
    use kube::runtime::controller::Error;
    match error {
        // A Job or pod that outlives its object for a moment.
        Error::ObjectNotFound(_) => tracing::debug!(error = %error, "nothing to reconcile"),
        // Logged by `after_error`.
        Error::ReconcilerFailed(..) => {}
        Error::QueueError(error) => {
            tracing::warn!(error = %error, "a watch failed and is restarted; check that the definition and the role are installed");
        }
        Error::RunnerError(error) => {
            tracing::error!(error = %error, "the controller failed; restart the operator if objects are not reconciled any more")
        }
    }
}

/// Drops the objects of an event that cannot be read. One such object must not hide the others. Its last readable
/// state stays in the store until it is deleted.
fn readable(
    event: Result<watcher::Event<DeserializeGuard<ReplicaBootstrap>>, watcher::Error>,
) -> Option<Result<watcher::Event<ReplicaBootstrap>, watcher::Error>> {
    use watcher::Event;
    let event = match event {
        Err(error) => return Some(Err(error)),
        Ok(Event::Init) => Event::Init,
        Ok(Event::InitDone) => Event::InitDone,
        Ok(Event::InitApply(guard)) => Event::InitApply(read(guard)?),
        Ok(Event::Apply(guard)) => Event::Apply(read(guard)?),
        Ok(Event::Delete(guard)) => {
            Event::Delete(guard.0.or_else(|invalid| nameplate(invalid.metadata)).ok()?)
        }
    };
    Some(Ok(event))
}

/// An object of which only the name is known.
fn nameplate(metadata: ObjectMeta) -> Result<ReplicaBootstrap, serde_json::Error> {
    let spec = serde_json::from_value(json!({"source": {}, "redis": {}}))?;
    Ok(ReplicaBootstrap { metadata, spec, status: None })
}

fn read(guard: DeserializeGuard<ReplicaBootstrap>) -> Option<ReplicaBootstrap> {
    let invalid = match guard.0 {
        Ok(object) => return Some(object),
        Err(invalid) => invalid,
    };
    // The text before this contains the value.
    let expected = invalid.error.rsplit_once("expected ").map_or("something else", |(_, rest)| rest);
    tracing::error!(
        kind = %ReplicaBootstrap::kind(&()),
        namespace = invalid.metadata.namespace.as_deref().unwrap_or_default(),
        name = invalid.metadata.name.as_deref().unwrap_or_default(),
        expected,
        "an object cannot be read, and is ignored until it is changed: an older definition accepted it, or it was written by hand"
    );
    None
}

/// The fields whose change triggers a reconcile: the spec, a requested deletion, and the reason why the runner waits.
fn wakes(object: &ReplicaBootstrap) -> Option<u64> {
    let mut hasher = std::hash::DefaultHasher::new();
    let deleted = object.metadata.deletion_timestamp.is_some();
    (object.metadata.generation?, deleted, status::waits(object)).hash(&mut hasher);
    Some(hasher.finish())
}

/// The waiting objects, each time a place may have become free, at most once per second.
fn queued(context: &Context, scope: Scope) -> impl Stream<Item = ObjectRef<ReplicaBootstrap>> + Send + use<> {
    futures_util::stream::unfold((context.places.subscribe(), scope), |(mut places, scope)| async move {
        places.changed().await.ok()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((futures_util::stream::iter(scope.queued()), (places, scope)))
    })
    .flatten()
}

/// Every object once in each such time: somebody else may have written its status, which starts no reconcile. In parts, so that
/// many objects are not looked at all at once, and without an alarm for each of them, which would take memory.
fn looked_at_again(
    scope: Scope,
    every: Duration,
) -> impl Stream<Item = ObjectRef<ReplicaBootstrap>> + Send + use<> {
    let parts = every.as_secs().clamp(1, PARTS);
    let pause = every / u32::try_from(parts).unwrap_or(1);
    futures_util::stream::unfold((scope, 0_u64), move |(scope, part)| async move {
        tokio::time::sleep(pause).await;
        let these = scope.those(|object| {
            let mut hasher = std::hash::DefaultHasher::new();
            object.metadata.uid.hash(&mut hasher);
            object.metadata.deletion_timestamp.is_none() && hasher.finish() % parts == part
        });
        Some((futures_util::stream::iter(these), (scope, (part + 1) % parts)))
    })
    .flatten()
}

/// The events about pods of the given Jobs. A cluster has many more warnings, which would take memory for nothing. They
/// are listed when Jobs and pods are known. An event may come before its pod, but not before its Job.
fn of_pods(
    events: impl Stream<Item = Result<watcher::Event<Event>, watcher::Error>> + Send + 'static,
    (jobs, pods): (Store<Job>, Store<Pod>),
) -> impl Stream<Item = Result<watcher::Event<Event>, watcher::Error>> + Send + 'static {
    let listed = (jobs.clone(), pods.clone());
    let concerns = move |event: &Event| {
        let about = &event.involved_object;
        let (Some(name), Some(namespace)) = (&about.name, &about.namespace) else { return false };
        // The name of a pod is that of its Job, unless that is too long, and a random end.
        let job = name.rsplit_once('-').map_or(name.as_str(), |(job, _)| job);
        jobs.get(&ObjectRef::<Job>::new(job).within(namespace)).is_some()
            || pods.get(&ObjectRef::<Pod>::new(name).within(namespace)).is_some()
    };
    let kept = events.filter(move |event| {
        ready(match event {
            Ok(watcher::Event::InitApply(event) | watcher::Event::Apply(event)) => concerns(event),
            _ => true,
        })
    });
    // If a store is gone, so is the controller.
    let listed = async move {
        let _ = listed.0.wait_until_ready().await;
        let _ = listed.1.wait_until_ready().await;
    };
    futures_util::stream::once(listed).map(|()| None).chain(kept.map(Some)).filter_map(ready)
}

/// Removes what nothing reads from an event.
fn trim(event: &mut Event) {
    bare(event);
    event.metadata.labels = None;
    event.metadata.annotations = None;
    event.source = None;
    event.related = None;
    event.message = event.message.as_deref().map(pods::clip);
}

/// Removes what nothing reads, and what can be as large as all the rest: who has set which field, and kubectl's copy of the
/// object.
fn bare<K: Resource>(thing: &mut K) {
    thing.managed_fields_mut().clear();
    thing.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// Ends when `stop` is true.
pub async fn stopped(mut stop: Receiver<bool>) {
    // If the sender is gone, that also stops.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The kinds of objects that can be watched.
trait Watched:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// The namespaces to watch.
struct Place<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    admin: &'a Arc<Admin>,
}

impl Place<'_> {
    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// A watch of one of Kubernetes' own types.
    fn watch<K: Watched>(
        &self,
        name: &str,
        config: watcher::Config,
        trim: impl Fn(&mut K) + Send + 'static,
    ) -> (Touched<K>, Store<K>) {
        self.follow(name, watcher(self.api(), config), trim)
    }

    /// A watch, and its store, without the fields that nothing reads.
    fn follow<K: Watched>(
        &self,
        name: &str,
        events: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send + 'static,
        trim: impl Fn(&mut K) + Send + 'static,
    ) -> (Touched<K>, Store<K>) {
        let (store, writer) = reflector::store();
        let name =
            self.namespace.map_or_else(|| name.to_owned(), |namespace| format!("{name} in {namespace}"));
        self.admin.health.watch(&name, false);
        let (admin, after) = (Arc::clone(self.admin), Arc::clone(self.admin));
        after.health.expect_list();
        let mut first = true;
        let stream = events
            .modify(trim)
            .default_backoff()
            .inspect(move |event| match event {
                // The first list has only begun: its contents are not known yet.
                Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
                Ok(_) => admin.health.watch(&name, true),
                Err(_) => admin.health.watch(&name, false),
            })
            .reflect(writer)
            .inspect(move |event| {
                if first && matches!(event, Ok(watcher::Event::InitDone)) {
                    first = false;
                    after.health.listed();
                }
            })
            .touched_objects();
        (Box::pin(stream), store)
    }
}
