//! `/metrics`, `/healthz` and `/readyz` at one address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use crds::v1alpha1::Phase;
use monitoring::Answer;
use tokio::sync::watch;

use crate::error::Error;
use crate::metrics::Metrics;

/// Whether the watches are alive, each by its last word.
#[derive(Debug, Default)]
pub struct Health {
    watches: Mutex<BTreeMap<String, bool>>,
    /// Watches whose first list is not in its store yet.
    unlisted: watch::Sender<usize>,
}

impl Health {
    /// A watch has said something, or failed.
    pub fn watch(&self, name: &str, alive: bool) {
        if let Ok(mut watches) = self.watches.lock()
            && watches.get(name) != Some(&alive)
        {
            watches.insert(name.to_owned(), alive);
        }
    }

    /// A watch begins whose first list must be known before anything is done.
    pub fn expect_list(&self) {
        self.unlisted.send_modify(|count| *count += 1);
    }

    /// The first list of such a watch is in its store.
    pub fn listed(&self) {
        self.unlisted.send_modify(|count| *count = count.saturating_sub(1));
    }

    /// Waits until all first lists are in their stores. A store's own way to wait wakes only one of many.
    pub async fn all_listed(&self) {
        // The sender lives as long as this does.
        let _ = self.unlisted.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The watches that failed, or have said nothing yet.
    #[must_use]
    pub fn dead(&self) -> Vec<String> {
        let watches = self.watches.lock();
        watches
            .iter()
            .flat_map(|all| all.iter())
            .filter(|(_, alive)| !**alive)
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// Counts the objects by their phases.
type Count = Box<dyn Fn() -> BTreeMap<Phase, u64> + Send + Sync>;

/// What the answers are made of.
#[derive(Default)]
pub struct Admin {
    /// The counters.
    pub metrics: Metrics,
    /// The watches.
    pub health: Health,
    /// Counts the objects by their phases, from the moment that the operator acts.
    pub count: OnceLock<Count>,
}

impl Admin {
    /// Ready while standing by, and while every watch is alive.
    fn readiness(&self) -> Answer {
        if self.count.get().is_none() {
            return Answer::Ok("standing by: another process holds the lease\n".to_owned());
        }
        let dead = self.health.dead();
        if dead.is_empty() {
            return Answer::Ok("the watches are alive\n".to_owned());
        }
        Answer::Unavailable(format!("nothing received from the watch of {}\n", dead.join(", ")))
    }

    fn phases(&self) -> BTreeMap<Phase, u64> {
        self.count.get().map(|count| count()).unwrap_or_default()
    }
}

/// Listens at `address` and answers in a task of its own. Returns where it listens.
///
/// # Errors
/// [`Error::Listen`] when nobody can listen there.
pub async fn serve(address: SocketAddr, admin: Arc<Admin>) -> Result<SocketAddr, Error> {
    let answers = move |path: &str| match path {
        "/metrics" => Some(Answer::Ok(admin.metrics.render(admin.phases()))),
        "/readyz" => Some(admin.readiness()),
        _ => None,
    };
    monitoring::serve(address, answers).await.map_err(|error| Error::Listen { address, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_by_is_ready() {
        assert!(matches!(Admin::default().readiness(), Answer::Ok(_)));
    }

    #[test]
    fn a_watch_is_dead_until_it_speaks_and_when_it_fails() {
        let health = Health::default();
        health.watch("pods", false);
        assert_eq!(health.dead(), ["pods"]);
        health.watch("pods", true);
        assert!(health.dead().is_empty());
        health.watch("pods", false);
        assert_eq!(health.dead(), ["pods"]);
    }
}
