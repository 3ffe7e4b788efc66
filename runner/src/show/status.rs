//! The run's state in the status of a `ReplicaBootstrap`.
//!
//! The Kubernetes client is behind the feature `kubernetes`, which is on by default. It can be turned off, so that a
//! program that loads dumps by hand compiles faster. Without the feature the options still exist, and [`report`]
//! refuses them.

#[cfg(feature = "kubernetes")]
pub mod report;
#[cfg(not(feature = "kubernetes"))]
#[path = "status/absent.rs"]
pub mod report;
#[cfg(feature = "kubernetes")]
pub mod run;

/// The object whose status is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusObject {
    /// The object's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.run.id` of the run.
    pub run_id: String,
    /// Its UID, if it is known. The status of a newer object of the same name is not written.
    pub uid: Option<String>,
}
