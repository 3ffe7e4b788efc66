//! Pure: who has suspended a Job, if it was not the operator. Kueue does so with each Job of its queues, and people do.

use crds::OPERATOR_MANAGER;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::ResourceExt;
use serde_json::json;

use super::plan;
use crate::names;

/// Who has suspended the Job, as the beginning of a message. `None` if nobody else has.
#[must_use]
pub fn by_other(job: &Job) -> Option<String> {
    if !plan::is_held_by_other(job) {
        return None;
    }
    let name = job.name_any();
    let queue = job.labels().get(names::LABEL_QUEUE);
    let queue = queue.map(|queue| format!(" ({}: {queue})", names::LABEL_QUEUE)).unwrap_or_default();
    Some(match manager(job) {
        // What a webhook changes is the creator's, by name.
        None | Some(OPERATOR_MANAGER) => {
            format!("a webhook of the cluster has suspended the Job {name} when it was created{queue}")
        }
        Some(who) => format!("{who} has suspended the Job {name}{queue}"),
    })
}

/// The field manager that has set `spec.suspend` last.
fn manager(job: &Job) -> Option<&str> {
    let all = job.metadata.managed_fields.iter().flatten().filter(|entry| sets_suspend(entry));
    all.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?.manager.as_deref()
}

fn sets_suspend(entry: &ManagedFieldsEntry) -> bool {
    entry.fields_v1.as_ref().is_some_and(|fields| !fields.0["f:spec"]["f:suspend"].is_null())
}

/// Removes everything from the managed fields but who has set `spec.suspend`.
pub fn keep_managers(job: &mut Job) {
    let all = job.metadata.managed_fields.take().unwrap_or_default();
    let kept = all.into_iter().filter(sets_suspend).map(|entry| ManagedFieldsEntry {
        fields_v1: Some(FieldsV1(json!({"f:spec": {"f:suspend": {}}}))),
        ..entry
    });
    job.metadata.managed_fields = Some(kept.collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{object, stored_job};

    fn held(managers: &[(&str, &str)]) -> Job {
        let mut job = stored_job(&object(), json!({}));
        job.spec.as_mut().unwrap().suspend = Some(true);
        let entry = |(who, second): &(&str, &str)| {
            json!({"manager": who, "operation": "Update", "time": format!("2026-01-01T00:00:{second}Z"),
                "fieldsV1": {"f:metadata": {}, "f:spec": {"f:suspend": {}, "f:template": {}}}})
        };
        let all: Vec<_> = managers.iter().map(entry).chain([json!({"manager": "none"})]).collect();
        job.metadata.managed_fields = serde_json::from_value(json!(all)).unwrap();
        job
    }

    #[test]
    fn who_holds_a_job_is_named() {
        let ours = (OPERATOR_MANAGER, "01");
        let table = [
            (held(&[ours, ("kueue", "02")]), "kueue has suspended the Job eu-1"),
            (held(&[("kubectl-patch", "02"), ours]), "kubectl-patch has suspended"),
            (held(&[ours]), "a webhook of the cluster has suspended the Job eu-1 when it was created"),
            (held(&[]), "a webhook"),
        ];
        for (mut job, words) in table {
            assert!(by_other(&job).unwrap().starts_with(words), "{:?}", by_other(&job));
            let before = by_other(&job);
            keep_managers(&mut job);
            assert_eq!(by_other(&job), before);
            assert!(!format!("{:?}", job.metadata.managed_fields).contains("f:template"));
        }
        let mut queued = held(&[ours]);
        queued.labels_mut().insert(names::LABEL_QUEUE.to_owned(), "dumps".to_owned());
        assert!(by_other(&queued).unwrap().ends_with("(kueue.x-k8s.io/queue-name: dumps)"));
    }

    #[test]
    fn nobody_else_holds_what_the_operator_holds_or_what_goes_on() {
        let mut own = held(&[("kueue", "02")]);
        own.annotations_mut().insert(names::ANNOTATION_SUSPENDED.to_owned(), "true".to_owned());
        assert_eq!(by_other(&own), None);
        let mut goes_on = held(&[("kueue", "02")]);
        goes_on.spec.as_mut().unwrap().suspend = Some(false);
        assert_eq!(by_other(&goes_on), None);
    }
}
