//! Addresses, passwords and certificates, as servers see them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pg_bootstrap_tests::servers::Certificates;
use pg_bootstrap_tests::servers::{Database, PostgresOptions, PostgresServer};
use replica::{Address, ConnectOptions, Error, ErrorKind, Replica};
use tempfile::TempDir;

use super::harness::{nothing, options};

/// A server that has TLS, and asks by `rules` (pg_hba.conf) who comes; role `ann` has the password `hunter2`.
struct Guarded {
    server: PostgresServer,
    database: Database,
    certificates: Certificates,
    folder: TempDir,
}

fn guarded(rules: &str) -> Guarded {
    let folder = tempfile::Builder::new().prefix("tls-").tempdir_in("/tmp").unwrap();
    let certificates = Certificates::generate(folder.path());
    let hba = folder.path().join("hba");
    std::fs::write(&hba, format!("local all postgres trust\n{rules}\n")).unwrap();
    // The server has a key of its own, which it must be able to read and nobody else may.
    let key = folder.path().join("servers.key");
    std::fs::copy(&certificates.key, &key).unwrap();
    mode(&key, 0o600);
    mode(folder.path(), 0o755);
    let _ = Command::new("chown").arg("postgres").arg(&key).status();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let settings = [
        ("ssl", "on".to_owned()),
        ("ssl_cert_file", path(&certificates.cert)),
        ("ssl_key_file", path(&key)),
        ("ssl_ca_file", path(&certificates.ca)),
        ("hba_file", path(&hba)),
    ];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let server = PostgresServer::start_with(PostgresOptions { settings, ..PostgresOptions::default() });
    let database = server.fresh_database();
    let roles = "CREATE ROLE ann LOGIN PASSWORD 'hunter2'; CREATE ROLE localhost LOGIN";
    server.connect(&database).query(roles).unwrap();
    Guarded { server, database, certificates, folder }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

impl Guarded {
    fn url(&self, login: &str, query: &str) -> String {
        format!("postgres://{login}@127.0.0.1:{}/{}?{query}", self.server.port(), self.database.name)
    }

    /// Whether the connection has TLS, if there is one.
    async fn connect(&self, login: &str, query: &str) -> Result<bool, Error> {
        self.with(options(&self.url(login, query))).await
    }

    async fn with(&self, options: ConnectOptions) -> Result<bool, Error> {
        let replica = Replica::connect(options).await.inspect_err(|error| {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        })?;
        let tls = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'pg-bootstrap'";
        let tls = self.server.connect(&self.database).value(tls).unwrap();
        drop(replica);
        // Until the session is gone, the next one is not told from it.
        while self
            .server
            .connect(&self.database)
            .value("SELECT pid FROM pg_stat_activity WHERE application_name = 'pg-bootstrap'")
            .unwrap()
            .is_some()
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(tls.as_deref() == Some("t"))
    }

    fn ca(&self) -> String {
        format!("sslrootcert={}", self.certificates.ca.display())
    }
}

fn code(result: Result<bool, Error>) -> String {
    result.unwrap_err().server().expect("an answer of the server").code.clone()
}

fn kind(result: Result<bool, Error>) -> ErrorKind {
    result.unwrap_err().kind().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_as_the_mode_says() {
    let server = guarded("hostssl all ann 127.0.0.1/32 scram-sha-256");
    let login = "ann:hunter2";
    let full = format!("sslmode=verify-full&{}", server.ca());
    assert!(server.connect(login, &full).await.unwrap());
    assert!(server.connect(login, "sslmode=require").await.unwrap());
    assert!(server.connect(login, "sslmode=require&channel_binding=require").await.unwrap());
    assert!(server.connect(login, "sslmode=prefer").await.unwrap());
    assert!(server.connect(login, "sslmode=allow").await.unwrap());
    assert_eq!(code(server.connect(login, "sslmode=disable").await), "28000");

    // Another host's certificate, and another authority's.
    let elsewhere = |mode: &str| {
        let url = server.url(login, &format!("sslmode={mode}&{}&hostaddr=127.0.0.1", server.ca()));
        options(&url.replace("@127.0.0.1", "@db.example"))
    };
    assert_eq!(kind(server.with(elsewhere("verify-full")).await), ErrorKind::Tls);
    assert!(server.with(elsewhere("verify-ca")).await.unwrap());
    let stranger = tempfile::tempdir().unwrap();
    let other = Certificates::generate(stranger.path());
    for mode in ["verify-full", "verify-ca", "require"] {
        let query = format!("sslmode={mode}&sslrootcert={}", other.ca.display());
        assert_eq!(kind(server.connect(login, &query).await), ErrorKind::Tls, "{mode}");
    }
    let system = server.connect(login, "sslrootcert=system").await.unwrap_err();
    assert!(matches!(system.kind(), ErrorKind::Tls | ErrorKind::File { .. }), "{system:?}");
    let missing = server.connect(login, "sslmode=verify-full&sslrootcert=/nowhere").await.unwrap_err();
    assert!(missing.to_string().contains("/nowhere: "), "{missing}");
    assert!(!missing.is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_a_login() {
    let server = guarded("hostssl all localhost 127.0.0.1/32 cert");
    let ours = format!(
        "sslmode=verify-full&{}&sslcert={}&sslkey={}",
        server.ca(),
        server.certificates.cert.display(),
        server.certificates.key.display()
    );
    assert!(server.connect("localhost", &ours).await.unwrap());
    assert_eq!(code(server.connect("localhost", "sslmode=require").await), "28000");
    let swapped = format!(
        "sslmode=require&sslcert={}&sslkey={}",
        server.certificates.ca.display(),
        server.certificates.key.display()
    );
    assert!(matches!(kind(server.connect("localhost", &swapped).await), ErrorKind::File { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_no_tls_is_reached_without() {
    let server = guarded("hostnossl all ann 127.0.0.1/32 scram-sha-256");
    for query in ["sslmode=prefer", "sslmode=allow", "sslmode=disable"] {
        assert!(!server.connect("ann:hunter2", query).await.unwrap(), "{query}");
    }
    assert_eq!(code(server.connect("ann:hunter2", "sslmode=require").await), "28000");
    let bound = server.connect("ann:hunter2", "sslmode=disable&channel_binding=require").await;
    assert_eq!(kind(bound), ErrorKind::Login);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_from_where_they_are_said_to_be() {
    let server = guarded("host all ann 127.0.0.1/32 scram-sha-256");
    let file = |name: &str, text: &str, rights: u32| {
        let path = server.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        mode(&path, rights);
        path
    };
    let url = server.url("ann", "sslmode=disable");
    assert_eq!(kind(server.with(options(&url)).await), ErrorKind::Login);
    assert_eq!(code(server.connect("ann:wrong", "sslmode=disable").await), "28P01");
    // A file for the password alone wins.
    let wrong = options(&server.url("ann:wrong", "sslmode=disable"));
    let plain = file("password", "hunter2\n", 0o644);
    server.with(ConnectOptions { password_file: Some(plain), ..wrong.clone() }).await.unwrap();
    let missing = ConnectOptions { password_file: Some("/nowhere".into()), ..wrong };
    assert!(matches!(kind(server.with(missing).await), ErrorKind::File { .. }));
    // libpq's file, for us and for nobody else.
    let line = format!("127.0.0.1:{}:*:ann:hunter2\n", server.server.port());
    let passfile = file("passfile", &line, 0o600);
    let given = format!("sslmode=disable&passfile={}", passfile.display());
    server.connect("ann", &given).await.unwrap();
    mode(&passfile, 0o644);
    assert!(matches!(kind(server.connect("ann", &given).await), ErrorKind::File { .. }));
    // And the environment.
    let variable = |name: &str| match name {
        "PGPASSWORD" => Some("hunter2".to_owned()),
        "PGPORT" => Some(server.server.port().to_string()),
        "PGHOST" => Some("127.0.0.1".to_owned()),
        _ => None,
    };
    let address = format!("user=ann dbname={} sslmode=prefer", server.database.name);
    let address = Address::parse(&address, &variable).unwrap();
    assert!(server.with(ConnectOptions::new(address)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_tried_in_their_order() {
    let server = PostgresServer::shared();
    let database = server.fresh_database();
    let socket = format!(
        "host=/nowhere,{} port={} user=postgres dbname={} target_session_attrs=read-write",
        server.host().display(),
        server.port(),
        database.name
    );
    Replica::connect(options(&socket)).await.unwrap();
    let nobody = Address::parse("postgres://postgres@127.0.0.1:1/d?sslmode=disable", &nothing).unwrap();
    let error = Replica::connect(ConnectOptions::new(nobody)).await.err().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Unreachable);
    assert!(error.is_retryable());
    let error = Replica::connect(options(&socket.replace(&database.name, "absent"))).await.err().unwrap();
    assert_eq!(error.server().unwrap().code, "3D000");
    assert!(!error.is_retryable());
}
