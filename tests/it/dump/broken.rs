//! Dumps that are broken, of another kind, or in another encoding: each is refused by name and place, or read
//! correctly. A run with the repaired dump gives the same set as an undisturbed one.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use base64::Engine;
use pg_bootstrap_tests::binary::Finished;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{self, Reference, Source};
use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::resp::Reply;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer, wait_until};
use pg_bootstrap_tests::zset::{self, Snapshot};

use crate::kit::{
    CELL, COPY, Input, LIMIT, at, changes, dump, dump_of, expect, runner, snapshot, undisturbed,
};

/// Rows of a dump whose data takes several slabs and batches.
const MANY: usize = 12_000;

struct Bench {
    redis: RedisServer,
    whole: Vec<u8>,
    expected: Snapshot,
}

impl Bench {
    fn new(rows: usize) -> Self {
        let whole = dump(rows);
        Self { redis: RedisServer::start(), expected: undisturbed(&whole), whole }
    }

    /// Loads broken bytes, which fail with `code` and these words; then the whole dump in their place.
    #[track_caller]
    fn refuses(&self, broken: &[u8], code: i32, said: &[&str]) -> Finished {
        let input = Input::of(broken);
        let name = input.file.display().to_string();
        let finished = expect(runner(&self.redis, &input.file).run(LIMIT), code, said);
        assert!(finished.stderr.contains(&name), "names no file:\n{}", finished.stderr);
        let left = snapshot(&self.redis);
        assert!(left.count <= self.expected.count, "{left:?}");

        std::fs::write(&input.file, &self.whole).unwrap();
        runner(&self.redis, &input.file).arg("--restart").run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&self.redis), self.expected);
        self.redis.cli(&["FLUSHALL"]);
        finished
    }
}

/// The number of changes left by the last run.
fn count(redis: &RedisServer) -> String {
    redis.cli(&["ZCARD", zset::KEY])
}

#[test]
fn a_dump_that_is_cut_off() {
    let bench = Bench::new(MANY);
    let whole = &bench.whole;
    let text = String::from_utf8(whole.clone()).unwrap();
    let inside_row =
        whole.len() - 400 - whole[whole.len() - 400..].iter().rev().position(|&b| b == b'\t').unwrap();
    let complete = text[..inside_row].lines().filter(|line| line.contains(CELL)).count();
    let rows = format!("after {} complete rows", complete - usize::from(!text[..inside_row].ends_with('\n')));
    bench.refuses(
        &whole[..inside_row],
        3,
        &["inside the data of public.items (COPY at byte", "line 15", &rows],
    );
    let at_row_end = text[..inside_row].rfind('\n').unwrap() + 1;
    bench.refuses(&whole[..at_row_end], 3, &["cut off", "inside the data of public.items"]);
    let in_closing_line = text.find("\n\\.\n").unwrap() + 2;
    bench.refuses(&whole[..in_closing_line], 3, &["cut off", &format!("after {MANY} complete rows")]);
    let in_statement = text.find("ADD CONSTRAINT").unwrap() + 7;
    let line = text[..in_statement].lines().count() - 1;
    bench.refuses(
        &whole[..in_statement],
        3,
        &["ends inside the statement that began at byte", &format!("line {line}")],
    );
    let between = text.find("\n--\n-- PostgreSQL database dump complete").unwrap() + 1;
    bench.refuses(
        &whole[..between],
        3,
        &["its closing line, `-- PostgreSQL database dump complete`, is missing"],
    );
    let in_closing = between + 20;
    bench.refuses(&whole[..in_closing], 3, &["closing line"]);
}

#[test]
fn a_compressed_stream_that_is_cut_off_or_damaged() {
    let bench = Bench::new(MANY);
    for (packing, name) in [
        (Packing::Gzip, "gzip"),
        (Packing::GzipMembers, "gzip"),
        (Packing::Zstd, "zstd"),
        (Packing::Lz4, "lz4"),
    ] {
        let packed = packing.pack(&bench.whole).unwrap();
        let said = format!("the {name} stream is cut off or damaged at byte");
        for cut in [packed.len() / 3, packed.len() * 3 / 4, packed.len() - 1] {
            bench.refuses(&packed[..cut], 3, &[&said]);
        }
        let mut flipped = packed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        let input = Input::of(&flipped);
        let finished = runner(&bench.redis, &input.file).run(LIMIT);
        // A flipped bit may show in a row before the checksum behind it is read. Only gzip has one always: the
        // others' text may still be a dump, of other rows.
        if matches!(packing, Packing::Gzip | Packing::GzipMembers) {
            expect(finished, 3, &[]);
        }
        bench.redis.cli(&["FLUSHALL"]);
        // Bytes behind the end are no dump either.
        bench.refuses(&[packed.as_slice(), b"garbage behind the end"].concat(), 3, &[&said]);
    }
}

