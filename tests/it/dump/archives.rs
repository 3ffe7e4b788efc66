//! Archives in pg_dump's formats: what reaches Redis is what the script of pg_restore for the same archive gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::loads::{long, run_key, sequence};
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer, wait_until};
use tempfile::TempDir;

use crate::harness::{LIMIT, expect, expect_untouched, runner, server_of, snapshot, undisturbed};

/// The project's fixture database.
fn fixture(server: &PostgresServer) -> Database {
    let database = server.fresh_database();
    for file in fixtures::sql_files("database", server.major_version()).unwrap() {
        server.psql(&database, &file).expect_clean();
    }
    database
}

/// Archives of one database, beside each other.
struct Archives<'a> {
    server: &'a PostgresServer,
    database: Database,
    folder: TempDir,
}

impl<'a> Archives<'a> {
    fn new(server: &'a PostgresServer, database: Database) -> Self {
        Self { server, database, folder: tempfile::tempdir().unwrap() }
    }

    fn make(&self, args: &[&str]) -> PathBuf {
        let path = self.folder.path().join(args.join(""));
        let file = format!("--file={}", path.display());
        self.server.pg_dump(&self.database, &[args, &[file.as_str()]].concat());
        path
    }

    fn script(&self, archive: &Path) -> Vec<u8> {
        self.restored(archive, &["--file=-"])
    }

    fn restored(&self, archive: &Path, args: &[&str]) -> Vec<u8> {
        let out = self.server.program("pg_restore").args(args).arg(archive).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    }

    /// Each archive gives the set of its script, from a file and, if it is one, from a pipe. Without other options
    /// that is the set of the plain dump.
    fn expect_same_as_pg_restore(&self, forms: &[&[&str]]) {
        let redis = RedisServer::start();
        let plain = undisturbed(&self.server.pg_dump(&self.database, &[]));
        for form in forms {
            let archive = self.make(form);
            let expected = undisturbed(&self.script(&archive));
            assert!(form.len() > 1 || expected == plain, "{form:?} and the plain dump");
            redis.cli(&["FLUSHALL"]);
            runner(&redis, &archive).run(LIMIT).expect_code(0);
            assert_eq!(snapshot(&redis), expected, "{form:?}");
            if archive.is_file() {
                redis.cli(&["FLUSHALL"]);
                runner(&redis, Path::new("-")).stdin_file(&archive).run(LIMIT).expect_code(0);
                assert_eq!(snapshot(&redis), expected, "{form:?} from a pipe");
            }
        }
        self.server.drop_database(&self.database);
    }
}

#[test]
fn each_format() {
    let server = PostgresServer::shared();
    Archives::new(server, fixture(server)).expect_same_as_pg_restore(&[
        &["--format=custom"],
        &["--format=custom", "--compress=0"],
        &["--format=directory"],
        &["--format=directory", "--compress=0", "--jobs=2"],
        &["--format=tar"],
        &["--format=custom", "--column-inserts", "--rows-per-insert=100"],
        &["--format=directory", "--load-via-partition-root"],
        &["--format=tar", "--section=pre-data", "--section=data"],
    ]);
}

#[test]
fn a_database_in_latin1() {
    let server = PostgresServer::shared();
    let database = server.fresh_database_in("LATIN1");
    for file in fixtures::sql_files("database-latin1", server.major_version()).unwrap() {
        server.psql(&database, &file).expect_clean();
    }
    Archives::new(server, database).expect_same_as_pg_restore(&[
        &["--format=custom"],
        &["--format=directory"],
        &["--format=tar"],
    ]);
}

/// Archives of a server by another version's pg_dump, with these compressions.
fn version(version: u32, compressions: &[&str], more: &[&str]) {
    server_by(version, Some(version), compressions, more);
}

fn server_by(version: u32, pg_dump: Option<u32>, compressions: &[&str], more: &[&str]) {
    let server = server_of(version, pg_dump);
    let archives = Archives::new(&server, fixture(&server));
    let mut forms: Vec<Vec<&str>> = vec![[["--format=tar"].as_slice(), more].concat()];
    for compression in compressions {
        for format in ["--format=custom", "--format=directory"] {
            forms.push([[format, compression].as_slice(), more].concat());
        }
    }
    let forms: Vec<&[&str]> = forms.iter().map(Vec::as_slice).collect();
    archives.expect_same_as_pg_restore(&forms);
}

