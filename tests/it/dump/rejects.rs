//! Rows that cannot be loaded and are set aside in the reject file.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use pg_bootstrap_tests::servers::{RedisServer, wait_until};
use pg_bootstrap_tests::zset;

use crate::harness::{CELL, COPY, Input, LIMIT, dump_of, expect, runner, snapshot};

use super::count;

#[test]
fn rows_that_are_set_aside_are_kept_and_leave_holes() {
    let bad: [&[u8]; 4] = [b"no tab", b"5\tcaf\xe9", b"7\ta\tb", b"9\ttail\\000"];
    let mut rows = Vec::new();
    let mut places = Vec::new();
    let mut good = Vec::new();
    let start = dump_of(COPY.as_bytes()).len() - dump_of(b"").len();
    let head = String::from_utf8(dump_of(b"")).unwrap().find("ALTER TABLE").unwrap();
    for row in 1..=9000u64 {
        if row % 2000 == 1 && places.len() < bad.len() {
            places.push((row, (head + start + rows.len()) as u64, bad[places.len()]));
            rows.extend_from_slice(bad[places.len() - 1]);
        } else {
            rows.extend_from_slice(format!("{row}\t{CELL} {row}").as_bytes());
            good.push(row);
        }
        rows.push(b'\n');
    }
    let dump = dump_of(&[COPY.as_bytes(), &rows, b"\\.\n"].concat());
    let (redis, input) = (RedisServer::start(), Input::of(&dump));
    let rejects = input.path("rejects");
    let skip = |most: &str| {
        runner(&redis, &input.file)
            .args(["--on-error", "skip", "--max-errors", most])
            .arg("--reject-file")
            .arg(&rejects)
    };
    // One too many ends the run; what was before it stays, and counts.
    expect(skip("2").run(LIMIT), 6, &["3 rows were rejected", "--max-errors 2", "reject file"]);
    let before = redis.cli(&["ZCARD", zset::KEY]).parse::<u64>().unwrap();
    assert_eq!(before, 1 + 4000 - 2, "up to the row that is one too many");
    expect(skip("3").run(LIMIT), 6, &["4 rows were rejected"]);
    let done = expect(skip("4").run(LIMIT), 0, &[]);
    assert!(String::from_utf8_lossy(&done.stdout).contains("rejected    4 rows"));

    let text = std::fs::read_to_string(&rejects).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), bad.len(), "{text}");
    for (line, (row, offset, bytes)) in lines.iter().zip(&places) {
        assert_eq!((line["table"].as_str(), line["row"].as_u64()), (Some("public.items"), Some(*row)));
        assert_eq!((line["offset"].as_u64(), line["line"].as_u64()), (Some(*offset), Some(15 + row)));
        assert!(!line["reason"].as_str().unwrap().is_empty());
        let kept = base64::engine::general_purpose::STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
        assert_eq!(kept, [bytes, b"\n".as_slice()].concat());
        assert_eq!(kept, dump[*offset as usize..][..kept.len()]);
    }
    // Each row has the number that it has without any bad row before it.
    let mut client = redis.client();
    let entries = client.command(&["ZRANGE", zset::KEY, "1", "-2", "WITHSCORES"]).unwrap().array();
    let numbers: Vec<u64> = entries
        .chunks(2)
        .map(|pair| {
            let score: i64 = String::from_utf8(pair[1].clone().bytes()).unwrap().parse().unwrap();
            let member: serde_json::Value = serde_json::from_slice(&pair[0].clone().bytes()).unwrap();
            let row = member["data"]["columnvalues"][0].as_u64().unwrap();
            assert_eq!(score + 1_000_000, row as i64 + 1);
            row
        })
        .collect();
    assert_eq!(numbers, good);
    // A whole run in one go makes the same set and the same file.
    let other = RedisServer::start();
    let file = input.path("other");
    runner(&other, &input.file)
        .args(["--on-error", "skip"])
        .arg("--reject-file")
        .arg(&file)
        .run(LIMIT)
        .expect_code(0);
    assert_eq!(snapshot(&other), snapshot(&redis));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_reject_file_is_part_of_the_checkpoint() {
    let bad = dump_of(
        format!("{COPY}1\t{CELL}\n2\n3\t{CELL}\nbad\n{}\\.\n", format!("4\t{CELL}\n").repeat(30_000))
            .as_bytes(),
    );
    let (redis, input) = (RedisServer::start(), Input::of(&bad));
    let rejects = input.path("rejects");
    let run = || runner(&redis, &input.file).args(["--on-error", "skip"]).arg("--reject-file").arg(&rejects);
    let mut running = run().args(["--max-rate", "5000", "--batch-size", "500"]).spawn();
    assert!(wait_until(LIMIT, || count(&redis).parse::<u64>().unwrap() > 2000));
    running.kill();
    running.wait(LIMIT);
    let kept = std::fs::read(&rejects).unwrap();
    // What a later batch had added, and what somebody adds.
    let mut file = std::fs::File::options().append(true).open(&rejects).unwrap();
    file.write_all(b"{\"half\": ").unwrap();
    run().run(LIMIT).expect_code(0);
    assert_eq!(std::fs::read(&rejects).unwrap(), kept);
    assert_eq!(kept.split(|&b| b == b'\n').filter(|line| !line.is_empty()).count(), 2);

    // Lost in between: that is said, not papered over.
    redis.cli(&["FLUSHALL"]);
    let mut running = run().args(["--max-rate", "5000", "--batch-size", "500"]).spawn();
    assert!(wait_until(LIMIT, || count(&redis).parse::<u64>().unwrap() > 2000));
    running.kill();
    running.wait(LIMIT);
    std::fs::remove_file(&rejects).unwrap();
    expect(run().run(LIMIT), 5, &["the reject file", "has 0 bytes"]);
    run().arg("--restart").run(LIMIT).expect_code(0);
    assert_eq!(std::fs::read(&rejects).unwrap(), kept);
}

