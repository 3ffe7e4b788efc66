//! A database that is filled from what a load has left in Redis: what it holds then, whatever disturbs that, and what is
//! refused.

use std::path::Path;

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::dumpdiff::RowOrder;
use pg_bootstrap_tests::fidelity::{Source, load};
use pg_bootstrap_tests::loads::{LIMIT, long, seeded, times};
use pg_bootstrap_tests::proxy::{Direction, Proxy};
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer};
use pg_bootstrap_tests::zset::KEY;

use super::expect_restored;
use super::once::{MOVED, kill_and_resume, large, reaches, source};
use super::verify::verify;
use crate::harness::{CELL, COPY, Input, dump, dump_of, expect};

const FORMS: [&str; 2] = ["single", "packed"];
const JOBS: [&str; 2] = ["--jobs", "4"];

pub(super) fn apply(server: &PostgresServer, database: &Database, redis: &RedisServer) -> Runner {
    apply_from(server, database, &redis.url())
}

fn apply_from(server: &PostgresServer, database: &Database, redis: &str) -> Runner {
    Runner::new().arg("apply").args(["--kv-url", redis, "--replica-url", &server.url(database)])
}

/// Redis with this dump in it.
fn loaded(dump: &Path, args: &[&str]) -> RedisServer {
    let redis = RedisServer::start();
    load(&redis, dump, args);
    redis
}

/// What is applied is what psql restores, and `verify` says so.
#[track_caller]
fn try_out(server: &PostgresServer, source: &Source, form: &str, jobs: &[&str]) {
    let redis = loaded(&source.plain, &["--rows", form]);
    let replica = server.fresh_database();
    apply(server, &replica, &redis).args(jobs).run(LIMIT).expect_code(0);
    let several = RowOrder::AnyWithinTable("several sessions");
    expect_restored(server, source, &replica, if jobs.is_empty() { RowOrder::Exact } else { several });
    let verified = verify(server, &replica, &source.plain).run(LIMIT).expect_code(0);
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(said.starts_with("equal: "), "{}: {said}", source.name);
    // Nothing is left to do.
    let again = apply(server, &replica, &redis).run(LIMIT).expect_code(0);
    assert!(again.stdout.starts_with(b"done already"), "{}", String::from_utf8_lossy(&again.stdout));
    server.drop_database(&replica);
}

#[test]
fn our_database_in_each_form() {
    let server = PostgresServer::shared();
    let forms: [&[&str]; 3] =
        [&[], &["--load-via-partition-root"], &["--column-inserts", "--rows-per-insert=50"]];
    for (args, [form, other]) in forms.into_iter().zip([FORMS, ["packed", "single"], FORMS]) {
        let source = Source::of_database(server, "database", &[], args).expect("the fixture database");
        try_out(server, &source, form, &[]);
        if long() || args.is_empty() {
            try_out(server, &source, other, &JOBS);
        }
    }
}

#[test]
fn the_regression_database() {
    let source = Source::of_fixture("corpora/regression-15.sql.zst");
    try_out(PostgresServer::shared(), &source, "packed", &[]);
    try_out(PostgresServer::shared(), &source, "single", &JOBS);
}

/// A row of 50 MB, statements of 5 MB, a large object of 50 MB: rows that no change holds come in pieces.
#[test]
fn large_rows() {
    let server = PostgresServer::shared();
    let source = Source::of_database(server, "database-large", &[], &[]).expect("the fixture database");
    for form in FORMS.iter().take(if long() { 2 } else { 1 }) {
        try_out(server, &source, form, &[]);
    }
}

