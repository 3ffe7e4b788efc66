//! A dump in an object store, or on a web server: one version of one object, read in ranges.
//!
//! ```text
//! scan thread: ObjectReader ─▶ from which offset ─▶ thread "object": a look, then GET range after range, If-Match
//!                  ◀──── whole ranges, two ahead ◀──┘
//! ```
//!
//! # Guarantees
//!
//! - Every byte is from the version that [`open`] saw: its ETag is requested and compared with each range.
//! - Failures that may pass (a cut connection, 5xx, a missing reply) are retried. The retry continues after the last
//!   byte that arrived.
//! - Memory: three ranges of `MOST` bytes at most.
//! - The query of a URL, which may be a signature, is only sent: no text contains it.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use tokio::sync::{mpsc, oneshot};

use crate::error::Error;
use crate::identity::Identity;

mod connect;
mod failure;
mod fetch;
mod store;

pub use failure::Failure;
pub use store::Store;

/// The first range is small, for callers that only need to recognise the dump.
const LEAST: u64 = 256 * 1024;
/// Ranges double up to this.
const MOST: u64 = 4 << 20;

/// The object, and how to reach it. Credentials come from the environment when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    store: Store,
    /// The bucket, the container, or scheme and host of a web server.
    bucket: String,
    key: String,
    query: Query,
    access: Access,
}

/// The query of a URL, which may be a signature.
#[derive(Clone, PartialEq, Eq, Default)]
struct Query(Option<String>);

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Query").field(&self.0.is_some()).finish()
    }
}

/// How to reach the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// The URL of the service, if it is not the usual one: `http://` or `https://`, host and port.
    pub endpoint: Option<String>,
    /// The region of S3.
    pub region: Option<String>,
    /// The bucket goes into the path, not into the host's name. Of S3.
    pub path_style: bool,
    /// A web server is asked without TLS, if the URL says so.
    pub allow_http: bool,
    /// PEM certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// How long to retry.
    pub retry: Duration,
    /// Who is told while the service cannot be reached.
    pub listener: Listener,
}

type Tell = dyn Fn(Option<&str>) + Send + Sync;

/// Is told why the service cannot be read and that this is retried, and then, with `None`, that it can be read again.
/// Two ways to reach a service are the same whoever listens.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Tell>>);

