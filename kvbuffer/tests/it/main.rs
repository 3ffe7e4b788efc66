//! The crate as its users see it: the codec against recorded vectors, the rest against real Redis servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod codec;
mod connect;
mod ranges;
mod reader;
mod support;
mod vectors;
mod writer;
