//! Things that people, other programs and old versions may do to objects, and that must not affect other objects.

use pg_bootstrap_tests::cluster::{Kubelet, Namespace, Operator, kstatus, replica_bootstrap};
use pg_bootstrap_tests::servers::{ACCESS_KEY, RedisServer, S3Server, SECRET_KEY, free_port};
use serde_json::{Value, json};

use super::{alone, edit, job, provide, wait, with};

/// Reason and message of `Ready`.
fn ready(namespace: &Namespace, name: &str) -> (String, String) {
    let object = namespace.get("ReplicaBootstrap", name);
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = all.into_iter().find(|one| one["type"] == "Ready").unwrap_or_default();
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

#[test]
fn numbers_that_nobody_can_read_are_refused() {
    let namespace = Namespace::new("numbers");
    let many = 3_000_000_000_i64;
    let spread = json!([{"maxSkew": many, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}]);
    let prefer = json!([{"weight": many, "preference": {}}]);
    for (field, spec) in [
        ("ttlSecondsAfterFinished", json!({"ttlSecondsAfterFinished": many})),
        ("maxSkew", json!({"runner": {"topologySpreadConstraints": spread}})),
        (
            "weight",
            json!({"runner": {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": prefer}}}}),
        ),
        ("activeDeadlineSeconds", json!({"activeDeadlineSeconds": 9_223_372_037_i64})),
        ("image", json!({"runner": {"image": " an image "}})),
        ("ttl", json!({"redis": {"url": "redis://r.test:6379", "ttl": "9223372036854775807s"}})),
    ] {
        let refusal = namespace.try_create(&with(alone("bad"), &spec)).expect_err(field);
        assert!(refusal.message.contains(field), "{field}: {}", refusal.message);
    }
    namespace.create(&alone("shop"));
    for status in
        [json!({"attempts": many}), json!({"lastError": {"reason": "a", "message": "b", "exitCode": many}})]
    {
        let refused = namespace.try_patch("ReplicaBootstrap/status", "shop", &json!({"status": status}));
        assert!(refused.is_err(), "{status}");
    }
}

/// It came past an older definition, or by hand: here by a time that the API server takes, and no calendar.
#[test]
fn an_object_that_cannot_be_read_is_left_alone_and_named() {
    let namespace = Namespace::new("unreadable");
    namespace.create(&alone("bad"));
    let beyond = json!({"status": {"run": {"id": "1", "bufferExpires": "2026-01-01T00:00:00+99:99"}}});
    namespace.try_patch("ReplicaBootstrap/status", "bad", &beyond).expect("the API server takes it");
    let mut operator = Operator::start(&namespace);
    namespace.create(&alone("good"));
    namespace.pod("good").run();
    namespace.expect("good", "Running", "Running");
    assert!(job(&namespace, "bad", "1").is_none());
    let log = operator.log();
    let named = log.lines().find(|line| line.contains("cannot be read")).expect("it is named");
    assert!(named.contains("\"bad\"") && !named.contains("+99:99"), "{named}");
    // While it runs as well: one that becomes unreadable stays as it was.
    namespace.try_patch("ReplicaBootstrap/status", "good", &beyond).expect("the API server takes it");
    namespace.create(&alone("later"));
    namespace.pod("later").run();
    namespace.expect("later", "Running", "Running");
    assert!(operator.ask("/readyz").starts_with("HTTP/1.1 200"), "{}", operator.ask("/readyz"));
    operator.stop();
}

#[test]
fn an_object_that_could_not_be_read_counts_no_more_when_it_is_gone() {
    let namespace = Namespace::new("gone");
    let _operator = Operator::with(&namespace, &["--leader-election=false", "--max-concurrent-runs=1"], &[]);
    let own = |name: &str| replica_bootstrap(name, &format!("redis://{name}.test:6379"));
    namespace.create(&own("a"));
    namespace.pod("a").run();
    namespace.create(&own("b"));
    namespace.expect("b", "Queued", "Queued");
    let beyond = json!({"status": {"run": {"id": "1", "bufferExpires": "2026-01-01T00:00:00+99:99"}}});
    namespace.try_patch("ReplicaBootstrap/status", "b", &beyond).expect("the API server takes it");
    namespace.delete("ReplicaBootstrap", "b");
    namespace.create(&own("c"));
    namespace.expect("c", "Queued", "Queued");
    assert!(ready(&namespace, "c").1.contains("place 1"), "{:?}", ready(&namespace, "c"));
}

/// Over another `run.id` and back, the definition lets in what it holds still within a run.
#[test]
fn a_run_does_not_pass_for_one_of_another_dump() {
    let namespace = Namespace::new("strayed");
    let mut operator = Operator::start(&namespace);
    let elsewhere = json!({"persistentVolumeClaim": {"claimName": "dumps", "path": "other.sql"}});
    let here = alone("shop")["spec"]["source"].clone();
    let over_and_back = |name: &str, source: &Value| {
        edit(&namespace, name, &json!({"run": {"id": "2"}, "source": source}));
        edit(&namespace, name, &json!({"run": {"id": "1"}}));
    };
    for name in ["shop", "late"] {
        namespace.create(&alone(name));
        namespace.pod(name).run();
        namespace.expect(name, "Running", "Running");
    }
    namespace.pod("late").end(0);
    namespace.expect("late", "Succeeded", "Succeeded");
    operator.stop();
    over_and_back("shop", &elsewhere);
    over_and_back("late", &elsewhere);
    operator.start_again();
    // What runs goes on, and is not said to be done for what was never read.
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Pending", "InvalidSpec");
    assert!(ready(&namespace, "shop").1.contains("give run.id a new value"));
    assert_eq!(kstatus(&namespace.get("ReplicaBootstrap", "shop")), "Failed");
    // What has ended has, but not for the spec as it is now: that is said by an event.
    wait("an event", || {
        let of_late =
            |event: &&Value| event["regarding"]["name"] == "late" && event["reason"] == "InvalidSpec";
        namespace.list("Event", "").iter().any(|event| of_late(&event))
    });
    let late = namespace.get("ReplicaBootstrap", "late");
    assert!(late["status"]["observedGeneration"].as_i64() < late["metadata"]["generation"].as_i64());
    assert_eq!(kstatus(&late), "InProgress");
    operator.stop();
    over_and_back("shop", &here);
    over_and_back("late", &here);
    operator.start_again();
    for name in ["shop", "late"] {
        namespace.expect(name, "Succeeded", "Succeeded");
        assert_eq!(kstatus(&namespace.get("ReplicaBootstrap", name)), "Current", "{name}");
    }
}

#[test]
fn who_cannot_begin_holds_nobody_up() {
    let namespace = Namespace::new("heldup");
    let _operator = Operator::with(&namespace, &["--leader-election=false", "--max-concurrent-runs=1"], &[]);
    let bad = json!({"runner": {"resources": {"limits": {"memory": "abc"}}}});
    namespace.create(&with(replica_bootstrap("a", "redis://one.test:6379"), &bad));
    namespace.expect("a", "Pending", "InvalidSpec");
    namespace.create(&replica_bootstrap("b", "redis://one.test:6379"));
    namespace.pod("b").run().end(0);
    namespace.expect("b", "Succeeded", "Succeeded");
    // What the API server refuses for a while gives its place up.
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"count/jobs.batch": "1"}}});
    namespace.create(&quota);
    wait("the quota counts", || {
        namespace.get("ResourceQuota", "none")["status"]["used"]["count/jobs.batch"] == "1"
    });
    namespace.create(&replica_bootstrap("c", "redis://one.test:6379"));
    namespace.expect("c", "Pending", "Forbidden");
    namespace.create(&replica_bootstrap("d", "redis://one.test:6379"));
    namespace.expect("d", "Pending", "Forbidden");
    namespace.delete("ResourceQuota", "none");
    for name in ["c", "d"] {
        namespace.pod(name).run().end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    }
}

