//! The operator of `ReplicaBootstrap`: one Job per run, and a status that says what becomes of it.
//!
//! ```text
//! watches: objects, Jobs, pods, two kinds of events
//!     │
//!     ▼
//! dereference ─▶ validate ─▶ plan ─▶ (queue) ─▶ build ─▶ apply ─▶ status ─▶ events
//!   stores        pure       pure     one lock    pure    client    pure     client
//! ```
//!
//! Guarantees: at most one runner of an object at a time; an outcome is in the status before its Job is deleted; what
//! has ended does not run again under the same run id; nothing is written when nothing has changed; no Secret is read.
//!
//! Assumption: one operator acts at a time for a namespace, which the lease sees to. The runner's own lease in Redis holds
//! where that fails.

pub mod admin;
pub mod cli;
pub mod context;
pub mod controller;
pub mod error;
pub mod events;
pub mod exit;
pub mod leader;
pub mod metrics;
pub mod names;
pub mod queue;
pub mod run;
pub mod telemetry;
