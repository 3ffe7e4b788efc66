//! Events of a dump to changes. Pure: no I/O, no clock, no threads, no command line.

pub mod definitions;
pub mod error;
pub mod form;
pub mod planner;
pub mod render;
pub mod sample;
pub mod selection;
pub mod shape;
pub mod tables;
pub mod transforms;
