//! The thread that sends requests to the store.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{
    Attribute, Certificate, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig,
};
use tokio::sync::{mpsc, oneshot};
use twox_hash::XxHash3_64;

use super::failure::{Trouble, judge};
use super::{Access, Failure, LEAST, Listener, MOST, Object, Order, Sizes, Store, Version};
use crate::identity::hex;
use crate::retry::Backoff;

/// If the service sends nothing for this long, the request is repeated.
const SILENCE: Duration = Duration::from_secs(30);
/// If there is no connection after this long, another attempt is made.
const CONNECT: Duration = Duration::from_secs(10);

/// Reads the object's metadata and reports it, then sends ranges as they are ordered. A new order ends the previous
/// one. The thread ends when nobody can send orders any more.
pub(super) async fn serve(
    object: &Object,
    tell: oneshot::Sender<Result<Version, Failure>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let fetcher = match Fetcher::new(object).await {
        Ok(fetcher) => fetcher,
        Err(failure) => return drop(tell.send(Err(failure))),
    };
    if tell.send(Ok(fetcher.version.clone())).is_err() {
        return;
    }
    let mut order = orders.recv().await;
    while let Some(current) = order {
        let giving = async {
            fetcher.give(current).await;
            // Only another order, or the end of the last sender, ends the wait.
            std::future::pending::<()>().await;
        };
        order = tokio::select! {
            next = orders.recv() => next,
            () = giving => None,
        };
    }
}

/// What is below a prefix, as if it were one object.
pub(super) async fn list(prefix: &Object) -> Result<(Version, Sizes), Failure> {
    Fetcher::of(prefix)?.list().await
}

struct Fetcher {
    store: Box<dyn ObjectStore>,
    path: Path,
    uri: String,
    /// It is any web server, and no store.
    is_web: bool,
    retry: Duration,
    listener: Listener,
    version: Version,
}

impl Fetcher {
    /// Of an object, or of those below a prefix, before any request.
    fn of(object: &Object) -> Result<Self, Failure> {
        let path = Path::parse(&object.key).map_err(|error| Failure::Refused(error.to_string()))?;
        let store = store(object)?;
        let version = Version { size: 0, etag: String::new() };
        let Access { retry, listener, .. } = object.access.clone();
        Ok(Self {
            store,
            path,
            uri: object.uri(),
            is_web: object.store == Store::Https,
            retry,
            listener,
            version,
        })
    }

    async fn new(object: &Object) -> Result<Self, Failure> {
        let mut fetcher = Self::of(object)?;
        fetcher.version = fetcher.look().await?;
        Ok(fetcher)
    }

    /// The size of all objects below the path, and a hash of them in which their order does not count; and the size of
    /// each.
    async fn list(&self) -> Result<(Version, Sizes), Failure> {
        let mut failing = None;
        loop {
            let listed = self.store.list(Some(&self.path));
            let add = |(size, hash, mut sizes): (u64, u64, Sizes), found: ObjectMeta| async move {
                sizes.insert(found.location.filename().unwrap_or_default().to_owned(), found.size);
                Ok((size + found.size, hash.wrapping_add(hash_of(&found)), sizes))
            };
            match listed.try_fold((0, 0, Sizes::new()), add).await {
                Ok((_, _, sizes)) if sizes.is_empty() => {
                    return Err(Failure::Missing("there is no object below it".to_owned()));
                }
                Ok((size, hash, sizes)) => {
                    self.succeeded(&mut failing);
                    return Ok((Version { size, etag: hex(hash) }, sizes));
                }
                Err(error) => self.pause(judge(&error), &mut failing).await?,
            }
        }
    }

