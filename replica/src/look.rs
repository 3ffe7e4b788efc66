//! A session that looks at what a database holds, and changes none of it.

use std::collections::HashSet;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio_postgres::CopyOutStream;

use crate::connect::ConnectOptions;
use crate::error::Error;
use crate::name::{literal, quoted};
use crate::session::Session;

/// How values are printed: as pg_dump has them, and instants in UTC.
const SETTINGS: &str = "
SET search_path = '';
SET DateStyle = 'ISO, MDY';
SET IntervalStyle = postgres;
SET TimeZone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = hex;
SET quote_all_identifiers = off;
SET synchronize_seqscans = off;
";

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, without quotes.
    pub name: String,
    /// PostgreSQL computes it.
    pub generated: bool,
    /// Without a value it takes a default, or the next number of an identity.
    pub defaults: bool,
    /// It is a `timestamptz`, whose text depends on the time zone.
    pub instant: bool,
    /// Integers and UUIDs, which name a row and tell nothing of it.
    pub plain_key: bool,
    /// Of a domain, the type under it: a check may be younger than the rows, and not valid for them.
    pub under_domain: Option<String>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its object identifier.
    pub oid: u32,
    /// Its name in SQL, with its schema.
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: char,
    /// Its columns, in their order.
    pub columns: Vec<Attribute>,
    /// Those of the primary key.
    pub key: Vec<String>,
    /// Of an extension's table: the condition that says which rows are the user's.
    pub filter: String,
}

impl Relation {
    /// Whether it holds rows that can be compared.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        matches!(self.kind, 'r' | 'p' | 'f')
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Attribute> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Its own rows: those of a partitioned table are its partitions'.
    pub(crate) fn source(&self) -> String {
        let only = if self.kind == 'r' { "ONLY " } else { "" };
        format!("{only}{} AS t {}", self.name, self.filter)
    }
}

/// A table that holds rows, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Its name in SQL.
    pub name: String,
    /// Its rows.
    pub rows: u64,
}

const READ: &str = "read the rows of a table";

/// Rows on their way.
pub struct Lines<'a> {
    stream: Pin<Box<CopyOutStream>>,
    session: &'a Session,
}

impl Lines<'_> {
    /// The next row with its line end; `None` behind the last.
    ///
    /// # Errors
    /// Errors of the connection, and of values that the encoding does not have.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let line = self.stream.next().await.transpose();
        line.map_err(|error| self.session.failed(error, READ))
    }
}

/// A connected database, to be looked at.
pub struct Look {
    pub(crate) session: Session,
    pub(crate) made: u32,
}

const RELATION: &str = "SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), \
    c.relkind::text, COALESCE((SELECT e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)] \
        FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig)), '') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid = pg_catalog.to_regclass($1)";

const COLUMNS: &str = "SELECT a.attname::text, a.attgenerated <> '', \
    (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '', a.atttypid = 1184, \
    a.atttypid IN (20, 21, 23, 2950), \
    (SELECT pg_catalog.array_position(i.indkey::int2[], a.attnum) FROM pg_catalog.pg_index i \
        WHERE i.indrelid = a.attrelid AND i.indisprimary), \
    (WITH RECURSIVE d AS (SELECT t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t \
            WHERE t.oid = a.atttypid AND t.typtype = 'd' \
        UNION ALL SELECT t.typbasetype, t.typtypmod FROM d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype \
            WHERE t.typtype = 'd') \
        SELECT pg_catalog.format_type(d.typbasetype, d.typtypmod) FROM d JOIN pg_catalog.pg_type b \
            ON b.oid = d.typbasetype WHERE b.typtype <> 'd') \
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Tables with rows of their own: neither the server's, nor our record, nor an extension's.
const TABLES: &str = "SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), \
    c.relname::text, \
    COALESCE((SELECT pg_catalog.array_agg(a.relid::oid) FROM pg_catalog.pg_partition_ancestors(c.oid) a), '{}') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname <> 'kasho_bootstrap' \
    AND n.nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY 2";

