//! A configuration while it is being written: all that is wrong with it, by itself and with a schema.

use crate::config::Config;
use crate::detect::Finding;
use crate::error::{Fault, Problem, Problems};
use crate::keyed::Key;
use crate::plan::Plan;
use crate::resolve::{Keys, resolve};
use crate::suggest::undecided;
use crate::table::Table;

/// A configuration as far as it can be read, and what is wrong with it. Rows are transformed only by one without faults,
/// which is a [`Config`].
#[derive(Debug, Clone)]
pub struct Draft {
    config: Config,
    faults: Vec<Fault>,
}

/// A draft that was compared with a schema.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Resolved as far as it can be.
    config: Config,
    faults: Vec<Fault>,
    warnings: Vec<Problem>,
}

impl From<Config> for Draft {
    fn from(config: Config) -> Self {
        Self { config, faults: Vec::new() }
    }
}

impl Draft {
    /// Reads a configuration. `file` is what messages call it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, if none of its tables can be read: then there is nothing to compare.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        let (config, faults) = Config::read(file, text);
        let nothing = config.tables().next().is_none();
        let draft = Self { config, faults };
        if nothing { draft.complete().map(Self::from) } else { Ok(draft) }
    }

    /// The configuration, if it has no faults by itself.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each problem with its line and column.
    pub fn complete(self) -> Result<Config, Problems> {
        self.config.problems(self.faults)?;
        Ok(self.config)
    }

    /// Brings the configuration together with a whole schema ([`Keys`] says what becomes of partitions, unique and
    /// foreign keys), and tries every table.
    #[must_use]
    pub fn check(&self, tables: &[Table], keys: &Keys, key: &Key) -> Checked {
        let mut faults = self.faults.clone();
        faults.extend(self.config.unknown(tables));
        let (config, unresolved) = resolve(&self.config, tables, keys);
        faults.extend(unresolved);
        let mut warnings = Vec::new();
        for table in tables {
            let (plan, more) = Plan::make(&config, table, key);
            faults.extend(more);
            warnings.extend_from_slice(plan.warnings());
        }
        Checked { config, faults, warnings }
    }
}

impl Checked {
    /// The findings on whose columns the configuration says nothing, not even `keep`, and nothing that cannot be read.
    #[must_use]
    pub fn undecided<'a>(&self, findings: &'a [Finding]) -> Vec<&'a Finding> {
        undecided(&self.config, findings)
    }

    /// The configuration with what the schema demands, and what is allowed and yet most often a mistake.
    /// [`Config::to_yaml`] can be kept for the run.
    ///
    /// # Errors
    ///
    /// All faults: of the file, and of what does not suit the schema.
    pub fn complete(self) -> Result<(Config, Vec<Problem>), Problems> {
        self.config.problems(self.faults)?;
        let mut warnings = self.warnings;
        warnings.sort_by_key(|problem| problem.place);
        warnings.dedup();
        Ok((self.config, warnings))
    }
}
