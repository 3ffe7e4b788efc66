//! The record of runs in the database: what was done of a run, and by whom.
//!
//! It is changed in the transaction of the rows, by an update that names the session and the step before. So what it says
//! and what the database holds are the same, and no other session can move it unnoticed.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::session::Session;

/// Made once. An advisory lock keeps two that begin from making it twice.
const CREATE: &str = "
SELECT pg_catalog.pg_advisory_xact_lock(6587414293);
CREATE SCHEMA IF NOT EXISTS kasho_bootstrap;
CREATE TABLE IF NOT EXISTS kasho_bootstrap.runs (
    run text PRIMARY KEY,
    attempt bigint NOT NULL,
    session text NOT NULL,
    source text NOT NULL,
    shape text NOT NULL,
    step bigint NOT NULL,
    point text NOT NULL,
    finished boolean NOT NULL,
    begun timestamptz NOT NULL,
    changed timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS kasho_bootstrap.skipped (
    run text NOT NULL,
    at bigint NOT NULL,
    part integer NOT NULL,
    place text NOT NULL,
    what text NOT NULL,
    rows bigint NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    cost text NOT NULL,
    PRIMARY KEY (run, at, part)
);
COMMENT ON SCHEMA kasho_bootstrap IS 'What pg-bootstrap has loaded; it may be dropped when the load is done';
";

const READ: &str = "SELECT attempt, session, source, shape, step, point, finished FROM kasho_bootstrap.runs \
    WHERE run OPERATOR(pg_catalog.=) $1";

const CLAIM: &str = "INSERT INTO kasho_bootstrap.runs AS r \
    VALUES ($1, 1, pg_catalog.gen_random_uuid()::text || ' 0', $2, $3, 0, '', false, pg_catalog.now(), pg_catalog.now()) \
    ON CONFLICT (run) DO UPDATE SET attempt = r.attempt OPERATOR(pg_catalog.+) 1::bigint, session = EXCLUDED.session, \
        changed = EXCLUDED.changed \
    RETURNING attempt, session, source, shape, step, point, finished";

/// Removes the records of runs that are done, and what these have skipped.
const DONE: &str = "WITH done AS (DELETE FROM kasho_bootstrap.runs WHERE run OPERATOR(pg_catalog.<>) $1 AND finished \
        RETURNING run) \
    DELETE FROM kasho_bootstrap.skipped s USING done WHERE s.run OPERATOR(pg_catalog.=) done.run";

/// Where the answer was lost, the record has the new name already.
const RETAKE: &str = "UPDATE kasho_bootstrap.runs SET session = $3, changed = pg_catalog.now() \
    WHERE run OPERATOR(pg_catalog.=) $1 \
        AND (session OPERATOR(pg_catalog.=) $2 OR session OPERATOR(pg_catalog.=) $3) \
    RETURNING attempt, session, source, shape, step, point, finished";

/// The conditional update. It names the run, its session (which is of one attempt) and the step before.
pub(crate) const ADVANCE: &str = "UPDATE kasho_bootstrap.runs SET step = $4, point = $5, finished = $6, \
        changed = pg_catalog.clock_timestamp() \
    WHERE run OPERATOR(pg_catalog.=) $1 AND session OPERATOR(pg_catalog.=) $2 \
        AND step OPERATOR(pg_catalog.=) $3 AND NOT finished";

const DROP: &str = "BEGIN; DROP TABLE IF EXISTS kasho_bootstrap.skipped; DROP TABLE kasho_bootstrap.runs; \
    DROP SCHEMA kasho_bootstrap; COMMIT";

/// A name of the session by which the run finds it again: at most 63 bytes, and never that of another run.
const NAME: &str = "SELECT pg_catalog.set_config('application_name', 'pg-bootstrap ' || pg_catalog.left($1, 17) || ' ' || \
    pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to($1, 'UTF8')), 'hex'), 32), false)";

/// The other sessions of the same name. Those of other roles are not ours, whatever their name.
const ORPHANS: &str = "FROM pg_catalog.pg_stat_activity \
    WHERE application_name OPERATOR(pg_catalog.=) pg_catalog.current_setting('application_name') \
        AND datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
        AND usename OPERATOR(pg_catalog.=) session_user \
        AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()";

/// How long orphaned sessions may take to end: a rollback of a COPY is quick.
const LAST_WORDS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// What is done of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How often the run was begun.
    pub attempt: i64,
    /// Its source, as it was named at the beginning.
    pub source: String,
    /// What shapes what is loaded, as it was named at the beginning.
    pub shape: String,
    /// How many batches are done.
    pub step: i64,
    /// The point after the last of them; empty before the first.
    pub point: String,
    /// Whether the run is complete.
    pub finished: bool,
    /// Whose it is: chance, made by the server when the run was claimed, and how often that process has connected again.
    pub(crate) session: String,
}

/// Who wants to load what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run: 1 to 200 visible ASCII characters.
    pub run: String,
    /// What is loaded, the same in every attempt: a hash of the dump's identity.
    pub source: String,
    /// What shapes what is loaded, the same in every attempt: a hash of the configuration.
    pub shape: String,
}

fn check_run(run: &str, session: &Session) -> Result<(), Error> {
    let valid = (1..=200).contains(&run.len()) && run.bytes().all(|byte| byte.is_ascii_graphic());
    if valid { Ok(()) } else { Err(session.error(ErrorKind::InvalidRun, "begin")) }
}

fn record(session: &Session, action: &'static str, row: &tokio_postgres::Row) -> Result<Record, Error> {
    Ok(Record {
        attempt: session.value(action, row, 0)?,
        session: session.value(action, row, 1)?,
        source: session.value(action, row, 2)?,
        shape: session.value(action, row, 3)?,
        step: session.value(action, row, 4)?,
        point: session.value(action, row, 5)?,
        finished: session.value(action, row, 6)?,
    })
}

