//! Kubernetes' API server with its etcd: storage, validation and server-side apply are real. Alone, it has no
//! controllers; with them, Jobs create pods, and the dependents of deleted objects are deleted. There are no nodes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::reaper::Reaper;
use super::{Certificates, free_port, signal, wait_until};

const START_LIMIT: Duration = Duration::from_secs(120);
/// A request takes no longer, or it has failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
const TOKEN: &str = "test-admin-token";
/// Those that act on what the operator and its tests make. None that needs nodes.
const CONTROLLERS: &str = "job-controller,garbage-collector-controller,namespace-controller,serviceaccount-controller,\
ttl-after-finished-controller,resourcequota-controller,root-ca-certificate-publisher-controller";

/// A running server. Dropping it stops its processes.
#[derive(Debug)]
pub struct KubernetesServer {
    port: u16,
    certificates: Certificates,
    client: Client,
    runtime: Runtime,
    etcd_port: u16,
    /// In this order: etcd, the API server, the controllers.
    processes: Mutex<Vec<Process>>,
    folder: TempDir,
}

#[derive(Debug)]
struct Process {
    child: Child,
    /// One for the process' whole life: its end takes the folder with it.
    reaper: Reaper,
}

impl Process {
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl KubernetesServer {
    /// A server that knows `ReplicaBootstrap`, without controllers.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("kubernetes-").tempdir().expect("make a folder");
        let certificates = Certificates::generate(folder.path());
        std::fs::write(folder.path().join("tokens.csv"), format!("{TOKEN},admin,1000,\"system:masters\"\n"))
            .expect("write the token");
        let (port, etcd_port) = (free_port(), free_port());
        // Keys of service accounts are read in the older form alone.
        let key = folder.path().join("accounts.key");
        let made = Command::new("openssl")
            .arg("ec")
            .arg("-in")
            .arg(&certificates.key)
            .arg("-out")
            .arg(&key)
            .output();
        assert!(made.expect("run openssl").status.success(), "openssl ec fails");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("start a runtime");
        let client = client(&certificates.ca);
        let processes = Mutex::default();
        let server = Self { port, certificates, client, runtime, etcd_port, processes, folder };
        let etcd = server.launch_etcd();
        server.processes().push(etcd);
        let api = server.launch_api();
        server.processes().push(api);
        server.await_api();
        let definition =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/pg-bootstrap-operator/files/crd.yaml");
        let definition = std::fs::read_to_string(definition).expect("read the definition");
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let (status, reply) = server.call("POST", path, "application/yaml", &definition);
        assert_eq!(status, 201, "{reply}");
        let there = wait_until(START_LIMIT, || server.call("GET", &objects(""), "", "").0 == 200);
        assert!(there, "the definition is not served");
        server
    }

    /// The same with the controllers of Jobs, garbage, namespaces, service accounts, times to live and quotas.
    pub fn with_controllers() -> Self {
        let server = Self::start();
        let mut command = Command::new(program("kube-controller-manager"));
        command.arg("--kubeconfig").arg(server.kubeconfig());
        command.args(["--controllers", CONTROLLERS, "--secure-port", "0", "--leader-elect=false"]);
        // Many tests at once are one client to it.
        command.args(["--kube-api-qps", "500", "--kube-api-burst", "1000", "--profiling=false"]);
        command.arg("--root-ca-file").arg(&server.certificates.ca);
        let controllers = server.spawn(command, "kube-controller-manager");
        server.processes().push(controllers);
        let account = "/api/v1/namespaces/default/serviceaccounts/default";
        let works = wait_until(START_LIMIT, || server.call("GET", account, "", "").0 == 200);
        assert!(works, "the controllers do nothing: {}", server.log("kube-controller-manager"));
        server
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn await_api(&self) {
        let ready = wait_until(START_LIMIT, || self.call("GET", "/readyz", "", "").0 == 200);
        assert!(ready, "no answer: {}\n{}", self.log("etcd"), self.log("kube-apiserver"));
    }

    fn launch_etcd(&self) -> Process {
        let clients = format!("http://127.0.0.1:{}", self.etcd_port);
        let mut command = Command::new(program("etcd"));
        command.arg("--data-dir").arg(self.folder.path().join("data"));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args([
            "--listen-peer-urls",
            "http://127.0.0.1:0",
            "--unsafe-no-fsync",
            "--log-level",
            "warn",
        ]);
        self.spawn(command, "etcd")
    }

    fn launch_api(&self) -> Process {
        self.spawn(self.api_command(), "kube-apiserver")
    }

    fn api_command(&self) -> Command {
        let mut command = Command::new(program("kube-apiserver"));
        command.args(["--etcd-servers", &format!("http://127.0.0.1:{}", self.etcd_port)]);
        command.args(["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"]);
        command.args(["--secure-port", &self.port.to_string(), "--endpoint-reconciler-type", "none"]);
        command.args(["--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC"]);
        // Whoever makes an owner reference that blocks a deletion needs the right to.
        command.args(["--enable-admission-plugins", "OwnerReferencesPermissionEnforcement"]);
        command.args(["--service-account-issuer", "https://kubernetes.default.svc", "--profiling=false"]);
        for (option, file) in [
            ("--tls-cert-file", &self.certificates.cert),
            ("--tls-private-key-file", &self.certificates.key),
            ("--service-account-key-file", &self.folder.path().join("accounts.key")),
            ("--service-account-signing-key-file", &self.folder.path().join("accounts.key")),
            ("--token-auth-file", &self.folder.path().join("tokens.csv")),
        ] {
            command.arg(option).arg(file);
        }
        command
    }

    fn spawn(&self, command: Command, name: &str) -> Process {
        let child = self.start_process(command, name);
        let mut reaper = Reaper::watch(self.folder.path());
        reaper.process(Some(child.id()));
        Process { child, reaper }
    }

    fn start_process(&self, mut command: Command, name: &str) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join(name));
        let log = log.expect("open the log");
        let errors = log.try_clone().expect("share the log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        child.unwrap_or_else(|error| panic!("start {name}: {error}"))
    }

