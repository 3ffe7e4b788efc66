//! Changes to a place that keeps them, with the checkpoint beside them.

pub mod change_stream;
pub mod checkpoint;
pub mod loader;
pub mod progress;
pub mod reject;
pub mod sink;
