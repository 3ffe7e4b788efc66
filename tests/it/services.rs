//! Other services that a run notifies.

mod change_stream;
mod status;
