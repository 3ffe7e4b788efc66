//! A table, as defined in the dump.

use std::collections::HashMap;

/// A column of a [`Table`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name as in SQL: in quotes exactly if `quote_ident` would quote it.
    pub name: String,
    /// Its type as PostgreSQL prints it (`character varying(20)`, `integer[]`, `timestamp(3) with time zone`); for a
    /// domain its base type. `None` if there was no definition: then its values are not checked.
    pub type_name: Option<String>,
    /// The labels, if the type is an enum or an array of one.
    pub labels: Vec<String>,
    /// PostgreSQL computes it from other columns: it cannot be transformed.
    pub generated: bool,
    /// It does not accept NULL.
    pub not_null: bool,
    /// The rows have no value for it: there is nothing to transform.
    pub absent: bool,
}

impl Column {
    /// A column that is neither generated nor `NOT NULL`.
    #[must_use]
    pub fn new(name: &str, type_name: &str) -> Self {
        Self { name: name.to_owned(), type_name: Some(type_name.to_owned()), ..Self::default() }
    }
}

/// A table and its columns, in the order of its definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name with its schema, as in SQL: `public."Order"`.
    pub name: String,
    /// Its columns. A row has a value for each, in this order.
    pub columns: Vec<Column>,
}

impl Table {
    /// The index of the column of this name in a row.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }
}

/// Tables, found by their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByName<'a>(HashMap<&'a str, &'a Table>);

impl<'a> ByName<'a> {
    pub(crate) fn new(tables: &'a [Table]) -> Self {
        Self(tables.iter().map(|table| (table.name.as_str(), table)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Table> {
        self.0.get(name).copied()
    }
}

/// A name without the quotes of SQL: `"Id"` is `Id`.
pub(crate) fn unquoted(name: &str) -> std::borrow::Cow<'_, str> {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\"").into(),
        None => name.into(),
    }
}
