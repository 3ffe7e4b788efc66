//! Values are transformed while the dump is read: only those of columns with transforms, all constraints hold, and no
//! original is anywhere but in the dump.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pg_bootstrap_tests::binary::{Finished, Runner, pg_bootstrap_sync};
use pg_bootstrap_tests::fidelity::{Source, replicate, strict_options};
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer, free_port};

use crate::kit::{Input, LIMIT, expect, expect_hidden, get, runner, snapshot};

/// In every value that is to be transformed. No transform makes it.
const CANARY: &str = "canary7f3a9";
const NUMBER: &str = "77349077349";

/// Composite keys, a reference to itself, a cycle, partitions, and columns of many types. `n` numbers the rows and stays.
const DATABASE: &str = r"
CREATE TYPE public.title AS ENUM ('Mr.', 'Mrs.', 'Dr.', 'Ms.', 'Miss', 'Prof.');
CREATE TABLE public.customers (
    n int UNIQUE, id bigint PRIMARY KEY, tenant int NOT NULL, code varchar(40) NOT NULL, manager bigint REFERENCES public.customers,
    email varchar(90) NOT NULL UNIQUE CHECK (email LIKE '%@%'), name text, phone text, born date, notes jsonb, tags text[],
    secret bytea, score numeric(14,2), favourite bigint, upper_name text GENERATED ALWAYS AS (upper(code)) STORED,
    UNIQUE (tenant, code)
);
CREATE TABLE public.orders (n int UNIQUE, id int PRIMARY KEY, tenant int, code varchar(40), customer bigint REFERENCES public.customers,
    FOREIGN KEY (tenant, code) REFERENCES public.customers (tenant, code));
ALTER TABLE public.customers ADD FOREIGN KEY (favourite) REFERENCES public.customers DEFERRABLE;
CREATE TABLE public.visits (n int, day date NOT NULL, email varchar(90), address text) PARTITION BY RANGE (day);
CREATE TABLE public.visits_1 PARTITION OF public.visits FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE UNIQUE INDEX visits_email ON public.visits (lower(email), day);
CREATE TABLE public.kept (n int PRIMARY KEY, words text);
INSERT INTO public.customers SELECT n, 77349077349000 + n, n % 5, 'k' || n, CASE WHEN n > 1 THEN 77349077349000 + n / 2 END,
    'CANARY' || n || '@shop.test', CASE WHEN n % 7 > 0 THEN 'CANARY ' || n END, 'CANARY-555-' || n, date '1990-01-01' + n,
    json_build_object('who', 'CANARY' || n, 'n', n), ARRAY['CANARY' || n, NULL, 'plain'], 'CANARY', 77349077349 + n,
    77349077349000 + (n + 1) % 200 FROM generate_series(0, 199) n;
INSERT INTO public.orders SELECT n, n, n % 5, 'k' || n, 77349077349000 + n FROM generate_series(0, 199) n;
INSERT INTO public.visits SELECT n, date '2024-01-01' + n, 'CANARY' || n || '@shop.test', E'CANARY \\ \t ''road'' ' || n FROM generate_series(0, 199) n;
INSERT INTO public.kept SELECT n, E'kept \\ \t ' || n FROM generate_series(0, 199) n;
";

const CONFIG: &str = r"
tables:
  public.customers:
    id: FormatPreserving
    email: FakeEmail
    name: FakeName
    phone: Redact
    born: {type: DateShift, by: id}
    notes: {type: Json, paths: {$.who: FakeName}}
    tags: {type: Array, element: {type: Hash}}
    secret: Hash
    score: Noise
  public.visits: {email: FakeEmail, address: {type: Template, template: 'a road ({{.n}})'}}
";

/// What is transformed, by table: by the configuration, a foreign key or a partition's parent.
const TRANSFORMED: [(&str, &str); 4] = [
    ("customers", "id manager email name phone born notes tags secret score favourite"),
    ("orders", "customer"),
    ("visits", "email address"),
    ("kept", ""),
];

