//! Whatever dies, cannot be reached or is changed during a run: the result is the same as if the runner had run
//! alone.
//!
//! Several objects load at the same time, slowed down by `maxRate`, in namespaces with one operator or with two that
//! elect a leader. They have their own control plane, because that is stopped too. A seed decides which faults are
//! injected; their moments also depend on chance. Meanwhile each object is checked all the time ([`Watch`]).
//!
//! The short form injects each fault a few times. With `PGBOOTSTRAP_LONG=1` runners and operators die twenty times
//! each, and the API server cannot be reached for a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pg_bootstrap_tests::cluster::{Kubelet, LIMIT, Namespace, Operator, Watch, replica_bootstrap};
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::loads::{Dump, long, seeded, times};
use pg_bootstrap_tests::rng::Rng;
use pg_bootstrap_tests::servers::{Data, KubernetesServer, RedisOptions, RedisServer};
use pg_bootstrap_tests::zset::Snapshot;
use serde_json::{Value, json};

use super::policies::{allow, deny, until_denied};
use super::suspended::set_suspend;
use super::{edit, wait, with};

/// So slow that the acts end before the loads do.
const RATE: u64 = 150;
/// The reason of the operator's that every object has at its end.
const DONE: &str = "Succeeded";

/// What is done to a load, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// SIGKILL for the runner's process.
    KillContainer,
    DeletePod,
    EvictPod,
    /// With its pod.
    DeleteJob,
    KillOperator,
    /// The API server does not answer.
    FreezeApi,
    /// The API server is not there.
    StopApi,
    RestartRedis,
    /// A loss, which the runner is to state.
    EmptyRedis,
    /// A spec that says something else, which counts when the run is held and goes on.
    EditAndHold,
    /// Somebody else suspends the Job and resumes it, as Kueue does when it preempts.
    HoldJob,
    /// The Job is deleted while a policy lets no other one in.
    DenyJob,
    /// The object is deleted, sometimes with its run in Redis, and restored from a backup, which has no status.
    Restore,
    /// Another run, from the checkpoint.
    NextRun,
    /// Another run, from the start.
    StartAgain,
}

/// What is done, in some order.
fn acts(rng: &mut Rng) -> Vec<Act> {
    let counts = [
        (Act::KillContainer, times(1, 7)),
        (Act::DeletePod, times(1, 4)),
        (Act::EvictPod, times(1, 5)),
        (Act::DeleteJob, times(1, 4)),
        (Act::KillOperator, times(2, 20)),
        (Act::FreezeApi, 1),
        (Act::StopApi, 1),
        (Act::RestartRedis, times(1, 4)),
        (Act::EmptyRedis, times(1, 2)),
        (Act::EditAndHold, times(1, 3)),
        (Act::HoldJob, times(1, 3)),
        (Act::DenyJob, times(1, 3)),
        (Act::Restore, times(2, 4)),
        (Act::NextRun, times(0, 2)),
        (Act::StartAgain, times(0, 1)),
    ];
    let mut acts: Vec<_> = counts.iter().flat_map(|(act, times)| vec![*act; *times]).collect();
    for at in (1..acts.len()).rev() {
        acts.swap(at, rng.below(at as u64 + 1) as usize);
    }
    acts
}

/// A namespace with its operators.
struct Place {
    kubelet: Kubelet,
    operators: Vec<Operator>,
    namespace: Namespace,
}

impl Place {
    fn new(server: &'static KubernetesServer, operators: usize, dump: &Dump) -> Self {
        let namespace = Namespace::on(server, "chaos");
        let args: &[&str] = if operators == 1 { &["--leader-election=false"] } else { &[] };
        let operators = (0..operators)
            .map(|n| Operator::with(&namespace, args, &[("POD_NAME", &format!("operator-{n}"))]))
            .collect();
        let kubelet = Kubelet::start(&namespace);
        kubelet.claim("dumps", dump.folder());
        Self { kubelet, operators, namespace }
    }

    /// As a Deployment does: who has ended is started again.
    fn mind(&mut self) {
        for operator in self.operators.iter_mut().filter_map(|one| (!one.is_running()).then_some(one)) {
            operator.kill();
            operator.start_again();
        }
    }
}

/// One object with its Redis.
struct Load {
    watch: Watch,
    redis: RedisServer,
    place: usize,
    name: String,
    /// Acts that another Job follows, at most one each.
    replaced: usize,
    /// The present `run.id`.
    run: u32,
}

