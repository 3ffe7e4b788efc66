//! The operator writes the runner's command line, and the runner's own parser reads it here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use operator::controller::build::arguments;
use operator::controller::validate::validate;
use runner::commands::cli::{Cli, OnError, Rows};
use serde_json::{Value, json};

fn arguments_of(spec: &Value) -> Vec<String> {
    let object = json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap",
        "metadata": {"namespace": "shop", "name": "eu", "uid": "2b6e"}, "spec": spec
    });
    let object = serde_json::from_value(object).unwrap();
    arguments(&validate(&object).unwrap())
}

fn parse(spec: &Value) -> Cli {
    let arguments = arguments_of(spec);
    let line = std::iter::once("pg-bootstrap-sync".to_owned()).chain(arguments.clone());
    Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{arguments:?}\n{error}"))
}

#[test]
fn the_smallest_object() {
    let cli = parse(&json!({
        "source": {"persistentVolumeClaim": {"claimName": "dumps", "path": "shop.sql"}}, "redis": {"url": "redis://redis:6379"}
    }));
    assert_eq!(cli.load.source.dump_file.as_deref(), Some("/dump/shop.sql"));
    assert_eq!(cli.load.resuming.run_id, "shop.eu");
    assert_eq!(cli.load.kv.kv_url.as_deref(), Some("redis://redis:6379"));
    assert_eq!(cli.load.changes.rows, Rows::Single);
    assert!(!cli.load.resuming.restart);
}

fn full() -> Value {
    let mut spec = most();
    let rest = json!({
        "noOwner": true, "noPrivileges": true, "keepKashoObjects": true,
        "errors": {"onError": "Skip", "maxErrors": 7, "rejectFile": {"claimName": "rejects", "path": "eu.jsonl"}},
        "workers": 3, "retryTimeout": "30m", "fullTimeout": "2h",
    });
    spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    spec
}

fn most() -> Value {
    json!({
        "source": {"database": "shop", "s3": {"bucket": "dumps", "key": "eu/shop.sql", "region": "eu-central-1", "endpoint": "https://minio:9000",
            "forcePathStyle": true, "credentialsSecretRef": {"name": "s3"}, "caBundle": {"configMapRef": {"name": "cas", "key": "s3"}}}},
        "snapshotLSN": "16/B374D848",
        "redis": {"urlSecretRef": {"name": "redis", "key": "url"}, "caBundle": {"configMapRef": {"name": "cas", "key": "redis"}},
            "clientCertificateSecretRef": {"name": "client"}, "key": "-set", "ttl": "48h", "memoryHighWater": "90%", "allowEviction": true, "minReplicas": 1},
        "sequence": {"first": 5, "gap": 10, "besideOtherRuns": true, "allowLiveEntries": true}, "rows": "Packed",
        "silentTriggers": true,
        "transform": {"configMapRef": {"name": "t", "key": "t"}, "keySecretRef": {"name": "t", "key": "key"}, "requireDecision": true},
        "tables": {"include": ["public.*", "-x"], "exclude": ["b"], "includeSchemas": ["c"], "excludeSchemas": ["d"], "sections": ["PostData"]}, "batchSize": 500, "maxRate": 1000, "maxBytesPerSecond": 1000000,
        "changeStream": {"address": "stream:50051", "snapshotName": "00000003-1"},
        "run": {"id": "again", "from": "Start"}, "runner": {"logFormat": "text"}
    })
}

