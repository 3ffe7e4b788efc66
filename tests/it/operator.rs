//! The operator as a process, with the permissions that its chart gives it, against a real control plane. Each test
//! has a namespace of its own and one operator that watches it.

mod chaos;
mod hostile;
mod jobs;
mod life;
mod operators;
mod pods;
mod policies;
mod purge;
mod queue;
mod real;
mod repair;
mod rights;
mod rules;
mod suspended;
mod traces;
mod watched;

use std::sync::Mutex;

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, replica_bootstrap};
use pg_bootstrap_tests::servers::RedisServer;
use serde_json::{Value, json};

use crate::harness::Input;

/// An object that waits for no other: its Redis is its own, and is not there.
fn alone(name: &str) -> Value {
    replica_bootstrap(name, &format!("redis://{name}.test:6379"))
}

/// The same with more in its spec.
fn with(mut object: Value, spec: &Value) -> Value {
    for (field, value) in spec.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

/// Changes the spec of a stored object.
fn edit(namespace: &Namespace, name: &str, spec: &Value) {
    namespace.patch("ReplicaBootstrap", name, &json!({ "spec": spec }));
}

/// The Job of a run, if it is there.
fn job(namespace: &Namespace, name: &str, run: &str) -> Option<Value> {
    namespace.try_get("Job", &format!("{name}-{run}"))
}

/// A dump that the claim `dumps` has, where the smallest object looks for it.
fn provide(kubelet: &Kubelet, dump: &[u8]) -> Input {
    let input = Input::of(dump);
    std::fs::rename(&input.file, input.path("shop.sql")).unwrap();
    kubelet.claim("dumps", input.folder.path());
    input
}

/// An object of a real Redis that is held back to so many changes a second, in small batches.
fn slow(name: &str, redis: &RedisServer, rate: u64) -> Value {
    with(replica_bootstrap(name, &redis.url()), &json!({"maxRate": rate, "batchSize": 50}))
}

/// Does this for each at the same time; panics if one of them did.
fn at_once<T: Sync>(all: &[T], each: impl Fn(&T) + Sync) {
    let each = &each;
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for one in all {
            let failures = &failures;
            scope.spawn(move || {
                if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| each(one))) {
                    let text = panic.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
                    failures.lock().unwrap().push(text.unwrap_or_default());
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), all.len(), failures.join("\n\n"));
}

/// Waits until this is true, for as long as anything may take.
#[track_caller]
fn wait(what: &str, ready: impl FnMut() -> bool) {
    assert!(
        pg_bootstrap_tests::servers::wait_until(pg_bootstrap_tests::cluster::LIMIT, ready),
        "never: {what}"
    );
}
