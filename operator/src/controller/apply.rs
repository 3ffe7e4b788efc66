//! The requests to the API server for one object.

use crds::{OPERATOR_MANAGER, ReplicaBootstrap, ReplicaBootstrapStatus};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::build::Access;
use super::dereference::{is_owned, object_of};
use super::status::of_operator;
use super::validate::Validated;
use crate::error::Error;
use crate::names;

/// How often a status is applied again because another client has changed the object meanwhile.
const STATUS_ATTEMPTS: u32 = 5;

/// The result of creating something.
#[derive(Debug)]
pub enum Made<T> {
    /// It was created.
    New(T),
    /// It existed already, and is ours.
    Ours(T),
    /// It belongs to another owner, who is named.
    Foreign(String),
}

/// Creates the run's Job. An existing Job is never changed.
///
/// # Errors
/// Errors of the API server.
pub async fn create_job(client: &Client, object: &Validated, job: &Job) -> Result<Made<Job>, Error> {
    let api: Api<Job> = Api::namespaced(client.clone(), &object.namespace);
    let name = job.name_any();
    let params = PostParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, job).await.map_err(Error::api(format!("create Job {name}"))) {
        Ok(job) => Ok(Made::New(job)),
        Err(error) if is_already_there(&error) => {
            let there = api.get(&name).await.map_err(Error::api(format!("get Job {name}")))?;
            if is_owned(&there, &object.uid) || is_purge_of(&there, &object.uid) {
                return Ok(Made::Ours(there));
            }
            Ok(Made::Foreign(format!("the Job {name} belongs to {}", owner_of(&there))))
        }
        Err(error) => Err(error),
    }
}

fn is_already_there(error: &Error) -> bool {
    error.status().is_some_and(|status| status.code == 409 && status.reason == "AlreadyExists")
}

/// Whether the Job deletes the runs of the object with this UID.
#[must_use]
pub fn is_purge_of(job: &Job, uid: &str) -> bool {
    job.annotations().get(names::ANNOTATION_PURGE).is_some_and(|of| of == uid)
}

/// Whose a Job is that is in the way, and what to do.
#[must_use]
pub fn left_behind(job: &Job) -> String {
    let (name, owner) = (job.name_any(), owner_of(job));
    match object_of(job) {
        Some(object) if owner == NOBODY => format!(
            "the Job {name} belongs to nobody: an object {object} was deleted with --cascade=orphan. To end it, with the checkpoint staying in Redis, or when it has ended: kubectl delete job {name}; kubectl delete serviceaccount,role,rolebinding {}",
            names::access(object)
        ),
        _ => format!("the Job {name} belongs to {owner}: delete or rename it, or choose another run.id"),
    }
}

/// The owner of what has none.
const NOBODY: &str = "nobody";

fn owner_of<K: Resource>(thing: &K) -> String {
    let owner = thing.owner_references().iter().find(|owner| owner.controller == Some(true));
    owner.map_or_else(|| NOBODY.to_owned(), |owner| format!("{} {}", owner.kind, owner.name))
}

/// Creates or repairs the objects that let the runner write its status. If one of them is not ours, returns its
/// owner.
///
/// # Errors
/// Errors of the API server.
pub async fn grant(client: &Client, object: &Validated, access: &Access) -> Result<Option<String>, Error> {
    if let Some(account) = &access.account
        && let Some(foreign) = ensure(client, object, account).await?
    {
        return Ok(Some(foreign));
    }
    if let Some(foreign) = ensure(client, object, &access.role).await? {
        return Ok(Some(foreign));
    }
    ensure(client, object, &access.binding).await
}

