//! What every floor may use: errors and exit codes, signals, bounds in bytes, and work that blocks.

pub mod aside;
pub mod budget;
pub mod error;
pub mod off_thread;
pub mod spares;
pub mod stop;
