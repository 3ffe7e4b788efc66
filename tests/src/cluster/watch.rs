//! Looks at an object all the time, and checks at every look what must be true at any moment.
//!
//! - One pod of the object at a time that has not ended, and one Job.
//! - Phase, conditions and generations agree, and kstatus says done only when everything is in Redis.
//! - The checkpoint in the status is never ahead of the entries in Redis up to the first gap: the status is read
//!   first, Redis after it.
//! - Nothing goes backwards within a run: neither progress, nor checkpoint, nor the end; nor does progress when the
//!   object is deleted and restored.
//!
//! If the API server or Redis cannot be reached, a look checks nothing. The test tells what Redis has lost
//! ([`Watch::loses`]): until the status shows that loss, the checkpoint is not checked.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::object::agrees;
use super::{Namespace, kstatus};
use crate::resp::RedisClient;
use crate::zset::KEY;

const PERIOD: Duration = Duration::from_millis(100);
/// What the number of the first change is more than its score.
const OFFSET: u64 = 1_000_000;

/// Watches one object. Dropping it ends that.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    namespace: Namespace,
    name: String,
    redis: u16,
    changes: u64,
    ends: AtomicBool,
    loss: Mutex<Loss>,
    seen: Mutex<Seen>,
}

/// Whether Redis holds less than was durable once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    None,
    /// It is about to lose it.
    Now,
    /// It has, and the status may not know of it.
    Unknown,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How often the object was looked at.
    pub looks: u64,
    /// How often its checkpoint was held against Redis.
    pub compared: u64,
    /// How often kstatus was asked.
    pub verdicts: u64,
    /// UIDs of its Jobs.
    pub jobs: BTreeSet<String>,
    /// UIDs of its pods.
    pub pods: BTreeSet<String>,
}

