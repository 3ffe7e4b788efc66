//! Paths in the runner's pod.

/// The mount of the volume with the dump.
pub(super) const DUMP_MOUNT: &str = "/dump";
/// The folder of the dump's URL, if it is in a Secret.
pub(super) const DUMP_URL_MOUNT: &str = "/etc/pg-bootstrap/dump-url";
/// The dump's URL, if it is in a Secret.
pub(super) const DUMP_URL_FILE: &str = "/etc/pg-bootstrap/dump-url/url";
/// The port on which the runner serves its metrics.
pub(super) const METRICS_PORT: i32 = 9187;
/// The folder of the certificates for Redis.
pub(super) const REDIS_CA_MOUNT: &str = "/etc/pg-bootstrap/redis-ca";
/// The certificates for Redis.
pub(super) const REDIS_CA_FILE: &str = "/etc/pg-bootstrap/redis-ca/ca.crt";
/// The folder of the client's certificate for Redis.
pub(super) const REDIS_CLIENT_MOUNT: &str = "/etc/pg-bootstrap/redis-client";
/// The client's certificate for Redis.
pub(super) const REDIS_CERT_FILE: &str = "/etc/pg-bootstrap/redis-client/tls.crt";
/// Its private key.
pub(super) const REDIS_KEY_FILE: &str = "/etc/pg-bootstrap/redis-client/tls.key";
/// The mount of the volume with the reject file.
pub(super) const REJECT_MOUNT: &str = "/rejects";
/// The folder of the certificates for the service that has the dump.
pub(super) const STORE_CA_MOUNT: &str = "/etc/pg-bootstrap/store-ca";
/// The certificates for the service that has the dump.
pub(super) const STORE_CA_FILE: &str = "/etc/pg-bootstrap/store-ca/ca.crt";
/// The folder of the configuration of transforms.
pub(super) const TRANSFORM_MOUNT: &str = "/etc/pg-bootstrap/transform";
/// The configuration of transforms.
pub(super) const TRANSFORM_FILE: &str = "/etc/pg-bootstrap/transform/transforms.yml";
/// The folder of the key of transforms.
pub(super) const TRANSFORM_KEY_MOUNT: &str = "/etc/pg-bootstrap/transform-key";
/// The key of transforms.
pub(super) const TRANSFORM_KEY_FILE: &str = "/etc/pg-bootstrap/transform-key/key";
