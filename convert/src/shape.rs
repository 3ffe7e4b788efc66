//! What shapes the changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use kvbuffer::ENCODER_REVISION;

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

impl Shape {
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