#[test]
fn pg_dump_16() {
    version(16, &["--compress=none", "--compress=gzip"], &[]);
}

#[test]
fn pg_dump_17_with_each_compression() {
    version(17, &["--compress=none", "--compress=gzip", "--compress=lz4", "--compress=zstd:long"], &[]);
}

#[test]
fn pg_dump_18_with_statistics() {
    version(18, &["--compress=none", "--compress=gzip"], &["--statistics"]);
}

const OLD: &[&str] = &["--compress=0", "--compress=6"];
const NEW: &[&str] = &["--compress=none", "--compress=gzip", "--compress=lz4", "--compress=zstd"];

/// Each server by each pg_dump, where that takes it: the machine's is that of 15.
#[test]
fn older_servers_by_newer_programs() {
    server_by(13, None, &OLD[1..], &[]);
    if !long() {
        return;
    }
    server_by(14, None, OLD, &[]);
    for server in [13, 14] {
        server_by(server, Some(16), &["--compress=none", "--compress=gzip"], &[]);
        server_by(server, Some(17), NEW, &[]);
        server_by(server, Some(18), &["--compress=none", "--compress=gzip"], &[]);
    }
    for (server, pg_dump) in [(16, 17), (16, 18), (17, 18)] {
        let compressions = if pg_dump == 17 { NEW } else { &NEW[..2] };
        server_by(server, Some(pg_dump), compressions, &["--load-via-partition-root"]);
        server_by(server, Some(pg_dump), &compressions[1..2], &["--inserts"]);
    }
}

/// PostgreSQL's own regression tests leave a database with whatever there is.
#[test]
fn the_regression_database() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let source = Source::of_fixture("corpora/regression-15.sql.zst");
    server.psql(&database, &source.plain);
    let forms: &[&[&str]] = &[
        &["--format=custom"],
        &["--format=directory"],
        &["--format=tar"],
        &["--format=custom", "--compress=0"],
        &["--format=directory", "--load-via-partition-root"],
        &["--format=custom", "--column-inserts"],
    ];
    Archives::new(server, database).expect_same_as_pg_restore(if long() { forms } else { &forms[..1] });
}

/// A row of 50 MB among others that are larger than a change, and a large object of 50 MB.
#[test]
fn large_rows() {
    if !long() {
        return;
    }
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    for file in fixtures::sql_files("database-large", server.major_version()).unwrap() {
        server.psql(&database, &file).expect_clean();
    }
    Archives::new(server, database).expect_same_as_pg_restore(&[
        &["--format=custom"],
        &["--format=directory"],
        &["--format=tar"],
        &["--format=custom", "--inserts"],
    ]);
}

/// A small database, and its archive in each format.
fn small() -> Archives<'static> {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    server.run_sql(&database, "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000);");
    Archives::new(server, database)
}

#[test]
fn an_archive_that_was_compressed_as_a_whole() {
    let archives = small();
    let archive = archives.make(&["--format=tar"]);
    let expected = undisturbed(&archives.script(&archive));
    let redis = RedisServer::start();
    for packing in Packing::ALL {
        let packed = archives.folder.path().join("packed");
        fs::write(&packed, packing.pack(&fs::read(&archive).unwrap()).unwrap()).unwrap();
        redis.cli(&["FLUSHALL"]);
        runner(&redis, &packed).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{packing:?}");
    }
}

#[test]
fn a_run_resumes_within_an_archive() {
    let archives = small();
    let redis = RedisServer::start();
    for format in ["--format=custom", "--format=directory", "--format=tar"] {
        let archive = archives.make(&[format]);
        let expected = undisturbed(&archives.script(&archive));
        redis.cli(&["FLUSHALL"]);
        let slowly = ["--batch-size", "50", "--max-rate", "400"];
        let mut running = runner(&redis, &archive).args(slowly).spawn();
        let mut client = redis.client();
        let there = || sequence(&mut client, "default").is_some_and(|at| at > 300);
        assert!(wait_until(LIMIT, there), "{format}");
        running.kill();
        assert!(snapshot(&redis) != expected, "{format}: it was done too soon");
        runner(&redis, &archive).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{format}");
    }
}

