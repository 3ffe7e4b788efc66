//! The three forms that rows have as changes.

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowForm {
    /// A change for each row.
    Single,
    /// A change of SQL text for some thousand rows: the translicator's own transforms do not see them.
    Packed,
    /// A slab of COPY's text, for a PostgreSQL database; SQL text where the rows have no such form.
    Copy,
}

impl RowForm {
    /// The word for it: an option's value, and a part of checkpoints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Packed => "packed",
            Self::Copy => "copy",
        }
    }
}
