//! Ways to reach a server, and ways to fail.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kvbuffer::{Buffer, ConnectOptions, Error, ErrorKind, Keys, Writer};

use crate::support::{RedisServer, TTL, acquire, batch, connect, free_port, options, seq};

async fn kind_of(options: ConnectOptions) -> (ErrorKind, String) {
    let error = Buffer::connect(options, Keys::default(), TTL).await.unwrap_err();
    (error.kind().clone(), chain(&error))
}

/// The message and those of all causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn passwords_and_users() {
    let server = RedisServer::with(&["--requirepass", "se/cr@t"]);
    let with_url = |login: &str| options(&format!("redis://{login}127.0.0.1:{}/0", server.port));
    assert!(connect(&with_url(":se%2Fcr%40t@").url, &Keys::default()).await.is_ok());
    assert!(connect(&with_url("default:se%2Fcr%40t@").url, &Keys::default()).await.is_ok());
    let mut separate = with_url("");
    separate.password = Some("se/cr@t".to_owned());
    assert!(Buffer::connect(separate, Keys::default(), TTL).await.is_ok());
    for login in ["", ":wrong-secret@", "nobody:wrong-secret@"] {
        let (kind, text) = kind_of(with_url(login)).await;
        assert_eq!(kind, ErrorKind::Auth, "{login}: {text}");
        assert!(!kind.is_retryable());
        assert!(!text.contains("wrong-secret"), "{text}");
        assert!(text.contains(&server.port.to_string()), "{text}");
    }
}

#[tokio::test]
async fn a_user_without_permissions() {
    let server = RedisServer::start();
    server.cli(&["ACL", "SETUSER", "weak", "on", ">pw", "~*", "&*", "+@all", "-eval", "-info"]);
    let buffer =
        connect(&format!("redis://weak:pw@127.0.0.1:{}", server.port), &Keys::default()).await.unwrap();
    assert_eq!(*buffer.memory().await.unwrap_err().kind(), ErrorKind::Permission);
    let acquired = acquire(&server.buffer().await, "r1").await;
    let mut writer = Writer::new(buffer.clone(), "r1", &acquired.token, seq(1), 2);
    writer.send(batch(buffer.keys(), 1, 3), vec![], seq(3), ()).await.unwrap();
    assert_eq!(*writer.next_ack().await.unwrap().unwrap_err().kind(), ErrorKind::Permission);
}

#[tokio::test]
async fn unreachable_servers() {
    let nobody = options(&format!("redis://127.0.0.1:{}", free_port()));
    let (kind, text) = kind_of(nobody).await;
    assert_eq!(kind, ErrorKind::Unreachable, "{text}");
    let (kind, text) = kind_of(options("redis://no-such-host.invalid:6379")).await;
    assert_eq!(kind, ErrorKind::Unreachable, "{text}");
    let (kind, text) = kind_of(options("redis+unix:///no/such/socket")).await;
    assert_eq!(kind, ErrorKind::Unreachable, "{text}");
    // A server that listens and does not answer.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut silent_options = options(&format!("redis://{}", silent.local_addr().unwrap()));
    silent_options.connect_timeout = Duration::from_millis(200);
    let (kind, text) = kind_of(silent_options).await;
    assert_eq!(kind, ErrorKind::Timeout, "{text}");
}

#[tokio::test]
async fn addresses_that_cannot_be_read() {
    for url in [
        "localhost:6379",
        "http://user:hidden@host",
        "redis://user:hid#den@host",
        "redis://user:hidden@host/zero",
        "redis://user:hidden@host:port",
        "redis://user:hid/den@host",
        "redis-sentinel://user:hidden@host",
        "redis+unix://?pass=hidden&user=x",
        "",
    ] {
        let (kind, text) = kind_of(options(url)).await;
        assert!(matches!(kind, ErrorKind::InvalidUrl { .. }), "{url}: {kind:?} {text}");
        assert!(!text.contains("hid") && !text.contains("den@"), "{text}");
        assert!(!format!("{:?}", options(url)).contains("hid"), "{:?}", options(url));
    }
}