impl Watch {
    /// Starts to watch an object that writes this many changes into the Redis at this port.
    pub fn start(namespace: &Namespace, name: &str, redis: u16, changes: u64) -> Self {
        let shared = Arc::new(Shared {
            namespace: namespace.clone(),
            name: name.to_owned(),
            redis,
            changes,
            ends: AtomicBool::new(false),
            loss: Mutex::new(Loss::None),
            seen: Mutex::default(),
        });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut before = Before::default();
            while !inner.ends.load(SeqCst) {
                inner.look(&mut before);
                std::thread::sleep(PERIOD);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// From now on the set holds less than it did: say [`Watch::lost`] when that has happened.
    pub fn loses(&self) {
        *lock(&self.shared.loss) = Loss::Now;
    }

    /// See [`Watch::loses`].
    pub fn lost(&self) {
        *lock(&self.shared.loss) = Loss::Unknown;
    }

    /// Panics if something was seen that must not be.
    #[track_caller]
    pub fn check(&mut self) {
        if self.has_failed()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            std::panic::resume_unwind(panic);
        }
    }

    /// Whether something was seen that must not be.
    pub fn has_failed(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.ends.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What earlier looks have seen.
#[derive(Debug, Default)]
struct Before {
    uid: Value,
    generation: u64,
    conditions: Value,
    ended: Option<(Value, Value)>,
    started: Option<(Value, Value)>,
    attempts: Option<(Value, u64)>,
    run: Value,
    amounts: [u64; 4],
}

impl Shared {
    fn look(&self, before: &mut Before) {
        let loss = *lock(&self.loss);
        let Some(object) = self.read(&self.namespace.path("ReplicaBootstrap", &self.name)) else { return };
        lock(&self.seen).looks += 1;
        if before.uid != object["metadata"]["uid"] {
            // Restored, and without a status: what Redis holds of its run stays.
            let (run, amounts) = (before.run.take(), before.amounts);
            *before = Before { uid: object["metadata"]["uid"].clone(), run, amounts, ..Before::default() };
        }
        agrees(&object);
        generations(before, &object);
        lasting(before, &object);
        self.verdict(before, &object);
        self.one_at_a_time("Job", |_| true);
        self.one_at_a_time("Pod", |pod| {
            !["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default())
        });
        self.checkpoint(loss, &object, before);
        self.progress(&object, before);
    }

    /// One request without patience.
    fn read(&self, path: &str) -> Option<Value> {
        let (status, reply) = self.namespace.server().call("GET", path, "", "");
        let mut found: Value = (status == 200).then(|| serde_json::from_str(&reply).expect("JSON"))?;
        if let Some(metadata) = found["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        Some(found)
    }

    /// Jobs or pods of the object; of those that count there is one at most.
    fn one_at_a_time(&self, kind: &str, counts: impl Fn(&Value) -> bool) {
        let selector = format!("bootstrap.kasho.io%2Freplica-bootstrap%3D{}", self.name);
        let path = format!("{}?labelSelector={selector}", self.namespace.path(kind, ""));
        let Some(list) = self.read(&path) else { return };
        let all = list["items"].as_array().expect("a list");
        let counting: Vec<_> = all.iter().filter(|one| counts(one)).collect();
        assert!(counting.len() <= 1, "more than one {kind} of {}: {}", self.name, json!(counting));
        let mut seen = lock(&self.seen);
        let known = if kind == "Job" { &mut seen.jobs } else { &mut seen.pods };
        known.extend(all.iter().filter_map(|one| Some(one["metadata"]["uid"].as_str()?.to_owned())));
    }

    /// What Flux and Helm would make of it.
    fn verdict(&self, before: &mut Before, object: &Value) {
        let said = json!([
            object["metadata"]["generation"],
            object["status"]["observedGeneration"],
            object["status"]["conditions"]
        ]);
        if said == before.conditions {
            return;
        }
        let verdict = kstatus(object);
        lock(&self.seen).verdicts += 1;
        let about = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        let done = about && object["status"]["phase"] == "Succeeded";
        assert_eq!(verdict == "Current", done, "kstatus says {verdict}: {object}");
        assert_ne!(verdict, "Failed", "{object}");
        if done && let Some(there) = self.ask(&["ZCARD", KEY]) {
            assert_eq!(there, self.changes, "done, and not everything is in Redis: {object}");
        }
        before.conditions = said;
    }

    /// A number from Redis, if it answers.
    fn ask(&self, command: &[&str]) -> Option<u64> {
        let mut client = RedisClient::connect(self.redis, None).ok()?;
        u64::try_from(client.command(command).ok()?.int()).ok()
    }

    /// Everything up to the status' checkpoint is in Redis: each number once.
    fn checkpoint(&self, before_read: Loss, object: &Value, before: &mut Before) {
        let (spec, status) = (&object["spec"], &object["status"]);
        // An earlier run's may be of what the next one deletes.
        if before_read == Loss::Now || status["run"]["id"] != spec["run"]["id"] {
            return;
        }
        let next = next(&status["run"]);
        let lowest = (1_i64 - OFFSET as i64).to_string();
        let highest = (next as i64 - 1 - OFFSET as i64).to_string();
        let Some(there) = self.ask(&["ZCOUNT", KEY, &lowest, &highest]) else { return };
        let mut loss = lock(&self.loss);
        if *loss != before_read {
            return;
        }
        lock(&self.seen).compared += 1;
        if *loss == Loss::Unknown {
            if next > 1 && there == next - 1 {
                *loss = Loss::None;
                before.amounts = [0; 4];
            }
            return;
        }
        assert_eq!(there, next - 1, "Redis does not hold what the checkpoint promises: {object}");
    }

    /// A value that is unknown for a moment, such as at the start of a process, does not count as going back.
    fn progress(&self, object: &Value, before: &mut Before) {
        let run = &object["status"]["run"];
        if *lock(&self.loss) != Loss::None {
            return;
        }
        if before.run != run["id"] && object["spec"]["run"]["from"] == "Start" {
            before.amounts = [0; 4];
        }
        before.run = run["id"].clone();
        let progress = &run["progress"];
        let now = [&progress["rows"], &progress["changes"], &progress["percent"]].map(Value::as_u64);
        let checkpoint = run["checkpoint"]["lsn"].is_string().then(|| next(run));
        for (name, (was, is)) in ["rows", "changes", "percent", "checkpoint"]
            .iter()
            .zip(before.amounts.iter_mut().zip(now.into_iter().chain([checkpoint])))
        {
            let Some(is) = is else { continue };
            assert!(is >= *was, "{name} went from {was} back to {is}: {object}");
            *was = is;
        }
    }
}

/// Status and conditions are about one generation, which never goes back nor ahead.
fn generations(before: &mut Before, object: &Value) {
    let status = &object["status"];
    let Some(observed) = status["observedGeneration"].as_u64() else {
        assert_eq!(before.generation, 0, "the observed generation is gone: {object}");
        return;
    };
    let present = object["metadata"]["generation"].as_u64().unwrap_or_default();
    assert!((before.generation..=present).contains(&observed), "{}: {object}", before.generation);
    assert!(observed < present || status["runId"] == object["spec"]["run"]["id"], "{object}");
    for condition in status["conditions"].as_array().expect("conditions") {
        assert_eq!(condition["observedGeneration"], status["observedGeneration"], "{object}");
    }
    before.generation = observed;
}

/// As long as it is the same run: an end is final, a beginning stays, and attempts only grow.
fn lasting(before: &mut Before, object: &Value) {
    let status = &object["status"];
    let (run, phase) = (&status["runId"], &status["phase"]);
    let ended = ["Succeeded", "Failed"].contains(&phase.as_str().unwrap_or_default());
    assert_eq!(ended, status["completionTime"].is_string(), "{object}");
    if let Some((its, was)) = &before.ended {
        assert!(its != run || was == phase, "was {was}: {object}");
    }
    if ended {
        before.ended = Some((run.clone(), phase.clone()));
    }
    if let Some((its, was)) = &before.started {
        assert!(its != run || *was == status["startTime"], "was {was}: {object}");
    }
    if status["startTime"].is_string() {
        before.started = Some((run.clone(), status["startTime"].clone()));
    }
    let attempts = status["attempts"].as_u64().unwrap_or(0);
    if let Some((its, was)) = &before.attempts {
        assert!(its != run || *was <= attempts, "was {was}: {object}");
    }
    before.attempts = Some((run.clone(), attempts));
}

/// The number after that of the checkpoint's position; 1 where there is none.
fn next(run: &Value) -> u64 {
    let lsn = run["checkpoint"]["lsn"].as_str();
    let number = lsn.and_then(|lsn| lsn.strip_prefix("0/BOOTSTRAP")?.parse::<u64>().ok());
    assert_eq!(lsn.is_some(), number.is_some(), "{run}");
    number.map_or(1, |number| number + 1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