/// Whether the table of records is there.
async fn exists(session: &Session, action: &'static str) -> Result<bool, Error> {
    has_table(session, action, "kasho_bootstrap.runs").await
}

/// Whether there is a table of this name.
pub(crate) async fn has_table(session: &Session, action: &'static str, name: &str) -> Result<bool, Error> {
    let rows = session.rows(action, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[&name]).await?;
    rows.first().map_or(Ok(false), |row| session.value(action, row, 0))
}

/// The record of a run, if there is one.
pub(crate) async fn read(session: &Session, run: &str) -> Result<Option<Record>, Error> {
    let action = "read the run's record";
    if !exists(session, action).await? {
        return Ok(None);
    }
    let rows = session.rows(action, READ, &[&run]).await?;
    rows.first().map(|row| record(session, action, row)).transpose()
}

/// The runs of others than `run`, and whether they are finished.
pub(crate) async fn others(session: &Session, run: &str) -> Result<Vec<(String, bool)>, Error> {
    let action = "read the records of runs";
    if !exists(session, action).await? {
        return Ok(Vec::new());
    }
    let all =
        "SELECT run, finished FROM kasho_bootstrap.runs WHERE run OPERATOR(pg_catalog.<>) $1 ORDER BY run";
    let rows = session.rows(action, all, &[&run]).await?;
    rows.iter().map(|row| Ok((session.value(action, row, 0)?, session.value(action, row, 1)?))).collect()
}

/// Makes the run ours: no session before this one can commit any more.
pub(crate) async fn claim(session: &Session, claim: &Claim) -> Result<Record, Error> {
    check_run(&claim.run, session)?;
    // A call that cannot go on disturbs nobody who can.
    if let Some(record) = read(session, &claim.run).await? {
        same(session, &record, claim)?;
    }
    end_orphans(session, &claim.run).await?;
    session.run("begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
    let claimed = claim_in_transaction(session, claim).await;
    let end = if claimed.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.run("begin", end).await;
    let record = claimed?;
    ended.map(|()| record)
}

/// Whether the run was begun with what is claimed.
fn same(session: &Session, record: &Record, claim: &Claim) -> Result<(), Error> {
    let what = match () {
        () if record.source != claim.source => "dump",
        () if record.shape != claim.shape => "configuration",
        () => return Ok(()),
    };
    Err(session.error(ErrorKind::OtherRun { what }, "begin"))
}

async fn claim_in_transaction(session: &Session, claim: &Claim) -> Result<Record, Error> {
    let action = "make the run's record";
    session.run(action, CREATE).await?;
    let rows = session.rows(action, CLAIM, &[&claim.run, &claim.source, &claim.shape]).await?;
    let row = rows.first().ok_or_else(|| session.error(ErrorKind::Protocol, action))?;
    let record = record(session, action, row)?;
    same(session, &record, claim)?;
    // What an earlier run into this database has left; its outcome is known.
    session.rows(action, DONE, &[&claim.run]).await?;
    Ok(record)
}

/// Makes the run this new session's, if no other attempt has it by now.
pub(crate) async fn retake(session: &Session, run: &str, before: &str, name: &str) -> Result<Record, Error> {
    let action = "take the run up again";
    // Whoever has taken the run over is not disturbed.
    let found = read(session, run).await?.map(|record| record.session);
    if found.is_none_or(|found| found != before && found != name) {
        return Err(session.error(ErrorKind::Superseded, action));
    }
    end_orphans(session, run).await?;
    let rows = session.rows(action, RETAKE, &[&run, &before, &name]).await?;
    match rows.first() {
        Some(row) => record(session, action, row),
        None => Err(session.error(ErrorKind::Superseded, action)),
    }
}

/// Removes the run's record, and the table with the last one.
pub(crate) async fn forget(session: &Session, run: &str) -> Result<bool, Error> {
    let action = "forget the run";
    check_run(run, session)?;
    end_orphans(session, run).await?;
    if !exists(session, action).await? {
        return Ok(false);
    }
    let delete = "DELETE FROM kasho_bootstrap.runs WHERE run OPERATOR(pg_catalog.=) $1 RETURNING 1";
    let gone = !session.rows(action, delete, &[&run]).await?.is_empty();
    if has_table(session, action, "kasho_bootstrap.skipped").await? {
        let delete = "DELETE FROM kasho_bootstrap.skipped WHERE run OPERATOR(pg_catalog.=) $1";
        session.rows(action, delete, &[&run]).await?;
    }
    if session.rows(action, "SELECT 1 FROM kasho_bootstrap.runs LIMIT 1", &[]).await?.is_empty() {
        session.run(action, DROP).await?;
    }
    Ok(gone)
}

/// Names the session after its run.
pub(crate) async fn name(session: &Session, run: &str) -> Result<(), Error> {
    session.rows("name the session", NAME, &[&run]).await.map(drop)
}

/// Names the session, and ends those of the same name: they are of an earlier attempt, and nobody reads their answers.
async fn end_orphans(session: &Session, run: &str) -> Result<(), Error> {
    let action = "end sessions of an earlier attempt";
    name(session, run).await?;
    let end = format!("SELECT pg_catalog.pg_terminate_backend(pid) {ORPHANS}");
    let count = format!("SELECT pg_catalog.count(*) {ORPHANS}");
    let mut left = 0;
    for _ in 0..LAST_WORDS {
        session.rows(action, &end, &[]).await?;
        let rows = session.rows(action, &count, &[]).await?;
        left = rows.first().map_or(Ok(0), |row| session.value(action, row, 0))?;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(session.error(ErrorKind::Orphans { count: left }, action))
}
