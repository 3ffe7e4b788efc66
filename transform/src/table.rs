//! A table as its definition in the dump has it.

/// A column of a [`Table`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name as SQL needs it: in quotes exactly where `quote_ident` would put them.
    pub name: String,
    /// Its type as PostgreSQL prints it (`character varying(20)`, `integer[]`, `timestamp(3) with time zone`); a
    /// domain as its base type. `None` if no definition was seen: then nothing about its values is checked.
    pub type_name: Option<String>,
    /// The labels, where the type is an enum or an array of one.
    pub labels: Vec<String>,
    /// PostgreSQL computes it from other columns: it cannot be transformed.
    pub generated: bool,
    /// It takes no NULL.
    pub not_null: bool,
    /// These rows bring no value for it: there is nothing to transform.
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
    /// Its name with its schema, spelled as SQL needs it: `public."Order"`.
    pub name: String,
    /// Its columns. A row has a value for each, in this order.
    pub columns: Vec<Column>,
}

impl Table {
    /// The place of the column of this name in a row.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }
}

/// A name without the quotes that SQL needs: `"Id"` is `Id`.
pub(crate) fn unquoted(name: &str) -> std::borrow::Cow<'_, str> {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\"").into(),
        None => name.into(),
    }
}