#[test]
fn what_is_no_dump_is_named() {
    let bench = Bench::new(3);
    bench.refuses(b"", 3, &["the dump is empty"]);
    bench.refuses(b"\n\n-- nothing\n", 3, &["holds no statement"]);
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    bench.refuses(&noise, 3, &["binary data"]);
    let late_noise = [bench.whole.as_slice(), &noise].concat();
    bench.refuses(&late_noise, 3, &[]);
    bench.refuses(b"PGDMP\x01\x0e\0\x04\x08\x01and so on", 3, &["custom format", "pg_restore --file=-"]);
    let mut tar = vec![0; 2048];
    tar[..7].copy_from_slice(b"toc.dat");
    tar[257..262].copy_from_slice(b"ustar");
    bench.refuses(&tar, 3, &["tar", "pg_restore --file=-"]);
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(bench.whole.iter().flat_map(|&byte| [byte, 0])).collect();
    bench.refuses(&utf16, 3, &["UTF-16", "--file"]);
    for (magic, name) in [
        (b"BZh91AY&SY".as_slice(), "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    ] {
        bench.refuses(&[magic, &noise].concat(), 3, &[&format!("compressed by {name}"), "pipe"]);
    }
    // The same behind a compression that is known.
    let packed = Packing::Gzip.pack(b"PGDMP\x01\x0e\0\x04\x08\x01and so on").unwrap();
    bench.refuses(&packed, 3, &["custom format"]);
}

#[test]
fn statements_that_cannot_be_loaded_are_named_with_their_place() {
    let bench = Bench::new(3);
    let insert = format!("INSERT INTO public.items VALUES (1, '{CELL}'), (currval('s'), '');\n");
    bench.refuses(&dump_of(insert.as_bytes()), 3, &["currval", "at byte 258, line 15"]);
    let csv = format!("COPY public.items (id, name) FROM stdin WITH (FORMAT csv);\n1,{CELL}\n\\.\n");
    bench.refuses(&dump_of(csv.as_bytes()), 3, &["COPY statement at byte 258, line 15", "text format"]);
    let euc = "SET client_encoding = 'EUC_JP';\n";
    bench.refuses(&dump_of(euc.as_bytes()), 3, &["EUC_JP", "--encoding=UTF8"]);
    bench.refuses(&dump_of(b"SET client_encoding = 'KLINGON';\n"), 3, &["KLINGON"]);
    bench.refuses(
        &dump_of(b"COMMENT ON TABLE public.items IS 'caf\xe9';\n"),
        3,
        &["statement at byte 258, line 15", "offset 295", "UTF8"],
    );
    let two = format!("\\connect one\n{COPY}1\t{CELL}\n\\.\n\\connect two\nSELECT 1;\n");
    bench.refuses(
        &dump_of(two.as_bytes()),
        3,
        &["second database", "at byte 258, line 15", "pg_dump", "nothing was loaded"],
    );
    for command in [
        "\\i rows.sql",
        "\\ir rows.sql",
        "\\include rows.sql",
        "\\copy public.items from 'x.csv'",
        "\\.",
        "\\if true",
        "\\gexec",
    ] {
        let name = command.split(' ').next().unwrap();
        bench.refuses(
            &dump_of(format!("{command}\n").as_bytes()),
            3,
            &[&format!("psql's {name} at byte 258, line 15")],
        );
    }
    bench.refuses(
        &dump_of(b"SET client_encoding TO DEFAULT;\n"),
        3,
        &["which one is the default is not in the dump"],
    );
    let unknown = "COPY public.unknown FROM stdin;\n1\n\\.\n";
    bench.refuses(
        &dump_of(unknown.as_bytes()),
        3,
        &["public.unknown at byte 258, line 15", "name no columns"],
    );
}

#[test]
fn rows_that_cannot_be_loaded_are_named_with_their_place() {
    let bench = Bench::new(200);
    let block = |row: &[u8]| {
        let good = format!("{COPY}1\t{CELL}\n");
        dump_of(&[good.as_bytes(), row, b"\n\\.\n"].concat())
    };
    let place = "row 2 of public.items, at byte 317, line 17";
    let place_of = |column: &str| format!("row 2 of public.items, column {column}, at byte 317, line 17");
    bench.refuses(&block(b"2"), 3, &[place, "1 fields", "2 columns", "--reject-file"]);
    bench.refuses(&block(b"2\ta\tb"), 3, &[place, "3 fields"]);
    bench.refuses(&block(b""), 3, &[place, "1 fields"]);
    bench.refuses(&block(b"2\tcaf\xe9"), 3, &[&place_of("name"), "not UTF8"]);
    bench.refuses(&block(b"\xff\tx"), 3, &[&place_of("id"), "not UTF8"]);
    // Near the start it says that this is no text at all.
    bench.refuses(&block(b"2\ta\0b"), 3, &["binary data"]);
    let far = format!("{}5\ta\0b", format!("2\t{CELL}\n").repeat(100));
    bench.refuses(&block(far.as_bytes()), 3, &["row 102 of public.items, column name", "NUL"]);
    bench.refuses(&block(b"2\ta\\000b"), 3, &[&place_of("name"), "NUL"]);
    bench.refuses(&block(b"2\tcaf\\351"), 3, &[&place_of("name"), "not UTF8"]);
    bench.refuses(&block(b"2\ta\rb"), 3, &[&place_of("name"), "carriage return"]);
    bench.refuses(&block(b"2\ta\\"), 3, &["row 2 of public.items"]);
    // One that would go in pieces.
    let large = format!("2\t{}", "x".repeat(40_000_000));
    bench.refuses(&block(format!("{large}\t").as_bytes()), 3, &[place, "3 fields"]);
    bench.refuses(&block(format!("{large}\\000").as_bytes()), 3, &[&place_of("name"), "NUL"]);
}

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

/// What a dump becomes on its way through Windows.
#[test]
fn line_ends_and_byte_order_marks() {
    let whole = dump(MANY);
    let rows = |members: &[Reply]| -> Vec<String> {
        let text = members.iter().map(|member| String::from_utf8(member.clone().bytes()).unwrap());
        text.filter(|text| text.contains("columnvalues")).collect()
    };
    let load = |bytes: &[u8]| {
        let (redis, input) = (RedisServer::start(), Input::of(bytes));
        runner(&redis, &input.file).run(LIMIT).expect_code(0);
        redis.client().command(&["ZRANGE", zset::KEY, "0", "-1"]).unwrap().array()
    };
    let plain = load(&whole);
    assert_eq!(plain.len() as u64, changes(MANY));
    assert_eq!(load(&[b"\xef\xbb\xbf", whole.as_slice()].concat()), plain);
    let crlf = String::from_utf8(whole).unwrap().replace('\n', "\r\n");
    assert_eq!(rows(&load(crlf.as_bytes())), rows(&plain));
    // Where only a part was converted, nothing is guessed.
    let mixed = crlf.replacen(&format!("{CELL} 700\r\n"), &format!("{CELL} 700\n"), 1);
    let (redis, input) = (RedisServer::start(), Input::of(mixed.as_bytes()));
    expect(runner(&redis, &input.file).run(LIMIT), 3, &["row 700 of public.items", "ends in another way"]);
}

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
    crate::kit::expect_untouched(&redis);
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

/// The same characters arrive as PostgreSQL makes them of the dump, in a replica in UTF-8.
fn encoded(folder: &str, encoding: &str, without: &[&str]) -> Vec<u8> {
    let server = PostgresServer::shared();
    let database = server.fresh_database_in(encoding);
    for file in fixtures::sql_files(folder, server.major_version()).unwrap() {
        if !without.iter().any(|name| file.ends_with(name)) {
            server.psql(&database, &file).expect_clean();
        }
    }
    let dump = server.pg_dump(&database, &[]);
    server.drop_database(&database);
    dump
}

fn same_as_psql(name: &str, dump: &[u8]) {
    let server = PostgresServer::shared();
    let source = Source::of_bytes(name, dump);
    let reference = Reference::restore(server, &source);
    let redis = RedisServer::start();
    fidelity::load(&redis, &source.plain, &[]);
    let (replica, report) = fidelity::replicate(server, &redis, fidelity::strict_options(5));
    fidelity::expect_same_errors(&reference, &report, &[]);
    fidelity::compare(server, &reference, &replica, RowOrder::Exact).expect_same();
    server.drop_database(&replica);
    server.drop_database(&reference.database);
}

#[test]
fn latin1_arrives_as_the_same_characters() {
    let dump = encoded("database-latin1", "LATIN1", &[]);
    assert!(std::str::from_utf8(&dump).is_err(), "a dump in LATIN1");
    same_as_psql("latin1", &dump);
}

#[test]
fn bytes_without_encoding() {
    let good = encoded("database-sqlascii", "SQL_ASCII", &["20-invalid-bytes.sql"]);
    // psql restores it into UTF-8 only where it is told what the bytes are.
    let named = String::from_utf8(good.clone())
        .unwrap()
        .replace("client_encoding = 'SQL_ASCII'", "client_encoding = 'UTF8'");
    same_as_psql("SQL_ASCII", named.as_bytes());
    let load = |bytes: &[u8]| {
        let (redis, input) = (RedisServer::start(), Input::of(bytes));
        runner(&redis, &input.file).run(LIMIT).expect_code(0);
        snapshot(&redis)
    };
    assert_eq!(load(&good), load(named.as_bytes()));

    let bad = encoded("database-sqlascii", "SQL_ASCII", &["10-valid-utf8.sql"]);
    let (redis, input) = (RedisServer::start(), Input::of(&bad));
    expect(
        runner(&redis, &input.file).run(LIMIT),
        3,
        &["row 2 of public.invalid, column bad", "not SQL_ASCII"],
    );
    let rejects = input.path("rejects");
    let skip =
        runner(&redis, &input.file).args(["--restart", "--on-error", "skip", "--reject-file"]).arg(&rejects);
    expect(skip.run(LIMIT), 0, &["public.invalid"]);
    let columns: Vec<_> = std::fs::read_to_string(&rejects)
        .unwrap()
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["row"].as_u64().unwrap(), line["column"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected =
        [(2, "bad"), (3, "ok"), (4, "bad"), (5, "bad"), (6, "bad"), (7, "bad"), (8, "bad"), (9, "bad")];
    assert_eq!(columns, expected.map(|(row, column)| (row, column.to_owned())));
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
