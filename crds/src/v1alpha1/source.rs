//! Where the dump comes from and where its changes go.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the dump is: on a volume, or in S3.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.persistentVolumeClaim) != has(self.s3)").message("exactly one of persistentVolumeClaim and s3 must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// A file on a volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaimSource>,
    /// An object in S3, or in something that speaks its protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Source>,
    /// The database to load, of a dump of several as pg_dumpall writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub database: Option<String>,
}

/// A file on a volume, which is mounted for reading only.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaimSource {
    /// The claim, in this object's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// The file's path in the volume, like `dumps/shop.sql.zst`.
    #[x_kube(validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(part, part == '..')").message("path is relative to the volume's root: it has no / in front and no .. in it"))]
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
}

/// An object in S3.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct S3Source {
    /// The bucket.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub bucket: String,
    /// The object's key.
    #[x_kube(validation = Rule::new("self.split('/').all(part, part != '' && part != '.' && part != '..')").message("key has no / at its beginning or end, no two of them in a row, and no part . or ..: the runner cannot name such an object"))]
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// The region, like `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// Where to ask instead of AWS, like `https://minio.storage:9000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^@/ ]+(/[^@ ]*)?$"))]
    pub endpoint: Option<String>,
    /// Name the bucket in the path of a URL, not in its host, as many servers other than AWS want it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_path_style: Option<bool>,
    /// A Secret with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if need be, `AWS_SESSION_TOKEN`.
    /// Without it the pod's own identity counts: see `runner.serviceAccountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
    /// Certificates (PEM) to trust for the endpoint instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
}

/// The Redis that holds the change buffer. Exactly one of `url` and `urlSecretRef` is set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.url) != has(self.urlSecretRef)").message("exactly one of url and urlSecretRef must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct RedisSpec {
    /// The URL, without a password, like `redis://redis:6379`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!self.matches('://[^@]*:[^@]*@') && !self.matches('[?&]pass(word)?=')").message("url holds a password, which everybody who may read this object would see: put the URL into a Secret and name it in urlSecretRef"))]
    #[schemars(
        length(max = 1024),
        regex(pattern = r"^(redis|rediss|redis\+unix|redis-sentinel|redis-cluster)://[^ ]+$")
    )]
    pub url: Option<String>,
    /// The key of a Secret that holds the URL, with its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<KeyReference>,
    /// Certificates (PEM) to trust for Redis instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
    /// The sorted set. The runner's default is `kasho:changes`, which is the one that Kasho's services read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub key: Option<String>,
    /// Time to live of the set, renewed by every write and while the run waits, like `24h`. The runner's default is
    /// `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[0-9]{1,9}(\.[0-9]+)?(ms|s|m|h|d)?$"))]
    pub ttl: Option<String>,
    /// Wait while Redis uses more than this: bytes, like `8GiB`, or a share of its maxmemory, like `90%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[0-9]+(\.[0-9]+)?(%|B|KiB|MiB|GiB|TiB)?$"))]
    pub memory_high_water: Option<String>,
}

/// Certificates to trust.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CaBundle {
    /// The key of a ConfigMap that holds them as PEM.
    pub config_map_ref: KeyReference,
}

/// A key of a Secret or a ConfigMap in this object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeyReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A Secret in this object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
