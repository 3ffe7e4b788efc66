//! Rows that a table is expected to hold, beside it in a temporary table, and what the server says of the difference.
//!
//! ```text
//! rows of a dump ─▶ COPY ─▶ pg_temp.expected_1 ─┬─▶ both as text, each row counted up here and down there ─▶ differ_1
//!                           the table itself ───┘                                                              │
//!                                              counts, columns, the first rows by primary key  ◀───────────────┘
//! ```
//!
//! Both sides have the same types and the same session, so a text that differs is a value that differs, also of types without
//! equality.

use tokio_postgres::Row;

use crate::batch::{Copy, Rows};
use crate::error::Error;
use crate::look::{Attribute, Look, Relation};
use crate::name::quoted;
use crate::record_text;
use crate::session::CopyFailed;

const ACTION: &str = "compare the rows of a table";
/// What is printed of a value, if it is asked for.
const PRINTED: usize = 200;

/// What a table is expected to hold.
#[derive(Debug)]
pub struct Expected {
    relation: Relation,
    number: u32,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// It is expected, and not there.
    Missing,
    /// It is there, and not expected.
    Extra,
    /// There is another one with its primary key.
    Different,
}

/// One of the first rows that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferentRow {
    /// How it differs.
    pub fault: RowFault,
    /// The primary key, a column and its text each. Of what is no number and no UUID the text is left out, unless values were
    /// asked for.
    pub key: Vec<(String, Option<String>)>,
    /// The columns that differ, with the expected value and the one that is there, if these were asked for.
    pub columns: Vec<(String, Option<Values>)>,
    /// The row's values, of one without a primary key, if they were asked for.
    pub row: Option<String>,
}

/// An expected value, and the one that is there; `None` is NULL. Long ones are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// Of the dump.
    pub expected: Option<String>,
    /// Of the database.
    pub found: Option<String>,
}

/// What the server says of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Rows that the table holds.
    pub found: u64,
    /// Rows that are not there.
    pub missing: u64,
    /// Rows that should not be there.
    pub extra: u64,
    /// Rows that are there with other values.
    pub different: u64,
    /// The columns in which these differ, and in how many rows.
    pub columns: Vec<(String, u64)>,
    /// The first rows that differ.
    pub rows: Vec<DifferentRow>,
}

/// What is to be said of the rows that differ.
#[derive(Debug, Clone, Copy)]
pub struct Detail {
    /// So many of them.
    pub first: usize,
    /// Their values too.
    pub values: bool,
}

impl Expected {
    /// The table.
    #[must_use]
    pub fn relation(&self) -> &Relation {
        &self.relation
    }

    /// The temporary table, for statements that fill it.
    #[must_use]
    pub fn table(&self) -> String {
        format!("pg_temp.expected_{}", self.number)
    }

    fn differ(&self) -> String {
        format!("pg_temp.differ_{}", self.number)
    }
}

impl Look {
    /// Makes a place for the rows that a table is expected to hold.
    ///
    /// # Errors
    /// Errors of the connection, and of rights: temporary tables need `TEMPORARY` on the database.
    pub async fn expect(&mut self, relation: &Relation) -> Result<Expected, Error> {
        self.made += 1;
        let expected = Expected { relation: relation.clone(), number: self.made };
        let table = expected.table();
        let create = format!("CREATE TEMPORARY TABLE {table} (LIKE {} INCLUDING GENERATED)", relation.name);
        self.session.run(ACTION, &create).await?;
        // Whether the rows suit what was said of them later is not asked here.
        let changes = |column: &Attribute| {
            let name = quoted(&column.name);
            let base = column.under_domain.as_ref();
            let base = base.map(|base| format!("ALTER COLUMN {name} TYPE {base}"));
            [Some(format!("ALTER COLUMN {name} DROP NOT NULL")), base].into_iter().flatten()
        };
        let stored = relation.columns.iter().filter(|column| !column.generated);
        let changes: Vec<_> = stored.flat_map(changes).collect();
        if !changes.is_empty() {
            self.session.run(ACTION, &format!("ALTER TABLE {table} {}", changes.join(", "))).await?;
        }
        Ok(expected)
    }

