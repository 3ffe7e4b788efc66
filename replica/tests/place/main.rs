//! The crate against real PostgreSQL servers.
//!
//! | file | what is tested |
//! |---|---|
//! | `login` | addresses, passwords and certificates, as servers see them |
//! | `rows` | what a batch does, and what is said of one that fails |
//! | `once` | batches are done exactly once: servers and sessions are killed, answers are lost, runners meet |
//! | `workers` | several sessions of a run; rows that are refused; the list of what was left out |
//! | `preflight` | all that stands in the way is named at once |

#![allow(missing_docs, reason = "tests document themselves by their names")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod harness;
mod login;
mod once;
mod preflight;
mod rows;
mod workers;
