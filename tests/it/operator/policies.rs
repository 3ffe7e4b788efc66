//! Policies and webhooks of the cluster that refuse what the operator asks for.

use pg_bootstrap_tests::cluster::{Namespace, Operator};
use pg_bootstrap_tests::servers::{Webhook, free_port};
use serde_json::{Value, json};

use super::{alone, at_once, edit, job, wait, with};

/// The only namespace that a policy or webhook is for.
fn only(namespace: &Namespace) -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}})
}

fn rules(operation: &str, group: &str, resource: &str) -> Value {
    json!([{"operations": [operation], "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource]}])
}

/// Puts a policy in force that denies this, with these words, and waits until the API server knows it.
pub(super) fn deny(
    namespace: &Namespace,
    (operation, group, resource): (&str, &str, &str),
    validation: &Value,
) {
    let name = namespace.name();
    let mut rule = json!({"expression": "false"});
    rule.as_object_mut().unwrap().extend(validation.as_object().unwrap().clone());
    namespace.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {"matchConstraints": {"resourceRules": rules(operation, group, resource)}, "validations": [rule]},
    }));
    namespace.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": only(namespace)}},
    }));
}

/// Takes the policy away.
pub(super) fn allow(namespace: &Namespace) {
    for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
        namespace.delete(kind, namespace.name());
    }
}

/// Puts a webhook in force that is asked about new Jobs.
fn ask(namespace: &Namespace, client: &Value) {
    namespace.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace.name()},
        "webhooks": [{
            "name": "jobs.webhook.test", "clientConfig": client, "rules": rules("CREATE", "batch", "jobs"),
            "namespaceSelector": only(namespace), "sideEffects": "None", "admissionReviewVersions": ["v1"],
        }],
    }));
}

/// Waits until a new Job is denied.
pub(super) fn until_denied(namespace: &Namespace) {
    let probe = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "probe"},
        "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
    });
    let path = format!("{}?dryRun=All", namespace.path("Job", ""));
    wait("new Jobs are denied", || {
        namespace.server().call("POST", &path, "application/json", &probe.to_string()).0 != 201
    });
}

fn message(object: &Value) -> &str {
    object["status"]["conditions"][0]["message"].as_str().unwrap_or_default()
}

/// The codes that a policy can choose. Without a choice it is 422, as for a Job that is wrong in itself.
#[test]
fn a_job_that_a_policy_denies_is_made_when_the_policy_goes() {
    let table = [
        json!({"message": "Jobs need a cost centre"}),
        json!({"message": "Jobs need a cost centre", "reason": "Forbidden"}),
        json!({"message": "Jobs need a cost centre", "reason": "RequestEntityTooLarge"}),
    ];
    at_once(&table, |validation| {
        let namespace = Namespace::new("denied");
        deny(&namespace, ("CREATE", "batch", "jobs"), validation);
        until_denied(&namespace);
        let operator = Operator::start(&namespace);
        namespace.create(&alone("shop"));
        let denied = namespace.expect("shop", "Pending", "Forbidden");
        let said = message(&denied);
        assert!(said.contains("create Job shop-1") && said.contains("Jobs need a cost centre"), "{said}");
        assert!(said.contains(&format!("ValidatingAdmissionPolicy '{}'", namespace.name())), "{said}");
        // It is no error of the operator's.
        assert!(!operator.ask("/metrics").contains("reconcile_errors_total{reason=\"invalid\"}"));
        assert!(job(&namespace, "shop", "1").is_none());
        allow(&namespace);
        namespace.pod("shop").run().end(0);
        namespace.expect("shop", "Succeeded", "Succeeded");
    });
}

