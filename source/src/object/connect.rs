//! A client for each service that keeps objects.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{Certificate, ClientOptions, HeaderMap, HeaderValue, ObjectStore, RetryConfig};

use super::store::Store;
use super::{Access, Failure, Object};

/// If the service sends nothing for this long, the request is repeated.
const SILENCE: Duration = Duration::from_secs(30);
/// If there is no connection after this long, another attempt is made.
const CONNECT: Duration = Duration::from_secs(10);

type Connected = Result<Box<dyn ObjectStore>, Failure>;

/// A client for the object's service, by the options and the environment. Sends no request.
pub(super) fn connect(object: &Object) -> Connected {
    match object.store {
        Store::S3 => s3(object, options(&object.access)?),
        Store::Gcs => gcs(object, options(&object.access)?),
        Store::Azure => azure(object, options(&object.access)?),
        Store::Web => web(object),
    }
}

/// Retries are counted elsewhere, where an interrupted range can continue in its middle.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn boxed<S: ObjectStore>(built: object_store::Result<S>) -> Connected {
    let store = built.map_err(|error| Failure::Refused(crate::error::chain(&error)))?;
    Ok(Box::new(store))
}

fn options(access: &Access) -> Result<ClientOptions, Failure> {
    let mut options =
        ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE).with_connect_timeout(CONNECT);
    if let Some(file) = &access.ca_file {
        for certificate in certificates(file, Certificate::from_pem_bundle)? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

fn certificates<C, E: Display>(
    file: &Path,
    parse: impl Fn(&[u8]) -> Result<Vec<C>, E>,
) -> Result<Vec<C>, Failure> {
    let refused = |error: &dyn Display| {
        Failure::Refused(format!("--store-ca-file {} cannot be used: {error}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| refused(&error))?;
    let found = parse(&pem).map_err(|error| refused(&error))?;
    if found.is_empty() { Err(refused(&"it contains no certificate")) } else { Ok(found) }
}

fn s3(object: &Object, mut options: ClientOptions) -> Connected {
    let Access { endpoint, region, path_style, .. } = &object.access;
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&object.bucket).with_retry(once());
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    let of_environment = |key| builder.get_config_value(&key);
    let endpoint = endpoint
        .clone()
        .or_else(|| of_environment(AmazonS3ConfigKey::S3Endpoint))
        .or_else(|| of_environment(AmazonS3ConfigKey::Endpoint));
    if let Some(endpoint) = endpoint {
        options = options.with_allow_http(is_plain(&endpoint));
        let address = if *path_style { endpoint } else { with_bucket(&endpoint, &object.bucket) };
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, address);
    }
    boxed(builder.with_virtual_hosted_style_request(!path_style).with_client_options(options).build())
}

fn gcs(object: &Object, options: ClientOptions) -> Connected {
    let mut builder =
        GoogleCloudStorageBuilder::from_env().with_bucket_name(&object.bucket).with_retry(once());
    // An object that is stored with Content-Encoding: gzip would be unpacked on the way, and has no ranges then.
    let as_stored = HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
    let mut options = options.with_default_headers(as_stored);
    let endpoint = object.access.endpoint.clone();
    if let Some(endpoint) = endpoint.or_else(|| builder.get_config_value(&GoogleConfigKey::BaseUrl)) {
        options = options.with_allow_http(is_plain(&endpoint));
        builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint.trim_end_matches('/'));
    }
    // What the client says of credentials that it cannot read may quote them.
    let built = builder.with_client_options(options).build();
    let unreadable = "the credentials of GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_SERVICE_ACCOUNT or GOOGLE_SERVICE_ACCOUNT_KEY cannot be used: set one of these variables, to the key of a service account, or to what gcloud wrote for a user";
    built
        .map(|store| Box::new(store) as Box<dyn ObjectStore>)
        .map_err(|_| Failure::Refused(unreadable.to_owned()))
}

fn azure(object: &Object, mut options: ClientOptions) -> Connected {
    let mut builder =
        MicrosoftAzureBuilder::from_env().with_container_name(&object.bucket).with_retry(once());
    let of_environment = |key| builder.get_config_value(&key);
    let is_emulated = of_environment(AzureConfigKey::UseEmulator).is_some_and(|value| value != "false");
    if of_environment(AzureConfigKey::AccountName).is_none() && !is_emulated {
        let unnamed = "the variable AZURE_STORAGE_ACCOUNT_NAME must name the storage account";
        return Err(Failure::Refused(unnamed.to_owned()));
    }
    let endpoint = object.access.endpoint.clone();
    if let Some(endpoint) = endpoint.or_else(|| of_environment(AzureConfigKey::Endpoint)) {
        options = options.with_allow_http(is_plain(&endpoint));
        builder = builder.with_endpoint(endpoint);
    }
    boxed(builder.with_client_options(options).build())
}

fn web(object: &Object) -> Connected {
    let client = Discreet::new(&object.access)?;
    boxed(HttpBuilder::new().with_url(object.url()).with_retry(once()).with_http_connector(client).build())
}

/// A client that does not tell a server which URL has led to it, as that may be a presigned one.
#[derive(Debug)]
struct Discreet(reqwest::Client);

impl Discreet {
    fn new(access: &Access) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("pg-bootstrap-sync/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .referer(false)
            .https_only(!access.allow_http)
            .read_timeout(SILENCE)
            .connect_timeout(CONNECT)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate();
        if let Some(file) = &access.ca_file {
            builder = builder.tls_certs_merge(certificates(file, reqwest::Certificate::from_pem_bundle)?);
        }
        let client = builder.build().map_err(|error| Failure::Refused(crate::error::chain(&error)))?;
        Ok(Self(client))
    }
}

impl HttpConnector for Discreet {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

fn is_plain(endpoint: &str) -> bool {
    endpoint.starts_with("http://")
}

/// The address of a bucket, whose name is put before the host.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    format!("{scheme}://{bucket}.{}", host.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_goes_in_front_of_the_host() {
        assert_eq!(with_bucket("http://s3.example:9000/", "dumps"), "http://dumps.s3.example:9000");
    }
}
