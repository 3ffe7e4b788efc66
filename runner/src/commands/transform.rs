//! The commands of `transform`, which check a configuration against a dump; and the same check before a load.
//!
//! ```text
//! file, key ─▶ Transforms ─▶ prepare: a reading of the dump for its constraints ─▶ resolved ─▶ TablePlan ─▶ rows
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kvbuffer::Sequence;

use crate::base::aside::aside;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::config::Config;
use crate::read::task::{Start, Task};
use crate::read::walk::Walk;
use convert::definitions::Definitions;
use convert::error::{DumpError, Error as ConvertError};
use convert::planner;
use convert::shape::Shape;
use convert::tables::Found;
use convert::transforms::Transforms;

pub mod preview;

/// Longer files are not configurations.
const MOST: u64 = 16 << 20;

/// Reads the configuration and the key. Without a key, values can be found again by trying.
///
/// # Errors
/// [`Error::Usage`], with all errors in the file.
pub fn read(config: &Path, key: Option<&Path>) -> Result<Transforms, Error> {
    let text = text(config, "--transform-config")?;
    let config = transform::Config::parse(&config.display().to_string(), &text)
        .map_err(|problems| Error::Usage(problems.to_string()))?;
    let key = match key {
        Some(path) => key_of(path)?,
        None => transform::Key::insecure_unkeyed(),
    };
    Ok(Transforms::new(config, key))
}

/// The configuration of a run, with its transforms resolved. If the configuration is not resolved yet and the dump
/// can be read again, the dump is read once for this.
///
/// # Errors
/// [`Error::Usage`] if the configuration does not suit the dump; and as reading.
pub async fn prepare(config: &Config, stop: &Stop) -> Result<Config, Error> {
    let mut config = config.clone();
    let Some(transforms) = config.shape.transforms.clone() else { return Ok(config) };
    if let Some(hash) = transforms.resolved()
        && !transform::is_schema_hash(hash)
    {
        return Err(Error::Usage(
            "the transform configuration was resolved by an earlier version, which wrote the dump's constraints in another form: run `pg-bootstrap-sync transform check` again".to_owned(),
        ));
    }
    if transforms.resolved().is_some() && !config.require_decision {
        return Ok(config);
    }
    if !config.location.is_rereadable() {
        return Err(Error::Usage(format!(
            "--transform-config with {}: a dump has its constraints after the rows, and a pipe is read only once; write the resolved configuration with `pg-bootstrap-sync transform check`, and use that one",
            config.location.name()
        )));
    }
    tracing::info!("reading the dump first for its constraints, which the transforms must keep");
    let found = find(&config, config.require_decision, stop).await?;
    if let Some((verb, at)) = &found.changed {
        return Err(dump_error(config.location.name(), planner::changed_by_code(verb, *at)));
    }
    if let Some(at) = found.renamed {
        return Err(dump_error(config.location.name(), planner::renamed_after_rows(at)));
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

/// Logs the tables that the configuration does not name: they are loaded unchanged.
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

/// Checks that everything that looks personal has an entry.
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

/// Reads the whole dump for its definitions, and a sample of its rows if `suggest` is set.
///
/// # Errors
/// As reading.
pub async fn find(config: &Config, sample: bool, stop: &Stop) -> Result<Found, Error> {
    let task = definitions_task(config);
    aside(move |stop: &AtomicBool| Walk::begin(&task, &task.location.name())?.definitions(sample, stop), stop)
        .await
}

/// The configuration for `inspect`: password hashes are only counted, and definitions are searched for values if the
/// dump can be read again.
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
    let transforms = Arc::new(transforms.rehearsal(definitions));
    config.shape = Arc::new(Shape { transforms: Some(transforms), ..(*config.shape).clone() });
    Ok(config)
}

/// Reads the dump without transforms.
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

/// The configuration, resolved by the dump's constraints, as YAML.
///
/// # Errors
/// [`Error::Usage`], with everything that does not suit the dump; and as reading.
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

/// A first configuration for the columns that look personal in the dump, as YAML.
///
/// # Errors
/// As reading.
pub async fn suggest(config: &Config, stop: &Stop) -> Result<String, Error> {
    let found = find(config, true, stop).await?;
    Ok(transform::suggest(&found.tables, &found.findings, &found.keys))
}

/// The first rows of each table with transforms, before and after.
///
/// # Errors
/// [`Error::Usage`], with everything that does not suit the dump; and as reading.
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
        let mut preview = preview::Preview::new(rows);
        let walk = Walk::begin(&task, &task.location.name())?;
        walk.transformed(stop, |block, slab| preview.see(block, slab))?;
        Ok(preview.text())
    };
    aside(walk, stop).await
}

fn given(config: &Config) -> Result<Arc<Transforms>, Error> {
    let missing = || Error::Usage("--transform-config is missing: give the configuration to try".to_owned());
    config.shape.transforms.clone().ok_or_else(missing)
}

fn key_of(path: &Path) -> Result<transform::Key, Error> {
    transform::Key::new(&bytes(path, "--transform-key-file")?)
        .map_err(|error| Error::Usage(format!("--transform-key-file {}: {error}", path.display())))
}

fn text(path: &Path, option: &str) -> Result<String, Error> {
    String::from_utf8(bytes(path, option)?)
        .map_err(|_| Error::Usage(format!("{option} {} cannot be read: it is not UTF-8", path.display())))
}

fn bytes(path: &Path, option: &str) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let unreadable =
        |error: std::io::Error| Error::Usage(format!("{option} {} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // One more byte shows that the file is too long: the rest must not be ignored silently.
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        let most = MOST >> 20;
        return Err(Error::Usage(format!(
            "{option} {} is larger than {most} MiB: check that it is the right file",
            path.display()
        )));
    }
    Ok(bytes)
}

fn dump_error(source_name: String, error: DumpError) -> Error {
    ConvertError::Dump { source_name, error }.into()
}
