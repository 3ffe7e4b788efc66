//! What is asked of the API server for one object.

use crds::{OPERATOR_MANAGER, ReplicaBootstrap, ReplicaBootstrapStatus};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::build::Access;
use super::dereference::is_owned;
use super::validate::Validated;
use crate::error::Error;
use crate::names;

/// What became of something that was to be made.
#[derive(Debug)]
pub enum Made<T> {
    /// It was made.
    New(T),
    /// It was there already, and ours.
    Ours(T),
    /// It is somebody else's; this says whose.
    Foreign(String),
}

/// Makes the run's Job. One that is there is never changed.
///
/// # Errors
/// What the API server says.
pub async fn create_job(client: &Client, object: &Validated, job: &Job) -> Result<Made<Job>, Error> {
    let api: Api<Job> = Api::namespaced(client.clone(), &object.namespace);
    let name = job.name_any();
    let params = PostParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, job).await.map_err(Error::api(format!("create Job {name}"))) {
        Ok(job) => Ok(Made::New(job)),
        Err(error) if is_already_there(&error) => {
            let there = api.get(&name).await.map_err(Error::api(format!("get Job {name}")))?;
            if is_owned(&there, &object.uid) {
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

fn owner_of<K: Resource>(thing: &K) -> String {
    let owner = thing.owner_references().iter().find(|owner| owner.controller == Some(true));
    owner.map_or_else(|| "nobody".to_owned(), |owner| format!("{} {}", owner.kind, owner.name))
}

/// Makes, or mends, what lets the runner write its status. Returns whose it is, if something is not ours.
///
/// # Errors
/// What the API server says.
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

/// Applies one thing, unless it is there and not ours.
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

/// Stops the Job, or lets it go on.
///
/// # Errors
/// What the API server says; a conflict if the Job is not the one that was seen.
pub async fn suspend(client: &Client, job: &Job, suspend: bool) -> Result<Job, Error> {
    let (name, namespace) = (job.name_any(), job.namespace().unwrap_or_default());
    let api: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams { field_manager: Some(OPERATOR_MANAGER.to_owned()), ..PatchParams::default() };
    let patch = json!({"metadata": {"uid": job.uid()}, "spec": {"suspend": suspend}});
    api.patch(&name, &params, &Patch::Merge(patch)).await.map_err(Error::api(format!("patch Job {name}")))
}

/// Deletes the Job that was seen, and no later one of its name. In the foreground it stays visible until its pods are
/// gone. Returns whether this call began it.
///
/// # Errors
/// What the API server says, apart from that it is gone.
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
/// What the API server says.
pub async fn others(client: &Client, object: &Validated, wanted: &Job) -> Result<bool, Error> {
    let api: Api<Job> = Api::namespaced(client.clone(), &object.namespace);
    let label = format!("{}={}", names::LABEL_OBJECT, names::label_value(&object.name));
    let all =
        api.list_metadata(&ListParams::default().labels(&label)).await.map_err(Error::api("list Jobs"))?;
    Ok(all.iter().any(|job| is_owned(job, &object.uid) && job.metadata.name != wanted.metadata.name))
}

/// The object as it is now, if it is still the same one.
///
/// # Errors
/// What the API server says.
pub async fn read(client: &Client, object: &Validated) -> Result<Option<ReplicaBootstrap>, Error> {
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &object.namespace);
    let there = api
        .get_opt(&object.name)
        .await
        .map_err(Error::api(format!("get ReplicaBootstrap {}", object.name)))?;
    Ok(there.filter(|there| there.metadata.uid.as_ref() == Some(&object.uid)))
}

/// Applies the operator's whole part of the status. An object that is gone is no error.
///
/// # Errors
/// What the API server says.
pub async fn status(
    client: &Client,
    object: &ReplicaBootstrap,
    status: &ReplicaBootstrapStatus,
) -> Result<(), Error> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<ReplicaBootstrap> = Api::namespaced(client.clone(), &namespace);
    let patch = json!({
        "apiVersion": ReplicaBootstrap::api_version(&()),
        "kind": ReplicaBootstrap::kind(&()),
        // The UID keeps the status of one object from a later one of the same name.
        "metadata": {"name": name, "namespace": namespace, "uid": object.uid()},
        "status": status,
    });
    let params = PatchParams::apply(OPERATOR_MANAGER).force();
    match api.patch_status(&name, &params, &Patch::Apply(patch)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) if answer.code == 404 => Ok(()),
        Err(error) => Err(Error::api(format!("apply the status of {name}"))(error)),
    }
}
