//! Runs that outlive their operator.

use std::time::Duration;

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, Operator};
use pg_bootstrap_tests::loads::{seeded, times};
use pg_bootstrap_tests::servers::RedisServer;
use serde_json::{Value, json};

use super::{alone, at_once, job, provide, slow, wait};
use crate::harness::{dump, snapshot, undisturbed};

#[test]
fn a_run_does_not_notice_that_the_operator_is_replaced() {
    let (namespace, redis) = (Namespace::new("upgrade"), RedisServer::start());
    let mut operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(1500);
    let _input = provide(&kubelet, &bytes);
    namespace.create(&slow("shop", &redis, 400));
    namespace.expect("shop", "Running", "Running");
    let before = job(&namespace, "shop", "1").unwrap()["metadata"]["uid"].clone();
    operator.stop();
    operator.start_again();
    namespace.expect("shop", "Running", "Running");
    // The end comes while nobody looks, and is seen by the next one.
    operator.kill();
    wait("the run ends", || job(&namespace, "shop", "1").unwrap()["status"]["succeeded"] == 1);
    assert_eq!(namespace.look("shop")["status"]["phase"], "Running");
    operator.start_again();
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(done["status"]["job"]["uid"], before);
    assert_eq!((kubelet.starts("shop"), &done["status"]["attempts"]), (1, &json!(1)));
    assert_eq!(namespace.events("shop").iter().filter(|reason| *reason == "JobCreated").count(), 1);
    assert_eq!(snapshot(&redis), undisturbed(&bytes));
}

#[test]
fn nothing_is_doubled_or_forgotten_when_the_operator_dies_at_any_moment() {
    let namespace = Namespace::new("deaths");
    let mut operator = Operator::start(&namespace);
    let mut rng = seeded("the operator dies");
    let redis: Vec<_> = (0..4).map(|_| RedisServer::start()).collect();
    let kubelet = Kubelet::start(&namespace);
    let bytes = dump(1200);
    let _input = provide(&kubelet, &bytes);
    let name = |number: usize| format!("shop-{number}");
    for round in 0..times(12, 40) {
        if let Some(server) = redis.get(round / 2).filter(|_| round % 2 == 0) {
            namespace.create(&slow(&name(round / 2), server, 500));
        }
        std::thread::sleep(Duration::from_millis(rng.below(700)));
        operator.kill();
        operator.start_again();
    }
    for (number, server) in redis.iter().enumerate() {
        let done = namespace.expect(&name(number), "Succeeded", "Succeeded");
        assert_eq!((kubelet.starts(&name(number)), kubelet.most_at_once(&name(number))), (1, 1));
        assert_eq!(done["status"]["attempts"], 1);
        assert_eq!(snapshot(server), undisturbed(&bytes));
    }
    assert_eq!(namespace.list("Job", "").len(), redis.len());
}

#[test]
fn a_signal_soon_after_the_start_ends_it_in_order() {
    let namespace = Namespace::new("signal");
    let mut operator = Operator::start(&namespace);
    for moment in 0..times(20, 200) {
        // Before, while and after it has become the leader and lists its objects.
        std::thread::sleep(Duration::from_millis(2 * moment as u64));
        operator.stop();
        operator.start_again();
    }
    operator.stop();
    let log = operator.log();
    assert!(!log.contains("abandoned"), "it waited for something that never comes: {log}");
}

#[test]
fn one_of_two_operators_acts() {
    let namespace = Namespace::new("leader");
    let mut first = Operator::with(&namespace, &[], &[]);
    first.wait_for_log("this process is now the leader");
    let mut second = Operator::with(&namespace, &[], &[]);
    assert!(second.ask("/readyz").contains("standing by"), "{}", second.ask("/readyz"));
    assert!(second.ask("/metrics").contains("pg_bootstrap_operator_leader 0"));
    wait("the first is ready", || first.ask("/readyz").contains("the watches are alive"));
    namespace.create(&alone("a"));
    namespace.pod("a").run();
    namespace.expect("a", "Running", "Running");
    // It dies, and the other takes over when the lease is old; the run goes on.
    first.kill();
    second.wait_for_log("this process is now the leader");
    namespace.pod("a").end(0);
    namespace.expect("a", "Succeeded", "Succeeded");
    // It ends in peace, and the next one need not wait for the lease.
    first.start_again();
    second.stop();
    namespace.create(&alone("b"));
    namespace.pod("b").end(0);
    namespace.expect("b", "Succeeded", "Succeeded");
    assert_eq!(first.log().matches("this process is now the leader").count(), 2);
    let lease = namespace.get("Lease", Operator::account());
    assert!(lease["spec"]["leaseTransitions"].as_u64() >= Some(1), "{lease}");
    // Somebody takes the lease from it: it ends at once, and acts no more.
    let patch = json!({"spec": {"holderIdentity": "somebody", "renewTime": "2026-01-01T00:00:00.000000Z"}});
    namespace.patch("Lease", Operator::account(), &patch);
    wait("the process ends", || !first.is_running());
    namespace.create(&alone("c"));
    assert!(first.log().contains("the lease operator-pg-bootstrap-operator is lost"), "{}", first.log());
    assert_eq!(namespace.get("ReplicaBootstrap", "c")["status"]["phase"], Value::Null);
}

#[test]
fn the_operator_says_how_it_does() {
    let namespace = Namespace::new("admin");
    let operator = Operator::start(&namespace);
    at_once(&["a", "b"], |name| {
        namespace.create(&alone(name));
        namespace.pod(name).run();
        namespace.expect(name, "Running", "Running");
    });
    let metrics = operator.ask("/metrics");
    for line in ["pg_bootstrap_operator_leader 1", "pg_bootstrap_operator_objects{phase=\"Running\"} 2"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(operator.ask("/healthz").starts_with("HTTP/1.1 200"));
    assert!(operator.ask("/readyz").starts_with("HTTP/1.1 200"));
}
