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
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! run                                 the command `run`: from the command line to the last reconcile
//! controller                          the stages of a reconcile in their order, and the watches
//! controller::leave                   an object on its way out
//! controller::report                  what people are told about an object
//! controller::apply                   requests for one object
//! controller::dereference, events     what exists for an object; what people are told
//! context                             what all reconciles share
//! controller::status                  the operator's part of the status
//! controller::history                 earlier runs
//! controller::suspended               who else has suspended a Job
//! controller::plan                    the next step for an object
//! controller::pods                    the state of pods
//! controller::causes                  what Kubernetes' words about a pod mean
//! controller::build                   the Job and what belongs to it
//! queue                               which runs may start, and which wait
//! controller::validate                whether an object can be carried out
//! admin, leader, telemetry            health and metrics over HTTP; the lease; logs and spans
//! cli, error, exit, metrics, names    the command line; errors; exit codes of the runner; what is counted; names
//! refusal                             whose refusal an answer of the API server is
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