#[test]
fn archives_that_are_cut_off_or_damaged() {
    let archives = small();
    let redis = RedisServer::start();
    // A tar file can be told by its first 512 bytes.
    for (format, least) in [("--format=custom", 10), ("--format=tar", 512)] {
        let whole = fs::read(archives.make(&[format])).unwrap();
        for cut in [least, 700, whole.len() / 2, whole.len() - 2000] {
            let file = archives.folder.path().join("cut");
            fs::write(&file, &whole[..cut]).unwrap();
            redis.cli(&["FLUSHALL"]);
            expect(runner(&redis, &file).run(LIMIT), 3, &["the archive"]);
        }
    }
}

#[test]
fn directories_that_are_not_whole() {
    let archives = small();
    let redis = RedisServer::start();
    let whole = archives.make(&["--format=directory"]);
    let with = |name: &str, change: &dyn Fn(&Path)| {
        let copy = archives.folder.path().join(name);
        assert!(Command::new("cp").arg("-r").arg(&whole).arg(&copy).status().unwrap().success());
        let data = fs::read_dir(&copy).unwrap().flatten().map(|entry| entry.path());
        change(&data.into_iter().find(|path| path.extension().is_some_and(|e| e == "gz")).unwrap());
        runner(&redis, &copy).run(LIMIT)
    };
    expect(with("missing", &|data| fs::remove_file(data).unwrap()), 3, &["no data of TABLE DATA public.t"]);
    let cut = |data: &Path| fs::write(data, &fs::read(data).unwrap()[..100]).unwrap();
    redis.cli(&["FLUSHALL"]);
    expect(with("cut", &cut), 3, &["the archive is damaged at byte 100", "TABLE DATA public.t", ".dat.gz"]);
    let link = |data: &Path| {
        let target = data.with_extension("moved");
        fs::rename(data, &target).unwrap();
        std::os::unix::fs::symlink(target, data).unwrap();
    };
    redis.cli(&["FLUSHALL"]);
    expect(with("link", &link), 3, &["is no file"]);
    let contents = whole.join("toc.dat");
    redis.cli(&["FLUSHALL"]);
    expect(runner(&redis, &contents).run(LIMIT), 3, &["give the directory"]);
    expect_untouched(&redis);
}

/// Three tables of some 200 KB each, whose rows say which table they are of, and a large object.
fn three() -> Archives<'static> {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let table = |name: &str| {
        let rows = "SELECT n, 'row of {name} ' || md5(n::text) FROM generate_series(1, 3000) n";
        format!(
            "CREATE TABLE {name} (id int, note text); INSERT INTO {name} {};",
            rows.replace("{name}", name)
        )
    };
    let tables = ["public.a", "public.b", "old.c"].map(table).concat();
    server.run_sql(&database, &format!("CREATE SCHEMA old; {tables} SELECT lo_from_bytea(4711, 'x');"));
    Archives::new(server, database)
}

/// Puts other bytes in place of the rows of a table, in a file whose size and time stay.
fn spoil(file: &Path, table: &str) {
    let modified = file.metadata().unwrap().modified().unwrap();
    let mut bytes = fs::read(file).unwrap();
    let marker = format!("row of {table} ");
    let found = memchr_all(&bytes, marker.as_bytes());
    // The first bytes of a file are part of its identity.
    let (first, last) = (found.iter().copied().find(|at| *at > 1 << 16).unwrap(), found[found.len() - 1]);
    bytes[first..last].fill(0xff);
    fs::write(file, bytes).unwrap();
    fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
}

fn memchr_all(bytes: &[u8], what: &[u8]) -> Vec<usize> {
    (0..bytes.len().saturating_sub(what.len())).filter(|&at| bytes[at..].starts_with(what)).collect()
}

/// The file that has the rows of a table.
fn file_with(archive: &Path, table: &str) -> PathBuf {
    if archive.is_file() {
        return archive.to_owned();
    }
    let marker = format!("row of {table} ");
    let has = |path: &PathBuf| !memchr_all(&fs::read(path).unwrap(), marker.as_bytes()).is_empty();
    fs::read_dir(archive).unwrap().map(|entry| entry.unwrap().path()).find(has).unwrap()
}

const UNCOMPRESSED: [&[&str]; 3] =
    [&["--format=custom", "--compress=0"], &["--format=directory", "--compress=0"], &["--format=tar"]];

