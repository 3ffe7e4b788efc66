//! What rustls is to trust, by libpq's modes.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::address::{Roots, Security, SslMode};
use crate::error::ErrorKind;

/// A file or a certificate that cannot be used.
pub(crate) struct Problem {
    pub(crate) kind: ErrorKind,
    pub(crate) cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The configuration of a connection that may use TLS. The files are small and read for each connection anew, so that a
/// certificate may be renewed.
pub(crate) fn config(security: &Security) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem { kind: ErrorKind::Tls, cause: Some(error.into()) })?;
    let builder = match security.mode {
        SslMode::VerifyFull => builder.with_root_certificates(roots(&security.roots)?),
        mode => {
            let roots = if mode == SslMode::VerifyCa { Some(roots(&security.roots)?) } else { None };
            let verifier = Arc::new(Lenient { roots, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    let mut config = match &security.client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let secret = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| file(key, "it has no private key in PEM form without a password", error))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|error| file(key, "it does not fit the certificate", error))?
        }
    };
    if security.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

fn roots(roots: &Roots) -> Result<RootCertStore, Problem> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::None => {}
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                let what = "the system has no certificates of authorities";
                return Err(Problem {
                    kind: ErrorKind::File { path: "sslrootcert=system".into(), what },
                    cause: None,
                });
            }
        }
        Roots::File(path) => {
            for certificate in certificates(path)? {
                store
                    .add(certificate)
                    .map_err(|error| file(path, "it has a certificate that cannot be read", error))?;
            }
        }
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let what = "it has no certificates in PEM form";
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| file(path, what, error))?;
    match found.is_empty() {
        true => {
            Err(Problem { kind: ErrorKind::File { path: path.display().to_string(), what }, cause: None })
        }
        false => Ok(found),
    }
}

fn file(
    path: &Path,
    what: &'static str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Problem {
    Problem { kind: ErrorKind::File { path: path.display().to_string(), what }, cause: Some(cause.into()) }
}

/// Less than rustls asks for by itself, as libpq's modes below verify-full do: the name is not compared, and without
/// authorities nothing is. The server must own the key of its certificate in any case.
#[derive(Debug)]
struct Lenient {
    /// The authorities of verify-ca.
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let known = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, known)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
