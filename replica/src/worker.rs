//! A session beside the run's own: it does the work of a batch in a transaction that the run then commits.
//!
//! So several batches can be worked on at once. Which of them is committed, and with which point, is decided by the run,
//! one after the other.

use std::collections::BTreeMap;

use tokio_postgres::Statement;

use crate::batch::{Batch, Copy, Rows};
use crate::connect::ConnectOptions;
use crate::error::{Error, ErrorKind, ServerError};
use crate::record;
use crate::session::{BEGIN, CopyFailed, Session};
use crate::sieve::{Lines, Untried};

const LOOKING: &str = "look for what is refused";
const SAVEPOINT: &str = "SAVEPOINT kasho_bootstrap";
const RELEASE: &str = "RELEASE kasho_bootstrap";
const UNDO: &str = "ROLLBACK TO kasho_bootstrap; RELEASE kasho_bootstrap";

/// A session of a run. Its transaction is open between [`Worker::work`] or [`Worker::sift`] and
/// [`Run::commit`](crate::Run::commit).
pub struct Worker {
    pub(crate) session: Session,
    pub(crate) advance: Statement,
    /// How often the run had recovered when the session was opened. Since then it may have been ended.
    pub(crate) generation: u64,
    /// The batch has settings of its own, of which a role may be one.
    pub(crate) has_settings: bool,
}

/// What PostgreSQL refused of a batch of rows.
#[derive(Debug, Clone)]
pub enum Refused {
    /// A row.
    Row {
        /// Its slab, by its number among those that were pushed, from 0.
        slab: usize,
        /// Its number in the slab, from 0.
        row: u64,
        /// Where it begins in the slab.
        start: usize,
        /// The row as it was sent, with its line end.
        bytes: bytes::Bytes,
        /// Why.
        error: Box<ServerError>,
    },
    /// All rows of a table, since there is no such table, or none that takes them.
    Table {
        /// The first slab, by its number among those that were pushed, from 0.
        slab: usize,
        /// How many rows there are.
        rows: u64,
        /// Why.
        error: Box<ServerError>,
    },
}

/// Why tables take no rows, by the numbers of their first slabs in a batch.
pub type Untaken = BTreeMap<usize, Box<ServerError>>;

/// What has become of a batch of rows.
#[derive(Debug, Clone)]
pub enum Sifted {
    /// These were refused; all others are in the transaction.
    Found(Vec<Refused>),
    /// A table takes no rows at all. The worker is of no use any more; another one can leave the table out.
    Untaken {
        /// The number of its first slab.
        slab: usize,
        /// Why.
        error: Box<ServerError>,
    },
}

impl Worker {
    pub(crate) async fn open(options: &ConnectOptions, run: &str, generation: u64) -> Result<Self, Error> {
        let session = Session::open(options).await?;
        record::name(&session, run).await?;
        let advance = session.prepare("begin", record::ADVANCE).await?;
        Ok(Self { session, advance, generation, has_settings: false })
    }

    /// Does what the batch says, and leaves the transaction open.
    ///
    /// # Errors
    /// Nothing of the batch is in the database then. After an error that does not [end the session](Error::ends_session)
    /// the worker can be used.
    pub async fn work(&mut self, batch: &Batch) -> Result<(), Error> {
        self.has_settings = batch.has_settings();
        let worked = self.session.begin_and_perform(batch).await;
        self.unless_failed(worked).await
    }

    /// Takes rows, without those that PostgreSQL refuses, and leaves the transaction open. Gives those; once they are more
    /// than `most`, it looks no further. Rows of `untaken`, which are tables by the numbers of their first slabs, are left
    /// out.
    ///
    /// # Errors
    /// As [`Worker::work`]: what is no refusal of rows.
    pub async fn sift(&mut self, rows: &Rows, untaken: &Untaken, most: u64) -> Result<Sifted, Error> {
        self.has_settings = !rows.settings.is_empty();
        let sifted = self.sifted(rows, untaken, most).await;
        self.unless_failed(sifted).await
    }

    /// Runs statements behind some settings, without those that PostgreSQL refuses, and leaves the transaction open. Gives
    /// those by their numbers, from 0.
    ///
    /// # Errors
    /// As [`Worker::work`]: what is no refusal of a statement.
    pub async fn each(
        &mut self,
        settings: &str,
        statements: &[&str],
    ) -> Result<Vec<(usize, Box<ServerError>)>, Error> {
        self.has_settings = true;
        let run = self.run_each(settings, statements).await;
        self.unless_failed(run).await
    }