impl Listener {
    /// One that calls this, from the thread that reads.
    pub fn new(tell: impl Fn(Option<&str>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    fn is_away(&self, what: &str) {
        match &self.0 {
            Some(tell) => tell(Some(what)),
            None => tracing::warn!("{what}"),
        }
    }

    fn is_back(&self) {
        if let Some(tell) = &self.0 {
            tell(None);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

impl PartialEq for Listener {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Listener {}

impl Object {
    /// An object by its URI; `None` for any other text. A URI that ends with `/` names a [prefix](Object::is_prefix).
    ///
    /// # Errors
    /// [`Error::Usage`] for a URI without bucket or key, for a URL of a web server with credentials or without a file,
    /// and for an endpoint that is not a URL.
    pub fn parse(name: &str, access: &Access) -> Result<Option<Self>, Error> {
        let Some(store) = Store::of(name) else { return Ok(None) };
        if store == Store::Web {
            return Self::of_url(name, access).map(Some).map_err(Error::Usage);
        }
        let (_, rest) = name.split_once("://").unwrap_or_default();
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if bucket.is_empty() || bucket.contains(odd) || key.is_empty() {
            // Of what may have a password, or be signed, nothing is repeated.
            let secret = rest.contains('?') || (rest.contains('@') && rest.contains(':'));
            let shown = if secret { format!("{}…", store.scheme()) } else { name.to_owned() };
            return Err(Error::Usage(format!("--dump-file {shown} is not of the form {}", store.form())));
        }
        if let Err(why) = check_key(key.strip_suffix('/').unwrap_or(key)) {
            return Err(Error::Usage(format!("--dump-file {name} cannot be requested: {why}")));
        }
        if let Some(endpoint) = &access.endpoint {
            check_endpoint(endpoint)?;
        }
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        Ok(Some(Self { store, bucket, key, query: Query::default(), access: access.clone() }))
    }

    /// A file of a web server.
    fn of_url(name: &str, access: &Access) -> Result<Self, String> {
        // The text is not repeated: it may contain a password.
        let url =
            Url::parse(name).map_err(|error| format!("the URL of --dump-file cannot be read: {error}"))?;
        let shown = shown(name);
        let refused = |why: &str| Err(format!("--dump-file {shown} {why}"));
        if !url.username().is_empty() || url.password().is_some() {
            return refused("contains credentials: use a presigned URL, or download the dump into a pipe");
        }
        if url.fragment().is_some() {
            return refused("has a #, which is not part of an address: write %23");
        }
        if url.path().ends_with('/') {
            return refused(
                "is no file: a web server does not list a folder; put an archive in the directory format into S3, GCS or Azure",
            );
        }
        if url.scheme() == "http" && !access.allow_http {
            return refused(
                "is read without TLS: whoever is on the way may read and change it; use https:// or --allow-http",
            );
        }
        Ok(Self {
            store: Store::Web,
            bucket: url.origin().ascii_serialization(),
            key: url.path().trim_start_matches('/').to_owned(),
            query: Query(url.query().map(str::to_owned)),
            access: access.clone(),
        })
    }

    /// Whether it stands for the objects below its key, as a folder does.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.key.ends_with('/')
    }

    /// The object of this name below a prefix.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self { key: format!("{}{name}", self.key), ..self.clone() }
    }

    /// Has somebody told when the service cannot be reached.
    pub(crate) fn listen(&mut self, listener: Listener) {
        self.access.listener = listener;
    }

    /// `s3://bucket/key`, or the URL without its query.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{}{}/{}", self.store.scheme(), self.bucket, self.key)
    }

    /// The whole URL of a web server's file. It may be a secret.
    fn url(&self) -> String {
        match &self.query.0 {
            Some(query) => format!("{}?{query}", self.uri()),
            None => self.uri(),
        }
    }
}

/// The name of a dump as typed, without what may be a secret in a URL.
#[must_use]
pub fn shown(name: &str) -> String {
    match Url::parse(name) {
        Ok(url) if Store::of(name) == Some(Store::Web) => {
            format!("{}{}", url.origin().ascii_serialization(), url.path())
        }
        Err(_) if Store::of(name) == Some(Store::Web) => "that URL".to_owned(),
        _ => name.to_owned(),
    }
}

/// Keys that the client would change before it requests them.
fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.starts_with('/') || key.ends_with('/') {
        return Err(
            "this program cannot address a key that begins with /, or ends with several: copy the object to another key"
                .to_owned(),
        );
    }
    object_store::path::Path::parse(key).map(drop).map_err(|error| error.to_string())
}

fn check_endpoint(endpoint: &str) -> Result<(), Error> {
    let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    let is_address = |host: &str| !host.is_empty() && !host.contains(['@', '?', '#', ' ', '\u{1}']);
    match host {
        Some(host) if is_address(host) => Ok(()),
        // The text is not repeated: it may contain a password.
        _ => Err(Error::Usage(
            "--store-endpoint is not an address like https://minio.example:9000; credentials come from the environment".to_owned(),
        )),
    }
}

/// One version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    size: u64,
    etag: String,
}

/// An order for ranges: the offset at which they begin, and the channel to send them to.
struct Order {
    from: u64,
    give: mpsc::Sender<Result<Bytes, Failure>>,
}

/// The identity of all objects below a prefix together: their size, and a hash of their names and versions. Blocks, so it
/// must not run on a task of a runtime.
///
/// # Errors
/// [`Failure`], after retries for as long as [`Access`] allows; [`Failure::Missing`] if there are none.
pub fn identity_of_all(prefix: &Object) -> Result<Identity, Failure> {
    Ok(list(prefix)?.0)
}

/// The sizes of objects by their names below a prefix.
pub(crate) type Sizes = HashMap<String, u64>;

/// The identity of all objects below a prefix, and their sizes.
pub(crate) fn list(prefix: &Object) -> Result<(Identity, Sizes), Failure> {
    let listed = prefix.clone();
    let body = move || runtime()?.block_on(fetch::list(&listed));
    // The caller's thread may belong to a runtime.
    let thread = std::thread::Builder::new().name("objects".to_owned()).spawn(body);
    let listed = thread.map_err(|error| Failure::internal(&error))?.join();
    let (version, sizes) =
        listed.map_err(|_| Failure::internal(&"the thread that lists objects panicked"))??;
    Ok((Identity::Object { uri: prefix.uri(), size: version.size, etag: version.etag }, sizes))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::internal(&error))
}

