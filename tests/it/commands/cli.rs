//! The command line: options, variables, standard output and standard error, and metrics.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use pg_bootstrap_tests::binary::{Finished, Runner, pg_bootstrap_sync};
use pg_bootstrap_tests::servers::{RedisServer, free_port, wait_until};
use pg_bootstrap_tests::zset;

use crate::harness::{
    CELL, Input, LIMIT, SECRET, changes, dump, dump_of, expect, expect_discreet, get, runner, snapshot,
};

fn bare(args: &[&str]) -> Finished {
    Runner::new().args(args).run(LIMIT)
}

fn stdout(finished: &Finished) -> String {
    String::from_utf8(finished.stdout.clone()).unwrap()
}

#[test]
fn wrong_options() {
    let input = Input::of(&dump(3));
    let file = input.file.display().to_string();
    expect(bare(&[]), 2, &["<DUMP>", "--help"]);
    expect(bare(&["--no-such-flag"]), 2, &["--no-such-flag", "--help"]);
    expect(bare(&["--dump-file", &file]), 2, &["--kv-url", "--output", "--dry-run"]);
    // A refused command line is not repeated with its password.
    let misplaced = bare(&["--dump-file", &file, "rediss://user:s3cr@t@redis.example:6380/1"]).expect_code(2);
    assert!(misplaced.stderr.contains("rediss://***@redis.example:6380/1"), "{}", misplaced.stderr);
    let alone = bare(&["rediss://user:s3cr@t@redis.example:6380/1", "--dry-run"]).expect_code(2);
    assert!(alone.stderr.contains("rediss://***@redis.example:6380/1 is not a dump"), "{}", alone.stderr);
    assert!(!misplaced.stderr.contains("s3cr"), "{}", misplaced.stderr);
    let with = |args: &[&str]| bare(&[&["--dump-file", file.as_str(), "--dry-run"], args].concat());
    expect(with(&["--output", "-"]), 2, &["cannot be used with"]);
    expect(with(&["--resume-from", "x", "--restart"]), 2, &["cannot be used with"]);
    expect(with(&["--on-error", "skip"]), 2, &["--reject-file"]);
    expect(with(&["--reject-file", "x"]), 2, &["--on-error skip"]);
    expect(with(&["--batch-size", "0"]), 2, &["--batch-size"]);
    expect(with(&["--workers", "0"]), 2, &["--workers"]);
    expect(with(&["--max-rate", "0"]), 2, &["--max-rate"]);
    expect(with(&["--ddl-time", "yesterday"]), 2, &["--ddl-time yesterday", "RFC 3339"]);
    expect(with(&["--metrics-addr", "nowhere"]), 2, &["--metrics-addr"]);
    expect(bare(&["--dump-file", &file, "--output", "-", "--checkpoint", "x"]), 2, &["cannot be resumed"]);
    expect(
        bare(&["--dump-file", &file, "--output", "-", "--kv-url", "redis://x"]),
        2,
        &["cannot be used with"],
    );
    let redis = ["--dump-file", file.as_str(), "--kv-url", "redis://127.0.0.1"];
    for (option, value) in [
        ("--ttl", "soon"),
        // Redis would drop the set at once, with everything that is in it.
        ("--ttl", "0.1ms"),
        ("--ttl", "59s"),
        ("--retry-timeout", "0s"),
        ("--full-timeout", "1 year"),
        ("--memory-high-water", "110%"),
        ("--memory-high-water", "much"),
    ] {
        expect(bare(&[&redis[..], &[option, value]].concat()), 2, &[option, value]);
    }
    expect(bare(&[&redis[..], &["--kv-cert-file", "x"]].concat()), 2, &["--kv-key-file"]);
    assert!(!Path::new("x").exists());
}