#[test]
fn every_field() {
    let cli = parse(&full());
    assert_eq!(cli.load.source.dump_file.as_deref(), Some("s3://dumps/eu/shop.sql"));
    assert_eq!(cli.load.source.snapshot_lsn.as_deref(), Some("16/B374D848"));
    assert_eq!(cli.load.kv.kv_key, "-set");
    assert_eq!((cli.load.changes.first_sequence, cli.load.changes.sequence_gap), (Some(5), 10));
    assert_eq!(cli.load.selection.database.as_deref(), Some("shop"));
    assert_eq!(cli.load.selection.table, ["public.*", "-x"]);
    assert_eq!(
        (&*cli.load.selection.exclude_table, &*cli.load.selection.schema),
        (["b".to_owned()].as_slice(), ["c".to_owned()].as_slice())
    );
    assert_eq!((cli.load.selection.exclude_schema.len(), cli.load.selection.section.len()), (1, 1));
    assert_eq!(cli.load.changes.rows, Rows::Packed);
    assert_eq!(cli.load.speed.batch_size, 500);
    assert_eq!(cli.load.speed.max_rate, ["1000", "1000000B"]);
    assert_eq!(cli.load.redis.min_replicas, 1);
    assert_eq!(cli.load.speed.workers, Some(3));
    assert_eq!((cli.load.redis.retry_timeout.as_str(), cli.load.redis.full_timeout.as_str()), ("30m", "2h"));
    assert!(cli.load.redis.allow_eviction && cli.load.changes.no_owner && cli.load.changes.no_privileges);
    assert!(cli.load.kv.kv_cert_file.is_some() && cli.load.kv.kv_key_file.is_some());
    let errors = &cli.load.errors;
    assert_eq!((errors.on_error, errors.max_errors), (OnError::Skip, 7));
    assert_eq!(errors.reject_file.as_deref(), Some(std::path::Path::new("/rejects/eu.jsonl")));
}

/// What the runner is told of a dump in each place, other than on a volume.
#[test]
fn every_source() {
    let dump = |source: Value| {
        let mut spec = full();
        spec["source"] = source;
        parse(&spec).load.source
    };
    let gcs = dump(json!({"gcs": {"bucket": "dumps", "key": "shop.sql"}}));
    assert_eq!(gcs.dump_file.as_deref(), Some("gs://dumps/shop.sql"));
    let azure = dump(json!({"azure": {"account": "a", "container": "dumps", "key": "eu/"}}));
    assert_eq!(azure.dump_file.as_deref(), Some("az://dumps/eu/"));
    let bundle = json!({"configMapRef": {"name": "cas", "key": "ca"}});
    let https = dump(json!({"https": {"url": "https://dumps/shop.sql", "caBundle": bundle}}));
    assert_eq!(https.dump_file.as_deref(), Some("https://dumps/shop.sql"));
    assert!(https.store_ca_file.is_some());
}

/// The options of docs/operator.md that have no field, each with its reason.
fn without_a_field() -> BTreeSet<&'static str> {
    let page = include_str!("../../docs/operator.md");
    let (_, part) = page.split_once("## Options of the runner without a field").unwrap();
    let rows = part.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let (_, cells) = row.split_once("| ").unwrap();
        let (reason, options) = cells.split_once(" | ").unwrap();
        assert!(reason.len() > 20, "no reason: {row}");
        options.split('`').filter_map(|word| word.strip_prefix("--"))
    })
    .collect()
}

/// Whoever adds an option to the runner decides whether objects can choose it.
#[test]
fn every_option_has_a_field_or_a_reason() {
    let mut unkeyed = full();
    unkeyed["transform"] = json!({"configMapRef": {"name": "t", "key": "t"}, "insecureUnkeyed": true});
    unkeyed["redis"] = json!({"url": "redis://redis:6379"});
    unkeyed["source"] = json!({"https": {"urlSecretRef": {"name": "dump", "key": "url"}}});
    let lines = [full(), unkeyed].map(|spec| arguments_of(&spec)).concat();
    let passed: BTreeSet<&str> = lines
        .iter()
        .filter_map(|argument| argument.strip_prefix("--"))
        .map(|argument| argument.split_once('=').map_or(argument, |(name, _)| name))
        .collect();
    let command = Cli::command();
    let all: BTreeSet<&str> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .filter_map(clap::Arg::get_long)
        .filter(|name| !["help", "version"].contains(name))
        .collect();
    let excused = without_a_field();
    let both: Vec<_> = passed.intersection(&excused).collect();
    assert!(both.is_empty(), "have a field, and a reason why they have none: {both:?}");
    let known: BTreeSet<&str> = passed.union(&excused).copied().collect();
    assert_eq!(all, known);
}
