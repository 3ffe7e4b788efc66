//! The services that the run notifies: the change stream and Kubernetes.

use kvbuffer::Lsn;

use super::{duration, usage};
use crate::base::error::Error;
use crate::commands::cli::LoadArgs;
use crate::load::change_stream::ChangeStream;
use crate::show::status::StatusObject;

/// The change stream, and when to notify it.
pub(super) fn change_stream(args: &LoadArgs, position: Option<Lsn>) -> Result<Option<ChangeStream>, Error> {
    let Some(address) = &args.change_stream else {
        let given = [
            ("--start-bootstrap", args.start_bootstrap),
            ("--complete-bootstrap", args.complete_bootstrap),
            ("--snapshot-name", args.snapshot_name.is_some()),
        ];
        return match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(usage(format!("{option} needs --change-stream, the service to notify"))),
            None => Ok(None),
        };
    };
    if args.output.is_some() || args.dry_run {
        return Err(usage("--change-stream needs Redis, from which it streams"));
    }
    ChangeStream::endpoint(address).map_err(|what| usage(format!("--change-stream {address}: {what}")))?;
    if !args.start_bootstrap && !args.complete_bootstrap {
        return Err(usage("--change-stream needs --start-bootstrap, --complete-bootstrap or both"));
    }
    if args.start_bootstrap && position.is_none() {
        return Err(usage("--start-bootstrap needs --snapshot-lsn, from which the stream keeps changes"));
    }
    if args.snapshot_name.is_some() && !args.start_bootstrap {
        return Err(usage("--snapshot-name needs --start-bootstrap"));
    }
    Ok(Some(ChangeStream {
        address: address.clone(),
        start: args.start_bootstrap,
        complete: args.complete_bootstrap,
        position,
        snapshot_name: args.snapshot_name.clone(),
        retry: duration("--retry-timeout", &args.retry_timeout)?,
    }))
}

/// The object whose status the run writes.
pub fn status(args: &LoadArgs) -> Result<Option<StatusObject>, Error> {
    let (Some(resource), Some(run_id)) = (&args.status_resource, &args.status_run_id) else {
        return Ok(None);
    };
    let is_name = |name: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        !name.is_empty() && name.chars().all(allowed)
    };
    match resource.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(Some(StatusObject {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            run_id: run_id.clone(),
            uid: args.status_uid.clone(),
        })),
        _ => Err(usage(format!("--status-resource {resource:?} is not of the form NAMESPACE/NAME"))),
    }
}