/// Rows and statements that a change holds only as SQL, some with settings of their own.
#[test]
fn rows_as_sql() {
    let script = "SET datestyle = 'German';
CREATE TABLE public.t (id int GENERATED ALWAYS AS IDENTITY, d date, s text DEFAULT 'x', n int);
CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'fired'; END$$;
CREATE TRIGGER loud BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();
COPY public.t (id, d, s) FROM stdin;
7\t31.12.2020\ta\\\\b\\n\\\\N
8\t\\N\t\\N
\\.
INSERT INTO public.t (id, d, s, n) OVERRIDING SYSTEM VALUE VALUES (1, '1.2.2021', 'it''s \\', 1 + 1);
INSERT INTO public.t (id, d, s, n) OVERRIDING SYSTEM VALUE VALUES (2, '3.2.2021', '2024-01-01T00:00:00Z', 4);
CREATE TABLE public.nothing ();
INSERT INTO public.nothing DEFAULT VALUES;
CREATE TABLE public.keyed (id int PRIMARY KEY);
INSERT INTO public.keyed VALUES (1), (2) ON CONFLICT DO NOTHING;
INSERT INTO public.keyed VALUES (2), (3) ON CONFLICT DO NOTHING;
";
    let server = PostgresServer::shared();
    let input = Input::of(script.as_bytes());
    for form in FORMS {
        let redis = loaded(&input.file, &["--silent-triggers", "--rows", form]);
        let replica = server.fresh_database();
        let rejects = input.path(form);
        let skip = ["--on-error", "skip", "--reject-file", rejects.to_str().unwrap()];
        // A single row does not say ON CONFLICT: the one that is there already is refused, as the consumer finds it too.
        let (code, more) = if form == "single" { (16, &skip[..]) } else { (0, &[][..]) };
        apply(server, &replica, &redis).args(more).run(LIMIT).expect_code(code);
        let mut session = server.connect(&replica);
        let rows = "SELECT string_agg(format('%s %s %s %s', id, d, s, n), E'\\n' ORDER BY id) FROM public.t";
        let expected =
            "1 2021-02-01 it's \\ 2\n2 2021-02-03 2024-01-01T00:00:00Z 4\n7 2020-12-31 a\\b\n\\N \n8   ";
        assert_eq!(session.value(rows).unwrap().as_deref(), Some(expected), "{form}");
        let others = "SELECT (SELECT count(*) FROM public.nothing), (SELECT sum(id) FROM public.keyed)";
        assert_eq!(session.query(others).unwrap(), [[Some("1".into()), Some("6".into())]], "{form}");
        server.drop_database(&replica);
    }
}

#[test]
fn masked_rows() {
    let server = PostgresServer::shared();
    let source = Source::of_database(server, "database", &[], &[]).expect("the fixture database");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("transforms.yml");
    let suggest = Runner::new().args(["transform", "suggest", "--dump-file"]).arg(&source.plain);
    std::fs::write(&config, suggest.run(LIMIT).expect_code(0).stdout).unwrap();
    let masks = ["--insecure-unkeyed", "--transform-config", config.to_str().unwrap()];
    for form in FORMS {
        let mut args = vec!["--rows", form];
        args.extend(masks);
        let redis = loaded(&source.plain, &args);
        let replica = server.fresh_database();
        apply(server, &replica, &redis).args(JOBS).run(LIMIT).expect_code(0);
        let verified = verify(server, &replica, &source.plain).args(masks).run(LIMIT).expect_code(0);
        let said = String::from_utf8_lossy(&verified.stdout);
        assert!(said.starts_with("equal: ") && said.contains("\n  masked      "), "{said}");
        server.drop_database(&replica);
    }
}

#[test]
fn the_program_is_killed() {
    let (server, source) = (PostgresServer::shared(), source());
    for form in FORMS {
        let redis = loaded(&source.plain, &["--rows", form]);
        kill_and_resume(server, &source, times(1, 15), |database| apply(server, database, &redis));
    }
}

/// What one call has done beyond the point, the next one skips, whatever number of sessions it has.
#[test]
fn the_program_is_killed_while_it_has_several_sessions() {
    let (server, source) = (PostgresServer::shared(), large());
    for form in FORMS {
        let redis = loaded(&source.plain, &["--rows", form]);
        let calls = std::cell::Cell::new(0);
        kill_and_resume(server, &source, times(1, 15), |database| {
            calls.set(calls.get() + 1);
            apply(server, database, &redis).args(["--jobs", ["4", "1", "8", "2"][calls.get() % 4]])
        });
    }
}

#[test]
fn connections_to_redis_are_cut() {
    let (server, source) = (PostgresServer::shared(), source());
    let redis = loaded(&source.plain, &[]);
    let mut rng = seeded("apply cuts");
    for _ in 0..times(1, 10) {
        let database = server.fresh_database();
        let proxy = Proxy::start(redis.port());
        let mut running = apply_from(server, &database, &redis.url_at(proxy.port())).spawn();
        let mut cuts = 0;
        for at in [1, 100, 242, 243] {
            reaches(server, &database, &mut running, at);
            match rng.one_in(2) {
                true => proxy.cut(),
                false => proxy.cut_after(Direction::Down, rng.below(3_000_000)),
            }
            cuts += u64::from(running.is_running());
        }
        running.wait(LIMIT).expect_code(0);
        assert!(cuts > 0);
        expect_restored(server, &source, &database, MOVED);
    }
}

