//! Writes changes to their destination, together with the checkpoint.

pub mod change_stream;
pub mod checkpoint;
pub mod config;
pub mod loader;
pub mod mirror;
pub mod progress;
pub mod reject;
pub mod sink;
