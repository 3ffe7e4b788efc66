//! The tests that need real servers, in one program.

#![allow(clippy::print_stdout, reason = "cargo test shows it with a test that fails")]
#![allow(missing_docs, reason = "tests document themselves by their names")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod change_stream;
mod cli;
mod consumer;
mod crash;
mod determinism;
mod differential;
mod faults;
mod fidelity;
mod forms;
mod harness;
mod input;
mod inspect;
mod kit;
mod look;
mod operator;
mod packed;
mod pipe;
mod psql;
mod ranges;
mod restart;
mod s3;
mod scripts;
mod select;
mod servers;
mod status;
mod transforms;
mod verify;
mod versions;
