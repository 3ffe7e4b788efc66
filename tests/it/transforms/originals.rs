//! No original value is shown or written anywhere, except in definitions, which is reported.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::servers::{PostgresServer, RedisServer};

use crate::harness::{Input, LIMIT, expect, runner};

use super::{CANARY, Case, NUMBER, all_of, expect_no_original, expect_silent};

/// Errors say where, and not what.
#[test]
fn no_original_in_errors() {
    let input = Input::of(b"");
    let dump = format!(
        "CREATE TABLE public.t (a integer, j json);\nCOPY public.t (a, j) FROM stdin;\n1\t{{\"x\": \"{CANARY}\"}}\n2\t{CANARY}\n3\t{{}}\n\\.\n"
    );
    std::fs::write(input.path("dump.sql"), dump).unwrap();
    let config = |more: &str| {
        let text = format!("tables: {{public.t: {{j: {{type: Json, paths: {{$.x: Redact}}{more}}}}}}}");
        std::fs::write(input.path("t.yml"), text).unwrap();
    };
    let run = |redis: &RedisServer, more: &[&str]| {
        let runner =
            runner(redis, &input.path("dump.sql")).arg("--transform-config").arg(input.path("t.yml"));
        runner.arg("--insecure-unkeyed").args(more).run(LIMIT)
    };
    config("");
    let redis = RedisServer::start();
    let finished = expect(
        run(&redis, &[]),
        3,
        &["row 2 of public.t, column j", "cannot be transformed: the value is not a valid"],
    );
    expect_silent(&finished);
    expect_no_original("Redis", &all_of(&redis));
    let rejects = input.path("rejects");
    let skip = ["--on-error", "skip", "--reject-file", rejects.to_str().unwrap(), "--restart"];
    let finished = expect(run(&redis, &skip), 0, &["setting rows aside"]);
    expect_silent(&finished);
    let text = std::fs::read_to_string(&rejects).unwrap();
    expect_no_original("the reject file", text.as_bytes());
    assert!(text.contains("\"row\":2,") && text.contains("\"length\":14"), "{text}");
    expect_no_original("Redis", &all_of(&redis));

    // A column may say otherwise than the run.
    config(", on_error: skip");
    let redis = RedisServer::start();
    expect_silent(&expect(run(&redis, &[]), 0, &["leaving rows out"]));
    assert_eq!(redis.cli(&["ZCARD", pg_bootstrap_tests::zset::KEY]).trim(), "3");
    config(", on_error: fail");
    // Its lines are of another configuration.
    std::fs::remove_file(&rejects).unwrap();
    let skip = ["--on-error", "skip", "--reject-file", rejects.to_str().unwrap()];
    expect_silent(&expect(run(&RedisServer::start(), &skip), 3, &["row 2 of public.t"]));
}

/// Transforms are for rows. What definitions say is passed on: it is told beforehand, without the values.
#[test]
fn originals_in_definitions_are_passed_on_and_told() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let definitions = r"
ALTER TABLE public.customers ALTER COLUMN name SET DEFAULT 'CANARY 1';
CREATE TABLE public.lists (who text) PARTITION BY LIST (who);
CREATE TABLE public.lists_1 PARTITION OF public.lists FOR VALUES IN ('CANARY 2', 'CANARY 3');
CREATE VIEW public.chosen AS SELECT n FROM public.customers WHERE email = 'CANARY4@shop.test';
CREATE FUNCTION public.mine() RETURNS text LANGUAGE sql AS $$ SELECT 'CANARY5@shop.test'::text $$;
COMMENT ON COLUMN public.customers.email IS 'ask CANARY6@shop.test, or nobody';
COMMENT ON TABLE public.kept IS 'nothing of anybody';
CREATE INDEX few ON public.customers (n) WHERE id = 77349077349007;
SELECT lo_from_bytea(4711, 'large');
";
    let database = server.fresh_database();
    server.psql(&database, &case.source.plain).expect_clean();
    let more = Input::of(definitions.replace("CANARY", CANARY).as_bytes());
    server.psql(&database, &more.file).expect_clean();
    let source = Source::of_bytes("definitions", &server.pg_dump(&database, &[]));
    server.drop_database(&database);
    let redis = RedisServer::start();
    case.with(runner(&redis, &source.plain)).run(LIMIT).expect_code(0);
    let members = redis.cli(&["ZRANGE", pg_bootstrap_tests::zset::KEY, "0", "-1"]);
    let told: Vec<_> =
        members.lines().filter(|member| member.contains(CANARY) || member.contains(NUMBER)).collect();
    println!("originals in definitions: {}", told.join("\n"));
    assert!(told.iter().all(|member| member.contains("\"type\":\"ddl\"")), "{told:?}");

    let inspect = |more: &[&str]| {
        let inspect = Runner::new().arg("inspect").arg("--dump-file").arg(&source.plain).args(more);
        let finished = expect(case.with(inspect).run(LIMIT), 0, &[]);
        expect_silent(&finished);
        String::from_utf8(finished.stdout).unwrap()
    };
    let report: serde_json::Value = serde_json::from_str(&inspect(&["--format", "json"])).unwrap();
    let dump = std::fs::read_to_string(&source.plain).unwrap();
    let line =
        |found: &serde_json::Value| dump.lines().nth(found["line"].as_u64().unwrap() as usize - 1).unwrap();
    let found = report["transforms"]["definitions"].as_array().unwrap();
    let statements: Vec<_> = found.iter().map(|found| found["statement"].as_str().unwrap()).collect();
    for (found, statement) in found.iter().zip(&statements) {
        let words = |text: &str| text.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(line(found)), words(statement));
    }
    for begins in [
        "CREATE FUNCTION public.mine() RETURNS text LANGUAGE sql AS",
        "CREATE TABLE public.customers",
        "CREATE VIEW public.chosen",
        "COMMENT ON COLUMN public.customers.email IS",
        "ALTER TABLE ONLY public.lists ATTACH PARTITION public.lists_1 FOR VALUES IN (",
        "CREATE INDEX few ON public.customers",
    ] {
        assert!(statements.iter().any(|statement| statement.starts_with(begins)), "{begins}: {statements:?}");
    }
    assert_eq!(found.len(), told.len(), "{statements:?}");
    let text = inspect(&[]);
    assert!(text.contains("6 statements contain values of columns that are transformed"), "{text}");
    assert!(text.contains("write large objects, which are not transformed"), "{text}");
    assert!(
        text.contains("has values of public.customers.name: ALTER TABLE ONLY public.lists ATTACH"),
        "{text}"
    );
}
