//! The counts of `inspect` are those of a load.

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::fidelity::{self, Source};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};
use pg_bootstrap_tests::zset::{KEY, Snapshot};
use serde_json::Value;

use crate::harness::{Input, LIMIT, dump, dump_of, expect, expect_discreet};

const PACKED: &[&str] = &["--rows", "packed"];

fn inspect(dump: &Path, more: &[&str], code: i32) -> Value {
    let runner = Runner::new().arg("inspect").arg("--dump-file").arg(dump).args(["--format", "json"]);
    let finished = expect(runner.args(more.iter().copied()).run(LIMIT), code, &[]);
    expect_discreet(&finished);
    serde_json::from_slice(&finished.stdout).unwrap()
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

/// The memory that Redis uses, which nobody else writes into.
fn used(redis: &RedisServer) -> u64 {
    let said = redis.cli(&["INFO", "memory"]);
    let line = said.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap()
}

/// What was said of the memory is what the load took, within 15 % and what the registry and a connection take.
fn expect_memory(said: &Value, redis: &RedisServer, before: u64, name: &str) {
    let took = used(redis) - before;
    let said = said["redis_bytes"].as_u64().unwrap();
    assert!(said.abs_diff(took) < took * 15 / 100 + (100 << 10), "{name}: said {said}, took {took}");
}

/// Inspects and loads, and compares everything that both count.
fn same(source: &Source, packing: Packing, more: &[&str]) {
    let file = source.packed(packing);
    let said = inspect(&file, more, 0);
    let redis = RedisServer::start();
    let before = used(&redis);
    fidelity::load(&redis, &file, more);
    expect_memory(&said, &redis, before, &source.name);
    let mut client = redis.client();
    let members = client.command(&["ZRANGEBYSCORE", KEY, "-inf", "+inf"]).unwrap().array();
    let mut rows = std::collections::BTreeMap::<String, u64>::new();
    let (mut bytes, mut texts) = (0, 0);
    for member in members {
        let member = member.bytes();
        bytes += member.len() as u64;
        let change: Value = serde_json::from_slice(&member).unwrap();
        match change["data"]["table"].as_str() {
            Some(table) => *rows.entry(table.to_owned()).or_default() += 1,
            None => texts += 1,
        }
    }
    let tables: std::collections::BTreeMap<String, u64> = said["tables"]
        .as_array()
        .unwrap()
        .iter()
        // Rows without columns are changes of SQL text.
        .filter(|table| !table["columns"].as_array().unwrap().is_empty())
        // So are rows that only the server can read.
        .map(|table| (table, table["rows"].as_u64().unwrap() - table["as_sql"].as_u64().unwrap()))
        .filter(|(_, count)| *count > 0)
        .map(|(table, count)| (table["name"].as_str().unwrap().to_owned(), count))
        .collect();
    assert_eq!(tables, rows, "{}", source.name);
    assert_eq!(said["member_bytes"], bytes, "{}", source.name);
    assert_eq!(said["changes"], rows.values().sum::<u64>() + texts, "{}", source.name);
    assert_eq!(sum(&said["statements"]) + said["rows"].as_u64().unwrap(), said["changes"].as_u64().unwrap());
    assert_eq!(said["bytes"], std::fs::metadata(&source.plain).unwrap().len());
    assert_eq!(said["format"]["size"], std::fs::metadata(&file).unwrap().len());
    assert_eq!(said["error"], Value::Null);
}

#[test]
fn counts_are_those_of_the_load_of_our_database() {
    let server = PostgresServer::shared();
    for (packing, args, more) in [
        (Packing::Plain, &[] as &[&str], &[] as &[&str]),
        (Packing::Gzip, &["--column-inserts", "--rows-per-insert=7"], &["--no-owner", "--no-privileges"]),
        (Packing::Zstd, &[], &["--exclude-table=*o*", "--keep-kasho-objects"]),
    ] {
        let source = Source::of_database(server, "database", &[], args).unwrap();
        same(&source, packing, more);
    }
}

#[test]
fn rows_in_pieces_are_counted() {
    let source = Source::of_bytes("large rows", &dumpgen::large());
    for args in [&[] as &[&str], PACKED] {
        let said = inspect(&source.plain, args, 0);
        let redis = RedisServer::start();
        fidelity::load(&redis, &source.plain, args);
        let loaded = Snapshot::take(&mut redis.client()).unwrap();
        assert_eq!(said["changes"], loaded.count, "{args:?}");
        assert_eq!((said["rows"].as_u64(), said["rejected"].as_u64()), (Some(320), Some(0)));
        assert_eq!(said["tables"][0]["in_pieces"], dumpgen::LARGE_ROWS, "{args:?}");
        assert_eq!(said["statements"]["PIECE"], 4 * 7, "{}", said["statements"]);
    }
}

/// What is estimated for one form of rows is about what is counted in the other.
#[test]
fn packed_rows_are_counted_and_estimated() {
    let server = PostgresServer::shared();
    let small = Source::of_database(server, "database", &[], &[]).unwrap();
    let large = Source::of_bytes("made up", &dumpgen::dump(30_000));
    for source in [&small, &large] {
        let single = inspect(&source.plain, &[], 0);
        let packed = inspect(&source.plain, PACKED, 0);
        let redis = RedisServer::start();
        let before = used(&redis);
        fidelity::load(&redis, &source.plain, PACKED);
        expect_memory(&packed, &redis, before, &source.name);
        expect_memory(&single["other_form"], &redis, before, &source.name);
        let loaded = Snapshot::take(&mut redis.client()).unwrap();
        assert_eq!(packed["changes"], loaded.count, "{}", source.name);
        let members = redis.client().command(&["ZRANGEBYSCORE", KEY, "-inf", "+inf"]).unwrap().array();
        let bytes: usize = members.into_iter().map(|member| member.bytes().len()).sum();
        assert_eq!(packed["member_bytes"], bytes, "{}", source.name);
        for same in ["rows", "bytes", "rejected", "tables"] {
            assert_eq!(packed[same], single[same], "{}, {same}", source.name);
        }
        // Identity columns stay ALWAYS with packed rows, so their statements differ.
        let verbs = |said: &Value| said["statements"]["CREATE TABLE"].clone();
        assert_eq!(verbs(&packed), verbs(&single));
        assert!(sum(&packed["statements"]) < loaded.count, "{}", source.name);
        for (said, other) in [(&single, &packed), (&packed, &single)] {
            let estimate = &said["other_form"];
            assert_eq!(estimate["rows"], if said == &single { "packed" } else { "single" });
            for (count, near) in [("changes", 0.6..1.6), ("redis_bytes", 0.85..1.15)] {
                let (about, exact) = (estimate[count].as_f64().unwrap(), other[count].as_f64().unwrap());
                assert!(near.contains(&(about / exact)), "{}, {count}: {about}, {exact}", source.name);
            }
        }
    }
    let text = Runner::new().arg("inspect").args(PACKED).arg("--dump-file").arg(&large.plain).run(LIMIT);
    let text = String::from_utf8(text.expect_code(0).stdout).unwrap();
    for said in ["30010 rows in ", "--rows single: about", "transforms do not apply to packed rows"] {
        assert!(text.contains(said), "no {said:?} in {text}");
    }
}

#[test]
fn counts_are_those_of_the_load_of_the_corpora() {
    for name in ["corpora/regression-15.sql.zst", "corpora/regression-15-inserts.sql.zst"] {
        same(&Source::of_fixture(name), Packing::Plain, &[]);
    }
}

#[test]
fn says_who_made_the_dump_and_what_follows() {
    let server = PostgresServer::shared();
    let source = Source::of_database(server, "database", &[], &[]).unwrap();
    let said = inspect(&source.plain, &[], 0);
    let major = server.major_version().to_string();
    for version in [&said["format"]["server"], &said["format"]["pg_dump"]] {
        assert!(version.as_str().unwrap().starts_with(&major), "{version}");
    }
    let advice = said["advice"].to_string();
    for part in ["maxmemory", "name roles", "extensions", "highest value of their column"] {
        assert!(advice.contains(part), "no {part} in {advice}");
    }
    let text = Runner::new().arg("inspect").arg("--dump-file").arg(&source.plain).run(LIMIT).expect_code(0);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("plain dump of") && text.contains("rows, bytes and columns by table:"), "{text}");
}