impl Look {
    /// Connects, and sets how values are printed.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let session = Session::open(options).await?;
        session.run("prepare the session", SETTINGS).await?;
        Ok(Self { session, made: 0 })
    }

    /// What a name in SQL leads to; `None` if there is nothing of this name.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn relation(&self, name: &str) -> Result<Option<Relation>, Error> {
        let action = "look at a table";
        let rows = self.session.rows(action, RELATION, &[&name]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let oid: u32 = self.session.value(action, row, 0)?;
        let kind: String = self.session.value(action, row, 2)?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        for row in self.session.rows(action, COLUMNS, &[&oid]).await? {
            let name: String = self.session.value(action, &row, 0)?;
            let is = |column| self.session.value::<bool>(action, &row, column);
            // `indkey` counts from 0.
            if let Some(place) = self.session.value::<Option<i32>>(action, &row, 5)? {
                key.push((place, name.clone()));
            }
            columns.push(Attribute {
                name,
                generated: is(1)?,
                defaults: is(2)?,
                instant: is(3)?,
                plain_key: is(4)?,
                under_domain: self.session.value(action, &row, 6)?,
            });
        }
        key.sort();
        Ok(Some(Relation {
            oid,
            name: self.session.value(action, row, 1)?,
            kind: kind.chars().next().unwrap_or(' '),
            columns,
            key: key.into_iter().map(|(_, name)| name).collect(),
            filter: self.session.value(action, row, 3)?,
        }))
    }

    /// The rows of a relation, as COPY writes them, in an encoding of PostgreSQL's.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn lines(
        &self,
        relation: &Relation,
        columns: &[String],
        encoding: &str,
    ) -> Result<Lines<'_>, Error> {
        let names: Vec<_> = columns.iter().map(|name| format!("t.{}", quoted(name))).collect();
        let (names, source) = (names.join(", "), relation.source());
        let text =
            format!("COPY (SELECT {names} FROM {source}) TO STDOUT WITH (ENCODING {})", literal(encoding));
        let stream = self.session.copy_out(READ, &text).await?;
        Ok(Lines { stream: Box::pin(stream), session: &self.session })
    }

    /// Every table that holds rows, but for those of `known` and the partitions of these, and those whose name `leaves_out`.
    /// Also how many tables hold none.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn filled(
        &self,
        known: &HashSet<u32>,
        leaves_out: impl Fn(&str) -> bool,
    ) -> Result<(Vec<Filled>, Vec<String>), Error> {
        let action = "look for other tables with rows";
        let (mut found, mut empty) = (Vec::new(), Vec::new());
        for row in self.session.rows(action, TABLES, &[]).await? {
            let oid: u32 = self.session.value(action, &row, 0)?;
            let name: String = self.session.value(action, &row, 1)?;
            let last: String = self.session.value(action, &row, 2)?;
            let above: Vec<u32> = self.session.value(action, &row, 3)?;
            if leaves_out(&last) || known.contains(&oid) || above.iter().any(|oid| known.contains(oid)) {
                continue;
            }
            let any = format!("SELECT EXISTS (SELECT FROM ONLY {name})");
            let any = self.session.row(action, &any, &[]).await?;
            if !self.session.value::<bool>(action, &any, 0)? {
                empty.push(name);
                continue;
            }
            let count = self.session.row(action, &format!("SELECT count(*) FROM ONLY {name}"), &[]).await?;
            let rows: i64 = self.session.value(action, &count, 0)?;
            found.push(Filled { name, rows: u64::try_from(rows).unwrap_or(0) });
        }
        Ok((found, empty))
    }

    /// A sequence's value, and whether it was given out; `None` if there is no such sequence.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn sequence(&self, name: &str) -> Result<Option<(i64, bool)>, Error> {
        let action = "read a sequence";
        let Some(relation) = self.kind_of(name, 'S').await? else { return Ok(None) };
        let text = format!("SELECT last_value, is_called FROM {relation}");
        let row = self.session.row(action, &text, &[]).await?;
        Ok(Some((self.session.value(action, &row, 0)?, self.session.value(action, &row, 1)?)))
    }

    /// Whether a materialized view is populated; `None` if there is no such view.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn is_populated(&self, name: &str) -> Result<Option<bool>, Error> {
        let action = "look at a materialized view";
        let text =
            "SELECT relispopulated FROM pg_class WHERE oid = pg_catalog.to_regclass($1) AND relkind = 'm'";
        let rows = self.session.rows(action, text, &[&name]).await?;
        rows.first().map(|row| self.session.value(action, row, 0)).transpose()
    }

    async fn kind_of(&self, name: &str, kind: char) -> Result<Option<String>, Error> {
        let action = "look for a name";
        let rows = self.session.rows(action, RELATION, &[&name]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let found: String = self.session.value(action, row, 2)?;
        if found.starts_with(kind) { self.session.value(action, row, 1).map(Some) } else { Ok(None) }
    }

    /// Whether a large object has these bytes at this place; `None` if there is no such object. `literal` is one of SQL's.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn large_object_has(
        &self,
        oid: u32,
        offset: u64,
        literal: &str,
    ) -> Result<Option<bool>, Error> {
        let text = format!(
            "SELECT pg_catalog.lo_get({oid}, {offset}, pg_catalog.octet_length(l)) = l FROM (SELECT {literal}::bytea AS l) AS x"
        );
        self.of_large_object(&text).await
    }

    /// Whether a large object ends there.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn large_object_ends(&self, oid: u32, offset: u64) -> Result<Option<bool>, Error> {
        self.of_large_object(&format!(
            "SELECT pg_catalog.octet_length(pg_catalog.lo_get({oid}, {offset}, 1)) = 0"
        ))
        .await
    }

    async fn of_large_object(&self, text: &str) -> Result<Option<bool>, Error> {
        let action = "read a large object";
        match self.session.row(action, text, &[]).await {
            Ok(row) => self.session.value(action, &row, 0),
            Err(error) if error.server().is_some_and(|error| error.code == "42704") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Large objects other than these: the first so many, and how many.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn other_large_objects(&self, known: &[u32], first: usize) -> Result<(Vec<u32>, u64), Error> {
        let action = "look for other large objects";
        let text = "SELECT oid, pg_catalog.count(*) OVER () FROM (SELECT oid FROM pg_catalog.pg_largeobject_metadata \
            EXCEPT SELECT pg_catalog.unnest($1::pg_catalog.oid[])) AS o ORDER BY oid LIMIT $2";
        let limit = i64::try_from(first.max(1)).unwrap_or(i64::MAX);
        let rows = self.session.rows(action, text, &[&known, &limit]).await?;
        let all = rows.first().map_or(Ok(0), |row| self.session.value::<i64>(action, row, 1))?;
        let oids: Result<Vec<u32>, _> = rows.iter().map(|row| self.session.value(action, row, 0)).collect();
        Ok((oids?, u64::try_from(all).unwrap_or(0)))
    }

    /// The server's major version.
    ///
    /// # Errors
    /// Errors of the connection.
    pub async fn version(&self) -> Result<u32, Error> {
        let action = "look at the server";
        let text = "SELECT pg_catalog.current_setting('server_version_num')::int4 / 10000";
        let row = self.session.row(action, text, &[]).await?;
        Ok(u32::try_from(self.session.value::<i32>(action, &row, 0)?).unwrap_or(0))
    }
}