/// Every option of a load has a variable; a flag's variable takes what people write.
#[test]
fn variables() {
    let input = Input::of(&dump(3));
    let help = stdout(&bare(&["--help"]).expect_code(0));
    let options: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("--")).collect();
    for option in options.iter().map(|rest| rest.split([' ', '=']).next().unwrap()) {
        let variable = format!("PGBOOTSTRAP_{}", option.to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("[env: {variable}")), "--{option} has no variable in the help");
        // That it is read: a value that fits nothing is refused (paths and names take anything).
        let out = Runner::new()
            .arg("--dump-file")
            .arg(&input.file)
            .arg("--dry-run")
            .env(&variable, "\u{1}")
            .run(LIMIT);
        let free = ["PATH", "FILE", "URL", "NAME", "KEY", "PATTERN"];
        let takes =
            help.lines().find(|line| line.trim().starts_with(&format!("--{option} <"))).unwrap_or("<flag>");
        let late = ["snapshot-lsn", "ttl", "retry-timeout", "full-timeout", "memory-high-water", "ddl-time"];
        if !free.iter().any(|name| takes.contains(&format!("<{name}>")))
            && !late.contains(&option)
            && option != "dry-run"
        {
            // What leaves out nothing is only said.
            let code = if option.starts_with("exclude-") { 0 } else { 2 };
            expect(out, code, &[&format!("--{option}")]);
        }
    }
    let redis = RedisServer::start();
    let by_variables = |no_owner: &str| {
        Runner::new()
            .env("PGBOOTSTRAP_DUMP_FILE", &input.file)
            .env("PGBOOTSTRAP_KV_URL", redis.url())
            .env("PGBOOTSTRAP_SNAPSHOT_LSN", "16/0")
            .env("PGBOOTSTRAP_FIRST_SEQUENCE", "5")
            .env("PGBOOTSTRAP_NO_OWNER", no_owner)
            .env("PGBOOTSTRAP_RESTART", "false")
            .env("PGBOOTSTRAP_KV_KEY", "other")
            .run(LIMIT)
    };
    expect(by_variables("1"), 0, &[]);
    assert_eq!(redis.cli(&["ZRANGE", "other", "0", "0", "WITHSCORES"]).lines().last(), Some("-999995"));
    for same in ["true", "yes", "on"] {
        assert!(stdout(&expect(by_variables(same), 0, &[])).contains("done already"));
    }
    for other in ["0", "false", "no", "off"] {
        expect(by_variables(other), 5, &["--no-owner was \"true\""]);
    }
    expect(by_variables("maybe"), 2, &["--no-owner"]);
    // The command line counts before the environment.
    let both = runner(&redis, &input.file).env("PGBOOTSTRAP_KV_KEY", "third").args(["--kv-key", "fourth"]);
    both.run(LIMIT).expect_code(0);
    assert_eq!(
        (redis.cli(&["ZCARD", "third"]), redis.cli(&["ZCARD", "fourth"])),
        ("0".into(), changes(3).to_string())
    );
}

#[test]
fn help_version_and_completions() {
    for arg in ["--help", "-h"] {
        let help = stdout(&bare(&[arg]).expect_code(0));
        let wide: Vec<_> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert_eq!(wide, [""; 0], "{arg}");
        for text in ["[DUMP]", "--kv-url", "--snapshot-lsn", "completions", "Examples"] {
            assert!(help.contains(text), "{arg}: {text}");
        }
        for text in ["--dump-file", "Exit codes"] {
            assert_eq!(help.contains(text), arg == "--help", "{arg}: {text}");
        }
    }
    let version = stdout(&bare(&["--version"]).expect_code(0));
    assert!(version.starts_with("pg-bootstrap-sync ") && version.trim().split('.').count() == 3, "{version}");
    // The environment is not printed: it may hold a password.
    let help =
        Runner::new().arg("--help").env("PGBOOTSTRAP_KV_URL", format!("redis://:{SECRET}@h")).run(LIMIT);
    expect_discreet(&help);
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&bare(&["completions", shell]).expect_code(0));
        assert!(script.contains("pg-bootstrap-sync") && script.contains("snapshot-lsn"), "{shell}");
        let file = Input::of(script.as_bytes());
        if let Ok(check) = Command::new(shell).arg("-n").arg(&file.file).output() {
            assert!(check.status.success(), "{shell}: {}", String::from_utf8_lossy(&check.stderr));
        }
    }
    expect(bare(&["completions", "cmd"]), 2, &["cmd"]);
}

