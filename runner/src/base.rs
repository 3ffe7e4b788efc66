//! What every floor may use: errors and exit codes, signals, limits in bytes, and blocking work.

pub mod aside;
pub mod budget;
pub mod error;
pub mod memory;
pub mod off_thread;
pub mod spares;
pub mod stop;
