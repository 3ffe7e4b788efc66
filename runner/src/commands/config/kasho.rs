//! The services that the run notifies: the change stream and Kubernetes.

use kvbuffer::Lsn;

use super::{duration, usage};
use crate::base::error::Error;
use crate::commands::cli::LoadArgs;
use crate::load::change_stream::ChangeStream;
use crate::show::status::StatusObject;

/// The change stream, and when to notify it.
pub(super) fn change_stream(args: &LoadArgs, position: Option<Lsn>) -> Result<Option<ChangeStream>, Error> {
    let options = &args.stream;
    let Some(address) = &options.change_stream else {
        let given = [
            ("--start-bootstrap", options.start_bootstrap),
            ("--complete-bootstrap", options.complete_bootstrap),
            ("--snapshot-name", options.snapshot_name.is_some()),
        ];
        return match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(usage(format!("{option} needs --change-stream, the service to notify"))),
            None => Ok(None),
        };
    };
    if args.instead.output.is_some() || args.instead.dry_run {
        return Err(usage("--change-stream needs Redis, from which it streams"));
    }
    ChangeStream::endpoint(address).map_err(|what| usage(format!("--change-stream {address}: {what}")))?;
    if !options.start_bootstrap && !options.complete_bootstrap {
        return Err(usage("--change-stream needs --start-bootstrap, --complete-bootstrap or both"));
    }
    if options.start_bootstrap && position.is_none() {
        return Err(usage("--start-bootstrap needs --snapshot-lsn, from which the stream keeps changes"));
    }
    if options.snapshot_name.is_some() && !options.start_bootstrap {
        return Err(usage("--snapshot-name needs --start-bootstrap"));
    }
    Ok(Some(ChangeStream {
        address: address.clone(),
        start: options.start_bootstrap,
        complete: options.complete_bootstrap,
        position,
        snapshot_name: options.snapshot_name.clone(),
        retry: duration("--retry-timeout", &args.redis.retry_timeout)?,
    }))
}

/// The object whose status the run writes.
pub fn status(args: &LoadArgs) -> Result<Option<StatusObject>, Error> {
    let (Some(resource), Some(run_id)) = (&args.status.status_resource, &args.status.status_run_id) else {
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
            uid: args.status.status_uid.clone(),
        })),
        _ => Err(usage(format!("--status-resource {resource:?} is not of the form NAMESPACE/NAME"))),
    }
}
