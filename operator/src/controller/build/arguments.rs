//! The runner's command line. It never contains secrets.

use crds::v1alpha1::{LogFormat, OnError, RowForm, RunFrom, Section};

use super::paths::{
    DUMP_MOUNT, DUMP_URL_FILE, METRICS_PORT, REDIS_CA_FILE, REDIS_CERT_FILE, REDIS_KEY_FILE, REJECT_MOUNT,
    STORE_CA_FILE, TRANSFORM_FILE, TRANSFORM_KEY_FILE,
};
use crate::controller::validate::{Address, Source, Validated};
use crate::names;

/// Arguments of `pg-bootstrap-sync`. Each value is in the same word as its option, so that no value is taken for an
/// option.
#[must_use]
pub fn arguments(object: &Validated) -> Vec<String> {
    let mut all = Vec::new();
    source(object, &mut all);
    redis(object, &mut all);
    tables(object, &mut all);
    rows(object, &mut all);
    errors(object, &mut all);
    speed(object, &mut all);
    run(object, &mut all);
    change_stream(object, &mut all);
    escaped(&all)
}

/// Arguments that delete the runs of the object in Redis.
#[must_use]
pub(super) fn purge_arguments(object: &Validated) -> Vec<String> {
    let mut all = vec!["ranges".to_owned(), "purge".to_owned(), "--ignore-not-found".to_owned()];
    connection(object, &mut all);
    add(&mut all, "run-id", Some(names::redis_run(&object.namespace, &object.name)));
    escaped(&all)
}

/// The kubelet would replace $(NAME) with variables, among them Secrets, and $$ with $.
fn escaped(all: &[String]) -> Vec<String> {
    all.iter().map(|argument| argument.replace('$', "$$")).collect()
}

/// Adds the flags that are wanted.
fn add_flags<const N: usize>(all: &mut Vec<String>, flags: [(&str, bool); N]) {
    all.extend(flags.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| format!("--{name}")));
}

/// Adds `--name=value` if there is a value.
fn add(all: &mut Vec<String>, name: &str, value: Option<impl std::fmt::Display>) {
    all.extend(value.map(|value| format!("--{name}={value}")));
}

fn source(object: &Validated, all: &mut Vec<String>) {
    match &object.source {
        Source::Volume(claim) => add(all, "dump-file", Some(format!("{DUMP_MOUNT}/{}", claim.path))),
        Source::S3(s3) => {
            add(all, "dump-file", Some(format!("s3://{}/{}", s3.bucket, s3.key)));
            add(all, "s3-region", s3.region.as_ref());
            add(all, "store-endpoint", s3.endpoint.as_ref());
            add_flags(all, [("s3-path-style", s3.force_path_style == Some(true))]);
            add(all, "store-ca-file", s3.ca_bundle.as_ref().map(|_| STORE_CA_FILE));
        }
        Source::Gcs(gcs) => add(all, "dump-file", Some(format!("gs://{}/{}", gcs.bucket, gcs.key))),
        Source::Azure(azure) => {
            add(all, "dump-file", Some(format!("az://{}/{}", azure.container, azure.key)));
        }
        Source::Https(address, bundle) => {
            match address {
                Address::Url(url) => add(all, "dump-file", Some(url)),
                Address::Secret(..) => add(all, "dump-url-file", Some(DUMP_URL_FILE)),
            }
            add(all, "store-ca-file", bundle.as_ref().map(|_| STORE_CA_FILE));
        }
    }
    add(all, "snapshot-lsn", object.spec.snapshot_lsn.as_ref());
}

/// How to reach Redis, and which set it is.
fn connection(object: &Validated, all: &mut Vec<String>) {
    let redis = &object.spec.redis;
    if let Address::Url(url) = &object.address {
        add(all, "kv-url", Some(url));
    }
    add(all, "kv-ca-file", redis.ca_bundle.as_ref().map(|_| REDIS_CA_FILE));
    let certificate = redis.client_certificate_secret_ref.as_ref();
    add(all, "kv-cert-file", certificate.map(|_| REDIS_CERT_FILE));
    add(all, "kv-key-file", certificate.map(|_| REDIS_KEY_FILE));
    add(all, "kv-key", redis.key.as_ref());
}

fn redis(object: &Validated, all: &mut Vec<String>) {
    connection(object, all);
    let redis = &object.spec.redis;
    add(all, "ttl", redis.ttl.as_ref());
    add(all, "memory-high-water", redis.memory_high_water.as_ref());
    add_flags(all, [("allow-eviction", redis.allow_eviction)]);
    add(all, "min-replicas", redis.min_replicas);
}

