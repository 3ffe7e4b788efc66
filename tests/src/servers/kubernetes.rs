//! Kubernetes' API server with its etcd, and nothing else: what is stored, validated and applied is the real thing,
//! and nobody acts on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::reaper::Reaper;
use super::{Certificates, free_port, signal, wait_until};

const START_LIMIT: Duration = Duration::from_secs(120);
const TOKEN: &str = "test-admin-token";

/// A running server. Dropping it stops both processes.
#[derive(Debug)]
pub struct KubernetesServer {
    port: u16,
    certificates: Certificates,
    processes: Vec<Child>,
    _reapers: Vec<Reaper>,
    folder: TempDir,
}

impl KubernetesServer {
    /// A server that knows `ReplicaBootstrap`.
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
        let mut server = Self { port, certificates, processes: Vec::new(), _reapers: Vec::new(), folder };
        server.launch_etcd(etcd_port);
        server.launch_api(etcd_port);
        let ready = wait_until(START_LIMIT, || server.call("GET", "/readyz", "", "").0 == 200);
        assert!(ready, "no answer: {}\n{}", server.log("etcd"), server.log("kube-apiserver"));
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

    fn launch_etcd(&mut self, port: u16) {
        let clients = format!("http://127.0.0.1:{port}");
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
        self.spawn(command, "etcd");
    }

    fn launch_api(&mut self, etcd_port: u16) {
        let mut command = Command::new(program("kube-apiserver"));
        command.args(["--etcd-servers", &format!("http://127.0.0.1:{etcd_port}")]);
        command.args(["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"]);
        command.args(["--secure-port", &self.port.to_string(), "--endpoint-reconciler-type", "none"]);
        command.args(["--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC"]);
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
        self.spawn(command, "kube-apiserver");
    }

    fn spawn(&mut self, mut command: Command, name: &str) {
        let log = std::fs::File::create(self.folder.path().join(name)).expect("open the log");
        let errors = log.try_clone().expect("share the log");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("start {name}: {error}"));
        let mut reaper = Reaper::watch(self.folder.path());
        reaper.process(Some(child.id()));
        self._reapers.push(reaper);
        self.processes.push(child);
    }

    /// A configuration for clients, with every right.
    pub fn kubeconfig(&self) -> PathBuf {
        let path = self.folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:{}\", certificate-authority: \"{}\"}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: {TOKEN}}}}}]\n",
            self.port,
            self.certificates.ca.display()
        );
        std::fs::write(&path, text).expect("write the kubeconfig");
        path
    }

    /// A request as an administrator: status and reply.
    pub fn call(&self, method: &str, path: &str, content: &str, body: &str) -> (u16, String) {
        let mut command = Command::new("curl");
        command.args(["-s", "-m", "20", "-X", method, "-w", "\n%{http_code}", "--cacert"]);
        command.arg(&self.certificates.ca).args(["-H", &format!("Authorization: Bearer {TOKEN}")]);
        if !body.is_empty() {
            command.args(["-H", &format!("Content-Type: {content}"), "--data-binary", body]);
        }
        let url = format!("https://127.0.0.1:{}{path}", self.port);
        let reply = command.arg(url).output().expect("run curl").stdout;
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let (body, status) = reply.rsplit_once('\n').unwrap_or(("", "0"));
        (status.parse().unwrap_or(0), body.to_owned())
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

    /// The object as it is now.
    pub fn get(&self, name: &str) -> Value {
        let (status, reply) = self.call("GET", &objects(name), "", "");
        assert_eq!(status, 200, "{reply}");
        serde_json::from_str(&reply).expect("JSON")
    }

    /// Stops the API server without closing its connections.
    pub fn freeze(&self) {
        signal(self.processes[1].id(), "STOP");
    }

    /// Ends [`KubernetesServer::freeze`].
    pub fn thaw(&self) {
        signal(self.processes[1].id(), "CONT");
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }
}

impl Drop for KubernetesServer {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn objects(name: &str) -> String {
    let all = "/apis/bootstrap.kasho.io/v1alpha1/namespaces/default/replicabootstraps";
    if name.is_empty() { all.to_owned() } else { format!("{all}/{name}") }
}

/// In `KUBEBUILDER_ASSETS`, in `PATH`, or in the tests' cache.
fn program(name: &str) -> PathBuf {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/kube/bin");
    let folders = assets.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>()).chain([cache]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{name} is not there: run scripts/setup kube, or name its folder in KUBEBUILDER_ASSETS")
    })
}