/// What webhooks say is theirs to choose: a code, none, or the schema's own words. One of them cannot be asked.
#[test]
fn a_job_that_a_webhook_denies_is_made_when_the_webhook_goes() {
    let field = json!({"field": "spec.x", "message": "m", "reason": "FieldValueInvalid"});
    let words = "Job.batch \"shop-1\" is invalid: spec.x";
    let table = [
        Some(json!({"message": "not on a Friday"})),
        Some(json!({"message": "not on a Friday", "code": 403})),
        Some(json!({"message": format!("{words}: not on a Friday"), "code": 422, "reason": "Invalid",
            "details": {"kind": "Job", "name": "shop-1", "causes": [field]}})),
        Some(json!({"message": "not on a Friday", "code": 503})),
        None,
    ];
    at_once(&table, |status| {
        let namespace = Namespace::new("webhook");
        let webhook = status.as_ref().map(Webhook::denying);
        let nobody = || json!({"url": format!("https://127.0.0.1:{}/", free_port())});
        ask(&namespace, &webhook.as_ref().map_or_else(nobody, Webhook::client_config));
        until_denied(&namespace);
        let _operator = Operator::start(&namespace);
        namespace.create(&alone("shop"));
        let denied = namespace.expect("shop", "Pending", "Forbidden");
        let said = message(&denied);
        assert!(said.contains("jobs.webhook.test"), "{said}");
        assert!(status.is_none() || said.contains("not on a Friday"), "{said}");
        namespace.delete("ValidatingWebhookConfiguration", namespace.name());
        namespace.pod("shop").run().end(0);
        namespace.expect("shop", "Succeeded", "Succeeded");
    });
}

/// Not only the creation of a Job can be denied.
#[test]
fn whatever_is_denied_is_said_and_tried_again() {
    let table = [
        ("CREATE", "", "serviceaccounts"),
        ("CREATE", "rbac.authorization.k8s.io", "rolebindings"),
        ("CREATE", "", "pods"),
        ("UPDATE", "batch", "jobs"),
        ("DELETE", "batch", "jobs"),
    ];
    at_once(&table, |&what| {
        let (operation, _, resource) = what;
        let namespace = Namespace::new("any");
        let _operator = Operator::start(&namespace);
        // It can be known to be in force only by what it denies.
        let words = json!({"message": "the platform team says no"});
        let denied = |phase: &str| {
            let denied = namespace.expect("shop", phase, "Forbidden");
            assert!(message(&denied).contains("the platform team says no"), "{}", message(&denied));
        };
        if operation == "CREATE" {
            namespace.create(&with(alone("shop"), &json!({"suspend": true})));
            namespace.expect("shop", "Suspended", "Suspended");
            deny(&namespace, what, &words);
            until_forbidden(&namespace, resource);
            edit(&namespace, "shop", &json!({"suspend": false}));
            denied("Pending");
        } else {
            namespace.create(&alone("shop"));
            namespace.pod("shop").bind().run();
            namespace.expect("shop", "Running", "Running");
            deny(&namespace, what, &words);
            until_forbidden(&namespace, operation);
            let next =
                if operation == "UPDATE" { json!({"suspend": true}) } else { json!({"run": {"id": "2"}}) };
            edit(&namespace, "shop", &next);
            denied(if operation == "UPDATE" { "Running" } else { "Pending" });
            assert!(namespace.pod("shop").get().unwrap()["metadata"]["deletionTimestamp"].is_null());
        }
        allow(&namespace);
        match operation {
            "CREATE" => drop(namespace.pod("shop").run()),
            "UPDATE" => {
                wait("the pod is stopped", || {
                    namespace.pods("shop")[0]["metadata"]["deletionTimestamp"].is_string()
                });
            }
            _ => wait("the earlier Job goes", || {
                job(&namespace, "shop", "1")
                    .is_none_or(|job| job["metadata"]["deletionTimestamp"].is_string())
            }),
        }
    });
}

