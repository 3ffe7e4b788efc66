//! The displays of a run, for people and machines: a bar or log lines, the summary, metrics, the status in
//! Kubernetes.

pub mod log;
pub mod metrics;
pub mod status;
pub mod summary;
pub mod telemetry;
pub mod terminal;
