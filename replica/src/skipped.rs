//! What was left out because PostgreSQL refused it: a list in the database, beside the record.
//!
//! An entry is written in the transaction that moves the record past what it stands for. So a run that is taken up again
//! neither loses an entry nor has it twice.

use crate::error::Error;
use crate::record;
use crate::session::Session;

/// Something that was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is among the others: they are listed in this order.
    pub at: i64,
    /// Tells several at the same place apart.
    pub part: i32,
    /// Where it is, for people.
    pub place: String,
    /// What it is: a statement by its verb, or the rows of a table.
    pub what: String,
    /// How many rows it stands for.
    pub rows: i64,
    /// The SQLSTATE.
    pub code: String,
    /// What PostgreSQL said, without the values that it quoted.
    pub message: String,
    /// What is missing now.
    pub cost: String,
}

/// All that was left out in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedList {
    /// The first entries.
    pub first: Vec<Skipped>,
    /// How many entries there are.
    pub entries: i64,
    /// How many rows they stand for.
    pub rows: i64,
}

/// What follows of the same table's rows is counted, and not listed again.
const ADD: &str = "INSERT INTO kasho_bootstrap.skipped AS s VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    ON CONFLICT (run, at, part) DO UPDATE SET rows = s.rows OPERATOR(pg_catalog.+) EXCLUDED.rows";

const TOTAL: &str = "SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(rows), 0)::bigint \
    FROM kasho_bootstrap.skipped WHERE run OPERATOR(pg_catalog.=) $1";

const FIRST: &str = "SELECT at, part, place, what, rows, sqlstate, message, cost FROM kasho_bootstrap.skipped \
    WHERE run OPERATOR(pg_catalog.=) $1 ORDER BY at, part LIMIT $2";

/// Adds entries, in the transaction that is open.
pub(crate) async fn add(session: &Session, run: &str, entries: &[Skipped]) -> Result<(), Error> {
    for entry in entries {
        let Skipped { at, part, place, what, rows, code, message, cost } = entry;
        session
            .rows("note what is skipped", ADD, &[&run, at, part, place, what, rows, code, message, cost])
            .await?;
    }
    Ok(())
}

/// What a run has left out; of the entries the first `most`.
pub(crate) async fn list(session: &Session, run: &str, most: i64) -> Result<SkippedList, Error> {
    let action = "read what was skipped";
    if !record::has_table(session, action, "kasho_bootstrap.skipped").await? {
        return Ok(SkippedList::default());
    }
    let mut list = SkippedList::default();
    for row in session.rows(action, TOTAL, &[&run]).await? {
        (list.entries, list.rows) = (session.value(action, &row, 0)?, session.value(action, &row, 1)?);
    }
    for row in session.rows(action, FIRST, &[&run, &most]).await? {
        list.first.push(Skipped {
            at: session.value(action, &row, 0)?,
            part: session.value(action, &row, 1)?,
            place: session.value(action, &row, 2)?,
            what: session.value(action, &row, 3)?,
            rows: session.value(action, &row, 4)?,
            code: session.value(action, &row, 5)?,
            message: session.value(action, &row, 6)?,
            cost: session.value(action, &row, 7)?,
        });
    }
    Ok(list)
}
