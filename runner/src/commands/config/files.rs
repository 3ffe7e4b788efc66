//! The files that a load reads and writes. No two of them may be the same file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::commands::cli::LoadArgs;
use source::Location;

/// A file and the option that names it.
struct Named<'a> {
    option: &'static str,
    path: &'a Path,
    written: bool,
}

/// Checks that no output overwrites the dump or another file that is read or written.
///
/// # Errors
/// [`Error::Usage`], which names both options.
pub(super) fn check(args: &LoadArgs, location: &Location) -> Result<(), Error> {
    let files = named(args, location);
    for (index, file) in files.iter().enumerate() {
        let same = |other: &&Named<'_>| (file.written || other.written) && is_same(file, other);
        if let Some(other) = files[index + 1..].iter().find(same) {
            return Err(Error::Usage(format!(
                "{} and {} are the same file, {}: one would overwrite the other",
                file.option,
                other.option,
                other.path.display()
            )));
        }
    }
    Ok(())
}

fn named<'a>(args: &'a LoadArgs, location: &'a Location) -> Vec<Named<'a>> {
    let dump = match location {
        Location::File(path) | Location::Folder(path) => Some(path.as_path()),
        Location::Object(_) | Location::Pipe(_) => None,
    };
    let output = args.instead.output.as_deref().filter(|path| *path != "-").map(Path::new);
    let files = [
        ("--dump-file", dump, false),
        ("--kv-password-file", args.kv.kv_password_file.as_deref(), false),
        ("--kv-ca-file", args.kv.kv_ca_file.as_deref(), false),
        ("--kv-cert-file", args.kv.kv_cert_file.as_deref(), false),
        ("--kv-key-file", args.kv.kv_key_file.as_deref(), false),
        ("--replica-password-file", args.replica.replica_password_file.as_deref(), false),
        ("--dump-url-file", args.source.dump_url_file.as_deref(), false),
        ("--store-ca-file", args.source.ca_file(), false),
        ("--use-list", args.selection.use_list.as_deref(), false),
        ("--resume-from", args.resuming.resume_from.as_deref(), false),
        ("--output", output, true),
        ("--reject-file", args.errors.reject_file.as_deref(), true),
        ("--checkpoint", args.resuming.checkpoint.as_deref(), true),
    ];
    let present = |(option, path, written)| Some(Named { option, path: path?, written });
    files.into_iter().filter_map(present).collect()
}

fn is_same(a: &Named<'_>, b: &Named<'_>) -> bool {
    // Resuming from a checkpoint file and writing the next checkpoint to the same file is allowed.
    if (a.option, b.option) == ("--resume-from", "--checkpoint") {
        return false;
    }
    match (a.path.metadata(), b.path.metadata()) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(_), Err(_)) => resolved(a.path) == resolved(b.path),
        _ => false,
    }
}

/// The canonical path of a file that does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    path.file_name().map_or_else(|| path.to_owned(), |name| folder.join(name))
}
