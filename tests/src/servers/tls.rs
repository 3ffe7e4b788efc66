//! A certificate authority and a server certificate for 127.0.0.1, made by the openssl program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Files in PEM form, all of one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate: what a client is to trust.
    pub ca: PathBuf,
    /// The server's certificate, for `localhost` and 127.0.0.1; also valid as a client certificate.
    pub cert: PathBuf,
    /// The key of `cert`.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes the files in `folder`.
    pub fn generate(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let made = Self { ca: file("ca.pem"), cert: file("server.pem"), key: file("server.key") };
        let (ca_key, request, extensions) = (file("ca.key"), file("server.csr"), file("server.ext"));
        std::fs::write(
            &extensions,
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
        )
        .expect("write the extensions");
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        openssl(
            Command::new("openssl")
                .args(["req", "-x509", "-days", "30", "-subj", "/CN=test authority"])
                .args(new_key)
                .args(["-addext", "keyUsage=critical,keyCertSign"])
                .arg("-keyout")
                .arg(&ca_key)
                .arg("-out")
                .arg(&made.ca),
        );
        openssl(
            Command::new("openssl")
                .args(["req", "-subj", "/CN=localhost"])
                .args(new_key)
                .arg("-keyout")
                .arg(&made.key)
                .arg("-out")
                .arg(&request),
        );
        openssl(
            Command::new("openssl")
                .args(["x509", "-req", "-days", "30", "-set_serial", "2", "-in"])
                .arg(&request)
                .arg("-CA")
                .arg(&made.ca)
                .arg("-CAkey")
                .arg(&ca_key)
                .arg("-extfile")
                .arg(&extensions)
                .arg("-out")
                .arg(&made.cert),
        );
        made
    }
}

fn openssl(command: &mut Command) {
    let out = command.output().expect("run openssl");
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}