/// What it holds of another dump or configuration, or of somebody who does not know us, stays.
#[test]
fn a_reject_file_of_something_else_stays() {
    let bad = |row: &str| dump_of(format!("{COPY}1\t{CELL}\n{row}\n\\.\n").as_bytes());
    let (redis, one, two) = (RedisServer::start(), Input::of(&bad("2")), Input::of(&bad("2\tx\ty")));
    let rejects = one.path("rejects");
    let run = |input: &Input| {
        runner(&redis, &input.file).args(["--on-error", "skip", "--reject-file"]).arg(&rejects)
    };
    let said = ["--reject-file", "is not empty", "not from this dump and configuration"];
    std::fs::write(&rejects, "precious\n").unwrap();
    expect(run(&one).run(LIMIT), 2, &said);
    crate::harness::expect_untouched(&redis);
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), "precious\n");

    std::fs::write(&rejects, "").unwrap();
    expect(run(&one).run(LIMIT), 0, &[]);
    let (lines, set) = (std::fs::read_to_string(&rejects).unwrap(), snapshot(&redis));
    assert_eq!(lines.lines().count(), 1);
    for args in [&["--restart"][..], &["--run-id", "other", "--beside-other-runs"]] {
        expect(run(&two).args(args).run(LIMIT), 2, &said);
    }
    expect(run(&one).args(["--restart", "--no-owner"]).run(LIMIT), 2, &said);
    assert_eq!((std::fs::read_to_string(&rejects).unwrap(), snapshot(&redis)), (lines.clone(), set.clone()));
    // Its own, from the start, are the same again.
    expect(run(&one).arg("--restart").run(LIMIT), 0, &[]);
    assert_eq!((std::fs::read_to_string(&rejects).unwrap(), snapshot(&redis)), (lines.clone(), set));
    // From a pipe, the set and the run's name tell.
    let piped = |name: &str| {
        let run = runner(&redis, Path::new("-")).stdin_bytes(bad("2"));
        let run = run.args(["--run-id", name, "--beside-other-runs", "--on-error", "skip", "--reject-file"]);
        run.arg(one.path("piped"))
    };
    expect(piped("a").run(LIMIT), 0, &[]);
    expect(piped("b").run(LIMIT), 2, &said);
    expect(piped("a").arg("--restart").run(LIMIT), 0, &[]);
}
