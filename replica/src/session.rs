//! One session of the database: its settings, statements, rows.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Row, Statement};

use crate::batch::{Batch, Copy, Rows, Work};
use crate::connect::{self, ConnectOptions};
use crate::error::{Error, ErrorKind};

/// What statements and rows rely on, whatever the role's and the database's own settings are. No timeout ends a session
/// that builds an index for hours.
const SETTINGS: &str = r#"
SET search_path = "$user", public;
SET standard_conforming_strings = on;
SET row_security = off;
SET client_min_messages = warning;
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN
    ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
"#;

/// A message of COPY has no more: as much as the server takes at once, and so little that the memory which it gathers messages
/// in is used again.
const MESSAGE_BYTES: usize = 64 << 10;

pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const RELY: &str = "set what rows rely on";

/// What has failed of a COPY.
pub(crate) enum CopyFailed {
    /// There is no such table, or none that takes rows, or not from us.
    Table(Error),
    /// The rows, or the way there.
    Rows(Error),
}

impl CopyFailed {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Table(error) | Self::Rows(error) => error,
        }
    }
}

/// A session. Its statements run one after the other.
pub(crate) struct Session {
    client: Client,
    address: Arc<str>,
}

impl Session {
    pub(crate) async fn open(options: &ConnectOptions) -> Result<Self, Error> {
        let address: Arc<str> = options.address.to_string().into();
        let client = connect::connect(options, &address).await?;
        let session = Self { client, address };
        session.run("prepare the session", SETTINGS).await?;
        Ok(session)
    }

    /// Runs a text as it stands, by the simple protocol.
    pub(crate) async fn run(&self, action: &'static str, text: &str) -> Result<(), Error> {
        self.client.batch_execute(text).await.map_err(|error| self.failed(error, action))
    }

    pub(crate) async fn rows(
        &self,
        action: &'static str,
        text: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.client.query(text, values).await.map_err(|error| self.failed(error, action))
    }

    pub(crate) async fn prepare(&self, action: &'static str, text: &str) -> Result<Statement, Error> {
        self.client.prepare(text).await.map_err(|error| self.failed(error, action))
    }

    /// Runs what was prepared, and says how many rows it has changed.
    pub(crate) async fn execute(
        &self,
        action: &'static str,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.client.execute(statement, values).await.map_err(|error| self.failed(error, action))
    }

    /// Does what a batch says, in the transaction that is open.
    pub(crate) async fn perform(&self, batch: &Batch) -> Result<(), Error> {
        match &batch.0 {
            Work::Statement(text) => self.run("run a statement", text).await,
            Work::Rows(rows) => {
                self.run(RELY, &relied_on(rows)).await?;
                self.copy_all(rows).await
            }
        }
    }

    /// Begins a transaction, and does in it what a batch says.
    pub(crate) async fn begin_and_perform(&self, batch: &Batch) -> Result<(), Error> {
        match &batch.0 {
            Work::Statement(_) => {
                self.run("begin a transaction", BEGIN).await?;
                self.perform(batch).await
            }
            Work::Rows(rows) => {
                self.begin_rows(rows).await?;
                self.copy_all(rows).await
            }
        }
    }

    /// Begins a transaction with the settings that rows rely on, at once.
    pub(crate) async fn begin_rows(&self, rows: &Rows) -> Result<(), Error> {
        self.run(RELY, &format!("{BEGIN};\n{}", relied_on(rows))).await
    }

    async fn copy_all(&self, rows: &Rows) -> Result<(), Error> {
        for copy in &rows.copies {
            self.copy(copy).await.map_err(CopyFailed::into_error)?;
        }
        Ok(())
    }

    /// Copies rows into their table.
    pub(crate) async fn copy(&self, copy: &Copy) -> Result<(), CopyFailed> {
        let action = "copy rows";
        let sink = self.client.copy_in::<_, Bytes>(&copy.into.sql()).await;
        // Nothing was sent yet, so the message quotes no value. The library ends such a COPY twice, and takes the second
        // answer for that to the next statement.
        let sink = sink.map_err(|error| CopyFailed::Table(self.failed(error, action).out_of_step()))?;
        let sent = Self::send(sink, copy).await;
        let failed = |error| CopyFailed::Rows(Error::of(error, action, &self.address, true));
        let taken = sent.map_err(failed)?;
        if taken == copy.rows {
            return Ok(());
        }
        let table = copy.into.table.clone();
        let counted = ErrorKind::RowCount { table, sent: copy.rows, taken };
        Err(CopyFailed::Rows(self.error(counted, action)))
    }

    async fn send(sink: CopyInSink<Bytes>, copy: &Copy) -> Result<u64, tokio_postgres::Error> {
        let mut sink = pin!(sink);
        for slab in &copy.slabs {
            let mut rest = slab.clone();
            while !rest.is_empty() {
                sink.feed(rest.split_to(rest.len().min(MESSAGE_BYTES))).await?;
            }
        }
        sink.finish().await
    }

    /// Copies rows out. Each item is a row's line.
    pub(crate) async fn copy_out(&self, action: &'static str, text: &str) -> Result<CopyOutStream, Error> {
        self.client.copy_out(text).await.map_err(|error| self.failed(error, action))
    }

    /// The first row that a query gives.
    pub(crate) async fn row(
        &self,
        action: &'static str,
        text: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let rows = self.rows(action, text, values).await?;
        rows.into_iter().next().ok_or_else(|| self.error(ErrorKind::Protocol, action))
    }

    pub(crate) fn error(&self, kind: ErrorKind, action: &'static str) -> Error {
        Error::new(kind, action, &self.address)
    }

    /// What a row that PostgreSQL gave has in a column.
    pub(crate) fn value<'a, T: tokio_postgres::types::FromSql<'a>>(
        &self,
        action: &'static str,
        row: &'a Row,
        column: usize,
    ) -> Result<T, Error> {
        row.try_get(column).map_err(|error| self.failed(error, action))
    }

    pub(crate) fn failed(&self, error: tokio_postgres::Error, action: &'static str) -> Error {
        Error::of(error, action, &self.address, false)
    }
}

/// What rows rely on, until the end of the transaction. As in Kasho's own sessions, triggers and foreign keys are the source's
/// business.
fn relied_on(rows: &Rows) -> String {
    format!("SET LOCAL session_replication_role = replica;\n{}", rows.settings)
}
