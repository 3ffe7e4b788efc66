//! The operator of `ReplicaBootstrap`: one Job for each run, and a status that reports its state.
//!
//! ```text
//! watches: objects, Jobs, pods, events about both
//!     │
//!     ▼
//! validate ─▶ dereference ─▶ build ─▶ plan ─▶ (queue) ─▶ apply ─▶ status ─▶ events
//!   pure        stores       pure     pure   one lock   client    pure     client
//! ```
//!
//! Guarantees: at most one runner of an object at a time; an outcome is in the status before its Job is deleted; a
//! run that has ended does not start again under the same run id; nothing is written if nothing has changed; no
//! Secret is read.
//!
//! Assumption: one operator at a time is active for a namespace; the lease ensures this. If that fails, the runner's
//! own lease in Redis still holds.

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
pub mod refusal;
pub mod run;
pub mod telemetry;
