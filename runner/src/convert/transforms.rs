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

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::convert::definitions::Definitions;
use dump::{Schema, quote_name};
use transform::{Plan, Problems};

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::commands::config::{Config, Shape};
use crate::commands::load::aside;
use crate::convert::planner;
use crate::convert::render::TablePlan;
use crate::convert::render::transformed::Transformed;
use crate::read::pipeline::{Start, Task};
use crate::read::walk::Walk;
use kvbuffer::Sequence;

/// Longer files are no configurations.
const MOST: u64 = 16 << 20;

/// A configuration and its key.
#[derive(Clone)]
pub struct Transforms {
    config: transform::Config,
    key: transform::Key,
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
    /// Reads the configuration and the key; without a key, values can be found again by trying.
    ///
    /// # Errors
    /// [`Error::Usage`] with all that is wrong with the file.
    pub fn read(config: &Path, key: Option<&Path>) -> Result<Self, Error> {
        let text = text(config, "--transform-config")?;
        let config = transform::Config::parse(&config.display().to_string(), &text).map_err(refused)?;
        let key = match key {
            Some(path) => key_of(path)?,
            None => transform::Key::insecure_unkeyed(),
        };
        Ok(Self { config, key, rehearsal: None })
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
        let table = block(plan, known);
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
        self.config.check(&found.tables).map_err(refused)?;
        let config = transform::resolve(&self.config, &found.tables, &found.keys).map_err(refused)?;
        let mut warnings = Vec::new();
        let mut problems = Vec::new();
        for table in &found.tables {
            match Plan::compile(&config, table, &self.key) {
                Ok(plan) => warnings.extend_from_slice(plan.warnings()),
                Err(Problems(more)) => problems.extend(more),
            }
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.place);
            problems.dedup();
            return Err(refused(Problems(problems)));
        }
        warnings.sort_by_key(|problem| problem.place);
        warnings.dedup();
        Ok((Self { config, key: self.key.clone(), rehearsal: None }, warnings))
    }
}

/// What a dump says of its tables.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Tables in alphabetical order: those that are defined, and those that only have rows.
    pub tables: Vec<transform::Table>,
    /// What is demanded of their columns.
    pub keys: transform::Keys,
    /// Columns that look personal, where rows were looked at.
    pub findings: Vec<transform::Finding>,
    /// Where something gets another name after rows that were loaded under the old one.
    pub renamed: Option<dump::Place>,
    /// The last statement that may have changed anything: its first words, and where it is.
    pub changed: Option<(String, dump::Place)>,
}

impl Found {
    /// From all definitions of a dump, and the blocks of tables that none of them defines.
    #[must_use]
    pub fn new(schema: &Schema, undefined: Vec<transform::Table>) -> Self {
        let defined = schema.tables().map(|(name, table)| transform::Table {
            name: name.to_string(),
            columns: table.columns.iter().map(column).collect(),
        });
        let mut tables: Vec<_> = defined.chain(undefined).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables.dedup_by(|a, b| a.name == b.name);
        Self { tables, keys: keys(schema), findings: Vec::new(), renamed: None, changed: None }
    }
}

/// What the schema demands, with names as SQL spells them.
#[must_use]
pub fn keys(schema: &Schema) -> transform::Keys {
    let known = schema.keys();
    let quoted = |names: &[String]| names.iter().map(|name| quote_name(name)).collect();
    transform::Keys {
        unique: known
            .unique
            .iter()
            .map(|key| transform::UniqueKey { table: key.table.to_string(), columns: quoted(&key.columns) })
            .collect(),
        foreign: known
            .foreign
            .iter()
            .map(|key| transform::ForeignKey {
                table: key.table.to_string(),
                columns: quoted(&key.columns),
                to_table: key.to_table.to_string(),
                to_columns: quoted(known.targets(key)),
            })
            .collect(),
        parents: known
            .parents
            .iter()
            .map(|(child, parent)| (child.to_string(), parent.to_string()))
            .collect(),
        expressions: known
            .expressions
            .iter()
            .map(|one| (one.table.to_string(), quote_name(&one.column), one.folds_case))
            .collect(),
        fixed: known
            .fixed
            .iter()
            .map(|fixed| (fixed.table.to_string(), quote_name(&fixed.column), fixed.why.to_owned()))
            .collect(),
    }
}

