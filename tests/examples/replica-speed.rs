//! How soon a replica is ready: rows one by one and packed, out of Redis by the reference consumer, beside `psql -f` of
//! the same dump. The servers are made for it, with PostgreSQL's default durability.
//!
//!     replica-speed DUMP [ROUNDS [SINGLE]]
//!
//! Of the rows one by one only the first SINGLE (20000) are applied: their rate does not change.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use pg_bootstrap_tests::consumer::{Consumer, Options, RedisEntries, SequenceSync};
use pg_bootstrap_tests::fidelity::load;
use pg_bootstrap_tests::servers::{Database, PostgresOptions, PostgresServer, RedisServer};

type Outcome<T> = Result<T, Box<dyn Error>>;

const SINGLE: u64 = 20_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(dump) = arguments.first().map(Path::new) else {
        return Err("usage: replica-speed DUMP [ROUNDS [SINGLE]]".into());
    };
    let rounds = arguments.get(1).map_or(Ok(3), |text| text.parse())?;
    let single = arguments.get(2).map_or(Ok(SINGLE), |text| text.parse())?;
    let durable = [("fsync", "on"), ("full_page_writes", "on")];
    let settings = durable.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = PostgresServer::start_with(PostgresOptions { settings, ..PostgresOptions::default() });
    let (one_by_one, packed) = (RedisServer::start(), RedisServer::start());
    load(&one_by_one, dump, &[]);
    load(&packed, dump, &["--rows", "packed"]);
    let mut ratios: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        let (rows, time) = psql(&server, dump)?;
        let psql = rate(rows, time);
        let packs = rate(rows, consume(&server, &packed, u64::MAX)?.1);
        let (applied, time) = consume(&server, &one_by_one, single)?;
        let single = rate(applied, time);
        say(&format!(
            "round {round}: rows/s single {single:.0}, packed {packs:.0}, psql {psql:.0}; packed ÷ single {:.1}, packed ÷ psql {:.2}",
            packs / single,
            packs / psql
        ));
        for (all, ratio) in ratios.iter_mut().zip([packs / single, packs / psql]) {
            all.push(ratio);
            all.sort_by(f64::total_cmp);
        }
    }
    let [single, psql] = ratios.map(|all| all[all.len() / 2]);
    say(&format!("median: packed ÷ single {single:.1}, packed ÷ psql {psql:.2}"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn say(text: &str) {
    println!("{text}");
}

fn rate(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64()
}

/// A database for the next load, which does not pay for what the one before has left to be written.
fn emptied(server: &PostgresServer) -> Outcome<Database> {
    let database = server.fresh_database();
    server.connect(&database).query("CHECKPOINT")?;
    Ok(database)
}

/// Restores the dump; gives its rows, counted afterwards.
fn psql(server: &PostgresServer, dump: &Path) -> Outcome<(u64, Duration)> {
    let database = emptied(server)?;
    let mut command = server.program("psql");
    command.args(["--no-psqlrc", "--quiet", "--dbname", &database.name, "--file"]).arg(dump);
    let begin = Instant::now();
    let out = command.output()?;
    let time = begin.elapsed();
    if !out.status.success() || !out.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&out.stderr).into());
    }
    let mut session = server.connect(&database);
    let tables = "SELECT format('SELECT count(*) FROM %s', oid::regclass) FROM pg_class \
                  WHERE relkind = 'r' AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')";
    let mut rows = 0;
    for count in session.query(tables)?.into_iter().flatten().flatten() {
        rows += session.value(&count)?.map_or(Ok(0), |text| text.parse::<u64>())?;
    }
    drop(session);
    server.drop_database(&database);
    Ok((rows, time))
}

/// Applies so many entries; gives the changes of rows among them.
fn consume(server: &PostgresServer, redis: &RedisServer, limit: u64) -> Outcome<(u64, Duration)> {
    let replica = emptied(server)?;
    let options =
        Options { durable: true, sync: SequenceSync::Never, limit: Some(limit), ..Options::default() };
    let consumer = Consumer::new(server, &replica, options);
    let begin = Instant::now();
    let report = consumer.run(RedisEntries::all(redis.client()))?;
    let time = begin.elapsed();
    report.expect_clean();
    server.drop_database(&replica);
    Ok((report.applied_dml, time))
}