    /// The current metadata of the object.
    async fn look(&self) -> Result<Version, Failure> {
        let mut failing = None;
        loop {
            let options = GetOptions { head: true, ..GetOptions::default() };
            match self.store.get_opts(&self.path, options).await {
                Ok(found) => {
                    self.succeeded(&mut failing);
                    let none = "the service gives no ETag, so a change of the object could not be noticed";
                    let etag = found.meta.e_tag.ok_or_else(|| Failure::Refused(none.to_owned()))?;
                    // S3 has none. It does not promise the same bytes, and matches no request.
                    if self.is_web && etag.starts_with("W/") {
                        let weak = "the server gives a weak ETag (W/…), so a change of the file could not be noticed: use a pipe, curl … | pg-bootstrap-sync --dump-file -";
                        return Err(Failure::Refused(weak.to_owned()));
                    }
                    return Ok(Version { size: found.meta.size, etag });
                }
                Err(error) => self.pause(judge(&error), &mut failing).await?,
            }
        }
    }

    /// Sends range after range until the end, a failure, or until the receiver is gone.
    async fn give(&self, order: Order) {
        let (mut at, mut length) = (order.from, LEAST);
        while at < self.version.size {
            let end = (at + length).min(self.version.size);
            let range = self.fetch(at..end).await;
            let failed = range.is_err();
            if order.give.send(range).await.is_err() || failed {
                return;
            }
            at = end;
            length = (length * 2).min(MOST);
        }
    }

    /// Reads one range, with retries. Bytes that have arrived are not requested again.
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        let length = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(length);
        let mut failing = None;
        while bytes.len() < length {
            let before = bytes.len();
            let result = self.get(range.start + before as u64..range.end, &mut bytes).await;
            if bytes.len() > before {
                self.succeeded(&mut failing);
            }
            let trouble = match result {
                Ok(()) if bytes.len() >= length => break,
                Ok(()) => Trouble::Passing("the reply ended early".to_owned()),
                Err(trouble) => trouble,
            };
            self.pause(trouble, &mut failing).await?;
        }
        Ok(bytes.into())
    }

    /// Appends the bytes of one request.
    async fn get(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Trouble> {
        let judge = |error: object_store::Error| judge(&error);
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: Some(self.version.etag.clone()),
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&self.path, options).await.map_err(judge)?;
        // Not every service supports If-Match.
        let now = Version { size: found.meta.size, etag: found.meta.e_tag.clone().unwrap_or_default() };
        if now != self.version {
            return Err(Trouble::Fatal(Failure::Changed(format!(
                "it had {} bytes and ETag {}, now it has {} bytes and ETag {}",
                self.version.size, self.version.etag, now.size, now.etag
            ))));
        }
        let encoding =
            found.attributes.get(&Attribute::ContentEncoding).map(|value| value.as_ref().to_owned());
        let before = bytes.len();
        let whole = before + (range.end - range.start) as usize;
        let mut stream = found.into_stream();
        while let Some(part) = stream.next().await {
            let part = match part {
                Ok(part) => part,
                Err(error) => {
                    // Only a reply with the whole range shows that these are the object's bytes as stored.
                    if encoding.is_some() {
                        bytes.truncate(before);
                    }
                    return Err(judge(error));
                }
            };
            if bytes.len() + part.len() > whole {
                return Err(refused("it sends more bytes than requested".to_owned()));
            }
            bytes.extend_from_slice(&part);
        }
        match encoding {
            // Stored content that is encoded arrives as stored, with its full length.
            Some(encoding) if bytes.len() < whole => Err(refused(format!(
                "it encodes what it sends ({encoding}), so its bytes are not the object's"
            ))),
            _ => Ok(()),
        }
    }

    /// Waits before the next attempt, unless retries are useless or have lasted too long.
    async fn pause(&self, trouble: Trouble, failing: &mut Option<Backoff>) -> Result<(), Failure> {
        let why = match trouble {
            Trouble::Passing(why) => why,
            Trouble::Fatal(failure) => return Err(failure),
        };
        let backoff = failing.get_or_insert_default();
        if backoff.is_over(self.retry) {
            return Err(Failure::Away { waited: backoff.elapsed().as_secs(), why });
        }
        let most = self.retry.as_secs();
        self.listener.is_away(&format!("read {}: {why}; retrying for up to {most} s", self.uri));
        tokio::time::sleep(backoff.pause()).await;
        Ok(())
    }

    /// Ends a row of failures.
    fn succeeded(&self, failing: &mut Option<Backoff>) {
        if failing.take().is_some() {
            self.listener.is_back();
        }
    }
}