fn tables(object: &Validated, all: &mut Vec<String>) {
    add(all, "database", object.spec.source.database.as_ref());
    let Some(tables) = &object.spec.tables else { return };
    let lists = [
        ("table", &tables.include),
        ("exclude-table", &tables.exclude),
        ("schema", &tables.include_schemas),
        ("exclude-schema", &tables.exclude_schemas),
    ];
    for (name, patterns) in lists {
        patterns.iter().for_each(|pattern| add(all, name, Some(pattern)));
    }
    for section in &tables.sections {
        let name = match section {
            Section::PreData => "pre-data",
            Section::Data => "data",
            Section::PostData => "post-data",
        };
        add(all, "section", Some(name));
    }
}

fn rows(object: &Validated, all: &mut Vec<String>) {
    let packed = object.spec.rows == RowForm::Packed;
    add(all, "rows", packed.then_some("packed"));
    let flags = [
        ("silent-triggers", object.spec.silent_triggers),
        ("no-owner", object.spec.no_owner),
        ("no-privileges", object.spec.no_privileges),
        ("keep-kasho-objects", object.spec.keep_kasho_objects),
    ];
    add_flags(all, flags);
    let Some(transform) = &object.spec.transform else { return };
    add(all, "transform-config", Some(TRANSFORM_FILE));
    add(all, "transform-key-file", transform.key_secret_ref.as_ref().map(|_| TRANSFORM_KEY_FILE));
    let flags =
        [("insecure-unkeyed", transform.insecure_unkeyed), ("require-decision", transform.require_decision)];
    add_flags(all, flags);
}

fn errors(object: &Validated, all: &mut Vec<String>) {
    let Some(errors) = &object.spec.errors else { return };
    add(all, "on-error", (errors.on_error == OnError::Skip).then_some("skip"));
    add(all, "max-errors", errors.max_errors);
    add(all, "reject-file", errors.reject_file.as_ref().map(|file| format!("{REJECT_MOUNT}/{}", file.path)));
}

fn speed(object: &Validated, all: &mut Vec<String>) {
    let spec = &object.spec;
    add(all, "first-sequence", spec.sequence.as_ref().and_then(|sequence| sequence.first));
    add(all, "sequence-gap", spec.sequence.as_ref().and_then(|sequence| sequence.gap));
    if let Some(sequence) = &spec.sequence {
        let flags = [
            ("beside-other-runs", sequence.beside_other_runs),
            ("allow-live-entries", sequence.allow_live_entries),
        ];
        add_flags(all, flags);
    }
    add(all, "batch-size", spec.batch_size);
    add(all, "workers", spec.workers);
    add(all, "max-rate", spec.max_rate);
    add(all, "max-rate", spec.max_bytes_per_second.map(|bytes| format!("{bytes}B")));
    add(all, "retry-timeout", spec.retry_timeout.as_ref());
    add(all, "full-timeout", spec.full_timeout.as_ref());
}

fn run(object: &Validated, all: &mut Vec<String>) {
    add(all, "run-id", Some(names::redis_run(&object.namespace, &object.name)));
    add(all, "status-resource", Some(format!("{}/{}", object.namespace, object.name)));
    add(all, "status-run-id", Some(object.run()));
    add(all, "status-uid", Some(&object.uid));
    // Not by the object's UID: an object that was restored from a backup, or into another cluster, has another one.
    add(all, "restart-once", (object.spec.run.from == RunFrom::Start).then(|| object.run()));
    let format = match object.spec.runner.as_ref().and_then(|runner| runner.log_format) {
        Some(LogFormat::Text) => "text",
        Some(LogFormat::Json) | None => "json",
    };
    add(all, "log-format", Some(format));
    add(all, "progress", Some("never"));
    add(all, "metrics-addr", Some(format!("0.0.0.0:{METRICS_PORT}")));
}

fn change_stream(object: &Validated, all: &mut Vec<String>) {
    let Some(stream) = &object.spec.change_stream else { return };
    add(all, "change-stream", Some(&stream.address));
    add_flags(all, [("start-bootstrap", stream.start), ("complete-bootstrap", stream.complete)]);
    add(all, "snapshot-name", stream.snapshot_name.as_ref().filter(|_| stream.start));
}
