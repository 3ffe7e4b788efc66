//! Which runs wait for which.

use pg_bootstrap_tests::cluster::{Namespace, Operator, replica_bootstrap};
use serde_json::json;

use super::{alone, edit, job, wait, with};

/// The object waits at this place, for this reason.
#[track_caller]
fn expect_place(namespace: &Namespace, name: &str, place: u32, why: &str) {
    namespace.expect(name, "Queued", "Queued");
    let wanted = format!("place {place} in the queue");
    namespace.until(name, &wanted, |object| {
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains(&wanted) && message.contains(why)
    });
    assert!(job(namespace, name, "1").is_none(), "{name} has a Job");
}

#[test]
fn no_more_than_the_operator_allows() {
    let namespace = Namespace::new("total");
    let operator = Operator::with(&namespace, &["--leader-election=false", "--max-concurrent-runs=2"], &[]);
    for name in ["a", "b"] {
        namespace.create(&alone(name));
        namespace.pod(name).run();
    }
    for (name, place) in [("c", 1), ("d", 2)] {
        namespace.create(&alone(name));
        expect_place(&namespace, name, place, "--max-concurrent-runs is 2");
    }
    assert!(operator.ask("/metrics").contains("pg_bootstrap_operator_objects{phase=\"Queued\"} 2"));
    namespace.pod("a").end(0);
    namespace.pod("c").run();
    expect_place(&namespace, "d", 1, "--max-concurrent-runs is 2");
    // Who is held gives the place free, and waits for one to go on.
    edit(&namespace, "b", &json!({"suspend": true}));
    namespace.pod("d").run();
    namespace.expect("b", "Suspended", "Suspended");
    edit(&namespace, "b", &json!({"suspend": false}));
    namespace.expect("b", "Queued", "Queued");
    assert_eq!(job(&namespace, "b", "1").unwrap()["spec"]["suspend"], true);
    namespace.pod("c").end(3);
    namespace.pod("b").run().end(0);
    namespace.pod("d").end(0);
    for name in ["a", "b", "d"] {
        namespace.expect(name, "Succeeded", "Succeeded");
    }
    namespace.expect("c", "Failed", "DumpBroken");
}

#[test]
fn one_redis_and_one_set_take_so_many() {
    let namespace = Namespace::new("redis");
    let mut operator = Operator::start(&namespace);
    let of = |name: &str, set: &str| {
        let object = replica_bootstrap(name, "redis://one.test:6379");
        with(object, &json!({"redis": {"url": "redis://one.test:6379", "key": set}}))
    };
    namespace.create(&of("a", "x"));
    namespace.pod("a").run();
    namespace.create(&of("b", "y"));
    expect_place(&namespace, "b", 1, "--max-runs-per-redis");
    namespace.create(&of("c", "x"));
    expect_place(&namespace, "c", 2, "same set");
    // Another Redis is not concerned.
    namespace.create(&alone("other"));
    namespace.pod("other").run();
    // Two at one Redis, and still one at one set. The places are known to the next operator.
    operator.stop();
    operator.set_args(&["--leader-election=false", "--max-runs-per-redis=2"]);
    operator.start_again();
    namespace.pod("b").run();
    expect_place(&namespace, "c", 1, "same set");
    namespace.delete("ReplicaBootstrap", "a");
    wait("a's Job is gone", || job(&namespace, "a", "1").is_none());
    namespace.pod("c").run();
    for name in ["b", "c", "other"] {
        namespace.pod(name).end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    }
}
