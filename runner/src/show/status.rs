//! The run's state in the status of a `ReplicaBootstrap`.
//!
//! The client of Kubernetes is the feature `kubernetes`, which is on unless it is turned off: whoever loads a dump by
//! hand need not compile it. Without it the options are there, and [`report`] refuses them.

#[cfg(feature = "kubernetes")]
pub mod report;
#[cfg(not(feature = "kubernetes"))]
#[path = "status/absent.rs"]
pub mod report;
#[cfg(feature = "kubernetes")]
pub mod run;

/// Whose status it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The object's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `spec.run.id` of the run.
    pub run_id: String,
    /// Its UID, where it is known: the status of a later object of the same name is another one's.
    pub uid: Option<String>,
}
