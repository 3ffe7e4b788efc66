//! A web server with files in memory: ranges, ETags, `If-Match`, TLS if wanted, and faults of real servers. Google Cloud
//! Storage and Azure Blob Storage differ from it, as far as reading goes, in their lists and in who may read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use http::header;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::Body;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::s3::{Asked, bounds};
use super::tls::Certificates;

/// What the server does, and does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// It gives ETags.
    pub etags: bool,
    /// They are weak ones.
    pub weak: bool,
    /// It gives ranges.
    pub ranges: bool,
    /// It looks at `If-Match`.
    pub matches: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { etags: true, weak: false, ranges: true, matches: true }
    }
}

#[derive(Debug, Default)]
struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    manners: Manners,
    asked: Vec<Asked>,
    /// So many replies are 503.
    refusals: u64,
    /// When a range from so far on is asked for, one file is replaced.
    swap: Option<(u64, String, Vec<u8>)>,
    /// Who has neither a header `Authorization` that begins so nor this in the query is refused.
    key: Option<String>,
    /// Only GET, as a presigned URL lets.
    only_get: bool,
    /// From one path to an address.
    moved: Option<(String, String)>,
}

/// A web server. Dropping it closes all connections.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl WebServer {
    /// A server without files and without TLS.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// A server without files, with TLS.
    pub fn start_tls(certificates: &Certificates) -> Self {
        let chain = CertificateDer::pem_file_iter(&certificates.cert).and_then(Iterator::collect);
        let key = PrivateKeyDer::from_pem_file(&certificates.key).expect("read the key");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.expect("read the certificate"), key)
            .expect("take the certificate");
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn start_with(tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("start a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind the web server");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        runtime.spawn(accept(listener, tls, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Puts a file there. The path has no `/` in front.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        self.lock().files.insert(path.to_owned(), bytes.to_vec());
    }

    /// Replaces a file as soon as a range is requested that begins at `offset` or after it.
    pub fn put_before(&self, offset: u64, path: &str, bytes: &[u8]) {
        self.lock().swap = Some((offset, path.to_owned(), bytes.to_vec()));
    }

    /// The next replies, this many, are 503.
    pub fn refuse(&self, replies: u64) {
        self.lock().refusals = replies;
    }

    /// Behaves like this from now on.
    pub fn behave(&self, manners: Manners) {
        self.lock().manners = manners;
    }

    /// Serves only those whose header `Authorization` begins with this, or who have it in the query.
    pub fn serve_only(&self, key: &str) {
        self.lock().key = Some(key.to_owned());
    }

    /// Takes no HEAD, as the signature of a presigned URL is for GET alone.
    pub fn serve_only_get(&self) {
        self.lock().only_get = true;
    }

    /// Sends those who ask for a path to an address.
    pub fn redirect(&self, path: &str, address: &str) {
        self.lock().moved = Some((path.to_owned(), address.to_owned()));
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Mutex<Shared>>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => serve(socket, shared).await,
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        serve(socket, shared).await;
                    }
                }
            }
        });
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin + 'static, shared: Arc<Mutex<Shared>>) {
    let answering = service_fn(move |request: http::Request<Incoming>| {
        let reply = answer(&request, &mut lock(&shared));
        async move { Ok::<_, std::convert::Infallible>(reply) }
    });
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answering);
    // A connection that fails is the client's to notice.
    serving.await.ok();
}

type Reply = http::Response<Body>;

fn answer(request: &http::Request<Incoming>, shared: &mut Shared) -> Reply {
    let range = text(request, header::RANGE).and_then(bounds);
    if let Some((first, _)) = range
        && let Some((_, path, bytes)) = shared.swap.take_if(|(offset, ..)| first >= *offset)
    {
        shared.files.insert(path, bytes);
    }
    let reply = reply(request, range, shared);
    shared.asked.push(Asked {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        range,
        status: reply.status().as_u16(),
    });
    reply
}

