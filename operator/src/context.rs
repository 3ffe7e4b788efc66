//! The state that reconciles share: the client, the stores of the watches, and the one lock for places in the queue.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crds::ReplicaBootstrap;
use crds::v1alpha1::Phase;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::events::Recorder;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use tokio::sync::watch;

use crate::admin::Admin;
use crate::controller::build::Settings;
use crate::controller::validate::{Validated, has_ended, validate};
use crate::controller::{plan, status};
use crate::queue::{self, Answer, Claim, Complete, Limits, Target};

/// How long a place is reserved for a Job that the watch does not show yet.
const KEPT: Duration = Duration::from_secs(60);

/// The longest pause before a waiting object asks again.
const BACK: Duration = Duration::from_secs(600);

/// The stores of the watches of one namespace, or of all.
#[derive(Clone)]
pub struct Scope {
    /// The namespace; `None` for all of them.
    pub namespace: Option<String>,
    /// The objects.
    pub objects: Store<ReplicaBootstrap>,
    /// Jobs of this operator, without their templates.
    pub jobs: Store<Job>,
    /// Their pods, without their specs.
    pub pods: Store<Pod>,
    /// Events that warn about these pods.
    pub warnings: Store<Event>,
    /// Events about pods that a Job could not create.
    pub refusals: Store<Event>,
}

/// The state that all reconciles share.
pub struct Context {
    /// The client.
    pub client: Client,
    /// The operator's options for Jobs.
    pub settings: Settings,
    /// How many runs may be active.
    pub limits: Limits,
    /// When an object is looked at again although nothing has happened.
    pub resync: Duration,
    /// All watches.
    pub scopes: Vec<Scope>,
    /// Writes events.
    pub recorder: Recorder,
    /// Metrics and health.
    pub admin: Arc<Admin>,
    /// Changes when a place may have become free.
    pub places: watch::Sender<u64>,
    /// Places that were given but that the watch does not show yet.
    given: Mutex<HashMap<String, (Claim, Instant)>>,
    /// Failures in a row, by UID.
    failures: Mutex<HashMap<String, u32>>,
    /// Objects that had a place, could not use it, and will ask again later. Until then others do not wait for them.
    back: Mutex<HashMap<String, Instant>>,
}

impl Context {
    /// A context without reserved places and failures.
    #[must_use]
    pub fn new(
        client: Client,
        settings: Settings,
        limits: Limits,
        resync: Duration,
        scopes: Vec<Scope>,
        recorder: Recorder,
        admin: Arc<Admin>,
    ) -> Self {
        Self {
            client,
            settings,
            limits,
            resync,
            scopes,
            recorder,
            admin,
            places: watch::Sender::new(0),
            given: Mutex::default(),
            failures: Mutex::default(),
            back: Mutex::default(),
        }
    }

    /// How many objects are in each phase.
    #[must_use]
    pub fn phases(&self) -> BTreeMap<Phase, u64> {
        let mut counts = BTreeMap::new();
        for object in self.objects() {
            let phase = object.status.as_ref().and_then(|status| status.phase).unwrap_or(Phase::Pending);
            *counts.entry(phase).or_default() += 1;
        }
        counts
    }

    /// Asks for a place for the object. A place that is given is reserved until the watch shows the Job, or for a
    /// minute.
    #[must_use]
    pub fn ask(&self, me: &Claim) -> Answer {
        // A poisoned lock only means that another thread panicked; its contents are consistent at any moment.
        let mut given = self.given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        given.retain(|_, (_, since)| since.elapsed() < KEPT);
        let (mut running, mut waiting) = self.claims();
        let mut back = self.back.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        back.remove(&me.uid);
        back.retain(|_, since| since.elapsed() < BACK);
        waiting.retain(|claim| !back.contains_key(&claim.uid));
        drop(back);
        running.extend(given.values().map(|(claim, _)| claim.clone()));
        let runs = |claim: &Claim| running.iter().any(|one| one.uid == claim.uid);
        waiting.retain(|claim| claim.uid == me.uid || !runs(claim));
        if !waiting.iter().any(|claim| claim.uid == me.uid) {
            waiting.push(me.clone());
        }
        running.sort_by(|a, b| a.uid.cmp(&b.uid));
        running.dedup_by(|a, b| a.uid == b.uid);
        let answer = queue::ask(&me.uid, running, waiting, self.limits);
        if answer == Answer::Go {
            given.insert(me.uid.clone(), (me.clone(), Instant::now()));
        }
        answer
    }

