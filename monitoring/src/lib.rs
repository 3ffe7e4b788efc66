//! Metrics and health over HTTP, for Prometheus and Kubernetes.
//!
//! ```text
//! the program's Collector ─▶ text ─▶ Answer ─▶ serve ─▶ GET /metrics
//!                                      "ok" ─▶ serve ─▶ GET /healthz
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! server, text   HTTP; the text of metrics. They do not know each other.
//! ```
//!
//! Guarantees: a client that sends nothing, too much or no HTTP holds up nobody else; a socket that
//! cannot be accepted is waited for, and does not end the server.
//!
//! Deliberately absent: TLS and a login. Whoever can reach the address can read the metrics, so
//! these hold no value of a dump and no secret.

mod server;
mod text;

pub use server::{Answer, serve};
pub use text::{show, text};
