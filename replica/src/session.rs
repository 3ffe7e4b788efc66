//! One session of the database: its settings, statements, rows.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::batch::Copy;
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

    /// Copies rows into their table.
    pub(crate) async fn copy(&self, copy: &Copy) -> Result<(), Error> {
        let taken =
            self.send(copy).await.map_err(|error| Error::of(error, "copy rows", &self.address, true))?;
        if taken == copy.rows {
            return Ok(());
        }
        let table = copy.into.table.clone();
        Err(self.error(ErrorKind::RowCount { table, sent: copy.rows, taken }, "copy rows"))
    }

    async fn send(&self, copy: &Copy) -> Result<u64, tokio_postgres::Error> {
        let sink = self.client.copy_in::<_, Bytes>(&copy.into.sql()).await?;
        let mut sink = pin!(sink);
        for slab in &copy.slabs {
            sink.feed(slab.clone()).await?;
        }
        sink.finish().await
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

    fn failed(&self, error: tokio_postgres::Error, action: &'static str) -> Error {
        Error::of(error, action, &self.address, false)
    }
}
