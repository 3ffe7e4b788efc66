//! Pure: who refuses a request, and so whether another attempt may help.
//!
//! The status code alone does not tell: a ValidatingAdmissionPolicy refuses with 422 like the schema does, and a
//! webhook with 400 like an unreadable request, or with any other code that its author chose.

use kube::core::Status;

/// A refusal of the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A policy, a webhook, a quota or a missing permission. Somebody may lift it, so the request is repeated.
    Denied,
    /// The schema of the object itself. No attempt helps as long as the request is the same.
    Malformed,
}

/// The refusal in an answer. `None` if the answer is none: it concerns the server or the moment, not the request.
#[must_use]
pub fn of(answer: &Status) -> Option<Refusal> {
    // For some seconds an API server does not accept an object of a new definition as an owner.
    if answer.code == 403 && answer.message.contains("no matches for kind") {
        return None;
    }
    if is_by_schema(answer) {
        return Some(Refusal::Malformed);
    }
    (matches!(answer.code, 400 | 403 | 422) || is_by_admission(&answer.message)).then_some(Refusal::Denied)
}

/// Whether nothing can be created because the namespace is being deleted.
#[must_use]
pub fn is_by_end_of_namespace(answer: &Status) -> bool {
    answer
        .details
        .as_ref()
        .is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
}

/// Whether admission refused the request, or could not be asked. A policy and a webhook choose their codes freely.
fn is_by_admission(message: &str) -> bool {
    message.starts_with("admission webhook ")
        || message.contains(" is forbidden: ")
        || message.contains("failed calling webhook ")
}

/// Whether the request cannot be read as the object that it should be, or has fields with wrong values. The answer
/// names each of these fields; a policy's answer names none.
fn is_by_schema(answer: &Status) -> bool {
    // What follows can contain values of the request.
    let head = answer.message.split(" is invalid: ").next().unwrap_or_default();
    if is_by_admission(head) {
        return false;
    }
    match answer.code {
        400 => answer.message.contains(" cannot be handled as a "),
        422 => answer.details.as_ref().is_some_and(|details| {
            !details.causes.is_empty() && details.causes.iter().all(|cause| !cause.field.is_empty())
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(code: u16, message: &str, fields: &[&str]) -> Status {
        let causes: Vec<_> = fields.iter().map(|field| json!({"message": "m", "field": field})).collect();
        serde_json::from_value(json!({
            "status": "Failure", "code": code, "message": message, "reason": "r",
            "details": {"name": "shop-1", "group": "batch", "kind": "Job", "causes": causes}
        }))
        .unwrap()
    }

    /// Answers of Kubernetes 1.34, shortened.
    #[test]
    fn each_answer_is_of_somebody() {
        let policy = "jobs.batch \"shop-1\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        let webhook = "admission webhook \"w.test\" denied the request: no";
        let table = [
            (422, policy, &[""][..], Some(Refusal::Denied)),
            (401, policy, &[""], Some(Refusal::Denied)),
            (403, policy, &[""], Some(Refusal::Denied)),
            (413, policy, &[""], Some(Refusal::Denied)),
            (400, webhook, &[], Some(Refusal::Denied)),
            (418, webhook, &[], Some(Refusal::Denied)),
            // It took the schema's own words.
            (
                422,
                "admission webhook \"w.test\" denied the request: Job.batch \"shop-1\" is invalid: spec.x: Required value",
                &["spec.x"],
                Some(Refusal::Denied),
            ),
            (400, "a proxy does not like it", &[], Some(Refusal::Denied)),
            (
                500,
                "Internal error occurred: failed calling webhook \"w.test\": connection refused",
                &[],
                Some(Refusal::Denied),
            ),
            (403, "jobs.batch \"shop-1\" is forbidden: exceeded quota: none", &[], Some(Refusal::Denied)),
            (
                403,
                "jobs.batch is forbidden: User \"u\" cannot create resource \"jobs\" in API group \"batch\"",
                &[],
                Some(Refusal::Denied),
            ),
            (
                422,
                "Job.batch \"shop-1\" is invalid: spec.template.labels: Invalid value: \"it is forbidden: no\"",
                &["spec.template.labels"],
                Some(Refusal::Malformed),
            ),
            (
                400,
                "Job in version \"v1\" cannot be handled as a Job: quantities must match the regular expression",
                &[],
                Some(Refusal::Malformed),
            ),
            (403, "jobs.batch \"a-1\" is forbidden: no matches for kind \"ReplicaBootstrap\"", &[], None),
            (401, "Unauthorized", &[], None),
            (409, "the object has been modified", &[], None),
            (429, "too many requests", &[], None),
            (500, "etcdserver: request timed out", &[], None),
        ];
        for (code, message, fields, wanted) in table {
            assert_eq!(of(&answer(code, message, fields)), wanted, "{code} {message}");
        }
    }
}
