//! Certificates, and the cryptography provider that rustls needs.

use redis::{ClientTlsConfig, TlsCertificates};

use super::ConnectOptions;
use crate::error::Cause;

/// Makes sure that rustls has a provider. The redis crate uses the process's default; without one it panics if the
/// application is compiled with more than one.
///
/// A default that the application has chosen is kept.
pub(crate) fn ensure_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // If another thread was faster, that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Reads the files of the options; `None` if there are none.
pub(crate) fn certificates(options: &ConnectOptions) -> Result<Option<TlsCertificates>, Problem> {
    let root_cert = options.ca_file.as_deref().map(read).transpose()?;
    let client_tls = match (&options.client_cert_file, &options.client_key_file) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        (None, None) => None,
        _ => return Err(Problem::Half),
    };
    let any = root_cert.is_some() || client_tls.is_some();
    Ok(any.then_some(TlsCertificates { client_tls, root_cert }))
}

/// Why certificates cannot be used.
pub(crate) enum Problem {
    /// A client certificate without its key, or a key without its certificate.
    Half,
    /// A file that cannot be read.
    File(Cause),
}

/// These files are small and local, and read once for each connection: they need no thread of their own.
fn read(path: &std::path::Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path)
        .map_err(|source| Problem::File(Cause::File { path: path.display().to_string(), source }))
}