struct Case {
    source: Source,
    config: PathBuf,
    key: PathBuf,
    input: Input,
}

impl Case {
    fn new(server: &PostgresServer, pg_dump: &[&str]) -> Self {
        let database = server.fresh_database();
        let input = Input::of(DATABASE.replace("CANARY", CANARY).as_bytes());
        server.psql(&database, &input.file).expect_clean();
        let source = Source::of_bytes("canaries", &server.pg_dump(&database, pg_dump));
        server.drop_database(&database);
        let (config, key) = (input.path("transforms.yml"), input.path("key"));
        std::fs::write(&config, CONFIG).unwrap();
        std::fs::write(&key, "not a dictionary's business\n").unwrap();
        Self { source, config, key, input }
    }

    fn with(&self, runner: Runner) -> Runner {
        runner.arg("--transform-config").arg(&self.config).arg("--transform-key-file").arg(&self.key)
    }

    fn runner(&self, redis: &RedisServer) -> Runner {
        self.with(runner(redis, &self.source.plain))
    }
}

/// All values of a table in the order of `n`, a column each.
fn columns(server: &PostgresServer, database: &Database, table: &str) -> Vec<(String, Vec<Option<String>>)> {
    let mut session = server.connect(database);
    let names = format!(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0 ORDER BY attnum"
    );
    let names: Vec<_> = session.query(&names).unwrap().into_iter().flatten().flatten().collect();
    let values = |name: String| {
        let rows = session.query(&format!("SELECT {name}::text FROM public.{table} ORDER BY n")).unwrap();
        (name, rows.into_iter().map(|row| row.into_iter().next().unwrap()).collect())
    };
    names.into_iter().map(values).collect()
}

#[track_caller]
fn expect_no_original(what: &str, bytes: &[u8]) {
    expect_hidden(what, bytes, CANARY);
    expect_hidden(what, bytes, NUMBER);
}

/// Everything that Redis holds, whatever its type.
pub(crate) fn all_of(redis: &RedisServer) -> Vec<u8> {
    let mut all = Vec::new();
    for key in redis.cli(&["KEYS", "*"]).lines() {
        for read in [&["ZRANGE", key, "0", "-1"][..], &["GET", key], &["HGETALL", key]] {
            all.extend(redis.cli(read).into_bytes());
        }
    }
    all
}

fn expect_silent(finished: &Finished) {
    expect_no_original("standard output", &finished.stdout);
    expect_no_original("standard error", finished.stderr.as_bytes());
}

#[test]
fn only_what_is_to_be_differs_and_all_constraints_hold() {
    let server = PostgresServer::shared();
    for (pg_dump, rows) in
        [(&[][..], "single"), (&[], "packed"), (&["--inserts"], "single"), (&["--column-inserts"], "packed")]
    {
        let case = Case::new(server, pg_dump);
        let reference = server.fresh_database();
        server.psql(&reference, &case.source.plain).expect_clean();
        let redis = RedisServer::start();
        let finished = case
            .runner(&redis)
            .args(["--rows", rows, "--checkpoint"])
            .arg(case.input.path("checkpoint"))
            .run(LIMIT);
        let finished = finished.expect_code(0);
        expect_silent(&finished);
        expect_no_original("Redis", &all_of(&redis));
        expect_no_original("the checkpoint", &std::fs::read(case.input.path("checkpoint")).unwrap());
        let (replica, report) = replicate(server, &redis, strict_options(3));
        assert!(
            report.failed == 0 && report.lost == 0 && report.fatal.is_none(),
            "{pg_dump:?} {rows}: {report}"
        );
        for (table, transformed) in TRANSFORMED {
            let (before, after) = (columns(server, &reference, table), columns(server, &replica, table));
            assert_eq!(before.len(), after.len());
            for ((name, before), (_, after)) in before.iter().zip(&after) {
                if transformed.split(' ').any(|column| column == name) {
                    for (old, new) in before.iter().zip(after) {
                        assert_eq!(old.is_none(), new.is_none(), "{table}.{name}: {old:?} {new:?}");
                    }
                    let same =
                        before.iter().zip(after).filter(|(old, new)| old.is_some() && old == new).count();
                    assert!(same < before.len() / 20, "{table}.{name}: {same} values stayed");
                } else {
                    assert_eq!(before, after, "{table}.{name}");
                }
            }
        }
        server.drop_database(&replica);
        server.drop_database(&reference);
    }
}