#[tokio::test]
async fn databases_and_sockets() {
    let server = RedisServer::start();
    let socket = format!("redis+unix://{}?db=3", server.socket().display());
    for url in [format!("{}/3", server.url()), socket.clone(), socket.replace("redis+unix", "unix")] {
        let buffer = connect(&url, &Keys::default()).await.unwrap();
        acquire(&buffer, "r1").await;
        assert_eq!(server.cli(&["-n", "3", "EXISTS", "{kasho:changes}:bootstrap:run:r1"]), "1", "{url}");
        server.cli(&["FLUSHALL"]);
    }
    let (kind, text) = kind_of(options(&format!("{}/99", server.url()))).await;
    assert_eq!(kind, ErrorKind::Unsupported, "{text}");
}

#[tokio::test]
async fn a_server_that_loads_is_worth_a_retry() {
    let mut server = RedisServer::start();
    server.cli(&["DEBUG", "POPULATE", "2000", "k", "100"]);
    server.cli(&["SAVE"]);
    server.kill();
    // Two thousand keys, a millisecond each.
    let slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
    server.restart_loading(&slow);
    let (kind, text) = kind_of(options(&server.url())).await;
    assert_eq!(kind, ErrorKind::Loading, "{text}");
    assert!(kind.is_retryable());
}

fn openssl(dir: &Path, args: &[&str]) {
    let output = Command::new("openssl").current_dir(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A CA, and a certificate of its for 127.0.0.1 and localhost.
fn certificates(dir: &Path, ca: &str, name: &str) {
    let (ca_key, ca_crt) = (format!("{ca}.key"), format!("{ca}.crt"));
    let (key, csr, crt) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.crt"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let subject = format!("/CN={ca}");
    let own = ["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &ca_key, "-out", &ca_crt];
    openssl(dir, &[&own[..], &curve].concat());
    let subject = format!("/CN={name}");
    openssl(dir, &[&["req", "-subj", &subject, "-keyout", &key, "-out", &csr][..], &curve].concat());
    std::fs::write(dir.join("ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    let signed = ["x509", "-req", "-days", "2", "-in", &csr, "-CA", &ca_crt, "-CAkey", &ca_key];
    openssl(dir, &[&signed[..], &["-CAcreateserial", "-extfile", "ext", "-out", &crt]].concat());
}

#[tokio::test]
async fn tls_with_a_private_authority() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), "ca", "server");
    certificates(dir.path(), "other-ca", "stranger");
    let files =
        ["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt"];
    let server = RedisServer::with_tls(dir, &[&files[..], &["--tls-auth-clients", "no"]].concat());
    let path = |name: &str| Some(server.dir.path().join(name));
    let url = format!("rediss://localhost:{}", server.port);
    let trusting = ConnectOptions { ca_file: path("ca.crt"), ..options(&url) };
    let buffer = Buffer::connect(trusting.clone(), Keys::default(), TTL).await.unwrap();
    acquire(&buffer, "r1").await;
    buffer.subscribe().await.unwrap();

    let wrong = [
        ("another authority", ConnectOptions { ca_file: path("other-ca.crt"), ..trusting.clone() }),
        ("the system's authorities", options(&url)),
        ("no such file", ConnectOptions { ca_file: path("none.crt"), ..trusting.clone() }),
        ("no certificate", ConnectOptions { ca_file: path("ext"), ..trusting.clone() }),
    ];
    for (case, options) in wrong {
        let (kind, text) = kind_of(options).await;
        assert_eq!(kind, ErrorKind::Tls, "{case}: {text}");
        assert!(!kind.is_retryable());
    }
}

#[tokio::test]
async fn no_tls_on_the_other_side() {
    // (A plain Redis does not answer a TLS greeting at all, and so it is a timeout.)
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rediss://{}", plain.local_addr().unwrap());
    let answer = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"-ERR what is this\r\n").await.unwrap();
        stream
    };
    let ((kind, text), _stream) = tokio::join!(kind_of(options(&url)), answer);
    assert_eq!(kind, ErrorKind::Tls, "{text}");
}

#[tokio::test]
async fn tls_with_client_certificates() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), "ca", "server");
    certificates(dir.path(), "other-ca", "stranger");
    let files =
        ["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt"];
    let server = RedisServer::with_tls(dir, &files);
    let path = |name: &str| Some(server.dir.path().join(name));
    let url = format!("rediss://127.0.0.1:{}", server.port);
    let without = ConnectOptions { ca_file: path("ca.crt"), ..options(&url) };
    let with = |name: &str| ConnectOptions {
        client_cert_file: path(&format!("{name}.crt")),
        client_key_file: path(&format!("{name}.key")),
        ..without.clone()
    };
    Buffer::connect(with("server"), Keys::default(), TTL).await.unwrap();
    for (case, options) in [("none", without.clone()), ("stranger", with("stranger"))] {
        let (kind, text) = kind_of(options).await;
        assert_eq!(kind, ErrorKind::Tls, "{case}: {text}");
    }
    let half = ConnectOptions { client_cert_file: path("server.crt"), ..without.clone() };
    assert!(matches!(kind_of(half).await.0, ErrorKind::InvalidUrl { .. }));
}