#[test]
fn rows_that_are_left_out_are_not_read() {
    let archives = three();
    let redis = RedisServer::start();
    for form in UNCOMPRESSED {
        let archive = archives.make(form);
        let plain = archives.folder.path().join("plain.sql");
        fs::write(&plain, archives.script(&archive)).unwrap();
        let choices: [&[&str]; 5] = [
            &["--table=b"],
            &["--exclude-table=public.a"],
            &["--schema=old"],
            &["--exclude-schema=public"],
            &["--schema-only"],
        ];
        let load = |dump: &Path, choice: &[&str]| {
            redis.cli(&["FLUSHALL"]);
            let finished = runner(&redis, dump).args(choice.iter().copied()).run(LIMIT).expect_code(0);
            (snapshot(&redis), finished)
        };
        let expected: Vec<_> = choices.iter().map(|choice| load(&plain, choice).0).collect();
        let check = |how: &str| {
            for (choice, expected) in choices.iter().zip(&expected) {
                let (found, finished) = load(&archive, choice);
                assert_eq!(found, *expected, "{form:?} {choice:?} {how}");
                let said = finished.stderr;
                assert!(!said.contains("matches it"), "{form:?} {choice:?} {how}: {said}");
            }
        };
        check("whole");
        if archive.is_file() {
            for (choice, expected) in choices.iter().zip(&expected) {
                redis.cli(&["FLUSHALL"]);
                let piped = runner(&redis, Path::new("-")).args(choice.iter().copied()).stdin_file(&archive);
                piped.run(LIMIT).expect_code(0);
                assert_eq!(snapshot(&redis), *expected, "{form:?} {choice:?} from a pipe");
            }
        }
        spoil(&file_with(&archive, "public.a"), "public.a");
        check("without the rows of one table");
        redis.cli(&["FLUSHALL"]);
        assert!(runner(&redis, &archive).run(LIMIT).code() != Some(0), "{form:?} is not damaged");
    }
}

fn list(archive: &Path) -> Finished {
    Runner::new().args(["inspect", "--list", "--dump-file"]).arg(archive).run(LIMIT)
}

#[test]
fn entries_of_a_list() {
    let archives = Archives::new(PostgresServer::shared(), fixture(PostgresServer::shared()));
    let redis = RedisServer::start();
    let list_file = archives.folder.path().join("list");
    let use_list = format!("--use-list={}", list_file.display());
    for form in [["--format=custom"], ["--format=directory"], ["--format=tar"]] {
        let archive = archives.make(&form);
        let entries = |list: &[u8]| {
            let text = String::from_utf8(list.to_vec()).unwrap();
            text.lines().filter(|line| !line.starts_with(';')).map(str::to_owned).collect::<Vec<_>>()
        };
        let listed = list(&archive);
        let ours = entries(&listed.expect_code(0).stdout);
        assert_eq!(ours, entries(&archives.restored(&archive, &["--list"])), "{form:?}");
        // Without what nothing else needs, and without the rows of each second table.
        let kinds = [" INDEX ", " COMMENT ", " ACL ", " TRIGGER ", " FK CONSTRAINT "];
        let left_out = |n: usize, line: &str| {
            kinds.iter().any(|kind| line.contains(kind))
                || (n.is_multiple_of(2) && line.contains(" TABLE DATA "))
        };
        let part: Vec<_> =
            ours.iter().enumerate().filter(|(n, line)| !left_out(*n, line)).map(|(_, line)| line).collect();
        assert!(part.len() + 20 < ours.len(), "{ours:?}");
        let text: String = part.iter().map(|line| format!("{line} ; and so on\n")).collect();
        fs::write(&list_file, format!("; a list\n\n{text}")).unwrap();
        let args = [use_list.as_str(), "--file=-"];
        let expected = undisturbed(&archives.restored(&archive, &args));
        redis.cli(&["FLUSHALL"]);
        runner(&redis, &archive).args([use_list.as_str()]).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{form:?}");
        // The rows of tables the other way round, and nothing that must come behind them.
        let before = |line: &&String| {
            let behind = [" TRIGGER ", " RULE ", " FK CONSTRAINT ", " INDEX ", " CONSTRAINT "];
            !behind.iter().any(|kind| line.contains(kind))
        };
        let kept = ours.iter().filter(before);
        let (mut data, rest): (Vec<_>, Vec<_>) = kept.partition(|line| line.contains(" TABLE DATA "));
        data.reverse();
        let text: Vec<_> = rest.into_iter().chain(data).map(String::as_str).collect();
        fs::write(&list_file, text.join("\n")).unwrap();
        redis.cli(&["FLUSHALL"]);
        let turned = runner(&redis, &archive).args([use_list.as_str()]).run(LIMIT);
        if form == ["--format=tar"] {
            expect(turned, 3, &["in another order than that of the archive"]);
        } else {
            turned.expect_code(0);
            assert_eq!(snapshot(&redis), undisturbed(&archives.restored(&archive, &args)), "{form:?}");
        }
    }
    let custom = archives.make(&["--format=custom"]);
    redis.cli(&["FLUSHALL"]);
    let piped = runner(&redis, Path::new("-")).args([use_list.as_str()]).stdin_file(&custom).run(LIMIT);
    expect(piped, 3, &["in another order than that of the archive"]);
    fs::write(&list_file, "99999\n").unwrap();
    redis.cli(&["FLUSHALL"]);
    expect(runner(&redis, &custom).args([use_list.as_str()]).run(LIMIT), 3, &["names entry 99999"]);
    let plain = archives.folder.path().join("plain.sql");
    fs::write(&plain, archives.script(&custom)).unwrap();
    expect(runner(&redis, &plain).args([use_list.as_str()]).run(LIMIT), 2, &["is a script"]);
    expect(list(&plain), 2, &["is a script"]);
    archives.server.drop_database(&archives.database);
}