#[test]
fn the_same_by_any_number_of_workers_by_a_pipe_and_over_a_kill() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let redis = RedisServer::start();
    case.runner(&redis).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    for workers in ["1", "7"] {
        let redis = RedisServer::start();
        case.runner(&redis).args(["--workers", workers, "--batch-size", "3"]).run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&redis), expected, "{workers} workers");
    }
    let redis = RedisServer::start();
    let slowly = || case.runner(&redis).args(["--max-rate", "2000", "--batch-size", "20"]);
    let port = free_port();
    let mut running = slowly().args(["--metrics-addr", &format!("127.0.0.1:{port}")]).spawn();
    running.wait_for_stderr("metrics at", LIMIT);
    pg_bootstrap_tests::servers::wait_until(LIMIT, || {
        redis.cli(&["ZCARD", pg_bootstrap_tests::zset::KEY]).trim().parse::<u64>().unwrap_or(0) > 300
    });
    let metrics = get(port, "/metrics");
    assert!(metrics.contains("pg_bootstrap_rows "), "{metrics}");
    expect_no_original("the metrics", metrics.as_bytes());
    running.kill();
    slowly().run(LIMIT).expect_code(0);
    assert_eq!(snapshot(&redis), expected, "over a kill");

    // A pipe needs the configuration that a reading of the whole dump has made.
    let piped = |config: &Path| {
        let redis = RedisServer::start();
        let runner = Runner::new().args([
            "--dump-file",
            "-",
            "--snapshot-lsn",
            "16/B374D848",
            "--kv-url",
            &redis.url(),
        ]);
        let runner = runner.arg("--transform-config").arg(config).arg("--transform-key-file").arg(&case.key);
        (runner.stdin_file(&case.source.plain).run(LIMIT), redis)
    };
    expect(piped(&case.config).0, 2, &["a pipe is read only once", "transform check"]);
    let check = Runner::new().args(["transform", "check", "--dump-file"]).arg(&case.source.plain);
    let checked = expect(case.with(check).run(LIMIT), 0, &[]);
    let resolved = case.input.path("resolved.yml");
    std::fs::write(&resolved, &checked.stdout).unwrap();
    let (finished, redis) = piped(&resolved);
    finished.expect_code(0);
    assert_eq!(snapshot(&redis), expected, "by a pipe");
}

/// A part of a configuration may read as a whole one, whose last tables are then loaded as they are.
#[test]
fn a_configuration_is_read_whole_or_not_at_all() {
    let input = Input::of(b"CREATE TABLE public.t (a text);\nCOPY public.t (a) FROM stdin;\nx\n\\.\n");
    let write = |padding: usize| {
        let text = format!(
            "tables:\n  public.s: {{a: Redact}}\n{}  public.t: {{a: Redact}}\n",
            "#\n".repeat(padding)
        );
        std::fs::write(input.path("t.yml"), text).unwrap();
    };
    let run = || {
        let run =
            Runner::new().arg("--dump-file").arg(&input.file).args(["--output", "-", "--insecure-unkeyed"]);
        run.arg("--transform-config").arg(input.path("t.yml")).run(LIMIT)
    };
    write(8 << 20);
    expect(run(), 2, &["t.yml has more than 16 MiB"]);
    let resolved = "resolved: 0123456789abcdef\ntables:\n  public.t: {a: Redact}\n";
    std::fs::write(input.path("t.yml"), resolved).unwrap();
    expect(run(), 2, &["resolved by an earlier version", "transform check"]);
}

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
        &["row 2 of public.t, column j", "cannot be transformed: the value is no valid"],
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
    assert!(text.contains("6 statements hold values of columns that are transformed"), "{text}");
    assert!(text.contains("write large objects, which are not transformed"), "{text}");
    assert!(
        text.contains("has values of public.customers.name: ALTER TABLE ONLY public.lists ATTACH"),
        "{text}"
    );
}

