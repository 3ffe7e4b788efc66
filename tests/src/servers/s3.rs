//! A real S3 server, as far as reading goes: signatures are checked, ranges and ETags are real. A feature that it
//! lacks (`If-Match` on reads) and faults of real services are added in front of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The access key that the server knows.
pub const ACCESS_KEY: &str = "AKIATESTTESTTESTTEST";
/// Its secret.
pub const SECRET_KEY: &str = "s3cr3t-0f-0bject-5tore";

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET` or `HEAD`.
    pub method: String,
    /// The path, the bucket in front.
    pub path: String,
    /// First and last byte of the range, where there was one.
    pub range: Option<(u64, u64)>,
    /// The status of the reply.
    pub status: u16,
}

#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    /// So many replies are 503.
    refusals: AtomicU64,
    /// `If-Match` is looked at, as S3 does and not every other service.
    matches: AtomicBool,
    /// When a range from so far on is asked for, one file is moved to another place.
    swap: Mutex<Option<(u64, PathBuf, PathBuf)>>,
}

/// A server with one folder a bucket. Dropping it closes all connections.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
    folder: TempDir,
}

impl S3Server {
    /// A server without buckets, for [`ACCESS_KEY`].
    pub fn start() -> Self {
        Self::start_for(ACCESS_KEY, SECRET_KEY)
    }

    /// A server without buckets that knows this key and its secret.
    pub fn start_for(access_key: &str, secret_key: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("s3-").tempdir().expect("make a folder");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("serve the folder"));
        builder.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("start a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bind the object store");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared { matches: AtomicBool::new(true), ..Shared::default() });
        runtime.spawn(accept(listener, service, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime), folder }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Puts an object there, whole at any moment.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let path = self.path(bucket, key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the bucket");
        let beside = self.folder.path().join("beside");
        std::fs::write(&beside, bytes)
            .and_then(|()| std::fs::rename(&beside, &path))
            .expect("put the object");
    }

    /// Replaces an object as soon as a range is requested that begins at `offset` or after it.
    pub fn put_before(&self, offset: u64, bucket: &str, key: &str, bytes: &[u8]) {
        let beside = self.folder.path().join("later");
        std::fs::write(&beside, bytes).expect("write the later object");
        *self.shared.swap.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((offset, beside, self.path(bucket, key)));
    }

    /// Takes an object away.
    pub fn remove(&self, bucket: &str, key: &str) {
        std::fs::remove_file(self.path(bucket, key)).expect("remove the object");
    }

    /// The next replies, this many, are 503.
    pub fn refuse(&self, replies: u64) {
        self.shared.refusals.store(replies, SeqCst);
    }

    /// Be a service that does not look at `If-Match`.
    pub fn ignore_if_match(&self) {
        self.shared.matches.store(false, SeqCst);
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests.
    pub fn forget(&self) {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.path().join(Path::new(bucket)).join(key)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, service: S3Service, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, shared) = (service.clone(), Arc::clone(&shared));
        let answering = service_fn(move |request| answer(request, service.clone(), Arc::clone(&shared)));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answering),
        );
    }
}

async fn answer(
    request: http::Request<Incoming>,
    service: S3Service,
    shared: Arc<Shared>,
) -> Result<HttpResponse, HttpError> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (range, wanted) = (header(http::header::RANGE), header(http::header::IF_MATCH));
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let range = range.as_deref().and_then(bounds);
    if let Some((first, _)) = range {
        swap(&shared, first);
    }
    let refused = shared.refusals.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
    let reply = if refused {
        status(503)
    } else {
        let reply = hyper::service::Service::call(&service, request).await?;
        let etag = reply.headers().get(http::header::ETAG).and_then(|value| value.to_str().ok());
        match (&wanted, etag) {
            (Some(wanted), Some(etag)) if wanted != etag && shared.matches.load(SeqCst) => status(412),
            _ => reply,
        }
    };
    let asked = Asked { method, path, range, status: reply.status().as_u16() };
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    Ok(reply)
}

/// Moves the later object to its place when it is time.
fn swap(shared: &Shared, first: u64) {
    let mut swap = shared.swap.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, from, to)) = swap.take_if(|(offset, ..)| first >= *offset) {
        std::fs::rename(from, to).expect("replace the object");
    }
}

fn status(code: u16) -> HttpResponse {
    let mut reply = http::Response::new(Body::empty());
    *reply.status_mut() = http::StatusCode::from_u16(code).expect("a status");
    reply
}

/// `bytes=0-99`.
pub(super) fn bounds(range: &str) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