#[test]
fn manual_pages() {
    for (name, option) in [
        ("", "--kv-url"),
        ("load", "--replica-url"),
        ("inspect", "--format"),
        ("verify", "--kv-url"),
        ("transform", "preview"),
        ("ranges", "purge"),
        ("completions", "shell"),
    ] {
        let args: &[&str] = if name.is_empty() { &["man"] } else { &["man", name] };
        let page = stdout(&bare(args).expect_code(0));
        let title = ["pg-bootstrap-sync", name].join("-");
        let title = title.trim_end_matches('-');
        assert!(page.contains(&format!(".TH {title} 1")), "{name}: {page}");
        assert!(page.replace("\\-", "-").contains(option), "{name} lacks {option}");
        let bare: Vec<_> = page.split(".TP\n").filter(|entry| entry.trim().lines().count() < 2).collect();
        assert_eq!(bare, [""; 0], "{name}: not described");
    }
    let page = stdout(&bare(&["man", "load"]).expect_code(0));
    assert!(page.contains("PGBOOTSTRAP_REPLICA_URL"), "the variables are not said");
    // What they hold is not printed: it may be a password.
    let page = Runner::new().arg("man").env("PGBOOTSTRAP_KV_URL", format!("redis://:{SECRET}@h")).run(LIMIT);
    expect_discreet(&page);
    expect(bare(&["man", "something"]), 2, &["something"]);
}

#[test]
fn what_is_said_where() {
    let input = Input::of(&dump(5000));
    let redis = RedisServer::start();
    let run = || runner(&redis, &input.file);
    let quiet = run().arg("--quiet").run(LIMIT).expect_code(0);
    assert_eq!((quiet.stderr.as_str(), quiet.stdout.as_slice()), ("", b"".as_slice()));
    let quiet = run().args(["--quiet", "--no-owner"]).run(LIMIT).expect_code(5);
    assert!(quiet.stderr.contains("--no-owner") && quiet.stdout.is_empty());
    redis.cli(&["FLUSHALL"]);

    let text = expect(run().env("NO_COLOR", "1").run(LIMIT), 0, &[]);
    assert!(!text.stderr.contains('\u{1b}'));
    let summary = stdout(&text);
    assert!(
        summary.contains("done: 5002 changes, 5000 rows") && summary.contains("5000  public.items"),
        "{summary}"
    );
    redis.cli(&["FLUSHALL"]);

    let json = |stderr: &str| -> Vec<serde_json::Value> {
        stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?}: {e}")))
            .collect()
    };
    let logged =
        expect(runner(&redis, &input.path("missing")).args(["--log-format", "json"]).run(LIMIT), 2, &[]);
    let lines = json(&logged.stderr);
    assert_eq!(
        (lines[0]["level"].as_str(), lines[0]["exit_code"].as_u64(), lines[0]["retryable"].as_bool()),
        (Some("ERROR"), Some(2), Some(false))
    );
    let slow = run().args(["--log-format", "json", "--max-rate", "800", "--batch-size", "100"]);
    let logged = expect(slow.run(LIMIT), 0, &[]);
    assert_eq!(stdout(&logged), "", "the summary is an event");
    let lines = json(&logged.stderr);
    let summary = lines.last().unwrap();
    assert_eq!(
        [&summary["message"], &summary["ending"], &summary["rows_by_table"]],
        ["summary", "done", r#"{"public.items":5000}"#]
    );
    assert_eq!([&summary["changes"], &summary["rows"]], [5002, 5000]);
    let progress = lines.into_iter().find(|line| line["message"] == "progress").unwrap();
    for field in ["bytes", "bytes_total", "percent", "rows", "changes", "rows_per_second", "table", "lsn"] {
        assert!(!progress[field].is_null(), "{field}: {progress}");
    }

    // To standard output: changes and nothing else, in both formats.
    let out = || Runner::new().arg("--dump-file").arg(&input.file).args(["--output", "-"]);
    let text = out().run(LIMIT).expect_code(0);
    let lines = json(&stdout(&text));
    assert_eq!(lines.len() as u64, changes(5000));
    assert!(lines.iter().all(|line| line["position"].as_str().unwrap().starts_with("0/BOOTSTRAP")));
    assert!(text.stderr.contains("done: 5002 changes") && !text.stderr.contains(CELL));
    let logged = out().args(["--log-format", "json"]).run(LIMIT).expect_code(0);
    assert_eq!(logged.stdout, text.stdout);
    json(&logged.stderr);
    let members = redis.client().command(&["ZRANGE", zset::KEY, "0", "-1"]).unwrap().array();
    let members: Vec<u8> =
        members.into_iter().flat_map(|member| [member.bytes(), b"\n".to_vec()].concat()).collect();
    assert!(members == text.stdout, "the set and the output hold the same bytes");

    redis.cli(&["FLUSHALL"]);
    let bar = run().args(["--progress", "always", "--max-rate", "5000", "--batch-size", "500"]).run(LIMIT);
    expect(bar, 0, &[]);
    let dry = bare(&["--dump-file", &input.file.display().to_string(), "--dry-run"]).expect_code(0);
    assert!(stdout(&dry).contains("done: 5002 changes"));
}

