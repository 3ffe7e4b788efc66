//! Changes to a place that keeps them, with the checkpoint beside them.

pub mod change_stream;
pub mod checkpoint;
pub mod config;
pub mod loader;
pub mod mirror;
pub mod progress;
pub mod reject;
pub mod sink;
