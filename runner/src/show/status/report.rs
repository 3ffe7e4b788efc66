//! Sends the run's status to Kubernetes' API server. It uses server-side apply, so it owns `status.run` and nothing
//! else.
//!
//! # Guarantees
//!
//! - It never delays or ends the load. If a status cannot be sent, the newest state is sent later.
//! - There is one request at a time, so an older state does not overtake a newer one.
//! - At the end it tries for `LAST` at most.

use std::sync::Arc;
use std::time::Duration;

use crds::v1alpha1::RunStatus;
use crds::{RUNNER_MANAGER, ReplicaBootstrap};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Client, Resource as _};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::StatusObject;
use super::run::{carry_over, lost, run_status};
use crate::base::error::{self, Error};
use crate::load::progress::{Progress, Rate};

/// How often it is sent.
const EVERY: Duration = Duration::from_secs(5);
/// The time after which a request is given up.
const REQUEST: Duration = Duration::from_secs(10);
/// How long sending the last state is tried.
const LAST: Duration = Duration::from_secs(5);
/// The pause between two attempts to send the last state.
const PAUSE: Duration = Duration::from_millis(300);

/// A running reporter.
pub struct Reporter {
    end: oneshot::Sender<Option<String>>,
    task: JoinHandle<()>,
}

impl Reporter {
    /// Starts to report. `ttl` is the time to live of the set, if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] if the API server is configured neither by the pod's service account nor by `KUBECONFIG`.
    pub async fn start(
        target: StatusObject,
        ttl: Option<Duration>,
        progress: Arc<Progress>,
    ) -> Result<Self, Error> {
        let usage = |error: &dyn std::error::Error| {
            Error::Usage(format!(
                "--status-resource: the API server of Kubernetes is configured neither by the pod's service account nor by KUBECONFIG: {}",
                error::chain(error)
            ))
        };
        let config = kube::Config::infer().await.map_err(|error| usage(&error))?;
        let client = Client::try_from(config).map_err(|error| usage(&error))?;
        let resource = ApiResource::erase::<ReplicaBootstrap>(&());
        let api = Api::namespaced_with(client, &target.namespace, &resource);
        let sender = Sender {
            api,
            target,
            ttl,
            progress,
            rate: Rate::default(),
            before: None,
            asked: false,
            sent: None,
            failing: false,
        };
        let (end, ended) = oneshot::channel();
        Ok(Self { end, task: tokio::spawn(sender.run(ended)) })
    }

    /// Sends the last state; `error` is the reason why the run has ended, if it was not done.
    pub async fn finish(self, error: Option<String>) {
        // The task listens until it gets this message, so sending fails only if the task has failed.
        let _ = self.end.send(error);
        let _ = self.task.await;
    }
}

struct Sender {
    api: Api<DynamicObject>,
    target: StatusObject,
    ttl: Option<Duration>,
    progress: Arc<Progress>,
    rate: Rate,
    /// The status that an earlier attempt has left, until this one has begun.
    before: Option<RunStatus>,
    /// Whether that status was read.
    asked: bool,
    sent: Option<RunStatus>,
    failing: bool,
}

impl Sender {
    async fn run(mut self, mut ended: oneshot::Receiver<Option<String>>) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (error, until) = loop {
            tokio::select! {
                biased;
                error = &mut ended => break (error, Instant::now() + LAST),
                _ = tick.tick() => {}
            }
            let mut report = std::pin::pin!(self.report());
            tokio::select! {
                biased;
                () = &mut report => {}
                error = &mut ended => {
                    let until = Instant::now() + LAST;
                    // A request on its way must not arrive after the last state.
                    let _ = tokio::time::timeout_at(until, report).await;
                    break (error, until);
                }
            }
        };
        self.last(error.ok().flatten().as_deref(), until).await;
    }

    /// Reads the existing status. If the API server cannot be reached, it is asked again with the next report.
    async fn look(&mut self) {
        if self.asked {
            return;
        }
        let asking = self.api.get(&self.target.name);
        if let Ok(Ok(there)) = tokio::time::timeout(REQUEST, asking).await {
            self.asked = true;
            self.before = serde_json::from_value(there.data["status"]["run"].clone()).ok();
        }
    }

    /// Sends the current state, unless it was sent already.
    async fn report(&mut self) {
        self.look().await;
        let status = self.status(None);
        if self.sent.as_ref() != Some(&status) {
            self.send(status, REQUEST).await;
        }
    }

    async fn last(&mut self, error: Option<&str>, until: Instant) {
        let status = self.status(error);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.send(status.clone(), left).await {
                return;
            }
            if until.saturating_duration_since(Instant::now()) <= PAUSE {
                return tracing::warn!("the last status of {} could not be written", self.name());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn status(&mut self, error: Option<&str>) -> RunStatus {
        let details = self.progress.details();
        let speed = self.rate.update(&details);
        let mut status = run_status(&self.target.run_id, &details, speed, self.ttl, error);
        if let Some(before) = &self.before
            && !details.begun
        {
            status = carry_over(status, before);
        } else if let Some(before) = self.before.take()
            && let Some(lsn) = lost(&self.target.run_id, details.resumed_changes, &before)
        {
            tracing::warn!(
                "Redis has lost changes of this run, which had reached {lsn}: they are written again"
            );
        }
        if status.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.data.is_none()) {
            tracing::debug!("the checkpoint is too large for the status");
        }
        status
    }

    /// Applies the run's part. The API server does not check the UID when a status is applied, so the object is read
    /// first. Its resource version prevents a write to an object that was created since then.
    async fn apply(&self, status: &RunStatus) -> Result<(), String> {
        let name = &self.target.name;
        let failed = |error: kube::Error| error::chain(&error);
        let mut metadata = json!({ "name": name, "namespace": self.target.namespace });
        if let Some(uid) = &self.target.uid {
            let there = self.api.get_metadata(name).await.map_err(failed)?.metadata;
            if there.uid.as_ref() != Some(uid) {
                return Err(format!(
                    "it was deleted: the object that has this name now does not have the UID {uid}"
                ));
            }
            metadata["resourceVersion"] = json!(there.resource_version);
        }
        let object = json!({
            "apiVersion": ReplicaBootstrap::api_version(&()),
            "kind": ReplicaBootstrap::kind(&()),
            "metadata": metadata,
            "status": { "run": status },
        });
        let parameters = PatchParams::apply(RUNNER_MANAGER).force();
        self.api.patch_status(name, &parameters, &Patch::Apply(&object)).await.map_err(failed)?;
        Ok(())
    }

    /// Whether it arrived.
    async fn send(&mut self, status: RunStatus, limit: Duration) -> bool {
        let failure = match tokio::time::timeout(limit, self.apply(&status)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(format!("no reply for {} s", limit.as_secs())),
        };
        let arrived = failure.is_none();
        match failure {
            None if std::mem::take(&mut self.failing) => {
                tracing::info!("the status of {} can be written again", self.name())
            }
            None => {}
            Some(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::warn!(
                    error,
                    "the status of {} cannot be written; the load continues, and the status is retried",
                    self.name()
                );
            }
            Some(error) => tracing::debug!(error, "the status of {} cannot be written", self.name()),
        }
        if arrived {
            self.sent = Some(status);
        }
        arrived
    }

    fn name(&self) -> String {
        format!("{}/{}", self.target.namespace, self.target.name)
    }
}
