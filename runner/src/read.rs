//! Reading a dump, or the changes in Redis: the threads from bytes to items.

mod first;
pub mod item;
pub mod pipeline;
pub mod received;
pub mod task;
pub mod walk;
