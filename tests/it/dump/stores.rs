//! A dump in Google Cloud Storage or in Azure Blob Storage: how it is addressed, and who may read it. What disturbs reading
//! is tried with S3 and with web servers, by the same code.

use std::fs;
use std::path::Path;
use std::process::Command;

use pg_bootstrap_tests::binary::{Finished, Runner};
use pg_bootstrap_tests::servers::{Manners, PostgresServer, RedisServer, WebServer};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{LIMIT, dump, expect, expect_untouched, snapshot, undisturbed};

const TOKEN: &str = "t0ken-0f-the-store";

/// A store that stands for one of the two, and the variables by which the program may read it.
struct Service {
    server: WebServer,
    /// Scheme and bucket.
    bucket: &'static str,
    /// The same in the paths of requests.
    path: &'static str,
    /// Below the server's address.
    account: &'static str,
    variables: Vec<(&'static str, String)>,
}

impl Service {
    /// One that lets in who shows `key`.
    fn google(key: &str, variables: Vec<(&'static str, String)>) -> Self {
        let server = WebServer::start();
        server.serve_only(key);
        Self { server, bucket: "gs://dumps/", path: "dumps/", account: "", variables }
    }

    fn azure(key: &str, mut variables: Vec<(&'static str, String)>) -> Self {
        let server = WebServer::start();
        server.serve_only(key);
        variables.push(("AZURE_STORAGE_ACCOUNT_NAME", "shop".to_owned()));
        Self { server, bucket: "az://dumps/", path: "shop/dumps/", account: "/shop", variables }
    }

    /// Both, by a token.
    fn both() -> [Self; 2] {
        let bearer = format!("Bearer {TOKEN}");
        [
            Self::google(&bearer, vec![("GOOGLE_BEARER_TOKEN", TOKEN.to_owned())]),
            Self::azure(&bearer, vec![("AZURE_STORAGE_TOKEN", TOKEN.to_owned())]),
        ]
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        self.server.put(&format!("{}{key}", self.path), bytes);
    }

    fn runner(&self, redis: &RedisServer, key: &str) -> Runner {
        let endpoint = format!("http://127.0.0.1:{}{}", self.server.port(), self.account);
        let runner = Runner::new()
            .args(["--dump-file", &format!("{}{key}", self.bucket), "--store-endpoint", &endpoint])
            .args(["--kv-url", &redis.url(), "--snapshot-lsn", "16/B374D848"]);
        self.variables.iter().fold(runner, |runner, (name, value)| runner.env(name, value))
    }
}

#[track_caller]
fn expect_here(finished: Finished, code: i32, said: &[&str]) -> Finished {
    let finished = expect(finished, code, said);
    assert!(!finished.stderr.contains(TOKEN), "{}", finished.stderr);
    finished
}

#[test]
fn an_object_is_loaded_as_a_file_is() {
    let bytes = dump(100_000);
    let expected = undisturbed(&bytes);
    for service in Service::both() {
        service.put("eu/shop.sql", &bytes);
        let redis = RedisServer::start();
        expect_here(service.runner(&redis, "eu/shop.sql").run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{}", service.bucket);
        let asked = service.server.asked();
        assert!(asked.iter().filter(|asked| asked.range.is_some()).count() > 3, "{asked:?}");
        let again = expect_here(service.runner(&redis, "eu/shop.sql").run(LIMIT), 0, &[]);
        assert!(again.stdout.starts_with(b"done already"));
    }
}

/// An archive in the directory format, as objects.
#[test]
fn a_folder_of_objects_is_loaded_as_a_directory_is() {
    let postgres = PostgresServer::shared();
    let database = postgres.fresh_database();
    postgres.run_sql(&database, "CREATE TABLE a (n int); INSERT INTO a SELECT generate_series(1, 1000)");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop");
    postgres.pg_dump(&database, &["--format=directory", &format!("--file={}", path.display())]);
    postgres.drop_database(&database);
    let redis = RedisServer::start();
    crate::harness::runner(&redis, &path).run(LIMIT).expect_code(0);
    let expected = snapshot(&redis);
    for service in Service::both() {
        for file in fs::read_dir(&path).unwrap().map(Result::unwrap) {
            let key = format!("eu/shop/{}", file.file_name().to_str().unwrap());
            service.put(&key, &fs::read(file.path()).unwrap());
        }
        service.put("eu/shop2/toc.dat", b"of another archive");
        redis.cli(&["FLUSHALL"]);
        expect_here(service.runner(&redis, "eu/shop/").run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{}", service.bucket);
        redis.cli(&["FLUSHALL"]);
        expect_here(service.runner(&redis, "no/").run(LIMIT), 2, &["no object below it"]);
    }
}

/// A service account's key, by which the program signs its own tokens.
fn key_of_an_account(folder: &Path) -> String {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output().unwrap();
    let key = String::from_utf8(made.stdout).unwrap();
    let account = json!({"client_email": "runner@example", "private_key_id": "1", "private_key": key});
    let file = folder.join("key.json");
    fs::write(&file, account.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The machine's metadata service, as the identity of a Kubernetes service account is given by it.
fn metadata_service() -> (WebServer, Vec<(&'static str, String)>) {
    let server = WebServer::start();
    let token = json!({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).to_string();
    server.put("computeMetadata/v1/instance/service-accounts/default/token", token.as_bytes());
    let address = format!("127.0.0.1:{}", server.port());
    (server, vec![("GCE_METADATA_HOST", address.clone()), ("GCE_METADATA_IP", address)])
}

/// Who gives tokens for a federated one, as a workload identity of Azure's has it.
fn federation(folder: &TempDir) -> (WebServer, Vec<(&'static str, String)>) {
    let server = WebServer::start();
    let token = json!({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).to_string();
    server.put("tenant/oauth2/v2.0/token", token.as_bytes());
    let file = folder.path().join("federated");
    fs::write(&file, "a token of the cluster").unwrap();
    let variables = vec![
        ("AZURE_TENANT_ID", "tenant".to_owned()),
        ("AZURE_CLIENT_ID", "client".to_owned()),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap().to_owned()),
        ("AZURE_AUTHORITY_HOST", format!("http://127.0.0.1:{}", server.port())),
    ];
    (server, variables)
}

#[test]
fn credentials_of_the_environment() {
    let bytes = dump(1000);
    let expected = undisturbed(&bytes);
    let folder = tempfile::tempdir().unwrap();
    let key = key_of_an_account(folder.path());
    let (_machine, of_machine) = metadata_service();
    let (_tokens, of_federation) = federation(&folder);
    let bearer = format!("Bearer {TOKEN}");
    let shared_key = "c2hhcmVkIGtleQ==".to_owned();
    let services = [
        Service::google("Bearer eyJ", vec![("GOOGLE_APPLICATION_CREDENTIALS", with_type(&key))]),
        Service::google("Bearer eyJ", vec![("GOOGLE_SERVICE_ACCOUNT", key.clone())]),
        Service::google(
            "Bearer eyJ",
            vec![("GOOGLE_SERVICE_ACCOUNT_KEY", fs::read_to_string(&key).unwrap())],
        ),
        Service::google(&bearer, of_machine),
        Service::azure("SharedKey shop:", vec![("AZURE_STORAGE_ACCOUNT_KEY", shared_key)]),
        Service::azure(
            &format!("sig={TOKEN}"),
            vec![("AZURE_STORAGE_SAS_TOKEN", format!("sv=1&sig={TOKEN}"))],
        ),
        Service::azure(&bearer, of_federation),
    ];
    for (index, service) in services.iter().enumerate() {
        service.put("shop.sql", &bytes);
        let redis = RedisServer::start();
        expect_here(service.runner(&redis, "shop.sql").run(LIMIT), 0, &[]);
        assert_eq!(snapshot(&redis), expected, "{index}");
    }
}

/// The same key with the field that the variable for any kind of credentials needs.
fn with_type(key: &str) -> String {
    let mut account: serde_json::Value = serde_json::from_str(&fs::read_to_string(key).unwrap()).unwrap();
    account["type"] = "service_account".into();
    let file = format!("{key}.typed");
    fs::write(&file, account.to_string()).unwrap();
    file
}

#[test]
fn what_is_refused() {
    let redis = RedisServer::start();
    let bytes = dump(10);
    for service in Service::both() {
        service.put("shop.sql", &bytes);
        let run = |key: &str| service.runner(&redis, key);
        let missing = format!("{}missing.sql", service.bucket);
        expect_here(run("missing.sql").run(LIMIT), 2, &[&missing, "404", "no such object"]);
        service.server.behave(Manners { ranges: false, ..Manners::default() });
        expect_here(run("shop.sql").run(LIMIT), 2, &["sends the whole object"]);
        service.server.serve_only("Bearer another");
        expect_here(run("shop.sql").run(LIMIT), 2, &["403", "check the credentials"]);
        let former = run("shop.sql").args(["--s3-endpoint", "http://127.0.0.1:1"]).run(LIMIT);
        expect_here(former, 2, &["--store-endpoint", "--s3-endpoint"]);
    }
    let [google, azure] = Service::both();
    let broken = tempfile::NamedTempFile::new().unwrap();
    fs::write(&broken, json!(TOKEN).to_string()).unwrap();
    let broken = Service {
        variables: vec![("GOOGLE_SERVICE_ACCOUNT", broken.path().display().to_string())],
        ..google
    };
    expect_here(
        broken.runner(&redis, "shop.sql").run(LIMIT),
        2,
        &["GOOGLE_SERVICE_ACCOUNT", "cannot be used"],
    );
    let unnamed = Service { variables: Vec::new(), ..azure };
    expect_here(unnamed.runner(&redis, "shop.sql").run(LIMIT), 2, &["AZURE_STORAGE_ACCOUNT_NAME"]);
    let misplaced = unnamed.runner(&redis, "shop.sql").args(["--s3-region", "x"]).run(LIMIT);
    expect_here(misplaced, 2, &["--s3-region needs a dump of the form s3://bucket/key"]);
    expect_untouched(&redis);
}
