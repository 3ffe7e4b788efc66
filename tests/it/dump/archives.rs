//! Archives in pg_dump's formats: what reaches Redis is what the script of pg_restore for the same archive gives.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pg_bootstrap_tests::fixtures::{self, Packing};
use pg_bootstrap_tests::loads::sequence;
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
        let out = self.server.program("pg_restore").arg("--file=-").arg(archive).output().unwrap();
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

/// Archives by another version's pg_dump, with these compressions.
fn version(version: u32, compressions: &[&str], more: &[&str]) {
    let server = server_of(version, Some(version));
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
