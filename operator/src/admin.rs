//! `/metrics`, `/healthz` and `/readyz` at one address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crds::v1alpha1::Phase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::error::Error;
use crate::metrics::Metrics;

/// The longest request that is read, in bytes.
const REQUEST: usize = 8 * 1024;

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
    fn readiness(&self) -> (&'static str, String) {
        if self.count.get().is_none() {
            return ("200 OK", "standing by: another process holds the lease\n".to_owned());
        }
        let dead = self.health.dead();
        if dead.is_empty() {
            return ("200 OK", "the watches are alive\n".to_owned());
        }
        ("503 Service Unavailable", format!("nothing received from the watch of {}\n", dead.join(", ")))
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
    let failed = |error| Error::Listen { address, error };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Such as no free file descriptor: others may be closed meanwhile.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let admin = Arc::clone(&admin);
            tokio::spawn(async move {
                let _ = tokio::time::timeout(Duration::from_secs(10), answer(stream, &admin)).await;
            });
        }
    });
    Ok(bound)
}

/// One request, one answer: HTTP/1.1 with `Connection: close`.
async fn answer(mut stream: TcpStream, admin: &Admin) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = request.split(|&b| b == b'\r').next().unwrap_or_default();
    let path =
        line.split(|&b| b == b' ').nth(1).map(|path| path.split(|&b| b == b'?').next().unwrap_or_default());
    let (status, body) = match path {
        Some(b"/metrics") => ("200 OK", admin.metrics.render(&admin.phases())),
        Some(b"/healthz") => ("200 OK", "ok\n".to_owned()),
        Some(b"/readyz") => admin.readiness(),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_by_is_ready() {
        assert_eq!(Admin::default().readiness().0, "200 OK");
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