#[test]
fn metrics_while_it_runs() {
    let input = Input::of(&dump(5000));
    let redis = RedisServer::start();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let slow = runner(&redis, &input.file).args([
        "--max-rate",
        "1000",
        "--batch-size",
        "100",
        "--metrics-addr",
        &address,
    ]);
    let mut running = slow.spawn();
    running.wait_for_stderr("metrics at", LIMIT);
    let get = |path: &str| get(port, path);
    assert!(get("/healthz").starts_with("HTTP/1.1 200 OK"));
    assert!(get("/").starts_with("HTTP/1.1 404"));
    let value = |text: &str, name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("pg_bootstrap_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    assert!(wait_until(LIMIT, || value(&get("/metrics"), "changes") > 100.0));
    let text = get("/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("text/plain"));
    assert!(
        value(&text, "rows") < 5000.0
            && value(&text, "source_size_bytes") > 0.0
            && value(&text, "next_sequence") > 1.0
    );
    assert!(!text.contains(CELL));
    // What is said to be written is there.
    let written = value(&text, "changes");
    assert!(redis.cli(&["ZCARD", zset::KEY]).parse::<f64>().unwrap() >= written);
    // A client that says nothing holds nobody up.
    let silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
    assert!(get("/healthz").contains("ok"));
    let other = runner(&redis, &input.file).args(["--metrics-addr", &address]).run(LIMIT);
    expect(other, 2, &["--metrics-addr", "cannot be listened at"]);
    expect(running.wait(LIMIT), 0, &[]);
    drop(silent);
    assert_eq!(snapshot(&redis).count, changes(5000));
}

/// A file of somebody else is not written over, one of an earlier call is gone on with.
#[test]
fn an_output_that_is_there_already() {
    let input = Input::of(&dump(3));
    let file = input.file.display().to_string();
    let output = input.path("precious");
    let name = output.display().to_string();
    std::fs::write(&output, "precious").unwrap();
    let load =
        |more: &[&str]| bare(&[&["--dump-file", file.as_str(), "--output", name.as_str()], more].concat());
    expect(load(&[]), 2, &["precious", "not empty", "--restart"]);
    assert_eq!(std::fs::read(&output).unwrap(), b"precious");
    load(&["--restart"]).expect_code(0);
    let loaded = std::fs::read(&output).unwrap();
    assert_ne!(loaded, b"precious");
    assert!(stdout(&load(&[])).contains("done already"));
    // Killed before its first checkpoint: the empty checkpoint file says whose output it is.
    std::fs::write(input.path("precious.checkpoint"), "").unwrap();
    load(&[]).expect_code(0);
    assert_eq!(std::fs::read(&output).unwrap(), loaded);
}

/// A reader of standard output that goes away ends the run as SIGPIPE ends others: without a word, and not with a lie.
#[test]
fn a_reader_that_goes_away() {
    let input = Input::of(&dump(50_000));
    let script = "set -o pipefail; \"$0\" --dump-file \"$1\" --output - | head -c 100 > /dev/null; exit ${PIPESTATUS[0]}";
    let out =
        Command::new("bash").args(["-c", script]).arg(pg_bootstrap_sync()).arg(&input.file).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(141), "{said}");
    for word in ["ERROR", "panicked", "stopped"] {
        assert!(!said.contains(word), "{said}");
    }
}

/// What is printed may be kept in a file: one that is cut off could read as a whole.
#[test]
fn a_full_disk_under_standard_output() {
    let input = Input::of(&dump(3));
    let full = |args: &[&str]| {
        let shell = Runner::of(Path::new("/bin/sh")).args(["-c", "exec \"$@\" > /dev/full", "sh"]);
        shell.arg(pg_bootstrap_sync()).args(args).arg("--dump-file").arg(&input.file).run(LIMIT)
    };
    std::fs::write(input.path("t.yml"), "tables: {public.items: {name: FakeName}}\n").unwrap();
    let config = input.path("t.yml").display().to_string();
    let check = ["transform", "check", "--insecure-unkeyed", "--transform-config", config.as_str()];
    for args in [&check[..], &["transform", "suggest"], &["inspect"]] {
        expect(full(args), 9, &["write to standard output"]);
    }
}

/// While nobody takes what is written, metrics are answered and signals heard.
#[test]
fn a_reader_that_takes_nothing() {
    let input = Input::of(&dump(50_000));
    let (port, pipe) = (free_port(), input.path("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let shell = Runner::of(Path::new("/bin/sh")).args(["-c", "exec \"$@\" > \"$0\""]).arg(&pipe);
    let mut running = shell
        .arg(pg_bootstrap_sync())
        .args(["--output", "-", "--metrics-addr", &format!("127.0.0.1:{port}"), "--dump-file"])
        .arg(&input.file)
        .spawn();
    let mut reader = std::fs::File::open(&pipe).unwrap();
    running.wait_for_stderr("metrics at", LIMIT);
    // It has begun to write, and the pipe is soon full.
    let mut first = [0; 100];
    std::io::Read::read_exact(&mut reader, &mut first).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(get(port, "/metrics").contains("pg_bootstrap_changes"));
    running.signal("TERM");
    running.wait_for_stderr("stopping", LIMIT);
    running.signal("TERM");
    expect(running.wait(LIMIT), 143, &[]);
}

/// Without a file descriptor to spare no connection can be taken; when there are some again, all is well.
#[test]
fn metrics_after_a_failed_accept() {
    let input = Input::of(&dump(5000));
    let (redis, port) = (RedisServer::start(), free_port());
    let address = format!("127.0.0.1:{port}");
    let slow = ["--max-rate", "200", "--batch-size", "50", "--metrics-addr", &address];
    let mut running = runner(&redis, &input.file).args(slow).spawn();
    running.wait_for_stderr("metrics at", LIMIT);
    // Everything that it needs is open.
    assert!(wait_until(LIMIT, || redis.cli(&["ZCARD", zset::KEY]).parse::<u64>().is_ok_and(|n| n > 100)));
    let pid = running.pid().to_string();
    let files = |most: &str| {
        let limit = format!("--nofile={most}:");
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    files("3");
    let waiting = TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    files("1000");
    assert!(get(port, "/metrics").contains("pg_bootstrap_changes"));
    drop(waiting);
    running.kill();
    running.wait(LIMIT);
}

/// Only where it would bring much, and once.
#[test]
fn packed_rows_are_suggested() {
    let rows = |rows: usize, text: &str| {
        let mut dump = b"COPY public.items (id, name) FROM stdin;\n".to_vec();
        (0..rows).for_each(|row| dump.extend_from_slice(format!("{row}\t{text}\n").as_bytes()));
        dump.extend_from_slice(b"\\.\n");
        Input::of(&dump_of(&dump))
    };
    let (small, few, large) = (rows(150_000, "x"), rows(50_000, "x"), rows(100_000, &"x".repeat(2100)));
    for (input, form, times) in
        [(&small, "single", 1), (&small, "packed", 0), (&few, "single", 0), (&large, "single", 0)]
    {
        let redis = RedisServer::start();
        let ended = runner(&redis, &input.file).args(["--rows", form]).run(LIMIT).expect_code(0);
        let said = ended.stderr.matches("with --rows packed, to which").count();
        assert_eq!(said, times, "{form}: {}", ended.stderr);
    }
}
