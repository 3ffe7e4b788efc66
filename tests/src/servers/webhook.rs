//! An admission webhook that gives everything it is asked about the same answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;

use base64::Engine as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Certificates;

/// A running webhook. Dropping it stops it.
#[derive(Debug)]
pub struct Webhook {
    port: u16,
    certificates: Certificates,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Webhook {
    /// One that denies with this `status`, in the form of an `AdmissionReview`'s.
    pub fn denying(status: &Value) -> Self {
        Self::answering(json!({"allowed": false, "status": status}))
    }

    /// One that allows with this JSON patch.
    pub fn patching(patch: &Value) -> Self {
        let patch = base64::engine::general_purpose::STANDARD.encode(patch.to_string());
        Self::answering(json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
    }

    fn answering(response: Value) -> Self {
        let folder = tempfile::Builder::new().prefix("webhook-").tempdir().expect("make a folder");
        let certificates = Certificates::generate(folder.path());
        let config = Arc::new(config(&certificates));
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind the webhook");
        let port = listener.local_addr().expect("its address").port();
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if ended.load(SeqCst) {
                    return;
                }
                // A client that goes away is no matter of the webhook's.
                let _ = socket.and_then(|socket| answer(socket, &config, &response));
            }
        });
        Self { port, certificates, ends, thread: Some(thread), _folder: folder }
    }

    /// How the API server finds and trusts it: the `clientConfig` of a configuration.
    pub fn client_config(&self) -> Value {
        let authority = std::fs::read(&self.certificates.ca).expect("read the authority");
        let bundle = base64::engine::general_purpose::STANDARD.encode(authority);
        json!({"url": format!("https://127.0.0.1:{}/", self.port), "caBundle": bundle})
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.ends.store(true, SeqCst);
        // The thread looks only when somebody connects.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a server with these certificates speaks TLS by.
pub(super) fn config(certificates: &Certificates) -> ServerConfig {
    let read = |file: &Path| CertificateDer::from_pem_file(file).expect("read a certificate");
    let key = PrivateKeyDer::from_pem_file(&certificates.key).expect("read the key");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![read(&certificates.cert)], key)
        .expect("a certificate and its key")
}

/// Answers one request and closes the connection.
fn answer(socket: TcpStream, config: &Arc<ServerConfig>, response: &Value) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, socket));
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let asked: Value = serde_json::from_slice(&body)?;
    let mut response = response.clone();
    response["uid"] = asked["request"]["uid"].clone();
    let reply = json!({"apiVersion": asked["apiVersion"], "kind": "AdmissionReview", "response": response});
    let reply = reply.to_string();
    let stream = stream.get_mut();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{reply}",
        reply.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}
