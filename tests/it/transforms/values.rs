//! The transformed values in Redis and on the replica.

use std::path::Path;

use pg_bootstrap_tests::binary::{Runner, pg_bootstrap_sync};
use pg_bootstrap_tests::fidelity::{replicate, strict_options};
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer, free_port};

use crate::harness::{LIMIT, expect, get, snapshot};

use super::{Case, all_of, columns, expect_no_original, expect_silent};

/// What is transformed, by table: by the configuration, a foreign key or a partition's parent.
const TRANSFORMED: [(&str, &str); 4] = [
    ("customers", "id manager email name phone born notes tags secret score favourite"),
    ("orders", "customer"),
    ("visits", "email address"),
    ("kept", ""),
];

#[test]
fn only_what_is_to_be_differs_and_all_constraints_hold() {
    let server = PostgresServer::shared();
    for (pg_dump, rows) in
        [(&[][..], "single"), (&[], "packed"), (&["--inserts"], "single"), (&["--column-inserts"], "packed")]
    {
        let case = Case::new(server, pg_dump);
        let reference = server.fresh_database();
        server.psql(&reference, &case.source.plain).expect_clean();
        let redis = RedisServer::start();
        let finished = case
            .runner(&redis)
            .args(["--rows", rows, "--checkpoint"])
            .arg(case.input.path("checkpoint"))
            .run(LIMIT);
        let finished = finished.expect_code(0);
        expect_silent(&finished);
        expect_no_original("Redis", &all_of(&redis));
        expect_no_original("the checkpoint", &std::fs::read(case.input.path("checkpoint")).unwrap());
        let (replica, report) = replicate(server, &redis, strict_options(3));
        assert!(
            report.failed == 0 && report.lost == 0 && report.fatal.is_none(),
            "{pg_dump:?} {rows}: {report}"
        );
        for (table, transformed) in TRANSFORMED {
            let (before, after) = (columns(server, &reference, table), columns(server, &replica, table));
            assert_eq!(before.len(), after.len());
            for ((name, before), (_, after)) in before.iter().zip(&after) {
                if transformed.split(' ').any(|column| column == name) {
                    for (old, new) in before.iter().zip(after) {
                        assert_eq!(old.is_none(), new.is_none(), "{table}.{name}: {old:?} {new:?}");
                    }
                    let same =
                        before.iter().zip(after).filter(|(old, new)| old.is_some() && old == new).count();
                    assert!(same < before.len() / 20, "{table}.{name}: {same} values stayed");
                } else {
                    assert_eq!(before, after, "{table}.{name}");
                }
            }
        }
        server.drop_database(&replica);
        server.drop_database(&reference);
    }
}

#[test]
fn the_same_by_any_number_of_workers_by_a_pipe_and_over_a_kill() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let redis = RedisServer::start();
    case.runner(&redis).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    for workers in ["1", "7"] {
        let redis = RedisServer::start();
        case.runner(&redis).args(["--workers", workers, "--batch-size", "3"]).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{workers} workers");
    }
    let redis = RedisServer::start();
    let slowly = || case.runner(&redis).args(["--max-rate", "2000", "--batch-size", "20"]);
    let port = free_port();
    let mut running = slowly().args(["--metrics-addr", &format!("127.0.0.1:{port}")]).spawn();
    running.wait_for_stderr("metrics at", LIMIT);
    pg_bootstrap_tests::servers::wait_until(LIMIT, || {
        redis.cli(&["ZCARD", pg_bootstrap_tests::zset::KEY]).trim().parse::<u64>().unwrap_or(0) > 300
    });
    let metrics = get(port, "/metrics");
    assert!(metrics.contains("pg_bootstrap_rows "), "{metrics}");
    expect_no_original("the metrics", metrics.as_bytes());
    running.kill();
    slowly().run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected, "over a kill");

    // A pipe needs the configuration that a reading of the whole dump has made.
    let piped = |config: &Path| {
        let redis = RedisServer::start();
        let runner = Runner::new().args([
            "--dump-file",
            "-",
            "--snapshot-lsn",
            "16/B374D848",
            "--kv-url",
            &redis.url(),
        ]);
        let runner = runner.arg("--transform-config").arg(config).arg("--transform-key-file").arg(&case.key);
        (runner.stdin_file(&case.source.plain).run(LIMIT), redis)
    };
    expect(piped(&case.config).0, 2, &["a pipe is read only once", "transform check"]);
    let check = Runner::new().args(["transform", "check", "--dump-file"]).arg(&case.source.plain);
    let checked = expect(case.with(check).run(LIMIT), 0, &[]);
    let resolved = case.input.path("resolved.yml");
    std::fs::write(&resolved, &checked.stdout).unwrap();
    let (finished, redis) = piped(&resolved);
    finished.expect_code(0);
    assert_eq!(snapshot(&redis), expected, "by a pipe");
}

/// The guide's commands, as they stand there.
#[test]
fn the_guide_to_a_safe_replica() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/safe-replica.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(root.join("examples/shop.sql"), folder.path().join("shop.sql")).unwrap();
    let (redis, program) = (RedisServer::start(), pg_bootstrap_sync());
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let run = |command: &str| {
        let command = command.replace("redis://localhost:6379", &redis.url());
        let out = std::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .env("PATH", &path)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let (mut commands, mut yaml, mut inside) = (0, String::new(), false);
    for line in guide.lines() {
        match line {
            "```yaml" => inside = true,
            "```" if inside => {
                // The first one is the configuration.
                if yaml.contains("major_version") {
                    std::fs::write(folder.path().join("transforms.yml"), std::mem::take(&mut yaml)).unwrap();
                }
                (inside, yaml) = (false, String::new());
            }
            line if inside => yaml += &format!("{line}\n"),
            line => {
                let Some(command) = line.strip_prefix("    ") else { continue };
                commands += 1;
                let said = run(command);
                if command.contains("transform preview") {
                    assert!(said.contains("bjorn.blumenkohl1@example.com"), "{said}");
                }
            }
        }
    }
    assert_eq!(commands, 10, "commands of the guide");
    let resolved = std::fs::read_to_string(folder.path().join("resolved.yml")).unwrap();
    assert!(resolved.contains("unique: true"), "{resolved}");
    assert!(run("wc -l < members").trim().parse::<u64>().unwrap() > 2000);
}
