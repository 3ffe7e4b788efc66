//! The source of the dump, and the Redis that the changes are written to.

#![expect(unreachable_pub, reason = "KubeSchema puts a public copy of a type into a function")]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time span in the form that the runner takes.
pub(super) const DURATION: &str = r"^[0-9]{1,9}(\.[0-9]+)?(ms|s|m|h|d)?$";

/// What the runner cannot address as an object.
const KEY: &str = "(self.endsWith('/') ? self.substring(0, size(self) - 1) : self).split('/').all(part, part != '' && part != '.' && part != '..')";
const KEY_REFUSED: &str = "key must not begin with /, and must not contain //, or . or .. as a part: the runner cannot address such an object";
const BUCKET: &str = r"^[A-Za-z0-9][A-Za-z0-9._-]*$";

/// Where the dump is: on a volume, in an object store, or on a web server. Exactly one of these must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("[has(self.persistentVolumeClaim), has(self.s3), has(self.gcs), has(self.azure), has(self.https)].filter(one, one).size() == 1").message("exactly one of persistentVolumeClaim, s3, gcs, azure and https must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// A file on a volume. The volume is mounted read-only, unless the same claim has the reject file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaimSource>,
    /// An object in S3, or in a compatible service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<Box<S3Source>>,
    /// An object in Google Cloud Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsSource>,
    /// An object in Azure Blob Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureSource>,
    /// A file of a web server, which must give ETags and ranges. Its URL may be a presigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<HttpsSource>,
    /// The database to load, if the dump contains several, as pg_dumpall writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub database: Option<String>,
}

/// A file on a volume.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaimSource {
    /// The claim, in this object's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// The file's path in the volume, like `dumps/shop.sql.zst`. A dump may also be a directory: an archive.
    #[x_kube(validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(part, part == '..')").message("path is relative to the volume's root: it must not begin with / or contain .."))]
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
}

/// An object in S3.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct S3Source {
    /// The bucket.
    #[schemars(length(min = 1, max = 255), regex(pattern = BUCKET))]
    pub bucket: String,
    /// The object's key. One that ends with `/` means the objects below it, which are an archive in the directory
    /// format.
    #[x_kube(validation = Rule::new(KEY).message(KEY_REFUSED))]
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// The region, like `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// URL of an S3 service other than AWS, like `https://minio.storage:9000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^@/\s\x00]+(/[^@\s\x00]*)?$"))]
    pub endpoint: Option<String>,
    /// Put the bucket into the path of the URL instead of its host. Many services other than AWS need this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_path_style: Option<bool>,
    /// A Secret with the keys `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and optionally `AWS_SESSION_TOKEN`. By
    /// default the identity of the pod is used: see `runner.serviceAccountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
    /// Certificates (PEM) to trust for the endpoint instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
}

/// An object in Google Cloud Storage.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GcsSource {
    /// The bucket.
    #[schemars(length(min = 1, max = 255), regex(pattern = BUCKET))]
    pub bucket: String,
    /// The object's name. One that ends with `/` means the objects below it, as in `s3`.
    #[x_kube(validation = Rule::new(KEY).message(KEY_REFUSED))]
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// A Secret with the key `GOOGLE_SERVICE_ACCOUNT_KEY`: a service account's key, in JSON. By default the identity of
    /// the pod is used: see `runner.serviceAccountName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}

/// An object in Azure Blob Storage.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AzureSource {
    /// The storage account.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9]+$"))]
    pub account: String,
    /// The container.
    #[schemars(length(min = 1, max = 255), regex(pattern = BUCKET))]
    pub container: String,
    /// The blob's name. One that ends with `/` means the blobs below it, as in `s3`.
    #[x_kube(validation = Rule::new(KEY).message(KEY_REFUSED))]
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// A Secret with one of the keys `AZURE_STORAGE_ACCOUNT_KEY` and `AZURE_STORAGE_SAS_TOKEN`. By default the identity
    /// of the pod is used: see `runner.serviceAccountName`, and `runner.podLabels` for the label of a workload identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}

/// A file of a web server. Exactly one of `url` and `urlSecretRef` must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.url) != has(self.urlSecretRef)").message("exactly one of url and urlSecretRef must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct HttpsSource {
    /// The URL, without a query, which may be a signature, like `https://dumps.example/shop.sql.gz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!self.matches('[?@]')").message("url contains a query or credentials, which everybody who may read this object would see: put the URL into a Secret and name it in urlSecretRef"))]
    #[schemars(length(max = 1024), regex(pattern = r"^https://[^/\s\x00]+/[^#\s\x00]*[^/#\s\x00]$"))]
    pub url: Option<String>,
    /// The key of a Secret that contains the URL, with its query, like a presigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<KeyReference>,
    /// Certificates (PEM) to trust for the server instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
}

/// The Redis that holds the change buffer. Exactly one of `url` and `urlSecretRef` must be set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[x_kube(
    validation = Rule::new("has(self.url) != has(self.urlSecretRef)").message("exactly one of url and urlSecretRef must be set")
)]
#[serde(rename_all = "camelCase")]
pub struct RedisSpec {
    /// The URL, without a password, like `redis://redis:6379`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("!self.matches('(?is)://.*:.*@|[?&](pass|[^=&]*%)')").message("url contains a password, which everybody who may read this object would see: put the URL into a Secret and name it in urlSecretRef"))]
    #[schemars(
        length(max = 1024),
        regex(pattern = r"^(rediss?|redis\+unix|rediss?-sentinel|rediss?-cluster)://[^\s\x00]+$")
    )]
    pub url: Option<String>,
    /// The key of a Secret that contains the URL, with its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<KeyReference>,
    /// Certificates (PEM) to trust for Redis instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<CaBundle>,
    /// A Secret with the client's certificate and private key (PEM), as `tls.crt` and `tls.key`, if Redis asks for one.
    /// Secrets of type `kubernetes.io/tls` have this form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate_secret_ref: Option<SecretReference>,
    /// The key of the sorted set. The runner's default is `kasho:changes`, which Kasho's services read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub key: Option<String>,
    /// Time after which Redis drops the set (TTL), like `24h`. Every write renews it, and so does a run that waits. The
    /// runner's default is `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = DURATION))]
    pub ttl: Option<String>,
    /// Pause while Redis uses more memory than this: a size, like `8GiB`, or a share of its maxmemory, like `90%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[0-9]+(\.[0-9]+)?(%|B|KiB|MiB|GiB|TiB)?$"))]
    pub memory_high_water: Option<String>,
    /// Accept a Redis whose maxmemory-policy may drop the set silently. By default such a Redis is refused.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub allow_eviction: bool,
    /// The run is complete only when at least this many replicas of Redis have all of it. By default none is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub min_replicas: Option<i32>,
}

/// Certificates to trust.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CaBundle {
    /// The key of a ConfigMap that contains them in PEM format.
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
