//! The operator writes the runner's command line, and the runner's own parser reads it here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use clap::Parser;
use operator::controller::build::arguments;
use operator::controller::validate::validate;
use runner::commands::cli::{Cli, Rows};
use serde_json::{Value, json};

fn parse(spec: Value) -> Cli {
    let object = json!({
        "apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap",
        "metadata": {"namespace": "shop", "name": "eu", "uid": "2b6e"}, "spec": spec
    });
    let object = serde_json::from_value(object).unwrap();
    let arguments = arguments(&validate(&object).unwrap());
    let line = std::iter::once("pg-bootstrap-sync".to_owned()).chain(arguments.clone());
    Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{arguments:?}\n{error}"))
}

#[test]
fn the_smallest_object() {
    let cli = parse(json!({
        "source": {"persistentVolumeClaim": {"claimName": "dumps", "path": "shop.sql"}}, "redis": {"url": "redis://redis:6379"}
    }));
    assert_eq!(cli.load.source.dump_file.as_deref(), Some("/dump/shop.sql"));
    assert_eq!(cli.load.resuming.run_id, "shop.eu");
    assert_eq!(cli.load.kv.kv_url.as_deref(), Some("redis://redis:6379"));
    assert_eq!(cli.load.changes.rows, Rows::Single);
    assert!(!cli.load.resuming.restart);
}

#[test]
fn every_field() {
    let cli = parse(json!({
        "source": {"database": "shop", "s3": {"bucket": "dumps", "key": "eu/shop.sql", "region": "eu-central-1", "endpoint": "https://minio:9000",
            "forcePathStyle": true, "credentialsSecretRef": {"name": "s3"}, "caBundle": {"configMapRef": {"name": "cas", "key": "s3"}}}},
        "snapshotLSN": "16/B374D848",
        "redis": {"urlSecretRef": {"name": "redis", "key": "url"}, "caBundle": {"configMapRef": {"name": "cas", "key": "redis"}},
            "key": "-set", "ttl": "48h", "memoryHighWater": "90%"},
        "sequence": {"first": 5, "gap": 10}, "rows": "Packed",
        "tables": {"include": ["public.*", "-x"], "exclude": ["b"], "includeSchemas": ["c"], "excludeSchemas": ["d"], "sections": ["PostData"]}, "batchSize": 500, "maxRate": 1000,
        "changeStream": {"address": "stream:50051", "snapshotName": "00000003-1"},
        "run": {"id": "again", "from": "Start"}, "runner": {"logFormat": "text"}
    }));
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
    assert_eq!((cli.load.speed.batch_size, cli.load.speed.max_rate), (500, Some(1000)));
}