fn column(column: &dump::Column) -> transform::Column {
    transform::Column {
        name: quote_name(&column.name),
        type_name: column.type_name.clone(),
        labels: column.labels.clone(),
        generated: column.generated,
        not_null: column.not_null,
        absent: false,
    }
}

/// The table as a block of its rows has it: the block's columns in the block's order, then those for which a
/// row has no value: PostgreSQL computes them, or the block does not name them.
#[must_use]
pub fn block(plan: &TablePlan, known: Option<&dump::Table>) -> transform::Table {
    let of = |name: &String| {
        let found = known.and_then(|table| table.columns.iter().find(|c| quote_name(&c.name) == *name));
        found.map_or_else(|| transform::Column { name: name.clone(), ..Default::default() }, column)
    };
    let mut columns: Vec<_> = plan.columns.iter().map(of).collect();
    let named: Vec<_> = plan.columns.iter().collect();
    let others = known.iter().flat_map(|table| &table.columns).map(column);
    let others = others.filter(|column| column.generated || !named.contains(&&column.name));
    columns.extend(others.map(|column| transform::Column { absent: !column.generated, ..column }));
    transform::Table { name: plan.table.clone(), columns }
}

/// The configuration of a run, with its transforms resolved. Where the dump can be read again, it is read once for that; a
/// configuration that is resolved already needs none.
///
/// # Errors
/// [`Error::Usage`] for what does not suit the dump, and as reading.
pub async fn prepare(config: &Config, stop: &Stop) -> Result<Config, Error> {
    let mut config = config.clone();
    let Some(transforms) = config.shape.transforms.clone() else { return Ok(config) };
    if let Some(hash) = transforms.resolved()
        && !transform::is_schema_hash(hash)
    {
        return Err(Error::Usage(
            "the transform configuration was resolved by an earlier version, which wrote down the dump's constraints in another form: run `pg-bootstrap-sync transform check` again".to_owned(),
        ));
    }
    if transforms.resolved().is_some() && !config.require_decision {
        return Ok(config);
    }
    if !config.location.is_rereadable() {
        return Err(Error::Usage(format!(
            "--transform-config with {}: constraints stand behind the rows, and a pipe is read once; write the resolved configuration with `pg-bootstrap-sync transform check`, and use that",
            config.location.name()
        )));
    }
    tracing::info!("reading the dump for its constraints, which the transforms keep");
    let found = find(&config, config.require_decision, stop).await?;
    if let Some((verb, at)) = &found.changed {
        return Err(Error::Dump {
            source_name: config.location.name(),
            error: planner::changed_by_code(verb, *at),
        });
    }
    if let Some(at) = found.renamed {
        return Err(Error::Dump {
            source_name: config.location.name(),
            error: planner::renamed_after_rows(at),
        });
    }
    let (resolved, warnings) = transforms.resolve(&found)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    report_new(resolved.config(), &found);
    if config.require_decision {
        decided(resolved.config(), &found)?;
    }
    config.shape = Arc::new(Shape { transforms: Some(Arc::new(resolved)), ..(*config.shape).clone() });
    Ok(config)
}

/// Tables of which the configuration says nothing are loaded as they are: that is said.
fn report_new(config: &transform::Config, found: &Found) {
    let unnamed = found.tables.iter().filter(|table| !config.names_table(&table.name));
    let names: Vec<_> = unnamed.map(|table| table.name.as_str()).collect();
    if !names.is_empty() {
        let tables = names.len();
        let first = names.iter().take(20).copied().collect::<Vec<_>>().join(", ");
        tracing::warn!(
            tables,
            first,
            "tables that the transform configuration does not name are loaded as they are"
        );
    }
}

/// Whether everything that looks personal has an entry.
fn decided(config: &transform::Config, found: &Found) -> Result<(), Error> {
    let open = transform::undecided(config, &found.findings);
    if open.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = open
        .iter()
        .map(|finding| format!("\n  {}.{}: {}", finding.table, finding.column, finding.reason))
        .collect();
    Err(Error::Usage(format!(
        "--require-decision: {} columns look personal and have no entry in the transform configuration; give each a transform or `keep`:{}",
        open.len(),
        lines.concat()
    )))
}

/// Reads the whole dump for its definitions, and looks at a sample of its rows where that is wanted.
///
/// # Errors
/// As reading.
pub async fn find(config: &Config, sample: bool, stop: &Stop) -> Result<Found, Error> {
    let task = definitions_task(config);
    aside(move |stop: &AtomicBool| Walk::begin(&task, &task.location.name())?.definitions(sample, stop), stop)
        .await
}