    /// Why the object's run cannot begin beside another run in its set, as far as the other objects tell.
    #[must_use]
    pub fn beside(&self, me: &Validated) -> Option<String> {
        let now = Timestamp::now();
        let complete: Vec<_> = self.objects().filter_map(|object| Complete::of(&object, now)).collect();
        queue::beside(me, &complete)
    }

    /// Releases a reservation: the watch shows the Job now, or there will be none.
    pub fn return_place(&self, uid: &str) {
        self.given.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }

    /// Releases a place that could not be used. The others are notified, and do not wait for this object until it
    /// asks again.
    pub fn stand_back(&self, uid: &str) {
        self.return_place(uid);
        self.back
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(uid.to_owned(), Instant::now());
        self.places.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// Counts a failure and returns how many there were in a row.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = failures.entry(uid.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// Resets the count of failures.
    pub fn succeeded(&self, uid: &str) {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }

    fn objects(&self) -> impl Iterator<Item = Arc<ReplicaBootstrap>> + '_ {
        self.scopes.iter().flat_map(|scope| scope.objects.state())
    }

    /// The objects that run, and those that want to run.
    fn claims(&self) -> (Vec<Claim>, Vec<Claim>) {
        let mut running = Vec::new();
        let mut jobs: HashMap<String, Vec<Arc<Job>>> = HashMap::new();
        for job in self.scopes.iter().flat_map(|scope| scope.jobs.state()) {
            for owner in job.owner_references() {
                jobs.entry(owner.uid.clone()).or_default().push(Arc::clone(&job));
            }
        }
        let mut waiting = Vec::new();
        for object in self.objects() {
            let its = object.metadata.uid.as_ref().and_then(|uid| jobs.get(uid));
            let runs = its.is_some_and(|its| its.iter().any(|job| plan::takes_a_place(job, &object)));
            if !runs && !wants_to_run(&object) {
                continue;
            }
            if let Some(claim) = claim(&object) {
                if runs { running.push(claim) } else { waiting.push(claim) }
            }
        }
        (running, waiting)
    }
}

/// An object's request for a place.
#[must_use]
pub fn claim(object: &ReplicaBootstrap) -> Option<Claim> {
    let valid = validate(object).ok()?;
    let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let target = Target::of(&valid);
    Some(Claim { uid: valid.uid, target, rank: (created, valid.namespace, valid.name) })
}

/// Whether an object would use a place if there were one.
fn wants_to_run(object: &ReplicaBootstrap) -> bool {
    object.metadata.deletion_timestamp.is_none()
        && !object.spec.suspend
        && !has_ended(object)
        && !status::is_stalled(object)
}

impl Scope {
    /// The objects that wait for a place.
    #[must_use]
    pub fn queued(&self) -> Vec<ObjectRef<ReplicaBootstrap>> {
        self.those(|object| object.status.as_ref().and_then(|status| status.phase) == Some(Phase::Queued))
    }

    /// The objects that are wanted.
    pub fn those(&self, wanted: impl Fn(&ReplicaBootstrap) -> bool) -> Vec<ObjectRef<ReplicaBootstrap>> {
        let all = self.objects.state();
        all.iter()
            .filter(|object| wanted(object))
            .map(|object| ObjectRef::from_obj(object.as_ref()))
            .collect()
    }
}
