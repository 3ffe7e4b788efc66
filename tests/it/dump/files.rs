//! Files that cannot be read or must not be overwritten, and pipes.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::servers::{RedisServer, wait_until};
use pg_bootstrap_tests::zset;

use crate::harness::{COPY, Input, LIMIT, at, dump, dump_of, expect, runner, snapshot, undisturbed};

use super::{MANY, count};

#[test]
fn files_that_cannot_be_read() {
    let redis = RedisServer::start();
    let input = Input::of(&dump(3));
    let missing = input.path("missing.sql");
    expect(runner(&redis, &missing).run(LIMIT), 2, &["missing.sql", "No such file"]);
    expect(
        runner(&redis, input.folder.path()).run(LIMIT),
        2,
        &["is a directory", "pg_dump --format=directory"],
    );
    assert_eq!(count(&redis), "0");
}

#[test]
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let input = Input::of(&dump(3));
    std::fs::set_permissions(input.folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&input.file, std::fs::Permissions::from_mode(0o000)).unwrap();
    let program = pg_bootstrap_tests::binary::pg_bootstrap_sync();
    let copy = input.path("program");
    std::fs::copy(program, &copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    let id = Command::new("id").arg("-u").output().unwrap();
    // Root may read anything.
    let out = if id.stdout == b"0\n" {
        let Ok(out) = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&copy)
            .arg("--dump-file")
            .arg(&input.file)
            .arg("--dry-run")
            .output()
        else {
            eprintln!("skipped: root may read anything, and there is no setpriv to become somebody else");
            return;
        };
        out
    } else {
        Command::new(&copy).arg("--dump-file").arg(&input.file).arg("--dry-run").output().unwrap()
    };
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("Permission denied") && stderr.contains("dump.sql"), "{stderr}");
}

#[test]
fn pipes_bring_the_same_as_files() {
    let whole = dump(MANY);
    let expected = undisturbed(&whole);
    let redis = RedisServer::start();
    let input = Input::of(&whole);
    let fifo = input.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let bytes = whole.clone();
    let target = fifo.clone();
    let writer =
        std::thread::spawn(move || std::fs::File::options().write(true).open(target)?.write_all(&bytes));
    runner(&redis, &fifo).run(LIMIT).expect_code(0);
    writer.join().unwrap().unwrap();
    assert_eq!(snapshot(&redis), expected);

    for packing in Packing::ALL {
        redis.cli(&["FLUSHALL"]);
        runner(&redis, Path::new("-")).stdin_bytes(packing.pack(&whole).unwrap()).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{packing:?}");
    }
}

/// A pipe has no size and no time: only its bytes tell whether it is the dump that was loaded.
#[test]
fn another_dump_in_the_pipe_is_not_taken_for_the_one_that_is_loaded() {
    let whole = dump(MANY);
    let redis = RedisServer::start();
    let pipe = |bytes: Vec<u8>| runner(&redis, Path::new("-")).stdin_bytes(bytes);
    pipe(whole.clone()).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    let again = pipe(whole.clone()).run(LIMIT).expect_code(0);
    assert!(String::from_utf8_lossy(&again.stdout).contains("done already"));
    let mut other = whole.clone();
    let last = other.len() - 300;
    other[last] ^= 1;
    let more = [whole.as_slice(), b"SELECT 1;\n"].concat();
    for bytes in [other, more, dump(MANY + 1), dump(3)] {
        expect(pipe(bytes).run(LIMIT), 5, &["another dump", "--restart"]);
        assert_eq!(snapshot(&redis), expected);
    }
    // Of what is no dump at all nobody says that it may be loaded.
    let nothing = expect(pipe(Vec::new()).run(LIMIT), 3, &["the dump is empty"]);
    assert!(!nothing.stderr.contains("--restart"), "{}", nothing.stderr);
    assert_eq!(snapshot(&redis), expected);
    pipe(dump(3)).arg("--restart").run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), undisturbed(&dump(3)));
}

/// No mistake in the options costs a dump, a key or a checkpoint.
#[test]
fn nothing_is_written_over_what_is_read() {
    let whole = dump(3);
    let redis = RedisServer::start();
    let input = Input::of(&whole);
    let link = input.path("link.sql");
    std::os::unix::fs::symlink(&input.file, &link).unwrap();
    let hard = input.path("hard.sql");
    std::fs::hard_link(&input.file, &hard).unwrap();
    for path in [&input.file, &link, &hard] {
        let skip = runner(&redis, &input.file).args(["--on-error", "skip", "--reject-file"]).arg(path);
        expect(skip.run(LIMIT), 2, &["--dump-file and --reject-file are the same file"]);
        expect(runner(&redis, &input.file).arg("--checkpoint").arg(path).run(LIMIT), 2, &["--checkpoint"]);
        let output = pg_bootstrap_tests::binary::Runner::new().arg("--dump-file").arg(&input.file);
        expect(output.arg("--output").arg(path).run(LIMIT), 2, &["--output"]);
        assert_eq!(std::fs::read(&input.file).unwrap(), whole);
    }
    let new = input.path("new");
    let both = runner(&redis, &input.file).args(["--on-error", "skip", "--reject-file"]).arg(&new);
    expect(
        both.arg("--checkpoint").arg(input.path("./new")).run(LIMIT),
        2,
        &["--reject-file and --checkpoint"],
    );
    assert!(!new.exists());
    let password = at(&redis.url(), &input.file).arg("--kv-password-file").arg(&hard);
    expect(password.arg("--checkpoint").arg(&hard).run(LIMIT), 2, &["same file"]);
}

/// Half of one dump and half of another is neither; a dump that is still being written is not whole.
#[test]
fn a_dump_that_is_written_to_while_it_is_read() {
    // More than is read ahead.
    let text = "x".repeat(2_000);
    let rows: String = (1..=20_000).map(|row| format!("{row}\t{text}\n")).collect();
    let whole = dump_of(format!("{COPY}{rows}\\.\n").as_bytes());
    for appended in [false, true] {
        let (redis, input) = (RedisServer::start(), Input::of(&whole));
        let slow = || runner(&redis, &input.file).args(["--max-rate", "8000", "--batch-size", "100"]);
        let mut running = slow().spawn();
        let loading = || redis.cli(&["ZCARD", zset::KEY]).parse::<u64>().is_ok_and(|count| count > 100);
        assert!(wait_until(LIMIT, || loading() || !running.is_running()));
        let mut file = std::fs::OpenOptions::new().write(true).open(&input.file).unwrap();
        let place = if appended { SeekFrom::End(0) } else { SeekFrom::Start(whole.len() as u64 - 600) };
        file.seek(place).unwrap();
        file.write_all(b" ").unwrap();
        drop(file);
        expect(running.wait(LIMIT), 5, &["written to while it was read", "--restart"]);
        // It is another dump now, and is said to be.
        expect(runner(&redis, &input.file).run(LIMIT), 5, &["--restart"]);
    }
}