impl Load {
    fn new(places: &[Place], place: usize, name: &str, changes: u64) -> Self {
        let extra = ["--appendfsync", "always"].map(str::to_owned).to_vec();
        let redis = RedisServer::start_with(RedisOptions { append_only: true, extra, ..Default::default() });
        let object = with(
            replica_bootstrap(name, &redis.url()),
            &json!({
                "source": {"persistentVolumeClaim": {"claimName": "dumps", "path": "dump.sql"}},
                "maxRate": RATE, "batchSize": 20, "backoffLimit": 1000,
            }),
        );
        let namespace = &places[place].namespace;
        namespace.create(&object);
        let watch = Watch::start(namespace, name, redis.port(), changes);
        Self { watch, redis, place, name: name.to_owned(), replaced: 0, run: 1 }
    }

    fn spec_run(&mut self, from: &str) -> Value {
        self.run += 1;
        self.replaced += 1;
        json!({"run": {"id": self.run.to_string(), "from": from}})
    }
}

/// Everything.
struct Stage {
    server: &'static KubernetesServer,
    places: Vec<Place>,
    loads: Vec<Load>,
    dump: Dump,
    undisturbed: Snapshot,
    done: BTreeMap<Act, usize>,
}

impl Stage {
    fn new() -> Self {
        let dump = Dump::new(&dumpgen::dump(times(9_000, 75_000) as u64));
        let undisturbed = dump.undisturbed();
        // It ends with the process.
        let server: &'static _ = Box::leak(Box::new(KubernetesServer::with_controllers()));
        let places = vec![Place::new(server, 1, &dump), Place::new(server, 2, &dump)];
        let loads = (0..times(2, 4))
            .map(|n| Load::new(&places, n % 2, &format!("load-{n}"), undisturbed.count))
            .collect();
        Self { server, places, loads, dump, undisturbed, done: BTreeMap::new() }
    }

    fn check(&mut self) {
        for place in &mut self.places {
            place.mind();
        }
        for load in &mut self.loads {
            load.watch.check();
        }
    }

    /// Waits for a load whose runner runs, and until some moment of it has come.
    fn running(&mut self, rng: &mut Rng) -> usize {
        let first = rng.below(self.loads.len() as u64) as usize;
        let mut found = None;
        wait("a runner runs", || {
            self.check();
            found = (0..self.loads.len()).map(|n| (first + n) % self.loads.len()).find(|at| {
                let load = &self.loads[*at];
                self.places[load.place].kubelet.running(&load.name) > 0
            });
            found.is_some()
        });
        std::thread::sleep(Duration::from_millis(rng.below(1500)));
        found.unwrap_or_default()
    }

    /// Until it is done: what was to be met may have ended just before.
    fn act(&mut self, act: Act, rng: &mut Rng) {
        let mut done = false;
        while !done {
            done = match act {
                Act::KillOperator => self.kill_operator(rng),
                Act::FreezeApi | Act::StopApi => self.take_api_away(act, rng),
                _ => self.disturb(act, rng),
            };
        }
        *self.done.entry(act).or_default() += 1;
    }

    fn kill_operator(&mut self, rng: &mut Rng) -> bool {
        let all = &mut self.places[rng.below(2) as usize].operators;
        let one = rng.below(all.len() as u64) as usize;
        let ran = all[one].is_running();
        all[one].kill();
        std::thread::sleep(Duration::from_millis(rng.below(1000)));
        all[one].start_again();
        ran
    }