/// Stops a load of the archive when so many numbers are durable.
fn stop_at(redis: &RedisServer, archive: &Path, more: &[&str], at: u64) {
    redis.cli(&["FLUSHALL"]);
    let slowly = ["--batch-size", "50", "--max-rate", "3000"];
    let mut running = runner(redis, archive).args(slowly).args(more.iter().copied()).spawn();
    let mut client = redis.client();
    let there = || sequence(&mut client, "default").is_some_and(|sequence| sequence > at);
    assert!(wait_until(LIMIT, there));
    running.kill();
}

#[test]
fn a_resumed_run_does_not_read_what_is_before_its_entry() {
    let archives = three();
    let redis = RedisServer::start();
    for form in UNCOMPRESSED {
        let archive = archives.make(form);
        let expected = undisturbed(&archives.script(&archive));
        // In the rows of the third table.
        stop_at(&redis, &archive, &[], 6_500);
        spoil(&file_with(&archive, "old.c"), "old.c");
        spoil(&file_with(&archive, "public.a"), "public.a");
        runner(&redis, &archive).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{form:?}");
    }
}

fn checkpoint(redis: &RedisServer) -> serde_json::Value {
    serde_json::from_str(&redis.cli(&["HGET", &run_key("default"), "checkpoint"])).unwrap()
}

/// The script of an archive without the commands whose keys are random.
fn without_keys(script: &[u8]) -> String {
    let text = String::from_utf8(script.to_vec()).unwrap();
    let lines = text.split_inclusive("\n\n").filter(|part| !part.contains("restrict "));
    lines.collect()
}

/// Earlier builds read the data of every table, and did not write where an entry begins.
#[test]
fn a_checkpoint_of_an_earlier_build() {
    let archives = three();
    let redis = RedisServer::start();
    let choice = ["--exclude-table=old.c"];
    for form in [&["--format=custom"][..], &["--format=directory"], &["--format=tar"]] {
        let archive = archives.make(form);
        let plain = archives.folder.path().join("plain.sql");
        fs::write(&plain, without_keys(&archives.script(&archive))).unwrap();
        redis.cli(&["FLUSHALL"]);
        runner(&redis, &plain).args(choice.iter().copied()).run(LIMIT).expect_code(0);
        let expected = snapshot(&redis);
        stop_at(&redis, &archive, &choice, 10);
        let new = checkpoint(&redis);
        assert!(new["entry"]["id"].is_i64(), "{new}");
        // The offsets of the script are those that an earlier build had in the archive.
        stop_at(&redis, &plain, &choice, 4_000);
        let mut old = checkpoint(&redis);
        assert!(old.get("entry").is_none() && old["scan"]["offset"].as_u64() > Some(200_000), "{old}");
        for part in ["source", "source_name"] {
            old[part] = new[part].clone();
        }
        redis.cli(&["HSET", &run_key("default"), "checkpoint", &old.to_string()]);
        runner(&redis, &archive).args(choice.iter().copied()).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{form:?}");
    }
}