/// Reads the object's metadata and prepares to read the object. Blocks, so it must not run on a task of a runtime.
///
/// # Errors
/// [`Failure`], after retries for as long as [`Access`] allows.
pub fn open(object: &Object) -> Result<(ObjectReader, Identity), Failure> {
    let (orders, taken) = mpsc::unbounded_channel();
    let (tell, told) = oneshot::channel();
    let fetching = object.clone();
    let body = move || match runtime() {
        Ok(runtime) => runtime.block_on(fetch::serve(&fetching, tell, taken)),
        Err(failure) => drop(tell.send(Err(failure))),
    };
    std::thread::Builder::new()
        .name("object".to_owned())
        .spawn(body)
        .map_err(|error| Failure::internal(&error))?;
    let version = told.blocking_recv().map_err(|error| Failure::internal(&error))??;
    let identity = Identity::Object { uri: object.uri(), size: version.size, etag: version.etag.clone() };
    let reader =
        ObjectReader { size: version.size, orders, ranges: None, range: Bytes::new(), at: 0, offset: 0 };
    Ok((reader, identity))
}

/// The object's bytes, one after the other. Dropping it ends its thread.
pub struct ObjectReader {
    size: u64,
    orders: mpsc::UnboundedSender<Order>,
    /// The current order; `None` before the first read and after a jump.
    ranges: Option<mpsc::Receiver<Result<Bytes, Failure>>>,
    /// The current range, how much of it was read, and the offset of its first byte.
    range: Bytes,
    at: usize,
    offset: u64,
}

impl ObjectReader {
    /// Continues at `offset`.
    pub fn seek(&mut self, offset: u64) {
        let within = offset.checked_sub(self.offset).and_then(|at| usize::try_from(at).ok());
        if let Some(at) = within.filter(|at| *at <= self.range.len() && !self.range.is_empty()) {
            self.at = at;
            return;
        }
        (self.ranges, self.range, self.at, self.offset) = (None, Bytes::new(), 0, offset);
    }