/// One load fills several databases.
#[test]
fn several_databases() {
    let (server, source) = (PostgresServer::shared(), source());
    let redis = loaded(&source.plain, &["--rows", "packed"]);
    let databases = [server.fresh_database(), server.fresh_database()];
    let running: Vec<_> = databases.iter().map(|one| apply(server, one, &redis).spawn()).collect();
    for (database, running) in databases.iter().zip(running) {
        running.wait(LIMIT).expect_code(0);
        expect_restored(server, &source, database, RowOrder::Exact);
    }
}

/// The place of what PostgreSQL refuses is its change.
#[test]
fn what_postgres_refuses() {
    let server = PostgresServer::shared();
    let script = format!(
        "CREATE TABLE public.t (a no_such_type);\n{COPY}1\t{CELL}\n99999999999\t{CELL}\n3\t{CELL}\n\\.\n\n"
    );
    let input = Input::of(&dump_of(script.as_bytes()));
    let redis = loaded(&input.file, &[]);
    let database = server.fresh_database();
    let says = ["run the statement change 0/BOOTSTRAP0000000", "42704", "no_such_type"];
    expect(apply(server, &database, &redis).run(LIMIT), 3, &says);
    let database = server.fresh_database();
    let rejects = input.path("rejects.jsonl");
    let skipping = || {
        let skip = apply(server, &database, &redis).args(["--on-error", "skip"]);
        skip.arg("--reject-file").arg(&rejects).run(LIMIT)
    };
    let ended = skipping().expect_code(16);
    for says in ["change 0/BOOTSTRAP0000000", "CREATE TABLE public.t", "1 rows are in the reject file"] {
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    let text = std::fs::read_to_string(&rejects).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["table"], line["row"].as_u64()), (&"public.items".into(), Some(2)), "{line}");
    let position = format!("0/BOOTSTRAP{:08}", line["line"].as_u64().unwrap());
    let members = redis.cli(&["ZRANGE", KEY, "0", "-1"]);
    let refused = members.lines().find(|member| member.contains(&position));
    assert!(refused.is_some_and(|member| member.contains("99999999999")), "{position}");
    skipping().expect_code(16);
    let rows = "SELECT count(*) FROM public.items";
    assert_eq!(server.connect(&database).value(rows).unwrap().as_deref(), Some("2"));
}

#[test]
fn what_is_not_all_there_is_not_applied() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let input = Input::of(&dump(100));
    let redis = RedisServer::start();
    expect(apply(server, &database, &redis).run(LIMIT), 8, &["no run \"default\" is registered"]);
    load(&redis, &input.file, &[]);
    let at = redis.cli(&["ZRANGE", KEY, "50", "50", "WITHSCORES"]);
    let score = at.lines().last().unwrap().trim().to_owned();
    redis.cli(&["ZREMRANGEBYRANK", KEY, "50", "50"]);
    expect(apply(server, &database, &redis).run(LIMIT), 8, &["changes in Redis", "--restart"]);
    // As many, but another one twice: nothing behind the gap is written.
    let later = redis.cli(&["ZRANGE", KEY, "60", "60", "WITHSCORES"]);
    redis.cli(&["ZADD", KEY, later.lines().last().unwrap().trim(), "x"]);
    expect(apply(server, &database, &redis).run(LIMIT), 8, &["is not in Redis any more"]);
    redis.cli(&["ZREM", KEY, "x"]);
    // As many, but another.
    redis.cli(&["ZADD", KEY, &score, "{\"mine\":1}"]);
    expect(apply(server, &database, &redis).run(LIMIT), 8, &["that the run did not write"]);
    // Another dump, under the name of a run that has begun.
    let other = Input::of(&dump(7));
    load(&redis, &other.file, &["--restart"]);
    expect(apply(server, &database, &redis).run(LIMIT), 5, &["another dump"]);
    let direct = super::runner(server, &database, &other.file).run(LIMIT);
    expect(direct, 5, &[]);
}

#[test]
fn options_that_do_not_go_together() {
    let url = "redis://localhost:1";
    let apply = |args: &[&str]| Runner::new().arg("apply").args(args).run(LIMIT);
    expect(apply(&["--kv-url", url]), 2, &["--replica-url"]);
    expect(apply(&["--replica-url", "postgres://me@localhost/x"]), 2, &["--kv-url"]);
    let both = ["--kv-url", url, "--replica-url", "postgres://me@localhost/x"];
    let skip = [&both[..], &["--on-error", "skip"]].concat();
    expect(apply(&skip), 2, &["--reject-file"]);
    expect(apply(&[&both[..], &["--ttl", "1s"]].concat()), 2, &["--ttl"]);
}
