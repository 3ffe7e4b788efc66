//! Reading a dump: the threads from its bytes to changes.

mod first;
pub mod item;
pub mod pipeline;
pub mod task;
pub mod walk;
