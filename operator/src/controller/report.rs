//! What people are told about an object: its status, and events.

use std::sync::Arc;

use crds::ReplicaBootstrap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;

use super::apply;
use super::status::{self, Situation};
use crate::context::{Context, Scope};
use crate::error::Error;
use crate::events;

/// The context of a reconcile.
#[derive(Clone)]
pub struct Surroundings {
    /// The state that all reconciles share.
    pub context: Arc<Context>,
    /// The stores of the watches of the object's namespace.
    pub scope: Scope,
}

/// Writes the status if it has changed, and the events of the change.
///
/// # Errors
/// Errors of the API server.
pub async fn report(
    object: &ReplicaBootstrap,
    around: &Surroundings,
    situation: &Situation<'_>,
) -> Result<Action, Error> {
    let old = status::of_operator(object);
    let new = status::compute(object, situation, &now());
    // Anything else means that the requests before it went through.
    let is_refused = matches!(situation, Situation::Refused(..));
    if let Some(uid) = object.metadata.uid.as_deref().filter(|_| !is_refused) {
        around.context.succeeded(uid);
    }
    if new == old {
        return Ok(Action::await_change());
    }
    apply::status(&around.context.client, object, &new).await?;
    let changes = events::of_change(&old, &new);
    for change in &changes {
        tracing::info!(
            object = %ObjectRef::from_obj(object), reason = %change.reason, "{}", change.note.as_deref().unwrap_or_default()
        );
    }
    publish(object, around, changes).await;
    Ok(Action::await_change())
}

/// Events are for people: a run does not fail because an event cannot be written.
pub async fn publish(
    object: &ReplicaBootstrap,
    around: &Surroundings,
    all: Vec<kube::runtime::events::Event>,
) {
    for event in all {
        if let Err(error) = around.context.recorder.publish(&event, &object.object_ref(&())).await {
            tracing::debug!(error = %error, reason = %event.reason, "an event was not written");
        }
    }
}

/// The current time, to the second, as in Kubernetes.
#[must_use]
pub fn now() -> Time {
    let now = Timestamp::now();
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}
