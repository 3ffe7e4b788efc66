//! The run's part of the status of a `ReplicaBootstrap`, on a real API server.

use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::loads::{Lab, sequence};
use pg_bootstrap_tests::servers::{KubernetesServer, PostgresServer, RedisServer, free_port, wait_until};
use serde_json::{Value, json};

use crate::harness::{CELL, Input, LIMIT, SECRET, changes, dump, expect, runner, snapshot};

const ROWS: usize = 30_000;

fn object(name: &str) -> Value {
    json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1",
        "kind": "ReplicaBootstrap",
        "metadata": { "name": name },
        "spec": {
            "source": { "persistentVolumeClaim": { "claimName": "dumps", "path": "shop.sql" } },
            "redis": { "url": "redis://redis:6379" },
        },
    })
}

fn reporting(runner: Runner, kubernetes: &KubernetesServer, name: &str) -> Runner {
    runner.env("KUBECONFIG", kubernetes.kubeconfig()).args([
        "--status-resource",
        &format!("default/{name}"),
        "--status-run-id",
        "7",
    ])
}

fn run_status(kubernetes: &KubernetesServer, name: &str) -> Value {
    kubernetes.get(name)["status"]["run"].clone()
}

/// The number after that of a position; 1 where there is none.
fn next(run: &Value) -> u64 {
    let lsn = run["checkpoint"]["lsn"].as_str();
    lsn.map_or(1, |lsn| lsn.strip_prefix("0/BOOTSTRAP").unwrap().parse::<u64>().unwrap() + 1)
}

#[test]
fn on_a_real_api_server() {
    let kubernetes = KubernetesServer::start();
    while_it_runs(&kubernetes);
    after_an_error(&kubernetes);
    for format in ["custom", "directory", "tar"] {
        of_an_archive(&kubernetes, format);
    }
}

fn while_it_runs(kubernetes: &KubernetesServer) {
    kubernetes.create(&object("shop"));
    let operators = json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap", "metadata": { "name": "shop" },
        "status": { "phase": "Running", "observedGeneration": 1 },
    });
    kubernetes.apply_status("shop", "pg-bootstrap-operator", &operators);
    let (lab, input) = (Lab::new(), Input::of(&dump(ROWS)));
    let slow = runner(&lab.redis, &input.file).args(["--max-rate", "1200", "--batch-size", "100"]);
    let mut running = reporting(slow, kubernetes, "shop").spawn();
    let mut redis = lab.redis.client();
    let mut rows = 0;
    let mut look = || {
        let run = run_status(kubernetes, "shop");
        // The status first, Redis after it: it may only have moved on.
        assert!(next(&run) <= sequence(&mut redis, "default").unwrap_or(1), "ahead of Redis: {run}");
        let now = run["progress"]["rows"].as_u64().unwrap_or(0);
        assert!(now >= rows, "backwards from {rows}: {run}");
        rows = now;
        rows
    };
    assert!(wait_until(LIMIT, || look() > 0), "{}", running.stderr_so_far());
    let run = run_status(kubernetes, "shop");
    assert_eq!((run["id"].as_str(), run["range"]["first"].as_u64()), (Some("7"), Some(1)));
    assert_eq!(run["progress"]["bytesTotal"].as_u64(), Some(input.file.metadata().unwrap().len()));
    assert!(run["progress"]["percent"].as_u64() < Some(100) && run["error"].is_null(), "{run}");
    // Of a dump that is not compressed: what has been read ahead does not count.
    assert_eq!(run["progress"]["bytesRead"], run["checkpoint"]["offset"], "{run}");
    let data: Value = serde_json::from_str(run["checkpoint"]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["next"].as_u64(), Some(next(&run)));

    // The API server is away: the load goes on, and the newest state is written when it is back.
    kubernetes.freeze();
    let then = lab.sequence("default").unwrap();
    running.wait_for_stderr("cannot be written", LIMIT);
    assert!(lab.reaches(&mut running, "default", then + 8000), "{}", running.stderr_so_far());
    kubernetes.thaw();
    assert!(wait_until(LIMIT, || look() > then + 8000 - 100), "{}", running.stderr_so_far());

    expect(running.wait(LIMIT), 0, &["cannot be written", "can be written again"]);
    // Another object of the name: what is said of the first one does not go there.
    let reply =
        reporting(runner(&lab.redis, &input.file), kubernetes, "shop").args(["--status-uid", "another"]);
    expect(reply.run(LIMIT), 0, &["cannot be written", "UID another"]);
    let whole = kubernetes.get("shop");
    let run = &whole["status"]["run"];
    assert_eq!(run["progress"]["percent"], 100);
    assert_eq!(run["progress"]["rows"], ROWS);
    assert_eq!(run["progress"]["changes"], changes(ROWS));
    assert_eq!(run["range"], json!({ "first": 1, "last": changes(ROWS) }));
    assert_eq!((run["rejected"].as_u64(), run["skipped"]["setting"].as_u64()), (Some(0), Some(4)), "{run}");
    assert!(run["error"].is_null() && run["bufferExpires"].is_string(), "{run}");
    assert_eq!(whole["status"]["phase"], "Running", "the operator's part stays");
    let text = whole.to_string();
    assert!(!text.contains(CELL) && !text.contains(SECRET));
    let managers = whole["metadata"]["managedFields"].as_array().unwrap();
    let runners: Vec<_> = managers.iter().filter(|one| one["manager"] == "pg-bootstrap-runner").collect();
    assert_eq!(runners.len(), 1);
    assert_eq!((&runners[0]["operation"], &runners[0]["subresource"]), (&json!("Apply"), &json!("status")));
    let owned = runners[0]["fieldsV1"]["f:status"].as_object().unwrap();
    assert_eq!(owned.keys().collect::<Vec<_>>(), ["f:run"]);
}