/// Waits until the policy denies what an administrator tries: to make one of these, or to change or delete a Job.
fn until_forbidden(namespace: &Namespace, what: &str) {
    let named = json!({"name": "probe"});
    let of = |kind: &str, version: &str| json!({"apiVersion": version, "kind": kind, "metadata": named});
    let mut probe = match what {
        "serviceaccounts" => of("ServiceAccount", "v1"),
        "pods" => of("Pod", "v1"),
        _ => of("RoleBinding", "rbac.authorization.k8s.io/v1"),
    };
    probe["spec"] = json!({"containers": [{"name": "c", "image": "i"}]});
    probe["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"});
    let (method, path, body) = match what {
        "UPDATE" => ("PATCH", namespace.path("Job", "shop-1"), json!({"metadata": {"labels": {"a": "b"}}})),
        "DELETE" => ("DELETE", namespace.path("Job", "shop-1"), json!({"dryRun": ["All"]})),
        _ => ("POST", namespace.path(probe["kind"].as_str().unwrap(), ""), probe),
    };
    let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    wait(&format!("the policy about {what} is in force"), || {
        let reply =
            namespace.server().call(method, &format!("{path}?dryRun=All"), content, &body.to_string());
        reply.1.contains("the platform team says no")
    });
}

/// Only what the schema of the Job itself refuses is wrong in the spec.
#[test]
fn what_the_schema_refuses_is_wrong_in_the_spec() {
    let namespace = Namespace::new("schema");
    let _operator = Operator::start(&namespace);
    let unreadable = json!({"runner": {"resources": {"limits": {"memory": "abc"}}}});
    let wrong = json!({"runner": {"podLabels": {"team": "not a value"}}});
    for (name, spec, words) in [("unreadable", unreadable, "quantities"), ("wrong", wrong, "not a value")] {
        namespace.create(&with(alone(name), &spec));
        let invalid = namespace.expect(name, "Pending", "InvalidSpec");
        assert!(message(&invalid).contains(words), "{}", message(&invalid));
    }
}

/// The policies of examples/kubernetes/policies.yaml, for this namespace and its operator.
fn restrict(namespace: &Namespace) {
    let own = format!("-{}", namespace.name());
    let text = include_str!("../../../examples/kubernetes/policies.yaml")
        .replace(":kasho:", &format!(":{}:", namespace.name()))
        .replace("name: pg-bootstrap-objects", &format!("name: pg-bootstrap-objects{own}"))
        .replace("policyName: pg-bootstrap-objects", &format!("policyName: pg-bootstrap-objects{own}"))
        .replace("name: pg-bootstrap-operator-jobs", &format!("name: pg-bootstrap-operator-jobs{own}"))
        .replace(
            "policyName: pg-bootstrap-operator-jobs",
            &format!("policyName: pg-bootstrap-operator-jobs{own}"),
        );
    let all = namespace.parse(text.as_bytes());
    assert_eq!(all.len(), 4);
    for mut one in all {
        if one["kind"] == "ValidatingAdmissionPolicyBinding" {
            one["spec"]["matchResources"] = json!({ "namespaceSelector": only(namespace) });
        }
        namespace.create(&one);
    }
}

