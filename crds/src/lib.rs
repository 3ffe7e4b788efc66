//! The API of `ReplicaBootstrap`: group `bootstrap.kasho.io`, version `v1alpha1`.
//!
//! This crate has only types, and no client. The operator and the runner's status reporter share them. `crdgen` prints
//! the CustomResourceDefinition and its reference page from them.
//!
//! ```text
//! v1alpha1  ──▶ definition::crd() ──▶ crdgen ──▶ charts/…/files/crd.yaml
//!                     └─▶ reference::markdown() ──▶ docs/reference-replicabootstrap.md
//! conditions ──▶ status.conditions, which the operator writes
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! definition                       the CustomResourceDefinition
//! conditions, reference, v1alpha1  conditions and their reasons; the reference page; the fields
//! ```

pub mod conditions;
pub mod definition;
pub mod reference;
pub mod v1alpha1;

pub use definition::crd;
pub use v1alpha1::{ReplicaBootstrap, ReplicaBootstrapSpec, ReplicaBootstrapStatus};

/// The API group.
pub const GROUP: &str = "bootstrap.kasho.io";
/// The version that this crate describes.
pub const VERSION: &str = "v1alpha1";
/// The kind.
pub const KIND: &str = "ReplicaBootstrap";
/// The plural, as in the path of the API and in roles.
pub const PLURAL: &str = "replicabootstraps";
/// The field manager of everything that the operator applies.
pub const OPERATOR_MANAGER: &str = "pg-bootstrap-operator";
/// The field manager of `status.run`, which the runner applies.
pub const RUNNER_MANAGER: &str = "pg-bootstrap-runner";