/// The percent of an archive are those of its rows, about: in the midst of it, and at its end. Somewhat more than what was
/// written has been read, which shows where an archive is small.
fn of_an_archive(kubernetes: &KubernetesServer, format: &str) {
    const ROWS: usize = 300_000;
    kubernetes.create(&object(format));
    let (lab, server, input) = (Lab::new(), PostgresServer::shared(), Input::of(&dump(ROWS)));
    let database = server.fresh_database();
    server.psql(&database, &input.file).expect_clean();
    let archive = input.path(format);
    let file = format!("--file={}", archive.display());
    server.pg_dump(&database, &[&format!("--format={format}"), "--compress=0", &file]);
    server.drop_database(&database);
    let whole = match std::fs::read_dir(&archive) {
        Ok(files) => files.map(|file| file.unwrap().metadata().unwrap().len()).sum(),
        Err(_) => archive.metadata().unwrap().len(),
    };
    let run = || reporting(runner(&lab.redis, &archive), kubernetes, format);
    let mut running = run().args(["--max-rate", "60000"]).spawn();
    assert!(lab.reaches(&mut running, "default", ROWS as u64 / 2), "{}", running.stderr_so_far());
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
    let midst = run_status(kubernetes, format);
    let number = |field: &str| midst["progress"][field].as_u64().unwrap();
    assert_eq!(number("bytesTotal"), whole, "{midst}");
    let rows = number("rows") * 100 / ROWS as u64;
    assert!((40..90).contains(&rows) && number("percent").abs_diff(rows) < 15, "{midst}");
    expect(run().run(LIMIT), 0, &[]);
    let end = run_status(kubernetes, format);
    assert_eq!((&end["progress"]["percent"], &end["progress"]["rows"]), (&json!(100), &json!(ROWS)), "{end}");
    assert_eq!(end["progress"]["bytesRead"], end["progress"]["bytesTotal"], "{end}");
}

fn after_an_error(kubernetes: &KubernetesServer) {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(100)));
    let run = || reporting(runner(&redis, &input.file), kubernetes, "shop");
    expect(run().run(LIMIT), 0, &[]);
    expect(run().arg("--no-owner").run(LIMIT), 5, &["--no-owner"]);
    let run_now = run_status(kubernetes, "shop");
    assert!(run_now["error"].as_str().unwrap().contains("--no-owner"), "{run_now}");
    assert_eq!(run_now["id"], "7");
    // An attempt that has not begun says what the one before it has left.
    assert_eq!(run_now["range"]["last"], changes(100), "{run_now}");
    assert!(run_now["checkpoint"]["data"].is_string(), "{run_now}");
    expect(run().run(LIMIT), 0, &[]);
    let run_now = run_status(kubernetes, "shop");
    assert!(run_now["error"].is_null() && run_now["progress"]["percent"] == 100, "{run_now}");
    // Redis is emptied while nothing runs: that is said, and everything is written again.
    redis.cli(&["FLUSHALL"]);
    expect(run().run(LIMIT), 0, &["Redis has lost changes of this run"]);
    let run_now = run_status(kubernetes, "shop");
    assert_eq!(run_now["progress"]["rows"], 100, "{run_now}");
    // An object that is not there.
    let nobody = reporting(runner(&redis, &input.file), kubernetes, "nobody").run(LIMIT);
    expect(nobody, 0, &["default/nobody", "not found"]);
}

#[test]
fn an_api_server_that_is_not_there() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(100)));
    let config = input.path("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:{}\"}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: x}}}}]\n",
        free_port()
    );
    std::fs::write(&config, text).unwrap();
    let target = ["--status-resource", "default/shop", "--status-run-id", "7"];
    let away = runner(&redis, &input.file).args(target).env("KUBECONFIG", &config);
    expect(away.run(LIMIT), 0, &["default/shop", "cannot be written"]);
    assert_eq!(snapshot(&redis).count, changes(100));

    let other = |args: &[&str]| {
        runner(&redis, &input.file)
            .args(args)
            .env("KUBECONFIG", input.path("nothing"))
            .env("KUBERNETES_SERVICE_HOST", "")
            .run(Duration::from_secs(60))
    };
    expect(other(&target), 2, &["--status-resource", "KUBECONFIG"]);
    expect(other(&["--status-resource", "shop", "--status-run-id", "7"]), 2, &["NAMESPACE/NAME"]);
    expect(other(&["--status-resource", "default/shop"]), 2, &["--status-run-id"]);
}