    fn next_range(&mut self) -> io::Result<()> {
        self.offset += self.range.len() as u64;
        (self.range, self.at) = (Bytes::new(), 0);
        if self.offset >= self.size {
            return Ok(());
        }
        let ranges = match &mut self.ranges {
            Some(ranges) => ranges,
            None => {
                let (give, ranges) = mpsc::channel(1);
                // If the thread is gone, nothing will arrive; that is reported below.
                let _ = self.orders.send(Order { from: self.offset, give });
                self.ranges.insert(ranges)
            }
        };
        match ranges.blocking_recv() {
            Some(Ok(range)) => {
                self.range = range;
                Ok(())
            }
            Some(Err(failure)) => Err(io::Error::other(failure)),
            None => Err(io::Error::other(Failure::internal(&"the thread that reads it ended early"))),
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.range.len() {
            self.next_range()?;
        }
        let count = buffer.len().min(self.range.len() - self.at);
        buffer[..count].copy_from_slice(&self.range[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        let parse = |name: &str| Object::parse(name, &Access::default());
        let object = parse("s3://my-bucket/a/b c.sql.gz").unwrap().unwrap();
        assert_eq!((object.bucket.as_str(), object.key.as_str()), ("my-bucket", "a/b c.sql.gz"));
        assert_eq!(object.uri(), "s3://my-bucket/a/b c.sql.gz");
        assert_eq!(parse("a/file").unwrap(), None);
        let prefix = parse("s3://my-bucket/dumps/shop/").unwrap().unwrap();
        assert!(prefix.is_prefix() && !object.is_prefix());
        assert_eq!(prefix.below("toc.dat").uri(), "s3://my-bucket/dumps/shop/toc.dat");
        for wrong in [
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3://bucket//",
            "s3:///key",
            "s3://user@host/key",
            "s3://b/a//b",
            "s3://b//a",
            "s3://b/a//",
            "s3://b/a/../b",
            "s3://b/./a",
        ] {
            let message = parse(wrong).unwrap_err().to_string();
            assert!(message.contains(wrong), "{message}");
        }
        for secret in ["gs://me:hunter2@bucket/key", "az://account?sig=hunter2/key"] {
            let message = parse(secret).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn urls() {
        let access = Access::default();
        let parse = |name: &str| Object::parse(name, &access);
        let signed =
            parse("HTTPS://dumps.example:8443/a%20b/shop.sql?X-Amz-Signature=s3cr3t&x=1").unwrap().unwrap();
        assert_eq!(signed.uri(), "https://dumps.example:8443/a%20b/shop.sql");
        assert_eq!(signed.url(), "https://dumps.example:8443/a%20b/shop.sql?X-Amz-Signature=s3cr3t&x=1");
        assert!(!format!("{signed:?}").contains("s3cr3t"), "{signed:?}");
        for (wrong, why) in [
            ("https://me:s3cr3t@host/a", "credentials"),
            ("https://s3cr3t@host/a", "credentials"),
            ("https://host/a/?s3cr3t", "is no file"),
            ("https://host?s3cr3t", "is no file"),
            ("https://host/a?s3cr3t#b", "%23"),
            ("http://host/a?s3cr3t", "--allow-http"),
            ("https://host:s3cr3t/a", "cannot be read"),
            ("https://", "cannot be read"),
        ] {
            let message = parse(wrong).unwrap_err().to_string();
            assert!(message.contains(why) && !message.contains("s3cr3t"), "{message}");
            assert!(!shown(wrong).contains("s3cr3t"), "{wrong}");
        }
        let plain = Access { allow_http: true, ..Access::default() };
        assert_eq!(Object::parse("http://host:80/a", &plain).unwrap().unwrap().uri(), "http://host/a");
    }

    #[test]
    fn stores_by_their_uris() {
        let parse = |name: &str| Object::parse(name, &Access::default()).unwrap().unwrap();
        for (uri, store) in [("gs://dumps/a/b.sql", Store::Gcs), ("az://dumps/a/b.sql", Store::Azure)] {
            assert_eq!((parse(uri).uri().as_str(), parse(uri).store), (uri, store));
            assert!(!parse(uri).is_prefix());
        }
        assert!(parse("gs://dumps/shop/").is_prefix());
        let message = Object::parse("az://dumps", &Access::default()).unwrap_err().to_string();
        assert!(message.contains("az://container/key"), "{message}");
    }

    #[test]
    fn endpoints() {
        for right in ["http://127.0.0.1:9000", "https://s3.example/prefix"] {
            check_endpoint(right).unwrap();
        }
        for wrong in ["", "minio:9000", "https://", "https://user:s3cr3t@minio"] {
            let message = check_endpoint(wrong).unwrap_err().to_string();
            assert!(message.contains("--store-endpoint") && !message.contains("s3cr3t"), "{message}");
        }
    }
}
