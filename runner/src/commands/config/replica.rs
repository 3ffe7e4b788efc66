//! The database that a load fills instead of Redis.

use std::time::Duration;

use replica::{Address, AddressError, ConnectOptions};

use super::{connection, duration, rejects, ttl, usage};
use crate::base::error::Error;
use crate::commands::cli::{ApplyArgs, LoadArgs, Publish, ReplicaOptions, Rows, Translicator};
use crate::load::change_stream::ChangeStream;
use crate::load::config::{Apply, HandOver};
use crate::load::sink::places::Places;
use crate::load::sink::target::{RedisTarget, ReplicaTarget};
use convert::shape::DDL_TIME;

/// Options that concern Redis, or what a database does not have yet, and whether each was given.
fn refused(args: &LoadArgs) -> Vec<(&'static str, bool)> {
    let LoadArgs { kv, redis, instead, changes, resuming, stream, status, speed, source, .. } = args;
    vec![
        ("--kv-url", kv.kv_url.is_some()),
        ("--kv-username", kv.kv_username.is_some()),
        ("--kv-password-file", kv.kv_password_file.is_some()),
        ("--kv-ca-file", kv.kv_ca_file.is_some()),
        ("--kv-cert-file", kv.kv_cert_file.is_some()),
        ("--kv-key", kv.kv_key != "kasho:changes"),
        ("--ttl", redis.ttl != "24h"),
        ("--publish", redis.publish == Publish::Always),
        ("--allow-eviction", redis.allow_eviction),
        ("--beside-other-runs", redis.beside_other_runs),
        ("--allow-live-entries", redis.allow_live_entries),
        ("--min-replicas", redis.min_replicas != 0),
        ("--memory-high-water", redis.memory_high_water.is_some()),
        ("--full-timeout", redis.full_timeout != "1h"),
        ("--output", instead.output.is_some()),
        ("--dry-run", instead.dry_run),
        ("--rows", changes.rows != Rows::Single),
        ("--first-sequence", changes.first_sequence.is_some()),
        ("--sequence-gap", changes.sequence_gap != 1000),
        ("--ddl-time", changes.ddl_time != DDL_TIME),
        ("--snapshot-lsn", source.snapshot_lsn.is_some()),
        ("--checkpoint", resuming.checkpoint.is_some()),
        ("--resume-from", resuming.resume_from.is_some()),
        ("--restart", resuming.restart),
        ("--restart-once", resuming.restart_once.is_some()),
        ("--change-stream", stream.change_stream.is_some()),
        ("--status-resource", status.status_resource.is_some()),
        ("--batch-size", speed.batch_size != 1000),
        ("--max-rate", !speed.max_rate.is_empty()),
    ]
}

/// The database, if one is to be filled.
///
/// # Errors
/// [`Error::Usage`] for an address that cannot be used, and for options that do not go with it.
pub(super) fn target(args: &LoadArgs) -> Result<Option<ReplicaTarget>, Error> {
    let options = &args.replica;
    let Some(url) = &options.replica_url else {
        let given = [
            ("--replica-password-file", options.replica_password_file.is_some()),
            ("--into-existing", options.into_existing),
            ("--analyze", options.analyze),
            ("--forget", options.forget),
            ("--jobs", options.jobs.is_some()),
        ];
        return match given.iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(usage(format!("{option} needs --replica-url, the database to fill"))),
            None => Ok(None),
        };
    };
    if let Some((option, _)) = refused(args).into_iter().find(|(_, given)| *given) {
        return Err(usage(format!(
            "{option} does not go with --replica-url, which fills a PostgreSQL database: leave out one of the two"
        )));
    }
    let retry = duration("--retry-timeout", &args.redis.retry_timeout)?;
    of(options, url, &args.resuming.run_id, retry, Places::Lines).map(Some)
}

fn of(
    options: &ReplicaOptions,
    url: &str,
    run: &str,
    retry: Duration,
    places: Places,
) -> Result<ReplicaTarget, Error> {
    let variable = |name: &str| std::env::var(name).ok();
    let address = Address::parse(url, &variable).map_err(|error| unusable(&error))?;
    Ok(ReplicaTarget {
        connect: ConnectOptions { address, password_file: options.replica_password_file.clone() },
        run: run.to_owned(),
        retry,
        into_existing: options.into_existing,
        analyze: options.analyze,
        forget: options.forget,
        jobs: options.jobs.map_or(1, usize::from),
        places,
    })
}

/// Checks the options of `apply`.
///
/// # Errors
/// [`Error::Usage`], which names the option and the values that it takes.
pub fn apply(args: &ApplyArgs) -> Result<Apply, Error> {
    let retry = duration("--retry-timeout", &args.retry_timeout)?;
    let missing = || {
        usage(
            "--replica-url (or PGBOOTSTRAP_REPLICA_URL) is missing: give the address of the database to fill",
        )
    };
    let url = args.replica.replica_url.as_deref().ok_or_else(missing)?;
    let (mut connect, keys) = connection(&args.kv)?;
    connect.connect_timeout = connect.connect_timeout.min(retry);
    Ok(Apply {
        redis: RedisTarget {
            connect,
            keys,
            ttl: ttl(&args.ttl)?,
            run: args.run_id.clone(),
            publish: false,
            allow_eviction: false,
            min_replicas: 0,
            beside_other_runs: false,
            allow_live_entries: false,
            high_water: None,
            retry,
            full: retry,
        },
        replica: of(&args.replica, url, &args.run_id, retry, Places::Changes)?,
        rejects: rejects(&args.errors)?,
        hand_over: hand_over(args, retry)?,
    })
}

fn hand_over(args: &ApplyArgs, retry: Duration) -> Result<Option<HandOver>, Error> {
    let options = &args.hand_over;
    let Some(address) = &options.change_stream else { return Ok(None) };
    if args.replica.forget {
        return Err(usage(
            "--forget does not go with --complete-bootstrap, which goes on by the record after a crash",
        ));
    }
    ChangeStream::endpoint(address).map_err(|what| usage(format!("--change-stream {address}: {what}")))?;
    Ok(Some(HandOver {
        stream: ChangeStream {
            address: address.clone(),
            start: false,
            complete: true,
            // The run in Redis has it.
            position: None,
            snapshot_name: None,
            retry,
        },
        patience: duration("--translicator-timeout", &options.translicator_timeout)?,
        unseen: options.translicator == Translicator::UnknownIsFine,
    }))
}

fn unusable(error: &AddressError) -> Error {
    usage(format!("--replica-url cannot be used: {error}"))
}

/// Refuses a database where a command is about the dump alone.
///
/// # Errors
/// [`Error::Usage`].
pub fn only_for_load(args: &LoadArgs, command: &str) -> Result<(), Error> {
    match args.replica.replica_url {
        Some(_) => {
            Err(usage(format!("{command} does not take --replica-url: only load, apply and verify do")))
        }
        None => Ok(()),
    }
}
