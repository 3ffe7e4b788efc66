//! `transform`: try a configuration.

pub mod preview;