/// The example as it is, but for names.
#[test]
fn the_policies_of_the_examples_restrict_objects_and_the_operator() {
    let namespace = Namespace::new("example");
    let image = "registry.example.com/kasho/runner:1";
    let mut operator = Operator::start(&namespace);
    operator.stop();
    operator.set_image(image);
    restrict(&namespace);
    let foreign = with(alone("refused"), &json!({"runner": {"image": "elsewhere/runner:1"}}));
    let refused = |object: &Value, words: &str| {
        let refusal = namespace.try_create(object).err();
        refusal.is_some_and(|refusal| refusal.status == 403 && refusal.message.contains(words))
    };
    wait("the policy is in force", || {
        let is_refused = refused(&foreign, "registry.example.com/kasho/");
        if !is_refused {
            namespace.delete("ReplicaBootstrap", "refused");
        }
        is_refused
    });
    let secret = json!({"name": "admin", "key": "k"});
    let s3 = json!({"bucket": "b", "key": "k", "credentialsSecretRef": {"name": "admin"}});
    let map = json!({"name": "t", "key": "k"});
    let table = [
        json!({"redis": {"urlSecretRef": secret}}),
        json!({"redis": {"url": "rediss://r", "clientCertificateSecretRef": {"name": "admin"}}}),
        json!({"source": {"s3": s3}}),
        json!({"source": {"gcs": {"bucket": "b", "key": "k", "credentialsSecretRef": {"name": "admin"}}}}),
        json!({"source": {"azure": {"account": "a", "container": "c", "key": "k", "credentialsSecretRef": {"name": "admin"}}}}),
        json!({"source": {"https": {"urlSecretRef": secret}}}),
        json!({"transform": {"configMapRef": map, "keySecretRef": secret}}),
        json!({"runner": {"imagePullSecrets": [{"name": "admin"}]}}),
        json!({"runner": {"volumes": [{"name": "a", "mountPath": "/a", "secretRef": {"name": "admin"}}]}}),
        json!({"runner": {"env": [{"name": "A", "value": "v"}, {"name": "X", "valueFrom": {"secretKeyRef": secret}}]}}),
    ];
    for spec in table {
        let object = with(alone("refused"), &spec);
        assert!(refused(&object, "the names of Secrets must begin with pg-bootstrap-"), "taken: {object}");
    }
    let account = with(alone("refused"), &json!({"runner": {"serviceAccountName": "admin"}}));
    assert!(refused(&account, "serviceAccountName is not allowed"));
    let allowed = json!({"runner": {"image": image, "env": [{"name": "X", "valueFrom": {"configMapKeyRef": secret}}]},
        "transform": {"configMapRef": map, "keySecretRef": {"name": "pg-bootstrap-key", "key": "k"}}});
    namespace.create(&with(alone("allowed"), &allowed));
    namespace.create(&alone("plain"));
    operator.start_again();
    for name in ["allowed", "plain"] {
        namespace.pod(name).run().end(0);
        namespace.expect(name, "Succeeded", "Succeeded");
    }
    only_jobs_of_objects(&namespace);
}

/// A change to a good Job, and words of the refusal.
type Wrong = (fn(&mut Value), &'static str);

/// The operator's token creates no other Job.
fn only_jobs_of_objects(namespace: &Namespace) {
    let token = namespace.token(Operator::account(), None);
    let mut good = job(namespace, "plain", "1").unwrap();
    good["metadata"] = json!({"name": "made", "ownerReferences": good["metadata"]["ownerReferences"]});
    good["spec"]["selector"] = Value::Null;
    good["spec"]["template"]["metadata"] = Value::Null;
    let make = |change: fn(&mut Value)| {
        let mut made = good.clone();
        change(&mut made);
        let path = format!("{}?dryRun=All", namespace.path("Job", ""));
        namespace.server().call_as(&token, "POST", &path, "application/json", &made.to_string())
    };
    assert_eq!(make(|_| {}).0, 201, "{:?}", make(|_| {}));
    let table: [Wrong; 5] = [
        (|job| job["metadata"]["ownerReferences"] = Value::Null, "Jobs of ReplicaBootstraps alone"),
        (
            |job| job["spec"]["template"]["spec"]["serviceAccountName"] = json!("default"),
            "with an account of its own",
        ),
        (
            |job| job["spec"]["template"]["spec"]["containers"][0]["image"] = json!("elsewhere"),
            "images of registry.example.com/kasho/ alone",
        ),
        (
            |job| job["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "i", "image": "i"}]),
            "images of registry.example.com/kasho/ alone",
        ),
        (
            |job| {
                job["spec"]["template"]["spec"]["volumes"][0] =
                    json!({"name": "tmp", "hostPath": {"path": "/"}})
            },
            "may not mount folders of a node",
        ),
    ];
    for (change, words) in table {
        let (status, reply) = make(change);
        assert!(status == 403 && reply.contains(words), "{words}: {status}: {reply}");
    }
}