/// A look at a dump does not compute what it tells the cost of.
#[test]
fn inspect_tells_what_password_hashes_take() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let config = |options: &str| {
        let text = format!("tables: {{public.kept: {{words: {{type: PasswordBcrypt, {options}}}}}}}");
        std::fs::write(&case.config, text).unwrap();
        let inspect = Runner::new().arg("inspect").arg("--dump-file").arg(&case.source.plain);
        let finished = case.with(inspect).args(["--format", "json", "--workers", "3"]).run(LIMIT);
        let report: serde_json::Value = serde_json::from_slice(&expect(finished, 0, &[]).stdout).unwrap();
        report["transforms"].clone()
    };
    // So many of these would take minutes.
    let found = config("cost: 14, cleartext: 'staging-{{.n}}'");
    assert_eq!(found["workers"], 3);
    let hashing = &found["hashing"][0];
    assert_eq!((&hashing["table"], &hashing["column"]), (&"public.kept".into(), &"words".into()));
    assert_eq!(hashing["hashes"], 200);
    assert!(hashing["seconds_each"].as_f64().unwrap() > 0.0);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let server = PostgresServer::shared();
    let case = Case::new(server, &[]);
    let redis = RedisServer::start();
    let refused = |config: &str, said: &[&str], more: &[&str]| {
        std::fs::write(&case.config, config).unwrap();
        expect_silent(&expect(case.runner(&redis).args(more).run(LIMIT), 2, said));
        assert_eq!(redis.cli(&["DBSIZE"]).trim(), "0", "{config}");
    };
    refused(
        "tables: {public.customer: {name: FakeName}}",
        &["transforms.yml:1:10", "did you mean public.customers"],
        &[],
    );
    refused("tables: {public.customers: {nme: FakeName}}", &["no column nme", "did you mean name"], &[]);
    refused("tables: {public.customers: {email: FakePhone}}", &["makes different values equal"], &[]);
    refused("tables: {public.customers: {code: Hash}}", &["a generated column depends on it"], &[]);
    refused("tables: {public.visits: {day: DateShift}}", &["a partition bound depends on it"], &[]);
    refused("tables: {public.orders: {customer: FormatPreserving}}", &["is not transformed"], &[]);
    refused("tables: {public.customers: {born: FakeName}}", &["the column is date"], &[]);
    refused(
        "tables: {public.customers: {phone: Redact}}",
        &["--require-decision", "public.customers.email"],
        &["--require-decision"],
    );
    let unkeyed = runner(&redis, &case.source.plain).arg("--transform-config").arg(&case.config).run(LIMIT);
    expect(unkeyed, 2, &["--transform-key-file", "dictionary"]);
}

