//! A server of files by HTTP or HTTPS: ranges, ETags and `If-Match` are real. It stands for any web server, and for as much of
//! the stores of Google and Azure as the reading of one object takes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Certificates;
use super::webhook::config;

#[derive(Debug, Default)]
struct Shared {
    files: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    /// First and last byte of each range that was asked for.
    ranges: Mutex<Vec<(u64, u64)>>,
    /// When a range from so far on is asked for, a file gets other contents.
    swap: Mutex<Option<(u64, String, Vec<u8>)>>,
    no_etags: AtomicBool,
    weak_etags: AtomicBool,
    no_ranges: AtomicBool,
    ends: AtomicBool,
}

/// A running server. Dropping it ends it with the last of its connections.
#[derive(Debug)]
pub struct FileServer {
    port: u16,
    certificates: Certificates,
    shared: Arc<Shared>,
    _folder: TempDir,
}

impl FileServer {
    /// A server by HTTP.
    pub fn start() -> Self {
        Self::with(false)
    }

    /// A server by HTTPS.
    pub fn start_tls() -> Self {
        Self::with(true)
    }

    fn with(tls: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("files-").tempdir().expect("make a folder");
        let certificates = Certificates::generate(folder.path());
        let tls = tls.then(|| Arc::new(config(&certificates)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the server of files");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if served.ends.load(SeqCst) {
                    return;
                }
                let (shared, tls) = (Arc::clone(&served), tls.clone());
                // A client that goes away is no matter of the server's.
                std::thread::spawn(move || drop(connected(socket, tls, &shared)));
            }
        });
        Self { port, certificates, shared, _folder: folder }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a client is to trust.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        lock(&self.shared.files).insert(path.to_owned(), Arc::new(bytes.to_vec()));
    }

    /// Replaces a file as soon as a range is requested that begins at `offset` or after it.
    pub fn put_before(&self, offset: u64, path: &str, bytes: &[u8]) {
        *lock(&self.shared.swap) = Some((offset, path.to_owned(), bytes.to_vec()));
    }

    /// Be a server that tells no versions.
    pub fn without_etags(&self) {
        self.shared.no_etags.store(true, SeqCst);
    }

    /// Be a server whose ETags promise little.
    pub fn with_weak_etags(&self) {
        self.shared.weak_etags.store(true, SeqCst);
    }

    /// Be a server that sends whole files.
    pub fn without_ranges(&self) {
        self.shared.no_ranges.store(true, SeqCst);
    }

    /// First and last byte of each range that was asked for.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        lock(&self.shared.ranges).clone()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.shared.ends.store(true, SeqCst);
        // The thread looks only when somebody connects.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connected(socket: TcpStream, tls: Option<Arc<ServerConfig>>, shared: &Shared) -> std::io::Result<()> {
    match tls {
        None => serve(&mut BufReader::new(socket), shared),
        Some(tls) => {
            let connection = ServerConnection::new(tls).map_err(std::io::Error::other)?;
            serve(&mut BufReader::new(StreamOwned::new(connection, socket)), shared)
        }
    }
}

/// Answers one request after the other, until the client closes the connection.
fn serve<S: Read + Write>(stream: &mut BufReader<S>, shared: &Shared) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? <= 2 {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        answer(stream.get_mut(), shared, (&method, &decoded(&path)), &headers)?;
    }
}

fn answer(
    out: &mut impl Write,
    shared: &Shared,
    (method, path): (&str, &str),
    headers: &HashMap<String, String>,
) -> std::io::Result<()> {
    let range = headers.get("range").and_then(|range| bounds(range));
    if let Some(range) = range {
        lock(&shared.ranges).push(range);
        if let Some((_, path, bytes)) = lock(&shared.swap).take_if(|(offset, ..)| range.0 >= *offset) {
            lock(&shared.files).insert(path, Arc::new(bytes));
        }
    }
    let Some(bytes) = lock(&shared.files).get(path).cloned() else {
        return write!(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let weak = if shared.weak_etags.load(SeqCst) { "W/" } else { "" };
    let etag = format!("{weak}\"{}\"", &base16(&Sha256::digest(bytes.as_slice()))[..16]);
    if headers.get("if-match").is_some_and(|wanted| *wanted != etag) {
        return write!(out, "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n");
    }
    let etag = match shared.no_etags.load(SeqCst) {
        true => String::new(),
        false => format!("ETag: {etag}\r\n"),
    };
    let range = range.filter(|_| !shared.no_ranges.load(SeqCst));
    let (status, content, part) = match range {
        Some((first, last)) => {
            let last = last.min(bytes.len() as u64 - 1);
            let content = format!("Content-Range: bytes {first}-{last}/{}\r\n", bytes.len());
            ("206 Partial Content", content, &bytes[first as usize..=last as usize])
        }
        None => ("200 OK", String::new(), bytes.as_slice()),
    };
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{etag}{content}Last-Modified: Tue, 01 Dec 2026 00:00:00 GMT\r\n\r\n",
        part.len()
    )?;
    if method != "HEAD" {
        out.write_all(part)?;
    }
    out.flush()
}

/// The path without percent signs: Google's client writes many.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2.min(part.len()));
        all.push(u8::from_str_radix(code, 16).map_or('?', char::from));
        all.push_str(rest);
    }
    all
}

fn base16(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `bytes=0-99`.
fn bounds(range: &str) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
