//! Whatever two of these meet: a version of PostgreSQL, a form of rows, a container, a mask, several sessions.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::loads::{LIMIT, long};
use pg_bootstrap_tests::servers::PostgresServer;

use super::verify::verify;
use super::{expect_restored, runner};
use crate::harness::server_of;

const VERSIONS: [u32; 6] = [15, 13, 18, 14, 16, 17];
const FORMS: [&[&str]; 4] =
    [&[], &["--column-inserts", "--rows-per-insert=50"], &["--load-via-partition-root"], &["--inserts"]];
const CONTAINERS: [&str; 4] = ["script", "directory", "script.gz", "custom"];
const JOBS: [&str; 2] = ["1", "4"];

/// How many values each property has.
const SIZES: [usize; 5] = [VERSIONS.len(), FORMS.len(), CONTAINERS.len(), 2, JOBS.len()];

/// A value of each property, by its index.
type Case = [usize; 5];

/// Cases in which every pair of values occurs: each is one that adds the most pairs.
fn cases() -> Vec<Case> {
    let pairs = |case: Case| (0..5).flat_map(move |a| (a + 1..5).map(move |b| (a, case[a], b, case[b])));
    let whole: usize = SIZES.iter().product();
    let every: Vec<Case> = (0..whole)
        .map(|mut number| {
            SIZES.map(|size| {
                let value = number % size;
                number /= size;
                value
            })
        })
        .collect();
    let mut missing: BTreeSet<_> = every.iter().flat_map(|case| pairs(*case)).collect();
    let mut cases = Vec::new();
    while !missing.is_empty() {
        let added = |case: &&Case| pairs(**case).filter(|pair| missing.contains(pair)).count();
        let Some(case) = every.iter().rev().max_by_key(added) else { break };
        for pair in pairs(*case) {
            missing.remove(&pair);
        }
        cases.push(*case);
    }
    cases
}

/// The dump, and what psql reads of the same database.
fn dump(server: &PostgresServer, form: &[&str], container: &str) -> (Source, PathBuf, tempfile::TempDir) {
    // psql cannot restore rows without names whose columns come in another order.
    let without: &[&str] = if form == ["--inserts"] { &["27-column-order.sql"] } else { &[] };
    let source = Source::of_database(server, "database", without, form).expect("the fixture database");
    let folder = tempfile::tempdir().unwrap();
    let path = match container {
        "script" => source.plain.clone(),
        "script.gz" => source.packed(Packing::Gzip),
        format => {
            let database = server.fresh_database();
            server.psql(&database, &source.plain).expect_clean();
            let path = folder.path().join(format);
            let args = [format!("--format={format}"), format!("--file={}", path.display())];
            let args: Vec<_> = args.iter().map(String::as_str).chain(form.iter().copied()).collect();
            server.pg_dump(&database, &args);
            // Under inheritance a restored database has another order of columns.
            let restored = Source::of_bytes("restored", &server.pg_dump(&database, form));
            server.drop_database(&database);
            return (restored, path, folder);
        }
    };
    (source, path, folder)
}

#[test]
fn every_pair() {
    let cases = cases();
    for case in cases.iter().take(if long() { cases.len() } else { 5 }) {
        let [version, form, container, masked, jobs] = *case;
        let (version, form, container) = (VERSIONS[version], FORMS[form], CONTAINERS[container]);
        let started = (version != 15).then(|| server_of(version, Some(version)));
        let server = started.as_ref().unwrap_or_else(|| PostgresServer::shared());
        let (source, path, folder) = dump(server, form, container);
        let config = folder.path().join("transforms.yml");
        let mut args = vec!["--on-error", "stop"];
        if masked == 1 {
            let suggest = Runner::new().args(["transform", "suggest", "--dump-file"]).arg(&path);
            std::fs::write(&config, suggest.run(LIMIT).expect_code(0).stdout).unwrap();
            args.extend(["--insecure-unkeyed", "--transform-config", config.to_str().unwrap()]);
        }
        println!("PostgreSQL {version}, {form:?}, {container}, {args:?}, --jobs {}", JOBS[jobs]);
        let replica = server.fresh_database();
        runner(server, &replica, &path).args(&args).args(["--jobs", JOBS[jobs]]).run(LIMIT).expect_code(0);
        if masked == 0 {
            let several = RowOrder::AnyWithinTable("several sessions");
            let order = if JOBS[jobs] == "1" { RowOrder::Exact } else { several };
            expect_restored(server, &source, &replica, order);
        }
        let verified = verify(server, &replica, &path).args(&args).run(LIMIT).expect_code(0);
        let said = String::from_utf8_lossy(&verified.stdout);
        assert!(said.starts_with("equal: "), "{said}");
        assert_eq!(said.contains("\n  masked      "), masked == 1, "{said}");
        server.drop_database(&replica);
    }
}
