//! The permissions of the operator's and a runner's tokens: they can do this and nothing else.

use pg_bootstrap_tests::cluster::{Namespace, Operator};
use serde_json::{Value, json};

use super::alone;

/// Whoever has a token.
struct Who<'a> {
    namespace: &'a Namespace,
    token: String,
}

impl Who<'_> {
    /// The status of a reply.
    fn ask(&self, method: &str, path: &str, body: &Value) -> u16 {
        let content = match (method, path.contains("fieldManager=")) {
            ("PATCH", true) => "application/apply-patch+yaml",
            ("PATCH", false) => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.namespace.server().call_as(&self.token, method, path, content, &body).0
    }

    /// What the API server says that it may in its namespace, one word for each right, without what everybody may.
    fn rules(&self) -> Vec<String> {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": self.namespace.name()}});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
        let (status, reply) = self.namespace.server().call_as(
            &self.token,
            "POST",
            path,
            "application/json",
            &review.to_string(),
        );
        assert_eq!(status, 201, "{reply}");
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(reply["status"]["incomplete"], false, "{reply}");
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let mut all = Vec::new();
        for rule in reply["status"]["resourceRules"].as_array().unwrap() {
            let groups = words(&rule["apiGroups"]);
            if groups
                .iter()
                .all(|group| ["authorization.k8s.io", "authentication.k8s.io"].contains(&group.as_str()))
            {
                continue;
            }
            for resource in words(&rule["resources"]) {
                let names = words(&rule["resourceNames"]);
                let name = if names.is_empty() { String::new() } else { format!(" {}", names.join(",")) };
                let mut verbs = words(&rule["verbs"]);
                verbs.sort();
                all.push(format!("{resource}{name}: {}", verbs.join(" ")));
            }
        }
        all.sort();
        all
    }
}

#[test]
fn a_runner_may_write_the_status_of_its_object_and_nothing_else() {
    let (namespace, elsewhere) = (Namespace::new("rights"), Namespace::new("rights-elsewhere"));
    let _operator = Operator::start(&namespace);
    for name in ["shop", "other"] {
        namespace.create(&alone(name));
        namespace.pod(name).run();
        namespace.expect(name, "Running", "Running");
    }
    elsewhere.create(&alone("shop"));
    for place in [&namespace, &elsewhere] {
        place.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "stringData": {"url": "x"}}));
    }
    let pod = namespace.pod("shop").get().unwrap();
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
    let runner = Who { namespace: &namespace, token: namespace.token(account, Some(&pod)) };
    assert_eq!(runner.rules(), ["replicabootstraps shop: get", "replicabootstraps/status shop: patch"]);
    let (own, other) =
        (namespace.path("ReplicaBootstrap", "shop"), namespace.path("ReplicaBootstrap", "other"));
    let status = json!({"apiVersion": "bootstrap.kasho.io/v1alpha1", "kind": "ReplicaBootstrap", "metadata": {"name": "shop"}, "status": {"run": {"id": "1"}}});
    let apply = |path: &str| format!("{path}/status?fieldManager=pg-bootstrap-runner&force=true");
    assert_eq!(runner.ask("GET", &own, &Value::Null), 200);
    assert_eq!(runner.ask("PATCH", &apply(&own), &status), 200);
    let spec = json!({"spec": {"suspend": true}});
    let away = elsewhere.path("ReplicaBootstrap", "shop");
    let attempts: Vec<(&str, String, Value)> = vec![
        ("PATCH", own.clone(), spec.clone()),
        ("PUT", own.clone(), namespace.get("ReplicaBootstrap", "shop")),
        ("DELETE", own.clone(), Value::Null),
        ("GET", namespace.path("ReplicaBootstrap", ""), Value::Null),
        ("POST", namespace.path("ReplicaBootstrap", ""), alone("made")),
        ("GET", other.clone(), Value::Null),
        ("PATCH", apply(&other), status.clone()),
        ("GET", away.clone(), Value::Null),
        ("PATCH", apply(&away), status),
        ("GET", namespace.path("Secret", "redis"), Value::Null),
        ("GET", elsewhere.path("Secret", "redis"), Value::Null),
        ("GET", namespace.path("Secret", ""), Value::Null),
        ("GET", namespace.path("ConfigMap", ""), Value::Null),
        ("GET", namespace.path("Pod", ""), Value::Null),
        ("GET", namespace.path("Pod", pod["metadata"]["name"].as_str().unwrap()), Value::Null),
        ("DELETE", namespace.path("Pod", pod["metadata"]["name"].as_str().unwrap()), Value::Null),
        ("GET", namespace.path("Job", "shop-1"), Value::Null),
        ("PATCH", namespace.path("Job", "shop-1"), spec),
        ("GET", namespace.path("Role", account), Value::Null),
        (
            "POST",
            format!("{}/token", namespace.path("ServiceAccount", account)),
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        ),
        ("GET", "/api/v1/nodes".to_owned(), Value::Null),
        ("GET", "/api/v1/namespaces".to_owned(), Value::Null),
    ];
    for (method, path, body) in attempts {
        assert_eq!(runner.ask(method, &path, &body), 403, "{method} {path}");
    }
    // The token goes with its pod.
    namespace.delete("ReplicaBootstrap", "shop");
    super::wait("the token is void", || runner.ask("GET", &own, &Value::Null) == 401);
}