#[test]
fn spellings_of_one_redis_are_one() {
    let namespace = Namespace::new("spelled");
    let _operator = Operator::start(&namespace);
    namespace.create(&replica_bootstrap("a", "redis://redis"));
    namespace.pod("a").run();
    let service = format!("rediss://REDIS.{}.svc:6379/0", namespace.name());
    namespace.create(&replica_bootstrap("b", &service));
    namespace.expect("b", "Queued", "Queued");
    assert!(ready(&namespace, "b").1.contains("same set"), "{:?}", ready(&namespace, "b"));
    namespace.create(&replica_bootstrap("c", "redis://redis:6379/1"));
    namespace.expect("c", "Queued", "Queued");
    assert!(ready(&namespace, "c").1.contains("--max-runs-per-redis"), "{:?}", ready(&namespace, "c"));
}

#[test]
fn the_runners_account_comes_back() {
    let namespace = Namespace::new("account");
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    let access = ["ServiceAccount", "Role", "RoleBinding"];
    access.iter().for_each(|kind| namespace.delete(kind, "shop-runner"));
    edit(&namespace, "shop", &json!({"suspend": true}));
    namespace.expect("shop", "Suspended", "Suspended");
    edit(&namespace, "shop", &json!({"suspend": false}));
    namespace.pod("shop").run();
    assert!(access.iter().all(|kind| namespace.try_get(kind, "shop-runner").is_some()));
    // After a pod's failure the Job goes on by itself when they are back.
    access.iter().for_each(|kind| namespace.delete(kind, "shop-runner"));
    namespace.pod("shop").end(11);
    wait("the account is back", || {
        access.iter().all(|kind| namespace.try_get(kind, "shop-runner").is_some())
    });
    namespace.pod("shop").run().end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
}

