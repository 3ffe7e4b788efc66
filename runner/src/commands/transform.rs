//! The commands of `transform`, which check a configuration against a dump; and the same check before a load.
//!
//! ```text
//! file, key ─▶ Transforms ─▶ prepare: a reading of the dump for its constraints ─▶ resolved ─▶ TablePlan ─▶ rows
//! ```

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kvbuffer::Sequence;

use crate::base::aside::aside;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::commands::cli::{LoadArgs, TransformOptions};
use crate::commands::config::transforms;
use crate::commands::inspect;
use crate::load::config::Config;
use crate::read::walk::Walk;
use convert::definitions::Definitions;
use convert::error::{DumpError, Error as ConvertError};
use convert::planner;
use convert::shape::Shape;
use convert::tables::Found;

pub mod preview;

/// The configuration of a run, with its transforms resolved. Where the dump can be read again, it is read once for that; a
/// configuration that is resolved already needs none.
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
    undecided(&transform::undecided(config, &found.findings)).map_or(Ok(()), |what| Err(Error::Usage(what)))
}

/// What is wrong where columns that look personal have no entry.
fn undecided(open: &[&transform::Finding]) -> Option<String> {
    if open.is_empty() {
        return None;
    }
    let lines: Vec<_> = open
        .iter()
        .map(|finding| format!("\n  {}.{}: {}", finding.table, finding.column, finding.reason))
        .collect();
    Some(format!(
        "--require-decision: {} columns look personal and have no entry in the transform configuration; give each a transform or `keep`:{}",
        open.len(),
        lines.concat()
    ))
}

/// Reads the whole dump for its definitions, and a sample of its rows if `suggest` is set.
///
/// # Errors
/// As reading.
pub async fn find(config: &Config, sample: bool, stop: &Stop) -> Result<Found, Error> {
    let task = config.task_without_transforms();
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
    let task = config.task_without_transforms();
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

/// The configuration, resolved by the dump's constraints, as YAML.
///
/// # Errors
/// [`Error::Usage`] with all that is wrong with the file or does not suit the dump, and as reading.
pub async fn check(args: &LoadArgs, stop: &Stop) -> Result<String, Error> {
    let (file, key_file) = transforms::files(args)?.ok_or_else(missing)?;
    let draft = transforms::draft(file)?;
    // What is wrong with the file is known without key and dump.
    let faults_or = |error: Error| match error {
        Error::Stopped(_) => error,
        _ => draft.clone().complete().map_or_else(transforms::refused, |_| error),
    };
    let key = transforms::key(key_file).map_err(faults_or)?;
    // The dump is read as it is.
    let as_it_is = LoadArgs { transforms: TransformOptions::default(), ..args.clone() };
    let config = inspect::config(&as_it_is).map_err(faults_or)?;
    let require_decision = args.transforms.require_decision;
    let found = find(&config, require_decision, stop).await.map_err(faults_or)?;
    let checked = draft.check(&found.tables, &found.keys, &key);
    let open = if require_decision { undecided(&checked.undecided(&found.findings)) } else { None };
    match checked.complete() {
        Ok((config, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            report_new(&config, &found);
            open.map_or_else(|| Ok(config.to_yaml()), |open| Err(Error::Usage(open)))
        }
        Err(problems) => {
            let all = [Some(problems.to_string()), open];
            Err(Error::Usage(all.into_iter().flatten().collect::<Vec<_>>().join("\n")))
        }
    }
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
    if config.shape.transforms.is_none() {
        return Err(missing());
    }
    let config = prepare(config, stop).await?;
    let task = config.task(Sequence::FIRST);
    let walk = move |stop: &AtomicBool| {
        let mut preview = preview::Preview::new(rows);
        let walk = Walk::begin(&task, &task.location.name())?;
        walk.transformed(stop, |block, slab| preview.see(block, slab))?;
        Ok(preview.text())
    };
    aside(walk, stop).await
}

fn missing() -> Error {
    Error::Usage("--transform-config is missing: give the configuration to try".to_owned())
}

fn dump_error(source_name: String, error: DumpError) -> Error {
    ConvertError::Dump { source_name, error }.into()
}