/// Applies one object, unless it exists and is not ours.
async fn ensure<K>(client: &Client, object: &Validated, thing: &K) -> Result<Option<String>, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Serialize
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace);
    let (kind, name) = (K::kind(&()), thing.name_any());
    let there = api.get_metadata_opt(&name).await.map_err(Error::api(format!("get {kind} {name}")))?;
    if let Some(there) = there.filter(|there| !is_owned(there, &object.uid)) {
        return Ok(Some(format!("the {kind} {name} belongs to {}", owner_of(&there))));
    }
    api.patch(&name, &PatchParams::apply(OPERATOR_MANAGER).force(), &Patch::Apply(thing))
        .await
        .map_err(Error::api(format!("apply {kind} {name}")))?;
    Ok(None)
}

/// Suspends or resumes the Job, and marks that it was the operator.
///
/// # Errors
/// Errors of the API server; a conflict if the Job is not the one in the store.
pub async fn suspend(client: &Client, job: &Job, suspend: bool) -> Result<Job, Error> {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let mark = json!({names::ANNOTATION_SUSPENDED: suspend.to_string()});
    let patch = json!({"metadata": {"uid": job.uid(), "annotations": mark}, "spec": {"suspend": suspend}});
    api.patch(&name, &params, &Patch::Merge(patch)).await.map_err(Error::api(format!("patch Job {name}")))
}

/// Removes the mark that the operator has suspended the Job, after somebody else has resumed it.
///
/// # Errors
/// Errors of the API server; a conflict if the Job is not the one in the store.
pub async fn unmark(client: &Client, job: &Job) -> Result<(), Error> {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let mark = json!({names::ANNOTATION_SUSPENDED: "false"});
    let patch = json!({"metadata": {"uid": job.uid(), "annotations": mark}});
    api.patch(&name, &params, &Patch::Merge(patch))
        .await
        .map(|_| ())
        .map_err(Error::api(format!("patch Job {name}")))
}

/// Deletes the given Job, and no later one of the same name. With foreground deletion it stays visible until its pods
/// are gone. Returns whether this call started the deletion.
///
/// # Errors
/// Errors of the API server, except that the Job is gone.
pub async fn delete_job(client: &Client, job: &Job, foreground: bool) -> Result<bool, Error> {
    if job.metadata.deletion_timestamp.is_some() {
        return Ok(false);
    }
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let params = if foreground { DeleteParams::foreground() } else { DeleteParams::background() };
    let params = params.preconditions(Preconditions { uid: job.uid(), resource_version: None });
    match api.delete(&name, &params).await.map_err(Error::api(format!("delete Job {name}"))) {
        Ok(_) => Ok(true),
        Err(error) if error.is_code(404) || error.is_code(409) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there are Jobs of other runs, which a watch that lags may not show yet.
///
/// # Errors
/// Errors of the API server.
pub async fn others(client: &Client, object: &Validated, wanted: &Job) -> Result<bool, Error> {
    let api: Api<Job> = Api::namespaced(client.clone(), &object.namespace);
    let label = format!("{}={}", names::LABEL_OBJECT, names::label_value(&object.name));
    let all =
        api.list_metadata(&ListParams::default().labels(&label)).await.map_err(Error::api("list Jobs"))?;
    Ok(all.iter().any(|job| is_owned(job, &object.uid) && job.metadata.name != wanted.metadata.name))
}

/// The current state of a Job, if it is still the same Job.
///
/// # Errors
/// Errors of the API server.
pub async fn read_job(client: &Client, job: &Job) -> Result<Option<Job>, Error> {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let there = api.get_opt(&name).await.map_err(Error::api(format!("get Job {name}")))?;
    Ok(there.filter(|there| there.metadata.uid == job.metadata.uid))
}

/// The current state of the object, if it is still the same object.
///
/// # Errors
/// Errors of the API server.
pub async fn read(client: &Client, object: &Validated) -> Result<Option<ReplicaBootstrap>, Error> {
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &object.namespace);
    let there = api
        .get_opt(&object.name)
        .await
        .map_err(Error::api(format!("get ReplicaBootstrap {}", object.name)))?;
    Ok(there.filter(|there| there.metadata.uid.as_ref() == Some(&object.uid)))
}

/// Applies the operator's whole part of the status, and returns the object's new resource version; `None` if the
/// object is gone, which is not an error.
///
/// The status of a newer object of the same name is not written: if it contained the end of the deleted object's run,
/// the new one would never run. The API server does not check the UID when a status is applied, but it checks the
/// resource version.
///
/// # Errors
/// Errors of the API server.
pub async fn status(
    client: &Client,
    object: &ReplicaBootstrap,
    status: &ReplicaBootstrapStatus,
) -> Result<Option<String>, Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &namespace);
    let failed = |error| Error::api(format!("apply the status of {name}"))(error);
    let params = PatchParams::apply(OPERATOR_MANAGER).force();
    let mut version = object.resource_version();
    let mut attempts = 0;
    loop {
        let patch = json!({
            "apiVersion": ReplicaBootstrap::api_version(&()),
            "kind": ReplicaBootstrap::kind(&()),
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": version},
            "status": status,
        });
        match api.patch_status(&name, &params, &Patch::Apply(patch)).await {
            Ok(there) => match cleared(&api, &there, status).await {
                Ok(there) => return Ok(there.resource_version()),
                Err(error) => tolerate(error, attempts).map_err(failed)?,
            },
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(None),
            Err(error) => tolerate(error, attempts).map_err(failed)?,
        }
        attempts += 1;
        let there = api.get_metadata_opt(&name).await.map_err(failed)?;
        let Some(there) = there.filter(|there| there.metadata.uid == object.metadata.uid) else {
            return Ok(None);
        };
        version = there.resource_version();
    }
}

