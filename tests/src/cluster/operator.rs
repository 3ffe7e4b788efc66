//! The operator as a process, with the permissions that its chart gives it and no others.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LIMIT, Namespace};
use crate::binary::{Finished, Runner, Running, pg_bootstrap_operator};
use crate::servers::program;
use crate::servers::reaper::Reaper;
use crate::servers::wait_until;

/// Stands for the namespace in what the chart renders.
const PLACEHOLDER: &str = "namespace-of-the-test";
/// The release, and so the names of account and lease.
const ACCOUNT: &str = "operator-pg-bootstrap-operator";

/// An operator that watches one namespace. Dropping it kills it.
#[derive(Debug)]
pub struct Operator {
    namespace: String,
    image: &'static str,
    args: Vec<String>,
    env: Vec<(String, String)>,
    kubeconfig: PathBuf,
    running: Option<Running>,
    /// What processes that have ended had said.
    said: String,
    _reaper: Reaper,
    _folder: TempDir,
}

impl Operator {
    /// One that acts without a lease, so that the next one need not wait for it.
    pub fn start(namespace: &Namespace) -> Self {
        Self::with(namespace, &["--leader-election=false"], &[])
    }

    /// One with these arguments besides the image, the namespace and the addresses, and with these variables.
    pub fn with(namespace: &Namespace, args: &[&str], env: &[(&str, &str)]) -> Self {
        grant(namespace);
        let folder = tempfile::Builder::new().prefix("operator-").tempdir().expect("make a folder");
        let (kubeconfig, token) = (folder.path().join("kubeconfig"), folder.path().join("token"));
        std::fs::write(&token, namespace.token(ACCOUNT, None)).expect("write the token");
        namespace.server().write_kubeconfig(&kubeconfig, &token, namespace.name());
        let mut operator = Self {
            namespace: namespace.name().to_owned(),
            image: "runner:test",
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            env: env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            kubeconfig,
            running: None,
            said: String::new(),
            _reaper: Reaper::watch(folder.path()),
            _folder: folder,
        };
        operator.start_again();
        operator
    }

    /// The name of its ServiceAccount.
    pub fn account() -> &'static str {
        ACCOUNT
    }

    /// Starts it after [`Operator::kill`] or [`Operator::stop`].
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs");
        let mut runner = Runner::of(pg_bootstrap_operator())
            .args(["run", "--runner-image", self.image, "--admin-addr", "127.0.0.1:0"])
            .args(["--watch-namespaces", &self.namespace, "--leader-election-id", ACCOUNT])
            .args(&self.args)
            .env("KUBECONFIG", &self.kubeconfig);
        for (name, value) in &self.env {
            runner = runner.env(name, value);
        }
        let mut running = runner.spawn();
        self._reaper.process(Some(running.pid()));
        running.wait_for_stderr("the operator starts", LIMIT);
        self.running = Some(running);
    }

    /// With other arguments after the next start.
    pub fn set_args(&mut self, args: &[&str]) {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
    }

    /// With another image of the runner after the next start.
    pub fn set_image(&mut self, image: &'static str) {
        self.image = image;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
            self.note(running.wait(LIMIT));
        }
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal("TERM");
            self.note(running.wait(LIMIT).expect_code(0));
        }
    }

    /// Whether its process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.running.as_mut().is_some_and(Running::is_running)
    }

    /// Everything that its processes have logged.
    pub fn log(&self) -> String {
        let now = self.running.as_ref().map(Running::stderr_so_far).unwrap_or_default();
        format!("{}{now}", self.said)
    }

    /// Waits until it has logged this.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        assert!(wait_until(LIMIT, || self.log().contains(text)), "no {text:?} in:\n{}", self.log());
    }

    /// Where it serves its metrics.
    pub fn admin_address(&self) -> String {
        let log = self.running.as_ref().expect("a running operator").stderr_so_far();
        let line = log.lines().find(|line| line.contains("the operator starts")).expect("its first line");
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["admin"].as_str().expect("an address").to_owned()
    }

    /// The body of a reply of its own server, after its status line.
    pub fn ask(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.admin_address());
        let reply = Command::new("curl").args(["-s", "-i", "-m", "20", &url]).output().expect("run curl");
        String::from_utf8_lossy(&reply.stdout).into_owned()
    }

    fn note(&mut self, finished: Finished) {
        self._reaper.process(None);
        self.said.push_str(&finished.stderr);
    }
}

impl Namespace {
    /// The objects of a text in YAML, as kubectl reads it.
    pub fn parse(&self, yaml: &[u8]) -> Vec<Value> {
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("objects.yaml");
        std::fs::write(&file, yaml).expect("write the objects");
        let mut kubectl = Command::new(program("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.server().kubeconfig());
        kubectl.args(["create", "--dry-run=client", "--validate=false", "--output", "json", "--filename"]);
        let read = kubectl.arg(&file).output().expect("run kubectl");
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        // One object after the other, or one list of them.
        serde_json::Deserializer::from_slice(&read.stdout)
            .into_iter::<Value>()
            .map(|one| one.expect("JSON of kubectl"))
            .flat_map(|one| one["items"].as_array().cloned().unwrap_or_else(|| vec![one]))
            .collect()
    }
}

/// Gives the operator's account what the chart gives it, for this namespace alone.
fn grant(namespace: &Namespace) {
    if namespace.try_get("ServiceAccount", ACCOUNT).is_some() {
        return;
    }
    for manifest in manifests(namespace) {
        let text = manifest.to_string().replace(PLACEHOLDER, namespace.name());
        namespace.create(&serde_json::from_str(&text).expect("JSON"));
    }
}

/// Account, roles and bindings as the chart renders them, by way of kubectl, which reads YAML.
fn manifests(namespace: &Namespace) -> &'static [Value] {
    static MANIFESTS: OnceLock<Vec<Value>> = OnceLock::new();
    MANIFESTS.get_or_init(|| {
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/pg-bootstrap-operator");
        let mut helm = Command::new(program("helm"));
        helm.args(["template", "operator", chart, "--namespace", PLACEHOLDER]);
        helm.args(["--set", &format!("watchNamespaces={{{PLACEHOLDER}}},rbac.aggregate=false")]);
        helm.args(["--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml"]);
        let rendered = helm.output().expect("run helm");
        assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
        let all = namespace.parse(&rendered.stdout);
        assert_eq!(all.len(), 5, "{}", json!(all));
        all
    })
}
