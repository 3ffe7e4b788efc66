//! What the tests share: claims, batches, and a loader that goes on after whatever happens.

use std::sync::Arc;
use std::time::Duration;

use pg_bootstrap_tests::servers::{Database, PostgresServer};
use replica::{
    Address, Batch, Claim, ConnectOptions, CopyInto, Error, ErrorKind, Recovered, Replica, Rows, Run,
};

pub(crate) fn nothing(_: &str) -> Option<String> {
    None
}

pub(crate) fn options(url: &str) -> ConnectOptions {
    ConnectOptions::new(Address::parse(url, &nothing).unwrap())
}

/// By TCP, through this port.
pub(crate) fn through(port: u16, database: &Database) -> ConnectOptions {
    options(&format!("postgres://postgres@127.0.0.1:{port}/{}?sslmode=disable", database.name))
}

pub(crate) fn claim(run: &str) -> Claim {
    Claim { run: run.into(), source: "a dump".into(), shape: "as it is".into() }
}

pub(crate) async fn begin(server: &PostgresServer, database: &Database) -> Run {
    let replica = Replica::connect(options(&server.url(database))).await.unwrap();
    replica.begin(claim("shop")).await.unwrap()
}

/// A table `t`, made without the crate.
pub(crate) fn table(server: &PostgresServer, database: &Database) {
    let mut session = server.connect(database);
    session.query("CREATE TABLE t (a bigint, b text)").unwrap();
}

/// Rows `first..first + count` of `t`.
pub(crate) fn rows(first: u64, count: u64) -> Batch {
    let into = Arc::new(CopyInto {
        table: "public.t".into(),
        columns: vec!["a".into(), "b".into()],
        encoding: None,
    });
    let mut rows = Rows::default();
    for slab in (first..first + count).collect::<Vec<_>>().chunks(1000) {
        let text: String = slab.iter().map(|row| format!("{row}\trow {row} of the table\n")).collect();
        rows.push(&into, text.into(), slab.len() as u64);
    }
    rows.into()
}

/// How many rows `t` has, how many different ones, and their sum.
pub(crate) fn contents(server: &PostgresServer, database: &Database) -> (u64, u64, u64) {
    let mut session = server.connect(database);
    let found = session.query("SELECT count(*), count(DISTINCT a), coalesce(sum(a), 0) FROM t").unwrap();
    let number = |column: usize| found[0][column].as_deref().unwrap().parse().unwrap();
    (number(0), number(1), number(2))
}

/// What `contents` is of the rows `0..count`, each once.
pub(crate) fn exactly(count: u64) -> (u64, u64, u64) {
    (count, count, count * (count.max(1) - 1) / 2)
}

/// Recovers as often as it takes.
pub(crate) async fn recover(run: &mut Run) -> Result<Recovered, Error> {
    loop {
        match run.recover().await {
            Err(error) if error.is_retryable() => tokio::time::sleep(Duration::from_millis(50)).await,
            result => return result,
        }
    }
}

/// Connects and begins as often as it takes.
pub(crate) async fn begin_at_last(options: &ConnectOptions) -> Result<Run, Error> {
    loop {
        let begun = match Replica::connect(options.clone()).await {
            Ok(replica) => replica.begin(claim("shop")).await,
            Err(error) => Err(error),
        };
        match begun {
            Err(error) if error.is_retryable() => tokio::time::sleep(Duration::from_millis(50)).await,
            result => return result,
        }
    }
}

/// Loads `batches` batches of `size` rows into `t`, from where the run is, whatever happens. `Err` is what no other try
/// helps against.
pub(crate) async fn load(options: &ConnectOptions, batches: u64, size: u64) -> Result<(), Error> {
    let mut run = begin_at_last(options).await?;
    while !run.record().finished {
        let done: u64 = run.record().point.parse().unwrap_or(0);
        let result = match done < batches {
            true => run.apply(&rows(done * size, size), &(done + 1).to_string()).await,
            false => run.finish().await,
        };
        match result {
            Ok(()) => {}
            Err(error) if error.is_retryable() => {
                recover(&mut run).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub(crate) fn is_superseded(error: &Error) -> bool {
    *error.kind() == ErrorKind::Superseded
}
