//! Checkpoint and output files that cannot be written, and checkpoints of something else.

use std::path::Path;
use std::time::Duration;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::servers::RedisServer;

use crate::harness::{CELL, COPY, Input, LIMIT, dump, dump_of, expect, runner, snapshot, undisturbed};

use super::{ROWS, RUN_KEY};

#[test]
fn checkpoint_and_output_files_that_cannot_be_written() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let expected = undisturbed(&whole);
    let redis = RedisServer::start();
    let nowhere = input.path("no/such/folder/file");
    expect(
        runner(&redis, &input.file).arg("--checkpoint").arg(&nowhere).run(LIMIT),
        9,
        &["write the checkpoint", "no/such/folder"],
    );
    runner(&redis, &input.file).run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected);
    redis.cli(&["FLUSHALL"]);
    let skip = runner(&redis, &input.file).args(["--on-error", "skip", "--reject-file"]).arg(&nowhere);
    expect(skip.run(LIMIT), 9, &["open the reject file", "no/such/folder"]);
    let output = || Runner::new().arg("--dump-file").arg(&input.file);
    expect(output().arg("--output").arg(&nowhere).run(LIMIT), 9, &["open", "no/such/folder"]);
    let full = output().args(["--output", "/dev/full"]).arg("--checkpoint").arg(input.path("cp")).run(LIMIT);
    expect(full, 2, &["/dev/full", "not a regular file"]);
    let shell = |script: &str| {
        let program = pg_bootstrap_tests::binary::pg_bootstrap_sync();
        Runner::of(Path::new("/bin/bash"))
            .args(["-c", script, "bash"])
            .arg(program)
            .arg("--dump-file")
            .arg(&input.file)
    };
    expect(shell("exec \"$@\" > /dev/full").args(["--output", "-"]).run(LIMIT), 9, &["write to"]);
    // A file that may not grow any more, as on a full disk: the output is then as long as its checkpoint says, or longer.
    let target = input.path("output");
    let small = shell("trap '' XFSZ; ulimit -f 1000; exec \"$@\"").arg("--output").arg(&target);
    expect(small.run(LIMIT), 9, &["write to", "output"]);
    output().arg("--output").arg(&target).run(LIMIT).expect_code(0);
    let other = input.path("other");
    output().arg("--output").arg(&other).run(LIMIT).expect_code(0);
    assert_eq!(std::fs::read(&target).unwrap(), std::fs::read(&other).unwrap());
    // A full disk for the reject file: nothing beyond it counts.
    let bad = dump_of(format!("{COPY}1\t{CELL}\n{}\\.\n", "bad row\n".repeat(ROWS)).as_bytes());
    let broken = Input::of(&bad);
    let program = pg_bootstrap_tests::binary::pg_bootstrap_sync();
    let rejecting = |most: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {most}; exec \"$@\"");
        let shell = Runner::of(Path::new("/bin/bash")).args(["-c", script.as_str(), "bash"]).arg(program);
        let shell =
            shell.arg("--dump-file").arg(&broken.file).args(["--kv-url", &redis.url(), "--on-error", "skip"]);
        shell.args(["--max-errors", "1000000", "--reject-file"]).arg(broken.path("rejects"))
    };
    expect(rejecting("1000").run(LIMIT), 9, &["write to the reject file"]);
    expect(rejecting("unlimited").run(LIMIT), 0, &[]);
    let kept = std::fs::read_to_string(broken.path("rejects")).unwrap();
    assert_eq!(kept.lines().count(), ROWS);
    let offsets: Vec<u64> = kept
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["row"].as_u64().unwrap())
        .collect();
    assert!(offsets.iter().copied().eq(2..=ROWS as u64 + 1));
}

#[test]
fn checkpoints_of_something_else() {
    let whole = dump(ROWS);
    let input = Input::of(&whole);
    let redis = RedisServer::start();
    let file = input.path("checkpoint");
    let run = || runner(&redis, &input.file);
    run().arg("--checkpoint").arg(&file).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    let resume = || run().arg("--resume-from").arg(&file);
    resume().run(LIMIT).expect_code(0);

    // Other configurations: each difference is named, and nothing changes.
    for (args, said) in [
        (&["--no-owner"][..], "--no-owner was \"false\", now it is \"true\""),
        (&["--no-privileges"], "--no-privileges"),
        (&["--keep-kasho-objects"], "--keep-kasho-objects"),
        (&["--ddl-time", "2026-01-01T00:00:00Z"], "--ddl-time was"),
        (&["--first-sequence", "77"], "--first-sequence is 77"),
    ] {
        expect(run().args(args).run(LIMIT), 5, &[said, "--restart"]);
        assert_eq!(snapshot(&redis), expected);
    }
    // Other dumps.
    let good = std::fs::read(&file).unwrap();
    let time = std::fs::metadata(&input.file).unwrap().modified().unwrap();
    let touch =
        |time| std::fs::File::options().write(true).open(&input.file).unwrap().set_modified(time).unwrap();
    for (bytes, shift, said) in [
        (dump(ROWS - 1), 0, "bytes, now it has"),
        (whole.clone(), 5, "its modification time has changed"),
        ([&whole[..40], b"X", &whole[41..]].concat(), 0, "its first bytes have changed"),
    ] {
        std::fs::write(&input.file, bytes).unwrap();
        touch(time + Duration::from_secs(shift));
        expect(run().run(LIMIT), 5, &["another dump", said, "--restart"]);
        expect(resume().run(LIMIT), 5, &["another dump", said]);
        assert_eq!(snapshot(&redis), expected);
    }
    std::fs::write(&input.file, &whole).unwrap();
    touch(time);
    resume().run(LIMIT).expect_code(0);

    // Damaged files, each way, and one of the future.
    let damage = |bytes: &[u8], said: &[&str]| {
        std::fs::write(&file, bytes).unwrap();
        expect(resume().run(LIMIT), 5, said);
        assert_eq!(snapshot(&redis), expected);
    };
    for cut in [0, 1, good.len() / 2, good.len() - 5] {
        damage(&good[..cut], &["damaged", "--restart"]);
    }
    let text = String::from_utf8(good.clone()).unwrap();
    for at in (0..text.find('\n').unwrap()).step_by(97) {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        damage(&flipped, &["checkpoint"]);
    }
    damage(text.replacen("\"version\":2", "\"version\":3", 1).as_bytes(), &["version 3", "version 2"]);
    damage(b"[1, 2]\n", &["not a checkpoint"]);
    std::fs::remove_file(&file).unwrap();
    expect(resume().run(LIMIT), 5, &["--resume-from", "no such file"]);

    // The one in Redis.
    let kept = redis.cli(&["HGET", RUN_KEY, "checkpoint"]);
    redis.cli(&["HSET", RUN_KEY, "checkpoint", &kept.replacen("\"version\":2", "\"version\":9", 1)]);
    expect(run().run(LIMIT), 5, &["checkpoint in Redis has version 9"]);
    redis.cli(&["HSET", RUN_KEY, "checkpoint", &kept[..kept.len() / 2]]);
    expect(run().run(LIMIT), 5, &["checkpoint in Redis is not a checkpoint, or is damaged"]);
    assert_eq!(snapshot(&redis), expected);
    run().arg("--restart").run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected);
}