/// Gives the object the operator's finalizer, or takes it away, and returns the object as it is then; `None` if it is
/// gone, which is not an error.
///
/// # Errors
/// Errors of the API server.
pub async fn finalizer(
    client: &Client,
    object: &ReplicaBootstrap,
    wanted: bool,
) -> Result<Option<ReplicaBootstrap>, Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &namespace);
    let failed = |error| Error::api(format!("patch the finalizers of {name}"))(error);
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let mut there = object.clone();
    let mut attempts = 0;
    loop {
        let others = there.finalizers().iter().filter(|one| *one != names::FINALIZER).cloned();
        let all: Vec<String> = others.chain(wanted.then(|| names::FINALIZER.to_owned())).collect();
        // The patch replaces the list, so that it must be based on the current one.
        let based_on = (there.uid(), there.resource_version());
        let patch =
            json!({"metadata": {"uid": based_on.0, "resourceVersion": based_on.1, "finalizers": all}});
        match api.patch(&name, &params, &Patch::Merge(patch)).await {
            Ok(there) => return Ok(Some(there)),
            Err(kube::Error::Api(answer)) if answer.code == 404 => return Ok(None),
            Err(error) => tolerate(error, attempts).map_err(failed)?,
        }
        attempts += 1;
        match api.get_opt(&name).await.map_err(failed)? {
            Some(now) if now.metadata.uid == object.metadata.uid => there = now,
            _ => return Ok(None),
        }
    }
}

/// A conflict is not an error at first: the runner writes to the same object.
fn tolerate(error: kube::Error, attempts: u32) -> Result<(), kube::Error> {
    match error {
        kube::Error::Api(answer) if answer.code == 409 && attempts < STATUS_ATTEMPTS => Ok(()),
        error => Err(error),
    }
}

/// Removes what somebody else has added to the operator's part of the status: an apply leaves it there.
async fn cleared(
    api: &Api<ReplicaBootstrap>,
    there: &ReplicaBootstrap,
    wanted: &ReplicaBootstrapStatus,
) -> Result<ReplicaBootstrap, kube::Error> {
    let found = serde_json::to_value(of_operator(there)).unwrap_or_default();
    let Some(patch) = excess(&found, &serde_json::to_value(wanted).unwrap_or_default()) else {
        return Ok(there.clone());
    };
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = json!({"metadata": {"resourceVersion": there.resource_version()}, "status": patch});
    api.patch_status(&there.name_any(), &params, &Patch::Merge(patch)).await
}