fn reply(request: &http::Request<Incoming>, range: Option<(u64, u64)>, shared: &mut Shared) -> Reply {
    let path = &decoded(request.uri().path().trim_start_matches('/'));
    let query = request.uri().query().unwrap_or_default();
    if let Some((_, to)) = shared.moved.as_ref().filter(|(from, _)| from == path) {
        return build(302, &[(header::LOCATION, to.clone())], Vec::new());
    }
    if request.headers().contains_key(header::REFERER) {
        // It would have the signature of the URL that led here.
        return build(400, &[], Vec::new());
    }
    if let Some(left) = shared.refusals.checked_sub(1) {
        shared.refusals = left;
        return build(503, &[], Vec::new());
    }
    let head = request.method() == http::Method::HEAD;
    let knows = |key: &String| {
        text(request, header::AUTHORIZATION).is_some_and(|given| given.starts_with(key))
            || query.split('&').any(|part| part == key)
    };
    if !shared.key.as_ref().is_none_or(knows) || (head && shared.only_get) {
        let body = format!("<Error><Code>AccessDenied</Code><Url>{}</Url></Error>", request.uri());
        return build(403, &[], body.into_bytes());
    }
    if let Some(list) = list(path, query, &shared.files) {
        return build(200, &[(header::CONTENT_TYPE, "application/xml".to_owned())], list.into_bytes());
    }
    let Some(bytes) = shared.files.get(path) else { return build(404, &[], Vec::new()) };
    let etag = etag(bytes, shared.manners);
    let wanted = text(request, header::IF_MATCH);
    if shared.manners.matches && wanted.is_some_and(|wanted| etag.as_deref() != Some(wanted)) {
        return build(412, &[], Vec::new());
    }
    let mut headers = vec![(header::LAST_MODIFIED, MODIFIED.to_owned())];
    headers.extend(etag.map(|etag| (header::ETAG, etag)));
    let size = bytes.len() as u64;
    match range.filter(|_| shared.manners.ranges) {
        Some((first, _)) if first >= size => build(416, &headers, Vec::new()),
        Some((first, last)) => {
            let last = last.min(size - 1);
            headers.push((header::CONTENT_RANGE, format!("bytes {first}-{last}/{size}")));
            build(206, &headers, bytes[first as usize..=last as usize].to_vec())
        }
        None if head => {
            headers.push((header::CONTENT_LENGTH, size.to_string()));
            build(200, &headers, Vec::new())
        }
        None => build(200, &headers, bytes.clone()),
    }
}

/// Without escapes, of which clients write more or fewer.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("an escape"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("a path in UTF-8")
}

const MODIFIED: &str = "Mon, 23 Nov 2026 00:00:00 GMT";

fn etag(bytes: &[u8], manners: Manners) -> Option<String> {
    let hash = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(bytes));
    let mark = if manners.weak { "W/" } else { "" };
    manners.etags.then(|| format!("{mark}\"{hash}\""))
}

/// The list of a bucket of Google's, or of a container of Azure's, if it is that what is asked for.
fn list(path: &str, query: &str, files: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let has = |part: &str| query.split('&').any(|one| one == part);
    let prefix = query.split('&').find_map(|one| one.strip_prefix("prefix=")).unwrap_or_default();
    let root = format!("{path}/");
    let found = files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&root)?, bytes)));
    let found = found.filter(|(name, _)| name.starts_with(&decoded(prefix)));
    let tag = |bytes: &[u8]| etag(bytes, Manners::default()).unwrap_or_default();
    if has("list-type=2") {
        let of = |(name, bytes): (&str, &Vec<u8>)| {
            let (size, etag) = (bytes.len(), tag(bytes));
            format!(
                "<Contents><Key>{name}</Key><Size>{size}</Size><ETag>{etag}</ETag><LastModified>2026-11-23T00:00:00.000Z</LastModified></Contents>"
            )
        };
        return Some(format!("<ListBucketResult>{}</ListBucketResult>", found.map(of).collect::<String>()));
    }
    if has("comp=list") {
        let of = |(name, bytes): (&str, &Vec<u8>)| {
            let (size, etag) = (bytes.len(), tag(bytes));
            format!(
                "<Blob><Name>{name}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified><Content-Length>{size}</Content-Length><Content-Type>a/b</Content-Type><Etag>{etag}</Etag></Properties></Blob>"
            )
        };
        let blobs: String = found.map(of).collect();
        return Some(format!("<EnumerationResults><Blobs>{blobs}</Blobs></EnumerationResults>"));
    }
    None
}

fn text(request: &http::Request<Incoming>, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

fn build(status: u16, headers: &[(header::HeaderName, String)], body: Vec<u8>) -> Reply {
    let mut reply = http::Response::builder().status(status);
    for (name, value) in headers {
        reply = reply.header(name, value);
    }
    reply.body(Body::from(body)).expect("a reply")
}
