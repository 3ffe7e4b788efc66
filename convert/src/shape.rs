//! What shapes the changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use kvbuffer::ENCODER_REVISION;

use super::error::Error;
use super::form::RowForm;
use super::selection::Selection;
use super::transforms::Transforms;

/// Everything in the configuration that shapes changes: with the same dump and the same numbers, the same
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The form of rows.
    pub rows: RowForm,
    /// `time` of SQL text.
    pub ddl_time: String,
    /// Leave out ownership.
    pub no_owner: bool,
    /// Leave out privileges.
    pub no_privileges: bool,
    /// Load Kasho's own objects.
    pub keep_kasho: bool,
    /// What is loaded of the dump.
    pub selection: Selection,
    /// What becomes of values.
    pub transforms: Option<Arc<Transforms>>,
    /// Set bad rows aside instead of ending the run.
    pub skip_rows: bool,
    /// Rows are loaded where psql would fire triggers or rules for them. It shapes no change.
    pub silent_triggers: bool,
}

/// `time` of SQL text by default.
pub const DDL_TIME: &str = "2000-01-01T00:00:00Z";

impl Shape {
    /// The same with what a run has registered of its parts, wherever nothing else than the default was asked for.
    /// Transforms are known by their hash alone: they stay as they were asked for.
    ///
    /// # Errors
    /// [`Error::Usage`] for a choice of tables that cannot be read.
    pub fn with_registered(&self, parts: &BTreeMap<String, String>) -> Result<Self, Error> {
        let is = |name: &str| parts.get(name).is_some_and(|value| value == "true");
        let packed = self.rows == RowForm::Single
            && parts.get("--rows").is_some_and(|value| value == RowForm::Packed.name());
        let mut shape = self.clone();
        if packed {
            shape.rows = RowForm::Packed;
        }
        if let Some(time) = parts.get("--ddl-time").filter(|_| self.ddl_time == DDL_TIME) {
            shape.ddl_time.clone_from(time);
        }
        shape.no_owner |= is("--no-owner");
        shape.no_privileges |= is("--no-privileges");
        shape.keep_kasho |= is("--keep-kasho-objects");
        shape.skip_rows |= is("--on-error skip");
        if self.selection.parts().is_empty() {
            shape.selection = Selection::of_parts(parts)?;
        }
        Ok(shape)
    }

    /// Each part by its name, for the checkpoint: there it is compared, and differences are named.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<String, String> {
        let transforms =
            self.transforms.iter().map(|transforms| ("--transform-config", transforms.identity()));
        let chosen = self.selection.parts().into_iter().chain(transforms);
        let parts = [
            ("encoder", ENCODER_REVISION.to_string()),
            ("--rows", self.rows.name().to_owned()),
            ("--ddl-time", self.ddl_time.clone()),
            ("--no-owner", self.no_owner.to_string()),
            ("--no-privileges", self.no_privileges.to_string()),
            ("--keep-kasho-objects", self.keep_kasho.to_string()),
            ("--on-error skip", self.skip_rows.to_string()),
        ];
        parts.into_iter().chain(chosen).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
