//! A dump being read: threads from its bytes to changes.

mod first;
pub mod pipeline;
pub mod walk;
