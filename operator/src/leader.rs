//! The active operator: the holder of a Lease.
//!
//! Expected flow: [`Lease::acquire`] returns when this process holds the lease. [`Lease::hold`] renews it, and
//! returns when that failed for too long. [`Lease::release`] releases it, so that the next process does not have to
//! wait.
//!
//! Guarantee: each write contains the `resourceVersion` that it is based on, so if two processes try, one succeeds. A
//! process that could not renew the lease for longer than `RENEW_WITHIN` stops before another one may take over,
//! provided that both clocks run equally fast: a process measures the age of a lease since it saw it change, never by
//! the times in it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease as Object, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::time::Instant;

use crate::error::Error;

/// How long a lease holds after its last renewal, in seconds.
const DURATION: i32 = 15;
/// A process that could not renew for this long is no longer active.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often it is renewed, or checked.
const PERIOD: Duration = Duration::from_secs(2);

/// A lease that this process wants or holds.
pub struct Lease {
    api: Api<Object>,
    name: String,
    identity: String,
    seen: Option<(Sighting, Instant)>,
}

/// The fields that change when a holder renews.
type Sighting = (Option<String>, Option<Timestamp>);

impl Lease {
    /// The lease of this name. `identity` distinguishes this process from all others.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, seen: None }
    }

    /// Waits until this process holds the lease.
    pub async fn acquire(&mut self) {
        loop {
            match self.attempt().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) if error.is_code(409) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "the lease cannot be requested, retrying: nothing is reconciled without it");
                }
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Renews the lease until renewing has failed for too long.
    ///
    /// # Errors
    /// [`Error::LeaseLost`]: the caller must stop acting.
    pub async fn hold(&mut self) -> Result<std::convert::Infallible, Error> {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(PERIOD).await;
            let left = RENEW_WITHIN.saturating_sub(renewed.elapsed());
            let asked = Instant::now();
            match tokio::time::timeout(left, self.attempt()).await {
                Ok(Ok(true)) => renewed = asked,
                Ok(Ok(false)) => return Err(Error::LeaseLost(self.name.clone())),
                Ok(Err(error)) => tracing::warn!(
                    error = %error,
                    "the lease was not renewed, retrying: this process ends if that fails for {} s",
                    RENEW_WITHIN.as_secs()
                ),
                Err(_) => {}
            }
            if renewed.elapsed() >= RENEW_WITHIN {
                return Err(Error::LeaseLost(self.name.clone()));
            }
        }
    }

    /// Releases the lease, if this process still holds it.
    pub async fn release(&mut self) {
        let Ok(Some(mut object)) = self.api.get_opt(&self.name).await else { return };
        let spec = object.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = None;
        // Otherwise the next process waits until the lease is too old.
        let _ = self.api.replace(&self.name, &PostParams::default(), &object).await;
    }

    /// Takes or renews the lease if it is free, old or ours. Returns whether it is ours now.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let name = self.name.clone();
        let what = |verb: &str| format!("{verb} Lease {name}");
        let Some(mut object) = self.api.get_opt(&self.name).await.map_err(Error::api(what("get")))? else {
            let object = Object {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.claim(&LeaseSpec::default())),
            };
            self.api.create(&PostParams::default(), &object).await.map_err(Error::api(what("create")))?;
            return Ok(true);
        };
        let spec = object.spec.clone().unwrap_or_default();
        if !self.may_take(&spec) {
            return Ok(false);
        }
        object.spec = Some(self.claim(&spec));
        debug_assert!(
            object.resource_version().is_some(),
            "a replacement without one would win over anybody"
        );
        self.api
            .replace(&self.name, &PostParams::default(), &object)
            .await
            .map_err(Error::api(what("update")))?;
        Ok(true)
    }

    /// Whether the lease is ours, has no holder, or has not changed for its whole duration.
    fn may_take(&mut self, spec: &LeaseSpec) -> bool {
        let holder = spec.holder_identity.clone().filter(|holder| !holder.is_empty());
        if holder.is_none() || holder.as_deref() == Some(&self.identity) {
            return true;
        }
        let sighting = (holder, spec.renew_time.as_ref().map(|time| time.0));
        let lasts =
            Duration::from_secs(u64::try_from(spec.lease_duration_seconds.unwrap_or(DURATION)).unwrap_or(0));
        match &self.seen {
            Some((before, since)) if *before == sighting => since.elapsed() > lasts,
            _ => {
                self.seen = Some((sighting, Instant::now()));
                false
            }
        }
    }

    /// The lease as ours, renewed now.
    fn claim(&self, before: &LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(DURATION),
            renew_time: Some(now.clone()),
            acquire_time: if ours { before.acquire_time.clone() } else { Some(now) },
            lease_transitions: Some(if ours || before.holder_identity.is_none() {
                transitions
            } else {
                transitions + 1
            }),
            ..LeaseSpec::default()
        }
    }
}