#[test]
fn the_operator_may_what_it_needs_and_nothing_else() {
    let (namespace, elsewhere) = (Namespace::new("office"), Namespace::new("office-elsewhere"));
    let _operator = Operator::start(&namespace);
    namespace.create(&alone("shop"));
    namespace.pod("shop").run();
    namespace.expect("shop", "Running", "Running");
    elsewhere.create(&alone("shop"));
    namespace.create(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "stringData": {"url": "x"}}));
    let operator = Who { namespace: &namespace, token: namespace.token(Operator::account(), None) };
    assert_eq!(
        operator.rules(),
        [
            "events: create patch",
            "events: list watch",
            "jobs: create delete get list patch watch",
            "leases operator-pg-bootstrap-operator: get update",
            "leases: create",
            "pods: list watch",
            "replicabootstraps/finalizers: update",
            "replicabootstraps/status: patch",
            "replicabootstraps: get list patch watch",
            "rolebindings: create get patch",
            "roles: create get patch",
            "serviceaccounts: create get patch",
        ]
    );
    let own = namespace.path("ReplicaBootstrap", "shop");
    let pod = namespace.pod("shop").name().to_owned();
    let role = |rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "given"}, "rules": [rules]});
    let secrets = role(json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}));
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "given"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": Operator::account(), "namespace": namespace.name()}]});
    let attempts: Vec<(&str, String, Value)> = vec![
        ("GET", namespace.path("Secret", "redis"), Value::Null),
        ("GET", namespace.path("Secret", ""), Value::Null),
        ("GET", namespace.path("ConfigMap", ""), Value::Null),
        ("DELETE", own, Value::Null),
        (
            "POST",
            namespace.path("Pod", ""),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}),
        ),
        ("DELETE", namespace.path("Pod", &pod), Value::Null),
        ("GET", format!("{}/log", namespace.path("Pod", &pod)), Value::Null),
        ("DELETE", namespace.path("ServiceAccount", "shop-runner"), Value::Null),
        (
            "POST",
            format!("{}/token", namespace.path("ServiceAccount", "shop-runner")),
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        ),
        // It can give no more than it has.
        ("POST", namespace.path("Role", ""), secrets),
        ("POST", namespace.path("RoleBinding", ""), binding),
        // Nor is it anybody elsewhere.
        ("GET", elsewhere.path("ReplicaBootstrap", ""), Value::Null),
        ("GET", elsewhere.path("Job", ""), Value::Null),
        ("GET", elsewhere.path("Pod", ""), Value::Null),
        ("GET", "/apis/batch/v1/jobs".to_owned(), Value::Null),
        ("GET", "/api/v1/nodes".to_owned(), Value::Null),
    ];
    for (method, path, body) in attempts {
        assert_eq!(operator.ask(method, &path, &body), 403, "{method} {path}");
    }
}