    /// Adds rows, which are read as the load has read them.
    ///
    /// # Errors
    /// Errors of the connection, and of values that the table does not take.
    pub async fn add(&self, rows: &Rows) -> Result<(), Error> {
        self.filling(rows.settings(), async {
            for copy in &rows.copies {
                self.send(copy).await?;
            }
            Ok(())
        })
        .await
    }

    /// Runs a statement that adds rows.
    ///
    /// # Errors
    /// As [`Look::add`].
    pub async fn add_by(&self, statement: &str) -> Result<(), Error> {
        self.filling("", self.session.run(ACTION, statement)).await
    }

    async fn send(&self, copy: &Copy) -> Result<(), Error> {
        self.session.copy(copy).await.map_err(CopyFailed::into_error)
    }

    async fn filling(
        &self,
        settings: &str,
        fill: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        // A load's session has the server's own. A transaction that only reads may write into temporary tables, and into no other.
        let defaults = "SET LOCAL TimeZone TO DEFAULT; SET LOCAL DateStyle TO DEFAULT; SET LOCAL IntervalStyle TO DEFAULT;";
        self.session.run(ACTION, &format!("BEGIN READ ONLY; {defaults}\n{settings}")).await?;
        let filled = fill.await;
        let end = if filled.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = match &filled {
            Err(error) if error.ends_session() => Ok(()),
            _ => self.session.run(ACTION, end).await,
        };
        filled.and(ended)
    }

    /// Compares the table with what it is expected to hold, in these columns, and forgets what was expected. `copied` are the
    /// rows of the table that count, if these are not all.
    ///
    /// # Errors
    /// Errors of the connection, and of rights.
    pub async fn compare(
        &self,
        expected: Expected,
        copied: Option<Expected>,
        columns: &[String],
        detail: Detail,
    ) -> Result<Compared, Error> {
        let source = match &copied {
            None => expected.relation.source(),
            Some(copied) => format!("{} AS t", copied.table()),
        };
        let comparison = Comparison { look: self, expected: &expected, source, columns, detail };
        let compared = comparison.all().await;
        if compared.as_ref().is_err_and(Error::ends_session) {
            return compared;
        }
        let copied = copied.map(|copied| format!(", {}", copied.table())).unwrap_or_default();
        let drop = format!("DROP TABLE IF EXISTS {}, {}{copied}", expected.table(), expected.differ());
        self.session.run(ACTION, &drop).await?;
        compared
    }
}

struct Comparison<'a> {
    look: &'a Look,
    expected: &'a Expected,
    /// Where the rows are that are there.
    source: String,
    columns: &'a [String],
    detail: Detail,
}

/// A row value of columns of `of`, as text that is compared byte by byte.
fn row_value(of: &str, columns: &[String]) -> String {
    let columns: Vec<_> = columns.iter().map(|name| format!("{of}.{}", quoted(name))).collect();
    format!("ROW({})::pg_catalog.text COLLATE pg_catalog.\"C\"", columns.join(", "))
}

