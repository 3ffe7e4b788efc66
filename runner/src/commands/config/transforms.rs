//! What becomes of values: the files that say so.

use std::path::Path;

use super::usage;
use crate::base::error::Error;
use crate::commands::cli::LoadArgs;
use convert::transforms::Transforms;
use transform::{Draft, Key, Problems};

/// Longer files are no configurations.
const MOST: u64 = 16 << 20;

/// The transforms of a run; without a key, values can be found again by trying.
///
/// # Errors
/// [`Error::Usage`] with all that is wrong with the configuration, and for options that do not fit together.
pub fn of(args: &LoadArgs) -> Result<Option<Transforms>, Error> {
    let Some((config, key_file)) = files(args)? else { return Ok(None) };
    let config = draft(config)?.complete().map_err(refused)?;
    Ok(Some(Transforms::new(config, key(key_file)?)))
}

/// The transform configuration, and the key unless the run is to go without.
///
/// # Errors
/// [`Error::Usage`] for options that do not fit together.
pub fn files(args: &LoadArgs) -> Result<Option<(&Path, Option<&Path>)>, Error> {
    let options = &args.transforms;
    if options.require_decision && options.transform_config.is_none() {
        return Err(usage("--require-decision needs --transform-config, which contains the decisions"));
    }
    let Some(config) = &options.transform_config else {
        return match (&options.transform_key_file, options.insecure_unkeyed) {
            (None, false) => Ok(None),
            (Some(_), _) => Err(usage("--transform-key-file needs --transform-config")),
            (None, true) => Err(usage("--insecure-unkeyed needs --transform-config")),
        };
    };
    match (&options.transform_key_file, options.insecure_unkeyed) {
        (None, false) => Err(usage(
            "--transform-config needs --transform-key-file: without a key, originals can be found by trying a dictionary (`openssl rand -hex 32` makes a key; --insecure-unkeyed does without one)",
        )),
        (Some(_), true) => Err(usage("--transform-key-file and --insecure-unkeyed cannot be used together")),
        (key, _) => Ok(Some((config, key.as_deref()))),
    }
}

/// Reads a configuration that may have faults.
///
/// # Errors
/// [`Error::Usage`] if the file cannot be read, or nothing in it.
pub fn draft(config: &Path) -> Result<Draft, Error> {
    Draft::read(&config.display().to_string(), &text(config, "--transform-config")?).map_err(refused)
}

/// All problems, each on its line.
#[must_use]
pub fn refused(problems: Problems) -> Error {
    usage(problems.to_string())
}

/// Reads the key; none is the one that everybody has.
///
/// # Errors
/// [`Error::Usage`] if the file cannot be read, or is too short for a key.
pub fn key(path: Option<&Path>) -> Result<Key, Error> {
    let Some(path) = path else { return Ok(Key::insecure_unkeyed()) };
    Key::new(&bytes(path, "--transform-key-file")?)
        .map_err(|error| usage(format!("--transform-key-file {}: {error}", path.display())))
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
    // One byte more tells that there are more: what stands behind must not be missing silently.
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        let most = MOST >> 20;
        return Err(usage(format!(
            "{option} {} is larger than {most} MiB: check that it is the right file",
            path.display()
        )));
    }
    Ok(bytes)
}