    /// A configuration for clients, with every right.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let token = self.folder.path().join("token");
        std::fs::write(&token, TOKEN).expect("write the token");
        self.write_kubeconfig(&path, &token, "default");
        path
    }

    /// Writes a configuration for the holder of the token in this file, which a kubelet renews.
    pub fn write_kubeconfig(&self, path: &Path, token: &Path, namespace: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:{}\", certificate-authority: \"{}\"}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u, namespace: {namespace}}}}}]\nusers: [{{name: u, user: {{tokenFile: \"{}\"}}}}]\n",
            self.port,
            self.certificates.ca.display(),
            token.display()
        );
        std::fs::write(path, text).expect("write the kubeconfig");
    }

    /// The port of the API server at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What clients are to trust.
    pub fn authority(&self) -> &Path {
        &self.certificates.ca
    }

    /// A request as an administrator: status and reply; 0 and the error where there is none.
    pub fn call(&self, method: &str, path: &str, content: &str, body: &str) -> (u16, String) {
        self.call_as(TOKEN, method, path, content, body)
    }

    /// A request by the holder of this token.
    pub fn call_as(&self, token: &str, method: &str, path: &str, content: &str, body: &str) -> (u16, String) {
        let url = format!("https://127.0.0.1:{}{path}", self.port);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, url).bearer_auth(token).timeout(ANSWER_LIMIT);
        if !body.is_empty() {
            request = request.header("Content-Type", content).body(body.to_owned());
        }
        let exchange = async {
            let reply = request.header("Accept", "application/json").send().await?;
            Ok::<_, reqwest::Error>((reply.status().as_u16(), reply.text().await?))
        };
        self.runtime.block_on(exchange).unwrap_or_else(|error| (0, error.to_string()))
    }

    /// Makes a `ReplicaBootstrap` in the namespace `default`.
    pub fn create(&self, object: &Value) {
        let (status, reply) = self.call("POST", &objects(""), "application/json", &object.to_string());
        assert_eq!(status, 201, "{reply}");
    }

    /// Applies a part of its status under another field manager.
    pub fn apply_status(&self, name: &str, manager: &str, object: &Value) {
        let path = format!("{}/status?fieldManager={manager}&force=true", objects(name));
        let (status, reply) = self.call("PATCH", &path, "application/apply-patch+yaml", &object.to_string());
        assert_eq!(status, 200, "{reply}");
    }

    /// The current state of the object.
    pub fn get(&self, name: &str) -> Value {
        let (status, reply) = self.call("GET", &objects(name), "", "");
        assert_eq!(status, 200, "{reply}");
        serde_json::from_str(&reply).expect("JSON")
    }

    /// Stops the API server without closing its connections.
    pub fn freeze(&self) {
        signal(self.processes()[1].child.id(), "STOP");
    }

    /// Ends [`KubernetesServer::freeze`].
    pub fn thaw(&self) {
        signal(self.processes()[1].child.id(), "CONT");
    }

    /// Kills the API server, and starts it again with what it held when so much time has passed.
    pub fn restart_after(&self, pause: Duration) {
        self.processes()[1].kill();
        std::thread::sleep(pause);
        let child = self.start_process(self.api_command(), "kube-apiserver");
        let api = &mut self.processes()[1];
        api.reaper.process(Some(child.id()));
        api.child = child;
        self.await_api();
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for KubernetesServer {
    fn drop(&mut self) {
        for process in self.processes().iter_mut().rev() {
            process.kill();
        }
    }
}

fn objects(name: &str) -> String {
    let all = "/apis/bootstrap.kasho.io/v1alpha1/namespaces/default/replicabootstraps";
    if name.is_empty() { all.to_owned() } else { format!("{all}/{name}") }
}

/// A client that trusts this authority alone.
fn client(authority: &Path) -> Client {
    let certificate = CertificateDer::from_pem_file(authority).expect("read the authority");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("make a client")
}

/// A program of Kubernetes: in `KUBEBUILDER_ASSETS`, in `PATH`, or in the tests' cache.
pub fn program(name: &str) -> PathBuf {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/kube/bin");
    let folders = assets.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>()).chain([cache]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{name} is not there: run scripts/setup kube, or name its folder in KUBEBUILDER_ASSETS")
    })
}