/// The merge patch that removes from `found` what is not wanted; `None` if nothing is left over.
fn excess(found: &Value, wanted: &Value) -> Option<Value> {
    let (Value::Object(fields), Value::Object(_)) = (found, wanted) else {
        return (found != wanted).then(|| wanted.clone());
    };
    let patch: serde_json::Map<String, Value> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), excess(value, &wanted[name])?)))
        .collect();
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Removes the report of an earlier run's runner, if the object still has the given UID.
///
/// # Errors
/// Errors of the API server. If the object is gone or was replaced, that is not an error: the watch will show it.
pub async fn forget_run(client: &Client, object: &ReplicaBootstrap) -> Result<(), Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = json!({"metadata": {"uid": object.metadata.uid}, "status": {"run": null}});
    match api.patch_status(&name, &params, &Patch::Merge(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409) => Ok(()),
        Err(error) => Err(Error::api(format!("patch the status of {name}"))(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::controller::fixtures::object;
    use http::{Method, Request, Response};
    use kube::client::Body;

    /// An API server with one object, of this UID and version, that refuses a status with another version as the real
    /// one does. The versions that were tried are noted.
    fn server(uid: &'static str, version: &'static str) -> (Client, Arc<Mutex<Vec<Value>>>) {
        let tried = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&tried);
        let service = tower::service_fn(move |request: Request<Body>| {
            let noted = Arc::clone(&noted);
            async move {
                let write = request.method() == Method::PATCH;
                let body: Value =
                    serde_json::from_slice(&request.into_body().collect_bytes().await?).unwrap_or_default();
                let based_on = body["metadata"]["resourceVersion"].clone();
                let refused = write && based_on != version;
                if write {
                    noted.lock().unwrap().push(based_on);
                }
                let mut there = serde_json::to_value(object()).unwrap();
                there["metadata"]["uid"] = json!(uid);
                there["metadata"]["resourceVersion"] = json!(version);
                let conflict = json!({
                    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict",
                    "message": "the object has been modified", "code": 409
                });
                let (code, reply) = if refused { (409, conflict) } else { (200, there) };
                let reply = Body::from(serde_json::to_vec(&reply).unwrap());
                Ok::<_, kube::Error>(Response::builder().status(code).body(reply).unwrap())
            }
        });
        (Client::new(service, "shop"), tried)
    }

    async fn apply_to(uid: &'static str) -> (Option<String>, Vec<Value>) {
        let (client, tried) = server(uid, "8");
        let mut object = object();
        object.metadata.resource_version = Some("7".to_owned());
        let version = status(&client, &object, &ReplicaBootstrapStatus::default()).await.unwrap();
        let tried = tried.lock().unwrap().clone();
        (version, tried)
    }

    #[test]
    fn what_somebody_else_has_added_is_left_over() {
        let found = json!({"phase": "Running", "attempts": 1, "lastError": {"reason": "r", "pod": "p"}, "conditions": [1, 2]});
        assert_eq!(excess(&found, &found), None);
        let wanted = json!({"phase": "Running", "lastError": {"reason": "r"}, "conditions": [1]});
        let patch = json!({"attempts": null, "lastError": {"pod": null}, "conditions": [1]});
        assert_eq!(excess(&found, &wanted), Some(patch));
        // What is missing is not left over.
        assert_eq!(excess(&json!({}), &wanted), None);
    }

    #[tokio::test]
    async fn a_status_goes_to_the_object_that_it_is_about() {
        // The runner has written into it meanwhile.
        assert_eq!(apply_to("u-1").await, (Some("8".to_owned()), vec![json!("7"), json!("8")]));
        // It was deleted, and another one has its name.
        assert_eq!(apply_to("u-2").await, (None, vec![json!("7")]));
    }
}