/// Pasted into psql, it makes the roles that are missing and lists what else is; nothing of it fails, also a second time.
#[test]
fn what_the_server_must_have_is_sql_to_paste() {
    let server = PostgresServer::start();
    let database = server.fresh_database();
    let input = Input::of(&dump_of(
        b"CREATE EXTENSION IF NOT EXISTS no_such_one;\nCREATE EXTENSION IF NOT EXISTS plpgsql;\n\
          ALTER TABLE public.items OWNER TO \"it's mine\";\nGRANT SELECT ON TABLE public.items TO postgres, reader, pg_monitor;\n",
    ));
    let said = inspect(&input.file, &[], 0);
    assert_eq!(said["needs"]["roles"], serde_json::json!(["it's mine", "postgres", "reader"]));
    let sql: Vec<_> =
        said["needs"]["sql"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let text = Runner::new().arg("inspect").arg("--dump-file").arg(&input.file).run(LIMIT).expect_code(0);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(sql.iter().all(|line| text.contains(&format!("    {line}\n"))), "{text}");
    let script = Input::of((sql.join("\n") + "\n").as_bytes());
    for _ in 0..2 {
        server.psql(&database, &script.file).expect_clean();
    }
    let made = "SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'";
    let made = server.connect(&database).value(made).unwrap();
    assert_eq!(made.as_deref(), Some("it's mine, postgres, reader"));
    let mut asked = server.connect(&database);
    let not_installed = sql.iter().find(|line| line.contains("not installed")).unwrap();
    assert_eq!(asked.query(not_installed).unwrap(), [[Some("no_such_one".to_owned())]]);
}

#[test]
fn rows_that_cannot_be_loaded_are_named_and_none_of_their_values() {
    let middle =
        b"COPY public.items (id, name) FROM stdin;\n1\tCell-4711-Value\n2\n3\tCell-4711-Value\n\\.\n";
    let input = Input::of(&dump_of(middle));
    let said = inspect(&input.file, &[], 0);
    assert_eq!((&said["rows"], &said["rejected"]), (&Value::from(2), &Value::from(1)));
    assert_eq!(said["faults"][0]["table"], "public.items");
    assert_eq!(said["faults"][0]["row"], 2);
    assert!(said["advice"].to_string().contains("--on-error skip"), "{said}");
}

#[test]
fn a_dump_that_is_cut_off_is_counted_up_to_there() {
    let whole = dump(300);
    let input = Input::of(&whole[..whole.len() - 400]);
    let said = inspect(&input.file, &[], 3);
    assert!(said["error"].as_str().unwrap().contains("public.items"), "{said}");
    assert!(said["changes"].as_u64().unwrap() >= 1, "{said}");
}

#[test]
fn a_pipe_is_read_once() {
    let runner = Runner::new().arg("inspect").args(["--dump-file", "-", "--format", "json"]);
    let finished = expect(runner.stdin_bytes(dump(300)).run(LIMIT), 0, &[]);
    let said: Value = serde_json::from_slice(&finished.stdout).unwrap();
    assert_eq!((&said["rows"], &said["format"]["server"]), (&Value::from(300), &Value::Null));
}