    /// Ends the transaction without a commit.
    ///
    /// # Errors
    /// The session is of no use any more.
    pub async fn give_up(&mut self) -> Result<(), Error> {
        self.session.run("roll back", "ROLLBACK").await
    }

    async fn unless_failed<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Err(error) if !error.ends_session() => {
                self.give_up().await?;
                Err(error)
            }
            result => result,
        }
    }

    async fn sifted(&self, rows: &Rows, untaken: &Untaken, most: u64) -> Result<Sifted, Error> {
        self.session.begin_rows(rows).await?;
        let mut found = Vec::new();
        let mut slab = 0;
        for copy in &rows.copies {
            match untaken.get(&slab) {
                Some(error) => found.push(Refused::Table { slab, rows: copy.rows, error: error.clone() }),
                None => {
                    if let Some(error) = self.sift_one(copy, slab, most, &mut found).await? {
                        return Ok(Sifted::Untaken { slab, error });
                    }
                }
            }
            slab += copy.slabs.len();
        }
        Ok(Sifted::Found(found))
    }

    async fn run_each(
        &self,
        settings: &str,
        statements: &[&str],
    ) -> Result<Vec<(usize, Box<ServerError>)>, Error> {
        self.session.run("begin a transaction", BEGIN).await?;
        self.session.run("set what statements rely on", settings).await?;
        let mut found = Vec::new();
        for (index, text) in statements.iter().enumerate() {
            self.session.run(LOOKING, SAVEPOINT).await?;
            let end = match self.session.run("run a statement", text).await {
                Ok(()) => RELEASE,
                Err(error) if error.is_refusal() => {
                    found.push((index, refusal(error)?));
                    UNDO
                }
                Err(error) => return Err(error),
            };
            self.session.run(LOOKING, end).await?;
        }
        Ok(found)
    }

    /// `slab` is the number of the copy's first slab. Gives why the table takes no rows, if it does not.
    async fn sift_one(
        &self,
        copy: &Copy,
        slab: usize,
        most: u64,
        found: &mut Vec<Refused>,
    ) -> Result<Option<Box<ServerError>>, Error> {
        let lines = Lines::new(&copy.slabs);
        if lines.count() != copy.rows {
            let table = copy.into.table.clone();
            let counted = ErrorKind::RowCount { table, sent: copy.rows, taken: lines.count() };
            return Err(self.session.error(counted, "copy rows"));
        }
        let mut untried = Untried::new(copy.rows);
        while let Some(rows) = untried.next() {
            let part = Copy {
                into: copy.into.clone(),
                slabs: lines.bytes(rows.clone()),
                rows: rows.end - rows.start,
            };
            let Err(failed) = self.behind_savepoint(&part).await? else { continue };
            match failed {
                CopyFailed::Table(error) => return Ok(Some(refusal(error)?)),
                CopyFailed::Rows(error) if part.rows == 1 => {
                    let (at, start) = lines.place(rows.start);
                    let bytes = part.slabs.concat().into();
                    let row = lines.in_slab(rows.start);
                    found.push(Refused::Row { slab: slab + at, row, start, bytes, error: refusal(error)? });
                }
                CopyFailed::Rows(error) => {
                    untried.split(&rows, refusal(error)?.place.as_ref().map(|place| place.line));
                }
            }
            if found.len() as u64 > most {
                break;
            }
        }
        Ok(None)
    }

    async fn behind_savepoint(&self, copy: &Copy) -> Result<Result<(), CopyFailed>, Error> {
        self.session.run(LOOKING, SAVEPOINT).await?;
        let result = self.session.copy(copy).await;
        let end = match &result {
            Ok(()) => RELEASE,
            Err(CopyFailed::Rows(error)) if error.is_refusal() => UNDO,
            Err(CopyFailed::Table(error)) if error.is_refusal() => return Ok(result),
            Err(_) => return result.map(Ok).map_err(CopyFailed::into_error),
        };
        self.session.run(LOOKING, end).await?;
        Ok(result)
    }
}

/// What PostgreSQL said; other errors are no refusals.
fn refusal(error: Error) -> Result<Box<ServerError>, Error> {
    match error.server() {
        Some(said) => Ok(Box::new(said.clone())),
        None => Err(error),
    }
}