    /// Runners and operators die meanwhile too.
    fn take_api_away(&mut self, act: Act, rng: &mut Rng) -> bool {
        let server = self.server;
        let away = Duration::from_secs(match (act, long()) {
            (Act::FreezeApi, true) => 60,
            (_, true) => 20,
            (_, false) => 3,
        });
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if act == Act::FreezeApi {
                    server.freeze();
                    std::thread::sleep(away);
                    server.thaw();
                } else {
                    server.restart_after(away);
                }
            });
            while began.elapsed() < away {
                self.kill_operator(rng);
                std::thread::sleep(away / 4);
                let load = &self.loads[rng.below(self.loads.len() as u64) as usize];
                self.places[load.place].kubelet.kill(&load.name);
            }
        });
        true
    }

    fn disturb(&mut self, act: Act, rng: &mut Rng) -> bool {
        let at = self.running(rng);
        let load = &mut self.loads[at];
        let (name, place) = (load.name.clone(), &mut self.places[load.place]);
        let namespace = &place.namespace;
        match act {
            Act::KillContainer => return place.kubelet.kill(&name) > 0,
            Act::DeletePod => drop(namespace.pod(&name).delete()),
            Act::EvictPod => return namespace.pod(&name).evict().is_ok(),
            Act::DeleteJob => {
                namespace.delete("Job", &format!("{name}-{}", load.run));
                load.replaced += 1;
            }
            Act::RestartRedis => load.redis.restart(Data::Keep),
            Act::EmptyRedis => {
                load.watch.loses();
                load.redis.restart(Data::Wipe);
                load.watch.lost();
            }
            Act::NextRun => {
                let run = load.spec_run("Checkpoint");
                edit(namespace, &name, &run);
            }
            Act::StartAgain => {
                load.watch.loses();
                let run = load.spec_run("Start");
                edit(namespace, &name, &run);
                load.watch.lost();
            }
            Act::EditAndHold => {
                load.replaced += 1;
                edit(namespace, &name, &json!({"suspend": true}));
                if rng.one_in(2) {
                    let one = rng.below(place.operators.len() as u64) as usize;
                    place.operators[one].kill();
                    place.operators[one].start_again();
                }
                self.held(at);
                let load = &self.loads[at];
                let again = json!({"suspend": false, "maxRate": RATE + 1 + rng.below(20)});
                edit(&self.places[load.place].namespace, &load.name, &again);
            }
            Act::HoldJob => return self.hold_job(at, rng),
            Act::Restore => self.restore(at, rng),
            Act::DenyJob => {
                deny(namespace, ("CREATE", "batch", "jobs"), &json!({"message": "not now"}));
                until_denied(namespace);
                namespace.delete("Job", &format!("{name}-{}", load.run));
                load.replaced += 1;
                std::thread::sleep(Duration::from_millis(rng.below(3000)));
                allow(namespace);
            }
            Act::KillOperator | Act::FreezeApi | Act::StopApi => panic!("{act:?} is done to all"),
        }
        true
    }

    /// Whoever dies meanwhile, nobody but the other resumes the Job. Whether it was held at all.
    fn hold_job(&mut self, at: usize, rng: &mut Rng) -> bool {
        let job = format!("{}-{}", self.loads[at].name, self.loads[at].run);
        if !set_suspend(&self.place(at).namespace, "kueue", &job, true) {
            return false;
        }
        wait("the runner stops", || {
            self.check();
            self.place(at).kubelet.running(&self.loads[at].name) == 0
        });
        self.kill_operator(rng);
        std::thread::sleep(Duration::from_millis(rng.below(3000)));
        assert_eq!(self.place(at).kubelet.running(&self.loads[at].name), 0, "{job} is held and runs");
        set_suspend(&self.place(at).namespace, "kueue", &job, false)
    }

    fn restore(&mut self, at: usize, rng: &mut Rng) {
        let (name, namespace) = (self.loads[at].name.clone(), self.place(at).namespace.clone());
        let backup = namespace.get("ReplicaBootstrap", &name);
        let is_purged = rng.one_in(2);
        if is_purged {
            edit(&namespace, &name, &json!({"purgeOnDelete": true}));
            self.loads[at].watch.loses();
        }
        namespace.delete("ReplicaBootstrap", &name);
        if rng.one_in(2) {
            self.kill_operator(rng);
        }
        wait("the object is gone", || {
            self.check();
            namespace.try_get("ReplicaBootstrap", &name).is_none()
        });
        namespace.create(&json!({
            "apiVersion": backup["apiVersion"], "kind": backup["kind"], "metadata": {"name": name}, "spec": backup["spec"],
        }));
        let load = &mut self.loads[at];
        if is_purged {
            load.watch.lost();
        }
        // Its Job, and the one that purges.
        load.replaced += 1 + usize::from(is_purged);
    }

    /// Waits until the load is in one of these phases.
    fn reach(&mut self, at: usize, phases: &[&str]) {
        let end = Instant::now() + LIMIT;
        while !phases.iter().any(|phase| self.object(at)["status"]["phase"] == *phase) {
            let name = &self.loads[at].name;
            assert!(
                Instant::now() < end,
                "{name} is never {phases:?}: {}",
                self.place(at).namespace.told(name)
            );
            self.check();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until nothing of the load runs. On a slow machine it may have ended before it was held.
    fn held(&mut self, at: usize) {
        self.reach(at, &["Suspended", "Succeeded"]);
        let load = &self.loads[at];
        assert_eq!(self.place(at).kubelet.running(&load.name), 0, "{} is held and runs", load.name);
    }

    fn place(&self, at: usize) -> &Place {
        &self.places[self.loads[at].place]
    }

    fn object(&self, at: usize) -> Value {
        self.place(at).namespace.get("ReplicaBootstrap", &self.loads[at].name)
    }

    /// Lets all of them run to their ends as fast as they can.
    fn finish(&mut self) {
        for at in 0..self.loads.len() {
            edit(&self.place(at).namespace, &self.loads[at].name, &json!({"suspend": true}));
        }
        for at in 0..self.loads.len() {
            self.held(at);
            self.loads[at].replaced += 1;
            let fast = json!({"suspend": false, "maxRate": null, "batchSize": null});
            edit(&self.place(at).namespace, &self.loads[at].name, &fast);
        }
        for at in 0..self.loads.len() {
            self.reach(at, &[DONE]);
        }
    }

    /// The same bytes, and each thing once.
    fn expect_whole(&mut self) {
        for at in 0..self.loads.len() {
            let (load, place) = (&self.loads[at], self.place(at));
            let name = &load.name;
            let object = place.namespace.expect(name, DONE, DONE);
            self.dump.expect_same(&mut load.redis.client(), &self.undisturbed, name);
            assert_eq!(object["status"]["run"]["progress"]["changes"], self.undisturbed.count, "{object}");
            assert_eq!(object["status"]["run"]["id"], load.run.to_string(), "{object}");
            assert!(object["status"]["run"]["error"].is_null(), "{object}");
            assert!(place.kubelet.most_at_once(name) == 1, "two runners of {name} at a time");
            self.expect_each_once(at, &object);
            let seen = load.watch.seen();
            assert!(
                seen.jobs.len() <= 1 + load.replaced,
                "{} Jobs of {name}, {} were to go",
                seen.jobs.len(),
                load.replaced
            );
            println!(
                "{name}: {} looks, {} compared, {} verdicts, {} Jobs, {} pods, {} runners",
                seen.looks,
                seen.compared,
                seen.verdicts,
                seen.jobs.len(),
                seen.pods.len(),
                place.kubelet.starts(name)
            );
        }
    }

    /// What the object owns.
    fn expect_each_once(&self, at: usize, object: &Value) {
        let (load, namespace) = (&self.loads[at], &self.place(at).namespace);
        for kind in ["Job", "ServiceAccount", "Role", "RoleBinding"] {
            let all = namespace.list(kind, "");
            let of_it = |thing: &&Value| {
                let owners = thing["metadata"]["ownerReferences"].as_array();
                owners.is_some_and(|all| all.iter().any(|owner| owner["uid"] == object["metadata"]["uid"]))
            };
            let own: Vec<_> = all.iter().filter(of_it).map(|thing| &thing["metadata"]["name"]).collect();
            assert_eq!(own.len(), 1, "{kind} of {}: {own:?}", load.name);
        }
        let jobs = namespace.list("Job", &format!("bootstrap.kasho.io/replica-bootstrap={}", load.name));
        assert_eq!(jobs.len(), 1, "{}", load.name);
        assert_eq!(object["status"]["job"]["uid"], jobs[0]["metadata"]["uid"], "{object}");
        // All that is left of the operators' and the kubelet's: pods of this one Job that have ended.
        for pod in namespace.pods(&load.name) {
            assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], jobs[0]["metadata"]["uid"], "{pod}");
            assert!(["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap()), "{pod}");
        }
    }
}

#[test]
fn whatever_dies_or_is_away_the_end_is_the_same() {
    let mut rng = seeded("chaos");
    let mut stage = Stage::new();
    let began = Instant::now();
    for act in acts(&mut rng) {
        std::thread::sleep(Duration::from_millis(rng.below(times(500, 2000) as u64)));
        println!("{:6.1} s: {act:?}", began.elapsed().as_secs_f64());
        stage.check();
        stage.act(act, &mut rng);
    }
    println!("{:6.1} s: to the end", began.elapsed().as_secs_f64());
    stage.finish();
    stage.expect_whole();
    println!("{:6.1} s: {:?}", began.elapsed().as_secs_f64(), stage.done);
}