/// The guide's commands, as they stand there.
#[test]
fn the_guide_to_a_safe_replica() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = std::fs::read_to_string(root.join("docs/safe-replica.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(root.join("examples/shop.sql"), folder.path().join("shop.sql")).unwrap();
    let (redis, program) = (RedisServer::start(), pg_bootstrap_sync());
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let run = |command: &str| {
        let command = command.replace("redis://localhost:6379", &redis.url());
        let out = std::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .env("PATH", &path)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let (mut commands, mut yaml, mut inside) = (0, String::new(), false);
    for line in guide.lines() {
        match line {
            "```yaml" => inside = true,
            "```" if inside => {
                // The first one is the configuration.
                if yaml.contains("major_version") {
                    std::fs::write(folder.path().join("transforms.yml"), std::mem::take(&mut yaml)).unwrap();
                }
                (inside, yaml) = (false, String::new());
            }
            line if inside => yaml += &format!("{line}\n"),
            line => {
                let Some(command) = line.strip_prefix("    ") else { continue };
                commands += 1;
                let said = run(command);
                if command.contains("transform preview") {
                    assert!(said.contains("bjorn.blumenkohl1@example.com"), "{said}");
                }
            }
        }
    }
    assert_eq!(commands, 10, "commands of the guide");
    let resolved = std::fs::read_to_string(folder.path().join("resolved.yml")).unwrap();
    assert!(resolved.contains("unique: true"), "{resolved}");
    assert!(run("wc -l < members").trim().parse::<u64>().unwrap() > 2000);
}

/// pg_dump writes none of these, and none is a row that could be transformed.
#[test]
fn other_statements_that_write_rows_are_refused() {
    let input = Input::of(b"");
    std::fs::write(input.path("t.yml"), "tables: {public.t: {a: FakeName}}").unwrap();
    for statement in [
        "WITH q AS (SELECT 1) INSERT INTO public.t SELECT 'CANARY' FROM q",
        "UPDATE public.t SET a = 'CANARY'",
        "MERGE INTO public.t USING public.t u ON true WHEN MATCHED THEN UPDATE SET a = 'CANARY'",
        "DO $$BEGIN INSERT INTO public.t VALUES ('CANARY'); END$$",
        "INSERT INTO public.t SELECT 'CANARY'",
    ] {
        let dump = format!("CREATE TABLE public.t (a text);\n{};\n", statement.replace("CANARY", CANARY));
        std::fs::write(input.path("dump.sql"), dump).unwrap();
        let redis = RedisServer::start();
        let load = || runner(&redis, &input.path("dump.sql"));
        let transformed = load().arg("--transform-config").arg(input.path("t.yml")).arg("--insecure-unkeyed");
        let finished = expect(transformed.run(LIMIT), 3, &["line 2", "transformed"]);
        expect_silent(&finished);
        expect_no_original("Redis", &all_of(&redis));
        expect(load().arg("--restart").run(LIMIT), 0, &[]);
    }
}

/// What is personal in these dumps was written down by hand. What only a person would know (free text, salaries, an
/// application's own numbers) counts as well.
#[test]
fn suggestions_are_measured_against_a_list_by_hand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(folder.join("fixtures/personal/columns.txt")).unwrap();
    let personal: BTreeSet<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let made = Source::of_database(PostgresServer::shared(), "personal", &[], &[]).unwrap();
    let mut suggested = BTreeSet::new();
    for dump in [folder.join("../examples/shop.sql"), made.plain.clone()] {
        let args = ["transform", "suggest", "--dump-file", dump.to_str().unwrap()];
        let said = String::from_utf8(Runner::new().args(args).run(LIMIT).expect_code(0).stdout).unwrap();
        let mut table = "";
        for line in said.lines() {
            let name = |line: &str| line.split(": ").next().unwrap_or_default().replace(['"', '\\'], "");
            if let Some(column) = line.strip_prefix("    ") {
                suggested.insert(format!("{table}.{}", name(column)));
            } else if let Some(line) = line.strip_prefix("  ") {
                table = line.trim_end_matches(':');
            }
        }
    }
    let right = suggested.iter().filter(|column| personal.contains(column.as_str())).count();
    let wrong: Vec<_> = suggested.iter().filter(|column| !personal.contains(column.as_str())).collect();
    let missed: Vec<_> = personal.iter().filter(|column| !suggested.contains(**column)).collect();
    let precision = right as f64 / suggested.len() as f64;
    let recall = right as f64 / personal.len() as f64;
    println!("suggest: precision {precision:.2}, recall {recall:.2}; wrong {wrong:?}; missed {missed:?}");
    assert!(precision >= 0.9, "precision {precision:.2}: {wrong:?}");
    assert!(recall >= 0.7, "recall {recall:.2}: {missed:?}");
}
