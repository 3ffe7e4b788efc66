//! An object store with one object for the tests of a cluster: S3's protocol over TLS at port 9000, signatures checked.
//!
//!     s3-server FOLDER BUCKET KEY FILE
//!
//! The folder has `tls.crt` and `tls.key`; the credentials that are taken are in `AWS_ACCESS_KEY_ID` and
//! `AWS_SECRET_ACCESS_KEY`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use pg_bootstrap_tests::servers::S3Server;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, bucket, key, file] = arguments.as_slice() else {
        return Err("usage: s3-server FOLDER BUCKET KEY FILE".into());
    };
    let store =
        S3Server::start_for(&std::env::var("AWS_ACCESS_KEY_ID")?, &std::env::var("AWS_SECRET_ACCESS_KEY")?);
    store.put(bucket, key, &std::fs::read(file)?);
    let tls = acceptor(Path::new(folder))?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(serve(tls, store.port()))
}

fn acceptor(folder: &Path) -> Outcome<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(folder.join("tls.crt"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("tls.key"))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(tls: TlsAcceptor, store: u16) -> Outcome<()> {
    let listener = TcpListener::bind("0.0.0.0:9000").await?;
    loop {
        let (socket, _) = listener.accept().await?;
        let tls = tls.clone();
        tokio::spawn(async move {
            // A connection that fails is the client's to notice.
            if let (Ok(mut outer), Ok(mut inner)) =
                (tls.accept(socket).await, TcpStream::connect(("127.0.0.1", store)).await)
            {
                tokio::io::copy_bidirectional(&mut outer, &mut inner).await.ok();
            }
        });
    }
}