#[tokio::test]
async fn a_cluster_is_one_node_to_us() {
    let nodes =
        [RedisServer::with(&["--cluster-enabled", "yes"]), RedisServer::with(&["--cluster-enabled", "yes"])];
    let ports = [nodes[0].port.to_string(), nodes[1].port.to_string()];
    // {kasho:changes} is in slot 8617; the second node has the upper half.
    nodes[0].cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    nodes[1].cli(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
    nodes[0].cli(&["CLUSTER", "MEET", "127.0.0.1", &ports[1]]);
    let slot: u16 = nodes[0].cli(&["CLUSTER", "KEYSLOT", "kasho:changes"]).parse().unwrap();
    let owner = usize::from(slot > 8191);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !nodes.iter().all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")) {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let hosts =
        format!("127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}", free_port(), ports[1 - owner], ports[owner]);
    let buffer = connect(&format!("redis-cluster://{hosts}"), &Keys::default()).await.unwrap();
    assert!(buffer.address().ends_with(&format!("(127.0.0.1:{})", ports[owner])), "{}", buffer.address());
    let acquired = acquire(&buffer, "r1").await;
    let mut writer = Writer::new(buffer.clone(), "r1", &acquired.token, seq(1), 4);
    for start in (1..100).step_by(10) {
        writer.send(batch(buffer.keys(), start, start + 10), vec![], seq(start + 10), ()).await.unwrap();
    }
    while let Some(ack) = writer.next_ack().await {
        ack.unwrap();
    }
    assert_eq!(nodes[owner].cli(&["ZCARD", "kasho:changes"]), "100");
    let alone = RedisServer::start();
    let (kind, text) = kind_of(options(&alone.url().replace("redis:", "redis-cluster:"))).await;
    assert_eq!(kind, ErrorKind::Unsupported, "{text}");
    // The wrong node tells which one is right: worth a new look at the cluster.
    let stray = connect(&nodes[1 - owner].url(), &Keys::default()).await.unwrap();
    let error = stray.total().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TryAgain);
    assert!(error.needs_reconnect());
}

#[tokio::test]
async fn sentinels_name_the_master() {
    let master = RedisServer::with(&["--requirepass", "pw", "--masterauth", "pw"]);
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass spw\nsentinel monitor the-master 127.0.0.1 {} 1\nsentinel auth-pass the-master pw\n",
        master.port
    );
    std::fs::write(dir.path().join("sentinel.conf"), config).unwrap();
    let mut sentinel = Command::new("redis-server")
        .args(["sentinel.conf", "--sentinel"])
        .current_dir(dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("redis-sentinel://:pw@127.0.0.1:{port}/the-master?db=2");
    let with_login = |url: &str| ConnectOptions { sentinel_password: Some("spw".into()), ..options(url) };
    let connect = |options| Buffer::connect(options, Keys::default(), TTL);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let result = loop {
        match connect(with_login(&url)).await {
            Err(error) if error.is_retryable() && std::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            result => break result,
        }
    };
    let unknown = connect(with_login(&url.replace("the-master", "nobody"))).await;
    let stranger = connect(options(&url)).await;
    sentinel.kill().unwrap();
    sentinel.wait().unwrap();
    let buffer = result.unwrap();
    assert!(buffer.address().ends_with(&format!("(127.0.0.1:{})", master.port)), "{}", buffer.address());
    assert!(!buffer.address().contains("pw@"));
    acquire(&buffer, "r1").await;
    let run = Command::new("redis-cli")
        .args(["-p", &master.port.to_string(), "-a", "pw", "--no-auth-warning", "-n", "2"])
        .args(["EXISTS", "{kasho:changes}:bootstrap:run:r1"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), "1");
    assert_eq!(*unknown.unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(*stranger.unwrap_err().kind(), ErrorKind::Auth);
}
