//! What `--transform-config` says of the rows, brought together with what the dump says of its tables.
//!
//! ```text
//! file, key ─▶ Transforms ─▶ prepare: a reading of the dump for its constraints ─▶ resolved ─▶ TablePlan ─▶ rows
//! ```
//!
//! # Guarantees
//!
//! - Nothing is written before the whole configuration was compared with the whole dump; only where the dump comes from a pipe
//!   does each table have its turn when it comes, by a configuration that was resolved before.
//! - Results depend on the configuration, the key, the table and the row alone.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use transform::{Draft, Plan, Problems};

use super::definitions::Definitions;
use super::error::Error;
use super::render::TablePlan;
use super::render::transformed::Transformed;
use super::tables::{Found, table_of_block};

/// A configuration and its key.
#[derive(Clone)]
pub struct Transforms {
    config: transform::Config,
    key: transform::Key,
    names: Arc<HashSet<String>>,
    /// Only to learn what a load will do: literals that values are looked for in.
    rehearsal: Option<Arc<Definitions>>,
}

impl fmt::Debug for Transforms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transforms").field(&self.identity()).finish()
    }
}

impl PartialEq for Transforms {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Transforms {}

impl Transforms {
    /// Of a configuration and its key.
    #[must_use]
    pub fn new(config: transform::Config, key: transform::Key) -> Self {
        let transformed = config.tables().filter(|table| config.transforms(table));
        let names = Arc::new(transformed.filter_map(dump::last_part).collect());
        Self { config, key, names, rehearsal: None }
    }

    /// The same for a look at what a load will do: password hashes are only counted, and values are looked for in these
    /// definitions.
    #[must_use]
    pub fn rehearsal(&self, definitions: Definitions) -> Self {
        Self { rehearsal: Some(Arc::new(definitions)), ..self.clone() }
    }

    /// What the checkpoint knows it by: the same configuration and key give the same rows. Tells nothing of the key.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("{} key {}", self.config.hash(), self.key.fingerprint())
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &transform::Config {
        &self.config
    }

    /// The literals that values are looked for in, where this is only a look at what a load will do.
    #[must_use]
    pub fn definitions(&self) -> Option<&Definitions> {
        self.rehearsal.as_deref()
    }

    /// The schema that it was resolved with, if it was.
    #[must_use]
    pub fn resolved(&self) -> Option<&str> {
        self.config.resolved()
    }

    /// The tables that the configuration transforms, without their schemas.
    #[must_use]
    pub fn table_names(&self) -> Arc<HashSet<String>> {
        Arc::clone(&self.names)
    }

    /// Whether any column of the table is transformed.
    #[must_use]
    pub fn touches(&self, table: &str) -> bool {
        self.config.transforms(table)
    }

    /// What becomes of a block of rows; `None` where nothing does.
    ///
    /// # Errors
    /// [`Error::Usage`] when the configuration does not suit the table.
    pub fn plan(&self, plan: &TablePlan, known: Option<&dump::Table>) -> Result<Option<Transformed>, Error> {
        if !self.touches(&plan.table) {
            return Ok(None);
        }
        let table = table_of_block(plan, known);
        let mut compiled = Plan::compile(&self.config, &table, &self.key).map_err(refused)?;
        if self.rehearsal.is_some() {
            compiled = compiled.without_hashing();
        }
        Ok((!compiled.is_empty()).then(|| Transformed::new(compiled, plan, &table, self.rehearsal.clone())))
    }

    /// Brings the configuration together with a whole dump's definitions, and tries every table.
    ///
    /// # Errors
    /// [`Error::Usage`] with all that does not suit.
    pub fn resolve(&self, found: &Found) -> Result<(Self, Vec<transform::Problem>), Error> {
        let checked = Draft::from(self.config.clone()).check(&found.tables, &found.keys, &self.key);
        let (config, warnings) = checked.complete().map_err(refused)?;
        Ok((Self::new(config, self.key.clone()), warnings))
    }
}

/// All problems, each on its line.
fn refused(problems: Problems) -> Error {
    Error::Usage(problems.to_string())
}