/// A hash of an object's name and version.
fn hash_of(found: &ObjectMeta) -> u64 {
    let ObjectMeta { location, last_modified, size, e_tag, .. } = found;
    let etag = e_tag.as_deref().unwrap_or_default();
    XxHash3_64::oneshot(format!("{location}\n{size}\n{etag}\n{last_modified}").as_bytes())
}

/// The service, or a proxy in front of it, violates the protocol. Its bytes cannot be trusted.
fn refused(what: String) -> Trouble {
    Trouble::Fatal(Failure::Refused(format!("the service, or a proxy in front of it, is at fault: {what}")))
}

/// A client of the object's store. Credentials, and what else is not said of the services of Google and Azure, come from the
/// environment.
fn store(object: &Object) -> Result<Box<dyn ObjectStore>, Failure> {
    // Retries are counted here, where an interrupted range can continue in its middle.
    let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    let mut options =
        ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE).with_connect_timeout(CONNECT);
    if let Some(file) = &object.access.ca_file {
        for certificate in certificates(file)? {
            options = options.with_root_certificate(certificate);
        }
    }
    let built = match object.store {
        Store::S3 => s3(object, options, retry).map(boxed),
        Store::Google => {
            let builder = GoogleCloudStorageBuilder::from_env();
            let options = plain_where_said(options, builder.get_config_value(&GoogleConfigKey::BaseUrl));
            let builder = builder.with_bucket_name(&object.bucket).with_retry(retry);
            builder.with_client_options(options).build().map(boxed)
        }
        Store::Azure => {
            let builder = MicrosoftAzureBuilder::from_env();
            let options = plain_where_said(options, builder.get_config_value(&AzureConfigKey::Endpoint));
            let builder = builder.with_container_name(&object.bucket).with_retry(retry);
            builder.with_client_options(options).build().map(boxed)
        }
        Store::Https => {
            let builder = HttpBuilder::new().with_url(format!("https://{}", object.bucket)).with_retry(retry);
            builder.with_client_options(options).build().map(boxed)
        }
    };
    built.map_err(|error| Failure::Refused(crate::error::chain(&error)))
}

fn boxed(store: impl ObjectStore) -> Box<dyn ObjectStore> {
    Box::new(store)
}

/// HTTP without TLS is right where an address says so.
fn plain_where_said(options: ClientOptions, address: Option<String>) -> ClientOptions {
    options.with_allow_http(address.is_some_and(|address| address.starts_with("http://")))
}

fn s3(
    object: &Object,
    options: ClientOptions,
    retry: RetryConfig,
) -> Result<object_store::aws::AmazonS3, object_store::Error> {
    let Access { endpoint, region, path_style, .. } = &object.access;
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&object.bucket).with_retry(retry);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    let of_environment = |key| builder.get_config_value(&key);
    let endpoint = endpoint
        .clone()
        .or_else(|| of_environment(AmazonS3ConfigKey::S3Endpoint))
        .or_else(|| of_environment(AmazonS3ConfigKey::Endpoint));
    let options = plain_where_said(options, endpoint.clone());
    if let Some(endpoint) = endpoint {
        let address = if *path_style { endpoint } else { with_bucket(&endpoint, &object.bucket) };
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, address);
    }
    builder.with_virtual_hosted_style_request(!path_style).with_client_options(options).build()
}

/// The address of a bucket, whose name is put before the host.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    format!("{scheme}://{bucket}.{}", host.trim_end_matches('/'))
}

fn certificates(file: &std::path::Path) -> Result<Vec<Certificate>, Failure> {
    let refused = |error: &dyn std::fmt::Display| {
        Failure::Refused(format!("--s3-ca-file {} cannot be used: {error}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| refused(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| refused(&error))?;
    if found.is_empty() { Err(refused(&"it contains no certificate")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_goes_in_front_of_the_host() {
        assert_eq!(with_bucket("http://s3.example:9000/", "dumps"), "http://dumps.s3.example:9000");
    }
}
