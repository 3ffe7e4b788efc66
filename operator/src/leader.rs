//! Who acts: the holder of a Lease.
//!
//! Expected flow: [`Lease::acquire`] returns once this process holds it; [`Lease::hold`] renews it, and returns when that
//! failed for too long; [`Lease::release`] gives it back, so that the next one need not wait.
//!
//! Guarantee: each write carries the `resourceVersion` that it is based on, so of two that try one succeeds. Who was away
//! for longer than `RENEW_WITHIN` stops before anybody may take over, as far as the clocks of both run equally fast:
//! a lease's age is measured by when this process saw it change, never by the times in it.

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
/// Who could not renew for this long acts no more.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
/// How often it is renewed, or looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// A lease that this process wants or holds.
pub struct Lease {
    api: Api<Object>,
    name: String,
    identity: String,
    seen: Option<(Sighting, Instant)>,
}

/// What changes when a holder renews.
type Sighting = (Option<String>, Option<Timestamp>);

impl Lease {
    /// The lease of this name; `identity` tells this process from all others.
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
                Err(error) => tracing::warn!(error = %error, "the lease cannot be requested"),
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Renews the lease until that has failed for too long.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], when the caller must not act any more.
    pub async fn hold(&mut self) -> Result<std::convert::Infallible, Error> {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(PERIOD).await;
            let left = RENEW_WITHIN.saturating_sub(renewed.elapsed());
            let asked = Instant::now();
            match tokio::time::timeout(left, self.attempt()).await {
                Ok(Ok(true)) => renewed = asked,
                Ok(Ok(false)) => return Err(Error::LeaseLost(self.name.clone())),
                Ok(Err(error)) => tracing::warn!(error = %error, "the lease was not renewed"),
                Err(_) => {}
            }
            if renewed.elapsed() >= RENEW_WITHIN {
                return Err(Error::LeaseLost(self.name.clone()));
            }
        }
    }

    /// Gives the lease back, if this process still holds it.
    pub async fn release(&mut self) {
        let Ok(Some(mut object)) = self.api.get_opt(&self.name).await else { return };
        let spec = object.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return;
        }
        spec.holder_identity = None;
        // Whoever comes next waits for the lease to grow old instead.
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

    /// Whether the lease is ours, nobody's, or has not changed for as long as it holds.
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
