//! The tools of the integration tests: real servers, the reference consumer, comparisons, faults.
//!
//! ```text
//! dump ─▶ binary::Runner ─▶ proxy::Proxy ─▶ servers::RedisServer ─▶ consumer::Consumer ─▶ servers::PostgresServer
//!    │                       (faults)         │ zset::Snapshot                              │
//!    └─▶ psql ─────────────────────────────────────────────────▶ reference database ─▶ dumpdiff ◀┘
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! cluster, differential, loads   an operator with a control plane; scripts by chance; disturbed loads
//! fidelity                       the replica against a database that psql filled
//! binary, consumer, dumpdiff     the program under test; the reference consumer; two databases compared
//! servers, zset                  PostgreSQL, Redis, S3, web, Kubernetes; the set as a whole
//! dumpgen, proxy                 made-up dumps; broken connections
//! fixtures, meter, pgwire        files; what was sent to Redis; PostgreSQL's protocol
//! resp, rng                      Redis' protocol; chance from a seed
//! ```
//!
//! Nothing here uses the crates under test. The consumer decodes changes by itself, by the rules of the real one, so
//! a mistake in the decoder cannot hide the same mistake in the encoder.
//!
//! Everything that is started is stopped and deleted when its value is dropped, and also if the test process dies
//! without dropping it (see [`servers`]).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: a failing helper is a failing test, and the panic says where"
)]

pub mod binary;
pub mod cluster;
pub mod consumer;
pub mod differential;
pub mod dumpdiff;
pub mod dumpgen;
pub mod fidelity;
pub mod fixtures;
pub mod loads;
pub mod meter;
pub mod pgwire;
pub mod proxy;
pub mod resp;
pub mod rng;
pub mod servers;
#[cfg(test)]
mod tests;
pub mod zset;