/// The kubelet puts variables in the place of `$(NAME)` in arguments.
#[test]
fn no_value_reads_a_variable() {
    let namespace = Namespace::new("dollar");
    let _operator = Operator::start(&namespace);
    let redis = json!({"url": "redis://r.test:6379", "key": "a$$b$(PGBOOTSTRAP_KV_URL)"});
    namespace.create(&with(alone("shop"), &json!({"redis": redis})));
    wait("the Job", || job(&namespace, "shop", "1").is_some());
    let made = job(&namespace, "shop", "1").unwrap();
    let arguments = made["spec"]["template"]["spec"]["containers"][0]["args"].as_array().cloned().unwrap();
    assert!(arguments.contains(&json!("--kv-key=a$$$$b$$(PGBOOTSTRAP_KV_URL)")), "{arguments:?}");
}

#[test]
fn what_an_earlier_run_said_is_not_said_of_the_next() {
    let namespace = Namespace::new("said");
    let _operator = Operator::start(&namespace);
    namespace.create(&replica_bootstrap("first", "redis://same.test:6379"));
    namespace.pod("first").run();
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    let said = json!({"status": {"run": {"id": "1", "progress": {"percent": 100, "rows": 7}}}});
    namespace.try_patch("ReplicaBootstrap/status", "shop", &said).unwrap();
    namespace.pod("shop").end(0);
    namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(namespace.get("ReplicaBootstrap", "shop")["status"]["run"]["progress"]["rows"], 7);
    edit(&namespace, "shop", &json!({"run": {"id": "2"}, "redis": {"url": "redis://same.test:6379"}}));
    namespace.expect("shop", "Queued", "Queued");
    assert_eq!(namespace.get("ReplicaBootstrap", "shop")["status"]["run"], Value::Null);
}

/// A run that waits is no run that loads.
#[test]
fn what_the_runner_waits_for_is_said() {
    let namespace = Namespace::new("waits");
    let _operator = Operator::start(&namespace);
    let kubelet = Kubelet::start(&namespace);
    let _input = provide(&kubelet, b"CREATE TABLE public.t (a integer);\n");
    // Nobody listens there.
    let away = format!("redis://127.0.0.1:{}", free_port());
    namespace.create(&replica_bootstrap("shop", &away));
    namespace.until("shop", "it says that it waits for Redis", |object| {
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains("the runner waits: connect to Redis") && message.contains(&away[8..])
    });
    assert_eq!(kstatus(&namespace.get("ReplicaBootstrap", "shop")), "InProgress");
    namespace.delete("ReplicaBootstrap", "shop");
}

/// A dump in S3 that cannot be read is waited for as well, and then it is read.
#[test]
fn a_store_that_is_away_is_said() {
    let (namespace, redis) = (Namespace::new("store"), RedisServer::start());
    let _operator = Operator::start(&namespace);
    let _kubelet = Kubelet::start(&namespace);
    let store = S3Server::start();
    store.put("dumps", "shop.sql", b"CREATE TABLE public.t (a integer);\n");
    store.refuse(u64::MAX);
    namespace.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3"},
        "stringData": {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}}));
    let endpoint = format!("http://127.0.0.1:{}", store.port());
    let s3 = json!({"bucket": "dumps", "key": "shop.sql", "region": "eu-central-1", "endpoint": endpoint,
        "forcePathStyle": true, "credentialsSecretRef": {"name": "s3"}});
    let mut object = replica_bootstrap("shop", &redis.url());
    object["spec"]["source"] = json!({ "s3": s3 });
    namespace.create(&object);
    namespace.until("shop", "it says that it waits for S3", |object| {
        let message = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains("the runner waits: read s3://dumps/shop.sql: ") && message.contains("503")
    });
    assert_eq!(namespace.look("shop")["status"]["phase"], "Running");
    store.refuse(0);
    let done = namespace.expect("shop", "Succeeded", "Succeeded");
    assert_eq!(done["status"]["attempts"], 1);
}