/// The configuration of a look at what a load will do: password hashes are only counted, and values are looked for in the
/// definitions where the dump can be read for these beforehand.
///
/// # Errors
/// As reading.
pub async fn rehearse(config: &Config, stop: &Stop) -> Result<Config, Error> {
    let mut config = config.clone();
    let Some(transforms) = config.shape.transforms.clone() else { return Ok(config) };
    let task = definitions_task(&config);
    let read = move |stop: &AtomicBool| {
        let mut definitions = Definitions::default();
        if task.location.is_rereadable() {
            let walk = Walk::begin(&task, &task.location.name())?;
            walk.statements(stop, |text, line, standard| definitions.learn(text, line, standard))?;
        }
        Ok(definitions.complete())
    };
    let definitions = aside(read, stop).await?;
    let transforms = Transforms { rehearsal: Some(Arc::new(definitions)), ..(*transforms).clone() };
    config.shape = Arc::new(Shape { transforms: Some(Arc::new(transforms)), ..(*config.shape).clone() });
    Ok(config)
}

/// A reading of the dump as it is.
fn definitions_task(config: &Config) -> Task {
    Task {
        location: config.location.clone(),
        shape: Arc::new(Shape { transforms: None, ..(*config.shape).clone() }),
        start: Start::Fresh,
        first: Sequence::FIRST,
        limit: None,
        workers: 1,
    }
}

/// The configuration with what the dump's constraints demand, as YAML.
///
/// # Errors
/// [`Error::Usage`] with all that does not suit the dump, and as reading.
pub async fn check(config: &Config, stop: &Stop) -> Result<String, Error> {
    let transforms = given(config)?;
    let found = find(config, config.require_decision, stop).await?;
    let (resolved, warnings) = transforms.resolve(&found)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    report_new(resolved.config(), &found);
    if config.require_decision {
        decided(resolved.config(), &found)?;
    }
    Ok(resolved.config().to_yaml())
}

/// A first configuration for what looks personal in the dump, as YAML.
///
/// # Errors
/// As reading.
pub async fn suggest(config: &Config, stop: &Stop) -> Result<String, Error> {
    let found = find(config, true, stop).await?;
    Ok(transform::suggest(&found.tables, &found.findings, &found.keys))
}

/// So many rows of each table that is transformed, before and after.
///
/// # Errors
/// [`Error::Usage`] with all that does not suit the dump, and as reading.
pub async fn preview(config: &Config, rows: u64, stop: &Stop) -> Result<String, Error> {
    given(config)?;
    let config = prepare(config, stop).await?;
    let task = Task {
        location: config.location.clone(),
        shape: Arc::clone(&config.shape),
        start: Start::Fresh,
        first: Sequence::FIRST,
        limit: None,
        workers: 1,
    };
    let walk = move |stop: &AtomicBool| {
        let mut preview = crate::commands::transform::preview::Preview::new(rows);
        let walk = Walk::begin(&task, &task.location.name())?;
        walk.transformed(stop, |plan, slab| preview.see(plan, slab))?;
        Ok(preview.text())
    };
    aside(walk, stop).await
}

fn given(config: &Config) -> Result<Arc<Transforms>, Error> {
    let missing = || Error::Usage("--transform-config is missing: what is to be tried?".to_owned());
    config.shape.transforms.clone().ok_or_else(missing)
}

fn key_of(path: &Path) -> Result<transform::Key, Error> {
    let text = text(path, "--transform-key-file")?;
    transform::Key::new(text.as_bytes())
        .map_err(|error| Error::Usage(format!("--transform-key-file {}: {error}", path.display())))
}

fn text(path: &Path, option: &str) -> Result<String, Error> {
    use std::io::Read as _;
    let unreadable =
        |error: std::io::Error| Error::Usage(format!("{option} {} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // One byte more tells that there are more: what stands behind must not be missing without a word.
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        let most = MOST >> 20;
        return Err(Error::Usage(format!(
            "{option} {} has more than {most} MiB: is it that file?",
            path.display()
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::Usage(format!("{option} {} cannot be read: it is not UTF-8", path.display())))
}

/// All problems, each on its line.
fn refused(problems: Problems) -> Error {
    Error::Usage(problems.to_string())
}