impl Comparison<'_> {
    async fn all(&self) -> Result<Compared, Error> {
        let mut compared = Compared { found: self.differ().await?, ..Compared::default() };
        let (missing, extra, different) = self.counts().await?;
        (compared.missing, compared.extra, compared.different) = (missing, extra, different);
        if different > 0 {
            compared.columns = self.differing_columns().await?;
            compared.rows = self.different_rows().await?;
        }
        // Without a key and without values there is nothing to name a row by.
        if missing + extra > 0 && (self.detail.values || !self.key().is_empty()) {
            compared.rows.extend(self.other_rows().await?);
            compared.rows.truncate(self.detail.first);
        }
        Ok(compared)
    }

    fn key(&self) -> &[String] {
        let key = &self.expected.relation.key;
        let compared = key.iter().all(|name| self.columns.contains(name));
        if compared { key } else { &[] }
    }

    fn key_value(&self, of: &str) -> String {
        match self.key() {
            [] => "NULL::pg_catalog.text".to_owned(),
            key => row_value(of, key),
        }
    }

    /// Notes the rows that are not on both sides as often, and returns how many the table holds.
    async fn differ(&self) -> Result<u64, Error> {
        let (table, source) = (self.expected.table(), &self.source);
        let (row, key) = (row_value("t", self.columns), self.key_value("t"));
        let create = format!(
            "CREATE TEMPORARY TABLE {} AS SELECT min(k) AS k, left(r, 2000) AS r, sum(s)::bigint AS n FROM ( \
                SELECT {key} AS k, {row} AS r, 1 AS s FROM {table} AS t \
                UNION ALL SELECT {key}, {row}, -1 FROM {source} \
             ) AS rows GROUP BY rows.r HAVING sum(s) <> 0",
            self.expected.differ()
        );
        self.look.session.run(ACTION, &create).await?;
        let count = format!("SELECT count(*) FROM {source}");
        let row = self.look.session.row(ACTION, &count, &[]).await?;
        self.number(&row, 0)
    }

    /// For each key: how many rows are missing, and how many too many.
    fn by_key(&self) -> String {
        format!(
            "SELECT k, COALESCE(sum(n) FILTER (WHERE n > 0), 0)::bigint AS m, \
                COALESCE(-sum(n) FILTER (WHERE n < 0), 0)::bigint AS x FROM {} GROUP BY k",
            self.expected.differ()
        )
    }

    async fn counts(&self) -> Result<(u64, u64, u64), Error> {
        let both = "CASE WHEN k IS NULL THEN 0 ELSE least(m, x) END";
        let text = format!(
            "SELECT COALESCE(sum(m - {both}), 0)::bigint, COALESCE(sum(x - {both}), 0)::bigint, \
                COALESCE(sum({both}), 0)::bigint FROM ({}) AS d",
            self.by_key()
        );
        let row = self.look.session.row(ACTION, &text, &[]).await?;
        Ok((self.number(&row, 0)?, self.number(&row, 1)?, self.number(&row, 2)?))
    }

    fn number(&self, row: &Row, column: usize) -> Result<u64, Error> {
        let number: i64 = self.look.session.value(ACTION, row, column)?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// The rows of both sides that have the same key and differ: `e` and `t`, with the key in `d`.
    fn pairs(&self, limit: Option<usize>) -> String {
        let limit = limit.map(|limit| format!(" ORDER BY length(k), k LIMIT {limit}")).unwrap_or_default();
        format!(
            "FROM (SELECT k FROM ({}) AS d WHERE m > 0 AND x > 0 AND k IS NOT NULL{limit}) AS d \
             JOIN {} AS e ON {} = d.k JOIN (SELECT * FROM {}) AS t ON {} = d.k",
            self.by_key(),
            self.expected.table(),
            row_value("e", self.key()),
            self.source,
            row_value("t", self.key()),
        )
    }

    fn others(&self) -> Vec<&String> {
        self.columns.iter().filter(|name| !self.key().contains(name)).collect()
    }

    fn differs(name: &String) -> String {
        let one = std::slice::from_ref(name);
        format!("{} <> {}", row_value("e", one), row_value("t", one))
    }

    async fn differing_columns(&self) -> Result<Vec<(String, u64)>, Error> {
        let others = self.others();
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<_> =
            others.iter().map(|name| format!("count(*) FILTER (WHERE {})", Self::differs(name))).collect();
        let text = format!("SELECT ARRAY[{}] {}", counts.join(", "), self.pairs(None));
        let row = self.look.session.row(ACTION, &text, &[]).await?;
        let counts: Vec<i64> = self.look.session.value(ACTION, &row, 0)?;
        let named = others.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        Ok(named.map(|(name, count)| (name.clone(), u64::try_from(count).unwrap_or(0))).collect())
    }

    async fn different_rows(&self) -> Result<Vec<DifferentRow>, Error> {
        let others = self.others();
        let array = |of: &dyn Fn(&String) -> String, kind: &str| {
            let parts: Vec<_> = others.iter().map(|name| of(name)).collect();
            format!("ARRAY[{}]::pg_catalog.{kind}[]", parts.join(", "))
        };
        let printed = |side: &'static str| {
            move |name: &String| {
                let value = row_value(side, std::slice::from_ref(name));
                format!("CASE WHEN {} THEN left({value}, {PRINTED}) END", Self::differs(name))
            }
        };
        let values = match self.detail.values {
            true => format!(", {}, {}", array(&printed("e"), "text"), array(&printed("t"), "text")),
            false => String::new(),
        };
        let text = format!(
            "SELECT d.k, {}{values} {} ORDER BY length(d.k), d.k",
            array(&Self::differs, "bool"),
            self.pairs(Some(self.detail.first))
        );
        let rows = self.look.session.rows(ACTION, &text, &[]).await?;
        rows.iter().map(|row| self.different_row(row, &others)).collect()
    }

    fn different_row(&self, row: &Row, others: &[&String]) -> Result<DifferentRow, Error> {
        let session = &self.look.session;
        let differ: Vec<bool> = session.value(ACTION, row, 1)?;
        let texts = |column| -> Result<Vec<Option<String>>, Error> {
            if self.detail.values { session.value(ACTION, row, column) } else { Ok(Vec::new()) }
        };
        let (expected, found) = (texts(2)?, texts(3)?);
        let only = |texts: &[Option<String>], at: usize| {
            let text = texts.get(at).cloned().flatten();
            text.and_then(|text| record_text::fields(&text).into_iter().next().flatten())
        };
        let columns = others.iter().enumerate().filter(|(at, _)| differ.get(*at) == Some(&true));
        let columns = columns.map(|(at, name)| {
            let values = Values { expected: only(&expected, at), found: only(&found, at) };
            ((*name).clone(), self.detail.values.then_some(values))
        });
        Ok(DifferentRow {
            fault: RowFault::Different,
            key: self.shown_key(&session.value::<String>(ACTION, row, 0)?),
            columns: columns.collect(),
            row: None,
        })
    }

    /// Rows that are on one side alone.
    async fn other_rows(&self) -> Result<Vec<DifferentRow>, Error> {
        let differ = self.expected.differ();
        let text = match self.key() {
            [] => format!(
                "SELECT NULL::text, r, n > 0 FROM {differ} ORDER BY n > 0 DESC, r LIMIT {}",
                self.detail.first
            ),
            _ => format!(
                "SELECT d.k, d.r, d.n > 0 FROM {differ} AS d JOIN ({}) AS b ON b.k = d.k WHERE b.m = 0 OR b.x = 0 \
                 ORDER BY d.n > 0 DESC, length(d.k), d.k LIMIT {}",
                self.by_key(),
                self.detail.first
            ),
        };
        let rows = self.look.session.rows(ACTION, &text, &[]).await?;
        rows.iter().map(|row| self.other_row(row)).collect()
    }

    fn other_row(&self, row: &Row) -> Result<DifferentRow, Error> {
        let session = &self.look.session;
        let key: Option<String> = session.value(ACTION, row, 0)?;
        let missing: bool = session.value(ACTION, row, 2)?;
        let text: String = session.value(ACTION, row, 1)?;
        Ok(DifferentRow {
            fault: if missing { RowFault::Missing } else { RowFault::Extra },
            key: key.map(|key| self.shown_key(&key)).unwrap_or_default(),
            columns: Vec::new(),
            row: self.detail.values.then_some(text),
        })
    }

    fn shown_key(&self, key: &str) -> Vec<(String, Option<String>)> {
        let values = record_text::fields(key).into_iter().chain(std::iter::repeat(None));
        let shown = |name: &str| {
            self.detail.values || self.expected.relation.column(name).is_some_and(|column| column.plain_key)
        };
        self.key()
            .iter()
            .zip(values)
            .map(|(name, value)| (name.clone(), value.filter(|_| shown(name))))
            .collect()
    }
}
