//! Values are transformed while the dump is read: only those of columns with transforms, all constraints hold, and no
//! original is anywhere but in the dump.

mod configuration;
mod originals;
mod values;

use std::path::PathBuf;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::fidelity::Source;
use pg_bootstrap_tests::servers::{Database, PostgresServer, RedisServer};

use crate::harness::{Input, expect_hidden, runner};

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
