//! The servers start, break and stop as the other tests assume.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::resp::RedisClient;
use crate::servers::{Data, PostgresOptions, PostgresServer, RedisOptions, RedisServer, wait_until};

#[test]
fn redis_keeps_or_loses_its_data() {
    let mut kept = RedisServer::start_with(RedisOptions { append_only: true, ..RedisOptions::default() });
    let mut volatile = RedisServer::start();
    for server in [&kept, &volatile] {
        server.client().command(&["SET", "a", "1"]).unwrap();
        assert_eq!(server.cli(&["GET", "a"]), "1");
    }
    kept.restart(Data::Keep);
    volatile.restart(Data::Keep);
    assert_eq!((kept.cli(&["GET", "a"]).as_str(), volatile.cli(&["GET", "a"]).as_str()), ("1", ""));
    kept.restart(Data::Wipe);
    assert_eq!(kept.cli(&["DBSIZE"]), "0");
    let port = kept.port();
    kept.kill();
    assert!(RedisClient::connect(port, None).is_err());
}

#[test]
fn redis_options_are_in_force() {
    let server = RedisServer::start_with(RedisOptions {
        max_memory: Some("8mb".into()),
        policy: Some("allkeys-lru".into()),
        password: Some("secret".into()),
        tls: true,
        ..RedisOptions::default()
    });
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory"]), "maxmemory\n8388608");
    assert_eq!(server.cli(&["CONFIG", "GET", "maxmemory-policy"]), "maxmemory-policy\nallkeys-lru");
    assert!(RedisClient::connect(server.port(), None).unwrap().command(&["GET", "a"]).is_err());
    assert!(RedisClient::connect(server.port(), Some("wrong")).is_err());
    assert!(server.url().starts_with("redis://:secret@127.0.0.1:"));

    let ping = |trusted: &Path| {
        let mut command = Command::new("redis-cli");
        command
            .args(["-h", "localhost", "-p", &server.tls_port().to_string(), "--tls", "--cacert"])
            .arg(trusted);
        let out = command.args(["-a", "secret", "--no-auth-warning", "PING"]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim() == "PONG"
    };
    let certificates = server.certificates().unwrap();
    assert!(ping(&certificates.ca));
    let other = tempfile::tempdir().unwrap();
    assert!(!ping(&crate::servers::Certificates::generate(other.path()).ca));
}

#[test]
fn a_redis_replica_follows() {
    let primary = RedisServer::start();
    let replica =
        RedisServer::start_with(RedisOptions { replica_of: Some(primary.port()), ..RedisOptions::default() });
    primary.cli(&["SET", "a", "1"]);
    assert!(wait_until(Duration::from_secs(20), || replica.cli(&["GET", "a"]) == "1"));
    assert!(replica.cli(&["SET", "b", "1"]).contains("READONLY"));
}

#[test]
fn folders_and_processes_go_with_the_server() {
    let redis = RedisServer::start();
    let folder = redis.data_folder().parent().unwrap().to_owned();
    let pid = redis.pid().unwrap();
    assert!(folder.exists());
    drop(redis);
    assert!(!folder.exists() && !Path::new(&format!("/proc/{pid}")).exists());

    let seen = std::sync::Mutex::new(None);
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let redis = RedisServer::start();
        *seen.lock().unwrap() = Some((redis.data_folder(), redis.pid().unwrap()));
        std::panic::resume_unwind(Box::new("a test fails"));
    }));
    assert!(failed.is_err());
    let (folder, pid) = seen.into_inner().unwrap().unwrap();
    assert!(!folder.exists() && !Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn postgres_clusters_are_independent_and_come_back() {
    let mut server = PostgresServer::start_with(PostgresOptions {
        encoding: "LATIN1".into(),
        settings: vec![("max_connections".into(), "20".into())],
        ..PostgresOptions::default()
    });
    let database = server.fresh_database_in("LATIN1");
    server.run_sql(&database, "CREATE TABLE t (a text); INSERT INTO t VALUES ('é')");
    assert_eq!(server.connect(&database).value("SELECT a FROM t").unwrap().as_deref(), Some("é"));
    assert_eq!(server.connect(&database).value("SHOW max_connections").unwrap().as_deref(), Some("20"));
    // What psql has committed may still be on its way to the log.
    server.connect(&database).query("CHECKPOINT").unwrap();
    server.kill();
    server.restart();
    assert_eq!(server.connect(&database).value("SELECT a FROM t").unwrap().as_deref(), Some("é"));
    let dump = server.pg_dump(&database, &["--encoding=LATIN1"]);
    assert!(dump.windows(4).any(|w| w == b"\n\xe9\n\\"));

    let shared = PostgresServer::shared();
    let (a, b) = (shared.fresh_database(), shared.fresh_database());
    assert_ne!(a, b);
    assert_ne!(shared.port(), server.port());
    let mut session = shared.connect(&a);
    assert!(session.query("SELECT 1/0").unwrap_err().to_string().contains("division by zero"));
    assert_eq!(session.value("SHOW server_encoding").unwrap().as_deref(), Some("UTF8"));
    assert!(shared.major_version() >= 13);
}
