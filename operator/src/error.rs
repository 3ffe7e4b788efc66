//! Errors, and their names in the metrics.

use std::time::Duration;

/// An error of the operator. A reconcile that failed is retried, with growing pauses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to the API server failed.
    #[error("{what} failed: {}", explain(source))]
    Api {
        /// The action, like `create Job ns/name`.
        what: String,
        /// The error of the client.
        source: Box<kube::Error>,
    },
    /// An object lacks a field that every stored object has.
    #[error("the API server gave an object without {0}")]
    Incomplete(&'static str),
    /// The client's configuration.
    #[error("the API server is not configured: {0}; run in a cluster, or set KUBECONFIG")]
    Config(String),
    /// The collector's URL cannot be used.
    #[error("--otlp-endpoint {0}")]
    Collector(String),
    /// The address for metrics and health cannot be used.
    #[error("--admin-addr {address} cannot be used: {error}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The error of the system.
        error: std::io::Error,
    },
    /// Another process has the lease, or it could not be renewed in time.
    #[error("the lease {0} is lost: this process ends, so that only the new holder acts")]
    LeaseLost(String),
    /// The definition is not installed or cannot be watched.
    #[error("{0}")]
    Start(String),
}

impl Error {
    /// An [`Error::Api`] with its action.
    pub fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source: Box::new(source) }
    }

    /// One of a few words, for a metric.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => match status.code {
                    401 | 403 => "forbidden",
                    404 => "not_found",
                    409 => "conflict",
                    422 => "invalid",
                    429 => "throttled",
                    _ => "api",
                },
                _ => "connection",
            },
            Self::Incomplete(_) => "incomplete",
            Self::Config(_) | Self::Listen { .. } | Self::Start(_) => "start",
            Self::LeaseLost(_) => "lease",
            Self::Collector(_) => "collector",
        }
    }

    /// The API server's answer, if it gave one.
    #[must_use]
    pub fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the API server answered with this code.
    #[must_use]
    pub fn is_code(&self, code: u16) -> bool {
        self.status().is_some_and(|status| status.code == code)
    }
}

/// The message of the API server, or of the client.
fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// How long to wait after the `failures`th failure in a row: 1 s, 2 s, 4 s … 5 min.
#[must_use]
pub fn pause(failures: u32) -> Duration {
    Duration::from_secs((1_u64 << failures.saturating_sub(1).min(9)).min(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let seconds: Vec<_> = [0, 1, 2, 3, 9, 10, 99].iter().map(|n| pause(*n).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 256, 300, 300]);
    }
}
